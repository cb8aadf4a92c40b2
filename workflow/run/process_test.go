package run_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/run"
)

func TestEndsWithoutBeingStarted(t *testing.T) {
	t.Run("refused at ready", func(t *testing.T) {
		tr := newTrial(t, "echo planned")
		p := tr.start(t)
		no := errors.New("the head has moved")
		if err := p.Handshake(func() error { return no }); !errors.Is(err, no) {
			t.Fatalf("got %v, want the hook's error", err)
		}
		wantNotStarted(t, p)
	})
	t.Run("interrupted before the word", func(t *testing.T) {
		tr := newTrial(t, "echo planned")
		p := tr.start(t)
		<-p.Ready()
		if err := p.Interrupt(); err != nil {
			t.Fatal(err)
		}
		if err := p.Go(); err == nil {
			t.Error("the word was given after the interrupt")
		}
		wantNotStarted(t, p)
	})
	t.Run("interrupted at once", func(t *testing.T) {
		tr := newTrial(t, "echo planned")
		p := tr.start(t)
		if err := p.Interrupt(); err != nil {
			t.Fatal(err)
		}
		if err := p.Handshake(nil); err == nil {
			<-p.Done() // it ended before it was ready: nothing to refuse
		}
		wantNotStarted(t, p)
	})
	t.Run("interrupted while it exports", func(t *testing.T) {
		tr := newTrial(t, "echo planned", "slow-export", "")
		p := tr.start(t)
		for { // until the runner is there to be interrupted
			if _, err := os.Stat(filepath.Join(p.Dir(), "work")); err == nil {
				break
			}
			time.Sleep(5 * time.Millisecond)
		}
		if err := p.Interrupt(); err != nil {
			t.Fatal(err)
		}
		wantNotStarted(t, p)
	})
	t.Run("interrupted in init", func(t *testing.T) {
		tr := newTrial(t, "echo planned", "init", "echo initialising; sleep 1000")
		p := tr.start(t)
		await(t, p, "initialising")
		if err := p.Interrupt(); err != nil {
			t.Fatal(err)
		}
		wantNotStarted(t, p)
	})
	t.Run("refused project", func(t *testing.T) {
		tr := newTrial(t, "echo planned", "refused", "")
		res, _ := tr.run(t)
		if res.Outcome != workflow.OutcomeFailed || !res.NotStarted || res.Reason != "The symlink out leaves the tree." {
			t.Errorf("got %+v, want the refusal", res)
		}
	})
}

func wantNotStarted(t *testing.T, p *run.Process) {
	t.Helper()
	res := p.Wait()
	if res.Outcome != workflow.OutcomeCancelled || !res.NotStarted {
		t.Errorf("got %+v, want cancelled and not started", res)
	}
	log, err := os.ReadFile(filepath.Join(p.Dir(), "log"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	if strings.Contains(string(log), "planned") {
		t.Error("the plan was started")
	}
}

func TestLadder(t *testing.T) {
	const never, soon = time.Hour, 6 * time.Second // long enough for a shell to hear the first before the next
	for _, tt := range []struct {
		name, plan string
		timeout    time.Duration
		ladder     run.Ladder
		outcome    workflow.Outcome
		log        string // what the tool said to the end
	}{
		{"stops at the first interrupt", `trap 'echo got; exit 1' INT; echo up; while :; do sleep 0.02; done`, 0, run.Ladder{Again: never}, workflow.OutcomeCancelled, "up\ngot\n"},
		{"stops at the second", `n=0; trap 'n=$((n+1)); echo got $n; [ $n = 2 ] && exit 1' INT; echo up; while :; do sleep 0.02; done`, 0, run.Ladder{Again: soon, Kill: never}, workflow.OutcomeCancelled, "up\ngot 1\ngot 2\n"},
		{"is killed", `trap 'echo no' INT; trap '' TERM; echo up; while :; do sleep 0.02; done`, 0, run.Ladder{Again: soon, Kill: soon}, workflow.OutcomeCancelled, "up\nno\nno\n"},
		{"succeeds all the same", `trap 'echo late; exit 0' INT; echo up; while :; do sleep 0.02; done`, 0, run.Ladder{Again: never}, workflow.OutcomeSucceeded, "up\nlate\n"},
		{"takes too long", `trap 'echo got; exit 1' INT; echo up; while :; do sleep 0.02; done`, 10 * time.Second, run.Ladder{Again: never}, workflow.OutcomeTimedOut, "up\ngot\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tr := newTrial(t, tt.plan)
			tr.job.Ladder = tt.ladder
			if tt.timeout > 0 {
				tr.job.PlanTimeout = tt.timeout
			}
			p := tr.start(t)
			if err := p.Handshake(nil); err != nil {
				t.Fatal(err)
			}
			await(t, p, "up")
			if tt.timeout == 0 {
				if err := p.Interrupt(); err != nil {
					t.Fatal(err)
				}
			}
			res := p.Wait()
			if res.Outcome != tt.outcome || res.NotStarted {
				t.Errorf("got %+v, want %s", res, tt.outcome)
			}
			if tt.timeout > 0 && res.Reason != "The plan took longer than 10s and was stopped." {
				t.Errorf("got reason %q", res.Reason)
			}
			if got := read(t, p, "log"); got != tt.log {
				t.Errorf("log: got %q, want %q", got, tt.log)
			}
		})
	}
}

// Whatever the tool leaves behind is ended: what holds its output while the run waits, the rest at the end.
func TestOrphans(t *testing.T) {
	for _, tt := range []struct{ name, marker, plan string }{
		{"holds the output", marker(1), `sleep MARKER & echo up`},
		{"holds nothing", marker(2), `sleep MARKER >/dev/null 2>&1 & echo up`},
		{"in its own session", marker(3), `setsid sh -c 'trap "" INT TERM HUP; sleep MARKER; sleep MARKER' >/dev/null 2>&1 & echo up; sleep 0.2`},
		{"multiplies", marker(4), `setsid sh -c 'while :; do sleep MARKER & sleep 0.01; done' >/dev/null 2>&1 & sleep 0.3; echo up`},
		{"dies while the tool runs", marker(5), `(sh -c 'sleep 0.1; : MARKER' &) ; sleep 0.5; echo up`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			res, p := newTrial(t, strings.ReplaceAll(tt.plan, "MARKER", tt.marker)).run(t)
			if res.Outcome != workflow.OutcomeSucceeded {
				t.Errorf("got %+v, want a success", res)
			}
			if got := read(t, p, "log"); got != "up\n" {
				t.Errorf("log: got %q", got)
			}
			gone(t, tt.marker)
		})
	}
}

