package service

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/gate"
	"github.com/cardea-iac/cardea/workflow/scope"
	"github.com/cardea-iac/cardea/workflow/survey"
)

// Expansion is a due request with the live facts it is carried out by.
type Expansion struct {
	Request workflow.Request
	Pull    workflow.Pull
	// ActorRole is the sender's role, AuthorRole the pull author's; RoleError is
	// the error of reading the one that counts. Then nothing is planned.
	ActorRole, AuthorRole workflow.Role
	RoleError             error
	// Live are the live facts for apply, approve, unapprove, lock, unlock, cancel and
	// resolve, with the actor's role and for an apply the approvers'. Without them the
	// answer is no.
	Live *workflow.LiveFacts
}

// Expand carries out a request whose pull's facts were observed: it fetches and merges, reads
// both configurations, finds the affected projects and queues their plans, or says why not
// where people look: as the pull's trouble, and for a command as one reply. What it decides
// is written in one transaction together with the end of the request, so it can stop anywhere
// and be repeated.
//
// A passing fault (ErrPassing) puts the request back, with a backoff and a
// reason that people see, and is no error here; after ten tries it fails with
// that reason. An error is the store's or the context's; the request stays due.
func (s *Service) Expand(ctx context.Context, e Expansion) error {
	if e.Request.Spreads() {
		return s.spreadOn(ctx, e.Request.ID)
	}
	req, rec, err := s.stored(ctx, e)
	if err != nil || req.Done {
		return err
	}
	e.Request = req
	if rec.Pull.Head.SHA != e.Pull.Head.SHA || rec.Pull.State != e.Pull.State {
		return s.DeferRequest(ctx, req.ID, "GitHub still shows an older state of this pull request.", time.Time{})
	}
	rules, _ := s.rules(e.Pull.Repo) // Observe found some, or the request were done
	in := gate.MayPlanInput{Rules: rules, Pull: e.Pull, Request: req, ActorRole: e.ActorRole, AuthorRole: e.AuthorRole, RoleError: e.RoleError}
	if e.AuthorRole == "" && e.Pull.Author == req.Actor {
		in.AuthorRole = e.ActorRole // for a command only the sender's is read
	}
	if v := scope.AtOnce(in, rec); v != nil {
		return s.conclude(ctx, e, *v)
	}
	if cmd := req.Command; cmd != nil && cmd.Verb != workflow.VerbPlan {
		return s.carryOut(ctx, e, rec)
	}
	if e.RoleError != nil && errors.Is(e.RoleError, workflow.ErrPassing) {
		return s.DeferRequest(ctx, req.ID, "GitHub did not say who may plan here.", time.Time{})
	}
	if t := gate.MayPlan(in); t != nil {
		return s.conclude(ctx, e, scope.Verdict{Trouble: t})
	}
	found, t, err := s.survey(ctx, e.Pull)
	if err == nil && t == nil {
		return s.queuePlans(ctx, e, scope.Grounds{MayPlanInput: in, Found: found})
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err == nil:
		return s.conclude(ctx, e, scope.Verdict{Trouble: t})
	}
	return s.failExpansion(ctx, e, err)
}

// survey fetches, merges and reads.
func (s *Service) survey(ctx context.Context, p workflow.Pull) (survey.Survey, *workflow.Trouble, error) {
	rules, _ := s.rules(p.Repo)
	co, err := s.source.Checkout(ctx, p, rules.Checkout)
	if err != nil {
		return survey.Survey{}, nil, fmt.Errorf("fetching %s: %w", phrase.Short(p.Head.SHA), err)
	}
	found, t, err := survey.Read(ctx, s.engines, rules, p, co)
	if t != nil {
		t.BaseSHA, t.Tree = co.Base, co.Planned.ID
	}
	return found, t, err
}

// failExpansion tells people of an error that is not about the change.
func (s *Service) failExpansion(ctx context.Context, e Expansion, err error) error {
	s.log.Warn("expanding a request", "request", e.Request.ID, "pull", e.Pull.Key().String(), "err", err)
	switch {
	case errors.Is(err, workflow.ErrNotYet):
		return s.DeferRequest(ctx, e.Request.ID, fmt.Sprintf("GitHub's git does not have %s yet.", phrase.Short(e.Pull.Head.SHA)), time.Time{})
	case errors.Is(err, workflow.ErrPassing):
		return s.DeferRequest(ctx, e.Request.ID, phrase.Sentence(err.Error()), time.Time{})
	}
	return s.conclude(ctx, e, scope.Verdict{Trouble: &workflow.Trouble{
		Kind:      workflow.TroubleFailed,
		Title:     undetermined,
		Sentences: []phrase.Text{phrase.Plain(phrase.Sentence(err.Error())), triesAgain},
	}})
}

