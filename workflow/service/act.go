package service

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/cardea-iac/cardea/workflow"
)

// act is one transaction. What it writes is written all of it or not at all, at one
// time; whoever waits for what it wrote is woken, and what it puts off until after is
// done, when it is durable and not before.
type act struct {
	s     *Service
	tx    workflow.Tx
	now   time.Time
	after []func()
	wakes [wakeKinds]bool
}

// act carries rule out as one act. The store may call rule more than once: each time
// begins with nothing, and only what the last one put off is done.
func (s *Service) act(ctx context.Context, rule func(*act) error) error {
	var a *act
	err := s.store.Update(ctx, func(tx workflow.Tx) error {
		a = &act{s: s, tx: tx, now: s.now()}
		return rule(a)
	})
	if err != nil {
		return err
	}
	for _, do := range a.after {
		do()
	}
	for which, wake := range a.wakes {
		if wake {
			s.wake(Wake(which))
		}
	}
	return nil
}

// newID returns an id that sorts after every earlier one of this process, so
// that "newest first" is an order even within a millisecond.
func (a *act) newID() string {
	s, now := a.s, a.now
	s.ids.Lock()
	defer s.ids.Unlock()
	if !now.After(s.lastID) {
		now = s.lastID.Add(time.Millisecond)
	}
	s.lastID = now.Truncate(time.Millisecond)
	return workflow.NewID(s.lastID)
}

// drop deletes the artefacts of plan runs once the act is durable.
func (a *act) drop(runs ...string) {
	a.after = append(a.after, func() {
		for _, id := range runs {
			a.s.drop(id)
		}
	})
}

// save saves a pull's record that changed in a way that people see.
func (a *act) save(rec workflow.PullRecord) error {
	a.wakes[WakePulls] = true
	rec.Version++
	rec.ChangedAt = a.now
	rec.Replies = slices.DeleteFunc(rec.Replies, func(r workflow.Reply) bool { return r.Done && a.now.Sub(r.At) > keepReplies })
	rec.FindUpstream()
	if err := a.findLocks(&rec); err != nil {
		return err
	}
	tellPlanned(&rec, a.now)
	return a.tx.PutPull(rec)
}

// change loads a record, changes it and saves it when how says that people see a
// difference. A pull that has no record has nobody to tell.
func (a *act) change(key workflow.PullKey, how func(*workflow.PullRecord) bool) error {
	rec, err := a.tx.Pull(key)
	if errors.Is(err, workflow.ErrNotFound) {
		return nil
	}
	if err != nil || !how(&rec) {
		return err
	}
	return a.save(rec)
}

// put saves a run.
func (a *act) put(run workflow.Run) error {
	running := run.State == workflow.RunRunning
	a.wakes[WakeRuns] = a.wakes[WakeRuns] || !running
	a.wakes[WakeInterrupts] = a.wakes[WakeInterrupts] || running && run.Interrupt != ""
	return a.tx.PutRun(run)
}

// enqueue saves a new run; text says so in the history.
func (a *act) enqueue(run workflow.Run, text string) error {
	return errors.Join(a.put(run), a.sayOf(run, workflow.EventQueued, text))
}

// putRequest saves a request.
func (a *act) putRequest(req *workflow.Request) error {
	a.wakes[WakeRequests] = true
	return a.tx.PutRequest(req)
}

// finish ends a request; note is a sentence that says what became of it.
func (a *act) finish(req workflow.Request, note string) error {
	req.Done, req.Note, req.Finished, req.Waiting = true, note, a.now, ""
	return a.putRequest(&req)
}

// say adds a line to a pull's history.
func (a *act) say(key workflow.PullKey, e workflow.Event) error {
	e.At, e.Repo, e.Number = a.now, key.RepoID, key.Number
	return a.tx.Append(&e)
}

// sayOf adds a line about a run to its pull's history.
func (a *act) sayOf(run workflow.Run, kind workflow.EventKind, text string) error {
	return a.say(run.PullKey(), workflow.Event{Kind: kind, Text: text, Project: run.Project.Name, Run: run.ID, Actor: run.Actor})
}
