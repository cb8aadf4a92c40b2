package service

import (
	"context"
	"fmt"
	"slices"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/workflow"
)

// command is one command other than plan, status and help, as it is carried out:
// first looked at, without an act, then decided and written in one.
type command struct {
	*act
	e     Expansion
	rules workflow.Rules
	kinds workflow.Kinds
	live  workflow.LiveFacts
	rec   *workflow.PullRecord
	// picked are the projects that the selector names. They are found before the transaction,
	// because how long that takes depends on what somebody wrote. Nil with an empty selector.
	picked map[workflow.ProjectKey]bool
}

func (c *command) cmd() workflow.Command { return *c.e.Request.Command }

func (c *command) actor() workflow.Actor { return c.e.Request.Actor }

// may reports whether the sender is among those meant, by the live role. A bot has to be on
// the server's list as well, and what could not be read means no.
func (c *command) may(who workflow.Who) bool {
	a := c.actor()
	role, known := c.live.Roles[a.ID]
	return known && who.Includes(a, role) && (!a.Bot || c.rules.ListsBot(a))
}

// mayNot is the sentence for somebody who asks without the permission.
func (c *command) mayNot(doing phrase.Text, who workflow.Who) phrase.Text {
	a := c.actor()
	role, known := c.live.Roles[a.ID]
	switch {
	case a.Bot && !c.rules.ListsBot(a):
		return phrase.Say("%s may not %s: the server's `bots` do not list this app.", workflow.Mention(a), doing)
	case !known:
		return phrase.Say("%s may not %s: GitHub did not say which role they have.", workflow.Mention(a), doing)
	}
	return phrase.Say("%s may not %s, with the role `%s`. It takes %s.", workflow.Mention(a), doing, workflow.RoleOrNone(role), who.Describe())
}

// command carries out apply, approve, unapprove, unlock, cancel and resolve: one
// transaction with the end of the request and its one reply. lock is lockCommand.
func (s *Service) command(ctx context.Context, e Expansion, rec workflow.PullRecord) error {
	c := &command{e: e, rec: &rec, kinds: s.engines.Kinds(), live: workflow.LiveFacts{Errors: []string{"Nobody asked GitHub."}}}
	c.rules, _ = s.rules(e.Pull.Repo)
	if e.Live != nil {
		c.live = *e.Live
	}
	if why, err := s.refusalAtOnce(ctx, c); err != nil {
		return err
	} else if !why.Empty() {
		return s.refuseCommand(ctx, c, why)
	}
	do := map[workflow.Verb]func(*command) (*workflow.Reply, error){
		workflow.VerbApprove: (*command).approve, workflow.VerbUnapprove: (*command).unapprove, workflow.VerbUnlock: (*command).unlock,
		workflow.VerbCancel: (*command).cancel, workflow.VerbResolve: (*command).resolve,
	}[c.cmd().Verb]
	switch c.cmd().Verb {
	case workflow.VerbApply:
		return s.applyCommand(ctx, c)
	case workflow.VerbLock:
		return s.lockCommand(ctx, c)
	}
	if do == nil {
		return s.FinishRequest(ctx, e.Request.ID, "Refused: not a command.", &workflow.Reply{Kind: workflow.ReplyRefused,
			Text: []phrase.Text{phrase.Say("This version of Cardea cannot `%s`.", c.cmd().Verb)}})
	}
	if faults, err := s.pick(ctx, c); err != nil {
		return err
	} else if len(faults) > 0 {
		return s.refuseCommand(ctx, c, faults...)
	}
	return s.execute(ctx, c, do)
}

func (s *Service) refuseCommand(ctx context.Context, c *command, sentences ...phrase.Text) error {
	return s.FinishRequest(ctx, c.e.Request.ID, "Refused: "+sentences[0].String(), refusedReply(sentences...))
}

