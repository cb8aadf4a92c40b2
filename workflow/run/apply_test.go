package run_test

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/run"
	"github.com/cardea-iac/cardea/workflow/terraform"
	"github.com/cardea-iac/cardea/workflow/terraform/terraformtest"
	"github.com/cardea-iac/cardea/workflow/terraform/tfconfig"
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
	g.job.Server = terraform.Server{Tools: terraform.Tools{Dir: filepath.Join(g.outside, "tools"), Path: os.Getenv("PATH")}}.JSON()
	g.job.Recipient, g.job.Artefacts = id.Recipient().String(), g.artefacts.Dir
	r := &g.job.Run
	r.Kind, r.States, r.Options = workflow.RunPlan, workflow.States{"state"}, workflow.PlanOptions{}
	r.Repo.ID, r.Project = 7, workflow.Project{Name: "app", Dir: ".", Engine: "terraform"}
	g.secrets.Key = []byte("0123456789abcdef0123456789abcdef")
	return g
}

// plan plans and returns the run as the server would have it.
func (g *ground) plan(t *testing.T) workflow.Run {
	t.Helper()
	g.read(t)
	res, p := g.trial.run(t)
	if res.Outcome != workflow.OutcomeSucceeded || res.Plan == nil {
		t.Fatalf("got %+v, want a plan\n%s", res, read(t, p, "log"))
	}
	r := g.job.Run
	r.Artefact, r.Fingerprint = res.Artefact, res.Plan.Fingerprint
	r.Apply = &workflow.ApplyOrder{PlanRun: r.ID, Fingerprint: res.Plan.Fingerprint, Artefact: res.Artefact,
		State: res.Plan.State()}
	return r
}

