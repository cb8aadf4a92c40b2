package github_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/cardea-iac/cardea/app/github"
	"github.com/cardea-iac/cardea/app/preflight"
	"github.com/cardea-iac/cardea/internal/localgithub"
)

// keyOf is a new private key in PEM.
func keyOf(t *testing.T) []byte {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	ok(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
}

// Whatever answers, or does not, is told apart by what it means for the configuration.
func TestIdentityOfWhatever(t *testing.T) {
	key := keyOf(t)
	say := func(status int, kind, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}
	}
	const isJSON = "application/json; charset=utf-8"
	tests := []struct {
		name   string
		answer http.HandlerFunc
		url    string // in place of the server's
		want   preflight.Answer
	}{
		{"the App", say(200, isJSON, `{"id":7,"slug":"x"}`), "", preflight.Answer{Status: 200}},
		{"a page", say(200, "text/html", "<html>hello"), "", preflight.Answer{Trouble: preflight.Foreign, Status: 200, Detail: "status 200, text/html"}},
		{"a page that is not there", say(404, "text/html", "<html>no"), "", preflight.Answer{Trouble: preflight.Foreign, Status: 404, Detail: "status 404, text/html"}},
		{"nothing", say(204, "", ""), "", preflight.Answer{Trouble: preflight.Foreign, Status: 204, Detail: "status 204, without a content type"}},
		{"another API", say(404, isJSON, `{"message":"Not Found"}`), "", preflight.Answer{Trouble: preflight.Foreign, Status: 404, Detail: "it answers 404 to `/app`"}},
		{"any JSON", say(200, isJSON, `{}`), "", preflight.Answer{Trouble: preflight.Foreign, Status: 200, Detail: "it answers as the App 0"}},
		{"a list", say(200, isJSON, `[]`), "", preflight.Answer{Trouble: preflight.Foreign, Status: 200, Detail: "it answers as the App 0"}},
		{"a sign-in page", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://sign-in.example.com/", http.StatusFound)
		}, "", preflight.Answer{Trouble: preflight.Foreign, Status: 302, Detail: "it redirects with status 302"}},
		{"no such App", say(404, isJSON, `{"message":"Integration not found"}`), "", preflight.Answer{Status: 404, Detail: "Integration not found"}},
		{"another key", say(401, isJSON, `{"message":"A JSON web token could not be decoded"}`), "",
			preflight.Answer{Status: 401, Detail: "A JSON web token could not be decoded"}},
		{"no key", say(401, isJSON, `{"message":"Integration must generate a public key"}`), "",
			preflight.Answer{Status: 401, Detail: "Integration must generate a public key"}},
		{"an outage", say(503, "text/html", "<html>unicorn"), "", preflight.Answer{Trouble: preflight.Down, Status: 503}},
		{"a proxy", say(407, "text/html", "who are you"), "",
			preflight.Answer{Trouble: preflight.Proxy, Status: 407, Detail: "it wants a user and a password"}},
		{"nobody listens", nil, "http://127.0.0.1:9", preflight.Answer{Trouble: preflight.Refused, Detail: "connection refused"}},
		{"no such host", nil, "http://no-such-host.invalid", preflight.Answer{Trouble: preflight.NoName}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if tt.answer != nil {
				srv := httptest.NewServer(tt.answer)
				defer srv.Close()
				tt.url = srv.URL
			}
			c, err := github.New(github.Config{APIURL: tt.url, AppID: 7, PrivateKey: key, Timeout: time.Minute})
			ok(t, err)
			defer c.Close()
			got, _, asked := c.Identity(t.Context())
			got.Ahead = 0
			if got.Trouble == preflight.NoName || tt.want.Trouble == preflight.NoName && got.Trouble == preflight.Silent {
				got = preflight.Answer{Trouble: preflight.NoName} // without any name server nobody can tell
			}
			if got != tt.want || !asked {
				t.Errorf("got %+v (asked %v)\nwant %+v", got, asked, tt.want)
			}
		})
	}
}

// TLS that fails says why in words, without the error's addresses.
func TestIdentityOverTLS(t *testing.T) {
	key := keyOf(t)
	srv := httptest.NewUnstartedServer(http.NotFoundHandler())
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.StartTLS()
	defer srv.Close()
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	for url, want := range map[string]string{srv.URL: "authority", strings.Replace(plain.URL, "http:", "https:", 1): "does not speak TLS"} {
		c, err := github.New(github.Config{APIURL: url, AppID: 7, PrivateKey: key, Timeout: time.Minute})
		ok(t, err)
		got, _, _ := c.Identity(t.Context())
		if got.Trouble != preflight.TLS || !strings.Contains(got.Detail, want) || strings.Contains(got.Detail, "127.0.0.1") {
			t.Errorf("%s: got %+v, want %q", url, got, want)
		}
		c.Close()
	}
}

