package service_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/service"
)

// fingerprinted is a plan whose fingerprint follows from what it is made from, as a real one does.
func (w *world) fingerprinted(run workflow.Run, add int) workflow.Result {
	res := success(run, add)
	res.Plan.Fingerprint = fmt.Sprintf("%064x", len(run.Project.Name)*1000+add)
	res.Plan.PlannedAt, res.Plan.StateID, res.Plan.StateVersion = w.now, sameState(run).ID, "1"
	res.Plan.InputsDigest, res.Plan.States = run.InputsDigest, run.States
	res.Plan.Fetched.Tool = "terraform 1.11.4"
	if add > 0 && run.Kind == workflow.RunPlan {
		res.Artefact = "artefact of " + run.ID
	}
	return res
}

// plan makes every queued plan, each with so many resources to add.
func (w *world) plan(add int) (planned []string) {
	w.t.Helper()
	for run, ok := w.claim(); ok; run, ok = w.claim() {
		if run.Kind == workflow.RunApply {
			w.t.Fatalf("got the apply of %s, want plans only", run.Project.Name)
		}
		planned = append(planned, string(run.Kind)+" "+run.Project.Name)
		w.finish(w.fingerprinted(run, add))
	}
	w.show()
	return planned
}

// show writes the summary comments as they are, a second later.
func (w *world) show() {
	w.t.Helper()
	w.now = w.now.Add(time.Second)
	for n := range w.pulls {
		v, err := w.svc.View(w.t.Context(), workflow.PullKey{RepoID: repo.ID, Number: n})
		if errors.Is(err, workflow.ErrNotFound) {
			continue
		}
		if err != nil {
			w.t.Fatal(err)
		}
		shown := workflow.Shown{At: w.now, Fingerprints: map[string]string{}, Runs: map[string]string{}}
		for _, p := range v.Projects {
			if plan := v.PlanOf(p); plan != nil && !plan.NoChanges {
				shown.Fingerprints[p.Project.Name], shown.Runs[p.Project.Name] = plan.Fingerprint, p.Run.ID
			}
		}
		if err := w.svc.ShownAt(w.t.Context(), v.Pull.Key(), shown); err != nil {
			w.t.Fatal(err)
		}
	}
	w.now = w.now.Add(2 * time.Second)
}

// ready is a pull whose changes are planned.
func (w *world) ready(number int, head string, changes files) {
	w.t.Helper()
	w.open(number, head, changes)
	w.plan(1)
}

func verb(v workflow.Verb, projects ...string) workflow.Command {
	return workflow.Command{Verb: v, Select: workflow.Selector{Projects: projects}}
}

// do is a command that is carried out at once, and what was answered: the kind and all sentences.
func (w *world) do(number int, by string, c workflow.Command) string {
	w.t.Helper()
	req := w.say(number, by, c)
	w.expand()
	done, err := stored(w.t, w.store, req.ID)
	if err != nil || !done.Done {
		w.t.Fatalf("got %+v, %v, want `%s` carried out", done, err, c.Verb)
	}
	return w.reply(number, req.ID)
}

func (w *world) reply(number int, key string) string {
	w.t.Helper()
	for _, r := range w.view(number).Replies {
		if r.Key != key {
			continue
		}
		out := []string{map[bool]string{true: "waits "}[r.Waits] + r.Kind + ":", phrase.All(r.Text).String()}
		for _, i := range r.Items {
			out = append(out, fmt.Sprintf("%s %v", i.Project, i.Done), i.Text.String())
			for _, m := range i.Missing {
				out = append(out, string(m.Need)+": "+m.Sentence.String())
			}
		}
		return strings.Join(out, "\n")
	}
	return ""
}

// has checks that a text holds all of these.
func has(t testing.TB, text string, wants ...string) {
	t.Helper()
	for _, want := range wants {
		if !strings.Contains(text, want) {
			t.Errorf("got %q, want it to say %q", text, want)
		}
	}
}

func sameState(run workflow.Run) workflow.StateVersion {
	return workflow.StateVersion{ID: "line of " + one(run.States), Version: "1"}
}

