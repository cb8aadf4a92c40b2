package run

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/secret"
)

// adoptAll takes over the applies that an earlier server left in the run directories, and stays
// with each until it has its result: an apply outlives its server. It renews their leases
// before it returns, so that no claim takes them for lost.
func (w *Worker) adoptAll(ctx context.Context, applies []earlier) {
	for _, e := range applies {
		log := w.Log.With("run", e.run.ID, "epoch", e.run.Epoch, "project", e.run.Project.Name)
		run, err := w.Service.Run(ctx, e.run.ID)
		if err != nil && !errors.Is(err, workflow.ErrNotFound) {
			log.Error("reading the record of an earlier apply", "dir", filepath.Base(string(e.dir)), "error", err)
			continue
		}
		if err != nil || run.Epoch != e.run.Epoch {
			log.Error("an earlier apply is not on record as running", "dir", filepath.Base(string(e.dir)))
			w.group.Go(func() { w.bury(ctx, adopted(e.run, e.dir), log) })
			continue
		}
		if err := w.Service.Renew(ctx, run); err != nil && !errors.Is(err, workflow.ErrStale) {
			log.Error("renewing a lease", "error", err)
		}
		log.Info("adopted an apply from before the restart")
		w.group.Go(func() { w.adopt(ctx, adopted(run, e.dir), log) })
	}
}

// adopted is a process that another server started.
func adopted(run workflow.Run, d files) *Process {
	p := &Process{run: run, dir: d, redact: secret.NewRedactor(nil), ready: make(chan struct{}), done: make(chan struct{}),
		went: run.Apply != nil && run.Apply.Spent}
	go func() {
		defer close(p.done)
		p.exit = p.outlast()
	}()
	return p
}

// outlast returns when nothing of the run holds its lock any more. A dead runner cannot end
// what it left behind: that gets the grace period of an apply.
func (p *Process) outlast() error {
	dead := time.Time{}
	for ; ; time.Sleep(200 * time.Millisecond) {
		held, err := lockHeld(p.dir.lock())
		if err != nil || !held {
			return err
		}
		switch err := signalRunner(p.dir, syscall.Signal(0)); {
		case !errors.Is(err, errNoRunner):
			dead = time.Time{}
		case dead.IsZero():
			dead = time.Now()
		case time.Since(dead) > applyGrace:
			var who identity
			if err := readJSON(p.dir.runner(), &who); err != nil {
				return fmt.Errorf("reading the runner's identity: %w", err)
			}
			if boot, err := bootID(); err == nil && boot == who.BootID {
				endSession(who.PID) // while a session has members its number is nobody else's
			}
		}
	}
}

func (w *Worker) adopt(ctx context.Context, p *Process, log *slog.Logger) {
	w.add(p.run.ID, p)
	defer w.remove(p.run.ID)
	leave, renewed := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(renewed)
		w.renew(p.run, p, leave)
	}()
	select {
	case <-p.done:
	case <-ctx.Done():
	}
	close(leave)
	<-renewed
	select {
	case <-p.done:
		w.conclude(p.run, p.Wait(), ending{}, log)
	default: // it outlives us too
	}
}

// bury waits for the end of an apply that is not on record, keeps its state if that could not be
// stored, and removes its files: nobody else would.
func (w *Worker) bury(ctx context.Context, p *Process, log *slog.Logger) {
	select {
	case <-p.done:
	case <-ctx.Done():
		return
	}
	kept, err := w.Artefacts.keepErrored(p.dir, p.run, w.Launcher.Engines.KindOf(p.run.Project), w.recipient())
	if kept != "" {
		log.Error("it left a state that could not be stored", "kept", kept)
	}
	if err = errors.Join(err, w.Launcher.clean(p.dir)); err != nil {
		log.Error("removing the files of an apply that is not on record", "error", err)
	}
}

// artefactsLook is how often artefacts that nobody will apply are removed.
const artefactsLook = 10 * time.Minute

// dropArtefacts removes the artefacts that nobody will apply, now and again: what
// the service could not say when it happened.
func (w *Worker) dropArtefacts(ctx context.Context) {
	if w.Artefacts.Dir == "" {
		return
	}
	look := time.NewTicker(artefactsLook)
	defer look.Stop()
	for {
		w.dropOnce(ctx)
		select {
		case <-ctx.Done():
			return
		case <-look.C:
		}
	}
}

func (w *Worker) dropOnce(ctx context.Context) {
	entries, err := os.ReadDir(w.Artefacts.Dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		w.Log.Error("reading the artefacts", "error", err)
	}
	wanted, err := w.Service.WantedArtefacts(ctx) // asked after they were listed: a new one is of a live run
	if err != nil {
		w.Log.Error("reading which artefacts are wanted", "error", err)
		return
	}
	for _, e := range entries {
		half := strings.HasSuffix(e.Name(), ".age.new") // its runner died while it wrote
		id, ok := strings.CutSuffix(strings.TrimSuffix(e.Name(), ".new"), ".age")
		if _, err := dirName(id, 0); !ok || err != nil {
			continue // a kept state, which only people remove
		}
		if wanted[id] {
			continue
		}
		err := w.Artefacts.Remove(id)
		if half {
			err = os.Remove(filepath.Join(w.Artefacts.Dir, e.Name()))
		}
		if err != nil {
			w.Log.Error("removing an artefact", "run", id, "error", err)
		}
	}
}
