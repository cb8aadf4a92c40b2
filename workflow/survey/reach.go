package survey

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/cardea-iac/cardea/workflow"
)

// Reach is what one project is made from, in either tree, as its engine says. What it reaches may
// depend on its own var files, and on files above it, so that its directory does not say it all.
type Reach struct {
	Modules, Files []string // sorted
	AnyFile        bool     // it may be made from any file
	Above          []string // files above it that now say something else, or in base did
}

// reach asks the engines about the projects of which the directories do not say it all.
func (s *Survey) reach(ctx context.Context) (map[workflow.ProjectKey]Reach, error) {
	unsure := unsureDirs(s.BaseFound)
	maps.Copy(unsure, unsureDirs(s.Found))
	base := map[workflow.ProjectKey]workflow.Project{}
	for _, p := range s.Resolution.BaseProjects {
		base[p.Key()] = p
	}
	out := map[workflow.ProjectKey]Reach{}
	for _, p := range s.Resolution.Projects {
		was, now := s.BaseFound.Modules[p.Dir].Above, s.Found.Modules[p.Dir].Above
		differs := !maps.Equal(was, now)
		if p.Library || !unsure[p.Dir] && !differs {
			continue
		}
		in, err := s.engines.Inputs(ctx, s.Checkout.Planned, s.Found, p)
		if err != nil {
			return nil, fmt.Errorf("asking what %s is made from: %w", p.Name, err)
		}
		r, refused := Reach{Modules: in.Modules, Files: in.Files, AnyFile: in.AnyFile}, in.Refused != "" || in.Absent != ""
		if b, ok := base[p.Key()]; ok {
			if in, err = s.engines.Inputs(ctx, s.Checkout.BaseTree, s.BaseFound, b); err != nil {
				return nil, fmt.Errorf("asking what %s was made from: %w", p.Name, err)
			}
			r = Reach{union(r.Modules, in.Modules), union(r.Files, in.Files), r.AnyFile || in.AnyFile, nil}
			refused = refused || in.Refused != "" || in.Absent != ""
		}
		if r.AnyFile = r.AnyFile || refused; differs { // of what is refused not all was read
			r.Above = changedAbove(was, now, func(file string) bool { return refused || slices.Contains(r.Files, file) })
		}
		out[p.Key()] = r
	}
	return out, nil
}

// unsureDirs are the directories that have, or reach, a module source that is computed.
func unsureDirs(found workflow.Discovery) map[string]bool {
	out := map[string]bool{}
	var graph *callers
	for dir, m := range found.Modules {
		if len(m.AnySource) == 0 && !slices.ContainsFunc(m.Parts, func(p workflow.PathPart) bool { return p.Source }) {
			continue
		}
		if graph == nil {
			all := reverse(found)
			graph = &all
		}
		out[dir] = true
		for _, user := range graph.reaching(dir) {
			out[user] = true
		}
	}
	return out
}

// changedAbove are the files that count and do not say the same in both trees.
func changedAbove(was, now map[string]string, counts func(file string) bool) []string {
	var out []string
	for _, file := range union(slices.Sorted(maps.Keys(was)), slices.Sorted(maps.Keys(now))) {
		if was[file] != now[file] && counts(file) {
			out = append(out, file)
		}
	}
	return out
}

// indexEarly finds the modules of which only the engine could tell that a project calls them.
func (ix *changeIndex) indexEarly(in AffectedInput, graphs []callers) {
	known := [2]map[string]map[string]bool{{}, {}} // module -> the directories that reach it by what code says
	for key, r := range in.Reach {
		for i, found := range ix.trees {
			for _, module := range r.Modules {
				if known[i][module] == nil {
					known[i][module] = map[string]bool{}
					for _, user := range graphs[i].reaching(module) {
						known[i][module][user] = true
					}
				}
				m, ok := found.Modules[module]
				if !ok || known[i][module][key.Dir] {
					continue
				}
				ix.early[key] = append(ix.early[key], m)
				ix.mayRead(m, key.Dir)
				if len(m.InputPaths) > 0 {
					ix.opaque[key.Dir] = true
					ix.unsay(key.Dir, "computed paths in `"+m.InputPaths[0]+"`")
				}
			}
		}
	}
}

// named are the changed files that a project's code names and that lie elsewhere.
func (ix *changeIndex) named(p workflow.Project) (out hit) {
	if h := ix.literal[p.Dir]; h != nil {
		out = hit{h.first, h.count, slices.Clip(h.files)}
	}
	own, linked := ix.of(ix.reach[p.Key()].Modules), ix.linked[p.Dir].without(nil)
	var files []string
	for _, m := range ix.early[p.Key()] {
		files = append(append(append(files, ix.atOrBelow(m.Files)...), ix.atOrBelow(m.Links)...), ix.namedBy(m, p.Dir, true)...)
		for _, part := range m.Parts {
			if !part.Source {
				files = append(files, ix.matching(part)...)
			}
		}
	}
	for _, f := range union(files, nil) {
		if !ix.belongs(p.Dir, f) && !own(f) && !slices.Contains(out.files, f) && !slices.Contains(linked.files, f) {
			out.add(f)
		}
	}
	return out
}

// of reports which changed files belong to some modules.
func (ix *changeIndex) of(modules []string) func(file string) bool {
	return func(file string) bool {
		return slices.ContainsFunc(ix.owners[file], func(owner string) bool { return slices.Contains(modules, owner) })
	}
}

// reachReasons says which files above a project say something else.
func (ix *changeIndex) reachReasons(r Reach, covered func(file string) bool) []string {
	var out []string
	for _, file := range r.Above {
		if !covered(file) && ix.changed[file] {
			out = append(out, fmt.Sprintf("`%s` changed", file))
		}
	}
	return out
}
