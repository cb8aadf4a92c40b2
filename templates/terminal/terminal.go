// Package terminal writes what people are told about a pull for a terminal: for the person at the
// keyboard who previews a change of their own. What matters most stands last, where the eye is when
// everything has scrolled by.
//
// Nothing of others reaches the terminal but by package markdown's Clean: no escape sequence of a
// plan's values moves a cursor or hides a line.
package terminal

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/templates/diff"
	"github.com/cardea-iac/cardea/templates/markdown"
	"github.com/cardea-iac/cardea/templates/model"
	"github.com/cardea-iac/cardea/workflow"
)

// Options say what can be shown.
type Options struct {
	Width  int    // sentences are broken to fit into lines of so many characters; 0: they are not
	Colour bool   // as ANSI escape sequences
	Head   string // what was planned, where it is no commit of the clone
}

// Preview is what a change would do, for a view whose plans are all made.
func Preview(v workflow.PullView, o Options) string {
	w := &writer{Options: o, model: model.Read(v, model.Links{})}
	for _, f := range w.model.Failures {
		w.failure(f)
	}
	for _, g := range w.model.Groups {
		w.group(g)
	}
	w.said("What else these plans run", w.model.Hidden)
	w.said("Warnings", w.model.Warnings)
	w.said("Notes", w.model.Notes)
	w.table()
	w.unchanged()
	w.verdict()
	w.losses()
	w.footer(v)
	return w.b.String()
}

type writer struct {
	Options
	model model.Model
	b     strings.Builder
}

// The ways in which words stand out.
const (
	plain  = ""
	bold   = "1"
	faint  = "2"
	red    = "31"
	green  = "32"
	yellow = "33"
	cyan   = "36"
)

// paint is text in a style, which ends with it.
func (w *writer) paint(style, text string) string {
	if !w.Colour || style == plain || text == "" {
		return text
	}
	return "\x1b[" + style + "m" + text + "\x1b[0m"
}

// line writes one line.
func (w *writer) line(indent int, text string) {
	w.b.WriteString(strings.TrimRight(strings.Repeat(" ", indent)+text, " ") + "\n")
}

// word is what a line is not broken within: pieces that follow each other without a space.
type word []piece

type piece struct{ text, style string }

func (v word) width() (n int) {
	for _, p := range v {
		n += utf8.RuneCountInString(p.text)
	}
	return n
}

// words adds those of a text of ours to others, of which the last goes on where no space begins the
// text. Code in it is coloured, or stands between backticks.
func (w *writer) words(to []word, text, style string) []word {
	for _, part := range markdown.Parts(strings.ReplaceAll(markdown.Clean(text), "\n", " ")) {
		text, look := part.Text, style
		if part.Code {
			if look = cyan; !w.Colour {
				text = "`" + text + "`"
			}
		}
		for i, field := range strings.Split(text, " ") {
			if i > 0 || len(to) == 0 {
				to = append(to, nil)
			}
			if field != "" {
				to[len(to)-1] = append(to[len(to)-1], piece{field, look})
			}
		}
	}
	return to
}

// paragraph writes words, broken into lines of which the second and later ones are indented more.
func (w *writer) paragraph(indent, more int, words []word) {
	var line []piece // one for each style in a row
	add := func(v word) {
		for _, p := range v {
			if last := len(line) - 1; last >= 0 && line[last].style == p.style {
				line[last].text += p.text
			} else {
				line = append(line, p)
			}
		}
	}
	end := func() {
		w.b.WriteString(strings.Repeat(" ", indent))
		for _, p := range line {
			w.b.WriteString(w.paint(p.style, p.text))
		}
		w.b.WriteByte('\n')
		line = nil
	}
	at := indent
	for _, v := range words {
		wide := v.width()
		switch {
		case wide == 0:
			continue
		case line == nil:
		case w.Width > 0 && at+1+wide > w.Width:
			end()
			if more > 0 {
				indent, more = indent+more, 0
			}
			at = indent
		default:
			add(word{{" ", line[len(line)-1].style}})
			at++
		}
		add(v)
		at += wide
	}
	end()
}

