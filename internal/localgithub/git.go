package localgithub

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
	"sync"
	"time"
)

const zeroSHA = "0000000000000000000000000000000000000000"

// gitTool runs git on the bare repositories, with none of this machine's configuration.
type gitTool struct {
	bin string
	dir string
	env []string
}

func findGit(dir string) (gitTool, error) {
	bin, err := exec.LookPath("git")
	if err != nil {
		return gitTool{}, fmt.Errorf("local github needs git: %w", err)
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return gitTool{}, fmt.Errorf("directory of repositories: %w", err)
	}
	g := gitTool{bin: bin, dir: abs, env: []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + abs, "LC_ALL=C", "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=" + os.DevNull, "GIT_TERMINAL_PROMPT=0",
	}}
	exe, err := g.run(context.Background(), abs, "--exec-path")
	if err != nil {
		return gitTool{}, err
	}
	if _, err := os.Stat(filepath.Join(exe, "git-http-backend")); err != nil {
		return gitTool{}, fmt.Errorf("local github needs git http-backend: %w", err)
	}
	return g, nil
}

func (g gitTool) run(ctx context.Context, dir string, args ...string) (string, error) {
	return g.runEnv(ctx, dir, nil, args...)
}

func (g gitTool) runEnv(ctx context.Context, dir string, env []string, args ...string) (string, error) {
	out, err := g.raw(ctx, dir, env, args...)
	return strings.TrimRight(string(out), "\n"), err
}

// output is what git printed, to the last byte.
func (g gitTool) output(ctx context.Context, dir string, args ...string) ([]byte, error) {
	return g.raw(ctx, dir, nil, args...)
}

func (g gitTool) raw(ctx context.Context, dir string, env []string, args ...string) ([]byte, error) {
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

// exited reports whether err is git's own exit with this status, as opposed to git not running at all.
func exited(err error, status int) bool {
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

// initBare makes a repository: an empty one, or one that shares the objects and starts with the branches and tags of
// another in from.
func (g gitTool) initBare(ctx context.Context, dir, branch, from string) error {
	var err error
	if from == "" {
		_, err = g.run(ctx, g.dir, "init", "-q", "--bare", "--initial-branch="+branch, dir)
	} else {
		_, err = g.run(ctx, g.dir, "clone", "-q", "--bare", "--shared", "--template=", from, dir)
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

// resolve turns a ref, a branch name or a SHA into a commit's SHA; "" when there is none.
func (g gitTool) resolve(ctx context.Context, dir, ref string) (string, error) {
	if strings.HasPrefix(ref, "-") {
		return "", nil
	}
	names := []string{"refs/heads/" + ref, "refs/tags/" + ref, "refs/" + ref, ref}
	if strings.HasPrefix(ref, "refs/") || len(ref) == len(zeroSHA) && strings.Trim(ref, "0123456789abcdef") == "" {
		slices.Reverse(names) // it says what it is
	}
	for _, name := range names {
		out, err := g.run(ctx, dir, "rev-parse", "--verify", "-q", "--end-of-options", name+"^{commit}")
		if err == nil {
			return out, nil
		}
		if !exited(err, 1) && !exited(err, 128) {
			return "", err
		}
	}
	return "", nil
}

// refs are all branches and tags.
func (g gitTool) refs(ctx context.Context, dir string) (map[string]string, error) {
	out, err := g.run(ctx, dir, "for-each-ref", "--format=%(objectname) %(refname)", "refs/heads", "refs/tags")
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

func (g gitTool) isAncestor(ctx context.Context, dir, old, new string) (bool, error) {
	_, err := g.run(ctx, dir, "merge-base", "--is-ancestor", old, new)
	if err == nil {
		return true, nil
	}
	if exited(err, 1) {
		return false, nil
	}
	return false, err
}

// mergeBase is "" for histories that share nothing.
func (g gitTool) mergeBase(ctx context.Context, dir, a, b string) (string, error) {
	out, err := g.run(ctx, dir, "merge-base", a, b)
	if exited(err, 1) {
		return "", nil
	}
	return out, err
}

func (g gitTool) count(ctx context.Context, dir, revs string) (int, error) {
	out, err := g.run(ctx, dir, "rev-list", "--count", revs)
	if err != nil {
		return 0, err
	}
	n, err := strconv.Atoi(out)
	if err != nil {
		return 0, fmt.Errorf("counting commits: %w", err)
	}
	return n, nil
}

// facts are the figures that a pull shows of the diff from its merge base to its head.
func (g gitTool) facts(ctx context.Context, dir, base, head string) (pullFacts, error) {
	var f pullFacts
	shas, err := g.run(ctx, dir, "rev-list", "--reverse", "--topo-order", base+".."+head)
	if err != nil {
		return f, err
	}
	f.commits = strings.Fields(shas)
	files, err := g.diff(ctx, dir, base, head, false)
	if err != nil {
		return f, err
	}
	for _, file := range files {
		f.additions += file.additions
		f.deletions += file.deletions
	}
	f.files = len(files)
	return f, nil
}

// mergeTree merges head into base without a work tree; ok is false when they conflict.
func (g gitTool) mergeTree(ctx context.Context, dir, base, head string) (tree string, ok bool, err error) {
	out, err := g.run(ctx, dir, "merge-tree", "--write-tree", "--no-messages", base, head)
	if exited(err, 1) {
		return "", false, nil
	}
	if err != nil {
		return "", false, err
	}
	return out, true, nil
}

// who signs a commit that GitHub makes, and when.
type signature struct {
	name, email string
	when        time.Time
}

func (s *Server) signature(a *account) signature {
	return signature{name: a.login, email: fmt.Sprintf("%d+%s@users.noreply.localgithub", a.id, a.login), when: s.now()}
}

func (g gitTool) commitTree(ctx context.Context, dir, tree, message string, by signature, parents ...string) (string, error) {
	args := []string{"commit-tree", tree, "-m", message}
	for _, p := range parents {
		args = append(args, "-p", p)
	}
	date := fmt.Sprintf("%d +0000", by.when.Unix())
	return g.runEnv(ctx, dir, []string{
		"GIT_AUTHOR_NAME=" + by.name, "GIT_AUTHOR_EMAIL=" + by.email, "GIT_AUTHOR_DATE=" + date,
		"GIT_COMMITTER_NAME=GitHub", "GIT_COMMITTER_EMAIL=noreply@localgithub", "GIT_COMMITTER_DATE=" + date,
	}, args...)
}

// updateRef moves a ref; old "" means whatever it was.
func (g gitTool) updateRef(ctx context.Context, dir, ref, sha, old string) error {
	args := []string{"update-ref", ref, sha}
	if old != "" {
		args = append(args, old)
	}
	_, err := g.run(ctx, dir, args...)
	return err
}

// gitLock serialises changes of one repository's branches. It is taken before Server.mu, never while holding it.
func (s *Server) gitLock(r *repo) *sync.Mutex {
	m, _ := s.gitLocks.LoadOrStore(r.id, &sync.Mutex{})
	return m.(*sync.Mutex)
}
