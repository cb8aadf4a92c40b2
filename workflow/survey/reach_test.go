package survey

import (
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/terraform"
)

// readChange is what a change says: files of base ("-> x" is a symlink), and those that head writes otherwise or, empty, lacks.
func readChange(t *testing.T, base, head map[string]string) Survey {
	t.Helper()
	after := maps.Clone(base)
	var changes []workflow.FileChange
	for name, text := range head {
		if after[name] = text; text == "" {
			delete(after, name)
		}
		changes = append(changes, workflow.FileChange{Path: name, Status: "modified"})
	}
	tree := func(id string, files map[string]string) workflow.Tree {
		out := fstest.MapFS{}
		for name, text := range files {
			out[name] = &fstest.MapFile{Data: []byte(text), Mode: 0o644}
			if to, ok := strings.CutPrefix(text, "-> "); ok {
				out[name] = &fstest.MapFile{Data: []byte(to), Mode: fs.ModeSymlink | 0o777}
			}
		}
		return workflow.Tree{ID: id, FS: out}
	}
	engines := workflow.Engines{terraform.New(terraform.Options{})}
	s, trouble, err := Read(t.Context(), engines, workflow.DefaultRules("*"), workflow.Pull{},
		workflow.Checkout{Head: "h", Base: "b", Planned: tree("after", after), BaseTree: tree("before", base), Changes: changes})
	if err != nil || trouble != nil {
		t.Fatal(trouble, err)
	}
	return s
}

func reasonsOf(s Survey) []string {
	var out []string
	for _, a := range s.Affected {
		out = append(out, a.Project.Name+": "+strings.Join(a.Reasons, "; "))
	}
	return slices.Sorted(slices.Values(out))
}

