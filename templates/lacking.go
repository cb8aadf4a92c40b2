package templates

import (
	"github.com/cardea-iac/cardea/templates/model"
	"github.com/cardea-iac/cardea/workflow"
)

// mostWhole is how many plans, at most, are read beyond their briefs for the comment and the
// checks of a pull: if more are long, each has less room than its brief.
const mostWhole = 10

// Lacking names the runs whose plans have more that comment and checks may show than the
// briefs in a view: the first that are shown or, where each project has a check of its own,
// the first projects.
func Lacking(v workflow.PullView, each bool) (runs []string) {
	take := func(run *workflow.Run, plan *workflow.Plan) {
		if plan != nil && plan.Left.Changes > 0 && len(runs) < mostWhole {
			runs = append(runs, run.ID)
		}
	}
	if each {
		for _, p := range v.Projects {
			take(p.Run, v.PlanOf(p))
		}
		return runs
	}
	for _, g := range model.Read(v, model.Links{}).Groups {
		take(g.Rows[0].Record.Run, g.Rows[0].Plan)
	}
	return runs
}

// Fitting is a plan with all its changes, but without the attributes of those that no comment
// has room for.
func Fitting(p workflow.Plan) workflow.Plan {
	fit, _ := p.Brief()
	fit.Changes, fit.Drift, fit.Left = workflow.ByRisk(p.Changes), p.Drift, workflow.Left{}
	for i := len(blocksOf(fit.Changes)); i < len(fit.Changes); i++ {
		fit.Changes[i].Attributes = nil
	}
	return fit
}
