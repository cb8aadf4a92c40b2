package app_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/cardea-iac/cardea/internal/localgithub"
	"github.com/cardea-iac/cardea/workflow"
)

func (w *world) key(number int) workflow.PullKey {
	return workflow.PullKey{RepoID: w.repo().ID, Number: number}
}

// planned opens a pull of two projects and plans it to the end.
func (w *world) planned(branch string) (number int, head string) {
	w.t.Helper()
	number, head = w.open(branch, 0, 1)
	w.waitRuns(2)
	w.planAll(changes(), noChanges())
	w.quiet()
	w.wantChecks(head, "success", "action_required")
	return number, head
}

// What was shown can be forgotten: everything is found again, with no duplicate.
func TestReportStateForgotten(t *testing.T) {
	w := newWorld(t, 2)
	number, head := w.planned("feature")
	before := w.check(head, "cardea/plan").ID
	for _, again := range []bool{false, true} {
		ok(t, w.svc.SaveReport(t.Context(), workflow.ReportState{Key: w.key(number)}))
		if again { // and the world moved on meanwhile
			w.say(number, "ada", "cardea plan")
			w.waitRuns(2)
			w.planAll(fails())
			w.quiet()
		}
		w.quiet()
	}
	w.wantChecks(head, "failure", "action_required")
	if n := len(w.ours(number, summary)); n != 1 {
		t.Errorf("got %d summary comments, want 1", n)
	}
	if c := w.check(head, "cardea/plan"); c.ID == before || c.Annotations != 1 {
		t.Errorf("the failed plan: same run %v, %d annotations; want a new run with one", c.ID == before, c.Annotations)
	}
	creations := w.gh.Count(func(x localgithub.Exchange) bool {
		return x.Method == "POST" && strings.HasSuffix(x.Path, "/check-runs") &&
			strings.Contains(string(x.RequestBody), `"cardea/plan"`)
	})
	if creations != 2 {
		t.Errorf("cardea/plan was created %d times, want once a round", creations)
	}
}

// A comment that somebody deletes comes back at the next change; ours are known
// by who wrote them, so a planted marker changes nothing.
func TestReportCommentDeleted(t *testing.T) {
	w := newWorld(t, 2)
	number, _ := w.planned("feature")
	w.say(number, "joe", summary+"planted")
	first := w.ours(number, summary)[0].ID
	w.deleteComment(first)
	w.say(number, "ada", "cardea plan")
	w.waitRuns(2)
	w.planAll(noChanges())
	w.quiet()
	got := w.ours(number, summary)
	if len(got) != 1 || got[0].ID == first {
		t.Errorf("got %+v, want one new comment", got)
	}
}

// A comment that GitHub finds too long is shortened, not lost.
func TestReportCommentTooLong(t *testing.T) {
	w := newWorld(t, 2)
	w.gh.Faults.Add(localgithub.FaultRule{Method: "POST", Path: regexp.MustCompile(`/issues/\d+/comments$`), Status: 422,
		Reply: `{"message":"Validation Failed","errors":[{"resource":"IssueComment","code":"unprocessable","message":"body is too long (maximum is 65536 characters)"}]}`})
	number, _ := w.open("feature", 0, 1)
	w.waitRuns(2)
	w.eventually("a shortened comment", func() bool {
		c := w.ours(number, summary)
		return len(c) == 1 && strings.Contains(c[0].Body,
			"the rest did not fit; see the [full details](https://cardea.test/acme/infra/pull/")
	})
	w.planAll(changes())
	w.quiet()
	if c := w.ours(number, summary); len(c) != 1 || strings.Contains(c[0].Body, "did not fit") {
		t.Errorf("the final comment: %+v", c)
	}
}

// When the server ends while a comment is being written, there is still one.
func TestReportKilledWhileWriting(t *testing.T) {
	w := newWorld(t, 2)
	fault := w.gh.Faults.Add(localgithub.FaultRule{Method: "POST", Path: regexp.MustCompile(`/issues/\d+/comments$`),
		Hang: true, AfterEffect: true})
	number, head := w.open("feature", 0, 1)
	w.eventually("the comment hangs", func() bool { return fault.Hits() == 1 && len(w.ours(number, summary)) == 1 })
	w.stop()
	w.start()
	w.waitRuns(2)
	w.planAll(changes())
	w.quiet()
	w.wantChecks(head, "success", "action_required")
	if n := len(w.ours(number, summary)); n != 1 {
		t.Errorf("got %d summary comments, want 1", n)
	}
}

func (w *world) deleteComment(id int64) {
	w.t.Helper()
	status, body := w.rest("DELETE", fmt.Sprintf("/repos/acme/infra/issues/comments/%d", id), "")
	if status != 204 {
		w.t.Fatalf("deleting a comment: %d %s", status, body)
	}
}

// Whatever call goes wrong, and however, in the end one comment and one run of
// each check a round say what is.
func TestReportFaults(t *testing.T) {
	w := newWorld(t, 2)
	w.planned("warm") // tokens are there
	rule := func(n int, r localgithub.FaultRule) localgithub.FaultRule {
		r.From, r.Path = n, regexp.MustCompile(`check-runs|/issues/|/pulls/\d+$|permission`)
		return r
	}
	kinds := []localgithub.FaultRule{{Status: 502}, {Status: 502, AfterEffect: true}, {Drop: true, AfterEffect: true},
		{Limit: localgithub.LimitSecondary429, Retry: time.Second}}
	for i := range 10 {
		kind := kinds[i%len(kinds)]
		t.Run(fmt.Sprintf("call %d", i+1), func(t *testing.T) {
			w.t = t
			w.gh.Faults.Clear()
			fault := w.gh.Faults.Add(rule(i+1, kind))
			number, head := w.open(fmt.Sprintf("feature%d", i), 0)
			w.waitRuns(1)
			w.planAll(changes())
			w.wantChecks(head, "success", "action_required")
			w.quiet()
			w.gh.Faults.Clear()
			if n := len(w.ours(number, summary)); n != 1 {
				t.Errorf("got %d summary comments, want 1 (%d faults)", n, fault.Hits())
			}
			for name, n := range w.runsAt(head) {
				if n != 1 {
					t.Errorf("%d runs of %s (%d faults)", n, name, fault.Hits())
				}
			}
		})
	}
}

