// Package progress says what goes on: on the last line of a terminal, which moves each second, or with a
// line for each thing that is finished.
package progress

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/term"
)

// file is an open file of the system, as *os.File is.
type file interface{ Fd() uintptr }

// IsTerminal reports whether w is a terminal: colour and progress go nowhere else.
func IsTerminal(w io.Writer) bool {
	f, ok := w.(file)
	return ok && term.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb"
}

// Line is the last line of a terminal. It says what goes on and is written anew each second, so that
// nobody wonders whether anything moves; elsewhere it is nothing.
type Line struct {
	w    io.Writer
	on   bool
	text func(elapsed time.Duration) string // called from another goroutine

	begun time.Time
	mu    sync.Mutex // guards what is written
	stop  chan struct{}
	done  chan struct{}
}

// Show begins to show a text; end it before anything else writes to w.
func Show(w io.Writer, text func(elapsed time.Duration) string) *Line {
	s := &Line{w: w, on: IsTerminal(w), text: text, begun: time.Now(), stop: make(chan struct{}), done: make(chan struct{})}
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

// Clear makes room for a message where a line may stand.
func Clear(w io.Writer) {
	if IsTerminal(w) {
		fmt.Fprint(w, clearLine)
	}
}

// draw writes the line again.
func (s *Line) draw() {
	if !s.on {
		return
	}
	text := []rune(s.text(time.Since(s.begun).Truncate(time.Second)))
	if room := Width(s.w) - 1; len(text) > room { // a line that breaks could not be taken back
		text = append(text[:room-1], '…')
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Fprint(s.w, clearLine, string(text))
}

// End takes the line away.
func (s *Line) End() {
	close(s.stop)
	<-s.done
	if s.on {
		fmt.Fprint(s.w, clearLine)
	}
}

// Width is how many characters a line of a terminal has.
func Width(w io.Writer) int {
	if f, ok := w.(file); ok {
		if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 20 {
			return width
		}
	}
	return 80
}

// During does something, says so meanwhile, and says that it is done afterwards.
func During(out io.Writer, doing, done string, do func() error) error {
	s := Show(out, func(elapsed time.Duration) string { return "… " + doing + Since(elapsed) })
	err := do()
	s.End()
	if err == nil {
		fmt.Fprintln(out, "✓ "+done)
	}
	return err
}

// Since is a time that goes on, as it follows a text; nothing in the first second.
func Since(elapsed time.Duration) string {
	if elapsed < time.Second {
		return ""
	}
	return " " + elapsed.String()
}
