package workflow_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-iac/cardea/internal/vary"
	"github.com/cardea-iac/cardea/workflow"
)

// TestComparePullsKnowsEveryFact: a new fact of a pull fails here until somebody
// decides what its change counts for.
func TestComparePullsKnowsEveryFact(t *testing.T) {
	seen, asked := workflow.PullChange{Facts: true}, workflow.PullChange{Facts: true, Asked: true}
	reached := workflow.PullChange{Reached: true, Facts: true, Asked: true}
	counts := map[string]workflow.PullChange{
		"Repo.ID": asked, "Repo.Owner": reached, "Repo.Name": reached, "Repo.InstallationID": reached, "Repo.DefaultBranch": asked, "Repo.Private": asked,
		"Number": asked, "Title": seen, "Author.ID": asked, "Author.Login": asked, "Author.Bot": asked,
		"Head.Ref": asked, "Head.SHA": {Head: true, Facts: true, Asked: true},
		"Base.Ref": {Base: true, Facts: true, Asked: true}, "Base.SHA": seen,
		"State": {Closed: true, Facts: true, Asked: true}, "Fork": asked, "Draft": {Draft: true, Facts: true, Asked: true}, "UpdatedAt": {},
	}
	known := workflow.Pull{State: workflow.PullOpen}
	got := map[string]workflow.PullChange{}
	live := known
	vary.Each(t, &live, func(fact string) { got[fact] = workflow.ComparePulls(known, live) })
	if diff := cmp.Diff(counts, got); diff != "" {
		t.Errorf("-decided +got:\n%s", diff)
	}
}
