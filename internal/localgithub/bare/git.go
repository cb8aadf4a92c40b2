// Package bare is git on bare repositories, as the local GitHub keeps them on disk: it makes and reads them, merges and
// compares in them, and serves them over git's smart HTTP.
//
// It knows directories, refs and commits, and nothing about accounts, rights or pulls. The
// caller that serves a push decides beforehand who may push, and compares the refs before and
// after. Every git runs with none of this machine's configuration.
package bare

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

const ZeroSHA = "0000000000000000000000000000000000000000"

// Git runs git on the bare repositories, with none of this machine's configuration.
type Git struct {
	bin string
	Dir string
	env []string
}

func Find(dir string) (Git, error) {
	bin, err := exec.LookPath("git")
	if err != nil {
		return Git{}, fmt.Errorf("local github needs git: %w", err)
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return Git{}, fmt.Errorf("directory of repositories: %w", err)
	}
	g := Git{bin: bin, Dir: abs, env: []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + abs, "LC_ALL=C", "GIT_CONFIG_NOSYSTEM=1",
		"GIT_CONFIG_GLOBAL=" + os.DevNull, "GIT_TERMINAL_PROMPT=0",
	}}
	exe, err := g.Run(context.Background(), abs, "--exec-path")
	if err != nil {
		return Git{}, err
	}
	if _, err := os.Stat(filepath.Join(exe, "git-http-backend")); err != nil {
		return Git{}, fmt.Errorf("local github needs git http-backend: %w", err)
	}
	return g, nil
}

// Run is what git prints, without the line ends after it.
func (g Git) Run(ctx context.Context, dir string, args ...string) (string, error) {
	return g.runEnv(ctx, dir, nil, args...)
}

func (g Git) runEnv(ctx context.Context, dir string, env []string, args ...string) (string, error) {
	out, err := g.raw(ctx, dir, env, args...)
	return strings.TrimRight(string(out), "\n"), err
}

// output is what git printed, to the last byte.
func (g Git) output(ctx context.Context, dir string, args ...string) ([]byte, error) {
	return g.raw(ctx, dir, nil, args...)
}

func (g Git) raw(ctx context.Context, dir string, env []string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, g.bin, args...)
	cmd.Dir = dir
	cmd.Env = append(append([]string(nil), g.env...), env...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return out.Bytes(), fmt.Errorf("git %s: %w: %s", args[0], err, strings.TrimSpace(errs.String()))
	}
	return out.Bytes(), nil
}

// Exited reports whether err is git's own exit with this status, as opposed to git not running at all.
func Exited(err error, status int) bool {
	var exit *exec.ExitError
	return errors.As(err, &exit) && exit.ExitCode() == status
}

// repoConfig sets repositories up as GitHub's are: any object may be fetched by its SHA, partial clones are allowed,
// refs/pull is kept from pushes.
const repoConfig = `[uploadpack]
	allowAnySHA1InWant = true
	allowFilter = true
[http]
	receivepack = true
[receive]
	hideRefs = refs/pull
	autogc = false
[gc]
	auto = 0
[core]
	logAllRefUpdates = false
`

