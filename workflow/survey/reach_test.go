package survey

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/terraform"
)

// readChange is what a change says: files of base, and those that head writes otherwise or, empty, lacks.
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
