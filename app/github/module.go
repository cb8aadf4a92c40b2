package github

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/google/go-github/v60/github"

	"github.com/cardea-iac/cardea/workflow"
)

// Repository finds the repository of a name, also of a former one, as an installation sees it: its id, and
// what it is called now. [Gone] tells where there is none that the installation sees.
func (c *Client) Repository(ctx context.Context, installation int64, owner, name string) (workflow.Repo, error) {
	var found github.Repository
	_, err := c.call(ctx, installation, http.MethodGet, "repos/"+owner+"/"+name, nil, &found)
	if err != nil {
		return workflow.Repo{}, err
	}
	return workflow.Repo{InstallationID: installation, ID: found.GetID(), Owner: found.GetOwner().GetLogin(), Name: found.GetName()}, nil
}

// ReadOnly makes a new token that can read the contents of one repository and nothing else. Nobody
// else has it, so it can be revoked. [Status] is 422 where the installation cannot give it.
func (c *Client) ReadOnly(ctx context.Context, repo workflow.Repo) (string, error) {
	token, err := c.transport(c.of(repo.InstallationID).guard, repo.InstallationID, &github.InstallationTokenOptions{
		RepositoryIDs: []int64{repo.ID}, Permissions: &github.InstallationPermissions{Contents: github.String("read")},
	}).Token(ctx)
	if err != nil {
		return "", classify(ctx, fmt.Errorf("getting a token for %s: %w", repo.FullName(), err))
	}
	return token, nil
}

// Revoke ends a token before its time.
func (c *Client) Revoke(ctx context.Context, installation int64, token string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodDelete, strings.TrimRight(c.base.String(), "/")+"/installation/token", nil)
	if err != nil {
		return fmt.Errorf("revoking a token: %w", err)
	}
	req.Header.Set("Authorization", "token "+token)
	req.Header.Set("Accept", "application/vnd.github+json")
	resp, err := c.of(installation).guard.RoundTrip(req)
	if err != nil {
		return classify(ctx, fmt.Errorf("revoking a token: %w", err))
	}
	drain(resp.Body)
	if resp.StatusCode != http.StatusNoContent {
		return fmt.Errorf("revoking a token: GitHub answered %d", resp.StatusCode)
	}
	return nil
}
