package survey

import (
	"maps"
	"path"
	"slices"

	"github.com/cardea-iac/cardea/workflow"
)

// kept are the changed files that always count for a project: those that its entry names, and
// those to which symlinks lead. It is nil where nothing is taken out anyway.
func (ix *changeIndex) kept(p workflow.Project) map[string]bool {
	if len(ix.given) == 0 && len(workflow.Watched(p.Watch)) == len(p.Watch) {
		return nil
	}
	kept := map[string]bool{}
	for _, key := range ix.kinds.Of(p).Keys {
		for _, f := range p.Files(key) {
			kept[path.Join(p.Dir, f)] = true
		}
	}
	if h := ix.linked[p.Dir]; h != nil {
		for _, f := range h.files {
			kept[f] = true
		}
	}
	return kept
}

// excluded reports which changed files the project's `watch` takes out: none that is kept, that
// the tool reads by itself, or that code names. It is nil for none.
func (ix *changeIndex) excluded(p workflow.Project, kept map[string]bool) func(file string) bool {
	if ix.tired() || len(workflow.Watched(p.Watch)) == len(p.Watch) {
		return nil
	}
	watch, kind := workflow.WatchOf(p.Dir, p.Watch), ix.kinds.Of(p)
	return func(file string) bool {
		ix.steps++
		return !kept[file] && !kind.ReadsUnasked(file) && !ix.inside[[2]string{p.Dir, file}] && !ix.tired() && watch.Excludes(file, &ix.steps)
	}
}

// givenFiles are the changed files that entries name for some projects, as their var files say. What
// only head's words say counts for files that are new: no change takes out what was read before.
func (ix *changeIndex) givenFiles(in AffectedInput) []string {
	old := map[string]bool{}
	for _, c := range in.Changes {
		if c.Status != "added" {
			old[c.Path], old[c.OldPath] = true, true
		}
	}
	given := map[string]bool{}
	for i, projects := range [][]workflow.Project{in.Resolution.BaseProjects, in.Resolution.Projects} {
		for _, p := range projects {
			for _, key := range ix.kinds.Of(p).Keys {
				for _, f := range p.Files(key) {
					if file := path.Join(p.Dir, f); ix.changed[file] && (i == 0 || !old[file]) {
						given[file] = true
					}
				}
			}
		}
	}
	return slices.Sorted(maps.Keys(given))
}

// others reports which changed files are none of a project's although they lie in its directory or
// a module's: entries name them for others, as `prod.tfvars` beside `dev.tfvars`, and nothing that
// the project is made from may read them. It is nil for none.
func (ix *changeIndex) others(p workflow.Project, kept map[string]bool) func(file string) bool {
	reach, told := ix.reach[p.Key()]
	if len(ix.given) == 0 || ix.opaque[p.Dir] || reach.AnyFile || ix.sources[p.Dir] != "" && !told || ix.stepped != nil && ix.stepped(p) {
		return nil
	}
	kind := ix.kinds.Of(p)
	return func(file string) bool {
		_, given := slices.BinarySearch(ix.given, file)
		return given && !kept[file] && !kind.ReadsUnasked(file) && !ix.inside[[2]string{p.Dir, file}]
	}
}

// eitherOf reports what one of two does, each of which may be nil for nothing.
func eitherOf(a, b func(file string) bool) func(file string) bool {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	}
	return func(file string) bool { return a(file) || b(file) }
}
