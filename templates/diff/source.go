package diff

import (
	"fmt"

	"github.com/cardea-iac/cardea/templates/markdown"
	"github.com/cardea-iac/cardea/workflow"
)

// Source is the source that a diagnostic is about, with the lines' numbers, and what is known of the
// values in it: at most so many lines of code, those around its own, which is marked '!'.
func Source(d workflow.Diagnostic, most int) []Line {
	code := markdown.Lines(d.Snippet.Code)
	if len(code) == 0 {
		return nil
	}
	first := 0
	if own := d.Position.Line - d.Snippet.Line; own >= most {
		first = max(min(own-most/2, len(code)-most), 0)
	}
	var out []Line
	for i := first; i < min(first+most, len(code)); i++ {
		l := Line{Mark: ' ', Text: fmt.Sprintf("%3d: %s", d.Snippet.Line+i, code[i])}
		if d.Snippet.Line+i == d.Position.Line {
			l.Mark = '!'
		}
		out = append(out, l)
	}
	for _, v := range markdown.Lines(d.Snippet.Values) {
		out = append(out, Line{Mark: ' ', Text: "   │ " + v})
	}
	return out
}
