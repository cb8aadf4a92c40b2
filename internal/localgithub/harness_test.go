package localgithub

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bradleyfalzon/ghinstallation/v2"
	"github.com/google/go-github/v60/github"
)

var allPermissions = map[string]string{
	"contents": "write", "pull_requests": "write", "issues": "write", "checks": "write", "statuses": "write", "members": "read", "administration": "read",
}

// world is a GitHub with an App on acme/infra, three people, and something that receives webhooks.
type world struct {
	*Server
	t       *testing.T
	ctx     context.Context
	app     App
	inst    int64
	repo    Repo
	dir     string // a clone, as ada
	tokens  map[string]string
	hook    *receiver
	clockMu sync.Mutex
	clock   time.Duration // how far the clock was moved
}

// receiver keeps the webhooks that it gets.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	got    []received
	status int
}

type received struct {
	event, guid string
	header      http.Header
	raw         []byte
	body        map[string]any
}

func newReceiver(t *testing.T) *receiver {
	r := &receiver{status: 202}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		raw, err := io.ReadAll(q.Body)
		if err != nil { // GitHub was closed while it sent
			return
		}
		x := received{event: q.Header.Get("X-GitHub-Event"), guid: q.Header.Get("X-GitHub-Delivery"),
			header: q.Header, raw: raw}
		if err := json.Unmarshal(raw, &x.body); err != nil {
			t.Errorf("webhook %s: %v", x.event, err)
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.got = append(r.got, x)
		w.WriteHeader(r.status)
	}))
	t.Cleanup(r.Close)
	return r
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, ctx: context.Background(), tokens: map[string]string{}, hook: newReceiver(t)}
	gh, err := Start(Options{Dir: t.TempDir(), Now: w.time})
	must(t, err)
	w.Server = gh
	t.Cleanup(func() { must(t, gh.Close()) })
	w.repo = must1(gh.CreateRepo("acme", "infra", RepoOptions{Private: true}))(t)
	w.app = must1(gh.CreateApp(App{
		Slug: "cardea", WebhookURL: w.hook.URL, WebhookSecret: "secret", Permissions: allPermissions,
		Events: []string{"pull_request", "issue_comment", "pull_request_review", "push", "repository"},
	}))(t)
	w.inst = must1(gh.Install(w.app.ID, "acme", "infra"))(t)
	for _, person := range []string{"ada write", "rob maintain", "joe none"} {
		login, role, _ := strings.Cut(person, " ")
		w.tokens[login] = must1(gh.CreateUser(login))(t).Token
		must(t, gh.SetPermission("acme/infra", login, role))
	}
	w.dir = w.clone("ada", w.repo.CloneURL)
	w.commit("main", map[string]string{"README": "hello\n", "prod/main.tf": "a\nb\nc\n"})
	w.push("main")
	return w
}

func (w *world) time() time.Time {
	w.clockMu.Lock()
	defer w.clockMu.Unlock()
	return time.Now().Add(w.clock)
}

func (w *world) later(d time.Duration) {
	w.clockMu.Lock()
	defer w.clockMu.Unlock()
	w.clock += d
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func must1[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		must(t, err)
		return v
	}
}

// gitRun runs git as a person would, and returns all that it printed.
func (w *world) gitRun(dir, token string, args ...string) (string, error) {
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0",
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@x", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@x",
		"GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=credential.helper", "GIT_CONFIG_VALUE_0=!f() { echo username=x-access-token; echo password="+token+"; }; f")
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

