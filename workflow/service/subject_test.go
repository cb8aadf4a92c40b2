package service_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/cardea-iac/cardea/workflow"
)

// unshown are what no pull shows.
var unshown = map[string]workflow.Subject{
	"merge group": workflow.OfGroup(repo.ID, "1a2b3c4d"),
	"branch":      workflow.OfBranch(repo.ID, "main"),
}

// queue queues a run for a subject, as what makes such runs does.
func (w *world) queue(s workflow.Subject, project string, kind workflow.RunKind) workflow.Run {
	w.t.Helper()
	w.serial++
	r := workflow.Run{
		ID: fmt.Sprintf("%020d", w.serial), Kind: kind, State: workflow.RunQueued, Head: "head0", Queued: w.now,
		Project: workflow.Project{Name: project, Dir: project, Variant: "default", Engine: "terraform"},
	}
	r.SetSubject(repo, s)
	if kind == workflow.RunApply {
		r.Apply = &workflow.ApplyOrder{PlanRun: "plan"}
	}
	w.update(func(tx workflow.Tx) error { return tx.PutRun(r) })
	return r
}

func (w *world) update(rule func(workflow.Tx) error) {
	w.t.Helper()
	if err := w.store.Update(w.t.Context(), rule); err != nil {
		w.t.Fatal(err)
	}
}

// history is what is told of a subject, oldest first.
func (w *world) history(s workflow.Subject) (out []string) {
	w.t.Helper()
	events, err := w.svc.Events(w.t.Context(), s.About(), 0, 100)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, e := range slices.Backward(events) {
		out = append(out, e.Text.String())
	}
	return out
}

// A plan that no pull shows is made, kept and told of, and nothing waits to be applied.
func TestPlanWithoutAPull(t *testing.T) {
	for name, s := range unshown {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.queue(s, "a", workflow.RunPlan)
			run := w.mustClaim("a")
			want(t, "what it is for", run.Subject().String(), s.String())
			w.finish(w.fingerprinted(run, 1))
			if plan, err := w.svc.Plan(t.Context(), run.ID); err != nil || plan.Counts.Add != 1 {
				t.Errorf("got %+v, %v, want its plan", plan, err)
			}
			want(t, "artefacts that nobody needs", w.dropped, []string{run.ID})
			want(t, "its history", w.history(s), []string{"`a` is being planned at head0.", "`a` was planned: 1 to add."})
			runs, err := w.svc.RunsOf(t.Context(), s, "", 10)
			if err != nil || len(runs) != 1 || runs[0].Outcome != workflow.OutcomeSucceeded {
				t.Errorf("got %+v, %v, want the run that succeeded", runs, err)
			}
		})
	}
}

// One that is lost is made again, once; and so is one that made room.
func TestPlanWithoutAPullIsMadeAgain(t *testing.T) {
	for name, s := range unshown {
		t.Run("a lost one of a "+name, func(t *testing.T) {
			w := newWorld(t)
			w.queue(s, "a", workflow.RunPlan)
			first := w.mustClaim("a")
			w.now = w.now.Add(time.Hour)
			second := w.mustClaim("a")
			if second.Replaces != first.ID || second.Subject() != s {
				t.Errorf("got %+v, want a repetition", second)
			}
			w.now = w.now.Add(time.Hour)
			if third, ok := w.claim(); ok {
				t.Errorf("got %+v, want no second repetition", third)
			}
			want(t, "its history", w.history(s)[2:], []string{
				"The plan of `a` is made again.", "`a` is being planned at head0.",
				"The plan of `a` was lost. Its worker stopped responding.",
			})
		})
		t.Run("one of a "+name+" in the way of an apply", func(t *testing.T) {
			w := newWorld(t)
			w.ready(1, "head1", files{"a/main.tf": "2"})
			w.do(1, "bob", verb(workflow.VerbApprove))
			w.queue(s, "a", workflow.RunPlan)
			plan := w.mustClaim("a")
			w.do(1, "bob", verb(workflow.VerbApply))
			if r, ok := w.claim(); ok {
				t.Fatalf("got a %s beside a plan of it", r.Kind)
			}
			w.finish(workflow.Result{Run: plan.ID, Epoch: plan.Epoch, Outcome: workflow.OutcomeCancelled})
			apply := w.mustClaim("a")
			want(t, "first", apply.Kind, workflow.RunApply)
			if err := w.authorise(apply); err != nil {
				t.Fatal(err)
			}
			w.finish(applied(apply, workflow.OutcomeSucceeded))
			runs, err := w.svc.RunsOf(t.Context(), s, "", 10)
			if err != nil || len(runs) != 2 || runs[0].State != workflow.RunQueued {
				t.Errorf("got %+v, %v, want it queued again", runs, err)
			}
		})
	}
}

