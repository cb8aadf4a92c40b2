// Package report shows on GitHub what we know of a pull: the one summary
// comment, the check runs, and the replies to commands.
//
// It is level-triggered. [Desired] says what should be seen, as a pure function
// of the pull's record; the reporter compares that with what was last shown and
// writes the difference. It can be stopped anywhere and started again, and what
// was shown can be forgotten: our comment is found by its marker and our App's
// id, our checks by their names and our App's id.
//
// GitHub's limits shape the writing. Final conclusions go before progress, and a
// round of plans gets two progress edits of the comment at most, so that a plan
// of a hundred projects costs no more calls than a plan of one.
package report

import (
	"slices"

	"github.com/cardea-iac/cardea/app/event"
	"github.com/cardea-iac/cardea/app/github"
	"github.com/cardea-iac/cardea/templates"
	"github.com/cardea-iac/cardea/workflow"
)

// The names of our checks: required checks are matched by name, so these are a public contract.
const (
	PlanCheck  = "cardea/plan"
	ApplyCheck = "cardea/apply"
)

// The statuses and conclusions of checks that we use. Never neutral or skipped:
// GitHub counts those as passed.
const (
	queued         = "queued"
	inProgress     = "in_progress"
	completed      = "completed"
	success        = "success"
	failure        = "failure"
	timedOut       = "timed_out"
	actionRequired = "action_required"
	cancelled      = "cancelled"
)

// Standing is where the plans of a pull stand together, the worst first
// (behaviour.md §7). The worst of all projects counts, and of all open pulls with
// that head. A cancelled plan is no plan, so it is worse than changes.
type Standing int

// The standings.
const (
	Unknown Standing = iota // what head affects is not known yet
	Planning
	Failed
	TimedOut
	NotPermitted
	Cancelled
	Changes
	Done // nothing affected, or no plan has changes
)

// verdicts are the status or, when completed, the conclusion of cardea/plan and cardea/apply.
var verdicts = map[Standing][2]string{
	Unknown:      {queued, queued},
	Planning:     {inProgress, queued},
	Failed:       {failure, actionRequired},
	TimedOut:     {timedOut, actionRequired},
	NotPermitted: {actionRequired, actionRequired},
	Cancelled:    {cancelled, cancelled},
	Changes:      {success, actionRequired},
	Done:         {success, success},
}

// StandingOf is where a pull stands.
func StandingOf(rec workflow.PullRecord) Standing {
	switch {
	case !rec.Known:
		return Unknown
	case rec.Trouble != nil && rec.Trouble.Kind == workflow.TroubleNotPermitted:
		return NotPermitted
	case rec.Trouble != nil:
		return Failed
	}
	worst := Done
	for _, p := range rec.Projects {
		worst = min(worst, standingOfProject(p))
	}
	return worst
}

func standingOfProject(p workflow.ProjectRecord) Standing {
	switch p.State() {
	case workflow.StateDeleted, workflow.StateNoChanges:
		return Done
	case workflow.StateQueued, workflow.StatePlanning:
		return Planning
	case workflow.StatePlanned:
		return Changes
	case workflow.StatePlanFailed:
		switch p.Run.Outcome {
		case workflow.OutcomeTimedOut:
			return TimedOut
		case workflow.OutcomeCancelled, workflow.OutcomeSuperseded:
			return Cancelled
		}
	}
	return Failed // refused too, and whatever we do not know
}

// Wanted is what should be seen of a pull.
type Wanted struct {
	// Comment is the summary's text, "" when there should be none unless one is there.
	Comment string
	// Optional: the comment is not worth writing when none is there.
	Optional bool
	// Final: nothing of this pull is being planned; what is written stays.
	Final bool
	// Waiting: why nothing moves is in the words of cardea/plan.
	Waiting bool
	// Checks of the head, in the order of writing.
	Checks []github.Check
}

// Desired says what should be seen of an open pull. peers are the other open
// pulls with the same head: checks belong to a commit, so the worst of all of
// them is what its checks say. annotate says which diagnostics have a place in
// the head's files; nil: all that name one.
func Desired(v workflow.PullView, peers []workflow.PullView, l templates.Links, annotate func(workflow.PullView, workflow.Diagnostic) bool) Wanted {
	worst := v
	for _, p := range peers {
		a, b := StandingOf(p.PullRecord), StandingOf(worst.PullRecord)
		if a < b || a == b && p.Pull.Number < worst.Pull.Number {
			worst = p
		}
	}
	own := StandingOf(v.PullRecord)
	w := Wanted{Final: own != Unknown && own != Planning, Waiting: worst.Waiting != ""}
	if own != Unknown {
		w.Comment = templates.Summary(v, l)
		w.Optional = own == NotPermitted || v.Trouble == nil && len(v.Projects) == 0
	}
	w.Checks = append(both(worst, l, annotate), projectChecks(append([]workflow.PullView{v}, peers...), l)...)
	// What is final goes before what is progress.
	slices.SortStableFunc(w.Checks, func(a, b github.Check) int { return rank(a) - rank(b) })
	return w
}

