package terraform

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/terraform/tfconfig"
)

const two = `
resource "terraform_data" "a" { input = "one" }
resource "terraform_data" "b" { input = "two" }
`

// TestPlanCounts plans what a first apply left, with changed files.
func TestPlanCounts(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		before  string // "" = nothing was applied
		after   string
		options workflow.PlanOptions
		want    workflow.Counts
	}{
		{name: "create", after: two, want: workflow.Counts{Add: 2}},
		{name: "update", before: two, after: strings.Replace(two, "one", "1", 1), want: workflow.Counts{Change: 1}},
		{name: "replace", before: two, after: "resource \"terraform_data\" \"a\" {\n input = \"one\"\n triggers_replace = 1\n}\n" + `resource "terraform_data" "b" { input = "two" }`, want: workflow.Counts{Replace: 1}},
		{name: "destroy", before: two, after: `resource "terraform_data" "a" { input = "one" }`, want: workflow.Counts{Destroy: 1}},
		{name: "no changes", before: two, after: two, want: workflow.Counts{}},
		{name: "outputs only", before: two, after: two + `output "x" { value = 1 }`, want: workflow.Counts{Outputs: 1}},
		{name: "moved", before: two, after: strings.Replace(two, `"a"`, `"c"`, 1) + "moved {\n from = terraform_data.a\n to = terraform_data.c\n}\n", want: workflow.Counts{Move: 1}},
		{name: "import", before: `resource "terraform_data" "a" { input = "one" }`, after: two + "import {\n to = terraform_data.b\n id = \"x\"\n}\n",
			want: workflow.Counts{Import: 1, Change: 1}},
		{name: "forget", before: two, after: `resource "terraform_data" "a" { input = "one" }
			removed {
			  from = terraform_data.b
			  lifecycle { destroy = false }
			}`, want: workflow.Counts{Forget: 1}},
		{name: "destroy mode", before: two, after: two, options: workflow.PlanOptions{Destroy: true}, want: workflow.Counts{Destroy: 2}},
		{name: "target and replace", before: two, after: strings.Replace(two, "one", "1", 1),
			options: workflow.PlanOptions{Targets: []string{"terraform_data.b"}, Replaces: []string{"terraform_data.b"}}, want: workflow.Counts{Replace: 1}},
		{name: "refresh only", before: two, after: strings.Replace(two, "one", "1", 1), options: workflow.PlanOptions{RefreshOnly: true}, want: workflow.Counts{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, map[string]string{"app/backend.tf": backend, "app/main.tf": tt.before})
			if tt.before != "" {
				w.apply()
			}
			w.files["app/main.tf"] = tt.after
			w.order.Plan = tt.options
			got := w.mustPlan()
			if diff := cmp.Diff(tt.want, got.Counts); diff != "" {
				t.Errorf("counts (-want +got):\n%s", diff)
			}
			if want := tt.want.Zero(); got.NoChanges != want {
				t.Errorf("no changes: got %v, want %v", got.NoChanges, want)
			}
			if got.Fingerprint == "" || got.Tool != "terraform" || got.ToolVersion == "" {
				t.Errorf("got fingerprint %q, tool %q %q", got.Fingerprint, got.Tool, got.ToolVersion)
			}
		})
	}
}

