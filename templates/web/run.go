package web

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/templates/model"
	"github.com/cardea-iac/cardea/workflow"
)

// ApplyPartOf is what a page says of an apply run; nil for other kinds. The plan is the one that
// it applies, nil where that is not known any more.
func ApplyPartOf(run workflow.Run, plan *workflow.Plan, l model.Links) *ApplyPart {
	if run.Kind != workflow.RunApply || run.Apply == nil {
		return nil
	}
	o := run.Apply
	p := &ApplyPart{}
	if run.Outcome != workflow.OutcomeUnknown { // its alarm says what is known
		p.Part = phrase.Sentence(model.PartDone(o))
	}
	for _, m := range o.Missing {
		p.Missing = append(p.Missing, model.Said{Text: l.Say(m.Sentence), Mend: l.Say(m.Mend)})
	}
	if o.PlanRun != "" {
		p.PlanURL = model.RunPath(o.PlanRun)
	}
	rec := recordOfApply(run)
	if a, ok := model.AlarmOf(model.Row{Record: rec, Plan: plan, State: rec.State()}, l); ok {
		p.Alarm = &a
	}
	if a := o.Authorised; a != nil {
		p.Facts = factsOf(*a)
	}
	if o.Resolved != "" {
		p.Facts = append(p.Facts, fact{"Resolved", "as " + o.Resolved + " by " + phrase.CodeSpan(o.ResolvedBy.Login)})
	}
	return p
}

// recordOfApply is a project as an apply, by itself, leaves it: with the plan that it applied.
func recordOfApply(run workflow.Run) workflow.ProjectRecord {
	return workflow.ProjectRecord{Project: run.Project, Apply: &run,
		Run: &workflow.Run{ID: run.Apply.PlanRun, Head: run.Head, State: workflow.RunFinished,
			Outcome: workflow.OutcomeSucceeded}}
}

func factsOf(a workflow.Authorisation) []fact {
	approved := make([]string, 0, len(a.Approvals))
	for _, p := range a.Approvals {
		approved = append(approved, fmt.Sprintf("%s%s, %s", phrase.CodeSpan(p.User.Login),
			phrase.OneMany(p.ReviewID != 0, " in a review", ""), phrase.Clock(p.At)))
	}
	facts := []fact{
		{"Authorised", phrase.Clock(a.At)},
		{"By", phrase.CodeSpan(a.Actor.Login)},
		{"Approved by", strings.Join(approved, "; ")},
		{"Head", phrase.CodeSpan(a.Head)},
		{"Base", fmt.Sprintf("%s at %s", phrase.CodeSpan(a.BaseRef), phrase.CodeSpan(phrase.Short(a.Base)))},
		{"Tree", phrase.CodeSpan(a.Tree)},
		{"Fingerprint", phrase.CodeSpan(a.Fingerprint)},
		{"Artefact", phrase.CodeSpan(a.Artefact)},
		{"State before", stateWord(a.State)},
		{"Lock", fmt.Sprintf("epoch %d", a.LockEpoch)},
	}
	return slices.DeleteFunc(facts, func(f fact) bool { return strings.Trim(f.Value, "` ") == "" })
}

func stateWord(v workflow.StateVersion) string {
	if v.ID == "" {
		return "none yet"
	}
	return v.Version.Words() + " of " + phrase.CodeSpan(v.ID)
}

func runWord(r workflow.Run) string {
	switch {
	case r.State != workflow.RunFinished:
		return string(r.State)
	case r.Kind == workflow.RunApply && r.Apply != nil && r.Apply.ErroredState != "":
		return "state kept"
	case r.Kind == workflow.RunApply && r.Outcome == workflow.OutcomeSucceeded:
		return "applied"
	case r.Kind == workflow.RunVerify && r.Outcome == workflow.OutcomeSucceeded && r.NoChanges:
		return "converged"
	case r.Kind == workflow.RunVerify && r.Outcome == workflow.OutcomeSucceeded:
		return "changes left"
	case r.Outcome == workflow.OutcomeSucceeded && r.NoChanges:
		return "no changes"
	case r.Outcome == workflow.OutcomeSucceeded:
		return "planned"
	}
	return strings.ReplaceAll(string(r.Outcome), "_", " ")
}

func runClass(r workflow.Run) string {
	switch {
	case r.State != workflow.RunFinished:
		return string(r.State)
	case r.Kind == workflow.RunApply && (r.Outcome == workflow.OutcomeUnknown || r.Apply != nil && r.Apply.ErroredState != ""):
		return "failed"
	case r.Kind == workflow.RunApply && r.Outcome == workflow.OutcomeSucceeded:
		return "applied"
	case r.Outcome == workflow.OutcomeSucceeded && r.NoChanges:
		return "no_changes"
	case r.Outcome == workflow.OutcomeSucceeded:
		return "planned"
	case r.Outcome == workflow.OutcomeFailed || r.Outcome == workflow.OutcomeTimedOut || r.Outcome == workflow.OutcomeLost:
		return "failed"
	}
	return "stopped"
}