func (w *world) sh(args ...string) string {
	w.t.Helper()
	out, err := w.gitRun(w.dir, w.tokens["ada"], args...)
	if err != nil {
		w.t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return out
}

func (w *world) clone(login, url string) string {
	w.t.Helper()
	dir := filepath.Join(w.t.TempDir(), "clone")
	if out, err := w.gitRun(".", w.tokens[login], "clone", "-q", url, dir); err != nil {
		w.t.Fatalf("clone: %v\n%s", err, out)
	}
	return dir
}

// commit writes files on a branch, which it makes when there is none, and returns the commit.
func (w *world) commit(branch string, files map[string]string) string {
	w.t.Helper()
	if _, err := w.gitRun(w.dir, "", "checkout", "-q", branch); err != nil {
		w.sh("checkout", "-q", "-b", branch)
	}
	for name, text := range files {
		must(w.t, os.MkdirAll(filepath.Dir(filepath.Join(w.dir, name)), 0o755))
		must(w.t, os.WriteFile(filepath.Join(w.dir, name), []byte(text), 0o644))
	}
	w.sh("add", "-A")
	w.sh("commit", "-q", "-m", "change")
	return w.sh("rev-parse", "HEAD")
}

func (w *world) push(args ...string) {
	w.t.Helper()
	w.sh(append([]string{"push", "-q", "origin"}, args...)...)
}

// openPull commits on a branch, pushes it and opens a pull to main as ada.
func (w *world) openPull(branch string, files map[string]string) (number int, head string) {
	w.t.Helper()
	w.sh("checkout", "-q", "main")
	head = w.commit(branch, files)
	w.push(branch)
	return must1(w.OpenPull("acme/infra", "ada", PullRequest{Title: "Change " + branch, Head: branch}))(w.t), head
}

// client speaks as a person, or for "cardea" as the installation, for "app" as the App.
func (w *world) client(who string) *github.Client {
	w.t.Helper()
	var rt http.RoundTripper
	switch who {
	case "app":
		tr := must1(ghinstallation.NewAppsTransport(http.DefaultTransport, w.app.ID, []byte(w.app.PrivateKeyPEM)))(w.t)
		tr.BaseURL = w.APIURL()
		rt = tr
	case "cardea":
		tr := must1(ghinstallation.New(http.DefaultTransport, w.app.ID, w.inst, []byte(w.app.PrivateKeyPEM)))(w.t)
		tr.BaseURL = w.APIURL()
		rt = tr
	default:
		c := must1(github.NewClient(nil).WithAuthToken(w.tokens[who]).WithEnterpriseURLs(w.URL(), w.URL()))(w.t)
		return c
	}
	return must1(github.NewClient(&http.Client{Transport: rt}).WithEnterpriseURLs(w.URL(), w.URL()))(w.t)
}

// token makes an installation token by hand; body is the request.
func (w *world) token(body string, header ...string) (status int, out map[string]any) {
	w.t.Helper()
	jwt := w.jwt()
	return w.do("POST", fmt.Sprintf("/app/installations/%d/access_tokens", w.inst), body,
		append([]string{"Authorization", "Bearer " + jwt}, header...)...)
}

func (w *world) jwt() string {
	w.t.Helper()
	tr := must1(ghinstallation.NewAppsTransport(roundTrip(func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 200, Body: http.NoBody,
			Header: http.Header{"Jwt": {r.Header.Get("Authorization")}}}, nil
	}), w.app.ID, []byte(w.app.PrivateKeyPEM)))(w.t)
	res := must1(tr.RoundTrip(httptest.NewRequest("GET", "http://x/", nil)))(w.t)
	return strings.TrimPrefix(res.Header.Get("Jwt"), "Bearer ")
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// do makes one REST call, with headers in pairs; answers that are no object come under "list".
func (w *world) do(method, path, body string, header ...string) (int, map[string]any) {
	w.t.Helper()
	req := must1(http.NewRequest(method, w.APIURL()+path, strings.NewReader(body)))(w.t)
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res := must1(client.Do(req))(w.t)
	defer res.Body.Close()
	raw := must1(io.ReadAll(res.Body))(w.t)
	out := map[string]any{"header": res.Header}
	if bytes.HasPrefix(raw, []byte("[")) {
		raw = fmt.Appendf(nil, `{"list":%s}`, raw)
	}
	if len(bytes.TrimSpace(raw)) > 0 {
		if err := json.Unmarshal(raw, &out); err != nil {
			w.t.Fatalf("%s %s: %v\n%s", method, path, err, raw)
		}
	}
	return res.StatusCode, out
}

// as makes a REST call with a person's token.
func (w *world) as(login, method, path, body string) (int, map[string]any) {
	w.t.Helper()
	return w.do(method, path, body, "Authorization", "token "+w.tokens[login])
}

// idle waits for all deliveries and returns those of an event since the last reset.
func (w *world) events(name string) []received {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.ctx, 4*time.Minute)
	defer cancel()
	must(w.t, w.Idle(ctx))
	w.hook.mu.Lock()
	defer w.hook.mu.Unlock()
	var out []received
	for _, x := range w.hook.got {
		if x.event == name {
			out = append(out, x)
		}
	}
	return out
}

// actions are the actions of an event's deliveries, in the order in which they came.
func (w *world) actions(name string) []string {
	w.t.Helper()
	out := []string{}
	for _, x := range w.events(name) {
		out = append(out, fmt.Sprint(x.body["action"]))
	}
	return out
}

func status(t *testing.T, err error) int {
	t.Helper()
	if e, isResponse := err.(*github.ErrorResponse); isResponse {
		return e.Response.StatusCode
	}
	t.Fatalf("no answer of GitHub: %v", err)
	return 0
}
