package main

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
)

// TestStartSaysWhatIsNotIsolated: an operator who reads the first lines of the log knows what runs can reach.
func TestStartSaysWhatIsNotIsolated(t *testing.T) {
	var log bytes.Buffer
	s := &server{cfg: Config{PublicURL: "https://cardea.example.com", Isolation: "auto"},
		log: slog.New(slog.NewJSONHandler(&log, nil))}
	s.sayHow()
	if got := log.String(); !strings.Contains(got, `"level":"WARN"`) || !strings.Contains(got, "NOT ISOLATED") {
		t.Errorf("the log at start does not warn: %s", got)
	}
}

// TestLimited: a server says once where it cannot keep what Cardea promises of processes.
func TestLimited(t *testing.T) {
	if got := limited("linux"); got != "" {
		t.Errorf("linux: got %q, want nothing", got)
	}
	if got := limited("darwin"); !strings.Contains(got, "use Linux") {
		t.Errorf("darwin: got %q", got)
	}
}
