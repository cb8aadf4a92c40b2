package service

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/scope"
)

// Receive stores a verified delivery before it is answered: when it returns nil
// the delivery is on disk. It reports whether it was new; GitHub's redeliveries are not.
func (s *Service) Receive(ctx context.Context, d workflow.Delivery) (added bool, err error) {
	if d.Received.IsZero() {
		d.Received = s.now()
	}
	added, err = s.store.Receive(ctx, d)
	if err != nil {
		return added, fmt.Errorf("storing delivery %s: %w", d.GUID, err)
	}
	if added {
		s.wake(WakeInbox)
	}
	return added, nil
}

// PendingOf returns the requests about this that are not done, in order of arrival.
func (s *Service) PendingOf(ctx context.Context, about workflow.About) ([]workflow.Request, error) {
	return read(ctx, s, "reading the requests about "+about.String(),
		func(tx workflow.Tx) ([]workflow.Request, error) { return tx.PendingRequestsOf(about) })
}

// PendingDeliveries returns up to limit deliveries that are not worked off yet, oldest first.
func (s *Service) PendingDeliveries(ctx context.Context, limit int) ([]workflow.Delivery, error) {
	return read(ctx, s, "reading the inbox", func(tx workflow.Tx) ([]workflow.Delivery, error) { return tx.PendingDeliveries(limit) })
}

// WorkOffDelivery makes a delivery into a request, or with req nil ignores it
// because of note, in one transaction. The request is unique by its Key: when
// there is one with that meaning already, that one is returned and created is
// false. A delivery that is worked off already is left as it is.
func (s *Service) WorkOffDelivery(
	ctx context.Context, d workflow.Delivery, req *workflow.Request, note string,
) (stored workflow.Request, created bool, err error) {
	err = s.act(ctx, func(a *act) error {
		stored, created = workflow.Request{}, false
		saved, err := a.tx.Delivery(d.GUID, d.Event)
		if err != nil {
			return err
		}
		if req != nil {
			fresh := *req
			fresh.GUID = d.GUID
			if fresh.Received.IsZero() {
				fresh.Received = saved.Received
			}
			if stored, created, err = a.submit(fresh); err != nil {
				return err
			}
			note = "became request " + stored.ID
			if !created {
				note = "means the same as request " + stored.ID
			}
		}
		if saved.Done {
			return nil
		}
		saved.Done, saved.Note, saved.Finished = true, note, a.now
		saved.Attempts++
		return a.tx.PutDelivery(saved)
	})
	return stored, created && err == nil, wrap(err, "working off delivery "+d.GUID)
}

// Submit stores a request that no delivery brought, such as one for an open pull
// whose webhook was missed. Unique by its Key, as WorkOffDelivery's.
func (s *Service) Submit(ctx context.Context, req workflow.Request) (stored workflow.Request, created bool, err error) {
	err = s.act(ctx, func(a *act) (err error) {
		stored, created, err = a.submit(req)
		return err
	})
	return stored, created && err == nil, wrap(err, fmt.Sprintf("submitting request %q", req.Key))
}

func (a *act) submit(req workflow.Request) (stored workflow.Request, created bool, err error) {
	same, err := a.tx.RequestByKey(req.Key)
	if err == nil {
		return same, false, nil
	}
	if !errors.Is(err, workflow.ErrNotFound) {
		return stored, false, err
	}
	req.ID = a.newID()
	if req.Received.IsZero() {
		req.Received = a.now
	}
	if req.Spreads() {
		if err := a.spread(&req); err != nil {
			return stored, false, err
		}
	} else if a.s.settles(req) {
		if err := a.settlePushes(&req); err != nil {
			return stored, false, err
		}
	}
	if _, err := a.seenRepo(req.Repo); err != nil {
		return stored, false, err
	}
	if err := a.putRequest(&req); err != nil {
		return stored, false, err
	}
	return req, true, a.say(req.About(), workflow.Event{
		Kind: workflow.EventRequest, Actor: req.By(),
		Text: phrase.Plain(scope.Describe(req)),
	})
}

