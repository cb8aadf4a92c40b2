package service_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/service"
	"github.com/cardea-iac/cardea/workflow/storetest"
)

// applyStory is a person who asks until the change is applied, and then merges.
// started counts, by plan, how often a runner was told to go.
type applyStory struct {
	*world
	try     func(func() error)
	started map[string]int
	failed  func(error) // an authorisation that the store failed
}

func (s *applyStory) deliver(guid string, req workflow.Request) {
	d := workflow.Delivery{GUID: guid, Event: "event", Payload: []byte("{}")}
	s.try(func() error { _, err := s.svc.Receive(s.t.Context(), d); return err })
	req.Repo, req.Key, req.Immediate, req.CommentedAt = repo, guid, true, s.now
	s.try(func() error { _, _, err := s.svc.WorkOffDelivery(s.t.Context(), d, &req, ""); return err })
	s.carryOut()
}

// carryOut carries out all that is due.
func (s *applyStory) carryOut() {
	for again := true; again; {
		s.try(func() error {
			due, _, err := s.svc.DueRequests(s.t.Context(), service.DueQuery{})
			again = len(due) > 0
			for _, r := range due {
				e := service.Expansion{Request: r, Pull: s.pulls[r.Number], ActorRole: workflow.RoleWrite, AuthorRole: workflow.RoleWrite}
				err = errors.Join(err, s.expandWith(e))
			}
			return err
		})
	}
}

// work claims and carries out all that is queued, as the worker does, and what that makes due.
func (s *applyStory) work() {
	for range 50 {
		s.carryOut()
		var run workflow.Run
		var found, live bool
		s.try(func() (err error) {
			if run, found, err = s.svc.Claim(s.t.Context(), "worker"); err != nil || found {
				return err
			}
			runs, err := s.svc.LiveRuns(s.t.Context())
			live = len(runs) > 0
			return err
		})
		switch {
		case found:
			s.carry(run)
		case live: // a claim whose answer was lost
			s.now = s.now.Add(service.DefaultLease + time.Second)
		default:
			return
		}
	}
}

func (s *applyStory) carry(run workflow.Run) {
	add := 1
	if run.Kind == workflow.RunVerify {
		add = 0
	}
	res := s.fingerprinted(run, add)
	if run.Kind == workflow.RunApply {
		res = applied(run, workflow.OutcomeSucceeded)
		if err := s.svc.Authorise(s.t.Context(), run, run.Apply.Artefact, sameState(run)); err != nil {
			s.failed(err)
			res.Outcome, res.NotStarted = workflow.OutcomeFailed, true
		} else {
			s.started[run.Apply.PlanRun]++
		}
	}
	s.try(func() error {
		if err := s.svc.Finish(s.t.Context(), res); !errors.Is(err, workflow.ErrStale) {
			return err
		}
		return nil
	})
}

func (s *applyStory) play() {
	chained(s.world)
	s.commit("head1", s.source.commits["base1"], files{"a/main.tf": "2", "b/main.tf": "2"}) // b depends on a
	s.facts(1, "head1")
	s.deliver("opened", workflow.Request{Kind: workflow.RequestPull, Number: 1, Action: "opened", Head: "head1", Actor: ada})
	for round := range 7 {
		s.work()
		a, b := s.project(1, "a"), s.project(1, "b")
		if a.State() == workflow.StateApplied && b.State() == workflow.StateApplied {
			break
		}
		s.now = s.now.Add(time.Second)
		shown := workflow.Shown{At: s.now, Fingerprints: map[string]string{"a": a.Run.Fingerprint, "b": b.Run.Fingerprint}, Runs: map[string]string{"a": a.Run.ID, "b": b.Run.ID}}
		s.try(func() error { return s.svc.ShownAt(s.t.Context(), workflow.PullKey{RepoID: repo.ID, Number: 1}, shown) })
		s.now = s.now.Add(2 * time.Second)
		approve, apply := verb(workflow.VerbApprove), verb(workflow.VerbApply)
		s.deliver(fmt.Sprint("approve ", round), workflow.Request{Kind: workflow.RequestCommand, Number: 1, Command: &approve, Actor: people["bob"]})
		s.deliver(fmt.Sprint("apply ", round), workflow.Request{Kind: workflow.RequestCommand, Number: 1, Command: &apply, Actor: people["bob"]})
	}
	s.work()
	s.facts(1, "head1", func(p *workflow.Pull) { p.State = workflow.PullMerged })
	s.deliver("merged", workflow.Request{Kind: workflow.RequestClosed, Number: 1, Action: "closed", Actor: ada})
}