// read says what the server reads of the tree.
func (g *ground) read(t *testing.T) {
	t.Helper()
	e, tree := terraform.New(terraform.Options{}), workflow.Tree{FS: os.DirFS(g.job.GitDir)}
	found, err := e.Discover(t.Context(), tree)
	if err != nil {
		t.Fatal(err)
	}
	in, err := e.Inputs(t.Context(), tree, found, g.job.Run.Project)
	if err != nil {
		t.Fatal(err)
	}
	g.job.Run.Expected = in.Expected
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
	cmd.Env = append(os.Environ(), "TF_DATA_DIR="+filepath.Join(g.outside, "data"), "TF_CLI_CONFIG_FILE=/dev/null", "CHECKPOINT_DISABLE=1")
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

// A saved plan does not hold an ephemeral variable's value: the apply is given the var files again.
func TestApplyEphemeral(t *testing.T) {
	t.Parallel()
	g := newGround(t, localBackend+`
variable "token" { ephemeral = true }
variable "names" { type = map(object({ size = optional(number, 3) })) }
resource "terraform_data" "a" { input = var.names }
`, "v.tfvars", "token = \"sesame-open\"\nnames = { a = {}, b = { size = \"2\" } }\n")
	g.job.Run.Project.Settings = tfconfig.Settings{VarFiles: []string{"v.tfvars"}}.JSON()
	g.applyOf(g.plan(t))
	p := g.begun(t)
	if res := p.Wait(); res.Outcome != workflow.OutcomeSucceeded {
		t.Errorf("got %+v, want a success\n%s", res, read(t, p, "log"))
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
	write(t, filepath.Join(g.outside, "wrapper"), wrapper)
	// Not by ourselves: what another test starts meanwhile would hold it open, and then nobody can run it.
	if out, err := exec.Command("install", "-m", "700", filepath.Join(g.outside, "wrapper"), filepath.Join(bin, "terraform")).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	g.job.Server = terraform.Server{Tools: terraform.Tools{Dir: filepath.Join(g.outside, "tools"), Path: bin + ":" + os.Getenv("PATH")}}.JSON()
	g.secrets.Env = map[string]string{"TF_VAR_token": "sesame-open"}
	plan := g.plan(t)
	if len(plan.Artefact) != 64 {
		t.Fatalf("got digest %q of the artefact", plan.Artefact)
	}
	g.nowhere(t, "sesame")
	g.applyOf(plan)
	p := g.start(t)
	err := p.Handshake(func() error {
		digest, state := p.Prepared()
		if digest != plan.Artefact || !state.Same(workflow.StateVersion{}) {
			return fmt.Errorf("ready with %s, %+v", digest, state)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	res := p.Wait()
	if res.Outcome != workflow.OutcomeSucceeded || res.Done != 3 || res.Total != 3 {
		t.Errorf("got %+v, want a success\n%s", res, read(t, p, "log"))
	}
	if got, want := g.counter(t), "planned b"; got != want {
		t.Errorf("counter: got %q, want %q", got, want)
	}
	log := read(t, p, "log")
	if !strings.Contains(log, "Apply complete!") || strings.Contains(log, "sesame") {
		t.Errorf("log: %s", log)
	}
	if n := strings.Count(log, "$ terraform state pull"); n != 1 { // before it began; what it did is verified by a plan
		t.Errorf("got the state pulled %d times, want once\n%s", n, log)
	}
	g.nowhere(t, "sesame")
	for _, name := range []string{"work", "home", "tmp", "plan"} {
		if _, err := os.Lstat(filepath.Join(p.Dir(), name)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is left: %v", name, err)
		}
	}
}

// Each step of an apply is told as it begins and ends. What a credential says is in none of them: not in the
// key of an object, not in an error, however it is escaped.
func TestApplySteps(t *testing.T) {
	t.Parallel()
	const token = "ses\"ame\\op<en>\nsesame-line"
	g := newGround(t, localBackend+`
variable "token" { sensitive = true }
resource "terraform_data" "key" {
  for_each = toset([nonsensitive(var.token), "plain"])
}
resource "terraform_data" "fails" {
  provisioner "local-exec" {
    command = "echo 'bad token ${nonsensitive(var.token)}'; exit 1"
  }
  depends_on = [terraform_data.key]
}
resource "terraform_data" "after" { depends_on = [terraform_data.fails] }
output "o" { value = terraform_data.after.id }
`)
	g.secrets.Env = map[string]string{"TF_VAR_token": token}
	g.applyOf(g.plan(t))
	p := g.begun(t)
	res := p.Wait()
	if res.Outcome != workflow.OutcomeFailed || res.Done != 2 || res.Total != 5 {
		t.Errorf("got %+v, want 2 of 5\n%s", res, read(t, p, "log"))
	}
	want := `after not_started, fails failed, key["***"] succeeded, key["plain"] succeeded, output.o not_started`
	if got := progressOf(res.Progress); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := g.progress(t); got != want {
		t.Errorf("the file: got %s, want %s", got, want)
	}
	for _, s := range res.Progress {
		if s.State == workflow.ProgressFailed && s.Text != "local-exec provisioner error" || s.State == workflow.ProgressSucceeded && s.Began.IsZero() || s.At.IsZero() {
			t.Errorf("got %+v", s)
		}
	}
	if d := res.Diagnostics[0]; !strings.Contains(d.Detail, "bad token ***") || d.Snippet.Code == "" || d.Address != "terraform_data.fails" {
		t.Errorf("got %+v", d)
	}
	for _, part := range []string{"ame\\op", "sesame-line", "op<en>", `op\u003c`} {
		g.nowhere(t, part)
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
		}, "The state has changed since the plan was made (serial 0, now 1). Plan again."},
		{"state of another lineage", func(t *testing.T, g *ground) {
			write(t, filepath.Join(g.outside, "terraform.tfstate"), `{"version":4,"terraform_version":"1.5.0","serial":0,"lineage":"other","outputs":{},"resources":[]}`)
		}, "The state has changed since the plan was made (serial 0, now 0). Plan again."},
		{"another artefact", func(t *testing.T, g *ground) {
			g.job.Run.Apply.Artefact = strings.Repeat("0", 64)
		}, "The saved plan on disk is not the one that was made: its digest differs. Plan again."},
		{"broken artefact", func(t *testing.T, g *ground) {
			name := filepath.Join(g.artefacts.Dir, g.job.Run.Apply.PlanRun+".age")
			info, err := os.Stat(name)
			if err == nil {
				err = os.Truncate(name, info.Size()-1)
			}
			if err != nil {
				t.Fatal(err)
			}
		}, "The saved plan cannot be used: reading the artefact: "},
		{"no artefact", func(t *testing.T, g *ground) {
			if err := g.artefacts.Remove(g.job.Run.Apply.PlanRun); err != nil {
				t.Fatal(err)
			}
		}, "The saved plan no longer exists. Plan again."},
		{"another fingerprint", func(t *testing.T, g *ground) {
			g.job.Run.Apply.Fingerprint = strings.Repeat("0", 64)
		}, "The saved plan is not the one that was approved: its fingerprint differs. Plan again."},
		{"a spent plan", func(t *testing.T, g *ground) {
			g.job.Run.Apply.Spent = true
		}, "The apply has no saved plan that can still be used."},
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
	g.job.Server = terraform.Server{Tools: terraform.Tools{Dir: filepath.Join(g.outside, "tools"), Path: os.Getenv("PATH"), Providers: mirror}}.JSON()
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
		if res.Outcome != outcome || res.NotStarted != moved || moved && !strings.Contains(res.Reason, "the source of `module.m` now has other files") {
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
