package model

import (
	"fmt"
	"strings"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/templates/markdown"
	"github.com/cardea-iac/cardea/workflow"
)

// These names projects when they are few, else it counts them.
func These(names []string) string {
	if len(names) > 3 {
		return "these " + markdown.Number(len(names)) + " projects"
	}
	return phrase.AndList(phrase.Quoted(names))
}

// Place is a position in words: "on main.tf line 3".
func Place(p workflow.Position) string {
	switch {
	case p.File == "":
		return ""
	case p.Line == 0:
		return "in " + markdown.Verbatim(p.File)
	}
	return "on " + markdown.Verbatim(p.File) + " line " + markdown.Number(p.Line)
}

// PartDone says how much of a plan a failed apply carried out, without a full stop.
func PartDone(a *workflow.ApplyOrder) string {
	if a == nil || a.Total == 0 {
		return ""
	}
	if a.Done == 1 {
		return fmt.Sprintf("1 of %s was applied", markdown.Count(a.Total, "change", "changes"))
	}
	return fmt.Sprintf("%s of %s changes were applied", markdown.Number(a.Done), markdown.Number(a.Total))
}

// objectsNamed is how many objects a sentence names.
const objectsNamed = 3

// endSentence says of an apply that did not succeed what failed, what was in hand when it ended, and
// how many of its changes were not started.
func endSentence(a *workflow.ApplyOrder) string {
	if a == nil || len(a.Progress) == 0 {
		return ""
	}
	failed, unknown := progressNames(a, workflow.ProgressFailed), progressNames(a, workflow.ProgressUnknown)
	var parts []string
	if len(failed) > 0 {
		parts = append(parts, someObjects(failed)+" failed")
	}
	if len(unknown) > 0 {
		parts = append(parts, someObjects(unknown)+isWas[len(unknown) == 1]+"in progress when it ended")
	}
	if names := progressNames(a, workflow.ProgressNotStarted); len(names) > 0 {
		rest := max(a.Total-a.Done-len(failed)-len(unknown), len(names))
		parts = append(parts, someOrCount(names, rest)+isWas[rest == 1]+"not started")
	}
	return phrase.Sentence(strings.Join(parts, "; "))
}

var isWas = map[bool]string{true: " was ", false: " were "}

// progressNames are the addresses of what is kept in a state.
func progressNames(a *workflow.ApplyOrder, state workflow.ProgressState) (out []string) {
	for _, s := range a.Progress {
		if s.State == state {
			out = append(out, phrase.CodeSpan(markdown.Cut(markdown.CleanLine(s.Address), 120)))
		}
	}
	return out
}

func someObjects(names []string) string {
	if n := len(names) - objectsNamed; n > 1 {
		names = append(names[:objectsNamed:objectsNamed], markdown.Number(n)+" more")
	}
	return phrase.AndList(names)
}

// someOrCount names one, and counts several.
func someOrCount(names []string, n int) string {
	if n == 1 {
		return names[0]
	}
	return markdown.Number(n)
}

// toldSentence is what an apply whose outcome is unknown had told: evidence, and no more.
func toldSentence(a *workflow.ApplyOrder) string {
	if a == nil || a.Total == 0 {
		return ""
	}
	parts := []string{markdown.Number(a.Done) + " of " + markdown.Count(a.Total, "change", "changes") + " made"}
	unknown, failed := progressNames(a, workflow.ProgressUnknown), progressNames(a, workflow.ProgressFailed)
	if len(failed) > 0 {
		parts = append(parts, someObjects(failed)+" failed")
	}
	if len(unknown) > 0 {
		parts = append(parts, someObjects(unknown)+" in progress")
	}
	if n := a.Total - a.Done - len(unknown) - len(failed); n > 0 {
		parts = append(parts, markdown.Number(n)+" not started")
	}
	return "Its last report: " + strings.Join(parts, ", ") + "."
}

func partLead(a *workflow.ApplyOrder) string {
	if s := PartDone(a); s != "" {
		return s + ". "
	}
	return ""
}

