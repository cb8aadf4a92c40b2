package model

import (
	"slices"
	"strings"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/workflow"
)

// Command is something a person may write next.
type Command struct {
	Why, Text string
	// Exact is the same, of exactly these plans, whatever is made meanwhile; "" where that has
	// no such form, or a long one. One: it is of one plan.
	Exact string
	One   bool
}

// commandsFor are the commands that may come next, at most two.
func commandsFor(v workflow.PullView, m Model, l Links) []Command {
	if v.Pull.Subject().IsZero() || v.Pull.State != workflow.PullOpen && v.Pull.State != "" {
		return nil
	}
	again := Command{Why: "to plan again", Text: l.Command("plan")}
	switch {
	case m.Status == StatusUnknown:
		return nil
	case m.Status == StatusTrouble:
		if v.Trouble.Kind != workflow.TroubleFailed || slices.ContainsFunc(v.Trouble.Sentences, func(t phrase.Text) bool { return t.Names(string(workflow.VerbPlan)) }) {
			return nil // a push mends it, or the sentences say who can
		}
		return []Command{again}
	case m.Status == StatusPlanning || m.Status == StatusApplying:
		return nil // the table says what each project waits for
	}
	more := applyCommands(m, l)
	if c, ok := planFailed(m, l); ok {
		more = slices.DeleteFunc(more, func(c Command) bool { return c.Text == l.Command("status") })
		return append([]Command{c}, more[:min(len(more), 1)]...)
	}
	if len(more) > 0 {
		return more
	}
	if m.Tally.Affected > 0 && m.Tally.Alarmed+m.Tally.Applied == 0 {
		return []Command{again}
	}
	return nil
}

// planFailed plans the projects whose plans failed again.
func planFailed(m Model, l Links) (Command, bool) {
	var names []string
	for _, r := range m.Rows {
		if r.State == workflow.StatePlanFailed {
			names = append(names, r.Name())
		}
	}
	switch {
	case len(names) > 0 && m.allCancelled() && len(names) <= phrase.MostNamed:
		return Command{Why: "to plan " + phrase.OneMany(len(names) == 1, "it", "them") + " after all",
			Text: l.Command("plan" + options(names))}, true
	case len(names) == 1:
		return Command{Why: "to retry; pushing a fix also replans it",
			Text: l.Command("plan -p " + quote(names[0]))}, true
	case len(names) > 1 && len(names) <= phrase.MostNamed:
		return Command{Why: "to retry; pushing a fix also replans them",
			Text: l.Command("plan" + options(names))}, true
	case len(names) > phrase.MostNamed:
		return Command{Why: "to retry; pushing a fix also replans the failed projects",
			Text: l.Command("plan")}, true
	}
	return Command{}, false
}

// allCancelled reports that no plan failed: those that are missing were cancelled.
func (m Model) allCancelled() bool {
	for _, r := range m.Rows {
		if r.State == workflow.StateRefused || r.State == workflow.StatePlanFailed && !r.Cancelled() {
			return false
		}
	}
	return true
}

func options(names []string) string {
	var b strings.Builder
	for _, n := range names {
		b.WriteString(" -p " + quote(n))
	}
	return b.String()
}

// applyCommands are those that bring plans with changes nearer to their apply.
// Where a plan is made anew by itself, there is nothing to write.
func applyCommands(m Model, l Links) []Command {
	var approve, replan, ready []string
	for _, r := range m.Rows {
		switch {
		case !r.Open, len(r.Follows) > 0:
		case r.ready():
			ready = append(ready, r.Name())
		case slices.ContainsFunc(r.Needs(), workflow.Requirement.WantsPlan):
			replan = append(replan, r.Name())
		case slices.Contains(r.Needs(), workflow.NeedApproved) &&
			!slices.ContainsFunc(r.Needs(), workflow.Requirement.Replans):
			approve = append(approve, r.Name()+"@"+workflow.ShortFingerprint(r.Fingerprint()))
		}
	}
	var out []Command
	switch n := len(approve); {
	case n > phrase.MostNamed:
		out = append(out, Command{Why: "to approve the plans shown here", Text: l.Command("approve")})
	case n > 0:
		out = append(out, Command{Why: "to approve " + phrase.OneMany(n == 1, "the plan", "the plans") + " shown here",
			Text: l.Command("approve"), Exact: l.Command("approve" + options(approve)), One: n == 1})
	}
	if n := len(replan); n > 0 && (n <= phrase.MostNamed || len(replan) == m.Tally.Changing) {
		words := options(replan)
		if n > phrase.MostNamed {
			words = ""
		}
		out = append(out, Command{Why: "to make " + phrase.OneMany(n == 1, "a new plan", "new plans"),
			Text: l.Command("plan" + words)})
	}
	switch n := len(ready); {
	case n > 0 && n < m.Tally.Changing:
		out = append(out[:min(len(out), 1)],
			Command{Why: "to apply " + These(ready) + phrase.OneMany(len(ready) == 1, ", which is ready", ", which are ready"), Text: l.Command("apply")})
	case len(approve) > 0:
		out = append(out, Command{Why: phrase.OneMany(len(approve) == 1, "to apply it once it is approved",
			"to apply them once they are approved"), Text: l.Command("apply")})
	case n > 0:
		out = append(out, Command{Why: "to apply " + These(ready), Text: l.Command("apply")})
	case m.Tally.Changing > 0 && len(out) == 0:
		out = append(out, Command{Why: "to see what each project waits for", Text: l.Command("status")})
	}
	return out[:min(len(out), 2)]
}
