package app_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cardea-iac/cardea/app"
	"github.com/cardea-iac/cardea/internal/localgithub"
	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/bolt"
	"github.com/cardea-iac/cardea/workflow/git"
	"github.com/cardea-iac/cardea/workflow/service"
	"github.com/cardea-iac/cardea/workflow/terraform"
)

// lane is a GitHub and a server on it, in which one ground after the other is
// trodden. Everything that decides is the product's: git over HTTP, merges, inputs,
// the store on disk, the App. Only the runner is the test's, because terraform would
// be too slow for some hundred applies: it makes plans, and counts the applies that got the word.
type lane struct {
	t      *testing.T
	gh     *localgithub.Server
	ghApp  localgithub.App
	store  *bolt.Store
	svc    *service.Service
	clone  string            // has every commit that is ever pushed
	start  string            // the repository that each ground starts as
	commit map[string]string // by branch of clone
	people map[string]localgithub.User

	mu      sync.Mutex
	grounds map[int64]*ground // by repository
	made    int
}

// ground is one repository of a lane with one pull that is planned, approved and ready to be applied.
type ground struct {
	*lane
	repo localgithub.Repo
	key  workflow.PullKey

	mu       sync.Mutex
	rules    workflow.Rules
	serial   uint64 // of the state
	contents string // what was applied last: a fingerprint
	executed map[string]int
	phase    string   // of the last apply: "" before the runner asks for the word, "asks", "has it"
	calls    []string // of the App since watch
	faults   []string // what must never be
}

func newLane(t *testing.T) *lane {
	l := &lane{t: t, grounds: map[int64]*ground{}, people: map[string]localgithub.User{}}
	gh, err := localgithub.Start(localgithub.Options{Dir: t.TempDir(), RateLimit: 1_000_000})
	l.gh = must(t, gh, err)
	t.Cleanup(func() { ok(t, l.gh.Close()) })
	for _, login := range []string{"ada", "rex", "ivy", "root"} {
		u, err := l.gh.CreateUser(login)
		l.people[login] = must(t, u, err)
	}
	a, err := l.gh.CreateApp(localgithub.App{
		Slug: "cardea", WebhookURL: "http://127.0.0.1:1/webhook", WebhookSecret: "secret",
		Permissions: map[string]string{"contents": "read", "pull_requests": "write", "issues": "write", "checks": "write"},
		Events:      []string{"pull_request", "issue_comment", "pull_request_review", "push", "repository"},
	})
	l.ghApp = must(t, a, err)
	l.commits()
	l.serve()
	return l
}

// commits makes the branches that grounds push.
func (l *lane) commits() {
	const backend = "terraform {\n  backend \"local\" { path = \"/nowhere/p.tfstate\" }\n}\n"
	project := func(size string) string {
		return backend + "module \"m\" {\n  source = \"../mod\"\n  size = " + size + "\n}\n"
	}
	main := map[string]string{"p/main.tf": project("1"), "mod/main.tf": "variable \"size\" {}\nresource \"terraform_data\" \"x\" { input = var.size }\n", "README.md": "words\n"}
	l.clone, l.commit = l.t.TempDir(), map[string]string{}
	l.git("init", "-q", "-b", "main", ".")
	for _, b := range []struct {
		name, from string
		files      map[string]string
	}{
		{"main", "", main},
		{"other", "main", nil},
		{"feature", "main", map[string]string{"p/main.tf": project("2")}},
		{"feature2", "feature", map[string]string{"p/main.tf": project("3")}},
		{"words", "feature", map[string]string{"README.md": "more words\n"}},
		{"module", "main", map[string]string{"mod/main.tf": main["mod/main.tf"] + "# moved\n"}},
		{"reviewed", "main", map[string]string{".cardea.yml": "version: 1\nrequire: [reviewed]\n"}},
		{"label", "main", map[string]string{".cardea.yml": "version: 1\nprojects:\n  - dir: p\n    environment: prod\n"}},
		{"faulty", "main", map[string]string{".cardea.yml": "version: nonsense\n"}},
	} {
		if b.from != "" {
			l.git("checkout", "-q", "-B", b.name, b.from)
		}
		for name, text := range b.files {
			ok(l.t, os.MkdirAll(filepath.Dir(filepath.Join(l.clone, name)), 0o755))
			ok(l.t, os.WriteFile(filepath.Join(l.clone, name), []byte(text), 0o644))
		}
		l.git("add", "-A")
		l.git("commit", "-q", "--allow-empty", "-m", b.name)
		l.commit[b.name] = l.git("rev-parse", "HEAD")
	}
	l.start = l.t.TempDir()
	l.git("init", "-q", "--bare", "-b", "main", l.start)
	l.git("push", "-q", l.start, "main", "other", "feature")
}

