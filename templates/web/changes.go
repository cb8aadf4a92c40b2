package web

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/cardea-iac/cardea/templates/diff"
	"github.com/cardea-iac/cardea/templates/markdown"
	"github.com/cardea-iac/cardea/templates/model"
	"github.com/cardea-iac/cardea/workflow"
)

// The limits of a page, in bytes of HTML: what does not fit is counted and linked to. A
// change can have values of many megabytes, and a project as many diagnostics.
const (
	PageBudget       = 1 << 20  // for the changes of one page
	diagnosticBudget = 64 << 10 // for one list of diagnostics
	listBudget       = 64 << 10 // for one list of sentences
	sentenceMost     = 4 << 10  // of one of them
	addressMost      = 300      // characters of an address in a list
	fewChanges       = 200      // in a list of addresses
	fewProjects      = 200      // named with one sentence
	openChanges      = 3        // of a pull, shown open whatever they do
)

// Spot is where the changes of a page begin or end: before an attribute of a change.
type Spot struct{ Change, Attribute int }

// part is a change as far as one page has it: its attributes from First to End.
type part struct {
	workflow.Change // whole
	First, End      int
}

// Fit returns the changes from a spot on as far as a budget of bytes goes, by the
// size of each attribute, and where the next page begins. Something always fits.
func Fit(changes []workflow.Change, from Spot, budget int, size func(workflow.Attribute) int) (out []part, next Spot) {
	for i := from.Change; i < len(changes); i++ {
		c, first := changes[i], 0
		if i == from.Change {
			first = min(max(from.Attribute, 0), len(c.Attributes))
		}
		end := first
		for budget -= frameOf(c); end < len(c.Attributes); end++ {
			n := size(c.Attributes[end])
			if budget < n && (end > first || len(out) > 0) {
				break
			}
			budget -= n
		}
		if budget < 0 && len(out) > 0 {
			return out, Spot{i, first}
		}
		out = append(out, part{c, first, end})
		if end < len(c.Attributes) {
			return out, Spot{i, end}
		}
	}
	return out, Spot{Change: len(changes)}
}

// frameOf is roughly how many bytes of a page a change takes without its attributes.
func frameOf(c workflow.Change) int { return htmlSize(c.Address) + 100 }

// ShowChanges makes changes from a spot on ready for a page, as far as a budget of bytes
// goes, and says where the next page begins. Something is always shown. If there are few, all
// are shown open; of many, only those that destroy.
func ShowChanges(changes []workflow.Change, from Spot, budget int) (out []ShownChange, next Spot) {
	parts, next := Fit(changes, from, budget, func(a workflow.Attribute) int {
		return htmlSize(a.Path) + htmlSize(a.Before) + htmlSize(a.After) + 50
	})
	for _, p := range parts {
		out = append(out, showChange(p, len(changes)))
	}
	return out, next
}

// Fold leaves open, of all the changes of a page, only those that take away what exists, where there are too
// many to read without scrolling past them.
func Fold(groups []ShownGroup) {
	n := 0
	for _, g := range groups {
		n += len(g.Shown)
	}
	for _, g := range groups {
		for i := range g.Shown {
			c := &g.Shown[i]
			c.Open = c.Open && (n <= openChanges || c.risky)
		}
	}
}

// SizeOf is roughly how many bytes of a page these changes take.
func SizeOf(shown []ShownChange) (n int) {
	for _, c := range shown {
		n += htmlSize(c.Address) + 100
		for _, l := range c.Lines {
			n += htmlSize(l.Text) + 30
		}
	}
	return n
}

// htmlSize is roughly how long a text is as HTML, with an element for each line.
func htmlSize(s string) int {
	return len(s) + 4*(strings.Count(s, "<")+strings.Count(s, ">")+strings.Count(s, "&")+strings.Count(s,
		`"`)+strings.Count(s, "'")) + 30*strings.Count(s, "\n")
}

// showChange shows a part of one change, of so many in all, and says how many attributes are
// elsewhere.
func showChange(p part, of int) ShownChange {
	c, first, end := p.Change, p.First, p.End
	risky := c.Action == workflow.ActionDelete || c.Action == workflow.ActionReplace
	part := c
	part.Attributes = c.Attributes[first:end]
	if end < len(c.Attributes) {
		part.Unchanged, part.Masked = 0, 0
	}
	out := ShownChange{Word: ActionWord(c), Class: string(c.Action), Address: markdown.Clean(c.Address),
		Say: diff.Doing(c), Lines: diff.Of(part, diff.Page),
		risky: risky,
		Open:  of <= 12 || risky && of <= 60 || first > 0 || end < len(c.Attributes)}
	if !diff.Headless(part) { // the page has a heading of its own
		out.Lines = out.Lines[1:]
	}
	if first > 0 {
		out.Lines = append([]diff.Line{{Mark: '#', Text: diff.Indent + markdown.Count(first, "attribute", "attributes") +
			" before these"}}, out.Lines...)
	}
	if n := len(c.Attributes) - end; n > 0 {
		out.Lines = append(out.Lines, diff.Line{Mark: '#', Text: diff.Indent +
			markdown.Count(n, "more attribute", "more attributes") + " on the next page"})
	}
	return out
}