// TestVersionFilesAffect: a version file is an input of the projects for which it counts, and of no other.
func TestVersionFilesAffect(t *testing.T) {
	t.Parallel()
	const backend = "terraform {\n  backend \"local\" {\n    path = \"/srv/x\"\n  }\n}\n"
	base := map[string]string{"a/x.tf": backend, "live/b/x.tf": backend, "live/c/x.tf": backend, "live/c/.terraform-version": "1.9.8",
		".terraform-version": "1.11.4", ".tool-versions": "terraform 1.0.0\nnodejs 20.0.0\n", ".opentofu-version": "1.10.6",
		".cardea.yml": "version: 1\nprojects: [{dir: live/b, tool: terraform}, {dir: a, tool: terraform}, {dir: live/c, tool: terraform}]\n"}
	entry := func(more string) map[string]string {
		out := maps.Clone(base)
		out[".cardea.yml"] = strings.Replace(out[".cardea.yml"], "dir: a, ", "dir: a, "+more+", ", 1)
		return out
	}
	for _, tt := range []struct {
		name string
		base map[string]string
		head map[string]string
		want []string
	}{
		{name: "from above", head: map[string]string{".terraform-version": "1.11.5"}, want: []string{"a: `.terraform-version` changed", "live/b: `.terraform-version` changed"}},
		{name: "layout alone", head: map[string]string{".terraform-version": "# pinned\nv1.11.4\n"}},
		{name: "a nearer one is new", head: map[string]string{"live/.tool-versions": "terraform 1.10.0"}, want: []string{"live/b: `live/.tool-versions` changed"}},
		{name: "it is gone, and another counts", head: map[string]string{".terraform-version": ""}, want: []string{"a: `.terraform-version` changed", "live/b: `.terraform-version` changed"}},
		{name: "another tool's line", head: map[string]string{".tool-versions": "terraform 1.0.0\nnodejs 22.0.0\n"}},
		{name: "a line that a better file hides", head: map[string]string{".tool-versions": "terraform 1.1.0\n"}},
		{name: "the other tool's file", head: map[string]string{".opentofu-version": "1.10.7"}},
		{name: "an entry that names its version", base: entry("version: 1.11.4"), head: map[string]string{".terraform-version": "1.11.5"}, want: []string{"live/b: `.terraform-version` changed"}},
		{name: "its own", head: map[string]string{"live/c/.terraform-version": "1.9.9"}, want: []string{"live/c: `live/c/.terraform-version` changed"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.base == nil {
				tt.base = base
			}
			s := readChange(t, tt.base, tt.head)
			if diff := cmp.Diff(tt.want, reasonsOf(s)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			for _, p := range s.Resolution.Projects {
				now, err := s.engines.Inputs(t.Context(), s.Checkout.Planned, s.Found, p)
				if err != nil {
					t.Fatal(err)
				}
				was, err := s.engines.Inputs(t.Context(), s.Checkout.BaseTree, s.BaseFound, p)
				if err != nil {
					t.Fatal(err)
				}
				affected := slices.ContainsFunc(tt.want, func(w string) bool { return strings.HasPrefix(w, p.Name+":") })
				if same := now.Digest == was.Digest; same == affected {
					t.Errorf("%s: the inputs are the same: %v", p.Name, same)
				}
			}
		})
	}
}

// TestEarlyEvaluationAffects: with OpenTofu a module whose source is made from variables and locals belongs to
// the projects whose var files lead to it, and to no other.
func TestEarlyEvaluationAffects(t *testing.T) {
	t.Parallel()
	const entries = "version: 1\nprojects:\n- {dir: app, name: dev, tool: tofu, var_files: [dev.tfvars]}\n- {dir: app, name: prod, tool: tofu, var_files: [prod.tfvars]}\n- {dir: tf, tool: terraform}\n"
	const main = "terraform {\n  backend \"local\" {\n    path = \"/srv/${var.env}\"\n  }\n}\nvariable \"env\" {}\nlocals {\n  mods = \"../mods\"\n}\nmodule \"m\" {\n  source = \"${local.mods}/${var.env}\"\n}\n" +
		"module \"c\" {\n  source = local.common\n  env = var.env\n}\nlocals {\n  common = \"${local.mods}/common\"\n}\n"
	base := map[string]string{".cardea.yml": entries, "app/main.tofu": main, "app/dev.tfvars": "env = \"dev\"", "app/prod.tfvars": "env = \"prod\"",
		"mods/dev/m.tf": "", "mods/prod/m.tf": "", "mods/qa/m.tf": "", "mods/common/m.tf": "variable \"env\" {}\nmodule \"below\" {\n  source = \"./${var.env}\"\n}\n",
		"mods/common/prod/m.tf": "", "mods/common/dev/m.tf": "", "README.md": "", "other/x.txt": "",
		"tf/main.tf": "terraform {\n  backend \"local\" {\n    path = \"/srv/tf\"\n  }\n}\nvariable \"v\" {\n  default = \"qa\"\n}\nmodule \"m\" {\n  source = \"../mods/${var.v}\"\n}\n"}
	with := func(name, text string) map[string]string {
		out := maps.Clone(base)
		out[name] = text
		return out
	}
	leads := "tf: `%s`, to which a computed source may lead, changed"
	for _, tt := range []struct {
		name string
		base map[string]string
		head map[string]string
		want []string
	}{
		{name: "the module of one", head: map[string]string{"mods/prod/m.tf": "locals {}"},
			want: []string{"prod: `mods/prod/m.tf` of module `mods/prod` changed", strings.Replace(leads, "%s", "mods/prod/m.tf", 1)}},
		{name: "nobody's module", head: map[string]string{"mods/qa/m.tf": "locals {}"}, want: []string{strings.Replace(leads, "%s", "mods/qa/m.tf", 1)}},
		{name: "a constant", head: map[string]string{"mods/common/m.tf": base["mods/common/m.tf"] + "#"},
			want: []string{"dev: `mods/common/m.tf` of module `mods/common` changed", "prod: `mods/common/m.tf` of module `mods/common` changed", strings.Replace(leads, "%s", "mods/common/m.tf", 1)}},
		{name: "what a module is given", head: map[string]string{"mods/common/dev/m.tf": "locals {}"},
			want: []string{"dev: `mods/common/dev/m.tf` of module `mods/common/dev` changed", strings.Replace(leads, "%s", "mods/common/dev/m.tf", 1)}},
		{name: "what nobody reads", head: map[string]string{"README.md": "x", "other/x.txt": "y"}},
		{name: "the var file", head: map[string]string{"app/dev.tfvars": "env = \"qa\""}, want: []string{"dev: `app/dev.tfvars` changed"}},
		{name: "a default, and a file that is read by itself", base: with("app/dev.tfvars", ""), head: map[string]string{"mods/qa/m.tf": "locals {}", "app/x.auto.tfvars": "env = \"qa\""},
			want: []string{"dev: `app/x.auto.tfvars` changed; `mods/qa/m.tf` of module `mods/qa` changed", "prod: `app/x.auto.tfvars` changed", strings.Replace(leads, "%s", "mods/qa/m.tf", 1)}},
		{name: "not known", base: with("app/dev.tfvars", ""), head: map[string]string{"mods/qa/m.tf": "locals {}"},
			want: []string{"dev: `mods/qa/m.tf`, to which a computed source may lead, changed", strings.Replace(leads, "%s", "mods/qa/m.tf", 1)}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.base == nil {
				tt.base = base
			}
			s := readChange(t, tt.base, tt.head)
			if diff := cmp.Diff(tt.want, reasonsOf(s)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			for _, n := range s.NotPlanned {
				for _, dir := range n.Dirs {
					if slices.ContainsFunc(tt.want, func(w string) bool { return strings.Contains(w, "of module `"+dir+"`") }) {
						t.Errorf("%s is said to be planned by nobody", dir)
					}
				}
			}
		})
	}
	s := readChange(t, base, map[string]string{"mods/prod/m.tf": "locals {}"})
	states := map[string]workflow.States{}
	for _, p := range s.Resolution.Projects {
		if p.Library {
			continue
		}
		r, refused, err := s.PlanRun(t.Context(), p)
		if err != nil || refused != "" || (r.StateDoubt != "") {
			t.Errorf("%s: got %q, %q, %v", p.Name, refused, r.StateDoubt, err)
		}
		states[p.Name] = r.States
	}
	if states["dev"].MayBe(states["prod"]) {
		t.Errorf("two var files lead to one state: %v", states)
	}
}
