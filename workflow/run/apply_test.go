package run_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"filippo.io/age"

	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/run"
	"github.com/cardea-iac/cardea/workflow/terraform/terraformtest"
)

// ground is a project of real terraform whose state and effects are outside of every workspace.
type ground struct {
	*trial
	outside   string // holds terraform.tfstate; "counter" is written by what is applied
	artefacts run.Artefacts
}

// localBackend keeps the state outside. OUTSIDE in a file is that directory.
const localBackend = "terraform {\n  backend \"local\" {\n    path = \"OUTSIDE/terraform.tfstate\"\n  }\n}\n"

// counting is a resource whose creation adds a line to the counter.
func counting(name, script string) string {
	return fmt.Sprintf("resource \"terraform_data\" %q {\n  provisioner \"local-exec\" {\n    command = %q\n  }\n}\n", name, script+"echo "+name+" >> OUTSIDE/counter")
}

func newGround(t *testing.T, main string, tree ...string) *ground {
	t.Helper()
	terraformtest.Terraform(t)
	g := &ground{outside: t.TempDir()}
	files := append([]string{"main.tf", main}, tree...)
	for i := 1; i < len(files); i += 2 {
		files[i] = strings.ReplaceAll(files[i], "OUTSIDE", g.outside)
	}
	g.trial = newTrial(t, "", files...)
	data := filepath.Dir(g.launcher.Runs)
	id, err := run.OpenKeys(data)
	if err != nil {
		t.Fatal(err)
	}
	g.artefacts = run.Artefacts{Dir: filepath.Join(data, "artefacts"), Identity: id}
	g.job.Tools = workflow.Tools{Dir: filepath.Join(g.outside, "tools"), Path: os.Getenv("PATH")}
	g.job.Recipient, g.job.Artefacts = id.Recipient().String(), g.artefacts.Dir
	r := &g.job.Run
	r.Kind, r.StateIdentity, r.Options = workflow.RunPlan, "state", workflow.PlanOptions{}
	r.Repo.ID, r.Project = 7, workflow.Project{Name: "app", Dir: ".", Engine: "terraform"}
	g.secrets.Key = []byte("0123456789abcdef0123456789abcdef")
	return g
}

// plan plans and returns the run as the server would have it.
func (g *ground) plan(t *testing.T) workflow.Run {
	t.Helper()
	res, p := g.trial.run(t)
	if res.Outcome != workflow.OutcomeSucceeded || res.Plan == nil {
		t.Fatalf("got %+v, want a plan\n%s", res, read(t, p, "log"))
	}
	r := g.job.Run
	r.Artefact, r.Fingerprint = res.Artefact, res.Plan.Fingerprint
	r.Apply = &workflow.ApplyOrder{PlanRun: r.ID, Fingerprint: res.Plan.Fingerprint, Artefact: res.Artefact,
		State: workflow.StateVersion{Lineage: res.Plan.Lineage, Serial: res.Plan.Serial}}
	return r
}

// applyOf makes the trial the apply of a plan.
func (g *ground) applyOf(plan workflow.Run) {
	g.job.Run.ID, g.job.Run.Epoch = workflow.NewID(time.Now()), 1
	g.job.Run.Kind, g.job.Run.Apply = workflow.RunApply, plan.Apply
	g.secrets.Identity = g.artefacts.Identity.String()
}

// begun starts the apply and gives it the word.
func (g *ground) begun(t *testing.T) *run.Process {
	t.Helper()
	p := g.start(t)
	if err := p.Handshake(nil); err != nil {
		t.Fatal(err)
	}
	return p
}

func (g *ground) counter(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(g.outside, "counter"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return strings.Join(strings.Fields(string(data)), " ")
}

// terraform runs terraform itself on the project, as somebody at a terminal would.
func (g *ground) terraform(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.Command("terraform", args...)
	cmd.Dir = g.job.GitDir
	cmd.Env = append(os.Environ(), "TF_DATA_DIR="+filepath.Join(g.outside, "data"), "TF_CLI_CONFIG_FILE=/dev/null")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("terraform %v: %v\n%s", args, err, out)
	}
	return string(out)
}

