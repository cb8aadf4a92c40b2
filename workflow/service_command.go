package workflow

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// commanding is one command other than plan, status and help, as it is carried out.
type commanding struct {
	e     Expansion
	rules Rules
	live  LiveFacts
	now   time.Time
	tx    Tx
	rec   *PullRecord
	after []func() // what happens once it is durable
}

func (c *commanding) cmd() Command { return *c.e.Request.Command }

func (c *commanding) actor() Actor { return c.e.Request.Actor }

// may reports whether the sender is among those meant, by the live role. A bot
// needs the server's list besides, and what could not be read is a no.
func (c *commanding) may(who Who) bool {
	a := c.actor()
	role, known := c.live.Roles[a.ID]
	return known && who.Includes(a, role) && (!a.Bot || c.rules.listsBot(a))
}

// mayNot is the sentence for who asks without the permission.
func (c *commanding) mayNot(doing string, who Who) string {
	a := c.actor()
	role, known := c.live.Roles[a.ID]
	switch {
	case a.Bot && !c.rules.listsBot(a):
		return fmt.Sprintf("%s may not %s: the server's `bots` do not list this app.", mention(a), doing)
	case !known:
		return fmt.Sprintf("%s may not %s: GitHub did not say which role they have.", mention(a), doing)
	}
	return fmt.Sprintf("%s may not %s, with the role `%s`. It takes %s.", mention(a), doing, roleOrNone(role), who.describe())
}

// command carries out apply, approve, unapprove, unlock, cancel and resolve: one
// transaction with the end of the request and its one reply. lock is lockCommand.
func (s *Service) command(ctx context.Context, e Expansion, rules Rules) error {
	c := &commanding{e: e, rules: rules}
	if err := s.liveFacts(ctx, c); err != nil {
		return err
	}
	carry := map[Verb]func(*commanding) (*Reply, error){
		VerbApprove: s.approve, VerbUnapprove: s.unapprove, VerbUnlock: s.unlock, VerbCancel: s.cancel, VerbResolve: s.resolve,
	}[c.cmd().Verb]
	switch c.cmd().Verb {
	case VerbApply:
		return s.applyCommand(ctx, c)
	case VerbLock:
		return s.lockCommand(ctx, c)
	}
	if carry == nil {
		return s.FinishRequest(ctx, e.Request.ID, "Refused: not a command.", &Reply{Kind: ReplyRefused,
			Text: []string{fmt.Sprintf("This version of Cardea cannot `%s`.", c.cmd().Verb)}})
	}
	return s.carryOut(ctx, c, carry)
}

// liveFacts reads what GitHub says now, unless the expansion brought it.
func (s *Service) liveFacts(ctx context.Context, c *commanding) error {
	if c.e.Live != nil {
		c.live = *c.e.Live
		return nil
	}
	rec, err := s.Pull(ctx, c.e.Pull.Key())
	if err != nil {
		return err
	}
	c.live = s.readLive(ctx, rec, c.actor())
	return ctx.Err()
}

// readLive reads live facts; what cannot be read is among their errors, which mean no.
func (s *Service) readLive(ctx context.Context, rec PullRecord, actor Actor) LiveFacts {
	read := s.now()
	if s.live == nil {
		return LiveFacts{Read: read, Pull: rec.Pull, Actor: actor, Errors: []string{"The server cannot ask GitHub."}}
	}
	facts, err := s.live(ctx, rec.Pull, actor, approversOf(rec))
	if err != nil {
		s.log.Warn("reading live facts", "pull", rec.Pull.Key().String(), "err", err)
		facts = LiveFacts{Read: read, Pull: rec.Pull, Actor: actor, Errors: []string{"GitHub did not answer: " + sentence(err)}}
	}
	return facts
}

// approversOf are the people whose approvals stand anywhere in the pull.
func approversOf(rec PullRecord) []Actor {
	var out []Actor
	for _, p := range rec.Projects {
		for _, a := range p.Approvals {
			if a.Void == "" && !slices.ContainsFunc(out, func(b Actor) bool { return b.ID == a.User.ID }) {
				out = append(out, a.User)
			}
		}
	}
	return out
}

