package survey_test

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/cardea-iac/cardea/workflow"
)

// shapes are the repositories: none is anybody's, all are what people have.
func shapes() []shape {
	var out []shape
	for _, made := range []struct {
		name string
		of   func(s *shape, r *rand.Rand)
	}{
		{"hundreds of roots", hundredsOfRoots}, {"deep modules", deepModules}, {"symlinks", symlinks}, {"JSON", inJSON},
		{"early evaluation", earlyEvaluation}, {"workspaces", workspaces}, {"environments", environments},
		{"modules anywhere", modulesAnywhere}, {"names", strangeNames}, {"10,000 files", tenThousandFiles},
		{"Terragrunt beside roots", besideTerragrunt}, {"a library", library}, {"data", dataFiles}, {"a root at the top", atTheTop},
	} {
		s := shape{name: made.name, files: map[string]file{}}
		made.of(&s, rand.New(rand.NewPCG(1, 2)))
		out = append(out, s)
	}
	return out
}

// root puts a directory with a backend.
func (s *shape) root(dir, code string) {
	s.put(dir+"/main.tf", code)
	s.put(dir+"/backend.tf", backend(dir))
}

func backend(dir string) string {
	return fmt.Sprintf("terraform {\n  backend \"s3\" {\n    bucket = \"state\"\n    key    = %q\n  }\n}\n", dir)
}

func calls(sources ...string) string {
	var out strings.Builder
	for i, source := range sources {
		fmt.Fprintf(&out, "module \"m%d\" {\n  source = %q\n}\n", i, source)
	}
	return out.String()
}

func input(expression string) string {
	return fmt.Sprintf("resource \"terraform_data\" \"x\" {\n  input = %s\n}\n", expression)
}

func hundredsOfRoots(s *shape, r *rand.Rand) {
	for i := range 30 {
		code := input("1")
		if i >= 10 {
			code += calls(fmt.Sprintf("../m%02d", i-10))
		}
		s.put(fmt.Sprintf("modules/m%02d/main.tf", i), code)
		s.put(fmt.Sprintf("modules/m%02d/README.md", i), "x\n")
	}
	for i := range 240 {
		dir := fmt.Sprintf("live/%s/eu-%d/svc%03d", []string{"dev", "stage", "prod"}[i%3], i%4, i)
		s.root(dir, calls(fmt.Sprintf("../../../../modules/m%02d", r.IntN(30)), fmt.Sprintf("../../../../modules/m%02d", r.IntN(30))))
		s.put(dir+"/terraform.tfvars", "size = 1\n")
	}
}

func deepModules(s *shape, r *rand.Rand) {
	const layers, wide = 12, 8
	name := func(layer, i int) string { return fmt.Sprintf("modules/l%02d/m%d", layer, i) }
	for layer := range layers {
		for i := range wide {
			code := input("filesha256(\"${path.module}/files/x.txt\")")
			if layer > 0 {
				code += calls("../../l"+fmt.Sprintf("%02d/m%d", layer-1, r.IntN(wide)), "../../l"+fmt.Sprintf("%02d/m%d", r.IntN(layer), r.IntN(wide)), "./inner")
				s.put(name(layer, i)+"/inner/main.tf", input("2"))
			}
			s.put(name(layer, i)+"/main.tf", code)
			s.put(name(layer, i)+"/files/x.txt", "x\n")
		}
	}
	for i := range 30 {
		s.root(fmt.Sprintf("roots/r%02d", i), calls("../../"+name(4+r.IntN(layers-4), r.IntN(wide))))
	}
}