// settles reports whether a request waits for the next push.
func (s *Service) settles(r workflow.Request) bool {
	return (r.Kind == workflow.RequestPull || r.Kind == workflow.RequestBase) && !r.Immediate && s.settle > 0
}

// settlePushes lets a push wait for the next one, and takes the place of pushes
// to this pull that still waited: they would read the same live facts. A burst
// is waited for at most ten settle times.
func (a *act) settlePushes(req *workflow.Request) error {
	pending, err := a.tx.PendingRequestsOf(req.About())
	if err != nil {
		return err
	}
	req.SettlesFrom = a.now
	for _, p := range pending {
		if p.Kind != req.Kind || !a.s.settles(p) || p.Attempts > 0 || !p.NotBefore.After(a.now) {
			continue
		}
		if p.SettlesFrom.Before(req.SettlesFrom) {
			req.SettlesFrom = p.SettlesFrom
		}
		p.Done, p.Finished, p.Waiting = true, a.now, ""
		p.Note = "A newer push came while this one settled."
		if err := a.putRequest(&p); err != nil {
			return err
		}
	}
	req.NotBefore = a.now.Add(a.s.settle)
	if last := req.SettlesFrom.Add(settleAtMost * a.s.settle); req.NotBefore.After(last) {
		req.NotBefore = last
	}
	return nil
}

// duePage is how many pending requests are read at a time.
const duePage = 64

// DueQuery limits DueRequests. The zero query asks for all that is due.
type DueQuery struct {
	Limit int // of requests returned
	Look  int // roughly how many pending ones are looked at; others are seen by a later, longer look
	// May leaves out requests that cannot be begun now.
	May func(workflow.Request) bool
}

// DueRequests returns the requests to expand now, at most one about the same, in the
// order in which they came: while one waits to be tried again, later ones about the
// same wait too; but nothing waits for a push that settles, and nothing for long for what
// nobody wrote. next is when the
// earliest of the others that were seen is due, zero when nothing waits for a
// time. A request stays due until it is finished, expanded or put back.
func (s *Service) DueRequests(ctx context.Context, q DueQuery) (due []workflow.Request, next time.Time, err error) {
	look := dueLook{now: s.now(), may: q.May, taken: map[workflow.About]bool{}}
	full := func() bool { return q.Limit > 0 && len(look.due) >= q.Limit }
	err = s.store.View(ctx, func(tx workflow.Tx) error {
		for after, seen := uint64(0), 0; ; seen += duePage {
			page, err := tx.PendingRequests(after, duePage)
			if err != nil {
				return err
			}
			for _, r := range page {
				if full() {
					return nil
				}
				look.at(r)
				after = r.Seq
			}
			if len(page) < duePage || (q.Look > 0 && seen >= q.Look) {
				return nil
			}
		}
	})
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("reading requests: %w", err)
	}
	return look.due, look.next, nil
}

// dueLook decides for DueRequests, which shows it the pending requests in order of arrival.
type dueLook struct {
	now   time.Time
	may   func(workflow.Request) bool
	taken map[workflow.About]bool
	due   []workflow.Request
	next  time.Time
	// passed are reviews that wait and that others may overtake.
	passed []workflow.Request
}

func (l *dueLook) at(r workflow.Request) {
	key := r.About()
	if l.taken[key] {
		return
	}
	if slices.ContainsFunc(l.passed, func(p workflow.Request) bool { return p.About() == key && takesBack(r, p) }) {
		l.taken[key] = true
		return
	}
	if !r.NotBefore.After(l.now) {
		l.taken[key] = true
		if l.may == nil || l.may(r) {
			l.due = append(l.due, r)
		}
		return
	}
	if l.next.IsZero() || r.NotBefore.Before(l.next) {
		l.next = r.NotBefore
	}
	settling := (r.Kind == workflow.RequestPull || r.Kind == workflow.RequestBase) && r.Attempts == 0
	if patient(r) {
		l.passed = append(l.passed, r)
	} else if !settling {
		l.taken[key] = true
	}
}

// holdsFor is how many tries of what nobody wrote later requests wait for: some seconds.
const holdsFor = 3

