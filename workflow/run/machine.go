package run

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// freeBytes is the space that we may still use on the disk of dir.
func freeBytes(dir string) (int64, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0, fmt.Errorf("reading the free space of %s: %w", dir, err)
	}
	return int64(s.Bavail) * s.Bsize, nil
}

// memoryBytes is the memory of the machine or of our container, 0 when it cannot be known.
func memoryBytes() int64 {
	var total int64
	if data, err := os.ReadFile("/proc/meminfo"); err == nil {
		for line := range strings.Lines(string(data)) {
			if f := strings.Fields(line); len(f) > 1 && f[0] == "MemTotal:" {
				total = number(f[1]) << 10
			}
		}
	}
	for _, name := range []string{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"} {
		if data, err := os.ReadFile(name); err == nil {
			if limit := number(strings.TrimSpace(string(data))); limit > 0 && (total == 0 || limit < total) {
				total = limit
			}
		}
	}
	return total
}

// number is s as a number, 0 when it is not one ("max").
func number(s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0
	}
	return n
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
			log.Info("interrupting a runner of before", "dir", e.Name())
			err = signalRunner(d, syscall.SIGUSR1)
		case err == nil:
			err = l.clean(d)
		}
		if err != nil && !errors.Is(err, errNoRunner) {
			log.Warn("tidying a run", "dir", e.Name(), "error", err)
		}
	}
}