// TestPlanFailures are projects that cannot be planned, and what people read.
func TestPlanFailures(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		files    map[string]string
		project  workflow.Project
		tools    Tools
		reason   string
		position workflow.Position
	}{
		{name: "syntax error", files: map[string]string{"app/main.tf": "resource {\n"}, reason: "terraform init: Unclosed configuration block (app/main.tf line 1), and 1 more error.", position: workflow.Position{File: "app/main.tf", Line: 1}},
		{name: "reference", files: map[string]string{"app/main.tf": "\noutput \"x\" { value = local.nope }\n"},
			reason: "terraform plan: Reference to undeclared local value (app/main.tf line 2).", position: workflow.Position{File: "app/main.tf", Line: 2}},
		{name: "in a module", files: map[string]string{"app/main.tf": "module \"m\" { source = \"../mod\" }\n", "mod/m.tf": "output \"x\" { value = local.nope }\n"},
			reason: "terraform plan: Reference to undeclared local value (mod/m.tf line 1).", position: workflow.Position{File: "mod/m.tf", Line: 1}},
		{name: "missing variable", files: map[string]string{"app/main.tf": "variable \"must\" {}\n"},
			reason: "terraform plan: No value for required variable (app/main.tf line 1).", position: workflow.Position{File: "app/main.tf", Line: 1}},
		{name: "precondition", files: map[string]string{"app/main.tf": `resource "terraform_data" "a" {
  input = 1
  lifecycle {
    precondition {
      condition     = terraform_data.b.input == 3
      error_message = "b must be 3"
    }
  }
}
resource "terraform_data" "b" { input = 2 }
`}, reason: "terraform plan: Resource precondition failed (app/main.tf line 5).", position: workflow.Position{File: "app/main.tf", Line: 5}},
		{name: "no such Terraform workspace", project: workflow.Project{Variant: "blue"},
			reason: "The Terraform workspace \"blue\" does not exist. Create it with `terraform workspace new blue`, or allow it with `create_workspace: true` in the server's rules."},
		{name: "no such var file", project: workflow.Project{Settings: tfconfig.Settings{VarFiles: []string{"nope.tfvars"}}.JSON()}, reason: "`var_files` of its entry names `app/nope.tfvars`, which does not exist when `terraform plan` needs it: " +
			"it is not in the repository, and no step up to `before_plan` of the server's workflow made it."},
		{name: "a Terraform workspace that is an option", project: workflow.Project{Variant: "-or-create"}, reason: `The Terraform workspace name "-or-create" is not valid: it begins with a dash.`},
		{name: "a directory outside", project: workflow.Project{Dir: "../app"}, reason: "The directory `../app` is outside of the repository."},
		{name: "no such directory", project: workflow.Project{Dir: "nowhere"}, reason: "The directory `nowhere` does not exist."},
		{name: "version not allowed", project: workflow.Project{Settings: tfconfig.Settings{Version: "1.0.0"}.JSON()}, tools: Tools{Versions: ">= 1.5"}, reason: "terraform 1.0.0 is needed (`version` of the project in `.cardea.yml`), but the server allows only >= 1.5 (`terraform.versions`)."},
		{name: "required_version", files: map[string]string{"app/main.tf": "terraform { required_version = \"< 1.0\" }\n"},
			reason: "terraform is needed in a version that satisfies `< 1.0` by `app/main.tf` line 1, but terraform ", position: workflow.Position{File: "app/main.tf", Line: 1}},
		{name: "tofu is not installed", project: workflow.Project{Settings: tfconfig.Settings{Tool: "tofu", Version: "1.99.0"}.JSON()},
			reason: "tofu 1.99.0 is needed (`version` of the project in `.cardea.yml`), but there is no tofu on PATH: put it on the server's PATH or at `tools/tofu/VERSION/tofu` below `data_dir`, or change the version"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, map[string]string{"app/backend.tf": backend})
			for name, text := range tt.files {
				w.files[name] = text
			}
			p := &w.order.Project
			p.Variant, p.Settings = tt.project.Variant, tt.project.Settings
			if tt.project.Dir != "" {
				p.Dir = tt.project.Dir
			}
			if bytes.Contains(p.Settings, []byte("tofu")) {
				w.order.Tools.Path = filepath.Dir(mustLookPath(t, "sh")) // wherever tofu is, it is not there
			}
			w.order.Tools.Versions = tt.tools.Versions
			a := w.plan()
			if a.Error != "" || a.Result.Outcome != workflow.OutcomeFailed || a.Result.NotStarted || a.Result.Plan != nil {
				t.Fatalf("got %+v %s, want a failed run\n%s", a.Result, a.Error, a.Log)
			}
			if !strings.HasPrefix(a.Result.Reason, tt.reason) {
				t.Errorf("reason:\n got %q\nwant %q", a.Result.Reason, tt.reason)
			}
			if tt.position == (workflow.Position{}) {
				return
			}
			if len(a.Result.Diagnostics) == 0 {
				t.Fatal("got no diagnostics")
			}
			d := a.Result.Diagnostics[0]
			if d.Position.File != tt.position.File || d.Position.Line != tt.position.Line ||
				strings.Contains(tt.reason[:15], ": ") && (d.Position.Column == 0 || d.Snippet.Line != d.Position.Line || d.Snippet.Code == "") { // the tool's own
				t.Errorf("got %+v, want it at %+v with its source", d, tt.position)
			}
		})
	}
}

