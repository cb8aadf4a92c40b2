package workflow

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A symlink that leaves the tree matters where the plan surely reads.
func TestInputsDirs(t *testing.T) {
	in := Inputs{Dir: "prod/", Modules: []string{"modules/vpc"}, VarFiles: []string{"vars/prod.tfvars", "prod/extra.tfvars", "common.tfvars"}, Files: []string{"docs/x"}}
	if diff := cmp.Diff([]string{"common.tfvars", "modules/vpc", "prod", "vars"}, in.dirs()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
