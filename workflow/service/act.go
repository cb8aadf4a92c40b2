package service

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/workflow"
)

// act is one transaction. All of what it writes is written, or nothing, with one time. Once
// that is durable, and not before, loops that wait for what it wrote are woken, and what it
// put off is done.
type act struct {
	s     *Service
	tx    workflow.Tx
	now   time.Time
	after []func()
	wakes [wakeKinds]bool
	// touched are pulls with applies that wait for others, whose records were saved; turns are
	// the commands whose turn for those is over, and how it ended.
	touched []workflow.PullKey
	turns   map[string]string
	// relocked are the keys of locks that were taken or changed, by repository.
	relocked map[int64][]string
}

// act carries rule out as one act. The store may call rule more than once: each time
// begins with nothing, and only what the last one put off is done.
func (s *Service) act(ctx context.Context, rule func(*act) error) error {
	var a *act
	err := s.store.Update(ctx, func(tx workflow.Tx) error {
		a = &act{s: s, tx: tx, now: s.now(), turns: map[string]string{}, relocked: map[int64][]string{}}
		if err := rule(a); err != nil {
			return err
		}
		if err := a.showLocks(); err != nil {
			return err
		}
		return a.lookAtFollows()
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
	if err := a.lookAround(&rec); err != nil {
		return err
	}
	tellPlanned(&rec, a.now)
	if len(rec.Following) > 0 {
		a.touched = append(a.touched, rec.Pull.Key())
	}
	return a.tx.PutPull(rec)
}

// shower is the record of the pull that shows something; nil for what no pull shows, such
// as a run for a branch, and for a pull that is not on record.
func shower(tx workflow.Tx, about workflow.About) (*workflow.PullRecord, error) {
	pull, shown := about.Pull()
	if !shown {
		return nil, nil
	}
	rec, err := tx.Pull(pull)
	if errors.Is(err, workflow.ErrNotFound) {
		return nil, nil
	}
	return &rec, err
}

// change changes the record that shows something, and saves it when how says that people see
// a difference. Where no record shows it, there is nobody to tell.
func (a *act) change(about workflow.About, how func(*workflow.PullRecord) bool) error {
	rec, err := shower(a.tx, about)
	if err != nil || rec == nil || !how(rec) {
		return err
	}
	return a.save(*rec)
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
	if pull, ok := req.About().Pull(); ok && req.Follow != "" {
		a.turns[req.Follow] = note
		a.touched = append(a.touched, pull)
	}
	return a.putRequest(&req)
}

// say adds a line to the history.
func (a *act) say(about workflow.About, e workflow.Event) error {
	e.At = a.now
	e.SetAbout(about)
	return a.tx.Append(&e)
}

// sayOf adds a line about a run to the history of what it is for.
func (a *act) sayOf(run workflow.Run, kind workflow.EventKind, text string) error {
	return a.say(run.Subject().About(), workflow.Event{Kind: kind, Text: phrase.Plain(text), Project: run.Project.Name,
		Run: run.ID, Actor: run.By()})
}
