package survey

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	jsonEntries = "version: 1\nprojects:\n- {dir: app, tool: tofu, var_files: [\"{environment}.json\"], environments: {dev: {}, prod: {}}}\n"
	earlyCall   = "variable \"d\" {\n  default = \"blue\"\n}\nmodule \"x\" {\n  source = \"../mods/${var.d}\"\n}\n"
	anyCommand  = "data \"external\" \"x\" {\n  program = [\"sh\", \"-c\", \"cat *\"]\n}\n"
)

// attribute is a resource with one.
func attribute(text string) string {
	return "variable \"v\" {\n}\nresource \"x_y\" \"a\" {\n  for_each = toset([\"dev\", \"prod\"])\n  " + text + "\n}\n"
}

// main is a project's code.
func main(code string) map[string]string { return map[string]string{"app/m.tf": code} }

// inEnvs is the same with the files in a directory below.
func inEnvs(code string) map[string]string {
	return map[string]string{"app/m.tf": code, ".cardea.yml": strings.Replace(jsonEntries, "{env", "envs/{env", 1), "app/envs/dev.json": "{}", "app/envs/prod.json": "{}"}
}

// withDefault is a resource with an attribute, and a variable with a default.
func withDefault(text, attr string) string {
	return fmt.Sprintf("variable \"d\" {\n  default = %q\n}\n", text) + attribute(attr)
}

