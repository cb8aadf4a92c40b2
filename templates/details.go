package templates

import (
	"strings"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/templates/diff"
	"github.com/cardea-iac/cardea/templates/markdown"
	"github.com/cardea-iac/cardea/templates/model"
	"github.com/cardea-iac/cardea/workflow"
)

// item is one part of the details that can be written in fewer bytes.
type item struct {
	write func(limit int) string
	size  int // in full
}

const (
	leastItem  = 500 // bytes below which an item says nothing worth reading
	openItems  = 4   // so few groups are shown open, more are folded
	openLines  = 40  // a single diff up to this length is not folded
	addressMax = 20  // addresses listed for an action
)

// items are the details of the model: failures, then groups, in full.
func (w writer) items() []item {
	var out []item
	folded := len(w.model.Failures)+len(w.model.Groups) > openItems
	for _, f := range w.model.Failures {
		if f.Word == "refused" {
			continue // the table has the whole sentence
		}
		out = append(out, item{write: func(limit int) string { return w.failure(f, folded, limit) }})
	}
	for _, g := range w.model.Groups {
		blocks := blocksOf(g.Changes)
		fold := folded || g.Applied() // nobody has to do anything about it
		out = append(out, item{write: func(limit int) string { return w.group(g, blocks, fold, limit) }})
	}
	for i := range out {
		out[i].size = len(out[i].write(MaxComment))
	}
	return out
}

func wanted(items []item, limit int) int {
	sum := 0
	for _, it := range items {
		sum += it.size
	}
	return min(sum, limit)
}

// details writes the items within limit: each in full if all fit, otherwise each up to the
// same size, and what one does not use goes to those after it.
func (w writer) details(items []item, limit int) string {
	const reserve = 250
	var b strings.Builder
	shown := items
	if wanted(items, limit+1) > limit {
		limit -= reserve
		if most := max(limit, 0) / leastItem; most < len(items) {
			shown = items[:most]
		}
	}
	level, over := share(shown, limit), 0
	left := len(items) - len(shown)
	for _, it := range shown {
		text := it.write(min(level+over, limit-b.Len()))
		if len(text) > limit-b.Len() { // names and addresses can be as long as they like
			left++
			continue
		}
		b.WriteString(text)
		over += min(level, it.size) - len(text)
		over = max(over, 0)
	}
	if left > 0 {
		b.WriteString("\n… the details of " + w.more(left, "more", "more") + ".\n")
	}
	return b.String()
}

// share is the size up to which every item may grow so that all fit into limit.
func share(items []item, limit int) int {
	low, high := 0, limit
	for low < high {
		level, sum := (low+high+1)/2, 0
		for _, it := range items {
			sum += min(it.size, level)
		}
		if sum <= limit {
			low = level
		} else {
			high = level - 1
		}
	}
	return low
}

// section puts body under a heading, or into a fold, in whose title bold words stay bold.
func section(title []model.Span, body string, folded bool) string {
	var b strings.Builder
	for _, s := range title {
		switch {
		case folded && s.Bold:
			b.WriteString("<b>" + markdown.ProseHTML(s.Text) + "</b>")
		case folded:
			b.WriteString(markdown.ProseHTML(s.Text))
		default:
			b.WriteString(markdown.Prose(s.Text))
		}
	}
	if folded {
		return "\n<details><summary>" + b.String() + "</summary>\n" + body + "\n</details>\n"
	}
	return "\n#### " + b.String() + "\n" + body
}

func (w writer) failure(f model.Failure, folded bool, limit int) string {
	title := phrase.CodeSpan(f.Rows[0].Name()) + ": " + f.Word
	body := ""
	if n := len(f.Rows); n > 1 {
		title = f.Word + " in the same way in " + markdown.Number(n) + " projects"
		body = "\n" + someWithin(namesOf(f.Rows), 10, limit/4) + "\n"
	}
	title = sentenceCase(markdown.Cut(title, 200))
	if f.Part != "" {
		body += "\n" + markdown.Prose(f.Part) + "\n"
	}
	if f.Reason != "" && !f.Told() {
		body += "\n" + markdown.Prose(markdown.Cut(phrase.Sentence(f.Reason), max(100, min(1000, limit/3)))) + "\n"
	}
	out := func(body string) string { return section([]model.Span{{Text: title}}, body, folded) }
	if len(f.Diagnostics) == 0 {
		return out(body)
	}
	room := limit - len(out(body)) - 1
	return out(body + "\n" + fenceCut("text", diagnosticLines(f.Diagnostics), room))
}

func sentenceCase(s string) string { return strings.TrimSuffix(phrase.Sentence(s), ".") }

