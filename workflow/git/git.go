// Package git keeps bare mirrors of repositories and makes from them what a
// plan needs: exact commits, the tree that the merge button would make, the
// files that differ, and a workspace that holds one tree and nothing else.
//
// Fetching, merging and exporting use the git program, because only it does them completely;
// trees and diffs are read with go-git, in this process and without a working copy. The git
// program never sees the operator's configuration, no hook, filter or attribute of the
// repository runs, and a token travels in the environment of one fetch, bound to one
// repository's URL: never in a URL, an argument or a file.
package git

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"time"
)

// shaPattern is the only form in which a commit or tree id reaches git's arguments.
var shaPattern = regexp.MustCompile(`^[0-9a-f]{40}([0-9a-f]{24})?$`)

// passedEnv are the variables of our own environment that git may see: where
// programs are, how to reach the network and which certificates to trust.
var passedEnv = []string{"PATH", "SSL_CERT_FILE", "SSL_CERT_DIR", "GIT_SSL_CAINFO",
	"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY",
	"http_proxy", "https_proxy", "no_proxy", "TMPDIR"}

// command is one call of the git program.
type command struct {
	gitDir string
	args   []string
	env    []string // added to the fixed environment
	stdin  io.Reader
	config [][2]string // passed in the environment, so that none of it is in argv
}

// exitError is a git that ended with a status other than 0.
type exitError struct {
	code   int
	stderr string
	name   string
}

func (e *exitError) Error() string {
	text := strings.TrimSpace(e.stderr)
	if len(text) > 2000 {
		text = text[:2000] + " …"
	}
	return fmt.Sprintf("git %s: exit %d: %s", e.name, e.code, text)
}

// fixedConfig keeps everything of the machine and of the repository out of git's behaviour.
var fixedConfig = [][2]string{
	{"core.hooksPath", "/dev/null"},
	{"core.fsmonitor", "false"},
	{"core.autocrlf", "false"},
	{"core.symlinks", "true"},
	{"core.protectHFS", "true"},
	{"core.protectNTFS", "true"},
	{"gc.auto", "0"},
	{"maintenance.auto", "false"},
	{"merge.renames", "true"},
	{"merge.directoryRenames", "conflict"},
	{"merge.renameLimit", "32767"},
	{"submodule.recurse", "false"},
	{"http.followRedirects", "false"},
	{"protocol.version", "2"},
	// Objects are checked on arrival; the kinds of fault found in old, honest histories are let
	// through.
	{"fetch.fsckObjects", "true"},
	{"fetch.fsck.zeroPaddedFilemode", "ignore"},
	{"fetch.fsck.missingSpaceBeforeDate", "ignore"},
	{"fetch.fsck.badTimezone", "ignore"},
	{"fetch.fsck.badDateOverflow", "ignore"},
	{"fetch.fsck.missingNameBeforeEmail", "ignore"},
	{"fetch.fsck.nullSha1", "ignore"},
}

func (c command) run(ctx context.Context) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "git", c.args...)
	cmd.Env = c.environ()
	cmd.Stdin = c.stdin
	cmd.WaitDelay = 5 * time.Second
	var out, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &stderr
	err := cmd.Run()
	if err == nil {
		return out.Bytes(), nil
	}
	if ctx.Err() != nil {
		return nil, fmt.Errorf("git %s: %w", c.name(), ctx.Err())
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return out.Bytes(), &exitError{code: exit.ExitCode(), stderr: stderr.String(), name: c.name()}
	}
	if errors.Is(err, exec.ErrNotFound) {
		return nil, errNoGit
	}
	return nil, fmt.Errorf("running git: %w", err)
}

// name is the subcommand.
func (c command) name() string {
	if len(c.args) > 2 && c.args[0] == "-C" {
		return c.args[2]
	}
	return c.args[0]
}

// errNoGit is what is said where there is no git.
var errNoGit = fmt.Errorf("git is not on PATH: install git %d.%d or newer (https://git-scm.com/downloads)", oldestMajor, oldestMinor)

// The oldest git that merges without a work tree.
const oldestMajor, oldestMinor = 2, 38

var versionPattern = regexp.MustCompile(`\d+\.\d+[0-9.]*`)

// Usable says why the git on PATH cannot be used.
func Usable(ctx context.Context) error {
	out, err := command{args: []string{"version"}}.run(ctx)
	if err != nil {
		return err
	}
	var major, minor int
	version := versionPattern.FindString(string(out))
	if n, err := fmt.Sscanf(version, "%d.%d", &major, &minor); n != 2 || err != nil {
		return nil // of a kind that we do not know: it may do
	}
	if major < oldestMajor || major == oldestMajor && minor < oldestMinor {
		return fmt.Errorf("git %s is too old: install git %d.%d or newer (https://git-scm.com/downloads)", strings.TrimRight(version, "."), oldestMajor, oldestMinor)
	}
	return nil
}

func (c command) environ() []string {
	env := []string{
		"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_TERMINAL_PROMPT=0", "GIT_ASKPASS=/bin/false",
		"GIT_ALLOW_PROTOCOL=https:http", "GIT_LFS_SKIP_SMUDGE=1", "GIT_NO_REPLACE_OBJECTS=1", "GIT_OPTIONAL_LOCKS=0",
		"HOME=/nonexistent", "LC_ALL=C",
		"GIT_AUTHOR_NAME=cardea", "GIT_AUTHOR_EMAIL=cardea@localhost", "GIT_COMMITTER_NAME=cardea",
		"GIT_COMMITTER_EMAIL=cardea@localhost",
	}
	if c.gitDir != "" {
		env = append(env, "GIT_DIR="+c.gitDir)
	}
	for _, name := range passedEnv {
		if v, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+v)
		}
	}
	config := append(append([][2]string{}, fixedConfig...), c.config...)
	env = append(env, fmt.Sprintf("GIT_CONFIG_COUNT=%d", len(config)))
	for i, kv := range config {
		env = append(env, fmt.Sprintf("GIT_CONFIG_KEY_%d=%s", i, kv[0]), fmt.Sprintf("GIT_CONFIG_VALUE_%d=%s", i, kv[1]))
	}
	return append(env, c.env...)
}

// attributes keep the repository's own .gitattributes from rewriting files:
// info/attributes wins over every one of them.
const attributes = "* -text -ident -filter !eol !working-tree-encoding !merge\n"

// initBare makes an empty bare repository at dir, which must not exist, by rename,
// so that a crash leaves no half-made one.
func initBare(ctx context.Context, dir string) error {
	aside, err := os.MkdirTemp(parent(dir), ".new-*")
	if err != nil {
		return fmt.Errorf("making a mirror: %w", err)
	}
	defer os.RemoveAll(aside)
	if _, err := (command{args: []string{"init", "--quiet", "--bare", "--template=", aside}}).run(ctx); err != nil {
		return fmt.Errorf("making a mirror: %w", err)
	}
	if err := os.MkdirAll(aside+"/info", 0o700); err != nil {
		return fmt.Errorf("making a mirror: %w", err)
	}
	if err := os.WriteFile(aside+"/info/attributes", []byte(attributes), 0o600); err != nil {
		return fmt.Errorf("making a mirror: %w", err)
	}
	if err := os.Rename(aside, dir); err != nil {
		return fmt.Errorf("making a mirror: %w", err)
	}
	return nil
}
