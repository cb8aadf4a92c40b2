package run_test

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/bolt"
	"github.com/cardea-iac/cardea/workflow/run"
	"github.com/cardea-iac/cardea/workflow/service"
)

// shop is a worker over a real service and store.
type shop struct {
	*trial
	store   *bolt.Store
	service *service.Service
	worker  *run.Worker
	pull    workflow.Pull
}

func newShop(t *testing.T, plan string) *shop {
	t.Helper()
	return newShopWith(t, plan, service.DefaultLease)
}

func newShopWith(t *testing.T, plan string, lease time.Duration) *shop {
	t.Helper()
	data := t.TempDir()
	store, err := bolt.Open(data)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	s := &shop{trial: newTrial(t, plan), store: store}
	s.launcher.Runs = filepath.Join(data, "runs")
	s.service = service.New(service.Config{Store: store, Lease: lease, Rules: func(workflow.Repo) (workflow.Rules, bool) { return workflow.Rules{}, true }})
	s.worker = &run.Worker{Service: s.service, Lease: lease, Launcher: &s.launcher, Parallel: 2, PlanTimeout: patience, Ladder: s.job.Ladder, DiskFloor: -1,
		MirrorDir: func(workflow.Repo) string { return s.job.GitDir }, Log: slog.New(slog.NewTextHandler(t.Output(), nil))}
	s.pull = workflow.Pull{Repo: workflow.Repo{ID: 7, Owner: "acme", Name: "infra"}, Number: 1, State: workflow.PullOpen, Head: workflow.Ref{Ref: "x", SHA: "aaaa"}, UpdatedAt: time.Now()}
	return s
}

// queue adds one queued run for each project name to the pull.
func (s *shop) queue(t *testing.T, names ...string) (ids []string) {
	t.Helper()
	err := s.store.Update(t.Context(), func(tx workflow.Tx) error {
		ids = nil
		rec := workflow.PullRecord{Pull: s.pull, Known: true}
		for i, name := range names {
			r := s.job.Run
			r.ID, r.Epoch, r.Kind, r.State = workflow.NewID(time.Now().Add(time.Duration(i)*time.Millisecond)), 0, workflow.RunPlan, workflow.RunQueued
			r.Repo, r.Number, r.Head, r.Queued = s.pull.Repo, s.pull.Number, s.pull.Head.SHA, time.Now()
			r.Project = workflow.Project{Name: name, Dir: name, Engine: "shell"}
			if err := tx.PutRun(r); err != nil {
				return err
			}
			ids = append(ids, r.ID)
			rec.Projects = append(rec.Projects, workflow.ProjectRecord{Project: r.Project, Run: &r, Runs: []string{r.ID}})
		}
		return tx.PutPull(rec)
	})
	if err != nil {
		t.Fatal(err)
	}
	return ids
}

// begin starts the worker and returns how to stop it and wait for it.
func (s *shop) begin(t *testing.T) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.worker.Run(ctx) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(stop)
	return stop
}

// until returns the run as soon as it is as wanted.
func (s *shop) until(t *testing.T, id string, want func(workflow.Run) bool) workflow.Run {
	t.Helper()
	var got workflow.Run
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		var err error
		if got, err = s.service.Run(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		if want(got) {
			return got
		}
	}
	t.Fatalf("the run never became as wanted: %+v", got)
	return got
}

func finished(r workflow.Run) bool { return r.State == workflow.RunFinished }

// said returns when the run's log holds the text.
func (s *shop) said(t *testing.T, id, text string) {
	t.Helper()
	s.until(t, id, func(workflow.Run) bool {
		log, err := run.OpenLog(filepath.Dir(s.launcher.Runs), id)
		if errors.Is(err, fs.ErrNotExist) {
			return false
		}
		if err != nil {
			t.Fatal(err)
		}
		defer log.Close()
		data, err := os.ReadFile(log.Name())
		return err == nil && strings.Contains(string(data), text)
	})
}

// loop is a plan that runs until it is interrupted.
const loop = `trap 'echo got; exit 1' INT; echo up; while :; do sleep 0.02; done`