// authorise asks for the word for a claimed apply, with what its plan says.
func (w *world) authorise(run workflow.Run) error {
	return w.svc.Authorise(w.t.Context(), run, run.Apply.Artefact, sameState(run))
}

func applied(run workflow.Run, o workflow.Outcome) workflow.Result {
	return workflow.Result{Run: run.ID, Epoch: run.Epoch, Outcome: o, Done: 1, Total: 1}
}

// applying is an approved plan whose apply is claimed and has the word to go.
func (w *world) applying(number int, project string) workflow.Run {
	w.t.Helper()
	has(w.t, w.do(number, "bob", verb(workflow.VerbApprove, project)), "approved")
	if said := w.do(number, "bob", verb(workflow.VerbApply, project)); said != "" {
		w.t.Fatalf("got %s, want the apply queued", said)
	}
	run := w.mustClaim(project)
	if run.Kind != workflow.RunApply {
		w.t.Fatalf("got a %s", run.Kind)
	}
	if err := w.authorise(run); err != nil {
		w.t.Fatal(err)
	}
	return run
}

func (w *world) locks() (out []string) {
	w.t.Helper()
	all, err := w.svc.Locks(w.t.Context(), repo.ID)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, l := range all {
		out = append(out, fmt.Sprintf("#%d %s %s", l.Pull.Number, strings.ReplaceAll(l.Key, "\x00", " "), l.Why))
	}
	return out
}

func (w *world) project(number int, name string) workflow.ProjectRecord {
	w.t.Helper()
	v := w.view(number)
	if p := v.Project(name); p != nil {
		return *p
	}
	w.t.Fatalf("pull %d has no project %s", number, name)
	return workflow.ProjectRecord{}
}

func TestApplyWholeStory(t *testing.T) {
	w := newWorld(t)
	w.ready(1, "head1", files{"a/main.tf": "2"})
	p := w.project(1, "a")
	if len(p.WaitsFor) != 1 || p.WaitsFor[0].Need != workflow.NeedApproved {
		t.Errorf("got waits %+v, want the approval", p.WaitsFor)
	}
	has(t, w.do(1, "ada", verb(workflow.VerbApprove)), "refused", "author")
	has(t, w.do(1, "eve", verb(workflow.VerbApprove)), "refused", "read access")
	has(t, w.do(1, "bob", verb(workflow.VerbApply)), "refused", "approved: Needs 1 approval")
	want(t, "locks of a refused apply", w.locks(), []string(nil))
	has(t, w.do(1, "bob", verb(workflow.VerbApprove)), "approved", "a true")
	if p := w.project(1, "a"); len(p.WaitsFor) != 0 || len(p.Approvals) != 1 {
		t.Errorf("got %+v, want an approval and nothing to wait for", p)
	}
	if said := w.do(1, "bob", verb(workflow.VerbApply)); said != "" {
		t.Fatalf("got %s", said)
	}
	want(t, "state", w.states(1), []string{"a applying"})
	want(t, "locks", w.locks(), []string{"#1 project a default apply", "#1 state state of a apply", "#1 state lineage line of state of a apply"})
	has(t, w.do(1, "bob", verb(workflow.VerbApply)), "refused", "already queued")
	run := w.mustClaim("a")
	plan := w.project(1, "a").Run
	if run.Credentials != "rw" || run.Tree != plan.Tree || run.Apply.PlanRun != plan.ID || run.Priority != workflow.PriorityApply || w.project(1, "a").Held {
		t.Errorf("got %+v", run)
	}
	if err := w.authorise(run); err != nil {
		t.Fatal(err)
	}
	stored, err := w.svc.Run(t.Context(), run.ID)
	if err != nil || !stored.Apply.Spent || stored.Apply.Authorised.Base != "base1" || len(stored.Apply.Authorised.Approvals) != 1 || stored.Apply.Authorised.LockEpoch == 0 {
		t.Errorf("got %+v, %v, want the authorisation", stored.Apply.Authorised, err)
	}
	if err := w.authorise(run); err == nil {
		t.Error("an apply was authorised twice")
	}
	w.finish(applied(run, workflow.OutcomeSucceeded))
	want(t, "state after", w.states(1), []string{"a applied"})
	has(t, w.reply(1, run.Request+"/end"), "applied", "a true")
	want(t, "dropped", w.dropped, []string{plan.ID})
	want(t, "planned by itself", w.plan(0), []string{"verify a"})
	want(t, "state verified", w.states(1), []string{"a applied"})
	has(t, w.do(1, "bob", verb(workflow.VerbApply)), "nothing to apply")
	has(t, w.do(1, "bob", verb(workflow.VerbUnapprove)), "unapproved")
	want(t, "locks until merge", len(w.locks()), 3)
	w.facts(1, "head1", func(p *workflow.Pull) { p.State = workflow.PullMerged })
	w.deliver(workflow.Request{Kind: workflow.RequestClosed, Number: 1, Action: "closed", Key: "closed", Immediate: true})
	w.settle()
	want(t, "locks after", w.locks(), []string(nil))
}