// shownDiagnostic is a diagnostic as a page shows it.
type shownDiagnostic struct {
	workflow.Diagnostic
	URL    string // of its line on GitHub, "" where there is none
	Source []diff.Line
}

// sourceLines is how much source of one diagnostic a page shows.
const sourceLines = 30

// fitDiagnostics are the diagnostics of one list that a page shows; the last says how many are left out.
// source is the address of the tree that their files are in, "" without one.
func fitDiagnostics(list []workflow.Diagnostic, source string) (out []shownDiagnostic) {
	budget := diagnosticBudget
	for i, d := range list {
		lines := diff.Source(d, sourceLines)
		for _, l := range lines {
			budget -= htmlSize(l.Text) + 40
		}
		if budget -= htmlSize(d.Summary) + htmlSize(d.Detail) + 200; budget >= 0 {
			out = append(out, shownDiagnostic{d, lineURL(source, d.Position), lines})
			continue
		}
		if i == 0 {
			d.Summary, d.Detail = markdown.Cut(d.Summary, 1000), markdown.Cut(d.Detail, diagnosticBudget/8)
			out = append(out, shownDiagnostic{Diagnostic: d, URL: lineURL(source, d.Position)})
			i++
		}
		if n := len(list) - i; n > 0 {
			out = append(out, shownDiagnostic{Diagnostic: workflow.Diagnostic{Severity: workflow.SeverityWarning,
				Summary: markdown.Count(n, "more message is", "more messages are") +
					" not shown here. The run's log has them."}})
		}
		break
	}
	return out
}

// SourceURL is the address of a commit's files on GitHub, whose own is web; "" without one.
func SourceURL(web string, r workflow.Repo, commit string) string {
	if web == "" || commit == "" {
		return ""
	}
	return web + model.RepoPath(r) + "/blob/" + url.PathEscape(commit)
}

// lineURL is the address of a line of a file below source; "" where one of them is not known.
func lineURL(source string, p workflow.Position) string {
	if source == "" || p.File == "" {
		return ""
	}
	parts := strings.Split(p.File, "/")
	for i := range parts {
		parts[i] = url.PathEscape(parts[i])
	}
	at := source + "/" + strings.Join(parts, "/")
	if p.Line > 0 {
		at += "#L" + strconv.Itoa(p.Line)
	}
	return at
}

// few are the addresses of the first changes of a list, left is how many more there are.
func few(list []workflow.Change) (out []string) {
	for _, c := range list[:min(len(list), fewChanges)] {
		out = append(out, markdown.Cut(c.Address, addressMost))
	}
	return out
}

func left(list []workflow.Change) int { return max(len(list)-fewChanges, 0) }

// leftOf also counts those that a plan's brief leaves out.
func leftOf(g ShownGroup) int { return left(g.Drift) + g.Left.Drift }

// told are sentences as far as a list goes: Left counts those that See has.
type told struct {
	Shown []model.Said
	Left  int
	See   string
}

// tell fits sentences into one list.
func tell(list []model.Said, see string) told {
	budget := listBudget
	out := told{See: see}
	for i, s := range list {
		s.Text, s.Mend = markdown.Cut(s.Text, sentenceMost), markdown.Cut(s.Mend, sentenceMost)
		if n := len(s.Projects); n > fewProjects {
			s.Projects = append(slices.Clone(s.Projects[:fewProjects]), "and "+markdown.Number(n-fewProjects)+" more")
		}
		budget -= htmlSize(s.Text) + htmlSize(s.Mend) + 50
		for _, p := range s.Projects {
			budget -= htmlSize(p) + 2
		}
		if budget < 0 {
			out.Left = len(list) - i
			break
		}
		out.Shown = append(out.Shown, s)
	}
	return out
}

// effects are hidden effects as sentences, sentences are those of a plan.
func effects(list []workflow.HiddenEffect) (out []model.Said) {
	for _, h := range list {
		out = append(out, model.Said{Text: h.Text})
	}
	return out
}

func sentences(list []string) (out []model.Said) {
	for _, s := range list {
		out = append(out, model.Said{Text: s})
	}
	return out
}

// lineText is a line of a change as a page shows it: what changes is marked as Terraform marks it. The
// mark of the lines themselves is GitHub's.
func lineText(l diff.Line) string {
	if l.Mark == '!' {
		l.Mark = '~'
	}
	return l.String()
}

func markClass(l diff.Line) string {
	switch l.Mark {
	case '+':
		return "a"
	case '-':
		return "r"
	case '!':
		return "c"
	case '#':
		return "k"
	}
	return "s"
}

// ActionWord is what happens to a change's address, in a word.
func ActionWord(c workflow.Change) string {
	switch {
	case c.Mode == "output":
		return "output"
	case c.Action == workflow.ActionDelete:
		return "destroy"
	case c.Imported && c.Action != workflow.ActionImport:
		return "import, " + string(c.Action)
	}
	return string(c.Action)
}
