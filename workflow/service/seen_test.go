package service_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/cardea-iac/cardea/workflow"
)

// `cardea approve` approves what the comment named and nothing else; the answer
// counts what it did not name, and says how that is approved.
func TestApproveOnlyWhatIsNamed(t *testing.T) {
	w := newWorld(t)
	changes := files{}
	for i := range 12 {
		changes[fmt.Sprintf("n%02d/main.tf", i)] = "new"
	}
	w.open(1, "head1", changes)
	w.plan(1)
	view := w.view(1)
	named := map[string]string{}
	for _, p := range view.Projects[:3] {
		named[p.Project.Name] = p.Run.Fingerprint
	}
	w.now = w.now.Add(time.Second)
	if err := w.svc.ShownAt(t.Context(), view.Pull.Key(), workflow.Shown{At: w.now, Fingerprints: named}); err != nil {
		t.Fatal(err)
	}
	w.now = w.now.Add(2 * time.Second)
	left := len(view.Projects) - 3
	if left <= 5 {
		t.Fatalf("%d projects", len(view.Projects))
	}
	has(t, w.do(1, "bob", verb(workflow.VerbApprove)), "approved", fmt.Sprintf("%d projects are not in the comment", left), "`cardea approve -p NAME@FINGERPRINT`")
	for i, p := range w.view(1).Projects {
		if got, want := len(p.Approvals), map[bool]int{true: 1}[i < 3]; got != want {
			t.Errorf("%s has %d approvals, want %d", p.Project.Name, got, want)
		}
	}
	last := view.Projects[len(view.Projects)-1]
	exact := verb(workflow.VerbApprove, last.Project.Name)
	has(t, w.do(1, "bob", exact), "refused", "The comment did not show the plan")
	exact.Fingerprints = map[string]string{last.Project.Name: last.Run.Fingerprint[:12]}
	has(t, w.do(1, "bob", exact), "approved", last.Project.Name+" true")
}
