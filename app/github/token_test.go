package github_test

import (
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cardea-iac/cardea/app/github"
	"github.com/cardea-iac/cardea/internal/localgithub"
)

func (w *world) minted() int {
	return w.gh.Count(func(x localgithub.Exchange) bool { return strings.HasSuffix(x.Path, "/access_tokens") })
}

// A token that ends before its time is dropped and the request is sent again with
// a new one, whatever the request is; many at once make one new token.
func TestRevokedToken(t *testing.T) {
	w := newWorld(t, localgithub.Options{})
	_, err := w.role("uread")
	ok(t, err)
	w.gh.RevokeTokens(w.repo.InstallationID)
	before := w.minted()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if _, err := w.role("uread"); err != nil {
				t.Errorf("a read: %v", err)
			}
		})
	}
	wg.Wait()
	if n := w.minted() - before; n != 1 {
		t.Errorf("%d new tokens for one that was revoked", n)
	}
	w.later(time.Minute)
	w.gh.RevokeTokens(w.repo.InstallationID)
	if err := w.React(t.Context(), w.repo, 12345, "eyes"); !github.Gone(err) {
		t.Errorf("a write: got %v, want GitHub's 404 for the comment", err)
	}
	first, err := w.Token(t.Context(), w.repo)
	ok(t, err)
	w.gh.RevokeTokens(w.repo.InstallationID)
	if !w.Refused(t.Context(), w.repo, first) {
		t.Error("no other token for git")
	}
	second, err := w.Token(t.Context(), w.repo)
	ok(t, err)
	if first == second {
		t.Error("git gets the token that was refused")
	}
	if !w.Refused(t.Context(), w.repo, first) {
		t.Error("the token was replaced already")
	}
	if third, err := w.Token(t.Context(), w.repo); err != nil || third != second {
		t.Errorf("a good token was dropped for one that was refused before it: %v", err)
	}
}

// A query is a request like others.
func TestRevokedTokenOfAQuery(t *testing.T) {
	w := newWorld(t, localgithub.Options{})
	w.gh.Faults.Add(localgithub.FaultRule{Path: regexp.MustCompile("graphql$"), Status: http.StatusUnauthorized})
	before := w.minted()
	methods, err := w.MergeMethods(t.Context(), w.repo)
	if err != nil || len(methods) == 0 || w.minted()-before != 2 {
		t.Errorf("got %v, %v after %d tokens", methods, err, w.minted()-before)
	}
}

// Where GitHub refuses every token it is not asked for one after the other.
func TestEveryTokenIsRefused(t *testing.T) {
	w := newWorld(t, localgithub.Options{})
	w.gh.Faults.Add(localgithub.FaultRule{Path: regexp.MustCompile("permission$"),
		Status: http.StatusUnauthorized, Times: -1})
	for range 10 {
		if _, err := w.role("uread"); github.Status(err) != http.StatusUnauthorized {
			t.Fatalf("got %v, want GitHub's 401", err)
		}
	}
	if n := w.minted(); n > 2 {
		t.Errorf("%d tokens in one moment", n)
	}
	w.later(time.Minute)
	if _, err := w.role("uread"); github.Status(err) != http.StatusUnauthorized || w.minted() > 3 {
		t.Errorf("a minute later: %v, %d tokens", err, w.minted())
	}
}