func symlinks(s *shape, _ *rand.Rand) {
	for _, name := range []string{"common.tf", "provider.tf", "versions.tf"} {
		s.put("shared/"+name, "locals {\n  "+strings.TrimSuffix(name, ".tf")+" = 1\n}\n")
	}
	s.put("shared/data/a.json", "{}")
	s.put("shared/data/b.json", "{}")
	s.put("shared/data-more/app.json", "{}")
	s.put("shared/values.json", "{}")
	s.link("shared/data/app.json", "shared/values.json")
	for i := range 4 {
		s.put(fmt.Sprintf("modules/v%d/net/main.tf", i), input("1")+calls("../sub"))
		s.put(fmt.Sprintf("modules/v%d/sub/main.tf", i), input("1"))
	}
	s.link("modules/current", "modules/v3")
	s.link("modules/stable", "modules/current") // to another one
	s.link("data", "shared/data")
	for i := range 12 {
		dir := fmt.Sprintf("envs/e%02d", i)
		s.root(dir, calls([]string{"../../modules/current/net", "../../modules/stable/net", "../../modules/v1/net", "./linked"}[i%4]))
		s.link(dir+"/common.tf", "shared/common.tf")
		if i%2 == 0 {
			s.link(dir+"/provider.tf", "envs/e01/common.tf")
		}
		if i%3 == 0 {
			s.put(dir+"/data.tf", "locals {\n  read = file(\"${path.root}/../../data/a.json\")\n}\n")
			s.link(dir+"/terraform.tfvars", "shared/values.tfvars")
		}
		switch i % 5 {
		case 1:
			s.put(dir+"/read.tf", "locals {\n  n    = \"b\"\n  some = file(\"../../data/${local.n}.json\")\n}\n")
		case 2:
			s.put(dir+"/read.tf", "locals {\n  some = file(\"../../data/ap${lookup({ x = \"p\" }, \"x\", \"\")}.json\")\n"+
				"  more = file(\"../../data/b${jsondecode(jsonencode(\"\"))}.json\")\n}\n")
		case 3:
			s.put(dir+"/read.tf", "locals {\n  some = fileset(\"../../data\", \"*.json\")\n}\n")
		}
		s.link(dir+"/linked", fmt.Sprintf("modules/v%d/sub", i%4))
	}
	s.put("shared/values.tfvars", "x = 1\n")
}

func inJSON(s *shape, _ *rand.Rand) {
	for i := range 8 {
		s.put(fmt.Sprintf("modules/j%d/main.tf.json", i),
			`{"variable":{"n":{"default":"x"}},"resource":{"terraform_data":{"x":{"input":"${path.module}/x.json"}}}}`)
		s.put(fmt.Sprintf("modules/j%d/x.json", i), "{}")
	}
	for i := range 16 {
		dir := fmt.Sprintf("json/r%02d", i)
		s.put(dir+"/main.tf.json", fmt.Sprintf(`{"terraform":{"backend":{"s3":{"bucket":"b","key":%q}}},`+
			`"module":{"a":{"source":"../../modules/j%d"},"b":{"source":"../../modules/j%d","n":"${local.n}"}},"locals":{"n":"v"}}`, dir, i%8, (i*3)%8))
		if i%2 == 0 {
			s.put(dir+"/more.tf", input("jsondecode(file(\"../../shared/data.json\"))"))
		}
	}
	s.put("shared/data.json", "{}")
	s.put("shared/other.json", "{}")
}

