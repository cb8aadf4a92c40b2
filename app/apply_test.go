package app_test

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/cardea-iac/cardea/internal/localgithub"
	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/service"
)

// work carries out everything that is queued until nothing is, as a worker would: plans
// make plans of a version, applies ask for the word, verifies find nothing left to
// do. It returns what was done: "plan p00", "apply p00", "refused p00".
func (w *world) work(version int) (done []string) {
	w.t.Helper()
	for {
		run, found, err := w.svc.Claim(w.t.Context(), "test")
		ok(w.t, err)
		if !found {
			return done
		}
		res := workflow.Result{Outcome: workflow.OutcomeSucceeded}
		word := string(run.Kind)
		switch run.Kind {
		case workflow.RunApply:
			err := w.svc.Authorise(w.t.Context(), run, run.Apply.Artefact,
				workflow.StateVersion{ID: "line of " + one(run.States), Version: "1"})
			if errors.Is(err, service.ErrRefused) {
				done = append(done, "refused "+run.Project.Name)
				continue
			}
			ok(w.t, err)
			res.Done, res.Total = 1, 1
		case workflow.RunVerify:
			res.Plan = noChanges().Plan
		default:
			res = changes()
			res.Artefact = "artefact of " + run.ID
			res.Plan.Fingerprint = fmt.Sprintf("%02d%062x", version,
				len(run.Project.Name)*100+int(run.Project.Name[len(run.Project.Name)-1]))
		}
		if res.Plan != nil {
			res.Plan.PlannedAt, res.Plan.StateID, res.Plan.StateVersion = w.now(), "line of "+one(run.States), "1"
			res.Plan.InputsDigest, res.Plan.States = run.InputsDigest, run.States
			res.Plan.Fetched = workflow.Fetched{Tool: "terraform 1.11.4", Modules: w.modules}
		}
		res.Run, res.Epoch = run.ID, run.Epoch
		ok(w.t, w.svc.Finish(w.t.Context(), res))
		done = append(done, word+" "+run.Project.Name)
	}
}

// ready is a pull with changes in projects, planned and shown; GitHub's clock has
// whole seconds, and the comments that follow come in a later one.
func (w *world) ready(branch string, projects ...int) (number int, head string) {
	w.t.Helper()
	number, head = w.open(branch, projects...)
	w.waitRuns(len(projects))
	w.work(1)
	w.quiet()
	w.wantChecks(head, "success", "action_required")
	w.laterSecond(number)
	return number, head
}

// laterSecond waits until GitHub's clock shows another second than the summary's.
func (w *world) laterSecond(number int) {
	w.t.Helper()
	rec, err := w.svc.Pull(w.t.Context(), w.key(number))
	ok(w.t, err)
	shown := rec.Shown[len(rec.Shown)-1].At
	w.eventually("a later second", func() bool { return time.Now().Truncate(time.Second).After(shown) })
}

// settled carries out all that is asked for and queued until nothing is and all is
// shown. What is under way is not waited for: its progress may be shown in ten seconds.
func (w *world) settled(version int) (done []string) {
	w.t.Helper()
	for {
		w.heard()
		more := w.work(version)
		if len(more) == 0 {
			w.quiet()
			more = w.work(version)
		}
		if len(more) == 0 {
			return done
		}
		done = append(done, more...)
	}
}

