package app_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http/httptest"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cardea-iac/cardea/app"
	"github.com/cardea-iac/cardea/internal/localgithub"
	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/bolt"
	"github.com/cardea-iac/cardea/workflow/service"
)

const repoName = "acme/infra"

// world is a GitHub with the App on acme/infra, three people, and the App with a
// service on a store on disk. What a worker would do, the test does.
type world struct {
	t    *testing.T
	gh   *localgithub.Server
	ghAp localgithub.App
	dir  string // ada's clone
	ada  string // her token
	data string
	web  *httptest.Server

	mu    sync.Mutex
	ahead time.Duration // how far our clock is ahead of the machine's
	still time.Time     // set: the machine's clock does not matter, ours shows this time
	svc   *service.Service
	app   *app.App
	stop  func()
	rules workflow.Rules

	modules map[string]workflow.Exact // that plans fetch

	metrics *prometheus.Registry
}

func must[T any](t *testing.T, v T, err error) T {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// newWorld makes a world whose main branch has the given number of projects p00, p01, ...
func newWorld(t *testing.T, projects int) *world {
	t.Helper()
	w := &world{t: t, data: t.TempDir(), rules: workflow.Rules{
		Match: "*", Checkout: workflow.CheckoutMerge, Plan: workflow.Who{Role: workflow.RoleWrite},
		Drafts: true, PerProjectChecks: 10,
		Require:   []workflow.Requirement{workflow.NeedApproved, workflow.NeedMergeable, workflow.NeedUpToDate},
		Approvals: workflow.ApprovalRules{Count: 1},
		Apply:     workflow.Who{Role: workflow.RoleWrite}, Approve: workflow.Who{Role: workflow.RoleWrite},
		Unlock: workflow.Who{Role: workflow.RoleWrite},
		Admin:  workflow.Who{Role: workflow.RoleAdmin}, StaleAfter: 24 * time.Hour,
	}}
	gh, err := localgithub.Start(localgithub.Options{Dir: t.TempDir()})
	w.gh = must(t, gh, err)
	t.Cleanup(func() { ok(t, w.gh.Close()) })
	_, err = w.gh.CreateRepo("acme", "infra", localgithub.RepoOptions{Private: true})
	ok(t, err)
	a, err := w.gh.CreateApp(localgithub.App{
		Slug: "cardea", WebhookURL: "http://127.0.0.1:1/webhook", WebhookSecret: "secret",
		Permissions: map[string]string{"contents": "write", "pull_requests": "write",
			"issues": "write", "checks": "write", "metadata": "read"},
		Events: []string{"pull_request", "issue_comment", "pull_request_review", "push", "repository"},
	})
	w.ghAp = must(t, a, err)
	_, err = w.gh.Install(w.ghAp.ID, "acme", "infra")
	ok(t, err)
	for login, role := range map[string]string{"ada": "write", "rob": "maintain", "joe": "read"} {
		u, err := w.gh.CreateUser(login)
		ok(t, err)
		if login == "ada" {
			w.ada = u.Token
		}
		ok(t, w.gh.SetPermission(repoName, login, role))
	}
	w.dir = filepath.Join(t.TempDir(), "clone")
	w.git(".", "clone", "-q", w.gh.URL()+"/acme/infra.git", w.dir)
	w.git(w.dir, "checkout", "-q", "-b", "main")
	files := map[string]string{}
	for i := range projects {
		files[fmt.Sprintf("p%02d/main.tf", i)] = "a\n"
	}
	w.commit("main", files)
	w.start()
	t.Cleanup(func() { w.stop() })
	return w
}

// start starts the server on the world's data.
func (w *world) start() {
	w.t.Helper()
	store, err := bolt.Open(w.data)
	ok(w.t, err)
	rules := func(workflow.Repo) (workflow.Rules, bool) {
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.rules, true
	}
	log := slog.New(slog.DiscardHandler)
	if os.Getenv("APP_TEST_LOG") != "" {
		log = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	w.svc = service.New(service.Config{Store: store, Source: source{w}, Engines: workflow.Engines{engine{}}, Rules: rules,
		Now: w.now, Log: log, Live: func(ctx context.Context, p workflow.Pull, actor workflow.Actor,
			approvers []workflow.Actor) (workflow.LiveFacts, error) {
			return w.app.Live(ctx, p, actor, approvers)
		}})
	ok(w.t, w.svc.Start(w.t.Context(), "test"))
	w.metrics = prometheus.NewRegistry()
	w.app, err = app.New(app.Config{
		APIURL: w.gh.APIURL(), AppID: w.ghAp.ID, PrivateKey: []byte(w.ghAp.PrivateKeyPEM), Secrets: []string{"secret"},
		PublicURL: "https://cardea.test", Metrics: w.metrics,
		Service: w.svc, Rules: rules, Now: w.now, Log: log, Timeout: time.Minute, RecoverEvery: time.Hour,
	})
	ok(w.t, err)
	w.web = httptest.NewServer(w.app.Handler())
	ok(w.t, w.gh.SetWebhookURL(w.ghAp.ID, w.web.URL))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- w.app.Run(ctx) }()
	w.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			w.t.Errorf("Run: %v", err)
		}
		w.web.Close()
		ok(w.t, store.Close())
	})
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.still.IsZero() {
		return w.still.Add(w.ahead)
	}
	return time.Now().Add(w.ahead)
}

