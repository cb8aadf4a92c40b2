package run

import (
	"context"
	"errors"
	"time"

	"github.com/cardea-iac/cardea/workflow"
)

// maxTries is how often a run is tried whose failures may pass.
const maxTries = 6

// maxDown is how often a result is reported to a store that takes nothing: for an hour.
const maxDown = 120

// ending is what becomes of a run after its runner: it is finished with its result, or put back.
type ending struct {
	putBack bool
	why     string // for people, while it waits
	wait    time.Duration
}

// decide says what becomes of a run. waits is why nothing can start now ("" = it
// can); drained: the worker stops, and interrupted it for that.
func decide(run workflow.Run, res workflow.Result, waits string, drained bool) ending {
	switch {
	case run.Kind == workflow.RunApply: // never again by itself: a person asks anew
		return ending{}
	case res.Outcome == workflow.OutcomeSucceeded:
		return ending{}
	case drained && (res.Outcome == workflow.OutcomeCancelled || res.Passing):
		return ending{putBack: true, why: "The server is being restarted."}
	case waits != "":
		return ending{putBack: true, why: waits, wait: 30 * time.Second}
	case res.Outcome == workflow.OutcomeFailed && res.Passing && run.Attempts < maxTries:
		return ending{putBack: true, why: res.Reason, wait: backoff(run.Attempts)}
	}
	return ending{}
}

// backoff is the wait after so many tries: 1, 2, 4, 8, 16, 30 seconds.
func backoff(tries int) time.Duration {
	return min(30*time.Second, time.Second<<min(max(tries-1, 0), 5))
}

// report tells the service, again and again for a while when it cannot take it, and for an hour
// while the store takes nothing at all: a result must not be lost over a full disk. Meanwhile nothing is
// claimed, as for a lease.
func (w *Worker) report(run workflow.Run, res workflow.Result, end ending) error {
	ctx := context.Background()
	tell := func() error {
		if end.putBack {
			return w.Service.PutBack(ctx, run, end.why, w.Now().Add(end.wait))
		}
		return w.Service.Finish(ctx, res)
	}
	err := tell()
	if err == nil {
		return nil
	}
	w.overdue.Add(1)
	defer w.overdue.Add(-1)
	for try, down := 1, 0; !errors.Is(err, workflow.ErrStale) && !errors.Is(err, workflow.ErrClosed); {
		e := w.Service.Renew(ctx, run)
		if e == nil || errors.Is(e, workflow.ErrNotFound) || errors.Is(e, workflow.ErrStale) || w.stopping.Err() != nil {
			try++ // it is this result that it cannot take, or we may not wait for it
		} else {
			down++
		}
		if try > maxTries || down > maxDown {
			break
		}
		w.Log.Warn("reporting a run", "run", run.ID, "try", try, "error", err)
		time.Sleep(backoff(try + down - 1))
		if err = tell(); err == nil {
			break
		}
	}
	return err
}
