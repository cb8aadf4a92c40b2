package service

import (
	"context"
	"errors"

	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/scope"
)

// uselessArtefacts lists the runs whose artefacts are of no use once a project's plan is another one, or none: all but keep.
func uselessArtefacts(p workflow.ProjectRecord, keep string) []string {
	var ids []string
	for _, id := range p.Runs {
		live := p.Apply != nil && p.Apply.State != workflow.RunFinished && p.Apply.Apply != nil && p.Apply.Apply.PlanRun == id
		if id != keep && !live {
			ids = append(ids, id)
		}
	}
	return ids
}

// WantedArtefacts are the plan runs whose artefacts may still be applied; all
// others can be deleted.
func (s *Service) WantedArtefacts(ctx context.Context) (map[string]bool, error) {
	return read(ctx, s, "reading which artefacts are wanted", func(tx workflow.Tx) (map[string]bool, error) {
		wanted := map[string]bool{}
		pulls, err := tx.OpenPulls(0)
		if err != nil {
			return nil, err
		}
		for _, rec := range pulls {
			for _, p := range rec.Projects {
				if run, why := scope.CurrentPlan(p); why.Empty() && run.Artefact != "" {
					wanted[run.ID] = true
				}
			}
		}
		live, err := tx.LiveRuns()
		for _, run := range live {
			wanted[run.ID] = true // it may be writing one
			if run.Apply != nil {
				wanted[run.Apply.PlanRun] = true
			}
		}
		if err != nil && !errors.Is(err, workflow.ErrNotFound) {
			return nil, err
		}
		return wanted, nil
	})
}
