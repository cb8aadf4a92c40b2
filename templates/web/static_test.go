package web

import (
	"io/fs"
	"regexp"
	"strings"
	"testing"
)

// TestScripts: the scripts take nothing but text and elements from the server's own pages, keep to the pages'
// policy, and count the lines of a log as the server does.
func TestScripts(t *testing.T) {
	names, err := fs.Glob(Static, "static/*.js")
	if err != nil || len(names) != 2 {
		t.Fatalf("%v, %v", names, err)
	}
	const most = 12 << 10 // what can be decided by the server is
	for _, name := range names {
		b, err := Static.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if len(b) > most {
			t.Errorf("%s has %d bytes", name, len(b))
		}
		for _, word := range []string{"innerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", ".style", "setAttribute(\"style\"", "setAttribute(\"on", "http:", "https:", "import("} {
			if strings.Contains(string(b), word) {
				t.Errorf("%s uses %s", name, word)
			}
		}
	}
	script, err := Static.ReadFile("static/page.js")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`gap = /(.+?)/,`).FindSubmatch(script)
	if m == nil {
		t.Fatal("page.js does not say which line stands for discarded ones")
	}
	theirs := regexp.MustCompile(string(m[1]))
	for line, want := range map[string]int{
		"[... 99 bytes in 1200 lines of this log were discarded here: it is limited to 10 ...]": 1200,
		"[... 99 bytes in 1 line of this log were discarded here: it is limited to 10 ...]":     1,
		"[... 99 bytes in 0 lines of this log were discarded here: it is limited to 10 ...]":    0, // of one line without end
		"[... 99 bytes of this log were discarded here: it is limited to 10 ...]":               0,
		"x [... 99 bytes in 5 lines of this log were discarded here: it is limited to 10 ...]":  0,
		"[... no": 0, "": 0,
	} {
		if got := discardedBy([]byte(line)); got != want || theirs.MatchString(line) != (want > 0) {
			t.Errorf("%q stands for %d lines, want %d; page.js takes it for such a line: %v", line, got, want, theirs.MatchString(line))
		}
	}
}
