package web

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-iac/cardea/templates/model"
	"github.com/cardea-iac/cardea/workflow"
)

// TestMatrixOrder: environments stand in the server's order, then by name; those that it does not know follow.
func TestMatrixOrder(t *testing.T) {
	var line PullLine
	for _, env := range []string{"prod", "", "zone", "stage", "dev", "beta"} {
		r := model.Row{Record: workflow.ProjectRecord{Project: workflow.Project{Name: "app/" + env, Environment: env}}}
		line.Model.Rows = append(line.Model.Rows, r)
	}
	orders := map[string]int{"dev": 1, "stage": 2, "prod": 2}
	order := func(env string) (int, bool) { n, known := orders[env]; return n, known }
	for name, tt := range map[string]struct {
		order func(string) (int, bool)
		want  []string
	}{
		"of the server": {order, []string{"dev", "prod", "stage", "beta", "zone", ""}},
		"without one":   {nil, []string{"beta", "dev", "prod", "stage", "zone", ""}},
	} {
		if diff := cmp.Diff(tt.want, MatrixOf([]PullLine{line}, tt.order).Environments); diff != "" {
			t.Errorf("%s: -want +got:\n%s", name, diff)
		}
	}
}
