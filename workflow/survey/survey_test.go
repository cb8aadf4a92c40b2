package survey

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-iac/cardea/workflow"
)

// A symlink that leaves the tree matters where the plan surely reads.
func TestInputsDirs(t *testing.T) {
	in := workflow.Inputs{Dir: "prod/", Modules: []string{"modules/vpc"}, Files: []string{"docs/x"},
		Named: []string{"vars/prod.tfvars", "prod/extra.tfvars", "common.tfvars"}}
	if diff := cmp.Diff([]string{"common.tfvars", "modules/vpc", "prod", "vars"}, in.Dirs()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
