package service_test

import (
	"testing"

	"github.com/cardea-iac/cardea/workflow"
)

// planOf makes every queued plan, on states of a lineage.
func (w *world) planOf(lineage string) {
	w.t.Helper()
	for run, ok := w.claim(); ok; run, ok = w.claim() {
		res := w.fingerprinted(run, 1)
		res.Plan.StateID = lineage
		w.finish(res)
	}
	w.show()
}

func (w *world) ofProd() {
	two := w.rules.Approvals
	two.Count = 2
	w.rules.Environments = map[string]workflow.EnvironmentRules{"prod": {Dirs: []string{"a"}, Approvals: &two}, "dev": {Dirs: []string{"b", "y"}}}
}

// TestLineage: a project whose plan shows the lineage of another one's state gets
// that one's rules and shares its lock, in either direction only where it may.
func TestLineage(t *testing.T) {
	w := newWorld(t)
	w.ofProd()
	w.open(1, "head1", files{"a/main.tf": "2"})
	w.planOf("the line")
	w.open(2, "head2", files{"y/main.tf": "state by another name"})
	w.planOf("the line")
	if got := w.project(2, "y").Run.KeepsWith().String(); got != "`a`" {
		t.Errorf("got %q, want y told to keep the state of a", got)
	}
	w.do(2, "bob", verb(workflow.VerbApprove))
	has(t, w.do(2, "bob", verb(workflow.VerbApply)), "refused", "1 of 2")
	// What only a pull's head says binds nobody else.
	if got := w.project(1, "a").Run.KeepsWith().String(); got != "" {
		t.Errorf("got %q, want a to know nothing of y", got)
	}
	w.do(1, "bob", verb(workflow.VerbApprove))
	w.do(1, "root", verb(workflow.VerbApprove))
	if said := w.do(1, "bob", verb(workflow.VerbApply)); said != "" {
		t.Fatalf("got %s", said)
	}
	w.do(2, "root", verb(workflow.VerbApprove))
	has(t, w.do(2, "bob", verb(workflow.VerbApply)), "refused", "lock: #1 has held the lock on `a`")
}

// TestLineageOfBases: a base on which nothing may be applied says nothing of other
// projects' states, nor does a pull that changes the backend.
func TestLineageOfBases(t *testing.T) {
	w := newWorld(t)
	w.ofProd()
	w.rules.ApplyBranches = []string{"release"}
	w.open(1, "head1", files{"a/main.tf": "2"})
	w.planOf("the line")
	w.open(2, "head2", files{"b/main.tf": "2"})
	w.planOf("the line")
	if got := w.project(2, "b").Run.KeepsWith().String(); got != "" {
		t.Errorf("got %q, want nothing on record", got)
	}
	w.rules.ApplyBranches = nil
	w.open(3, "head3", files{"b/main.tf": "state another"})
	w.planOf("the line")
	w.open(4, "head4", files{"c/main.tf": "2"})
	w.planOf("the line")
	if got := w.project(4, "c").Run.KeepsWith().String(); got != "" {
		t.Errorf("got %q, want nothing on record of a backend that a pull changes", got)
	}
}

// TestLineageForgotten: with the merge that deletes a project its states are others' alone.
func TestLineageForgotten(t *testing.T) {
	w := newWorld(t)
	w.ofProd()
	w.open(1, "head1", files{"a/main.tf": "2"})
	w.planOf("the line")
	w.open(2, "head2", files{"a/main.tf": "", "b/main.tf": "2"})
	w.planOf("the line")
	want(t, "before the merge", w.project(2, "b").Run.KeepsWith().String(), "`a`")
	w.close(2, workflow.PullMerged)
	w.open(3, "head3", files{"b/main.tf": "3"})
	w.planOf("the line")
	want(t, "after the merge", w.project(3, "b").Run.KeepsWith().String(), "")
}

// TestUnknownState: what nobody can tell apart shares locks and rules, and what nobody
// knows has the strictest.
func TestUnknownState(t *testing.T) {
	w := newWorld(t)
	w.ofProd()
	w.open(1, "head1", files{"y/main.tf": "state object:~s,=b,?x"})
	w.plan(1)
	w.do(1, "bob", verb(workflow.VerbApprove))
	has(t, w.do(1, "bob", verb(workflow.VerbApply)), "refused", "1 of 2")
	w.do(1, "root", verb(workflow.VerbApprove))
	if said := w.do(1, "bob", verb(workflow.VerbApply)); said != "" {
		t.Fatalf("got %s", said)
	}
	apply := w.mustClaim("y")
	if err := w.authorise(apply); err != nil {
		t.Fatal(err)
	}
	w.finish(applied(apply, workflow.OutcomeSucceeded))
	want(t, "verified", w.plan(0), []string{"verify y"})
	w.open(2, "head2", files{"b/main.tf": "state object:~g,=b,=k", "c/main.tf": "state object:~s,=c,=k"})
	w.plan(1)
	w.do(2, "bob", verb(workflow.VerbApprove))
	has(t, w.do(2, "bob", verb(workflow.VerbApply, "b")), "refused", "lock: #1 has held the lock on `y`", "nothing tells the two apart")
	if said := w.do(2, "bob", verb(workflow.VerbApply, "c")); said != "" {
		t.Errorf("got %s, want another bucket applied", said)
	}
}
