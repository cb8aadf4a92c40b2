package service_test

import (
	"testing"

	"github.com/cardea-iac/cardea/workflow"
)

// A new head never touches an apply that has the word; one that has not is dropped.
func TestNewHeadAndApplies(t *testing.T) {
	w := newWorld(t)
	w.ready(1, "head1", files{"a/main.tf": "2", "b/main.tf": "2"})
	run := w.applying(1, "a")
	w.do(1, "bob", verb(workflow.VerbApprove))
	w.do(1, "bob", verb(workflow.VerbApply, "b"))
	w.commit("head2", baseFiles, files{"a/main.tf": "3", "b/main.tf": "3"})
	w.facts(1, "head2")
	w.push(1, "synchronize")
	w.settle()
	stop, err := w.svc.Interrupts(t.Context())
	if err != nil || len(stop) != 0 {
		t.Errorf("got interrupts %+v, %v, want the apply left alone", stop, err)
	}
	want(t, "states", w.states(1), []string{"a applying", "b queued"})
	want(t, "locks", w.locks(), []string{"#1 project a default apply", "#1 state state of a apply", "#1 state lineage line of state of a apply"})
	plan := w.mustClaim("b")
	if r, ok := w.claim(); ok {
		t.Errorf("got a %s of %s while its apply runs", r.Kind, r.Project.Name)
	}
	has(t, w.project(1, "a").Run.Waiting, "being applied")
	w.finish(applied(run, workflow.OutcomeSucceeded))
	w.finish(w.fingerprinted(plan, 1))
	want(t, "planned at the new head", w.plan(1), []string{"plan a"})
	want(t, "states after", w.states(1), []string{"a planned", "b planned"})
}
