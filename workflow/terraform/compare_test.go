package terraform

import (
	"os"
	"strings"
	"testing"

	"github.com/hashicorp/go-version"

	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/terraform/tfconfig"
)

// TestCompare plans where the files say something else than was read of them:
// nothing is planned, and a sentence names the difference.
func TestCompare(t *testing.T) {
	t.Parallel()
	files := map[string]string{
		"app/main.tf": "module \"a\" { source = \"..\\\\m\" }\nmodule \"l\" { source = \"../link\" }\n", "app/test.tftest.hcl": "run \"x\" {\n module {\n  source = \"../t\"\n }\n}\n",
		"m/m.tf": "module \"sub\" { source = \".\\\\sub\" }\n", "m/sub/s.tf": two, "t/t.tf": "", "real/r.tf": "", "other/o.tf": "",
	}
	calls := func(x *tfconfig.Expected, dir string, calls ...tfconfig.ModuleCall) {
		for i := range x.Calls {
			if x.Calls[i].Dir == dir {
				x.Calls[i].Calls = calls
			}
		}
	}
	l := tfconfig.ModuleCall{Name: "l", Dir: "real"}
	for _, tt := range []struct {
		name, want string // "" = it is planned
		change     func(*tfconfig.Expected)
	}{
		{"as it was read", "", func(*tfconfig.Expected) {}},
		{"a computed source, which Terraform takes as it is written", "the source of module `a` of `app` is computed", func(x *tfconfig.Expected) {
			calls(x, "app", tfconfig.ModuleCall{Name: "a", Computed: true}, l)
			x.Calls = append(x.Calls[:1], x.Calls[2:]...) // what it calls was not looked at
		}},
		{"a call that was not read", "`app` calls a module `a`, which Cardea did not find", func(x *tfconfig.Expected) { calls(x, "app", l) }},
		{"a call in a module that was not read", "`m` calls a module `sub`, which Cardea did not find", func(x *tfconfig.Expected) { calls(x, "m") }},
		{"a call that is not there", "module `b` of `m/sub` is not installed", func(x *tfconfig.Expected) { calls(x, "m/sub", tfconfig.ModuleCall{Name: "b", Dir: "other"}) }},
		{"another directory", "module `a` of `app` is `m`, but Cardea read it as `other`", func(x *tfconfig.Expected) { calls(x, "app", tfconfig.ModuleCall{Name: "a", Dir: "other"}, l) }},
		{"read as fetched", "module `a` of `app` is `m`, but Cardea read it as one that is fetched", func(x *tfconfig.Expected) { calls(x, "app", tfconfig.ModuleCall{Name: "a"}, l) }},
		{"another project", "it runs in `app`, which Cardea did not read", func(x *tfconfig.Expected) { x.Calls[0].Dir = "other" }},
		{"nothing was read", "it runs in `app`, which Cardea did not read", func(x *tfconfig.Expected) { *x = tfconfig.Expected{} }},
		{"another backend", "its backend is `local`, but Cardea read it as `s3`", func(x *tfconfig.Expected) { x.Backend = "s3" }},
		{"no backend", "its backend is `local`, but Cardea read it as none", func(x *tfconfig.Expected) { x.Backend = "" }},
		{"another state", "the backend's `path`, which determines where the state is, differs", func(x *tfconfig.Expected) { x.State["path"] = tfconfig.Hash("path", "/x") }},
		{"a name of the state that was not read", "the backend's `workspace_dir`", func(x *tfconfig.Expected) { delete(x.State, "workspace_dir") }},
		{"a computed name of the state", "", func(x *tfconfig.Expected) { delete(x.State, "path"); x.Partial = true }},
		{"another tool", "Terraform is running, but Cardea read the files as OpenTofu would", func(x *tfconfig.Expected) { x.Tool = tfconfig.Tofu }},
		{"a provider that is not there", "the provider `acme/none` is required", func(x *tfconfig.Expected) { x.Providers = []string{"acme/none"} }},
		{"a test's module that was not read", "module `test.test.x` is installed, but Cardea found no call to it", func(x *tfconfig.Expected) { x.Calls = x.Calls[:len(x.Calls)-1] }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, map[string]string{"app/backend.tf": backend})
			for name, text := range files {
				w.files[name] = text
			}
			w.links = map[string]string{"link": "real"}
			w.order.Files = w.workspace()
			x, err := expected(w.order)
			if err != nil {
				t.Fatal(err)
			}
			tt.change(&x)
			w.order.Expected, w.order.Tools.Tool = &x, tfconfig.Terraform
			got := w.plan().Result
			if tt.want == "" && got.Outcome != workflow.OutcomeSucceeded || tt.want != "" && (got.Outcome != workflow.OutcomeFailed || got.Plan != nil) || !strings.Contains(got.Reason, tt.want) {
				t.Errorf("got %s %q, want %q", got.Outcome, got.Reason, tt.want)
			}
		})
	}
}

