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
		return []Command{{Why: "to see what each project waits for", Text: l.command("status")}}
	}
	if c, ok := planFailed(m, l); ok {
		return []Command{c}
	}
	if c := applyCommands(m, l); len(c) > 0 {
		return c
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
	case len(names) == 1:
		return Command{Why: "to plan the failed project again", Text: l.command("plan -p " + Quote(names[0]))}, true
	case len(names) > 1 && len(names) <= namedAtMost:
		return Command{Why: "to plan the failed projects again", Text: l.command("plan" + options(names))}, true
	case len(names) > namedAtMost:
		return Command{Why: "to plan again", Text: l.command("plan")}, true
	}
	return Command{}, false
}

func options(names []string) string {
	var b strings.Builder
	for _, n := range names {
		b.WriteString(" -p " + Quote(n))
	}
	return b.String()
}

// applyCommands are those that bring plans with changes nearer to their apply.
// Where a plan has to be made anew, it is made by itself: then there is nothing to write.
func applyCommands(m Model, l Links) []Command {
	var approve []string
	ready, approvable := 0, 0
	for _, r := range m.Rows {
		if !r.Open {
			continue
		}
		needs := r.Needs
		if r.ready() {
			ready++
		}
		if slices.Contains(needs, workflow.NeedApproved) && !remade(needs) {
			approvable++
			approve = append(approve, r.Name()+"@"+shortFingerprint(r.Fingerprint()))
		}
	}
	var out []Command
	switch {
	case approvable > namedAtMost:
		out = append(out, Command{Why: "to approve the plans shown here", Text: l.command("approve")})
	case approvable > 0:
		out = append(out, Command{Why: "to approve " + plural(approvable, "exactly this plan", "exactly these plans"), Text: l.command("approve" + options(approve))})
	}
	switch {
	case ready > 0 && ready < m.Tally.Changing:
		out = append(out, Command{Why: "to apply what nothing stands in the way of", Text: l.command("apply")})
	case approvable > 0:
		out = append(out, Command{Why: "to apply them, once they are approved", Text: l.command("apply")})
		if approvable == 1 {
			out[1].Why = "to apply it, once it is approved"
		}
	case ready > 0:
		out = append(out, Command{Why: "to apply " + plural(ready, "this plan", "these plans"), Text: l.command("apply")})
	case m.Tally.Changing > 0:
		out = append(out, Command{Why: "to see what each project waits for", Text: l.command("status")})
	}
	return out
}

// remade reports that the plan does not hold: an approval of it would be in vain.
func remade(needs []workflow.Requirement) bool {
	return slices.ContainsFunc(needs, func(n workflow.Requirement) bool {
		switch n {
		case workflow.NeedHead, workflow.NeedPlan, workflow.NeedArtefact, workflow.NeedUpToDate, workflow.NeedFresh, workflow.NeedState:
			return true
		}
		return false
	})
}
