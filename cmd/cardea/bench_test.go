package main

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// The benchmarks time the product as people meet it, from the push that opens a
// pull to the last check, and beside it the bare tools on the same repository in
// the same run: clone, init, plan and show, two projects at a time. What counts
// are the ratios; the machine is shared. `make bench` runs them.

// benchCase is one repository: projects that the pull changes, and other directories.
type benchCase struct {
	projects, others int
}

// benchFiles is a monorepo with 5 resources a project and 4 further files a directory.
func benchFiles(c benchCase, state, size string) map[string]string {
	files := map[string]string{}
	for i := range c.projects + c.others {
		dir := fmt.Sprintf("group%02d/p%04d", i%20, i)
		value := size
		if i >= c.projects {
			value = "1"
		}
		files[dir+"/main.tf"] = fmt.Sprintf("terraform {\n  backend \"local\" { path = %q }\n}\nresource \"terraform_data\" \"a\" {\n  count = 5\n  input = \"%s ${count.index} %s\"\n}\n",
			filepath.Join(state, fmt.Sprintf("p%04d.tfstate", i)), dir, value)
		if size != "1" && i >= c.projects {
			delete(files, dir+"/main.tf")
			continue
		}
		for j := range 4 {
			files[fmt.Sprintf("%s/file%d.txt", dir, j)] = strings.Repeat(dir+"\n", 20)
		}
	}
	return files
}

// measured is what one way of doing the work took.
type measured struct {
	wall, cpu time.Duration
}

func BenchmarkPlan(b *testing.B) {
	for _, c := range []benchCase{{projects: 1}, {projects: 10}, {projects: 50}} {
		b.Run(fmt.Sprintf("projects=%d", c.projects), func(b *testing.B) { benchPlan(b, c) })
	}
	b.Run("projects=1,files=100", func(b *testing.B) { benchPlan(b, benchCase{projects: 1, others: 19}) })
	b.Run("projects=1,files=10000", func(b *testing.B) { benchPlan(b, benchCase{projects: 1, others: 1999}) })
}

// benchPlan opens pulls: the first is cold (no mirror yet), the second warm.
func benchPlan(b *testing.B, c benchCase) {
	var cold, warm, bare []measured
	var memory, calls, firstSign []float64
	for b.Loop() {
		w := newBenchWorld(b)
		ctx := context.Background()
		fatal(b, pushFiles(ctx, w, "main", benchFiles(c, w.stateDir(), "1")))
		fatal(b, pushFiles(ctx, w, "first", benchFiles(c, w.stateDir(), "2")))
		fatal(b, pushFiles(ctx, w, "second", benchFiles(c, w.stateDir(), "3")))
		server := w.serve(b)
		seen := w.appCalls()
		sign, m := w.timePull(b, server, "first")
		cold = append(cold, m)
		firstSign = append(firstSign, sign.Seconds()*1000)
		calls = append(calls, float64(w.appCalls()-seen))
		_, m = w.timePull(b, server, "second")
		warm = append(warm, m)
		memory = append(memory, peakMemory(server.cmd.Process.Pid))
		bare = append(bare, w.bare(b, c, "first"))
		fatal(b, server.stop(syscall.SIGTERM))
		fatal(b, w.gh.Close())
	}
	cw, ww, bw := median(cold), median(warm), median(bare)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(bw.wall.Seconds(), "bare-s")
	b.ReportMetric(cw.wall.Seconds()/bw.wall.Seconds(), "cold/bare")
	b.ReportMetric(ww.wall.Seconds()/bw.wall.Seconds(), "warm/bare")
	b.ReportMetric(ww.wall.Seconds(), "warm-s")
	b.ReportMetric(cw.cpu.Seconds()/bw.cpu.Seconds(), "cold-cpu/bare")
	b.ReportMetric(slices.Max(memory), "server-MiB")
	b.ReportMetric(slices.Max(calls), "calls")
	b.ReportMetric(slices.Max(firstSign), "first-sign-ms")
}

func median(m []measured) measured {
	slices.SortFunc(m, func(a, b measured) int { return int(a.wall - b.wall) })
	return m[len(m)/2]
}

