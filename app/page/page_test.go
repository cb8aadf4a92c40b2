package page_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"github.com/cardea-iac/cardea/app/page"
	"github.com/cardea-iac/cardea/app/preflight"
	"github.com/cardea-iac/cardea/internal/golden"
	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/bolt"
	"github.com/cardea-iac/cardea/workflow/service"
)

var (
	noon = time.Date(2026, 11, 21, 12, 4, 0, 0, time.UTC)
	repo = workflow.Repo{ID: 7, Owner: "acme", Name: "infra", InstallationID: 1, DefaultBranch: "main"}
	ada  = workflow.Actor{ID: 3, Login: "ada"}
)

const evil = "</pre></script><script>alert(1)</script><img src=x onerror=alert(1)>\"'`{{.}} \x1b]8;;javascript:alert(1)\x07x\x1b]8;;\x07 \u202egnp"

// world is a store with pulls, its pages, and the logs of its runs.
type world struct {
	t        testing.TB
	store    *bolt.Store
	read     *counting
	handler  http.Handler
	logs     map[string]string
	progress map[string][]workflow.Progress
	findings []preflight.Finding
}

func newWorld(t testing.TB) *world {
	store, err := bolt.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	w := &world{t: t, store: store, read: &counting{Store: store}, logs: map[string]string{}, progress: map[string][]workflow.Progress{}}
	w.handler = page.New(page.Config{
		Service: service.New(service.Config{Store: w.read}),
		Logs: func(id string) (io.ReadSeekCloser, error) {
			log, ok := w.logs[id]
			if !ok {
				return nil, fs.ErrNotExist
			}
			return nopCloser{strings.NewReader(log)}, nil
		},
		Progress: func(id string) ([]workflow.Progress, error) {
			progress, ok := w.progress[id]
			if !ok {
				return nil, fs.ErrNotExist
			}
			return progress, nil
		},
		Checks: func(pulls []workflow.PullRecord) (plan, apply page.Check) {
			if pulls[0].Known {
				return page.Check{Status: "completed", Conclusion: "success"}, page.Check{Status: "completed", Conclusion: "action_required"}
			}
			return page.Check{Status: "queued"}, page.Check{Status: "queued"}
		},
		Findings: func() []preflight.Finding { return append([]preflight.Finding{}, w.findings...) },
		WebURL:   "https://github.example.com",
	})
	w.do(func(tx workflow.Tx) error { return tx.PutRepo(workflow.RepoRecord{Repo: repo, Key: make([]byte, 32)}) })
	return w
}

type nopCloser struct{ *strings.Reader }

func (nopCloser) Close() error { return nil }

func (w *world) do(rule func(workflow.Tx) error) {
	w.t.Helper()
	if err := w.store.Update(context.Background(), rule); err != nil {
		w.t.Fatal(err)
	}
}

// pull puts a pull with these runs, one for each project, and their plans.
func (w *world) pull(number int, title string, runs []workflow.Run, plans map[string]workflow.Plan) {
	w.t.Helper()
	rec := workflow.PullRecord{Known: true, BaseSHA: "0fedcba987654321", CreatedAt: noon, ChangedAt: noon, Pull: workflow.Pull{
		Repo: repo, Number: number, Title: title, Author: ada, State: workflow.PullOpen,
		Head: workflow.Ref{Ref: "subnets", SHA: fmt.Sprintf("abc%04d", number)}, Base: workflow.Ref{Ref: "main", SHA: "0fedcba987654321"}}}
	w.do(func(tx workflow.Tx) error {
		for i := range runs {
			r := &runs[i]
			r.Repo, r.Number, r.Kind, r.Head, r.Base, r.Actor, r.Queued = repo, number, workflow.RunPlan, rec.Pull.Head.SHA, rec.BaseSHA, ada, noon
			if p, ok := plans[r.ID]; ok {
				r.Counts, r.NoChanges, r.Fingerprint = p.Counts, p.NoChanges, p.Fingerprint
				if err := tx.PutPlan(r.ID, p); err != nil {
					return err
				}
			}
			if err := tx.PutRun(*r); err != nil {
				return err
			}
			rec.Projects = append(rec.Projects, workflow.ProjectRecord{Project: r.Project, Run: r, Runs: []string{r.ID}, Reasons: phrase.Texts("`" + r.Project.Dir + "/main.tf` changed")})
			e := workflow.Event{At: noon, Repo: repo.ID, Number: number, Project: r.Project.Name, Run: r.ID, Actor: ada, Kind: "queued", Text: phrase.Plain("A plan was queued, " + r.Project.Environment)}
			if err := tx.Append(&e); err != nil {
				return err
			}
		}
		return tx.PutPull(rec)
	})
}

