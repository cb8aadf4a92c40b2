package terraform

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/terraform/terraformtest"
	"github.com/cardea-iac/cardea/workflow/terraform/tfconfig"
)

// TestEarlyEvaluation: the real OpenTofu gets the project's var files wherever it evaluates early, and what it
// makes of sources and backends is what was read.
func TestEarlyEvaluation(t *testing.T) {
	t.Parallel()
	tofu := terraformtest.Tofu(t)
	const main = "terraform {\n  backend \"local\" {\n    path = \"STATE/${var.env}.tfstate\"\n    workspace_dir = \"STATE/${local.dir}.d\"\n  }\n}\n" +
		"variable \"env\" {\n  type = string\n}\nlocals {\n  dir = \"x-${var.env}\"\n}\nmodule \"m\" {\n  source = \"../mods/${var.env}\"\n  inner = \"in\"\n}\n"
	files := map[string]string{"app/main.tofu": main, "app/prod.tfvars": "env = \"prod\"\nother = { a = 1 }\n", "app/it's a \"b\\c.tfvars": "env = \"dev\"\n",
		"mods/prod/m.tf":    "variable \"inner\" {}\nmodule \"inner\" {\n  source = \"./${var.inner}\"\n}\n",
		"mods/prod/in/m.tf": "resource \"terraform_data\" \"prod\" {}\n", "mods/dev/m.tf": "variable \"inner\" {}\nresource \"terraform_data\" \"dev\" {}\n"}
	const wayOut = "Set the variables it uses in one of the project's var files"
	for _, tt := range []struct {
		name    string
		files   map[string]string
		project workflow.Project
		varFile string
		env     string
		want    string // the first address of the plan, or a part of the sentence
	}{
		{name: "a var file", varFile: "prod.tfvars", want: "module.m.module.inner.terraform_data.prod"},
		{name: "a var file with a name of its own", varFile: "it's a \"b\\c.tfvars", want: "module.m.terraform_data.dev"},
		{name: "another Terraform workspace", varFile: "prod.tfvars", project: workflow.Project{Variant: "blue"}, want: "module.m.module.inner.terraform_data.prod"},
		{name: "a file that is read by itself", files: map[string]string{"app/x.auto.tfvars.json": `{"env": "dev"}`}, want: "module.m.terraform_data.dev"},
		{name: "the environment alone", env: "TF_VAR_env=prod", want: "module.m.module.inner.terraform_data.prod"},
		{name: "the environment against a var file", varFile: "prod.tfvars", env: "TF_VAR_env=dev", want: "module.m.module.inner.terraform_data.prod"},
		{name: "the environment against a default", files: map[string]string{"app/main.tofu": strings.Replace(strings.Replace(main, "type = string", "default = \"prod\"", 1), "${var.env}.tfstate", "x.tfstate", 1)},
			env: "TF_VAR_env=dev", want: "The source of module `m` of `app` is computed. From the code and the project's var files it is `mods/prod`, but in this run it is `mods/dev`. " + wayOut},
		{name: "the environment against a backend's default", files: map[string]string{"app/main.tofu": strings.Replace(strings.Replace(main, "type = string", "default = \"prod\"", 1), "../mods/${var.env}", "../mods/dev", 1)},
			env: "TF_VAR_env=dev", want: "The backend's `path`, which determines where the state is, differs from what the code"},
		{name: "encryption", varFile: "prod.tfvars", want: "module.m.module.inner.terraform_data.prod", files: map[string]string{"app/prod.tfvars": "env = \"prod\"\nphrase = \"a long passphrase of sixteen\"\n",
			"app/e.tofu": "variable \"phrase\" {\n  sensitive = true\n}\nterraform {\n  encryption {\n    key_provider \"pbkdf2\" \"k\" {\n      passphrase = var.phrase\n    }\n    method \"aes_gcm\" \"m\" {\n      keys = key_provider.pbkdf2.k\n    }\n    state {\n      method = method.aes_gcm.m\n    }\n  }\n}\n"}},
		{name: "nothing says", want: "tofu init: "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, map[string]string{})
			for _, of := range []map[string]string{files, tt.files} {
				for name, text := range of {
					w.files[name] = text
				}
			}
			w.order.Tools.Path = filepath.Dir(tofu) + string(os.PathListSeparator) + os.Getenv("PATH")
			s := tfconfig.Settings{Tool: "tofu"}
			if tt.varFile != "" {
				s.VarFiles = []string{tt.varFile}
			}
			w.order.Project.Settings, w.order.Project.Variant, w.order.Create = s.JSON(), tt.project.Variant, true
			if tt.env != "" {
				w.env = []string{tt.env}
			}
			a := w.plan()
			if a.Result.Plan == nil {
				if !strings.Contains(a.Result.Reason, tt.want) {
					t.Errorf("got %q %s, want %q\n%s", a.Result.Reason, a.Error, tt.want, a.Log)
				}
				return
			}
			if got := a.Result.Plan.Changes[0].Address; got != tt.want {
				t.Errorf("it plans %s, want %s", got, tt.want)
			}
		})
	}
}