// What is never applied is not, whoever queued it, and what nobody would see is not made:
// both end with a sentence, and keep nothing else from starting.
func TestRunsThatAreNotBegun(t *testing.T) {
	gone := workflow.OfPull(workflow.PullKey{RepoID: repo.ID, Number: 99})
	for name, c := range map[string]struct {
		subject workflow.Subject
		kind    workflow.RunKind
		why     string
	}{
		"an apply for a merge group": {unshown["merge group"], workflow.RunApply,
			"It is for the merge group at 1a2b3c4, and what is planned for that is never applied."},
		"an apply for a branch": {unshown["branch"], workflow.RunApply,
			"It is for `main`, and what is planned for that is never applied."},
		"a plan of a pull not on record": {gone, workflow.RunPlan,
			"Nothing is recorded here for #99, so nobody would see the result."},
		"an apply of one": {gone, workflow.RunApply,
			"Nothing is recorded here for #99, so nobody would see the result."},
		"a landing of one": {workflow.OfLanding(workflow.PullKey{RepoID: repo.ID, Number: 99}, "1a2b3c4d"), workflow.RunPlan,
			"Nothing is recorded here for the merge of #99 at 1a2b3c4, so nobody would see the result."},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			queued := w.queue(c.subject, "a", c.kind)
			w.now = w.now.Add(time.Second)
			w.queue(unshown["branch"], "b", workflow.RunPlan)
			if r, ok := w.claim(); ok {
				t.Fatalf("got a %s of %s", r.Kind, r.Project.Name)
			}
			run, err := w.svc.Run(t.Context(), queued.ID)
			if err != nil || run.State != workflow.RunFinished || run.Outcome != workflow.OutcomeFailed || run.Reason != c.why {
				t.Errorf("got %+v, %v, want it ended: %s", run, err, c.why)
			}
			has(t, w.history(c.subject)[0], c.why)
			w.mustClaim("b")
		})
	}
}

// The last gate knows no apply without a pull, should one run all the same.
func TestAuthoriseWithoutAPull(t *testing.T) {
	for name, s := range unshown {
		w := newWorld(t)
		apply := w.queue(s, "a", workflow.RunApply)
		if err := apply.Claim("worker", w.now, time.Hour); err != nil {
			t.Fatal(err)
		}
		w.update(func(tx workflow.Tx) error { return tx.PutRun(apply) })
		if err := w.authorise(apply); err == nil {
			t.Errorf("%s: an apply is authorised", name)
		}
		w.finish(workflow.Result{Run: apply.ID, Epoch: apply.Epoch, Outcome: workflow.OutcomeFailed, NotStarted: true,
			Reason: "It was not authorised."})
		run, err := w.svc.Run(t.Context(), apply.ID)
		if err != nil || run.Outcome != workflow.OutcomeRefused || run.Apply.Spent {
			t.Errorf("%s: got %+v, %v, want it refused", name, run, err)
		}
	}
}

// A merged pull shows what became of its landing; closing it stops nothing of that.
func TestLandingIsShownOnItsPull(t *testing.T) {
	w := newWorld(t)
	w.ready(1, "head1", files{"a/main.tf": "2"})
	pull := workflow.OfPull(workflow.PullKey{RepoID: repo.ID, Number: 1})
	landing := workflow.OfLanding(workflow.PullKey{RepoID: repo.ID, Number: 1}, "1a2b3c4d")
	w.queue(landing, "b", workflow.RunPlan)
	w.close(1, workflow.PullMerged)
	run := w.mustClaim("b")
	want(t, "what it is for", run.Subject().String(), landing.String())
	w.finish(w.fingerprinted(run, 1))
	told := []string{"`b` is being planned at head0.", "`b` was planned: 1 to add."}
	want(t, "its history", w.history(landing), told)
	all := w.history(pull)
	want(t, "the end of its pull's", all[len(all)-2:], told)
}

// A request that no pull shows is answered nowhere, and makes no record of a pull.
func TestAnswerWithoutAPull(t *testing.T) {
	for name, s := range unshown {
		w := newWorld(t)
		req := workflow.Request{Kind: workflow.RequestCommand, Key: name, Actor: ada,
			Command: &workflow.Command{Verb: workflow.VerbPlan}}
		req.SetAbout(repo, s.About())
		stored, _, err := w.svc.Submit(t.Context(), req)
		if err == nil {
			err = w.svc.FailRequest(t.Context(), stored.ID, "It took too long.")
		}
		if err != nil {
			t.Fatal(err)
		}
		if done, err := w.svc.PendingOf(t.Context(), s.About()); err != nil || len(done) != 0 {
			t.Errorf("%s: got %+v, %v, want it done", name, done, err)
		}
		if open, err := w.svc.OpenPulls(t.Context(), 0); err != nil || len(open) != 0 {
			t.Errorf("%s: got %+v, %v, want no record", name, open, err)
		}
	}
}
