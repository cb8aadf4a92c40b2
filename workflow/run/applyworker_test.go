package run_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/run"
)

// yard is a worker that applies, with shell scripts for terraform.
type yard struct {
	*shop
	asked []string // what Authorise was told
}

func newYard(t *testing.T, apply string) *yard {
	t.Helper()
	y := &yard{shop: newShop(t, "")}
	write(t, filepath.Join(y.job.GitDir, "apply"), apply)
	data := filepath.Dir(y.launcher.Runs)
	id, err := run.OpenKeys(data)
	if err != nil {
		t.Fatal(err)
	}
	y.worker.Artefacts = run.Artefacts{Dir: filepath.Join(data, "artefacts"), Identity: id}
	y.worker.Authorise = y.authorise
	return y
}

// authorise spends the plan, as the service does when nothing is missing.
func (y *yard) authorise(ctx context.Context, r workflow.Run, digest string, state workflow.StateVersion) error {
	return y.store.Update(ctx, func(tx workflow.Tx) error {
		now, err := tx.Run(r.ID)
		if err != nil {
			return err
		}
		order := *now.Apply
		order.Spent = true
		now.Apply = &order
		y.asked = append(y.asked, fmt.Sprintf("%t %s %s", digest == order.Artefact, state.ID, state.Version))
		return tx.PutRun(now)
	})
}

// ordered plans project a, has the plan kept, and queues its apply. The worker must be running.
func (y *yard) ordered(t *testing.T) (id string) {
	t.Helper()
	plan := y.until(t, y.queue(t, "a")[0], finished)
	if plan.Artefact == "" {
		t.Fatalf("got %+v, want that something is kept", plan)
	}
	err := y.store.Update(t.Context(), func(tx workflow.Tx) error {
		r := plan
		r.ID, r.Kind, r.State, r.Outcome, r.Epoch, r.Finished = workflow.NewID(time.Now()), workflow.RunApply, workflow.RunQueued, "", 0, time.Time{}
		r.Apply = &workflow.ApplyOrder{PlanRun: plan.ID, Artefact: plan.Artefact, Fingerprint: "f"}
		id = r.ID
		holder, _ := r.Subject().Holder()
		rec, err := tx.Pull(holder)
		if err != nil {
			return err
		}
		rec.Projects[0].Apply = &r
		return errors.Join(tx.PutRun(r), tx.PutPull(rec))
	})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func (y *yard) kept(t *testing.T) (n int) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(y.worker.Artefacts.Dir, "*.age"))
	if err != nil {
		t.Fatal(err)
	}
	return len(names)
}