func run(id, name, env string, state workflow.RunState, outcome workflow.Outcome) workflow.Run {
	r := workflow.Run{ID: id, State: state, Outcome: outcome, Project: workflow.Project{Name: name, Dir: name, Variant: "default", Environment: env, Component: filepath.Base(name), Engine: "terraform"}}
	if state != workflow.RunQueued {
		r.Started = noon.Add(2 * time.Second)
	}
	if state == workflow.RunFinished {
		r.Finished = noon.Add(43 * time.Second)
	}
	return r
}

func (w *world) get(path string, header ...string) *http.Response {
	w.t.Helper()
	r := httptest.NewRequest(http.MethodGet, path, nil)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	rec := httptest.NewRecorder()
	w.handler.ServeHTTP(rec, r)
	return rec.Result()
}

func (w *world) body(path string) string {
	w.t.Helper()
	b, err := io.ReadAll(w.get(path).Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return string(b)
}

var network = workflow.Plan{Tool: "terraform", ToolVersion: "1.15.8", PlannedAt: noon, Fingerprint: "3f9a12c4b0de" + strings.Repeat("0", 52), ChangesHash: "a",
	Counts: workflow.Counts{Add: 1, Change: 1, Destroy: 1},
	Hidden: []workflow.HiddenEffect{{Kind: "provisioner", Text: "`null_resource.notify` runs local-exec when it is created"}},
	Changes: []workflow.Change{
		{Address: "aws_subnet.private", Action: workflow.ActionCreate, Attributes: []workflow.Attribute{{Path: "cidr_block", Mark: workflow.MarkAdd, After: `"10.0.48.0/20"`}}},
		{Address: "aws_instance.web", Action: workflow.ActionUpdate, Unchanged: 31, Attributes: []workflow.Attribute{{Path: "instance_type", Mark: workflow.MarkChange, Before: `"t3.medium"`, After: `"t3.large"`}}},
		{Address: "aws_s3_bucket.logs", Action: workflow.ActionDelete, Attributes: []workflow.Attribute{{Path: "bucket", Mark: workflow.MarkRemove, Before: `"acme-logs"`}}},
	}}

// sample is a pull with a project in every state, and a quiet second one.
func sample(t *testing.T) *world {
	w := newWorld(t)
	failed := run("run04", "dev/app", "dev", workflow.RunFinished, workflow.OutcomeFailed)
	failed.Reason = "terraform plan exited 1"
	failed.Diagnostics = []workflow.Diagnostic{{Severity: workflow.SeverityError, Summary: "Unsupported argument", Detail: "An argument named \"cidr\" is not expected here.", Position: workflow.Position{File: "dev/app/main.tf", Line: 12},
		Snippet: workflow.Snippet{Context: `resource "aws_vpc" "main"`, Line: 11, Code: "resource \"aws_vpc\" \"main\" {\n  cidr = \"<script>\"\n}", Values: `var.x is "y"`}}}
	queued := run("run05", "prod/dns", "prod", workflow.RunQueued, "")
	queued.Waiting = "The state lock is held by `ci@build-7`."
	w.pull(12, "Larger subnets", []workflow.Run{
		run("run01", "prod/network", "prod", workflow.RunFinished, workflow.OutcomeSucceeded), run("run02", "dev/network", "dev", workflow.RunFinished, workflow.OutcomeSucceeded),
		run("run03", "prod/app", "prod", workflow.RunRunning, ""), failed, queued,
	}, map[string]workflow.Plan{"run01": network, "run02": {NoChanges: true, Tool: "terraform", ToolVersion: "1.15.8", PlannedAt: noon, ChangesHash: "b"}})
	w.pull(13, "Rename a role", nil, nil)
	w.logs["run01"] = "Initializing the backend...\n\x1b[1m\x1b[32mTerraform has been successfully initialized!\x1b[0m\n\x1b[31mred <b>\x1b[0m\n"
	return w
}

var pagePaths = map[string]string{
	"index": "/", "repo": "/acme/infra", "pull": "/acme/infra/pull/12", "quiet": "/acme/infra/pull/13", "project": "/acme/infra/project/prod/network",
	"run": "/runs/run01", "failed": "/runs/run04", "queued": "/runs/run05", "missing": "/acme/nothing",
}

func TestPagesGolden(t *testing.T) {
	w := sample(t)
	for name, path := range pagePaths {
		t.Run(name, func(t *testing.T) {
			golden.Check(t, "testdata/"+name+".html", w.body(path))
			golden.Check(t, "testdata/"+name+".json", w.body(path+".json"))
		})
	}
}

// The page of all repositories says what is wrong with the App while an error stands; its JSON has the warnings too.
func TestProblems(t *testing.T) {
	w := newWorld(t)
	w.findings = []preflight.Finding{
		{Check: "sign_in", Level: preflight.Error, Found: "Cannot sign in as `<b>7</b>`.", Fix: "Set `github.app_id`."},
		{Check: "clock", Level: preflight.Warning, Found: "A little off.", Fix: "Set it."}, {Check: "events", Level: preflight.OK},
	}
	html, text := w.body("/"), w.body("/.json")
	if !strings.Contains(html, `<div class="alarm" role="alert"><p><strong>Cannot sign in as <code>&lt;b&gt;7&lt;/b&gt;</code>.</strong> Set <code>github.app_id</code>.</p>`) ||
		strings.Contains(html, "A little off") {
		t.Errorf("the page:\n%s", html)
	}
	if !strings.Contains(text, `"found": "A little off."`) || strings.Contains(text, `"events"`) || !strings.Contains(text, `"check": "sign_in"`) {
		t.Errorf("its JSON:\n%s", text)
	}
	if strings.Contains(w.body("/acme/infra"), "alarm") {
		t.Error("other pages stay as they are")
	}
	for i := range 30 {
		w.findings = append(w.findings, preflight.Finding{Check: "installations", About: fmt.Sprint(i), Level: preflight.Error, Found: "No.", Fix: "Yes."})
	}
	if html := w.body("/"); strings.Count(html, "<strong>") != 10 || !strings.Contains(html, "21 more problems: see the log.") {
		t.Errorf("many of them:\n%s", html)
	}
	w.findings = nil
	if strings.Contains(w.body("/"), "alarm") {
		t.Error("nothing is wrong, and it still says something")
	}
}

// TestPullJSON holds the keys that programs rely on: every one of them, in every project.
func TestPullJSON(t *testing.T) {
	var got map[string]any
	if err := json.Unmarshal([]byte(sample(t).body("/acme/infra/pull/12.json")), &got); err != nil {
		t.Fatal(err)
	}
	keys := func(v any) string {
		var out []string
		for k := range v.(map[string]any) {
			out = append(out, k)
		}
		slices.Sort(out)
		return strings.Join(out, " ")
	}
	for _, c := range []struct {
		what string
		v    any
		want string
	}{
		{"pull", got, "apply base head number plan projects repository state"},
		{"head", got["head"], "ref sha"},
		{"plan", got["plan"], "conclusion status"},
	} {
		if k := keys(c.v); k != c.want {
			t.Errorf("%s has the keys %q, want %q", c.what, k, c.want)
		}
	}
	states := map[string]string{}
	for _, p := range got["projects"].([]any) {
		m := p.(map[string]any)
		if k, want := keys(m), "add approvals change component destroy environment fingerprint follows lock name reason replace runs state variant waits_for"; k != want {
			t.Errorf("a project has the keys %q, want %q", k, want)
		}
		for _, list := range []string{"reason", "approvals", "waits_for", "follows", "runs"} {
			if _, ok := m[list].([]any); !ok {
				t.Errorf("%s of %s is %v, not a list", list, m["name"], m[list])
			}
		}
		states[m["name"].(string)] = m["state"].(string)
		for _, r := range m["runs"].([]any) {
			if k, want := keys(r), "finished head id kind outcome started state"; k != want {
				t.Errorf("a run has the keys %q, want %q", k, want)
			}
		}
	}
	want := map[string]string{"prod/network": "planned", "dev/network": "no_changes", "prod/app": "planning", "dev/app": "plan_failed", "prod/dns": "queued"}
	if d := cmp.Diff(want, states); d != "" {
		t.Errorf("states (-want +got):\n%s", d)
	}
}

func TestHeaders(t *testing.T) {
	w := sample(t)
	for _, path := range []string{"/", "/acme/infra/pull/12", "/runs/run01", "/runs/run01/log", "/static/style.css", "/acme/infra/pull/12.json", "/missing", "/a/b/c/d/e"} {
		h := w.get(path).Header
		for name, want := range map[string]string{"Content-Security-Policy": page.Policy, "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "X-Frame-Options": "DENY"} {
			if got := h.Get(name); got != want {
				t.Errorf("%s of %s is %q, want %q", name, path, got, want)
			}
		}
	}
	if got, want := w.get("/runs/run01/log").Header.Get("Content-Type"), "text/plain; charset=utf-8"; got != want {
		t.Errorf("a log is %q, want %q", got, want)
	}
}

func TestStatus(t *testing.T) {
	w := sample(t)
	for path, want := range map[string]int{
		"/": 200, "/acme/infra": 200, "/ACME/Infra": 200, "/acme/infra/pull/12": 200, "/acme/infra/pull/99": 404, "/acme/infra/pull/x": 404, "/acme/other": 404,
		"/acme/infra/project/no/such": 404, "/runs/nope": 404, "/runs/run03/log": 404, "/runs/run01/log": 200, "/static/style.css": 200, "/static/none": 404, "/x": 404,
		"/acme/infra/pull/99.json": 404, "/runs/run01?action=destroy": 200, "/runs/run01?from=-1": 200, "/runs/run01?from=9999999999999999999": 200,
	} {
		if got := w.get(path).StatusCode; got != want {
			t.Errorf("GET %s is %d, want %d", path, got, want)
		}
	}
	r := httptest.NewRecorder()
	w.handler.ServeHTTP(r, httptest.NewRequest(http.MethodPost, "/acme/infra/pull/12", nil))
	if got, want := r.Code, http.StatusMethodNotAllowed; got != want {
		t.Errorf("POST is %d, want %d", got, want)
	}
}

// TestProjectThatNeverRan: a pull's page leads to the pages of all its projects, refused ones too.
func TestProjectThatNeverRan(t *testing.T) {
	w := newWorld(t)
	refused := workflow.ProjectRecord{Project: workflow.Project{Name: "dev/new", Dir: "dev/new", Variant: "default", Refused: phrase.Say("It has no backend.")}}
	w.do(func(tx workflow.Tx) error {
		return tx.PutPull(workflow.PullRecord{Known: true, Projects: []workflow.ProjectRecord{refused}, Pull: workflow.Pull{Repo: repo, Number: 12, Author: ada, State: workflow.PullOpen}})
	})
	if body := w.body("/acme/infra/project/dev/new"); !strings.Contains(body, "No runs yet.") {
		t.Errorf("its page says %s", body)
	}
	if got := w.get("/acme/infra/project/dev/none").StatusCode; got != http.StatusNotFound {
		t.Errorf("a project that nobody has is %d, want 404", got)
	}
}

func TestUnchangedPageIsNotSentTwice(t *testing.T) {
	w := sample(t)
	tag := w.get("/acme/infra/pull/12").Header.Get("ETag")
	if got, want := w.get("/acme/infra/pull/12", "If-None-Match", tag).StatusCode, http.StatusNotModified; got != want {
		t.Errorf("the same page again is %d, want %d", got, want)
	}
	w.pull(12, "Another title", nil, nil)
	if got, want := w.get("/acme/infra/pull/12", "If-None-Match", tag).StatusCode, http.StatusOK; got != want {
		t.Errorf("a changed page is %d, want %d", got, want)
	}
}

func TestFilter(t *testing.T) {
	w := sample(t)
	for action, want := range map[string][]string{"destroy": {"aws_s3_bucket.logs"}, "create": {"aws_subnet.private"}, "": {"aws_s3_bucket.logs", "aws_instance.web", "aws_subnet.private"}, "nonsense": nil} {
		var got []string
		for _, m := range regexp.MustCompile(`</span> <code>([^<]*)</code>`).FindAllStringSubmatch(w.body("/runs/run01?action="+action), -1) {
			got = append(got, m[1])
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("action=%s (-want +got):\n%s", action, d)
		}
	}
}

// TestHostile puts markup into every text there is and looks at the elements that come out.
func TestHostile(t *testing.T) {
	w := newWorld(t)
	r := run("run01", "dir/"+evil, evil, workflow.RunFinished, workflow.OutcomeSucceeded)
	r.Project.Component = evil
	r.Options.Targets = []string{evil}
	failed := run("run02", "bad/"+evil, "", workflow.RunFinished, workflow.OutcomeFailed)
	failed.Reason, failed.Diagnostics = evil, []workflow.Diagnostic{{Summary: evil, Detail: evil, Address: evil, Position: workflow.Position{File: evil, Line: 1}}}
	queued := run("run03", "q", "", workflow.RunQueued, "")
	queued.Waiting = evil
	p := workflow.Plan{Counts: workflow.Counts{Add: 1}, Tool: evil, ToolVersion: evil, Fingerprint: strings.Repeat(evil, 2), ChangesHash: "a", Checks: []string{evil}, Notes: []string{evil},
		Hidden: []workflow.HiddenEffect{{Text: evil}}, Warnings: []workflow.Diagnostic{{Summary: evil, Detail: evil}}, Drift: []workflow.Change{{Address: evil}},
		Changes: []workflow.Change{{Address: evil, Action: workflow.ActionCreate, Reason: evil, Attributes: []workflow.Attribute{{Path: evil, Mark: workflow.MarkAdd, After: evil},
			{Path: "m", Mark: workflow.MarkChange, Before: evil + "\na", After: evil + "\nb", Multiline: true}}}}}
	w.pull(12, evil, []workflow.Run{r, failed, queued}, map[string]workflow.Plan{"run01": p})
	w.logs["run01"] = evil + "\n\x1b]1338;url=javascript:alert(1);content=x\x07\x1b]1337;File=name=a;inline=1:AAAA\x07\x1b_bk;t=1\x07\x1b[2J\x1b[5A\x1b[31m" + evil + "\x1b[0m"
	for _, path := range []string{"/", "/acme/infra", "/acme/infra/pull/12", "/runs/run01", "/runs/run02", "/runs/run03", "/acme/infra/project/q", "/acme/infra/project/" + "%3Cscript%3Ealert(1)%3C/script%3E"} {
		doc, err := html.Parse(strings.NewReader(w.body(path)))
		if err != nil {
			t.Fatal(err)
		}
		for n := range doc.Descendants() {
			harmless(t, path, n)
		}
	}
}

// harmless fails for what no page of ours has: foreign scripts, handlers, inline
// styles, images, links to elsewhere, characters that cannot be seen.
func harmless(t *testing.T, path string, n *html.Node) {
	t.Helper()
	if n.Type == html.TextNode && strings.ContainsAny(n.Data, "\x1b\x07\u202e") {
		t.Errorf("%s: the text %q came out", path, n.Data)
	}
	if n.Type != html.ElementNode {
		return
	}
	switch n.Data {
	case "img", "iframe", "style", "form", "base", "object", "embed", "svg":
		t.Errorf("%s: <%s> came out", path, n.Data)
	case "script":
		if n.FirstChild != nil {
			t.Errorf("%s: an inline script came out", path)
		}
	}
	for _, a := range n.Attr {
		switch {
		case strings.HasPrefix(a.Key, "on"), a.Key == "style", a.Key == "src" && !strings.HasPrefix(a.Val, "/static/"):
			t.Errorf("%s: %s=%q came out", path, a.Key, a.Val)
		case a.Key == "href" && !strings.HasPrefix(a.Val, "/") && !strings.HasPrefix(a.Val, "#") && !strings.HasPrefix(a.Val, "?line=") && !strings.HasPrefix(a.Val, "https://github.example.com/"):
			t.Errorf("%s: a link to %q came out", path, a.Val)
		}
	}
}

func TestLongLogShowsItsEnd(t *testing.T) {
	w := sample(t)
	var b bytes.Buffer
	for i := range 20_000 {
		fmt.Fprintf(&b, "line %d of the log, which is long\n", i)
	}
	w.logs["run01"] = b.String()
	body := w.body("/runs/run01")
	if !strings.Contains(body, "line 19999 of") || strings.Contains(body, "line 0 of") || !strings.Contains(body, `href="/runs/run01/log"`) {
		t.Errorf("the page does not show the end of a long log with a link to all of it")
	}
	for line, want := range map[string]string{"500": "line 499 of", "20001": "line 19999 of", "-1": "line 19999 of", "x": "line 19999 of", "99999999999999999999": "line 19999 of"} {
		if body := w.body("/runs/run01?line=" + line); !strings.Contains(body, want) || strings.Contains(body, "line 0 of") || len(body) > 1<<20 {
			t.Errorf("the page around line %s does not have %q, in %d bytes", line, want, len(body))
		}
	}
	if got := w.body("/runs/run01/log"); got != b.String() {
		t.Errorf("the log as text has %d bytes, want %d", len(got), b.Len())
	}
}

// TestLogErrorOfFailure: only the log of a run that failed begins at its error. One that succeeded has got over it.
func TestLogErrorOfFailure(t *testing.T) {
	w := sample(t)
	for id, failed := range map[string]bool{"run01": false, "run03": false, "run04": true} { // one succeeded, one runs
		w.logs[id] = "\n$ terraform init\n│ Error: a provider is not there\n\n$ terraform init\nfine\n"
		body := w.body("/runs/" + id)
		if link, begins := strings.Contains(body, ">First error: line 3<"), strings.Contains(body, `data-error="3"`); link != failed || begins != failed {
			t.Errorf("run %s: its error has a link: %v, and is where the log begins: %v; it failed: %v", id, link, begins, failed)
		}
	}
}

// BenchmarkPull is the largest usual pull: 50 projects with 20 changes each, among 20,000 runs.
func BenchmarkPull(b *testing.B) {
	w := newWorld(b)
	var runs []workflow.Run
	plans := map[string]workflow.Plan{}
	for i := range 50 {
		p := workflow.Plan{Counts: workflow.Counts{Add: 20}, ChangesHash: fmt.Sprint(i), PlannedAt: noon}
		for j := range 20 {
			p.Changes = append(p.Changes, workflow.Change{Address: fmt.Sprintf("aws_instance.node[%d]", j), Action: workflow.ActionCreate,
				Attributes: []workflow.Attribute{{Path: "ami", Mark: workflow.MarkAdd, After: `"ami-1"`}, {Path: "id", Mark: workflow.MarkAdd, After: "(known after apply)"}}})
		}
		r := run(fmt.Sprintf("run%05d", i), fmt.Sprintf("prod/p%02d", i), "prod", workflow.RunFinished, workflow.OutcomeSucceeded)
		plans[r.ID] = p
		runs = append(runs, r)
	}
	w.pull(12, "Many", runs, plans)
	w.do(func(tx workflow.Tx) error {
		for i := range 20_000 {
			r := runs[i%len(runs)]
			r.ID = fmt.Sprintf("old%05d", i)
			if err := tx.PutRun(r); err != nil {
				return err
			}
		}
		return nil
	})
	for _, path := range []string{"/acme/infra/pull/12", "/acme/infra/pull/12.json", "/acme/infra/project/prod/p01", "/runs/run00001", "/"} {
		b.Run(strings.Trim(strings.ReplaceAll(path, "/", "_"), "_"), func(b *testing.B) {
			for b.Loop() {
				if got := w.get(path).StatusCode; got != http.StatusOK {
					b.Fatalf("GET %s is %d", path, got)
				}
			}
		})
	}
}
