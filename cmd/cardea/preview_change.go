package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/git"
)

// change is what a preview is of.
type change struct {
	pull     workflow.Pull
	checkout workflow.Checkout
	head     string // what it is, where it is more than a commit
}

// change finds head and base in the clone and merges them.
func (p previewCmd) change(ctx context.Context, c *console, local *git.Local) (ch change, err error) {
	if p.Worktree && p.Head != "HEAD" {
		return ch, errors.New("--worktree previews what is checked out: leave out --head")
	}
	head, err := local.Resolve(ctx, p.Head)
	if err != nil {
		if p.Head == "HEAD" && local.Unborn(ctx) {
			return ch, errors.New("nothing is committed on the branch that is checked out: commit your files first, then run `cardea preview` again")
		}
		return ch, fmt.Errorf("--head: %w: name a branch, a tag or a commit", err)
	}
	base, at, err := p.base(ctx, local)
	if err != nil {
		return ch, err
	}
	ch.pull = workflow.Pull{Head: workflow.Ref{Ref: p.Head, SHA: head}, Base: workflow.Ref{Ref: base, SHA: at},
		State: workflow.PullOpen}
	n := 0
	if p.Head == "HEAD" {
		if n, err = local.Uncommitted(ctx); err != nil {
			return ch, err
		}
	}
	planned := head
	switch {
	case p.Worktree:
		ch.head = fmt.Sprintf("work tree with %s uncommitted, on top of %s", counted(n, "file"), phrase.Short(head))
		if planned, err = local.WorkTree(ctx, head); err != nil {
			return ch, fmt.Errorf("--worktree: %w", err)
		}
	case n > 0:
		fmt.Fprintf(c.err, "cardea: the preview does not include %s that %s changed or new but not committed; --worktree includes %s.\n",
			counted(n, "file"), isAre(n), phrase.OneMany(n == 1, "it", "them"))
	}
	ch.checkout, err = local.Checkout(ctx, planned, at, workflow.CheckoutMerge)
	if errors.Is(err, git.ErrUnrelated) && !local.Shallow() {
		err = fmt.Errorf("%w: name the branch that this one was started from, with --base BRANCH", err)
	}
	return ch, err
}

// base is the branch to merge into, and its commit.
func (p previewCmd) base(ctx context.Context, local *git.Local) (name, commit string, err error) {
	if p.Base == "" {
		name, commit, err = local.DefaultBase(ctx)
		if errors.Is(err, git.ErrNoBase) {
			return "", "", fmt.Errorf("%w: name the branch to merge into, with --base BRANCH%s", err, howToFetch(local, "BRANCH"))
		}
		return name, commit, err
	}
	commit, err = local.Resolve(ctx, p.Base)
	if err != nil {
		return "", "", fmt.Errorf("--base: %w: name the branch to merge into%s", err, howToFetch(local, p.Base))
	}
	return p.Base, commit, nil
}

// howToFetch says how a branch comes into a clone that has not all of them, as a shallow one has not.
func howToFetch(local *git.Local, branch string) string {
	unshallow := ""
	if local.Shallow() {
		unshallow = " --unshallow"
	}
	return fmt.Sprintf(", or fetch it: `git fetch%s origin %s:refs/remotes/origin/%s`", unshallow, branch, branch)
}
