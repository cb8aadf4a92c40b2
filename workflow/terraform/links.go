package terraform

import (
	"io/fs"
	"path"
	"slices"
	"strings"
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

// follow says for every module where its symlinks lead, and calls a module that
// is reached through one by the directory that it is, as terraform does.
func (p *placing) follow(tree fs.FS) {
	for dir, m := range p.modules {
		var leads []string
		for _, link := range p.links[dir] {
			if r, ok := trace(tree, link); ok {
				leads = append(append(leads, r.links[1:]...), r.end)
			}
		}
		for _, file := range m.Files {
			if r, ok := trace(tree, file); ok && len(r.links) > 0 {
				leads = append(append(leads, r.links...), r.end)
			}
		}
		for i, call := range m.Calls {
			if _, plain := p.modules[call]; plain {
				continue
			}
			if r, ok := trace(tree, call); ok && len(r.links) > 0 {
				m.Calls[i] = r.end
				leads = append(leads, r.links...)
			}
		}
		if len(leads) == 0 {
			continue
		}
		m.Calls, m.Links = sorted(m.Calls), sorted(leads)
		p.modules[dir] = m
	}
}

func sorted(paths []string) []string {
	slices.Sort(paths)
	return slices.Compact(paths)
}
