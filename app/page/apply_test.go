package page_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"github.com/cardea-iac/cardea/internal/golden"
	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/workflow"
)

var (
	bob  = workflow.Actor{ID: 4, Login: "bob"}
	dave = workflow.Actor{ID: 6, Login: "dave"}
)

// edit changes the record of a pull.
func (w *world) edit(number int, change func(*workflow.PullRecord)) {
	w.t.Helper()
	w.do(func(tx workflow.Tx) error {
		rec, err := tx.Pull(workflow.PullKey{RepoID: repo.ID, Number: number})
		if err != nil {
			return err
		}
		change(&rec)
		return tx.PutPull(rec)
	})
}

// applyOf is an apply of a plan run, as far as state and outcome say.
func applyOf(plan workflow.Run, state workflow.RunState, outcome workflow.Outcome) workflow.Run {
	r := plan
	r.ID, r.Kind, r.State, r.Outcome, r.Actor, r.Fingerprint, r.ChangesHash = "apply"+strings.TrimPrefix(plan.ID, "run"),
		workflow.RunApply, state, outcome, dave, "", ""
	r.Apply = &workflow.ApplyOrder{PlanRun: plan.ID, Fingerprint: plan.Fingerprint, Artefact: strings.Repeat("5e", 32),
		State: workflow.StateVersion{ID: "b7e1", Version: "41"}, Spent: true,
		Authorised: &workflow.Authorisation{At: noon.Add(3 * time.Second), Actor: dave, Head: plan.Head, Base: plan.Base,
			BaseRef: "main", Tree: "7ree", Fingerprint: plan.Fingerprint,
			Artefact: strings.Repeat("5e", 32), State: workflow.StateVersion{ID: "b7e1", Version: "41"}, LockEpoch: 2,
			Approvals: []workflow.Approval{{User: bob, At: noon}}}}
	return r
}

