package main

import (
	"os"
	"path/filepath"

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
