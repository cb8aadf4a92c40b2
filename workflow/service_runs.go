package workflow

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Claim gives the next run of the queue to a worker, under a lease and a new
// epoch; false when nothing may start now. Runs whose lease ran out are lost first.
func (s *Service) Claim(ctx context.Context, worker string) (run Run, found bool, err error) {
	now := s.now()
	idle := false
	err = s.store.View(ctx, func(tx Tx) error { // asking costs no disk write
		live, err := tx.LiveRuns()
		if err != nil {
			return err
		}
		d, expired := s.nextRun(live, now)
		idle = !d.Found && len(expired) == 0 && !newWaits(live, d.Waits)
		return nil
	})
	if err != nil || idle {
		return Run{}, false, wrap(err, "claiming a run")
	}
	err = s.store.Update(ctx, func(tx Tx) error {
		run, found = Run{}, false
		live, err := tx.LiveRuns()
		if err != nil {
			return err
		}
		d, expired := s.nextRun(live, now)
		for _, r := range expired {
			if err := s.lose(tx, r, "its worker gave no sign of life", now); err != nil {
				return err
			}
		}
		if len(expired) > 0 { // what was lost is queued again
			if live, err = tx.LiveRuns(); err != nil {
				return err
			}
			d, _ = s.nextRun(live, now)
		}
		if err := s.saveWaits(tx, live, d.Waits, now); err != nil || !d.Found {
			return err
		}
		run, found = d.Run, true
		if err := run.Claim(worker, now, s.lease); err != nil {
			return err
		}
		return s.saveRun(tx, run, "started", fmt.Sprintf("`%s` is being planned at %s.", run.Project.Name, short(run.Head)), now)
	})
	if err != nil {
		return Run{}, false, fmt.Errorf("claiming a run: %w", err)
	}
	s.wake(WakePulls)
	return run, found, nil
}

// nextRun splits live runs and asks NextRun. Runs whose lease ran out do not
// count as running, and are returned.
func (s *Service) nextRun(live []Run, now time.Time) (d NextRunDecision, expired []Run) {
	var queued, running []Run
	for _, r := range live {
		switch {
		case r.State == RunQueued:
			queued = append(queued, r)
		case r.LeaseUntil.Before(now):
			expired = append(expired, r)
		default:
			running = append(running, r)
		}
	}
	return NextRun(queued, running, now), expired
}

func newWaits(live []Run, waits map[string]string) bool {
	for _, r := range live {
		if why, waits := waits[r.ID]; waits && why != r.Waiting {
			return true
		}
	}
	return false
}

