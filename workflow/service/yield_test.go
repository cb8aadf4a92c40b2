package service_test

import (
	"testing"
	"time"

	"github.com/cardea-iac/cardea/workflow"
)

// A plan that runs in another pull is no reason for an approved apply to wait: it
// stops, is made again after the apply, and what it still brings is nobody's plan.
func TestApplyBeforeAnotherPullsPlan(t *testing.T) {
	w := newWorld(t)
	w.ready(1, "head1", files{"a/main.tf": "2"})
	w.do(1, "bob", verb(workflow.VerbApprove))
	w.open(2, "head2", files{"a/main.tf": "3"})
	hung := w.mustClaim("a")
	w.do(1, "bob", verb(workflow.VerbApply))
	if r, ok := w.claim(); ok {
		t.Fatalf("got a %s of %s beside a plan of it", r.Kind, r.Project.Name)
	}
	stop, err := w.svc.Interrupts(t.Context())
	if err != nil || len(stop) != 1 || stop[0].ID != hung.ID {
		t.Fatalf("got interrupts %+v, %v, want the plan of #2", stop, err)
	}
	has(t, stop[0].Interrupt, "The apply of `a` for #1 comes first.")
	again := w.project(2, "a").Run
	if again.ID == hung.ID || again.State != workflow.RunQueued {
		t.Errorf("got %+v, want it queued again", again)
	}
	if r, ok := w.claim(); ok {
		t.Fatalf("got a %s of %s before the plan has ended", r.Kind, r.Project.Name)
	}
	want(t, "asked once", w.project(2, "a").Run.ID, again.ID)
	w.finish(w.fingerprinted(hung, 1)) // it ended before it could be stopped
	if p := w.project(2, "a"); p.Run.ID != again.ID {
		t.Errorf("got run %s, want the one that is made after the apply", p.Run.ID)
	}
	apply := w.mustClaim("a")
	want(t, "kind", apply.Kind, workflow.RunApply)
	if r, ok := w.claim(); ok {
		t.Errorf("got a %s of %s while its apply runs", r.Kind, r.Project.Name)
	}
	if err := w.authorise(apply); err != nil {
		t.Fatal(err)
	}
	w.finish(applied(apply, workflow.OutcomeSucceeded))
	want(t, "after it", w.plan(0), []string{"verify a", "plan a"})
	want(t, "made again", w.project(2, "a").Run.State, workflow.RunFinished)
}

// A plan of a pull that was closed meanwhile is not made again.
func TestYieldedPlanOfAClosedPull(t *testing.T) {
	w := newWorld(t)
	w.ready(1, "head1", files{"a/main.tf": "2"})
	w.do(1, "bob", verb(workflow.VerbApprove))
	w.open(2, "head2", files{"a/main.tf": "3"})
	hung := w.mustClaim("a")
	w.close(2, workflow.PullClosed)
	w.do(1, "bob", verb(workflow.VerbApply))
	if r, ok := w.claim(); ok {
		t.Fatalf("got a %s of %s beside a plan of it", r.Kind, r.Project.Name)
	}
	w.finish(workflow.Result{Run: hung.ID, Epoch: hung.Epoch, Outcome: workflow.OutcomeCancelled})
	want(t, "kind", w.mustClaim("a").Kind, workflow.RunApply)
	if r, ok := w.claim(); ok {
		t.Errorf("got a %s for #%d", r.Kind, r.Number)
	}
}

// Somebody whose plans hang in all places keeps nobody else waiting.
func TestRoomForOthers(t *testing.T) {
	w := newWorld(t)
	w.parallel = 2
	w.serve(w.store)
	w.open(1, "head1", files{"a/main.tf": "2", "b/main.tf": "2", "c/main.tf": "2"})
	w.mustClaim("a")
	w.now = w.now.Add(time.Second)
	newest := w.mustClaim("b")
	w.commit("head2", baseFiles, files{"d/main.tf": "3"})
	w.facts(2, "head2")
	w.say(2, "bob", planOf())
	w.settle()
	if r, ok := w.claim(); ok {
		t.Fatalf("got a %s of %s without a place", r.Kind, r.Project.Name)
	}
	w.now = w.now.Add(29 * time.Second)
	for _, r := range []string{"a", "b"} {
		if err := w.svc.Renew(t.Context(), *w.project(1, r).Run); err != nil {
			t.Fatal(err)
		}
	}
	if _, ok := w.claim(); ok {
		t.Fatal("got a run without a place")
	}
	stop, err := w.svc.Interrupts(t.Context())
	if err != nil || len(stop) != 0 {
		t.Fatalf("got interrupts %+v, %v, want none yet", stop, err)
	}
	w.now = w.now.Add(time.Second)
	if _, ok := w.claim(); ok {
		t.Fatal("got a run without a place")
	}
	if stop, err = w.svc.Interrupts(t.Context()); err != nil || len(stop) != 1 || stop[0].ID != newest.ID {
		t.Fatalf("got interrupts %+v, %v, want the newest plan", stop, err)
	}
	w.finish(workflow.Result{Run: newest.ID, Epoch: newest.Epoch, Outcome: workflow.OutcomeCancelled})
	want(t, "who gets it", w.mustClaim("d").Number, 2)
	again := w.project(1, "b").Run
	if again.State != workflow.RunQueued || !again.Yielded {
		t.Errorf("got %+v, want it queued again", again)
	}
}
