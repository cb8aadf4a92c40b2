package templates

import (
	"fmt"
	"strings"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/templates/markdown"
	"github.com/cardea-iac/cardea/templates/model"
	"github.com/cardea-iac/cardea/workflow"
)

// CheckText is the output of a check run, within GitHub's limits: a title of at
// most 100 characters without markup, Markdown of at most [MaxCheckText] bytes.
// Text may be empty.
type CheckText struct {
	Title, Summary, Text string
}

// PlanCheck is the output of cardea/plan.
func PlanCheck(v workflow.PullView, l model.Links) CheckText {
	w := writer{view: v, model: model.Read(v, l), links: l}
	head := w.verdict() + w.trouble(20000)
	tail := w.footer()
	rest := MaxCheckText - len(head) - len(tail)
	remarks := w.said("What else these plans run", w.model.Hidden, rest/10) +
		w.said("Warnings", w.model.Warnings, rest/12) + w.said("Notes", w.model.Notes, rest/12)
	unchanged := w.unchanged(rest / 8)
	return CheckText{
		Title:   w.model.Title,
		Summary: head + w.table(rest-len(remarks)-len(unchanged)) + unchanged + remarks + tail,
		Text:    strings.TrimPrefix(w.details(w.items(), MaxCheckText), "\n"),
	}
}

// ApplyCheck is the output of cardea/apply: how far the plans are applied, and
// what they wait for. Its title names the first reason why it is not green.
func ApplyCheck(v workflow.PullView, l model.Links) CheckText {
	w := writer{view: v, model: model.Read(v, l), links: l}
	title, say := w.model.ApplyWords(v)
	if beside := workflow.Unsupported(v.NotPlanned); len(beside) > 0 {
		if w.model.Status == model.StatusNothing {
			title, say = "", ""
		}
		title = strings.TrimSuffix(model.NotPlannedTitle(beside)+"; "+title, "; ")
		for _, n := range beside {
			say = strings.TrimSpace(say + " " + model.NotPlanned(n))
		}
	}
	head := w.trouble(20000) + w.alarms(20000)
	tail := w.next() + w.said("What is missing", w.model.Missing, 12000) + w.standing(12000) + w.footer()
	summary := markdown.Prose(say) + "\n" + head
	const reserve = 300 // for what the table leaves out
	table := w.table(MaxCheckText - len(summary) - len(tail) - reserve)
	return CheckText{Title: markdown.Title(title), Summary: summary + table + w.unnamed(table, "the button") + tail}
}

// ProjectCheck is the output of cardea/plan: NAME. A project that the pull does
// not have gives a text that says so.
func ProjectCheck(v workflow.PullView, project string, l model.Links) CheckText {
	p := v.Project(project)
	if p == nil {
		return CheckText{Title: "The project is no longer affected",
			Summary: markdown.Prose(fmt.Sprintf("`%s` is not affected by this change.", project)) + "\n"}
	}
	one := v
	one.Projects = []workflow.ProjectRecord{*p}
	w := writer{view: one, model: model.Read(one, l), links: l}
	r := model.RowOf(one, *p, l)
	title := sentenceCase(r.Word())
	say := ""
	switch {
	case r.State == workflow.StatePlanned || r.State == workflow.StateNoChanges:
		title = sentenceCase(model.CountsText(r.Counts))
	case r.State == workflow.StateRefused:
		title, say = "Refused: "+l.Say(p.Project.Refused), phrase.Sentence(l.Say(p.Project.Refused))
	case p.Run != nil && r.State == workflow.StatePlanFailed:
		title += ": " + failureSummary(*p.Run)
	case r.Held() != "":
		say = phrase.Sentence(r.Held())
	case len(r.Waits) > 0:
		short := make([]string, len(r.Waits))
		for i, wait := range r.Waits {
			short[i] = wait.Short
		}
		say = "Waits for " + strings.Join(short, "; ") + "."
	}
	summary := "**" + markdown.Prose(markdown.Cut(title, 300)) + "**\n"
	if say != "" {
		summary += "\n" + markdown.Prose(markdown.Cut(say, 600)) + "\n"
	}
	for i, reason := range r.Reasons[:min(len(r.Reasons), 20)] {
		if i == 0 {
			summary += "\nAffected, because:\n\n"
		}
		summary += "- " + markdown.Prose(markdown.Cut(reason, 300)) + "\n"
	}
	summary += w.said("What else this plan runs", w.model.Hidden, 10000) + w.said("Warnings", w.model.Warnings, 10000) +
		w.said("Notes", w.model.Notes, 10000) + w.footer()
	return CheckText{Title: markdown.Title(title), Summary: summary,
		Text: strings.TrimPrefix(w.details(w.items(), MaxCheckText), "\n")}
}

// failureSummary is the first thing a failed run says.
func failureSummary(r workflow.Run) string {
	for _, d := range r.Diagnostics {
		if d.Severity != workflow.SeverityWarning {
			return d.Summary
		}
	}
	return phrase.OrWord(r.Reason, "no reason is known")
}