// mayReadDev are projects that may read dev.json although their entry names prod.json alone.
var mayReadDev = map[string]map[string]string{
	"a word":                    main(attribute(`source = "dev.json"`)),
	"a computed name":           main(attribute(`source = "${each.key}.json"`)),
	"computed amid":             main(attribute(`source = "d${substr(each.key, 1, 2)}.json"`)),
	"in capitals":               main(attribute(`source = lower("${each.key}.JSON")`)),
	"format":                    main(attribute(`source = format("%s.json", each.key)`)),
	"an end apart":              main(attribute(`source = format("%s.%s", each.key, "json")`)),
	"the workspace":             main(attribute(`source = "${terraform.workspace}.json"`)),
	"a scheme":                  main(attribute(`source = "file:dev.json"`)),
	"an @":                      main(attribute(`body = "@dev.json"`)),
	"amid words":                main(attribute(`read = "cat --from=dev.json"`)),
	"a heredoc":                 main(attribute("read = <<EOT\n  x: dev.json\nEOT")),
	"a text in JSON":            main(attribute(`cfg = "{\"file\": \"dev.json\"}"`)),
	"jsonencode":                main(attribute(`cfg = jsonencode({ file = "${each.key}.json" })`)),
	"up and down again":         main(attribute(`source = "x/../../app/dev.json"`)),
	"path.module, made anew":    main(attribute(`source_dir = replace(path.module, "\\", "/")`)),
	"path.cwd, made anew":       main(attribute(`source_dir = trimsuffix(path.cwd, "/")`)),
	"path.module in an object":  main(attribute(`cfg = merge({ dir = path.module }, {})`)),
	"abspath":                   main(attribute(`source_dir = abspath(path.module)`)),
	"a list":                    main(attribute(`source = split(",", "dev.json,prod.json")[0]`)),
	"a loop":                    main(attribute(`source = [for x in ["dev"] : "${x}.json"][0]`)),
	"a provider's function":     main(attribute(`source = provider::x::read("${each.key}.json")`)),
	"fileset":                   main(attribute(`v = fileset(path.module, "{dev,prod}.*")`)),
	"a file that is not known":  main(attribute(`v = file(var.v)`)),
	"a provider":                main("provider \"kubernetes\" {\n  config_path = \"${terraform.workspace}.json\"\n}\n"),
	"a default":                 main("variable \"g\" {\n  default = \"dev.json\"\n}\n" + attribute(`source = var.g`)),
	"a value":                   {"app/m.tf": attribute(`source = var.v`), "app/x.auto.tfvars": `v = "dev.json"`},
	"JSON":                      {"app/m.tf.json": `{"resource": {"x_y": {"a": {"source": "${terraform.workspace}.json"}}}}`},
	"a template":                {"app/m.tf": attribute(`v = templatefile("t.tpl", {})`), "app/t.tpl": `${file("dev.json")}`},
	"a template, computed":      {"app/m.tf": attribute(`v = templatefile("t.tpl", {})`), "app/t.tpl": `${file("${x}.json")}`},
	"a command":                 main(anyCommand),
	"a command of OpenTofu's":   {"app/n.tofu": anyCommand},
	"beside OpenTofu's":         {"app/m.tf": anyCommand, "app/n.tofu": ""},
	"any module":                {"app/m.tf": "variable \"m\" {\n}\nmodule \"x\" {\n  source = var.m\n}\n", "app/n.tofu": ""},
	"what a module is given":    {"app/m.tf": "module \"m\" {\n  source = \"../mods/m\"\n  f = \"dev\"\n}\n", "mods/m/m.tf": "variable \"f\" {\n}\n" + attribute(`source = "${var.f}.json"`)},
	"a module by a symlink":     {"app/m.tf": "module \"m\" {\n  source = \"../l\"\n}\n", "l": "-> mods/m", "mods/m/m.tf": anyCommand},
	"early, a command":          {"app/m.tf": earlyCall, "mods/blue/m.tf": anyCommand},
	"early, a file":             {"app/m.tf": earlyCall, "mods/blue/m.tf": attribute(`v = file("dev.json")`)},
	"early, files":              {"app/m.tf": earlyCall, "mods/blue/m.tf": attribute(`v = fileset(path.cwd, "d*")`)},
	"early, a file not known":   {"app/m.tf": earlyCall, "mods/blue/m.tf": attribute(`v = file(var.v)`)},
	"early, a computed name":    {"app/m.tf": earlyCall, "mods/blue/m.tf": attribute(`source = "${each.key}.json"`)},
	"early, a symlink":          {"app/m.tf": earlyCall, "mods/blue/m.tf": "", "mods/blue/l": "-> ../../app/dev.json"},
	"a symlink":                 {"app/l": "-> dev.json"},
	"a var file's symlink":      {"app/prod.json": "-> dev.json"},
	"its symlink elsewhere":     {"vars/prod.json": "-> more.json", "vars/more.json": "-> ../app/dev.json", ".cardea.yml": strings.Replace(jsonEntries, "{environment}.json", "/vars/{environment}.json\", \"{environment}.json", 1), "vars/dev.json": ""},
	"through a directory":       {"vars": "-> app", ".cardea.yml": "version: 1\nprojects:\n- {dir: app, name: dev, tool: tofu, var_files: [dev.json]}\n- {dir: app, name: prod, tool: tofu, var_files: [prod.json, /vars/dev.json]}\n"},
	"here":                      main(attribute(`root = "."`)),
	"here, by default":          main(withDefault(".", `source_dir = var.d`)),
	"here, in a local":          main("locals {\n  d = \".\"\n}\n" + attribute(`root = local.d`)),
	"here, in a loop":           main("resource \"x_y\" \"b\" {\n  for_each = toset([\".\"])\n  root     = each.key\n}\n"),
	"here, one of two":          main(attribute(`root = var.v == "" ? "." : var.v`)),
	"here, if nothing else":     main(attribute(`root = coalesce(var.v, ".")`)),
	"here, in an object":        main(attribute(`cfg = { at = "." }`)),
	"here, in JSON":             {"app/m.tf.json": `{"resource": {"x_y": {"a": {"root": "."}}}}`},
	"here, by a value":          {"app/m.tf": attribute(`root = var.v`), "app/x.auto.tfvars": `v = "."`},
	"here, from above":          main(attribute(`root = "${var.v}/../app"`)),
	"here, beside a word":       main(attribute(`root = "x:."`)),
	"here, dirname of a name":   main(withDefault("x.txt", `root = dirname(var.d)`)),
	"ends in braces":            main(attribute(`pattern = "*.{yaml,json}"`)),
	"an end that is a JSON key": {"app/m.tf.json": `{"resource": {"x_y": {"a": {"for_each": {"json": "dev"}, "root": "${each.value}.${each.key}"}}}}`},
	"a value's key":             {"app/m.tf": attribute(`root = keys(var.v)[0]`), "app/x.auto.tfvars": `v = { json = 1 }`},
	"an output of a module":     {"app/m.tf": "module \"m\" {\n  source = \"../mods/m\"\n}\n" + attribute(`root = module.m.d`), "mods/m/m.tf": "output \"d\" {\n  value = \".\"\n}\n"},
	"a module's directory":      {"app/m.tf": "module \"m\" {\n  source = \"./m\"\n  d = \"envs\"\n}\n", "app/m/m.tf": "variable \"d\" {\n}\n" + attribute(`root = "${path.module}/${var.d}"`), "app/m/envs/dev.json": "{}", ".cardea.yml": strings.Replace(jsonEntries, "{env", "m/envs/{env", 1)},
	"a submodule's directory":   {"app/m.tf": "module \"m\" {\n  source = \"./m\"\n}\n", "app/m/m.tf": "module \"n\" {\n  source = \"../../mods/n\"\n  at = path.module\n}\n", "mods/n/m.tf": "variable \"at\" {\n}\n" + attribute(`root = "${var.at}/envs"`), "app/m/envs/dev.json": "{}", ".cardea.yml": strings.Replace(jsonEntries, "{env", "m/envs/{env", 1)},
	"a provider's directory":    inEnvs("provider \"x\" {\n  root = \"envs\"\n}\n"),
	"a backend's state beside":  inEnvs("data \"terraform_remote_state\" \"x\" {\n  backend = \"local\"\n  config  = { path = \"envs/dev.json\" }\n}\n"),
	"a dynamic block":           main("resource \"x_y\" \"b\" {\n  dynamic \"f\" {\n    for_each = [\"json\"]\n    content {\n      name = \"dev.${f.value}\"\n    }\n  }\n}\n"),
	"an end in a list":          main(attribute(`source = "dev.${split(",", "yaml,json")[1]}"`)),
	"an end in a text":          main(attribute("source = \"dev.${trimspace(<<EOT\njson\nEOT\n)}\"")),
	"an end that is a key":      main("resource \"x_y\" \"b\" {\n  for_each = { json = \"dev\" }\n  source   = \"${each.value}.${each.key}\"\n}\n"),
	"a directory":               inEnvs(attribute(`root = "envs"`)),
	"a directory, with a slash": inEnvs(attribute(`root = "envs/"`)),
	"a directory, by default":   inEnvs(withDefault("envs", `source_dir = var.d`)),
	"a directory in a loop":     inEnvs("resource \"x_y\" \"b\" {\n  for_each = toset([\"envs\"])\n  root     = each.key\n}\n"),
	"a directory that is a key": inEnvs("resource \"x_y\" \"b\" {\n  for_each = { envs = 1 }\n  root     = each.key\n}\n"),
	"a directory in pieces":     inEnvs(attribute(`root = "env${"s"}"`)),
	"a directory, completed":    inEnvs("locals {\n  a = \"env\"\n}\n" + attribute(`root = "${local.a}s"`)),
	"an end in pieces":          main(attribute(`source = "${"dev"}.js${"on"}"`)),
	"a directory's end":         inEnvs(attribute(`root = "${var.v}/envs"`)),
	"a directory's beginning":   inEnvs(attribute(`root = "envs/${var.v}"`)),
	"a directory in a URL":      inEnvs(attribute(`root = "file://envs"`)),
	"a directory in capitals":   inEnvs(attribute(`root = lower("ENVS")`)),
	"a directory amid words":    inEnvs(attribute(`read = "cp --from=envs --to=/srv"`)),
	"a directory in a text":     inEnvs(attribute("read = <<EOT\n  dir: envs\nEOT")),
	"a directory in a JSON":     inEnvs(attribute(`cfg = "{\"dir\": \"envs\"}"`)),
	"a directory by a value":    {"app/m.tf": attribute(`root = var.v`), "app/x.auto.tfvars": `v = "envs"`, ".cardea.yml": inEnvs("")[".cardea.yml"], "app/envs/dev.json": "{}"},
	"a directory's odd name":    {".cardea.yml": strings.Replace(jsonEntries, "{env", "the envs/{env", 1), "app/the envs/dev.json": "{}"},
	"here, with a directory":    inEnvs(attribute(`root = "."`)),
	"the workspace's directory": {"app/m.tf": attribute(`root = terraform.workspace`), "app/envs/dev.json": "{}", ".cardea.yml": "version: 1\nprojects:\n- {dir: app, name: dev, tool: tofu, var_files: [envs/dev.json]}\n- {dir: app, name: prod, tool: tofu, terraform_workspace: envs}\n"},
	"the base's file is faulty": {".cardea.yml": jsonEntries + "faulty: 1\n"},
}

