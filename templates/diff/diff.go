package diff

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/templates/markdown"
	"github.com/cardea-iac/cardea/workflow"
)

// Line is one line of a rendered change. Mark is the character in column 0, by which GitHub
// colours a diff: '+' green, '-' red, '!' orange, '#' grey, ' ' none. Text follows it, clean
// and on one line.
type Line struct {
	Mark byte
	Text string
}

// String is the line as it stands in a fence.
func (l Line) String() string { return strings.TrimRight(string(l.Mark)+" "+l.Text, " ") }

// Limits say how much of a change is shown.
type Limits struct {
	runes int // of one value
	lines int // of one multi-line value
}

var (
	Comment  = Limits{runes: 400, lines: 60}
	Terminal = Limits{runes: 4000, lines: 1000}
	Page     = Limits{runes: 64 << 10, lines: 5000}
)

const (
	Indent      = "  "   // of attributes under their resource
	nameWidth   = 36     // names are padded to one width, longer ones stick out
	lineWidth   = 110    // longer changes get a line for each side
	contextSize = 3      // unchanged lines shown around a difference in a text
	arrow       = " -> " // between the two sides, as Terraform prints it
)

// Headless reports a change whose one line says everything: an output.
func Headless(c workflow.Change) bool {
	return len(c.Attributes) == 1 && c.Mode == "output" && c.Masked == 0
}

// Of renders a change: a heading, then its attributes.
func Of(c workflow.Change, lim Limits) []Line {
	if Headless(c) {
		return attributeLines(outputAttribute(c), 0, "", lim)
	}
	lines := []Line{{Mark: actionMark(c.Action), Text: markdown.Verbatim(c.Address) + " " + Doing(c)}}
	if c.PreviousAddress != "" && c.Action != workflow.ActionMove {
		lines = append(lines, Line{'#', Indent + "moved from " + markdown.Verbatim(c.PreviousAddress)})
	}
	width := 0
	for _, a := range c.Attributes {
		if n := utf8.RuneCountInString(a.Path); n <= nameWidth {
			width = max(width, n)
		}
	}
	for _, a := range c.Attributes {
		lines = append(lines, attributeLines(a, width, Indent, lim)...)
	}
	if c.Unchanged > 0 {
		lines = append(lines, Line{'#', Indent + markdown.Count(c.Unchanged, "unchanged attribute", "unchanged attributes")})
	}
	switch {
	case c.Masked == 1:
		lines = append(lines, Line{'#', Indent + "1 value is masked because it contains a sensitive value"})
	case c.Masked > 1:
		lines = append(lines, Line{'#', Indent + markdown.Number(c.Masked) +
			" values are masked because they contain a sensitive value"})
	}
	return lines
}

// outputAttribute names an output's value after the output, so that it needs no heading.
func outputAttribute(c workflow.Change) workflow.Attribute {
	a := c.Attributes[0]
	switch {
	case a.Path == "" || a.Path == "value" || a.Path == strings.TrimPrefix(c.Address, "output."):
		a.Path = c.Address
	default:
		a.Path = c.Address + "." + strings.TrimPrefix(a.Path, "value.")
	}
	return a
}

func actionMark(a workflow.Action) byte {
	switch a {
	case workflow.ActionCreate:
		return '+'
	case workflow.ActionDelete:
		return '-'
	case workflow.ActionUpdate, workflow.ActionReplace, workflow.ActionForget:
		return '!'
	}
	return '#'
}

// Doing says what happens to the change's address.
func Doing(c workflow.Change) string {
	var s string
	switch c.Action {
	case workflow.ActionCreate:
		s = "will be created"
	case workflow.ActionUpdate:
		s = "will be updated in place"
	case workflow.ActionDelete:
		s = "will be destroyed"
	case workflow.ActionReplace:
		s = "must be replaced (-/+ destroyed, then created)"
		if c.CreateFirst {
			s = "must be replaced (+/- created, then destroyed)"
		}
	case workflow.ActionImport:
		s = "will be imported"
	case workflow.ActionMove:
		s = "moved from " + markdown.Verbatim(c.PreviousAddress)
	case workflow.ActionForget:
		s = "will no longer be managed, it is not destroyed"
	case workflow.ActionRead:
		s = "will be read during apply"
	case workflow.ActionInvoke:
		s = "will be invoked"
	default:
		s = "does not change"
	}
	if c.Mode == "output" {
		s = strings.Replace(strings.Replace(s, "will be created", "is new", 1), "will be destroyed", "goes", 1)
	}
	if c.Imported && c.Action != workflow.ActionImport {
		s = "will be imported and " + strings.TrimPrefix(s, "will be ")
	}
	if c.ImportID != "" {
		s += fmt.Sprintf(" (id %q)", markdown.Verbatim(c.ImportID))
	}
	if c.Deposed != "" {
		s = "(deposed object " + markdown.Verbatim(c.Deposed) + ") " + s
	}
	if c.Reason != "" {
		s += ", " + markdown.Verbatim(c.Reason)
	}
	return s
}

