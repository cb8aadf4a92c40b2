package tfconfig

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/terraform/route"
)

// namedFiles are what the code of a project and its modules names, relative to the root.
type namedFiles struct {
	files, words []string
	parts        []workflow.PathPart
}

func (n *namedFiles) add(m workflow.Module, project string) {
	n.files = append(append(n.files, m.Files...), joinAll(project, m.RootFiles)...)
	n.words = append(n.words, joinAll(project, m.Words)...)
	n.parts = append(n.parts, m.Parts...)
	for _, p := range m.RootParts {
		if in, ok := p.In(project); ok {
			n.parts = append(n.parts, in)
		}
	}
}

// names takes what code names and where symlinks lead into the inputs.
func (g *gathering) names(n namedFiles, links []string) error {
	files := sorted(n.files)
	for _, f := range files {
		if err := g.fetched(f); err != nil {
			return err
		}
	}
	for _, w := range sorted(n.words) {
		if _, err := fs.Stat(g.tree, w); err == nil { // a word that names nothing is no path
			files = append(files, w)
		}
	}
	for _, f := range sorted(append(files, links...)) {
		if leaves(f) || g.covered(f) && !g.isDir(f) {
			continue
		}
		g.in.Files = append(g.in.Files, f)
		if err := g.entry(f); err != nil {
			return err
		}
	}
	for _, p := range n.parts {
		if p.Anywhere() || p.Source && !g.in.AnyFile { // where a source that is known leads is a module
			continue
		}
		g.in.Files = append(g.in.Files, p.Below)
		key := fmt.Sprintf("%s/%s...%s", p.Below, p.Name, p.End)
		if _, known := g.digest[key]; known {
			continue
		}
		var err error
		if g.digest[key], err = g.matching(p); err != nil {
			return err
		}
		g.plain[key] = g.digest[key]
	}
	g.in.Files = sorted(g.in.Files)
	return nil
}

// isDir reports whether a directory is named: others' may lie below it, also where it is below ours.
func (g *gathering) isDir(name string) bool {
	info, err := fs.Stat(g.tree, name)
	return err == nil && info.IsDir()
}

// fetched refuses a file that code names and that a tree only stands in for:
// a plan made from the stand-in would be of something else.
func (g *gathering) fetched(file string) error {
	r, ok := route.Trace(g.tree, file)
	if !ok {
		return nil // the export refuses it in words
	}
	if r.Submodule != "" {
		g.refuse("It reads `%s`, in the git submodule `%s`. Cardea does not fetch submodules: commit the file to this repository.", file, r.Submodule)
		return nil
	}
	info, err := fs.Stat(g.tree, r.End)
	if errors.Is(err, fs.ErrNotExist) || err == nil && (info.IsDir() || info.Size() > maxPointer) {
		return nil
	}
	if err != nil {
		return err
	}
	data, err := fs.ReadFile(g.tree, r.End)
	if strings.HasPrefix(string(data), "version https://git-lfs.github.com/spec/") {
		g.refuse("It reads `%s`, which is in Git LFS. Cardea does not fetch LFS files: commit the file itself.", file)
	}
	return err
}

// covered reports whether a file lies in a directory that is an input anyway.
func (g *gathering) covered(file string) bool {
	for dir := path.Dir(file); ; dir = path.Dir(dir) {
		if _, ok := g.found.Modules[dir]; ok {
			return dir == g.dir || slices.Contains(g.in.Modules, dir)
		}
		if dir == "." || dir == "/" {
			return false
		}
	}
}

// matching is a hash of the files to which a path may lead that is computed in part.
func (g *gathering) matching(p workflow.PathPart) (string, error) {
	info, err := fs.Stat(g.tree, p.Below)
	if err != nil {
		return "missing", nil // or beyond a symlink that leaves the tree: the export refuses it in words
	}
	id := idOf(info)
	if id != "" && p.Name == "" && p.End == "" {
		return "tree " + string(id), nil
	}
	key := fmt.Sprintf("%s %q %q", id, p.Name, p.End)
	if known, ok := g.reader.matches.get(key); ok && id != "" {
		return known, nil
	}
	within, err := fs.Sub(g.tree, p.Below)
	if err != nil {
		return "", err
	}
	local := p
	local.Below = "."
	found := map[string]string{}
	err = fs.WalkDir(within, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || g.ctx.Err() != nil {
			return errors.Join(err, g.ctx.Err())
		}
		if d.IsDir() || !local.Match(name) {
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		found[name], err = g.itself(path.Join(p.Below, name), info) // where symlinks lead is known to the module
		return err
	})
	if err != nil {
		return "", err
	}
	out := hashed(found)
	g.reader.matches.add(key, out, 1)
	return out, nil
}

// itself is the content of a file, or where a symlink leads by its text.
func (g *gathering) itself(name string, info fs.FileInfo) (string, error) {
	if info.Mode()&fs.ModeSymlink == 0 {
		return g.content(name, info)
	}
	to, err := fs.ReadLink(g.tree, name)
	return "link " + to, err
}

func hashed(of map[string]string) string { return Hash(listed(of)...) }

// nobodys takes the files that belong to no directory with engine files, where code may read any of them and nobody says which.
func (g *gathering) nobodys() error {
	if g.in.ComputedPaths = computedPaths(g.found, g.dir); len(g.in.ComputedPaths) == 0 || len(workflow.Watched(g.project.Watch)) > 0 {
		return nil
	}
	info, err := fs.Stat(g.tree, ".")
	if err != nil {
		return err
	}
	const key = "\x00nobody's"
	id := idOf(info)
	if known, ok := g.reader.matches.get(key + string(id)); ok && id != "" {
		g.digest[key] = known
		return nil
	}
	found := map[string]string{}
	if err := g.strays(".", found); err != nil {
		return err
	}
	g.digest[key] = hashed(found)
	if id != "" {
		g.reader.matches.add(key+string(id), g.digest[key], 1)
	}
	return nil
}

// rooted reports whether the root has engine files.
func (g *gathering) rooted() bool {
	_, module := g.found.Modules["."]
	return module
}

// strays finds them at and below a directory.
func (g *gathering) strays(dir string, found map[string]string) error {
	_, module := g.found.Modules[dir]
	if _, unit := g.found.Units[dir]; unit || module && dir != "." || g.ctx.Err() != nil {
		return g.ctx.Err()
	}
	entries, err := fs.ReadDir(g.tree, dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		name := path.Join(dir, e.Name())
		info, err := e.Info()
		if err != nil {
			return err
		}
		id := idOf(info)
		if e.IsDir() {
			if n, ok := g.reader.nodes.get(string(id)); ok && id != "" && n.empty() {
				found[name] = "tree " + string(id)
			} else if err := g.strays(name, found); err != nil {
				return err
			}
			continue
		}
		if name == workflow.RepoConfigFile || module || readByTool(name) && g.rooted() {
			continue // counts by what it says, or belongs to the root's module
		}
		if found[name], err = g.itself(name, info); err != nil {
			return err
		}
	}
	return nil
}