// InitBare makes a repository: an empty one, or one that shares the objects and starts with the branches and tags of
// another in from.
func (g Git) InitBare(ctx context.Context, dir, branch, from string) error {
	var err error
	if from == "" {
		_, err = g.Run(ctx, g.Dir, "init", "-q", "--bare", "--initial-branch="+branch, dir)
	} else {
		_, err = g.Run(ctx, g.Dir, "clone", "-q", "--bare", "--shared", "--template=", from, dir)
	}
	if err != nil {
		return err
	}
	f, err := os.OpenFile(filepath.Join(dir, "config"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("setting up a repository: %w", err)
	}
	_, err = f.WriteString(repoConfig)
	return errors.Join(err, f.Close())
}

// Resolve turns a ref, a branch name or a SHA into a commit's SHA; "" when there is none.
func (g Git) Resolve(ctx context.Context, dir, ref string) (string, error) {
	if strings.HasPrefix(ref, "-") {
		return "", nil
	}
	names := []string{"refs/heads/" + ref, "refs/tags/" + ref, "refs/" + ref, ref}
	if strings.HasPrefix(ref, "refs/") || len(ref) == len(ZeroSHA) && strings.Trim(ref, "0123456789abcdef") == "" {
		slices.Reverse(names) // git says what kind of object it is
	}
	for _, name := range names {
		out, err := g.Run(ctx, dir, "rev-parse", "--verify", "-q", "--end-of-options", name+"^{commit}")
		if err == nil {
			return out, nil
		}
		if !Exited(err, 1) && !Exited(err, 128) {
			return "", err
		}
	}
	return "", nil
}

// Refs are all branches and tags.
func (g Git) Refs(ctx context.Context, dir string) (map[string]string, error) {
	out, err := g.Run(ctx, dir, "for-each-ref", "--format=%(objectname) %(refname)", "refs/heads", "refs/tags")
	if err != nil {
		return nil, err
	}
	refs := map[string]string{}
	for line := range strings.Lines(out) {
		sha, name, _ := strings.Cut(strings.TrimSpace(line), " ")
		refs[name] = sha
	}
	return refs, nil
}

// IsAncestor reports whether new holds old.
func (g Git) IsAncestor(ctx context.Context, dir, old, new string) (bool, error) {
	_, err := g.Run(ctx, dir, "merge-base", "--is-ancestor", old, new)
	if err == nil {
		return true, nil
	}
	if Exited(err, 1) {
		return false, nil
	}
	return false, err
}

// MergeBase is the best common ancestor, "" for histories that share nothing.
func (g Git) MergeBase(ctx context.Context, dir, a, b string) (string, error) {
	out, err := g.Run(ctx, dir, "merge-base", a, b)
	if Exited(err, 1) {
		return "", nil
	}
	return out, err
}

// Count is the number of commits in a range.
func (g Git) Count(ctx context.Context, dir, revs string) (int, error) {
	out, err := g.Run(ctx, dir, "rev-list", "--count", revs)
	if err != nil {
		return 0, err
	}
	n, err := strconv.Atoi(out)
	if err != nil {
		return 0, fmt.Errorf("counting commits: %w", err)
	}
	return n, nil
}

// Facts are the figures of a diff, counted by git whenever head or base moves.
type Facts struct {
	Commits                     []string // SHAs, oldest first
	Additions, Deletions, Files int
}

// Facts are the figures that a pull shows of the diff from its merge base to its head.
func (g Git) Facts(ctx context.Context, dir, base, head string) (Facts, error) {
	var f Facts
	shas, err := g.Run(ctx, dir, "rev-list", "--reverse", "--topo-order", base+".."+head)
	if err != nil {
		return f, err
	}
	f.Commits = strings.Fields(shas)
	files, err := g.Diff(ctx, dir, base, head, false)
	if err != nil {
		return f, err
	}
	for _, file := range files {
		f.Additions += file.Additions
		f.Deletions += file.Deletions
	}
	f.Files = len(files)
	return f, nil
}

// MergeTree merges head into base without a work tree; ok is false when they conflict.
func (g Git) MergeTree(ctx context.Context, dir, base, head string) (tree string, ok bool, err error) {
	out, err := g.Run(ctx, dir, "merge-tree", "--write-tree", "--no-messages", base, head)
	if Exited(err, 1) {
		return "", false, nil
	}
	if err != nil {
		return "", false, err
	}
	return out, true, nil
}

// Signature says who signs a commit that GitHub makes, and when.
type Signature struct {
	Name, Email string
	When        time.Time
}

// CommitTree writes a commit that no ref points to yet.
func (g Git) CommitTree(ctx context.Context, dir, tree, message string, by Signature,
	parents ...string) (string, error) {
	args := []string{"commit-tree", tree, "-m", message}
	for _, p := range parents {
		args = append(args, "-p", p)
	}
	date := fmt.Sprintf("%d +0000", by.When.Unix())
	return g.runEnv(ctx, dir, []string{
		"GIT_AUTHOR_NAME=" + by.Name, "GIT_AUTHOR_EMAIL=" + by.Email, "GIT_AUTHOR_DATE=" + date,
		"GIT_COMMITTER_NAME=GitHub", "GIT_COMMITTER_EMAIL=noreply@localgithub", "GIT_COMMITTER_DATE=" + date,
	}, args...)
}

// UpdateRef moves a ref; old "" means whatever it was before.
func (g Git) UpdateRef(ctx context.Context, dir, ref, sha, old string) error {
	args := []string{"update-ref", ref, sha}
	if old != "" {
		args = append(args, old)
	}
	_, err := g.Run(ctx, dir, args...)
	return err
}

// Blob is the content of a file, to the last byte.
func (g Git) Blob(ctx context.Context, dir, sha string) ([]byte, error) {
	return g.output(ctx, dir, "cat-file", "blob", sha)
}