func attributeLines(a workflow.Attribute, width int, indent string, lim Limits) []Line {
	mark := attributeMark(a)
	name := markdown.Verbatim(a.Path)
	if pad := width - utf8.RuneCountInString(name); pad > 0 {
		name += strings.Repeat(" ", pad)
	}
	note := noteOf(a)
	before, after := a.Before, a.After
	if a.Multiline {
		return textLines(indent+name, note, textChange{mark, before, after}, indent, lim)
	}
	before, after = cutValue(before, lim), cutValue(after, lim)
	switch {
	case mark == '+':
		return []Line{{mark, indent + name + " = " + after + note}}
	case mark == '-':
		return []Line{{mark, indent + name + " = " + before + note}}
	case mark == ' ':
		return []Line{{mark, indent + name + " = " + phrase.OrWord(after, before) + note}}
	case a.Sensitive && before == after:
		return []Line{{mark, indent + name + " = " + after + ", which changes" + note}}
	}
	if utf8.RuneCountInString(indent+name+before+after) > lineWidth {
		return []Line{{'-', indent + name + " = " + before}, {'+', indent + name + " = " + after + note}}
	}
	return []Line{{mark, indent + name + " = " + before + arrow + after + note}}
}

// noteOf is what stands behind a value.
func noteOf(a workflow.Attribute) string {
	var notes []string
	if a.Replaces {
		notes = append(notes, "forces replacement")
	}
	if a.Note != "" {
		notes = append(notes, markdown.Verbatim(a.Note))
	}
	if len(notes) == 0 {
		return ""
	}
	return "  # " + strings.Join(notes, ", ")
}

func attributeMark(a workflow.Attribute) byte {
	switch a.Mark {
	case workflow.MarkAdd:
		return '+'
	case workflow.MarkRemove:
		return '-'
	case workflow.MarkSame:
		return ' '
	}
	return '!'
}

// textChange is a multi-line value. Either side may be a single line ("(known after apply)").
type textChange struct {
	mark          byte
	before, after string
}

// textLines renders a multi-line value as Terraform writes one, with the lines that differ.
func textLines(name, note string, t textChange, indent string, lim Limits) []Line {
	var edits []lineEdit
	switch t.mark {
	case '+', ' ':
		edits = sameMark(t.mark, markdown.Lines(phrase.OrWord(t.after, t.before)))
	case '-':
		edits = sameMark(t.mark, markdown.Lines(t.before))
	default:
		t.before, t.after = showReturns(t.before, t.after)
		edits = lineDiff(markdown.Lines(t.before), markdown.Lines(t.after))
	}
	lines := []Line{{t.mark, name + " = <<-EOT" + note}}
	body := hideContext(edits, t.mark == '!')
	for i, e := range body {
		if i == lim.lines {
			lines = append(lines, Line{'#', indent + "  … " + markdown.Count(len(body)-i, "more line", "more lines")})
			break
		}
		lines = append(lines, Line{e.mark, indent + indent + markdown.Cut(markdown.Verbatim(e.text), lim.runes)})
	}
	if t.mark == '!' && strings.TrimSuffix(t.before, "\n") == strings.TrimSuffix(t.after, "\n") {
		lines = append(lines, Line{'#', indent + "  only the newline at the end differs"})
	}
	end := t.mark
	if end == '!' {
		end = ' '
	}
	return append(lines, Line{end, indent + "EOT"})
}

// showReturns writes carriage returns as \r where two texts differ in them: at the ends of
// lines they cannot be seen, and a change of nothing else would look like no change.
func showReturns(before, after string) (string, string) {
	if strings.Count(before, "\r") == strings.Count(after, "\r") &&
		(before == after || markdown.Clean(before) != markdown.Clean(after)) {
		return before, after
	}
	show := strings.NewReplacer("\r\n", `\r`+"\n", "\r", `\r`+"\n")
	return show.Replace(before), show.Replace(after)
}

func sameMark(mark byte, lines []string) []lineEdit {
	out := make([]lineEdit, len(lines))
	for i, l := range lines {
		out[i] = lineEdit{mark, l}
	}
	return out
}

// hideContext leaves out unchanged lines that are far from every difference.
func hideContext(edits []lineEdit, hide bool) []lineEdit {
	if !hide {
		return edits
	}
	near := make([]bool, len(edits))
	for i, e := range edits {
		if e.mark == ' ' {
			continue
		}
		for j := max(0, i-contextSize); j <= min(len(edits)-1, i+contextSize); j++ {
			near[j] = true
		}
	}
	var out []lineEdit
	for i := 0; i < len(edits); {
		if near[i] {
			out = append(out, edits[i])
			i++
			continue
		}
		from := i
		for i < len(edits) && !near[i] {
			i++
		}
		if i-from == 1 { // counting it would take as much room
			out = append(out, edits[from])
			continue
		}
		out = append(out, lineEdit{'#', "… " + markdown.Count(i-from, "unchanged line", "unchanged lines")})
	}
	return out
}

// cutValue makes a value fit: one line of at most that many characters.
func cutValue(value string, lim Limits) string {
	value = markdown.Verbatim(value)
	if n := utf8.RuneCountInString(value); n > lim.runes {
		return markdown.Cut(value, lim.runes) + " (" + markdown.Number(n) + " characters)"
	}
	return value
}