// refusalAtOnce says why the sender may not give this command about any project, whatever it
// names; nothing when they may about some. It is asked before anything else in the command is
// looked at: nothing that a stranger writes is compared with anything.
func (s *Service) refusalAtOnce(ctx context.Context, c *command) (phrase.Text, error) {
	needs := map[workflow.Verb]struct {
		doing string
		who   func(workflow.Rules) workflow.Who
	}{
		workflow.VerbApply:   {"apply", func(r workflow.Rules) workflow.Who { return r.Apply }},
		workflow.VerbApprove: {"approve", func(r workflow.Rules) workflow.Who { return r.Approve }},
		workflow.VerbLock:    {"claim", func(r workflow.Rules) workflow.Who { return r.Apply }},
		workflow.VerbUnlock:  {"unlock", func(r workflow.Rules) workflow.Who { return r.Unlock }},
		workflow.VerbResolve: {"resolve", func(r workflow.Rules) workflow.Who { return r.Admin }},
	}
	verb := c.cmd().Verb
	if need, ok := needs[verb]; ok {
		if c.maySomewhere(need.who) {
			return nil, nil
		}
		if verb == workflow.VerbUnlock {
			if own, err := s.hasClaim(ctx, c); err != nil || own {
				return nil, err
			}
		}
		doing := phrase.Say("%s %s", need.doing, c.cmd().Select.Object())
		return c.mayNot(doing, need.who(c.rules)).And(phrase.All(phrase.Texts(c.live.Errors...))), nil
	}
	if verb == workflow.VerbUnapprove {
		theirs := func(a workflow.Actor) bool { return a.ID == c.actor().ID }
		if slices.ContainsFunc(c.rec.WithPast().Approvers(), theirs) {
			return nil, nil
		}
		return c.noApproval(), nil
	}
	return nil, nil
}

func (c *command) noApproval() phrase.Text {
	return phrase.Say("%s has no approval here that could be taken back.", workflow.Mention(c.actor()))
}

// maySomewhere reports whether the sender is among those meant by the rules of the repository or of any environment.
func (c *command) maySomewhere(who func(workflow.Rules) workflow.Who) bool {
	if c.may(who(c.rules)) {
		return true
	}
	for name := range c.rules.Environments {
		if c.may(who(c.rules.InEnvironment(name))) {
			return true
		}
	}
	return false
}

// hasClaim reports whether the sender claimed a lock of this pull, which they may release.
func (s *Service) hasClaim(ctx context.Context, c *command) (own bool, err error) {
	locks, err := s.locksOfPull(ctx, c.e.Pull.Key())
	return slices.ContainsFunc(locks, func(l workflow.Lock) bool { return l.Why == workflow.LockClaim && l.User.ID == c.actor().ID }), err
}

func (s *Service) locksOfPull(ctx context.Context, key workflow.PullKey) ([]workflow.Lock, error) {
	return read(ctx, s, "reading the locks of "+key.String(), func(tx workflow.Tx) ([]workflow.Lock, error) { return tx.LocksOfPull(key) })
}

// pick finds the projects that the command's selector names in the record as it
// is now. faults say that it names nothing.
func (s *Service) pick(ctx context.Context, c *command) (faults []phrase.Text, err error) {
	if !c.named() || c.cmd().Verb == workflow.VerbCancel {
		return nil, nil
	}
	var names []workflow.Project
	switch c.cmd().Verb {
	case workflow.VerbUnlock:
		locks, err := s.locksOfPull(ctx, c.e.Pull.Key())
		if err != nil || len(locks) == 0 {
			return nil, err // it says so itself
		}
		holds := c.holds(locks)
		for _, h := range holds {
			names = append(names, h.names...)
		}
		if fault := c.pickFrom(workflow.SelectInput{Projects: names}); fault != "" {
			return phrase.Texts(fault, "This pull request holds the locks of "+heldNames(holds)+"."), nil
		}
		return nil, nil
	case workflow.VerbUnapprove, workflow.VerbResolve: // also what is deleted or of an earlier head
		for _, p := range c.rec.WithPast().Projects {
			names = append(names, p.Project)
		}
		fault := c.pickFrom(workflow.SelectInput{Projects: names})
		switch {
		case fault == "":
			return nil, nil
		case c.cmd().Verb == workflow.VerbResolve:
			return phrase.Texts("This pull request has no such project.", fault), nil
		}
		return phrase.Texts(fault), nil
	}
	if _, fault := c.chosen(); !fault.Empty() {
		return []phrase.Text{fault}, nil
	}
	return nil, nil
}