// diagnosticLines print faults as people know them from the tool.
func diagnosticLines(list []workflow.Diagnostic) []string {
	var lines []string
	for i, d := range list {
		if i > 0 {
			lines = append(lines, "")
		}
		word := "Error: "
		if d.Severity == workflow.SeverityWarning {
			word = "Warning: "
		}
		lines = append(lines, markdown.Lines(word+d.Summary)...)
		if at := model.Place(d.Position); at != "" {
			if d.Snippet.Context != "" {
				at += ", in " + markdown.Verbatim(d.Snippet.Context)
			}
			lines = append(lines, "  "+at)
		}
		if d.Address != "" {
			lines = append(lines, "  with "+markdown.Verbatim(d.Address))
		}
		for j, l := range diff.Source(d, 7) {
			if j == 0 {
				lines = append(lines, "")
			}
			lines = append(lines, "   "+l.Text)
		}
		if d.Detail != "" {
			lines = append(lines, "")
			lines = append(lines, markdown.Lines(d.Detail)...)
		}
	}
	return lines
}

// fenceCut fences as many of the lines as fit into limit and counts the others.
func fenceCut(info string, lines []string, limit int) string {
	const frame = 60 // for the fence and the line that counts
	var b strings.Builder
	longest := 3
	for i, l := range lines {
		l = markdown.Cut(l, 2000) + "\n"
		run := max(longest, markdown.LongestRun(l)+1)
		if b.Len()+len(l)+2*run+frame > limit {
			if i == 0 {
				return ""
			}
			b.WriteString("… " + markdown.Count(len(lines)-i, "more line", "more lines"))
			break
		}
		longest = run
		b.WriteString(l)
	}
	return markdown.Fence(info, b.String())
}

// group writes one plan, for all projects that share it.
func (w writer) group(g model.Group, blocks []string, folded bool, limit int) string {
	of, body := phrase.CodeSpan(markdown.Cut(g.Rows[0].Name(), 120)), ""
	if n := len(g.Rows); n > 1 {
		of = "The same " + markdown.Count(g.Total(), "change", "changes") + " in " + markdown.Number(n) + " projects"
		body = "\n" + someWithin(namesOf(g.Rows), 10, limit/4) + "\n"
	}
	if g.Word != "" {
		of += ", " + g.Word
	}
	title := append([]model.Span{{Text: of + ": "}}, g.Numbers()...)
	if len(g.Rows) > 1 {
		title = append(title, model.Span{Text: " in each"})
	}
	out := func(body string) string { return section(title, body, folded) }
	list := addressList(g.Changes, limit/2) + w.unlisted(g)
	if why := w.reasons(g); len(out(body+why+list)) <= limit {
		body += why
	}
	body += list
	body += w.drift(g, limit-len(out(body)))
	room := limit - len(out(body))
	fold := folded || len(w.model.Groups) > 1 || lineCount(g.Changes) > openLines || g.Left.Changes > 0
	return out(body + w.diff(blocks, g.Total(), fold && !folded, room))
}

func (w writer) reasons(g model.Group) string {
	if len(g.Rows) > 1 {
		return ""
	}
	var parts []string
	for i, r := range g.Rows[0].Reasons {
		if i == 3 {
			parts = append(parts, markdown.Number(len(g.Rows[0].Reasons)-3)+" more")
			break
		}
		parts = append(parts, markdown.Prose(markdown.Cut(r, 200)))
	}
	if len(parts) == 0 {
		return ""
	}
	return "\nAffected: " + strings.Join(parts, "; ") + ".\n"
}

// drift names what changed outside of the tool, as much of it as fits, or counts it.
func (w writer) drift(g model.Group, limit int) string {
	total := len(g.Drift) + g.Left.Drift
	if total == 0 {
		return ""
	}
	lead := "\nChanged outside of " + phrase.ToolName(g.Rows[0].Plan.Tool) + ": "
	for most := min(addressMax, len(g.Drift)); most > 0; most /= 2 {
		names := addresses(g.Drift[:most], most)
		if total > most {
			names = append(names, "… "+markdown.Number(total-most)+" more")
		}
		if s := lead + strings.Join(names, ", ") + "\n"; len(s) <= limit {
			return s
		}
	}
	if s := lead + markdown.Count(total, "object", "objects") + "\n"; len(s) <= limit {
		return s
	}
	return ""
}

// someWithin shows at most n of the words, as many as fit into limit, and counts the rest.
func someWithin(words []string, n, limit int) string {
	for ; n > 0; n /= 2 {
		if s := markdown.SomeOf(words, n, ""); len(s) <= limit {
			return s
		}
	}
	return markdown.SomeOf(words, 0, "")
}

// unlisted counts the changes whose addresses are not here to be listed.
func (w writer) unlisted(g model.Group) string {
	if g.Left.Changes == 0 {
		return ""
	}
	return "- … " + w.more(g.Left.Changes, "more change", "more changes") + "\n"
}