// gated is a pull in the middle of its approvals and applies, with locks and their history.
func gated(t *testing.T) *world {
	w := newWorld(t)
	ok := func(id, name string) workflow.Run {
		return run(id, name, "prod", workflow.RunFinished, workflow.OutcomeSucceeded)
	}
	plans := map[string]workflow.Plan{}
	for i, id := range []string{"run01", "run02", "run03", "run04"} {
		p := network
		p.Fingerprint, p.ChangesHash = strings.Repeat(string(rune('a'+i)), 64), id
		plans[id] = p
	}
	w.pull(12, "Larger subnets", []workflow.Run{ok("run01", "prod/network"), ok("run02", "prod/app"),
		ok("run03", "prod/dns"), ok("run04", "prod/db")}, plans)
	var applies []workflow.Run
	mine := workflow.Lock{RepoID: repo.ID, Key: "project\x00prod/app\x00default", Project: "prod/app",
		Pull: workflow.PullKey{RepoID: repo.ID, Number: 12}, User: dave, Since: noon, Why: workflow.LockApply, Epoch: 2}
	other := workflow.Lock{RepoID: repo.ID, Key: "project\x00prod/network\x00default", Project: "prod/network",
		Pull: workflow.PullKey{RepoID: repo.ID, Number: 9}, User: bob, Since: noon, Why: workflow.LockClaim, Epoch: 1}
	w.edit(12, func(rec *workflow.PullRecord) {
		p := rec.Projects
		p[0].WaitsFor = []workflow.Missing{{Need: workflow.NeedApproved, Short: phrase.Say("1 approval"),
			Sentence: phrase.Say("1 of 2 approvals of `aaaaaaaaaaaa`"),
			Mend:     phrase.Say("May approve: the role `write` or a higher one")},
			{Need: workflow.NeedLock, Short: phrase.Say("the lock of #9"), Sentence: phrase.Say("#9 holds the lock on `prod/network`"), Mend: phrase.Say("It is released when #9 is merged or closed")}}
		p[0].Approvals = []workflow.Approval{{Fingerprint: p[0].Run.Fingerprint, User: bob, At: noon},
			{Fingerprint: strings.Repeat("9", 64), User: dave, At: noon, Void: "The plan of `abc` is another one"}}
		for i, outcome := range map[int]workflow.Outcome{1: workflow.OutcomeSucceeded,
			2: workflow.OutcomeUnknown, 3: workflow.OutcomeFailed} {
			r := applyOf(*p[i].Run, workflow.RunFinished, outcome)
			if i == 3 {
				r.Reason, r.Apply.Done, r.Apply.Total = "terraform apply exited 1", 1, 3
				r.Diagnostics = []workflow.Diagnostic{{Severity: workflow.SeverityError, Summary: "creating the subnet failed"}}
			}
			if i == 2 {
				w.progress[r.ID] = []workflow.Progress{{Name: "create", Address: "aws_subnet.a", State: workflow.ProgressSucceeded, Began: noon, At: noon.Add(70 * time.Second)},
					{Name: "replace", Address: `aws_subnet.b["<x>"]`, State: workflow.ProgressRunning, Text: "Still creating... [10s elapsed]", Done: 1, Total: 2, Began: noon, At: noon.Add(time.Minute)},
					{Name: "delete", Address: "aws_subnet.c", State: workflow.ProgressQueued, At: noon}}
				r.Apply.Done, r.Apply.Total = 1, 3
				r.Apply.Progress = []workflow.Progress{{Name: "replace", Address: `aws_subnet.b["<x>"]`, State: workflow.ProgressUnknown}, {Name: "delete", Address: "aws_subnet.c", State: workflow.ProgressNotStarted}}
			}
			p[i].Apply, p[i].Held = &r, true
			p[i].Approvals = []workflow.Approval{{Fingerprint: p[i].Run.Fingerprint, User: bob, At: noon}}
			applies = append(applies, r)
		}
		rec.Locked = map[string]workflow.Lock{"prod/app": mine, "prod/network": other}
	})
	w.do(func(tx workflow.Tx) error {
		for _, r := range applies {
			if err := tx.PutRun(r); err != nil {
				return err
			}
		}
		return errors.Join(tx.PutLock(mine), tx.PutLock(other))
	})
	for _, e := range []workflow.Event{{Kind: "approved", Actor: bob, Project: "prod/network",
		Text: phrase.Say("Approved `aaaaaaaaaaaa`.")},
		{Kind: "refused", Actor: dave, Project: "prod/network", Text: phrase.Say("1 approval is missing.")},
		{Kind: "locked", Actor: dave, Project: "prod/app", Text: phrase.Say("An apply started.")}, {Kind: "applied", Actor: dave, Project: "prod/app", Run: "apply02", Text: phrase.Say("1 added, <1> changed.")}} {
		e.At, e.Repo, e.Number = noon, repo.ID, 12
		w.do(func(tx workflow.Tx) error { return tx.Append(&e) })
	}
	return w
}

func TestApplyPagesGolden(t *testing.T) {
	w := gated(t)
	for name, path := range map[string]string{"gated": "/acme/infra/pull/12", "gated_repo": "/acme/infra",
		"gated_project": "/acme/infra/project/prod/network",
		"applied_run":   "/runs/apply02", "unknown_run": "/runs/apply03", "apply_failed_run": "/runs/apply04"} {
		t.Run(name, func(t *testing.T) {
			golden.Check(t, "testdata/"+name+".html", w.body(path))
			golden.Check(t, "testdata/"+name+".json", w.body(path+".json"))
		})
	}
}