// The loop: approved by another person, applied, verified, told, all green; for
// one project and for thirty with at most twelve calls.
func TestApply(t *testing.T) {
	for _, projects := range []int{1, 30} {
		t.Run(fmt.Sprint(projects), func(t *testing.T) {
			w := newWorld(t, projects)
			// Our own checks are required: they must not wait for themselves.
			ok(t, w.gh.RequireChecks(repoName, "main",
				[]localgithub.RequiredCheck{{Context: "cardea/plan", AppID: w.ghAp.ID}, {Context: "cardea/apply"}}))
			var all []int
			for i := range projects {
				all = append(all, i)
			}
			number, head := w.ready("feature", all...)
			w.say(number, "rob", "cardea approve")
			w.settled(1)
			if got := w.check(head, "cardea/apply").Actions; fmt.Sprint(got) != "[apply]" {
				t.Errorf("buttons of an approved pull: %v, want apply", got)
			}
			before, began := len(w.gh.Exchanges()), time.Now()
			w.say(number, "ada", "cardea apply")
			done := w.settled(1)
			if n := strings.Count(strings.Join(done, "\n"), "apply p"); n != projects ||
				strings.Contains(fmt.Sprint(done), "refused") {
				t.Fatalf("got %v, want %d applies", done, projects)
			}
			w.wantChecks(head, "success", "success")
			replies := w.ours(number, reply)
			if last := replies[len(replies)-1].Body; !strings.Contains(last, "pplied") {
				t.Errorf("the last reply is %q, want it to tell of the apply", last)
			}
			var kinds []string
			for _, x := range w.gh.Exchanges()[before:] {
				if x.ActorKind != "user" && !recovers(x) && !strings.Contains(string(x.RequestBody), "cardea/plan: ") {
					kinds = append(kinds, x.Method+" "+x.Path)
				}
			}
			if most := 12 + 2*int(time.Since(began)/(10*time.Second)); len(kinds) > most {
				t.Errorf("%d projects took %d calls, want at most %d:\n%s", projects, len(kinds), most, strings.Join(kinds, "\n"))
			}
			t.Logf("%d projects: %d calls", projects, len(kinds))
		})
	}
}

// Who may not is refused, by comment and by button, and nothing starts.
func TestApplyRefused(t *testing.T) {
	w := newWorld(t, 2)
	_, err := w.gh.CreateUser("eve")
	ok(t, err)
	number, head := w.ready("feature", 0)
	last := func() string {
		t.Helper()
		all := w.ours(number, reply)
		if len(all) == 0 {
			return ""
		}
		return all[len(all)-1].Body
	}
	tests := []struct{ name, who, text, want string }{
		{"the author approves", "ada", "cardea approve", "author"},
		{"a reader approves", "joe", "cardea approve", "may not approve"},
		{"a reader applies", "joe", "cardea apply", "may not apply"},
		{"not approved", "ada", "cardea apply", "Needs 1 approval"},
		{"another fingerprint", "rob", "cardea approve -p p00@00000000ff", "p00"},
		{"an admin is needed", "rob", "cardea resolve -p p00 --outcome applied", "p00"},
	}
	replies := 0
	for _, tt := range tests {
		w.say(number, tt.who, tt.text)
		if done := w.settled(1); len(done) > 0 {
			t.Fatalf("%s: got %v, want nothing done", tt.name, done)
		}
		replies++
		if n := len(w.ours(number, reply)); n != replies || !strings.Contains(last(), tt.want) {
			t.Fatalf("%s: %d replies, want %d; the last is %q, want it to say %q", tt.name, n, replies, last(), tt.want)
		}
	}
	ok(t, w.gh.PressButton("ada", w.check(head, "cardea/apply").ID, "approve"))
	w.settled(1)
	if !strings.Contains(last(), "author") {
		t.Errorf("the author's button: %q", last())
	}
	// What GitHub asks of a merge, an apply needs as well.
	w.say(number, "rob", "cardea approve")
	w.settled(1)
	for _, tt := range []struct {
		state string
		named string
		set   func()
	}{
		{"missing", "ci", func() { ok(t, w.gh.RequireByRuleset(repoName, "main", []localgithub.RequiredCheck{{Context: "ci"}})) }},
		{"pending", "ci", func() { w.status(head, "ci", "pending") }},
		{"failed", "ci", func() { w.status(head, "ci", "failure") }},
		{"missing", "lint", func() {
			w.status(head, "ci", "success")
			ok(t, w.gh.Protect(repoName, "main", localgithub.Protection{Checks: []localgithub.RequiredCheck{{Context: "lint"}}}))
		}},
	} {
		tt.set()
		w.say(number, "ada", "cardea apply")
		if done := w.settled(1); len(done) > 0 || !strings.Contains(last(), tt.named) || !strings.Contains(last(), tt.state) {
			t.Errorf("%s %s: done %v, reply %q", tt.named, tt.state, done, last())
		}
	}
	w.status(head, "lint", "success")
	w.say(number, "ada", "cardea apply")
	if done := w.settled(1); len(done) == 0 || done[0] != "apply p00" {
		t.Fatalf("got %v, want it applied in the end: %s", done, last())
	}
}

