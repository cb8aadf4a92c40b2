package page_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/cardea-iac/cardea/templates/web"
	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/bolt"
)

// fat is a plan with changes of many long values.
func fat(changes, attributes, size int) workflow.Plan {
	value := strings.Repeat("<x> \"y\"\n", size/8)
	p := workflow.Plan{Fingerprint: strings.Repeat("f", 64), ChangesHash: fmt.Sprint(changes, attributes, size),
		PlannedAt: noon, Counts: workflow.Counts{Add: changes}}
	for i := range changes {
		c := workflow.Change{Address: fmt.Sprintf("x_y.z%d", i), Mode: "managed", Type: "x_y", Action: workflow.ActionCreate}
		for k := range attributes {
			c.Attributes = append(c.Attributes,
				workflow.Attribute{Path: fmt.Sprintf("a%d_%d", i, k), Mark: workflow.MarkAdd, After: value, Multiline: k%2 == 0})
		}
		p.Changes = append(p.Changes, c)
	}
	return p
}

func fatWorld(t testing.TB, plans map[string]workflow.Plan) *world {
	w := newWorld(t)
	var runs []workflow.Run
	for id := range plans {
		runs = append(runs, workflow.Run{ID: id, Repo: repo, Number: 12,
			Project: workflow.Project{Name: id, Dir: id, Variant: "default"}, Kind: workflow.RunPlan,
			State: workflow.RunFinished, Outcome: workflow.OutcomeSucceeded, Queued: noon, Started: noon, Finished: noon})
	}
	w.pull(12, "Fat", runs, plans)
	return w
}

// The most that a page may have, whatever plans are: its budget and the frame around it.
const mostBytes = 2 * web.PageBudget

func TestFatPages(t *testing.T) {
	plans := map[string]workflow.Plan{"wide": fat(250, 1, 63<<10), "deep": fat(1, 250, 63<<10), "many": fat(3000, 3, 100)}
	w := fatWorld(t, plans)
	for _, path := range []string{"/acme/infra/pull/12", "/acme/infra/pull/12.json",
		"/runs/wide", "/runs/deep", "/runs/many", "/runs/wide.json", "/runs/deep.json", "/runs/many.json"} {
		if n := len(w.body(path)); n > mostBytes {
			t.Errorf("%s has %d bytes", path, n)
		}
	}
}

var laterLink = regexp.MustCompile(`href="(/runs/[^"]*from=[^"]*)">[\d,]+ more</a>`)

// Going on from page to page everything is seen once.
func TestFatPagesLeadOn(t *testing.T) {
	for name, plan := range map[string]workflow.Plan{"wide": fat(24, 1, 63<<10),
		"deep": fat(2, 12, 63<<10), "many": fat(1100, 1, 100)} {
		w := fatWorld(t, map[string]workflow.Plan{name: plan})
		seen := map[string]int{}
		pages := 0
		for path := "/runs/" + name; path != ""; pages++ {
			if pages > 200 {
				t.Fatalf("%s: the pages never end", name)
			}
			body := w.body(path)
			if len(body) > mostBytes {
				t.Errorf("%s has %d bytes", path, len(body))
			}
			for _, m := range regexp.MustCompile(`\ba\d+_\d+\b`).FindAllString(body, -1) {
				seen[m]++
			}
			path = ""
			for _, m := range laterLink.FindAllStringSubmatch(body, -1) {
				path = html.UnescapeString(m[1])
			}
		}
		if pages < 2 {
			t.Errorf("%s is on one page", name)
		}
		for _, c := range plan.Changes {
			for _, a := range c.Attributes {
				if seen[a.Path] != 1 {
					t.Fatalf("%s: %s is seen %d times", name, a.Path, seen[a.Path])
				}
			}
		}
	}
}

// The same of the JSON, which says where it goes on and counts what it leaves out.
func TestFatJSONLeadsOn(t *testing.T) {
	for name, plan := range map[string]workflow.Plan{"wide": fat(24, 1, 63<<10),
		"deep": fat(2, 12, 63<<10), "many": fat(5000, 1, 100)} {
		w := fatWorld(t, map[string]workflow.Plan{name: plan})
		seen := map[string]int{}
		pages := 0
		for path := "/runs/" + name + ".json"; path != ""; pages++ {
			body := w.body(path)
			var got struct {
				Plan  workflow.Plan
				Later *string
			}
			if err := json.Unmarshal([]byte(body), &got); err != nil || got.Later == nil {
				t.Fatalf("%s: %v, later %v", path, err, got.Later)
			}
			if len(body) > mostBytes || pages > 200 {
				t.Fatalf("%s, the answer %d, has %d bytes", path, pages, len(body))
			}
			for _, c := range got.Plan.Changes {
				for _, a := range c.Attributes {
					seen[c.Address+" "+a.Path]++
				}
			}
			path = *got.Later
		}
		if pages < 2 {
			t.Errorf("%s is in one answer", name)
		}
		for _, c := range plan.Changes {
			for _, a := range c.Attributes {
				if n := seen[c.Address+" "+a.Path]; n != 1 {
					t.Fatalf("%s: %s is seen %d times", name, a.Path, n)
				}
			}
		}
	}
}

