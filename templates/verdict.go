package templates

import (
	"fmt"
	"sort"
	"strings"

	"github.com/cardea-iac/cardea/workflow"
)

// verdict is the first thing people read: what this pull does, in exact counts.
func verdict(v workflow.PullView, m Model) []Span {
	var s []Span
	switch m.Status {
	case StatusTrouble:
		return []Span{{sentence(v.Trouble.Title), true}}
	case StatusUnknown:
		s = append(s, Span{"Looking for the affected projects.", false})
		if v.Pull.Head.SHA != "" {
			s[0].Text = fmt.Sprintf("Looking for the projects that `%s` affects.", short(v.Pull.Head.SHA))
		}
		if v.Waiting != "" {
			s = append(s, Span{" " + sentence(v.Waiting), false})
		}
		return s
	case StatusPlanning:
		s = append(s, Span{progress(m.Tally), false})
		if m.Tally.Failed+m.Tally.Changing > 0 {
			s = append(s, Span{" So far ", false})
		}
	}
	if m.Tally.Failed > 0 {
		s = append(s, Span{failed(m), true})
		if m.Tally.Changing > 0 {
			s = append(s, Span{" ", false})
		}
	}
	switch {
	case m.Tally.Changing > 0:
		s = append(s, changing(m)...)
	case m.Status == StatusNothing && m.Tally.Affected > 0:
		s = append(s, Span{nothingChanges(m.Tally), false})
	case m.Status == StatusNothing && m.Tally.Deleted == 0:
		s = append(s, Span{"No project is affected.", false})
	}
	if m.Tally.Deleted > 0 {
		s = append(s, Span{space(s) + deleted(m.Tally), false})
	}
	return s
}

func space(s []Span) string {
	if len(s) == 0 {
		return ""
	}
	return " "
}

func progress(t Tally) string {
	done := t.Affected - t.Queued - t.Planning
	s := fmt.Sprintf("Planning %s: %s done", count(t.Affected, "project", "projects"), Number(done))
	if t.Planning > 0 {
		s += ", " + Number(t.Planning) + " at work"
	}
	if t.Queued > 0 {
		s += ", " + Number(t.Queued) + " queued"
	}
	return s + "."
}

func failed(m Model) string {
	var names []string
	refused := 0
	for _, f := range m.Failures {
		for _, r := range f.Rows {
			names = append(names, ticked([]string{r.Name()})...)
			if r.State == workflow.StateRefused {
				refused++
			}
		}
	}
	which := ""
	if len(names) <= 3 {
		which = ": " + list(names)
	}
	n, all := Number(m.Tally.Failed), m.Tally.Affected
	if refused == m.Tally.Failed {
		return n + " of " + count(all, "project", "projects") + " " + plural(refused, "is", "are") + " refused" + which + "."
	}
	return n + " of " + count(all, "plan", "plans") + " failed" + which + "."
}

func nothingChanges(t Tally) string {
	if t.Affected == 1 {
		return "1 project is affected, its plan has no changes."
	}
	return fmt.Sprintf("%s projects are affected, none of their plans has changes.", Number(t.Affected))
}

func deleted(t Tally) string {
	if t.Deleted == 1 {
		return "1 project is deleted; nothing plans it, and what it made stays."
	}
	return Number(t.Deleted) + " projects are deleted; nothing plans them, and what they made stays."
}

func changing(m Model) []Span {
	verb := "change"
	if m.Tally.Changing == 1 {
		verb = "changes"
	}
	s := []Span{{fmt.Sprintf("%s of %s affected %s %s: ", Number(m.Tally.Changing), Number(m.Tally.Affected), plural(m.Tally.Affected, "project", "projects"), verb), false}}
	s = append(s, joinSpans(countSpans(m))...)
	return append(s, Span{".", false})
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

func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// countSpans are the numbers of all plans; what destroys is bold and says where.
func countSpans(m Model) []Span {
	destroyed := where(m, func(c workflow.Counts) int { return c.Destroy })
	replaced := where(m, func(c workflow.Counts) int { return c.Replace })
	if replaced == destroyed { // said once, at the end of both
		replaced = ""
	}
	return boldCounts(m.Counts, replaced, destroyed)
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

// where names the environments a count falls into: " in prod", " (2 in dev, 1 in prod)".
func where(m Model, of func(workflow.Counts) int) string {
	by := map[string]int{}
	for _, r := range m.Rows {
		if n := of(r.Counts); n > 0 && r.State == workflow.StatePlanned {
			by[r.Record.Project.Environment] += n
		}
	}
	var names []string
	for e := range by {
		if e != "" {
			names = append(names, e)
		}
	}
	sort.Strings(names)
	switch {
	case len(names) == 0:
		return ""
	case len(by) == 1:
		return " in " + names[0]
	}
	parts := make([]string, 0, len(by))
	for _, e := range names {
		parts = append(parts, fmt.Sprintf("%s in %s", Number(by[e]), e))
	}
	if n := by[""]; n > 0 {
		parts = append(parts, Number(n)+" elsewhere")
	}
	return " (" + strings.Join(parts, ", ") + ")"
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
			out = append(out, countWord{action, Number(n) + " " + plural(n, one, many)})
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

// titleOf is the verdict for the title of a check.
func titleOf(v workflow.PullView, m Model) string {
	var s string
	switch m.Status {
	case StatusTrouble:
		s = v.Trouble.Title
	case StatusUnknown:
		s = "Looking for affected projects"
		if v.Waiting != "" {
			s = "Waiting: " + strings.TrimSuffix(v.Waiting, ".")
		}
	case StatusPlanning:
		s = strings.TrimSuffix(progress(m.Tally), ".")
	case StatusFailed:
		s = strings.TrimSuffix(failed(m), ".")
		if m.Tally.Changing > 0 {
			s += "; " + CountsText(m.Counts)
		}
	case StatusChanges:
		s = fmt.Sprintf("%s of %s: %s", Number(m.Tally.Changing), count(m.Tally.Affected, "project", "projects"), CountsText(m.Counts))
	default:
		s = "No project is affected"
		switch {
		case m.Tally.Affected == 0 && m.Tally.Deleted > 0:
			s = count(m.Tally.Deleted, "project is", "projects are") + " deleted, nothing is planned"
		case m.Tally.Affected > 0:
			s = "No changes in " + count(m.Tally.Affected, "project", "projects")
		}
	}
	return Title(s)
}

// Title makes a text fit a check's title: plain, one line, at most 100 characters.
func Title(text string) string {
	return cutRunes(cleanLine(strings.ReplaceAll(text, "`", "")), MaxTitle)
}

// sentence is s with a capital letter at its start and a full stop at its end.
func sentence(s string) string {
	s = strings.TrimSpace(s)
	if s == "" {
		return ""
	}
	if c := s[0]; c >= 'a' && c <= 'z' {
		s = string(c-'a'+'A') + s[1:]
	}
	if last := s[len(s)-1]; last != '.' && last != '!' && last != '?' {
		s += "."
	}
	return s
}