func (w *world) status(sha, context, state string) {
	w.t.Helper()
	if status, body := w.rest("POST", "/repos/acme/infra/statuses/"+sha,
		fmt.Sprintf(`{"state":%q,"context":%q}`, state, context)); status != http.StatusCreated {
		w.t.Fatalf("setting a status: %d %s", status, body)
	}
}

// The buttons of cardea/apply are about the plans that its check run showed, and no others.
func TestApplyButtons(t *testing.T) {
	w := newWorld(t, 2)
	number, head := w.ready("feature", 0, 1)
	old := w.check(head, "cardea/apply")
	if fmt.Sprint(old.Actions) != "[approve]" {
		t.Errorf("buttons %v, want approve", old.Actions)
	}
	w.say(number, "ada", "cardea plan")
	w.waitRuns(2)
	w.work(2)
	w.settled(2)
	ok(t, w.gh.PressButton("rob", old.ID, "approve"))
	w.settled(2)
	if all := w.ours(number, reply); len(all) != 1 || !strings.Contains(all[0].Body, "The plans have changed") {
		t.Errorf("a stale button: %+v", all)
	}
	fresh := w.check(head, "cardea/apply")
	if fresh.ID == old.ID {
		t.Fatal("a check run came to offer other plans")
	}
	ok(t, w.gh.PressButton("rob", fresh.ID, "approve"))
	ok(t, w.gh.PressButton("rob", fresh.ID, "approve"))
	w.settled(2)
	ready := w.check(head, "cardea/apply")
	if fmt.Sprint(ready.Actions) != "[apply]" {
		t.Fatalf("buttons %v, want apply: %+v", ready.Actions, w.ours(number, reply))
	}
	ok(t, w.gh.Rerequest("ada", ready.ID)) // plans, and never applies
	w.waitRuns(2)
	if done := w.settled(2); strings.Contains(fmt.Sprint(done), "apply") {
		t.Fatalf("a re-run did %v", done)
	}
	ok(t, w.gh.PressButton("ada", w.check(head, "cardea/apply").ID, "apply"))
	done := fmt.Sprint(w.settled(2))
	if !strings.Contains(done, "apply p00") || !strings.Contains(done, "apply p01") {
		t.Errorf("got %s, want both applied: %+v", done, w.ours(number, reply))
	}
	w.wantChecks(head, "success", "success")
}

// A button is about what init fetched, too: the same plan of the same tree with another module is another plan.
func TestApplyButtonOfAnotherModule(t *testing.T) {
	w := newWorld(t, 1)
	w.modules = map[string]workflow.Exact{"module.a": "1"}
	number, head := w.ready("feature", 0)
	old := w.check(head, "cardea/apply")
	again := func() {
		w.say(number, "ada", "cardea plan")
		w.waitRuns(1)
		w.work(1)
		w.settled(1)
	}
	again()
	if same := w.check(head, "cardea/apply"); same.ExternalID != old.ExternalID {
		t.Errorf("an equal plan is another one to buttons: %s, and was %s", same.ExternalID, old.ExternalID)
	}
	w.modules = map[string]workflow.Exact{"module.a": "2"}
	again()
	ok(t, w.gh.PressButton("rob", old.ID, "approve"))
	w.settled(1)
	if all := w.ours(number, reply); len(all) != 1 || !strings.Contains(all[0].Body, "The plans have changed") {
		t.Errorf("the button of a plan with another module: %+v", all)
	}
	if fresh := w.check(head, "cardea/apply"); fresh.ExternalID == old.ExternalID {
		t.Errorf("a check run came to offer other plans: %s", fresh.ExternalID)
	}
}

