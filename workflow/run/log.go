package run

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// defaultLogLimit is a log's size when the job names none.
const defaultLogLimit = 10 << 20

// logFile is a log that keeps its beginning and its end: the middle is
// discarded, and a line says how much. While it grows it may take twice its limit.
type logFile struct {
	name      string
	file      *os.File
	limit     int64
	size      int64
	head      int64 // length of the kept beginning, 0 until something was discarded
	skip      int64 // length of the line that says how much was discarded
	discarded int64
	lines     int64  // of what was discarded
	begin     []byte // how the line begins that is being written, as far as it could be a note
}

// A note is the line that says how much was discarded. Pages read it, so that every line keeps its number.
var noteBegin = regexp.MustCompile(`^\[\.\.\. \d{1,15} bytes in \d{1,9} lines? of this log were discarded here:`)

// noteBytes is more than a note begins with.
const noteBytes = 100

func newLogFile(name string, limit int64) (*logFile, error) {
	if limit <= 0 {
		limit = defaultLogLimit
	}
	f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the log: %w", err)
	}
	return &logFile{name: name, file: f, limit: limit}, nil
}

// Write appends, but no empty line to an empty log: its first line is the first that says something. An error says
// that this part is lost; the next write may succeed.
func (l *logFile) Write(p []byte) (int, error) {
	said := p
	if l.size == 0 {
		said = bytes.TrimLeft(p, "\n")
	}
	n, err := l.file.WriteAt(l.noNotes(said), l.size)
	l.size += int64(n)
	if err != nil {
		return min(len(p)-len(said)+n, len(p)), err
	}
	if l.size > 2*l.limit {
		err = l.shrink()
	}
	return len(p), err
}

// noNotes is what a program printed, with a space in each line that would be taken for a note: only ours are.
func (l *logFile) noNotes(p []byte) []byte {
	var out []byte
	copied := 0
	for at := 0; at < len(p); {
		end := len(p)
		if i := bytes.IndexByte(p[at:], '\n'); i >= 0 {
			end = at + i + 1
		}
		if known := len(l.begin); known < noteBytes {
			l.begin = append(l.begin, p[at:min(end, at+noteBytes-known)]...)
			if m := noteBegin.FindIndex(l.begin); m != nil && m[1] > known {
				colon := at + m[1] - known - 1
				out = append(append(out, p[copied:colon]...), ' ')
				copied = colon
			}
		}
		if p[end-1] == '\n' {
			l.begin = l.begin[:0]
		}
		at = end
	}
	if out == nil {
		return p
	}
	return append(out, p[copied:]...)
}

// Close brings the log to its limit.
func (l *logFile) Close() error {
	var err error
	if l.size > l.limit {
		err = l.shrink()
	}
	return errors.Join(err, l.file.Close())
}

// shrink writes the log anew without its middle and puts it in place at once, so
// that a reader sees the old one or the new one.
func (l *logFile) shrink() error {
	head, err := l.headEnd()
	if err != nil {
		return err
	}
	tail, err := l.tailStart(head)
	if err != nil {
		return err
	}
	discarded := l.discarded + tail - head - l.skip
	lines, err := linesIn(io.NewSectionReader(l.file, head+l.skip, tail-head-l.skip))
	if err != nil {
		return fmt.Errorf("shortening the log: %w", err)
	}
	lines += l.lines
	note := fmt.Sprintf("\n[... %d bytes in %d lines of this log were discarded here: it is limited to %d ...]\n\n", discarded, lines, l.limit)
	f, err := os.OpenFile(l.name+".new", os.O_CREATE|os.O_RDWR|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("shortening the log: %w", err)
	}
	_, err = io.Copy(f, io.MultiReader(io.NewSectionReader(l.file, 0, head), strings.NewReader(note), io.NewSectionReader(l.file, tail, l.size-tail)))
	if err == nil {
		err = os.Rename(l.name+".new", l.name)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("shortening the log: %w", err), f.Close(), os.Remove(l.name+".new"))
	}
	err = l.file.Close()
	l.file, l.head, l.skip, l.discarded, l.lines = f, head, int64(len(note)), discarded, lines
	l.size = head + l.skip + l.size - tail
	return err
}

// linesIn counts the ends of lines.
func linesIn(r io.Reader) (n int64, err error) {
	buf := make([]byte, 8<<10)
	for {
		m, err := r.Read(buf)
		n += int64(bytes.Count(buf[:m], []byte("\n")))
		if errors.Is(err, io.EOF) {
			return n, nil
		}
		if err != nil {
			return n, err
		}
	}
}

// headEnd is where the kept beginning ends: behind the last line of the first half.
func (l *logFile) headEnd() (int64, error) {
	if l.discarded > 0 {
		return l.head, nil
	}
	half := l.limit / 2
	near := max(0, half-64<<10)
	buf := make([]byte, half-near)
	if _, err := l.file.ReadAt(buf, near); err != nil {
		return 0, fmt.Errorf("shortening the log: %w", err)
	}
	if i := bytes.LastIndexByte(buf, '\n'); i >= 0 {
		return near + int64(i) + 1, nil
	}
	return half, nil
}

// tailStart is where the kept end starts: at the first line of the last half.
func (l *logFile) tailStart(head int64) (int64, error) {
	at := max(l.size-l.limit/2+200, head+l.skip) // 200: the line that says so
	at, err := lineStart(l.file, at, l.size)
	if err != nil {
		return 0, fmt.Errorf("shortening the log: %w", err)
	}
	return at, nil
}

// lineStart returns the start of the first line at or after at; at itself when none starts in the next 64 KiB.
func lineStart(r io.ReaderAt, at, size int64) (int64, error) {
	if at <= 0 {
		return 0, nil
	}
	buf := make([]byte, min(64<<10, size-at+1))
	n, err := r.ReadAt(buf, at-1)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, err
	}
	if i := bytes.IndexByte(buf[:n], '\n'); i >= 0 {
		return at + int64(i), nil
	}
	return at, nil
}

// OpenLog opens the log of a run's newest attempt that has one; dataDir is the
// server's. It may still grow; when the runner shortens it, what was opened stays
// what it was. The error is fs.ErrNotExist (wrapped) when there is none.
func OpenLog(dataDir, runID string) (*os.File, error) { return openNewest(dataDir, runID, "log") }

// openNewest opens a file of a run's newest attempt that has it.
func openNewest(dataDir, runID, name string) (*os.File, error) {
	if _, err := dirName(runID, 0); err != nil {
		return nil, fmt.Errorf("opening a %s: %w: %w", name, err, os.ErrNotExist)
	}
	names, err := filepath.Glob(filepath.Join(dataDir, "runs", runID+".*", name))
	if err != nil {
		return nil, fmt.Errorf("opening a %s: %w", name, err)
	}
	best, epoch := "", -1
	for _, name := range names {
		n, err := strconv.Atoi(strings.TrimPrefix(filepath.Ext(filepath.Dir(name)), "."))
		if err == nil && n > epoch {
			best, epoch = name, n
		}
	}
	if best == "" {
		return nil, fmt.Errorf("opening a %s: run %s has none: %w", name, runID, os.ErrNotExist)
	}
	f, err := os.Open(best)
	if err != nil {
		return nil, fmt.Errorf("opening a %s: %w", name, err)
	}
	return f, nil
}
