package survey

import (
	"fmt"
	"testing"

	"github.com/cardea-iac/cardea/workflow"
)

// TestSharingBound: a thousand projects that nothing tells apart are a few names and
// every rule that any of them brings.
func TestSharingBound(t *testing.T) {
	k := &keepers{found: true, index: map[string]int{}}
	const many = 1000
	for i := range many {
		k.note("pg:$,$", workflow.Project{
			Name: fmt.Sprintf("p%03d", i), Dir: fmt.Sprint(i), Environment: fmt.Sprint("e", i/(many/30))})
	}
	s := Survey{states: k}
	r := workflow.Run{Project: workflow.Project{Name: "p000", Dir: "0"}, States: workflow.States{"pg:$,$"}}
	if err := s.Share(t.Context(), &r); err != nil {
		t.Fatal(err)
	}
	environments := map[string]bool{}
	for _, p := range r.Sharing {
		environments[p.Environment] = true
	}
	names, more := len(r.LikeState.Names), r.LikeState.More
	if len(environments) != 31 || len(r.Sharing) > 60 || names != workflow.MaxTold || more != many-1-workflow.MaxTold {
		t.Errorf("got %d environments, %d projects, %d names and %d more", len(environments), len(r.Sharing), names, more)
	}
}