// OptionsText is the plan mode as a command takes it, "" for a plain plan.
func OptionsText(o workflow.PlanOptions) string {
	var parts []string
	for _, t := range o.Targets {
		parts = append(parts, "--target "+quote(t))
	}
	for _, r := range o.Replaces {
		parts = append(parts, "--replace "+quote(r))
	}
	if o.Destroy {
		parts = append(parts, "--destroy")
	}
	if o.RefreshOnly {
		parts = append(parts, "--refresh-only")
	}
	return strings.Join(parts, " ")
}

// quote is a word as a command takes it: in double quotes where it needs them.
func quote(word string) string { return phrase.Argument(markdown.CleanLine(word)) }

// Took is how long a run took, or how long it has been queued so far as it is known.
func Took(r workflow.Run) string {
	if r.Started.IsZero() || r.Finished.IsZero() {
		return ""
	}
	return markdown.Duration(r.Finished.Sub(r.Started))
}

// ToolName is the tool as its makers write it: "Terraform 1.15.8".
func ToolName(tool, version string) string {
	return strings.TrimSpace(phrase.ToolName(tool) + " " + version)
}

// joinSpans puts commas between spans; bold neighbours become one.
func joinSpans(spans []Span) []Span {
	var out []Span
	for i, s := range spans {
		switch {
		case i > 0 && s.Bold && out[len(out)-1].Bold:
			out[len(out)-1].Text += ", " + s.Text
			continue
		case i > 0:
			out = append(out, Span{Text: ", "})
		}
		out = append(out, s)
	}
	return out
}

// boldCounts are a plan's numbers; what replaces and destroys is bold, with where it does.
func boldCounts(c workflow.Counts, replaced, destroyed string) []Span {
	var out []Span
	for _, w := range countWords(c) {
		s := Span{Text: w.text}
		switch w.action {
		case workflow.ActionDelete:
			s = Span{w.text + destroyed, true}
		case workflow.ActionReplace:
			s = Span{w.text + replaced, true}
		}
		out = append(out, s)
	}
	if len(out) == 0 {
		out = append(out, Span{Text: "nothing to add, change or destroy"})
	}
	return out
}

// countWord is one number of a plan in words.
type countWord struct {
	action workflow.Action
	text   string
}

func countWords(c workflow.Counts) []countWord {
	var out []countWord
	add := func(action workflow.Action, n int, one, many string) {
		if n > 0 {
			out = append(out, countWord{action, markdown.Number(n) + " " + phrase.OneMany(n == 1, one, many)})
		}
	}
	add(workflow.ActionCreate, c.Add, "to add", "to add")
	add(workflow.ActionUpdate, c.Change, "to change", "to change")
	add(workflow.ActionReplace, c.Replace, "to replace", "to replace")
	add(workflow.ActionDelete, c.Destroy, "to destroy", "to destroy")
	add(workflow.ActionImport, c.Import, "to import", "to import")
	add(workflow.ActionMove, c.Move, "to move", "to move")
	add(workflow.ActionForget, c.Forget, "to forget", "to forget")
	add("", c.Outputs, "output to change", "outputs to change")
	add("", c.Actions, "action to invoke", "actions to invoke")
	add("", c.Deferred, "change deferred", "changes deferred")
	return out
}

// CountsText is a plan's numbers in words: "3 to add, 1 to destroy", "no changes".
func CountsText(c workflow.Counts) string {
	words := countWords(c)
	if len(words) == 0 {
		return "no changes"
	}
	texts := make([]string, len(words))
	for i, w := range words {
		texts[i] = w.text
	}
	return strings.Join(texts, ", ")
}

// CountsDone is a plan's numbers once it is applied: "3 added, 1 destroyed".
func CountsDone(c workflow.Counts) string {
	var out []string
	for _, w := range []struct {
		n    int
		word string
	}{{c.Add, "added"}, {c.Change, "changed"}, {c.Replace, "replaced"}, {c.Destroy, "destroyed"}, {c.Import, "imported"},
		{c.Move, "moved"}, {c.Forget, "forgotten"}} {
		if w.n > 0 {
			out = append(out, markdown.Number(w.n)+" "+w.word)
		}
	}
	if c.Outputs > 0 {
		out = append(out, markdown.Count(c.Outputs, "output changed", "outputs changed"))
	}
	if c.Actions > 0 {
		out = append(out, markdown.Count(c.Actions, "action invoked", "actions invoked"))
	}
	return strings.Join(out, ", ")
}
