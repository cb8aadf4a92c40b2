package scope

import (
	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/workflow"
)

// WhyNothing says why a command plans nothing.
func (ch Choice) WhyNothing() []phrase.Text {
	var text []phrase.Text
	for _, w := range ch.Projects {
		if p := w.Record.Project; !p.Refused.Empty() {
			text = append(text, phrase.Say("%s is refused: %s", phrase.Project(p.Name), p.Refused))
		}
	}
	if len(text) > 0 {
		return text
	}
	return []phrase.Text{
		phrase.Say("This change affects no project that can be planned, so there is nothing to plan."),
		phrase.Say("%s plans a project anyway, and %s plans them all.", workflow.VerbPlan.Typed("-p NAME"), workflow.VerbPlan.Typed("--all")),
	}
}

// Keys are the projects of a choice.
func (ch Choice) Keys() map[workflow.ProjectKey]bool {
	keys := map[workflow.ProjectKey]bool{}
	for _, w := range ch.Projects {
		keys[w.Record.Project.Key()] = true
	}
	return keys
}

// Leave takes the projects of a choice out of a record and, if they are all that the pull
// has, puts the others aside. It returns those that stay.
func (ch Choice) Leave(rec *workflow.PullRecord) (stay []workflow.ProjectRecord) {
	kept, names := ch.Keys(), map[string]bool{}
	for _, w := range ch.Projects {
		names[w.Record.Project.Name] = true
	}
	for _, p := range rec.Projects {
		switch {
		case kept[p.Project.Key()]:
		case ch.Whole || names[p.Project.Name]: // another project has its name by now
			rec.ShelveOne(p)
		default:
			stay = append(stay, p)
		}
	}
	return stay
}

// Formerly is what the pull knew of a project. The base branch may have given the projects of
// a directory other names since then: the one that kept the same state there is the same
// project, unless an apply of it is not settled yet.
func (w Wanted) Formerly(old workflow.PullRecord, kept map[workflow.ProjectKey]bool) *workflow.ProjectRecord {
	p := w.Record.Project
	if was := old.Formerly(p.Key()); was != nil || !w.Plan {
		return was
	}
	for _, was := range old.WithPast().Projects {
		if kept[was.Project.Key()] || was.Project.Place() != p.Place() || was.Run == nil || !was.Run.States.Are(w.Run.States) {
			continue
		}
		if a := was.Apply; a == nil || a.State == workflow.RunFinished && !a.OutcomeOpen() && !a.StateKept() {
			return &was
		}
	}
	return nil
}

// Successor is a project's record after the one that the pull had of it.
func (w Wanted) Successor(old workflow.PullRecord, was *workflow.ProjectRecord) workflow.ProjectRecord {
	p := w.Record
	if was != nil {
		p.Inherit(*was)
	}
	if before := old.Find(p.Project.Key()); before != nil && !w.Plan && !p.Deleted && p.Project.Refused.Empty() {
		p.Run, p.WaitsFor, p.Outdated = before.Run, before.WaitsFor, before.Outdated
	}
	if w.Plan {
		p.Outdated = w.Outdated
	}
	return p
}