// TestFilesOfOthersInCode: dev.json, which entries name for dev alone, changes.
func TestFilesOfOthersInCode(t *testing.T) {
	t.Parallel()
	all := map[string]map[string]string{ // those that are not affected
		"nothing": {}, "another end": main(attribute(`source = "${each.key}.yaml"`)), "a name of path.cwd": main(attribute(`name = split("/", abspath(path.cwd))[0]`)),
		"early, nothing": {"app/m.tf": earlyCall, "mods/blue/m.tf": attribute(`name = each.key`)}, "a symlink elsewhere": {"vars/x": "-> ../app/dev.json"},
		"separators": main(withDefault("-", `name = join(".", split(".", replace("a.b", ".", "-")))`)), "a path of the code": main(attribute(`v = file("${path.module}/../more/x.txt")`)),
		"a file in that directory": inEnvs(attribute(`v = [file("envs/a.txt"), file("${path.module}/envs/b.txt"), templatefile("./envs/c.txt", {})]`)), "a path to one": inEnvs(attribute(`source = "${path.module}/envs/b.txt"`)),
		"prose": inEnvs(attribute(`comment = "All envs of it. Each has envs."`)), "another directory": inEnvs(attribute(`root = "${var.v}/others"`)),
		"its last directory":    {".cardea.yml": inEnvs("")[".cardea.yml"], "app/m.tf": attribute(`name = "app"`), "app/envs/dev.json": "{}"},
		"a symlink in a circle": {"vars": "-> vars", ".cardea.yml": strings.Replace(jsonEntries, "\"{env", "\"/vars/x.json\", \"{env", 1)},
	}
	maps.Copy(all, mayReadDev)
	for name, files := range all {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			base := map[string]string{".cardea.yml": jsonEntries, "app/b.tf": "terraform {\n  backend \"local\" {\n    path = \"/srv/x\"\n  }\n}\n", "app/dev.json": "{}", "app/prod.json": "{}"}
			maps.Copy(base, files)
			dev := "app/dev.json"
			for _, below := range []string{"app/envs/dev.json", "app/the envs/dev.json", "app/m/envs/dev.json"} {
				if base[below] != "" {
					dev = below
				}
			}
			s := readChange(t, base, map[string]string{dev: "{ }", ".cardea.yml": strings.TrimSuffix(base[".cardea.yml"], "faulty: 1\n")})
			got := strings.Join(reasonsOf(s), "\n")
			if _, want := mayReadDev[name]; strings.Contains(got, "prod: ") != want || !strings.Contains(got, "dev: ") {
				t.Errorf("got %s; prod is affected: want %v", got, want)
			}
		})
	}
}

