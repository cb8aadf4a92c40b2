package terraform

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cardea-iac/cardea/workflow"
)

// What the repository says is found in whatever form it stands there; what a tool
// made or changed in the workspace, and what a link leads to, is nobody's to read.
func TestSays(t *testing.T) {
	root, outside := t.TempDir(), filepath.Join(t.TempDir(), "secret")
	write := func(name, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(outside, "behind-a-link")
	write(filepath.Join(root, "prod", "main.tf"), `a = "0.0.0.0/0"`+"\n"+`b = "say \"hello\" $${x}"`+"\n  first line\n  second line\n")
	write(filepath.Join(root, "shared", "users.yaml"), "user: production\n")
	write(filepath.Join(root, "shared", "large"), strings.Repeat("x", saysFile)+"too-far-away")
	write(filepath.Join(root, "shared", "changed"), "as it was")
	if err := os.Symlink(outside, filepath.Join(root, "prod", "link")); err != nil {
		t.Fatal(err)
	}
	p := &planning{job: workflow.PlanJob{Project: workflow.Project{Dir: "prod"}, Files: workflow.RunFiles{Workspace: root}}, dir: filepath.Join(root, "prod")}
	if err := p.look(); err != nil {
		t.Fatal(err)
	}
	write(filepath.Join(root, "prod", "decrypted"), "made-by-the-plan")
	write(filepath.Join(root, "shared", "changed"), "changed-by-the-plan")
	if err := p.look(); err != nil { // before the second plan of a run
		t.Fatal(err)
	}
	says := p.says([]string{"0.0.0.0/0", `say "hello" ${x}`, "first line\nsecond line\n", "production", "first line\nanother line",
		"behind-a-link", "made-by-the-plan", "changed-by-the-plan", "too-far-away", "not there", "a\nb"})
	want := []string{"0.0.0.0/0", "first line\nsecond line\n", "production", `say "hello" ${x}`}
	if got := slices.Sorted(maps.Keys(says)); !slices.Equal(got, want) {
		t.Errorf("the repository says %q, want %q", got, want)
	}
}