// nowhere fails the test when a text is in any file below the data directory.
func (g *ground) nowhere(t *testing.T, secret string) {
	t.Helper()
	err := filepath.WalkDir(filepath.Dir(g.launcher.Runs), func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(name)
		if bytes.Contains(data, []byte(secret)) {
			t.Errorf("%s holds %q", name, secret)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// What was planned is applied: the saved plan, with the files that planning made, and no secret is left behind.
func TestApply(t *testing.T) {
	t.Parallel()
	g := newGround(t, localBackend+`
variable "token" { sensitive = true }
resource "terraform_data" "a" {
  input = var.token
}
output "clear" { value = nonsensitive(substr(var.token, 0, 3)) }
`+counting("b", "cat made/deep.txt >> OUTSIDE/counter && sh say.sh && "), "say.sh", "echo said $TF_VAR_token")
	// Planning makes a file, as data sources of some providers do.
	bin := filepath.Join(g.outside, "bin")
	if err := os.Mkdir(bin, 0o700); err != nil {
		t.Fatal(err)
	}
	wrapper := "#!/bin/sh\nif [ \"$1\" = plan ]; then mkdir -p made; echo planned > made/deep.txt; fi\nexec " + terraformtest.Terraform(t) + " \"$@\"\n"
	if err := os.WriteFile(filepath.Join(bin, "terraform"), []byte(wrapper), 0o700); err != nil {
		t.Fatal(err)
	}
	g.job.Tools.Path = bin + ":" + os.Getenv("PATH")
	g.secrets.Env = map[string]string{"TF_VAR_token": "sesame-open"}
	plan := g.plan(t)
	if digest, err := g.artefacts.Digest(plan.ID); err != nil || digest != plan.Artefact || len(digest) != 64 {
		t.Fatalf("got digest %q, %v, want the result's %q", digest, err, plan.Artefact)
	}
	g.nowhere(t, "sesame")
	g.applyOf(plan)
	p := g.start(t)
	err := p.Handshake(func() error {
		digest, state := p.Prepared()
		if digest != plan.Artefact || state != (workflow.StateVersion{}) {
			return fmt.Errorf("ready with %s, %+v", digest, state)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	res := p.Wait()
	if res.Outcome != workflow.OutcomeSucceeded || res.Done != 3 || res.Total != 3 || res.State == nil || res.State.Serial == 0 || res.State.Lineage == "" {
		t.Errorf("got %+v, want a success\n%s", res, read(t, p, "log"))
	}
	if got, want := g.counter(t), "planned b"; got != want {
		t.Errorf("counter: got %q, want %q", got, want)
	}
	if log := read(t, p, "log"); !strings.Contains(log, "Apply complete!") || strings.Contains(log, "sesame") {
		t.Errorf("log: %s", log)
	}
	g.nowhere(t, "sesame")
	for _, name := range []string{"work", "home", "tmp", "plan"} {
		if _, err := os.Lstat(filepath.Join(p.Dir(), name)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is left: %v", name, err)
		}
	}
}

// Whatever is not as it was when the plan was made keeps the apply from beginning.
func TestApplyRefused(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(t *testing.T, g *ground)
		reason string
	}{
		{"other lock file", func(t *testing.T, g *ground) {
			write(t, filepath.Join(g.job.GitDir, ".terraform.lock.hcl"), "# mine\n")
		}, "`.terraform.lock.hcl` is not the one that the plan was made with. Plan again."},
		{"state moved", func(t *testing.T, g *ground) {
			write(t, filepath.Join(g.job.GitDir, "main.tf"), strings.ReplaceAll(localBackend, "OUTSIDE", g.outside)+`output "x" { value = 1 }`)
			g.terraform(t, "init", "-no-color")
			g.terraform(t, "apply", "-no-color", "-auto-approve")
		}, "The state has moved since the plan was made (serial 0, now 1). Plan again."},
		{"state of another lineage", func(t *testing.T, g *ground) {
			write(t, filepath.Join(g.outside, "terraform.tfstate"), `{"version":4,"terraform_version":"1.5.0","serial":0,"lineage":"other","outputs":{},"resources":[]}`)
		}, "The state has moved since the plan was made (serial 0, now 0). Plan again."},
		{"another artefact", func(t *testing.T, g *ground) {
			g.job.Run.Apply.Artefact = strings.Repeat("0", 64)
		}, "The saved plan on the disk is not the one that was made: its digest differs. Plan again."},
		{"broken artefact", func(t *testing.T, g *ground) {
			name := filepath.Join(g.artefacts.Dir, g.job.Run.Apply.PlanRun+".age")
			info, err := os.Stat(name)
			if err == nil {
				err = os.Truncate(name, info.Size()-1)
			}
			if err != nil {
				t.Fatal(err)
			}
		}, "reading the artefact: "},
		{"no artefact", func(t *testing.T, g *ground) {
			if err := g.artefacts.Remove(g.job.Run.Apply.PlanRun); err != nil {
				t.Fatal(err)
			}
		}, "The saved plan is not there any more. Plan again."},
		{"another fingerprint", func(t *testing.T, g *ground) {
			g.job.Run.Apply.Fingerprint = strings.Repeat("0", 64)
		}, "The saved plan is not the one that was approved: its fingerprint differs. Plan again."},
		{"a spent plan", func(t *testing.T, g *ground) {
			g.job.Run.Apply.Spent = true
		}, "The apply has no saved plan that may still be used."},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			g := newGround(t, localBackend+counting("a", ""))
			g.applyOf(g.plan(t))
			tt.change(t, g)
			p := g.begun(t)
			res := p.Wait()
			if res.Outcome != workflow.OutcomeFailed || !res.NotStarted || !strings.HasPrefix(res.Reason, tt.reason) {
				t.Errorf("got %+v, want not started because %q", res, tt.reason)
			}
			if got := g.counter(t); got != "" {
				t.Errorf("something was applied: %q", got)
			}
		})
	}
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// A newer provider that appears between plan and apply changes nothing: the plan's lock file decides, committed or not.
func TestApplyNewerProvider(t *testing.T) {
	t.Parallel()
	mirror := terraformtest.Mirror(t)
	g := newGround(t, localBackend+`terraform {
  required_providers {
    time = { source = "hashicorp/time" }
  }
}
resource "time_static" "now" {}
`+counting("a", ""))
	g.job.Tools.Providers = mirror
	plan := g.plan(t)
	g.applyOf(plan)
	versions := filepath.Join(mirror, "registry.terraform.io", "hashicorp", "time")
	if err := os.CopyFS(filepath.Join(versions, "99.0.0"), os.DirFS(filepath.Join(versions, terraformtest.TimeVersion))); err != nil {
		t.Fatal(err)
	}
	p := g.begun(t)
	if res := p.Wait(); res.Outcome != workflow.OutcomeSucceeded || res.Done != 2 {
		t.Errorf("got %+v, want a success\n%s", res, read(t, p, "log"))
	}
	if log := read(t, p, "log"); !strings.Contains(log, "v"+terraformtest.TimeVersion) || strings.Contains(log, "99.0.0") {
		t.Errorf("another provider was used:\n%s", log)
	}
}

// The saved plan holds a fetched module's configuration, but not the scripts beside it.
func TestApplyModuleMoved(t *testing.T) {
	t.Parallel()
	var pack bytes.Buffer
	makeModule := func(script string) {
		pack.Reset()
		z := zip.NewWriter(&pack)
		for name, text := range map[string]string{"run.sh": script, "main.tf": "resource \"terraform_data\" \"m\" {\n  provisioner \"local-exec\" {\n    command = \"sh ${path.module}/run.sh\"\n  }\n}\n"} {
			w, err := z.Create(name)
			if err == nil {
				_, err = io.WriteString(w, text)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write(pack.Bytes()) }))
	defer server.Close()
	for _, moved := range []bool{false, true} {
		g := newGround(t, localBackend+"module \"m\" {\n  source = \""+server.URL+"/m.zip\"\n}\n")
		makeModule("echo reviewed >> " + g.outside + "/counter")
		g.applyOf(g.plan(t))
		want, outcome := "reviewed", workflow.OutcomeSucceeded
		if moved {
			makeModule("echo swapped >> " + g.outside + "/counter")
			want, outcome = "", workflow.OutcomeFailed
		}
		p := g.begun(t)
		res := p.Wait()
		if res.Outcome != outcome || res.NotStarted != moved || moved && !strings.HasPrefix(res.Reason, "A module has changed at its source") {
			t.Errorf("moved %t: got %+v, want %s\n%s", moved, res, outcome, read(t, p, "log"))
		}
		if got := g.counter(t); got != want {
			t.Errorf("moved %t: counter: got %q, want %q", moved, got, want)
		}
	}
}

// A state that moves after the last look at it: terraform itself says so.
func TestApplyStale(t *testing.T) {
	t.Parallel()
	g := newGround(t, localBackend+counting("a", ""))
	g.terraform(t, "init", "-no-color")
	g.applyOf(g.plan(t))
	p := g.start(t)
	err := p.Handshake(func() error {
		g.terraform(t, "apply", "-no-color", "-auto-approve")
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	res := p.Wait()
	if res.Outcome != workflow.OutcomeFailed || res.NotStarted || !strings.HasPrefix(res.Reason, "Saved plan is stale") {
		t.Errorf("got %+v, want stale", res)
	}
	if got := g.counter(t); got != "a" {
		t.Errorf("counter: got %q, want one line, of the other apply", got)
	}
}

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
	}{
		{"interrupted", func(t *testing.T, g *ground, p *run.Process) {
			for range 3 { // however often it is said, terraform hears it once
				if err := p.Interrupt(); err != nil {
					t.Error(err)
				}
			}
			await(t, p, "Gracefully shutting down")
		}, workflow.OutcomeCancelled, "The apply was interrupted.", 1, "second"},
		{"terraform killed", kill(t, func(dir string) []int { return named(t, dir, "apply") }), workflow.OutcomeUnknown,
			"terraform was killed during apply (SIGKILL)", 1, "second done"},
		{"runner killed", kill(t, func(dir string) []int { return []int{runnerPID(t, dir)} }), workflow.OutcomeUnknown,
			"The runner died without a result (signal: killed).", 0, "second done"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			g := newGround(t, slow())
			g.applyOf(g.plan(t))
			g.job.PlanTimeout = 3 * time.Second // of the preparation only
			p := g.begun(t)
			await(t, p, "(local-exec): up")
			tt.end(t, g, p)
			if tt.outcome == workflow.OutcomeUnknown { // what terraform left may finish
				write(t, filepath.Join(g.outside, "go"), "")
			}
			res := p.Wait()
			if res.Outcome != tt.outcome || res.NotStarted || !strings.HasPrefix(res.Reason, tt.reason) || res.Done != tt.done {
				t.Errorf("got %+v, want %s, %d done, because %q", res, tt.outcome, tt.done, tt.reason)
			}
			if got := g.counter(t); got != tt.counter {
				t.Errorf("counter: got %q, want %q", got, tt.counter)
			}
			gone(t, g.outside)
		})
	}
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
	if first.Apply.State != (workflow.StateVersion{}) {
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
	if err != nil || again.Plan == nil || !again.Plan.NoChanges || again.Artefact != "" || again.Plan.Serial == 0 {
		t.Errorf("got %+v, %v, want no changes", again, err)
	}
}

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
		y.asked = append(y.asked, fmt.Sprintf("%t %s %d", digest == order.Artefact, state.Lineage, state.Serial))
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
		rec, err := tx.Pull(r.PullKey())
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
		y.begin(t)
		id := y.ordered(t)
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
				if err := y.service.Start(t.Context()); err != nil {
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
