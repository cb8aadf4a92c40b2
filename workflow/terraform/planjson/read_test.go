package planjson

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-iac/cardea/internal/golden"
	"github.com/cardea-iac/cardea/workflow"
)

// planText prints a plan as golden files show it: nothing of it is left out but
// hashes and times.
func planText(p *workflow.Plan) string {
	var b strings.Builder
	fmt.Fprintf(&b, "no changes: %v\ncounts: %+v\n", p.NoChanges, p.Counts)
	changes := func(title string, list []workflow.Change) {
		if len(list) > 0 {
			fmt.Fprintf(&b, "\n== %s\n", title)
		}
		for _, c := range list {
			fmt.Fprintf(&b, "%s %s", c.Action, c.Address)
			for _, f := range []struct{ name, value string }{{"from", c.PreviousAddress}, {"deposed", c.Deposed}, {"import", c.ImportID},
				{"mode", c.Mode}, {"type", c.Type}, {"provider", c.Provider}, {"through", c.ProviderConfig}, {"reason", c.Reason}} {
				if f.value != "" {
					fmt.Fprintf(&b, " %s=%q", f.name, f.value)
				}
			}
			fmt.Fprintf(&b, "%s%s unchanged=%d\n",
				planWord(c.CreateFirst, " create-first"), planWord(c.Imported, " imported"), c.Unchanged)
			for _, a := range c.Attributes {
				before, after := a.Before, a.After
				if a.Multiline {
					before, after = planLines(before), planLines(after)
				}
				fmt.Fprintf(&b, "  %s %s: %s -> %s%s%s%s%s%s\n", a.Mark, a.Path, before, after,
					planWord(a.Sensitive, " [sensitive]"), planWord(a.Unknown, " [unknown]"), planWord(a.Replaces, " [replaces]"),
					planWord(a.Multiline, " [lines]"), planWord(a.Note != "", " ["+a.Note+"]"))
			}
		}
	}
	changes("changes", p.Changes)
	changes("drift", p.Drift)
	for _, h := range p.Hidden {
		fmt.Fprintf(&b, "\nhidden %s (%s): %s", h.Kind, h.Address, h.Text)
	}
	if p.Late != "" {
		fmt.Fprintf(&b, "\nlate: %s", p.Late)
	}
	for _, c := range p.Checks {
		fmt.Fprintf(&b, "\ncheck: %s", c)
	}
	for _, n := range p.Notes {
		fmt.Fprintf(&b, "\nnote: %s", n)
	}
	return b.String() + "\n"
}

func planWord(on bool, s string) string {
	if on {
		return s
	}
	return ""
}

func planLines(s string) string {
	return "<<\n      " + strings.ReplaceAll(s, "\n", "\n      ") + ">>"
}

func goldenPlan(t *testing.T, name, got string) {
	t.Helper()
	golden.Check(t, filepath.Join("testdata", "plan", name), got)
}

func planInput(raw []byte) Input {
	return Input{Raw: raw, ExitChanges: true, RepoID: 7, Key: []byte("a repository's key"),
		Project: workflow.Project{Dir: "prod/network"}, States: workflow.States{"state"}, Tool: "terraform", ToolVersion: "1.11.4", Now: time.Unix(0, 0).UTC()}
}

func readPlan(t *testing.T, in Input) (*workflow.Plan, []string) {
	t.Helper()
	plan, secrets, err := Read(in)
	if err != nil {
		t.Fatal(err)
	}
	return plan, secrets
}

// terraformDir is a directory in which real terraform runs.
type terraformDir struct {
	t   *testing.T
	dir string
}

func newTerraformDir(t *testing.T) terraformDir {
	t.Helper()
	if _, err := exec.LookPath("terraform"); err != nil {
		t.Fatal("terraform is not on PATH; these tests read the plans of the real one: install it")
	}
	return terraformDir{t, t.TempDir()}
}

// run carries out one terraform command and returns what it printed and its exit code.
func (d terraformDir) run(args ...string) ([]byte, int) {
	d.t.Helper()
	cmd := exec.Command("terraform", args...)
	cmd.Dir = d.dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + d.dir, "TF_IN_AUTOMATION=1", "TF_INPUT=0",
		"CHECKPOINT_DISABLE=1", "TF_CLI_CONFIG_FILE=/dev/null", "TF_VAR_password=correct-horse"}
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	code := cmd.ProcessState.ExitCode()
	if err != nil && code != 2 {
		d.t.Fatalf("terraform %s: %v\n%s%s", strings.Join(args, " "), err, out, stderr.String())
	}
	return out, code
}

