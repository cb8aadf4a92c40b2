package diff

import (
	"strings"
	"testing"

	"github.com/cardea-iac/cardea/workflow"
)

// TestCarriageReturns: what a change of line ends does can be seen, and only there.
func TestCarriageReturns(t *testing.T) {
	for _, tt := range []struct{ name, before, after, want string }{
		{"all go", "a\r\nb\r\n", "a\nb\n", `-a\r|-b\r|+a|+b`},
		{"all come", "a\nb\n", "a\r\nb\r\n", `-a|-b|+a\r|+b\r`},
		{"one goes", "a\r\nb\n", "a\nb\n", `-a\r|+a| b`},
		{"one moves", "a\r\nb\n", "a\nb\r\n", `-a\r|-b|+a|+b\r`},
		{"another change too", "a\r\nb\r\n", "a\nc\n", `-a\r|-b\r|+a|+c`},
		{"they stay", "a\r\nb\r\n", "a\r\nc\r\n", ` a|-b|+c`},
		{"old ones", "a\rb\n", "a\nb\n", `-a\r|+a| b`},
		{"at the end", "a\nb\r", "a\nb", ` a|-b\r|+b`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			lines := attributeLines(workflow.Attribute{Path: "x", Mark: workflow.MarkChange, Multiline: true, Before: tt.before,
				After: tt.after}, 1, "  ", Limits{lines: 99, runes: 99})
			var got []string
			for _, l := range lines[1 : len(lines)-1] {
				got = append(got, string(l.Mark)+strings.TrimSpace(l.Text))
			}
			if g := strings.Join(got, "|"); g != tt.want {
				t.Errorf("got %s, want %s", g, tt.want)
			}
		})
	}
}
