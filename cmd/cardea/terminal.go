package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"github.com/cardea-iac/cardea/workflow"
)

// isTerminal reports whether w is a terminal: colour and progress go nowhere else.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb"
}

// printDiagnostics prints a line for each fault: file:line:column: what is wrong.
func printDiagnostics(w io.Writer, faults []workflow.Diagnostic) {
	for _, d := range faults {
		where := d.Position.File
		if d.Position.Line > 0 {
			where = fmt.Sprintf("%s:%d:%d", where, d.Position.Line, max(d.Position.Column, 1))
		}
		if where != "" {
			where += ": "
		}
		fmt.Fprintf(w, "%s%s\n", where, d.Summary)
		if d.Detail != "" {
			fmt.Fprintf(w, "    %s\n", strings.ReplaceAll(d.Detail, "\n", "\n    "))
		}
	}
}

// progress is one line that is rewritten in a terminal, and nothing elsewhere.
type progress struct {
	w       io.Writer
	on      bool
	started time.Time

	mu         sync.Mutex
	total, did int
}

func newProgress(w io.Writer) *progress { return &progress{w: w, on: isTerminal(w)} }

func (p *progress) start(total int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.total, p.started = total, time.Now()
	p.draw("")
}

func (p *progress) done(name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.did++
	p.draw(name)
}

func (p *progress) draw(name string) {
	if p.on && p.total > 0 {
		fmt.Fprintf(p.w, "\r\x1b[K%d of %d planned, %s %s", p.did, p.total, time.Since(p.started).Round(time.Second), name)
	}
}

// end removes the line.
func (p *progress) end() {
	if p.on {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
}

// colour makes diff lines of Markdown readable in a terminal, and leaves the text as it is elsewhere.
func colour(w io.Writer, text string) string {
	if !isTerminal(w) || os.Getenv("NO_COLOR") != "" {
		return text
	}
	var b strings.Builder
	fence := ""
	for line := range strings.Lines(text) {
		body := strings.TrimRight(line, "\n")
		switch {
		case fence == "" && strings.HasPrefix(body, "```"):
			fence = body[:len(body)-len(strings.TrimLeft(body, "`"))]
		case fence != "" && body == fence:
			fence = ""
		case fence != "":
			body = paint(body)
		case strings.HasPrefix(body, "#"):
			body = "\x1b[1m" + body + "\x1b[0m"
		}
		b.WriteString(body + "\n")
	}
	return b.String()
}

func paint(line string) string {
	colours := map[byte]string{'+': "\x1b[32m", '-': "\x1b[31m", '!': "\x1b[33m", '#': "\x1b[2m", '@': "\x1b[36m"}
	if line == "" || colours[line[0]] == "" {
		return line
	}
	return colours[line[0]] + line + "\x1b[0m"
}
