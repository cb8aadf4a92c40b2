package service

import (
	"cmp"
	"errors"
	"slices"
	"time"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/workflow"
)

// commit writes an expansion's choice: the record, the runs, the reply, the
// history and the end of the request, all or nothing.
func (a *act) commit(req workflow.Request, g grounds, ch choice) error {
	e, f := g.expansion, g.found
	rec, err := a.tx.Pull(e.Pull.Key())
	if err != nil {
		return err
	}
	if rec.Pull.Head.SHA != e.Pull.Head.SHA || rec.Pull.Base.Ref != e.Pull.Base.Ref || rec.Pull.State != workflow.PullOpen {
		req.NotBefore = a.now.Add(time.Second) // the facts moved on meanwhile: they are read again
		return a.putRequest(&req)
	}
	rec.Known, rec.Trouble, rec.Waiting = true, nil, ""
	rec.BaseSHA, rec.Tree, rec.PerProjectChecks = f.Checkout.Base, f.Checkout.Planned.ID, g.rules.PerProjectChecks
	rec.BaseFaulty, rec.NotPlanned = f.BaseFaulty, f.NotPlanned
	if ch.whole {
		rec.Notes, rec.Unplanned = ch.notes, ch.silent
	}
	rec.Unplanned = slices.DeleteFunc(slices.Clone(rec.Unplanned), func(name string) bool {
		return slices.ContainsFunc(ch.projects, func(w wanted) bool { return w.record.Project.Name == name })
	})
	if err := a.putProjects(&rec, ch, req); err != nil {
		return err
	}
	if err := a.refuseSome(&rec, req, ch); err != nil {
		return err
	}
	if err := a.say(e.Pull.Subject().About(), workflow.Event{Kind: workflow.EventExpanded,
		Text: phrase.Plain(expandSentence(ch, f))}); err != nil {
		return err
	}
	if err := a.finish(req, expandSentence(ch, f)); err != nil {
		return err
	}
	return a.save(rec)
}

// refuseSome adds the one reply for what a command asked for and does not get.
func (a *act) refuseSome(rec *workflow.PullRecord, req workflow.Request, ch choice) error {
	if req.Command == nil {
		return nil
	}
	text := ch.refused
	if len(text) == 0 && !slices.ContainsFunc(ch.projects, func(w wanted) bool { return w.plan }) {
		text = whyNothing(ch)
	}
	if len(text) == 0 {
		return nil
	}
	return a.addReply(rec, req, workflow.Reply{Kind: workflow.ReplyRefused, Text: text})
}

// whyNothing says why a command plans nothing.
func whyNothing(ch choice) []phrase.Text {
	var text []phrase.Text
	for _, w := range ch.projects {
		if p := w.record.Project; !p.Refused.Empty() {
			text = append(text, phrase.Say("%s is refused: %s", phrase.Project(p.Name), p.Refused))
		}
	}
	if len(text) > 0 {
		return text
	}
	return []phrase.Text{
		phrase.Say("This change affects no project that can be planned, so there is nothing to plan."),
		phrase.Say("%s plans a project all the same, %s every one.", workflow.VerbPlan.Typed("-p NAME"), workflow.VerbPlan.Typed("--all")),
	}
}

// putProjects makes the record's projects those of the choice and queues their
// runs. Runs of the pull that another one replaces, or whose project is no
// longer part of it, are dropped.
func (a *act) putProjects(rec *workflow.PullRecord, ch choice, req workflow.Request) error {
	if err := a.dropReplaced(rec, ch); err != nil {
		return err
	}
	old := *rec // with what was dropped
	ids, err := a.runIDs(rec.Pull.Key())
	if err != nil {
		return err
	}
	projects, kept := leave(rec, ch), ch.keys()
	for i, w := range ch.projects {
		key := w.record.Project.Key()
		was := w.formerly(old, kept)
		p := w.successor(old, was)
		if p.Runs = ids[key]; was != nil && was.Project.Key() != key {
			p.Runs = append(p.Runs, ids[was.Project.Key()]...)
		}
		rec.Past = slices.DeleteFunc(slices.Clone(rec.Past), func(q workflow.ProjectRecord) bool {
			return q.Project.Key() == key || was != nil && q.Project.Key() == was.Project.Key()
		})
		if w.asked && rec.AskedAt(key) < 0 {
			rec.Asked = append(rec.Asked, workflow.AskedProject{Key: key, By: req.Actor})
		}
		if w.plan {
			run := w.run
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

// keys are the projects of a choice.
func (ch choice) keys() map[workflow.ProjectKey]bool {
	keys := map[workflow.ProjectKey]bool{}
	for _, w := range ch.projects {
		keys[w.record.Project.Key()] = true
	}
	return keys
}

// dropReplaced ends the runs of a pull that the choice replaces, or whose project is no longer part of it.
func (a *act) dropReplaced(rec *workflow.PullRecord, ch choice) error {
	kept, replaced := ch.keys(), map[workflow.ProjectKey]bool{}
	for _, w := range ch.projects {
		key := w.record.Project.Key()
		replaced[key] = w.plan || w.record.Deleted || !w.record.Project.Refused.Empty()
		if w.outdated.Empty() {
			continue
		}
		err := a.dropSome(rec, ending{workflow.OutcomeSuperseded, w.outdated.String() + " It is planned again."},
			func(r workflow.Run) bool { return r.Project.Key() == key })
		if err != nil {
			return err
		}
	}
	return a.dropSome(rec, ending{workflow.OutcomeSuperseded, "Another plan of it was asked for."}, func(r workflow.Run) bool {
		key := r.Project.Key()
		return replaced[key] || (ch.whole && !kept[key])
	})
}

// leave takes the projects of a choice out of a record and, if they are all that the pull
// has, puts the others aside. It returns those that stay.
func leave(rec *workflow.PullRecord, ch choice) (stay []workflow.ProjectRecord) {
	kept, names := ch.keys(), map[string]bool{}
	for _, w := range ch.projects {
		names[w.record.Project.Name] = true
	}
	for _, p := range rec.Projects {
		switch {
		case kept[p.Project.Key()]:
		case ch.whole || names[p.Project.Name]: // another project has its name by now
			rec.ShelveOne(p)
		default:
			stay = append(stay, p)
		}
	}
	return stay
}

// formerly is what the pull knew of a project. The base branch may have given the projects of
// a directory other names since then: the one that kept the same state there is the same
// project, unless an apply of it is not settled yet.
func (w wanted) formerly(old workflow.PullRecord, kept map[workflow.ProjectKey]bool) *workflow.ProjectRecord {
	p := w.record.Project
	if was := old.Formerly(p.Key()); was != nil || !w.plan {
		return was
	}
	for _, was := range old.WithPast().Projects {
		if kept[was.Project.Key()] || was.Project.Place() != p.Place() || was.Run == nil || !was.Run.States.Are(w.run.States) {
			continue
		}
		if a := was.Apply; a == nil || a.State == workflow.RunFinished && !a.OutcomeOpen() && !a.StateKept() {
			return &was
		}
	}
	return nil
}

// successor is a project's record after the one that the pull had of it.
func (w wanted) successor(old workflow.PullRecord, was *workflow.ProjectRecord) workflow.ProjectRecord {
	p := w.record
	if was != nil {
		p.Inherit(*was)
	}
	if before := old.Find(p.Project.Key()); before != nil && !w.plan && !p.Deleted && p.Project.Refused.Empty() {
		p.Run, p.WaitsFor, p.Outdated = before.Run, before.WaitsFor, before.Outdated
	}
	if w.plan {
		p.Outdated = w.outdated
	}
	return p
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
