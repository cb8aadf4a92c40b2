package survey

import (
	"slices"
	"testing"
	"testing/fstest"

	"github.com/cardea-iac/cardea/workflow"
)

// TestNoteMisnamed: a configuration that has no effect because of its name is named, and a server's is not.
func TestNoteMisnamed(t *testing.T) {
	for name, tt := range map[string]struct {
		files map[string]string
		want  []string
	}{
		"none":             {},
		"another ending":   {files: map[string]string{".cardea.yaml": "version: 1\n"}, want: []string{"`.cardea.yaml` is not read: rename it to `.cardea.yml`."}},
		"without its dot":  {files: map[string]string{"cardea.yml": "version: 1\n"}, want: []string{"`cardea.yml` is not read: rename it to `.cardea.yml`."}},
		"beside the right": {files: map[string]string{".cardea.yaml": "version: 1\n", ".cardea.yml": "version: 1\n"}},
		"a server's":       {files: map[string]string{"cardea.yml": "data_dir: /x\n"}},
		"empty":            {files: map[string]string{"cardea.yml": ""}},
	} {
		tree := fstest.MapFS{}
		for file, text := range tt.files {
			tree[file] = &fstest.MapFile{Data: []byte(text)}
		}
		if got := noteMisnamed(workflow.Tree{FS: tree}, kinds); !slices.Equal(got, tt.want) {
			t.Errorf("%s: got %q, want %q", name, got, tt.want)
		}
	}
}

// TestNoteUnread: of a directory that nothing plans, a file that cannot be read is named, and a warning is not.
func TestNoteUnread(t *testing.T) {
	fault := workflow.Diagnostic{Severity: workflow.SeverityError, Summary: "Invalid block.", Position: workflow.Position{File: "a/x.tf", Line: 3}}
	found := workflow.Discovery{Modules: map[string]workflow.Module{
		"a": {Diagnostics: []workflow.Diagnostic{{Severity: workflow.SeverityWarning, Summary: "Odd"}, fault, fault}}, "b": {}}}
	none := []workflow.NotPlanned{{Dirs: []string{"b"}}, {Kind: "terragrunt", Dirs: []string{"a"}}, {Kind: workflow.Unreadable, Dirs: []string{"a"}}}
	want := []string{"`a/x.tf` line 3 cannot be read: Invalid block. Until that is fixed, Cardea does not know whether `a` is a project."}
	if got := noteUnread(none, found); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	found.Modules["a"].Diagnostics[1] = workflow.Diagnostic{Severity: workflow.SeverityError, Summary: "it is too large", Position: workflow.Position{File: "a/x.tf"}}
	want = []string{"`a/x.tf` cannot be read: it is too large. Until that is fixed, Cardea does not know whether `a` is a project."}
	if got := noteUnread(none, found); !slices.Equal(got, want) {
		t.Errorf("of a whole file: got %q, want %q", got, want)
	}
}
