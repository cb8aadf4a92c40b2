package service

import (
	"context"
	"errors"
	"fmt"
	"slices"
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
	err = s.act(ctx, func(a *act) error {
		run, found = workflow.Run{}, false
		live, err := a.tx.LiveRuns()
		if err != nil {
			return err
		}
		d, expired := s.nextRun(live, a.now)
		for _, r := range expired {
			if err := a.lose(r, silent); err != nil {
				return err
			}
		}
		if len(expired) > 0 { // what was lost is queued again
			if live, err = a.tx.LiveRuns(); err != nil {
				return err
			}
			d, _ = s.nextRun(live, a.now)
		}
		if err := a.saveWaits(live, d.Waits); err != nil {
			return err
		}
		for _, plan := range d.Yield {
			if err := a.yield(plan, d.For); err != nil {
				return err
			}
		}
		if !d.Found {
			return nil
		}
		run, found, err = a.claimRun(d.Run, worker)
		return err
	})
	if err != nil {
		return workflow.Run{}, false, fmt.Errorf("claiming a run: %w", err)
	}
	return run, found, nil
}

// claimRun gives a queued run to a worker. One that nobody would ever see, as its pull is not
// on record, and an apply of what is never applied end here instead.
func (a *act) claimRun(run workflow.Run, worker string) (begun workflow.Run, ok bool, err error) {
	rec, err := shower(a.tx, run.Subject().About())
	if err != nil {
		return run, false, err
	}
	why := ""
	if _, shown := run.Subject().Pull(); shown && rec == nil {
		why = fmt.Sprintf("Nothing is recorded here for %s, so nobody would see the result.", run.Subject().Words())
	} else if run.Kind == workflow.RunApply && !run.Subject().MayApply() {
		why = fmt.Sprintf("It is for %s, and what is planned for that is never applied.", run.Subject().Words())
	}
	if why != "" {
		run.Drop(workflow.OutcomeFailed, why, a.now)
		return run, false, a.saveRun(run, workflow.EventFinished, run.EndSentence())
	}
	if err := run.Claim(worker, a.now, a.s.lease); err != nil {
		return run, false, err
	}
	run.After = appliedUpstream(rec, run)
	if err = a.put(run); err == nil {
		err = a.sayOf(run, workflow.EventStarted, fmt.Sprintf("`%s` is being %s at %s.", run.Project.Name, run.Kind.Done(),
			phrase.Short(run.Head)))
	}
	if err != nil || rec == nil || !rec.Show(run) {
		return run, true, err
	}
	return run, true, a.save(*rec)
}

