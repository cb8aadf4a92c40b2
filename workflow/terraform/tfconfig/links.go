package tfconfig

import (
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/workflow"
)

const maxLinks = 16

// route is where a path leads in a tree.
type route struct {
	end       string   // clean, without symlinks; where it breaks off, as far as the text says
	links     []string // the symlinks on the way
	submodule string   // a git submodule on the way, whose files no tree has
}

// trace follows a path's symlinks; ok is false when one leaves the tree or they go in circles.
func trace(tree fs.FS, name string) (r route, ok bool) {
	r.end = path.Clean(name)
	for at := 1; ; {
		if leaves(r.end) {
			return r, false
		}
		parts := strings.Split(r.end, "/")
		if at > len(parts) {
			return r, true
		}
		here := path.Join(parts[:at]...)
		info, err := fs.Lstat(tree, here)
		switch {
		case err != nil:
			return r, true // nothing is there
		case info.IsDir() && info.Mode()&fs.ModeSticky != 0: // how Source marks one
			r.submodule = here
			return r, true
		case info.Mode()&fs.ModeSymlink == 0:
			at++
			continue
		}
		target, err := fs.ReadLink(tree, here)
		if r.links = append(r.links, here); err != nil || path.IsAbs(target) || len(r.links) > maxLinks {
			return r, false
		}
		r.end = path.Join(append([]string{path.Dir(here), target}, parts[at:]...)...)
		at = 1
	}
}

// lost says of a path that leads to no file of the tree why not, and what to do.
func lost(tree fs.FS, name string) string {
	r, ok := trace(tree, name)
	if len(r.links) == 0 {
		return "it is not a file"
	}
	subject, where := "it is a symlink that", "leads to a directory"
	if last := r.links[len(r.links)-1]; last != name {
		subject = "the symlink " + phrase.CodeSpan(last)
	}
	_, err := fs.Stat(tree, r.end)
	switch {
	case !ok && len(r.links) > maxLinks:
		where = "leads in a circle"
	case !ok:
		where = "leads out of the repository"
	case r.submodule != "":
		where = "leads into the git submodule " + phrase.CodeSpan(r.submodule) + ", which Cardea does not fetch"
	case err != nil:
		where = "leads to " + phrase.CodeSpan(r.end) + ", which does not exist"
	}
	return subject + " " + where + ". Replace it with a file, or point it to a file in the repository"
}

// inside reports whether a path stays in the tree, whatever symlinks are on the way.
func inside(tree fs.FS, name string) bool {
	_, ok := trace(tree, name)
	return ok
}

// follow says for every module where symlinks lead that it has or meets, and calls a
// module that is reached through one by the directory that it is, as terraform does. ends are where they lead.
func (p *placing) follow(tree fs.FS) (ends map[string][]string) {
	l := newLinks(tree, p.links)
	if len(l.all) == 0 {
		return nil
	}
	ends = map[string][]string{}
	for _, link := range l.all {
		if r, ok := trace(tree, link); ok {
			ends[link] = append(r.links[1:], r.end)
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
		if r, ok := trace(l.tree, call); ok && len(r.links) > 0 {
			real[call] = r.end
			leads = append(leads, r.links...)
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
		if r, ok := trace(l.tree, link); ok {
			leads = append(append(leads, r.links[1:]...), r.end)
			todo = append(todo, r.end)
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
			if r, ok := trace(l.tree, dir); ok && len(r.links) > 0 {
				leads = append(leads, r.links...)
				p.Below = r.end
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
			if r, ok := trace(l.tree, link); ok && len(r.links) > 0 {
				leads = append(append(leads, r.links...), r.end)
				todo = append(todo, r.end)
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
