package main

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/config"
)

// maxEntryLines is how many projects are shown of what entries become.
const maxEntryLines = 100

// entriesOf says what a file's entries become where that is not what stands in them: entries of
// globs and of environments, with paths and placeholders written out.
func entriesOf(cfg config.Repo, kinds workflow.Kinds, projects []workflow.Project) (lines []string) {
	written := map[workflow.Position]config.ProjectEntry{}
	for _, e := range cfg.Projects {
		written[e.Position] = e
	}
	more := 0
	for _, p := range projects {
		e, ok := written[p.Position]
		plain := !e.Glob && e.Under == "" && e.Variant == p.Variant && string(e.Settings) == string(p.Settings) &&
			slices.Equal(e.DependsOn, p.DependsOn) && slices.Equal(e.Watch, p.Watch)
		if !ok || plain {
			continue
		}
		if len(lines) == maxEntryLines {
			more++
			continue
		}
		lines = append(lines, entryLine(p, kinds.Of(p)))
	}
	if more > 0 {
		lines = append(lines, fmt.Sprintf("and %s more", counted(more, "project")))
	}
	return append(lines, oneState(kinds, projects)...)
}

// idleEntries says which entries of a file stand for no project of its tree.
func idleEntries(cfg config.Repo, projects []workflow.Project) (notes []string) {
	used := map[workflow.Position]bool{}
	for _, p := range projects {
		used[p.Position] = true
	}
	done := map[int]bool{} // items with a project, or said
	for _, e := range cfg.Projects {
		done[e.Item] = done[e.Item] || used[e.Position]
	}
	for _, e := range cfg.Projects {
		if e.Glob && !done[e.Item] {
			done[e.Item] = true
			notes = append(notes, fmt.Sprintf("note: `%s` on line %d makes no project: no directory matches, or all that do have another entry",
				e.Dir, e.Position.Line))
		}
	}
	return notes
}

// entryLine is one project as its entry asks for it.
func entryLine(p workflow.Project, kind workflow.Kind) string {
	parts := []string{"directory " + p.Dir}
	for _, part := range []struct{ key, value string }{{"environment", p.Environment}, {"component", p.Component},
		{kind.VariantKey.Title, strings.TrimPrefix(p.Variant, workflow.DefaultVariant)}} {
		if part.value != "" {
			parts = append(parts, part.key+" "+part.value)
		}
	}
	for _, key := range kind.Keys {
		if value := p.Setting(key.Name); value != nil && key.Form != workflow.KeyFiles {
			parts = append(parts, key.Name+" "+strings.Trim(string(value), `"`))
		}
		var files []string
		for _, f := range p.Files(key) {
			files = append(files, path.Join(p.Dir, f))
		}
		if len(files) > 0 {
			parts = append(parts, key.Name+" "+strings.Join(files, " "))
		}
	}
	for _, list := range []struct {
		key   string
		texts []string
	}{{"watch", p.Watch}, {"depends_on", p.DependsOn}} {
		if len(list.texts) > 0 {
			parts = append(parts, list.key+" "+strings.Join(list.texts, " "))
		}
	}
	if !p.Refused.Empty() {
		parts = append(parts, "refused: "+p.Refused.String())
	}
	return p.Name + ": " + strings.Join(parts, ", ")
}

// oneState says which projects keep one state, as far as entries tell: nothing in them that says where it is differs.
func oneState(kinds workflow.Kinds, projects []workflow.Project) (notes []string) {
	type same struct {
		place workflow.ProjectKey
		files string
	}
	groups, order := map[same][]string{}, []same{}
	titles := map[same][]string{}
	for _, p := range projects {
		at := same{place: p.Place()}
		kind := kinds.Of(p)
		what := []string{"directory"}
		if kind.VariantKey.Title != "" {
			what = append(what, kind.VariantKey.Title)
		}
		for _, key := range kind.Keys {
			if key.Apart {
				what = append(what, key.Name)
				for _, f := range p.Files(key) {
					at.files += fmt.Sprintf("%q", path.Join(p.Dir, f))
				}
			}
		}
		if groups[at] == nil {
			order = append(order, at)
		}
		groups[at], titles[at] = append(groups[at], p.Name), what
	}
	for _, at := range order {
		if names := groups[at]; len(names) > 1 {
			notes = append(notes, fmt.Sprintf("note: %s have the same %s, so they share one state unless variables set where it is: give each its own %s",
				phrase.SomeNames(names), phrase.AndList(titles[at]), phrase.OrList(titles[at][1:])))
		}
	}
	return notes
}

// missingFiles adds a fault for every file that an entry names and that is not there. Where the entry
// names a workflow of the server, a step may make it, unless it says where the state is: then it is a warning.
func missingFiles(files fs.FS, kinds workflow.Kinds, projects []workflow.Project, faults *config.Faults) (warnings []string) {
	for _, p := range projects {
		if !p.Refused.Empty() {
			continue
		}
		for _, key := range kinds.Of(p).Keys {
			for _, f := range p.Files(key) {
				name := path.Join(p.Dir, f)
				switch info, err := fs.Stat(files, name); {
				case err == nil && !info.IsDir():
				case errors.Is(err, fs.ErrNotExist) && p.Workflow != "" && !key.Apart:
					warnings = append(warnings, fmt.Sprintf("warning: %s `%s` of project `%s` is not in the repository%s. "+
						"A step of the server's workflow %s has to make it", key.Title, name, p.Name, nearFile(files, name), phrase.Name(p.Workflow)))
				default:
					faults.Add(p.Position, "%s `%s` of project `%s` is not in the repository%s", key.Title, name, p.Name, nearFile(files, name))
				}
			}
		}
	}
	return warnings
}

// nearFile asks whether a file beside one that is not there is meant; "" when none looks like
// it. Their ends do not count: dev.tfvars does not look like qa.tfvars.
func nearFile(files fs.FS, name string) string {
	entries, err := fs.ReadDir(files, path.Dir(name))
	if err != nil {
		return ""
	}
	beside := map[string]string{} // by stem
	want, _, _ := strings.Cut(path.Base(name), ".")
	for _, e := range entries {
		stem, _, _ := strings.Cut(e.Name(), ".")
		if !e.IsDir() && (stem == want || path.Ext(e.Name()) == path.Ext(name)) {
			beside[stem] = e.Name()
		}
	}
	near := phrase.Nearest(want, mapKeys(beside))
	if near == "" {
		return ""
	}
	return fmt.Sprintf(": did you mean `%s`?", path.Join(path.Dir(name), beside[near]))
}