// TestGatedJSON holds what programs read of approvals, locks and waiting.
func TestGatedJSON(t *testing.T) {
	type lock struct {
		Pull  int       `json:"pull"`
		User  string    `json:"user"`
		Since time.Time `json:"since"`
	}
	type project struct {
		Name        string   `json:"name"`
		State       string   `json:"state"`
		Fingerprint string   `json:"fingerprint"`
		Approvals   []any    `json:"approvals"`
		WaitsFor    []string `json:"waits_for"`
		Lock        *lock    `json:"lock"`
	}
	var got struct {
		Projects []project `json:"projects"`
	}
	if err := json.Unmarshal([]byte(gated(t).body("/acme/infra/pull/12.json")), &got); err != nil {
		t.Fatal(err)
	}
	byBob := []any{map[string]any{"user": "bob", "at": "2026-11-21T12:04:00Z"}}
	want := []project{
		{"prod/network", "planned", "aaaaaaaaaaaa", byBob, []string{"1 of 2 approvals of `aaaaaaaaaaaa`", "#9 holds the lock on `prod/network`"}, &lock{9, "bob", noon}},
		{"prod/app", "applied", "bbbbbbbbbbbb", byBob, []string{"the merge"}, &lock{12, "dave", noon}},
		{"prod/dns", "unknown", "cccccccccccc", byBob, []string{"someone to find out how its apply ended"}, nil},
		{"prod/db", "apply_failed", "dddddddddddd", byBob, []string{"a new plan"}, nil},
	}
	if d := cmp.Diff(want, got.Projects); d != "" {
		t.Errorf("projects (-want +got):\n%s", d)
	}
}

// TestExactOnce: the page has the command that approves exactly these plans once, in the block that it can be copied from.
func TestExactOnce(t *testing.T) {
	w := gated(t)
	w.edit(12, func(rec *workflow.PullRecord) {
		rec.Projects[0].WaitsFor = []workflow.Missing{{Need: workflow.NeedApproved, Short: phrase.Say("1 approval"), Sentence: phrase.Say("Needs 1 approval"),
			Mend: phrase.Say("Bob can approve by commenting %s", phrase.Command{Verb: "approve", Project: "prod/network", Plan: "aaaaaaaaaaaa"})}}
	})
	body := w.body("/acme/infra/pull/12")
	if n := strings.Count(body, "cardea approve -p prod/network@aaaaaaaaaaaa"); n != 1 || !strings.Contains(body, "<pre>cardea approve -p prod/network@aaaaaaaaaaaa</pre>") ||
		!strings.Contains(body, "Bob can approve by commenting <code>cardea approve</code>.") {
		t.Errorf("it is there %d times:\n%s", n, body)
	}
}

func TestNeverMerged(t *testing.T) {
	w := gated(t)
	const want = "Applied from #12 at <code>abc0012</code>, never merged."
	if body := w.body("/acme/infra/project/prod/app"); strings.Contains(body, want) {
		t.Errorf("the project's page says of an open pull that it was never merged")
	}
	w.edit(12, func(rec *workflow.PullRecord) { rec.Pull.State = workflow.PullClosed })
	for path, says := range map[string]bool{"/acme/infra/project/prod/app": true, "/acme/infra/pull/12": true,
		"/acme/infra/project/prod/network": false} {
		if got := strings.Contains(w.body(path), want); got != says {
			t.Errorf("%s says %q: %v, want %v", path, want, got, says)
		}
	}
	w.edit(12, func(rec *workflow.PullRecord) { rec.Pull.State = workflow.PullMerged })
	if body := w.body("/acme/infra/project/prod/app"); strings.Contains(body, "never merged") {
		t.Errorf("the project's page says of a merged pull that it was never merged")
	}
}

// The author is named as such: whoever merged a pull is somebody else, mostly.
func TestMergedIsNotSaidOfTheAuthor(t *testing.T) {
	w := gated(t)
	w.edit(12, func(rec *workflow.PullRecord) { rec.Pull.State = workflow.PullMerged })
	const want = `>by ada · <span class="pill">merged</span> <code>subnets</code> at `
	if body := w.body("/acme/infra/pull/12"); !strings.Contains(body, want) {
		t.Errorf("the page of a merged pull does not say %q", want)
	}
}