// counting counts what is read of plans.
type counting struct {
	*bolt.Store
	plans, briefs atomic.Int64
}

func (c *counting) View(ctx context.Context, look func(workflow.Tx) error) error {
	return c.Store.View(ctx, func(tx workflow.Tx) error { return look(countingTx{tx, c}) })
}

type countingTx struct {
	workflow.Tx
	c *counting
}

func (t countingTx) Plan(id string) (workflow.Plan, error) {
	t.c.plans.Add(1)
	return t.Tx.Plan(id)
}

func (t countingTx) PlanBrief(id string) (workflow.Plan, error) {
	t.c.briefs.Add(1)
	return t.Tx.PlanBrief(id)
}

// A pull of many projects with long plans: of each plan that is not shown only its brief is read.
func TestManyFatProjects(t *testing.T) {
	plans := map[string]workflow.Plan{}
	const projects = 100
	for i := range projects {
		p := fat(60, 2, 4<<10)
		p.ChangesHash = fmt.Sprint(i)
		p.Warnings = []workflow.Diagnostic{{Summary: fmt.Sprint("warning ", i), Detail: strings.Repeat("very ", 5000)}}
		plans[fmt.Sprintf("run%03d", i)] = p
	}
	w := fatWorld(t, plans)
	one := allocated(func() {
		if err := w.store.View(t.Context(), func(tx workflow.Tx) error { _, err := tx.Plan("run000"); return err }); err != nil {
			t.Fatal(err)
		}
	})
	for path, most := range map[string]int64{"/acme/infra/pull/12": 64,
		"/acme/infra/pull/12.json": 0, "/acme/infra": 0, "/": 0} {
		w.read.plans.Store(0)
		var body string
		used := allocated(func() { body = w.body(path) })
		if n := w.read.plans.Load(); n > most {
			t.Errorf("%s reads %d plans, want at most %d", path, n, most)
		}
		if len(body) > mostBytes {
			t.Errorf("%s has %d bytes", path, len(body))
		}
		if used > one*projects/2 {
			t.Errorf("%s allocates %d bytes, all plans have %d", path, used, one*projects)
		}
	}
}

// Whatever lists a plan and a run have, an answer has a bound, and says how much it leaves out.
func TestFatListsOfARun(t *testing.T) {
	w := newWorld(t)
	const n = 1500
	long := strings.Repeat("very ", 300)
	p := workflow.Plan{ChangesHash: "a", Counts: workflow.Counts{Add: 1}, PlannedAt: noon}
	r := run("run", "fat", "", workflow.RunFinished, workflow.OutcomeSucceeded)
	for i := range n {
		text := fmt.Sprint(i, " ", long)
		p.Drift = append(p.Drift, workflow.Change{Address: text, Attributes: []workflow.Attribute{{Path: "a", After: long}}})
		p.Hidden = append(p.Hidden, workflow.HiddenEffect{Text: text})
		p.Warnings = append(p.Warnings, workflow.Diagnostic{Summary: text, Detail: long})
		p.Checks = append(p.Checks, text)
		p.Notes = append(p.Notes, text)
		p.Named = append(p.Named, workflow.Exact(text))
		r.Diagnostics = append(r.Diagnostics, workflow.Diagnostic{Summary: text})
	}
	w.pull(12, "Fat", []workflow.Run{r}, map[string]workflow.Plan{"run": p})
	for _, path := range []string{"/runs/run", "/acme/infra/pull/12", "/acme/infra/pull/12.json"} {
		if body := w.body(path); len(body) > mostBytes {
			t.Errorf("%s has %d bytes", path, len(body))
		}
	}
	body := w.body("/runs/run.json")
	var got struct {
		Diagnostics []workflow.Diagnostic
		Plan        workflow.Plan
		Left        map[string]int
	}
	if err := json.Unmarshal([]byte(body), &got); err != nil || len(body) > mostBytes {
		t.Fatalf("it has %d bytes, %v", len(body), err)
	}
	for list, shown := range map[string]int{"diagnostics": len(got.Diagnostics), "drift": len(got.Plan.Drift),
		"hidden":   len(got.Plan.Hidden),
		"warnings": len(got.Plan.Warnings), "checks": len(got.Plan.Checks), "notes": len(got.Plan.Notes), "named": len(got.Plan.Named)} {
		if left := got.Left[list]; shown == 0 || left == 0 || shown+left != n {
			t.Errorf("of %d %s %d are told and %d counted", n, list, shown, left)
		}
	}
}