// outcome is what must be the same whatever failed on the way.
func (s *applyStory) outcome() (out []string) {
	for _, name := range []string{"a", "b"} {
		p := s.project(1, name)
		out = append(out, fmt.Sprintf("%s %s, held %v, verified %v", name, p.State(), p.Held, p.Verify != nil && p.Verify.NoChanges))
	}
	// What b was applied by was planned after a was applied, whatever failed on the way.
	a, plan := s.project(1, "a").Apply, s.project(1, "b").Run
	out = append(out, fmt.Sprint("locks ", s.locks()), fmt.Sprintf("b is planned after a: %v", !plan.Started.Before(a.Finished)))
	starts := 0
	for plan, n := range s.started {
		starts += n
		if n > 1 {
			out = append(out, fmt.Sprintf("plan %s was started %d times", plan, n))
		}
	}
	live, err := s.svc.LiveRuns(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	return append(out, fmt.Sprintf("%d starts, %d live runs", starts, len(live)))
}

// Every commit of an apply fails once, before it or with its answer lost; the
// server goes on, or is killed there and starts again. No plan is ever told to go
// twice, each change is applied once, by a plan that saw what it depends on, and no lock is left.
func TestEveryCommitOfAnApplyMayFail(t *testing.T) {
	new := func(t *testing.T, try func(func() error), failed func(error)) *applyStory {
		return &applyStory{world: newWorld(t), try: try, started: map[string]int{}, failed: failed}
	}
	plain := new(t, func(f func() error) {
		if err := f(); err != nil {
			t.Fatal(err)
		}
	}, func(err error) { t.Fatal(err) })
	counted := storetest.Faulty(plain.store)
	plain.serve(counted)
	plain.play()
	wanted := plain.outcome()
	asked := 0 // b follows a: one command is enough
	for _, line := range plain.history(plain.view(1).Pull.Subject()) {
		if strings.Contains(line, "`apply`, by a comment.") {
			asked++
		}
	}
	want(t, "commands", asked, 1)
	want(t, "outcome without faults", wanted, []string{"a applied, held true, verified true", "b applied, held true, verified true", "locks []",
		"b is planned after a: true", "2 starts, 0 live runs"})
	for n := 1; n <= counted.Commits(); n++ {
		for _, after := range []bool{false, true} {
			for _, killed := range []bool{false, true} {
				t.Run(fmt.Sprintf("commit %d after=%v killed=%v", n, after, killed), func(t *testing.T) {
					t.Parallel()
					var s *applyStory
					var store *storetest.FaultyStore
					failures := 0
					fail := func(err error) {
						if !errors.Is(err, storetest.ErrInjected) {
							t.Fatal(err)
						}
						if failures++; killed {
							s.serve(store)
							if err := s.svc.Start(t.Context(), "worker"); err != nil {
								t.Fatal(err)
							}
						}
					}
					s = new(t, func(f func() error) {
						for err := f(); err != nil; err = f() {
							fail(err)
						}
					}, fail)
					store = storetest.Faulty(s.store, storetest.Fault{Commit: n, After: after})
					s.serve(store)
					s.play()
					want(t, "failures", failures, 1)
					want(t, "outcome", s.outcome(), wanted)
				})
			}
		}
	}
}