func mustLookPath(t testing.TB, name string) string {
	t.Helper()
	p, err := exec.LookPath(name)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestPlanInputs: var files, backend configuration and Terraform workspaces reach terraform.
func TestPlanInputs(t *testing.T) {
	t.Parallel()
	w := newWorld(t, map[string]string{
		"app/main.tf":      "terraform {\n backend \"local\" {}\n}\nvariable \"x\" {}\noutput \"x\" { value = \"${terraform.workspace} ${var.x}\" }\n",
		"app/state.config": "path = \"STATE/other.tfstate\"\nworkspace_dir = \"STATE/others\"\n",
		"vars/x.tfvars":    "x = \"from the var file\"\n",
	})
	w.order.Project.Settings = tfconfig.Settings{VarFiles: []string{"../vars/x.tfvars"}, BackendConfig: []string{"state.config"}}.JSON()
	w.order.Project.Variant = "blue"
	w.order.Create = true
	p := w.mustPlan()
	if len(p.Changes) != 1 || p.Changes[0].Address != "output.x" || len(p.Changes[0].Attributes) != 1 || p.Changes[0].Attributes[0].After != `"blue from the var file"` {
		t.Errorf("got changes %+v, want output x from the workspace and the var file", p.Changes)
	}
	if want := `The Terraform workspace "blue" did not exist and was created.`; len(p.Notes) != 1 || p.Notes[0] != want {
		t.Errorf("got notes %q, want %q", p.Notes, want)
	}
	if _, err := os.Stat(filepath.Join(w.state, "others", "blue")); err != nil {
		t.Errorf("the backend's configuration file was not used: %v", err)
	}
	w.order.Create = false
	if p := w.mustPlan(); len(p.Notes) != 0 {
		t.Errorf("got notes %q the second time, want none", p.Notes)
	}
}

// TestPlanEnvironment: nothing in the environment may change what a plan means.
func TestPlanEnvironment(t *testing.T) {
	t.Parallel()
	for _, kv := range []string{"TF_CLI_ARGS_plan=-destroy", "TF_CLI_ARGS=-lock=false", "TF_WORKSPACE=prod", "TF_PLUGIN_CACHE_DIR=/x", "TF_DATA_DIR=/x", "TF_CLI_CONFIG_FILE=/x"} {
		w := newWorld(t, map[string]string{"app/backend.tf": backend, "app/main.tf": two})
		w.env = []string{kv}
		name, _, _ := strings.Cut(kv, "=")
		if a := w.plan(); !strings.Contains(a.Error, name) || a.Log != "" {
			t.Errorf("%s: got error %q, want a refusal before anything runs\n%s", kv, a.Error, a.Log)
		}
	}
}

// TestPlanNotReady: an error of Ready proves that nothing was planned.
func TestPlanNotReady(t *testing.T) {
	t.Parallel()
	w := newWorld(t, map[string]string{"app/backend.tf": backend, "app/main.tf": two})
	w.order.NotReady = "the launcher is gone"
	a := w.plan()
	if !a.Result.NotStarted || a.Result.Outcome != workflow.OutcomeFailed || strings.Contains(a.Log, "$ terraform plan") {
		t.Errorf("got %+v, want a run that was not started\n%s", a.Result, a.Log)
	}
}

// TestPlanWhole: hidden effects in a part of the tree make the plan again in the whole tree.
func TestPlanWhole(t *testing.T) {
	t.Parallel()
	w := newWorld(t, map[string]string{"app/backend.tf": backend, "app/main.tf": `
resource "terraform_data" "a" {
  input = fileexists("../elsewhere") ? "whole" : "part"
  provisioner "local-exec" { command = "../elsewhere" }
}`})
	w.order.Rest = map[string]string{"elsewhere": "true"}
	a := w.plan()
	if a.Result.Plan == nil {
		t.Fatalf("got %+v %s\n%s", a.Result, a.Error, a.Log)
	}
	if !a.Result.Whole || len(a.Result.Plan.Hidden) == 0 || strings.Count(a.Log, "$ terraform plan") != 2 || !strings.Contains(a.Log, `"whole"`) {
		t.Errorf("got whole %v, hidden %v, want the plan made again\n%s", a.Result.Whole, a.Result.Plan.Hidden, a.Log)
	}
}

// TestPlanFailsInPart: what fails for want of a file is done again in the whole tree, init too.
func TestPlanFailsInPart(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, code string }{
		{"plan", `resource "terraform_data" "a" { input = file(terraform.workspace == "default" ? "../elsewhere" : "x") }`},
		{"init", `module "m" { source = "../elsewhere" }`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, map[string]string{"app/backend.tf": backend, "app/main.tf": tt.code})
			w.order.Rest = map[string]string{"elsewhere": "whole"}
			if tt.name == "init" {
				w.order.Rest = map[string]string{"elsewhere/main.tf": `resource "terraform_data" "a" { input = "whole" }`}
			}
			a := w.plan()
			if a.Result.Plan == nil || !a.Result.Whole || a.Result.Plan.Counts.Add != 1 || strings.Count(a.Log, "$ terraform "+tt.name) != 2 {
				t.Errorf("got %+v %s, want it done again in the whole tree\n%s", a.Result, a.Error, a.Log)
			}
		})
	}
	w := newWorld(t, map[string]string{"app/backend.tf": backend, "app/main.tf": `resource "terraform_data" "a" { input = file("../nowhere") }`})
	w.order.Rest = map[string]string{"elsewhere": "whole"}
	if a := w.plan(); a.Result.Outcome != workflow.OutcomeFailed || !a.Result.Whole || strings.Count(a.Log, "$ terraform plan") != 2 {
		t.Errorf("got %+v %s, want a failure in the whole tree\n%s", a.Result, a.Error, a.Log)
	}
}