// A plan that waits already does not take the place of the verify: without one nothing is merged by itself.
func TestEveryApplyIsVerified(t *testing.T) {
	w := newWorld(t)
	w.ready(1, "head1", files{"a/main.tf": "2"})
	run := w.applying(1, "a")
	w.say(1, "ada", planOf("a"))
	w.expand()
	w.finish(applied(run, workflow.OutcomeSucceeded))
	want(t, "planned", w.plan(0), []string{"plan a", "verify a"})
	if v := w.project(1, "a").Verify; v == nil || !v.NoChanges {
		t.Errorf("got %+v, want the apply verified", v)
	}
	want(t, "state", w.states(1), []string{"a applied"})
}

func TestResidueWantsItsOwnApproval(t *testing.T) {
	w := newWorld(t)
	w.ready(1, "head1", files{"a/main.tf": "2"})
	w.finish(applied(w.applying(1, "a"), workflow.OutcomeSucceeded))
	verify := w.mustClaim("a")
	w.finish(w.fingerprinted(verify, 2))
	want(t, "planned for people", w.plan(2), []string{"plan a"})
	want(t, "state", w.states(1), []string{"a planned"})
	has(t, w.do(1, "bob", verb(workflow.VerbApply)), "refused", "The approval by `bob` is no longer valid")
	w.finish(applied(w.applying(1, "a"), workflow.OutcomeSucceeded))
	want(t, "converged", w.plan(0), []string{"verify a"})
	want(t, "state after", w.states(1), []string{"a applied"})
}

// A verify that is lost twice found out nothing: people get a plan to look at.
func TestLostVerify(t *testing.T) {
	w := newWorld(t)
	w.ready(1, "head1", files{"a/main.tf": "2"})
	w.finish(applied(w.applying(1, "a"), workflow.OutcomeSucceeded))
	for range 2 {
		run := w.mustClaim("a")
		want(t, "kind", run.Kind, workflow.RunVerify)
		w.finish(workflow.Result{Run: run.ID, Epoch: run.Epoch, Outcome: workflow.OutcomeLost, Reason: "killed"})
	}
	want(t, "planned for people", w.plan(0), []string{"plan a"})
	want(t, "state", w.states(1), []string{"a applied"})
}

// Where nothing can be planned, a command says so, and not that there is nothing to do.
func TestCommandsOnAConflict(t *testing.T) {
	w := newWorld(t)
	w.ready(1, "head1", files{"a/main.tf": "2"})
	w.source.conflicts = []string{"a/main.tf"}
	w.commit("head2", baseFiles, files{"a/main.tf": "3"})
	w.facts(1, "head2")
	w.push(1, "synchronize")
	w.settle()
	for _, v := range []workflow.Verb{workflow.VerbApply, workflow.VerbApprove} {
		has(t, w.do(1, "bob", verb(v)), "refused", "Nothing at head2 can be planned", "conflicts")
	}
}

func TestFailedApplyIsPlannedAgain(t *testing.T) {
	w := newWorld(t)
	w.ready(1, "head1", files{"a/main.tf": "2"})
	run := w.applying(1, "a")
	res := applied(run, workflow.OutcomeFailed)
	res.Reason, res.Total = "boom", 3
	w.finish(res)
	want(t, "state", w.states(1), []string{"a apply_failed"})
	has(t, w.reply(1, run.Request+"/end"), "apply_failed", "boom")
	want(t, "planned", w.plan(1), []string{"plan a"})
	want(t, "state after the plan", w.states(1), []string{"a apply_failed"})
	w.finish(applied(w.applying(1, "a"), workflow.OutcomeSucceeded)) // the same plan: its approval stays
	want(t, "state after", w.states(1), []string{"a applied"})
}

