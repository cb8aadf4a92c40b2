package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

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

// interruptRunners asks the runners to end that a story leaves to a server that does not come again. Each looks for
// no server, and would hold its tools until its plan takes too long.
func interruptRunners(world string) {
	names, _ := filepath.Glob(filepath.Join(world, "data", "runs", "*", "runner.json")) // the pattern is a valid one
	for _, name := range names {
		var who struct {
			PID int `json:"pid"`
		}
		data, err := os.ReadFile(name)
		if err != nil || json.Unmarshal(data, &who) != nil || who.PID <= 1 {
			continue // it has ended, and its files are gone
		}
		args, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(who.PID), "cmdline"))
		if err == nil && bytes.Contains(args, []byte(filepath.Dir(name))) { // nobody else has its number
			_ = syscall.Kill(who.PID, syscall.SIGUSR1)
		}
	}
}
