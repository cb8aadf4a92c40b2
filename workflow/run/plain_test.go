package run_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/run"
)

// TestPlain: where nobody can adopt what a tool leaves behind (macOS), a run has the same results, is
// interrupted in the same way, and ends what stayed in its session.
func TestPlain(t *testing.T) {
	for _, tt := range []struct {
		name, marker, mode, plan string
		interrupt                bool
		outcome                  workflow.Outcome
		log                      string
	}{
		{"plans", "", "-", "echo up", false, workflow.OutcomeSucceeded, "up\n"},
		{"fails", "", "-", "echo up; exit 1", false, workflow.OutcomeFailed, "up\n"},
		{"is interrupted", "", "-", `trap 'echo got; exit 1' INT; echo up; while :; do sleep 0.02; done`, true,
			workflow.OutcomeCancelled, "up\ngot\n"},
		{"is killed", "", "-", `trap '' INT TERM; echo up; while :; do sleep 0.02; done`, true, workflow.OutcomeCancelled, "up\n"},
		{"something holds the output", marker(11), "-", `sleep MARKER & echo up`, false, workflow.OutcomeSucceeded, "up\n"},
		{"something holds nothing", marker(12), "-", `sleep MARKER >/dev/null 2>&1 & echo up`, false, workflow.OutcomeSucceeded, "up\n"},
		{"something ignores signals", marker(13), "-", `(trap "" INT TERM HUP; sleep MARKER; sleep MARKER) >/dev/null 2>&1 & echo up`, false,
			workflow.OutcomeSucceeded, "up\n"},
		{"something multiplies", marker(14), "-", `(while :; do sleep MARKER & sleep 0.01; done) >/dev/null 2>&1 & sleep 0.3; echo up`, false,
			workflow.OutcomeSucceeded, "up\n"},
		{"something dies meanwhile", marker(15), "-", `(sh -c 'sleep 0.1; : MARKER' &) ; sleep 0.5; echo up`, false, workflow.OutcomeSucceeded, "up\n"},
		{"the runner exits", "", "exit", "", false, workflow.OutcomeLost, ""},
		{"the runner is killed", marker(16), "-", "sleep MARKER & (sleep MARKER &); kill -KILL $PPID; sleep MARKER", false,
			workflow.OutcomeLost, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tr := newTrial(t, strings.ReplaceAll(tt.plan, "MARKER", tt.marker))
			tr.launcher.Exe, tr.job.Run.Options.Targets[0] = plainRunner, tt.mode
			p := tr.start(t)
			if err := p.Handshake(nil); err != nil {
				t.Fatal(err)
			}
			if tt.interrupt {
				await(t, p, "up")
				if err := p.Interrupt(); err != nil {
					t.Fatal(err)
				}
			}
			if res := p.Wait(); res.Outcome != tt.outcome {
				t.Errorf("got %+v, want %s", res, tt.outcome)
			}
			if got := read(t, p, "log"); got != tt.log {
				t.Errorf("log: got %q, want %q", got, tt.log)
			}
			if tt.marker != "" {
				gone(t, tt.marker)
			}
		})
	}
}

// TestPlainOnce: it leaves nothing but its log, as everywhere.
func TestPlainOnce(t *testing.T) {
	tr := newTrial(t, "echo planned")
	tr.launcher.Exe = plainRunner
	res, err := run.Once(t.Context(), &tr.launcher, tr.job, tr.secrets)
	if err != nil || res.Outcome != workflow.OutcomeSucceeded {
		t.Fatalf("got %+v, %v, want a success", res, err)
	}
	left, err := os.ReadDir(filepath.Join(tr.launcher.Runs, tr.job.Run.ID+".1"))
	if err != nil || len(left) != 1 {
		t.Errorf("got %v, %v; want the log alone", left, err)
	}
}