func (d terraformDir) use(dir string) {
	d.t.Helper()
	if err := os.CopyFS(d.dir, os.DirFS(dir)); err != nil && !os.IsExist(err) {
		d.t.Fatal(err)
	}
}

// write puts one file, in place of the one there.
func (d terraformDir) write(name, text string) {
	d.t.Helper()
	if err := os.WriteFile(filepath.Join(d.dir, name), []byte(text), 0o644); err != nil {
		d.t.Fatal(err)
	}
}

// plan plans and returns the input of Read.
func (d terraformDir) plan(options workflow.PlanOptions) Input {
	d.t.Helper()
	args := []string{"plan", "-no-color", "-detailed-exitcode", "-out=saved"}
	for _, a := range options.Targets {
		args = append(args, "-target="+a)
	}
	for _, a := range options.Replaces {
		args = append(args, "-replace="+a)
	}
	if options.Destroy {
		args = append(args, "-destroy")
	}
	if options.RefreshOnly {
		args = append(args, "-refresh-only")
	}
	_, code := d.run(args...)
	raw, _ := d.run("show", "-json", "saved")
	in := planInput(raw)
	in.ExitChanges, in.Options = code == 2, options
	return in
}

var uuidPattern = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)

// TestLifecycle plans every kind of change with the real terraform.
func TestLifecycle(t *testing.T) {
	d := newTerraformDir(t)
	d.use("testdata/plan/lifecycle/before")
	d.run("init", "-no-color")
	d.run("apply", "-no-color", "-auto-approve")
	after, err := os.ReadFile("testdata/plan/lifecycle/after/main.tf")
	if err != nil {
		t.Fatal(err)
	}
	d.write("main.tf", string(after))
	in := d.plan(workflow.PlanOptions{})
	plan, secrets := readPlan(t, in)
	ids := map[string]string{}
	text := uuidPattern.ReplaceAllStringFunc(planText(plan), func(id string) string {
		if ids[id] == "" {
			ids[id] = fmt.Sprintf("uuid-%d", len(ids)+1)
		}
		return ids[id]
	})
	goldenPlan(t, "lifecycle.golden", text)
	if strings.Contains(text, "correct-horse") {
		t.Error("the sensitive variable is in the plan")
	}
	want := []string{"correct-horse!", "correct-horse?", "correct-horse"}
	if diff := cmp.Diff(want, secrets); diff != "" {
		t.Errorf("secrets (-want +got):\n%s", diff)
	}
	again, _ := readPlan(t, d.plan(workflow.PlanOptions{}))
	if again.Fingerprint != plan.Fingerprint {
		t.Error("the same plan made twice has two fingerprints")
	}
	destroy, _ := readPlan(t, d.plan(workflow.PlanOptions{Destroy: true}))
	if destroy.Counts.Destroy == 0 || destroy.Counts.Add != 0 || destroy.Fingerprint == plan.Fingerprint {
		t.Errorf("a destroy plan counts %+v", destroy.Counts)
	}
}

// TestNoChanges asks the real terraform what it says when there is nothing to do.
func TestNoChanges(t *testing.T) {
	const two = "resource \"terraform_data\" \"a\" {}\nresource \"terraform_data\" \"b\" {}\n"
	d := newTerraformDir(t)
	d.write("main.tf", two)
	d.run("init", "-no-color")

	targeted, _ := readPlan(t, d.plan(workflow.PlanOptions{Targets: []string{"terraform_data.a"}}))
	if targeted.NoChanges || targeted.Counts.Add != 1 || len(targeted.Notes) != 1 {
		t.Errorf("limited to a target: no changes %v, %+v, notes %q", targeted.NoChanges, targeted.Counts, targeted.Notes)
	}
	d.run("apply", "-no-color", "-auto-approve")

	for _, c := range []struct {
		name    string
		main    string
		options workflow.PlanOptions
		exit    bool
		want    bool
		notes   int
	}{
		{name: "nothing", main: two, want: true},
		{name: "refresh only", main: two, options: workflow.PlanOptions{RefreshOnly: true}, want: true},
		{name: "nothing at a target proves nothing of the rest", main: two, options: workflow.PlanOptions{Targets: []string{"terraform_data.a"}}, notes: 1},
		{name: "an output", main: two + "output \"x\" {\n value = 1\n}\n", exit: true},
		{name: "only a move", main: strings.Replace(two, `"b"`, `"c"`, 1) + "moved {\n from = terraform_data.b\n to = terraform_data.c\n}\n", exit: true},
		{name: "only a replace by request", main: two, options: workflow.PlanOptions{Replaces: []string{"terraform_data.a"}}, exit: true},
		{name: "terraform exits 2 for a check's own data source alone", exit: true, want: true, notes: 1, main: two + `
check "c" {
  data "terraform_remote_state" "s" {
    backend = "local"
    config  = { path = "terraform.tfstate" }
  }
  assert {
    condition     = data.terraform_remote_state.s.outputs == {}
    error_message = "no"
  }
}
`},
	} {
		t.Run(c.name, func(t *testing.T) {
			d.write("main.tf", c.main)
			in := d.plan(c.options)
			plan, _ := readPlan(t, in)
			if in.ExitChanges != c.exit || plan.NoChanges != c.want || len(plan.Notes) != c.notes {
				t.Errorf("exit 2 is %v, want %v; no changes %v, want %v; notes %q",
					in.ExitChanges, c.exit, plan.NoChanges, c.want, plan.Notes)
			}
			in.ExitChanges = true
			in.Raw = []byte(strings.Replace(string(in.Raw), `"applyable":false`, `"applyable":true`, 1))
			if plan, _ := readPlan(t, in); plan.NoChanges && c.notes == 0 {
				t.Error("exit 2 and applyable contradict it, and it still has no changes")
			}
		})
	}
}