func TestWorkerCarriesOut(t *testing.T) {
	s := newShop(t, `echo planned; [ $(ls -d ../../*.1/work | wc -l) -le 2 ]`)
	ids := s.queue(t, "a", "b", "c", "d", "e")
	s.begin(t)
	for _, id := range ids {
		r := s.until(t, id, finished)
		if r.Outcome != workflow.OutcomeSucceeded || r.Epoch != 1 || r.Attempts != 1 {
			t.Errorf("got %+v, want a success at once", r)
		}
		repo, err := s.service.Repo(t.Context(), s.pull.Repo.ID)
		if err != nil || r.ChangesHash == "" || len(repo.Key) == 0 {
			t.Errorf("got changes hash %q, key of %d bytes, %v", r.ChangesHash, len(repo.Key), err)
		}
		dir := filepath.Join(s.launcher.Runs, id+".1")
		s.until(t, id, func(workflow.Run) bool {
			left, err := os.ReadDir(dir)
			return err == nil && len(left) == 1 && left[0].Name() == "log"
		})
	}
}

func TestWorkerTriesAgain(t *testing.T) {
	t.Run("what may pass", func(t *testing.T) {
		t.Parallel()
		s := newShop(t, "")
		mark := filepath.Join(t.TempDir(), "tried")
		if err := os.WriteFile(filepath.Join(s.job.GitDir, "plan"), []byte("[ -e "+mark+" ] || { touch "+mark+"; exit 75; }"), 0o600); err != nil {
			t.Fatal(err)
		}
		id := s.queue(t, "a")[0]
		s.begin(t)
		s.until(t, id, func(r workflow.Run) bool {
			return r.State == workflow.RunQueued && r.Waiting == "The state lock is held."
		})
		if r := s.until(t, id, finished); r.Outcome != workflow.OutcomeSucceeded || r.Epoch != 2 {
			t.Errorf("got %+v, want a success at the second try", r)
		}
	})
	t.Run("a lost runner, once", func(t *testing.T) {
		t.Parallel()
		s := newShop(t, "kill -KILL $PPID; sleep 1")
		id := s.queue(t, "a")[0]
		s.begin(t)
		if r := s.until(t, id, finished); r.Outcome != workflow.OutcomeLost {
			t.Errorf("got %+v, want lost", r)
		}
		runs, err := s.service.RunsOf(t.Context(), s.pull.Subject(), "", 10)
		if err != nil || len(runs) != 2 || runs[0].Replaces != id {
			t.Fatalf("got %+v, %v, want one that replaces it", runs, err)
		}
		s.until(t, runs[0].ID, finished)
		if runs, err = s.service.RunsOf(t.Context(), s.pull.Subject(), "", 10); err != nil || len(runs) != 2 {
			t.Errorf("got %d runs, %v, want that it ends there", len(runs), err)
		}
	})
}