// carryOut runs one command in one transaction.
func (s *Service) carryOut(ctx context.Context, c *commanding, carry func(*commanding) (*Reply, error)) error {
	err := s.store.Update(ctx, func(tx Tx) error {
		req, err := tx.Request(c.e.Request.ID)
		if err != nil || req.Done {
			return err
		}
		rec, err := tx.Pull(c.e.Pull.Key())
		if err != nil {
			return err
		}
		c.tx, c.rec, c.now, c.after = tx, &rec, s.now(), nil
		reply, err := carry(c)
		if err != nil {
			return err
		}
		note := "Done."
		if reply != nil {
			note = replyNote(*reply)
			if err := addReply(tx, &rec, req, *reply, c.now); err != nil {
				return err
			}
		}
		if err := finishRequest(tx, req, note, c.now); err != nil {
			return err
		}
		return savePull(tx, rec, c.now)
	})
	if err != nil {
		return fmt.Errorf("carrying out `%s` on %s: %w", c.cmd().Verb, c.e.Pull.Key(), err)
	}
	for _, do := range c.after {
		do()
	}
	s.wake(WakeRequests, WakePulls, WakeRuns, WakeInterrupts)
	return nil
}

// replyNote is what became of a command, in a sentence.
func replyNote(r Reply) string {
	var done []string
	for _, i := range r.Items {
		if i.Done {
			done = append(done, "`"+i.Project+"`")
		}
	}
	switch {
	case r.Kind == ReplyRefused && len(r.Text) > 0:
		return "Refused: " + r.Text[0]
	case r.Kind == ReplyRefused:
		return "Refused."
	case len(done) > 0:
		return fmt.Sprintf("Done (%s): %s.", r.Kind, strings.Join(done, ", "))
	}
	return fmt.Sprintf("Answered (%s).", r.Kind)
}

func refusedReply(sentences ...string) *Reply { return &Reply{Kind: ReplyRefused, Text: sentences} }

// chosen are the projects of the record that the command names; with an empty
// selector all that are not deleted. A fault, a sentence, means that it names nothing.
func (c *commanding) chosen() (out []*ProjectRecord, fault string) {
	in := SelectInput{Selector: c.cmd().Select}
	for _, p := range c.rec.Projects {
		if p.Deleted {
			in.Deleted = append(in.Deleted, p.Project)
			continue
		}
		in.Affected, in.Projects = append(in.Affected, p.Project), append(in.Projects, p.Project)
	}
	switch head := short(c.rec.Pull.Head.SHA); {
	case len(in.Projects) > 0:
	case !c.rec.Known:
		return nil, fmt.Sprintf("%s is not planned yet, so nothing can be done with its plans. It is planned by itself; `cardea plan` asks for it now.", head)
	case c.rec.Trouble != nil:
		return nil, fmt.Sprintf("Nothing of %s can be planned: %s. The check `cardea/plan` says what to mend.", head, strings.TrimSuffix(oneLine(c.rec.Trouble.Title), "."))
	}
	picked, fault := Select(in)
	if fault != "" {
		return nil, fault
	}
	for i := range c.rec.Projects {
		p := &c.rec.Projects[i]
		if !p.Deleted && slices.ContainsFunc(picked, func(q Project) bool { return q.Key() == p.Project.Key() }) {
			out = append(out, p)
		}
	}
	return out, ""
}

// named reports whether the command names projects: then each one that it cannot have gets a sentence.
func (c *commanding) named() bool { return !c.cmd().Select.Empty() }

// currentPlan is the run of the plan that counts for a project: finished and with
// changes; why says, as part of a sentence, what is there instead.
func currentPlan(p ProjectRecord) (run *Run, why string) {
	switch r := p.Run; {
	case p.Project.Refused != "":
		return nil, "is refused: " + strings.TrimSuffix(p.Project.Refused, ".")
	case r == nil:
		return nil, "has no plan"
	case r.State == RunQueued:
		return nil, "waits for its plan"
	case r.State == RunRunning:
		return nil, "is being planned"
	case r.Outcome != OutcomeSucceeded:
		return nil, "has no plan: the last one ended as " + strings.ReplaceAll(string(r.Outcome), "_", " ")
	case r.NoChanges:
		return nil, "has no changes"
	default:
		return r, ""
	}
}
