package templates

import (
	"slices"
	"strings"

	"github.com/cardea-iac/cardea/workflow"
)

// Command is something a person may write next.
type Command struct {
	Why, Text string
}

// namedAtMost is how many projects a proposed command names one by one.
const namedAtMost = 5

// commandsFor are the commands that may come next, at most two.
func commandsFor(v workflow.PullView, m Model, l Links) []Command {
	if v.Pull.Number == 0 || v.Pull.State != workflow.PullOpen && v.Pull.State != "" {
		return nil
	}
	again := Command{Why: "to plan again", Text: l.command("plan")}
	switch {
	case m.Status == StatusUnknown:
		return nil
	case m.Status == StatusTrouble:
		if v.Trouble.Kind != workflow.TroubleFailed || strings.Contains(strings.Join(v.Trouble.Sentences, " "), "`"+again.Text+"`") {
			return nil // a push mends it, or the sentences say who can
		}
		return []Command{again}
	case m.Status == StatusPlanning || m.Status == StatusApplying:
		return nil // the table says what each project waits for
	}
	more := applyCommands(m, l)
	if c, ok := planFailed(m, l); ok {
		more = slices.DeleteFunc(more, func(c Command) bool { return c.Text == l.command("status") })
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
	case len(names) > 0 && m.allCancelled() && len(names) <= namedAtMost:
		return Command{Why: "to make " + plural(len(names), "its plan", "their plans") + " after all", Text: l.command("plan" + options(names))}, true
	case len(names) == 1:
		return Command{Why: "to plan it again; a push that mends it does so by itself", Text: l.command("plan -p " + Quote(names[0]))}, true
	case len(names) > 1 && len(names) <= namedAtMost:
		return Command{Why: "to plan them again; a push that mends them does so by itself", Text: l.command("plan" + options(names))}, true
	case len(names) > namedAtMost:
		return Command{Why: "to plan again; a push that mends the failed projects does so by itself", Text: l.command("plan")}, true
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
		b.WriteString(" -p " + Quote(n))
	}
	return b.String()
}

// applyCommands are those that bring plans with changes nearer to their apply.
// Where a plan is made anew by itself, there is nothing to write.
func applyCommands(m Model, l Links) []Command {
	var approve, replan, ready []string
	for _, r := range m.Rows {
		switch {
		case !r.Open:
		case r.ready():
			ready = append(ready, r.Name())
		case slices.ContainsFunc(r.Needs, wantsPlan):
			replan = append(replan, r.Name())
		case slices.Contains(r.Needs, workflow.NeedApproved) && !slices.ContainsFunc(r.Needs, replans):
			approve = append(approve, r.Name()+"@"+shortFingerprint(r.Fingerprint()))
		}
	}
	var out []Command
	switch n := len(approve); {
	case n > namedAtMost:
		out = append(out, Command{Why: "to approve the plans shown here", Text: l.command("approve")})
	case n > 0:
		out = append(out, Command{Why: "to approve " + plural(n, "exactly this plan", "exactly these plans"), Text: l.command("approve" + options(approve))})
	}
	if n := len(replan); n > 0 && (n <= namedAtMost || len(replan) == m.Tally.Changing) {
		words := options(replan)
		if n > namedAtMost {
			words = ""
		}
		out = append(out, Command{Why: "to make " + plural(n, "a new plan", "new plans"), Text: l.command("plan" + words)})
	}
	switch n := len(ready); {
	case n > 0 && n < m.Tally.Changing:
		out = append(out[:min(len(out), 1)], Command{Why: "to apply " + these(ready) + ", which nothing stands in the way of", Text: l.command("apply")})
	case len(approve) > 0:
		out = append(out, Command{Why: plural(len(approve), "to apply it, once it is approved", "to apply them, once they are approved"), Text: l.command("apply")})
	case n > 0:
		out = append(out, Command{Why: "to apply " + these(ready), Text: l.command("apply")})
	case m.Tally.Changing > 0 && len(out) == 0:
		out = append(out, Command{Why: "to see what each project waits for", Text: l.command("status")})
	}
	return out[:min(len(out), 2)]
}

// these names projects when they are few, else it counts them.
func these(names []string) string {
	if len(names) > 3 {
		return "these " + Number(len(names)) + " projects"
	}
	return list(ticked(names))
}

// wantsPlan reports a requirement that a new plan mends which somebody has to ask for.
func wantsPlan(n workflow.Requirement) bool {
	return n == workflow.NeedArtefact || n == workflow.NeedFresh || n == workflow.NeedState
}

// replans reports that the plan does not hold: an approval of it would be in vain.
func replans(n workflow.Requirement) bool {
	return wantsPlan(n) || n == workflow.NeedHead || n == workflow.NeedPlan || n == workflow.NeedUpToDate
}