// Who asks for a page while it is rendered waits for it: it is rendered once, and
// asking again while nothing happened does not render it.
func TestPageIsRenderedOnce(t *testing.T) {
	plans := map[string]workflow.Plan{"p1": fat(100, 1, 63<<10), "p2": fat(99, 1, 63<<10)}
	for _, path := range []string{"/acme/infra/pull/12", "/runs/p1"} {
		w := fatWorld(t, plans)
		one := allocated(func() { w.get(path) })
		w = fatWorld(t, plans)
		var tags sync.Map
		all := allocated(func() {
			var wg sync.WaitGroup
			for range 8 {
				wg.Go(func() { tags.Store(w.get(path).Header.Get("ETag"), true) })
			}
			wg.Wait()
		})
		if all > 3*one {
			t.Errorf("%s: 8 at once allocate %d bytes, 1 allocates %d", path, all, one)
		}
		tags.Range(func(tag, _ any) bool {
			again := allocated(func() {
				if got := w.get(path, "If-None-Match", tag.(string)).StatusCode; got != http.StatusNotModified {
					t.Errorf("%s: the same page again is %d", path, got)
				}
			})
			if again > one/10 {
				t.Errorf("%s: asking again allocates %d bytes, rendering %d", path, again, one)
			}
			return true
		})
	}
}

func allocated(act func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	act()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// A log of very many lines is shown from its end.
func TestLogOfManyLines(t *testing.T) {
	w := fatWorld(t, map[string]workflow.Plan{"run": fat(1, 1, 10)})
	w.logs["run"] = strings.Repeat("x\n", 100_000) + "the end\n"
	body := ""
	n := allocated(func() { body = w.body("/runs/run") })
	if len(body) > 200<<10 || !strings.Contains(body, "the end") || !strings.Contains(body, "Lines 98,002 to 100,001 of 100,001 are shown.") {
		t.Errorf("the page has %d bytes, with the end %v", len(body), strings.Contains(body, "the end"))
	}
	if n > 64<<20 {
		t.Errorf("it took %d bytes", n)
	}
}

// Diagnostics have a bound too.
func TestFatDiagnostics(t *testing.T) {
	w := newWorld(t)
	run := workflow.Run{ID: "bad", Repo: repo, Number: 12,
		Project: workflow.Project{Name: "bad", Dir: "bad", Variant: "default"}, Kind: workflow.RunPlan,
		State: workflow.RunFinished, Outcome: workflow.OutcomeFailed, Queued: noon, Started: noon, Finished: noon}
	for range 2000 {
		run.Diagnostics = append(run.Diagnostics,
			workflow.Diagnostic{Severity: workflow.SeverityError, Summary: "It is bad", Detail: strings.Repeat("very ", 400)})
	}
	w.pull(12, "Bad", []workflow.Run{run}, nil)
	for _, path := range []string{"/acme/infra/pull/12", "/runs/bad"} {
		if body := w.body(path); len(body) > 300<<10 || !strings.Contains(body, "more messages are not shown here") {
			t.Errorf("%s has %d bytes, and says that it leaves out some: %v", path, len(body),
				strings.Contains(body, "not shown here"))
		}
	}
}

// slow is a connection that notes its deadlines.
type slow struct {
	*httptest.ResponseRecorder
	deadlines int
	largest   int
}

func (s *slow) SetWriteDeadline(at time.Time) error {
	if until := time.Until(at); until > 0 && until < time.Minute {
		s.deadlines++
	}
	return nil
}

func (s *slow) Write(p []byte) (int, error) {
	s.largest = max(s.largest, len(p))
	return s.ResponseRecorder.Write(p)
}

// Every part of an answer has a time within which it must be taken.
func TestSlowReaders(t *testing.T) {
	w := fatWorld(t, map[string]workflow.Plan{"p1": fat(100, 1, 63<<10)})
	w.logs["p1"] = strings.Repeat("a line\n", 200_000)
	for _, path := range []string{"/acme/infra/pull/12", "/runs/p1", "/runs/p1.json", "/runs/p1/log",
		"/acme/infra/history.jsonl", "/static/page.js"} {
		rec := &slow{ResponseRecorder: httptest.NewRecorder()}
		w.handler.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, path, nil))
		sent, err := io.ReadAll(rec.Result().Body)
		if err != nil {
			t.Fatal(err)
		}
		if least := len(sent) / (64 << 10); rec.Code == http.StatusOK && len(sent) > 0 &&
			(rec.deadlines == 0 || rec.deadlines < least || rec.largest > 64<<10) {
			t.Errorf("%s: %d deadlines for %d bytes, the largest part has %d", path, rec.deadlines, len(sent), rec.largest)
		}
	}
}
