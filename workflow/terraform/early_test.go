package terraform

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cardea-iac/cardea/workflow"
	evaluation "github.com/cardea-iac/cardea/workflow/terraform/early"
	"github.com/cardea-iac/cardea/workflow/terraform/syntax"
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

// TestEarlyFunctions: what is worked out of functions is what the real OpenTofu makes of them.
func TestEarlyFunctions(t *testing.T) {
	t.Parallel()
	const code = "variable \"env\" {\n  default = \"eu-prod\"\n}\nvariable \"n\" {\n  type    = number\n  default = \"01\"\n}\n" +
		"variable \"o\" {\n  default = { prod = { m = \"p\" }, dev = { m = \"d\" } }\n}\nvariable \"l\" {\n  default = [\"a\", \"b\"]\n}\n" +
		"variable \"typed\" {\n  type    = object({ a = string, d = optional(string, \"d\"), n = optional(map(number)) })\n  default = { a = 1, b = \"y\" }\n}\n" +
		"variable \"numbers\" {\n  type    = list(number)\n  default = [\"01\", \"1e3\"]\n}\nvariable \"texts\" {\n  type    = map(string)\n  default = { a = 1, b = true }\n}\n" +
		"variable \"many\" {\n  type    = map(object({ m = string, z = optional(list(string), [\"zz\"]) }))\n  default = { p = { m = \"p\", x = \"gone\" } }\n}\n" +
		"variable \"pair\" {\n  type    = tuple([string, number])\n  default = [1, \"02\"]\n}\n"
	expressions := []string{
		`var.env`, `"v${var.n}"`, `var.o["dev"].m`, `upper(var.env)`, `lower("ÄB")`, `title("a-b c")`, `trimspace(" x ")`, `trim("xxaxx", "x")`,
		`trimprefix(var.env, "eu-")`, `trimsuffix(var.env, "-prod")`, `substr(var.env, 3, -1)`, `substr(var.env, -4, 2)`, `replace(var.env, "-", "/")`,
		`format("../%s-%d%%", var.env, 2)`, `format("%v", true)`, `format("%s", var.n)`, `join("/", ["..", var.env])`, `join("-", var.l)`,
		`lookup(var.o, "dev").m`, `lookup({ a = "x" }, "b", "y")`, `try(var.env, "x")`, `try(var.o["prod"].m, "x")`, `coalesce("", var.env)`, `coalesce("", "a", "b")`,
		`merge(var.o, { dev = { m = "e" } }).dev.m`, `merge({ dev = { m = "e" } }, var.o).dev.m`, `merge({ a = "x" }, { a = "y" }, { b = "z" }).a`,
		`lookup(merge({ a = "x" }, { b = "y" }), "c", "z")`, `split("-", var.env)[1]`, `split("", "ab")[1]`, `split("/", "")[0]`, `split(".", "a/b")[0]`,
		`join("+", split("-", var.env))`, `element(split("-", var.env), 3)`, `element(var.l, 2)`, `startswith(var.env, "eu") ? "a" : "b"`,
		`endswith(var.env, "eu") ? "a" : "b"`, `basename("../a/b")`, `dirname("../a/b")`, `tostring(1)`, `"${1 / 4}"`, `"${7 % 4}"`, `"${var.n == 1 && !false}"`,
		`var.typed.a`, `"${var.typed.a == "1"}"`, `merge({ b = "z", d = "e" }, var.typed).b`, `merge({ b = "z", d = "e" }, var.typed).d`, `lookup(var.typed, "b", "t")`, `lookup(var.typed, "d", "t")`,
		`var.numbers[0]`, `join("-", var.numbers)`, `element(var.numbers, 1)`, `"${var.texts.a == 1}"`, `lookup(var.texts, "b", "x")`, `var.many.p.z[0]`, `lookup(var.many.p, "x", "t")`,
		`var.pair[0]`, `var.pair[1]`, `"${(true ? 1 : "n") == 1}"`, `"${(true ? 1 : 2) == 1}"`, `format("%d", "01")`, `format("%v", 123456789012345678901234567890)`,
	}
	dir, input := t.TempDir(), ""
	if err := os.WriteFile(filepath.Join(dir, "main.tf"), []byte(code), 0o644); err != nil {
		t.Fatal(err)
	}
	c := &evaluation.Code{}
	for _, b := range syntax.Blocks("main.tf", []byte(code)) {
		c.Add(b)
	}
	for _, e := range expressions {
		input += "jsonencode(" + e + ")\n"
	}
	cmd := exec.CommandContext(t.Context(), terraformtest.Tofu(t), "console", "-no-color")
	cmd.Dir, cmd.Stdin, cmd.Env = dir, strings.NewReader(input), []string{"HOME=" + dir, "PATH=" + os.Getenv("PATH")}
	out, err := cmd.Output()
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if err != nil || len(lines) != len(expressions) {
		t.Fatalf("got %d lines, %v:\n%s", len(lines), err, out)
	}
	for i, e := range expressions {
		var printed, want string
		if err := json.Unmarshal([]byte(lines[i]), &printed); err != nil { // the console quotes the text
			t.Errorf("%s: %v in %s", e, err, lines[i])
		}
		if json.Unmarshal([]byte(printed), &want) != nil { // a number or a bool
			want = printed
		}
		got, ok := evaluation.Root(c, nil, workflow.DefaultVariant).Text(syntax.Values("x.tfvars", []byte("x = "+e))["x"])
		if !ok || got != want {
			t.Errorf("%s: got %q, %v, OpenTofu says %q", e, got, ok, want)
		}
	}
}
