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
