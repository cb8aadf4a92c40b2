package survey

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/config"
)

// TestKindWords: what a survey says of projects it says in their engine's words, and an
// engine's own keys count, whatever they are called.
func TestKindWords(t *testing.T) {
	pots := workflow.Kinds{{Name: "pots", Title: "Pots", VariantKey: workflow.Key{Name: "shelf", Title: "shelf"}, Keys: []workflow.Key{
		{Name: "lid"},
		{Name: "recipes", Title: "recipe", Form: workflow.KeyFiles, Apart: true},
	}}}
	for _, tt := range []struct {
		name, base, head, changes string
		baseFound                 string // a further directory of base, "" for none
		want                      []string
	}{
		{name: "its keys, and a file that one names", base: "{dir: a, lid: x, recipes: [../r/a.txt]}", head: "{dir: a, lid: y, recipes: [../r/a.txt]}", changes: "r/a.txt",
			want: []string{"a: its entry in `.cardea.yml` changed: lid", "a: recipe `r/a.txt` changed"}},
		{name: "a named file is not taken out", base: "{dir: a, watch: [\"!*.txt\"], recipes: [b.txt]}", head: "{dir: a, watch: [\"!*.txt\"], recipes: [b.txt]}", changes: "a/b.txt a/c.txt",
			want: []string{"a: `a/b.txt` changed"}},
		{name: "the same files are the same project", base: "{dir: a, name: x, recipes: [x]}\n- {dir: a, name: y, recipes: [y]}", head: "{dir: a, name: x, recipes: [x]}\n- {dir: a, name: z, recipes: [y]}",
			want: []string{"y: its entry in `.cardea.yml` changed: name"}},
		{name: "a directory that it has nothing in", base: "{dir: a}", head: "{dir: zz}",
			want: []string{"directory `zz` does not exist or has no Pots files"}},
		{name: "two that come to one name", base: "{dir: a, name: b/top}", head: "{dir: a, name: b/top}\n- {dir: b, shelf: top}",
			want: []string{"two projects are called `b/top`: directory `a` (shelf `default`) and directory `b` (shelf `top`). A project of the base branch keeps its name until the change is merged"}},
		{name: "a file outside", base: "{dir: a}", head: "{dir: a, recipes: [../../x]}",
			want: []string{"`recipes` of project `a` names \"../../x\", which leaves the repository"}},
		{name: "what takes a place", base: "{dir: b}", head: "{dir: a, shelf: top}",
			want: []string{"a: `.cardea.yml` replaces it with `a/top` in the same directory; add an entry with `shelf: default` to keep it (deleted)", "a/top: it is a new project"}},
		{name: "a directory that is gone", base: "{dir: c}", head: "{dir: a}", baseFound: "c",
			want: []string{"c: directory `c` is deleted or no longer has any Pots files (deleted)"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			parse := func(text string) config.Repo {
				cfg, faults := config.ParseRepo(workflow.RepoConfigFile, []byte("projects:\n- "+text+"\n"), pots)
				if len(faults) > 0 {
					t.Fatal(faults)
				}
				return cfg
			}
			head := found("a", "b")
			in := Input{Kinds: pots, Base: parse(tt.base), Head: parse(tt.head), BaseFound: head, HeadFound: head}
			if tt.baseFound != "" {
				in.BaseFound = found("a", "b", tt.baseFound)
			}
			r := Resolve(in)
			var got []string
			for _, d := range r.Diagnostics {
				got = append(got, d.Summary)
			}
			var changes []workflow.FileChange
			for _, f := range strings.Fields(tt.changes) {
				changes = append(changes, workflow.FileChange{Path: f, Status: "modified"})
			}
			affected, _ := AffectedBy(AffectedInput{Changes: changes, Resolution: r, BaseFound: in.BaseFound, HeadFound: head})
			for _, a := range affected {
				for _, why := range a.Reasons {
					if a.Deleted {
						why += " (deleted)"
					}
					if len(r.Diagnostics) == 0 {
						got = append(got, fmt.Sprintf("%s: %s", a.Project.Name, why))
					}
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}