// What is unknown stays so at every head and in every restart until a person or the result itself ends it.
func TestUnknownApply(t *testing.T) {
	w := newWorld(t)
	w.ready(1, "head1", files{"a/main.tf": "2"})
	run := w.applying(1, "a")
	w.serve(w.store)
	if err := w.svc.Start(t.Context(), "worker"); err != nil {
		t.Fatal(err)
	}
	want(t, "state after a restart", w.states(1), []string{"a applying"})
	w.now = w.now.Add(service.DefaultLease + time.Second)
	if r, ok := w.claim(); ok {
		t.Errorf("got a %s of %s, want nothing tried again", r.Kind, r.Project.Name)
	}
	want(t, "state", w.states(1), []string{"a unknown"})
	has(t, w.reply(1, run.Request+"/end"), "apply_unknown")
	has(t, w.do(1, "bob", verb(workflow.VerbUnlock)), "refused", "is unknown")
	w.commit("head2", baseFiles, files{"a/main.tf": "3"})
	w.facts(1, "head2")
	w.push(1, "synchronize")
	w.settle()
	want(t, "planned", w.plan(2), []string{"plan a"})
	want(t, "state at the next head", w.states(1), []string{"a unknown"})
	has(t, w.do(1, "bob", verb(workflow.VerbApply)), "refused", "state: The outcome of the last apply")
	w.facts(1, "head2", func(p *workflow.Pull) { p.State = workflow.PullClosed })
	w.deliver(workflow.Request{Kind: workflow.RequestClosed, Number: 1, Action: "closed", Key: "closed", Immediate: true})
	w.settle()
	want(t, "locks of a closed pull", len(w.locks()), 3)
	closed := "closed/" + w.view(1).ClosedAt.UTC().Format("20060102T150405.000")
	has(t, w.reply(1, closed), "The outcome of the apply from #1 at `head1` is unknown, and the pull request was never merged.")
	resolve := verb(workflow.VerbResolve, "a")
	resolve.Outcome = "applied"
	has(t, w.do(1, "bob", resolve), "refused", "may not resolve")
	answered := len(w.view(1).Replies)
	has(t, w.do(1, "root", resolve), "resolved", "a true")
	want(t, "locks at last", w.locks(), []string(nil))
	want(t, "answers to all that was asked", len(w.view(1).Replies), answered+1)
	for _, m := range w.project(1, "a").WaitsFor {
		if m.Need == workflow.NeedState {
			t.Errorf("it waits for what was resolved: %s", m.Sentence)
		}
	}
}

func TestLateResultEndsUnknown(t *testing.T) {
	w := newWorld(t)
	w.ready(1, "head1", files{"a/main.tf": "2"})
	run := w.applying(1, "a")
	w.now = w.now.Add(service.DefaultLease + time.Second)
	w.claim()
	want(t, "state", w.states(1), []string{"a unknown"})
	w.finish(applied(run, workflow.OutcomeSucceeded))
	want(t, "state after its result", w.states(1), []string{"a applied"})
	if err := w.svc.Finish(t.Context(), applied(run, workflow.OutcomeFailed)); !errors.Is(err, workflow.ErrStale) {
		t.Errorf("got %v, want a known outcome to stay", err)
	}
}

