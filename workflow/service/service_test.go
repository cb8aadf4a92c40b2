package service_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/service"
)

func want(t *testing.T, what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func TestOpenedPullIsPlanned(t *testing.T) {
	w := newWorld(t)
	w.open(1, "head1", files{"b/main.tf": "2", "a/main.tf": "2", "d/main.tf": "", "c/main.tf": "refuse"})
	want(t, "states", w.states(1), []string{"a queued", "b queued", "c refused", "d deleted"})
	v := w.view(1)
	if !v.Known || v.BaseSHA != "base1" || v.Tree == "" || v.PerProjectChecks != 10 {
		t.Errorf("got known %v, base %q, tree %q, per project %d", v.Known, v.BaseSHA, v.Tree, v.PerProjectChecks)
	}
	for _, p := range v.Projects {
		if len(p.Reasons) == 0 {
			t.Errorf("%s has no reason", p.Project.Name)
		}
	}
	run := w.mustClaim("a")
	if run.Credentials != "ro" || run.Priority != workflow.PriorityAutoplan || run.Tree != v.Tree || run.Paths != nil {
		t.Errorf("got run %+v", run)
	}
	want(t, "providers of base", run.BaseKnown, []string{"registry/acme/a"})
	other := w.mustClaim("b")
	w.finish(success(run, 3))
	w.finish(success(other, 0))
	want(t, "states after", w.states(1), []string{"a planned", "b no_changes", "c refused", "d deleted"})
	v2 := w.view(1)
	want(t, "plan", v2.PlanOf(v2.Projects[0]).Counts, workflow.Counts{Add: 3})
	if v2.Version <= v.Version {
		t.Errorf("got version %d after %d, want it to grow", v2.Version, v.Version)
	}
	var kinds []string
	events, err := w.svc.Events(t.Context(), workflow.OfPull(workflow.PullKey{RepoID: repo.ID, Number: 1}).About(), 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		kinds = append(kinds, string(e.Kind))
	}
	want(t, "history, newest first", strings.Join(kinds, " "), "finished finished started started expanded request")
}

// A workspace holds the whole tree unless the server's rule says otherwise, and then the comment says so.
func TestWorkspaceClosure(t *testing.T) {
	w := newWorld(t)
	w.open(1, "head1", files{"a/main.tf": "2"})
	want(t, "paths", w.mustClaim("a").Paths, []string(nil))
	want(t, "notes", len(w.view(1).Notes), 0)

	w = newWorld(t)
	w.rules.Closure = true
	w.open(1, "head1", files{"a/main.tf": "2"})
	want(t, "paths", w.mustClaim("a").Paths, []string{"*", "a"})
	v := w.view(1)
	if shown := v.Projects[0].Run; shown.Paths != nil {
		t.Errorf("the record carries what only the worker needs: %v", shown.Paths)
	}
	if notes := strings.Join(v.Notes, " "); !strings.Contains(notes, "`workspace: closure`") {
		t.Errorf("got the notes %q, want what plans are made with", notes)
	}
}

func TestNewHeadSupersedes(t *testing.T) {
	w := newWorld(t)
	w.open(1, "head1", files{"a/main.tf": "2", "b/main.tf": "2"})
	running := w.mustClaim("a")
	w.commit("head2", baseFiles, files{"a/main.tf": "3"})
	w.facts(1, "head2")
	w.push(1, "synchronize")
	if n := w.expand(); n != 0 {
		t.Fatalf("got %d due, want the push to settle", n)
	}
	w.settle()
	v := w.view(1)
	want(t, "old heads", v.OldHeads, []string{"head1"})
	want(t, "states", w.states(1), []string{"a queued"})
	stop, err := w.svc.Interrupts(t.Context())
	if err != nil || len(stop) != 1 || stop[0].ID != running.ID {
		t.Fatalf("got interrupts %v, %v, want the running run", stop, err)
	}
	if run, ok := w.claim(); ok {
		t.Errorf("got a run of %s while its project still runs", run.Project.Name)
	}
	if waiting := w.view(1).Projects[0].Run.Waiting; !strings.Contains(waiting, "being stopped") {
		t.Errorf("got waiting %q, want it to say that the older one is being stopped", waiting)
	}
	w.finish(workflow.Result{Run: running.ID, Epoch: running.Epoch, Outcome: workflow.OutcomeCancelled})
	old, err := w.svc.Run(t.Context(), running.ID)
	if err != nil || old.Outcome != workflow.OutcomeSuperseded || !strings.Contains(old.Reason, "head2") {
		t.Errorf("got outcome %q because %q, want superseded by head2", old.Outcome, old.Reason)
	}
	want(t, "planned after", w.planAll(), []string{"a"})
	want(t, "states after", w.states(1), []string{"a planned"})
	runs, err := w.svc.RunsOf(t.Context(), v.Pull.Subject(), "", 10)
	if err != nil || len(runs) != 3 {
		t.Fatalf("got %d runs, %v, want 3", len(runs), err)
	}
	want(t, "runs of a", len(w.view(1).Projects[0].Runs), 2)
	if err := w.svc.HeadsCancelled(t.Context(), v.Pull.Key(), []string{"head1"}); err != nil {
		t.Fatal(err)
	}
	want(t, "old heads after", len(w.view(1).OldHeads), 0)
}

func TestLatePlanOfAnOldHeadIsNotShown(t *testing.T) {
	w := newWorld(t)
	w.open(1, "head1", files{"a/main.tf": "2"})
	running := w.mustClaim("a")
	w.commit("head2", baseFiles, files{"a/main.tf": "3"})
	w.facts(1, "head2")
	w.push(1, "synchronize")
	w.settle()
	w.finish(success(running, 5)) // it ended before the interrupt reached it
	want(t, "states", w.states(1), []string{"a queued"})
	if _, err := w.svc.Plan(t.Context(), running.ID); err != nil {
		t.Errorf("its plan is kept for its page: %v", err)
	}
}

func TestPushesSettle(t *testing.T) {
	w := newWorld(t)
	w.open(1, "head1", files{"a/main.tf": "2"})
	first := w.push(1, "synchronize")
	started := w.now
	var last workflow.Request
	pushes := 1
	for w.now = w.now.Add(2 * time.Second); w.now.Sub(started) < 26*time.Second; w.now = w.now.Add(2 * time.Second) {
		if n := w.expand(); n != 0 {
			t.Fatalf("got %d due %s after the first push", n, w.now.Sub(started))
		}
		last = w.push(1, "synchronize")
		pushes++
	}
	if last.NotBefore.After(started.Add(30 * time.Second)) {
		t.Errorf("a burst is waited for until %s after it began, want 30s at most", last.NotBefore.Sub(started))
	}
	w.settle()
	r, err := stored(t, w.store, first.ID)
	if err != nil || !r.Done || !strings.Contains(r.Note, "newer push") {
		t.Errorf("got %+v, %v, want the first push replaced", r, err)
	}
	events, err := w.svc.Events(t.Context(), workflow.OfPull(workflow.PullKey{RepoID: repo.ID, Number: 1}).About(), 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	want(t, "events: each push and one request and expansion before", len(events), pushes+2)
}

func TestSameMeaningOnce(t *testing.T) {
	w := newWorld(t)
	w.open(1, "head1", files{"a/main.tf": "2"})
	req := workflow.Request{Kind: workflow.RequestCommand, Number: 1, Immediate: true, Key: "comment:99", Command: &workflow.Command{Verb: workflow.VerbHelp}}
	first, created := w.deliver(req)
	second, again := w.deliver(req)
	if !created || again || first.ID != second.ID {
		t.Errorf("got %v %s, then %v %s, want one request", created, first.ID, again, second.ID)
	}
	w.settle()
	third, again := w.deliver(req)
	if again || !third.Done {
		t.Errorf("got %v, %+v, want the done request", again, third)
	}
	want(t, "replies", len(w.view(1).Replies), 1)
	d := workflow.Delivery{GUID: "guid-1", Event: "event"}
	if added, err := w.svc.Receive(t.Context(), d); added || err != nil {
		t.Errorf("got %v, %v, want the redelivery to be known", added, err)
	}
	if _, created, err := w.svc.WorkOffDelivery(t.Context(), d, nil, "not ours"); created || err != nil {
		t.Errorf("got %v, %v", created, err)
	}
}

func TestTheSameHeadIsPlannedOnce(t *testing.T) {
	w := newWorld(t)
	w.open(1, "head1", files{"a/main.tf": "2"})
	w.planAll()
	version := w.view(1).Version
	req := w.push(1, "synchronize")
	w.settle()
	want(t, "planned again", w.planAll(), []string(nil))
	want(t, "version", w.view(1).Version, version)
	r, err := stored(t, w.store, req.ID)
	if err != nil || !strings.Contains(r.Note, "Nothing new") {
		t.Errorf("got note %q, %v", r.Note, err)
	}
}

func TestCloseAndReopen(t *testing.T) {
	w := newWorld(t)
	w.open(1, "head1", files{"a/main.tf": "2", "b/main.tf": "2"})
	running := w.mustClaim("a")
	w.facts(1, "head1", func(p *workflow.Pull) { p.State = workflow.PullClosed })
	w.deliver(workflow.Request{Kind: workflow.RequestClosed, Number: 1, Key: "closed", Action: "closed", Immediate: true})
	w.settle()
	v := w.view(1)
	if v.Pull.State != workflow.PullClosed || v.ClosedAt.IsZero() {
		t.Errorf("got state %q, closed %v", v.Pull.State, v.ClosedAt)
	}
	want(t, "the queued run", v.Project("b").Run.Outcome, workflow.OutcomeCancelled)
	w.finish(workflow.Result{Run: running.ID, Epoch: running.Epoch, Outcome: workflow.OutcomeCancelled})
	v = w.view(1)
	want(t, "the running run", v.Project("a").Run.Outcome, workflow.OutcomeCancelled)
	w.say(1, "ada", planOf())
	w.settle()
	want(t, "planned while closed", w.planAll(), []string(nil))
	want(t, "reply", w.view(1).Replies[0].Kind, workflow.ReplyRefused)
	w.facts(1, "head1")
	w.push(1, "reopened")
	w.settle()
	want(t, "planned when reopened", w.planAll(), []string{"a", "b"})
}

func TestTwoPullsOfOneHead(t *testing.T) {
	w := newWorld(t)
	w.open(1, "head1", files{"a/main.tf": "2"})
	w.open(2, "head1", files{"a/main.tf": "2"})
	first := w.mustClaim("a")
	if run, ok := w.claim(); ok {
		t.Fatalf("got a second run of project %s", run.Project.Name)
	}
	if waiting := w.view(2).Projects[0].Run.Waiting; !strings.Contains(waiting, "for #1") {
		t.Errorf("got waiting %q, want it to name the pull", waiting)
	}
	w.finish(success(first, 1))
	want(t, "then", w.planAll(), []string{"a"})
	views, err := w.svc.ViewsByHead(t.Context(), repo.ID, "head1")
	if err != nil || len(views) != 2 {
		t.Fatalf("got %d views, %v, want 2", len(views), err)
	}
	version := w.view(2).Version
	w.facts(1, "head1", func(p *workflow.Pull) { p.State = workflow.PullMerged })
	if err := w.svc.Observe(t.Context(), workflow.Request{}, w.pulls[1]); err != nil {
		t.Fatal(err)
	}
	if got := w.view(2).Version; got <= version {
		t.Errorf("the other pull was not made to be reported again: version %d", got)
	}
}

func TestStaleFactsChangeNothing(t *testing.T) {
	w := newWorld(t)
	w.open(1, "head1", files{"a/main.tf": "2"})
	old := w.pulls[1]
	w.commit("head2", baseFiles, files{"b/main.tf": "2"})
	w.facts(1, "head2")
	w.push(1, "synchronize")
	w.settle()
	req := w.say(1, "ada", planOf())
	e := service.Expansion{Request: req, Pull: old, ActorRole: workflow.RoleWrite}
	if err := w.expandWith(e); err != nil {
		t.Fatal(err)
	}
	want(t, "head", w.view(1).Pull.Head.SHA, "head2")
	r, err := stored(t, w.store, req.ID)
	if err != nil || r.Done || r.Waiting == "" {
		t.Errorf("got %+v, %v, want it put back with a reason", r, err)
	}
	w.now = w.now.Add(time.Second)
	w.settle()
	want(t, "planned", w.planAll(), []string{"b"})
}

func TestUnruledRepositoryIsIgnored(t *testing.T) {
	w := newWorld(t)
	w.commit("head1", baseFiles, files{"a/main.tf": "2"})
	p := w.facts(1, "head1", func(p *workflow.Pull) { p.Repo.Owner = "other" })
	req := w.push(1, "opened")
	w.settle()
	r, err := stored(t, w.store, req.ID)
	if err != nil || !strings.Contains(r.Note, "no rule") {
		t.Errorf("got note %q, %v", r.Note, err)
	}
	if _, err := w.svc.Pull(t.Context(), p.Key()); !errors.Is(err, workflow.ErrNotFound) {
		t.Errorf("got %v, want no record", err)
	}
}

func TestLostRunsAreRepeatedOnce(t *testing.T) {
	for name, lose := range map[string]func(*world, workflow.Run){
		"the server ended": func(w *world, _ workflow.Run) {
			w.serve(w.store)
			if err := w.svc.Start(context.Background(), "worker"); err != nil {
				w.t.Fatal(err)
			}
		},
		"no sign of life": func(w *world, _ workflow.Run) { w.now = w.now.Add(service.DefaultLease + time.Second) },
		"no result": func(w *world, run workflow.Run) {
			w.finish(workflow.Result{Run: run.ID, Epoch: run.Epoch, Outcome: workflow.OutcomeLost, Reason: "killed"})
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.open(1, "head1", files{"a/main.tf": "2"})
			first := w.mustClaim("a")
			lose(w, first)
			w.claim() // finds what is lost; the repetition may be claimed by the next call only
			v := w.view(1)
			if v.Projects[0].Run.Replaces != first.ID {
				t.Fatalf("got run %+v, want a repetition of %s", v.Projects[0].Run, first.ID)
			}
			again, err := w.svc.Run(t.Context(), v.Projects[0].Run.ID)
			if err != nil {
				t.Fatal(err)
			}
			if again.State == workflow.RunQueued {
				again = w.mustClaim("a")
			}
			if err := w.svc.Finish(t.Context(), success(first, 1)); !errors.Is(err, workflow.ErrStale) {
				t.Errorf("the lost run's late result: got %v, want ErrStale", err)
			}
			lose(w, again)
			if run, ok := w.claim(); ok {
				t.Errorf("got a third try %s", run.ID)
			}
			want(t, "states", w.states(1), []string{"a plan_failed"})
		})
	}
}

func TestLeases(t *testing.T) {
	w := newWorld(t)
	w.open(1, "head1", files{"a/main.tf": "2"})
	run := w.mustClaim("a")
	for range 5 {
		w.now = w.now.Add(service.DefaultLease / 2)
		if err := w.svc.Renew(t.Context(), run); err != nil {
			t.Fatal(err)
		}
	}
	if _, ok := w.claim(); ok {
		t.Error("a renewed run was lost")
	}
	if err := w.svc.PutBack(t.Context(), run, "The state lock is held.", w.now.Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	want(t, "waiting", w.view(1).Projects[0].Run.Waiting, "The state lock is held.")
	if _, ok := w.claim(); ok {
		t.Error("got a run before its time")
	}
	w.now = w.now.Add(time.Second)
	second := w.mustClaim("a")
	if second.Epoch != run.Epoch+1 {
		t.Errorf("got epoch %d after %d", second.Epoch, run.Epoch)
	}
	for what, err := range map[string]error{
		"renewing":     w.svc.Renew(t.Context(), run),
		"finishing":    w.svc.Finish(t.Context(), success(run, 1)),
		"putting back": w.svc.PutBack(t.Context(), run, "late", w.now),
	} {
		if !errors.Is(err, workflow.ErrStale) {
			t.Errorf("%s with an old epoch: got %v, want ErrStale", what, err)
		}
	}
	w.finish(workflow.Result{Run: second.ID, Epoch: second.Epoch, Outcome: workflow.OutcomeSucceeded})
	want(t, "success without a plan", w.states(1), []string{"a plan_failed"})
}

func TestDependsOnIsProvisional(t *testing.T) {
	w := newWorld(t)
	config := "version: 1\nprojects:\n  - {dir: b, depends_on: [a]}\n  - {dir: c, depends_on: [d]}\n"
	w.open(1, "head1", files{".cardea.yml": config, "a/main.tf": "2", "b/main.tf": "2", "c/main.tf": "2"})
	upstream := func() (out []string) {
		for _, p := range w.view(1).Projects {
			out = append(out, fmt.Sprint(p.Project.Name, p.Upstream))
		}
		return out
	}
	want(t, "upstream", upstream(), []string{"a[]", "b[a]", "c[]"})
	w.finish(success(w.mustClaim("a"), 0))
	want(t, "upstream without changes", upstream(), []string{"a[]", "b[]", "c[]"})
}

func TestReports(t *testing.T) {
	w := newWorld(t)
	w.open(1, "head1", files{"a/main.tf": "2"})
	w.say(1, "ada", workflow.Command{Verb: workflow.VerbStatus})
	w.settle()
	v := w.view(1)
	key := v.Pull.Key()
	unreported := func() []workflow.PullKey {
		t.Helper()
		keys, err := w.svc.UnreportedPulls(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return keys
	}
	want(t, "before", unreported(), []workflow.PullKey{key})
	state, err := w.svc.Report(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	want(t, "nothing shown yet", state, workflow.ReportState{Key: key})
	state.Version, state.CommentID = v.Version, 77
	if err := errors.Join(w.svc.ReplyWritten(t.Context(), key, v.Replies[0].Key, 78), w.svc.SaveReport(t.Context(), state)); err != nil {
		t.Fatal(err)
	}
	want(t, "after", unreported(), []workflow.PullKey(nil))
	reply := w.view(1).Replies[0]
	if !reply.Done || reply.CommentID != 78 {
		t.Errorf("got reply %+v, want it written", reply)
	}
	w.now = w.now.Add(25 * time.Hour)
	w.planAll()
	want(t, "replies a day later", len(w.view(1).Replies), 0)
	want(t, "changed", unreported(), []workflow.PullKey{key})
}

func TestHousekeeping(t *testing.T) {
	w := newWorld(t)
	w.open(1, "head1", files{"a/main.tf": "2"})
	waiting := workflow.Delivery{GUID: "waiting", Event: "event", Payload: []byte("{}")}
	if _, err := w.svc.Receive(t.Context(), waiting); err != nil {
		t.Fatal(err)
	}
	known := func() (delivery, request, pending bool) {
		t.Helper()
		err := w.store.View(t.Context(), func(tx workflow.Tx) error {
			_, derr := tx.Delivery("guid-1", "event")
			_, rerr := tx.RequestByKey("pull:7#1:head1:opened:0")
			_, perr := tx.Delivery("waiting", "event")
			delivery, request, pending = derr == nil, rerr == nil, perr == nil
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return delivery, request, pending
	}
	for _, c := range []struct {
		days                       int
		delivery, request, pending bool
	}{{13, true, true, true}, {15, false, true, true}, {89, false, true, true}, {91, false, false, true}} {
		w.now = time.Date(2026, 3, 1, 13, 0, 0, 0, time.UTC).AddDate(0, 0, c.days)
		if err := w.svc.Housekeep(t.Context()); err != nil {
			t.Fatal(err)
		}
		d, r, p := known()
		if d != c.delivery || r != c.request || p != c.pending {
			t.Errorf("after %d days: got delivery %v, request %v, pending %v", c.days, d, r, p)
		}
	}
}