// pickFrom notes the projects that the selector names.
func (c *command) pickFrom(in workflow.SelectInput) (fault string) {
	in.Selector, in.Kinds = c.cmd().Select, c.kinds
	chosen, fault := workflow.Select(in)
	if fault != "" {
		return fault
	}
	c.picked = map[workflow.ProjectKey]bool{}
	for _, p := range chosen {
		c.picked[p.Key()] = true
	}
	return ""
}

// picks reports whether the command is about a project; an empty selector is about every one.
func (c *command) picks(p workflow.Project) bool { return !c.named() || c.picked[p.Key()] }

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
	err := s.withRequest(ctx, c.e.Request.ID, func(a *act, req workflow.Request) error {
		rec, err := a.tx.Pull(c.e.Pull.Key())
		if err != nil {
			return err
		}
		c.act, c.rec = a, &rec
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
	return wrap(err, fmt.Sprintf("carrying out `%s` on %s", c.cmd().Verb, c.e.Pull.Key()))
}

func refusedReply(sentences ...phrase.Text) *workflow.Reply {
	return &workflow.Reply{Kind: workflow.ReplyRefused, Text: sentences}
}

var changedMeanwhile = phrase.Say("The projects of this pull request changed while this was read: write it again.")

// chosen are the projects of the record that the command is about; with an empty
// selector all that are not deleted. The selector is compared with names the first
// time only, which is before the transaction. A fault means that it names nothing.
func (c *command) chosen() (out []*workflow.ProjectRecord, fault phrase.Text) {
	in := workflow.SelectInput{Selector: c.cmd().Select}
	for _, p := range c.rec.Projects {
		if p.Deleted {
			in.Deleted = append(in.Deleted, p.Project)
			continue
		}
		in.Projects = append(in.Projects, p.Project)
	}
	switch head := phrase.Short(c.rec.Pull.Head.SHA); {
	case len(in.Projects) > 0:
	case !c.rec.Known:
		return nil, phrase.Say("%s is not planned yet, so nothing can be done with its plans. It is planned by itself; %s asks for it now.",
			head, workflow.VerbPlan.Typed(""))
	case c.rec.Trouble != nil:
		return nil, phrase.Say("Nothing of %s can be planned: %s. The check `cardea/plan` says what to mend.", head, c.rec.Trouble.Title.Within())
	}
	if c.named() && c.picked == nil {
		if c.act != nil {
			return nil, changedMeanwhile
		}
		if fault := c.pickFrom(in); fault != "" {
			return nil, phrase.Plain(fault)
		}
	}
	for i := range c.rec.Projects {
		if p := &c.rec.Projects[i]; !p.Deleted && c.picks(p.Project) {
			out = append(out, p)
		}
	}
	if len(out) < len(c.picked) {
		return nil, changedMeanwhile
	}
	return out, nil
}

// named reports whether the command names projects: then each one that it cannot have gets a sentence.
func (c *command) named() bool { return !c.cmd().Select.Empty() }

// currentPlan is the run of the plan that counts for a project: finished and with
// changes; why says, as part of a sentence, what is there instead.
func currentPlan(p workflow.ProjectRecord) (run *workflow.Run, why phrase.Text) {
	switch r := p.Run; {
	case !p.Project.Refused.Empty():
		return nil, phrase.Say("is refused: %s", p.Project.Refused.Within())
	case r == nil:
		return nil, phrase.Say("has no plan")
	case r.State == workflow.RunQueued:
		return nil, phrase.Say("waits for its plan")
	case r.State == workflow.RunRunning:
		return nil, phrase.Say("is being planned")
	case r.Outcome != workflow.OutcomeSucceeded:
		return nil, phrase.Say("has no plan: the last one ended as %s", phrase.Words(string(r.Outcome)))
	case r.NoChanges:
		return nil, phrase.Say("has no changes")
	default:
		return r, nil
	}
}
