package service

import (
	"context"
	"fmt"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/scope"
)

// command is one command other than plan, status and help, as it is carried out:
// first looked at, without an act, then decided and written in one.
type command struct {
	*act
	scope.Command
	e Expansion
}

// carryOut carries out apply, approve, unapprove, unlock, cancel and resolve: one
// transaction with the end of the request and its one reply. lock is lockCommand.
func (s *Service) carryOut(ctx context.Context, e Expansion, rec workflow.PullRecord) error {
	c := &command{e: e, Command: scope.Command{Request: e.Request, Record: &rec, Kinds: s.engines.Kinds(),
		Live: workflow.LiveFacts{Errors: []string{"Nobody asked GitHub."}}}}
	c.Rules, _ = s.rules(e.Pull.Repo)
	if e.Live != nil {
		c.Live = *e.Live
	}
	switch {
	case c.Request.Follow != "":
		return s.followOn(ctx, c)
	case c.Verb() == workflow.VerbUnapprove:
		return s.withdraw(ctx, c)
	}
	var locks []workflow.Lock
	if c.Verb() == workflow.VerbUnlock {
		var err error
		if locks, err = s.locksOfPull(ctx, e.Pull.Key()); err != nil {
			return err
		}
	}
	if why := c.Refusal(locks); !why.Empty() {
		return s.refuseCommand(ctx, c, why)
	}
	do := map[workflow.Verb]func(*command) (*workflow.Reply, error){
		workflow.VerbApprove: (*command).approve, workflow.VerbUnlock: (*command).unlock,
		workflow.VerbCancel: (*command).cancel, workflow.VerbResolve: (*command).resolve,
	}[c.Verb()]
	switch c.Verb() {
	case workflow.VerbApply:
		return s.applyCommand(ctx, c)
	case workflow.VerbLock:
		return s.lockCommand(ctx, c)
	}
	if do == nil {
		return s.FinishRequest(ctx, e.Request.ID, "Refused: not a command.", &workflow.Reply{Kind: workflow.ReplyRefused,
			Text: []phrase.Text{phrase.Say("This version of Cardea cannot `%s`.", c.Verb())}})
	}
	if faults := c.Pick(locks); len(faults) > 0 {
		return s.refuseCommand(ctx, c, faults...)
	}
	return s.execute(ctx, c, do)
}

func (s *Service) refuseCommand(ctx context.Context, c *command, sentences ...phrase.Text) error {
	return s.FinishRequest(ctx, c.Request.ID, "Refused: "+sentences[0].String(), refusedReply(sentences...))
}

func (s *Service) locksOfPull(ctx context.Context, key workflow.PullKey) ([]workflow.Lock, error) {
	return read(ctx, s, "reading the locks of "+key.String(), func(tx workflow.Tx) ([]workflow.Lock, error) { return tx.LocksOfPull(key) })
}

// readLive reads live facts; what cannot be read is among their errors, which mean no.
func (s *Service) readLive(ctx context.Context, rec workflow.PullRecord, actor workflow.Actor) workflow.LiveFacts {
	read := s.now()
	if s.live == nil {
		return workflow.LiveFacts{Read: read, Pull: rec.Pull, Actor: actor, Errors: []string{"The server cannot ask GitHub."}}
	}
	facts, err := s.live(ctx, rec.Pull, actor, rec.Approvers())
	if err != nil {
		s.log.Warn("reading live facts", "pull", rec.Pull.Key().String(), "err", err)
		facts = workflow.LiveFacts{Read: read, Pull: rec.Pull, Actor: actor,
			Errors: []string{"GitHub did not answer: " + phrase.Sentence(err.Error())}}
	}
	return facts
}

// execute does what a command asks for, ends its request and answers it, in one act.
func (s *Service) execute(ctx context.Context, c *command, do func(*command) (*workflow.Reply, error)) error {
	err := s.withRequest(ctx, c.Request.ID, func(a *act, req workflow.Request) error {
		rec, err := a.tx.Pull(c.e.Pull.Key())
		if err != nil {
			return err
		}
		c.act, c.Record, c.Decided = a, &rec, true
		if req.Waiting != "" { // and its pull said so
			rec.Waiting = ""
		}
		reply, err := do(c)
		if err != nil {
			return err
		}
		note := "Done."
		if reply != nil {
			note = reply.Note()
			if err := a.addReply(&rec, req, *reply); err != nil {
				return err
			}
		}
		if err := a.finish(req, note); err != nil {
			return err
		}
		return a.save(rec)
	})
	return wrap(err, fmt.Sprintf("carrying out `%s` on %s", c.Verb(), c.e.Pull.Key()))
}

func refusedReply(sentences ...phrase.Text) *workflow.Reply {
	return &workflow.Reply{Kind: workflow.ReplyRefused, Text: sentences}
}
