package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"

	"golang.org/x/sys/unix"
)

// serveCmd is the server.
type serveCmd struct {
	Config string `placeholder:"FILE" help:"The configuration; default: cardea.yml where there is one, and the CARDEA_ variables."`
}

// Run serves until SIGTERM or SIGINT, and then exits 0.
func (k serveCmd) Run(c *console, ctx bind) error {
	if err := hideMemory(); err != nil {
		return fmt.Errorf("hiding the server's memory from runs: %w", err)
	}
	file := k.Config
	if _, err := os.Stat("cardea.yml"); file == "" && err == nil {
		file = "cardea.yml"
	}
	cfg, faults := LoadConfig(file, os.Environ())
	if len(faults) > 0 {
		printDiagnostics(c.err, faults)
		return fmt.Errorf("the configuration has %s", counted(len(faults), "fault"))
	}
	srv, err := newServer(cfg, newLog(c.err))
	if err != nil {
		return err
	}
	return srv.run(ctx, func(url string) { fmt.Fprintf(c.out, "cardea: listening on %s\n", url) })
}

// hideMemory keeps other processes of the same user, such as plans, from reading this
// process's memory and environment. It does not cover the programs that we start.
func hideMemory() error { return unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0) }

// newLog writes one JSON line per event.
func newLog(w io.Writer) *slog.Logger {
	return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: slog.LevelInfo}))
}

// errStopped is the cause given to the loops when the server closes.
var errStopped = errors.New("the server closes")

// firstError keeps what went wrong first, not that the others were then cancelled.
func firstError(errs ...error) error {
	var kept []error
	for _, err := range errs {
		if err != nil && !errors.Is(err, context.Canceled) && !errors.Is(err, errStopped) {
			kept = append(kept, err)
		}
	}
	return errors.Join(kept...)
}
