// Package route follows paths through the symlinks of a tree.
package route

import (
	"io/fs"
	"path"
	"strings"

	"github.com/cardea-iac/cardea/internal/phrase"
)

const maxLinks = 16

// Route is where a path leads in a tree.
type Route struct {
	End       string   // clean, without symlinks; where it breaks off, as far as the text says
	Links     []string // the symlinks on the way
	Submodule string   // a git submodule on the way, whose files no tree has
}

// Trace follows a path's symlinks; ok is false when one leaves the tree or they go in circles.
func Trace(tree fs.FS, name string) (r Route, ok bool) {
	r.End = path.Clean(name)
	for at := 1; ; {
		if leaves(r.End) {
			return r, false
		}
		parts := strings.Split(r.End, "/")
		if at > len(parts) {
			return r, true
		}
		here := path.Join(parts[:at]...)
		info, err := fs.Lstat(tree, here)
		switch {
		case err != nil:
			return r, true // nothing is there
		case info.IsDir() && info.Mode()&fs.ModeSticky != 0: // how Source marks one
			r.Submodule = here
			return r, true
		case info.Mode()&fs.ModeSymlink == 0:
			at++
			continue
		}
		target, err := fs.ReadLink(tree, here)
		if r.Links = append(r.Links, here); err != nil || path.IsAbs(target) || len(r.Links) > maxLinks {
			return r, false
		}
		r.End = path.Join(append([]string{path.Dir(here), target}, parts[at:]...)...)
		at = 1
	}
}

// Lost says of a path that leads to no file of the tree why not, and what to do.
func Lost(tree fs.FS, name string) string {
	r, ok := Trace(tree, name)
	if len(r.Links) == 0 {
		return "it is not a file"
	}
	subject, where := "it is a symlink that", "leads to a directory"
	if last := r.Links[len(r.Links)-1]; last != name {
		subject = "the symlink " + phrase.CodeSpan(last)
	}
	switch {
	case !ok && len(r.Links) > maxLinks:
		where = "leads in a circle"
	case !ok:
		where = "leads out of the repository"
	case r.Submodule != "":
		where = "leads into the git submodule " + phrase.CodeSpan(r.Submodule) + ", which Cardea does not fetch"
	default:
		if _, err := fs.Stat(tree, r.End); err != nil {
			where = "leads to " + phrase.CodeSpan(r.End) + ", which does not exist"
		}
	}
	return subject + " " + where + ". Replace it with a file, or point it to a file in the repository"
}

// Inside reports whether a path stays in the tree, whatever symlinks are on the way.
func Inside(tree fs.FS, name string) bool {
	_, ok := Trace(tree, name)
	return ok
}

// leaves reports whether a clean path leaves the root.
func leaves(p string) bool { return p == ".." || strings.HasPrefix(p, "../") || path.IsAbs(p) }
