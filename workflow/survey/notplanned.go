package survey

import (
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/cardea-iac/cardea/workflow"
)

// maxNotPlanned is how many directories of one kind are kept.
const maxNotPlanned = 20

// maxEndParts is how many parts of a path are compared with an end.
const maxEndParts = 8

// notPlanned lists what a change concerns and is no project. Only base's word takes a
// unit away, by `autodiscover.ignore`: else a change could hide itself.
func notPlanned(in AffectedInput, ix *changeIndex) []workflow.NotPlanned {
	ignored := func(dir string) bool { return in.Ignored != nil && in.Ignored(dir) }
	projects := map[string]bool{}
	found := map[string]map[string]bool{} // kind -> directories
	note := func(kind, dir string) {
		if found[kind] == nil {
			found[kind] = map[string]bool{}
		}
		found[kind][dir] = true
	}
	planned, reached := plannedDirs(in, ix, projects)
	for _, p := range in.Resolution.Projects {
		unplanned := func(module string) bool { return !planned[module] }
		if p.Library && !reached[p.Dir] && (ix.own[p.Dir] != nil || slices.ContainsFunc(ix.modules[p.Dir], unplanned)) {
			note(libraryKind(in.HeadFound.Modules[p.Dir], ignored), p.Dir)
		}
	}
	for _, d := range []workflow.Discovery{in.BaseFound, in.HeadFound} {
		nested := map[string]string{} // directories above a unit that may include files there -> its kind
		for dir, u := range d.Units {
			for above := dir; u.Nested && above != "." && !ignored(dir); {
				above = path.Dir(above)
				nested[above] = least(nested[above], u.Kind)
			}
		}
		for dir, u := range d.Units {
			if !projects[dir] && !ignored(dir) && ix.concerns(dir, nested[dir] != "") {
				note(u.Kind, dir)
			}
		}
		for _, f := range ix.paths {
			if dir := path.Dir(f); nested[dir] != "" && !projects[dir] && d.Units[dir].Kind == "" && ix.kinds.UnitSettings(f) {
				note(nested[dir], dir)
			}
		}
		if len(nested) == 0 {
			continue
		}
		ix.namedByUnits(d, func(f string) {
			planned := slices.ContainsFunc(ix.owners[f], func(owner string) bool { return projects[owner] })
			if dir := path.Dir(f); !ignored(dir) && !planned {
				note(nested["."], dir) // they may lie anywhere
			}
		})
	}
	var out []workflow.NotPlanned
	for _, kind := range slices.Sorted(maps.Keys(found)) {
		dirs := slices.Sorted(maps.Keys(found[kind]))
		out = append(out, workflow.NotPlanned{Kind: kind, Dirs: dirs[:min(len(dirs), maxNotPlanned)], Count: len(dirs)})
	}
	return out
}

// libraryKind is the kind of a directory that keeps no state by what can be read of it.
func libraryKind(m workflow.Module, ignored func(dir string) bool) string {
	if !ignored(m.Dir) && slices.ContainsFunc(m.Diagnostics, func(d workflow.Diagnostic) bool { return d.Severity == workflow.SeverityError }) {
		return workflow.Unreadable
	}
	return ""
}

// plannedDirs are the directories that some project plans, its own and its modules', and of those the modules of
// which only an engine could tell that they are called. projects gets whether a directory is one of a project.
func plannedDirs(in AffectedInput, ix *changeIndex, projects map[string]bool) (planned, reached map[string]bool) {
	planned, reached = map[string]bool{}, map[string]bool{}
	for _, p := range in.Resolution.Projects {
		if projects[p.Dir] = projects[p.Dir] || !p.Library; p.Library {
			continue
		}
		planned[p.Dir] = true
		for _, m := range ix.modules[p.Dir] {
			planned[m] = true
		}
		for _, m := range in.Reach[p.Key()].Modules {
			planned[m], reached[m] = true, true
		}
	}
	return planned, reached
}

// concerns reports whether a change concerns a unit's directory: any of its files, or
// of the modules it calls; where others lie below it, of its own only what they may include.
func (ix *changeIndex) concerns(dir string, parent bool) bool {
	if len(ix.modules[dir]) > 0 || ix.own[dir] != nil && !parent {
		return true
	}
	return ix.own[dir] != nil && slices.ContainsFunc(ix.paths, func(f string) bool {
		return slices.Contains(ix.owners[f], dir) && ix.kinds.UnitSettings(f)
	})
}

// namedByUnits calls with each changed file that nested units' files name and that is not
// one of a unit or of a module that one calls.
func (ix *changeIndex) namedByUnits(d workflow.Discovery, with func(file string)) {
	told := map[string]bool{} // directories whose changes are told with their unit's
	for dir := range d.Units {
		told[dir] = true
		for _, m := range ix.modules[dir] {
			told[m] = true
		}
	}
	for _, f := range ix.endedBy(d.UnitNames) {
		if !slices.ContainsFunc(ix.owners[f], func(owner string) bool { return told[owner] }) {
			with(f)
		}
	}
}

// endedBy are the changed files whose path ends with one of some ends, or that of a directory above them.
func (ix *changeIndex) endedBy(ends []string) []string {
	if len(ends) == 0 {
		return nil
	}
	wanted := map[string]bool{}
	for _, end := range ends {
		wanted[end] = true
	}
	return slices.DeleteFunc(slices.Clone(ix.paths), func(f string) bool {
		parts := strings.Split(f, "/")
		for to := len(parts); to > 0; to-- {
			for from := to - 1; from >= max(0, to-maxEndParts); from-- {
				end := strings.Join(parts[from:to], "/")
				if wanted[end] || from == 0 && wanted["/"+end] {
					return false
				}
			}
		}
		return true
	})
}
