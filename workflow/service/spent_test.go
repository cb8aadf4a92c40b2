package service_test

import (
	"errors"
	"testing"
	"time"

	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/service"
)

// rewind puts a pull's record and an apply back to what they were: as if all
// that the server remembers of them were lost.
func (w *world) rewind(rec workflow.PullRecord, runs ...workflow.Run) {
	w.t.Helper()
	err := w.store.Update(w.t.Context(), func(tx workflow.Tx) error {
		for _, run := range runs {
			if err := tx.PutRun(run); err != nil {
				return err
			}
		}
		return tx.PutPull(rec)
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// TestSpentForEver: a plan that was authorised once is never carried out again,
// also where nothing else speaks against it: neither record nor run remember it.
func TestSpentForEver(t *testing.T) {
	const once = "This plan was already carried out"
	t.Run("when it is asked for", func(t *testing.T) {
		w := newWorld(t)
		w.ready(1, "head1", files{"a/main.tf": "2"})
		w.do(1, "bob", verb(workflow.VerbApprove, "a"))
		before := w.view(1).PullRecord
		run := w.applying(1, "a")
		run.State, run.Outcome = workflow.RunFinished, workflow.OutcomeFailed
		w.rewind(before, run)
		w.now = w.now.Add(time.Minute)
		has(t, w.do(1, "bob", verb(workflow.VerbApply, "a")), once)
	})
	t.Run("when the runner stands ready", func(t *testing.T) {
		w := newWorld(t)
		w.ready(1, "head1", files{"a/main.tf": "2"})
		w.do(1, "bob", verb(workflow.VerbApprove, "a"))
		w.do(1, "bob", verb(workflow.VerbApply, "a"))
		run := w.mustClaim("a")
		before := w.view(1).PullRecord
		if err := w.authorise(run); err != nil {
			t.Fatal(err)
		}
		w.rewind(before, run) // claimed, and as if it had no word yet
		err := w.authorise(run)
		if !errors.Is(err, service.ErrRefused) {
			t.Fatalf("got %v, want a refusal", err)
		}
		has(t, err.Error(), once)
	})
}

// TestAuthorisationNamesWhoCounted: where another project's rules hold as well,
// the record of the authorisation names only those whose approvals they count.
func TestAuthorisationNamesWhoCounted(t *testing.T) {
	w := newWorld(t)
	w.ready(1, "head1", files{"a/main.tf": "2"})
	w.do(1, "bob", verb(workflow.VerbApprove, "a"))
	w.do(1, "root", verb(workflow.VerbApprove, "a"))
	prod := workflow.Project{Name: "twin", Dir: "twin", Environment: "prod"}
	rec := w.view(1).PullRecord
	run, err := w.svc.Run(t.Context(), rec.Projects[0].Run.ID)
	if err != nil {
		t.Fatal(err)
	}
	run.Sharing = []workflow.Project{prod}
	rec.Projects[0].Run.Sharing = run.Sharing
	w.rewind(rec, run)
	w.rules.Environments = map[string]workflow.EnvironmentRules{"prod": {Approvals: &workflow.ApprovalRules{Count: 1, By: []string{"bob"}}}}
	has(t, w.do(1, "root", verb(workflow.VerbApprove, "a")), "refused", "not count")
	apply := w.applying(1, "a")
	stored, err := w.svc.Run(t.Context(), apply.ID)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, a := range stored.Apply.Authorised.Approvals {
		names = append(names, a.User.Login)
	}
	want(t, "who counted", names, []string{"bob"})
	events, err := w.svc.Events(t.Context(), workflow.OfPull(workflow.PullKey{RepoID: repo.ID, Number: 1}).About(), 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		if e.Kind == workflow.EventAuthorised {
			has(t, e.Text.String(), "The apply of `a` is authorised: plan `", "approved by `bob`, state serial 1.")
			return
		}
	}
	t.Error("the history has no authorisation")
}

// TestUnsettledTwin: what one name of a state left unknown is unknown under its other name too.
func TestUnsettledTwin(t *testing.T) {
	for name, c := range map[string]struct {
		result func(workflow.Run) workflow.Result
		says   string
	}{
		"unknown": {func(run workflow.Run) workflow.Result { return applied(run, workflow.OutcomeUnknown) }, "The outcome of the last apply of `a`, which writes the same state, is unknown"},
		"kept": {func(run workflow.Run) workflow.Result {
			res := applied(run, workflow.OutcomeFailed)
			res.ErroredState = "x.errored.tfstate.age"
			return res
		}, "The last apply of `a`, which writes the same state, could not store its state"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.ready(1, "head1", files{"a/main.tf": "2\nstate x", "b/main.tf": "2\nstate x"})
			w.finish(c.result(w.applying(1, "a")))
			w.do(1, "bob", verb(workflow.VerbApprove, "b"))
			has(t, w.do(1, "bob", verb(workflow.VerbApply, "b")), c.says)
		})
	}
}

// TestApproveIsRefused: nobody approves on a closed pull, by what could not be
// read, or by a button that did not show the plan.
func TestApproveIsRefused(t *testing.T) {
	w := newWorld(t)
	w.ready(1, "head1", files{"a/main.tf": "2", "b/main.tf": "2"})
	w.change = func(f *workflow.LiveFacts) { f.Errors = []string{"GitHub answers 502."} }
	has(t, w.do(1, "bob", verb(workflow.VerbApprove)), "refused", "502")
	w.change = nil
	short := verb(workflow.VerbApprove, "a")
	short.Fingerprints = map[string]string{"a": "0000000"} // seven digits of it
	has(t, w.do(1, "bob", short), "refused", "not `0000000`")
	plan := w.project(1, "a").Run
	pressed := verb(workflow.VerbApprove)
	pressed.Fingerprints, pressed.Runs = map[string]string{"a": plan.Fingerprint}, map[string]string{"a": plan.ID}
	req, _ := w.deliver(workflow.Request{Kind: workflow.RequestCommand, Number: 1, Immediate: true, Command: &pressed, CheckRunID: 5, Key: "button", Actor: people["bob"], CommentedAt: w.now})
	w.expand()
	has(t, w.reply(1, req.ID), "approved", "a true", "b false", "The button was not showing the plan of `b`")
	w.facts(1, "head1", func(p *workflow.Pull) { p.State = workflow.PullClosed })
	w.push(1, "closed")
	w.settle()
	has(t, w.do(1, "bob", verb(workflow.VerbApprove, "b")), "refused", "closed")
	want(t, "approvals", len(w.project(1, "b").Approvals), 0)
}
