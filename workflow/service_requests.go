package workflow

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Receive stores a verified delivery before it is answered: when it returns nil
// the delivery is on disk. It reports whether it was new; GitHub's redeliveries are not.
func (s *Service) Receive(ctx context.Context, d Delivery) (added bool, err error) {
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

// PendingDeliveries returns up to limit deliveries that nobody settled yet, oldest first.
func (s *Service) PendingDeliveries(ctx context.Context, limit int) (out []Delivery, err error) {
	err = s.store.View(ctx, func(tx Tx) (err error) {
		out, err = tx.PendingDeliveries(limit)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading the inbox: %w", err)
	}
	return out, nil
}

// SettleDelivery makes a delivery into a request, or with req nil ignores it
// because of note, in one transaction. The request is unique by its Key: when
// there is one with that meaning already, that one is returned and created is
// false. A delivery that is settled already is left as it is.
func (s *Service) SettleDelivery(ctx context.Context, d Delivery, req *Request, note string) (stored Request, created bool, err error) {
	now := s.now()
	err = s.store.Update(ctx, func(tx Tx) error {
		stored, created = Request{}, false
		saved, err := tx.Delivery(d.GUID, d.Event)
		if err != nil {
			return err
		}
		if req != nil {
			fresh := *req
			fresh.GUID = d.GUID
			if fresh.Received.IsZero() {
				fresh.Received = saved.Received
			}
			if stored, created, err = s.submit(tx, fresh, now); err != nil {
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
		saved.Done, saved.Note, saved.Finished = true, note, now
		saved.Attempts++
		return tx.PutDelivery(saved)
	})
	if err != nil {
		return stored, false, fmt.Errorf("settling delivery %s: %w", d.GUID, err)
	}
	if created {
		s.wake(WakeRequests, WakePulls)
	}
	return stored, created, nil
}

// Submit stores a request that no delivery brought, such as one for an open pull
// whose webhook was missed. Unique by its Key, as SettleDelivery's.
func (s *Service) Submit(ctx context.Context, req Request) (stored Request, created bool, err error) {
	err = s.store.Update(ctx, func(tx Tx) (err error) {
		stored, created, err = s.submit(tx, req, s.now())
		return err
	})
	if err != nil {
		return stored, false, fmt.Errorf("submitting request %q: %w", req.Key, err)
	}
	if created {
		s.wake(WakeRequests, WakePulls)
	}
	return stored, created, nil
}

func (s *Service) submit(tx Tx, req Request, now time.Time) (stored Request, created bool, err error) {
	same, err := tx.RequestByKey(req.Key)
	if err == nil {
		return same, false, nil
	}
	if !errors.Is(err, ErrNotFound) {
		return stored, false, err
	}
	req.ID = s.newID(now)
	if req.Received.IsZero() {
		req.Received = now
	}
	if req.Kind == RequestBase && req.Number == 0 {
		if err := s.fanOut(tx, req, now); err != nil {
			return stored, false, err
		}
		req.Done, req.Finished, req.Note = true, now, "It is looked at for each open pull request on that branch."
	} else if s.settles(req) {
		if err := s.settlePushes(tx, &req, now); err != nil {
			return stored, false, err
		}
	}
	if _, err := seenRepo(tx, req.Repo, now); err != nil {
		return stored, false, err
	}
	if err := tx.PutRequest(&req); err != nil {
		return stored, false, err
	}
	e := event("request", now, req.PullKey(), describe(req))
	e.Actor = req.Actor
	return req, true, tx.Append(e)
}

// fanOut makes of a push to a branch one request for each open pull that has it
// as its base. The same push is submitted once, so its key is theirs: a branch that
// goes back and forth comes to the same tip by more than one push.
func (s *Service) fanOut(tx Tx, push Request, now time.Time) error {
	pulls, err := tx.OpenPulls(push.Repo.ID)
	if err != nil {
		return err
	}
	pending, err := tx.PendingRequests()
	if err != nil {
		return err
	}
	for _, rec := range pulls {
		// Who is just being looked at may be on another tip in a moment.
		underWay := slices.ContainsFunc(pending, func(r Request) bool { return r.PullKey() == rec.Pull.Key() })
		if rec.Pull.Base.Ref != push.Action || (rec.BaseSHA == push.Head && !underWay) {
			continue
		}
		req := Request{
			Kind: RequestBase, Repo: push.Repo, Number: rec.Pull.Number, Actor: rec.Pull.Author, Action: push.Action, Head: push.Head,
			Key: fmt.Sprintf("base:%s:%s", rec.Pull.Key(), push.Key), GUID: push.GUID, Received: push.Received,
		}
		if _, _, err := s.submit(tx, req, now); err != nil {
			return err
		}
	}
	return nil
}

// settles reports whether a request waits for the next push.
func (s *Service) settles(r Request) bool {
	return (r.Kind == RequestPull || r.Kind == RequestBase) && !r.Immediate && s.settle > 0
}

// settlePushes lets a push wait for the next one, and takes the place of pushes
// to this pull that still waited: they would read the same live facts. A burst
// is waited for at most ten settle times.
func (s *Service) settlePushes(tx Tx, req *Request, now time.Time) error {
	pending, err := tx.PendingRequests()
	if err != nil {
		return err
	}
	req.SettlesFrom = now
	for _, p := range pending {
		if p.PullKey() != req.PullKey() || p.Kind != req.Kind || !s.settles(p) || p.Attempts > 0 || !p.NotBefore.After(now) {
			continue
		}
		if p.SettlesFrom.Before(req.SettlesFrom) {
			req.SettlesFrom = p.SettlesFrom
		}
		p.Done, p.Finished, p.Waiting = true, now, ""
		p.Note = "A newer push came while this one settled."
		if err := tx.PutRequest(&p); err != nil {
			return err
		}
	}
	req.NotBefore = now.Add(s.settle)
	if last := req.SettlesFrom.Add(settleAtMost * s.settle); req.NotBefore.After(last) {
		req.NotBefore = last
	}
	return nil
}

// describe says what a request asks for, for the history.
func describe(r Request) string {
	switch {
	case r.CommandFault != "":
		return "A command that was not understood."
	case r.Command != nil && r.CheckRunID != 0:
		return fmt.Sprintf("`%s`, by a button or a re-run of a check.", r.Command.Verb)
	case r.Command != nil:
		return fmt.Sprintf("`%s`, by a comment.", r.Command.Verb)
	case r.Kind == RequestBase && len(r.Replan) > 0:
		return fmt.Sprintf("`%s`: %s", strings.Join(r.Replan, "`, `"), r.Why)
	case r.Kind == RequestBase:
		return fmt.Sprintf("The branch `%s` moved to %s.", r.Action, short(r.Head))
	case r.Kind == RequestReview && r.Action == "edited":
		return "The title of the pull request was edited."
	case r.Kind == RequestReview && r.Head != "":
		return "The pull request was made a draft."
	case r.Kind == RequestReview:
		return "A review was given or dismissed."
	case r.Head != "":
		return fmt.Sprintf("The pull request was %s at %s.", r.Action, short(r.Head))
	}
	return fmt.Sprintf("The pull request was %s.", r.Action)
}

// DueRequests returns the requests to expand now, at most one a pull, in the
// order in which they came: while one waits to be tried again, later ones of its
// pull wait too; but nothing waits for a push that settles. next is when
// the earliest of the others is due, zero when nothing waits for a time. A
// request stays due until it is finished, expanded or put back.
func (s *Service) DueRequests(ctx context.Context) (due []Request, next time.Time, err error) {
	var pending []Request
	err = s.store.View(ctx, func(tx Tx) (err error) {
		pending, err = tx.PendingRequests()
		return err
	})
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("reading requests: %w", err)
	}
	due, next = dueRequests(pending, s.now())
	return due, next, nil
}

// dueRequests decides for DueRequests; pending is in order of arrival.
func dueRequests(pending []Request, now time.Time) (due []Request, next time.Time) {
	taken := map[PullKey]bool{}
	for _, r := range pending {
		key := r.PullKey()
		if taken[key] {
			continue
		}
		if !r.NotBefore.After(now) {
			taken[key] = true
			due = append(due, r)
			continue
		}
		if next.IsZero() || r.NotBefore.Before(next) {
			next = r.NotBefore
		}
		if settling := (r.Kind == RequestPull || r.Kind == RequestBase) && r.Attempts == 0; !settling {
			taken[key] = true
		}
	}
	return due, next
}

// DeferRequest puts a request back because of a fault that may pass; why is a
// sentence that people see while it waits. A zero notBefore, or one that is
// sooner, means our own backoff. After ten tries it fails with the reason.
func (s *Service) DeferRequest(ctx context.Context, id, why string, notBefore time.Time) error {
	now := s.now()
	err := s.store.Update(ctx, func(tx Tx) error {
		req, err := tx.Request(id)
		if err != nil || req.Done {
			return err
		}
		if req.Attempts+1 >= maxAttempts {
			return s.giveUp(tx, req, why, now)
		}
		req.Attempts++
		req.Waiting = why
		req.NotBefore = now.Add(backoff(req.Attempts))
		if notBefore.After(req.NotBefore) {
			req.NotBefore = notBefore
		}
		if err := tx.PutRequest(&req); err != nil {
			return err
		}
		return s.changePull(tx, req.PullKey(), now, func(rec *PullRecord) bool {
			changed := rec.Waiting != why
			rec.Waiting = why
			return changed
		})
	})
	if err != nil {
		return fmt.Errorf("deferring request %s: %w", id, err)
	}
	s.wake(WakeRequests, WakePulls)
	return nil
}

// giveUp ends a request that kept failing: its pull is in trouble, and a command gets its reply.
func (s *Service) giveUp(tx Tx, req Request, why string, now time.Time) error {
	t := &Trouble{
		Kind:  TroubleFailed,
		Title: "The projects of this pull request could not be determined",
		Sentences: []string{
			fmt.Sprintf("It was tried %d times. %s", maxAttempts, why),
			"`cardea plan`, in a comment, tries again.",
		},
	}
	return s.trouble(tx, req, t, now)
}

// FinishRequest ends a request with a note, a sentence that says what became of
// it, and queues the one comment that answers it, if any. Repeated it changes nothing.
func (s *Service) FinishRequest(ctx context.Context, id, note string, reply *Reply) error {
	now := s.now()
	err := s.store.Update(ctx, func(tx Tx) error {
		req, err := tx.Request(id)
		if err != nil || req.Done {
			return err
		}
		if reply != nil {
			if err := s.answer(tx, req, *reply, now); err != nil {
				return err
			}
		}
		if req.Waiting != "" { // and its pull said so
			err := s.changePull(tx, req.PullKey(), now, func(rec *PullRecord) bool {
				waited := rec.Waiting != ""
				rec.Waiting = ""
				return waited
			})
			if err != nil {
				return err
			}
		}
		return finishRequest(tx, req, note, now)
	})
	if err != nil {
		return fmt.Errorf("finishing request %s: %w", id, err)
	}
	s.wake(WakeRequests, WakePulls)
	return nil
}

func finishRequest(tx Tx, req Request, note string, now time.Time) error {
	req.Done, req.Note, req.Finished, req.Waiting = true, note, now, ""
	return tx.PutRequest(&req)
}

// answer adds the one reply of a request to its pull. One reply a request: its
// key is the request's id. A pull whose facts we never got to read gets a record
// without a head: the person who asked has to be told all the same.
func (s *Service) answer(tx Tx, req Request, reply Reply, now time.Time) error {
	rec, err := tx.Pull(req.PullKey())
	switch {
	case errors.Is(err, ErrNotFound):
		rec = PullRecord{Pull: Pull{Repo: req.Repo, Number: req.Number, State: PullOpen}, CreatedAt: now}
	case err != nil:
		return err
	}
	if err := addReply(tx, &rec, req, reply, now); err != nil {
		return err
	}
	return savePull(tx, rec, now)
}

// addReply is answer for a record that its caller saves.
func addReply(tx Tx, rec *PullRecord, req Request, reply Reply, now time.Time) error {
	reply.Key, reply.At = req.ID, now
	if reply.To.ID == 0 {
		reply.To = req.Actor
	}
	for _, r := range rec.Replies {
		if r.Key == reply.Key {
			return nil
		}
	}
	rec.Replies = append(rec.Replies, reply)
	if reply.Kind != ReplyRefused && reply.Kind != ReplyUnknown {
		return nil
	}
	said := slices.Clone(reply.Text)
	for _, item := range reply.Items {
		said = append(said, joined(item.Text, missingSentences(item.Missing)))
	}
	e := event("refused", now, req.PullKey(), strings.Join(said, " "))
	e.Actor = req.Actor
	return tx.Append(e)
}
