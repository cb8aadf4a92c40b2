package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"

	"github.com/cardea-iac/cardea/workflow"
)

// serveCmd is the server.
type serveCmd struct {
	Config string `placeholder:"FILE" help:"The configuration; default: cardea.yml if there is one, and the CARDEA_ variables."`
}

// Help is what --help says besides.
func (serveCmd) Help() string { return "Example: cardea serve --config /etc/cardea/cardea.yml" }

// Run serves until SIGTERM, SIGINT or SIGHUP, and then exits 0.
func (k serveCmd) Run(c *console, ctx bind) error {
	if err := hideMemory(); err != nil {
		return fmt.Errorf("hiding the server's memory from runs: %w", err)
	}
	cfg, err := serverConfig(c, k.Config)
	if err != nil {
		return err
	}
	log := newLog(c.err)
	if text := limited(runtime.GOOS); text != "" {
		log.Warn(text, "system", runtime.GOOS)
	}
	srv, err := newServer(cfg, log)
	if err != nil {
		return err
	}
	return srv.run(ctx, func(url string) { fmt.Fprintf(c.out, "cardea: listening on %s\n", url) })
}

// serverConfig reads the server's configuration: the file that was named, else the cardea.yml
// that is here, and the environment. What is wrong with it is printed.
func serverConfig(c *console, file string) (Config, error) {
	none := ""
	if file == "" && exists("cardea.yml") {
		file = "cardea.yml"
	}
	switch {
	case filepath.Base(file) == workflow.RepoConfigFile, file == "" && exists(workflow.RepoConfigFile):
		none = fmt.Sprintf("; %s is the configuration of a repository: name the server's with --config FILE", workflow.RepoConfigFile)
	case file == "":
		none = "; there is no cardea.yml here: name one with --config FILE"
	}
	cfg, faults := LoadConfig(file, os.Environ())
	if len(faults) > 0 {
		printDiagnostics(c.err, faults)
		return cfg, fmt.Errorf("the configuration has %s%s", counted(len(faults), "error"), none)
	}
	return cfg, nil
}

// limited says what a server cannot do on a system, "" where it can do all that it promises.
func limited(system string) string {
	if system == "linux" {
		return ""
	}
	return "this system is for trying Cardea out, not for running a server that others use: " +
		"programs that a run leaves behind may keep running, and other programs of this user may read the server's memory; use Linux"
}

// newLog writes one JSON line per event.
func newLog(w io.Writer) *slog.Logger {
	return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: slog.LevelInfo}))
}

// errStopped is the cause given to the loops when the server closes.
var errStopped = errors.New("the server is shutting down")

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
