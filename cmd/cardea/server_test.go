package main

import (
	"bytes"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
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

// TestCannotListen: a start that fails says which setting, what the system said, once, and what to do.
func TestCannotListen(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	at := taken.Addr().String()
	for _, tt := range []struct {
		name, want string
		cfg        Config
	}{
		{"taken", "`listen`: cannot listen on " + at + ": address already in use. Another program is listening there: stop it, or choose another port",
			Config{Listen: at}},
		{"metrics taken", "`metrics.listen`: cannot listen on " + at + ": address already in use. Another program",
			Config{Listen: "127.0.0.1:0", Metrics: at}},
		{"not ours", "`listen`: cannot listen on 203.0.113.7:1: cannot assign requested address. This machine does not have that address",
			Config{Listen: "203.0.113.7:1"}},
		{"no directory", "`data_dir`: cannot make the directory " + file + "/data: not a directory. Name one that this user may write to",
			Config{Listen: "127.0.0.1:0", DataDir: file + "/data"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.cfg.DataDir == "" {
				tt.cfg.DataDir = t.TempDir()
			}
			if _, err := newServer(tt.cfg, newLog(io.Discard)); err == nil || !strings.HasPrefix(err.Error(), tt.want) {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
	if got := cannotListen("`listen`", ":80", syscall.EACCES).Error(); !strings.Contains(got, "choose one above 1023") {
		t.Errorf("got %s", got)
	}
}
