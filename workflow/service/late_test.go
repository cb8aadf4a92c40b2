package service_test

import (
	"testing"

	"github.com/cardea-iac/cardea/workflow"
)

// TestLateApprovals: what is known only after apply binds an approval to the inputs, and to nothing else.
func TestLateApprovals(t *testing.T) {
	w := newWorld(t)
	late := func() {
		t.Helper()
		run := w.mustClaim("a")
		res := w.fingerprinted(run, 1)
		res.Plan.Late = "`x` of `y.z` is known only after apply"
		w.finish(res)
		w.plan(1)
	}
	push := func(head string, changes files) {
		t.Helper()
		w.commit(head, baseFiles, changes)
		w.facts(1, head)
		w.push(1, "synchronize")
		w.settle()
		late()
	}
	w.open(1, "head1", files{"a/main.tf": "2"})
	late()
	has(t, w.do(1, "bob", verb(workflow.VerbApprove)), "approved")
	want(t, "late", w.project(1, "a").Approvals[0].Late, "`x` of `y.z` is known only after apply")
	push("head2", files{"a/main.tf": "2", "b/main.tf": "2"})
	want(t, "with another project changed", w.project(1, "a").Approvals[0].Void, "")
	push("head3", files{"a/main.tf": "3", "b/main.tf": "2"})
	has(t, w.project(1, "a").Approvals[0].Void, "`x` of `y.z` is known only after apply, and what that is made from may have changed")
}