// TestEarlyNames: what the code of a module names that is found early affects the projects that call it, and no other.
func TestEarlyNames(t *testing.T) {
	t.Parallel()
	base := map[string]string{".cardea.yml": "version: 1\nprojects:\n- {dir: app, name: dev, tool: tofu, var_files: [/vars/dev.tfvars]}\n- {dir: app, name: prod, tool: tofu, var_files: [/vars/prod.tfvars]}\n",
		"vars/dev.tfvars": "d = \"../mods/blue\"\n", "vars/prod.tfvars": "d = \"../mods/red\"\n", "app/m.tf": "variable \"d\" {\n}\nmodule \"m\" {\n  source = var.d\n}\n" + "terraform {\n  backend \"local\" {\n    path = \"/srv/${var.d}\"\n  }\n}\n",
		"mods/blue/m.tf": attribute(`v = [file("${path.module}/../../shared/x.json"), file("../shared/root.json"), file("../config/${each.key}.json"), file("${path.module}/../../parts/${each.key}.json"), file("${path.module}/own.json")]`),
		"mods/red/m.tf":  "", "mods/blue/l": "-> ../../shared/linked", "docs/x": "", "mods/blue/own.json": "", "shared/linked": "x"}
	for file, want := range map[string]string{"shared/x.json": "dev: `shared/x.json`, which its code names, changed", "shared/root.json": "dev: `shared/root.json`, which its code names, changed",
		"config/a.json": "dev: `config/a.json`, which its code names, changed", "parts/a.json": "dev: `parts/a.json`, which its code names, changed", "docs/x": "",
		"mods/blue/own.json": "dev: `mods/blue/own.json` of module `mods/blue` changed", "shared/linked": "dev: `shared/linked`, which its code names, changed"} {
		if diff := cmp.Diff(want, strings.Join(reasonsOf(readChange(t, base, map[string]string{file: "changed"})), "\n")); diff != "" {
			t.Errorf("%s: -want +got:\n%s", file, diff)
		}
	}
	base["mods/blue/m.tf"] = "variable \"f\" {\n}\n" + attribute(`v = file(var.f)`)
	if got := reasonsOf(readChange(t, base, map[string]string{"docs/x": "changed"})); len(got) == 0 || !strings.HasPrefix(got[0], "dev: it may read `docs/x`, which changed") {
		t.Errorf("got %q", got)
	}
}

// TestVarFilesThroughSymlinks: a project is affected by what the files are that its entry names.
func TestVarFilesThroughSymlinks(t *testing.T) {
	t.Parallel()
	base := map[string]string{".cardea.yml": strings.Replace(jsonEntries, "{env", "/vars/{env", 1), "app/b.tf": "", "vars/dev.json": "-> ../all/d.json", "vars/prod.json": "{}", "all": "-> every", "every/d.json": "{}"}
	for file, want := range map[string]string{"every/d.json": "app/dev: variable file `every/d.json` changed", "all": "app/dev: variable file `all` changed", "every/e.json": ""} {
		if diff := cmp.Diff(want, strings.Join(reasonsOf(readChange(t, base, map[string]string{file: "-> vars"})), "\n")); diff != "" {
			t.Errorf("%s: -want +got:\n%s", file, diff)
		}
	}
}
