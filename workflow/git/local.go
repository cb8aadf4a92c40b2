package git

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cardea-iac/cardea/workflow"
)

// ErrNotClone says that a directory is not inside a git repository.
var ErrNotClone = errors.New("not inside a git repository")

// Local is somebody's own clone, read without changing it: merges and pins go
// to a scratch repository that borrows the clone's objects.
type Local struct {
	// Root is the clone's top directory; "" of a bare one, which has no work tree.
	Root    string
	scratch string
	clone   string // the git directory; of a linked work tree its own, which has its HEAD
	shallow bool
	partial bool // objects were left out, which git would fetch when it needs them
}

// OpenLocal opens the clone that dir is in. The scratch directory must not exist; the caller removes it.
func OpenLocal(ctx context.Context, dir, scratch string) (*Local, error) {
	if err := Usable(ctx); err != nil {
		return nil, err
	}
	lines, err := places(ctx, dir)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(parent(scratch), 0o700); err != nil {
		return nil, fmt.Errorf("making the scratch repository: %w", err)
	}
	if err := initBare(ctx, scratch); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Join(scratch, "objects", "info"), 0o700); err != nil {
		return nil, fmt.Errorf("making the scratch repository: %w", err)
	}
	if err := os.WriteFile(filepath.Join(scratch, "objects", "info", "alternates"),
		[]byte(lines[2]+"\n"), 0o600); err != nil {
		return nil, fmt.Errorf("making the scratch repository: %w", err)
	}
	l := &Local{Root: lines[3], scratch: scratch, clone: lines[0]}
	if l.partial, err = promised(lines[2]); err != nil {
		return nil, fmt.Errorf("looking at the clone's objects: %w", err)
	}
	// A shallow clone stays one: its cut commits have no parents.
	if shallow, err := os.ReadFile(filepath.Join(lines[1], "shallow")); err == nil {
		l.shallow = true
		if err := os.WriteFile(filepath.Join(scratch, "shallow"), shallow, 0o600); err != nil {
			return nil, fmt.Errorf("making the scratch repository: %w", err)
		}
	}
	return l, nil
}

// places are the git directory of the clone that dir is in, the one that it shares, where its
// objects are, and its top directory, "" of a bare one.
func places(ctx context.Context, dir string) ([]string, error) {
	ask := func(args ...string) ([]string, error) {
		out, err := command{args: append([]string{"-C", dir, "rev-parse", "--path-format=absolute"}, args...),
			env: []string{"HOME=" + os.Getenv("HOME")}, config: [][2]string{{"safe.directory", "*"}}}.run(ctx)
		return strings.Split(strings.TrimSpace(string(out)), "\n"), err
	}
	lines, err := ask("--git-dir", "--git-common-dir", "--git-path", "objects", "--is-bare-repository")
	if err != nil || len(lines) != 4 {
		return nil, notClone(dir, err)
	}
	if lines[3] == "true" {
		lines[3] = ""
		return lines, nil
	}
	top, err := ask("--show-toplevel")
	if err != nil || len(top) != 1 {
		return nil, fmt.Errorf("%s is inside a .git directory: change to the clone's working directory", dir)
	}
	lines[3] = top[0]
	return lines, nil
}

// notClone says why git finds no repository at dir. A directory without one and a damaged one are the same to git.
func notClone(dir string, err error) error {
	if exit := (*exitError)(nil); errors.As(err, &exit) && !strings.Contains(exit.stderr, "not a git repository") {
		return fmt.Errorf("git cannot read this repository: %w", err)
	}
	abs, absErr := filepath.Abs(dir)
	for at := abs; absErr == nil; at = filepath.Dir(at) {
		own := filepath.Join(at, ".git")
		if _, err := os.Lstat(own); err == nil {
			return fmt.Errorf("%s is damaged, or this user may not read it: `git status` says what git makes of it", own)
		}
		if at == filepath.Dir(at) {
			break
		}
	}
	return fmt.Errorf("%s: %w", dir, ErrNotClone)
}

// GitDir is the scratch repository: give it to Export.
func (l *Local) GitDir() string { return l.scratch }

