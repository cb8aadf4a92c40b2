package service_test

import (
	"testing"
	"time"

	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/service"
)

// chained makes b depend on a, and d on a and c.
func chained(w *world) {
	const config = "projects:\n- {dir: a}\n- {dir: b, depends_on: [a]}\n- {dir: c}\n- {dir: d, depends_on: [a, c]}\n"
	for sha, f := range w.source.commits {
		w.commit(sha, f, files{workflow.RepoConfigFile: config})
	}
}

// dependent is a pull that changes some of the projects, planned and approved.
func dependent(t *testing.T, dirs ...string) *world {
	t.Helper()
	w := newWorld(t)
	chained(w)
	changes := files{}
	for _, dir := range dirs {
		changes[dir+"/main.tf"] = "2"
	}
	w.commit("head1", w.source.commits["base1"], changes)
	w.facts(1, "head1")
	w.push(1, "opened")
	w.settle()
	w.plan(1)
	has(t, w.do(1, "bob", verb(workflow.VerbApprove)), "approved")
	return w
}

// order asks for applies and claims them, each with the word to go.
func (w *world) order(projects ...string) (runs []workflow.Run) {
	w.t.Helper()
	if said := w.do(1, "bob", verb(workflow.VerbApply, projects...)); said != "" {
		w.t.Fatalf("got %s, want the applies queued", said)
	}
	for _, name := range projects {
		run := w.mustClaim(name)
		if err := w.authorise(run); err != nil {
			w.t.Fatal(err)
		}
		runs = append(runs, run)
	}
	return runs
}

// What depends on a project is planned anew by itself once that is applied; its approval is of the same plan and stays.
func TestDependentsArePlannedAgain(t *testing.T) {
	w := dependent(t, "a", "b")
	want(t, "provisional", w.project(1, "b").Upstream, []string{"a"})
	has(t, w.do(1, "bob", verb(workflow.VerbApply, "b")), "refused", "depends_on: `b` depends on `a`")
	before := w.project(1, "b").Run.ID
	a := w.order("a")[0]
	w.finish(applied(a, workflow.OutcomeSucceeded))
	want(t, "states", w.states(1), []string{"a applied", "b queued"})
	has(t, w.do(1, "bob", verb(workflow.VerbApply, "b")), "refused", "plan: The plan of `b` is still queued")
	verify := w.mustClaim("a")
	if run, ok := w.claim(); ok {
		t.Fatalf("got a %s of %s before the apply is verified", run.Kind, run.Project.Name)
	}
	has(t, w.project(1, "b").Run.Waiting, "`a`, on which it depends, is being verified.")
	w.finish(w.fingerprinted(verify, 0))
	want(t, "planned", w.plan(1), []string{"plan b"})
	p := w.project(1, "b")
	if p.Run.ID == before || len(p.Upstream) != 0 || len(p.Approvals) != 1 || p.Approvals[0].Void != "" || len(p.WaitsFor) != 0 {
		t.Errorf("got %+v, want a new plan with the approval carried", p)
	}
	w.finish(applied(w.order("b")[0], workflow.OutcomeSucceeded))
	want(t, "planned by itself", w.plan(0), []string{"verify b"})
}

// A plan without changes may have some once what it depends on is applied, and one that failed may not fail then.
func TestDependentsWithoutAPlanToApply(t *testing.T) {
	for name, end := range map[string]func(w *world, run workflow.Run) workflow.Result{
		"no changes": func(w *world, run workflow.Run) workflow.Result { return w.fingerprinted(run, 0) },
		"failed": func(_ *world, run workflow.Run) workflow.Result {
			return workflow.Result{Run: run.ID, Epoch: run.Epoch, Outcome: workflow.OutcomeFailed}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := dependent(t, "a", "b")
			w.say(1, "ada", planOf("b"))
			w.expand()
			w.finish(end(w, w.mustClaim("b")))
			w.finish(applied(w.order("a")[0], workflow.OutcomeSucceeded))
			want(t, "states", w.states(1), []string{"a applied", "b queued"})
			w.finish(w.fingerprinted(w.mustClaim("a"), 0))
			want(t, "planned", w.plan(2), []string{"plan b"})
		})
	}
	w := dependent(t, "a", "b")
	w.say(1, "ada", planOf("b"))
	w.expand()
	has(t, w.do(1, "bob", workflow.Command{Verb: workflow.VerbCancel}), "cancelled")
	w.finish(applied(w.order("a")[0], workflow.OutcomeSucceeded))
	want(t, "planned though somebody said no", w.plan(0), []string{"verify a"})
}

