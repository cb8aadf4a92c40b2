package templates

import (
	"slices"
	"strings"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/templates/markdown"
	"github.com/cardea-iac/cardea/templates/model"
	"github.com/cardea-iac/cardea/workflow"
)

// Summary is the one comment of a pull. It starts with [SummaryMarker] and has at
// most [MaxComment] bytes, whatever the plans are: details are cut by resource,
// then the table by row, and what is left out is counted.
func Summary(v workflow.PullView, l model.Links) string {
	w := writer{view: v, model: model.Read(v, l), links: l}
	head := SummaryMarker + "\n" + w.verdict() + w.destroys() + w.trouble(8000) + w.alarms(8000)
	tail := w.footer()
	next := w.next()
	rest := MaxComment - len(head) - len(tail) - len(next)

	said := w.said("What else these plans run", w.model.Hidden, rest/10) + w.standing(rest/10)
	remarks := w.said("Warnings", w.model.Warnings, rest/12) + w.said("Notes", w.model.Notes, rest/12)
	unchanged := w.unchanged(rest / 12)
	rest -= len(said) + len(remarks) + len(unchanged)

	items := w.items()
	table := w.table(max(rest*6/10, rest-wanted(items, rest)))
	table += w.unnamed(table, markdown.Code(l.Command("approve")))
	rest -= len(table)
	projects := table + unchanged + next
	if len(w.tabler(true).alike()) > longTable { // who knows what to write need not look for it
		projects = next + table + unchanged
	}
	return head + projects + said + w.details(items, rest) + remarks + tail
}

// writer writes the parts of a model as Markdown. Each part starts with a blank
// line and ends a line, and keeps to the bytes it is given.
type writer struct {
	view  workflow.PullView
	model model.Model
	links model.Links
}

func (w writer) verdict() string {
	var b strings.Builder
	for _, s := range w.model.Verdict {
		text := strings.TrimSpace(markdown.Prose(markdown.Cut(s.Text, 600)))
		lead, trail := s.Text[:len(s.Text)-len(strings.TrimLeft(s.Text, " "))], s.Text[len(strings.TrimRight(s.Text, " ")):]
		if s.Bold && text != "" {
			text = "**" + text + "**"
		}
		if strings.TrimSpace(s.Text) == "" {
			lead = ""
		}
		b.WriteString(lead + text + trail)
	}
	return strings.TrimSpace(b.String()) + "\n"
}

// trouble tells why there are no plans and who can mend it.
func (w writer) trouble(limit int) string {
	t := w.view.Trouble
	if t == nil {
		return ""
	}
	var b strings.Builder
	for _, s := range w.model.Trouble[:min(len(w.model.Trouble), 10)] {
		b.WriteString("\n" + markdown.Prose(markdown.Cut(s, 500)) + "\n")
	}
	if len(t.Diagnostics) > 0 {
		b.WriteString("\n" + fenceCut("text", diagnosticLines(t.Diagnostics), limit-b.Len()))
	}
	return b.String()
}

// more is "14 more changes on the page", with the link where there are pages.
func (w writer) more(n int, one, many string) string {
	s := markdown.Count(n, one, many)
	if url := w.links.Pull(w.view.Pull); url != "" {
		return s + " [on the page](" + url + ")"
	}
	return s
}

// unfolded is how many projects without changes are named without folding the line.
const unfolded = 10

func (w writer) unchanged(limit int) string {
	rows := w.model.Unchanged
	if len(rows) == 0 {
		return ""
	}
	names := namesOf(rows)
	open, end := "\n"+markdown.Number(len(rows))+" without changes: ", "\n"
	if len(rows) > unfolded {
		open, end = "\n<details><summary>"+markdown.Number(len(rows))+" without changes</summary>\n\n", "\n\n</details>\n"
	}
	for n := len(names); n >= 0; n = n * 2 / 3 {
		line := open + markdown.SomeOf(names, n, "") + end
		if len(line) <= limit {
			return line
		}
		if n == 0 {
			break
		}
	}
	return "\n" + markdown.Number(len(rows)) + " without changes.\n"
}