func (w *writer) sentence(indent int, text string) {
	w.paragraph(indent, 0, w.words(nil, phrase.Sentence(text), plain))
}

func (w *writer) verdict() {
	w.b.WriteByte('\n')
	w.paragraph(0, 0, w.spans(nil, w.model.Verdict, bold))
}

// losses name what the change destroys and replaces.
func (w *writer) losses() {
	for _, loss := range w.model.Losses() {
		words := w.words(nil, loss.Word+":", red)
		for i, it := range loss.Items {
			text := markdown.Verbatim(markdown.Cut(it.Change.Address, 200))
			if it.Change.Deposed != "" {
				text += " (deposed " + markdown.Verbatim(it.Change.Deposed) + ")"
			}
			names := make([]string, len(it.Projects))
			for i, name := range it.Projects {
				names[i] = markdown.CleanLine(markdown.Cut(name, 120))
			}
			text += " (" + markdown.SomeOf(names, 2, "") + ")"
			if i < len(loss.Items)-1 || loss.More > 0 {
				text += ","
			}
			for _, field := range strings.Fields(text) { // no words of ours: a backtick in them is no code
				words = append(words, word{{field, plain}})
			}
		}
		if loss.More > 0 {
			words = w.words(words, " … "+markdown.Number(loss.More)+" more", plain)
		}
		w.paragraph(0, 2, words)
	}
}

// spans adds the words of spans, of which the bold ones have a style.
func (w *writer) spans(to []word, all []model.Span, style string) []word {
	for _, s := range all {
		if s.Bold {
			to = w.words(to, s.Text, style)
		} else {
			to = w.words(to, s.Text, plain)
		}
	}
	return to
}

// failure tells why projects have no plan.
func (w *writer) failure(f model.Failure) {
	w.heading(w.words(w.names(f.Rows), " "+f.Word, red))
	if f.Reason != "" && !f.Told() {
		w.sentence(2, f.Reason)
	}
	for i, d := range f.Diagnostics {
		if i > 0 {
			w.b.WriteByte('\n')
		}
		w.diagnostic(d)
	}
}

// sourceLines is how much of the source is shown around a fault.
const sourceLines = 7

// diagnostic shows a fault as people know it from the tool.
func (w *writer) diagnostic(d workflow.Diagnostic) {
	word := piece{"Error:", red}
	if d.Severity == workflow.SeverityWarning {
		word = piece{"Warning:", yellow}
	}
	for i, l := range markdown.Lines(d.Summary) {
		if i == 0 {
			l = w.paint(word.style, word.text) + " " + w.paint(bold, l)
		}
		w.line(2, l)
	}
	if at := model.Place(d.Position); at != "" {
		if d.Snippet.Context != "" {
			at += ", in " + markdown.Verbatim(d.Snippet.Context)
		}
		w.line(4, at)
	}
	if d.Address != "" {
		w.line(4, "with "+markdown.Verbatim(d.Address))
	}
	for i, l := range diff.Source(d, sourceLines) {
		if i == 0 {
			w.b.WriteByte('\n')
		}
		style := faint
		if l.Mark == '!' {
			style = plain
		}
		w.line(4, w.paint(style, l.Text))
	}
	for i, l := range markdown.Lines(d.Detail) {
		if i == 0 {
			w.b.WriteByte('\n')
		}
		w.others(2, l)
	}
}

// others writes a line of somebody else's: broken as a sentence is, but where it is laid out by spaces.
func (w *writer) others(indent int, line string) {
	if line == "" || line != strings.TrimLeft(line, " \t") || strings.Contains(line, "  ") {
		w.line(indent, line)
		return
	}
	var words []word
	for _, text := range strings.Fields(line) {
		words = append(words, word{{text, plain}})
	}
	w.paragraph(indent, 0, words)
}

// heading begins a part.
func (w *writer) heading(words []word) {
	w.b.WriteByte('\n')
	w.paragraph(0, 2, words)
}