// Resolve returns the commit that a branch, tag or id names in the clone, also
// when only the remote "origin" has the branch.
func (l *Local) Resolve(ctx context.Context, name string) (string, error) {
	for _, try := range []string{name, "refs/remotes/origin/" + name} {
		out, err := l.ask(ctx, "rev-parse", "--verify", "--quiet", "--end-of-options", try+"^{commit}")
		if err == nil {
			return strings.TrimSpace(string(out)), nil
		}
	}
	return "", fmt.Errorf("%q does not name a commit in this clone", name)
}

// ErrNoBase says that a clone does not tell the branch that a change is to be merged into.
var ErrNoBase = errors.New("this clone has no origin/HEAD, main or master")

// DefaultBase returns the branch that a change of this clone is to be merged into, and its
// commit: the remote's default branch, else main, else master. Where the clone's own branch of
// that name is only behind the remote's, or is itself what is checked out, the remote's counts.
func (l *Local) DefaultBase(ctx context.Context) (name, commit string, err error) {
	out, err := l.ask(ctx, "symbolic-ref", "--quiet", "refs/remotes/origin/HEAD")
	names := []string{"main", "master"}
	if name, ok := strings.CutPrefix(strings.TrimSpace(string(out)), "refs/remotes/origin/"); ok && err == nil {
		names = append([]string{name}, names...)
	}
	for _, name := range names {
		own, ownErr := l.ask(ctx, "rev-parse", "--verify", "--quiet", "refs/heads/"+name+"^{commit}")
		theirs, theirErr := l.ask(ctx, "rev-parse", "--verify", "--quiet", "refs/remotes/origin/"+name+"^{commit}")
		switch mine, other := strings.TrimSpace(string(own)), strings.TrimSpace(string(theirs)); {
		case ownErr == nil && theirErr == nil:
			at, _ := l.ask(ctx, "symbolic-ref", "--quiet", "HEAD") // else no branch is checked out
			_, behind := l.ask(ctx, "merge-base", "--is-ancestor", mine, other)
			if behind == nil || strings.TrimSpace(string(at)) == "refs/heads/"+name {
				mine = other
			}
			return name, mine, nil
		case ownErr == nil:
			return name, mine, nil
		case theirErr == nil:
			return name, other, nil
		}
	}
	return "", "", ErrNoBase
}

// Unborn reports whether what is checked out has no commit yet.
func (l *Local) Unborn(ctx context.Context) bool {
	_, err := l.ask(ctx, "rev-parse", "--verify", "--quiet", "HEAD^{commit}")
	_, branch := l.ask(ctx, "symbolic-ref", "--quiet", "HEAD")
	return err != nil && branch == nil
}

// Shallow reports whether the clone was made without all of its history.
func (l *Local) Shallow() bool { return l.shallow }

// ask runs git in the clone itself, read-only.
func (l *Local) ask(ctx context.Context, args ...string) ([]byte, error) {
	return command{gitDir: l.clone, config: [][2]string{{"safe.directory", "*"}}, args: args}.run(ctx)
}

// Checkout makes the planned tree of two commits of the clone.
func (l *Local) Checkout(ctx context.Context, head, base string,
	mode workflow.CheckoutMode) (workflow.Checkout, error) {
	if !shaPattern.MatchString(head) || !shaPattern.MatchString(base) {
		return workflow.Checkout{}, fmt.Errorf("checking out: %q and %q must be commit ids", head, base)
	}
	if len(head) > 40 {
		return workflow.Checkout{}, errors.New("this repository uses SHA-256 for its commits, which neither GitHub nor Cardea supports")
	}
	c, err := merge(ctx, l.scratch, pair{head: head, base: base}, mode)
	if err != nil && l.shallow {
		err = fmt.Errorf("%w; this clone is shallow: `git fetch --unshallow` fetches the rest", err)
	}
	if l.partial {
		err = l.explainPartial(ctx, c, err)
	}
	return c, err
}

// promised reports whether a clone, or one that it borrows from, was told that the
// remote keeps some of its objects (`git clone --filter`).
func promised(objects string) (bool, error) {
	dirs, err := objectDirs(objects)
	for _, dir := range dirs {
		if found, globErr := filepath.Glob(filepath.Join(dir, "pack", "*.promisor")); len(found) > 0 || globErr != nil {
			return true, globErr
		}
	}
	return false, err
}

