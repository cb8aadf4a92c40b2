package service

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/gate"
)

// An apply that waits for others of its pull stands in the pull's record. At the end of each act
// that saves such a record the pure rule says how it stands: when its turn comes, a request is
// stored in the same transaction, and carried out like a command of whoever asked, with what
// GitHub says by then. So nothing starts twice, and nothing is forgotten, wherever a server ends.

// unmet is a project that a command names and that cannot start now.
type unmet struct {
	p    *workflow.ProjectRecord
	item workflow.ReplyItem
	on   []string // what alone it waits for; nil where it lacks anything else
}

// follow lets those that wait only for what is being applied follow it, whatever the order in
// which they were looked at. The others are left.
func (c *command) follow(all []unmet) (left []workflow.ReplyItem, err error) {
	for changed := true; changed; {
		changed = false
		for i, u := range all {
			if u.p == nil || !gate.MayFollow(*c.Record, u.on) {
				continue
			}
			if err := c.beginFollow(u); err != nil {
				return nil, err
			}
			all[i].p, changed = nil, true
		}
	}
	for _, u := range all {
		if u.p != nil {
			left = append(left, u.item)
		}
	}
	return left, nil
}

// beginFollow notes that a project's apply waits for others.
func (c *command) beginFollow(u unmet) error {
	run, err := c.tx.Run(u.p.Run.ID)
	if err != nil {
		return err
	}
	plan, err := c.tx.Plan(run.ID)
	if err != nil {
		return err
	}
	c.Record.Following = append(c.Record.Following, workflow.Follow{
		Key: u.p.Project.Key(), Project: u.p.Project.Name, By: c.Actor(), Request: c.Request.ID, Since: c.now,
		Head: c.Record.Pull.Head.SHA, On: u.on, Plan: c.approvalOf(run, plan),
	})
	return c.say(c.Record.Pull.Subject().About(), workflow.Event{Kind: workflow.EventFollowing, Project: u.p.Project.Name, Run: run.ID,
		Actor: c.Actor(), Text: phrase.Say("The apply of %s, plan %s, follows %s.", phrase.CodeSpan(u.p.Project.Name),
			phrase.CodeSpan(workflow.ShortFingerprint(run.Fingerprint)), phrase.SomeNames(u.on))})
}

// started ends the waiting of an apply that starts. Whoever else had asked for it is told that it
// was not by them.
func (c *command) started(p workflow.ProjectRecord) error {
	f := c.Record.Follows(p.Project.Key())
	switch {
	case f == nil:
		return nil
	case f.Request == c.origin(): // the end of its run is told
		c.Record.Following = slices.DeleteFunc(slices.Clone(c.Record.Following),
			func(of workflow.Follow) bool { return of.Key == f.Key && of.Request == f.Request })
		return nil
	}
	return c.endFollow(c.Record, f, phrase.Say("%s started it.", workflow.Mention(c.Actor())))
}

// already is the answer about a project whose apply waits for others, where nothing else is
// missing by now than what that waits for; nothing for others.
func (c *command) already(p workflow.ProjectRecord, missing []workflow.Missing) phrase.Text {
	f := c.Record.Follows(p.Project.Key())
	if f == nil || len(gate.Without(missing, workflow.NeedDepends, workflow.NeedPlan)) > 0 {
		return nil
	}
	return phrase.Say("%s already follows %s: %s asked for that.", phrase.Project(p.Project.Name), phrase.SomeNames(f.On),
		workflow.Mention(f.By))
}

// origin is the command by which this is asked for.
func (c *command) origin() string {
	if c.Request.Follow != "" {
		return c.Request.Follow
	}
	return c.Request.ID
}

// followOn is a command's turn for those of its projects that waited for others: what GitHub
// says is read by now, and each is asked for like any apply.
func (s *Service) followOn(ctx context.Context, c *command) error {
	switch { // a hiccup of GitHub's does not end it
	case len(c.Live.Errors) > 0:
		return s.DeferRequest(ctx, c.Request.ID, c.Live.Errors[0], time.Time{})
	case !c.Live.Knows(c.Actor()):
		return s.DeferRequest(ctx, c.Request.ID, fmt.Sprintf("GitHub did not say which role %s has.", workflow.Mention(c.Actor())), time.Time{})
	}
	var plans []workflow.Run
	for _, f := range c.Record.Following {
		if p := c.Record.Find(f.Key); p != nil && p.Run != nil && f.Request == c.Request.Follow && f.Ended.Empty() {
			plans = append(plans, *p.Run)
		}
	}
	b, err := s.lookAtBase(ctx, c, plans)
	switch {
	case err != nil:
		return err
	case b.passing: // nor one of git's
		return s.DeferRequest(ctx, c.Request.ID, slices.Concat(c.Live.Errors, b.doubts)[0], time.Time{})
	}
	return s.execute(ctx, c, func(c *command) (*workflow.Reply, error) { return nil, c.turn(b) })
}

// turn starts the applies whose turn it is, or ends their waiting.
func (c *command) turn(b basis) error {
	n, outdated := 0, false
	for _, was := range slices.Clone(c.Record.Following) {
		f := c.Record.Follows(was.Key)
		if f == nil || f.Request != c.Request.Follow {
			continue
		}
		due, _ := gate.Follow(*c.Record, *f, c.now)
		p := c.Record.Find(f.Key)
		if f.Asked = false; !due || !b.compared(*p) {
			continue // at the end of this act it is said why, or asked once more
		}
		missing, _, err := c.order(p, b, n)
		if err != nil {
			return err
		}
		if len(missing) == 0 {
			n++
			continue
		}
		lacked(p, missing)
		outdated = outdated || b.outdates(missing)
		if err := c.endFollow(c.Record, c.Record.Followed(was.Key), workflow.SayMissing(missing)); err != nil {
			return err
		}
	}
	if outdated {
		return c.planOnTip(c.Record.Pull, b.tip)
	}
	return nil
}

