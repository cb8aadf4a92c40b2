package github

import (
	"context"
	"crypto/subtle"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/bradleyfalzon/ghinstallation/v2"
	"github.com/google/go-github/v60/github"

	"github.com/cardea-iac/cardea/workflow"
)

// tokens are the tokens of one installation, for one set of repositories. A token that GitHub
// stops accepting before its time is dropped: it was revoked, or it has expired by GitHub's
// clock but not by ours.
type tokens struct {
	mint func() *ghinstallation.Transport
	now  workflow.Clock

	mu      sync.Mutex
	current *ghinstallation.Transport
	dropped time.Time // when one was last dropped
}

// dropAgain is how soon after one token the next may be dropped: while GitHub refuses them
// all, we do not ask for new ones all the time.
const dropAgain = 30 * time.Second

func newTokens(now workflow.Clock, mint func() *ghinstallation.Transport) *tokens {
	return &tokens{mint: mint, now: now, current: mint()}
}

func (t *tokens) use() *ghinstallation.Transport {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.current
}

// drop forgets a source of tokens that was refused, unless somebody already did, and reports
// whether there is a different one now.
func (t *tokens) drop(refused *ghinstallation.Transport) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.current != refused {
		return true
	}
	if now := t.now(); now.Sub(t.dropped) >= dropAgain {
		t.current, t.dropped = t.mint(), now
		return true
	}
	return false
}

// RoundTrip sends a request with a token. If GitHub refuses the token, nothing was done, so
// the request is sent once more with a new token.
func (t *tokens) RoundTrip(r *http.Request) (*http.Response, error) {
	by := t.use()
	resp, err := by.RoundTrip(r)
	if err != nil || resp.StatusCode != http.StatusUnauthorized || r.Body != nil && r.GetBody == nil || !t.drop(by) {
		return resp, err
	}
	drain(resp.Body)
	again := r.Clone(r.Context())
	if r.Body != nil {
		if again.Body, err = r.GetBody(); err != nil {
			return nil, fmt.Errorf("sending a request again: %w", err)
		}
	}
	return t.use().RoundTrip(again)
}

// tokenLeft is the least time that a token for git must still be good for.
const tokenLeft = 10 * time.Minute

// Token returns a token for git that can read the contents of one repository and
// nothing else, good for at least ten minutes (unless GitHub's are shorter). It is opaque.
func (c *Client) Token(ctx context.Context, repo workflow.Repo) (string, error) {
	token, err := c.tokensOf(tokenKey{repo.InstallationID, repo.ID}).use().Token(ctx)
	if err != nil {
		return "", classify(ctx, fmt.Errorf("getting a token for %s: %w", repo.FullName(), err))
	}
	return token, nil
}

// Refused says that GitHub's git did not accept a token. It reports whether the next token is
// a different one.
func (c *Client) Refused(ctx context.Context, repo workflow.Repo, token string) bool {
	t := c.tokensOf(tokenKey{repo.InstallationID, repo.ID})
	by := t.use()
	now, err := by.Token(ctx)
	if err != nil {
		return false
	}
	return subtle.ConstantTimeCompare([]byte(now), []byte(token)) == 0 || t.drop(by)
}

// tokensOf returns the source of a repository's tokens, a new source when its token expires
// soon.
func (c *Client) tokensOf(key tokenKey) *tokens {
	g := c.of(key.installation).guard
	c.mu.Lock()
	defer c.mu.Unlock()
	if t, ok := c.tokens[key]; ok {
		if expires, _, err := t.use().Expiry(); err != nil || expires.Sub(c.config.Now()) > tokenLeft {
			return t
		}
	}
	if len(c.tokens) > 1000 {
		clear(c.tokens)
	}
	t := newTokens(c.config.Now, func() *ghinstallation.Transport {
		return c.transport(g, key.installation, &github.InstallationTokenOptions{
			RepositoryIDs: []int64{key.repo}, Permissions: &github.InstallationPermissions{Contents: github.String("read")},
		})
	})
	c.tokens[key] = t
	return t
}
