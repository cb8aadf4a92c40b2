package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// builtTools are what tests build of the outside, when a story first needs it.
type builtTools struct {
	mirror string        // of providers, as terraform wants it
	reader func() []byte // the provider that reads files
	tofu   func() string // the program
}

// cmdTofu puts the real OpenTofu on PATH: tofu
func (s *story) cmdTofu(ts *testscript.TestScript, _ []string) error {
	ts.Setenv("PATH", filepath.Dir(s.tofu())+string(os.PathListSeparator)+ts.Getenv("PATH"))
	return nil
}

// endAll ends what a story leaves to a server that does not come again, and waits for it: a runner looks for no server, would hold
// its tools until its plan takes too long, and what ends later writes into a directory that is gone. Only processes that have
// the story's own directory in their arguments are ended.
func endAll(dir string) {
	begun := time.Now()
	for dirs := map[string]bool{}; ; time.Sleep(20 * time.Millisecond) {
		all := processesOf(dir)
		for pid, args := range all {
			if len(args) > 2 && args[1] == "runner" {
				if name := filepath.Base(args[2]); !dirs[name] {
					dirs[name] = true
					_ = syscall.Kill(pid, syscall.SIGUSR1)
				}
			}
			if time.Since(begun) > leave {
				_ = syscall.Kill(pid, syscall.SIGKILL)
			}
		}
		if len(all) == 0 || time.Since(begun) > 2*leave {
			break
		}
	}
	// A runner that was killed leaves its TMPDIR to the next start of its server.
	runs, _ := filepath.Glob(filepath.Join(dir, "world", "data", "runs", "*")) // the pattern is a valid one
	for _, name := range runs {
		left, _ := filepath.Glob("/tmp/cardea-" + filepath.Base(name) + "-*")
		for _, tmp := range left {
			_ = os.RemoveAll(tmp)
		}
	}
}

// leave is how long what a story leaves may take to end by itself.
const leave = 20 * time.Second

// processesOf are the processes that have a directory in their arguments.
func processesOf(dir string) map[int][]string {
	all := map[int][]string{}
	names, _ := filepath.Glob("/proc/[0-9]*/cmdline") // the pattern is a valid one
	for _, name := range names {
		data, err := os.ReadFile(name)
		if pid, e := strconv.Atoi(filepath.Base(filepath.Dir(name))); err == nil && e == nil && bytes.Contains(data, []byte(dir+"/")) {
			all[pid] = strings.Split(string(data), "\x00")
		}
	}
	return all
}
