package service

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/queue"
)

// Claim gives the next run of the queue to a worker, under a lease and a new
// epoch; false when nothing may start now. Runs whose lease ran out are lost first.
func (s *Service) Claim(ctx context.Context, worker string) (run workflow.Run, found bool, err error) {
	now := s.now()
	idle := false
	err = s.store.View(ctx, func(tx workflow.Tx) error { // asking costs no disk write
		live, err := tx.LiveRuns()
		if err != nil {
			return err
		}
		d, expired := s.nextRun(live, now)
		idle = !d.Found && len(d.Yield) == 0 && len(expired) == 0 && !newWaits(live, d.Waits)
		return nil
	})
	if err != nil || idle {
		return workflow.Run{}, false, wrap(err, "claiming a run")
	}
	err = s.store.Update(ctx, func(tx workflow.Tx) error {
		run, found = workflow.Run{}, false
		live, err := tx.LiveRuns()
		if err != nil {
			return err
		}
		d, expired := s.nextRun(live, now)
		for _, r := range expired {
			if err := s.lose(tx, r, silent, now); err != nil {
				return err
			}
		}
		if len(expired) > 0 { // what was lost is queued again
			if live, err = tx.LiveRuns(); err != nil {
				return err
			}
			d, _ = s.nextRun(live, now)
		}
		if err := s.saveWaits(tx, live, d.Waits, now); err != nil {
			return err
		}
		for _, plan := range d.Yield {
			if err := s.yield(tx, plan, d.For, now); err != nil {
				return err
			}
		}
		if !d.Found {
			return nil
		}
		run, found = d.Run, true
		if err := run.Claim(worker, now, s.lease); err != nil {
			return err
		}
		if run.After, err = endedUpstream(tx, run); err != nil {
			return err
		}
		return s.saveRun(tx, run, workflow.EventStarted, fmt.Sprintf("`%s` is being %s at %s.", run.Project.Name, run.Kind.Done(), phrase.Short(run.Head)), now)
	})
	if err != nil {
		return workflow.Run{}, false, fmt.Errorf("claiming a run: %w", err)
	}
	s.wake(WakePulls, WakeInterrupts)
	return run, found, nil
}

// yield asks a running plan to stop for another run, and queues it once more if it is what its pull waits for.
func (s *Service) yield(tx workflow.Tx, plan, other workflow.Run, now time.Time) error {
	if plan.Interrupt != "" {
		return nil
	}
	why := fmt.Sprintf("The apply of `%s` %s comes first.", other.Project.Name, queue.Where(other, plan))
	if other.Kind != workflow.RunApply {
		why = "It made room for somebody of whose plans none was running."
	}
	plan.Drop(workflow.OutcomeSuperseded, why, now)
	if err := s.saveRun(tx, plan, "", "", now); err != nil {
		return err
	}
	rec, err := tx.Pull(plan.PullKey())
	if errors.Is(err, workflow.ErrNotFound) {
		return nil
	}
	if err != nil || rec.Pull.State != workflow.PullOpen {
		return err
	}
	p := rec.Find(plan.Project.Key())
	if p == nil || p.Run == nil || p.Run.ID != plan.ID {
		return nil
	}
	run := again(plan, plan.Kind)
	run.ID, run.Queued, run.Request, run.Priority, run.Waiting = s.newID(now), now, plan.Request, plan.Priority, why
	run.Yielded = plan.Yielded || other.Kind != workflow.RunApply
	if err := tx.PutRun(run); err != nil {
		return err
	}
	p.Newest(run)
	if err := tx.Append(runEvent(workflow.EventQueued, now, run, fmt.Sprintf("`%s` is planned again. %s", run.Project.Name, why))); err != nil {
		return err
	}
	return savePull(tx, rec, now)
}

// Parallel is how many plans run at a time, beside one apply; 0: any number.
func (s *Service) Parallel() int { return s.parallel }

// nextRun splits live runs and asks the queue. Runs whose lease ran out do not
// count as running, and are returned.
func (s *Service) nextRun(live []workflow.Run, now time.Time) (d queue.Decision, expired []workflow.Run) {
	var queued, running []workflow.Run
	for _, r := range live {
		switch {
		case r.State == workflow.RunQueued:
			queued = append(queued, r)
		case r.LeaseUntil.Before(now):
			expired = append(expired, r)
		default:
			running = append(running, r)
		}
	}
	return queue.Next(queued, running, now, s.parallel), expired
}