func fatal(b testing.TB, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

type benchWorld struct {
	*world
	config string
}

func newBenchWorld(b *testing.B) *benchWorld {
	b.Helper()
	w, err := newWorld(b.TempDir(), "127.0.0.1:0", slog.New(slog.DiscardHandler), nil)
	fatal(b, err)
	config, err := w.install("", appPermissions)
	fatal(b, err)
	return &benchWorld{world: w, config: config}
}

func pushFiles(ctx context.Context, w *benchWorld, branch string, files map[string]string) error {
	_, err := w.author.push(ctx, branch, "Change", files)
	return err
}

func (w *benchWorld) serve(b *testing.B) *serverProcess {
	b.Helper()
	server, err := startServer(w.config, filepath.Join(w.dir, "server.log"), os.Environ())
	fatal(b, err)
	fatal(b, w.gh.SetWebhookURL(w.app.ID, server.url+"/webhook"))
	return server
}

// appCalls are the calls for pulls so far; what the server asks at its start is not theirs.
func (w *benchWorld) appCalls() int { return len(w.pullCalls()) }

// timePull opens a pull and returns the time to its first check, and to its last.
func (w *benchWorld) timePull(b *testing.B, server *serverProcess, branch string) (sign time.Duration, m measured) {
	b.Helper()
	ctx := context.Background()
	cpu := treeCPU(b, server.cmd.Process.Pid)
	start := time.Now()
	number, err := w.author.openPull(ctx, branch, branch, "")
	fatal(b, err)
	pull, err := w.gh.Pull(w.repo, number)
	fatal(b, err)
	// Asked in this process, so that waiting costs the server nothing.
	for {
		runs, err := w.gh.CheckRuns(w.repo, pull.HeadSHA)
		fatal(b, err)
		done := 0
		for _, r := range runs {
			if r.Status == "completed" {
				done++
			}
		}
		if len(runs) > 0 && sign == 0 {
			sign = time.Since(start)
		}
		if done >= 2 && done == len(runs) {
			break
		}
		if time.Since(start) > 5*time.Minute {
			b.Fatalf("the plan did not end; checks: %+v", runs)
		}
		time.Sleep(5 * time.Millisecond)
	}
	m.wall = time.Since(start)
	m.cpu = treeCPU(b, server.cmd.Process.Pid) - cpu
	return sign, m
}

// bare is the same work by hand: what any structured report needs.
func (w *benchWorld) bare(b *testing.B, c benchCase, branch string) measured {
	b.Helper()
	dir := filepath.Join(b.TempDir(), "bare")
	var dirs []string
	for i := range c.projects {
		dirs = append(dirs, fmt.Sprintf("group%02d/p%04d", i%20, i))
	}
	rc := filepath.Join(b.TempDir(), "rc")
	fatal(b, os.WriteFile(rc, nil, 0o600))
	script := fmt.Sprintf(`git -c http.extraHeader="Authorization: Basic %s" clone -q -b %s %s/%s.git %s
printf '%%s\n' %s | xargs -P 2 -I{} sh -c 'cd %s/{} && terraform init -input=false >/dev/null && { terraform plan -input=false -out=p.tfplan -detailed-exitcode >/dev/null; [ $? = 2 ]; } && terraform show -json p.tfplan >p.json'`,
		w.author.basic(), branch, w.gh.URL(), w.repo, dir, strings.Join(dirs, " "), dir)
	cmd := exec.Command("sh", "-e", "-c", script)
	cmd.Env = append(os.Environ(), "TF_CLI_CONFIG_FILE="+rc, "CHECKPOINT_DISABLE=1", "GIT_CONFIG_GLOBAL=/dev/null")
	start := time.Now()
	out, err := cmd.CombinedOutput()
	if err != nil {
		b.Fatalf("the bare tools: %v\n%s", err, out)
	}
	return measured{wall: time.Since(start), cpu: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()}
}

// treeCPU is the CPU time of a process and of all it waited for.
func treeCPU(b *testing.B, pid int) time.Duration {
	b.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	fatal(b, err)
	fields := strings.Fields(string(data[bytes.LastIndexByte(data, ')')+1:]))
	var ticks int64
	for _, f := range fields[11:15] { // utime, stime, cutime, cstime
		n, err := strconv.ParseInt(f, 10, 64)
		fatal(b, err)
		ticks += n
	}
	return time.Duration(ticks) * time.Second / 100
}

// peakMemory of a process, in MiB.
func peakMemory(pid int) float64 {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(data)) {
		if text, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kib, _ := strconv.ParseFloat(strings.Fields(text)[0], 64)
			return kib / 1024
		}
	}
	return 0
}

// BenchmarkWebhook sends 200 deliveries a second for 10 seconds and reports how
// long the durable answer took; it fails when one is lost.
func BenchmarkWebhook(b *testing.B) {
	for b.Loop() {
		w := newBenchWorld(b)
		server := w.serve(b)
		took := webhookStorm(b, server.url+"/webhook", 2000)
		slices.Sort(took)
		b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
		b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
		fatal(b, server.stop(syscall.SIGTERM))
		fatal(b, w.gh.Close())
	}
	b.ReportMetric(0, "ns/op")
}

func webhookStorm(b *testing.B, url string, n int) []time.Duration {
	b.Helper()
	took := make([]time.Duration, n)
	var wg sync.WaitGroup
	tick := time.NewTicker(time.Second / 200)
	defer tick.Stop()
	for i := range n {
		<-tick.C
		wg.Go(func() {
			body := []byte(fmt.Sprintf(`{"action":"labeled","number":%d,"repository":{"id":1,"name":"x","full_name":"a/x","owner":{"login":"a"}},"installation":{"id":1}}`, i))
			mac := hmac.New(sha256.New, []byte(worldSecret))
			mac.Write(body)
			req, err := http.NewRequest(http.MethodPost, url, bytes.NewReader(body))
			if err != nil {
				b.Error(err)
				return
			}
			req.Header.Set("Content-Type", "application/json")
			req.Header.Set("X-GitHub-Event", "pull_request")
			req.Header.Set("X-GitHub-Delivery", fmt.Sprintf("storm-%d", i))
			req.Header.Set("X-Hub-Signature-256", "sha256="+hex.EncodeToString(mac.Sum(nil)))
			start := time.Now()
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				b.Error(err)
				return
			}
			defer resp.Body.Close()
			took[i] = time.Since(start)
			if resp.StatusCode != http.StatusAccepted {
				b.Errorf("delivery %d: %s", i, resp.Status)
			}
		})
	}
	wg.Wait()
	return took
}
