package git

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cardea-iac/cardea/workflow"
)

// ErrNotClone says that a directory is not inside a git clone.
var ErrNotClone = errors.New("not inside a git clone")

// Local is somebody's own clone, read without changing it: merges and pins go
// to a scratch repository that borrows the clone's objects.
type Local struct {
	// Root is the clone's top directory.
	Root    string
	scratch string
	clone   string // the git directory; of a linked work tree its own, which has its HEAD
	shallow bool
	partial bool // objects were left out, which git would fetch when it needs them
}

// OpenLocal opens the clone that dir is in. The scratch directory must not exist; the caller removes it.
func OpenLocal(ctx context.Context, dir, scratch string) (*Local, error) {
	out, err := command{args: []string{"-C", dir, "rev-parse", "--path-format=absolute", "--git-dir", "--git-common-dir",
		"--git-path", "objects", "--show-toplevel"},
		env: []string{"HOME=" + os.Getenv("HOME")}, config: [][2]string{{"safe.directory", "*"}}}.run(ctx)
	if errors.Is(err, exec.ErrNotFound) {
		return nil, err
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if err != nil || len(lines) != 4 {
		return nil, fmt.Errorf("%s: %w", dir, ErrNotClone)
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

// GitDir is the scratch repository: give it to Export.
func (l *Local) GitDir() string { return l.scratch }

// Resolve returns the commit that a branch, tag or id names in the clone, also
// when only the remote "origin" has the branch.
func (l *Local) Resolve(ctx context.Context, name string) (string, error) {
	for _, try := range []string{name, "refs/remotes/origin/" + name} {
		out, err := command{gitDir: l.clone, config: [][2]string{{"safe.directory", "*"}},
			args: []string{"rev-parse", "--verify", "--quiet", "--end-of-options", try + "^{commit}"}}.run(ctx)
		if err == nil {
			return strings.TrimSpace(string(out)), nil
		}
	}
	return "", fmt.Errorf("%q names no commit of this clone", name)
}

// Checkout makes the planned tree of two commits of the clone.
func (l *Local) Checkout(ctx context.Context, head, base string,
	mode workflow.CheckoutMode) (workflow.Checkout, error) {
	if !shaPattern.MatchString(head) || !shaPattern.MatchString(base) {
		return workflow.Checkout{}, fmt.Errorf("checking out: %q and %q must be commit ids", head, base)
	}
	c, err := merge(ctx, l.scratch, pair{head: head, base: base}, mode)
	if err != nil && l.shallow {
		err = fmt.Errorf("%w; this clone is shallow, and `git fetch --unshallow` brings the rest", err)
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
	return errors.Join(fmt.Errorf("this clone is partial (`--filter`), and %s are not in it: `git fetch --refetch --no-filter` brings everything", what), err)
}

// Uncommitted is how many files of the work tree are changed or new, and not ignored: they
// are in no commit.
func (l *Local) Uncommitted(ctx context.Context) (int, error) {
	out, err := l.work(ctx, "status", "--porcelain", "--untracked-files=all", "--ignore-submodules=all")
	return bytes.Count(out, []byte("\n")), err
}

// Files opens the work tree as it is, without what git ignores.
func (l *Local) Files(ctx context.Context) (fs.FS, error) {
	root, ok := os.DirFS(l.Root).(fs.ReadLinkFS)
	if !ok {
		return nil, errors.New("this system has no symlinks")
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
	home := os.Getenv("HOME")
	return command{args: append([]string{"-C", l.Root}, args...), config: [][2]string{{"safe.directory", "*"}},
		env: []string{"HOME=" + home, "GIT_CONFIG_GLOBAL=" + filepath.Join(home, ".gitconfig")}}.run(ctx)
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