func newWaits(live []workflow.Run, waits map[string]string) bool {
	for _, r := range live {
		if why, waits := waits[r.ID]; waits && why != r.Waiting {
			return true
		}
	}
	return false
}

// saveWaits keeps with each blocked run what it waits for.
func (s *Service) saveWaits(tx workflow.Tx, live []workflow.Run, waits map[string]string, now time.Time) error {
	for _, r := range live {
		why, waits := waits[r.ID]
		if !waits || why == r.Waiting {
			continue
		}
		r.Waiting = why
		if err := s.saveRun(tx, r, "", "", now); err != nil {
			return err
		}
	}
	return nil
}

// saveRun saves a run and shows it in its pull's record; with a kind it is an event of the history.
func (s *Service) saveRun(tx workflow.Tx, run workflow.Run, kind workflow.EventKind, text string, now time.Time) error {
	if err := tx.PutRun(run); err != nil {
		return err
	}
	if kind != "" {
		if err := tx.Append(runEvent(kind, now, run, text)); err != nil {
			return err
		}
	}
	return s.changePull(tx, run.PullKey(), now, func(rec *workflow.PullRecord) bool { return rec.Show(run) })
}

func runEvent(kind workflow.EventKind, at time.Time, run workflow.Run, text string) *workflow.Event {
	e := event(kind, at, run.PullKey(), text)
	e.Project, e.Run, e.Actor = run.Project.Name, run.ID, run.Actor
	return e
}

// Renew extends a worker's lease on a run it claimed. ErrStale (wrapped) says
// that the run is not the worker's any more: it stops what it does.
func (s *Service) Renew(ctx context.Context, run workflow.Run) error {
	err := s.store.Update(ctx, func(tx workflow.Tx) error {
		stored, err := tx.Run(run.ID)
		if err != nil {
			return err
		}
		if err := stored.Renew(run.Epoch, s.now().Add(s.lease)); err != nil {
			return err
		}
		return tx.PutRun(stored)
	})
	return wrap(err, "renewing a lease")
}