// A plan that is shown later than the comment was written is not approved by it.
func TestApproveWhatWasSeen(t *testing.T) {
	w := newWorld(t, 1)
	number, head := w.open("feature", 0)
	w.waitRuns(1)
	w.work(1)
	w.quiet()
	w.laterSecond(number)
	w.say(number, "ada", "cardea plan")
	w.waitRuns(1)
	w.work(2) // the new plan is there, and approved before anybody can have read of it
	w.say(number, "rob", "cardea approve")
	w.settled(2)
	if all := w.ours(number, reply); len(all) != 1 || strings.Contains(all[0].Body, "pproved:") {
		t.Errorf("got %+v", all)
	}
	rec, err := w.svc.Pull(t.Context(), w.key(number))
	ok(t, err)
	if n := len(rec.Projects[0].Approvals); n != 0 {
		t.Errorf("%d approvals of a plan that nobody had seen", n)
	}
	w.laterSecond(number)
	w.say(number, "rob", "cardea approve")
	w.say(number, "ada", "cardea apply")
	if done := w.settled(2); len(done) == 0 || done[0] != "apply p00" {
		t.Errorf("got %v, want it applied", done)
	}
	w.wantChecks(head, "success", "success")
}

// With automerge the pull is merged at the head that was applied; a refusal is said once.
func TestAutomerge(t *testing.T) {
	w := newWorld(t, 1)
	w.mu.Lock()
	w.rules.Automerge = true
	w.rules.Require = []workflow.Requirement{workflow.NeedApproved}
	w.mu.Unlock()
	ok(t, w.gh.AllowMergeCommits(repoName, false))
	ok(t, w.gh.RequireChecks(repoName, "main", []localgithub.RequiredCheck{{Context: "cardea/apply"}, {Context: "ci"}}))
	number, head := w.ready("feature", 0)
	w.say(number, "rob", "cardea approve")
	w.say(number, "ada", "cardea apply")
	w.settled(1)
	w.eventually("the refusal is said", func() bool {
		all := w.ours(number, reply)
		return strings.Contains(all[len(all)-1].Body, `"ci" is expected`)
	})
	n := len(w.ours(number, reply))
	w.status(head, "ci", "success")
	w.review(number, "rob")
	w.eventually("it is merged", func() bool {
		p, err := w.gh.Pull(repoName, number)
		ok(t, err)
		return p.State == "merged"
	})
	w.quiet()
	if got := len(w.ours(number, reply)); got != n {
		t.Errorf("%d replies, want still %d", got, n)
	}
}

// What happened to the pull meanwhile, and was not heard of yet, keeps it from being
// merged: above all it does not go into another base branch.
func TestAutomergeMoved(t *testing.T) {
	w := newWorld(t, 1)
	w.mu.Lock()
	w.rules.Automerge = true
	w.rules.Require = []workflow.Requirement{workflow.NeedApproved}
	w.mu.Unlock()
	w.git(w.dir, "push", "-q", "origin", "main:other")
	for name, move := range map[string]func(int){
		"base":   func(number int) { ok(t, w.gh.SetBase(repoName, number, "ada", "other")) },
		"closed": func(number int) { ok(t, w.gh.SetPullState(repoName, number, "ada", "closed")) },
		"draft":  func(number int) { ok(t, w.gh.SetDraft(repoName, number, "ada", true)) },
	} {
		t.Run(name, func(t *testing.T) {
			number, _ := w.ready("feature-"+name, 0)
			w.say(number, "rob", "cardea approve")
			w.settled(1)
			fault := w.gh.Faults.Add(localgithub.FaultRule{Body: regexp.MustCompile("mergeCommitAllowed"), Do: func() {
				w.gh.HoldDeliveries()
				move(number)
			}})
			w.say(number, "ada", "cardea apply")
			w.settled(1)
			w.eventually("it is about to be merged", func() bool { return fault.Hits() == 1 })
			w.eventually("nothing more is to be shown", func() bool {
				unshown, err := w.svc.UnreportedPulls(t.Context())
				ok(t, err)
				return len(unshown) == 0
			})
			w.gh.Faults.Clear()
			if n := w.gh.Count(func(x localgithub.Exchange) bool { return x.Method == "PUT" && strings.HasSuffix(x.Path, "/merge") }); n != 0 {
				t.Errorf("it was merged %d times", n)
			}
			for _, c := range w.ours(number, reply) {
				if strings.Contains(c.Body, "does not merge") {
					t.Errorf("a refusal was said that GitHub did not give: %s", c.Body)
				}
			}
			w.gh.ReleaseDeliveries(false)
			ok(t, w.gh.SetPullState(repoName, number, "ada", "closed"))
			w.settled(1)
		})
	}
}

