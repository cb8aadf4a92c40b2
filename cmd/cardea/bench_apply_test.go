package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// BenchmarkApply times `cardea apply` of approved plans, from the comment to the
// last check (the verifying plans run after it), and beside it bare `init` and
// `apply` of saved plans, two at a time, in the same run.
func BenchmarkApply(b *testing.B) {
	for _, n := range []int{1, 10, 50} {
		b.Run(fmt.Sprintf("projects=%d", n), func(b *testing.B) { benchApply(b, benchCase{projects: n}) })
	}
}

func benchApply(b *testing.B, c benchCase) {
	var ours, bare []measured
	var calls []float64
	for b.Loop() {
		w := newBenchWorld(b)
		ctx := context.Background()
		fatal(b, pushFiles(ctx, w, "main", benchFiles(c, w.stateDir(), "1")))
		fatal(b, pushFiles(ctx, w, "first", benchFiles(c, w.stateDir(), "2")))
		server := w.serve(b)
		w.timePull(b, server, "first")
		fatal(b, w.reviewer.comment(ctx, 1, "cardea approve"))
		w.untilReply(b, "pprov")
		seen := w.appCalls()
		ours = append(ours, w.timeApply(b, server))
		calls = append(calls, float64(w.appCalls()-seen))
		bare = append(bare, w.bareApply(b, c))
		fatal(b, server.stop(syscall.SIGTERM))
		fatal(b, w.gh.Close())
	}
	m, bw := median(ours), median(bare)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(bw.wall.Seconds(), "bare-s")
	b.ReportMetric(m.wall.Seconds()/bw.wall.Seconds(), "wall/bare")
	b.ReportMetric(m.cpu.Seconds()/bw.cpu.Seconds(), "cpu/bare")
	b.ReportMetric(slices.Max(calls), "calls")
}

// untilReply waits until one of our replies says a word.
func (w *benchWorld) untilReply(b *testing.B, word string) {
	b.Helper()
	_, err := w.author.until(context.Background(), 1, "a reply says "+word, func(now pullNow) bool { return strings.Contains(replies(now), word) })
	fatal(b, err)
}

func (w *benchWorld) timeApply(b *testing.B, server *serverProcess) measured {
	b.Helper()
	pull, err := w.gh.Pull(w.repo, 1)
	fatal(b, err)
	cpu := treeCPU(b, server.cmd.Process.Pid)
	start := time.Now()
	fatal(b, w.author.comment(context.Background(), 1, "cardea apply"))
	for applied := false; !applied; {
		runs, err := w.gh.CheckRuns(w.repo, pull.HeadSHA)
		fatal(b, err)
		for _, r := range runs {
			applied = applied || r.Name == "cardea/apply" && r.Conclusion == "success"
		}
		if time.Since(start) > 5*time.Minute {
			b.Fatalf("the apply did not end; checks: %+v", runs)
		}
		time.Sleep(5 * time.Millisecond)
	}
	return measured{wall: time.Since(start), cpu: treeCPU(b, server.cmd.Process.Pid) - cpu}
}

// bareApply plans first, untimed, into states of its own, and then times init and apply.
func (w *benchWorld) bareApply(b *testing.B, c benchCase) measured {
	b.Helper()
	dir, rc := b.TempDir(), filepath.Join(b.TempDir(), "rc")
	fatal(b, os.WriteFile(rc, nil, 0o600))
	fatal(b, writeFiles(dir, benchFiles(c, filepath.Join(dir, "state"), "2")))
	list := filepath.Join(dir, "list")
	var dirs []string
	for i := range c.projects {
		dirs = append(dirs, fmt.Sprintf("group%02d/p%04d", i%20, i))
	}
	fatal(b, os.WriteFile(list, []byte(strings.Join(dirs, "\n")+"\n"), 0o600))
	sh := func(each string) measured {
		cmd := exec.Command("sh", "-e", "-c", fmt.Sprintf("xargs -P 2 -I{} sh -ec 'cd %s/{} && %s' < %s", dir, each, list))
		cmd.Env = append(os.Environ(), "TF_CLI_CONFIG_FILE="+rc, "CHECKPOINT_DISABLE=1")
		start := time.Now()
		if out, err := cmd.CombinedOutput(); err != nil {
			b.Fatalf("the bare tools: %v\n%s", err, out)
		}
		return measured{wall: time.Since(start), cpu: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()}
	}
	sh("terraform init -input=false >/dev/null && terraform plan -input=false -out=p.tfplan >/dev/null && rm -rf .terraform")
	return sh("terraform init -input=false >/dev/null && terraform apply -input=false p.tfplan >/dev/null")
}