func TestDeaths(t *testing.T) {
	for _, tt := range []struct {
		name, mode, plan string
		outcome          workflow.Outcome
		reason           string
	}{
		{"tool fails", "-", "exit 1", workflow.OutcomeFailed, "plan: exit status 1"},
		{"tool crashes", "-", "kill -SEGV $$", workflow.OutcomeFailed, "plan: signal: segmentation fault"},
		{"engine panics", "panic", "", workflow.OutcomeFailed, "An internal error in Cardea ended the run: *** in a panic."},
		{"runner exits", "exit", "", workflow.OutcomeLost, "The runner died without a result (exit status 3)."},
		{"runner is killed", "-", strings.ReplaceAll("sleep MARKER & (sleep MARKER &); kill -KILL $PPID; sleep MARKER", "MARKER", marker(6)), workflow.OutcomeLost, "The runner died without a result (signal: killed)."},
		{"signals of a dying session", "-", "kill -HUP $PPID; kill -TERM $PPID; kill -PIPE $PPID; kill -INT $PPID; sleep 0.2", workflow.OutcomeSucceeded, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tr := newTrial(t, tt.plan)
			tr.job.Run.Options.Targets[0] = tt.mode
			tr.secrets.Env = map[string]string{"TF_VAR_token": "sesame-open"}
			res, p := tr.run(t)
			if res.Outcome != tt.outcome || res.NotStarted || !strings.HasPrefix(res.Reason, tt.reason) {
				t.Errorf("got %+v, want %s because %q", res, tt.outcome, tt.reason)
			}
			if strings.Contains(tt.plan, marker(6)) {
				gone(t, marker(6))
			}
			if out := read(t, p, "output"); strings.Contains(out, "sesame") {
				t.Errorf("the runner's output holds the secret: %s", out)
			}
		})
	}
}

func TestWholeTree(t *testing.T) {
	tr := newTrial(t, "cat far near init", "far", "far\n", "near", "near\n", "init", "echo made > near; # init\n")
	tr.job.Run.Paths = []string{"."}
	tr.job.Run.Options.Targets[0] = "whole"
	res, p := tr.run(t)
	if res.Outcome != workflow.OutcomeSucceeded {
		t.Fatalf("got %+v, want a success", res)
	}
	if got, want := read(t, p, "log"), "far\nmade\necho made > near; # init\n"; got != want {
		t.Errorf("workspace: got %q, want %q", got, want)
	}
}

func TestSecretKnownLate(t *testing.T) {
	tr := newTrial(t, "echo again: late-known-value")
	tr.job.Run.Options.Targets[0] = "late"
	_, p := tr.run(t)
	if got, want := read(t, p, "log"), "early: ***\nagain: ***\n"; got != want {
		t.Errorf("log: got %q, want %q", got, want)
	}
}