// patient reports whether later requests may be carried out before one that waits to be tried again: a review,
// which is of what was shown when it was submitted, and the turn of applies that follow others, which comes
// whenever it may. Nobody who writes a command waits for GitHub to answer about those.
func patient(r workflow.Request) bool {
	return (r.Kind == workflow.RequestReview || r.Follow != "") && r.Attempts > holdsFor
}

// takesBack reports whether a request withdraws what a review approves, so that it must come after it.
func takesBack(r, review workflow.Request) bool {
	return r.Command != nil && r.Command.Verb == workflow.VerbUnapprove && review.Review != nil && r.Actor.ID == review.Review.By.ID
}

// maxBegun is how often a request is begun that never ends in order: a request that brings
// the server down each time must not do so for ever.
const maxBegun = 3

// withRequest is an act about a request, unless that is done.
func (s *Service) withRequest(ctx context.Context, id string, do func(*act, workflow.Request) error) error {
	return s.act(ctx, func(a *act) error {
		req, err := a.tx.Request(id)
		if err != nil || req.Done {
			return err
		}
		return do(a, req)
	})
}

// BeginRequest notes, durably, that a request is carried out now, and reports
// whether it is to be. One that was begun several times and ended the server each
// time is not, and fails with that reason.
func (s *Service) BeginRequest(ctx context.Context, id string) (begun bool, err error) {
	err = s.withRequest(ctx, id, func(a *act, req workflow.Request) error {
		if req.NotBefore.After(a.now) {
			return nil
		}
		if req.Begun >= maxBegun {
			return a.fail(req, fmt.Sprintf("It was begun %d times, and each time the server ended before it did.", maxBegun))
		}
		req.Begun++
		a.after = append(a.after, func() { begun = true })
		return a.tx.PutRequest(&req)
	})
	return begun, wrap(err, "beginning request "+id)
}

// PutBackRequest notes that a request that was begun ended in order and is to be begun again.
func (s *Service) PutBackRequest(ctx context.Context, id string) error {
	err := s.withRequest(ctx, id, func(a *act, req workflow.Request) error {
		req.Begun = 0
		return a.tx.PutRequest(&req)
	})
	return wrap(err, "putting back request "+id)
}

// FailRequest ends a request that did not end by itself; why is a sentence.
func (s *Service) FailRequest(ctx context.Context, id, why string) error {
	err := s.withRequest(ctx, id, func(a *act, req workflow.Request) error { return a.fail(req, why) })
	return wrap(err, "failing request "+id)
}

// DeferRequest puts a request back because of a fault that may pass; why is a
// sentence that people see while it waits. A zero notBefore, or one that is
// sooner, means our own backoff. After ten tries it fails with the reason.
func (s *Service) DeferRequest(ctx context.Context, id, why string, notBefore time.Time) error {
	err := s.withRequest(ctx, id, func(a *act, req workflow.Request) error {
		if req.Attempts+1 >= maxAttempts {
			return a.fail(req, fmt.Sprintf("It was tried %d times. %s", maxAttempts, why))
		}
		req.Attempts++
		req.Begun = 0
		req.Waiting = why
		req.NotBefore = a.now.Add(backoff(req.Attempts))
		if notBefore.After(req.NotBefore) {
			req.NotBefore = notBefore
		}
		if err := a.putRequest(&req); err != nil {
			return err
		}
		return a.change(req.About(), func(rec *workflow.PullRecord) bool {
			changed := rec.Waiting != why
			rec.Waiting = why
			return changed
		})
	})
	return wrap(err, "deferring request "+id)
}

var (
	undetermined = phrase.Say("The projects of this pull request could not be determined")
	triesAgain   = phrase.Say("%s, in a comment, tries again.", workflow.VerbPlan.Typed(""))
)

