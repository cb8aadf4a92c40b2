package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/cardea-iac/cardea/workflow"
)

// MergeMethods are the ways in which a repository's pulls may be merged, the one to prefer first.
func (c *Client) MergeMethods(ctx context.Context, repo workflow.Repo) ([]string, error) {
	const text = `query($owner: String!, $name: String!) {
  repository(owner: $owner, name: $name) { databaseId mergeCommitAllowed squashMergeAllowed rebaseMergeAllowed }
}`
	var q struct {
		Repository struct {
			ID     int64 `json:"databaseId"`
			Merge  bool  `json:"mergeCommitAllowed"`
			Squash bool  `json:"squashMergeAllowed"`
			Rebase bool  `json:"rebaseMergeAllowed"`
		} `json:"repository"`
	}
	if err := c.query(ctx, repo.InstallationID, text,
		map[string]any{"owner": repo.Owner, "name": repo.Name}, &q); err != nil {
		return nil, fmt.Errorf("reading how %s merges: %w", repo.FullName(), err)
	}
	if q.Repository.ID != repo.ID {
		return nil, fmt.Errorf("reading how %s merges: the name now belongs to another repository", repo.FullName())
	}
	var out []string
	for _, m := range []struct {
		allowed bool
		name    string
	}{{q.Repository.Merge, "merge"}, {q.Repository.Squash, "squash"}, {q.Repository.Rebase, "rebase"}} {
		if m.allowed {
			out = append(out, m.name)
		}
	}
	return out, nil
}

// ErrMoved says that a pull has changed since its merge was decided.
var ErrMoved = errors.New("the pull request is another by now")

// Merge merges exactly this head into exactly this base branch, in a way that the repository
// allows. GitHub can be told only the head (it refuses with 409 when that moved), so the base
// branch and the state are read just before: if they differ, the error is [ErrMoved]. GitHub
// refuses with 405 when its own rules are not met; [Message] has its words.
func (c *Client) Merge(ctx context.Context, p workflow.Pull) error {
	if p.Head.SHA == "" {
		return errors.New("merging: no head is named")
	}
	methods, err := c.MergeMethods(ctx, p.Repo)
	if err != nil {
		return err
	}
	if len(methods) == 0 {
		return fmt.Errorf("merging %s#%d: the repository allows no way to merge", p.Repo.FullName(), p.Number)
	}
	now, err := c.Pull(ctx, p.Repo, p.Number)
	if err != nil {
		return err
	}
	if now.State != workflow.PullOpen || now.Draft || now.Head.SHA != p.Head.SHA || now.Base.Ref != p.Base.Ref {
		return fmt.Errorf("merging %s#%d: %w: %s, %s into %s", p.Repo.FullName(), p.Number,
			ErrMoved, now.State, now.Head.SHA, now.Base.Ref)
	}
	body := map[string]string{"sha": p.Head.SHA, "merge_method": methods[0]}
	if _, err := c.call(ctx, p.Repo.InstallationID, http.MethodPut,
		repoPath(p.Repo, "/pulls/%d/merge", p.Number), body, nil); err != nil {
		return fmt.Errorf("merging %s#%d: %w", p.Repo.FullName(), p.Number, err)
	}
	return nil
}