func (w *world) review(number int, who string) {
	w.t.Helper()
	ok(w.t, w.gh.Review(repoName, number, who, "APPROVE", ""))
}

// A push to the base branch plans again what it touches, at the lowest priority, and nothing else.
func TestBasePush(t *testing.T) {
	w := newWorld(t, 3)
	number, head := w.ready("feature", 0)
	w.git(w.dir, "checkout", "-q", "main")
	w.commit("main", map[string]string{"p02/main.tf": "elsewhere\n"})
	if done := w.settled(1); len(done) != 0 {
		t.Errorf("a push elsewhere planned %v", done)
	}
	w.wantChecks(head, "success", "action_required")
	requests := w.gh.Count(func(x localgithub.Exchange) bool { return strings.HasSuffix(x.Path, fmt.Sprintf("/pulls/%d", number)) })
	if requests == 0 {
		t.Error("nobody looked at the pull after the push")
	}
}

// What takes an approval back needs nothing of GitHub: an API that lags cannot put it off.
func TestUnapproveAsksNothing(t *testing.T) {
	w := newWorld(t, 1)
	number, _ := w.ready("feature", 0)
	w.say(number, "rob", "cardea approve")
	w.quiet()
	asked := func() int {
		return w.gh.Count(func(x localgithub.Exchange) bool {
			return x.Path == "/graphql" || strings.HasSuffix(x.Path, fmt.Sprintf("/pulls/%d", number)) || strings.HasSuffix(x.Path, "/permission")
		})
	}
	before := asked()
	w.say(number, "rob", "cardea unapprove")
	w.eventually("an answer", func() bool { return len(w.ours(number, reply)) == 2 })
	if n := asked() - before; before == 0 || n != 0 {
		t.Errorf("GitHub was asked %d times about the pull, %d times before", n, before)
	}
	rec, err := w.svc.Pull(t.Context(), w.key(number))
	ok(t, err)
	if n := len(rec.Projects[0].Approvals); n != 0 {
		t.Errorf("%d approvals are left", n)
	}
}

// What takes an approval back needs nothing of GitHub: it counts while that answers nothing.
func TestUnapproveWhileGitHubIsDown(t *testing.T) {
	w := newWorld(t, 1)
	number, _ := w.ready("feature", 0)
	w.say(number, "rob", "cardea approve")
	w.quiet()
	approvals := func() int {
		rec, err := w.svc.Pull(t.Context(), w.key(number))
		ok(t, err)
		return len(rec.Projects[0].Approvals)
	}
	if approvals() != 1 {
		t.Fatalf("got %d approvals, want 1", approvals())
	}
	w.gh.Faults.Add(localgithub.FaultRule{Path: regexp.MustCompile("."), Status: 502, Times: -1})
	w.say(number, "rob", "cardea unapprove")
	w.eventually("no approval", func() bool { return approvals() == 0 })
	w.gh.Faults.Clear()
	w.eventually("an answer", func() bool { return len(w.ours(number, reply)) == 2 })
}
