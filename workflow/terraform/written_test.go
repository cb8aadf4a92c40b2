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
		w := writing{dynamic: map[string]bool{}, removed: map[string][]string{}}
		w.file(c.file, []byte(c.text))
		if diff := cmp.Diff(c.want, w.dynamic); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

func TestWrittenExists(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, f := range []string{"app/kube.yaml", "shared/token.sh"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, f)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, f), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	p := &planning{dir: filepath.Join(dir, "app"), job: workflow.PlanJob{Project: workflow.Project{Dir: "app"}}}
	exists := p.written().Exists
	for name, want := range map[string]bool{"kube.yaml": true, "./kube.yaml": true, "../shared/token.sh": true, "../shared": false, "": false, "none": false, "../../../etc/passwd": false} {
		if got := exists(name); got != want {
			t.Errorf("%q: got %v, want %v", name, got, want)
		}
	}
}

// TestEncryptionIsConfiguration: OpenTofu's encryption block can run programs, so it is none that changes silently.
func TestEncryptionIsConfiguration(t *testing.T) {
	t.Parallel()
	config := func(command string) string {
		p := newParser()
		p.file("main.tf", []byte("terraform {\n encryption {\n key_provider \"external\" \"x\" {\n command = [\""+command+"\"]\n }\n }\n}"))
		return p.finish().providers
	}
	if one, two := config("a"), config("b"); one == "" || one == two {
		t.Errorf("got %q and %q", one, two)
	}
}