func (w *world) git(dir string, args ...string) string {
	w.t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0",
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@x", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@x",
		"GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=credential.helper", "GIT_CONFIG_VALUE_0=!f() { echo username=x-access-token; echo password="+w.ada+"; }; f")
	out, err := cmd.CombinedOutput()
	if err != nil {
		w.t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// commit writes files on a branch, pushes it and returns the commit.
func (w *world) commit(branch string, files map[string]string) string {
	w.t.Helper()
	if branch != "main" {
		w.git(w.dir, "checkout", "-q", "-B", branch)
	}
	for name, text := range files {
		name = filepath.Join(w.dir, name)
		ok(w.t, os.MkdirAll(filepath.Dir(name), 0o755))
		ok(w.t, os.WriteFile(name, []byte(text), 0o644))
	}
	w.git(w.dir, "add", "-A")
	w.git(w.dir, "commit", "-q", "--allow-empty", "-m", "change "+branch)
	w.git(w.dir, "push", "-q", "origin", branch)
	return w.git(w.dir, "rev-parse", "HEAD")
}

// open changes projects on a branch and opens a pull as ada.
func (w *world) open(branch string, projects ...int) (number int, head string) {
	w.t.Helper()
	w.git(w.dir, "checkout", "-q", "main")
	files := map[string]string{}
	for _, p := range projects {
		files[fmt.Sprintf("p%02d/main.tf", p)] = "changed on " + branch + "\n"
	}
	head = w.commit(branch, files)
	number, err := w.gh.OpenPull(repoName, "ada", localgithub.PullRequest{Title: "Change " + branch, Head: branch})
	return must(w.t, number, err), head
}

// eventually waits until a condition holds.
func (w *world) eventually(what string, holds func() bool) {
	w.t.Helper()
	deadline := time.Now().Add(4 * time.Minute)
	for !holds() {
		if time.Now().After(deadline) {
			w.t.Fatalf("it never came true: %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// checks are the newest check runs of a commit: "status" or the conclusion, by name.
func (w *world) checks(sha string) map[string]string {
	w.t.Helper()
	runs, err := w.gh.CheckRuns(repoName, sha)
	ok(w.t, err)
	out := map[string]string{}
	for _, r := range runs {
		out[r.Name] = r.Status
		if r.Status == "completed" {
			out[r.Name] = r.Conclusion
		}
	}
	return out
}

// check is one check run of a commit, in full.
func (w *world) check(sha, name string) localgithub.CheckRun {
	w.t.Helper()
	runs, err := w.gh.CheckRuns(repoName, sha)
	ok(w.t, err)
	for _, r := range runs {
		if r.Name == name {
			return r
		}
	}
	return localgithub.CheckRun{}
}

// wantChecks waits for cardea/plan and cardea/apply.
func (w *world) wantChecks(sha, plan, apply string) {
	w.t.Helper()
	w.eventually(fmt.Sprintf("checks %s and %s at %.7s", plan, apply, sha), func() bool {
		c := w.checks(sha)
		return c["cardea/plan"] == plan && c["cardea/apply"] == apply
	})
}

// ours are our comments on a pull that begin with a marker.
func (w *world) ours(number int, marker string) (out []localgithub.IssueComment) {
	w.t.Helper()
	list, err := w.gh.Comments(repoName, number)
	ok(w.t, err)
	for _, c := range list {
		if c.Author == "cardea[bot]" && strings.HasPrefix(c.Body, marker) {
			out = append(out, c)
		}
	}
	return out
}

const (
	summary = "<!-- cardea:summary -->\n"
	reply   = "<!-- cardea:reply -->\n"
)

func (w *world) say(number int, who, text string) int64 {
	w.t.Helper()
	id, err := w.gh.Comment(repoName, number, who, text)
	return must(w.t, id, err)
}

// heard waits until everything that happened on GitHub is known and nothing is asked for.
func (w *world) heard() {
	w.t.Helper()
	w.eventually("nothing is asked for", w.isHeard)
}

// quiet waits until everything that is known is shown as well.
func (w *world) quiet() {
	w.t.Helper()
	w.eventually("nothing is to be done", func() bool {
		if !w.isHeard() { // first: what was asked for comes to be shown, not the other way round
			return false
		}
		unshown, err := w.svc.UnreportedPulls(w.t.Context())
		ok(w.t, err)
		return len(unshown) == 0
	})
}

func (w *world) isHeard() bool {
	w.t.Helper()
	ctx := w.t.Context()
	ok(w.t, w.gh.Idle(ctx))
	inbox, err := w.svc.PendingDeliveries(ctx, 1)
	ok(w.t, err)
	due, next, err := w.svc.DueRequests(ctx, service.DueQuery{})
	ok(w.t, err)
	return len(inbox)+len(due) == 0 && next.IsZero()
}

// plan claims the next run and ends it; false when none is queued.
func (w *world) plan(result workflow.Result) bool {
	w.t.Helper()
	run, found, err := w.svc.Claim(w.t.Context(), "test")
	ok(w.t, err)
	if !found {
		return false
	}
	result.Run, result.Epoch = run.ID, run.Epoch
	ok(w.t, w.svc.Finish(w.t.Context(), result))
	return true
}

// planAll plans all that is queued until nothing is, with results in turn.
func (w *world) planAll(results ...workflow.Result) (n int) {
	w.t.Helper()
	for w.plan(results[n%len(results)]) {
		n++
	}
	return n
}

func changes() workflow.Result {
	return workflow.Result{Outcome: workflow.OutcomeSucceeded, Plan: &workflow.Plan{
		Counts: workflow.Counts{Add: 1}, ChangesHash: "h", Tool: "terraform", ToolVersion: "1.11.4",
		Changes: []workflow.Change{{Address: "x.y", Mode: "managed", Type: "x", Action: workflow.ActionCreate}},
	}}
}

func noChanges() workflow.Result {
	return workflow.Result{Outcome: workflow.OutcomeSucceeded,
		Plan: &workflow.Plan{NoChanges: true, Tool: "terraform", ToolVersion: "1.11.4"}}
}

func fails() workflow.Result {
	return workflow.Result{Outcome: workflow.OutcomeFailed, Reason: "terraform failed", Diagnostics: []workflow.Diagnostic{
		{Severity: workflow.SeverityError, Summary: "Invalid reference", Detail: "There is no x.", Position: workflow.Position{File: "p00/main.tf", Line: 1}},
	}}
}

// waitRuns waits until so many runs are queued.
func (w *world) waitRuns(n int) {
	w.t.Helper()
	w.eventually(fmt.Sprintf("%d runs are queued", n), func() bool {
		live, err := w.svc.LiveRuns(w.t.Context())
		ok(w.t, err)
		return len(live) == n
	})
}

// source is ada's clone: enough of git for the service. The planned tree is the head's.
type source struct{ w *world }

func (s source) run(args ...string) (string, error) {
	cmd := exec.Command("git", args...)
	cmd.Dir = s.w.dir
	out, err := cmd.Output()
	return strings.TrimSpace(string(out)), err
}

func (s source) tree(sha string) (workflow.Tree, error) {
	id, err := s.run("rev-parse", sha+"^{tree}")
	if err != nil {
		return workflow.Tree{}, err
	}
	list, err := s.run("ls-tree", "-r", "--name-only", sha)
	fsys := fstest.MapFS{}
	for name := range strings.Lines(list) {
		fsys[strings.TrimSpace(name)] = &fstest.MapFile{Data: []byte(name)}
	}
	return workflow.Tree{ID: id, FS: fsys}, err
}

// Checkout implements workflow.Source.
func (s source) Checkout(_ context.Context, p workflow.Pull, _ workflow.CheckoutMode) (workflow.Checkout, error) {
	base, err := s.run("rev-parse", "origin/"+p.Base.Ref)
	co := workflow.Checkout{Head: p.Head.SHA, Base: base}
	if err != nil {
		return co, err
	}
	if co.BaseTree, err = s.tree(base); err != nil {
		return co, err
	}
	if co.Planned, err = s.tree(p.Head.SHA); err != nil {
		return co, fmt.Errorf("reading %s: %w", p.Head.SHA, workflow.ErrNotYet)
	}
	diff, err := s.run("diff", "--name-only", base+"..."+p.Head.SHA)
	for name := range strings.Lines(diff) {
		co.Changes = append(co.Changes, workflow.FileChange{Path: strings.TrimSpace(name), Status: "modified"})
	}
	return co, err
}

// engine finds a project wherever there is a main.tf, and plans nothing: the test does.
type engine struct{}

func (engine) Kind() workflow.Kind { return workflow.Kind{Name: "terraform", Title: "Terraform"} }

// Discover implements workflow.Engine.
func (engine) Discover(_ context.Context, t workflow.Tree) (workflow.Discovery, error) {
	d := workflow.Discovery{Modules: map[string]workflow.Module{}}
	return d, fs.WalkDir(t, ".", func(p string, _ fs.DirEntry, err error) error {
		if path.Base(p) == "main.tf" {
			d.Modules[path.Dir(p)] = workflow.Module{Dir: path.Dir(p), KeepsState: true, SaysWhich: true}
		}
		return err
	})
}

// States implements workflow.Engine.
func (engine) States(context.Context, workflow.Tree, workflow.Discovery, workflow.Project) (workflow.States, error) {
	return nil, nil
}

// Inputs implements workflow.Engine.
func (engine) Inputs(_ context.Context, _ workflow.Tree, _ workflow.Discovery,
	p workflow.Project) (workflow.Inputs, error) {
	return workflow.Inputs{Dir: p.Dir, Digest: "inputs of " + p.Dir, States: workflow.States{"state of " + p.Dir}}, nil
}

// Apply implements workflow.Engine.
func (engine) Apply(context.Context, workflow.ApplyJob) (workflow.Result, error) {
	return workflow.Result{}, errors.New("nothing applies here")
}

// Plan implements workflow.Engine.
func (engine) Plan(context.Context, workflow.PlanJob) (workflow.Result, error) {
	return workflow.Result{}, errors.New("the test plans")
}

// one is the name of the only state; "" for none.
func one(s workflow.States) string { return strings.Join(s, " ") }
