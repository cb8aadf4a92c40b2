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
	"strings"

	"github.com/cardea-iac/cardea/app/event"
	"github.com/cardea-iac/cardea/app/github"
	"github.com/cardea-iac/cardea/templates"
	"github.com/cardea-iac/cardea/templates/markdown"
	"github.com/cardea-iac/cardea/templates/model"
	"github.com/cardea-iac/cardea/workflow"
)

// The names of our checks: required checks are matched by name, so these are a public contract.
const (
	PlanCheck  = "cardea/plan"
	ApplyCheck = "cardea/apply"
)

// The statuses and conclusions of checks that we use. We never use neutral or skipped: GitHub
// counts those as passed.
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

// Ours reports whether a check of that name, if our App made it, is one whose state we
// decide.
func Ours(name string) bool {
	return name == PlanCheck || name == ApplyCheck || strings.HasPrefix(name, PlanCheck+": ")
}

// Wanted is what should be seen of a pull.
type Wanted struct {
	// Comment is the summary's text, "" when none should be written.
	Comment string
	// Plans are the fingerprints of the plans that there are, by project name. Which of
	// them the comment shows is told by the text that was written.
	Plans map[string]string
	// Optional: the comment is not worth writing when none is there.
	Optional bool
	// Final: nothing in this pull is going on; what is written stays.
	Final bool
	// Applied: everything that had changes is applied or being applied.
	Applied bool
	// Alarmed: an apply went wrong, and the words say so.
	Alarmed bool
	// Waiting: the words of cardea/plan say why nothing moves.
	Waiting bool
	// Checks of the head, in the order of writing.
	Checks []github.Check
}

// Options are what depends on the server, not on the pull.
type Options struct {
	Links model.Links
	// Rules of the repository say which buttons mean something.
	Rules workflow.Rules
	// Annotate says which diagnostics have a place in the head's files; nil: all that name one.
	Annotate func(workflow.PullView, workflow.Diagnostic) bool
}

// Desired says what should be seen of an open pull. peers are the other open
// pulls with the same head: checks belong to a commit, so the worst of all of
// them is what its checks say.
func Desired(v workflow.PullView, peers []workflow.PullView, o Options) Wanted {
	all := append([]workflow.PullView{v}, peers...)
	planned := worst(all, func(s Standings) Standing { return s.Plan })
	own := StandingsOf(v.PullRecord)
	w := Wanted{Applied: planned.Known &&
		(StandingsOf(planned.PullRecord).Plan == Applied || StandingsOf(planned.PullRecord).Plan == Applying),
		Final:   own.Plan != Unknown && own.Plan != Planning && own.Apply != Applying && !busy(v.PullRecord),
		Alarmed: own.Apply == ApplyFailed, Waiting: planned.Waiting != ""}
	if own.Plan != Unknown {
		w.Plans = fingerprints(v, func(workflow.ProjectRecord) bool { return true })
		w.Comment = templates.Summary(v, o.Links)
		if key := event.ShownKey(Runs(v, w.Plans)); key != "" {
			// Different plans have to be a different text, even where people would see no difference.
			w.Comment += "\n<!-- cardea:shown:" + key + " -->\n"
		}
		w.Optional = own.Plan == NotPermitted ||
			v.Trouble == nil && len(v.Projects) == 0 && len(workflow.Unsupported(v.NotPlanned)) == 0
	}
	w.Checks = append([]github.Check{planCheck(planned, o), applyCheck(worst(all, func(s Standings) Standing { return s.Apply }), o)}, projectChecks(all, o.Links)...)
	// Conclusions go before progress.
	slices.SortStableFunc(w.Checks, func(a, b github.Check) int { return rank(a) - rank(b) })
	return w
}

func rank(c github.Check) int {
	if c.Status == completed {
		return 0
	}
	return 1
}

