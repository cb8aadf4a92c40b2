package model

import (
	"fmt"
	"strings"

	"github.com/cardea-iac/cardea/templates/markdown"
	"github.com/cardea-iac/cardea/workflow"
)

// ApplyWords are the title of the check cardea/apply and its first sentences.
func (m Model) ApplyWords(v workflow.PullView) (title, say string) {
	t := m.Tally
	if title = followTitle(m); title != "" && m.Status != StatusTrouble && m.Status != StatusUnknown {
		say = strings.Join([]string{stopped(applying(m)), applied(v, m), following(m), m.ApplyWaits()}, " ")
		return title, strings.Join(strings.Fields(say), " ")
	}
	switch m.Status {
	case StatusTrouble:
		return "No plan: " + m.links.Say(v.Trouble.Title), "There is no plan to apply."
	case StatusUnknown, StatusPlanning:
		return "Waits for the plans", "The plans are not ready yet."
	case StatusFailed:
		say = "Some plans failed; the whole change cannot be applied until they succeed."
		if m.allCancelled() {
			say = "Some plans were cancelled; the whole change cannot be applied until they are made."
		}
		if t.Changing > 0 {
			say += " The other projects can be applied without them."
		}
		return "Waits for " + markdown.Count(t.Failed, "plan", "plans") + " to succeed", say
	case StatusApplyFailed, StatusApplying, StatusApplied:
		title = applyTitle(m)
		if m.Status == StatusApplyFailed {
			say = stopped(applyFailed(m))
		}
		for _, a := range m.Alarms[:min(len(m.Alarms), 3)] {
			say = strings.TrimSpace(say + " " + a.Title)
		}
		say = strings.TrimSpace(strings.Join([]string{say, stopped(applying(m)), applied(v, m), m.ApplyWaits()}, " "))
		return title, strings.Join(strings.Fields(say), " ")
	case StatusChanges:
		say = fmt.Sprintf("%s planned but not applied: %s. %s", markdown.Count(t.Changing, "project is", "projects are"),
			CountsText(m.Counts), m.ApplyWaits())
		some := markdown.Count(t.Changing, "project", "projects")
		if t.Applied > 0 {
			some = fmt.Sprintf("%s of %s", markdown.Number(t.Changing),
				markdown.Count(t.Changing+t.Applied, "project", "projects"))
		}
		if why := firstReason(m); why != "" {
			return fmt.Sprintf("Waits for %s: %s not applied", why, some), strings.TrimSpace(say)
		}
		return some + " with unapplied changes", strings.TrimSpace(say)
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
