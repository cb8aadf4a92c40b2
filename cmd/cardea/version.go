package main

import (
	"fmt"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strings"
)

type versionCmd struct{}

// Help is what --help says besides.
func (versionCmd) Help() string { return "Example: cardea version" }

// version is the module's version and the commit it was built from, as the Go
// toolchain recorded them.
func version() (version, commit string) {
	version, commit = "devel", "unknown"
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return version, commit
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		version = v
	}
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			commit = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			commit += " (modified)"
		}
	}
	return version, commit
}

// Run prints one line per fact.
func (versionCmd) Run(c *console) error {
	v, commit := version()
	fmt.Fprintf(c.out, "cardea     %s\ncommit     %s\ngo         %s %s/%s\n", v, commit,
		runtime.Version(), runtime.GOOS, runtime.GOARCH)
	for _, tool := range []string{"terraform", "tofu", "git"} {
		fmt.Fprintf(c.out, "%-10s %s\n", tool, toolVersion(tool))
	}
	return nil
}

// toolVersion is the first line that a tool prints about itself, and where the tool was
// found.
func toolVersion(name string) string {
	path, err := exec.LookPath(name)
	if err != nil {
		return "not found on PATH"
	}
	cmd := exec.Command(path, "version")
	cmd.Env = []string{"CHECKPOINT_DISABLE=1", "HOME=/nonexistent"}
	out, err := cmd.Output()
	if err != nil {
		return fmt.Sprintf("%s does not run: %v", path, err)
	}
	line, _, _ := strings.Cut(string(out), "\n")
	return strings.TrimSpace(line) + " (" + path + ")"
}
