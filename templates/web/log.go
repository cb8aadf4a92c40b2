package web

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"html/template"
	"io"
	"regexp"
	"strconv"
	"strings"

	terminal "github.com/buildkite/terminal-to-html/v3"

	"github.com/cardea-iac/cardea/templates/markdown"
)

// How much of a log a page shows, each line being an element of it.
const (
	logBytes   = 256 << 10
	logLines   = 2000
	lineBytes  = 32 << 10 // of one line
	linesAhead = 200      // shown before a line that was asked for
	bytesAhead = 64 << 10
)

// Log is the part of a run's log that a page shows: its end, or what is around a line. A line keeps its
// number when the log grows and when lines before it are discarded.
type Log struct {
	Lines []logLine
	Total int  // the number of the last line so far
	Error int  // the first line that tells of an error, of the last command that had one; 0: none does
	Whole bool // nothing is left out
}

// logLine is a line, or what stands for lines that were discarded: the numbers from Number to End.
type logLine struct {
	Number, End int
	Class       string
	HTML        template.HTML
	text        []byte
}

// ReadLog reads a whole log and keeps what a page shows of it: what is around a line, or else the end.
func ReadLog(r io.Reader, line int) (*Log, error) {
	k := keeper{from: line}
	in := bufio.NewReaderSize(r, 2*lineBytes)
	for {
		text, left, err := readLine(in)
		if len(text) > 0 || left > 0 || err == nil {
			k.add(text, left)
		}
		if errors.Is(err, io.EOF) {
			return k.end(), nil
		}
		if err != nil {
			return nil, err
		}
	}
}

// readLine reads a line without its end, and says how many of its bytes it left out.
func readLine(in *bufio.Reader) (text []byte, left int, err error) {
	part, err := in.ReadSlice('\n')
	text = bytes.TrimRight(part, "\r\n")
	if len(text) > lineBytes {
		text, left = text[:lineBytes], len(text)-lineBytes
	}
	text = bytes.Clone(text)
	for errors.Is(err, bufio.ErrBufferFull) {
		part, err = in.ReadSlice('\n')
		left += len(part)
	}
	return text, left, err
}

// keeper takes the lines of a log one by one, and keeps those that are shown.
type keeper struct {
	log   Log
	from  int // the line that was asked for, 0 for none
	size  int // bytes that are kept
	full  bool
	blank bool // the line before has no text
	gap   bool // the line before stands for discarded ones
	cut   bool // one before does: a log discards lines at one place
	found bool // the line that was asked for has been read
	began bool // another command has begun since the error
}

// discarded is the line that a runner writes into a log that it shortens, between two empty ones. It lets no program
// print such a line.
var discarded = regexp.MustCompile(`^\[\.\.\. \d{1,15} bytes in (\d{1,9}) lines? of this log were discarded here: .*\]$`)

// discardedBy is how many lines a line stands for, 0 if it is one itself.
func discardedBy(text []byte) int {
	if !bytes.HasPrefix(text, []byte("[... ")) {
		return 0
	}
	m := discarded.FindSubmatch(text)
	if m == nil {
		return 0
	}
	n, err := strconv.Atoi(string(m[1]))
	if err != nil {
		return 0
	}
	return n
}

func (k *keeper) add(text []byte, left int) {
	blank, gap := k.blank, k.gap
	k.blank, k.gap = len(text) == 0, false
	if n := discardedBy(text); n > 0 && !k.cut {
		k.discard(text, n, blank)
		return
	}
	if gap && k.blank {
		return
	}
	k.log.Total++
	switch {
	case bytes.HasPrefix(text, []byte("$ ")):
		k.began = true
	case (k.began || k.log.Error == 0) && bytes.Contains(text, []byte("Error: ")) && lineClass(text) == "error":
		k.log.Error, k.began = k.log.Total, false
	}
	if left > 0 {
		text = fmt.Appendf(text, " … %s more bytes, which the log as text has", markdown.Number(left))
	}
	k.keep(logLine{Number: k.log.Total, End: k.log.Total, text: text})
}

// discard notes n lines that are no more; the empty line before is no line of the log.
func (k *keeper) discard(text []byte, n int, blank bool) {
	if blank {
		k.log.Total--
		if last := len(k.log.Lines) - 1; last >= 0 && !k.full {
			k.log.Lines, k.size = k.log.Lines[:last], k.size-1
		}
	}
	k.gap, k.cut = true, true
	k.keep(logLine{Number: k.log.Total + 1, End: k.log.Total + n, Class: "gap", text: text})
	k.log.Total += n
}

// keep keeps a line: before the one that was asked for, those just before; then as many as there is room for.
func (k *keeper) keep(l logLine) {
	if k.full {
		return
	}
	if k.from > 0 && !k.found && l.End >= k.from {
		k.found = true
		k.drop(linesAhead, bytesAhead)
	}
	size := len(l.text) + 1
	if k.found && (len(k.log.Lines) >= logLines || k.size+size > logBytes) {
		k.full = true
		return
	}
	k.log.Lines, k.size = append(k.log.Lines, l), k.size+size
	if !k.found {
		k.drop(logLines, logBytes)
	}
}

