package service

import (
	"time"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/workflow"
)

// resolve ends an unknown apply, or one whose state is kept, by the word of a person.
func (c *command) resolve() (*workflow.Reply, error) {
	outcome := c.Request.Command.Outcome
	if !c.Named() || (outcome != workflow.ResolvedApplied && outcome != workflow.ResolvedFailed) {
		return refusedReply(phrase.Say("%s or `--outcome failed` says what an unknown apply counts as.",
			workflow.VerbResolve.Typed("-p NAME --outcome applied"))), nil
	}
	reply := &workflow.Reply{Kind: workflow.ReplyResolved}
	any := false
	all := c.Record.WithPast().Projects
	for _, p := range all {
		if !c.Picks(p.Project) {
			continue
		}
		item := workflow.ReplyItem{Project: p.Project.Name}
		admin := c.Rules.ForProject(p.Project).Admin
		switch {
		case !c.May(admin):
			item.Text = c.MayNot(phrase.Say("resolve %s", phrase.Project(p.Project.Name)), admin)
		case p.Apply == nil || (!p.Apply.OutcomeOpen() && !p.Apply.StateKept()):
			item.Text = phrase.Say("The outcome of %s is known: there is nothing to resolve.", phrase.Project(p.Project.Name))
		case c.at().Before(p.Apply.Started.Truncate(time.Second)): // delivered late, it is about an earlier one
			item.Text = phrase.Say("This was written before the last apply of %s began. Find out how that one ended, then comment again.",
				phrase.Project(p.Project.Name))
		default:
			item.Done, any = true, true
			item.Text = phrase.Say("It counts as %s.", outcome)
			if err := c.resolveOutcome(p.Apply.ID, outcome); err != nil {
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

func (c *command) resolveOutcome(runID, outcome string) error {
	run, err := c.tx.Run(runID)
	if err != nil {
		return err
	}
	order := run.Order()
	order.Resolved, order.ResolvedBy = outcome, c.Actor()
	if err := c.put(run); err != nil {
		return err
	}
	c.Record.Show(run)
	err = c.say(run.Subject().About(), workflow.Event{
		Kind: workflow.EventResolved, Project: run.Project.Name, Run: run.ID, Actor: c.Actor(),
		Text: phrase.Say("%s resolved the apply of `%s` as %s.", workflow.Mention(c.Actor()), run.Project.Name, outcome),
	})
	if err != nil {
		return err
	}
	c.drop(order.PlanRun)
	if err := c.followApply(c.Record, run); err != nil {
		return err
	}
	if p := c.Record.Find(run.Project.Key()); p != nil {
		return c.reconsider(*c.Record, p, c.Rules)
	}
	return nil
}