// endFollow notes that an apply does not wait for others any more.
func (a *act) endFollow(rec *workflow.PullRecord, f *workflow.Follow, why phrase.Text) error {
	f.Ended, f.Asked = why, false
	return a.say(rec.Pull.Subject().About(), workflow.Event{Kind: workflow.EventFollowing, Project: f.Project, Actor: f.By,
		Text: phrase.Say("The apply of %s no longer follows %s.", phrase.CodeSpan(f.Project), phrase.SomeNames(f.On)).And(why)})
}

// endFollows is endFollow for those of a pull that are meant.
func (a *act) endFollows(rec *workflow.PullRecord, why phrase.Text, meant func(workflow.Follow) bool) (names []string, err error) {
	for i := range rec.Following {
		f := &rec.Following[i]
		if !f.Ended.Empty() || !meant(*f) {
			continue
		}
		if err := a.endFollow(rec, f, why); err != nil {
			return names, err
		}
		names = append(names, f.Project)
	}
	return names, nil
}

// lookAtFollows looks, at the end of an act, at the applies that wait for others in each record that
// was saved, until nothing follows from that any more.
func (a *act) lookAtFollows() error {
	for len(a.touched) > 0 {
		key := a.touched[0]
		a.touched = a.touched[1:]
		rec, err := a.tx.Pull(key)
		if err != nil {
			return err
		}
		if changed, err := a.lookAtFollowsOf(&rec); err != nil {
			return err
		} else if changed {
			if err := a.save(rec); err != nil {
				return err
			}
		}
	}
	return nil
}

// lookAtFollowsOf ends the waiting of those that wait in vain, asks for those whose turn it is,
// and tells people.
func (a *act) lookAtFollowsOf(rec *workflow.PullRecord) (changed bool, err error) {
	rec.Following = slices.Clone(rec.Following)
	asks := map[string]workflow.Actor{}
	for i := range rec.Following {
		f := &rec.Following[i]
		if !f.Ended.Empty() {
			continue
		}
		due, why := gate.Follow(*rec, *f, a.now)
		if note, over := a.turns[f.Request]; why.Empty() && over && f.Asked {
			why = phrase.Plain(note) // its turn came, and the request ended without it
		}
		if !why.Empty() {
			changed = true
			if err := a.endFollow(rec, f, why); err != nil {
				return changed, err
			}
			continue
		}
		if due != f.Asked {
			f.Asked, changed = due, true
			if due {
				asks[f.Request] = f.By
			}
		}
	}
	for _, command := range slices.Sorted(maps.Keys(asks)) {
		delete(a.turns, command) // it has another turn now
		if err := a.askAgain(rec.Pull, command, asks[command]); err != nil {
			return changed, err
		}
	}
	told, err := a.tellFollows(rec)
	return changed || told, err
}

// askAgain submits the request that asks the gate for applies that a command asked for.
func (a *act) askAgain(p workflow.Pull, command string, by workflow.Actor) error {
	_, _, err := a.submit(workflow.Request{
		Kind: workflow.RequestCommand, Repo: p.Repo, Number: p.Number, Actor: by, Action: "follow", Immediate: true, Follow: command,
		Command: &workflow.Command{Verb: workflow.VerbApply}, Key: fmt.Sprintf("follow:%s:%s", p.Key(), a.newID()),
	})
	return err
}

// tellFollows tells of the applies that wait no more, and forgets those of which nothing is left to say.
func (a *act) tellFollows(rec *workflow.PullRecord) (changed bool, err error) {
	for i := range rec.Following {
		f := &rec.Following[i]
		if f.Ended.Empty() || f.Told {
			continue
		}
		if f.Told, err = a.tellEnd(rec, f.Request, f.By); err != nil {
			return changed, err
		}
		changed = changed || f.Told
	}
	before := len(rec.Following)
	rec.Following = slices.DeleteFunc(rec.Following, func(f workflow.Follow) bool {
		p := rec.Find(f.Key)
		return f.Told && (p == nil || rec.AskedAgain(f) || f.Head != rec.Pull.Head.SHA || rec.Pull.State != workflow.PullOpen || gate.NothingLeft(*p))
	})
	return changed || len(rec.Following) < before, nil
}

// expireFollows ends what has waited for too long, where nothing else happens on a pull.
func (s *Service) expireFollows(ctx context.Context) error {
	pulls, err := read(ctx, s, "reading the open pulls", func(tx workflow.Tx) ([]workflow.PullRecord, error) { return tx.OpenPulls(0) })
	if err != nil {
		return err
	}
	now := s.now()
	var errs []error
	for _, rec := range pulls {
		if !slices.ContainsFunc(rec.Following, func(f workflow.Follow) bool {
			return f.Ended.Empty() && now.Sub(f.Since) > workflow.MaxFollow
		}) {
			continue
		}
		err := s.act(ctx, func(a *act) error {
			return a.change(rec.Pull.Subject().About(), func(*workflow.PullRecord) bool { return true })
		})
		if err != nil { // the others are ended all the same
			errs = append(errs, fmt.Errorf("ending what waited too long in %s: %w", rec.Pull.Key(), err))
		}
	}
	return errors.Join(errs...)
}
