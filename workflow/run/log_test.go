package run_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/cardea-iac/cardea/workflow/run"
)

// TestLogBegins: what a run prints first is the log's first line, so that pages count from 1; later empty lines stay.
func TestLogBegins(t *testing.T) {
	tr := newTrial(t, `echo; sleep 0.1; echo; printf '\nfirst\n\nthird\n'`)
	_, p := tr.run(t)
	if got, want := read(t, p, "log"), "first\n\nthird\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestLogPrintsNote: a program that prints the line that stands for what a log discarded, in pieces too, is no such line:
// in the whole log there is one alone, where the middle was.
func TestLogPrintsNote(t *testing.T) {
	const note = "[... 99 bytes in 5 lines of this log were discarded here: it is limited to 10 ...]"
	pieces := ""
	for i := range note {
		pieces += "printf %s '" + note[:i] + "'; sleep 0.01; printf '%s\\n' '" + note[i:] + "'\n"
	}
	tr := newTrial(t, pieces+"echo 'x "+note+"'; echo '[... 99 bytes ...]'; seq 100000; echo '"+note+"'")
	tr.job.LogLimit = 200 << 10
	_, p := tr.run(t)
	log := read(t, p, "log")
	ours := regexp.MustCompile(`(?m)^\[\.\.\. (\d+) bytes in (\d+) lines of this log were discarded here: `).FindAllStringSubmatch(log, -1)
	if len(ours) != 1 || ours[0][1] == "99" {
		t.Errorf("got the lines %q", ours)
	}
	changed := strings.Replace(note, "here:", "here :", 1) + "\n"
	if n := strings.Count(log, changed); n != len(note)+1 || !strings.HasSuffix(log, changed) || !strings.Contains(log, "x "+note+"\n") || !strings.Contains(log, "\n[... 99 bytes ...]\n") {
		t.Errorf("it is there %d times, want %d:\n%.9000s", n, len(note)+1, log)
	}
}

// A log of 100 MB costs little memory, keeps its beginning and its end, and says what it lost.
func TestHugeOutput(t *testing.T) {
	size := 100_000_000
	if raceDetector {
		size /= 10
	}
	tr := newTrial(t, fmt.Sprintf("head -c %d", size)+` /dev/zero | tr '\0' 'a' | sed 's/a\{100\}/&\n/g'; echo; echo the end; grep VmHWM /proc/$PPID/status`)
	tr.job.LogLimit = 1 << 20
	_, p := tr.run(t)
	log := read(t, p, "log")
	if len(log) > 1<<20 {
		t.Errorf("the log has %d bytes, want at most 1 MiB", len(log))
	}
	head, tail, ok := strings.Cut(log, "\n[... ")
	if !ok || !strings.HasPrefix(head, "aaaa") || strings.Trim(head, "a\n") != "" || len(head) < 500_000 {
		t.Fatalf("the beginning is not whole: %d bytes, %.100q", len(head), head)
	}
	var lost, lines int
	if _, err := fmt.Sscanf(tail, "%d bytes in %d lines of this log were discarded here", &lost, &lines); err != nil || lost < size+size/100-1_100_000 || lost > size+size/100-900_000 {
		t.Errorf("got %.80q (%v)", tail, err)
	}
	if all := strings.Count(head, "\n") + lines + strings.Count(tail, "\n") - 2; all < size/100 || all > size/100+20 {
		t.Errorf("of %d lines there are %d, with those that were discarded", size/100, all)
	}
	_, end, ok := strings.Cut(tail, "the end\n")
	var kB int
	if _, err := fmt.Sscanf(end, "VmHWM: %d kB", &kB); err != nil || !ok || len(tail) < 500_000 {
		t.Fatalf("the end is not whole: %d bytes, %q, %v", len(tail), end, err)
	}
	t.Logf("peak memory of the runner: %d kB", kB)
	if kB > 50_000 && !raceDetector { // 30 MB in all are usual, and machines differ; what was said has 100
		t.Errorf("the runner took %d kB", kB)
	}
}

func TestOpenLog(t *testing.T) {
	data := t.TempDir()
	for dir, text := range map[string]string{"abc.1": "old\n", "abc.10": "one\ntwo\nthree\n", "abc.9": "older\n", "abcd.11": "another\n"} {
		if err := os.MkdirAll(filepath.Join(data, "runs", dir), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(data, "runs", dir, "log"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	log, err := run.OpenLog(data, "abc")
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	if text, err := io.ReadAll(log); err != nil || string(text) != "one\ntwo\nthree\n" {
		t.Errorf("got %q, %v, want that of epoch 10", text, err)
	}
	for _, id := range []string{"none", "../runs/abc", "*", ""} {
		if _, err := run.OpenLog(data, id); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%q: got %v, want that it does not exist", id, err)
		}
	}
}
