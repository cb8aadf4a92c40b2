package github_test

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cardea-iac/cardea/app/github"
	"github.com/cardea-iac/cardea/internal/localgithub"
	"github.com/cardea-iac/cardea/workflow"
)

// world is a GitHub with an App, and a client with a clock that the test moves.
type world struct {
	*github.Client
	t    *testing.T
	gh   *localgithub.Server
	repo workflow.Repo
	ids  map[string]int64

	log   bytes.Buffer
	mu    sync.Mutex
	ahead time.Duration
	kinds map[string]int
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newWorld(t *testing.T, o localgithub.Options) *world {
	t.Helper()
	return newWorldWith(t, o, time.Minute)
}

func newWorldWith(t *testing.T, o localgithub.Options, timeout time.Duration) *world {
	t.Helper()
	w := &world{t: t, ids: map[string]int64{}, kinds: map[string]int{}}
	o.Dir = t.TempDir()
	var err error
	w.gh, err = localgithub.Start(o)
	ok(t, err)
	t.Cleanup(func() { ok(t, w.gh.Close()) })
	repo, err := w.gh.CreateRepo("acme", "infra", localgithub.RepoOptions{Private: true})
	ok(t, err)
	app, err := w.gh.CreateApp(localgithub.App{Slug: "cardea", WebhookURL: "http://127.0.0.1:1/", WebhookSecret: "s",
		Permissions: map[string]string{
			"contents": "read", "pull_requests": "write", "issues": "write", "checks": "write", "metadata": "read",
		}})
	ok(t, err)
	inst, err := w.gh.Install(app.ID, "acme", "infra")
	ok(t, err)
	for _, role := range []string{"none", "read", "triage", "write", "maintain", "admin"} {
		u, err := w.gh.CreateUser("u" + role)
		ok(t, err)
		w.ids["u"+role] = u.ID
		ok(t, w.gh.SetPermission("acme/infra", "u"+role, role))
	}
	w.repo = workflow.Repo{ID: repo.ID, Owner: "acme", Name: "infra", InstallationID: inst}
	w.Client, err = github.New(github.Config{
		APIURL: w.gh.APIURL(), AppID: app.ID, PrivateKey: []byte(app.PrivateKeyPEM), Now: w.now, Timeout: timeout,
		Log: slog.New(slog.NewTextHandler(&w.log, nil)),
		Observe: func(kind string, _ int, _ int64, _ int) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.kinds[kind]++
		},
	})
	ok(t, err)
	t.Cleanup(w.Close)
	return w
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return time.Now().Add(w.ahead)
}

func (w *world) later(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ahead += d
}

func (w *world) role(login string) (workflow.Role, error) {
	return w.Role(w.t.Context(), w.repo, workflow.Actor{ID: w.ids[login], Login: login})
}

func (w *world) calls() int { return w.gh.Count(func(localgithub.Exchange) bool { return true }) }

// GitHub says "too fast" in six ways. Each is recognised, stops all calls of the
// installation for as long as GitHub says (a minute when it does not), and no longer.
func TestLimits(t *testing.T) {
	tests := []struct {
		limit localgithub.Limit
		retry time.Duration
		want  time.Duration // at least
	}{
		{localgithub.LimitPrimary403, 90 * time.Second, 80 * time.Second},
		{localgithub.LimitPrimary429, 90 * time.Second, 80 * time.Second},
		{localgithub.LimitSecondary403, 7 * time.Second, 6 * time.Second},
		{localgithub.LimitSecondary429, 7 * time.Second, 6 * time.Second},
		{localgithub.LimitSecondaryMessage, 0, 59 * time.Second},
		{localgithub.LimitSecondaryNoWait, 0, 59 * time.Second},
	}
	for _, tt := range tests {
		t.Run(string(tt.limit), func(t *testing.T) {
			w := newWorld(t, localgithub.Options{})
			if _, err := w.role("uwrite"); err != nil {
				t.Fatal(err)
			}
			w.gh.Faults.Add(localgithub.FaultRule{Path: regexp.MustCompile("permission$"), Limit: tt.limit, Retry: tt.retry})
			asked := w.now()
			_, err := w.role("uwrite")
			at := github.RetryAt(err)
			if !errors.Is(err, workflow.ErrPassing) || at.Before(asked.Add(tt.want)) {
				t.Fatalf("got %v, retry at %v; want a passing fault of %v at least", err, at, tt.want)
			}
			before := w.calls()
			if _, err := w.Pull(t.Context(), w.repo, 1); !errors.Is(err, workflow.ErrPassing) || !github.RetryAt(err).Equal(at) {
				t.Errorf("the next call: got %v", err)
			}
			if n := w.calls() - before; n != 0 {
				t.Errorf("%d calls were made although GitHub asked for none", n)
			}
			w.later(at.Sub(w.now()) + time.Second)
			if role, err := w.role("uwrite"); err != nil || role != workflow.RoleWrite {
				t.Errorf("after the wait: %v %v", role, err)
			}
		})
	}
}

