package service

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/workflow"
)

// cancel drops what is queued and interrupts running plans; a running apply only
// with --apply, and then with one SIGINT.
func (c *command) cancel() (*workflow.Reply, error) {
	live, err := c.tx.LiveRunsOf(c.Record.Pull.Subject())
	if err != nil {
		return nil, err
	}
	why := fmt.Sprintf("%s cancelled it.", workflow.Mention(c.Actor()))
	var runs []workflow.Run
	reply := &workflow.Reply{Kind: workflow.ReplyCancelled}
	for _, run := range live {
		item := workflow.ReplyItem{Project: run.Project.Name}
		rules := c.Rules.ForProject(run.Project)
		who := rules.Plan
		if run.Kind == workflow.RunApply {
			who = rules.Apply
		}
		switch {
		case !c.May(who):
			item.Text = c.MayNot(phrase.Say("cancel the %s of %s", run.Kind, phrase.Project(run.Project.Name)), who)
		case run.Kind == workflow.RunApply && run.State == workflow.RunRunning && !c.Request.Command.CancelApply:
			item.Text = phrase.Say("An apply of %s is running: %s interrupts it once.", phrase.Project(run.Project.Name),
				workflow.VerbCancel.Typed("--apply"))
		default:
			item.Done, item.Text = true, phrase.Plain(cancelSentence(run))
			runs = append(runs, run)
		}
		reply.Items = append(reply.Items, item)
	}
	follows := 0
	for i := range c.Record.Following {
		f := &c.Record.Following[i]
		if !f.Ended.Empty() {
			continue
		}
		item, who := workflow.ReplyItem{Project: f.Project}, c.Rules.Apply
		if p := c.Record.Find(f.Key); p != nil {
			who = c.Rules.ForProject(p.Project).Apply
		}
		if f.By.ID != c.Actor().ID && !c.May(who) {
			item.Text = c.MayNot(phrase.Say("cancel the apply of %s", phrase.Project(f.Project)), who)
		} else {
			item.Done, item.Text = true, phrase.Say("its apply no longer follows %s", phrase.SomeNames(f.On))
			follows++
			if err := c.endFollow(c.Record, f, phrase.Plain(why)); err != nil {
				return nil, err
			}
		}
		reply.Items = append(reply.Items, item)
	}
	if len(reply.Items) == 0 {
		return refusedReply(phrase.Say("Nothing of this pull request is queued or running.")), nil
	}
	if len(runs)+follows == 0 {
		reply.Kind = workflow.ReplyRefused
	}
	slices.SortStableFunc(reply.Items, func(a, b workflow.ReplyItem) int { return cmp.Compare(a.Project, b.Project) })
	return reply, c.dropThese(c.Record, runs, ending{outcome: workflow.OutcomeCancelled, why: why})
}

// cancelSentence says what a cancelled run's end is.
func cancelSentence(run workflow.Run) string {
	switch {
	case run.State == workflow.RunQueued:
		return fmt.Sprintf("its %s was dropped", run.Kind)
	case run.Kind == workflow.RunApply:
		return fmt.Sprintf("its apply was sent one SIGINT: %s finishes what is in progress and starts nothing new", run.Project.Engine)
	}
	return fmt.Sprintf("its %s is being interrupted", run.Kind)
}

// ending is how live runs end before their time.
type ending struct {
	outcome workflow.Outcome
	why     string
}

// dropThese ends the queued ones of a pull's runs and asks the running ones to
// stop. An apply that is dropped from the queue is refused, and gives its locks
// back. The record is changed, not saved.
func (a *act) dropThese(rec *workflow.PullRecord, runs []workflow.Run, d ending) error {
	for _, run := range runs {
		if run.Kind == workflow.RunApply && run.State == workflow.RunQueued {
			run.Refuse(d.why, nil, a.now)
			if err := a.put(run); err != nil {
				return err
			}
			if err := a.undoOrder(rec, run); err != nil {
				return err
			}
			continue
		}
		if run.Drop(d.outcome, d.why, a.now) {
			if err := a.sayOf(run, workflow.EventSuperseded, d.why); err != nil {
				return err
			}
		}
		if err := a.put(run); err != nil {
			return err
		}
		rec.Show(run)
	}
	return nil
}

// dropRuns ends the queued runs of a pull and asks its running ones to stop, but
// for applies that began. The record is changed, not saved.
func (a *act) dropRuns(rec *workflow.PullRecord, outcome workflow.Outcome, why string) error {
	return a.dropSome(rec, ending{outcome, why}, func(workflow.Run) bool { return true })
}

// dropSome is dropRuns for some of the runs. An apply whose plan is spent is
// never among them: only `cancel --apply` interrupts that.
func (a *act) dropSome(rec *workflow.PullRecord, d ending, which func(workflow.Run) bool) error {
	live, err := a.tx.LiveRunsOf(rec.Pull.Subject())
	if err != nil {
		return err
	}
	var runs []workflow.Run
	for _, run := range live {
		spent := run.Apply != nil && run.Apply.Spent
		if !spent && which(run) {
			runs = append(runs, run)
		}
	}
	return a.dropThese(rec, runs, d)
}
