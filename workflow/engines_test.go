package workflow_test

import (
	"context"
	"io/fs"
	"path"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/terraform"
)

// lists is an engine for directories with a file "list", which names the files that it reads. It plans nothing.
type lists struct{}

func (lists) Kind() workflow.Kind { return workflow.Kind{Name: "lists", Title: "Lists"} }

func (lists) Discover(_ context.Context, t workflow.Tree) (workflow.Discovery, error) {
	d := workflow.Discovery{Modules: map[string]workflow.Module{}, UnitNames: []string{"a/lists", "common/vars.yaml"},
		Units: map[string]workflow.Unit{"both": {Kind: "Lists of lists", Calls: []string{"net"}}}}
	return d, fs.WalkDir(t, ".", func(name string, _ fs.DirEntry, err error) error {
		if path.Base(name) == "list" {
			d.Modules[path.Dir(name)] = workflow.Module{Dir: path.Dir(name), Files: []string{"shared/a"}}
		}
		return err
	})
}

func (lists) States(_ context.Context, _ workflow.Tree, _ workflow.Discovery, p workflow.Project) (workflow.States, error) {
	return workflow.States{"list of " + p.Dir}, nil
}

func (lists) Inputs(_ context.Context, _ workflow.Tree, d workflow.Discovery, p workflow.Project) (workflow.Inputs, error) {
	return workflow.Inputs{Dir: p.Dir, Files: d.Modules[p.Dir].Files, Modules: slices.Collect(func(yield func(string) bool) {
		for dir := range d.Modules {
			if !yield(dir) {
				return
			}
		}
	})}, nil
}

func (lists) Plan(context.Context, workflow.PlanJob) (workflow.Result, error) {
	return workflow.Result{Reason: "lists plans"}, nil
}

func (lists) Apply(context.Context, workflow.ApplyJob) (workflow.Result, error) {
	return workflow.Result{Reason: "lists applies"}, nil
}

// TestEngines: each project is its own engine's, which sees what it found itself; one of an engine
// that is not there is refused, whatever is asked.
func TestEngines(t *testing.T) {
	engines := workflow.Engines{terraform.New(terraform.Options{}), lists{}}
	tree := workflow.Tree{FS: fstest.MapFS{
		"net/main.tf": {Data: []byte("terraform {\n  backend \"local\" {\n    path = \"/state\"\n  }\n}\nlocals {\n  x = file(\"${path.module}/../shared/b\")\n}\n")},
		"net/list":    {}, "apps/list": {}, "shared/a": {}, "shared/b": {},
		"both/terragrunt.hcl": {Data: []byte("locals {\n  x = file(\"common/vars.yaml\")\n}\nterraform {\n  source = \"../apps\"\n}\n")},
	}}
	found, err := engines.Discover(t.Context(), tree)
	if err != nil {
		t.Fatal(err)
	}
	net, apps := found.Modules["net"], found.Modules["apps"]
	if net.Engine != "terraform" || apps.Engine != "lists" || len(found.Modules) != 2 {
		t.Errorf("found %+v", found.Modules)
	}
	if d := cmp.Diff([]string{"shared/a", "shared/b"}, net.Files); d != "" {
		t.Errorf("files that both engines read in one directory (-want +got):\n%s", d)
	}
	if d := cmp.Diff([]string{"a/lists", "common/vars.yaml"}, found.UnitNames); d != "" {
		t.Errorf("what units name (-want +got):\n%s", d)
	}
	want := map[string]workflow.Unit{"both": {Kind: "Terragrunt", Calls: []string{"apps", "net"}, Nested: true}}
	if d := cmp.Diff(want, found.Units); d != "" {
		t.Errorf("a unit of both engines (-want +got):\n%s", d)
	}
	in, err := engines.Inputs(t.Context(), tree, found, workflow.Project{Dir: "apps", Engine: "lists"})
	slices.Sort(in.Modules)
	if err != nil || !slices.Equal(in.Modules, []string{"apps", "net"}) || !slices.Equal(in.Files, []string{"shared/a"}) {
		t.Errorf("the engine sees %+v, %v", in, err)
	}
	in, err = engines.Inputs(t.Context(), tree, found, workflow.Project{Dir: "net", Variant: "default", Engine: "terraform"})
	if err != nil || in.Refused != "" || !slices.Equal(in.Files, []string{"shared/b"}) {
		t.Errorf("Terraform reads %+v, %v", in, err)
	}

	p := workflow.Project{Name: "x", Dir: "net", Engine: "pulleys"}
	const refused = "This server has no engine `pulleys`: it has `terraform` and `lists`. Ask whoever runs the server."
	if in, err := engines.Inputs(t.Context(), tree, found, p); err != nil || in.Refused != refused {
		t.Errorf("got %+v, %v", in, err)
	}
	if states, err := engines.States(t.Context(), tree, found, p); err != nil || states != nil {
		t.Errorf("its states are %q, %v", states, err)
	}
	failed := workflow.Result{Outcome: workflow.OutcomeFailed, NotStarted: true, Reason: refused}
	if res, err := engines.Plan(t.Context(), workflow.PlanJob{Project: p}); err != nil || !cmp.Equal(res, failed) {
		t.Errorf("planned: %+v, %v", res, err)
	}
	if res, err := engines.Apply(t.Context(), workflow.ApplyJob{Project: p}); err != nil || !cmp.Equal(res, failed) {
		t.Errorf("applied: %+v, %v", res, err)
	}
	if res, err := engines.Apply(t.Context(), workflow.ApplyJob{Project: workflow.Project{Engine: "lists"}}); err != nil || res.Reason != "lists applies" {
		t.Errorf("got %+v, %v", res, err)
	}
}