func namesOf(rows []model.Row) []string {
	names := make([]string, len(rows))
	for i, r := range rows {
		names[i] = markdown.Code(markdown.Cut(r.Name(), 120))
	}
	return names
}

func (w writer) next() string {
	var b strings.Builder
	for _, c := range w.model.Commands[:min(2, len(w.model.Commands))] {
		b.WriteString("\nNext: " + markdown.Code(markdown.Cut(c.Text, 800)) + " " + markdown.Prose(c.Why))
		if c.Exact == "" || len(c.Exact) > maxExact {
			b.WriteString(".\n")
			continue
		}
		// GitHub puts a button that copies beside a block, and none beside code in a line.
		b.WriteString(", or approve exactly " + phrase.OneMany(c.One, "this one", "these") + ":\n\n" + markdown.Fence("", c.Exact+"\n"))
	}
	return b.String()
}

// maxExact is the longest exact command that is written out, in bytes.
const maxExact = 800

// said lists sentences with their projects under a heading.
func (w writer) said(title string, list []model.Said, limit int) string {
	if len(list) == 0 {
		return ""
	}
	head := "\n**" + title + "**\n\n"
	var b strings.Builder
	b.WriteString(head)
	for i, s := range list {
		line := "- " + markdown.Prose(markdown.Cut(phrase.Sentence(s.Text), 400))
		if s.Mend != "" {
			line += " " + markdown.Prose(markdown.Cut(phrase.Sentence(s.Mend), 400))
		}
		if len(s.Projects) > 0 {
			line += " (" + w.about(s.Projects) + ")"
		}
		line += "\n"
		if b.Len()+len(line) > limit-150 {
			b.WriteString("- … " + w.more(len(list)-i, "more", "more") + "\n")
			break
		}
		b.WriteString(line)
	}
	return b.String()
}

func (w writer) about(projects []string) string {
	if all := len(w.model.Rows) + len(w.model.Unchanged) - w.model.Tally.Deleted; len(projects) == all && all > 3 {
		return "all " + markdown.Number(all) + " projects"
	}
	names := make([]string, len(projects))
	for i, p := range projects {
		names[i] = markdown.Code(markdown.Cut(p, 120))
	}
	return markdown.SomeOf(names, 4, "")
}

// footer says of which commits the plans are, when they were made and with what.
func (w writer) footer() string {
	p := w.view.Pull
	var parts []string
	if p.Head.SHA != "" {
		parts = append(parts, "head "+markdown.Code(phrase.Short(p.Head.SHA)))
	}
	if base := phrase.OrWord(w.view.BaseSHA, p.Base.SHA); base != "" {
		parts = append(parts, "base "+markdown.Code(markdown.Cut(phrase.OrWord(p.Base.Ref, "base"),
			100))+" at "+markdown.Code(phrase.Short(base)))
	}
	if when := w.when(); when != "" {
		parts = append(parts, when)
	}
	if url := w.links.Pull(p); url != "" {
		parts = append(parts, "[full details]("+url+")")
	}
	if len(parts) == 0 {
		return ""
	}
	return "\n<sub>" + strings.Join(parts, " · ") + "</sub>\n"
}

func (w writer) when() string {
	var tools []string
	newest := w.view.CreatedAt.Truncate(0).AddDate(-1000, 0, 0)
	found := false
	for _, r := range slices.Concat(w.model.Rows, w.model.Unchanged) {
		if r.Plan == nil {
			continue
		}
		if r.Plan.PlannedAt.After(newest) {
			newest, found = r.Plan.PlannedAt, true
		}
		if t := model.ToolName(r.Plan.Tool, r.Plan.ToolVersion); !slices.Contains(tools, t) && len(tools) < 4 {
			tools = append(tools, t)
		}
	}
	if !found {
		return ""
	}
	slices.Sort(tools)
	return "planned " + phrase.Clock(newest) + " with " + markdown.Escape(phrase.AndList(tools))
}