// saveWaits keeps with each blocked run what it waits for.
func (s *Service) saveWaits(tx Tx, live []Run, waits map[string]string, now time.Time) error {
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
func (s *Service) saveRun(tx Tx, run Run, kind, text string, now time.Time) error {
	if err := tx.PutRun(run); err != nil {
		return err
	}
	if kind != "" {
		if err := tx.Append(runEvent(kind, now, run, text)); err != nil {
			return err
		}
	}
	return s.changePull(tx, run.PullKey(), now, func(rec *PullRecord) bool { return showRun(rec, run) })
}

func runEvent(kind string, at time.Time, run Run, text string) *Event {
	e := event(kind, at, run.PullKey(), text)
	e.Project, e.Run, e.Actor = run.Project.Name, run.ID, run.Actor
	return e
}

// Renew extends a worker's lease on a run it claimed. ErrStale (wrapped) says
// that the run is not the worker's any more: it stops what it does.
func (s *Service) Renew(ctx context.Context, run Run) error {
	err := s.store.Update(ctx, func(tx Tx) error {
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
func (s *Service) Finish(ctx context.Context, res Result) error {
	now := s.now()
	if res.Outcome == OutcomeSucceeded && res.Plan == nil {
		res.Outcome, res.Reason = OutcomeFailed, "The runner reported success but no plan."
	}
	err := s.store.Update(ctx, func(tx Tx) error {
		run, err := tx.Run(res.Run)
		if err != nil {
			return err
		}
		if err := run.Finish(res, now); err != nil {
			return err
		}
		if run.Outcome == OutcomeSucceeded {
			if err := tx.PutPlan(run.ID, *res.Plan); err != nil {
				return err
			}
		}
		if err := s.saveRun(tx, run, "finished", ended(run), now); err != nil || run.Outcome != OutcomeLost {
			return err
		}
		return s.again(tx, run, now)
	})
	if err != nil {
		return fmt.Errorf("finishing run %s: %w", res.Run, err)
	}
	s.wake(WakePulls, WakeRuns)
	return nil
}

// ended says how a run ended, for the history.
func ended(run Run) string {
	switch {
	case run.Outcome == OutcomeSucceeded && run.NoChanges:
		return fmt.Sprintf("`%s` has no changes.", run.Project.Name)
	case run.Outcome == OutcomeSucceeded:
		c := run.Counts
		return fmt.Sprintf("`%s` is planned: %d to add, %d to change, %d to replace, %d to destroy.", run.Project.Name, c.Add, c.Change, c.Replace, c.Destroy)
	}
	text := fmt.Sprintf("The plan of `%s` ended: %s.", run.Project.Name, strings.ReplaceAll(string(run.Outcome), "_", " "))
	if run.Reason != "" {
		text += " " + run.Reason
	}
	return text
}

// PutBack returns a claimed run to the queue: nothing was started, or its
// failure may pass. why is a sentence that people see while it waits. A run that
// was asked to stop meanwhile ends instead.
func (s *Service) PutBack(ctx context.Context, run Run, why string, notBefore time.Time) error {
	now := s.now()
	err := s.store.Update(ctx, func(tx Tx) error {
		stored, err := tx.Run(run.ID)
		if err != nil {
			return err
		}
		if err := stored.PutBack(run.Epoch, why, notBefore); err != nil {
			return err
		}
		if stored.Interrupt != "" {
			stored.Drop(stored.InterruptOutcome, stored.Interrupt, now)
			return s.saveRun(tx, stored, "finished", ended(stored), now)
		}
		return s.saveRun(tx, stored, "queued", fmt.Sprintf("The plan of `%s` waits: %s", stored.Project.Name, why), now)
	})
	if err != nil {
		return fmt.Errorf("putting back run %s: %w", run.ID, err)
	}
	s.wake(WakePulls, WakeRuns)
	return nil
}

// lose ends a running run whose runner is gone, and queues its plan again, once.
func (s *Service) lose(tx Tx, run Run, why string, now time.Time) error {
	if err := run.Lose("The plan was lost: "+why+".", now); err != nil {
		return err
	}
	if err := s.saveRun(tx, run, "finished", ended(run), now); err != nil {
		return err
	}
	return s.again(tx, run, now)
}

// again queues a lost run's plan once more: unless it is a repetition itself, was
// asked to stop, or is not what its pull waits for any more.
func (s *Service) again(tx Tx, lost Run, now time.Time) error {
	if lost.Replaces != "" || lost.Interrupt != "" {
		return nil
	}
	rec, err := tx.Pull(lost.PullKey())
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil || rec.Pull.State != PullOpen || rec.Pull.Head.SHA != lost.Head {
		return err
	}
	for i := range rec.Projects {
		p := &rec.Projects[i]
		if p.Run == nil || p.Run.ID != lost.ID {
			continue
		}
		run := lost
		run.ID, run.Replaces, run.Queued = s.newID(now), lost.ID, now
		run.State, run.Outcome, run.Reason, run.Finished = RunQueued, OutcomeNone, "", time.Time{}
		run.Epoch, run.Attempts, run.Worker, run.Started = 0, 0, "", time.Time{}
		run.Waiting, run.NotBefore, run.Diagnostics = "The run before was lost.", time.Time{}, nil
		if err := tx.PutRun(run); err != nil {
			return err
		}
		p.newest(run)
		if err := tx.Append(runEvent("queued", now, run, fmt.Sprintf("The plan of `%s` is made again.", run.Project.Name))); err != nil {
			return err
		}
		return savePull(tx, rec, now)
	}
	return nil
}

// maxRunIDs is how many runs of a project its record in a pull names.
const maxRunIDs = 20

// newest makes a run the project's newest.
func (p *ProjectRecord) newest(run Run) {
	p.Run = shownRun(run)
	p.Runs = append([]string{run.ID}, p.Runs...)
	if len(p.Runs) > maxRunIDs {
		p.Runs = p.Runs[:maxRunIDs]
	}
}

// Interrupts returns the running runs that shall stop.
func (s *Service) Interrupts(ctx context.Context) (out []Run, err error) {
	err = s.store.View(ctx, func(tx Tx) error {
		live, err := tx.LiveRuns()
		for _, r := range live {
			if r.State == RunRunning && r.Interrupt != "" {
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
