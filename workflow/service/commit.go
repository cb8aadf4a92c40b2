package service

import (
	"cmp"
	"errors"
	"slices"
	"time"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/scope"
)

// commit writes an expansion's choice: the record, the runs, the reply, the
// history and the end of the request, all or nothing.
func (a *act) commit(req workflow.Request, g scope.Grounds, ch scope.Choice) error {
	f := g.Found
	rec, err := a.tx.Pull(g.Pull.Key())
	if err != nil {
		return err
	}
	if rec.Pull.Head.SHA != g.Pull.Head.SHA || rec.Pull.Base.Ref != g.Pull.Base.Ref || rec.Pull.State != workflow.PullOpen {
		req.NotBefore = a.now.Add(time.Second) // the facts moved on meanwhile: they are read again
		return a.putRequest(&req)
	}
	rec.Known, rec.Trouble, rec.Waiting = true, nil, ""
	rec.BaseSHA, rec.Tree, rec.PerProjectChecks = f.Checkout.Base, f.Checkout.Planned.ID, g.Rules.PerProjectChecks
	rec.BaseFaulty, rec.NotPlanned, rec.Total = f.BaseFaulty, f.NotPlanned, f.Resolution.Total()
	if ch.Whole {
		rec.Notes, rec.Unplanned = ch.Notes, ch.Silent
	}
	rec.Unplanned = slices.DeleteFunc(slices.Clone(rec.Unplanned), func(name string) bool {
		return slices.ContainsFunc(ch.Projects, func(w scope.Wanted) bool { return w.Record.Project.Name == name })
	})
	if err := a.putProjects(&rec, ch, req); err != nil {
		return err
	}
	if err := a.refuseSome(&rec, req, ch); err != nil {
		return err
	}
	if err := a.say(g.Pull.Subject().About(), workflow.Event{Kind: workflow.EventExpanded,
		Text: phrase.Plain(ch.Sentence(f))}); err != nil {
		return err
	}
	if err := a.finish(req, ch.Sentence(f)); err != nil {
		return err
	}
	return a.save(rec)
}

// refuseSome adds the one reply for what a command asked for and does not get.
func (a *act) refuseSome(rec *workflow.PullRecord, req workflow.Request, ch scope.Choice) error {
	if req.Command == nil {
		return nil
	}
	text := ch.Refused
	if len(text) == 0 && !slices.ContainsFunc(ch.Projects, func(w scope.Wanted) bool { return w.Plan }) {
		text = ch.WhyNothing()
	}
	if len(text) == 0 {
		return nil
	}
	return a.addReply(rec, req, workflow.Reply{Kind: workflow.ReplyRefused, Text: text})
}

// putProjects makes the record's projects those of the choice and queues their
// runs. Runs of the pull that another one replaces, or whose project is no
// longer part of it, are dropped.
func (a *act) putProjects(rec *workflow.PullRecord, ch scope.Choice, req workflow.Request) error {
	if err := a.dropReplaced(rec, ch); err != nil {
		return err
	}
	old := *rec // with what was dropped
	ids, err := a.runIDs(rec.Pull.Key())
	if err != nil {
		return err
	}
	projects, kept := ch.Leave(rec), ch.Keys()
	for i, w := range ch.Projects {
		key := w.Record.Project.Key()
		was := w.Formerly(old, kept)
		p := w.Successor(old, was)
		if p.Runs = ids[key]; was != nil && was.Project.Key() != key {
			p.Runs = append(p.Runs, ids[was.Project.Key()]...)
		}
		rec.Past = slices.DeleteFunc(slices.Clone(rec.Past), func(q workflow.ProjectRecord) bool {
			return q.Project.Key() == key || was != nil && q.Project.Key() == was.Project.Key()
		})
		if w.Asked && rec.AskedAt(key) < 0 {
			rec.Asked = append(rec.Asked, workflow.AskedProject{Key: key, By: req.Actor})
		}
		if w.Plan {
			run := w.Run
			// Microseconds apart, so that the queue keeps the order of the projects.
			run.ID, run.Queued = a.newID(), a.now.Add(time.Duration(i)*time.Microsecond)
			if err := a.put(run); err != nil {
				return err
			}
			p.Newest(run)
		}
		projects = append(projects, p)
	}
	slices.SortFunc(projects, func(a, b workflow.ProjectRecord) int { return cmp.Compare(a.Project.Name, b.Project.Name) })
	rec.Projects = projects
	return nil
}

// dropReplaced ends the runs of a pull that the choice replaces, or whose project is no longer part of it.
func (a *act) dropReplaced(rec *workflow.PullRecord, ch scope.Choice) error {
	kept, replaced := ch.Keys(), map[workflow.ProjectKey]bool{}
	for _, w := range ch.Projects {
		key := w.Record.Project.Key()
		replaced[key] = w.Plan || w.Record.Deleted || !w.Record.Project.Refused.Empty()
		if w.Outdated.Empty() {
			continue
		}
		err := a.dropSome(rec, ending{workflow.OutcomeSuperseded, w.Outdated.String() + " It is planned again."},
			func(r workflow.Run) bool { return r.Project.Key() == key })
		if err != nil {
			return err
		}
	}
	return a.dropSome(rec, ending{workflow.OutcomeSuperseded, "Another plan of it was requested."}, func(r workflow.Run) bool {
		key := r.Project.Key()
		return replaced[key] || (ch.Whole && !kept[key])
	})
}

// runIDs are the newest runs of a pull by project, newest first.
func (a *act) runIDs(key workflow.PullKey) (map[workflow.ProjectKey][]string, error) {
	const most = 1000
	runs, err := a.tx.RunsOf(workflow.OfPull(key), "", most)
	if err != nil && !errors.Is(err, workflow.ErrNotFound) {
		return nil, err
	}
	ids := map[workflow.ProjectKey][]string{}
	for _, r := range runs {
		if k := r.Project.Key(); len(ids[k]) < workflow.MaxRunIDs {
			ids[k] = append(ids[k], r.ID)
		}
	}
	return ids, nil
}
