package bolt

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/cardea-iac/cardea/workflow"
)

// sequential is for buckets whose keys arrive nearly in order: full pages instead of half full ones.
const sequential = 0.9

func clone(b []byte) []byte { return bytes.Clone(b) }

func (t *tx) Run(id string) (workflow.Run, error) {
	return get[workflow.Run](t, runs, []byte(id))
}

func liveKey(r workflow.Run) []byte { return append(u64(moment(r.Queued)), r.ID...) }

func projectKey(repoID int64, project string) []byte {
	return append(u64(uint64(repoID)), hashed(project)...)
}

func (t *tx) PutRun(r workflow.Run) error {
	id := []byte(r.ID)
	old, err := t.Run(r.ID)
	switch {
	case err == nil:
		if err := t.remove(runsLive, liveKey(old)); err != nil {
			return err
		}
	case errors.Is(err, workflow.ErrNotFound):
		index, of := runsBySubject.at(r.Subject().About())
		if err := t.setIndex(index, append(of, id...), true); err != nil {
			return err
		}
		if err := t.setIndex(runsOfProject, append(projectKey(r.Repo.ID, r.Project.Name), id...), true); err != nil {
			return err
		}
	default:
		return err
	}
	t.Bucket(runs).FillPercent = sequential
	if err := put(t, runs, id, r); err != nil {
		return err
	}
	if r.State == workflow.RunFinished {
		return nil
	}
	return t.putRaw(runsLive, liveKey(r), subjectKey(r.Subject()))
}

func (t *tx) LiveRuns() ([]workflow.Run, error) {
	return t.liveRuns(func([]byte) bool { return true })
}

func (t *tx) LiveRunsOf(s workflow.Subject) ([]workflow.Run, error) {
	return t.liveRuns(func(of []byte) bool { return bytes.Equal(of, subjectKey(s)) })
}

// liveRuns are the live runs for the subjects, by their keys, that are wanted.
func (t *tx) liveRuns(wanted func(of []byte) bool) ([]workflow.Run, error) {
	var out []workflow.Run
	err := t.scan(runsLive, nil, func(key, of []byte) (bool, error) {
		if len(key) < 8 {
			return false, damaged(runsLive, key)
		}
		if !wanted(of) {
			return true, nil
		}
		r, err := t.Run(string(key[8:]))
		out = append(out, r)
		return true, err
	})
	return out, err
}

func (t *tx) RunsOf(s workflow.Subject, before string, limit int) ([]workflow.Run, error) {
	index, prefix := runsBySubject.at(s.About())
	return t.newestRuns(index, prefix, before, limit)
}

func (t *tx) RunsOfProject(repoID int64, project, before string, limit int) ([]workflow.Run, error) {
	return t.newestRuns(runsOfProject, projectKey(repoID, project), before, limit)
}

func (t *tx) newestRuns(index, prefix []byte, before string, limit int) ([]workflow.Run, error) {
	var out []workflow.Run
	err := t.scanBack(index, prefix, []byte(before), limit, func(key []byte) error {
		r, err := t.Run(string(key[len(prefix):]))
		out = append(out, r)
		return err
	})
	return out, err
}

func (t *tx) Plan(runID string) (workflow.Plan, error) {
	return get[workflow.Plan](t, plans, []byte(runID))
}

// PlanBrief reads the brief that was written beside a long plan. For a short plan, and for one
// that was written before there were briefs, it is made from the plan.
func (t *tx) PlanBrief(runID string) (workflow.Plan, error) {
	brief, err := get[workflow.Plan](t, planBriefs, []byte(runID))
	if !errors.Is(err, workflow.ErrNotFound) {
		return brief, err
	}
	p, err := t.Plan(runID)
	brief, _ = p.Brief()
	return brief, err
}

func (t *tx) PutPlan(runID string, p workflow.Plan) error {
	brief, cut := p.Brief()
	err := t.remove(planBriefs, []byte(runID))
	if cut && err == nil {
		t.Bucket(planBriefs).FillPercent = sequential
		err = put(t, planBriefs, []byte(runID), brief)
	}
	if err != nil {
		return err
	}
	t.Bucket(plans).FillPercent = sequential
	return put(t, plans, []byte(runID), p)
}

func (t *tx) Spend(planRun, applyRun string) error {
	if planRun == "" || applyRun == "" {
		return fmt.Errorf("spending a plan: it needs the runs of plan and apply")
	}
	// The key alone decides: a damaged mark is a mark all the same.
	if t.Bucket(spent).Get([]byte(planRun)) != nil {
		return fmt.Errorf("spending the plan of run %s: %w", planRun, workflow.ErrSpent)
	}
	t.Bucket(spent).FillPercent = sequential
	return put(t, spent, []byte(planRun), applyRun)
}

func (t *tx) Spent(planRun string) (string, error) { return get[string](t, spent, []byte(planRun)) }

// Append adds to the history of its repository.
func (t *tx) Append(e *workflow.Event) error {
	seq, err := t.next(events)
	if err != nil {
		return err
	}
	e.Seq = seq
	key := u64(uint64(e.Repo), seq)
	t.Bucket(events).FillPercent = sequential
	if err := put(t, events, key, e); err != nil {
		return err
	}
	return t.indexEvent(*e)
}

// indexEvent notes an event in the history of its subject, and in that of the pull which shows it.
func (t *tx) indexEvent(e workflow.Event) error {
	about := []workflow.About{e.About()}
	if _, one := e.About().Subject(); !one {
		return nil // a repository's history is what the bucket of the events has of it
	}
	if pull, shows := e.About().Pull(); shows {
		about = append(about, workflow.OfPull(pull).About())
	}
	for _, a := range about {
		index, of := eventsByAbout.at(a)
		if err := t.setIndex(index, append(of, u64(e.Seq)...), true); err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) Events(a workflow.About, before uint64, limit int) ([]workflow.Event, error) {
	repo := u64(uint64(a.Repo()))
	index, prefix := events, repo
	if _, one := a.Subject(); one {
		index, prefix = eventsByAbout.at(a)
	}
	var from []byte
	if before != 0 {
		from = u64(before)
	}
	var out []workflow.Event
	err := t.scanBack(index, prefix, from, limit, func(key []byte) error {
		e, err := get[workflow.Event](t, events, append(clone(repo), key[len(key)-8:]...))
		out = append(out, e)
		return err
	})
	return out, err
}

func (t *tx) EventsAfter(repoID int64, after uint64, limit int) ([]workflow.Event, error) {
	prefix := u64(uint64(repoID))
	var out []workflow.Event
	if limit <= 0 {
		return nil, nil
	}
	err := t.scanFrom(events, prefix, u64(uint64(repoID), after+1), func(key, value []byte) (bool, error) {
		e, err := decode[workflow.Event](events, key, value)
		out = append(out, e)
		return len(out) < limit, err
	})
	return out, err
}

func (t *tx) Setting(name string) ([]byte, error) {
	value := t.Bucket(settings).Get([]byte(name))
	if value == nil {
		return nil, missing(settings, []byte(name))
	}
	body, err := unseal(settings, []byte(name), value)
	return clone(body), err
}

func (t *tx) PutSetting(name string, value []byte) error {
	if name == "" {
		return fmt.Errorf("writing a setting: it needs a name")
	}
	return t.putRaw(settings, []byte(name), seal(settings, []byte(name), packedPlain, value))
}
