package tfconfig

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/terraform/syntax"
)

func inputs(t testing.TB, files fs.FS, p workflow.Project) workflow.Inputs {
	t.Helper()
	e := New("")
	tree := workflow.Tree{FS: files}
	in, err := e.Inputs(context.Background(), tree, discover(t, e, files), p)
	if err != nil {
		t.Fatal(err)
	}
	return in
}

const s3 = "terraform {\n  backend \"s3\" {\n    bucket = \"b\"\n    key = \"k\"\n  }\n}\n"

func TestInputsRefused(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		files   map[string]string
		project workflow.Project
		want    string // a part; "" = not refused
	}{
		{name: "s3", files: map[string]string{"a/x.tf": s3}},
		{name: "cloud", files: map[string]string{"a/x.tf": "terraform {\n cloud {\n organization = \"o\"\n }\n}\n"}},
		{name: "no backend", files: map[string]string{"a/x.tf": "locals {}"}, want: "`a` has no backend, so its state would be lost"},
		{name: "local outside", files: map[string]string{"a/x.tf": "terraform {\n backend \"local\" {\n path = \"/srv/x\"\n }\n}\n"}},
		{name: "local inside", files: map[string]string{"a/x.tf": "terraform {\n backend \"local\" {\n path = \"x.tfstate\"\n }\n}\n"}, want: "keeps it at `x.tfstate`, among the run's own files"},
		{name: "local default", files: map[string]string{"a/x.tf": "terraform {\n backend \"local\" {}\n}\n"}, want: "keeps it at `terraform.tfstate`"},
		{name: "local up", files: map[string]string{"a/x.tf": "terraform {\n backend \"local\" {\n path = \"../../../x\"\n }\n}\n"}, want: "keeps it at `../../../x`"},
		{name: "local by backend_config", files: map[string]string{"a/x.tf": "terraform {\n backend \"local\" {}\n}\n", "a/c": "path = \"/srv/x\""}, project: workflow.Project{Settings: Settings{BackendConfig: []string{"c"}}.JSON()}},
		{name: "local, another Terraform workspace", files: map[string]string{"a/x.tf": "terraform {\n backend \"local\" {\n path = \"/srv/x\"\n }\n}\n"}, project: workflow.Project{Variant: "blue"}, want: "keeps it at `terraform.tfstate.d`"},
		{name: "local, computed", files: map[string]string{"a/x.tf": "terraform {\n backend \"local\" {\n path = var.x\n }\n}\n"}, want: "the local backend's `path` is computed"},
		{name: "given at init", files: map[string]string{"a/x.tf": "terraform {\n backend \"s3\" {}\n}\n"},
			want: "Its `s3` backend does not set `key`, `bucket`, which is given at `init`. Put it in a file and list that file in `backend_config`."},
		{name: "given by the environment", files: map[string]string{"a/x.tf": "terraform {\n backend \"http\" {}\n}\n"}},
		{name: "given by null", files: map[string]string{"a/x.tf": s3, "a/c": "key = null"}, project: workflow.Project{Settings: Settings{BackendConfig: []string{"c"}}.JSON()}, want: "does not set `key`"},
		{name: "an override flips the backend", files: map[string]string{"a/x.tf": s3, "a/backend_override.tf": "terraform {\n backend \"local\" {}\n}\n"}, want: "keeps it at `terraform.tfstate`"},
		{name: "JSON with a string nested too deeply", files: map[string]string{"a/x.tf": s3, "a/y.tf.json": `{"locals": {"x": "${` + strings.Repeat("(", 6000) + "1" + strings.Repeat(")", 6000) + `}"}}`}, want: "`a/y.tf.json` cannot be read: it is nested too deeply."},
		{name: "var file missing", files: map[string]string{"a/x.tf": s3}, project: workflow.Project{Settings: Settings{VarFiles: []string{"v.tfvars"}}.JSON()}, want: "Its var file `a/v.tfvars` does not exist."},
		{name: "var file missing here, and at the root", files: map[string]string{"a/x.tf": s3, "vars/v.tfvars": ""}, project: workflow.Project{Settings: Settings{VarFiles: []string{"vars/v.tfvars"}}.JSON()},
			want: "Its var file `a/vars/v.tfvars` does not exist. To start at the repository's root, begin the path with a slash: `/vars/v.tfvars`."},
		{name: "var file outside", files: map[string]string{"a/x.tf": s3}, project: workflow.Project{Settings: Settings{VarFiles: []string{"../../v.tfvars"}}.JSON()}, want: "Its var file `../../v.tfvars` is outside of the repository."},
		{name: "backend config missing", files: map[string]string{"a/x.tf": s3}, project: workflow.Project{Settings: Settings{BackendConfig: []string{"c"}}.JSON()}, want: "Its backend configuration file `a/c` does not exist."},
		{name: "module outside", files: map[string]string{"a/x.tf": s3, "a/m.tf": "module \"m\" { source = \"../../m\" }"}, want: "It calls a module at `../m`, which is outside of the repository."},
		{name: "module outside, by a module", files: map[string]string{"a/x.tf": s3, "a/m.tf": "module \"m\" { source = \"../m\" }", "m/m.tf": "module \"m\" { source = \"../../x\" }"}, want: "`../x`"},
		{name: "absolute module", files: map[string]string{"a/x.tf": s3, "a/m.tf": "module \"m\" { source = \"/etc\" }"}, want: "`a/m.tf` line 1: Module \"m\" has the source \"/etc\": it is a path on the machine"},
		{name: "file module", files: map[string]string{"a/x.tf": s3, "a/m.tf": "module \"m\" { source = \"git::file:///srv/m\" }"}, want: "is a path on the machine"},
		{name: "module outside, by backslashes", files: map[string]string{"a/x.tf": s3, "a/m.tf": `module "m" { source = "..\\..\\etc" }`}, want: "It calls a module at `../etc`, which is outside"},
		{name: "absolute module, by a test", files: map[string]string{"a/x.tf": s3, "a/tests/t.tftest.hcl": "run \"r\" {\n module {\n source = \"/etc\"\n }\n}\n"}, want: "`a/tests/t.tftest.hcl` line 3: Run \"r\" of the tests has the module source \"/etc\""},
		{name: "module outside, by a test", files: map[string]string{"a/x.tf": s3, "a/t.tftest.json": `{"run":{"r":{"module":{"source":"../../etc"}}}}`}, want: "`../etc`, which is outside"},
		{name: "module in a directory of the tools", files: map[string]string{"a/x.tf": s3, "a/m.tf": "module \"m\" { source = \"../terraform.d/m\" }", "terraform.d/m/m.tf": "nonsense {"}, want: "`terraform.d` belongs to the tools"},
		{name: "does not parse", files: map[string]string{"a/x.tf": s3, "a/y.tf": "\nresource {\n"}, want: "`a/y.tf` line 2 (`resource {`) cannot be read: "},
		{name: "a module does not parse", files: map[string]string{"a/x.tf": s3 + "module \"m\" { source = \"../m\" }", "m/y.tf.json": `{"module": `}, want: "`m/y.tf.json` line 1"},
		{name: "another module does not parse", files: map[string]string{"a/x.tf": s3, "m/y.tf.json": `{"module": `}},
		{name: "too large", files: map[string]string{"a/x.tf": s3, "a/y.tf": "#" + strings.Repeat(" ", syntax.MaxFileBytes)}, want: "`a/y.tf` cannot be read: it is larger than 4 MB."},
		{name: "too large, and ignored", files: map[string]string{"a/x.tf": s3, "a/.y.tf": "#" + strings.Repeat(" ", syntax.MaxFileBytes), "a/y.tf~": "nonsense {", "a/#y.tf#": "nonsense {", "a/.#y.tf": "nonsense {", "a/y.TF": "nonsense {"}},
		{name: "too deep", files: map[string]string{"a/x.tf": s3, "a/y.tf": "locals { x = " + strings.Repeat("(", 6000) + " }"}, want: "`a/y.tf` cannot be read: it is nested too deeply."},
		{name: "UTF-16", files: map[string]string{"a/x.tf": s3, "a/y.tf": "\xff\xfem\x00o\x00d\x00"}, want: "`a/y.tf` line 1"},
		{name: "a byte-order mark", files: map[string]string{"a/x.tf": "\ufeff" + s3}},
		{name: "a byte-order mark in JSON", files: map[string]string{"a/x.tf": s3, "a/y.tf.json": "\ufeff{}"}, want: "`a/y.tf.json` line 1"},
		{name: "two backends", files: map[string]string{"a/x.tf": s3, "a/y.tf": "terraform {\n cloud {}\n}\n"}, want: "`a/y.tf` line 2 (`cloud {}`) cannot be read: The backend is configured twice. The first is on line 2 of x.tf."},
		{name: "a module twice", files: map[string]string{"a/x.tf": s3, "a/y.tf": "module \"m\" { source = \"./b\" }", "a/z.tf": "module \"m\" { source = \"./c\" }"}, want: "`a/z.tf` line 1"},
		{name: "an argument twice, in JSON", files: map[string]string{"a/x.tf": s3, "a/y.tf.json": `{"module":{"m":{"source":"./b","source":"./c"}}}`}, want: "`a/y.tf.json` line 1"},
		{name: "comments in JSON", files: map[string]string{"a/x.tf.json": `{"//":"x","terraform":[{"//":"y","backend":{"s3":{"bucket":"b","key":"k"}}}]}`}},
		{name: "an override of nothing", files: map[string]string{"a/x.tf": s3, "a/override.tf.json": `{"terraform":{"cloud":{"organization":"o"}}}`}},
		{name: "an override's source leaves", files: map[string]string{"a/x.tf": s3 + "module \"m\" { source = \"./m\" }", "a/m_override.tf": "module \"m\" { source = \"../../m\" }"}, want: "`../m`, which is outside"},
		{name: "watch outside", files: map[string]string{"a/x.tf": s3}, project: workflow.Project{Watch: []string{"../../x/*"}}, want: "It watches `../../x/*`, which is outside"},
		{name: "a file in Git LFS", files: map[string]string{"a/x.tf": s3 + "locals {\n f = file(\"big.bin\")\n}\n", "a/big.bin": "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"},
			want: "It reads `a/big.bin`, which is in Git LFS."},
		{name: "a file that speaks of Git LFS", files: map[string]string{"a/x.tf": s3 + "locals {\n f = file(\"lfs.md\")\n}\n", "a/lfs.md": "# version https://git-lfs.github.com/spec/v1\n"}},
		{name: "no files", files: map[string]string{"b/x.tf": s3}, want: "`a` has no Terraform files."},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.project.Dir = "a"
			in := inputs(t, mapFS(tt.files), tt.project)
			got := in.Refused + in.Absent
			if absent := strings.HasPrefix(tt.name, "var file missing"); absent != (in.Absent != "") {
				t.Errorf("only a var file may be made by a step: %+v", in)
			}
			if tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// TestInputsByTool: a project is read as the tool that will run reads it, and refused
// where that matters and is not certain.
func TestInputsByTool(t *testing.T) {
	t.Parallel()
	const uncertain = "has files that only OpenTofu reads, but it is not certain which tool will run"
	own := map[string]string{"a/x.tf": s3 + "module \"m\" { source = \"../one\" }", "a/x.tofu": strings.ReplaceAll(s3, `"k"`, `"other"`) + "module \"m\" { source = \"../two\" }", "one/m.tf": "", "two/m.tf": ""}
	module := map[string]string{"a/x.tf": s3 + "module \"m\" { source = \"../one\" }", "one/m.tf": "module \"n\" { source = \"../two\" }", "one/m.tofu": "module \"n\" { source = \"/etc\" }", "two/m.tf": ""}
	for _, tt := range []struct {
		name          string
		files         map[string]string
		server, entry string
		want          string // the closure, or the refusal
		key           string // of the state
	}{
		{"its own files, nobody says", own, "auto", "", "two", "other"},
		{"its own files, the server says terraform", own, "terraform", "", "one", "k"},
		{"its own files, the entry says terraform", own, "tofu", "terraform", "one", "k"},
		{"its own files, the entry says tofu", own, "terraform", "tofu", "two", "other"},
		{"a module's files, nobody says", module, "", "", uncertain, "k"},
		{"a module's files, terraform", module, "terraform", "", "one two", "k"},
		{"a module's files, tofu", module, "auto", "tofu", "has the source \"/etc\"", "k"},
		{"only OpenTofu's files, terraform", map[string]string{"a/x.tofu": s3}, "terraform", "", "`a` has no files that Terraform reads.", ""},
		{"only OpenTofu's files, nobody says", map[string]string{"a/x.tofu": s3}, "", "", "", "k"},
		{"an ignored file of OpenTofu's", map[string]string{"a/x.tf": s3, "a/.x.tofu": "nonsense {"}, "", "", "", "k"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			e, tree := New(tt.server), workflow.Tree{FS: mapFS(tt.files)}
			d, p := discover(t, e, tree.FS), workflow.Project{Name: "a", Dir: "a", Settings: Settings{Tool: tt.entry}.JSON()}
			in, err := e.Inputs(context.Background(), tree, d, p)
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(in.Modules, " "); in.Refused == "" && got != tt.want || !strings.Contains(in.Refused, tt.want) && in.Refused != "" {
				t.Errorf("got modules %q, refused %q, want %q", got, in.Refused, tt.want)
			}
			if want := StateNames("s3", map[string]string{"bucket": "b", "key": tt.key}); tt.key != "" && !maps.Equal(expects(t, in).State, want) {
				t.Errorf("the state is not that of key %q", tt.key)
			}
		})
	}
}

