package tfconfig

import (
	"maps"
	"strings"
	"testing"

	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/survey"
)

// named is code of live/prod and what a change of a file means to it.
type namedCase struct {
	name, code string
	file       string // that changes; it is there before
	want       string // "names", "may", "link" or "" for not affected
	more       map[string]string
	watch      []string
}

// What lies below the root's module counts where code names it or a command may read it.
func TestBelowTheRoot(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, code, want string }{
		{"nothing", reader + `"x" }`, ""},
		{"a separator", reader + `join(".", ["a", "b"]) }`, ""},
		{"a file function", reader + `file("src/a.go") }`, "`src/a.go`, which its code names, changed"},
		{"a path in part", reader + `file("${path.module}/src/${terraform.workspace}.go") }`, "`src/a.go`, which its code names, changed"},
		{"a word", "data \"archive_file\" \"x\" {\n source_dir = \"src\"\n}\n", "`src/a.go`, which its code names, changed"},
		{"the directory", "resource \"docker_image\" \"x\" {\n build {\n  context = \".\"\n }\n}\n", "`src/a.go`, which its code names, changed"},
		{"a command", "data \"external\" \"x\" {\n program = [\"make\"]\n}\n", "it may read `src/a.go`, which changed: a command in `main.tf`"},
		{"a command beside OpenTofu's files", "data \"external\" \"x\" {\n program = [\"make\"]\n}\n", "it may read `src/a.go`, which changed: a command in `main.tf`"},
		{"a command behind a comment", "data \"external\" \"x\" {\n program /* all */ = [\"make\"]\n}\n", "it may read `src/a.go`, which changed: a command in `main.tf`"},
		{"a command, in JSON in lines", "{\"data\": {\"external\": {\"x\": {\"program\"\n: [\"make\"]}}}}", "it may read `src/a.go`, which changed: a command in `main.tf.json`"},
		{"a path that is not known", "variable \"f\" {}\n" + reader + `file(var.f) }`, "it may read `src/a.go`, which changed: computed paths in `main.tf`"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			file := "main.tf"
			if strings.HasPrefix(tt.code, "{") {
				file += ".json"
			}
			files := map[string]string{file: tt.code, "backend.tf": s3, "src/a.go": "a"}
			if strings.HasSuffix(tt.name, "beside OpenTofu's files") {
				files["x.tofu"] = ""
			}
			found := discover(t, New(""), withIDs(mapFS(files)))
			projects := []workflow.Project{{Name: ".", Dir: "."}}
			in := survey.AffectedInput{Changes: []workflow.FileChange{{Path: "src/a.go", Status: "modified"}}, BaseFound: found, HeadFound: found}
			in.Resolution.Kinds, in.Resolution.Projects, in.Resolution.BaseProjects = workflow.Kinds{Kind()}, projects, projects
			got := ""
			affected, _ := survey.AffectedBy(in)
			for _, a := range affected {
				got += strings.Join(a.Reasons, "; ")
			}
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

const reader = `resource "terraform_data" "x" { input = `

// What code names, however it says so, is an input, and its change affects the
// project; where the code does not say what it reads, files that belong to nobody do.
func TestNamedPaths(t *testing.T) {
	t.Parallel()
	for _, tt := range []namedCase{
		{name: "a file", code: reader + `file("../../shared/a.json") }`, file: "shared/a.json", want: "names"},
		{name: "a file of the same start", code: reader + `file("../../shared/a.json") }`, file: "shared/a.json5"},
		{name: "fileexists", code: reader + `fileexists("${path.module}/../../flags/on") }`, file: "flags/on", want: "names"},
		{name: "fileset, a directory", code: reader + `fileset("${path.module}/../../teams", "*.json") }`, file: "teams/b.json", want: "names"},
		{name: "fileset, another kind of file", code: reader + `fileset("${path.module}/../../teams", "*.json") }`, file: "teams/README.md"},
		{name: "fileset, any depth", code: reader + `fileset("../../teams", "**/*.{yaml,yml}") }`, file: "teams/a/b.yml", want: "names"},
		{name: "fileset, a pattern that begins with directories", code: reader + `fileset("../..", "teams/*.json") }`, file: "teams/a.json", want: "names"},
		{name: "fileset, beside such a pattern", code: reader + `fileset("../..", "teams/*.json") }`, file: "docs/a.json"},
		{name: "fileset, a pattern that begins computed", code: reader + `fileset("../../d", "${terraform.workspace}/*.json") }`, file: "d/default/a.json", want: "names"},
		{name: "fileset, a pattern that ends computed", code: reader + `fileset("../../d", "*/${terraform.workspace}.json") }`, file: "d/a/default.json", want: "names"},
		{name: "fileset, a computed pattern with a set", code: reader + `fileset("../../d", "${terraform.workspace}/{a,b}.json") }`, file: "d/default/a.json", want: "names"},
		{name: "fileset, a computed pattern, another kind of file", code: reader + `fileset("../../d", "${terraform.workspace}/*.json") }`, file: "d/default/README.md"},
		{name: "up again after what is computed", code: reader + `file("../../a/${terraform.workspace}/../../b/x.json") }`, file: "b/x.json", want: "may"},
		{name: "up again, and not out of a directory", code: reader + `file("../../d/a/${terraform.workspace}/../b/x.json") }`, file: "d/a/b/x.json", want: "names"},
		{name: "up again and down", code: reader + `file("../../d/a/${terraform.workspace}/../../b/x.json") }`, file: "d/b/x.json", want: "may"},
		{name: "up again between what is computed", code: reader + `file("../../d/a/${terraform.workspace}/../b/${var.x}.json") }`, file: "d/b/x.json", want: "names"},
		{name: "up again in a pattern", code: reader + `fileset("../../d/a", "*/../b/*") }`, file: "d/b/x.json", want: "names"},
		{name: "fileset of all", code: reader + `fileset("../..", "**") }`, file: "docs/a.json", want: "may"},
		{name: "a computed end", code: `variable "env" {}` + "\n" + reader + `file("../../config/${var.env}.yaml") }`, file: "config/prod.yaml", want: "names"},
		{name: "a computed end, another kind of file", code: `variable "env" {}` + "\n" + reader + `file("../../config/${var.env}.yaml") }`, file: "config/prod.txt"},
		{name: "a computed end amid a name", code: `variable "env" {}` + "\n" + reader + `file("${path.module}/../../config-${var.env}/x.yaml") }`, file: "config-prod/x.yaml", want: "names"},
		{name: "a computed end beside others", code: `variable "env" {}` + "\n" + reader + `file("../${var.env}.json") }`, file: "live/dev.json", want: "names",
			more: map[string]string{"live/dev/main.tf": ""}},
		{name: "another project's code beside it", code: `variable "env" {}` + "\n" + reader + `file("../${var.env}.json") }`, file: "live/dev/main.tf",
			more: map[string]string{"live/dev/main.tf": ""}},
		{name: "another project's directory, named", code: reader + `fileset("../dev", "**") }`, file: "live/dev/main.tf", want: "names",
			more: map[string]string{"live/dev/main.tf": ""}},
		{name: "a constant local", code: "locals {\n shared = \"${path.module}/../../shared\"\n}\n" + reader + `file("${local.shared}/net.json") }`, file: "shared/net.json", want: "names"},
		{name: "a local, what is beside it", code: "locals {\n root = \"${path.module}/../..\"\n}\n" + reader + `file("${local.root}/shared/net.json") }`, file: "docs/x.md"},
		{name: "locals through locals", code: "locals {\n up = \"../..\"\n root = \"${path.root}/${local.up}\"\n data = join(\"/\", [local.root, \"data\"])\n}\n" + reader + `yamldecode(file("${local.data}/x.yaml")) }`, file: "data/x.yaml", want: "names"},
		{name: "a local object", code: "locals {\n dirs = { data = \"../../data\", docs = \"../../docs\" }\n}\n" + reader + `file("${local.dirs.data}/x.yaml") }`, file: "data/x.yaml", want: "names"},
		{name: "a local object, another key", code: "locals {\n dirs = { data = \"../../data\", docs = \"../../docs\" }\n}\n" + reader + `file("${local.dirs["data"]}/x.yaml") }`, file: "docs/x.yaml"},
		{name: "a local object, any key", code: "variable \"k\" {}\nlocals {\n dirs = { data = \"../../data\", docs = \"../../docs\" }\n}\n" + reader + `file("${local.dirs[var.k]}/x.yaml") }`, file: "docs/x.yaml", want: "names"},
		{name: "for_each over a local", code: "locals {\n files = [\"../../data/a\", \"../../data/b\"]\n}\nresource \"terraform_data\" \"x\" {\n for_each = toset(local.files)\n input = filesha1(each.key)\n}\n", file: "data/b", want: "names"},
		{name: "a condition", code: "variable \"on\" {}\n" + reader + `file(var.on ? "../../on.json" : "../../off.json") }`, file: "off.json", want: "names"},
		{name: "a condition within", code: "variable \"on\" {}\n" + reader + `file("${var.on ? "../../a" : "../../b"}/x") }`, file: "b/x", want: "names"},
		{name: "try", code: reader + `try(file("../../a.json"), file("../../b.json"), "") }`, file: "b.json", want: "names"},
		{name: "coalesce", code: "variable \"f\" {}\n" + reader + `file(coalesce(var.f, "../../b.json")) }`, file: "b.json", want: "names"},
		{name: "abspath", code: reader + `file(abspath("${path.module}/../../shared/x.json")) }`, file: "shared/x.json", want: "names"},
		{name: "abspath of a plain path", code: reader + `file(abspath("../../shared/x.json")) }`, file: "shared/x.json", want: "names"},
		{name: "join", code: reader + `file(join("/", [path.module, "..", "..", "shared", "x.json"])) }`, file: "shared/x.json", want: "names"},
		{name: "join, beside it", code: reader + `file(join("/", [path.module, "..", "..", "shared", "x.json"])) }`, file: "live/x.json"},
		{name: "join with a computed end", code: `variable "env" {}` + "\n" + reader + `file(join("/", [path.module, "../../shared", var.env])) }`, file: "shared/x.json", want: "names"},
		{name: "format", code: reader + `file(format("%s/../../shared/%s.json", path.module, "x")) }`, file: "shared/x.json", want: "names"},
		{name: "dirname", code: reader + `file("${dirname(dirname(abspath(path.module)))}/shared/x.json") }`, file: "shared/x.json", want: "names"},
		{name: "pathexpand", code: reader + `file(pathexpand("../../shared/x.json")) }`, file: "shared/x.json", want: "names"},
		{name: "dirname of the way up", code: reader + `file("${dirname("../../shared/..")}/x.json") }`, file: "shared/x.json", want: "names"},
		{name: "dirname of a module's way up", code: "module \"m\" { source = \"../../modules/m\" }", file: "modules/m2/x.json", want: "names",
			more: map[string]string{"modules/m/m.tf": reader + `file("${dirname("${path.module}/../m2/..")}/x.json") }`}},
		{name: "trimspace", code: reader + `file(trimspace("\t../../shared/x.json \n")) }`, file: "shared/x.json", want: "names"},
		{name: "an object of which one element is not known", code: "variable \"k\" {}\nvariable \"o\" {}\nlocals {\n m = { a = { p = \"./x\" }, b = var.o }\n}\n" + reader + `file(local.m[var.k].p) }`, file: "docs/x.json", want: "may"},
		{name: "an attribute of which the state says what it is", code: "resource \"terraform_data\" \"f\" {\n input = \"./x\"\n lifecycle {\n ignore_changes = [input]\n }\n}\n" + reader + `file(terraform_data.f.input) }`, file: "docs/x.json", want: "may"},
		{name: "JSON, an attribute of which the state says what it is", code: reader + `file(terraform_data.f.input) }`, file: "docs/x.json", want: "may",
			more: map[string]string{"live/prod/x.tf.json": `{"resource": {"terraform_data": {"f": {"input": "./x", "lifecycle": {"ignore_changes": ["input"]}}}}}`}},
		{name: "templatestring", code: "locals {\n t = \"$${file(\\\"m/../../../shared/x.json\\\")}\"\n}\n" + reader + `templatestring(local.t, {}) }`, file: "shared/x.json", want: "names"},
		{name: "templatestring of a file", code: "locals {\n t = file(\"../../t/a.tftpl\")\n}\n" + reader + `templatestring(local.t, {}) }`, file: "parts/b", want: "names", more: map[string]string{"t/a.tftpl": `${file("../../parts/b")}`}},
		{name: "templatestring that reads nothing", code: "locals {\n t = \"$${x} file\"\n}\n" + reader + `templatestring(local.t, {}) }`, file: "docs/x.json"},
		{name: "a scheme before it", code: reader + `"file://../../shared/x.json" }`, file: "shared/x.json", want: "names"},
		{name: "a scheme before path.module", code: reader + `"file://${path.module}/../../shared/x.json" }`, file: "shared/x.json", want: "names"},
		{name: "an @ before it", code: "variable \"e\" {}\n" + reader + `"-d @../../shared/${var.e}.json" }`, file: "shared/x.json", want: "names"},
		{name: "replace", code: reader + `file(replace("../../shared/x.yaml", ".yaml", ".json")) }`, file: "shared/x.json", want: "names"},
		{name: "core::", code: reader + `core::file("../../shared/x.json") }`, file: "shared/x.json", want: "names"},
		{name: "an attribute, a directory", code: "data \"archive_file\" \"f\" {\n type = \"zip\"\n source_dir = \"${path.module}/../../lambda/report\"\n output_path = \"x.zip\"\n}\n" + reader + `filebase64sha256(data.archive_file.f.output_path) }`, file: "lambda/report/main.py", want: "names"},
		{name: "an attribute, and what another one makes", code: "data \"archive_file\" \"f\" {\n source_dir = \"${path.module}/../../lambda/report\"\n output_path = \"${path.module}/x.zip\"\n}\n" + reader + `filebase64sha256(data.archive_file.f.output_path) }`, file: "docs/x.md"},
		{name: "an attribute, a file", code: "resource \"aws_s3_object\" \"o\" {\n source = \"../../lambda/static/index.html\"\n}\n", file: "lambda/static/index.html", want: "names"},
		{name: "an attribute, a plain path below, of another module", code: "resource \"aws_s3_object\" \"o\" {\n source = \"site/index.html\"\n}\n", file: "live/prod/site/index.html", want: "names",
			more: map[string]string{"live/prod/site/main.tf": ""}},
		{name: "a label is no path", code: reader + `"site" }`, file: "live/prod/site/index.html", more: map[string]string{"live/prod/site/main.tf": ""}},
		{name: "a module's input", code: "module \"m\" {\n source = \"../../modules/m\"\n dir = \"${path.module}/../../teams\"\n}\n", file: "teams/a.json", want: "names",
			more: map[string]string{"modules/m/m.tf": "variable \"dir\" {}\n" + reader + `fileset(var.dir, "*") }`}},
		{name: "a module's input, what is not given", code: "module \"m\" {\n source = \"../../modules/m\"\n dir = \"${path.module}/../../teams\"\n}\n", file: "docs/x.md",
			more: map[string]string{"modules/m/m.tf": "variable \"dir\" {}\n" + reader + `fileset(var.dir, "*") }`}},
		{name: "a module's input that nobody knows", code: "variable \"d\" {}\nmodule \"m\" {\n source = \"../../modules/m\"\n dir = var.d\n}\n", file: "docs/x.md", want: "may",
			more: map[string]string{"modules/m/m.tf": "variable \"dir\" {}\n" + reader + `fileset("${var.dir}/x", "*") }`}},
		{name: "a module's input, through another one", code: "module \"m\" {\n source = \"../../modules/m\"\n d = terraform.workspace\n}\n", file: "docs/x.md", want: "may",
			more: map[string]string{"modules/m/m.tf": "variable \"d\" {}\nmodule \"n\" {\n source = \"../n\"\n dir = var.d\n}\n",
				"modules/n/n.tf": "variable \"dir\" {}\n" + reader + `file(var.dir) }`}},
		{name: "a module's own path", code: "module \"m\" { source = \"../../modules/m\" }", file: "data/x.json", want: "names",
			more: map[string]string{"modules/m/m.tf": reader + `file("${path.module}/../../data/x.json") }`}},
		{name: "a module's path from the project", code: "module \"m\" { source = \"../../modules/m\" }", file: "live/common.json", want: "names",
			more: map[string]string{"modules/m/m.tf": reader + `file("${path.root}/../common.json") }`}},
		{name: "JSON, a function", more: map[string]string{"live/prod/x.tf.json": `{"locals": {"d": "${path.module}/../../data"}, "output": {"x": {"value": "${fileset(local.d, \"*\")}"}}}`}, file: "data/x", want: "names"},
		{name: "JSON, an attribute", more: map[string]string{"live/prod/x.tf.json": `{"data": {"archive_file": {"f": {"source_dir": "../../lambda"}}}}`}, file: "lambda/x.py", want: "names"},
		{name: "JSON, a key", more: map[string]string{"live/prod/x.tf.json": `{"output": {"x": {"value": {"${file(\"../../data/x\")}": 1}}}}`}, file: "data/x", want: "names"},
		{name: "JSON, a block that stands twice", more: map[string]string{"live/prod/x.tf.json": `{"output": {"x": {"value": "${file(\"../../data/x\")}"}}, "output": {"y": {"value": 1}}}`}, file: "data/x", want: "names"},
		{name: "JSON, a label that stands twice", more: map[string]string{"live/prod/x.tf.json": `{"resource": {"terraform_data": {"a": {"input": "${file(\"../../data/x\")}"}}, "terraform_data": {"b": {}}}}`}, file: "data/x", want: "names"},
		{name: "a command", code: "resource \"terraform_data\" \"x\" {\n provisioner \"local-exec\" {\n  command = \"FLAG=${terraform.workspace} bash ${path.module}/../../scripts/run.sh && true\"\n }\n}\n", file: "scripts/run.sh", want: "names"},
		{name: "a heredoc", code: "resource \"terraform_data\" \"x\" {\n input = <<-EOT\n  cat ../../data/x\n EOT\n}\n", file: "data/x", want: "names"},
		{name: "an input", code: `variable "dir" {}` + "\n" + reader + `file("${var.dir}/x.json") }`, file: "docs/x.json", want: "may"},
		{name: "an input, watched", code: `variable "dir" {}` + "\n" + reader + `file("${var.dir}/x.json") }`, file: "docs/x.json", watch: []string{"../../data/*"}},
		{name: "an input, another project's file", code: `variable "dir" {}` + "\n" + reader + `file("${var.dir}/x.json") }`, file: "live/dev/x.json", more: map[string]string{"live/dev/main.tf": ""}},
		{name: "a default", code: "variable \"dir\" { default = \"../../data\" }\n" + reader + `file("${var.dir}/x.json") }`, file: "data/x.json", want: "names"},
		{name: "below the root, computed", code: `variable "team" {}` + "\n" + reader + `file("${path.module}/../../${var.team}/x.json") }`, file: "docs/x.json", want: "may"},
		{name: "a name of the root, computed", code: `variable "team" {}` + "\n" + reader + `file("${path.module}/../../data-${var.team}.json") }`, file: "data-a.json", want: "names"},
		{name: "what a template reads", code: reader + `templatefile("../../t/a.tftpl", {}) }`, file: "parts/b", want: "names", more: map[string]string{"t/a.tftpl": `${file("../../parts/b")}`}},
		{name: "what a template reads, laid out otherwise", code: reader + `templatefile("../../t/a.tftpl", {}) }`, file: "parts/b", want: "names", more: map[string]string{"t/a.tftpl": "${file\t /* all */ (\"../../parts/b\")}"}},
		{name: "what a template reads that is computed in part", code: reader + `templatefile("../../t/${terraform.workspace}.tftpl", {}) }`, file: "parts/b", want: "names", more: map[string]string{"t/default.tftpl": `${file("../../parts/${x}")}`}},
		{name: "what a template reads, computed", code: reader + `templatefile("../../t/a.tftpl", {}) }`, file: "parts/b", want: "may", more: map[string]string{"t/a.tftpl": `${file(x)}`}},
		{name: "what a template only says", code: reader + `templatefile("../../t/a.tftpl", {}) }`, file: "parts/b", more: map[string]string{"t/a.tftpl": "cat ../../parts/b; file(x)"}},
		{name: "a value of a variable", code: "variable \"d\" {}\ndata \"archive_file\" \"f\" {\n source_dir = var.d\n}\n", file: "lambda/a.py", want: "names", more: map[string]string{"live/prod/terraform.tfvars": `d = "../../lambda"`}},
		{name: "a value of a variable, in an environment's file", code: "variable \"d\" {}\ndata \"archive_file\" \"f\" {\n source_dir = var.d\n}\n", file: "lambda/a.py", want: "names", more: map[string]string{"live/prod/prod.tfvars": `d = "../../lambda"`}},
		{name: "a value of a variable, in JSON", code: "variable \"d\" {}\ndata \"archive_file\" \"f\" {\n source_dir = var.d\n}\n", file: "lambda/a.py", want: "names", more: map[string]string{"live/prod/x.auto.tfvars.json": `{"d": "../../lambda"}`}},
		{name: "a module source that is computed", code: "locals {\n m = \"../../modules/m\"\n}\nmodule \"m\" { source = local.m }", file: "modules/m/x.txt", want: "leads"},
		{name: "a module source of which nothing is known", code: "variable \"m\" {}\nmodule \"m\" { source = var.m }", file: "modules/m/x.tf", want: "source"},
		{name: "a module source of which nothing is known, beside OpenTofu's files", code: "variable \"m\" {}\nmodule \"m\" { source = var.m }", file: "modules/m/x.tf", want: "source", more: map[string]string{"live/prod/x.tofu": ""}},
		{name: "path.cwd as a name", code: reader + `basename(path.cwd) }`, file: "docs/x.json"},
		{name: "a function that is not known", code: reader + `file(provider::a::b("x")) }`, file: "docs/x.json", want: "may"},
		{name: "an absolute path", code: reader + `file("/etc/hosts") }`, file: "etc/hosts"},
		{name: "a web address", code: reader + `"https://example.com/../a" }`, file: "a"},
		{name: "a local that needs itself", code: "locals {\n a = \"${local.b}/x\"\n b = local.a\n}\n" + reader + `file(local.a) }`, file: "docs/x.json", want: "may"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.check(t)
		})
	}
}

func (tt namedCase) check(t *testing.T) {
	files := map[string]string{"live/prod/main.tf": tt.code, "live/prod/backend.tf": s3, tt.file: "before"}
	maps.Copy(files, tt.more)
	changed := maps.Clone(files)
	changed[tt.file] += "after"
	e, p := New(""), workflow.Project{Name: "live/prod", Dir: "live/prod", Engine: Terraform, Watch: tt.watch}
	in := survey.AffectedInput{Changes: []workflow.FileChange{{Path: tt.file, Status: "modified"}}}
	in.Resolution.Kinds, in.Resolution.Projects, in.Resolution.BaseProjects = workflow.Kinds{Kind()}, []workflow.Project{p}, []workflow.Project{p}
	base, head := withIDs(mapFS(files)), withIDs(mapFS(changed))
	in.BaseFound, in.HeadFound = discover(t, e, base), discover(t, e, head)
	got, reason := "", ""
	if a, _ := survey.AffectedBy(in); len(a) > 0 {
		reason = strings.Join(a[0].Reasons, "; ")
		got = "another reason"
		if strings.Contains(reason, "which its code names") {
			got = "names"
		}
		if strings.HasPrefix(reason, "it may read ") {
			for _, code := range []string{"live/prod/main.tf`", "modules/", "t/a.tftpl`"} {
				if strings.Contains(reason, ": computed paths in `"+code) {
					got = "may"
				}
			}
		}
		if strings.Contains(reason, "to which a computed source may lead") {
			got = "leads"
		}
		if strings.HasPrefix(reason, "it may call ") && strings.HasSuffix(reason, ": a computed source in `live/prod/main.tf`") {
			got = "source"
		}
	}
	if got != tt.want {
		t.Errorf("got %q (%s), want %q", got, reason, tt.want)
	}
	before, after := inputs(t, base, p), inputs(t, head, p)
	if same := before.Digest == after.Digest; same != (tt.want == "") {
		t.Errorf("the inputs are the same: %v", same)
	}
	if tt.want == "may" && len(after.ComputedPaths) == 0 {
		t.Error("no computed paths")
	}
}