func (l *lane) git(args ...string) string {
	l.t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = l.clone
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0",
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@x", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@x",
		"GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=http."+l.gh.URL()+".extraHeader", "GIT_CONFIG_VALUE_0=Authorization: Basic "+base64.StdEncoding.EncodeToString([]byte("ada:"+l.people["ada"].Token)))
	out, err := cmd.CombinedOutput()
	if err != nil {
		l.t.Errorf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// serve starts the server and the runner.
func (l *lane) serve() {
	data := l.t.TempDir()
	store, err := bolt.Open(data)
	l.store = must(l.t, store, err)
	log := slog.New(slog.DiscardHandler)
	if os.Getenv("APP_TEST_LOG") != "" {
		log = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	var a *app.App
	mirrors, err := git.NewMirrors(filepath.Join(data, "repos"), l.gh.URL(), func(ctx context.Context, repo workflow.Repo) (string, error) { return a.Token(ctx, repo) })
	ok(l.t, err)
	l.svc = service.New(service.Config{
		Store: store, Source: mirrors, Engines: workflow.Engines{terraform.New(terraform.Options{})}, Rules: l.rules, Log: log,
		Live: func(ctx context.Context, p workflow.Pull, actor workflow.Actor, approvers []workflow.Actor) (workflow.LiveFacts, error) {
			return a.Live(ctx, p, actor, approvers)
		},
	})
	ok(l.t, l.svc.Start(l.t.Context(), "test"))
	a, err = app.New(app.Config{
		APIURL: l.gh.APIURL(), AppID: l.ghApp.ID, PrivateKey: []byte(l.ghApp.PrivateKeyPEM), Secrets: []string{"secret"}, PublicURL: "https://cardea.test",
		Service: l.svc, Rules: l.rules, Log: log, RecoverEvery: time.Hour,
	})
	ok(l.t, err)
	web := httptest.NewServer(a.Handler())
	ok(l.t, l.gh.SetWebhookURL(l.ghApp.ID, web.URL))
	ctx, cancel := context.WithCancel(context.Background())
	var loops sync.WaitGroup
	loops.Go(func() { l.run(ctx) })
	loops.Go(func() {
		if err := a.Run(ctx); err != nil {
			l.t.Errorf("Run: %v", err)
		}
	})
	l.t.Cleanup(func() {
		cancel()
		loops.Wait()
		web.Close()
		ok(l.t, store.Close())
	})
}

func (l *lane) of(repo int64) *ground {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.grounds[repo]
}

func (l *lane) rules(repo workflow.Repo) (workflow.Rules, bool) {
	g := l.of(repo.ID)
	if g == nil {
		return workflow.Rules{}, false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.rules, true
}

// run claims and carries out runs as a worker does.
func (l *lane) run(ctx context.Context) {
	look := time.NewTicker(100 * time.Millisecond)
	defer look.Stop()
	for ctx.Err() == nil {
		run, found, err := l.svc.Claim(ctx, "test")
		if err != nil && ctx.Err() == nil {
			l.t.Errorf("claiming: %v", err)
		}
		if !found {
			select {
			case <-ctx.Done():
			case <-l.svc.Woken(service.WakeRuns):
			case <-look.C:
			}
			continue
		}
		g := l.of(run.Repo.ID)
		res := g.carry(ctx, run)
		if res == nil {
			continue
		}
		res.Run, res.Epoch = run.ID, run.Epoch
		if err := l.svc.Finish(ctx, *res); err != nil && ctx.Err() == nil && !errors.Is(err, workflow.ErrStale) {
			l.t.Errorf("finishing: %v", err)
		}
	}
}

// carry carries out a run; nil: the service has ended it.
func (g *ground) carry(ctx context.Context, run workflow.Run) *workflow.Result {
	if run.Kind == workflow.RunApply {
		return g.apply(ctx, run)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	p := workflow.Plan{
		Fingerprint: fmt.Sprintf("%x", sha256.Sum256([]byte(run.InputsDigest))), ChangesHash: run.InputsDigest, InputsDigest: run.InputsDigest, States: run.States,
		Hidden: run.Hidden, Fetched: workflow.Fetched{Tool: "terraform 1.11.4"}, StateID: "line of " + one(run.States), StateVersion: workflow.Counted(g.serial), Tool: "terraform", ToolVersion: "1.11.4", PlannedAt: time.Now(),
		Counts: workflow.Counts{Add: 1}, Changes: []workflow.Change{{Address: "x.y", Mode: "managed", Type: "x", Action: workflow.ActionCreate}},
	}
	if p.NoChanges = g.contents == p.Fingerprint; p.NoChanges {
		p.Counts, p.Changes = workflow.Counts{}, nil
	}
	return &workflow.Result{Outcome: workflow.OutcomeSucceeded, Plan: &p, Artefact: "artefact of " + run.ID}
}

// apply asks for the word as the worker does and, with it, applies: it counts.
func (g *ground) apply(ctx context.Context, run workflow.Run) *workflow.Result {
	g.mu.Lock()
	g.phase = "asks"
	state := workflow.StateVersion{ID: "line of " + one(run.States), Version: workflow.Counted(g.serial)}
	g.mu.Unlock()
	err := g.svc.Authorise(ctx, run, run.Apply.Artefact, state)
	if errors.Is(err, workflow.ErrStale) {
		return nil
	}
	if err != nil {
		return &workflow.Result{Outcome: workflow.OutcomeRefused, NotStarted: true, Reason: "The apply was not allowed to start."}
	}
	stored, err := g.svc.Run(ctx, run.ID)
	if err != nil || !stored.Apply.Spent || stored.Apply.Authorised == nil {
		g.fault("an apply got the word without a durable authorisation: %v", err)
	}
	locks, err := g.svc.Locks(ctx, run.Repo.ID)
	locks = slices.DeleteFunc(locks, func(l workflow.Lock) bool { return workflow.OfPull(l.Pull) != run.Subject() })
	if err != nil || len(locks) != 3 {
		g.fault("an apply got the word with %d locks of 3: %v", len(locks), err)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.phase = "has it"
	if workflow.Counted(g.serial) != state.Version { // terraform's own refusal, the last one
		return &workflow.Result{Outcome: workflow.OutcomeFailed, Reason: "Saved plan is stale.", Total: 1}
	}
	g.executed[run.Apply.PlanRun]++
	g.serial++
	g.contents = run.Apply.Fingerprint
	return &workflow.Result{Outcome: workflow.OutcomeSucceeded, Done: 1, Total: 1}
}

func (g *ground) fault(format string, args ...any) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.faults = append(g.faults, fmt.Sprintf(format, args...))
}

// never is what must never be, and was.
func (g *ground) never() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return append([]string(nil), g.faults...)
}

// executions are the applies that were carried out, and the most of one plan.
func (g *ground) executions() (all, most int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, n := range g.executed {
		all, most = all+n, max(most, n)
	}
	return all, most
}

// ground makes a repository with a pull by ada that rex has approved. bare: GitHub requires nothing.
func (l *lane) ground(bare bool) *ground {
	l.t.Helper()
	l.made++
	org := fmt.Sprintf("org%d", l.made)
	repo, err := l.gh.CreateRepo(org, "infra", localgithub.RepoOptions{Private: true, From: l.start})
	ok(l.t, err)
	g := &ground{lane: l, repo: repo, rules: workflow.DefaultRules("*/*"), serial: 1, executed: map[string]int{}}
	two := workflow.ApprovalRules{Count: 2}
	g.rules.Environments = map[string]workflow.EnvironmentRules{"prod": {Approvals: &two}}
	l.mu.Lock()
	l.grounds[repo.ID] = g
	l.mu.Unlock()
	for login, role := range map[string]string{"ada": "write", "rex": "write", "ivy": "write", "root": "admin"} {
		ok(l.t, l.gh.SetPermission(repo.FullName, login, role))
	}
	_, err = l.gh.Install(l.ghApp.ID, org)
	ok(l.t, err)
	g.status("success")
	number, err := l.gh.OpenPull(repo.FullName, "ada", localgithub.PullRequest{Title: "Change", Head: "feature"})
	g.key = workflow.PullKey{RepoID: repo.ID, Number: must(l.t, number, err)}
	if !bare {
		ok(l.t, l.gh.Protect(repo.FullName, "main", localgithub.Protection{Reviews: 1, Checks: []localgithub.RequiredCheck{{Context: "lint"}}}))
		ok(l.t, l.gh.Review(repo.FullName, g.key.Number, "rex", "APPROVE", ""))
	}
	g.approve()
	return g
}

// push moves branches of the repository to commits of the clone: branch, commit, ...
func (g *ground) push(pairs ...string) {
	args := []string{"push", "-q", "-f", g.repo.CloneURL}
	for i := 0; i < len(pairs); i += 2 {
		args = append(args, g.commit[pairs[i+1]]+":refs/heads/"+pairs[i])
	}
	g.git(args...)
}

// rest makes a REST call below the repository as a person.
func (g *ground) rest(login, method, path string, in, out any) {
	body, err := json.Marshal(in)
	ok(g.t, err)
	req, err := http.NewRequest(method, g.gh.APIURL()+"/repos/"+g.repo.FullName+path, bytes.NewReader(body))
	ok(g.t, err)
	req.Header.Set("Authorization", "token "+g.people[login].Token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		g.t.Errorf("%s %s: %v", method, path, err)
		return
	}
	defer resp.Body.Close()
	if resp.StatusCode >= 300 {
		g.t.Errorf("%s %s: %s", method, path, resp.Status)
	}
	if out != nil {
		ok(g.t, json.NewDecoder(resp.Body).Decode(out))
	}
}

func (g *ground) status(state string) {
	g.rest("ada", "POST", "/statuses/"+g.commit["feature"], map[string]string{"state": state, "context": "lint"}, nil)
}

func (g *ground) say(login, text string) int64 {
	id, err := g.gh.Comment(g.repo.FullName, g.key.Number, login, text)
	if err != nil {
		g.t.Errorf("%s says %q: %v", login, text, err)
	}
	return id
}

// heard says something and waits until it is durable here.
func (g *ground) heard(login, text string) {
	id := g.say(login, text)
	g.until("a comment is heard", func() bool { _, found := g.request(id); return found })
}

func (g *ground) request(comment int64) (req workflow.Request, found bool) {
	err := g.store.View(context.Background(), func(tx workflow.Tx) (err error) {
		req, err = tx.RequestByKey(fmt.Sprintf("comment:%d", comment))
		return err
	})
	return req, err == nil
}

func (g *ground) record() workflow.PullRecord {
	rec, err := g.svc.Pull(context.Background(), g.key)
	if err != nil && !errors.Is(err, workflow.ErrNotFound) {
		g.t.Errorf("reading the pull: %v", err)
	}
	return rec
}

func (g *ground) until(what string, holds func() bool) bool {
	for deadline := time.Now().Add(3 * time.Minute); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			g.t.Errorf("%s: it never came true: %s", g.repo.FullName, what)
			return false
		}
	}
	return true
}

// quiet waits until nothing is to be done for the pull and all is shown.
func (g *ground) quiet() {
	ctx := context.Background()
	g.until("nothing is to be done", func() bool {
		if err := g.gh.Idle(ctx); err != nil {
			return false
		}
		busy := false
		err := g.store.View(ctx, func(tx workflow.Tx) error {
			inbox, err := tx.PendingDeliveries(1)
			requests, err2 := tx.PendingRequests(0, 1000)
			live, err3 := tx.LiveRuns()
			unshown, err4 := tx.UnreportedPulls()
			busy = len(inbox)+len(requests)+len(live)+len(unshown) > 0
			return errors.Join(err, err2, err3, err4)
		})
		return err == nil && !busy
	})
}

// approve lets rex approve the plan that is there, by its fingerprint.
func (g *ground) approve() {
	g.t.Helper()
	planned := func() bool {
		rec := g.record()
		return len(rec.Projects) == 1 && rec.Projects[0].Run != nil && rec.Projects[0].Run.State == workflow.RunFinished
	}
	if !g.until("a plan", planned) {
		return
	}
	g.quiet()
	g.say("rex", "cardea approve -p p@"+g.record().Projects[0].Run.Fingerprint[:12])
	g.quiet()
}

// watch notes the App's calls from now on; the rule is what happens at the n-th.
func (g *ground) watch(rule localgithub.FaultRule) localgithub.Fault {
	g.mu.Lock()
	g.calls, g.phase = nil, ""
	g.mu.Unlock()
	g.gh.Faults.Clear()
	number := regexp.MustCompile(`/[0-9a-f]{40}|/\d+`)
	rule.Match = func(r *http.Request, body []byte) bool {
		auth := r.Header.Get("Authorization")
		user, pass, basic := r.BasicAuth()
		if !strings.Contains(auth, "ghs_") && !(basic && user != "" && strings.HasPrefix(pass, "ghs_")) && !strings.HasPrefix(r.URL.Path, "/app/") {
			return false
		}
		name := r.Method + " " + number.ReplaceAllString(strings.TrimPrefix(r.URL.Path, "/repos/"+g.repo.FullName), "/N")
		if bytes.Contains(body, []byte("mergeable reviewDecision")) {
			name = "facts"
		}
		g.mu.Lock()
		defer g.mu.Unlock()
		g.calls = append(g.calls, name)
		return true
	}
	return g.gh.Faults.Add(rule)
}

// seen are the calls so far.
func (g *ground) seen() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return append([]string(nil), g.calls...)
}

// asked lets ada ask for the apply and waits for its end. It returns the texts of the answers to it that stand on GitHub.
func (g *ground) asked() (answers []string) {
	g.t.Helper()
	id := g.say("ada", "cardea apply")
	var req workflow.Request
	g.until("the apply is heard and carried out", func() bool {
		var found bool
		req, found = g.request(id)
		return found && req.Done
	})
	g.quiet()
	list, err := g.gh.Comments(g.repo.FullName, g.key.Number)
	ok(g.t, err)
	for _, r := range g.record().Replies {
		if r.Key != req.ID && r.Key != req.ID+"/end" {
			continue
		}
		for _, c := range list {
			if c.ID == r.CommentID {
				answers = append(answers, c.Body)
			}
		}
	}
	return answers
}
