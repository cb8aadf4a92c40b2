package service

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"

	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/gate"
)

// What a record says of a project can depend on other projects of the pull, and on other pulls.
// The first is looked at whenever the record is saved; the second changes with locks, and at the
// end of an act the records that meet those are saved.

// lookAround notes with a record what other projects and pulls have to do with each of its projects.
func (a *act) lookAround(rec *workflow.PullRecord) error {
	rec.FindUpstream()
	if err := a.findLocks(rec); err != nil || rec.Pull.State != workflow.PullOpen {
		return err // once it is over, what it waited for stays
	}
	rules, _ := a.s.rules(rec.Pull.Repo)
	for i := range rec.Projects {
		p := &rec.Projects[i]
		in := gate.InputOf(rules, *rec, *p, a.now)
		if len(in.Unsettled) > 0 {
			others, err := a.byLineage(*p.Run)
			if err != nil {
				return err
			}
			in.Sharing = append(slices.Clone(p.Run.Sharing), others...)
		}
		if l, ok := rec.Locked[p.Project.Name]; ok {
			in.Locks = []workflow.Lock{l}
		}
		p.WaitsFor = gate.Renew(in)
	}
	return nil
}

// putLock saves a lock that was taken or changed.
func (a *act) putLock(l workflow.Lock) error {
	a.relocked[l.RepoID] = append(a.relocked[l.RepoID], l.Key)
	return a.tx.PutLock(l)
}

// showLocks lets the open pulls that meet a lock which was taken or changed show whose it is.
func (a *act) showLocks() error {
	for _, repo := range slices.Sorted(maps.Keys(a.relocked)) {
		if len(a.relocked[repo]) == 0 {
			continue
		}
		pulls, err := a.tx.PullsMeeting(repo, a.relocked[repo])
		if err != nil {
			return err
		}
		for _, rec := range pulls {
			if err := a.saveIfOtherwise(rec); err != nil {
				return err
			}
		}
	}
	return nil
}

// saveIfOtherwise saves a record if others have something else to do with its projects by now.
func (a *act) saveIfOtherwise(rec workflow.PullRecord) error {
	was, err := json.Marshal(rec)
	if err != nil {
		return err
	}
	if err := a.lookAround(&rec); err != nil {
		return err
	}
	if now, err := json.Marshal(rec); err != nil || bytes.Equal(was, now) {
		return err
	}
	return a.save(rec)
}
