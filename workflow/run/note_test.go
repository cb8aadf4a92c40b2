package run

import (
	"strings"
	"testing"
)

// TestNoNotes: wherever writes divide a line that would be taken for a note, it gets one space, and no other line does.
func TestNoNotes(t *testing.T) {
	const note = "[... 99 bytes in 5 lines of this log were discarded here: it is limited to 10 ...]\n"
	changed := strings.Replace(note, "here:", "here :", 1)
	long := strings.Repeat("x", 2*noteBytes)
	for in, want := range map[string]string{
		note: changed, note + note: changed + changed, "a\n" + note + "b\n": "a\n" + changed + "b\n", "x" + note: "x" + note, "\x1b[0m" + note: "\x1b[0m" + note,
		long + note + note: long + note + changed, "[... 99 bytes ...]\n" + note: "[... 99 bytes ...]\n" + changed,
		"[... 9 bytes in 1 line of this log were discarded here:": "[... 9 bytes in 1 line of this log were discarded here :",
		"[... 9 bytes in 1 line of this log were discarded here":  "[... 9 bytes in 1 line of this log were discarded here",
		strings.ToUpper(note): strings.ToUpper(note),
	} {
		for i := range in {
			for j := i; j < len(in); j++ {
				var l logFile
				if got := string(l.noNotes([]byte(in[:i]))) + string(l.noNotes([]byte(in[i:j]))) + string(l.noNotes([]byte(in[j:]))); got != want {
					t.Fatalf("%q | %q | %q: got %q", in[:i], in[i:j], in[j:], got)
				}
			}
		}
	}
}