// A run that takes longer than its lease keeps it.
func TestWorkerRenews(t *testing.T) {
	t.Parallel()
	const lease = 10 * time.Second
	s := newShopWith(t, "echo up; while [ ! -e go ]; do sleep 0.05; done", lease)
	id := s.queue(t, "a")[0]
	s.begin(t)
	s.said(t, id, "up")
	first := s.until(t, id, func(workflow.Run) bool { return true }).LeaseUntil
	s.until(t, id, func(r workflow.Run) bool { return r.LeaseUntil.After(first.Add(lease)) })
	if err := os.WriteFile(filepath.Join(s.launcher.Runs, id+".1", "work", "go"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if r := s.until(t, id, finished); r.Outcome != workflow.OutcomeSucceeded || r.Epoch != 1 {
		t.Errorf("got %+v, want a success at once", r)
	}
}

func TestWorkerInterrupts(t *testing.T) {
	s := newShop(t, loop)
	ids := s.queue(t, "a", "b", "c")
	s.begin(t)
	s.said(t, ids[0], "up")
	next := s.pull
	next.Head.SHA, next.UpdatedAt = "bbbb", next.UpdatedAt.Add(time.Minute)
	if err := s.service.Observe(t.Context(), workflow.Request{}, next); err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		if r := s.until(t, id, finished); r.Outcome != workflow.OutcomeSuperseded {
			t.Errorf("got %+v, want superseded", r)
		}
	}
}

func TestWorkerDrains(t *testing.T) {
	s := newShop(t, loop)
	ids := s.queue(t, "a", "b", "c")
	stop := s.begin(t)
	s.said(t, ids[0], "up")
	s.said(t, ids[1], "up")
	stop()
	for i, id := range ids {
		want := "The server is being restarted."
		if i == 2 {
			want = "" // it was never claimed
		}
		if r := s.until(t, id, func(workflow.Run) bool { return true }); r.State != workflow.RunQueued || r.Waiting != want {
			t.Errorf("got %+v, want queued, waiting %q", r, want)
		}
	}
	gone(t, s.launcher.Runs)
}

func TestWorkerRefusesToStart(t *testing.T) {
	t.Run("without room", func(t *testing.T) {
		s := newShop(t, "echo planned")
		s.worker.DiskFloor = 1 << 60
		id := s.queue(t, "a")[0]
		s.begin(t)
		r := s.until(t, id, func(r workflow.Run) bool { return r.State == workflow.RunQueued && r.Waiting != "" })
		if !strings.HasPrefix(r.Waiting, "The server's disk has only ") || !strings.HasSuffix(r.Waiting, " has to free some space.") {
			t.Errorf("got %q", r.Waiting)
		}
	})
	t.Run("without credentials", func(t *testing.T) {
		s := newShop(t, "echo planned")
		s.job.Run.Credentials, s.worker.Parallel = "prod-ro", 1
		told := make(chan string, 2)
		told <- ""
		told <- "`vault` failed: exit status 1."
		s.worker.Credentials = func(context.Context, string) (run.Secrets, string, error) {
			return run.Secrets{}, <-told, errors.New("no such file as secret-path")
		}
		ids := s.queue(t, "a", "b")
		s.begin(t)
		for i, want := range []string{"The credentials `prod-ro` could not be read. The server's log says why.",
			"The credentials `prod-ro` could not be read. `vault` failed: exit status 1."} {
			r := s.until(t, ids[i], finished)
			if r.Outcome != workflow.OutcomeFailed || r.Reason != want {
				t.Errorf("got %s, %q, want failed, %q", r.Outcome, r.Reason, want)
			}
		}
	})
}

// What fetches credentials may take longer than a lease, and ends with the server: the run is then made again.
func TestWorkerFetchesCredentials(t *testing.T) {
	const lease = 6 * time.Second // a machine that is busy renews it in time
	s := newShopWith(t, "echo planned", lease)
	s.job.Run.Credentials = "slow"
	s.worker.Credentials = func(ctx context.Context, _ string) (run.Secrets, string, error) {
		select {
		case <-time.After(lease + lease/2):
			return run.Secrets{}, "", nil
		case <-ctx.Done():
			return run.Secrets{}, "", ctx.Err()
		}
	}
	id := s.queue(t, "a")[0]
	stop := s.begin(t)
	s.until(t, id, func(r workflow.Run) bool { return r.State == workflow.RunRunning })
	stop()
	if r := s.until(t, id, func(r workflow.Run) bool { return r.State == workflow.RunQueued }); r.Waiting != "The server is being restarted." {
		t.Errorf("got %+v", r)
	}
	s.begin(t)
	if r := s.until(t, id, finished); r.Outcome != workflow.OutcomeSucceeded || r.Epoch != 2 {
		t.Errorf("got %s, epoch %d, want that its lease was kept", r.Outcome, r.Epoch)
	}
}

// A new server ends the runners that the one before left, and what they left.
func TestWorkerTidiesUp(t *testing.T) {
	s := newShop(t, loop)
	live := s.start(t)
	if err := live.Handshake(nil); err != nil {
		t.Fatal(err)
	}
	await(t, live, "up")
	s.job.Run.ID = workflow.NewID(time.Now())
	dead := s.start(t)
	dead.Refuse()
	dead.Wait()
	s.begin(t)
	await(t, live, "got\n") // it was interrupted; its result nobody waits for, and it goes too
	for _, p := range []*run.Process{live, dead} {
		onlyLog(t, p)
	}
}

// A plan does not begin while the plan of the same project that an earlier server started is being stopped:
// it would find the state locked, by us.
func TestWorkerWaitsForPlansFromBefore(t *testing.T) {
	taken := filepath.Join(t.TempDir(), "taken")
	s := newShopWith(t, "mkdir "+taken+" || exit 1; [ ! -e "+taken+".once ] || exit 0; touch "+taken+
		".once; trap 'sleep 8; rmdir "+taken+"; exit 1' INT; echo up; while :; do sleep 0.02; done", 6*time.Second)
	s.earlierPlan(t)
	id := s.queue(t, "a")[0]
	s.begin(t)
	if r := s.until(t, id, finished); r.Outcome != workflow.OutcomeSucceeded || r.Attempts != 1 || r.Epoch != 1 {
		t.Errorf("got %+v, want a success at the first try", r)
	}
}

// onlyLog returns when nothing but the log is left of a run.
func onlyLog(t *testing.T, p *run.Process) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		left, err := os.ReadDir(p.Dir())
		if err != nil {
			t.Fatal(err)
		}
		if len(left) == 1 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("a dead run's files are left: %v", left)
		}
	}
}
