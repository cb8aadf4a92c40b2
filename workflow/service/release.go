package service

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/gate"
	"github.com/cardea-iac/cardea/workflow/scope"
)

// release is how locks are released.
type release struct {
	why   string // part of the history's sentence: "merged"
	actor workflow.Actor
	// unused: these were taken for an apply that did not start. Nothing else relies on them, and
	// as nothing was applied under them, nobody has to plan anew.
	unused bool
}

// release removes those of a pull's locks that may go; stays are sentences about
// the others. Pulls that met one of them are told, and plan anew where this pull
// may have changed the state.
func (a *act) release(rec workflow.PullRecord, locks []workflow.Lock, how release) (stays []phrase.Text, err error) {
	var freed []workflow.Lock
	for _, l := range locks {
		if why := gate.MayRelease(rec.WithPast(), l); !why.Empty() && !how.unused {
			if !slices.ContainsFunc(stays, why.Equal) {
				stays = append(stays, why)
			}
			continue
		}
		if err := a.tx.DeleteLock(l.RepoID, l.Key); err != nil {
			return stays, err
		}
		freed = append(freed, l)
		a.relocked[l.RepoID] = slices.DeleteFunc(a.relocked[l.RepoID], func(key string) bool { return key == l.Key })
	}
	if len(freed) == 0 {
		return stays, nil
	}
	for _, name := range lockedNames(freed) {
		if err := a.say(rec.Pull.Subject().About(), workflow.Event{
			Kind: workflow.EventUnlocked, Project: name, Actor: how.actor,
			Text: phrase.Say("The lock on `%s` is released.", name).And(phrase.Plain(how.why)),
		}); err != nil {
			return stays, err
		}
	}
	return stays, a.tellFreed(rec, freed, how)
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

// othersMeeting are the other open pulls that one of these locks' keys meets.
func (a *act) othersMeeting(rec workflow.PullRecord, keys []string) ([]workflow.PullRecord, error) {
	pulls, err := a.tx.PullsMeeting(rec.Pull.Repo.ID, keys)
	return slices.DeleteFunc(pulls, func(other workflow.PullRecord) bool { return other.Pull.Key() == rec.Pull.Key() }), err
}

// tellFreed lets the other open pulls whose projects met released locks show it.
// Those that were refused because of one, or that lack nothing else, are told by a comment. Plans are made
// anew where the holder had applied something, and where a plan with changes
// takes the lock.
func (a *act) tellFreed(rec workflow.PullRecord, freed []workflow.Lock, how release) error {
	var keys []string
	for _, l := range freed {
		keys = append(keys, l.Key)
	}
	others, err := a.othersMeeting(rec, keys)
	if err != nil {
		return err
	}
	left, err := a.tx.Locks(rec.Pull.Repo.ID)
	if err != nil {
		return err
	}
	for _, other := range others {
		again, told := map[string][]string{}, []workflow.ReplyItem(nil)
		save := a.saveIfOtherwise
		for i := range other.Projects {
			p := &other.Projects[i]
			on := locksOn(*p, freed)
			if len(on) == 0 {
				continue
			}
			why := a.s.plansWhenFreed(other, *p, on[0], how)
			if why != "" {
				again[why] = append(again[why], p.Project.Name)
			}
			switch {
			case !gate.WaitsForLock(*p) || slices.ContainsFunc(locksOn(*p, left), func(l workflow.Lock) bool { return l.Pull != other.Pull.Key() }):
			case how.unused && (!p.MetLock || p.Freed != nil): // nobody saw it, or another's release is told with the plan
			case why != "":
				p.Freed, save = &workflow.Freed{By: rec.Pull.Number, Run: p.Run.ID}, a.save
			default:
				p.MetLock, save = false, a.save
				told = append(told, workflow.ReplyItem{Project: p.Project.Name, Done: true})
			}
		}
		if len(told) > 0 {
			other.TellFreed(a.newID(), rec.Pull.Number, told, a.now)
		}
		if err := save(other); err != nil {
			return err
		}
		for _, why := range slices.Sorted(maps.Keys(again)) {
			if err := a.planAgain(other.Pull, again[why], why); err != nil {
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
	told, free, id := map[int][]workflow.ReplyItem{}, map[string]bool{}, ""
	for _, p := range rec.Projects {
		if p.Freed == nil || p.Deleted || !p.Project.Refused.Empty() || rec.Pull.State != workflow.PullOpen {
			continue
		}
		if p.Run == nil || p.Run.ID == p.Freed.Run || p.Run.State != workflow.RunFinished {
			return // it is told of all of them together
		}
		if l, ok := rec.Locked[p.Project.Name]; !ok || l.Pull == rec.Pull.Key() {
			told[p.Freed.By], id = append(told[p.Freed.By], workflow.ReplyItem{Project: p.Project.Name, Done: true}), p.Run.ID
			free[p.Project.Name] = true
		}
	}
	for i := range rec.Projects {
		p := &rec.Projects[i]
		p.Freed, p.MetLock = nil, p.MetLock && !free[p.Project.Name]
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
	if _, none := scope.CurrentPlan(p); ok && none.Empty() && scope.NothingToApply(p) == "" && rules.ForProject(p.Project).LockOnPlan {
		return fmt.Sprintf("#%d released its lock, which a plan with changes takes.", freed.Pull.Number)
	}
	return ""
}

// planAgain submits the request that plans these projects of a pull anew, whatever they are made from.
func (a *act) planAgain(p workflow.Pull, projects []string, why string) error {
	req := workflow.Request{
		Kind: workflow.RequestBase, Repo: p.Repo, Number: p.Number, Actor: p.Author, Action: p.Base.Ref, Immediate: true,
		Replan: projects, Why: why,
		Key: fmt.Sprintf("again:%s:%s", p.Key(), a.newID()),
	}
	_, _, err := a.submit(req)
	return err
}

// releaseAll releases the locks of a pull that is over; those that must stay are released when the end of what they guard is known.
func (a *act) releaseAll(rec workflow.PullRecord) (stays []phrase.Text, err error) {
	locks, err := a.tx.LocksOfPull(rec.Pull.Key())
	if err != nil {
		return nil, err
	}
	return a.release(rec, locks, release{why: "The pull request is " + string(rec.Pull.State) + "."})
}