// TestPlanPlanted: files with which a pull could bring its own settings and
// programs have no effect, even where the export left them.
func TestPlanPlanted(t *testing.T) {
	t.Parallel()
	canary := filepath.Join(t.TempDir(), "ran")
	evil := "#!/bin/sh\ntouch " + canary + "\n"
	dir := "registry.terraform.io/acme/evil/1.0.0/" + platform() + "/terraform-provider-evil_v1.0.0"
	w := newWorld(t, map[string]string{
		"app/backend.tf": backend, "app/main.tf": two + "output \"ws\" { value = terraform.workspace }\n",
		"app/.terraform/environment": "prod", "app/.terraform/providers/" + dir: evil, "app/terraform.d/plugins/" + dir: evil, "app/.terraformrc": "nonsense {",
	})
	w.order.Tools.Providers = t.TempDir()
	if p := w.mustPlan(); p.Changes[len(p.Changes)-1].Attributes[0].After != `"default"` {
		t.Errorf("got %+v, want the Terraform workspace default", p.Changes[len(p.Changes)-1])
	}
	w.files["app/evil.tf"] = "terraform {\n required_providers {\n  evil = { source = \"acme/evil\" }\n }\n}\nresource \"evil_x\" \"x\" {}\n"
	w.order.Tools.Sources.FilesystemMirror = t.TempDir()
	a := w.plan()
	if a.Result.Outcome != workflow.OutcomeFailed || !strings.Contains(a.Result.Reason, "registry.terraform.io/acme/evil is not in the server's provider mirror") {
		t.Errorf("got %q, want the provider refused", a.Result.Reason)
	}
	if _, err := os.Stat(canary); err == nil {
		t.Error("the planted provider ran")
	}
}

// TestPlanSecrets: a sensitive value is neither in the log nor in the plan.
func TestPlanSecrets(t *testing.T) {
	t.Parallel()
	const canary = "canary-4711-canary"
	w := newWorld(t, map[string]string{"app/backend.tf": backend, "app/main.tf": `
variable "secret" {
  sensitive = true
  default   = "` + canary + `"
}
resource "terraform_data" "a" { input = { password = var.secret } }
output "s" {
  value     = var.secret
  sensitive = true
}
`})
	a := w.plan()
	if a.Result.Plan == nil {
		t.Fatalf("got %+v\n%s", a.Result, a.Log)
	}
	if strings.Contains(a.Log, canary) {
		t.Errorf("the log has the secret:\n%s", a.Log)
	}
	for _, c := range a.Result.Plan.Changes {
		for _, attr := range c.Attributes {
			if strings.Contains(attr.After+attr.Before, canary) {
				t.Errorf("%s has the secret in %s", c.Address, attr.Path)
			}
		}
	}
}

// TestPlanWarnings keeps terraform's warnings.
func TestPlanWarnings(t *testing.T) {
	t.Parallel()
	w := newWorld(t, map[string]string{"app/backend.tf": backend, "app/main.tf": two + `
check "c" {
  assert {
    condition     = terraform_data.a.input == "two"
    error_message = "a is not two"
  }
}`})
	p := w.mustPlan()
	want := []workflow.Diagnostic{{Severity: workflow.SeverityWarning, Summary: "Check block assertion failed", Detail: "a is not two",
		Position: workflow.Position{File: "app/main.tf", Line: 7, Column: 21}, Snippet: workflow.Snippet{Context: `check "c"`, Line: 7,
			Code: `    condition     = terraform_data.a.input == "two"`, Values: `terraform_data.a.input is "one"`}}}
	if diff := cmp.Diff(want, p.Warnings); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
}

