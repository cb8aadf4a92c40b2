package service_test

import (
	"testing"
	"time"

	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/service"
)

// TestStart: a server that starts ends what its own worker ran. Another's runs are
// that one's while it renews their leases.
func TestStart(t *testing.T) {
	plan := func(w *world) workflow.Run {
		w.open(1, "head1", files{"a/main.tf": "2"})
		return w.mustClaim("a")
	}
	refused := func(w *world) workflow.Run { // an apply without the word to go
		w.ready(1, "head1", files{"a/main.tf": "2"})
		w.do(1, "bob", verb(workflow.VerbApprove, "a"))
		w.do(1, "bob", verb(workflow.VerbApply, "a"))
		return w.mustClaim("a")
	}
	begun := func(w *world) workflow.Run {
		w.ready(1, "head1", files{"a/main.tf": "2"})
		return w.applying(1, "a")
	}
	const over = service.DefaultLease + time.Second
	for _, c := range []struct {
		name    string
		run     func(*world) workflow.Run
		worker  string // who starts; the runs are those of "worker"
		after   time.Duration
		outcome workflow.Outcome // "": it still runs
		renewed bool
	}{
		{"its plan", plan, "worker", time.Minute, workflow.OutcomeLost, false},
		{"its apply without the word", refused, "worker", time.Minute, workflow.OutcomeRefused, false},
		{"its apply that began", begun, "worker", time.Minute, "", true},
		{"its apply that began, after long", begun, "worker", over, "", true},
		{"another's plan", plan, "other", time.Minute, "", false},
		{"another's apply without the word", refused, "other", time.Minute, "", false},
		{"another's apply that began", begun, "other", time.Minute, "", false},
		{"another's plan whose lease is over", plan, "other", over, workflow.OutcomeLost, false},
		{"another's apply without the word whose lease is over", refused, "other", over, workflow.OutcomeRefused, false},
		{"another's apply that began whose lease is over", begun, "other", over, workflow.OutcomeUnknown, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			id := c.run(w).ID
			stored := func() workflow.Run {
				r, err := w.svc.Run(t.Context(), id)
				if err != nil {
					t.Fatal(err)
				}
				return r
			}
			was := stored()
			w.now = w.now.Add(c.after)
			w.serve(w.store)
			if err := w.svc.Start(t.Context(), c.worker); err != nil {
				t.Fatal(err)
			}
			now := stored()
			want(t, "outcome", now.Outcome, c.outcome)
			want(t, "runs still", now.State == workflow.RunRunning, c.outcome == "")
			if c.outcome != "" {
				return
			}
			want(t, "epoch", now.Epoch, was.Epoch)
			want(t, "lease renewed", now.LeaseUntil.After(was.LeaseUntil), c.renewed)
			if err := w.svc.Renew(t.Context(), was); err != nil {
				t.Errorf("whose run it is renews its lease: %v", err)
			}
		})
	}
}