// worst is the pull that decides a check; of equals the first.
func worst(all []workflow.PullView, of func(Standings) Standing) workflow.PullView {
	out := all[0]
	for _, p := range all[1:] {
		a, b := of(StandingsOf(p.PullRecord)), of(StandingsOf(out.PullRecord))
		if a < b || a == b && p.Pull.Number < out.Pull.Number {
			out = p
		}
	}
	return out
}

// planCheck makes cardea/plan for the pull that decides it.
func planCheck(v workflow.PullView, o Options) github.Check {
	c := newCheck(v, PlanCheck, event.CheckRef{}, o.Links)
	c.set(verdicts[StandingsOf(v.PullRecord).Plan][0], templates.PlanCheck(v, o.Links))
	if c.Status == completed {
		c.Annotations = annotations(v, o.Annotate)
		c.Actions = []github.Button{{Label: "Re-plan", Description: "Plan the affected projects again",
			Identifier: event.ButtonPlan}}
	}
	return c.Check
}

// applyCheck makes cardea/apply. Its buttons are about exactly the plans that its external_id
// names: other plans need another check run.
func applyCheck(v workflow.PullView, o Options) github.Check {
	verdict := verdicts[StandingsOf(v.PullRecord).Apply][1]
	text := templates.ApplyCheck(v, o.Links)
	var offered map[string]string
	if verdict == actionRequired || verdict == failure {
		offered = offeredIn(v, text)
	}
	c := newCheck(v, ApplyCheck, event.CheckRef{Shown: ShownKey(v, offered)}, o.Links)
	c.set(verdict, text)
	c.Actions = buttons(v, offered, o.Rules)
	return c.Check
}

// buttons are Approve while a plan lacks approvals, and Apply once one has enough.
func buttons(v workflow.PullView, offered map[string]string, rules workflow.Rules) []github.Button {
	approve, apply := false, false
	for name, fp := range offered {
		p := v.Project(name)
		of := rules.ForProject(p.Project)
		have := map[int64]bool{}
		for _, a := range p.Approvals {
			if a.Void == "" && a.Fingerprint == fp {
				have[a.User.ID] = true
			}
		}
		enough := !slices.Contains(of.Require, workflow.NeedApproved) || len(have) >= of.Approvals.Count
		approve, apply = approve || !enough, apply || enough
	}
	var out []github.Button
	if approve {
		out = append(out, github.Button{Label: "Approve", Description: "Approve the plans that are shown here",
			Identifier: event.ButtonApprove})
	}
	if apply {
		out = append(out, github.Button{Label: "Apply", Description: "Apply the plans that are shown here",
			Identifier: event.ButtonApply})
	}
	return out
}

// check is a github.Check with methods that fill it.
type check struct{ github.Check }

func newCheck(v workflow.PullView, name string, ref event.CheckRef, l model.Links) check {
	ref.RepoID, ref.Number = v.Pull.Repo.ID, v.Pull.Number
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

// projectChecks makes `cardea/plan: NAME` for the projects whose plans ended, in each pull
// that affects few enough. Each is written once, when the plan ends: a per-project check may
// cost no more than that one call.
func projectChecks(views []workflow.PullView, l model.Links) []github.Check {
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
			at, name := planStanding(p), p.Project.Name
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
		c := newCheck(f.view, ProjectCheck(name), event.CheckRef{Project: name}, l)
		c.set(verdict, templates.ProjectCheck(f.view, name, l))
		out = append(out, c.Check)
	}
	return out
}

// ProjectCheck is the name of a project's own check.
func ProjectCheck(project string) string {
	const most = 100 // GitHub documents no limit, but a name should be readable
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
		a := github.Annotation{Path: d.Position.File, Line: d.Position.Line, Level: failure,
			Title: cut(markdown.Clean(d.Summary), 255), Message: cut(markdown.Clean(d.Detail), 8000)}
		if d.Severity == workflow.SeverityWarning {
			a.Level = "warning"
		}
		if a.Message == "" {
			a.Message = a.Title
		}
		if a.Message == "" || seen[a] {
			continue // the same fault in a module that several projects use
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
