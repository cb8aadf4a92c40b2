package survey

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/terraform/tfconfig"
)

// readProject is what a plan of a project is made from that has these files.
func readProject(t *testing.T, files map[string]string) *workflow.Inputs {
	t.Helper()
	fsys := fstest.MapFS{}
	for name, text := range files {
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
	}
	reader, tree := tfconfig.New(""), workflow.Tree{FS: fsys}
	found, err := reader.Discover(t.Context(), tree)
	if err != nil {
		t.Fatal(err)
	}
	in, err := reader.Inputs(t.Context(), tree, found, workflow.Project{Name: "a", Dir: "a", Engine: tfconfig.Terraform})
	if err != nil {
		t.Fatal(err)
	}
	return &in
}

// TestHidden: what a change does beside its plan's changes is told in this order.
func TestHidden(t *testing.T) {
	const backend = "terraform {\n  backend \"local\" {\n    path = \"/srv/x\"\n  }\n}\n"
	lock := func(providers ...string) string {
		out := ""
		for _, p := range providers {
			out += "provider \"" + p + "\" {\n  version = \"1.0.0\"\n}\n"
		}
		return out
	}
	full := map[string]string{
		"a/b.tf": backend, "a/p.tf": "provider \"aws\" {}\n", "a/.terraform.lock.hcl": lock("r/b", "r/a")}
	calling := map[string]string{
		"a/b.tf": backend, "a/m.tf": "module \"n\" {\n  source = var.n\n}\nmodule \"m\" {\n  source = var.m\n}\n"}
	for _, tt := range []struct {
		name          string
		base, planned map[string]string
		want          string
	}{
		{"nothing", full, full, ""},
		{"a new project", nil, map[string]string{"a/b.tf": backend}, "backend: the backend configuration is new"},
		{"all is new", map[string]string{"a/b.tf": ""}, full, "lock_file: the dependency lock file `.terraform.lock.hcl` is new\n" +
			"provider_config: the provider configuration is new\nbackend: the backend configuration is new\n" +
			"provider r/a: the provider `r/a` is new in the lock file\nprovider r/b: the provider `r/b` is new in the lock file"},
		{"all is gone", full, map[string]string{"a/b.tf": ""}, "lock_file: the dependency lock file `.terraform.lock.hcl` is removed\n" +
			"provider_config: the provider configuration is removed\nbackend: the backend configuration is removed\n" +
			"provider r/a: the provider `r/a` is gone from the lock file\nprovider r/b: the provider `r/b` is gone from the lock file"},
		{"all changes", full, map[string]string{
			"a/b.tf": strings.ReplaceAll(backend, "/x", "/y") + "module \"m\" {\n  source = var.m\n}\n", "a/p.tf": "provider \"aws\" {\n  region = \"x\"\n}\n", "a/.terraform.lock.hcl": lock("r/b", "r/c")},
			"lock_file: the dependency lock file `.terraform.lock.hcl` changes\nprovider_config: the provider configuration changes\nbackend: the backend configuration changes\n" +
				"provider r/c: the provider `r/c` is new in the lock file\nmodule_source: the source of `module.m` in `a` is computed: any file of the repository may be the module\n" +
				"provider r/a: the provider `r/a` is gone from the lock file"},
		{"sources that are computed are told again", calling, calling, "module_source: the source of `module.m` in `a` is computed: any file of the repository may be the module\n" +
			"module_source: the source of `module.n` in `a` is computed: any file of the repository may be the module"},
		{"sources that are computed no longer", calling, map[string]string{"a/b.tf": backend}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var base *workflow.Inputs
			if tt.base != nil {
				base = readProject(t, tt.base)
			}
			var got []string
			for _, e := range Hidden(base, readProject(t, tt.planned)) {
				got = append(got, strings.TrimSpace(e.Kind+" "+e.Address)+": "+e.Text)
			}
			if d := cmp.Diff(tt.want, strings.Join(got, "\n")); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
		})
	}
	if got := Hidden(readProject(t, full), nil); got != nil {
		t.Errorf("without a planned tree: %+v", got)
	}
}

// TestHiddenFacets: what is told of a facet whose thing comes, stays and goes.
func TestHiddenFacets(t *testing.T) {
	plain := func(hash string) []workflow.Facet { return []workflow.Facet{{Kind: "k", What: "the lid", Hash: hash}} }
	always := func(hash string) []workflow.Facet {
		return []workflow.Facet{{Kind: "k", What: "the fire", Hash: hash, Always: true}}
	}
	for _, tt := range []struct {
		name          string
		base, planned []workflow.Facet
		want          string
	}{
		{"comes", plain(""), plain("1"), "the lid is new"},
		{"changes", plain("1"), plain("2"), "the lid changes"},
		{"stays", plain("1"), plain("1"), ""},
		{"goes", plain("1"), plain(""), "the lid is removed"},
		{"goes with its facet", plain("1"), nil, "the lid is removed"},
		{"never was", plain(""), plain(""), ""},
		{"told always: comes", nil, always("1"), "the fire is new"},
		{"told always: stays", always("1"), always("1"), "the fire is there"},
		{"told always: goes", always("1"), always(""), ""},
		{"told always: never was", always(""), always(""), ""},
		{"one of two that differ in what they are", append(plain("1"), always("1")...), plain("1"), ""},
	} {
		var got []string
		for _, e := range Hidden(&workflow.Inputs{Facets: tt.base}, &workflow.Inputs{Facets: tt.planned}) {
			got = append(got, e.Text)
		}
		if d := cmp.Diff(tt.want, strings.Join(got, "\n")); d != "" {
			t.Errorf("%s: -want +got:\n%s", tt.name, d)
		}
	}
}
