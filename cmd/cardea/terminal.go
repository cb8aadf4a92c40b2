package main

import (
	"fmt"
	"io"
	"os"
	"slices"
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

// progress says which projects are being planned: in a terminal on its last line, elsewhere with a line for
// each that is finished.
type progress struct {
	w     io.Writer
	total int
	line  *status

	mu      sync.Mutex
	did     int
	running []planned // in the order in which they began
}

type planned struct {
	name  string
	begun time.Time
}

func newProgress(w io.Writer, total int) *progress {
	p := &progress{w: w, total: total}
	p.line = newStatus(w, p.text)
	return p
}

func (p *progress) text(elapsed time.Duration) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	text := fmt.Sprintf("… %d of %d planned%s", p.did, p.total, since(elapsed))
	for i, r := range p.running {
		sep := ", "
		if i == 0 {
			sep = ": "
		}
		text += sep + r.name + since(time.Since(r.begun).Truncate(time.Second))
	}
	return text
}

// begin says that a project is being planned; end, how that went.
func (p *progress) begin(name string) (end func(how string)) {
	one := planned{name, time.Now()}
	p.mu.Lock()
	p.running = append(p.running, one)
	p.mu.Unlock()
	p.line.draw()
	return func(how string) {
		p.mu.Lock()
		p.did++
		p.running = slices.DeleteFunc(p.running, func(r planned) bool { return r == one })
		if !p.line.on {
			fmt.Fprintf(p.w, "%d of %d: %s: %s (%s)\n", p.did, p.total, name, how, time.Since(one.begun).Round(100*time.Millisecond))
		}
		p.mu.Unlock()
		p.line.draw()
	}
}

func (p *progress) end() { p.line.end() }

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