// TestInputsComputedSource: where a module's source is computed any file may be its.
func TestInputsComputedSource(t *testing.T) {
	t.Parallel()
	files := map[string]string{"a/x.tf": s3 + "module \"m\" { source = \"../${var.m}\" }", "m/m.tf": ""}
	before := inputs(t, mapFS(files), workflow.Project{Dir: "a"})
	files["m/m.tf"] = "# changed"
	after := inputs(t, mapFS(files), workflow.Project{Dir: "a"})
	if before.Digest == after.Digest {
		t.Error("the digest does not change with a file that may be the module's")
	}
	last := after.Facets[len(after.Facets)-1]
	if diff := cmp.Diff([]any{true, "module_source", "`module.m` in `a`"}, []any{after.AnyFile, last.Kind, last.What}); diff != "" {
		t.Errorf("computed (-want +got):\n%s", diff)
	}
}

// TestInputsRefuseSubmodules: a tree has only the id of what a submodule holds, and a plan of
// an empty module would destroy what the module made.
func TestInputsRefuseSubmodules(t *testing.T) {
	t.Parallel()
	submodule := &fstest.MapFile{Mode: fs.ModeDir | fs.ModeSticky | 0o755}
	for _, tt := range []struct{ name, code, want string }{
		{"a module", "module \"m\" { source = \"../sub/net\" }", "It calls a module at `sub/net`, in the git submodule `sub`."},
		{"the submodule itself, by a symlink", "module \"m\" { source = \"./m\" }", "It calls a module at `sub`, in the git submodule `sub`."},
		{"a file", "locals {\n f = file(\"${path.module}/../sub/x.json\")\n}", "It reads `sub/x.json`, in the git submodule `sub`."},
		{"nothing of it", "locals {}", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			files := mapFS(map[string]string{"a/x.tf": s3 + tt.code})
			files["sub"] = submodule
			files["a/m"] = &fstest.MapFile{Data: []byte("../sub"), Mode: fs.ModeSymlink | 0o777}
			got := inputs(t, files, workflow.Project{Dir: "a"}).Refused
			if tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

var sampleFiles = map[string]string{
	"a/x.tf": s3 + "module \"m\" { source = \"../m\" }\nlocals {\n f = file(\"../shared/f.json\")\n}\nprovider \"aws\" { region = \"r\" }\n",
	"m/m.tf": "locals {}", "m/nested/x.json": "{}", "other/o.tf": s3, "a/sub/data.json": "{}", "a/child/c.tf": s3,
	"a/v.tfvars": "x = 1", "a/c.s3": "region = \"x\"", "shared/f.json": "{}", "shared/w.yaml": "w", "shared/z.txt": "z",
	"a/.terraform.lock.hcl": "provider \"registry.terraform.io/hashicorp/aws\" {\n version = \"5.0.0\"\n hashes = [\"h1:x\"]\n}\nprovider \"registry.terraform.io/acme/b\" {\n version = \"1\"\n}\n",
}

var (
	sampleSettings = Settings{VarFiles: []string{"v.tfvars"}, BackendConfig: []string{"c.s3"}}
	sampleProject  = workflow.Project{Name: "a", Dir: "a", Settings: sampleSettings.JSON(), Watch: []string{"../shared/*.yaml"}}
)

func TestInputs(t *testing.T) {
	t.Parallel()
	got := inputs(t, mapFS(sampleFiles), sampleProject)
	for name, v := range map[string]string{"digest": got.Digest, "files digest": got.FilesDigest, "state identity": one(got.States), "lock file": got.Facets[0].Hash, "provider config": got.Facets[1].Hash, "backend config": got.Facets[2].Hash} {
		if v == "" {
			t.Errorf("no %s", name)
		}
	}
	got.Digest, got.FilesDigest, got.States, got.Facets = "", "", nil, nil
	want := workflow.Inputs{Dir: "a", Modules: []string{"m"}, Named: []string{"a/v.tfvars", "a/c.s3"}, Files: []string{"shared/f.json"}, Watch: []string{"shared/*.yaml"},
		Known: []string{"registry.terraform.io/acme/b", "registry.terraform.io/hashicorp/aws"},
		Expected: Expected{Backend: "s3", State: StateNames("s3", map[string]string{"bucket": "b", "key": "k"}),
			Calls: []CallsOf{{Dir: "a", Calls: []ModuleCall{{Name: "m", Dir: "m"}}}, {Dir: "m"}}}.JSON()}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("inputs (-want +got):\n%s", diff)
	}
}

// TestDigestsOfBefore: the digests of what a plan is made from are those of earlier versions:
// approvals and plans that are on record are held against them.
func TestDigestsOfBefore(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ project, digest, files string }{
		{`{"name":"a","dir":"a","terraform_workspace":"default","engine":"terraform"}`,
			"a19ef07d0513f3848727e974cec7d2ba72e3e104ee34d223f82fb69f89417e82", "95bc2d0859072983da3b4f2ce0661fbcebcac28f47991d1f07f22598fbdd51eb"},
		{`{"name":"x","dir":"a","terraform_workspace":"blue","variant":"x","environment":"prod","component":"c","engine":"terraform",
			"tool":"tofu","version":"1.11.4","var_files":["v.tfvars"],"backend_config":["c.s3"],"watch":["../shared/*.yaml"],
			"depends_on":["b"],"whole_tree":true,"no_autoplan":true}`,
			"ea398bee84fdcfebca24f4636c7e7da35185ccd54d3e204f7b4ec40664101e8c", "cf2e958228aa227bb53880fc719e2e0d974593794e8320bc78dc5ec7eef2e1ae"},
		{`{"name":"a","dir":"a","terraform_workspace":"default","engine":"terraform","var_files":["v.tfvars","../shared/<é>&.json"]}`,
			"1fed652e28b4ebb063a273f77d74db839c4a97f35048bdcd584869e39dd96187", "95bc2d0859072983da3b4f2ce0661fbcebcac28f47991d1f07f22598fbdd51eb"},
		{`{"name":"a","dir":"a","terraform_workspace":"default","engine":"terraform","tool":"terraform","backend_config":["c.s3"]}`,
			"3e532ff062b485ae84692ca04ad4a7944207c10e4a5b8ceb9f1cbc22173e0f52", "95bc2d0859072983da3b4f2ce0661fbcebcac28f47991d1f07f22598fbdd51eb"},
	} {
		var p workflow.Project
		if err := json.Unmarshal([]byte(tt.project), &p); err != nil {
			t.Fatal(err)
		}
		files := mapFS(sampleFiles)
		files["shared/<é>&.json"] = &fstest.MapFile{Data: []byte("{}")}
		if got := inputs(t, files, p); got.Digest != tt.digest || got.FilesDigest != tt.files {
			t.Errorf("%s\ngot  %s %s\nwant %s %s", tt.project, got.Digest, got.FilesDigest, tt.digest, tt.files)
		}
	}
}

// TestFilesDigest: what may be read without standing in the plan changes the digest
// of files, configuration and variable files do not, with and without object ids.
func TestFilesDigest(t *testing.T) {
	t.Parallel()
	from := maps.Clone(sampleFiles)
	from["a/sub/x.tfvars"], from["a/vars/x.tfvars"], from["a/v.vars"] = "x = 1", "x = 1", "x = 1"
	p := sampleProject
	settings := sampleSettings
	settings.VarFiles = append(slices.Clone(settings.VarFiles), "v.vars")
	p.Settings = settings.JSON()
	for name, same := range map[string]bool{
		"a/y.tf": true, "a/y.tf.json": true, "a/y.tofu": true, "m/m.tf": true, "a/v.tfvars": true, "a/v.vars": true, "a/sub/x.tfvars": true, "a/vars/x.tfvars": true,
		"a/vars/new.tfvars.json": true, "other/o.tf": true, "shared/z.txt": true, "a/child/payload": true,
		"a/payload.bin": false, "a/sub/data.json": false, "a/sub/tf": false, "a/vars/x.tf.bin": false, "m/nested/x.json": false, "m/run.sh": false,
		"shared/f.json": false, "shared/w.yaml": false, "a/c.s3": false, "a/.terraform.lock.hcl": false,
	} {
		for _, ids := range []bool{false, true} {
			digest := func(files map[string]string) string {
				var tree fs.FS = mapFS(files)
				if ids {
					tree = withIDs(tree.(fstest.MapFS))
				}
				return inputs(t, tree, p).FilesDigest
			}
			files := maps.Clone(from)
			files[name] = "locals {}"
			if strings.HasSuffix(name, ".json") {
				files[name] = "{\"locals\": {}}"
			}
			if got := digest(files) == digest(from); got != same {
				t.Errorf("%s (ids %v): got the same digest %v, want %v", name, ids, got, same)
			}
		}
	}
}

// TestInputsDigest: what a plan is made from changes the digest, nothing else does,
// with and without object ids.
func TestInputsDigest(t *testing.T) {
	t.Parallel()
	change := func(name, text string) func(map[string]string, *workflow.Project) {
		return func(f map[string]string, _ *workflow.Project) { f[name] = text }
	}
	tests := []struct {
		name   string
		change func(map[string]string, *workflow.Project)
		same   bool
	}{
		{"nothing", func(map[string]string, *workflow.Project) {}, true},
		{"own file", change("a/y.tf", "locals {}"), false},
		{"data below", change("a/sub/data.json", "[]"), false},
		{"module", change("m/m.tf", "locals {\n}"), false},
		{"a directory of terraform's name", change("a/terraform.d/x", "y"), false},
		{"a directory of terraform's name, of a module", change("m/.terraform/x", "y"), false},
		{"data below the module", change("m/nested/x.json", "[]"), false},
		{"literal file", change("shared/f.json", "[]"), false},
		{"watched", change("shared/w.yaml", "v"), false},
		{"watched, new", change("shared/new.yaml", "v"), false},
		{"var file", change("a/v.tfvars", "x = 2"), false},
		{"lock file", change("a/.terraform.lock.hcl", ""), false},
		{"entry", func(_ map[string]string, p *workflow.Project) {
			settings := sampleSettings
			settings.Tool = Tofu
			p.Settings = settings.JSON()
		}, false},
		{"literal file gone", func(f map[string]string, _ *workflow.Project) { delete(f, "shared/f.json") }, false},
		{"label", func(_ map[string]string, p *workflow.Project) { p.Environment = "prod" }, true},
		{"another project", change("other/o.tf", "locals {}"), true},
		{"a project below", change("a/child/c.tf", "locals {}"), true},
		{"a file beside", change("shared/z.txt", "y"), true},
		{"terraform's own", change("a/.terraform/x", "y"), true},
	}
	for _, ids := range []bool{false, true} {
		digest := func(files map[string]string, p workflow.Project) string {
			var tree fs.FS = mapFS(files)
			if ids {
				tree = withIDs(tree.(fstest.MapFS))
			}
			return inputs(t, tree, p).Digest
		}
		before := digest(sampleFiles, sampleProject)
		for _, tt := range tests {
			files, project := maps.Clone(sampleFiles), sampleProject
			tt.change(files, &project)
			if got := digest(files, project) == before; got != tt.same {
				t.Errorf("%s (ids %v): got the same digest %v, want %v", tt.name, ids, got, tt.same)
			}
		}
	}
}

// TestStates: equal exactly where the same state would be written.
func TestStates(t *testing.T) {
	t.Parallel()
	files := mapFS(map[string]string{
		"a/x.tf": s3, "b/x.tf": "terraform {\n  # the same\n  backend \"s3\" {\n    key = \"k\"\n    bucket = \"${\"b\"}\"\n  }\n}\n",
		"c/x.tf": "terraform {\n backend \"s3\" {}\n}\n", "c/same": "bucket = \"b\"\nkey = \"k\"\n", "c/other": "bucket = \"b\"\nkey = \"l\"\n",
		"d/x.tf": "terraform {\n backend \"s3\" {\n key = var.x\n bucket = \"b\"\n }\n}\n", "e/x.tf": "terraform {\n backend \"s3\" {\n key = var.x\n bucket = \"b\"\n }\n}\n",
		"g/x.tf":      "terraform {\n backend \"s3\" {\n bucket = \"b\"\n key = \"k\"\n encrypt = true\n use_lockfile = false\n }\n}\n",
		"h/x.tf":      "terraform {\n backend \"s3\" {\n bucket = \"b\"\n key = \"env:/blue/k\"\n }\n}\n",
		"f/x.tf.json": `{"terraform": {"backend": {"s3": {"bucket": "b", "key": "k"}}}}`,
	})
	a := one(inputs(t, files, workflow.Project{Dir: "a"}).States)
	tests := []struct {
		project workflow.Project
		same    bool
	}{
		{workflow.Project{Dir: "a", Variant: "default"}, true},
		{workflow.Project{Dir: "a", Variant: "blue"}, false},
		{workflow.Project{Dir: "b"}, true},
		{workflow.Project{Dir: "c"}, false},
		{workflow.Project{Dir: "c", Settings: Settings{BackendConfig: []string{"same"}}.JSON()}, true},
		{workflow.Project{Dir: "c", Settings: Settings{BackendConfig: []string{"other"}}.JSON()}, false},
		{workflow.Project{Dir: "f"}, true},
		{workflow.Project{Dir: "g"}, true},
		{workflow.Project{Dir: "h"}, false},
	}
	for _, tt := range tests {
		if got := one(inputs(t, files, tt.project).States) == a; got != tt.same {
			t.Errorf("%+v: got the same identity %v, want %v", tt.project, got, tt.same)
		}
	}
	if one(inputs(t, files, workflow.Project{Dir: "h"}).States) != one(inputs(t, files, workflow.Project{Dir: "a", Variant: "blue"}).States) {
		t.Error("a key that names a Terraform workspace's object is that state")
	}
	d, e := inputs(t, files, workflow.Project{Dir: "d"}), inputs(t, files, workflow.Project{Dir: "e"})
	for _, other := range []string{one(e.States), a} {
		if !workflow.MayBeOneState(one(d.States), other) {
			t.Error("a key that is computed may be any: nothing tells the two states apart")
		}
	}
	if want := "Cardea cannot tell which state it uses (`key` of its backend is computed), so the strictest rules apply."; d.StateDoubt != want {
		t.Errorf("got %q, want %q", d.StateDoubt, want)
	}
}

// TestBackendConfigCache: a file that was read before says the same again, read as what its name says it is.
func TestBackendConfigCache(t *testing.T) {
	t.Parallel()
	const partial = "terraform {\n backend \"s3\" {}\n}\n"
	files := mapFS(map[string]string{
		"a/x.tf": partial, "b/x.tf": partial, "a/c.hcl": "bucket = \"b\"\nkey = \"k\"\n", "b/c.hcl": "bucket = \"b\"\nkey = \"l\"\n",
		"a/c.json": `{"bucket": "b", "key": "k"}`, "b/c": `{"bucket": "b", "key": "k"}`,
	})
	cached, tree := New(""), withIDs(files)
	for range 2 {
		for _, p := range []workflow.Project{{Dir: "a", Settings: Settings{BackendConfig: []string{"c.hcl"}}.JSON()}, {Dir: "b", Settings: Settings{BackendConfig: []string{"c.hcl"}}.JSON()}, {Dir: "a", Settings: Settings{BackendConfig: []string{"c.json"}}.JSON()},
			{Dir: "b", Settings: Settings{BackendConfig: []string{"c"}}.JSON()}, {Dir: "b", Settings: Settings{BackendConfig: []string{"../a/c.hcl"}}.JSON()}} {
			want := inputs(t, files, p)
			got, err := cached.Inputs(t.Context(), workflow.Tree{FS: tree}, discover(t, cached, tree), p)
			if err != nil || one(got.States) != one(want.States) || got.Facets[2] != want.Facets[2] {
				t.Errorf("%v: got %s, %v, want %s", p, one(got.States), err, one(want.States))
			}
		}
	}
}

// one is the name of the only state; "" for none.
func one(s workflow.States) string { return strings.Join(s, " ") }

// expects is what init is expected to make of a project.
func expects(t *testing.T, in workflow.Inputs) Expected {
	t.Helper()
	x, err := ReadExpected(in.Expected)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// TestUsesAreBounded: modules that call each other by computed sources, ever more of them, end soon; what was not
// followed is computed as ever.
func TestUsesAreBounded(t *testing.T) {
	t.Parallel()
	files := map[string]string{"a/x.tf": "terraform {\n backend \"s3\" {\n bucket = \"b\"\n key = \"k\"\n }\n}\nlocals {\n m = \"../m0\"\n}\nmodule \"a\" {\n source = local.m\n}\n"}
	for i := range 30 {
		files[fmt.Sprintf("m%d/x.tf", i)] = fmt.Sprintf("locals {\n m = \"../m%d\"\n}\nmodule \"a\" {\n source = local.m\n}\nmodule \"b\" {\n source = local.m\n}\n", i+1)
	}
	in := inputs(t, mapFS(files), workflow.Project{Name: "a", Dir: "a", Settings: Settings{Tool: Tofu}.JSON()})
	if in.Refused != "" || !in.AnyFile {
		t.Errorf("got %q, any file %v", in.Refused, in.AnyFile)
	}
	delete(files, "m3/x.tf")
	in = inputs(t, mapFS(files), workflow.Project{Name: "a", Dir: "a", Settings: Settings{Tool: Tofu}.JSON()})
	if want := []string{"m0", "m1", "m2", "m3"}; !slices.Equal(in.Modules, want) || in.AnyFile {
		t.Errorf("got %v, any file %v, want %v", in.Modules, in.AnyFile, want)
	}
}

// TestWorkspaceWorkedOutEarly: OpenTofu's init makes sources and backends in workspace `default`, before another one
// is selected, and refuses to plan then. That is said before anything runs.
func TestWorkspaceWorkedOutEarly(t *testing.T) {
	t.Parallel()
	const source, backend = "The source of a module that it calls uses `terraform.workspace`", "Its backend uses `terraform.workspace`"
	for _, tt := range []struct{ name, code, m, want string }{
		{name: "a source", code: s3 + "module \"m\" {\n source = \"../${terraform.workspace}\"\n}\n", want: source},
		{name: "behind what is not known", code: s3 + "variable \"x\" {}\nmodule \"m\" {\n source = \"../${var.x}/${terraform.workspace}\"\n}\n", want: source},
		{name: "a local", code: s3 + "locals {\n a = { default = \"../default\", blue = \"../blue\" }\n b = local.a[terraform.workspace]\n}\nmodule \"m\" {\n source = local.b\n}\n", want: source},
		{name: "what a module is given", code: s3 + "module \"m\" {\n source = \"../m\"\n x = terraform.workspace\n}\n", m: "variable \"x\" {}\nmodule \"n\" {\n source = \"../${var.x}\"\n}\n", want: source},
		{name: "a backend", code: "terraform {\n backend \"s3\" {\n bucket = \"b\"\n key = terraform.workspace\n }\n}\n", want: backend},
		{name: "a backend's object", code: "terraform {\n backend \"s3\" {\n bucket = \"b\"\n key = \"k\"\n assume_role = {\n role_arn = \"r-${terraform.workspace}\"\n }\n }\n}\n", want: backend},
		{name: "where it is not asked for", code: s3 + "module \"m\" {\n source = false ? terraform.workspace : \"../m\"\n}\n"},
		{name: "anywhere else", code: s3 + "module \"m\" {\n source = \"../m\"\n x = terraform.workspace\n}\n", m: "variable \"x\" {}\n"},
	} {
		files := mapFS(map[string]string{"a/x.tofu": tt.code, "m/m.tofu": tt.m, "default/x.tofu": "", "blue/x.tofu": ""})
		for _, variant := range []string{"default", "blue"} {
			in := inputs(t, files, workflow.Project{Name: "a", Dir: "a", Variant: variant, Settings: Settings{Tool: Tofu}.JSON()})
			if want := tt.want; variant == "default" && in.Refused != "" || variant == "blue" && (!strings.HasPrefix(in.Refused, want) || want == "" && in.Refused != "") {
				t.Errorf("%s, %s: got %q, want %q", tt.name, variant, in.Refused, want)
			}
		}
	}
}
