package tfconfig

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"path"
	"sort"
	"strings"

	"github.com/cardea-iac/cardea/workflow"
)

// skipped directories never hold configuration of the repository's own: they
// are terraform's working directories and git's.
var skipped = map[string]bool{".terraform": true, "terraform.d": true, ".git": true}

// node is one directory of a tree: its own module, if it has one, its symlinks,
// and the directories below that have some of either. Nodes say nothing of where
// they are, so one serves every place and every commit in which the same git tree appears.
type node struct {
	module    *module
	unit      *workflow.Unit    // its Calls are relative, as those of the module
	unitNames []string          // what its files of Terragrunt name
	links     []string          // names of its symlinks
	pins      map[string]Wanted // its version files
	children  map[string]*node
}

func (n *node) empty() bool { // version files alone mean nothing
	return n.module == nil && n.unit == nil && len(n.unitNames) == 0 && len(n.links) == 0 && len(n.children) == 0
}

// Discover finds every directory with *.tf, *.tofu, *.tf.json or *.tofu.json
// files. A directory that does not parse is reported in its Diagnostics. What
// was parsed before is remembered by git's object ids, so the cost grows with
// what changed since; a file system whose Sys() gives no ids is parsed afresh.
func (r *Reader) Discover(ctx context.Context, t workflow.Tree) (workflow.Discovery, error) {
	w := &walker{reader: r, tree: t.FS, ctx: ctx}
	info, err := fs.Stat(t.FS, ".")
	if err != nil {
		return workflow.Discovery{}, fmt.Errorf("discovering terraform directories: %w", err)
	}
	root, _, err := w.walk(".", idOf(info))
	if err != nil {
		return workflow.Discovery{}, fmt.Errorf("discovering terraform directories: %w", err)
	}
	p := placing{modules: map[string]workflow.Module{}, links: map[string][]string{}, said: map[string]*paths{}}
	p.place("", ".", root, nil)
	if err := w.templates(&p); err != nil {
		return workflow.Discovery{}, fmt.Errorf("reading templates: %w", err)
	}
	ends := p.follow(t.FS)
	p.blame(t.FS)
	return workflow.Discovery{Modules: p.modules, Units: p.units, UnitNames: sorted(p.unitNames), Links: ends}, nil
}

// placing puts nodes where they are in one tree.
type placing struct {
	modules   map[string]workflow.Module
	units     map[string]workflow.Unit // nil without any
	unitNames []string
	links     map[string][]string // directory of a module -> the symlinks that belong to it; "": those that belong to none
	said      map[string]*paths   // what each module's code says of paths
}

// place puts a node at dir; owner is the nearest directory above it that is a module, "" for none, and pins are
// the version files above it.
func (p *placing) place(owner, dir string, n *node, pins map[string]Wanted) {
	pins = pinsIn(dir, pins, n.pins)
	if n.module != nil {
		p.modules[dir], p.said[dir] = pin(n.module.at(dir), pins), n.module.paths
		owner = dir
	}
	if n.unit != nil {
		if p.units == nil {
			p.units = map[string]workflow.Unit{}
		}
		p.units[dir] = unitAt(dir, *n.unit)
	}
	p.unitNames = append(p.unitNames, n.unitNames...)
	for _, name := range n.links {
		p.links[owner] = append(p.links[owner], path.Join(dir, name))
	}
	for name, child := range n.children {
		p.place(owner, path.Join(dir, name), child, pins)
	}
}

type walker struct {
	reader *Reader
	tree   fs.FS // Tree.FS: the Tree itself would hide its ReadDir, Stat and ReadLink
	ctx    context.Context
}

// walk parses dir and everything below. fixed says that the result depends on
// the directory's own tree alone: a symlinked file makes it depend on another.
func (w *walker) walk(dir string, id workflow.ObjectID) (_ *node, fixed bool, err error) {
	if err := w.ctx.Err(); err != nil {
		return nil, false, err
	}
	if n, ok := w.reader.nodes.get(string(id)); ok && id != "" {
		return n, true, nil
	}
	entries, err := fs.ReadDir(w.tree, dir)
	if err != nil {
		return nil, false, err
	}
	n, fixed := &node{}, true
	var files []fs.DirEntry
	for _, e := range entries {
		if !e.IsDir() {
			files = append(files, e)
			if e.Type()&fs.ModeSymlink != 0 {
				n.links = append(n.links, e.Name())
			}
			continue
		}
		if skipped[e.Name()] {
			continue
		}
		info, err := e.Info()
		if err != nil {
			return nil, false, err
		}
		child, childFixed, err := w.walk(path.Join(dir, e.Name()), idOf(info))
		if err != nil {
			return nil, false, err
		}
		fixed = fixed && childFixed
		if !child.empty() {
			if n.children == nil {
				n.children = map[string]*node{}
			}
			n.children[e.Name()] = child
		}
	}
	ownFixed, err := w.read(n, dir, entries, files)
	if err != nil {
		return nil, false, err
	}
	if fixed = fixed && ownFixed; fixed && id != "" {
		w.reader.nodes.add(string(id), n, 1+len(n.children))
	}
	return n, fixed, nil
}