// drop lets the first lines go until no more than these are left.
func (k *keeper) drop(lines, size int) {
	for len(k.log.Lines) > lines || k.size > size && len(k.log.Lines) > 1 {
		k.size -= len(k.log.Lines[0].text) + 1
		k.log.Lines = k.log.Lines[1:]
	}
}

func (k *keeper) end() *Log {
	l := &k.log
	l.Whole = !k.full && (len(l.Lines) == 0 || l.Lines[0].Number == 1)
	for len(l.Lines) > 0 && l.Lines[0].Number == 1 && len(l.Lines[0].text) == 0 {
		l.Lines = l.Lines[1:] // earlier versions began a log with an empty one
	}
	paint(l.Lines)
	return l
}

// First and Last are the numbers of the lines that are shown.
func (l *Log) First() int { return l.Lines[0].Number }

// Last is the last of them.
func (l *Log) Last() int { return l.Lines[len(l.Lines)-1].End }

// Has reports that a line is shown.
func (l *Log) Has(line int) bool { return len(l.Lines) > 0 && l.First() <= line && line <= l.Last() }

// Link is where a line is shown, as an address relative to the page.
func (l *Log) Link(line int) string {
	at := "#L" + strconv.Itoa(line)
	if l.Whole {
		return at
	}
	return "?line=" + strconv.Itoa(line) + at
}

// Earlier is a line from which on what is before the shown ones is shown; 0 if that is nothing.
func (l *Log) Earlier() int {
	if len(l.Lines) == 0 || l.First() == 1 || l.Whole {
		return 0
	}
	return max(l.First()-logLines+linesAhead, 1)
}

// Later is the same of what is after them.
func (l *Log) Later() int {
	if len(l.Lines) == 0 || l.Last() >= l.Total {
		return 0
	}
	return l.Last() + 1
}

// colours are the sequences that colour text: all that a log may say to a terminal.
var colours = regexp.MustCompile("\x1b\\[[0-9;]*m")

// The lines of a log that get a colour of ours, by how they begin: a diagnostic, alone or in a box, and the
// marks of a plan. Marks at the start of a line are bullets, but for those of a replacement.
var (
	diagnosed = regexp.MustCompile(`^(?:│ )?(Error|Warning): `)
	planned   = regexp.MustCompile(`^(?: *(-/\+|\+/-)| {2,}(\+|-|~|<=)) `)
	heading   = regexp.MustCompile(`^(?:  # |Plan: |\$ )`)
)

var markClasses = map[string]string{"+": "a", "-": "r", "~": "c", "<=": "k"}

// lineClass is how a line of a log is coloured: a line with colours of its own keeps those.
func lineClass(text []byte) string {
	own := bytes.IndexByte(text, 0x1b) >= 0
	if own {
		text = colours.ReplaceAll(text, nil)
	}
	if m := diagnosed.FindSubmatch(text); m != nil {
		return strings.ToLower(string(m[1]))
	}
	if own {
		return ""
	}
	if m := planned.FindSubmatch(text); m != nil {
		if len(m[1]) > 0 {
			return "p"
		}
		return markClasses[string(m[2])]
	}
	if heading.Match(text) {
		return "h"
	}
	return ""
}

// paint makes lines HTML, with their colours as classes: a colour lasts until the next one. Only colours are
// taken from them: what moves the cursor or links is left out, and characters that cannot be seen are shown
// by their numbers. No escape but a whole colour is left, so none can be put together from its pieces.
func paint(lines []logLine) {
	texts := make([]string, len(lines))
	coloured := false
	for i, l := range lines {
		if l.Class == "" {
			lines[i].Class = lineClass(l.text)
		}
		texts[i] = onlyColours(string(l.text))
		coloured = coloured || strings.Contains(texts[i], "\x1b")
	}
	if coloured {
		if out := strings.Split(terminal.Render([]byte(strings.Join(texts, "\n"))), "\n"); len(out) == len(lines) {
			for i := range lines {
				// Its text is escaped, and only colours reach it.
				lines[i].HTML = template.HTML(strings.TrimPrefix(out[i], "&nbsp;"))
			}
			return
		}
	}
	for i := range lines {
		lines[i].HTML = template.HTML(template.HTMLEscapeString(colours.ReplaceAllString(texts[i], "")))
	}
}

// onlyColours is one line of which colours and what can be seen are left.
func onlyColours(text string) string {
	end := 0
	var b strings.Builder
	for _, at := range colours.FindAllStringIndex(text, -1) {
		b.WriteString(oneLine(text[end:at[0]]))
		b.WriteString(text[at[0]:at[1]])
		end = at[1]
	}
	b.WriteString(oneLine(text[end:]))
	return b.String()
}

func oneLine(text string) string { return strings.ReplaceAll(markdown.Clean(text), "\n", `\r`) }