// TestHistory: every event once, oldest first, over more than one read.
func TestHistory(t *testing.T) {
	w := gated(t)
	for i := range 1200 {
		e := workflow.Event{At: noon, Repo: repo.ID, Number: 13, Actor: ada, Kind: "queued",
			Text: phrase.Plain("Queued \u202e" + string(rune('a'+i%26)))}
		w.do(func(tx workflow.Tx) error { return tx.Append(&e) })
	}
	res := w.get("/acme/infra/history.jsonl")
	if got, want := res.Header.Get("Content-Type"), "application/jsonl; charset=utf-8"; got != want {
		t.Errorf("the history is %q, want %q", got, want)
	}
	var last uint64
	n := 0
	for lines := bufio.NewScanner(res.Body); lines.Scan(); n++ {
		var e struct {
			Repository string `json:"repository"`
			workflow.Event
		}
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			t.Fatal(err)
		}
		if e.Seq <= last || e.Repository != "acme/infra" || e.Kind == "" || e.At.IsZero() {
			t.Fatalf("line %d is %s", n, lines.Text())
		}
		last = e.Seq
	}
	if want := 1200 + 8; n != want {
		t.Errorf("the history has %d lines, want %d", n, want)
	}
	if got := w.get("/acme/other/history.jsonl").StatusCode; got != http.StatusNotFound {
		t.Errorf("the history of an unknown repository is %d, want 404", got)
	}
}

// TestHostileApply puts markup into what people and their code bring to approvals, locks and applies.
func TestHostileApply(t *testing.T) {
	w := gated(t)
	evilOne := workflow.Actor{ID: 9, Login: evil}
	var applies []workflow.Run
	w.edit(12, func(rec *workflow.PullRecord) {
		for i := range rec.Projects {
			p := &rec.Projects[i]
			p.WaitsFor = []workflow.Missing{{Need: workflow.NeedFacts, Short: phrase.Plain(evil),
				Sentence: phrase.Plain(evil), Mend: phrase.Plain(evil)}}
			p.Approvals = []workflow.Approval{{Fingerprint: p.Run.Fingerprint, User: evilOne},
				{Fingerprint: evil, User: dave, Void: evil}}
			p.Outdated = phrase.Plain(evil)
			if p.Apply == nil {
				continue
			}
			p.Apply.Actor, p.Apply.Reason, p.Apply.Diagnostics = evilOne, evil,
				[]workflow.Diagnostic{{Summary: evil, Detail: evil}}
			p.Apply.Apply.ErroredState, p.Apply.Apply.Missing = evil, p.WaitsFor
			p.Apply.Apply.Authorised = &workflow.Authorisation{Actor: evilOne, BaseRef: evil, Tree: evil, Artefact: evil,
				State: workflow.StateVersion{ID: evil}, Approvals: p.Approvals}
			applies = append(applies, *p.Apply)
		}
		for name, l := range rec.Locked {
			l.User, l.Why = evilOne, workflow.LockWhy(evil)
			rec.Locked[name] = l
		}
	})
	w.do(func(tx workflow.Tx) (err error) {
		for _, r := range applies {
			err = errors.Join(err, tx.PutRun(r))
		}
		return errors.Join(err, tx.PutLock(workflow.Lock{RepoID: repo.ID, Key: "state\x00x",
			Project: evil, User: evilOne, Why: evil}))
	})
	for _, path := range []string{"/", "/acme/infra", "/acme/infra/pull/12", "/runs/apply02", "/runs/apply03",
		"/runs/apply04", "/acme/infra/project/prod/app"} {
		doc, err := html.Parse(strings.NewReader(w.body(path)))
		if err != nil {
			t.Fatal(err)
		}
		for n := range doc.Descendants() {
			harmless(t, path, n)
		}
	}
}
