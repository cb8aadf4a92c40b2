package service_test

import (
	"strings"
	"testing"

	"github.com/cardea-iac/cardea/workflow"
)

// What becomes of an approval follows from the plans alone: the server's rules may be gone while a plan is made.
func TestApprovalsAreCarriedWithoutRules(t *testing.T) {
	for _, unruled := range []bool{false, true} {
		w := newWorld(t)
		w.ready(1, "head1", files{"a/main.tf": "new"})
		has(t, w.do(1, "bob", verb(workflow.VerbApprove)), "approved")
		again := func(head string, add int) {
			w.commit(head, w.source.commits["head1"], files{"README.md": head})
			w.facts(1, head)
			w.push(1, "opened")
			w.expand()
			w.unruled = unruled
			w.finish(w.fingerprinted(w.mustClaim("a"), add))
			w.unruled = false
			w.show()
		}
		again("head2", 1)
		if got := w.approvals("a"); got != "bob by words: " {
			t.Errorf("after the same plan, rules gone %v: got %q", unruled, got)
		}
		again("head3", 2)
		if got := w.approvals("a"); !strings.Contains(got, "The plan for `head3` is different") {
			t.Errorf("after another plan, rules gone %v: got %q, want it void", unruled, got)
		}
		again("head4", 1)
		if got := w.approvals("a"); !strings.Contains(got, "The plan for `head3` is different") {
			t.Errorf("after the first plan again, rules gone %v: got %q, want it void for good", unruled, got)
		}
	}
}
