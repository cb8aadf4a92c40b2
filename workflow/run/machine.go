package run

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"syscall"
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
// whose runs are made again, and removes what ended ones left. Their logs stay.
func (l *Launcher) tidy(ctx context.Context, before []os.DirEntry, log *slog.Logger) {
	for _, e := range before {
		if ctx.Err() != nil {
			return
		}
		d := files(l.Runs).sub(e.Name())
		var job Job
		if err := readJSON(d.job(), &job); err != nil || job.isApply() {
			continue // only its log is left, or it is not ours to end
		}
		held, err := lockHeld(d.lock())
		switch {
		case err == nil && held:
			log.Info("interrupting a runner from before the restart", "dir", e.Name())
			err = signalRunner(d, syscall.SIGUSR1)
		case err == nil:
			err = l.clean(d)
		}
		if err != nil && !errors.Is(err, errNoRunner) {
			log.Warn("tidying a run", "dir", e.Name(), "error", err)
		}
	}
}