// Finish ends a run with its runner's result: the plan is stored, the record of
// its pull shows it while it is that project's newest run, and a plan whose
// runner died without a result is queued again, once. ErrStale (wrapped) says
// that the run had ended or moved on before; nothing was changed.
func (s *Service) Finish(ctx context.Context, res workflow.Result) error {
	now := s.now()
	var after []func()
	changes := s.treeChanges(ctx, res)
	err := s.store.Update(ctx, func(tx workflow.Tx) error {
		run, err := tx.Run(res.Run)
		if err != nil {
			return err
		}
		run.TreeChanges = changes
		if run.Kind == workflow.RunApply {
			after, err = s.endApply(tx, run, res, now)
		} else {
			after, err = s.endPlan(tx, run, res, now)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("finishing run %s: %w", res.Run, err)
	}
	for _, do := range after {
		do()
	}
	s.wake(WakePulls, WakeRuns, WakeRequests, WakeInterrupts)
	return nil
}

// treeChanges compares a new plan's tree with those in which it was approved. A
// tree that could not be compared is missing, which voids where it matters.
func (s *Service) treeChanges(ctx context.Context, res workflow.Result) map[string][]workflow.FileChange {
	if s.diff == nil || res.Plan == nil {
		return nil
	}
	var run workflow.Run
	was := map[string]bool{}
	err := s.store.View(ctx, func(tx workflow.Tx) (err error) {
		if run, err = tx.Run(res.Run); err != nil {
			return err
		}
		rec, err := tx.Pull(run.PullKey())
		if err != nil {
			return err
		}
		if p := rec.Find(run.Project.Key()); p != nil {
			for _, a := range p.Approvals {
				if a.Void == "" && a.Fingerprint == res.Plan.Fingerprint && a.Tree != run.Tree {
					was[a.Tree] = true
				}
			}
		}
		return nil
	})
	if err != nil {
		return nil
	}
	out := map[string][]workflow.FileChange{}
	for tree := range was {
		changes, err := s.diff(ctx, run.Repo, tree, run.Tree)
		if err != nil {
			s.log.Warn("comparing the trees of two plans", "run", run.ID, "err", err)
			continue
		}
		out[tree] = changes
	}
	return out
}

// namedMoved reports whether a place that a plan names, and that is no input, differs between two trees. Doubt is yes.
func (s *Service) namedMoved(ctx context.Context, repo workflow.Repo, plan workflow.Plan, was, now string) (bool, error) {
	if len(plan.Named) == 0 || was == now {
		return false, nil
	}
	if s.diff == nil {
		return true, nil
	}
	changes, err := s.diff(ctx, repo, was, now)
	return err != nil || workflow.Touches(plan.Named, changes) != "", err
}

// endPlan is Finish for plans and verifies.
func (s *Service) endPlan(tx workflow.Tx, run workflow.Run, res workflow.Result, now time.Time) (after []func(), err error) {
	if res.Outcome == workflow.OutcomeSucceeded && res.Plan == nil {
		res.Outcome, res.Reason = workflow.OutcomeFailed, "The runner reported success but no plan."
	}
	if err := run.Finish(res, now); err != nil {
		return nil, err
	}
	if run.Outcome == workflow.OutcomeSucceeded {
		run.Artefact = res.Artefact
		if err := keepLineage(tx, run); err != nil {
			return nil, err
		}
		if err := shareLineage(tx, &run); err != nil {
			return nil, err
		}
		if err := tx.PutPlan(run.ID, *res.Plan); err != nil {
			return nil, err
		}
	}
	if err := s.saveRun(tx, run, workflow.EventFinished, ended(run), now); err != nil {
		return nil, err
	}
	switch {
	case run.Outcome == workflow.OutcomeLost:
		return nil, s.again(tx, run, now)
	case run.Kind == workflow.RunVerify:
		return nil, s.verified(tx, run, now)
	case run.Outcome != workflow.OutcomeSucceeded:
		return nil, nil
	}
	return s.newPlan(tx, run, *res.Plan, now)
}

// newPlan shows a new plan in its pull, if it is what the pull waits for.
func (s *Service) newPlan(tx workflow.Tx, run workflow.Run, plan workflow.Plan, now time.Time) (after []func(), err error) {
	rec, err := tx.Pull(run.PullKey())
	if errors.Is(err, workflow.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	p := rec.Find(run.Project.Key())
	if p == nil || p.Run == nil || p.Run.ID != run.ID {
		return []func(){func() { s.drop(run.ID) }}, nil // nobody will ever apply it
	}
	if err := s.planned(tx, &rec, p, run, plan, now); err != nil {
		return nil, err
	}
	if run.NoChanges && !run.Options.Zero() { // a plan of a part, or of another end, says nothing of what the head asks for
		if err := s.planAfter(tx, &rec, run, workflow.RunPlan, now); err != nil {
			return nil, err
		}
	}
	useless := dropArtefactsOf(*p, run.ID)
	after = append(after, func() {
		for _, id := range useless {
			s.drop(id)
		}
	})
	return after, savePull(tx, rec, now)
}

// ended says how a run ended, for the history.
func ended(run workflow.Run) string {
	switch {
	case run.Outcome == workflow.OutcomeSucceeded && run.NoChanges:
		return fmt.Sprintf("`%s` has no changes.", run.Project.Name)
	case run.Outcome == workflow.OutcomeSucceeded:
		return fmt.Sprintf("`%s` is planned: %s.", run.Project.Name, run.Counts.Words())
	}
	text := fmt.Sprintf("The %s of `%s` ended: %s.", run.Kind, run.Project.Name, strings.ReplaceAll(string(run.Outcome), "_", " "))
	if run.Reason != "" {
		text += " " + run.Reason
	}
	return text
}

// PutBack returns a claimed run to the queue: nothing was started, or its
// failure may pass. why is a sentence that people see while it waits. A run that
// was asked to stop meanwhile ends instead, and so does an apply: that is never
// tried by itself, and who asked for it is told.
func (s *Service) PutBack(ctx context.Context, run workflow.Run, why string, notBefore time.Time) error {
	now := s.now()
	err := s.store.Update(ctx, func(tx workflow.Tx) error {
		stored, err := tx.Run(run.ID)
		if err != nil {
			return err
		}
		if stored.Kind == workflow.RunApply {
			res := workflow.Result{Run: run.ID, Epoch: run.Epoch, Outcome: workflow.OutcomeFailed, NotStarted: !stored.Apply.Spent, Reason: why}
			_, err := s.endApply(tx, stored, res, now)
			return err
		}
		if err := stored.PutBack(run.Epoch, why, notBefore); err != nil {
			return err
		}
		if stored.Interrupt != "" {
			stored.Drop(stored.InterruptOutcome, stored.Interrupt, now)
			return s.saveRun(tx, stored, workflow.EventFinished, ended(stored), now)
		}
		return s.saveRun(tx, stored, workflow.EventQueued, fmt.Sprintf("The plan of `%s` waits: %s", stored.Project.Name, why), now)
	})
	if err != nil {
		return fmt.Errorf("putting back run %s: %w", run.ID, err)
	}
	s.wake(WakePulls, WakeRuns)
	return nil
}

// silent is why a run is lost whose lease is over.
const silent = "its worker gave no sign of life"

// lose ends a running run whose runner is gone. A plan is queued again, once; an
// apply that had the word to go is unknown, one that had not did not start.
func (s *Service) lose(tx workflow.Tx, run workflow.Run, why string, now time.Time) error {
	if run.Kind == workflow.RunApply {
		res := workflow.Result{Run: run.ID, Epoch: run.Epoch, Outcome: workflow.OutcomeLost, Reason: "The apply was lost: " + why + "."}
		_, err := s.endApply(tx, run, res, now) // unknown keeps its artefact, refused too
		return err
	}
	if err := run.Lose("The plan was lost: "+why+".", now); err != nil {
		return err
	}
	if err := s.saveRun(tx, run, workflow.EventFinished, ended(run), now); err != nil {
		return err
	}
	return s.again(tx, run, now)
}

// again queues a lost run's plan once more: unless it is a repetition itself, was
// asked to stop, or is not what its pull waits for any more.
func (s *Service) again(tx workflow.Tx, lost workflow.Run, now time.Time) error {
	if lost.Replaces != "" || lost.Interrupt != "" {
		if lost.Kind == workflow.RunVerify && lost.Interrupt == "" {
			return s.verified(tx, lost, now) // people look at what it could not find out
		}
		return nil
	}
	rec, err := tx.Pull(lost.PullKey())
	if errors.Is(err, workflow.ErrNotFound) {
		return nil
	}
	if err != nil || rec.Pull.State != workflow.PullOpen || rec.Pull.Head.SHA != lost.Head {
		return err
	}
	for i := range rec.Projects {
		p := &rec.Projects[i]
		verify := p.Verify != nil && p.Verify.ID == lost.ID
		if !verify && (p.Run == nil || p.Run.ID != lost.ID) {
			continue
		}
		run := again(lost, lost.Kind)
		run.ID, run.Replaces, run.Queued = s.newID(now), lost.ID, now
		run.Request, run.Priority, run.Waiting = lost.Request, lost.Priority, "The run before was lost."
		if err := tx.PutRun(run); err != nil {
			return err
		}
		if verify {
			p.Verify = workflow.ShownRun(run)
			p.AddRun(run.ID)
		} else {
			p.Newest(run)
		}
		if err := tx.Append(runEvent(workflow.EventQueued, now, run, fmt.Sprintf("The plan of `%s` is made again.", run.Project.Name))); err != nil {
			return err
		}
		return savePull(tx, rec, now)
	}
	return nil
}

// Interrupts returns the running runs that shall stop.
func (s *Service) Interrupts(ctx context.Context) (out []workflow.Run, err error) {
	err = s.store.View(ctx, func(tx workflow.Tx) error {
		live, err := tx.LiveRuns()
		for _, r := range live {
			if r.State == workflow.RunRunning && r.Interrupt != "" {
				out = append(out, r)
			}
		}
		return err
	})
	return out, wrap(err, "reading interrupts")
}

func wrap(err error, doing string) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", doing, err)
}
