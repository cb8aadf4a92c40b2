package templates

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/templates/markdown"
	"github.com/cardea-iac/cardea/templates/model"
	"github.com/cardea-iac/cardea/workflow"
)

// items are the projects of a reply. Those of which the same is said share a line.
func (w replyWriter) items() string {
	if len(w.reply.Items) == 0 {
		return ""
	}
	if w.reply.Kind == workflow.ReplyRefused {
		return w.refusals()
	}
	type line struct {
		text  string
		names []string
	}
	var lines []line
	at := map[string]int{}
	for _, it := range w.listed() {
		text := w.item(it)
		i, ok := at[text]
		if !ok {
			i = len(lines)
			at[text] = i
			lines = append(lines, line{text: text})
		}
		lines[i].names = append(lines[i].names, w.named(it))
	}
	var b strings.Builder
	b.WriteByte('\n')
	for i, l := range lines {
		s := "- " + markdown.SomeOf(l.names, 20, "")
		if l.text != "" {
			s += ": " + l.text
		}
		if b.Len()+len(s) > MaxComment/3 {
			b.WriteString("- … " + w.more(len(lines)-i, "more", "more") + "\n")
			break
		}
		b.WriteString(s + "\n")
	}
	return b.String() + w.besides()
}

// listed are the projects of a reply that get a line each.
func (w replyWriter) listed() []workflow.ReplyItem {
	return slices.DeleteFunc(slices.Clone(w.reply.Items), w.beside)
}

// beside reports a project that an `apply` did not begin with, beside the others whose end is told.
func (w replyWriter) beside(it workflow.ReplyItem) bool {
	return pastRuns[w.reply.Kind] && it.Run == nil && len(it.Missing) > 0
}

// besides are those projects, with all that is missing.
func (w replyWriter) besides() string {
	w.reply.Items = slices.DeleteFunc(slices.Clone(w.reply.Items), func(it workflow.ReplyItem) bool { return !w.beside(it) })
	if len(w.reply.Items) == 0 {
		return ""
	}
	w.reply.Kind = workflow.ReplyRefused
	return "\n" + w.lead() + "\n" + w.refusals()
}

// named is a project of a reply, with the plan that it is about.
func (w replyWriter) named(it workflow.ReplyItem) string {
	name := markdown.Code(markdown.Cut(it.Project, 120))
	if f := workflow.ShortFingerprint(it.Fingerprint); f != "" {
		name += " " + markdown.Code(f)
	}
	return name
}

// pastRuns are the kinds about the end of applies.
var pastRuns = map[string]bool{workflow.ReplyApplied: true, workflow.ReplyApplyFailed: true, workflow.ReplyApplyUnknown: true}

// item is what is said of one project: how it ended, why, where its log is.
func (w replyWriter) item(it workflow.ReplyItem) string {
	verb := pastOf[w.reply.Kind]
	text, end := w.links.Say(it.Text), ""
	switch r := it.Run; {
	case verb != "" && !it.Done:
		end = "**not " + verb + "**"
	case verb != "" && text == "":
		end = verb
	case r == nil && !it.Done && pastRuns[w.reply.Kind]:
		end = "**not started**"
	case r != nil && w.reply.Kind != workflow.ReplyClosed:
		run := *r
		if len(it.Missing) > 0 { // they are its reason, one by one
			run.Reason, run.Diagnostics = "", nil
		}
		end = runEnd(run)
		if r.Outcome == workflow.OutcomeSucceeded && text != "" { // what went wrong after it
			end += "."
			return w.linked(it, end+" "+markdown.Prose(markdown.Cut(text, 1000)))
		}
		if it.Text.String() == r.Reason { // which is said already, or better by what terraform said
			text = ""
		}
	}
	if text != "" {
		text = markdown.Prose(markdown.Cut(text, 1000))
	}
	for _, m := range it.Missing {
		text = strings.TrimSpace(text + " " + markdown.Prose(markdown.Cut(phrase.Sentence(w.links.Say(m.Sentence)), 400)))
	}
	if end != "" && text != "" {
		end += ": "
	}
	return w.linked(it, end+text)
}

// linked is what is said of one project with the link to its log.
func (w replyWriter) linked(it workflow.ReplyItem, end string) string {
	if it.Run == nil || w.links.Run(it.Run.ID) == "" {
		return end
	}
	link := "[its log](" + w.links.Run(it.Run.ID) + ")"
	switch {
	case end == "":
		return link
	case strings.HasSuffix(end, "."):
		return strings.TrimSuffix(end, ".") + " (" + link + ")."
	}
	return end + ", " + link
}

// runEnd is how an apply ended: "3 added, 1 destroyed, in 4 s", "**failed**, 2 of 3 changes were applied".
func runEnd(r workflow.Run) string {
	took := ""
	if t := model.Took(r); t != "" {
		took = ", in " + t
	}
	switch a := r.Apply; {
	case r.Kind != workflow.RunApply:
		return ""
	case a != nil && a.ErroredState != "":
		return "**its state could not be stored**" + part(a)
	case r.Outcome == workflow.OutcomeSucceeded:
		return phrase.OrWord(model.CountsDone(r.Counts), "applied") + took
	case r.Outcome == workflow.OutcomeUnknown:
		return "**outcome unknown**"
	case r.Outcome == workflow.OutcomeRefused:
		return "**not started**" + reason(r)
	}
	return "**" + phrase.OrWord(strings.ReplaceAll(string(r.Outcome), "_", " "), "failed") +
		"**" + part(r.Apply) + reason(r) + took
}

func part(a *workflow.ApplyOrder) string {
	if s := model.PartDone(a); s != "" {
		return ", " + s
	}
	return ""
}

// reason is the first thing that a failed run says.
func reason(r workflow.Run) string {
	if len(r.Diagnostics) == 0 && r.Reason == "" {
		return ""
	}
	return ": " + markdown.Prose(markdown.Cut(strings.TrimSuffix(failureSummary(r), "."), 300))
}

// refusals name for each project all that is missing, with who can mend it.
// Projects that lack the same share the list.
func (w replyWriter) refusals() string {
	all := model.RefusalsOf(w.reply.Items)
	var b strings.Builder
	for i, r := range all {
		names := make([]string, len(r.Items))
		for j, it := range r.Items {
			names[j] = w.named(it)
		}
		s := fmt.Sprintf("\n%s\n\n%s", markdown.SomeOf(names, 20, ""), missingLines(r.Said(w.links)))
		if b.Len()+len(s) > MaxComment/2 {
			b.WriteString("\n… " + w.more(len(all)-i, "more", "more") + "\n")
			break
		}
		b.WriteString(s)
	}
	return b.String()
}

func missingLines(list []model.Said) string {
	var b strings.Builder
	for _, s := range list {
		b.WriteString("- " + markdown.Prose(markdown.Cut(phrase.Sentence(s.Text), 600)))
		if s.Mend != "" {
			b.WriteString(" " + markdown.Prose(markdown.Cut(phrase.Sentence(s.Mend), 600)))
		}
		b.WriteByte('\n')
	}
	return b.String()
}
