package service

import (
	"errors"
	"slices"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/gate"
)

// locksOn are those of a repository's locks that are on a project or on its state.
func locksOn(p workflow.ProjectRecord, all []workflow.Lock) []workflow.Lock {
	keys := p.LockKeys()
	var out []workflow.Lock
	for _, l := range all {
		if slices.ContainsFunc(keys, func(key string) bool { return workflow.Meets(l.Key, key) }) {
			out = append(out, l)
		}
	}
	return out
}

// findLocks notes with a record the locks on its projects, another pull's before its own.
func (a *act) findLocks(rec *workflow.PullRecord) error {
	rec.Locked = nil
	if rec.Pull.Repo.ID == 0 || len(rec.Projects) == 0 {
		return nil
	}
	all, err := a.tx.Locks(rec.Pull.Repo.ID)
	if err != nil || len(all) == 0 {
		return err
	}
	rec.Locked = map[string]workflow.Lock{}
	for _, p := range rec.Projects {
		for _, l := range locksOn(p, all) {
			if l.Pull == rec.Pull.Key() && !slices.Contains(p.LockKeys(), l.Key) {
				continue // of a project whose state may be the same one: this one is not locked by it
			}
			if had, ok := rec.Locked[p.Project.Name]; !ok || had.Pull == rec.Pull.Key() {
				rec.Locked[p.Project.Name] = l
			}
		}
	}
	return nil
}

// lockRequest is what locks are taken for.
type lockRequest struct {
	project workflow.Project
	state   workflow.KeptState
	user    workflow.Actor
	why     workflow.LockWhy
}

// lockChange is what taking locks changed: keys that are new, and locks of the pull's own as they were.
type lockChange struct {
	keys []string
	was  []workflow.Lock
}

// takeLocks takes all locks of a project for a pull, or none: then held is the one that is in the way.
func (a *act) takeLocks(pull workflow.PullKey, t lockRequest) (took lockChange, held *workflow.Lock, err error) {
	all, err := a.tx.Locks(pull.RepoID)
	if err != nil {
		return took, nil, err
	}
	epoch, err := a.tx.LastEpoch(pull.RepoID)
	if err != nil {
		return took, nil, err
	}
	taken, held := gate.TakeLocks(gate.TakeInput{
		Pull: pull, Project: t.project, State: t.state, Locks: all, User: t.user, Now: a.now, Why: t.why, LastEpoch: epoch,
	})
	if held != nil || len(taken) == 0 {
		return took, held, nil
	}
	for _, l := range taken {
		if i := slices.IndexFunc(all, func(old workflow.Lock) bool { return old.Key == l.Key }); i >= 0 {
			took.was = append(took.was, all[i])
		} else {
			took.keys = append(took.keys, l.Key)
		}
		if err := a.putLock(l); err != nil {
			return took, nil, err
		}
	}
	return took, nil, a.say(workflow.OfPull(pull).About(), workflow.Event{
		Kind: workflow.EventLocked, Project: t.project.Name, Actor: t.user,
		Text: phrase.Say("`%s` is locked for #%d (%s).", t.project.Name, pull.Number, t.why),
	})
}

// giveBack undoes the taking of an apply that provably did not start. Locks that
// something else holds on to meanwhile stay; where that is another apply that waits
// or runs, it gives them back in its turn.
func (a *act) giveBack(rec *workflow.PullRecord, order workflow.ApplyOrder) error {
	key := rec.Pull.Key()
	for _, was := range order.Was {
		l, err := a.tx.Lock(key.RepoID, was.Key)
		if errors.Is(err, workflow.ErrNotFound) || (err == nil && l.Epoch != was.Epoch) {
			continue
		}
		if err != nil {
			return err
		}
		if passed, err := a.passOn(rec, was.Key, func(o *workflow.ApplyOrder) { o.GiveBackTo(was) }); err != nil || passed {
			if err != nil {
				return err
			}
			continue
		}
		if gate.MayRelease(rec.WithPast(), l).Empty() {
			if err := a.putLock(was); err != nil {
				return err
			}
		}
	}
	var free []workflow.Lock
	for _, k := range order.Took {
		l, err := a.tx.Lock(key.RepoID, k)
		if errors.Is(err, workflow.ErrNotFound) || (err == nil && l.Pull != key) {
			continue
		}
		if err != nil {
			return err
		}
		if passed, err := a.passOn(rec, k, func(o *workflow.ApplyOrder) { o.Took = append(slices.Clone(o.Took), k) }); err != nil || passed {
			if err != nil {
				return err
			}
			continue
		}
		free = append(free, l)
	}
	_, err := a.release(*rec, free, release{unused: true})
	return err
}

// keepLocks is for locks that a live apply of the pull already holds: they are to stay, for
// another reason, even if that apply does not start, so that what was claimed meanwhile is
// still claimed. The record is changed, not saved.
func (a *act) keepLocks(rec *workflow.PullRecord, t lockRequest) error {
	for _, key := range workflow.LockKeys(t.project, t.state) {
		l, err := a.tx.Lock(rec.Pull.Repo.ID, key)
		if errors.Is(err, workflow.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		if l.Pull != rec.Pull.Key() || l.Why != workflow.LockApply {
			continue
		}
		l.User, l.Since, l.Why = t.user, a.now, t.why
		if _, err := a.passOn(rec, key, func(o *workflow.ApplyOrder) { o.GiveBackTo(l) }); err != nil {
			return err
		}
	}
	return nil
}

// passOn makes another live apply of the pull that needs a lock responsible for giving it
// back, instead of the one that took it, and reports whether there is one.
func (a *act) passOn(rec *workflow.PullRecord, key string, add func(*workflow.ApplyOrder)) (bool, error) {
	for _, p := range rec.WithPast().Projects {
		if apply := p.Apply; apply == nil || apply.State == workflow.RunFinished || apply.Apply == nil ||
			!slices.Contains(workflow.LockKeys(apply.Project, apply.Keeps()), key) {
			continue
		}
		run, err := a.tx.Run(p.Apply.ID)
		if err != nil {
			return false, err
		}
		add(run.Order())
		rec.Show(run)
		return true, a.put(run)
	}
	return false, nil
}