func earlyEvaluation(s *shape, _ *rand.Rand) {
	for i := range 6 {
		s.put(fmt.Sprintf("modules/net/v%d/main.tf", i), input("1"))
		s.put(fmt.Sprintf("modules/app/v%d/main.tf", i), "variable \"n\" {\n  default = 1\n}\n"+input("var.n"))
		s.put(fmt.Sprintf("modules/app/v%d/main.tofu", i), "variable \"n\" {\n  default = 2\n}\n"+calls(fmt.Sprintf("../../net/v%d", i)))
	}
	for i := range 8 {
		dir := fmt.Sprintf("tofu/local%d", i)
		s.put(dir+"/main.tofu", fmt.Sprintf("locals {\n  version = \"v%d\"\n  source  = \"../../modules/net/${local.version}\"\n}\nmodule \"m\" {\n  source = local.source\n}\n", i%6))
		s.put(dir+"/backend.tf", backend(dir))
		dir = fmt.Sprintf("tofu/variable%d", i)
		s.put(dir+"/main.tofu", fmt.Sprintf("variable \"v\" {\n  default = \"v%d\"\n}\nmodule \"m\" {\n  source = \"../../modules/app/${var.v}\"\n}\n", i%6))
		s.put(dir+"/backend.tofu", backend(dir))
		if i%2 == 0 {
			s.put(dir+"/terraform.tfvars", fmt.Sprintf("v = \"v%d\"\n", (i+3)%6))
		}
		s.root(fmt.Sprintf("plain/r%d", i), calls(fmt.Sprintf("../../modules/app/v%d", i%6)))
	}
	yml := "projects:\n"
	for i := range 8 {
		tool := []string{"terraform", "tofu"}[i%2]
		yml += fmt.Sprintf("- {dir: plain/r%d, tool: %s}\n", i, tool)
		s.entries = append(s.entries, declared{dir: fmt.Sprintf("plain/r%d", i), tool: tool})
	}
	for _, e := range []string{"v1", "v4"} {
		s.put("vars/"+e+".tfvars", "v = \""+e+"\"\n")
		s.entries = append(s.entries, declared{dir: "tofu/each", environment: e, tool: "tofu", varFiles: []string{"../../vars/" + e + ".tfvars"},
			backend: []string{e + ".tfbackend"}})
		s.put("tofu/each/"+e+".tfbackend", "key = \""+e+"\"\n")
	}
	s.put("tofu/each/main.tf", "terraform {\n  backend \"s3\" {\n    bucket = \"b\"\n  }\n}\nvariable \"v\" {\n}\nmodule \"m\" {\n  source = \"../../modules/net/${var.v}\"\n}\n")
	s.put(workflow.RepoConfigFile, yml+"- {dir: tofu/each, tool: tofu, var_files: [\"../../vars/{environment}.tfvars\"], backend_config: [\"{environment}.tfbackend\"], environments: {v1: {}, v4: {}}}\n")
}

func workspaces(s *shape, _ *rand.Rand) {
	yml := "projects:\n"
	s.put("modules/app/main.tf", "variable \"size\" {\n  default = 1\n}\n"+input("var.size"))
	for i := range 6 {
		dir := fmt.Sprintf("apps/a%d", i)
		s.root(dir, "variable \"size\" {\n  default = 1\n}\nmodule \"m\" {\n  source = \"../../modules/app\"\n  size   = var.size\n}\n"+
			input("jsondecode(file(\"${path.module}/../../config/${terraform.workspace}/app.json\"))"))
		for _, w := range []string{"dev", "stage", "prod"} {
			yml += fmt.Sprintf("- {dir: %s, terraform_workspace: %s, var_files: [envs/%s.tfvars, ../../vars/%s.tfvars]}\n", dir, w, w, w)
			s.entries = append(s.entries, declared{dir: dir, workspace: w, varFiles: []string{"envs/" + w + ".tfvars", "../../vars/" + w + ".tfvars"}})
			s.put(dir+"/envs/"+w+".tfvars", "size = 2\n")
			s.put("vars/"+w+".tfvars", "size = 3\n")
			s.put("config/"+w+"/app.json", "{}")
			s.put("config/"+w+"/README.md", "x\n")
		}
	}
	s.put(workflow.RepoConfigFile, yml)
}

func environments(s *shape, _ *rand.Rand) {
	yml := "projects:\n"
	s.put("modules/db/main.tf", input("1"))
	for i := range 10 {
		dir := fmt.Sprintf("services/s%02d", i)
		s.put(dir+"/main.tf", "terraform {\n  backend \"s3\" {\n  }\n}\n"+calls("../../modules/db"))
		yml += "- {dir: " + dir + ", backend_config: [\"/backends/{environment}.tfbackend\", \"{environment}.tfbackend\"], var_files: [\"/vars/{environment}.tfvars\", \"{environment}.tfvars\"], " +
			"watch: [\"/shared/{environment}/*.json\"], environments: {dev: {}, prod: {}, qa: {}}}\n"
		for _, e := range []string{"dev", "prod", "qa"} {
			s.entries = append(s.entries, declared{dir: dir, environment: e, backend: []string{"/backends/" + e + ".tfbackend", e + ".tfbackend"},
				varFiles: []string{"/vars/" + e + ".tfvars", e + ".tfvars"}, watch: []string{"/shared/" + e + "/*.json"}})
			s.put(dir+"/"+e+".tfvars", "y = 1\n")
			s.put(dir+"/"+e+".tfbackend", "key = \""+dir+e+"\"\n")
			s.put("backends/"+e+".tfbackend", "bucket = \""+e+"\"\n")
			s.put("vars/"+e+".tfvars", "x = 1\n")
			s.put("shared/"+e+"/a.json", "{}")
			s.put("shared/"+e+"/deep/b.json", "{}")
		}
	}
	s.put(workflow.RepoConfigFile, yml)
}

