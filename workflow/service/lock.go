package service

import (
	"context"
	"slices"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/scope"
)

// lockCommand carries out `lock -p …`. It may name any project of the repository,
// so the planned tree is read where the pull does not have the project yet.
func (s *Service) lockCommand(ctx context.Context, c *command) error {
	if !c.Named() {
		return s.FinishRequest(ctx, c.Request.ID, "Refused: no project is named.",
			refusedReply(phrase.Say("Say which project to lock: %s.", workflow.VerbLock.Typed("-p NAME"))))
	}
	var claims []lockRequest
	chosen, fault := c.Chosen()
	look := !fault.Empty()
	for _, p := range chosen {
		if p.Run == nil || len(p.Run.States) == 0 {
			look = true // its state is not known from the record
			break
		}
		claims = append(claims, lockRequest{project: p.Project, state: p.Run.Keeps()})
	}
	if look {
		var err error
		if claims, fault, err = s.claimsOf(ctx, c); err != nil {
			return s.failExpansion(ctx, c.e, err)
		}
		if !fault.Empty() {
			return s.FinishRequest(ctx, c.Request.ID, "Refused: "+fault.String(), refusedReply(fault))
		}
	}
	return s.execute(ctx, c, func(c *command) (*workflow.Reply, error) { return c.claim(claims) })
}

// claimsOf finds the projects that a command names in the planned tree.
func (s *Service) claimsOf(ctx context.Context, c *command) ([]lockRequest, phrase.Text, error) {
	f, t, err := s.survey(ctx, c.e.Pull)
	if err != nil {
		return nil, nil, err
	}
	if t != nil {
		return nil, phrase.Say("%s.", t.Title), nil
	}
	picked, fault := workflow.Select(f.Selecting(c.Request.Command.Select))
	if fault != "" {
		return nil, phrase.Plain(fault), nil
	}
	var claims []lockRequest
	for _, p := range picked {
		run, refused, err := f.PlanRun(ctx, p)
		if err != nil {
			return nil, nil, err
		}
		if refused != "" {
			return nil, phrase.Say("%s is refused: %s", phrase.Project(p.Name), refused), nil
		}
		claims = append(claims, lockRequest{project: p, state: run.Keeps()})
	}
	return claims, nil, nil
}

func (c *command) claim(claims []lockRequest) (*workflow.Reply, error) {
	reply := &workflow.Reply{Kind: workflow.ReplyLocked}
	any := false
	for _, t := range claims {
		item := workflow.ReplyItem{Project: t.project.Name}
		rules := c.Rules.ForProject(t.project)
		if !c.May(rules.Apply) {
			item.Text = c.MayNot(phrase.Say("lock %s", phrase.Project(t.project.Name)), rules.Apply)
			reply.Items = append(reply.Items, item)
			continue
		}
		t.user, t.why = c.Actor(), workflow.LockClaim
		_, held, err := c.takeLocks(c.Record.Pull.Key(), t)
		if err != nil {
			return nil, err
		}
		if held != nil {
			item.Text = held.Sentence().And(held.Mend())
		} else {
			item.Done, any = true, true
			if err := c.keepLocks(c.Record, t); err != nil {
				return nil, err
			}
		}
		reply.Items = append(reply.Items, item)
	}
	if !any {
		reply.Kind = workflow.ReplyRefused
	}
	return reply, nil
}

// unlock releases this pull's locks, all or those of the projects named.
func (c *command) unlock() (*workflow.Reply, error) {
	locks, err := c.tx.LocksOfPull(c.Record.Pull.Key())
	if err != nil {
		return nil, err
	}
	if len(locks) == 0 {
		return refusedReply(phrase.Say("This pull request holds no lock.")), nil
	}
	holds := c.Holds(locks)
	reply := &workflow.Reply{Kind: workflow.ReplyUnlocked}
	any := false
	for _, h := range holds {
		if !c.Picks(h.Project) {
			continue
		}
		item := workflow.ReplyItem{Project: h.Project.Name}
		if item.Text, err = c.unlockSome(h.Project, h.Locks); err != nil {
			return nil, err
		}
		item.Done = item.Text.Empty()
		any = any || item.Done
		if item.Done {
			if err := c.unlocked(h.Project); err != nil {
				return nil, err
			}
		}
		reply.Items = append(reply.Items, item)
	}
	switch {
	case len(reply.Items) == 0:
		return refusedReply(scope.ChangedMeanwhile), nil
	case !any:
		reply.Kind = workflow.ReplyRefused
	}
	return reply, nil
}

// unlocked ends the waiting of a project's apply, and of those that follow it.
func (c *command) unlocked(p workflow.Project) error {
	_, err := c.endFollows(c.Record, phrase.Say("%s unlocked %s.", workflow.Mention(c.Actor()), phrase.Name(p.Name)),
		func(f workflow.Follow) bool { return f.Key == p.Key() || slices.Contains(f.Waits(c.Record), p.Name) })
	return err
}

// unlockSome releases one project's locks; why says that they stay.
func (c *command) unlockSome(p workflow.Project, locks []workflow.Lock) (why phrase.Text, err error) {
	rules := c.Rules.ForProject(p)
	own := !slices.ContainsFunc(locks, func(l workflow.Lock) bool { return l.Why != workflow.LockClaim || l.User.ID != c.Actor().ID })
	if !own && !c.May(rules.Unlock) {
		return c.MayNot(phrase.Say("unlock %s", phrase.Project(p.Name)), rules.Unlock), nil
	}
	stays, err := c.release(*c.Record, locks, release{why: "By " + workflow.Mention(c.Actor()) + ".", actor: c.Actor()})
	if err != nil || len(stays) == 0 {
		return nil, err
	}
	return stays[0], nil
}