// What a project waits for follows what it depends on, whichever of their plans ends first, and whenever one is made again.
func TestDependentSaysWhatItWaitsFor(t *testing.T) {
	for name, tt := range map[string]struct {
		end  func(w *world, run workflow.Run) workflow.Result
		want string
	}{
		"no changes": {func(w *world, run workflow.Run) workflow.Result { return w.fingerprinted(run, 0) }, ""},
		"changes":    {func(w *world, run workflow.Run) workflow.Result { return w.fingerprinted(run, 1) }, "`b` depends on `a`, which is not applied (`planned`)."},
		"failed": {func(_ *world, run workflow.Run) workflow.Result {
			return workflow.Result{Run: run.ID, Epoch: run.Epoch, Outcome: workflow.OutcomeFailed}
		}, "`b` depends on `a`, which is not applied (`plan_failed`)."},
	} {
		waits := func(w *world) (said string) {
			for _, m := range w.project(1, "b").WaitsFor {
				if m.Need == workflow.NeedDepends {
					said += m.Sentence.String()
				}
			}
			return said
		}
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			chained(w)
			w.commit("head1", w.source.commits["base1"], files{"a/main.tf": "2", "b/main.tf": "2"})
			w.facts(1, "head1")
			w.push(1, "opened")
			w.settle()
			a, b := w.mustClaim("a"), w.mustClaim("b")
			w.finish(w.fingerprinted(b, 2))
			want(t, "while it is planned", waits(w), "`b` depends on `a`, which is not applied (`planning`).")
			w.finish(tt.end(w, a))
			want(t, "when its plan has ended", waits(w), tt.want)
			w.say(1, "ada", planOf("a"))
			w.expand()
			w.finish(w.fingerprinted(w.mustClaim("a"), 3))
			want(t, "when it is planned again", waits(w), "`b` depends on `a`, which is not applied (`planned`).")
		})
	}
}

// Several applies of one command make one new plan of what depends on all of them.
func TestDependentOfSeveralIsPlannedOnce(t *testing.T) {
	w := dependent(t, "a", "c", "d")
	runs := w.order("a", "c")
	w.finish(applied(runs[0], workflow.OutcomeSucceeded))
	w.finish(w.fingerprinted(w.mustClaim("a"), 0))
	if run, ok := w.claim(); ok {
		t.Fatalf("got a %s of %s while c is being applied", run.Kind, run.Project.Name)
	}
	w.finish(applied(runs[1], workflow.OutcomeSucceeded))
	want(t, "planned by themselves", w.plan(0), []string{"verify c", "plan d"})
	want(t, "upstream", w.project(1, "d").Upstream, []string(nil))
}

// A plan that is being made when the apply ends is of what was before, and is made anew.
func TestDependentThatIsBeingPlanned(t *testing.T) {
	w := dependent(t, "a", "b")
	w.say(1, "ada", planOf("b"))
	w.expand()
	early := w.mustClaim("b")
	w.finish(applied(w.order("a")[0], workflow.OutcomeSucceeded))
	stop, err := w.svc.Interrupts(t.Context())
	if err != nil || len(stop) != 1 || stop[0].ID != early.ID {
		t.Errorf("got interrupts %+v, %v, want the plan of b", stop, err)
	}
	w.finish(w.fingerprinted(early, 3))
	w.finish(w.fingerprinted(w.mustClaim("a"), 0))
	want(t, "planned", w.plan(1), []string{"plan b"})
	want(t, "counts", w.project(1, "b").Run.Counts.Add, 1)
}

// An unknown apply that a person says was done counts from then on: no plan of before is applied after it.
func TestDependentOfAResolvedApply(t *testing.T) {
	w := dependent(t, "a", "b")
	w.order("a")
	w.now = w.now.Add(service.DefaultLease + time.Second)
	w.claim()
	want(t, "states", w.states(1), []string{"a unknown", "b planned"})
	w.say(1, "ada", planOf("b"))
	w.expand()
	want(t, "planned while it is unknown", w.plan(1), []string{"plan b"})
	resolve := verb(workflow.VerbResolve, "a")
	resolve.Outcome = workflow.ResolvedApplied
	has(t, w.do(1, "root", resolve), "resolved")
	want(t, "planned by themselves", w.plan(0), []string{"verify a", "plan b"})
	want(t, "states at last", w.states(1), []string{"a applied", "b no_changes"})
}

// Where nothing is planned by itself the gate says no all the same.
func TestGateRefusesAPlanOfBefore(t *testing.T) {
	w := dependent(t, "a", "b")
	w.finish(applied(w.order("a")[0], workflow.OutcomeSucceeded))
	w.plan(0)
	err := w.store.Update(t.Context(), func(tx workflow.Tx) error {
		rec, err := tx.Pull(workflow.PullKey{RepoID: repo.ID, Number: 1})
		if err != nil {
			return err
		}
		p := rec.Project("b")
		run := *p.Run
		run.After, run.NoChanges, p.Run = nil, false, &run
		return tx.PutPull(rec)
	})
	if err != nil {
		t.Fatal(err)
	}
	has(t, w.do(1, "bob", verb(workflow.VerbApply, "b")), "refused", "depends_on: The plan of `b` was started before `a`, which it depends on, was applied.")
	if run, ok := w.claim(); ok {
		t.Errorf("got a %s of %s", run.Kind, run.Project.Name)
	}
}