func rank(c github.Check) int {
	if c.Status == completed {
		return 0
	}
	return 1
}

// both makes cardea/plan and cardea/apply for the pull that decides them.
func both(v workflow.PullView, l templates.Links, annotate func(workflow.PullView, workflow.Diagnostic) bool) []github.Check {
	verdict := verdicts[StandingOf(v.PullRecord)]
	plan := newCheck(v, PlanCheck, "", l)
	plan.set(verdict[0], templates.PlanCheck(v, l))
	if plan.Status == completed {
		plan.Annotations = annotations(v, annotate)
		plan.Actions = []github.Button{{Label: "Re-plan", Description: "Plan the affected projects again", Identifier: event.ButtonPlan}}
	}
	apply := newCheck(v, ApplyCheck, "", l)
	apply.set(verdict[1], templates.ApplyCheck(v, l))
	return []github.Check{plan.Check, apply.Check}
}

// check adds to a github.Check how it is filled.
type check struct{ github.Check }

func newCheck(v workflow.PullView, name, project string, l templates.Links) check {
	ref := event.CheckRef{RepoID: v.Pull.Repo.ID, Number: v.Pull.Number, Project: project}
	return check{github.Check{Name: name, SHA: v.Pull.Head.SHA, ExternalID: ref.String(), DetailsURL: l.Pull(v.Pull)}}
}

// set fills in a verdict: a status, or the conclusion of a completed check.
func (c *check) set(verdict string, text templates.CheckText) {
	c.Status = verdict
	if verdict != queued && verdict != inProgress {
		c.Status, c.Conclusion = completed, verdict
	}
	c.Title, c.Summary, c.Text = text.Title, text.Summary, text.Text
}

// projectChecks makes `cardea/plan: NAME` for the projects whose plans ended, of
// each pull that affects few enough. They are written once, when they end: that
// is the one call a per-project check may cost.
func projectChecks(views []workflow.PullView, l templates.Links) []github.Check {
	type found struct {
		view workflow.PullView
		at   Standing
	}
	worst := map[string]found{}
	var names []string
	for _, v := range views {
		if !v.Known || v.Trouble != nil || affected(v.PullRecord) > v.PerProjectChecks {
			continue
		}
		for _, p := range v.Projects {
			if p.Deleted {
				continue
			}
			at, name := standingOfProject(p), p.Project.Name
			old, seen := worst[name]
			if !seen {
				names = append(names, name)
			}
			if !seen || at < old.at {
				worst[name] = found{v, at}
			}
		}
	}
	slices.Sort(names)
	var out []github.Check
	for _, name := range names {
		f := worst[name]
		if f.at == Planning {
			continue
		}
		verdict := verdicts[f.at][0]
		c := newCheck(f.view, ProjectCheck(name), name, l)
		c.set(verdict, templates.ProjectCheck(f.view, name, l))
		out = append(out, c.Check)
	}
	return out
}

// ProjectCheck is the name of a project's own check.
func ProjectCheck(project string) string {
	const most = 100 // GitHub documents no limit; a name is to be read
	if r := []rune(project); len(r) > most {
		project = string(r[:most-1]) + "…"
	}
	return PlanCheck + ": " + project
}

func affected(rec workflow.PullRecord) int {
	n := 0
	for _, p := range rec.Projects {
		if !p.Deleted {
			n++
		}
	}
	return n
}

// maxAnnotations is GitHub's limit of a request; more would need more calls.
const maxAnnotations = 50

// annotations are the errors with a place, the trouble's and those of failed plans.
func annotations(v workflow.PullView, ok func(workflow.PullView, workflow.Diagnostic) bool) []github.Annotation {
	var all []workflow.Diagnostic
	if v.Trouble != nil {
		all = v.Trouble.Diagnostics
	}
	for _, p := range v.Projects {
		if p.State() == workflow.StatePlanFailed {
			all = append(all, p.Run.Diagnostics...)
		}
	}
	var out []github.Annotation
	seen := map[github.Annotation]bool{}
	for _, d := range all {
		if d.Position.File == "" || d.Position.Line < 1 || len(out) == maxAnnotations || ok != nil && !ok(v, d) {
			continue
		}
		a := github.Annotation{Path: d.Position.File, Line: d.Position.Line, Level: failure, Title: cut(templates.Clean(d.Summary), 255), Message: cut(templates.Clean(d.Detail), 8000)}
		if d.Severity == workflow.SeverityWarning {
			a.Level = "warning"
		}
		if a.Message == "" {
			a.Message = a.Title
		}
		if a.Message == "" || seen[a] {
			continue // the same fault of a module that several projects use
		}
		seen[a] = true
		out = append(out, a)
	}
	return out
}

// cut shortens a text to at most n characters.
func cut(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return s
}