func modulesAnywhere(s *shape, _ *rand.Rand) {
	places := []string{"lib/tf/net", "infra/_shared/base", "stuff", "envs/prod/app/inner", "tools/gen/tf"}
	for _, m := range places {
		s.put(m+"/main.tf", input("1"))
		s.put(m+"/docs/guide.md", "x\n")
	}
	s.put("lib/tf/all/main.tf", calls("../net", "../../../stuff"))
	for i, env := range []string{"dev", "stage", "prod"} {
		for j, svc := range []string{"app", "web", "jobs"} {
			up := "../../../"
			s.root("envs/"+env+"/"+svc, calls(up+places[(i+j)%len(places)], up+"lib/tf/all", "./../../../"+places[(i*2+j)%len(places)]))
		}
	}
	s.root("envs/prod/app/inner/nested", calls("../../../../../stuff"))
	s.root("lib", input("1"))                                                  // a root above modules
	s.root("both", calls("../envs/dev/app"))                                   // calls what is a project, too
	s.put("both/deep/er/x.tf", calls("../..", "./../../../lib/tf/all/../net")) // a library that calls a project
}

func strangeNames(s *shape, _ *rand.Rand) {
	names := []string{"with space", "br[ack]ets", "at@sign", "größe", "日本", "plus+and,comma", "(round)", "a{b}c", "semi;colon", "q'uote", "-dash", "dots..dots", "e\u0301"}
	for i, name := range names {
		s.put("modules/"+name+"/main.tf", input("filesha256(\"${path.module}/the file.txt\")"))
		s.put("modules/"+name+"/the file.txt", "x\n")
		s.root("live/"+name, calls("../../modules/"+name, "../../modules/"+names[(i+1)%len(names)])+
			"locals {\n  read = file(\"../../shared/"+names[(i+2)%len(names)]+".json\")\n}\n")
		s.put("shared/"+name+".json", "{}")
	}
}

func tenThousandFiles(s *shape, r *rand.Rand) {
	for i := range 9_700 {
		s.put(fmt.Sprintf("src/p%02d/q%02d/file%04d.go", i%40, i%31, i), "package q\n")
	}
	for i := range 20 {
		s.put(fmt.Sprintf("deploy/modules/m%02d/main.tf", i), input("1"))
	}
	for i := range 60 {
		dir := fmt.Sprintf("deploy/p%02d", i)
		s.root(dir, calls(fmt.Sprintf("../modules/m%02d", r.IntN(20)))+input(fmt.Sprintf("fileset(\"../../src/p%02d\", \"**/file%d*.go\")", i%40, r.IntN(10))))
		s.put(dir+"/terraform.tfvars", "x = 1\n")
	}
}

func besideTerragrunt(s *shape, _ *rand.Rand) {
	s.put("live/root.hcl", "remote_state {\n  backend = \"s3\"\n}\n")
	for i := range 6 {
		s.put(fmt.Sprintf("modules/u%d/main.tf", i), input("1")+calls("../base"))
	}
	s.put("modules/base/main.tf", input("1"))
	for i := range 10 {
		s.put(fmt.Sprintf("live/prod/u%d/terragrunt.hcl", i),
			fmt.Sprintf("include \"root\" {\n  path = find_in_parent_folders(\"root.hcl\")\n}\nterraform {\n  source = \"../../../modules/u%d\"\n}\n", i%6))
		s.root(fmt.Sprintf("roots/r%d", i), calls(fmt.Sprintf("../../modules/u%d", (i+1)%6)))
	}
}