// explainPartial says what is missing in a partial clone. A preview fetches nothing into it.
func (l *Local) explainPartial(ctx context.Context, c workflow.Checkout, err error) error {
	if err == nil && len(c.Conflicts) > 0 {
		return nil
	}
	missing := 0
	if err == nil {
		out, listErr := command{gitDir: l.scratch,
			args: []string{"rev-list", "--objects", "--missing=print", "--no-object-names",
				"--no-walk", c.Planned.ID, c.BaseTree.ID}}.run(ctx)
		if missing = bytes.Count(out, []byte("?")); listErr == nil && missing == 0 {
			return nil
		}
		err = listErr
	}
	what := "objects"
	if missing > 0 {
		what = fmt.Sprintf("%d files or directories of the two commits", missing)
	}
	return errors.Join(fmt.Errorf("this clone is partial (`--filter`) and lacks %s: `git fetch --refetch --no-filter` fetches everything", what), err)
}

// Uncommitted is how many files of the work tree are changed or new, and not ignored: they
// are in no commit.
func (l *Local) Uncommitted(ctx context.Context) (int, error) {
	if l.Root == "" {
		return 0, nil
	}
	out, err := l.work(ctx, "status", "--porcelain", "--untracked-files=all", "--ignore-submodules=all")
	return bytes.Count(out, []byte("\n")), err
}

// Files opens the work tree as it is, without what git ignores.
func (l *Local) Files(ctx context.Context) (fs.FS, error) {
	if l.Root == "" {
		return nil, ErrBare
	}
	root, ok := os.DirFS(l.Root).(fs.ReadLinkFS)
	if !ok {
		return nil, errors.New("this system does not support symlinks")
	}
	out, err := l.work(ctx, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	if err != nil {
		return nil, err
	}
	w := workTree{ReadLinkFS: root, has: map[string]bool{".": true}}
	for name := range strings.SplitSeq(string(out), "\x00") {
		for name = strings.TrimSuffix(name, "/"); name != "" && !w.has[name]; name = path.Dir(name) {
			w.has[name] = true
		}
	}
	return w, nil
}

// work runs git in the work tree, with the person's own list of what to ignore.
func (l *Local) work(ctx context.Context, args ...string) ([]byte, error) {
	return command{args: append([]string{"-C", l.Root}, args...), config: [][2]string{{"safe.directory", "*"}}, env: l.home()}.run(ctx)
}

// home is the environment in which git reads the person's own configuration.
func (l *Local) home() []string {
	home := os.Getenv("HOME")
	env := []string{"HOME=" + home, "GIT_CONFIG_GLOBAL=" + filepath.Join(home, ".gitconfig")}
	if xdg := os.Getenv("XDG_CONFIG_HOME"); xdg != "" {
		env = append(env, "XDG_CONFIG_HOME="+xdg)
	}
	return env
}

// workTree shows only those entries of a directory whose names it has.
type workTree struct {
	fs.ReadLinkFS
	has map[string]bool
}

func (w workTree) Open(name string) (fs.File, error) {
	if !w.has[path.Clean(name)] {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return w.ReadLinkFS.Open(name)
}

func (w workTree) ReadDir(name string) ([]fs.DirEntry, error) {
	list, err := fs.ReadDir(w.ReadLinkFS, name)
	return slices.DeleteFunc(list, func(e fs.DirEntry) bool { return !w.has[path.Join(name, e.Name())] }), err
}

// Tree opens the files of a commit; see Resolve for how to name it.
func (l *Local) Tree(ctx context.Context, name string) (workflow.Tree, error) {
	sha, err := l.Resolve(ctx, name)
	if err != nil {
		return workflow.Tree{}, err
	}
	r, err := open(l.scratch)
	if err != nil {
		return workflow.Tree{}, err
	}
	t, err := r.treeOf(sha)
	if err != nil {
		return workflow.Tree{}, fmt.Errorf("reading the tree of %s: %w", name, err)
	}
	return r.fsTree(t), nil
}
