package run_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/run"
	"github.com/cardea-iac/cardea/workflow/service"
)

// outage is a store that takes no writes while it is down.
type outage struct {
	workflow.Store
	down atomic.Bool
}

func (o *outage) Update(ctx context.Context, rule func(workflow.Tx) error) error {
	if o.down.Load() {
		return errors.New("the disk is full")
	}
	return o.Store.Update(ctx, rule)
}

// logged is what a worker logs.
type logged struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) count(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), text)
}

func newOutage(t *testing.T, plan string, lease time.Duration) (*shop, *outage, *logged) {
	t.Helper()
	s, log := newShopWith(t, plan, lease), &logged{}
	store := &outage{Store: s.store}
	s.service = service.New(service.Config{Store: store, Lease: lease, Rules: func(workflow.Repo) (workflow.Rules, bool) { return workflow.Rules{}, true }})
	s.worker.Service, s.worker.Log = s.service, slog.New(slog.NewTextHandler(log, nil))
	return s, store, log
}

// TestLeaseOutage: while the store takes nothing a run goes on, that is logged, and when the store is back nobody takes the
// run for lost, though its lease ran out.
func TestLeaseOutage(t *testing.T) {
	t.Parallel()
	const lease = 6 * time.Second
	s, store, log := newOutage(t, "echo up; while [ ! -e go ]; do sleep 0.05; done", lease)
	id := s.queue(t, "a")[0]
	s.begin(t)
	s.said(t, id, "up")
	store.down.Store(true)
	r := s.until(t, id, func(r workflow.Run) bool { return time.Now().After(r.LeaseUntil.Add(time.Second)) })
	if r.State != workflow.RunRunning || log.count("renewing a lease") < 2 || log.count("the disk is full") < 2 {
		t.Errorf("got %s; it was logged %d times", r.State, log.count("renewing a lease"))
	}
	store.down.Store(false)
	s.until(t, id, func(r workflow.Run) bool { return r.LeaseUntil.After(time.Now()) || finished(r) })
	write(t, filepath.Join(s.launcher.Runs, id+".1", "work", "go"), "")
	if r := s.until(t, id, finished); r.Outcome != workflow.OutcomeSucceeded || r.Epoch != 1 {
		t.Errorf("got %s %q, want that it went on", r.Outcome, r.Reason)
	}
	// The next one is claimed: nothing is held up.
	next := s.queue(t, "b")[0]
	s.said(t, next, "up")
	write(t, filepath.Join(s.launcher.Runs, next+".1", "work", "go"), "")
	s.until(t, next, finished)
}

// TestLeaseOutageWhileWaiting: it is the same for a run that waits for a plan of an earlier server to end.
func TestLeaseOutageWhileWaiting(t *testing.T) {
	t.Parallel()
	const lease = 6 * time.Second
	s, store, log := newOutage(t, "", lease)
	over := s.remnant(t)
	id := s.queue(t, "a")[0]
	s.begin(t)
	s.until(t, id, func(workflow.Run) bool { return log.count("waiting for a plan") > 0 })
	store.down.Store(true)
	s.until(t, id, func(r workflow.Run) bool { return time.Now().After(r.LeaseUntil.Add(time.Second)) })
	store.down.Store(false)
	s.until(t, id, func(r workflow.Run) bool { return r.LeaseUntil.After(time.Now()) || finished(r) })
	write(t, over, "")
	if r := s.until(t, id, finished); r.Outcome != workflow.OutcomeSucceeded || r.Epoch != 1 {
		t.Errorf("got %s %q at epoch %d, want that it went on", r.Outcome, r.Reason, r.Epoch)
	}
}