// names are those of some projects, to begin a heading.
func (w *writer) names(rows []model.Row) (out []word) {
	const most = 10
	var names []string
	for _, r := range rows[:min(len(rows), most)] {
		names = append(names, r.Name())
	}
	if more := len(rows) - len(names); more > 0 {
		names = append(names, markdown.Number(more)+" more")
	}
	for i, name := range names {
		end := ", "
		if i == len(names)-1 {
			end = ":"
		}
		if len(out) == 0 {
			out = append(out, nil)
		}
		// No word of ours: a backtick in it is no code.
		out[len(out)-1] = append(out[len(out)-1], piece{markdown.CleanLine(name), bold})
		out = w.words(out, end, bold)
	}
	return out
}

// group shows one plan, for all projects that share it.
func (w *writer) group(g model.Group) {
	numbers := w.spans(w.words(w.names(g.Rows), " ", plain), g.Numbers(), red)
	if len(g.Rows) > 1 {
		numbers = w.words(numbers, " in each", plain)
	}
	if g.Word != "" {
		numbers = w.words(numbers, ", "+g.Word, plain)
	}
	w.heading(numbers)
	if len(g.Rows) == 1 {
		for _, reason := range g.Rows[0].Reasons {
			w.paragraph(2, 2, w.words(nil, "because "+reason, faint))
		}
	}
	if n := len(g.Drift) + g.Left.Drift; n > 0 {
		var names []string
		for _, c := range g.Drift {
			names = append(names, "`"+strings.ReplaceAll(c.Address, "`", "'")+"`")
		}
		w.sentence(2, "Changed outside this configuration: "+markdown.SomeOf(names, 20, ""))
	}
	for _, c := range g.Changes {
		w.b.WriteByte('\n')
		w.change(c)
	}
	if g.Left.Changes > 0 {
		w.line(2, "… "+markdown.Count(g.Left.Changes, "more change", "more changes"))
	}
}

// marks are how Terraform's users know what GitHub's diffs mark otherwise, and in which colour.
var marks = map[byte]struct {
	mark  byte
	style string
}{'+': {'+', green}, '-': {'-', red}, '!': {'~', yellow}, '#': {'#', faint}, ' ': {' ', plain}}

func (w *writer) change(c workflow.Change) {
	for _, l := range diff.Of(c, diff.Terminal) {
		m := marks[l.Mark]
		w.line(2, w.paint(m.style, strings.TrimRight(string(m.mark)+" "+l.Text, " ")))
	}
}

// said lists sentences with the projects that they are about.
func (w *writer) said(title string, list []model.Said) {
	if len(list) == 0 {
		return
	}
	w.heading(w.words(nil, title, bold))
	for _, s := range list {
		text := phrase.Sentence(s.Text)
		if s.Mend != "" {
			text += " " + phrase.Sentence(s.Mend)
		}
		words := w.words(nil, "- "+text, plain)
		if len(s.Projects) > 0 {
			words = w.words(words, " ("+markdown.SomeOf(s.Projects, 4, "")+")", faint)
		}
		w.paragraph(2, 2, words)
	}
}

// unchanged names the projects whose plans are empty.
func (w *writer) unchanged() {
	if len(w.model.Unchanged) == 0 {
		return
	}
	var names []string
	for _, r := range w.model.Unchanged {
		names = append(names, markdown.CleanLine(r.Name()))
	}
	w.b.WriteByte('\n')
	w.paragraph(0, 2, w.words(nil, markdown.Number(len(names))+" without changes: "+strings.Join(names, ", "), faint))
}

// footer says of what the plans are, and with what they were made.
func (w *writer) footer(v workflow.PullView) {
	head := w.Head
	if head == "" {
		head = phrase.Short(v.Pull.Head.SHA)
	}
	text := fmt.Sprintf("%s into %s (%s)", head, markdown.CleanLine(v.Pull.Base.Ref), phrase.Short(v.BaseSHA))
	var tools []string
	for _, r := range slices.Concat(w.model.Rows, w.model.Unchanged) {
		if r.Plan == nil {
			continue
		}
		if t := model.ToolName(r.Plan.Tool, r.Plan.ToolVersion); !slices.Contains(tools, t) {
			tools = append(tools, t)
		}
	}
	if slices.Sort(tools); len(tools) > 0 {
		text += ", planned with " + phrase.AndList(tools)
	}
	w.paragraph(0, 0, w.words(nil, text, faint))
}
