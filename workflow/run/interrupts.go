package run

import (
	"context"
	"time"

	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/service"
)

// watchInterrupts passes the service's interrupts on.
func (w *Worker) watchInterrupts(ctx context.Context) {
	look := time.NewTicker(5 * time.Second)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.Service.Woken(service.WakeInterrupts):
		case <-look.C:
		}
		runs, err := w.Service.Interrupts(ctx)
		if err != nil && ctx.Err() == nil {
			w.Log.Error("reading interrupts", "error", err)
		}
		for _, run := range runs {
			if p := w.process(run.ID); p != nil && p.run.Epoch == run.Epoch {
				w.interrupt(run.ID, p)
			}
		}
	}
}

func (w *Worker) interruptAll() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for id, p := range w.active {
		w.withdraw(id, p)
	}
}

// withdraw interrupts a run for reasons of our own: never an apply that has begun.
func (w *Worker) withdraw(id string, p *Process) {
	if p.run.Kind == workflow.RunApply {
		p.Refuse()
		return
	}
	w.interrupt(id, p)
}

func (w *Worker) interrupt(id string, p *Process) {
	if err := p.Interrupt(); err != nil {
		w.Log.Warn("interrupting a run", "run", id, "error", err)
	}
}
