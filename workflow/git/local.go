package git

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
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
	clone   string // the clone's git directory
}

// OpenLocal opens the clone that dir is in. The scratch directory must not exist; the caller removes it.
func OpenLocal(ctx context.Context, dir, scratch string) (*Local, error) {
	out, err := command{args: []string{"-C", dir, "rev-parse", "--path-format=absolute", "--git-common-dir", "--git-path", "objects", "--show-toplevel"},
		env: []string{"HOME=" + os.Getenv("HOME")}, config: [][2]string{{"safe.directory", "*"}}}.run(ctx)
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if err != nil || len(lines) != 3 {
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
	if err := os.WriteFile(filepath.Join(scratch, "objects", "info", "alternates"), []byte(lines[1]+"\n"), 0o600); err != nil {
		return nil, fmt.Errorf("making the scratch repository: %w", err)
	}
	// A shallow clone stays one: its cut commits have no parents.
	if shallow, err := os.ReadFile(filepath.Join(lines[0], "shallow")); err == nil {
		if err := os.WriteFile(filepath.Join(scratch, "shallow"), shallow, 0o600); err != nil {
			return nil, fmt.Errorf("making the scratch repository: %w", err)
		}
	}
	return &Local{Root: lines[2], scratch: scratch, clone: lines[0]}, nil
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
func (l *Local) Checkout(ctx context.Context, head, base string, mode workflow.CheckoutMode) (workflow.Checkout, error) {
	if !shaPattern.MatchString(head) || !shaPattern.MatchString(base) {
		return workflow.Checkout{}, fmt.Errorf("checking out: %q and %q must be commit ids", head, base)
	}
	return merge(ctx, l.scratch, pair{head: head, base: base}, mode)
}

// Tree opens the files of a commit, named as Resolve takes it.
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
