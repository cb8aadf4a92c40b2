package terraform

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-iac/cardea/workflow"
)

// TestWritten: `removed` blocks whose provisioners run and `dynamic` blocks, in all
// modules of a project, are found where the plan's JSON is silent.
func TestWritten(t *testing.T) {
	t.Parallel()
	const old = `resource "terraform_data" "gone" { input = 1 }`
	w := newWorld(t, map[string]string{
		"app/backend.tf": backend, "app/main.tf": old + "\nmodule \"m\" { source = \"../m\" }\n", "m/main.tf": old + "\nmodule \"n\" { source = \"./n\" }\n",
		"m/n/main.tf": old,
	})
	w.apply()
	const removed = `
		removed {
		  from = terraform_data.gone
		  lifecycle { destroy = true }
		  provisioner "local-exec" {
		    when    = destroy
		    command = "true"
		  }
		  provisioner "local-exec" {
		    when    = destroy
		    command = "false"
		  }
		}`
	w.files["app/main.tf"] = removed + "\nmodule \"m\" { source = \"../m\" }\n"
	w.files["m/main.tf"] = "module \"n\" { source = \"./n\" }"
	w.files["m/n/main.tf"] = ""
	w.files["m/n/main.tf.json"] = `{"removed": {"from": "terraform_data.gone", "lifecycle": {"destroy": true}, "provisioner": {"local-exec": {"when": "destroy", "command": "true"}}}}`
	got := w.mustPlan()
	want := []workflow.HiddenEffect{
		{Kind: "provisioner", Address: "module.m.module.n.terraform_data.gone", Text: "`module.m.module.n.terraform_data.gone` runs local-exec when it is destroyed, as its `removed` block says"},
		{Kind: "provisioner", Address: "terraform_data.gone", Text: "`terraform_data.gone` runs local-exec when it is destroyed, as its `removed` block says"},
	}
	if diff := cmp.Diff(want, got.Hidden); diff != "" || got.Counts.Destroy != 3 {
		t.Errorf("counts %+v, hidden (-want +got):\n%s", got.Counts, diff)
	}
	w.files["app/main.tf"] = old + "\nmodule \"m\" { source = \"../m\" }\n" // what is not destroyed runs nothing
	if got := w.mustPlan(); len(got.Hidden) != 1 {
		t.Errorf("hidden: %+v", got.Hidden)
	}
}

func TestWrittenFiles(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, file, text string
		want             map[string]bool
	}{
		{"none", "a.tf", `resource "a" "b" { dynamic = 1 }`, map[string]bool{}},
		{"dynamic blocks", "a.tf", `resource "a" "b" {
			dynamic "rule" {
				content {
					dynamic /* here */ inner {
						content {}
					}
				}
			}
		}`, map[string]bool{"rule": true, "inner": true}},
		{"in a provider", "a.tf", "provider \"a\" {\n dynamic \"role\" {\n content {}\n }\n}", map[string]bool{"provider.role": true}},
		{"a function in a provider", "a.tf", "provider \"a\" {\n b {\n x = file(\"y\")\n }\n}", map[string]bool{"provider.()": true}},
		{"a function in a provider in JSON", "a.tf.json", `{"provider": {"a": {"x": "${file(\"y\")}"}}}`, map[string]bool{"*": true}},
		{"a provider in JSON", "a.tf.json", `{"provider": {"a": {"x": "y"}}}`, map[string]bool{}},
		{"in JSON", "a.tf.json", `{"resource": {"a": {"b": {"dynamic": {"rule": {}}}}}}`, map[string]bool{"*": true}},
		{"in JSON, written in another way", "a.tf.json", `{"resource": {"a": {"b": {"\u0064ynamic": {"rule": {}}}}}}`, map[string]bool{"*": true}},
		{"no dynamic in JSON", "a.tf.json", `{"resource": {"a": {"b": {"rule": {}}}}}`, map[string]bool{}},
		{"what cannot be read", "a.tf.json", `[`, map[string]bool{"*": true}},
	} {
		w := writing{dynamic: map[string]bool{}, removed: map[string][]string{}, literals: map[string]bool{}}
		w.file(c.file, []byte(c.text))
		if diff := cmp.Diff(c.want, w.dynamic); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

// TestFind: what words of a plan name in the workspace.
func TestFind(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, f := range []string{"app/kube.yaml", "app/files/x.bin", "shared/token.sh", "app/links/plain"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, f)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, f), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for name, to := range map[string]string{"app/token": "../shared/token.sh", "app/links/shared": "../../shared", "app/out": "/etc"} {
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	p := &planning{dir: filepath.Join(dir, "app"), job: workflow.PlanJob{Project: workflow.Project{Dir: "app"}, Files: workflow.RunFiles{Workspace: dir}}}
	var err error
	if p.before, err = listFiles(dir, p.dataDir()); err != nil {
		t.Fatal(err)
	}
	for _, f := range []string{"app/made.zip", "app/files/made", "app/.terraform/modules/m/made.zip", "app/.terraform/providers/p"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, f)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, f), []byte(f), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	find := p.written().Find
	for word, want := range map[string][]workflow.Place{
		"kube.yaml": {{Path: "app/kube.yaml"}}, "./kube.yaml": {{Path: "app/kube.yaml"}}, "../shared/token.sh": {{Path: "shared/token.sh"}},
		"shared/token.sh": {{Path: "shared/token.sh", Rooted: true}}, "shared//./token.sh": {{Path: "shared/token.sh", Rooted: true}}, filepath.Join(dir, "shared/token.sh"): {{Path: "shared/token.sh"}},
		"../shared": {{Path: "shared", Dir: true}}, "shared": nil, "": nil, "none": nil, "../../../etc/passwd": nil, "/etc/passwd": nil, "/": nil, "/shared/token.sh": nil, "a\x00b": nil,
		"token": {{Path: "app/token", Leads: []string{"shared/token.sh"}}}, "links": {{Path: "app/links", Dir: true, Leads: []string{"shared"}}},
		"links/shared/token.sh": {{Path: "app/links/shared/token.sh", Leads: []string{"shared/token.sh"}}}, "out": {{Path: "app/out", Dir: true, Unclear: true}},
		"made.zip": {{Path: "app/made.zip", Made: "x"}}, "files": {{Path: "app/files", Dir: true, Made: "x"}},
		".terraform/modules/m/made.zip": {{Path: "app/.terraform/modules/m/made.zip", Made: "x"}}, ".terraform/providers/p": nil,
	} {
		got := find(word)
		for i := range got {
			if got[i].Made != "" {
				got[i].Made = "x"
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", word, diff)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "app/made.zip"), []byte("another"), 0o644); err != nil {
		t.Fatal(err)
	}
	if one, two := find("made.zip")[0].Made, p.written().Find("made.zip")[0].Made; one == two {
		t.Error("what the plan made differs, its digest does not")
	}
}