// An apply that provably did not start leaves nothing behind and is never tried by itself.
func TestApplyThatDidNotStart(t *testing.T) {
	for name, end := range map[string]func(w *world, run workflow.Run) error{
		"put back": func(w *world, run workflow.Run) error {
			return w.svc.PutBack(w.t.Context(), run, "The disk is full.", w.now)
		},
		"not started": func(w *world, run workflow.Run) error {
			return w.svc.Finish(w.t.Context(), workflow.Result{Run: run.ID, Epoch: run.Epoch, Outcome: workflow.OutcomeFailed, NotStarted: true, Reason: "The disk is full."})
		},
		"lost": func(w *world, run workflow.Run) error {
			return w.svc.Finish(w.t.Context(), workflow.Result{Run: run.ID, Epoch: run.Epoch, Outcome: workflow.OutcomeLost})
		},
		"restart": func(w *world, run workflow.Run) error { w.serve(w.store); return w.svc.Start(w.t.Context(), "worker") },
		"refused": func(w *world, run workflow.Run) error {
			w.roles["bob"] = workflow.RoleRead
			defer func() { w.roles["bob"] = workflow.RoleWrite }()
			if err := w.authorise(run); !errors.Is(err, service.ErrRefused) {
				return fmt.Errorf("got %w, want it refused", err)
			}
			return nil
		},
		"cancelled": func(w *world, run workflow.Run) error {
			has(w.t, w.do(1, "bob", workflow.Command{Verb: workflow.VerbCancel}), "refused", "--apply")
			has(w.t, w.do(1, "bob", workflow.Command{Verb: workflow.VerbCancel, CancelApply: true}), "cancelled")
			if err := w.authorise(run); !errors.Is(err, service.ErrRefused) {
				return fmt.Errorf("got %w, want it refused", err)
			}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.ready(1, "head1", files{"a/main.tf": "2"})
			w.do(1, "bob", verb(workflow.VerbApprove))
			w.do(1, "bob", verb(workflow.VerbApply))
			run := w.mustClaim("a")
			if err := end(w, run); err != nil {
				t.Fatal(err)
			}
			want(t, "state", w.states(1), []string{"a planned"})
			want(t, "locks", w.locks(), []string(nil))
			if w.project(1, "a").Held {
				t.Error("the project is held")
			}
			has(t, w.reply(1, run.Request+"/end"), "refused", "a false")
			if r, ok := w.claim(); ok {
				t.Errorf("got a %s, want nothing tried again", r.Kind)
			}
			if err := w.authorise(run); !errors.Is(err, workflow.ErrStale) {
				t.Errorf("got %v, want an ended apply to stay so", err)
			}
			w.finish(applied(w.applying(1, "a"), workflow.OutcomeSucceeded)) // the person asks again
		})
	}
}

// Permission comes before everything that a command says: whatever a person
// without it writes, the answer is the same, and nothing of it is compared with anything.
func TestStrangersWordsAreNotLookedAt(t *testing.T) {
	w := newWorld(t)
	w.ready(1, "head1", files{"a/main.tf": "2"})
	many := func(first string) string { return "{" + first + strings.Repeat(","+first, 119) + "}" }
	huge := many("a") + many("r") + many("o") + many("d") + "X"
	for _, what := range []string{huge, "a[", "nobody", "*"} {
		for v, doing := range map[workflow.Verb]string{
			workflow.VerbApprove: "may not approve", workflow.VerbApply: "may not apply", workflow.VerbLock: "may not lock",
			workflow.VerbUnlock: "may not unlock", workflow.VerbResolve: "may not resolve", workflow.VerbUnapprove: "has no approval here",
			workflow.VerbPlan: "may not plan",
		} {
			c := workflow.Command{Verb: v, Select: workflow.Selector{Environments: []string{what}}, Outcome: workflow.ResolvedFailed}
			said := w.do(1, "eve", c)
			has(t, said, "refused", doing)
			if strings.Contains(said, "There is no") || strings.Contains(said, "glob") {
				t.Errorf("`%s`: a stranger's words were looked at: %s", v, said)
			}
		}
	}
	for _, v := range []workflow.Verb{workflow.VerbApprove, workflow.VerbApply, workflow.VerbLock, workflow.VerbPlan} {
		has(t, w.do(1, "bob", verb(v, huge)), "refused", "stands for more than 64 alternatives: write several globs")
	}
	want(t, "who may in one environment", func() string {
		w.rules.Approve, w.rules.Environments = workflow.Who{Role: workflow.RoleAdmin}, map[string]workflow.EnvironmentRules{
			"dev": {Dirs: []string{"a"}, Approve: &workflow.Who{Role: workflow.RoleRead}},
		}
		return strings.SplitN(w.do(1, "eve", verb(workflow.VerbApprove, "nobody")), "\n", 2)[1]
	}(), "There is no project `nobody`.")
}
