package workflow

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// A plan reads what the projects of its `depends_on` put out. Where those change in
// the same pull it is provisional: made before their apply, it is of outputs that
// are no longer so. It is made anew after each such apply, and until then the gate
// says no.

// endedUpstream are the applies of what a run's project depends on that ended in
// this pull, so that a run that is begun now sees what they did.
func endedUpstream(tx Tx, run Run) (ended []string, err error) {
	if run.Kind == RunApply || len(run.Project.DependsOn) == 0 {
		return nil, nil
	}
	rec, err := tx.Pull(run.PullKey())
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	for _, p := range rec.Projects {
		a := p.Apply
		if a != nil && slices.Contains(run.Project.DependsOn, p.Project.Name) && a.State == RunFinished && a.begun() && !a.outcomeOpen() && !a.stateKept() {
			ended = append(ended, a.ID)
		}
	}
	return ended, err
}

// findUpstream names for each project those of its `depends_on` that make its plan
// provisional: this pull changes them, or may, and has not applied them yet, or not before the plan.
func findUpstream(rec *PullRecord) {
	byName := map[string]*ProjectRecord{}
	for i := range rec.Projects {
		byName[rec.Projects[i].Project.Name] = &rec.Projects[i]
	}
	for i := range rec.Projects {
		p := &rec.Projects[i]
		p.Upstream = nil
		for _, name := range p.Project.DependsOn {
			other := byName[name]
			if other == nil || other.Deleted {
				continue
			}
			state := other.State()
			settled := state == StateApplied || state == StateNoChanges
			if !settled || other.appliedSince(p.Run) {
				p.Upstream = append(p.Upstream, name)
			}
		}
	}
}

// planDependents plans anew what depends, in this pull, on a project that was just
// applied, in the transaction that says so: nothing shows a plan of before as one
// that counts. A plan that is queued already is begun after it anyway, as the queue
// has it; so it is with those of several applies at once, and each is made once.
func (s *Service) planDependents(tx Tx, rec *PullRecord, applied Run, now time.Time) error {
	of := findProject(*rec, applied.Project.Key())
	if of == nil || !rec.Known {
		return nil
	}
	name := of.Project.Name
	for i := range rec.Projects {
		p := &rec.Projects[i]
		if !slices.Contains(p.Project.DependsOn, name) || p.Deleted || p.Project.Refused != "" || p.Run == nil || p.Run.State == RunQueued || p.Run.cancelled() {
			continue
		}
		why := fmt.Sprintf("`%s`, on which it depends, was applied.", name)
		run, err := s.onceMore(tx, p.Run.ID, RunPlan, now)
		if err != nil {
			return err
		}
		if p.Run.State == RunRunning {
			begun, err := tx.Run(p.Run.ID)
			if err != nil {
				return err
			}
			if err := s.dropThese(tx, rec, []Run{begun}, dropping{OutcomeSuperseded, why, now}); err != nil {
				return err
			}
		}
		if err := tx.PutRun(run); err != nil {
			return err
		}
		p.newest(run)
		p.WaitsFor, p.Outdated = nil, ""
		if err := tx.Append(runEvent("queued", now, run, fmt.Sprintf("`%s` is planned again: %s", run.Project.Name, why))); err != nil {
			return err
		}
	}
	return nil
}

// upstream are the queued and running applies, and what verifies them, by pull and project.
type upstream map[upstreamKey]Run

type upstreamKey struct {
	pull    PullKey
	project string
}

func upstreamRuns(queued, running []Run) upstream {
	u := upstream{}
	for _, r := range slices.Concat(queued, running) { // what runs is named rather than what is queued
		if r.Kind == RunApply || r.Kind == RunVerify {
			u[upstreamKey{r.PullKey(), r.Project.Name}] = r
		}
	}
	return u
}

// before says, as a sentence, which of them a plan waits for, "" for none.
func (u upstream) before(r Run) string {
	if r.Kind != RunPlan {
		return ""
	}
	for _, name := range r.Project.DependsOn {
		other, live := u[upstreamKey{r.PullKey(), name}]
		switch {
		case !live:
		case other.State == RunQueued:
			return fmt.Sprintf("`%s`, on which it depends, is %s first.", name, other.Kind.done())
		default:
			return fmt.Sprintf("`%s`, on which it depends, is being %s.", name, other.Kind.done())
		}
	}
	return ""
}