// runsAt counts all check runs of a commit by name, also those that newer ones hide.
func (w *world) runsAt(sha string) map[string]int {
	w.t.Helper()
	out := map[string]int{}
	var list struct {
		Runs []struct {
			Name string `json:"name"`
		} `json:"check_runs"`
	}
	w.restJSON("/repos/acme/infra/commits/"+sha+"/check-runs?filter=all&per_page=100", &list)
	for _, r := range list.Runs {
		out[r.Name]++
	}
	return out
}

// A new head takes the place of the old one: checks under way are cancelled, the comment stays one.
func TestReportSupersededHead(t *testing.T) {
	w := newWorld(t, 2)
	number, old := w.open("feature", 0)
	w.waitRuns(1)
	w.wantChecks(old, "in_progress", "queued")
	head := w.commit("feature", map[string]string{"p01/main.tf": "x\n"})
	w.wantChecks(old, "cancelled", "cancelled")
	w.waitRuns(2)
	w.planAll(changes())
	w.quiet()
	w.wantChecks(head, "success", "action_required")
	if n := len(w.ours(number, summary)); n != 1 {
		t.Errorf("got %d summary comments, want 1", n)
	}
	rec, err := w.svc.Pull(t.Context(), w.key(number))
	ok(t, err)
	if len(rec.OldHeads) != 0 {
		t.Errorf("old heads are left: %v", rec.OldHeads)
	}
	// Closing leaves the checks as they are.
	ok(t, w.gh.SetPullState(repoName, number, "ada", "closed"))
	w.quiet()
	w.wantChecks(head, "success", "action_required")
}

// Two pulls with one head: the checks say the worst of both, and follow when one closes.
func TestReportTwoPullsOneHead(t *testing.T) {
	w := newWorld(t, 2)
	first, head := w.open("feature", 0)
	w.waitRuns(1)
	w.git(w.dir, "push", "-q", "origin", "main:other")
	second, err := w.gh.OpenPull(repoName, "ada", localgithub.PullRequest{Title: "Again", Head: "feature", Base: "other"})
	ok(t, err)
	w.waitRuns(2)
	w.wantChecks(head, "in_progress", "queued")
	w.plan(fails()) // of the first pull
	w.plan(noChanges())
	w.quiet()
	w.wantChecks(head, "failure", "action_required")
	ok(t, w.gh.SetPullState(repoName, first, "ada", "closed"))
	w.wantChecks(head, "success", "success")
	w.quiet()
	if a, b := len(w.ours(first, summary)), len(w.ours(second, summary)); a != 1 || b != 1 {
		t.Errorf("got %d and %d summary comments, want one each", a, b)
	}
}

// "Re-run all checks" of a commit plans again in every pull that has it as its
// head, also where GitHub names only some of them.
func TestRerunAllTwoPullsOneHead(t *testing.T) {
	w := newWorld(t, 2)
	_, head := w.open("feature", 0)
	w.waitRuns(1)
	w.planAll(noChanges())
	w.git(w.dir, "push", "-q", "origin", "main:other")
	_, err := w.gh.OpenPull(repoName, "ada", localgithub.PullRequest{Title: "Again", Head: "feature", Base: "other"})
	ok(t, err)
	w.waitRuns(1)
	w.planAll(noChanges())
	w.quiet()
	ok(t, w.gh.RerequestAll("ada", w.check(head, "cardea/plan").SuiteID))
	w.waitRuns(2)
	w.planAll(noChanges())
	w.quiet()
	w.wantChecks(head, "success", "success")
}

// A new title is shown on the pages.
func TestTitleEdited(t *testing.T) {
	w := newWorld(t, 1)
	number, _ := w.open("feature", 0)
	w.waitRuns(1)
	w.planAll(noChanges())
	w.quiet()
	if status, body := w.rest("PATCH", fmt.Sprintf("/repos/acme/infra/pulls/%d", number),
		`{"title":"Better"}`); status != 200 {
		t.Fatalf("editing the title: %d %s", status, body)
	}
	w.eventually("the new title is known", func() bool {
		rec, err := w.svc.Pull(t.Context(), w.key(number))
		ok(t, err)
		return rec.Pull.Title == "Better"
	})
	w.quiet()
	if live, err := w.svc.LiveRuns(t.Context()); err != nil || len(live) != 0 {
		t.Errorf("a new title planned %d runs, %v", len(live), err)
	}
}

// Nothing affected: two green checks and no comment; a deleted project alone makes one.
func TestReportNothingAffected(t *testing.T) {
	w := newWorld(t, 2)
	w.git(w.dir, "checkout", "-q", "main")
	head := w.commit("docs", map[string]string{"README": "x\n"})
	number, err := w.gh.OpenPull(repoName, "ada", localgithub.PullRequest{Title: "Docs", Head: "docs"})
	ok(t, err)
	w.wantChecks(head, "success", "success")
	w.quiet()
	if n := len(w.ours(number, "")); n != 0 {
		t.Errorf("got %d comments, want none", n)
	}
}