// A query is refused for rate with a 200. When the queries' own budget is used up,
// only they wait, until its reset; any other limit is one on everything.
func TestQueryLimits(t *testing.T) {
	for name, tt := range map[string]struct {
		reply  string
		header map[string]string
		want   time.Duration // at least
		all    bool
	}{
		"primary":   {`{"errors":[{"type":"RATE_LIMIT","message":"API rate limit already exceeded for installation ID 1."}]}`, map[string]string{"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": ""}, 80 * time.Second, false},
		"secondary": {`{"data":null,"errors":[{"message":"You have exceeded a secondary rate limit. Please wait a few minutes before you try again."}]}`, nil, 59 * time.Second, true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, localgithub.Options{})
			if tt.header != nil {
				tt.header["X-RateLimit-Reset"] = strconv.FormatInt(w.now().Add(90*time.Second).Unix(), 10)
			}
			fault := w.gh.Faults.Add(localgithub.FaultRule{Path: regexp.MustCompile("graphql$"),
				Status: 200, Header: tt.header, Reply: tt.reply, Times: -1})
			asked := w.now()
			_, err := w.MergeMethods(t.Context(), w.repo)
			if at := github.RetryAt(err); !errors.Is(err, workflow.ErrPassing) ||
				at.Before(asked.Add(tt.want)) || fault.Hits() != 1 {
				t.Fatalf("got %v after %d queries, retry at %v; want a passing fault of %v at least, after one",
					err, fault.Hits(), at, tt.want)
			}
			if _, err := w.role("uwrite"); errors.Is(err, workflow.ErrPassing) != tt.all {
				t.Errorf("another call: %v", err)
			}
		})
	}
}

func TestRole(t *testing.T) {
	w := newWorld(t, localgithub.Options{})
	for _, want := range []workflow.Role{"none", "read", "triage", "write", "maintain", "admin"} {
		if got, err := w.role("u" + string(want)); err != nil || got != want {
			t.Errorf("u%s: got %q, %v", want, got, err)
		}
	}
	ok(t, w.gh.SetPermission("acme/infra", "uread", "deployers:write"))
	if got, err := w.role("uread"); err != nil || got != workflow.RoleWrite {
		t.Errorf("a custom role on write: got %q, %v", got, err)
	}
	for name, who := range map[string]workflow.Actor{"nobody": {ID: 1, Login: "nobody"},
		"a reused login": {ID: 999, Login: "uadmin"}, "gone": {ID: 1}} {
		if got, err := w.Role(t.Context(), w.repo, who); err == nil || got != workflow.RoleNone {
			t.Errorf("%s: got %q, %v; want none and an error", name, got, err)
		}
	}
	w.gh.Faults.Add(localgithub.FaultRule{Path: regexp.MustCompile("permission$"), Status: 500, Times: -1})
	if got, err := w.role("uadmin"); !errors.Is(err, workflow.ErrPassing) || got != workflow.RoleNone {
		t.Errorf("with GitHub failing: got %q, %v", got, err)
	}
}

