package run_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"filippo.io/age"

	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/run"
)

// slow is three resources in a row; the second waits for the file OUTSIDE/go.
func slow() string {
	return localBackend + `resource "terraform_data" "first" {}
resource "terraform_data" "second" {
  depends_on = [terraform_data.first]
  provisioner "local-exec" {
    command = "echo second >> OUTSIDE/counter; echo up; while [ ! -e OUTSIDE/go ]; do sleep 0.05; done; echo done >> OUTSIDE/counter"
  }
}
resource "terraform_data" "third" {
  depends_on = [terraform_data.second]
}
`
}

func TestApplyEndsEarly(t *testing.T) {
	kill := func(t *testing.T, of func(dir string) []int) func(t *testing.T, g *ground, p *run.Process) {
		return func(t *testing.T, g *ground, p *run.Process) {
			for _, pid := range of(p.Dir()) {
				if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	for _, tt := range []struct {
		name    string
		end     func(t *testing.T, g *ground, p *run.Process)
		outcome workflow.Outcome
		reason  string
		done    int
		counter string
		steps   string
	}{
		{"interrupted", func(t *testing.T, g *ground, p *run.Process) {
			for range 3 { // however often it is said, terraform hears it once
				if err := p.Interrupt(); err != nil {
					t.Error(err)
				}
			}
			await(t, p, "Gracefully shutting down")
		}, workflow.OutcomeCancelled, "The apply was interrupted.", 1, "second",
			"first succeeded, second failed, third not_started"},
		{"terraform killed", kill(t, func(dir string) []int { return named(t, dir, "apply") }), workflow.OutcomeUnknown,
			"terraform was killed during apply (SIGKILL)", 1, "second done", "first succeeded, second unknown, third not_started"},
		{"runner killed", kill(t, func(dir string) []int { return []int{runnerPID(t, dir)} }), workflow.OutcomeUnknown,
			"The runner died without a result (signal: killed).", 1, "second done", "first succeeded, second unknown, third not_started"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			g := newGround(t, slow())
			g.applyOf(g.plan(t))
			p := g.begun(t)
			await(t, p, "(local-exec): up")
			if got := g.progress(t); got != "first succeeded, second running, third queued" {
				t.Errorf("while it goes on: %s", got)
			}
			tt.end(t, g, p)
			if tt.outcome == workflow.OutcomeUnknown { // what terraform left may finish
				write(t, filepath.Join(g.outside, "go"), "")
			}
			res := p.Wait()
			if res.Outcome != tt.outcome || res.NotStarted || !strings.HasPrefix(res.Reason, tt.reason) || res.Done != tt.done {
				t.Errorf("got %+v, want %s, %d done, because %q", res, tt.outcome, tt.done, tt.reason)
			}
			if got := progressOf(res.Progress); got != tt.steps || res.Total != 3 {
				t.Errorf("got %s of %d, want %s", got, res.Total, tt.steps)
			}
			if got := g.counter(t); got != tt.counter {
				t.Errorf("counter: got %q, want %q", got, tt.counter)
			}
			gone(t, g.outside)
		})
	}
}

// progress is what the run tells of its steps so far.
func (g *ground) progress(t *testing.T) string {
	t.Helper()
	steps, err := run.ReadProgress(filepath.Dir(g.launcher.Runs), g.job.Run.ID)
	if err != nil {
		t.Fatal(err)
	}
	return progressOf(steps)
}

// progressOf are the states of steps, by the names of their resources.
func progressOf(steps []workflow.Progress) string {
	var out []string
	for _, s := range steps {
		out = append(out, strings.TrimPrefix(s.Address, "terraform_data.")+" "+string(s.State))
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

// named are the processes below a run's directory with a word in their arguments.
func named(t *testing.T, dir, word string) (pids []int) {
	t.Helper()
	names, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		data, err := os.ReadFile(name)
		args := strings.Split(string(data), "\x00")
		if err != nil || len(args) < 2 || args[1] != word || !strings.Contains(string(data), dir) {
			continue
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(name))); err == nil {
			pids = append(pids, pid)
		}
	}
	if len(pids) == 0 {
		t.Fatalf("no process %q of %s", word, dir)
	}
	return pids
}

func runnerPID(t *testing.T, dir string) int {
	t.Helper()
	var who struct {
		PID int `json:"pid"`
	}
	data, err := os.ReadFile(filepath.Join(dir, "runner.json"))
	if err == nil {
		err = json.Unmarshal(data, &who)
	}
	if err != nil {
		t.Fatal(err)
	}
	return who.PID
}

// stateServer is an http backend that can be made to refuse what it is given.
type stateServer struct {
	mu      sync.Mutex
	state   []byte
	refuses bool
}

func (s *stateServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case r.Method == http.MethodGet && s.state == nil:
		w.WriteHeader(http.StatusNoContent)
	case r.Method == http.MethodGet:
		w.Write(s.state)
	case s.refuses:
		w.WriteHeader(http.StatusForbidden)
	default:
		data, err := io.ReadAll(r.Body)
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		s.state = data
	}
}

func (s *stateServer) refuse(yes bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refuses = yes
}

// Where the name leads to another file, that has the only copy of the state: it stays.
func TestApplyErroredStateElsewhere(t *testing.T) {
	t.Parallel()
	states := &stateServer{}
	server := httptest.NewServer(states)
	defer server.Close()
	g := newGround(t, "terraform {\n  backend \"http\" {\n    address = \""+server.URL+"\"\n  }\n}\n"+
		counting("b", "ln -s elsewhere errored.tfstate; "))
	g.applyOf(g.plan(t))
	states.refuse(true)
	p := g.begun(t)
	res := p.Wait()
	if want := filepath.Base(p.Dir()) + "/work/errored.tfstate"; res.ErroredState != want {
		t.Errorf("got %+v, want the state left in %s\n%s", res, want, read(t, p, "log"))
	}
	data, err := os.ReadFile(filepath.Join(p.Dir(), "work", "elsewhere"))
	if err != nil || !bytes.Contains(data, []byte(`"lineage"`)) {
		t.Errorf("the state is %q, %v", data, err)
	}
}

// A state that cannot be stored is kept, encrypted, and nowhere else.
func TestApplyErroredState(t *testing.T) {
	t.Parallel()
	states := &stateServer{}
	server := httptest.NewServer(states)
	defer server.Close()
	g := newGround(t, `terraform {
  backend "http" {
    address = "`+server.URL+`"
  }
}
resource "terraform_data" "a" {
  input = sensitive("sesame-open")
}
`+counting("b", ""))
	first := g.plan(t)
	if !first.Apply.State.Same(workflow.StateVersion{}) {
		t.Errorf("got state %+v of a plan on an empty state", first.Apply.State)
	}
	g.applyOf(first)
	states.refuse(true)
	g.job.Run.Number = 12
	p := g.begun(t)
	res := p.Wait()
	want := g.job.Run.ID + ".errored.tfstate.age"
	if res.Outcome != workflow.OutcomeFailed || res.ErroredState != want {
		t.Fatalf("got %+v, want a kept state %s\n%s", res, want, read(t, p, "log"))
	}
	if res.Done != 2 || res.Total != 2 { // the stored state knows nothing of it
		t.Errorf("%d of %d are said to be done, want 2 of 2", res.Done, res.Total)
	}
	// The tree holds the word in plain text, but no run and no artefact does.
	g.nowhere(t, "sesame")
	f, err := os.Open(filepath.Join(g.artefacts.Dir, want))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	plain, err := age.Decrypt(f, g.artefacts.Identity)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(plain)
	if err != nil || !bytes.Contains(data, []byte(`"sesame-open"`)) {
		t.Errorf("the kept state is %q, %v", data, err)
	}
	// Pushed by hand, it is the state that the next plan is made from.
	states.refuse(false)
	errored := filepath.Join(t.TempDir(), "errored.tfstate")
	write(t, errored, string(data))
	g.terraform(t, "init", "-no-color")
	g.terraform(t, "state", "push", errored)
	g.job.Run.ID, g.job.Run.Kind, g.job.Run.Apply = workflow.NewID(time.Now()), workflow.RunPlan, nil
	again, err := run.Once(t.Context(), &g.launcher, g.job, g.secrets)
	if err != nil || again.Plan == nil || !again.Plan.NoChanges || again.Artefact != "" || again.Plan.StateVersion == "" {
		t.Errorf("got %+v, %v, want no changes", again, err)
	}
}
