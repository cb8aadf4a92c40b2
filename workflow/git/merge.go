package git

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/cardea-iac/cardea/workflow"
)

// pair is the two commits a plan is made of.
type pair struct{ head, base string }

// merge makes the planned tree of two commits that are in gitDir, pins it, and
// diffs it against the base.
func merge(ctx context.Context, gitDir string, p pair, mode workflow.CheckoutMode) (workflow.Checkout, error) {
	c := workflow.Checkout{Head: p.head, Base: p.base}
	var planned, base string
	var err error
	if mode == workflow.CheckoutHead {
		planned, base, err = headAlone(ctx, gitDir, p)
	} else {
		planned, c.Conflicts, err = mergeTree(ctx, gitDir, p)
		base = p.base
	}
	if err != nil {
		return c, err
	}
	if len(c.Conflicts) > 0 {
		return c, nil
	}
	pin := command{gitDir: gitDir, args: []string{"update-ref", "refs/cardea/trees/" + planned, planned}}
	if _, err := pin.run(ctx); err != nil {
		return c, fmt.Errorf("pinning the planned tree: %w", err)
	}
	r, err := open(gitDir)
	if err != nil {
		return c, err
	}
	baseTree, err := r.treeOf(base)
	if err != nil {
		return c, fmt.Errorf("reading the base tree: %w", err)
	}
	plannedTree, err := r.tree(plumbing.NewHash(planned))
	if err != nil {
		return c, fmt.Errorf("reading the planned tree: %w", err)
	}
	if c.Changes, err = r.diff(baseTree, plannedTree); err != nil {
		return c, fmt.Errorf("comparing base and planned tree: %w", err)
	}
	c.Planned, c.BaseTree = r.fsTree(plannedTree), r.fsTree(baseTree)
	return c, nil
}

// ErrUnrelated says that two commits cannot be merged.
var ErrUnrelated = errors.New("head and base have no commit in common, so they cannot be merged")

// mergeTree merges head into base as GitHub's merge button would. Only exit 0 is clean.
func mergeTree(ctx context.Context, gitDir string, p pair) (tree string, conflicts []string, err error) {
	out, err := command{gitDir: gitDir,
		args: []string{"merge-tree", "--write-tree", "-z", "--name-only", "--no-messages", p.base, p.head}}.run(ctx)
	fields := strings.Split(strings.TrimRight(string(out), "\x00\n"), "\x00")
	var exit *exitError
	switch {
	case err == nil && len(fields) >= 1 && shaPattern.MatchString(fields[0]):
		return fields[0], nil, nil
	case errors.As(err, &exit) && exit.code == 1 && len(fields) > 1:
		return "", fields[1:], nil
	case errors.As(err, &exit) && strings.Contains(exit.stderr, "unrelated histories"):
		return "", nil, ErrUnrelated
	case err == nil:
		err = fmt.Errorf("git merge-tree answered %q", out)
	}
	return "", nil, fmt.Errorf("merging head into base: %w", err)
}

// headAlone is `checkout: head`: head's tree, compared with the merge base.
func headAlone(ctx context.Context, gitDir string, p pair) (tree, base string, err error) {
	out, err := command{gitDir: gitDir, args: []string{"merge-base", p.base, p.head}}.run(ctx)
	if err != nil {
		return "", "", fmt.Errorf("finding the merge base: %w", err)
	}
	base = strings.TrimSpace(string(out))
	out, err = command{gitDir: gitDir,
		args: []string{"rev-parse", "--verify", "--quiet", "--end-of-options", p.head + "^{tree}"}}.run(ctx)
	if err != nil {
		return "", "", fmt.Errorf("reading head's tree: %w", err)
	}
	return strings.TrimSpace(string(out)), base, nil
}