// fail ends a request for a reason that is not the change's: why is a sentence. Where plans were
// asked for, its pull is in trouble; a command gets its reply.
func (a *act) fail(req workflow.Request, why string) error {
	t := &workflow.Trouble{Kind: workflow.TroubleFailed, Title: undetermined, Sentences: []phrase.Text{phrase.Plain(why), triesAgain}}
	switch {
	case req.Plans():
	case req.Kind != workflow.RequestCommand:
		t.Title, t.Sentences = phrase.Say("An event from GitHub could not be handled"), phrase.Texts(why)
	case req.Command != nil:
		t.Title = phrase.Say("%s could not be carried out", req.Command.Verb.Typed(""))
		t.Sentences = phrase.Texts(why, "Write it again if you still want it.")
	default: // nobody knows what it was to be
		t.Title, t.Sentences = phrase.Say("The command could not be carried out"), phrase.Texts(why)
	}
	return a.endInTrouble(req, t)
}

// FinishRequest ends a request with a note, a sentence that says what became of
// it, and queues the one comment that answers it, if any. Repeated it changes nothing.
func (s *Service) FinishRequest(ctx context.Context, id, note string, reply *workflow.Reply) error {
	err := s.withRequest(ctx, id, func(a *act, req workflow.Request) error {
		if reply != nil {
			if err := a.answer(req, *reply); err != nil {
				return err
			}
		}
		return a.finishAlone(req, note)
	})
	return wrap(err, "finishing request "+id)
}

// finishAlone ends a request that changes nothing else: its pull does not say any more that it
// waits for it.
func (a *act) finishAlone(req workflow.Request, note string) error {
	if req.Waiting != "" { // and its pull said so
		err := a.change(req.About(), func(rec *workflow.PullRecord) bool {
			waited := rec.Waiting != ""
			rec.Waiting = ""
			return waited
		})
		if err != nil {
			return err
		}
	}
	return a.finish(req, note)
}

// answer adds the one reply of a request to its pull. One reply a request: its
// key is the request's id. A pull whose facts we never got to read gets a record
// without a head: the person who asked has to be told all the same. Where no pull shows
// what was asked, there is nowhere to write to.
func (a *act) answer(req workflow.Request, reply workflow.Reply) error {
	rec, err := shower(a.tx, req.About())
	pull, shown := req.About().Pull()
	if err != nil || !shown {
		return err
	}
	if rec == nil {
		rec = &workflow.PullRecord{Pull: workflow.Pull{Repo: req.Repo, Number: pull.Number, State: workflow.PullOpen}, CreatedAt: a.now}
	}
	if err := a.addReply(rec, req, reply); err != nil {
		return err
	}
	return a.save(*rec)
}

// addReply is answer for a record that its caller saves.
func (a *act) addReply(rec *workflow.PullRecord, req workflow.Request, reply workflow.Reply) error {
	reply.Key, reply.At = req.ID, a.now
	if reply.To.ID == 0 {
		reply.To = req.Actor
	}
	for _, r := range rec.Replies {
		if r.Key == reply.Key {
			return nil
		}
	}
	switch n := scope.AnswersTo(*rec, reply.To, a.now); {
	case !scope.OnlySays(reply.Kind), reply.Waits, n < scope.MostAnswers-1:
		rec.Replies = append(rec.Replies, reply)
	case n == scope.MostAnswers-1:
		if len(reply.Text) > 0 {
			reply.Text = append(slices.Clone(reply.Text),
				phrase.Say("This is answer %d in %d minutes. Until those are over, further answers are only in the history on this pull request's page.",
					scope.MostAnswers, int(scope.AnswersWithin.Minutes())))
		}
		rec.Replies = append(rec.Replies, reply)
	}
	said := slices.Clone(reply.Text)
	for _, item := range reply.Items {
		said = append(said, item.Text.And(workflow.SayMissing(item.Missing)))
	}
	if reply.Kind != workflow.ReplyRefused && reply.Kind != workflow.ReplyUnknown {
		return nil
	}
	return a.say(req.About(), workflow.Event{
		Kind: workflow.EventRefused, Actor: req.Actor,
		Text: phrase.All(said),
	})
}

// HasDelivery reports whether the inbox has a delivery, done or not: recovery
// fetches only what it lacks.
func (s *Service) HasDelivery(ctx context.Context, guid, event string) (bool, error) {
	_, err := read(ctx, s, "reading delivery "+guid, func(tx workflow.Tx) (workflow.Delivery, error) { return tx.Delivery(guid, event) })
	if errors.Is(err, workflow.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}