func TestOnce(t *testing.T) {
	tr := newTrial(t, "echo planned")
	res, err := run.Once(t.Context(), &tr.launcher, tr.job, tr.secrets)
	if err != nil || res.Outcome != workflow.OutcomeSucceeded {
		t.Fatalf("got %+v, %v, want a success", res, err)
	}
	log, err := run.OpenLog(filepath.Dir(tr.launcher.Runs), tr.job.Run.ID)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	if text, err := io.ReadAll(log); err != nil || string(text) != "planned\n" {
		t.Errorf("the log has %q, %v", text, err)
	}
	left, err := os.ReadDir(filepath.Join(tr.launcher.Runs, tr.job.Run.ID+".1"))
	if err != nil || len(left) != 1 {
		t.Errorf("got %v, %v; want the log alone", left, err)
	}
}

// What a run costs beside its tools: the runner's process, the handshake, the durable files.
func BenchmarkOnce(b *testing.B) {
	tr := newTrial(b, "")
	for b.Loop() {
		tr.job.Run.ID = workflow.NewID(time.Now())
		if res, err := run.Once(b.Context(), &tr.launcher, tr.job, tr.secrets); err != nil || res.Outcome != workflow.OutcomeSucceeded {
			b.Fatal(res, err)
		}
	}
}

// launchAndWait is a launcher in a process of its own, to be killed: it starts
// the job of a file, says where, and gives the word when it reads a line.
func launchAndWait(name string) int {
	var job run.Job
	data, err := os.ReadFile(name)
	if err == nil {
		err = json.Unmarshal(data, &job)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	l := run.Launcher{Runs: filepath.Join(filepath.Dir(name), "runs"), Engines: testEngines}
	p, err := l.Start(context.Background(), job, run.Secrets{})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	<-p.Ready()
	fmt.Println(p.Dir())
	if bufio.NewScanner(os.Stdin).Scan() {
		if err := p.Go(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		fmt.Println("went")
	}
	p.Wait()
	return 0
}

// When the launcher is killed, a run that has the word goes on to its result, and one that has not proves that it never began.
func TestLauncherIsKilled(t *testing.T) {
	for _, word := range []bool{true, false} {
		t.Run(fmt.Sprintf("word %t", word), func(t *testing.T) {
			t.Parallel()
			tr := newTrial(t, `echo up; while [ ! -e go ]; do sleep 0.02; done; i=0; while [ $i -lt 2000 ]; do echo line $i; i=$((i+1)); done`)
			data, err := json.Marshal(tr.job)
			if err != nil {
				t.Fatal(err)
			}
			name := filepath.Join(t.TempDir(), "job")
			if err := os.WriteFile(name, data, 0o600); err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(os.Args[0], "launcher", name)
			cmd.Stderr = os.Stderr
			in, err := cmd.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			said := bufio.NewScanner(out)
			said.Scan()
			dir := said.Text()
			if word {
				if _, err := in.Write([]byte("go\n")); err != nil {
					t.Fatal(err)
				}
				said.Scan()
			}
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			if err := cmd.Wait(); err == nil {
				t.Fatal("the launcher was not killed")
			}
			if word {
				if err := os.WriteFile(filepath.Join(dir, "work", "go"), nil, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			res := awaitResult(t, dir)
			switch {
			case word && (res.Outcome != workflow.OutcomeSucceeded || res.NotStarted):
				t.Errorf("got %+v, want a success", res)
			case !word && (res.Outcome != workflow.OutcomeCancelled || !res.NotStarted):
				t.Errorf("got %+v, want not started", res)
			}
			if log, err := os.ReadFile(filepath.Join(dir, "log")); word && (err != nil || !strings.HasSuffix(string(log), "line 1999\n")) {
				t.Errorf("the log is not complete: %v", err)
			}
		})
	}
}

// awaitResult waits for the runner's lock, as a new server would.
func awaitResult(t *testing.T, dir string) (res workflow.Result) {
	t.Helper()
	lock, err := os.Open(filepath.Join(dir, "runner.lock"))
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_SH); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(dir, "result.json"))
	if err == nil {
		err = json.Unmarshal(data, &res)
	}
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func TestOneRunnerForARun(t *testing.T) {
	tr := newTrial(t, "echo planned")
	p := tr.start(t)
	<-p.Ready()
	out, err := exec.Command(os.Args[0], "runner", p.Dir()).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "another runner has this run") {
		t.Errorf("got %v, %q, want a refusal", err, out)
	}
	p.Refuse()
	wantNotStarted(t, p)
	out, err = exec.Command(os.Args[0], "runner", p.Dir()).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "already has a result") {
		t.Errorf("got %v, %q, want a refusal", err, out)
	}
}
