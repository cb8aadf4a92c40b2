package tfconfig

import (
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/terraform/route"
)

// follow says for every module where symlinks lead that it has or meets, and calls a
// module that is reached through one by the directory that it is, as terraform does. ends are where they lead.
func (p *placing) follow(tree fs.FS) (ends map[string][]string) {
	l := newLinks(tree, p.links)
	if len(l.all) == 0 {
		return nil
	}
	ends = map[string][]string{}
	for _, link := range l.all {
		if r, ok := route.Trace(tree, link); ok {
			ends[link] = append(r.Links[1:], r.End)
		}
	}
	for dir, m := range p.modules {
		readings := ownOf(m).Readings
		for tool, reading := range readings {
			readings[tool] = p.followed(l, dir, reading)
		}
		p.modules[dir] = p.followed(l, dir, m)
	}
	return ends
}

func (p *placing) followed(l links, dir string, m workflow.Module) workflow.Module {
	leads, there := l.meets(dir, p.links[dir], m)
	real := map[string]string{}
	for _, call := range slices.Concat(m.Calls, m.Tests) {
		if _, plain := p.modules[call]; plain {
			continue
		}
		if r, ok := route.Trace(l.tree, call); ok && len(r.Links) > 0 {
			real[call] = r.End
			leads = append(leads, r.Links...)
		}
	}
	replace := func(dirs []string) {
		for i, d := range dirs {
			if end, ok := real[d]; ok {
				dirs[i] = end
			}
		}
	}
	replace(m.Calls)
	replace(m.Tests)
	for i, c := range ownOf(m).Named {
		if end, ok := real[c.Dir]; ok {
			ownOf(m).Named[i].Dir = end
		}
	}
	m.Parts = slices.Concat(m.Parts, there)
	if len(leads) > 0 {
		m.Calls, m.Tests, m.Links = sorted(m.Calls), sorted(m.Tests), sorted(leads)
	}
	return m
}

// links are the symlinks of a tree.
type links struct {
	tree fs.FS
	all  []string // sorted
	is   map[string]bool
}

func newLinks(tree fs.FS, of map[string][]string) links {
	l := links{tree: tree, is: map[string]bool{}}
	for _, list := range of {
		for _, link := range list {
			l.all = append(l.all, link)
			l.is[link] = true
		}
	}
	slices.Sort(l.all)
	return l
}

const maxMet = 10_000 // places at which one module's symlinks are looked at

// meets are the symlinks on the way to what a module names and below that, and where they and its own lead;
// there are the paths computed in part that go through one, as they go on where it leads.
func (l links) meets(dir string, own []string, m workflow.Module) (leads []string, there []workflow.PathPart) {
	var todo []string
	for _, link := range own {
		if r, ok := route.Trace(l.tree, link); ok {
			leads = append(append(leads, r.Links[1:]...), r.End)
			todo = append(todo, r.End)
		}
	}
	todo = append(append(todo, m.Files...), joinAll(dir, m.RootFiles)...)
	parts := slices.Clone(m.Parts)
	for _, p := range m.RootParts {
		if in, ok := p.In(dir); ok {
			parts = append(parts, in)
		}
	}
	for _, p := range parts {
		todo = append(todo, l.starting(path.Join(p.Below, p.Name))...)
		for _, dir := range l.above(p.Below) {
			if r, ok := route.Trace(l.tree, dir); ok && len(r.Links) > 0 {
				leads = append(leads, r.Links...)
				p.Below = r.End
				there = append(there, p)
				todo = append(todo, l.starting(path.Join(p.Below, p.Name))...)
			}
		}
	}
	seen := map[string]bool{}
	for ; len(todo) > 0 && len(seen) < maxMet; todo = todo[1:] {
		name := todo[0]
		if seen[name] || leaves(name) {
			continue
		}
		seen[name] = true
		for _, link := range append(l.below(name), l.above(name)...) {
			if r, ok := route.Trace(l.tree, link); ok && len(r.Links) > 0 {
				leads = append(append(leads, r.Links...), r.End)
				todo = append(todo, r.End)
			}
		}
	}
	return leads, there
}

// above is the path itself where it is or goes through a symlink.
func (l links) above(name string) []string {
	for at := name; at != "." && at != "/"; at = path.Dir(at) {
		if l.is[at] {
			return []string{name}
		}
	}
	return nil
}

// below are the symlinks below a directory.
func (l links) below(name string) []string { return l.starting(name + "/") }

// starting are the symlinks whose paths begin so.
func (l links) starting(name string) []string {
	if name == "." || name == "./" {
		return nil // everything: what leads anywhere is said so
	}
	var out []string
	for i, _ := slices.BinarySearch(l.all, name); i < len(l.all) && strings.HasPrefix(l.all[i], name); i++ {
		out = append(out, l.all[i])
	}
	return out
}

func sorted(paths []string) []string {
	slices.Sort(paths)
	return slices.Compact(paths)
}