// TestReportOutage: a run that ends while the store takes nothing is reported when the store is back, and not taken for lost
// before that, though its lease ran out.
func TestReportOutage(t *testing.T) {
	t.Parallel()
	const lease = 6 * time.Second
	s, store, log := newOutage(t, "echo up; while [ ! -e go ]; do sleep 0.05; done; echo x >> DIR/done", lease)
	dir := t.TempDir()
	script, err := os.ReadFile(filepath.Join(s.job.GitDir, "plan"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(s.job.GitDir, "plan"), strings.ReplaceAll(string(script), "DIR", dir))
	id := s.queue(t, "a")[0]
	s.begin(t)
	s.said(t, id, "up")
	store.down.Store(true)
	write(t, filepath.Join(s.launcher.Runs, id+".1", "work", "go"), "")
	s.until(t, id, func(r workflow.Run) bool {
		return log.count("reporting a run") > 0 && time.Now().After(r.LeaseUntil.Add(3*time.Second))
	})
	store.down.Store(false)
	if r := s.until(t, id, func(r workflow.Run) bool { return finished(r) || r.Epoch != 1 }); r.Outcome != workflow.OutcomeSucceeded {
		t.Errorf("got %s %q at epoch %d", r.Outcome, r.Reason, r.Epoch)
	}
	if data, err := os.ReadFile(filepath.Join(dir, "done")); err != nil || string(data) != "x\n" {
		t.Errorf("it was done %q times, %v", data, err)
	}
	next := s.queue(t, "b")[0] // nothing is held up
	s.said(t, next, "up")
	write(t, filepath.Join(s.launcher.Runs, next+".1", "work", "go"), "")
	s.until(t, next, finished)
}

// moved makes a run somebody else's.
func (s *shop) moved(t *testing.T, id string) {
	t.Helper()
	err := s.store.Update(t.Context(), func(tx workflow.Tx) error {
		r, err := tx.Run(id)
		if err != nil {
			return err
		}
		r.Epoch, r.LeaseUntil = r.Epoch+1, time.Now().Add(time.Hour)
		return tx.PutRun(r)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestLeaseLost: a run that is somebody else's by now is stopped, while its credentials are fetched and while it plans; an
// apply that has begun never.
func TestLeaseLost(t *testing.T) {
	const lease = 6 * time.Second
	t.Run("while credentials are fetched", func(t *testing.T) {
		t.Parallel()
		s, store, log := newOutage(t, "echo planned", lease)
		s.job.Run.Credentials = "slow"
		fetching, ended := make(chan bool, 1), make(chan bool, 1)
		s.worker.Credentials = func(ctx context.Context, _ string) (run.Secrets, string, error) {
			fetching <- true
			<-ctx.Done()
			ended <- true
			return run.Secrets{}, "", ctx.Err()
		}
		id := s.queue(t, "a")[0]
		s.begin(t)
		<-fetching
		store.down.Store(true)
		s.until(t, id, func(workflow.Run) bool { return log.count("renewing a lease") > 0 })
		if len(ended) > 0 {
			t.Error("a store that takes nothing ended it")
		}
		store.down.Store(false)
		s.moved(t, id)
		select {
		case <-ended:
		case <-time.After(patience):
			t.Error("its credentials are fetched all the same")
		}
		s.until(t, id, func(workflow.Run) bool { return log.count("run had moved on") > 0 })
		if _, err := os.Stat(filepath.Join(s.launcher.Runs, id+".1")); err == nil {
			t.Error("it was started")
		}
	})
	t.Run("while it plans", func(t *testing.T) {
		t.Parallel()
		s, _, log := newOutage(t, loop, lease)
		s.worker.Ladder = run.Ladder{Again: time.Hour} // one interrupt: a second one may come before the first is heard
		id := s.queue(t, "a")[0]
		s.begin(t)
		s.said(t, id, "up")
		s.moved(t, id)
		s.said(t, id, "got")
		s.until(t, id, func(workflow.Run) bool { return log.count("run had moved on") > 0 })
	})
	t.Run("while it applies", func(t *testing.T) {
		t.Parallel()
		y := newYard(t, "trap 'echo interrupted' INT; echo up; while [ ! -e go ]; do sleep 0.02; done; echo done")
		_, _, log := newOutage(t, "", lease)
		y.worker.Lease, y.worker.Log = lease, slog.New(slog.NewTextHandler(log, nil))
		y.begin(t)
		id := y.ordered(t)
		y.said(t, id, "up")
		y.moved(t, id)
		time.Sleep(lease) // several renewals
		dir := filepath.Join(y.launcher.Runs, id+".1")
		write(t, filepath.Join(dir, "work", "go"), "")
		y.said(t, id, "done")
		y.until(t, id, func(workflow.Run) bool { return log.count("run had moved on") > 0 })
		if data, err := os.ReadFile(filepath.Join(dir, "log")); err != nil || strings.Contains(string(data), "interrupted") {
			t.Errorf("got %s, %v", data, err)
		}
	})
}

// remnant starts a plan of project a as an earlier server would have. Interrupted, it goes on until the file is there that
// is returned. Later plans end at once.
func (s *shop) remnant(t *testing.T) (over string) {
	t.Helper()
	at := filepath.Join(t.TempDir(), "at")
	write(t, filepath.Join(s.job.GitDir, "plan"), "[ ! -e "+at+" ] || exit 0; touch "+at+"; trap 'while [ ! -e "+at+".go ]; do sleep 0.05; done; exit 1' INT; "+
		"echo up; while :; do sleep 0.02; done")
	live := s.earlierPlan(t)
	t.Cleanup(func() {
		write(t, at+".go", "")
		live.Wait()
	})
	return at + ".go"
}

// earlierPlan starts a plan of project a as an earlier server would have, and waits until it says that it is up.
func (s *shop) earlierPlan(t *testing.T) *run.Process {
	t.Helper()
	s.job.Run.Project, s.job.Run.Repo = workflow.Project{Name: "a", Dir: "a", Engine: "shell"}, s.pull.Repo
	s.job.Ladder = run.Ladder{Again: time.Hour}
	live := s.start(t)
	if err := live.Handshake(nil); err != nil {
		t.Fatal(err)
	}
	await(t, live, "up")
	return live
}

// asApply makes a queued run an apply.
func (s *shop) asApply(t *testing.T, id string) {
	t.Helper()
	s.worker.Artefacts.Dir = t.TempDir()
	s.worker.Artefacts.Identity, _ = run.OpenKeys(t.TempDir())
	s.worker.Authorise = func(context.Context, workflow.Run, string, workflow.StateVersion) error {
		return errors.New("it is asked")
	}
	err := s.store.Update(t.Context(), func(tx workflow.Tx) error {
		r, err := tx.Run(id)
		if err != nil {
			return err
		}
		r.Kind, r.Apply = workflow.RunApply, &workflow.ApplyOrder{PlanRun: id, Artefact: "a", Fingerprint: "f"}
		return tx.PutRun(r)
	})
	if err != nil {
		t.Fatal(err)
	}
}

const notStarted = "The apply was not started: the server stopped or withdrew it first."

// A run that waits for a plan of an earlier server to end does not outlast a newer commit, nor the server: nothing was started.
func TestEndsWhileWaiting(t *testing.T) {
	start := func(t *testing.T, applies bool) (s *shop, id string, stop func()) {
		s, _, log := newOutage(t, "", time.Minute)
		s.remnant(t)
		if id = s.queue(t, "a")[0]; applies {
			s.asApply(t, id)
		}
		stop = s.begin(t)
		s.until(t, id, func(workflow.Run) bool { return log.count("waiting for a plan") > 0 })
		return s, id, stop
	}
	t.Run("superseded", func(t *testing.T) {
		t.Parallel()
		s, id, _ := start(t, false)
		next := s.pull
		next.Head.SHA, next.UpdatedAt = "bbbb", next.UpdatedAt.Add(time.Minute)
		if err := s.service.Observe(t.Context(), workflow.Request{}, next); err != nil {
			t.Fatal(err)
		}
		if r := s.until(t, id, finished); r.Outcome != workflow.OutcomeSuperseded {
			t.Errorf("got %s, %q, want superseded", r.Outcome, r.Reason)
		}
		if _, err := os.Stat(filepath.Join(s.launcher.Runs, id+".1")); err == nil {
			t.Error("it was started")
		}
	})
	t.Run("somebody else's", func(t *testing.T) {
		t.Parallel()
		s, _, log := newOutage(t, "", 4*time.Second)
		s.remnant(t)
		id := s.queue(t, "a")[0]
		s.begin(t)
		s.until(t, id, func(workflow.Run) bool { return log.count("waiting for a plan") > 0 })
		s.moved(t, id)
		s.until(t, id, func(workflow.Run) bool { return log.count("run had moved on") > 0 })
	})
	t.Run("a plan, and the server stops", func(t *testing.T) {
		t.Parallel()
		s, id, stop := start(t, false)
		stop()
		if r := s.until(t, id, func(workflow.Run) bool { return true }); r.State != workflow.RunQueued || r.Waiting != "The server is being restarted." {
			t.Errorf("got %s, %q, want that it is made again", r.State, r.Waiting)
		}
	})
	t.Run("an apply, and the server stops", func(t *testing.T) {
		t.Parallel()
		s, id, stop := start(t, true)
		stop()
		if r := s.until(t, id, finished); r.Outcome != workflow.OutcomeRefused || r.Reason != notStarted {
			t.Errorf("got %s, %q", r.Outcome, r.Reason)
		}
	})
	t.Run("an apply whose credentials are fetched, and the server stops", func(t *testing.T) {
		t.Parallel()
		s := newShop(t, "")
		fetching := make(chan bool, 1)
		s.job.Run.Credentials = "slow"
		s.worker.Credentials = func(ctx context.Context, _ string) (run.Secrets, string, error) {
			fetching <- true
			<-ctx.Done()
			return run.Secrets{}, "", ctx.Err()
		}
		id := s.queue(t, "a")[0]
		s.asApply(t, id)
		stop := s.begin(t)
		<-fetching
		stop()
		if r := s.until(t, id, finished); r.Outcome != workflow.OutcomeRefused || r.Reason != notStarted {
			t.Errorf("got %s, %q", r.Outcome, r.Reason)
		}
	})
}

// A plan of an earlier server that never ends keeps nothing from its turn but what comes soon after the start, and nothing
// from being removed that others left.
func TestPlanFromBeforeNeverEnds(t *testing.T) {
	t.Parallel()
	s, _, log := newOutage(t, "", time.Minute)
	s.remnant(t)
	write(t, filepath.Join(s.job.GitDir, "plan"), loop)
	s.job.Run.ID, s.job.Run.Project.Name = workflow.NewID(time.Now()), "b"
	other := s.start(t)
	if err := other.Handshake(nil); err != nil {
		t.Fatal(err)
	}
	await(t, other, "up")
	write(t, filepath.Join(s.job.GitDir, "plan"), "")
	s.worker.RemnantsUntil(time.Now().Add(10 * time.Second)) // a machine that is busy claims the first one before
	s.begin(t)
	for range 2 {
		if r := s.until(t, s.queue(t, "a")[0], finished); r.Outcome != workflow.OutcomeSucceeded {
			t.Errorf("got %s, %q", r.Outcome, r.Reason)
		}
		if n := log.count("waiting for a plan"); n != 1 {
			t.Errorf("waited %d times, want once", n)
		}
	}
	onlyLog(t, other)
}