// yield asks a running plan to stop for another run, and queues it once more if it is
// what its pull waits for, or no pull shows it.
func (a *act) yield(plan, other workflow.Run) error {
	if plan.Interrupt != "" {
		return nil
	}
	why := fmt.Sprintf("The apply of `%s` %s comes first.", other.Project.Name, queue.Where(other, plan))
	if other.Kind != workflow.RunApply {
		why = "It made room for someone who had no plan running."
	}
	plan.Drop(workflow.OutcomeSuperseded, why, a.now)
	if err := a.saveRun(plan, "", ""); err != nil {
		return err
	}
	run := runLike(plan, plan.Kind)
	run.ID, run.Queued, run.Request, run.Priority, run.Waiting = a.newID(), a.now, plan.Request, plan.Priority, why
	run.Yielded = plan.Yielded || other.Kind != workflow.RunApply
	again := fmt.Sprintf("`%s` is planned again. %s", run.Project.Name, why)
	rec, err := shower(a.tx, plan.Subject().About())
	if err != nil {
		return err
	}
	if rec == nil {
		return a.enqueue(run, again)
	}
	p := rec.Find(plan.Project.Key())
	if run.Subject().OneHead() && rec.Pull.State != workflow.PullOpen || p == nil || p.Run == nil || p.Run.ID != plan.ID {
		return nil
	}
	p.Newest(run)
	return errors.Join(a.enqueue(run, again), a.save(*rec))
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
func (a *act) saveWaits(live []workflow.Run, waits map[string]string) error {
	for _, r := range live {
		why, waits := waits[r.ID]
		if !waits || why == r.Waiting {
			continue
		}
		r.Waiting = why
		if err := a.saveRun(r, "", ""); err != nil {
			return err
		}
	}
	return nil
}

// saveRun saves a run and shows it in its pull's record; with a kind it is an event of the history.
func (a *act) saveRun(run workflow.Run, kind workflow.EventKind, text string) error {
	if err := a.put(run); err != nil {
		return err
	}
	if kind != "" {
		if err := a.sayOf(run, kind, text); err != nil {
			return err
		}
	}
	return a.change(run.Subject().About(), func(rec *workflow.PullRecord) bool { return rec.Show(run) })
}

// Renew extends a worker's lease on a run it claimed. ErrStale (wrapped) says
// that the run is not the worker's any more: it stops what it does. Any other error says nothing
// about the run, only that the lease was not extended: who gets it tries again while the lease
// lasts, and is to say so.
func (s *Service) Renew(ctx context.Context, run workflow.Run) error {
	err := s.act(ctx, func(a *act) error {
		stored, err := a.tx.Run(run.ID)
		if err != nil {
			return err
		}
		if err := stored.Renew(run.Epoch, a.now.Add(s.lease)); err != nil {
			return err
		}
		return a.put(stored)
	})
	return wrap(err, "renewing a lease")
}

// Finish ends a run with its runner's result: the plan is stored, the record of
// its pull shows it while it is that project's newest run, and a plan whose
// runner died without a result is queued again, once. ErrStale (wrapped) says
// that the run had ended or moved on before; nothing was changed.
func (s *Service) Finish(ctx context.Context, res workflow.Result) error {
	changes := s.treeChanges(ctx, res)
	err := s.act(ctx, func(a *act) error {
		run, err := a.tx.Run(res.Run)
		if err != nil {
			return err
		}
		run.TreeChanges = changes
		if run.Kind == workflow.RunApply {
			return a.endApply(run, res)
		}
		return a.endPlan(run, res)
	})
	return wrap(err, fmt.Sprintf("finishing run %s", res.Run))
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
		rec, err := shower(tx, run.Subject().About())
		if err != nil || rec == nil {
			return err
		}
		if p := rec.Find(run.Project.Key()); p != nil {
			given := p.Approvals
			if f := rec.Follows(p.Project.Key()); f != nil {
				given = append(slices.Clone(given), f.Plan)
			}
			for _, a := range given {
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

// namedMoved reports whether a place that a run's plan names, and that is no input, is another one in a tree. Doubt is yes.
func (s *Service) namedMoved(ctx context.Context, was workflow.Run, plan workflow.Plan, tree string) (bool, error) {
	if len(plan.Named) == 0 || was.Tree == tree {
		return false, nil
	}
	if s.diff == nil {
		return true, nil
	}
	changes, err := s.diff(ctx, was.Repo, was.Tree, tree)
	return err != nil || workflow.Touches(plan.Named, changes) != "", err
}

// endPlan is Finish for plans and verifies.
func (a *act) endPlan(run workflow.Run, res workflow.Result) error {
	if res.Outcome == workflow.OutcomeSucceeded && res.Plan == nil {
		res.Outcome, res.Reason = workflow.OutcomeFailed, "The runner reported success but no plan."
	}
	if err := run.Finish(res, a.now); err != nil {
		return err
	}
	if run.Outcome == workflow.OutcomeSucceeded {
		run.Artefact = res.Artefact
		if err := a.keepLineage(run); err != nil {
			return err
		}
		if err := a.shareLineage(&run); err != nil {
			return err
		}
		if err := a.tx.PutPlan(run.ID, *res.Plan); err != nil {
			return err
		}
	}
	if err := a.saveRun(run, workflow.EventFinished, run.EndSentence()); err != nil {
		return err
	}
	switch {
	case run.Outcome == workflow.OutcomeLost:
		return a.queueLost(run)
	case run.Kind == workflow.RunVerify:
		return a.endVerify(run)
	}
	return a.newPlan(run, res.Plan)
}

// newPlan shows a new plan in its pull, or that there is none (nil), if it is what the pull waits for.
func (a *act) newPlan(run workflow.Run, plan *workflow.Plan) error {
	rec, err := shower(a.tx, run.Subject().About())
	if err != nil {
		return err
	}
	var p *workflow.ProjectRecord
	if rec != nil {
		p = rec.Find(run.Project.Key())
	}
	if p == nil || p.Run == nil || p.Run.ID != run.ID {
		a.drop(run.ID) // nobody will ever apply it
		return nil
	}
	if run.Outcome == workflow.OutcomeSucceeded {
		if err := a.takePlan(rec, run, *plan); err != nil {
			return err
		}
		a.drop(uselessArtefacts(*p, run.ID)...)
	}
	if run.NoChanges && !run.Options.Zero() { // a plan of a part, or of another end, says nothing of what the head asks for
		if err := a.planAfter(rec, run, workflow.RunPlan); err != nil {
			return err
		}
	}
	return a.save(*rec)
}

// PutBack returns a claimed run to the queue: nothing was started, or its failure may pass.
// why is a sentence that people see while it waits. A run that was asked to stop meanwhile
// ends instead, and so does an apply: an apply is never tried again by itself, and the person
// who asked for it is told.
func (s *Service) PutBack(ctx context.Context, run workflow.Run, why string, notBefore time.Time) error {
	err := s.act(ctx, func(a *act) error {
		stored, err := a.tx.Run(run.ID)
		if err != nil {
			return err
		}
		if stored.Kind == workflow.RunApply {
			res := workflow.Result{Run: run.ID, Epoch: run.Epoch, Outcome: workflow.OutcomeFailed, NotStarted: !stored.Apply.Spent, Reason: why}
			return a.endApply(stored, res)
		}
		if err := stored.PutBack(run.Epoch, why, notBefore); err != nil {
			return err
		}
		if stored.Interrupt != "" {
			stored.Drop(stored.InterruptOutcome, stored.Interrupt, a.now)
			return a.saveRun(stored, workflow.EventFinished, stored.EndSentence())
		}
		return a.saveRun(stored, workflow.EventQueued, fmt.Sprintf("The plan of `%s` waits: %s", stored.Project.Name, why))
	})
	return wrap(err, "putting back run "+run.ID)
}

// silent is the reason given when a run is lost because its lease ran out.
const silent = "Its worker stopped responding."

// lose ends a running run whose runner is gone. A plan is queued again, once; an apply that
// was told to go is unknown; one that was not did not start.
func (a *act) lose(run workflow.Run, why string) error {
	if run.Kind == workflow.RunApply {
		res := workflow.Result{Run: run.ID, Epoch: run.Epoch, Outcome: workflow.OutcomeLost, Reason: why}
		return a.endApply(run, res) // unknown keeps its artefact, refused too
	}
	if err := run.Lose(why, a.now); err != nil {
		return err
	}
	if err := a.saveRun(run, workflow.EventFinished, run.EndSentence()); err != nil {
		return err
	}
	return a.queueLost(run)
}

// queueLost queues a lost run's plan once more: unless it is a repetition itself, was
// asked to stop, or is not what the pull that shows it waits for any more.
func (a *act) queueLost(lost workflow.Run) error {
	if lost.Replaces != "" || lost.Interrupt != "" {
		if lost.Kind == workflow.RunVerify && lost.Interrupt == "" {
			return a.endVerify(lost) // people have to look at what it could not find out
		}
		return nil
	}
	run := runLike(lost, lost.Kind)
	run.ID, run.Replaces, run.Queued = a.newID(), lost.ID, a.now
	run.Request, run.Priority, run.Waiting = lost.Request, lost.Priority, "The previous run was lost."
	again := fmt.Sprintf("The plan of `%s` is made again.", run.Project.Name)
	rec, err := shower(a.tx, lost.Subject().About())
	if err != nil {
		return err
	}
	if rec == nil {
		return a.enqueue(run, again)
	}
	if run.Subject().OneHead() && (rec.Pull.State != workflow.PullOpen || rec.Pull.Head.SHA != lost.Head) {
		return nil
	}
	for i := range rec.Projects {
		p := &rec.Projects[i]
		verify := p.Verify != nil && p.Verify.ID == lost.ID
		if !verify && (p.Run == nil || p.Run.ID != lost.ID) {
			continue
		}
		if verify {
			p.Verify = workflow.ShownRun(run)
			p.AddRun(run.ID)
		} else {
			p.Newest(run)
		}
		return errors.Join(a.enqueue(run, again), a.save(*rec))
	}
	return nil
}

// Interrupts returns the running runs that have to stop.
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
