package workflow_test

import (
	"errors"
	"testing"
	"time"

	"github.com/cardea-iac/cardea/workflow"
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
	const once = "This plan was carried out once"
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
		if !errors.Is(err, workflow.ErrRefused) {
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
}
