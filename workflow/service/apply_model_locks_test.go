package service_test

import (
	"fmt"
	"reflect"
	"slices"

	"github.com/cardea-iac/cardea/workflow"
)

// checkWriters: no two applies that write, or may, are on one state or project.
func (l *life) checkWriters() {
	busy := map[string]string{}
	for id, r := range l.runs {
		if r.Kind != workflow.RunApply || !r.Apply.Spent || !mayWrite(r) {
			continue
		}
		for _, what := range workflow.LockKeys(r.Project, r.Keeps()) {
			if other, is := busy[what]; is {
				l.wrong("I1: %s and %s may both write %q", id, other, what)
			}
			busy[what] = id
		}
	}
}

// mayWrite reports whether an apply with the word may be writing, as far as anybody knows.
func mayWrite(r *workflow.Run) bool {
	return r.State != workflow.RunFinished || (r.Outcome == workflow.OutcomeUnknown && r.Apply.Resolved == "")
}

// guards reports whether an apply must keep its locks whatever happens.
func guards(r *workflow.Run) bool {
	return r.Kind == workflow.RunApply && (r.State != workflow.RunFinished || (r.Apply.Resolved == "" && (r.Outcome == workflow.OutcomeUnknown || r.Apply.ErroredState != "")))
}

// holds reports whether an apply keeps its locks while its pull is open.
func holds(r *workflow.Run) bool {
	return guards(r) || (r.Kind == workflow.RunApply && r.Apply.Spent && r.Outcome != workflow.OutcomeRefused)
}

func needs(r *workflow.Run, key string) bool {
	return slices.Contains(workflow.LockKeys(r.Project, r.Keeps()), key)
}

// everNeeded reports whether any run of an apply's project in its pull was on what a lock is for.
func (l *life) everNeeded(apply *workflow.Run, key string) bool {
	for _, r := range l.runs {
		if r.Subject() == apply.Subject() && r.Project.Key() == apply.Project.Key() && needs(r, key) {
			return true
		}
	}
	return false
}

// takeLocks checks that each lock is taken and released for a reason.
func (l *life) takeLocks(c *changes, done []workflow.Request) {
	for _, change := range c.locks {
		k := change.lock
		old, held := l.locks[k.Key]
		if change.gone {
			if held {
				l.unlocked(old, c, done)
			}
			continue
		}
		switch {
		case !held && k.Epoch <= l.epochs:
			l.wrong("I15: the lock %q is taken with epoch %d after %d", k.Key, k.Epoch, l.epochs)
		case held && (old.Pull != k.Pull || old.Epoch != k.Epoch):
			l.wrong("I7: the lock %q of #%d became #%d's", k.Key, old.Pull.Number, k.Pull.Number)
		case !l.mayTake(k, c, done):
			l.wrong("I7: the lock %q (%s) of #%d is taken for no reason", k.Key, k.Why, k.Pull.Number)
		}
		l.epochs = max(l.epochs, k.Epoch)
		l.locks[k.Key] = k
	}
	for _, r := range done {
		l.takeClaims(r)
	}
}

// takeClaims notes the locks that somebody was told they have.
func (l *life) takeClaims(r workflow.Request) {
	if r.Command == nil || r.Command.Verb != workflow.VerbLock {
		return
	}
	for _, item := range l.replies[fmt.Sprint(r.Number, " ", r.ID)].Items {
		for _, dir := range projectNames {
			if item.Done && dir == item.Project {
				l.claims["project\x00"+dir+"\x00default"] = r.Number
			}
		}
	}
}

func (l *life) unlocked(k workflow.Lock, c *changes, done []workflow.Request) {
	delete(l.locks, k.Key)
	if carriedOut(done, k.Pull.Number, workflow.VerbUnlock) != nil || l.recs[k.Pull.Number].Pull.State != workflow.PullOpen {
		delete(l.claims, k.Key)
	}
	for id, r := range l.runs {
		if r.Subject() == workflow.OfPull(k.Pull) && needs(r, k.Key) {
			l.released[id] = true
		}
	}
	if !l.mayRelease(k, c, done) {
		l.wrong("I7: the lock %q (%s) of #%d is released for no reason", k.Key, k.Why, k.Pull.Number)
	}
	l.counts["lock released"]++
}

func (l *life) mayTake(k workflow.Lock, c *changes, done []workflow.Request) bool {
	if carriedOut(done, k.Pull.Number, workflow.VerbApply) != nil || (k.Why == workflow.LockClaim && carriedOut(done, k.Pull.Number, workflow.VerbLock) != nil) {
		return true // an apply that is refused in the same commit gives it back there
	}
	return slices.ContainsFunc(c.runs, func(r workflow.Run) bool { // or gives a claim back as it was
		return r.Kind == workflow.RunApply && r.Outcome == workflow.OutcomeRefused && slices.ContainsFunc(r.Apply.Was, func(w workflow.Lock) bool { return reflect.DeepEqual(w, k) })
	})
}

func (l *life) mayRelease(k workflow.Lock, c *changes, done []workflow.Request) bool {
	n := k.Pull.Number
	switch {
	case l.recs[n].Pull.State != workflow.PullOpen, carriedOut(done, n, workflow.VerbUnlock) != nil, carriedOut(done, n, workflow.VerbApply) != nil:
		return true
	}
	return slices.ContainsFunc(c.runs, func(r workflow.Run) bool {
		return r.Number == n && r.Outcome == workflow.OutcomeRefused && needs(&r, k.Key)
	})
}

// checkLocks: a lock is held iff something holds it.
func (l *life) checkLocks() {
	for key, k := range l.locks {
		open := l.recs[k.Pull.Number].Pull.State == workflow.PullOpen
		held := false
		for _, r := range l.runs {
			held = held || (r.Subject() == workflow.OfPull(k.Pull) && needs(r, key) && (guards(r) || (open && holds(r))))
			// A plan may say that the project's state is another one by now; while an apply
			// of it is not settled its locks on that stay too.
			held = held || (r.Subject() == workflow.OfPull(k.Pull) && guards(r) && (r.Project.Name == k.Project || l.everNeeded(r, key)))
		}
		if !held && (k.Why == workflow.LockApply || !open) {
			l.wrong("I7: the lock %q (%s) of #%d (%s) is held by nothing", key, k.Why, k.Pull.Number, l.recs[k.Pull.Number].Pull.State)
		}
	}
	for key, n := range l.claims {
		if k, ok := l.locks[key]; !ok || k.Pull.Number != n {
			l.wrong("I7: #%d claimed %q, and %+v has it", n, key, k)
		}
	}
	for id, r := range l.runs {
		if r.Kind != workflow.RunApply || !(guards(r) || (holds(r) && !l.released[id] && l.recs[r.Number].Pull.State == workflow.PullOpen)) {
			continue
		}
		for _, key := range workflow.LockKeys(r.Project, r.Keeps()) {
			if k, ok := l.locks[key]; !ok || workflow.OfPull(k.Pull) != r.Subject() {
				l.wrong("I7: the apply %s of #%d (%s %s) goes without the lock %q", id, r.Number, r.State, r.Outcome, key)
			}
		}
	}
}