func library(s *shape, _ *rand.Rand) {
	for i := range 10 {
		dir := fmt.Sprintf("modules/l%d", i)
		s.put(dir+"/main.tf", input("1"))
		s.put(dir+"/tests/basic.tftest.hcl", "run \"setup\" {\n  module {\n    source = \"./tests/setup\"\n  }\n}\n")
		s.put(dir+"/tests/setup/main.tf", input("1")+calls("../../../../testing/common"))
		s.put(dir+"/examples/basic/main.tf", calls("../.."))
		s.root(dir+"/examples/live", calls("../..", "../../../l"+fmt.Sprint((i+1)%10)))
		s.put(dir+"/README.md", "x\n")
	}
	s.put("testing/common/main.tf", input("1"))
	s.put("testing/deep/main.tf", input("1"))
	for i := range 4 {
		dir := fmt.Sprintf("tested/r%d", i)
		s.root(dir, calls(fmt.Sprintf("../../modules/l%d", i)))
		s.put(dir+"/unit.tftest.hcl", "run \"setup\" {\n  module {\n    source = \"../../testing/common\"\n  }\n}\n")
		s.put(dir+"/tests/more.tftest.hcl", "run \"setup\" {\n  module {\n    source = \"./tests/fake\"\n  }\n}\n")
		s.put(dir+"/tests/fake/main.tf", calls("../../../../testing/deep"))
	}
}

func dataFiles(s *shape, _ *rand.Rand) {
	for i := range 5 {
		for _, kind := range []string{"teams", "users", "rules"} {
			s.put(fmt.Sprintf("data/%s/n%d.json", kind, i), "{}")
			s.put(fmt.Sprintf("data/%s/deep/n%d.json", kind, i), "{}")
		}
		s.put(fmt.Sprintf("templates/t%d.tftpl", i), fmt.Sprintf("${file(\"../../templates/parts/p%d.txt\")}\n", i))
		s.put(fmt.Sprintf("templates/parts/p%d.txt", i), "x\n")
	}
	s.put("data/README.md", "x\n")
	s.put("modules/read/main.tf", "variable \"from\" {\n}\nvariable \"name\" {\n  default = \"n1\"\n}\n"+input("[file(var.from), file(\"${path.module}/../../data/users/${var.name}.json\")]"))
	s.put("modules/all/main.tf", "resource \"terraform_data\" \"x\" {\n  for_each = fileset(\"${path.module}/../../data/teams\", \"*.json\")\n"+
		"  input    = jsondecode(file(\"${path.module}/../../data/teams/${each.value}\"))\n}\n")
	for i := range 5 {
		s.root(fmt.Sprintf("roots/read%d", i), fmt.Sprintf("module \"m\" {\n  source = \"../../modules/read\"\n  from   = \"${path.root}/../../data/rules/n%d.json\"\n  name   = \"n%d\"\n}\n", i, (i+2)%5))
		s.root(fmt.Sprintf("roots/all%d", i), calls("../../modules/all")+input(fmt.Sprintf("fileset(\"../../data/users\", \"**/n%d.json\")", i)))
		s.root(fmt.Sprintf("roots/template%d", i), "locals {\n  at = \"../../templates\"\n}\n"+input(fmt.Sprintf("templatefile(\"${local.at}/t%d.tftpl\", {})", i)))
		s.root(fmt.Sprintf("roots/set%d", i), fmt.Sprintf("locals {\n  names = toset([\"n%d\", \"n%d\"])\n}\nresource \"terraform_data\" \"x\" {\n  for_each = local.names\n  input    = fileexists(\"../../data/rules/deep/${each.key}.json\") ? file(\"../../data/rules/deep/${each.key}.json\") : \"\"\n}\n", i, (i+1)%5))
		s.root(fmt.Sprintf("roots/unsaid%d", i), input("file(terraform_data.other.output)"))
	}
}

func atTheTop(s *shape, _ *rand.Rand) {
	s.put("main.tf", calls("./modules/a", "./modules/b")+input("file(\"config/app.json\")"))
	s.put("backend.tf", backend("top"))
	s.put("terraform.tfvars", "x = 1\n")
	s.put("config/app.json", "{}")
	s.put("config/other.json", "{}")
	s.put("README.md", "x\n")
	for _, m := range []string{"a", "b", "c"} {
		s.put("modules/"+m+"/main.tf", input("1"))
	}
	for i := range 40 {
		s.put(fmt.Sprintf("src/f%02d.py", i), "x\n")
	}
	s.root("other/root", calls("../../modules/c"))
}
