package run

import (
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
