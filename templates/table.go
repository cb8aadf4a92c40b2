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

// The table of projects. One with more than longTable rows has one row for at least leastAlike
// projects of which it says the same; they are listed below it, folded.
const (
	longTable  = 10
	leastAlike = 4
)

// tableHeads begin the table of projects, without and with their environments.
var tableHeads = [2]string{
	"| Project | + | ~ | ± | - | State | Waits for | Plan |\n| --- | --: | --: | --: | --: | --- | --- | --- |\n",
	"| Project | Environment | + | ~ | ± | - | State | Waits for | Plan |\n| --- | --- | --: | --: | --: | --: | --- | --- | --- |\n",
}

// foldOpen begins the list of the projects of one row, foldClose ends it.
const (
	foldOpen  = "\n<details><summary>These "
	foldClose = "\n</details>\n"
)

// tabler writes the lines of the table.
type tabler struct {
	writer
	links bool // to plans and logs
	env   bool // some project has an environment
}

func (w writer) tabler(links bool) tabler {
	return tabler{w, links, slices.ContainsFunc(w.model.Rows, func(r model.Row) bool { return r.Record.Project.Environment != "" })}
}

// tablePart is a piece of the table: lines under one head, and what is written before and after them.
type tablePart struct {
	before, after string
	lines         []string
	rows          []model.Row // of each line
	listed        map[int]bool
}

// table is the table of projects within limit. With too many projects it loses its links, then
// its last rows, which are counted.
func (w writer) table(limit int) string {
	if len(w.model.Rows) == 0 {
		return ""
	}
	for _, links := range []bool{true, false} {
		if text, left := writeParts(w.tabler(links).parts(), limit); left == nil {
			return text
		}
	}
	const reserve = 200 // for the line that counts what is left out
	text, left := writeParts(w.tabler(false).parts(), limit-reserve)
	if text == "" {
		return ""
	}
	return text + "\n… " + w.more(len(left), "more project", "more projects") + ": " + statesOf(left) + ".\n"
}

// writeParts writes as much of the parts as fits, and returns the projects that are not named.
func writeParts(parts []tablePart, limit int) (text string, left []model.Row) {
	var b strings.Builder
	for _, p := range parts {
		room := limit - b.Len() - len(p.before) - len(p.after)
		written := 0
		for left == nil && written < len(p.lines) && len(p.lines[written]) <= room {
			room -= len(p.lines[written])
			written++
		}
		if written > 0 {
			b.WriteString(p.before + strings.Join(p.lines[:written], "") + p.after)
		}
		for i := written; i < len(p.lines); i++ {
			if !p.listed[i] {
				left = append(left, p.rows[i])
			}
		}
	}
	return b.String(), left
}

// parts are the table and, where a row of it stands for several projects, the lists of those.
func (t tabler) parts() []tablePart {
	head := tableHeads[0]
	if t.env {
		head = tableHeads[1]
	}
	first := tablePart{before: "\n" + head, listed: map[int]bool{}}
	var folds []tablePart
	for _, rows := range t.alike() {
		first.rows = append(first.rows, rows[0])
		if len(rows) == 1 {
			first.lines = append(first.lines, t.row(rows[0]))
			continue
		}
		first.listed[len(first.lines)] = true
		first.lines = append(first.lines, t.cells(alikeName(rows), rows[0], "below"))
		fold := tablePart{after: foldClose, rows: rows}
		for _, r := range rows {
			fold.lines = append(fold.lines, t.row(r))
		}
		folds = append(folds, fold)
	}
	for i, fold := range folds {
		which := ""
		if len(folds) > 1 { // else several lists would have the same title
			name := phrase.CodeSpan(markdown.Cut(fold.rows[0].Name(), 60))
			which = markdown.ProseHTML(": " + name + " and " + markdown.Number(len(fold.rows)-1) + " more")
		}
		folds[i].before = foldOpen + markdown.Number(len(fold.rows)) + " projects" + which + "</summary>\n\n" + head
	}
	return append([]tablePart{first}, folds...)
}

// alike puts rows together of which a long table says the same, where they are many.
func (t tabler) alike() [][]model.Row {
	said := make([]string, len(t.model.Rows))
	many := map[string][]model.Row{}
	for i, r := range t.model.Rows {
		said[i] = t.cells("", r, "")
		many[said[i]] = append(many[said[i]], r)
	}
	var out [][]model.Row
	for i, r := range t.model.Rows {
		switch rows := many[said[i]]; {
		case len(t.model.Rows) <= longTable || 0 < len(rows) && len(rows) < leastAlike:
			out = append(out, []model.Row{r})
		case rows != nil:
			out = append(out, rows)
			many[said[i]] = nil
		}
	}
	return out
}

