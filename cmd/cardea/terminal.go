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

// status is the last line of a terminal. It says what goes on and is written anew each second, so that
// nobody wonders whether anything moves; elsewhere it is nothing.
type status struct {
	w    io.Writer
	on   bool
	text func(elapsed time.Duration) string // called from another goroutine

	begun time.Time
	mu    sync.Mutex // guards what is written
	stop  chan struct{}
	done  chan struct{}
}

// newStatus begins to show a text; end it before anything else writes to w.
func newStatus(w io.Writer, text func(elapsed time.Duration) string) *status {
	s := &status{w: w, on: isTerminal(w), text: text, begun: time.Now(), stop: make(chan struct{}), done: make(chan struct{})}
	if !s.on {
		close(s.done)
		return s
	}
	s.draw()
	go func() {
		defer close(s.done)
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			select {
			case <-s.stop:
				return
			case <-tick.C:
				s.draw()
			}
		}
	}()
	return s
}

const clearLine = "\r\x1b[K"

// draw writes the line again.
func (s *status) draw() {
	if !s.on {
		return
	}
	text := []rune(s.text(time.Since(s.begun).Truncate(time.Second)))
	if room := widthOf(s.w) - 1; len(text) > room { // a line that breaks could not be taken back
		text = append(text[:room-1], '…')
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Fprint(s.w, clearLine, string(text))
}

// end takes the line away.
func (s *status) end() {
	close(s.stop)
	<-s.done
	if s.on {
		fmt.Fprint(s.w, clearLine)
	}
}

// widthOf is how many characters a line of a terminal has.
func widthOf(w io.Writer) int {
	if f, ok := w.(*os.File); ok {
		if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 20 {
			return width
		}
	}
	return 80
}

// during does something, says so meanwhile, and says that it is done afterwards.
func during(out io.Writer, doing, done string, do func() error) error {
	s := newStatus(out, func(elapsed time.Duration) string { return "… " + doing + since(elapsed) })
	err := do()
	s.end()
	if err == nil {
		fmt.Fprintln(out, "✓ "+done)
	}
	return err
}

// since is a time that goes on, as it follows a text; nothing in the first second.
func since(elapsed time.Duration) string {
	if elapsed < time.Second {
		return ""
	}
	return " " + elapsed.String()
}
