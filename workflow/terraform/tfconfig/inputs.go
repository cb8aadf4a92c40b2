package tfconfig

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"sort"
	"strings"

	"github.com/cardea-iac/cardea/internal/glob"
	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/terraform/route"
)

const maxPointer = 1024 // bytes; Git LFS's own bound of a pointer file

// Inputs says what a project's plan is made from, and refuses one whose state
// would be lost or that reaches out of the repository.
func (r *Reader) Inputs(ctx context.Context, t workflow.Tree, d workflow.Discovery, p workflow.Project) (workflow.Inputs, error) {
	g, err := r.gathering(ctx, t, d, p)
	if err != nil {
		return workflow.Inputs{}, err
	}
	g.in = workflow.Inputs{Dir: g.dir}
	if err := g.gather(); err != nil {
		return workflow.Inputs{}, fmt.Errorf("inputs of %s: %w", p.Name, err)
	}
	return g.in, nil
}

func (r *Reader) gathering(ctx context.Context, t workflow.Tree, d workflow.Discovery, p workflow.Project) (*gathering, error) {
	settings, err := SettingsOf(p)
	if err != nil {
		return nil, err
	}
	g := &gathering{reader: r, ctx: ctx, tree: t.FS, id: t.ID, found: d, project: p, settings: settings, dir: path.Clean(p.Dir),
		digest: map[string]string{}, plain: map[string]string{}}
	g.tool = r.toolOf(settings, d.Modules[g.dir])
	return g, nil
}

// States says which state a project writes, by its backend alone.
func (r *Reader) States(ctx context.Context, t workflow.Tree, d workflow.Discovery, p workflow.Project) (workflow.States, error) {
	g, err := r.gathering(ctx, t, d, p)
	if err != nil {
		return nil, err
	}
	own, ok := as(d, g.tool, g.dir)
	if !ok {
		return nil, ctx.Err()
	}
	if err := g.backend(own); err != nil {
		return nil, fmt.Errorf("reading the backend of %s: %w", p.Name, err)
	}
	return g.in.States, ctx.Err()
}

// gathering collects one project's inputs.
type gathering struct {
	reader    *Reader
	ctx       context.Context
	tree      fs.FS // Tree.FS: the Tree itself would hide its methods
	id        string
	tool      string // that will run, "" where that is not certain
	facets    facets
	expected  Expected
	evaluated *evaluated
	found     workflow.Discovery
	project   workflow.Project
	settings  Settings
	dir       string
	in        workflow.Inputs
	listed    []string          // of all files of the tree, once they are listed
	digest    map[string]string // path -> mode and id, or what else is known of it
	plain     map[string]string // likewise, of what is no configuration
}

func (g *gathering) gather() error {
	own, ok := as(g.found, g.tool, g.dir)
	if _, any := g.found.Modules[g.dir]; any && !ok {
		g.refuse("`%s` has no files that %s reads.", g.dir, ToolTitle(g.tool))
	} else if !ok {
		g.refuse("`%s` has no Terraform files.", g.dir)
	}
	steps := []func() error{g.evaluate, g.modules, g.versionFiles, g.varFiles, g.watch, g.nobodys, g.lockFile, func() error { return g.backend(own) }}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	entry, err := json.Marshal(technicalKeys(g.project))
	if err != nil {
		return err
	}
	g.in.Digest = Hash(append([]string{string(entry)}, listed(g.digest)...)...)
	for _, f := range g.settings.VarFiles { // whatever they are called
		delete(g.plain, path.Join(g.dir, f))
	}
	g.in.FilesDigest = hashed(g.plain)
	if len(g.evaluated.sources) > 0 {
		g.expected.Early = g.evaluated.sources
	}
	g.in.Facets, g.in.Expected = g.facets.of(g.in.Known), g.expected.JSON()
	return nil
}

// listed are the keys of a map, sorted, each with its value.
func listed(m map[string]string) []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(m)) {
		out = append(out, name, m[name])
	}
	return out
}

// note takes what is known of a file into the digests.
func (g *gathering) note(name, what string) {
	g.digest[name] = what
	if !configuration(name) {
		g.plain[name] = what
	}
}

// technicalKeys is the part of a project's entry that a plan depends on; labels are not.
func technicalKeys(p workflow.Project) workflow.Project {
	return workflow.Project{Dir: path.Clean(p.Dir), Variant: p.Variant, Engine: p.Engine, Settings: p.Settings,
		Watch: p.Watch, WholeTree: p.WholeTree}
}

