package run

import (
	"os/exec"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-iac/cardea/workflow"
)

func TestDecide(t *testing.T) {
	locked := workflow.Result{Outcome: workflow.OutcomeFailed, Passing: true, Reason: "The state lock is held."}
	for _, tt := range []struct {
		name     string
		attempts int
		res      workflow.Result
		waits    string
		drained  bool
		want     ending
	}{
		{"success", 1, workflow.Result{Outcome: workflow.OutcomeSucceeded}, "", false, ending{}},
		{"success while draining", 1, workflow.Result{Outcome: workflow.OutcomeSucceeded}, "", true, ending{}},
		{"failure", 1, workflow.Result{Outcome: workflow.OutcomeFailed}, "", false, ending{}},
		{"failure while draining", 1, workflow.Result{Outcome: workflow.OutcomeFailed}, "", true, ending{}},
		{"passing, first try", 1, locked, "", false, ending{true, "The state lock is held.", time.Second}},
		{"passing, fifth try", 5, locked, "", false, ending{true, "The state lock is held.", 16 * time.Second}},
		{"passing, last try", 6, locked, "", false, ending{}},
		{"passing while draining", 6, locked, "", true, ending{true, "The server is being restarted.", 0}},
		{"interrupted by somebody", 1, workflow.Result{Outcome: workflow.OutcomeCancelled}, "", false, ending{}},
		{"interrupted by us", 1, workflow.Result{Outcome: workflow.OutcomeCancelled}, "", true, ending{true, "The server is being restarted.", 0}},
		{"lost", 1, workflow.Result{Outcome: workflow.OutcomeLost}, "", false, ending{}},
		{"no room", 40, workflow.Result{Outcome: workflow.OutcomeFailed, Passing: true}, "No room.", false, ending{true, "No room.", 30 * time.Second}},
	} {
		got := decide(workflow.Run{Attempts: tt.attempts}, tt.res, tt.waits, tt.drained)
		if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(ending{})); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", tt.name, diff)
		}
	}
	var waits []time.Duration
	for tries := range 8 {
		waits = append(waits, backoff(tries)/time.Second)
	}
	if diff := cmp.Diff([]time.Duration{1, 1, 2, 4, 8, 16, 30, 30}, waits); diff != "" {
		t.Errorf("backoff: (-want +got)\n%s", diff)
	}
}

// The time limit is for what an apply prepares: one that has begun it does not end.
func TestTimeLimitAndApply(t *testing.T) {
	s := newStopper(family{}, Ladder{})
	if !s.begin() {
		t.Fatal("got an apply that may not begin")
	}
	s.stop(workflow.OutcomeTimedOut)
	if err := s.ctx.Err(); err != nil {
		t.Errorf("got a stopped apply: %v", err)
	}
	if got := s.end(); got != workflow.OutcomeNone {
		t.Errorf("got %q, want nothing to have ended it", got)
	}
}

func TestDefaultParallel(t *testing.T) {
	const gib = 1 << 30
	for _, tt := range []struct {
		cpus   int
		memory int64
		want   int
	}{{2, 24 * gib, 4}, {8, 5 * gib, 4}, {4, gib / 2, 1}, {4, 0, 8}, {1, gib, 1}} {
		if got := parallelFor(tt.cpus, tt.memory); got != tt.want {
			t.Errorf("parallelFor(%d, %d): got %d, want %d", tt.cpus, tt.memory, got, tt.want)
		}
	}
}

// TestStrays: of our session, those that we are no ancestor of any more.
func TestStrays(t *testing.T) {
	all := []proc{
		{pid: 1}, {pid: 10, parent: 1, session: 10}, // we
		{pid: 11, parent: 10, session: 10}, {pid: 12, parent: 11, session: 10}, // a tool and its child
		{pid: 13, parent: 1, session: 10}, {pid: 14, parent: 13, session: 10}, // left behind, and its child
		{pid: 15, parent: 1, session: 10, zombie: true},
		{pid: 16, parent: 1, session: 16},                                      // of another session
		{pid: 17, parent: 18, session: 10}, {pid: 18, parent: 17, session: 10}, // read while it changed
		{pid: 19, parent: 99, session: 10}, // its parent ended meanwhile
	}
	var got []int
	for _, p := range strays(all, 10) {
		got = append(got, p.pid)
	}
	if diff := cmp.Diff([]int{13, 14, 17, 18, 19}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestAwaitEndByLooking: it returns when the child has ended, and leaves it to be collected.
func TestAwaitEndByLooking(t *testing.T) {
	cmd := exec.Command("sh", "-c", "exit 3")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	awaitEndByLooking(cmd.Process.Pid)
	if p, err := readProcess(cmd.Process.Pid); err != nil || !p.zombie {
		t.Errorf("got %+v, %v, want one that has ended", p, err)
	}
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() != 3 {
		t.Errorf("got %v, want status 3", err)
	}
}
