package survey

import (
	"testing"
	"testing/fstest"

	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/terraform"
)

// TestPlanRunOfAnotherEngine: a project of an engine that the server does not have is refused, and
// keeps no state that anybody else would share.
func TestPlanRunOfAnotherEngine(t *testing.T) {
	const code = "terraform {\n  backend \"local\" {\n    path = \"/srv/x\"\n  }\n}\n"
	tree := workflow.Tree{ID: "t", FS: fstest.MapFS{"a/x.tf": {Data: []byte(code)}}}
	engines := workflow.Engines{terraform.New(terraform.Options{})}
	s, trouble, err := Read(t.Context(), engines, workflow.DefaultRules("*"), workflow.Pull{},
		workflow.Checkout{Head: "h", Base: "b", Planned: tree, BaseTree: tree})
	if err != nil || trouble != nil || len(s.Resolution.Projects) != 1 {
		t.Fatalf("got %+v, %+v, %v", s.Resolution.Projects, trouble, err)
	}
	p := s.Resolution.Projects[0]
	r, refused, err := s.PlanRun(t.Context(), p)
	if err != nil || refused != "" || p.Engine != "terraform" || len(r.States) != 1 {
		t.Fatalf("got %+v, %q, %v", r, refused, err)
	}
	p.Engine = "pulleys"
	const want = "This server has no engine `pulleys`: it has `terraform`. Ask whoever runs the server."
	if r, refused, err := s.PlanRun(t.Context(), p); err != nil || refused != want || r.States != nil {
		t.Errorf("got %+v, %q, %v", r, refused, err)
	}
}