// refuse keeps the first refusal: one mend at a time.
func (g *gathering) refuse(format string, args ...any) {
	if g.in.Refused == "" {
		g.in.Refused = fmt.Sprintf(format, args...)
	}
}

// modules goes through the directory and its closure.
func (g *gathering) modules() error {
	var providers, links []string
	n := namedFiles{}
	for _, dir := range append([]string{g.dir}, g.in.Modules...) {
		if !g.readable(dir) {
			continue
		}
		m, _ := as(g.found, g.tool, dir)
		g.expect(dir, m)
		if config := ownOf(m).ProviderConfig; config != "" {
			providers = append(providers, config)
		}
		n.add(m, g.dir)
		links = append(links, m.Links...)
		if err := g.directory(dir); err != nil {
			return err
		}
	}
	if len(providers) > 0 {
		slices.Sort(providers)
		g.facets.providerConfig = Hash(providers...)
	}
	if err := g.computedSources(); err != nil {
		return err
	}
	return g.names(n, links)
}

// directory takes the files of dir and of everything below, except directories
// that are modules of their own: those count only when they are in the closure.
func (g *gathering) directory(dir string) error {
	if err := g.ctx.Err(); err != nil {
		return err
	}
	entries, err := fs.ReadDir(g.tree, dir)
	if errors.Is(err, fs.ErrNotExist) {
		g.note(dir, "missing")
		return nil // terraform names the call that leads nowhere
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		name := path.Join(dir, e.Name())
		if dir == g.dir && e.Name() == ".terraform" {
			continue // made anew for each run
		}
		if !e.IsDir() {
			if err := g.entry(name); err != nil {
				return err
			}
			continue
		}
		if _, other := g.found.Modules[name]; other {
			continue
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		if id := idOf(info); id != "" {
			if n, ok := g.reader.nodes.get(string(id)); ok && n.empty() {
				g.digest[name] = "tree " + string(id) // nothing below is a module: its id says all
				if g.plain[name], err = g.reader.plainFiles(g.tree, name, string(id)); err != nil {
					return err
				}
				continue
			}
		}
		if err := g.directory(name); err != nil {
			return err
		}
	}
	return nil
}

// plainFiles is a hash of the files below a directory that are no configuration, remembered by its id.
func (r *Reader) plainFiles(tree fs.FS, dir, id string) (string, error) {
	if known, ok := r.plain.get(id); ok {
		return known, nil
	}
	var parts []string
	err := fs.WalkDir(tree, dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || configuration(name) {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		parts = append(parts, strings.TrimPrefix(name, dir), fmt.Sprintf("%v %s", info.Mode(), idOf(info)))
		return nil
	})
	if err != nil {
		return "", err
	}
	sum := Hash(parts...)
	r.plain.add(id, sum, 1)
	return sum, nil
}

// entry takes one file into the digest: its mode and object id, those of what it
// leads to for a symlink. Without ids its content counts.
func (g *gathering) entry(name string) error {
	info, err := fs.Lstat(g.tree, name)
	if errors.Is(err, fs.ErrNotExist) || err != nil && !route.Inside(g.tree, path.Dir(name)) { // the export refuses what leaves the tree in words
		g.note(name, "missing")
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode()&fs.ModeSymlink != 0 {
		to, err := fs.ReadLink(g.tree, name)
		if err != nil {
			return err
		}
		if info, err = fs.Stat(g.tree, name); err != nil {
			g.note(name, "link "+to+" -> nowhere") // also one that leaves the tree: the export refuses it in words
			return nil
		}
	}
	what, err := g.content(name, info)
	if err != nil {
		return err
	}
	g.note(name, what)
	if info.IsDir() {
		g.plain[name] = what // a link to one, whatever it is called
	}
	return nil
}

func (g *gathering) content(name string, info fs.FileInfo) (string, error) {
	if id := idOf(info); id != "" {
		return fmt.Sprintf("%v %s", info.Mode(), id), nil
	}
	if info.IsDir() {
		return info.Mode().String(), nil
	}
	data, err := fs.ReadFile(g.tree, name)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%v %s", info.Mode(), Hash(string(data))), nil
}

const varFile = "var file"

// varFiles takes the var and backend_config files; each must be there, but for var files that a step makes.
func (g *gathering) varFiles() error {
	for _, f := range g.settings.VarFiles {
		if err := g.named(varFile, f); err != nil {
			return err
		}
	}
	for _, f := range g.settings.BackendConfig {
		if err := g.named("backend configuration file", f); err != nil {
			return err
		}
	}
	return nil
}

func (g *gathering) named(what, file string) error {
	name := path.Join(g.dir, file)
	if path.IsAbs(file) || leaves(name) {
		g.refuse("Its %s `%s` is outside of the repository.", what, file)
		return nil
	}
	r, ok := route.Trace(g.tree, name)
	if !ok {
		g.refuse("Its %s `%s` cannot be read: %s.", what, name, route.Lost(g.tree, name))
		return nil
	}
	info, err := fs.Stat(g.tree, name)
	if errors.Is(err, fs.ErrNotExist) || err == nil && info.IsDir() {
		hint := ""
		if at, err := fs.Stat(g.tree, path.Clean(file)); err == nil && !at.IsDir() {
			hint = fmt.Sprintf(" To start at the repository's root, begin the path with a slash: `/%s`.", file)
		}
		missing := fmt.Sprintf("Its %s `%s` does not exist.%s", what, name, hint)
		if len(r.Links) > 0 && r.Submodule == "" {
			missing = fmt.Sprintf("Its %s `%s` cannot be read: %s.", what, name, route.Lost(g.tree, name))
		}
		if what != varFile || err == nil { // a backend's file says where the state is, which no run decides
			g.refuse("%s", missing)
			return nil
		}
		if g.in.Absent == "" {
			g.in.Absent = missing
		}
		g.in.Named = append(g.in.Named, name)
		return g.entry(name)
	}
	if err != nil {
		return err
	}
	g.in.Named = append(g.in.Named, name)
	return g.entry(name)
}

// watch takes the files that the project's globs match.
func (g *gathering) watch() error {
	for _, w := range workflow.Watched(g.project.Watch) {
		watched := glob.Watch(g.dir, w)
		if leaves(watched) {
			g.refuse("It watches `%s`, which is outside of the repository.", w)
			continue
		}
		g.in.Watch = append(g.in.Watch, watched)
		if err := g.watched(glob.Compile(watched)); err != nil {
			return fmt.Errorf("watch %q: %w", w, err)
		}
	}
	return nil
}

// watched takes the files that one glob matches. All names of the tree are listed
// once and only compared: what a glob costs does not depend on how deep the tree is.
func (g *gathering) watched(watch glob.Glob) error {
	names, err := g.listing()
	if err != nil {
		return err
	}
	fixed := watch.Fixed()
	for i := sort.SearchStrings(names, fixed); i < len(names) && strings.HasPrefix(names[i], fixed); i++ {
		if i%256 == 0 && g.ctx.Err() != nil {
			return g.ctx.Err()
		}
		if !watch.MatchTree(names[i]) {
			continue
		}
		if err := g.entry(names[i]); err != nil {
			return err
		}
	}
	return nil
}

// listing is the names of all files of the tree, sorted, symlinks among them.
func (g *gathering) listing() ([]string, error) {
	if g.listed != nil {
		return g.listed, nil
	}
	info, err := fs.Stat(g.tree, ".")
	if err != nil {
		return nil, err
	}
	id := string(idOf(info))
	if known, ok := g.reader.listings.get(id); ok && id != "" {
		g.listed = known
		return known, nil
	}
	names, err := g.list(".", []string{})
	if err != nil {
		return nil, err
	}
	sort.Strings(names)
	if g.listed = names; id != "" {
		g.reader.listings.add(id, names, 1+len(names))
	}
	return names, nil
}

func (g *gathering) list(dir string, names []string) ([]string, error) {
	if err := g.ctx.Err(); err != nil {
		return nil, err
	}
	entries, err := fs.ReadDir(g.tree, dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		name := path.Join(dir, e.Name())
		if !e.IsDir() {
			names = append(names, name)
		} else if names, err = g.list(name, names); err != nil {
			return nil, err
		}
	}
	return names, nil
}

func (g *gathering) lockFile() error {
	name := path.Join(g.dir, LockFile)
	data, err := fs.ReadFile(g.tree, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if info, broken := fs.Stat(g.tree, name); broken == nil && info.IsDir() || !route.Inside(g.tree, name) {
		g.refuse("`%s` cannot be read: %s.", name, route.Lost(g.tree, name))
		return nil
	}
	if err != nil {
		return err
	}
	g.facets.lockFile = Hash(string(data))
	locked, diags := ParseLockFile(data)
	for _, d := range diags {
		d.Position.File = name
		g.in.Diagnostics = append(g.in.Diagnostics, d)
	}
	g.in.Known = slices.Sorted(maps.Keys(locked))
	return nil
}

// leaves reports whether a clean path leaves the root.
func leaves(p string) bool { return p == ".." || strings.HasPrefix(p, "../") || path.IsAbs(p) }