// TestCompareLinks: a module that init links to a directory of the machine ends the run.
func TestCompareLinks(t *testing.T) {
	t.Parallel()
	outside := t.TempDir()
	if err := os.WriteFile(outside+"/x.tf", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, map[string]string{"app/backend.tf": backend, "app/m.tf": "module \"m\" { source = \"" + outside + "\" }\n"})
	got := w.plan().Result
	if !strings.Contains(got.Reason, "module `m` is installed from `m`, outside of the repository") {
		t.Errorf("got %q", got.Reason)
	}
}

func TestSameTool(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		x             tfconfig.Expected
		name, version string
		same          bool
	}{
		{tfconfig.Expected{}, "terraform", "1.11.4", true},
		{tfconfig.Expected{Tool: "terraform", OfTofu: true}, "terraform", "1.5.7", true},
		{tfconfig.Expected{Tool: "terraform"}, "tofu", "1.9.0", false},
		{tfconfig.Expected{Tool: "tofu"}, "tofu", "1.6.0", true},
		{tfconfig.Expected{Tool: "tofu", OfTofu: true}, "tofu", "1.7.9", false},
		{tfconfig.Expected{Tool: "tofu", OfTofu: true}, "tofu", "1.8.0-rc1", true},
	} {
		p := planning{tool: tool{name: tt.name, version: version.Must(version.NewVersion(tt.version))}, expected: tt.x}
		if err := p.sameTool(); (err == nil) != tt.same {
			t.Errorf("%+v with %s %s: got %v, want same %v", tt.x, tt.name, tt.version, err, tt.same)
		}
	}
}

// TestReadAsTerraform plans files of odd shapes: what init makes of them is what was read.
func TestReadAsTerraform(t *testing.T) {
	t.Parallel()
	w := newWorld(t, map[string]string{
		"app/backend.tf":       "terraform {\n  backend \"http\" {\n    address = \"http://127.0.0.1:1/x\"\n  }\n}\n",
		"app/z_override.tf":    strings.Replace(backend, "terraform {", "terraform {\n  required_providers {\n    terraform = {\n      source = \"terraform.io/builtin/terraform\"\n    }\n  }", 1),
		"app/a.tf":             "module \"over\" { source = \"./no\" }\nmodule \"json\" { source = \"./no\" }\nmodule \"keeps\" { source = \"./keeps\" }\n",
		"app/override.tf.json": `{"//":"x","module":{"json":[{"//":"y","source":".\\json\\"}]}}`,
		"app/more_override.tf": "module \"over\" { source = \"../over/\" }\nmodule \"keeps\" {}\n",
		"app/b.tf":             "module \"doc\" {\n  source = <<-EOT\n    ./doc//sub\n  EOT\n}\nmodule \"cond\" { source = true ? \"./${\"cond\"}\" : \"./no\" }\n",
		"app/c.tf.json":        `{"module":[{"list":{"source":"./l\u0069st"}}],"terraform":{"required_version":">= 1.5"}}`,
		"app/.hidden.tf":       "module \"no\" { source = \"./no\" }",
		"app/#x.tf#":           "nonsense {",
		"app/x.tf~":            "nonsense {",
		"app/x.tofu":           "module \"no\" { source = \"/etc\" }\nterraform {\n  backend \"s3\" {}\n}\n",
		"app/upper.TF":         "nonsense {",
		"app/d.tf/x.txt":       "a directory",
		"app/bom.tf":           "\ufeffmodule \"bom\" { source = \"./\u00e9t\u00e9\" }\n",
		"app/json/m.tf":        "", "over/m.tf": "module \"up\" { source = \"..\\\\app\\\\keeps\" }\n", "app/keeps/m.tf": "", "app/doc/sub\n/m.tf": "", "app/cond/m.tf": "", "app/list/m.tf": "", "app/\u00e9t\u00e9/m.tf": "",
		"app/tests/a.tftest.hcl":   "run \"a\" {\n  module {\n    source = \"./testing/a\"\n  }\n}\n",
		"app/b.tftest.json":        `{"run":{"b":{"module":{"source":"./testing/b"}}}}`,
		"app/tests/x/c.tftest.hcl": "nonsense {", "app/testing/a/m.tf": "module \"b\" { source = \"../b\" }\n", "app/testing/b/m.tf": two,
		"app/keeps/tests/x.tftest.hcl": "run \"no\" {\n  module {\n    source = \"/etc\"\n  }\n}\n",
	})
	w.order.Project.Settings = tfconfig.Settings{Tool: tfconfig.Terraform}.JSON()
	if got := w.plan(); got.Result.Outcome != workflow.OutcomeSucceeded {
		t.Errorf("got %q\n%s", got.Result.Reason, got.Log)
	}
}
