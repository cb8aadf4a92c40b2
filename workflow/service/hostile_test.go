package service_test

import (
	"testing"

	"github.com/cardea-iac/cardea/workflow"
)

// What is left after an apply wants its own approval, also where it is the very same change again.
func TestSameResidueWantsItsOwnApproval(t *testing.T) {
	w := newWorld(t)
	w.ready(1, "head1", files{"a/main.tf": "2"})
	w.finish(applied(w.applying(1, "a"), workflow.OutcomeSucceeded))
	want(t, "verified, then planned for people", w.plan(1), []string{"verify a", "plan a"})
	has(t, w.do(1, "bob", verb(workflow.VerbApply)), "refused", "approved: Needs 1 approval", "was applied")
	w.finish(applied(w.applying(1, "a"), workflow.OutcomeSucceeded))
}

// What is taken back is taken back, also while the head leaves the project alone.
func TestUnapproveOfAProjectOfBefore(t *testing.T) {
	w := newWorld(t)
	w.ready(1, "head1", files{"a/main.tf": "2", "b/main.tf": "2"})
	w.do(1, "bob", verb(workflow.VerbApprove))
	next := func(head string, changes files) {
		w.commit(head, baseFiles, changes)
		w.facts(1, head)
		w.push(1, "synchronize")
		w.settle()
		w.plan(1)
	}
	next("head2", files{"b/main.tf": "2"})
	has(t, w.do(1, "bob", verb(workflow.VerbUnapprove)), "unapproved")
	next("head3", files{"a/main.tf": "2", "b/main.tf": "2"})
	has(t, w.do(1, "bob", verb(workflow.VerbApply, "a")), "refused", "approved: Needs 1")
}

// A new name for a state gets the rules of the project whose state it is, which this pull does not touch.
func TestStateOfAnUntouchedProject(t *testing.T) {
	w := newWorld(t)
	w.rules.Environments = map[string]workflow.EnvironmentRules{
		"prod": {Dirs: []string{"a"}, Approvals: &workflow.ApprovalRules{Count: 2}},
		"dev":  {Dirs: []string{"dev/**"}, Approvals: &workflow.ApprovalRules{Count: 0}},
	}
	w.ready(1, "head1", files{"dev/x/main.tf": "state state of a\n2"})
	has(t, w.do(1, "bob", verb(workflow.VerbApply)), "refused", "approved: Needs 2 approvals")
}

// What is planned only when somebody asks is remembered until somebody does.
func TestAffectedAndNotPlanned(t *testing.T) {
	w := newWorld(t)
	w.ready(1, "head1", files{"a/main.tf": "2", "b/main.tf": "2", ".cardea.yml": "version: 1\nprojects:\n  - dir: b\n    autoplan: false\n"})
	want(t, "states", w.states(1), []string{"a planned"})
	want(t, "not planned", w.view(1).Unplanned, []string{"b"})
	w.do(1, "bob", planOf("a"))
	want(t, "still not planned", w.view(1).Unplanned, []string{"b"})
	w.do(1, "bob", planOf("b"))
	want(t, "planned now", len(w.view(1).Unplanned), 0)
}