// TestRefused: what is not surely a whole plan is an error, never "no changes".
func TestRefused(t *testing.T) {
	for _, c := range []struct{ name, raw, want string }{
		{"empty", ``, "reading the plan's JSON: EOF"},
		{"null", `null`, "the plan's JSON is not an object"},
		{"a list", `[]`, "reading the plan's JSON: json: cannot unmarshal array into Go value of type map[string]interface {}"},
		{"cut short", `{"format_version":"1.2","resource_changes":[`, "reading the plan's JSON: unexpected EOF"},
		{"text after it", `{"format_version":"1.2"} {}`, "reading the plan's JSON: something follows it"},
		{"no version", `{"resource_changes":[]}`, "the plan's JSON has no format_version"},
		{"another major version", `{"format_version":"2.0"}`, `the plan's JSON has format_version "2.0"; only 1.x is understood`},
		{"errored", `{"format_version":"1.2","errored":true}`, "the plan is marked as errored"},
		{"errored is no boolean", `{"format_version":"1.2","errored":"no"}`, "errored of the plan's JSON is not true or false"},
		{"incomplete", `{"format_version":"1.2","complete":false}`, "Terraform says that the plan is not complete"},
		{"changes are no list", `{"format_version":"1.2","resource_changes":{}}`, "resource_changes of the plan's JSON is not a list"},
		{"no address", `{"format_version":"1.2","resource_changes":[{"change":{"actions":["create"]}}]}`, "entry 0 of the plan's resource_changes: it has no address"},
		{"no actions", `{"format_version":"1.2","resource_changes":[{"address":"a.b","change":{}}]}`, "entry 0 of the plan's resource_changes: it has no actions"},
		{"no change", `{"format_version":"1.2","resource_drift":[{"address":"a.b"}]}`, "entry 0 of the plan's resource_drift: it has no change"},
		{"an output without actions", `{"format_version":"1.2","output_changes":{"o":{}}}`, "output o of the plan: it has no actions"},
	} {
		t.Run(c.name, func(t *testing.T) {
			plan, secrets, err := Read(planInput([]byte(c.raw)))
			if plan != nil || secrets != nil || err == nil || err.Error() != c.want {
				t.Errorf("got error %v, want %q", err, c.want)
			}
		})
	}
}

// TestGolden reads hand-written plans of providers that tests cannot have.
func TestGolden(t *testing.T) {
	for _, name := range []string{"cloud", "newer"} {
		t.Run(name, func(t *testing.T) {
			raw, err := os.ReadFile(filepath.Join("testdata", "plan", name+".json"))
			if err != nil {
				t.Fatal(err)
			}
			in := planInput(raw)
			in.BaseProviders = []string{"registry.terraform.io/hashicorp/aws"}
			in.Hidden = []workflow.HiddenEffect{{Kind: "backend", Text: "the backend configuration changes"}}
			plan, secrets := readPlan(t, in)
			text := planText(plan)
			goldenPlan(t, name+".golden", text)
			for _, s := range secrets {
				if len(s) >= 8 && strings.Contains(text, s) {
					t.Errorf("the secret %q is in the plan", s)
				}
			}
		})
	}
}
