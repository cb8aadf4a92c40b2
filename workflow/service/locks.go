package service

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

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
func findLocks(tx workflow.Tx, rec *workflow.PullRecord) error {
	rec.Locked = nil
	if rec.Pull.Repo.ID == 0 || len(rec.Projects) == 0 {
		return nil
	}
	all, err := tx.Locks(rec.Pull.Repo.ID)
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

// taking is what a lock is taken for.
type taking struct {
	project workflow.Project
	state   workflow.KeptState
	user    workflow.Actor
	why     workflow.LockWhy
}

// lockTaken is what a taking changed: keys that are new, and locks of the pull's own as they were.
type lockTaken struct {
	keys []string
	was  []workflow.Lock
}

// takeLocks takes all locks of a project for a pull, or none: then held is the one that is in the way.
func takeLocks(tx workflow.Tx, pull workflow.PullKey, t taking, now time.Time) (took lockTaken, held *workflow.Lock, err error) {
	all, err := tx.Locks(pull.RepoID)
	if err != nil {
		return took, nil, err
	}
	epoch, err := tx.LastEpoch(pull.RepoID)
	if err != nil {
		return took, nil, err
	}
	taken, held := gate.TakeLocks(gate.TakeInput{
		Pull: pull, Project: t.project, State: t.state, Locks: all, User: t.user, Now: now, Why: t.why, LastEpoch: epoch,
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
		if err := tx.PutLock(l); err != nil {
			return took, nil, err
		}
	}
	e := event(workflow.EventLocked, now, pull, fmt.Sprintf("`%s` is locked for #%d (%s).", t.project.Name, pull.Number, t.why))
	e.Project, e.Actor = t.project.Name, t.user
	return took, nil, tx.Append(e)
}

// giveBack undoes the taking of an apply that provably did not start. Locks that
// something else holds on to meanwhile stay; where that is another apply that waits
// or runs, it gives them back in its turn.
func (s *Service) giveBack(tx workflow.Tx, rec *workflow.PullRecord, order workflow.ApplyOrder, now time.Time) error {
	key := rec.Pull.Key()
	for _, was := range order.Was {
		l, err := tx.Lock(key.RepoID, was.Key)
		if errors.Is(err, workflow.ErrNotFound) || (err == nil && l.Epoch != was.Epoch) {
			continue
		}
		if err != nil {
			return err
		}
		if passed, err := passOn(tx, rec, was.Key, func(o *workflow.ApplyOrder) { o.GiveBackTo(was) }); err != nil || passed {
			if err != nil {
				return err
			}
			continue
		}
		if gate.MayRelease(rec.WithPast(), l) == "" {
			if err := tx.PutLock(was); err != nil {
				return err
			}
		}
	}
	var free []workflow.Lock
	for _, k := range order.Took {
		l, err := tx.Lock(key.RepoID, k)
		if errors.Is(err, workflow.ErrNotFound) || (err == nil && l.Pull != key) {
			continue
		}
		if err != nil {
			return err
		}
		if passed, err := passOn(tx, rec, k, func(o *workflow.ApplyOrder) { o.Took = append(slices.Clone(o.Took), k) }); err != nil || passed {
			if err != nil {
				return err
			}
			continue
		}
		free = append(free, l)
	}
	_, err := s.release(tx, *rec, free, release{now: now, unused: true})
	return err
}

// remain makes locks that a live apply of the pull holds anyway stay for another
// reason when that apply turns out not to start: what was claimed meanwhile is
// claimed still. The record is changed, not saved.
func remain(tx workflow.Tx, rec *workflow.PullRecord, t taking, now time.Time) error {
	for _, key := range workflow.LockKeys(t.project, t.state) {
		l, err := tx.Lock(rec.Pull.Repo.ID, key)
		if errors.Is(err, workflow.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		if l.Pull != rec.Pull.Key() || l.Why != workflow.LockApply {
			continue
		}
		l.User, l.Since, l.Why = t.user, now, t.why
		if _, err := passOn(tx, rec, key, func(o *workflow.ApplyOrder) { o.GiveBackTo(l) }); err != nil {
			return err
		}
	}
	return nil
}

// passOn lets another live apply of the pull that needs a lock give it back in
// the place of the one that took it, and reports whether there is one.
func passOn(tx workflow.Tx, rec *workflow.PullRecord, key string, add func(*workflow.ApplyOrder)) (bool, error) {
	for _, p := range rec.WithPast().Projects {
		if a := p.Apply; a == nil || a.State == workflow.RunFinished || a.Apply == nil || !slices.Contains(workflow.LockKeys(a.Project, a.Keeps()), key) {
			continue
		}
		run, err := tx.Run(p.Apply.ID)
		if err != nil {
			return false, err
		}
		add(run.Order())
		rec.Show(run)
		return true, tx.PutRun(run)
	}
	return false, nil
}

// release is how locks are released.
type release struct {
	now   time.Time
	why   string // part of the history's sentence: "merged"
	actor workflow.Actor
	// unused: these were taken for an apply that did not start. Nothing else relies on
	// them, and as nothing was applied under them nobody has to plan anew.
	unused bool
}

// release removes those of a pull's locks that may go; stays are sentences about
// the others. Pulls that met one of them are told, and plan anew where this pull
// may have changed the state.
func (s *Service) release(tx workflow.Tx, rec workflow.PullRecord, locks []workflow.Lock, how release) (stays []string, err error) {
	var freed []workflow.Lock
	for _, l := range locks {
		if why := gate.MayRelease(rec.WithPast(), l); why != "" && !how.unused {
			if !slices.Contains(stays, why) {
				stays = append(stays, why)
			}
			continue
		}
		if err := tx.DeleteLock(l.RepoID, l.Key); err != nil {
			return stays, err
		}
		freed = append(freed, l)
	}
	if len(freed) == 0 {
		return stays, nil
	}
	for _, name := range lockedNames(freed) {
		e := event(workflow.EventUnlocked, how.now, rec.Pull.Key(), strings.TrimSpace(fmt.Sprintf("The lock on `%s` is released. %s", name, how.why)))
		e.Project, e.Actor = name, how.actor
		if err := tx.Append(e); err != nil {
			return stays, err
		}
	}
	return stays, s.tellFreed(tx, rec, freed, how)
}

func lockedNames(locks []workflow.Lock) []string {
	var names []string
	for _, l := range locks {
		if !slices.Contains(names, l.Project) {
			names = append(names, l.Project)
		}
	}
	return names
}

// tellFreed lets the other open pulls whose projects met released locks show it.
// Those that were refused because of one are told by a comment. Plans are made
// anew where the holder had applied something, and where a plan with changes
// takes the lock.
func (s *Service) tellFreed(tx workflow.Tx, rec workflow.PullRecord, freed []workflow.Lock, how release) error {
	var keys []string
	for _, l := range freed {
		keys = append(keys, l.Key)
	}
	pulls, err := tx.PullsMeeting(rec.Pull.Repo.ID, keys)
	if err != nil {
		return err
	}
	for _, other := range pulls {
		if other.Pull.Key() == rec.Pull.Key() {
			continue
		}
		again, told := map[string][]string{}, []workflow.ReplyItem(nil)
		for i := range other.Projects {
			p := &other.Projects[i]
			on := locksOn(*p, freed)
			if len(on) == 0 {
				continue
			}
			why, waits := s.plansWhenFreed(other, *p, on[0], how), gate.Lacks(p.WaitsFor, workflow.NeedLock)
			if why != "" {
				again[why] = append(again[why], p.Project.Name)
			}
			p.WaitsFor = gate.Without(p.WaitsFor, workflow.NeedLock)
			switch {
			case !waits:
			case why != "":
				p.Freed = &workflow.Freed{By: rec.Pull.Number, Run: p.Run.ID}
			default:
				told = append(told, workflow.ReplyItem{Project: p.Project.Name, Done: true})
			}
		}
		if len(told) > 0 && !how.unused {
			other.TellFreed(s.newID(how.now), rec.Pull.Number, told, how.now)
		}
		if err := savePull(tx, other, how.now); err != nil {
			return err
		}
		for _, why := range slices.Sorted(maps.Keys(again)) {
			if err := s.planAgain(tx, other.Pull, again[why], why, how.now); err != nil {
				return err
			}
		}
	}
	return nil
}

// tellPlanned tells of released locks once all the plans that are made anew for
// them are there. What another pull has taken meanwhile is told when that one
// releases it.
func tellPlanned(rec *workflow.PullRecord, now time.Time) {
	told, id := map[int][]workflow.ReplyItem{}, ""
	for _, p := range rec.Projects {
		if p.Freed == nil || p.Deleted || p.Project.Refused != "" || rec.Pull.State != workflow.PullOpen {
			continue
		}
		if p.Run == nil || p.Run.ID == p.Freed.Run || p.Run.State != workflow.RunFinished {
			return // it is told of all of them together
		}
		if l, ok := rec.Locked[p.Project.Name]; !ok || l.Pull == rec.Pull.Key() {
			told[p.Freed.By], id = append(told[p.Freed.By], workflow.ReplyItem{Project: p.Project.Name, Done: true}), p.Run.ID
		}
	}
	for i := range rec.Projects {
		rec.Projects[i].Freed = nil
	}
	for _, by := range slices.Sorted(maps.Keys(told)) {
		rec.TellFreed(fmt.Sprintf("%s/%d", id, by), by, told[by], now)
	}
}

// plansWhenFreed says why a project of another pull is planned anew when a lock is released, "" when it is not.
func (s *Service) plansWhenFreed(other workflow.PullRecord, p workflow.ProjectRecord, freed workflow.Lock, how release) string {
	if p.Run == nil {
		return ""
	}
	if freed.Why == workflow.LockApply && !how.unused {
		return fmt.Sprintf("#%d applied something to the same state.", freed.Pull.Number)
	}
	rules, ok := s.rules(other.Pull.Repo)
	if _, none := currentPlan(p); ok && none == "" && nothingToApply(p) == "" && rules.ForProject(p.Project).LockOnPlan {
		return fmt.Sprintf("#%d released its lock, which a plan with changes takes.", freed.Pull.Number)
	}
	return ""
}

// planAgain submits the request that plans these projects of a pull anew, whatever they are made from.
func (s *Service) planAgain(tx workflow.Tx, p workflow.Pull, projects []string, why string, now time.Time) error {
	req := workflow.Request{
		Kind: workflow.RequestBase, Repo: p.Repo, Number: p.Number, Actor: p.Author, Action: p.Base.Ref, Immediate: true, Replan: projects, Why: why,
		Key: fmt.Sprintf("again:%s:%s", p.Key(), s.newID(now)),
	}
	_, _, err := s.submit(tx, req, now)
	return err
}

// releaseAll releases the locks of a pull that is over; those that must stay are released when what they guard is settled.
func (s *Service) releaseAll(tx workflow.Tx, rec workflow.PullRecord, now time.Time) (stays []string, err error) {
	locks, err := tx.LocksOfPull(rec.Pull.Key())
	if err != nil {
		return nil, err
	}
	return s.release(tx, rec, locks, release{now: now, why: "The pull request is " + string(rec.Pull.State) + "."})
}
