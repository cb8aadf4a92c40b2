package git

import (
	"path"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"

	"github.com/cardea-iac/cardea/workflow"
)

// differ collects the files in which two trees differ. It opens only directories
// that differ, so it costs what changed (go-git's own diff opens every one on the way).
type differ struct {
	*reader
	changes []change
}

// change is a file with what it was and is; the zero hash stands for absent.
type change struct {
	path     string
	was, now plumbing.Hash
}

// diff lists the files that differ, by path. A deleted and an added file with the same
// content are one rename; other renames stay two entries, which makes no difference to code
// that looks at both sides.
func (r *reader) diff(base, planned *object.Tree) ([]workflow.FileChange, error) {
	d := &differ{reader: r}
	if err := d.trees("", base.Hash, planned.Hash); err != nil {
		return nil, err
	}
	deleted := map[plumbing.Hash][]string{}
	for _, c := range d.changes {
		if c.now.IsZero() {
			deleted[c.was] = append(deleted[c.was], c.path)
		}
	}
	var out []workflow.FileChange
	renamed := map[string]bool{}
	for _, c := range d.changes {
		from := deleted[c.now]
		switch {
		case c.now.IsZero():
		case !c.was.IsZero():
			out = append(out, workflow.FileChange{Path: c.path, Status: "modified"})
		case len(from) > 0:
			out = append(out, workflow.FileChange{Path: c.path, OldPath: from[0], Status: "renamed"})
			renamed[from[0]], deleted[c.now] = true, from[1:]
		default:
			out = append(out, workflow.FileChange{Path: c.path, Status: "added"})
		}
	}
	for _, c := range d.changes {
		if c.now.IsZero() && !renamed[c.path] {
			out = append(out, workflow.FileChange{Path: c.path, Status: "deleted"})
		}
	}
	slices.SortFunc(out, func(a, b workflow.FileChange) int { return strings.Compare(a.Path, b.Path) })
	return out, nil
}

// trees compares two directories; a zero hash is an absent one.
func (d *differ) trees(dir string, was, now plumbing.Hash) error {
	if was == now {
		return nil
	}
	before, err := d.entries(was)
	if err != nil {
		return err
	}
	after, err := d.entries(now)
	if err != nil {
		return err
	}
	for name, a := range before {
		if err := d.entry(path.Join(dir, name), a, after[name]); err != nil {
			return err
		}
	}
	for name, b := range after {
		if _, both := before[name]; !both {
			if err := d.entry(path.Join(dir, name), object.TreeEntry{}, b); err != nil {
				return err
			}
		}
	}
	return nil
}

// entry compares two entries of one name. A file that became a directory is deleted, its files are added.
func (d *differ) entry(name string, was, now object.TreeEntry) error {
	if was.Hash == now.Hash && was.Mode == now.Mode {
		return nil
	}
	wasDir, nowDir := was.Mode == filemode.Dir, now.Mode == filemode.Dir
	if wasDir || nowDir {
		var from, to plumbing.Hash
		if wasDir {
			from, was = was.Hash, object.TreeEntry{}
		}
		if nowDir {
			to, now = now.Hash, object.TreeEntry{}
		}
		if err := d.trees(name, from, to); err != nil {
			return err
		}
	}
	if !was.Hash.IsZero() || !now.Hash.IsZero() {
		d.changes = append(d.changes, change{path: name, was: was.Hash, now: now.Hash})
	}
	return nil
}

func (d *differ) entries(id plumbing.Hash) (map[string]object.TreeEntry, error) {
	if id.IsZero() {
		return nil, nil
	}
	t, err := d.tree(id)
	if err != nil {
		return nil, err
	}
	out := make(map[string]object.TreeEntry, len(t.Entries))
	for _, e := range t.Entries {
		out[e.Name] = e
	}
	return out, nil
}
