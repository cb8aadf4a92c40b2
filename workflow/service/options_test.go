package service_test

import (
	"testing"

	"github.com/cardea-iac/cardea/workflow"
)

// A plan of a part without changes does not say that nothing is left to apply.
func TestOptionsWithoutChangesProveNothing(t *testing.T) {
	w := newWorld(t)
	w.rules.Allow = []string{"refresh_only"}
	w.ready(1, "head1", files{"a/main.tf": "2"})
	w.do(1, "ada", workflow.Command{Verb: workflow.VerbPlan, Select: workflow.Selector{Projects: []string{"a"}}, Options: workflow.PlanOptions{RefreshOnly: true}})
	run := w.mustClaim("a")
	want(t, "asked for", run.Options.RefreshOnly, true)
	w.finish(w.fingerprinted(run, 0))
	run = w.mustClaim("a")
	want(t, "planned in full", run.Options.Zero(), true)
	w.finish(w.fingerprinted(run, 2))
	want(t, "state", w.states(1), []string{"a planned"})
}

// What was applied with an option is verified without it: the rest of the head is not applied yet.
func TestOptionsAreVerifiedInFull(t *testing.T) {
	w := newWorld(t)
	w.rules.Allow = []string{"target"}
	w.ready(1, "head1", files{"a/main.tf": "2"})
	w.do(1, "ada", workflow.Command{Verb: workflow.VerbPlan, Select: workflow.Selector{Projects: []string{"a"}}, Options: workflow.PlanOptions{Targets: []string{"x.y"}}})
	want(t, "planned", w.plan(1), []string{"plan a"})
	w.finish(applied(w.applying(1, "a"), workflow.OutcomeSucceeded))
	run := w.mustClaim("a")
	want(t, "verified in full", string(run.Kind)+" "+run.Project.Name, "verify a")
	want(t, "without the target", run.Options.Zero(), true)
	w.finish(w.fingerprinted(run, 2))
	run = w.mustClaim("a")
	want(t, "the rest is planned in full", run.Options.Zero(), true)
	w.finish(w.fingerprinted(run, 2))
	want(t, "state", w.states(1), []string{"a planned"})
}

// A plan that is asked for while an apply runs, and dropped, takes nothing from what the apply did.
func TestPlanDroppedWhileApplying(t *testing.T) {
	w := newWorld(t)
	w.ready(1, "head1", files{"a/main.tf": "2"})
	run := w.applying(1, "a")
	w.do(1, "bob", verb(workflow.VerbPlan, "a"))
	has(t, w.do(1, "bob", verb(workflow.VerbCancel)), "cancelled")
	w.finish(applied(run, workflow.OutcomeSucceeded))
	want(t, "planned for people", w.plan(0), []string{"plan a"})
	want(t, "state", w.states(1), []string{"a applied"})
}

// So it is on a pull that was closed meanwhile, where nothing is planned any more.
func TestPlanDroppedByClosing(t *testing.T) {
	w := newWorld(t)
	w.ready(1, "head1", files{"a/main.tf": "2"})
	run := w.applying(1, "a")
	w.do(1, "bob", verb(workflow.VerbPlan, "a"))
	w.close(1, workflow.PullClosed)
	w.now = w.now.Add(1)
	w.finish(applied(run, workflow.OutcomeSucceeded))
	want(t, "state", w.states(1), []string{"a applied"})
}
