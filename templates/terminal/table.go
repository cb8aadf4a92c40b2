package terminal

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/cardea-iac/cardea/templates/markdown"
	"github.com/cardea-iac/cardea/templates/model"
)

// column is one column of the table of projects.
type column struct {
	title string
	cell  func(model.Row) string
	style func(model.Row) string
	right bool // numbers stand at the right
}

// columns are those of the table; one that says nothing of any project is left out.
func columns() []column {
	number := func(title, style string, of func(model.Row) int) column {
		return column{title: title, right: true, style: func(model.Row) string { return style },
			cell: func(r model.Row) string {
				if n := of(r); n > 0 {
					return markdown.Number(n)
				}
				return ""
			}}
	}
	return []column{
		{title: "Project", cell: func(r model.Row) string { return markdown.CleanLine(r.Name()) }, style: func(model.Row) string { return bold }},
		{title: "Environment", cell: func(r model.Row) string { return markdown.CleanLine(r.Record.Project.Environment) }},
		number("Add", green, func(r model.Row) int { return r.Counts.Add }),
		number("Change", yellow, func(r model.Row) int { return r.Counts.Change }),
		number("Replace", red, func(r model.Row) int { return r.Counts.Replace }),
		number("Destroy", red, func(r model.Row) int { return r.Counts.Destroy }),
		{title: "State", cell: func(r model.Row) string { return r.Word() + strings.ReplaceAll(r.StateOf(", state of "), "`", "") },
			style: func(r model.Row) string {
				if r.Plan == nil {
					return red
				}
				return plain
			}},
	}
}

// table has a line for each project that is to be read about.
func (w *writer) table() {
	rows := w.model.Rows
	if len(rows) == 0 {
		return
	}
	shown := slices.DeleteFunc(columns(), func(c column) bool {
		return !slices.ContainsFunc(rows, func(r model.Row) bool { return c.cell(r) != "" })
	})
	widths := make([]int, len(shown))
	for i, c := range shown {
		widths[i] = utf8.RuneCountInString(c.title)
		for _, r := range rows {
			widths[i] = max(widths[i], utf8.RuneCountInString(c.cell(r)))
		}
	}
	line := func(cell func(column) string, style func(column) string) {
		var b strings.Builder
		for i, c := range shown {
			text := cell(c)
			pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(text))
			switch {
			case c.right:
				b.WriteString(pad + w.paint(style(c), text))
			case i == len(shown)-1:
				b.WriteString(w.paint(style(c), text))
			default:
				b.WriteString(w.paint(style(c), text) + pad)
			}
			b.WriteString("  ")
		}
		w.line(0, b.String())
	}
	w.b.WriteByte('\n')
	line(func(c column) string { return c.title }, func(column) string { return faint })
	for _, r := range rows {
		line(func(c column) string { return c.cell(r) }, func(c column) string {
			if c.style == nil {
				return plain
			}
			return c.style(r)
		})
	}
}
