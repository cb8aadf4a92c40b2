package run

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
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

// tidy goes through the runs of earlier servers: it interrupts runners that are still there,
// whose runs are made again, and removes what ended ones left, also of those. Their logs stay.
func (l *Launcher) tidy(ctx context.Context, before []os.DirEntry, log *slog.Logger) {
	var left []files
	for _, e := range before {
		d := files(l.Runs).sub(e.Name())
		var job Job
		if err := readJSON(d.job(), &job); err != nil || job.isApply() {
			continue // only its log is left, or it is not ours to end
		}
		left = append(left, d)
		if held, err := lockHeld(d.lock()); err != nil || !held {
			continue
		}
		log.Info("interrupting a runner from before the restart", "dir", e.Name())
		if err := signalRunner(d, syscall.SIGUSR1); err != nil && !errors.Is(err, errNoRunner) {
			log.Warn("interrupting a runner from before the restart", "dir", e.Name(), "error", err)
		}
	}
	for _, d := range left {
		held, err := lockHeld(d.lock())
		for ; err == nil && held; held, err = lockHeld(d.lock()) {
			select {
			case <-ctx.Done():
				return
			case <-time.After(100 * time.Millisecond):
			}
		}
		if err == nil {
			err = l.clean(d)
		}
		if err != nil {
			log.Warn("tidying a run", "dir", filepath.Base(string(d)), "error", err)
		}
	}
}

// remnant is a runner of a plan that an earlier server started and that has not ended.
type remnant struct {
	dir files
	run workflow.Run
}

// remnants are the plans that are still going on. tidy interrupts them.
func (l *Launcher) remnants(before []os.DirEntry) (left []remnant) {
	for _, e := range before {
		d := files(l.Runs).sub(e.Name())
		var job Job
		if err := readJSON(d.job(), &job); err != nil || job.isApply() {
			continue
		}
		if held, err := lockHeld(d.lock()); err == nil && held {
			left = append(left, remnant{d, job.Run})
		}
	}
	return left
}

// remnantsAtMost is how long a run waits for them: longer than an interrupted plan may take.
const remnantsAtMost = 5 * time.Minute

// awaitRemnants waits until no plan of an earlier server works on what the run is to work on: its tool
// may have locked the state, and the run would fail for a lock of our own.
func (w *Worker) awaitRemnants(ctx context.Context, run workflow.Run, log *slog.Logger) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go w.keepLease(run, ctx.Done(), cancel)
	keys := workflow.LockKeys(run.Project, run.Keeps())
	end := time.Now().Add(remnantsAtMost)
	for _, r := range w.remnants {
		if r.run.Repo.ID != run.Repo.ID || !workflow.MeetAny(keys, workflow.LockKeys(r.run.Project, r.run.Keeps())) {
			continue
		}
		held, err := lockHeld(r.dir.lock())
		if held {
			log.Info("waiting for a plan from before the restart to end", "of", r.run.ID)
		}
		for ; err == nil && held && time.Now().Before(end); held, err = lockHeld(r.dir.lock()) {
			select {
			case <-ctx.Done():
				return
			case <-time.After(100 * time.Millisecond):
			}
		}
	}
}
