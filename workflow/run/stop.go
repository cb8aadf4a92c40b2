package run

import (
	"context"
	"sync"
	"syscall"
	"time"

	"github.com/cardea-iac/cardea/workflow"
)

// stopper stops a run, once, for the first reason that comes.
type stopper struct {
	family family
	ladder Ladder
	ctx    context.Context // done when the run is to stop: for what we do ourselves, never for the engine
	cancel context.CancelFunc

	mu      sync.Mutex
	outcome workflow.Outcome // why, OutcomeNone while nothing stops it
	applies bool             // an apply has begun
	ended   chan struct{}    // closed when the engine is done
	group   sync.WaitGroup
}

func newStopper(f family, l Ladder) *stopper {
	ctx, cancel := context.WithCancel(context.Background())
	return &stopper{family: f, ladder: l.withDefaults(), ctx: ctx, cancel: cancel, ended: make(chan struct{})}
}

// stop begins to stop the run; the outcome is the run's unless it succeeds all the same.
func (s *stopper) stop(outcome workflow.Outcome) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.outcome != workflow.OutcomeNone || s.applies && outcome == workflow.OutcomeTimedOut {
		return
	}
	s.outcome = outcome
	s.cancel()
	if s.applies {
		s.group.Go(s.once)
	} else {
		s.group.Go(s.climb)
	}
}

// begin says that an apply begins: from now on an interrupt is one SIGINT. It
// reports false when the run was stopped before.
func (s *stopper) begin() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.applies = s.outcome == workflow.OutcomeNone
	return s.applies
}

// once interrupts an apply: as soon as its tool is there, with one signal. A
// second one would make it leave without its state.
func (s *stopper) once() {
	look := time.NewTicker(50 * time.Millisecond)
	defer look.Stop()
	for sent := map[proc]bool{}; ; {
		if s.family.signalTools(syscall.SIGINT, sent); len(sent) > 0 {
			return
		}
		select {
		case <-s.ended:
			return
		case <-look.C:
		}
	}
}

// climb is the ladder for plans: SIGINT, SIGINT, SIGKILL. It keeps looking,
// because the engine may start its next tool before it notices.
func (s *stopper) climb() {
	look := time.NewTicker(50 * time.Millisecond)
	defer look.Stop()
	again := time.After(s.ladder.Again)
	var last <-chan time.Time
	sig, sent := syscall.SIGINT, map[proc]bool{}
	for {
		s.family.signalTools(sig, sent)
		select {
		case <-s.ended:
			return
		case <-look.C:
		case <-again:
			sent, last = map[proc]bool{}, time.After(s.ladder.Kill)
		case <-last:
			sig, sent = syscall.SIGKILL, map[proc]bool{}
		}
	}
}

// end says that the engine is done and returns why the run was stopped, if it was.
func (s *stopper) end() workflow.Outcome {
	close(s.ended)
	s.mu.Lock()
	outcome := s.outcome
	if outcome == workflow.OutcomeNone {
		s.outcome = workflow.OutcomeSucceeded // too late for anybody else
	}
	s.mu.Unlock()
	s.group.Wait()
	s.cancel()
	return outcome
}
