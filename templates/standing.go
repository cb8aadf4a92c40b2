package templates

import (
	"strings"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/templates/markdown"
	"github.com/cardea-iac/cardea/templates/model"
)

// alarms tell what a person has to do before anything else may happen to a project.
func (w writer) alarms(limit int) string {
	var b strings.Builder
	for i, a := range w.model.Alarms {
		text := "\n> [!CAUTION]\n"
		for j, s := range a.Steps {
			if j == 0 {
				s = phrase.CodeSpan(a.Row.Name()) + ": " + s
			}
			text += "> " + markdown.Prose(markdown.Cut(s, 900))
			if url := a.RunURL; j == 0 && url != "" {
				text += " [Its log](" + url + ")."
			}
			text += "\n>\n"
		}
		if len(a.Commands) > 0 {
			for _, line := range markdown.Lines(strings.TrimSuffix(markdown.Fence("sh", strings.Join(a.Commands, "\n")), "\n")) {
				text += "> " + line + "\n"
			}
		}
		text = strings.TrimSuffix(text, ">\n")
		if b.Len()+len(text) > limit-150 {
			b.WriteString("\n… " + w.more(len(w.model.Alarms)-i, "more like this", "more like these") + ".\n")
			break
		}
		b.WriteString(text)
	}
	return b.String()
}

// standing says who approved and who holds locks.
func (w writer) standing(limit int) string {
	return w.said("Approvals", w.model.Approvals, limit/2) + w.holds(limit/2)
}

func (w writer) holds(limit int) string {
	if len(w.model.Holds) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString("\n**Locks**\n\n")
	for i, h := range w.model.Holds {
		line := "- " + w.holder(h) + " has locked " + w.about(h.Projects) + " " +
			markdown.Prose(markdown.Cut(h.Text(), 300)) + ".\n"
		if b.Len()+len(line) > limit-150 {
			b.WriteString("- … " + w.more(len(w.model.Holds)-i, "more", "more") + "\n")
			break
		}
		b.WriteString(line)
	}
	return b.String()
}

// holder is the pull that has a lock, linked to its page: a reference to it on
// GitHub would write a line into that pull at every edit.
func (w writer) holder(h model.Hold) string {
	if h.Ours {
		return "This pull request"
	}
	other := w.view.Pull
	other.Number = h.Lock.Pull.Number
	name := markdown.Escape("#" + markdown.Number(other.Number))
	if url := w.links.Pull(other); url != "" {
		return "[" + name + "](" + url + ")"
	}
	return name
}