func TestWorkerApplies(t *testing.T) {
	t.Run("once", func(t *testing.T) {
		t.Parallel()
		y := newYard(t, "echo applied")
		half := filepath.Join(y.worker.Artefacts.Dir, "0a.age.new") // of a runner that died while it wrote
		if err := errors.Join(os.MkdirAll(filepath.Dir(half), 0o700), os.WriteFile(half, []byte("half"), 0o600)); err != nil {
			t.Fatal(err)
		}
		y.begin(t)
		id := y.ordered(t)
		y.until(t, id, func(workflow.Run) bool { _, err := os.Lstat(half); return errors.Is(err, os.ErrNotExist) })
		if r := y.until(t, id, finished); r.Outcome != workflow.OutcomeSucceeded || !r.Apply.Spent {
			t.Errorf("got %+v, want a success", r)
		}
		if len(y.asked) != 1 || y.asked[0] != "true l 7" {
			t.Errorf("authorised %q, want once, with digest and state", y.asked)
		}
		y.until(t, id, func(workflow.Run) bool { return y.kept(t) == 0 })
	})
	t.Run("not without a yes", func(t *testing.T) {
		t.Parallel()
		y := newYard(t, "echo applied")
		y.worker.Authorise = func(context.Context, workflow.Run, string, workflow.StateVersion) error {
			return errors.New("GitHub cannot be reached")
		}
		y.begin(t)
		id := y.ordered(t)
		if r := y.until(t, id, finished); r.Outcome != workflow.OutcomeRefused || r.Epoch != 1 {
			t.Errorf("got %+v, want refused at the first try", r)
		}
		log, err := run.OpenLog(filepath.Dir(y.launcher.Runs), id)
		if err != nil {
			t.Fatal(err)
		}
		defer log.Close()
		if data, err := io.ReadAll(log); err != nil || bytes.Contains(data, []byte("applied")) {
			t.Errorf("it was applied: %q, %v", data, err)
		}
	})
	t.Run("unknown when the runner dies", func(t *testing.T) {
		t.Parallel()
		y := newYard(t, "mkdir a; echo '{\"is\":\"a state\"}' > a/errored.tfstate; echo up; kill -KILL $PPID")
		y.begin(t)
		id := y.ordered(t)
		r := y.until(t, id, finished)
		if r.Outcome != workflow.OutcomeUnknown || r.Apply.ErroredState != id+".errored.tfstate.age" {
			t.Errorf("got %+v, want unknown, with a kept state", r)
		}
		y.until(t, id, func(workflow.Run) bool {
			left, err := os.ReadDir(filepath.Join(y.launcher.Runs, id+".1"))
			return err == nil && len(left) == 1
		})
		if _, err := os.Stat(filepath.Join(y.worker.Artefacts.Dir, r.Apply.ErroredState)); err != nil {
			t.Error(err)
		}
	})
	t.Run("what cannot be kept stays where it is", func(t *testing.T) {
		t.Parallel()
		for _, make := range []string{"mkdir -p a/errored.tfstate", "mkdir a; echo state > b; ln -s ../b a/errored.tfstate"} {
			y := newYard(t, make+"; echo up; kill -KILL $PPID")
			stop := y.begin(t)
			id := y.ordered(t)
			if r := y.until(t, id, finished); r.Outcome != workflow.OutcomeUnknown {
				t.Errorf("%s: got %+v, want unknown", make, r)
			}
			stop()
			if _, err := os.Stat(filepath.Join(y.launcher.Runs, id+".1", "work", "a", "errored.tfstate")); err != nil {
				t.Errorf("%s: %v", make, err)
			}
		}
	})
}

// awaitFree waits until nothing of a run holds its lock.
func awaitFree(t *testing.T, dir string) {
	t.Helper()
	lock, err := os.Open(filepath.Join(dir, "runner.lock"))
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_SH); err != nil {
		t.Fatal(err)
	}
}

// An apply outlives its server, and the next one finishes it.
func TestWorkerAdopts(t *testing.T) {
	for _, tt := range []struct {
		name, apply string
		outcome     workflow.Outcome
	}{
		{"a result that came meanwhile", "echo up; while [ ! -e go ]; do sleep 0.02; done", workflow.OutcomeSucceeded},
		{"one that dies", "echo up; while [ ! -e go ]; do sleep 0.02; done; kill -KILL $PPID", workflow.OutcomeUnknown},
	} {
		for _, early := range []bool{true, false} { // the apply ends before the next server, or after
			t.Run(fmt.Sprintf("%s, early %t", tt.name, early), func(t *testing.T) {
				t.Parallel()
				y := newYard(t, tt.apply)
				stop := y.begin(t)
				id := y.ordered(t)
				y.said(t, id, "up")
				dir := filepath.Join(y.launcher.Runs, id+".1")
				stop()
				if r, err := y.service.Run(t.Context(), id); err != nil || r.State != workflow.RunRunning {
					t.Fatalf("got %+v, %v, want that it goes on", r, err)
				}
				if early {
					write(t, filepath.Join(dir, "work", "go"), "")
					awaitFree(t, dir)
				}
				old := y.worker
				y.worker = &run.Worker{Service: y.service, Launcher: old.Launcher, DiskFloor: -1, MirrorDir: old.MirrorDir, Artefacts: old.Artefacts, Authorise: old.Authorise, Log: old.Log}
				if err := y.service.Start(t.Context(), run.DefaultName); err != nil {
					t.Fatal(err)
				}
				y.begin(t)
				if !early {
					write(t, filepath.Join(dir, "work", "go"), "")
				}
				r := y.until(t, id, func(r workflow.Run) bool {
					return finished(r) && (tt.outcome == workflow.OutcomeUnknown || r.Outcome == tt.outcome)
				})
				if r.Outcome != tt.outcome || r.Epoch != 1 || !r.Apply.Spent {
					t.Errorf("got %+v, want %s at the first epoch", r, tt.outcome)
				}
				if len(y.asked) != 1 {
					t.Errorf("authorised %q, want once", y.asked)
				}
			})
		}
	}
}