// stored reads the request and its pull as they are. A pull without a record was
// closed before we ever saw it: the request is finished.
func (s *Service) stored(ctx context.Context, e Expansion) (req workflow.Request, rec workflow.PullRecord, err error) {
	var gone bool
	err = s.store.View(ctx, func(tx workflow.Tx) error {
		if req, err = tx.Request(e.Request.ID); err != nil || req.Done {
			return err
		}
		rec, err = tx.Pull(e.Pull.Key())
		if gone = errors.Is(err, workflow.ErrNotFound); gone {
			return nil
		}
		return err
	})
	if err != nil {
		return req, rec, fmt.Errorf("reading request %s: %w", e.Request.ID, err)
	}
	if gone {
		req.Done = true
		return req, rec, s.FinishRequest(ctx, req.ID, "The pull request is "+string(e.Pull.State)+".", nil)
	}
	return req, rec, nil
}

// conclude ends a request without plans, in one transaction.
func (s *Service) conclude(ctx context.Context, e Expansion, v scope.Verdict) error {
	if v.Review && e.Request.Review != nil {
		return s.reviewed(ctx, e)
	}
	if v.Review {
		if err := s.forgetReview(ctx, e.Pull.Key()); err != nil {
			return err
		}
	}
	if v.Trouble == nil {
		return s.FinishRequest(ctx, e.Request.ID, v.Note, v.Reply)
	}
	err := s.withRequest(ctx, e.Request.ID, func(a *act, req workflow.Request) error { return a.endInTrouble(req, v.Trouble) })
	return wrap(err, "recording why nothing is planned")
}

// forgetReview takes away what an apply was said to lack on GitHub: it is no longer known.
func (s *Service) forgetReview(ctx context.Context, key workflow.PullKey) error {
	err := s.act(ctx, func(a *act) error {
		return a.change(workflow.OfPull(key).About(), func(rec *workflow.PullRecord) bool {
			a.forgetReview(rec)
			return true
		})
	})
	return wrap(err, "noting a review of "+key.String())
}

// forgetReview is the part of it that changes a record.
func (a *act) forgetReview(rec *workflow.PullRecord) {
	for i := range rec.Projects {
		p := &rec.Projects[i]
		_, p.WaitsFor = onlyGitHubKnows(p.WaitsFor)
	}
}

// endInTrouble ends a request because of a trouble. A trouble of the head (a conflict, a
// faulty configuration) is the pull's, whoever asked. Any other never takes away existing
// plans, and is the pull's only where plans were asked for; a command's refusal concerns its
// sender alone. A command gets a reply in any case.
func (a *act) endInTrouble(req workflow.Request, t *workflow.Trouble) error {
	if req.Follow != "" { // nobody wrote it: what waited for its turn ends, and that is told
		return a.finishAlone(req, phrase.All(t.Sentences).String())
	}
	if req.Kind == workflow.RequestCommand {
		reply := workflow.Reply{Kind: workflow.ReplyRefused, Text: []phrase.Text{phrase.Say("%s.", t.Title).And(phrase.All(t.Sentences))}}
		if err := a.answer(req, reply); err != nil {
			return err
		}
	}
	if err := a.finish(req, "Refused: "+t.Title.String()+"."); err != nil {
		return err
	}
	if req.Kind != workflow.RequestCommand {
		if err := a.say(req.About(), workflow.Event{Kind: workflow.EventRefused,
			Text: phrase.Say("%s.", t.Title).And(phrase.All(t.Sentences))}); err != nil {
			return err
		}
	}
	rec, err := shower(a.tx, req.About())
	if err != nil || rec == nil {
		return err // its facts could not be read, or it has none: there is nothing to show it on
	}
	rec.Waiting = ""
	ofHead := t.Kind == workflow.TroubleConflict || t.Kind == workflow.TroubleConfig
	stands := rec.Known && rec.Trouble == nil
	ofSender := req.Command != nil && (rec.Known || t.Kind == workflow.TroubleNotPermitted)
	if rec.Pull.Head.SHA == "" || (!ofHead && (stands || ofSender || !req.Plans())) {
		return a.save(*rec)
	}
	if err := a.dropRuns(rec, workflow.OutcomeSuperseded, t.Title.String()+"."); err != nil {
		return err
	}
	rec.Shelve()
	rec.Known, rec.Trouble, rec.Notes, rec.NotPlanned = true, t, nil, nil
	rec.BaseSHA, rec.Tree = t.BaseSHA, t.Tree
	return a.save(*rec)
}