func addresses(changes []workflow.Change, most int) []string {
	out := make([]string, len(changes))
	for i, c := range changes {
		if i <= most {
			out[i] = address(c)
		}
	}
	return out
}

// address is a change's address; a move shows both, an import its id.
func address(c workflow.Change) string {
	s := markdown.Code(markdown.Cut(c.Address, 200))
	switch {
	case c.Deposed != "":
		s += " (deposed " + markdown.Code(c.Deposed) + ")"
	case c.PreviousAddress != "":
		s = markdown.Code(markdown.Cut(c.PreviousAddress, 200)) + " → " + s
	case c.ImportID != "":
		s += " (id " + markdown.Code(markdown.Cut(c.ImportID, 100)) + ")"
	}
	return s
}

// listed are the words before the addresses of an action.
var listed = map[workflow.Action]string{workflow.ActionDelete: "**destroy**", workflow.ActionReplace: "**replace**",
	workflow.ActionUpdate: "update",
	workflow.ActionCreate: "create", workflow.ActionImport: "import", workflow.ActionMove: "move",
	workflow.ActionForget: "forget"}

// addressList names the addresses by action, the greatest risk first.
func addressList(changes []workflow.Change, limit int) string {
	for most := addressMax; most > 0; most /= 2 {
		var b strings.Builder
		b.WriteByte('\n')
		for _, a := range workflow.ActionOrder {
			of := func(mode func(string) bool, word string) {
				var some []workflow.Change
				for _, c := range changes {
					if c.Action == a && mode(c.Mode) {
						some = append(some, c)
					}
				}
				if len(some) > 0 && word != "" {
					b.WriteString("- " + word + " " + markdown.SomeOf(addresses(some, most), most, "") + "\n")
				}
			}
			of(func(m string) bool { return m != "output" && m != "action" }, listed[a])
		}
		for _, mode := range []string{"output", "action"} {
			var some []workflow.Change
			for _, c := range changes {
				if c.Mode == mode {
					some = append(some, c)
				}
			}
			if len(some) > 0 {
				b.WriteString("- " + map[string]string{"output": "change", "action": "invoke"}[mode] + " " +
					markdown.SomeOf(addresses(some, most), most, "") + "\n")
			}
		}
		if b.Len() <= limit {
			if b.Len() == 1 {
				return ""
			}
			return b.String()
		}
	}
	return ""
}

func lineCount(changes []workflow.Change) int {
	n := 0
	for _, c := range changes {
		n += len(c.Attributes) + 2
	}
	return n
}

// blocksOf renders changes, no more of them than a comment could hold.
func blocksOf(changes []workflow.Change) []string {
	var out []string
	size := 0
	for _, c := range changes {
		if size > MaxComment {
			break
		}
		out = append(out, blockOf(c))
		size += len(out[len(out)-1])
	}
	return out
}

// diff is the masked diff of total changes within limit, cut by resource.
func (w writer) diff(blocks []string, total int, fold bool, limit int) string {
	if total == 0 {
		return ""
	}
	open, end := "\n", ""
	if fold {
		open, end = "\n<details><summary>Diff</summary>\n\n", "\n</details>\n"
	}
	const reserve = 200 // for the line that counts the rest
	room := limit - len(open) - len(end) - 30
	var b strings.Builder
	longest, shown := 0, 0
	for i, block := range blocks {
		if i > 0 {
			block = "\n" + block
		}
		left := room - b.Len() - 2*max(longest, markdown.LongestRun(block))
		if shown < total-1 {
			left -= reserve
		}
		if len(block) > left {
			if b.Len() == 0 {
				block = headOf(block, left)
				b.WriteString(block)
				shown++
			}
			break
		}
		longest = max(longest, markdown.LongestRun(block))
		b.WriteString(block)
		shown++
	}
	if b.Len() == 0 {
		return w.rest(total, limit)
	}
	return open + markdown.Fence("diff", b.String()) + w.rest(total-shown, reserve) + end
}

// rest counts the changes that are not shown.
func (w writer) rest(n, limit int) string {
	if n == 0 {
		return ""
	}
	if s := "\n… " + w.more(n, "more", "more") + "\n"; len(s) <= limit {
		return s
	}
	return ""
}

func blockOf(c workflow.Change) string {
	var b strings.Builder
	for _, l := range diff.Of(c, diff.Comment) {
		b.WriteString(l.String() + "\n")
	}
	return b.String()
}

// headOf are the first lines of a block that is too large for any comment.
func headOf(block string, limit int) string {
	lines := strings.SplitAfter(block, "\n")
	out := ""
	for i, l := range lines {
		more := "#   … " + markdown.Count(len(lines)-i-1, "more line", "more lines") + "\n"
		if len(out)+len(l)+len(more) > limit {
			if out == "" {
				return ""
			}
			return out + more
		}
		out += l
	}
	return out
}