// TestPlanStateLock: a held state lock passes.
func TestPlanStateLock(t *testing.T) {
	t.Parallel()
	w := newWorld(t, map[string]string{"app/backend.tf": backend, "app/main.tf": `
resource "terraform_data" "a" {
  provisioner "local-exec" { command = "echo > STATE/started; read x < STATE/stop" }
}`})
	f := w.workspace()
	started, stop := fifo(t, w.state+"/started"), fifo(t, w.state+"/stop")
	holding, ended := make(chan error, 1), make(chan error, 1)
	go func() { _, err := started.Read(make([]byte, 1)); holding <- err }()
	go func() {
		ended <- w.terraform(f, []string{"init", "-no-color"}, []string{"apply", "-no-color", "-auto-approve"})
	}()
	select {
	case err := <-holding:
		if err != nil {
			t.Fatal(err)
		}
	case err := <-ended:
		t.Fatalf("the apply ended early: %v", err)
	}
	a := w.plan()
	if _, err := stop.WriteString("go\n"); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if !a.Result.Passing || !strings.HasPrefix(a.Result.Reason, "The state lock is held by ") {
		t.Errorf("got %+v, want a passing failure\n%s", a.Result, a.Log)
	}
}

// fifo makes a named pipe and opens it so that neither end waits for the other.
func fifo(t testing.TB, name string) *os.File {
	t.Helper()
	if err := syscall.Mkfifo(name, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// BenchmarkPlan puts one plan beside the bare commands that any structured report needs.
func BenchmarkPlan(b *testing.B) {
	w := newWorld(b, map[string]string{"app/backend.tf": backend, "app/main.tf": two})
	w.mustPlan()
	b.Run("engine", func(b *testing.B) {
		defer reportCPU(b)()
		for range b.N {
			w.mustPlan()
		}
	})
	b.Run("bare", func(b *testing.B) {
		defer reportCPU(b)()
		for range b.N {
			f := w.workspace()
			if err := w.terraform(f, []string{"init"}, []string{"plan", "-out", f.Out + "/plan"}, []string{"show", "-json", f.Out + "/plan"}); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// reportCPU reports the processor time of the processes that ended meanwhile:
// steadier than wall time on a shared machine.
func reportCPU(b *testing.B) func() {
	spent := func() int64 {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_CHILDREN, &u); err != nil {
			b.Fatal(err)
		}
		return u.Utime.Nano() + u.Stime.Nano()
	}
	before := spent()
	return func() { b.ReportMetric(float64(spent()-before)/1e6/float64(b.N), "cpu-ms/op") }
}

// TestPlanOldInit: before version 1.9 init prints text, of which an error is shown as it stands.
func TestPlanOldInit(t *testing.T) {
	t.Parallel()
	w := newWorld(t, map[string]string{"app/backend.tf": backend, "app/main.tf": "module \"m\" {\n  source = \"./nowhere\"\n}\n"})
	w.order.Tools.Dir = t.TempDir()
	record := wrapped(t, w, `if [ "$1" = version ]; then echo '{"terraform_version":"1.8.5"}'; exit; fi; echo "$*" >> RECORD`)
	a := w.plan()
	if a.Result.Reason != "terraform init: Unreadable module directory, and 1 more error." || len(a.Result.Diagnostics) != 2 ||
		!strings.Contains(a.Result.Diagnostics[1].Detail, "could not be read for") {
		t.Errorf("got %q %+v", a.Result.Reason, a.Result.Diagnostics)
	}
	if data, err := os.ReadFile(record); err != nil || strings.Contains(string(data), "-json") {
		t.Errorf("started %q (%v), want no -json", data, err)
	}
	if !strings.Contains(a.Log, "Initializing the backend...\n") || !strings.Contains(a.Log, "Error: Unreadable module directory\n") {
		t.Errorf("the log:\n%s", a.Log)
	}
}

// TestPlanLog: a plan's log reads as on a terminal, with the changes in Terraform's words and no message for machines.
func TestPlanLog(t *testing.T) {
	t.Parallel()
	w := newWorld(t, map[string]string{"app/backend.tf": backend, "app/main.tf": two})
	log := w.plan().Log
	for _, want := range []string{"\n$ terraform init\n", "Initializing the backend...\n", "\n$ terraform plan\n", "will perform the following actions:",
		"# terraform_data.a will be created", "Plan: 2 to add, 0 to change, 0 to destroy."} {
		if !strings.Contains(log, want) {
			t.Errorf("the log lacks %q:\n%s", want, log)
		}
	}
	if strings.Contains(log, "{\"") || strings.Contains(log, "Plan to create") || strings.Count(log, "Plan: ") != 1 {
		t.Errorf("the log:\n%s", log)
	}
}
