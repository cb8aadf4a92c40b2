package app_test

import (
	"errors"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/cardea-iac/cardea/app"
	"github.com/cardea-iac/cardea/internal/localgithub"
)

// A token for a module reads the one repository that the rule names, by the name that it has now, and
// is nobody else's; of everything else people are told why there is none.
func TestModuleToken(t *testing.T) {
	w := newWorld(t, 1)
	_, _ = w.open("feature", 0)
	w.waitRuns(1)
	inst := w.repo().InstallationID
	for _, name := range []string{"modules", "second", "before", "allowed", "outside"} {
		_, err := w.gh.CreateRepo("acme", name, localgithub.RepoOptions{Private: true})
		ok(t, err)
		if name != "outside" {
			ok(t, w.gh.SetInstallationRepo(inst, "acme/"+name, true))
		}
	}
	ok(t, w.gh.RenameRepo("acme/before", "after", "ada"))
	ok(t, w.gh.RenameRepo("acme/allowed", "hidden", "ada"))
	w.mu.Lock()
	w.rules.Modules.Repos = []string{"Acme/modules", "acme/after", "acme/allowed", "acme/outside", "acme/nothing", "other/*"}
	w.mu.Unlock()
	const notNamed, cannot = "and no rule lets this run read it", "but the App cannot read it"
	for _, tt := range []struct{ name, reads, why string }{
		{"acme/modules", "modules", ""},
		{"ACME/Modules", "modules", ""},
		{"acme/before", "after", ""},
		{"acme/after", "after", ""},
		{"acme/second", "", notNamed},
		{"acme/infra", "", notNamed},
		{"acme/allowed", "", notNamed}, // that was its name; it is called hidden now
		{"acme/hidden", "", notNamed},
		{"acme/outside", "", cannot},
		{"acme/nothing", "", cannot},
		{"acme/unheard-of", "", notNamed},
		{"other/x", "", "reads repositories of acme only"},
		{"", "", "add its repository to `modules.repos` in the rule for acme/infra"},
		{"acme", "", notNamed},
		{"acme/..", "", "A module's repository on GitHub"},
		{"acme/modules/../second", "", "A module's repository on GitHub"},
		{"acme/modules?x=/", "", "A module's repository on GitHub"},
		{"acme/modules`x", "", "A module's repository on GitHub"},
	} {
		token, err := w.app.ModuleToken(t.Context(), w.repo(), tt.name)
		no := new(app.NoModule)
		if tt.reads == "" {
			if token != "" || !errors.As(err, &no) || no.Passing || !strings.Contains(no.Why, tt.why) {
				t.Errorf("%s: got %d bytes, %v; want %q", tt.name, len(token), err, tt.why)
			}
			continue
		}
		ok(t, err)
		for _, name := range []string{"infra", "modules", "second", "after", "hidden", "outside"} {
			if got := w.lists(name, token); got != (name == tt.reads) {
				t.Errorf("the token for %s reads %s: %v", tt.name, name, got)
			}
		}
		again, err := w.app.ModuleToken(t.Context(), w.repo(), tt.name)
		ok(t, err)
		w.app.RevokeModule(t.Context(), w.repo(), token)
		if w.lists(tt.reads, token) || again == token || !w.lists(tt.reads, again) {
			t.Errorf("%s: revoking the one token should end it alone", tt.name)
		}
	}
	own, err := w.app.Token(t.Context(), w.repo())
	ok(t, err)
	if !w.lists("infra", own) {
		t.Error("the token of the server's own fetches was revoked, too")
	}
	w.mu.Lock()
	w.rules.Modules.Repos = nil
	w.mu.Unlock()
	if _, err := w.app.ModuleToken(t.Context(), w.repo(), "acme/modules"); err == nil || !strings.Contains(err.Error(), notNamed) {
		t.Errorf("without a rule: %v", err)
	}
}

// What GitHub cannot say now may be said at another try; what it refuses is said at once.
func TestModuleTokenFaults(t *testing.T) {
	w := newWorld(t, 1)
	_, _ = w.open("feature", 0)
	w.waitRuns(1)
	w.mu.Lock()
	w.rules.Modules.Repos = []string{"acme/*"}
	w.mu.Unlock()
	repo := w.repo()
	for _, tt := range []struct {
		name    string
		rule    localgithub.FaultRule
		passing bool
	}{
		{"the repository is not answered", localgithub.FaultRule{Path: regexp.MustCompile(`/repos/acme/infra$`), Status: 502, Times: -1}, true},
		{"the token is not answered", localgithub.FaultRule{Path: regexp.MustCompile(`/access_tokens$`), Body: regexp.MustCompile("repository_ids"), Status: 500}, true},
		{"no token", localgithub.FaultRule{Path: regexp.MustCompile(`/access_tokens$`), Body: regexp.MustCompile("repository_ids"), Status: http.StatusUnprocessableEntity}, false},
		{"forbidden", localgithub.FaultRule{Path: regexp.MustCompile(`/access_tokens$`), Body: regexp.MustCompile("repository_ids"), Status: http.StatusForbidden}, false},
		{"rate limit, which the client then heeds", localgithub.FaultRule{Path: regexp.MustCompile(`/repos/acme/infra$`), Limit: localgithub.LimitSecondary403, Times: -1}, true},
	} {
		w.gh.Faults.Clear()
		w.gh.Faults.Add(tt.rule)
		_, err := w.app.ModuleToken(t.Context(), repo, "acme/infra")
		if no := new(app.NoModule); !errors.As(err, &no) || no.Passing != tt.passing || no.Why == "" {
			t.Errorf("%s: got %v, want passing %v", tt.name, err, tt.passing)
		}
	}
}

// lists reports whether git may read a repository of acme with a token.
func (w *world) lists(name, token string) bool {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, w.gh.URL()+"/acme/"+name+".git/info/refs?service=git-upload-pack", nil)
	ok(w.t, err)
	req.SetBasicAuth("x-access-token", token)
	resp, err := http.DefaultClient.Do(req)
	ok(w.t, err)
	ok(w.t, resp.Body.Close())
	return resp.StatusCode == http.StatusOK
}