// alikeName stands for the names of several projects: what they begin and end with.
func alikeName(rows []model.Row) string {
	begin := rows[0].Name()
	end := begin
	for _, r := range rows[1:] {
		for !strings.HasPrefix(r.Name(), begin) {
			begin = begin[:len(begin)-1]
		}
		for !strings.HasSuffix(r.Name(), end) {
			end = end[1:]
		}
	}
	for _, r := range rows { // in "ab" and "aab" one letter must not count as both
		end = end[max(0, len(begin)+len(end)-len(r.Name())):]
	}
	each := markdown.Number(len(rows)) + " projects, each"
	begin, end = strings.ToValidUTF8(begin, ""), strings.ToValidUTF8(end, "")
	if len(begin)+len(end) < 3 {
		return each
	}
	return markdown.CodeCell(markdown.Cut(begin, 60)+"…"+markdown.Cut(end, 60)) + ": " + each
}

func (t tabler) row(r model.Row) string {
	plan := "–"
	switch {
	case t.writer.links.Fingerprints && r.Plan != nil && r.Plan.Fingerprint != "":
		plan = markdown.CodeCell(r.Plan.ShortFingerprint())
	case r.RunURL == "" && r.Plan != nil:
		plan = "below"
	case r.RunURL != "" && t.links:
		plan = linkWord(r.State)
	}
	if r.RunURL != "" && t.links {
		plan = "[" + plan + "](" + r.RunURL + ")"
	}
	return t.cells(markdown.CodeCell(markdown.Cut(r.Name(), 120)), r, plan)
}

// cells is a line of the table with this name and plan.
func (t tabler) cells(name string, r model.Row, plan string) string {
	env := ""
	if t.env {
		env = phrase.OrWord(markdown.Escape(markdown.Cut(r.Record.Project.Environment, 60)), "–") + " | "
	}
	waits := make([]string, len(r.Waits))
	for i, wait := range r.Waits {
		waits[i] = t.wait(r, wait)
	}
	return fmt.Sprintf("| %s | %s%s | %s | %s | %s | %s | %s | %s |\n", name, env,
		count(r.Counts.Add), count(r.Counts.Change), risk(r.Counts.Replace), risk(r.Counts.Destroy),
		r.Word()+markdown.ProseCell(r.StateOf(", state of ")),
		phrase.OrWord(strings.Join(waits, "; "), "–"), plan)
}

// count is a number of a row; nothing is not to be as loud as something.
func count(n int) string {
	if n == 0 {
		return "·"
	}
	return markdown.Number(n)
}

// risk is a number of what is destroyed.
func risk(n int) string {
	if n == 0 {
		return "·"
	}
	return "**" + markdown.Number(n) + "**"
}

// wait is what a project waits for in a few words, which lead to the page of the pull that has its lock.
func (w writer) wait(r model.Row, wait model.Wait) string {
	words := markdown.ProseCell(markdown.Cut(wait.Short, 200))
	if wait.Need != workflow.NeedLock || r.Lock == nil || r.Ours {
		return words
	}
	if url := w.pageOf(r.Lock.Pull); url != "" {
		return "[" + words + "](" + url + ")"
	}
	return words
}

// pageOf is the page of another pull of the repository, "" where there is none.
func (w writer) pageOf(key workflow.PullKey) string {
	other := w.view.Pull
	if key.RepoID != other.Repo.ID {
		return ""
	}
	other.Number = key.Number
	return w.links.Pull(other)
}

func linkWord(s workflow.ProjectState) string {
	switch s {
	case workflow.StatePlanning:
		return "live"
	case workflow.StatePlanFailed:
		return "log"
	case workflow.StateQueued:
		return "run"
	case workflow.StateApplying, workflow.StateApplied, workflow.StateUnknown, workflow.StateErrored:
		return "apply"
	}
	return "plan"
}

func statesOf(rows []model.Row) string {
	var order []string
	by := map[string]int{}
	for _, r := range rows {
		if by[r.Word()] == 0 {
			order = append(order, r.Word())
		}
		by[r.Word()]++
	}
	for i, s := range order {
		order[i] = markdown.Number(by[s]) + " " + s
	}
	return strings.Join(order, ", ")
}
