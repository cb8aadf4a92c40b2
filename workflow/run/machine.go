package run

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/cardea-iac/cardea/workflow"
)

// freeBytes is the space that we may still use on the disk of dir.
func freeBytes(dir string) (int64, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0, fmt.Errorf("reading the free space of %s: %w", dir, err)
	}
	return int64(s.Bavail) * int64(s.Bsize), nil // an int64 on Linux alone
}

func (d files) sub(name string) files { return files(d.path(name)) }

// earlier is what an earlier server left of a run, if it is more than the log.
type earlier struct {
	dir files
	run workflow.Run
}

// goesOn reports whether its runner has surely not ended.
func (e earlier) goesOn() bool {
	held, err := lockHeld(e.dir.lock())
	return err == nil && held
}

// earlierRuns are the plans and the applies that earlier servers left.
func (l *Launcher) earlierRuns() (plans, applies []earlier, err error) {
	entries, err := os.ReadDir(l.Runs)
	if err != nil {
		return nil, nil, fmt.Errorf("reading the directory of runs: %w", err)
	}
	for _, e := range entries {
		d := files(l.Runs).sub(e.Name())
		var job Job
		switch err := readJSON(d.job(), &job); {
		case err != nil: // only its log is left
		case job.isApply():
			applies = append(applies, earlier{d, job.Run})
		default:
			plans = append(plans, earlier{d, job.Run})
		}
	}
	return plans, applies, nil
}

// tidy goes through the plans of earlier servers: it interrupts runners that are still there, as the
// plans are made again, and removes what ended ones left, each as soon as it has ended. Their logs stay.
func (l *Launcher) tidy(ctx context.Context, plans []earlier, log *slog.Logger) {
	for _, p := range plans {
		if !p.goesOn() {
			continue
		}
		log.Info("interrupting a runner from before the restart", "dir", filepath.Base(string(p.dir)))
		if err := signalRunner(p.dir, syscall.SIGUSR1); err != nil && !errors.Is(err, errNoRunner) {
			log.Warn("interrupting a runner from before the restart", "dir", filepath.Base(string(p.dir)), "error", err)
		}
	}
	for {
		var left []earlier
		for _, p := range plans {
			held, err := lockHeld(p.dir.lock())
			if err == nil && held {
				left = append(left, p)
				continue
			}
			if err == nil {
				err = l.clean(p.dir)
			}
			if err != nil {
				log.Warn("tidying a run", "dir", filepath.Base(string(p.dir)), "error", err)
			}
		}
		if plans = left; len(plans) == 0 {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// remnantsAtMost is how long after the start runs wait for them: longer than an interrupted plan may take.
const remnantsAtMost = 5 * time.Minute

// awaitRemnants waits until no plan of an earlier server works on what the run is to work on: its tool
// may have locked the state, and the run would fail for a lock of our own. It reports whether the run
// goes on: it does not where it is withdrawn meanwhile, or the worker stops.
func (w *Worker) awaitRemnants(ctx context.Context, run workflow.Run, log *slog.Logger) bool {
	keys := workflow.LockKeys(run.Project, run.Keeps())
	var left []earlier
	for _, r := range w.remnants {
		if r.run.Repo.ID == run.Repo.ID && workflow.MeetAny(keys, workflow.LockKeys(r.run.Project, r.run.Keeps())) {
			left = append(left, r)
		}
	}
	over := func() bool {
		left = slices.DeleteFunc(left, func(r earlier) bool { return !r.goesOn() })
		return len(left) == 0 || !time.Now().Before(w.remnantsUntil)
	}
	if over() {
		return true
	}
	log.Info("waiting for a plan from before the restart to end", "of", left[0].run.ID)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go w.keepLease(run, ctx.Done(), cancel)
	for !over() {
		select {
		case <-ctx.Done():
			return false
		case <-time.After(100 * time.Millisecond):
		}
		if now, err := w.Service.Run(ctx, run.ID); err == nil && now.Interrupt != "" {
			return false
		}
	}
	return true
}
