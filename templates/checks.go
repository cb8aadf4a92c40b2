package templates

import (
	"fmt"
	"strings"

	"github.com/cardea-iac/cardea/workflow"
)

// CheckText is the output of a check run, within GitHub's limits: a title of at
// most 100 characters without markup, Markdown of at most [MaxCheckText] bytes.
// Text may be empty.
type CheckText struct {
	Title, Summary, Text string
}

// PlanCheck is the output of cardea/plan.
func PlanCheck(v workflow.PullView, l Links) CheckText {
	v = l.Spoken(v)
	w := writer{view: v, model: Read(v, l), links: l}
	head := w.verdict() + w.trouble(20000)
	tail := w.footer()
	rest := MaxCheckText - len(head) - len(tail)
	remarks := w.said("What else these plans run", w.model.Hidden, rest/10) + w.said("Warnings", w.model.Warnings, rest/12) + w.said("Notes", w.model.Notes, rest/12)
	unchanged := w.unchanged(rest / 8)
	return CheckText{
		Title:   w.model.Title,
		Summary: head + w.table(rest-len(remarks)-len(unchanged)) + unchanged + remarks + tail,
		Text:    strings.TrimPrefix(w.details(w.items(), MaxCheckText), "\n"),
	}
}

// ApplyCheck is the output of cardea/apply: how far the plans are applied, and
// what they wait for. Its title names the first reason why it is not green.
func ApplyCheck(v workflow.PullView, l Links) CheckText {
	v = l.Spoken(v)
	w := writer{view: v, model: Read(v, l), links: l}
	title, say := applyWords(v, w.model)
	if beside := workflow.Unsupported(v.NotPlanned); len(beside) > 0 {
		if w.model.Status == StatusNothing {
			title, say = "", ""
		}
		title = strings.TrimSuffix(notPlannedTitle(beside)+"; "+title, "; ")
		for _, n := range beside {
			say = strings.TrimSpace(say + " " + NotPlanned(n))
		}
	}
	head := w.trouble(20000) + w.alarms(20000)
	tail := w.next() + w.said("What is missing", w.model.Missing, 12000) + w.standing(12000) + w.footer()
	summary := Prose(say) + "\n" + head
	const reserve = 300 // for what the table leaves out
	table := w.table(MaxCheckText - len(summary) - len(tail) - reserve)
	return CheckText{Title: Title(title), Summary: summary + table + w.unnamed(table, "the button") + tail}
}

// applyWords are the title of cardea/apply and its first sentences.
func applyWords(v workflow.PullView, m Model) (title, say string) {
	t := m.Tally
	switch m.Status {
	case StatusTrouble:
		return "No plan: " + v.Trouble.Title, "There is no plan that could be applied."
	case StatusUnknown, StatusPlanning:
		return "Waits for the plans", "The plans are not made yet."
	case StatusFailed:
		say = "Some plans failed; the change as a whole cannot be applied before they succeed."
		if m.allCancelled() {
			say = "Some plans were cancelled; the change as a whole cannot be applied before they are made."
		}
		if t.Changing > 0 {
			say += " The other projects can be applied without them."
		}
		return "Waits for " + count(t.Failed, "plan", "plans") + " to succeed", say
	case StatusApplyFailed, StatusApplying, StatusApplied:
		title = applyTitle(m)
		if m.Status == StatusApplyFailed {
			say = applyFailed(m)
		}
		for _, a := range m.Alarms[:min(len(m.Alarms), 3)] {
			say = strings.TrimSpace(say + " " + a.Title)
		}
		say = strings.TrimSpace(strings.Join([]string{say, applying(m), applied(v, m), applyWaits(m)}, " "))
		return title, strings.Join(strings.Fields(say), " ")
	case StatusChanges:
		say = fmt.Sprintf("%s planned and not applied: %s. %s", count(t.Changing, "project is", "projects are"), CountsText(m.Counts), applyWaits(m))
		some := count(t.Changing, "project", "projects")
		if t.Applied > 0 {
			some = fmt.Sprintf("%s of %s", Number(t.Changing), count(t.Changing+t.Applied, "project", "projects"))
		}
		if why := firstReason(m); why != "" {
			return fmt.Sprintf("Waits for %s: %s not applied", why, some), strings.TrimSpace(say)
		}
		return some + " with changes that are not applied", strings.TrimSpace(say)
	}
	return "Nothing to apply", "No plan has changes."
}

// firstReason is what comes first of all that the plans with changes lack.
func firstReason(m Model) string {
	if words := lacking(m.Rows); len(words) > 0 {
		return words[0]
	}
	return ""
}

// ProjectCheck is the output of cardea/plan: NAME. A project that the pull does
// not have gives a text that says so.
func ProjectCheck(v workflow.PullView, project string, l Links) CheckText {
	v = l.Spoken(v)
	p := v.Project(project)
	if p == nil {
		return CheckText{Title: "The project is not affected any more", Summary: Prose(fmt.Sprintf("`%s` is not affected by this change.", project)) + "\n"}
	}
	one := v
	one.Projects = []workflow.ProjectRecord{*p}
	w := writer{view: one, model: Read(one, l), links: l}
	r := RowOf(one, *p, l)
	title := sentenceCase(r.Word())
	say := ""
	switch {
	case r.State == workflow.StatePlanned || r.State == workflow.StateNoChanges:
		title = sentenceCase(CountsText(r.Counts))
	case r.State == workflow.StateRefused:
		title, say = "Refused: "+p.Project.Refused, sentence(p.Project.Refused)
	case p.Run != nil && r.State == workflow.StatePlanFailed:
		title += ": " + failureSummary(*p.Run)
	case r.held() != "":
		say = sentence(r.held())
	case len(r.WaitsFor) > 0:
		say = "Waits for " + strings.Join(r.WaitsFor, "; ") + "."
	}
	summary := "**" + Prose(cutRunes(title, 300)) + "**\n"
	if say != "" {
		summary += "\n" + Prose(cutRunes(say, 600)) + "\n"
	}
	for i, reason := range p.Reasons[:min(len(p.Reasons), 20)] {
		if i == 0 {
			summary += "\nAffected, because:\n\n"
		}
		summary += "- " + Prose(cutRunes(reason, 300)) + "\n"
	}
	summary += w.said("What else this plan runs", w.model.Hidden, 10000) + w.said("Warnings", w.model.Warnings, 10000) + w.said("Notes", w.model.Notes, 10000) + w.footer()
	return CheckText{Title: Title(title), Summary: summary, Text: strings.TrimPrefix(w.details(w.items(), MaxCheckText), "\n")}
}

// failureSummary is the first thing a failed run says.
func failureSummary(r workflow.Run) string {
	for _, d := range r.Diagnostics {
		if d.Severity != workflow.SeverityWarning {
			return d.Summary
		}
	}
	return first(r.Reason, "no reason is known")
}
