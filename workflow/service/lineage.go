package service

import (
	"errors"
	"slices"

	"github.com/cardea-iac/cardea/workflow"
)

// lineageOf is what is on record of a lineage; nothing where there is none.
func (a *act) lineageOf(repoID int64, lineage string) (workflow.Lineage, error) {
	l := workflow.Lineage{RepoID: repoID, Lineage: lineage}
	if lineage == "" {
		return l, nil
	}
	have, err := a.tx.Lineage(repoID, lineage)
	if errors.Is(err, workflow.ErrNotFound) {
		return l, nil
	}
	return have, err
}

// byLineage are the other projects on record with the state that a project's run is on: a
// state knows its own name, however a backend spells its place.
func (a *act) byLineage(run workflow.Run) ([]workflow.Project, error) {
	l, err := a.lineageOf(run.Repo.ID, run.Lineage)
	var out []workflow.Project
	for _, p := range l.Projects {
		if p.Key() != run.Project.Key() {
			out = append(out, p)
		}
	}
	return out, err
}

// keepLineage records whose state a run was on: that of a project as the base has
// it, or of one to which something was applied. What only a pull's head says makes
// its project answer to others, not others to it.
func (a *act) keepLineage(run workflow.Run) error {
	if run.Lineage == "" || run.Kind == workflow.RunPlan && !run.OnBase {
		return nil
	}
	l, err := a.lineageOf(run.Repo.ID, run.Lineage)
	if err != nil {
		return err
	}
	if l, changed := l.With(run.Project); changed {
		return a.tx.PutLineage(l)
	}
	return nil
}

// shareLineage notes with a plan the projects that its state shows to be keepers of it.
func (a *act) shareLineage(r *workflow.Run) error {
	others, err := a.byLineage(*r)
	if err != nil {
		return err
	}
	for _, p := range others {
		if !slices.Contains(r.SameState.Names, p.Name) {
			r.SameLineage.Names = append(r.SameLineage.Names, p.Name)
		}
	}
	r.SameLineage = workflow.OthersOf(r.SameLineage.Names)
	r.LikeState.Names = slices.DeleteFunc(r.LikeState.Names, func(name string) bool { return slices.Contains(r.SameLineage.Names, name) })
	return nil
}

// forgetKeepers ends what is on record of projects that a merged pull deleted from
// a base on which applies may run: their states are their next owners' alone.
func (a *act) forgetKeepers(rec workflow.PullRecord) error {
	rules, ok := a.s.rules(rec.Pull.Repo)
	if rec.Pull.State != workflow.PullMerged || !rec.Known || !ok || !rules.MayApplyOn(rec.Pull.Base.Ref, rec.Pull.Repo.DefaultBranch) {
		return nil
	}
	for _, p := range rec.Projects {
		if !p.Deleted {
			continue
		}
		key := p.Project.Key()
		kept, err := a.tx.LineagesOf(rec.Pull.Repo.ID, key)
		if err != nil {
			return err
		}
		for _, l := range kept {
			l.Projects = slices.DeleteFunc(l.Projects, func(have workflow.Project) bool { return have.Key() == key })
			if err := a.tx.PutLineage(l); err != nil {
				return err
			}
		}
	}
	return nil
}
