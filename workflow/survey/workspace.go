package survey

import (
	"path"
	"sort"

	"github.com/cardea-iac/cardea/internal/glob"
	"github.com/cardea-iac/cardea/workflow"
)

// WorkspacePaths is what a project's workspace must hold when it does not hold
// the whole tree, sorted, relative to the root: directories (everything below
// them), files, and for every directory above one of those a glob for the files
// that lie directly in it, because tools look for their settings upwards. An
// empty list means the whole tree.
func WorkspacePaths(p workflow.Project, in workflow.Inputs) []string {
	if p.WholeTree {
		return nil
	}
	paths := append([]string{p.Dir}, in.Modules...)
	paths = append(append(paths, in.Named...), in.Files...)
	for _, w := range in.Watch {
		g := glob.Compile(w)
		fixed := g.Fixed()
		if name, plain := g.Plain(); plain {
			fixed = name
		}
		paths = append(paths, fixed)
	}
	sort.Strings(paths)
	var out []string
	have, above := map[string]bool{}, map[string]bool{}
	for _, f := range paths {
		f = path.Clean(f)
		if f == "." {
			return nil
		}
		if have[f] || below(have, f) {
			continue
		}
		have[f] = true
		out = append(out, f)
		for dir := path.Dir(f); !above[dir]; dir = path.Dir(dir) {
			above[dir] = true
			out = append(out, path.Join(glob.Escape(dir), "*"))
		}
	}
	sort.Strings(out)
	return out
}

// below reports whether a directory above file is in the set.
func below(set map[string]bool, file string) bool {
	for dir := path.Dir(file); dir != "." && dir != "/"; dir = path.Dir(dir) {
		if set[dir] {
			return true
		}
	}
	return false
}