// read reads the files of one directory into its node. fixed is as walk's.
func (w *walker) read(n *node, dir string, entries, files []fs.DirEntry) (fixed bool, err error) {
	own, fixed, err := w.own(dir, entries, files)
	if err != nil {
		return false, err
	}
	if n.module, err = w.module(own); err != nil {
		return false, err
	}
	pins, pinsFixed, err := w.pins(dir, files)
	if err != nil {
		return false, err
	}
	n.pins = pins
	if n.unit, err = w.unit(dir, files); err != nil {
		return false, err
	}
	n.unitNames, err = w.unitNames(dir, files)
	return fixed && pinsFixed, err
}

// own is all that makes the module of a directory: its configuration, and where
// there is some the test files and variable files beside it. fixed is as walk's.
func (w *walker) own(dir string, entries, files []fs.DirEntry) (own []source, fixed bool, err error) {
	if own, err = w.sources(dir, files); err != nil {
		return nil, false, err
	}
	fixed = true
	if len(own) > 0 {
		tests, testsFixed, err := w.tests(dir, entries)
		if err != nil {
			return nil, false, err
		}
		values, err := w.values(dir, files)
		if err != nil {
			return nil, false, err
		}
		own, fixed = append(append(own, tests...), values...), testsFixed
	}
	for _, s := range own {
		fixed = fixed && s.link == ""
	}
	return own, fixed, nil
}

// source is one configuration file of a directory.
type source struct {
	name string // in its directory
	path string // in the tree
	id   workflow.ObjectID
	link string // of a symlink: its target, relative to the directory
	lost bool   // the symlink leads to no file of the tree
	test bool   // a test file
}

// sources picks the configuration files of either tool.
func (w *walker) sources(dir string, files []fs.DirEntry) ([]source, error) {
	var out []source
	for _, f := range files {
		if !IsConfig(f.Name()) {
			continue
		}
		s, err := w.source(dir, "", f)
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].name < out[j].name })
	return out, nil
}

// tests picks the test files of a directory: those in it and in its `tests`.
func (w *walker) tests(dir string, entries []fs.DirEntry) (out []source, fixed bool, err error) {
	fixed = true
	groups := map[string][]fs.DirEntry{"": entries}
	for _, e := range entries {
		if link := e.Type()&fs.ModeSymlink != 0; e.Name() == testDir && (e.IsDir() || link) {
			fixed = !link
			groups[testDir], err = fs.ReadDir(w.tree, path.Join(dir, testDir))
			if err != nil && !link {
				return nil, false, err
			}
		}
	}
	for below, entries := range groups {
		for _, e := range entries {
			if e.IsDir() || !isTest(e.Name()) {
				continue
			}
			s, err := w.source(dir, below, e)
			if err != nil {
				return nil, false, err
			}
			s.test = true
			out = append(out, s)
		}
	}
	sort.Slice(out, func(i, j int) bool { return out[i].name < out[j].name })
	return out, fixed, nil
}

func (w *walker) source(dir, below string, f fs.DirEntry) (source, error) {
	s := source{name: path.Join(below, f.Name()), path: path.Join(dir, below, f.Name())}
	if f.Type()&fs.ModeSymlink != 0 {
		target, err := fs.ReadLink(w.tree, s.path)
		if err != nil {
			return s, err
		}
		s.link = path.Join(below, target)
	}
	info, err := fs.Stat(w.tree, s.path)
	if err != nil && s.link == "" {
		return s, err
	}
	if s.lost = err != nil || info.IsDir(); !s.lost {
		s.id = idOf(info)
	}
	return s, nil
}

// module parses a directory's files, or finds the same ones parsed before.
func (w *walker) module(files []source) (*module, error) {
	if len(files) == 0 {
		return nil, nil
	}
	key := sha256.New()
	known := true
	for _, f := range files {
		known = known && f.id != ""
		fmt.Fprintf(key, "%q %q %s\n", f.name, f.link, f.id)
	}
	k := hex.EncodeToString(key.Sum(nil))
	if known {
		if m, ok := w.reader.modules.get(k); ok {
			return m, nil
		}
	}
	m, err := w.parse(files)
	if err != nil {
		return nil, err
	}
	w.reader.parsed.Add(1)
	if known {
		w.reader.modules.add(k, m, 1)
	}
	return m, nil
}

// IsConfig reports whether either tool reads a file as configuration, by its name.
func IsConfig(name string) bool {
	_, suffix := splitSuffix(name)
	return suffix != "" && !ignoredFile(name)
}

// splitSuffix splits a configuration file's name; suffix is "" for other files.
func splitSuffix(name string) (base, suffix string) {
	for _, s := range []string{".tf.json", ".tofu.json", ".tf", ".tofu"} {
		if strings.HasSuffix(name, s) {
			return strings.TrimSuffix(name, s), s
		}
	}
	return name, ""
}

// ignoredFile is terraform's rule for files it leaves alone (configs.IsIgnoredFile).
func ignoredFile(name string) bool {
	return strings.HasPrefix(name, ".") || strings.HasSuffix(name, "~") ||
		strings.HasPrefix(name, "#") && strings.HasSuffix(name, "#")
}

func idOf(info fs.FileInfo) workflow.ObjectID {
	id, _ := info.Sys().(workflow.ObjectID)
	return id
}
