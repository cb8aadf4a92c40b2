package service_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/service"
	"github.com/cardea-iac/cardea/workflow/storetest"
)

// story is a pull's life: opened while another of its head is, commanded, pushed
// to, asked in vain. Each step is tried again until it works, as the loops do.
func story(w *world, try func(func() error)) {
	deliver := func(guid string, req workflow.Request) {
		d := workflow.Delivery{GUID: guid, Event: "event", Payload: []byte("{}")}
		try(func() error { _, err := w.svc.Receive(w.t.Context(), d); return err })
		req.Repo, req.Actor, req.Key, req.Immediate = repo, ada, guid, true
		try(func() error { _, _, err := w.svc.WorkOffDelivery(w.t.Context(), d, &req, ""); return err })
	}
	expand := func() {
		for again := true; again; {
			try(func() error {
				due, _, err := w.svc.DueRequests(w.t.Context(), service.DueQuery{})
				again = len(due) > 0
				for _, r := range due {
					e := service.Expansion{Request: r, Pull: w.pulls[r.Number], ActorRole: workflow.RoleWrite, AuthorRole: workflow.RoleWrite}
					err = errors.Join(err, w.expandWith(e))
				}
				return err
			})
		}
	}
	w.commit("head1", baseFiles, files{"a/main.tf": "2", "b/main.tf": "2"})
	w.facts(1, "head1")
	w.facts(2, "head1")
	deliver("opened 1", workflow.Request{Kind: workflow.RequestPull, Number: 1, Action: "opened", Head: "head1"})
	deliver("opened 2", workflow.Request{Kind: workflow.RequestPull, Number: 2, Action: "opened", Head: "head1"})
	expand()
	planQueued(w, try, 1)
	command := planOf("c")
	deliver("command", workflow.Request{Kind: workflow.RequestCommand, Number: 1, Command: &command})
	nobody := planOf("nobody")
	deliver("in vain", workflow.Request{Kind: workflow.RequestCommand, Number: 2, Command: &nobody})
	expand()
	w.commit("head2", baseFiles, files{"a/main.tf": "3", "d/main.tf": ""})
	w.facts(1, "head2")
	deliver("pushed 1", workflow.Request{Kind: workflow.RequestPull, Number: 1, Action: "synchronize", Head: "head2"})
	expand()
	planQueued(w, try, 100)
}

// planQueued claims and finishes up to so many runs, as the worker does. A claim
// whose answer was lost comes back when its lease runs out.
func planQueued(w *world, try func(func() error), most int) {
	for range most {
		var run workflow.Run
		var found, live bool
		try(func() (err error) {
			if run, found, err = w.svc.Claim(w.t.Context(), "worker"); err != nil || found {
				return err
			}
			runs, err := w.svc.LiveRuns(w.t.Context())
			live = len(runs) > 0
			return err
		})
		switch {
		case found:
			try(func() error {
				err := w.svc.Finish(w.t.Context(), success(run, 1))
				if errors.Is(err, workflow.ErrStale) {
					return nil
				}
				return err
			})
		case live:
			w.now = w.now.Add(service.DefaultLease + time.Second)
		default:
			return
		}
	}
}

// outcome is all that people see at the end of the story.
func outcome(w *world) (out []string) {
	for _, n := range []int{1, 2} {
		v := w.view(n)
		out = append(out, fmt.Sprintf("#%d %s known %v, old heads %v", n, v.Pull.Head.SHA, v.Known, v.OldHeads))
		for i, s := range w.states(n) {
			out = append(out, fmt.Sprintf("%s %v", s, v.Projects[i].Reasons))
			if r := v.Projects[i].Run; r != nil && r.Outcome == workflow.OutcomeSucceeded && v.PlanOf(v.Projects[i]) == nil {
				out = append(out, "without its plan")
			}
		}
		for _, r := range v.Replies {
			out = append(out, r.Kind)
		}
		events, err := w.svc.Events(w.t.Context(), workflow.OfPull(workflow.PullKey{RepoID: repo.ID, Number: n}).About(), 0, 1000)
		if err != nil {
			w.t.Fatal(err)
		}
		counts := map[workflow.EventKind]int{}
		for _, e := range events {
			counts[e.Kind]++
		}
		out = append(out, fmt.Sprintf("%d requests, %d expansions, %d refusals", counts[workflow.EventRequest], counts[workflow.EventExpanded], counts[workflow.EventRefused]))
	}
	live, err := w.svc.LiveRuns(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	pending, err := w.svc.PendingDeliveries(w.t.Context(), 10)
	if err != nil {
		w.t.Fatal(err)
	}
	return append(out, fmt.Sprintf("%d live runs, %d deliveries", len(live), len(pending)))
}

// Every commit of the story fails once, before it or with its answer lost; the
// server goes on, or is killed there and starts again. What people see is the
// same in the end, and nothing is done twice.
func TestEveryCommitMayFail(t *testing.T) {
	plain := newWorld(t)
	counted := storetest.Faulty(plain.store)
	plain.serve(counted)
	story(plain, func(f func() error) {
		if err := f(); err != nil {
			t.Fatal(err)
		}
	})
	wanted := outcome(plain)
	commits := counted.Commits()
	if commits < 20 || !slices.Contains(wanted, "0 live runs, 0 deliveries") {
		t.Fatalf("the story has %d commits and ends so: %q", commits, wanted)
	}
	for n := 1; n <= commits; n++ {
		for _, after := range []bool{false, true} {
			for _, killed := range []bool{false, true} {
				t.Run(fmt.Sprintf("commit %d after=%v killed=%v", n, after, killed), func(t *testing.T) {
					t.Parallel()
					w := newWorld(t)
					store := storetest.Faulty(w.store, storetest.Fault{Commit: n, After: after})
					w.serve(store)
					failures := 0
					story(w, func(f func() error) {
						err := f()
						for ; err != nil && failures < 3; err = f() {
							if !errors.Is(err, storetest.ErrInjected) {
								t.Fatal(err)
							}
							failures++
							if killed {
								w.serve(store)
								if err := w.svc.Start(t.Context(), "worker"); err != nil {
									t.Fatal(err)
								}
							}
						}
						if err != nil {
							t.Fatal(err)
						}
					})
					if failures != 1 {
						t.Errorf("got %d failures, want the one injected", failures)
					}
					want(t, "outcome", outcome(w), wanted)
				})
			}
		}
	}
}

// A store may call a rule more than once. What people see is the same, and what
// follows a commit, such as that an artefact is deleted, follows once.
func TestEveryRuleMayBeCalledTwice(t *testing.T) {
	live := func(store workflow.Store, w *world) ([]string, int) {
		w.serve(store)
		story(w, func(f func() error) {
			if err := f(); err != nil {
				t.Fatal(err)
			}
		})
		return outcome(w), len(w.dropped)
	}
	plain, repeated := newWorld(t), newWorld(t)
	wanted, dropped := live(plain.store, plain)
	got, again := live(storetest.RepeatingStore{Store: repeated.store}, repeated)
	want(t, "outcome", got, wanted)
	if dropped == 0 || again != dropped {
		t.Errorf("artefacts were dropped %d times, want %d as with a store that calls once", again, dropped)
	}
}
