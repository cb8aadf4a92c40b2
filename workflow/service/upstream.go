package service

import (
	"fmt"
	"slices"

	"github.com/cardea-iac/cardea/workflow"
)

// A plan reads the outputs of the projects in its `depends_on`. If those change in the same
// pull, the plan is provisional: made before their apply, it used outputs that will have
// changed. It is made anew after each such apply, and until then the gate says no.

// appliedUpstream are the applies of what a run's project depends on that ended in
// this pull, so that a run that is begun now sees what they did.
func appliedUpstream(rec *workflow.PullRecord, run workflow.Run) (ended []string) {
	if run.Kind == workflow.RunApply || rec == nil {
		return nil
	}
	for _, p := range rec.Projects {
		apply := p.Apply
		if apply != nil && slices.Contains(run.Project.DependsOn, p.Project.Name) && apply.State == workflow.RunFinished &&
			apply.Begun() && !apply.OutcomeOpen() && !apply.StateKept() {
			ended = append(ended, apply.ID)
		}
	}
	return ended
}

// planDependents plans anew what depends, in this pull, on a project that was just applied,
// in the transaction that says so: no earlier plan is shown as one that counts. A plan that
// is queued already is begun after it anyway, as the queue has it; so it is with those of
// several applies at once, and each is made once.
func (a *act) planDependents(rec *workflow.PullRecord, applied workflow.Run) error {
	of := rec.Find(applied.Project.Key())
	if of == nil || !rec.Known {
		return nil
	}
	name := of.Project.Name
	for i := range rec.Projects {
		p := &rec.Projects[i]
		if !slices.Contains(p.Project.DependsOn, name) || p.Deleted || !p.Project.Refused.Empty() || p.Run == nil ||
			p.Run.State == workflow.RunQueued || p.Run.Cancelled() {
			continue
		}
		why := fmt.Sprintf("`%s`, on which it depends, was applied.", name)
		run, err := a.onceMore(p.Run.ID, workflow.RunPlan)
		if err != nil {
			return err
		}
		if p.Run.State == workflow.RunRunning {
			begun, err := a.tx.Run(p.Run.ID)
			if err != nil {
				return err
			}
			if err := a.dropThese(rec, []workflow.Run{begun}, ending{workflow.OutcomeSuperseded, why}); err != nil {
				return err
			}
		}
		run.Unasked = true
		p.Newest(run)
		p.WaitsFor, p.Outdated = nil, nil
		if err := a.enqueue(run, fmt.Sprintf("`%s` is planned again: %s", run.Project.Name, why)); err != nil {
			return err
		}
	}
	return nil
}