// Reads that fail for GitHub's reasons are tried again; writes never are.
func TestRetries(t *testing.T) {
	w := newWorldWith(t, localgithub.Options{}, 3*time.Second)
	for name, fault := range map[string]localgithub.FaultRule{"502": {Status: 502, Times: 2},
		"a dropped connection": {Drop: true}, "no answer": {Hang: true}} {
		w.gh.Faults.Clear()
		fault.Path = regexp.MustCompile("permission$")
		w.gh.Faults.Add(fault)
		if got, err := w.role("uwrite"); err != nil || got != workflow.RoleWrite {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
	}
	w.gh.Faults.Clear()
	w.gh.Faults.Add(localgithub.FaultRule{Path: regexp.MustCompile("check-runs$"), Status: 502, Times: -1})
	if _, err := w.CreateCheck(t.Context(), w.repo,
		github.Check{Name: "x", SHA: strings.Repeat("a", 40), Status: "queued"}); !errors.Is(err, workflow.ErrPassing) {
		t.Errorf("a write: got %v, want a passing fault", err)
	}
	if n := w.kinds["POST repos/check-runs"]; n != 1 {
		t.Errorf("the write was tried %d times", n)
	}
}

// A faulty token call is passing or not by its status, and leaves nothing open.
func TestTokenFaults(t *testing.T) {
	w := newWorld(t, localgithub.Options{})
	for status, wantPassing := range map[int]bool{502: true, 404: false, 422: false} {
		w.gh.Faults.Clear()
		w.gh.Faults.Add(localgithub.FaultRule{Method: "POST", Path: regexp.MustCompile("access_tokens$"),
			Status: status, Times: -1})
		if _, err := w.Token(t.Context(), w.repo); err == nil || errors.Is(err, workflow.ErrPassing) != wantPassing ||
			github.Status(err) != status {
			t.Errorf("%d: got %v (status %d), want passing %v", status, err, github.Status(err), wantPassing)
		}
	}
	w.gh.Faults.Clear()
	ok(t, w.gh.Suspend(w.repo.InstallationID, true))
	if _, err := w.role("uread"); err == nil || errors.Is(err, workflow.ErrPassing) ||
		!strings.Contains(github.Message(err), "suspended") {
		t.Errorf("suspended: got %v (%q), want a lasting fault in GitHub's words", err, github.Message(err))
	}
}

// A token is used again while it lasts, and a new one is made before it ends.
func TestTokenLife(t *testing.T) {
	w := newWorld(t, localgithub.Options{})
	get := func() string {
		t.Helper()
		token, err := w.Token(t.Context(), w.repo)
		ok(t, err)
		return token
	}
	first := get()
	if got := get(); got != first {
		t.Error("a new token although the old one is good")
	}
	w.Forget(w.repo.InstallationID)
	if got := get(); got == first {
		t.Error("a token that was forgotten, as its permissions are old")
	} else {
		first = got
	}
	w.later(51 * time.Minute)
	if got := get(); got == first {
		t.Error("a token with nine minutes left is given out")
	}
}

// A renamed repository is followed, also by writes; another host is not.
func TestRedirects(t *testing.T) {
	w := newWorld(t, localgithub.Options{})
	if _, err := w.role("uread"); err != nil {
		t.Fatal(err)
	}
	ok(t, w.gh.RenameRepo("acme/infra", "infra2", "uadmin"))
	if _, err := w.role("uread"); err != nil {
		t.Errorf("a read after the rename: %v", err)
	}
	if err := w.React(t.Context(), w.repo, 12345, "eyes"); !github.Gone(err) {
		t.Errorf("a write after the rename: got %v, want GitHub's 404 for the comment", err)
	}
	for _, to := range []string{"http://127.0.0.2:9/", strings.Replace(w.gh.URL(), "http:", "https:", 1) + "/"} {
		w.gh.Faults.Add(localgithub.FaultRule{Path: regexp.MustCompile("permission$"), Status: http.StatusFound,
			Header: map[string]string{"Location": to}})
		if _, err := w.role("uread"); github.Status(err) != http.StatusFound {
			t.Errorf("a redirect to %s: got %v", to, err)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	for name, c := range map[string]github.Config{
		"no key":     {APIURL: "https://api.github.com", AppID: 1},
		"no address": {AppID: 1, PrivateKey: []byte("x")},
		"ftp":        {APIURL: "ftp://x", AppID: 1, PrivateKey: []byte("x")},
	} {
		if _, err := github.New(c); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
