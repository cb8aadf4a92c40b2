package web

import (
	"cmp"
	"math"
	"slices"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/templates/model"
	"github.com/cardea-iac/cardea/workflow"
)

// Matrix shows projects by component and environment.
type Matrix struct {
	Environments []string // "" are the projects without one
	Rows         []matrixRow
}

// matrixRow is one component; its cells go with the environments.
type matrixRow struct {
	Component string
	Cells     [][]matrixCell
}

// matrixCell is one project in one pull.
type matrixCell struct {
	Word       string
	State      workflow.ProjectState
	Counts     workflow.Counts
	Number     int
	PullURL    string
	ProjectURL string
}

// MatrixOf places the projects of open pulls. A project without a component goes by its name.
// Order is that of environments by the server's rules, false where these do not know one; nil: they know none.
func MatrixOf(pulls []PullLine, order func(environment string) (int, bool)) Matrix {
	type place struct{ component, environment string }
	cells := map[place][]matrixCell{}
	var m Matrix
	var components []string
	for _, p := range pulls {
		for _, r := range slices.Concat(p.Model.Rows, p.Model.Unchanged) {
			at := place{phrase.OrWord(r.Record.Project.Component, r.Name()), r.Record.Project.Environment}
			if !slices.Contains(m.Environments, at.environment) {
				m.Environments = append(m.Environments, at.environment)
			}
			if !slices.Contains(components, at.component) {
				components = append(components, at.component)
			}
			cells[at] = append(cells[at], matrixCell{Word: r.Word(), State: r.State, Counts: r.Counts,
				Number: p.Pull.Number, PullURL: p.URL, ProjectURL: model.ProjectPath(p.Pull.Repo, r.Name())})
		}
	}
	rank := map[string]int{}
	for _, e := range m.Environments {
		rank[e] = math.MaxInt - 1
		if n, known := orderOf(order, e); known {
			rank[e] = n
		} else if e == "" { // those without one come last
			rank[e] = math.MaxInt
		}
	}
	slices.SortFunc(m.Environments, func(a, b string) int {
		return cmp.Or(cmp.Compare(rank[a], rank[b]), cmp.Compare(a, b))
	})
	slices.Sort(components)
	for _, c := range components {
		row := matrixRow{Component: c}
		for _, e := range m.Environments {
			row.Cells = append(row.Cells, cells[place{c, e}])
		}
		m.Rows = append(m.Rows, row)
	}
	return m
}

func orderOf(order func(environment string) (int, bool), environment string) (int, bool) {
	if order == nil || environment == "" {
		return 0, false
	}
	return order(environment)
}