// A server that accepts and says nothing.
func TestIdentityOfSilence(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ok(t, err)
	defer l.Close()
	c, err := github.New(github.Config{APIURL: "http://" + l.Addr().String(), AppID: 7, PrivateKey: keyOf(t), Timeout: 100 * time.Millisecond})
	ok(t, err)
	defer c.Close()
	if got, _, asked := c.Identity(t.Context()); got != (preflight.Answer{Trouble: preflight.Silent, Detail: "no answer in time"}) || !asked {
		t.Errorf("got %+v, asked %v", got, asked)
	}
}

// What GitHub says of the App arrives whole.
func TestIdentity(t *testing.T) {
	w := newWorld(t, localgithub.Options{})
	a, app, asked := w.Identity(t.Context())
	if !asked || !a.Good() || app.Slug != "cardea" || app.Organization || app.Permissions["checks"] != "write" || a.Ahead.Abs() > time.Minute {
		t.Errorf("got %+v, %+v", a, app)
	}
	hook, err := w.Hook(t.Context())
	if want := (preflight.Hook{URL: "http://127.0.0.1:1/", JSON: true, Secret: true}); err != nil || hook != want {
		t.Errorf("got %+v, %v", hook, err)
	}
	list, err := w.Installations(t.Context())
	if err != nil || len(list) != 1 || list[0].Account != "acme" || list[0].Suspended || list[0].Permissions["issues"] != "write" ||
		!strings.Contains(list[0].URL, "/organizations/acme/settings/installations/") {
		t.Errorf("got %+v, %v", list, err)
	}
	for _, off := range []time.Duration{5 * time.Minute, -5 * time.Minute} { // ghinstallation signs by the machine's clock, so GitHub's is moved
		other := newWorld(t, localgithub.Options{Now: func() time.Time { return time.Now().Add(-off) }})
		if a, _, _ := other.Identity(t.Context()); a.Status != 401 || (a.Ahead-off).Abs() > time.Minute || !strings.Contains(a.Detail, "time") {
			t.Errorf("%s ahead: %+v", off, a)
		}
	}
	w.gh.Faults.Add(localgithub.FaultRule{Path: regexp.MustCompile("^/app$"), Limit: localgithub.LimitPrimary403, Retry: time.Minute})
	if a, _, asked := w.Identity(t.Context()); asked {
		t.Errorf("a limit says nothing about the App: %+v", a)
	}
}

// A refusal for a missing permission says which, wherever it is met.
func TestDenied(t *testing.T) {
	w := newWorld(t, localgithub.Options{})
	refuse := func(path, need string) {
		w.gh.Faults.Clear()
		w.gh.Faults.Add(localgithub.FaultRule{Path: regexp.MustCompile(path), Status: 403, Times: -1,
			Reply:  `{"message":"Resource not accessible by integration","documentation_url":"https://docs.github.com/rest"}`,
			Header: map[string]string{"X-Accepted-GitHub-Permissions": need}})
	}
	say := func(what string, err error, want string) {
		t.Helper()
		d := new(github.Denied)
		if !errors.As(err, &d) || !strings.Contains(d.Error(), want) || strings.Contains(d.Error(), "Resource not") {
			t.Errorf("%s: got %v, want %q", what, err, want)
		}
	}
	refuse("check-runs$", "checks=write")
	_, err := w.CreateCheck(t.Context(), w.repo, github.Check{Name: "cardea/plan", SHA: strings.Repeat("a", 40), Status: "queued"})
	say("a check", err, "grant Checks: write in the App's settings")
	refuse("comments$", "issues=write; pull_requests=write")
	_, err = w.CreateComment(t.Context(), w.repo, 1, "x")
	say("a comment", err, "grant Issues: write or Pull requests: write")
	refuse("comments$", "issues=write, statuses=read")
	_, err = w.CreateComment(t.Context(), w.repo, 1, "x")
	say("two of them", err, "grant Issues: write and Commit statuses: read")
	refuse("graphql$", "")
	_, err = w.MergeMethods(t.Context(), w.repo)
	say("a query", err, "compare its permissions with app.yml")
	w.gh.Faults.Clear()
	w.gh.Faults.Add(localgithub.FaultRule{Path: regexp.MustCompile("access_tokens$"), Status: 422,
		Reply: `{"message":"The permissions requested are not granted to this installation."}`})
	_, err = w.Token(t.Context(), w.repo)
	say("a token", err, "grant Contents: read")
	w.gh.Faults.Clear()
	w.gh.Faults.Add(localgithub.FaultRule{Path: regexp.MustCompile("comments$"), Status: 403, Reply: `{"message":"Unable to create comment because issue is locked."}`})
	if _, err = w.CreateComment(t.Context(), w.repo, 1, "x"); errors.As(err, new(*github.Denied)) || !strings.Contains(fmt.Sprint(err), "locked") {
		t.Errorf("a locked conversation is no missing permission: %v", err)
	}
}
