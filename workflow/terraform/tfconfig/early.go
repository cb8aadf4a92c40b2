package tfconfig

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"sort"
	"strings"

	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/terraform/early"
	"github.com/cardea-iac/cardea/workflow/terraform/route"
	"github.com/cardea-iac/cardea/workflow/terraform/syntax"
)

// OpenTofu makes sources of modules and attributes of backends from variables and locals
// before anything else. What the code and the project's var files say of them is worked out
// for each project; what `init` makes of it is compared. The rest stays computed.

// maxUses is how many uses of modules are followed for one project.
const maxUses = 2000

// use is a module, called on one way.
type use struct {
	key   string // "a.b", as the tool's list of modules has it; "" the project
	dir   string
	scope *early.Scope
}

// evaluated is what was worked out of a project's sources.
type evaluated struct {
	sources map[string]string // by the key of a call: the directory, "" of one that is fetched
	dirs    map[string]bool   // directories that are reached
	open    map[string]bool   // "DIR NAME" of calls that are not known on some way
	seen    map[string]bool   // likewise, that were looked at
	compute map[string]bool   // by directory: whether it reaches a source that is computed
}

// evaluate works out the computed sources that a project reaches; the module closure grows with them.
func (g *gathering) evaluate() error {
	g.in.Modules = closure(g.found, g.tool, g.dir)
	e := &evaluated{sources: map[string]string{}, dirs: map[string]bool{}, open: map[string]bool{}, seen: map[string]bool{}, compute: map[string]bool{}}
	g.evaluated = e
	if g.tool != Tofu || !g.computes(g.dir) {
		return g.ctx.Err()
	}
	root, err := g.rootScope()
	if err != nil {
		return err
	}
	todo := []use{{"", g.dir, root}}
	for at := 0; at < len(todo) && g.ctx.Err() == nil; at++ {
		more, err := g.calls(todo[at], len(todo) < maxUses)
		if err != nil {
			return err
		}
		todo = append(todo, more...)
	}
	reached := slices.Clone(g.in.Modules)
	for dir := range e.dirs {
		reached = append(reached, g.within(dir)...)
	}
	if root.AskedWorkspace() {
		g.refuse("The source of a module that it calls uses `terraform.workspace`, which OpenTofu works out before Terraform workspace `%s` is selected. "+
			"Use a variable instead, and set it in one of the project's var files.", g.project.Variant)
	}
	g.in.Modules = slices.DeleteFunc(sorted(reached), func(dir string) bool { return dir == g.dir })
	return g.ctx.Err()
}

// within are a directory and those that it reaches by sources that are not computed.
func (g *gathering) within(dir string) []string { return append(closure(g.found, g.tool, dir), dir) }

// computes reports whether a directory reaches a source that is computed.
func (g *gathering) computes(dir string) bool {
	known, ok := g.evaluated.compute[dir]
	if !ok {
		known = slices.ContainsFunc(g.within(dir), func(dir string) bool {
			m, _ := as(g.found, g.tool, dir)
			return slices.ContainsFunc(ownOf(m).Named, func(c ModuleCall) bool { return c.Computed })
		})
		g.evaluated.compute[dir] = known
	}
	return known
}

// calls works out what one use of a module calls, and returns those that are to be looked at as well.
func (g *gathering) calls(u use, room bool) (more []use, err error) {
	e := g.evaluated
	m, _ := as(g.found, g.tool, u.dir)
	for _, c := range ownOf(m).Named {
		key, dir := strings.TrimPrefix(u.key+"."+c.Name, "."), c.Dir
		if c.Computed {
			id := u.dir + " " + c.Name
			e.seen[id] = true
			source, ok := u.scope.Source(c.Name)
			if !ok || !room {
				e.open[id] = true
				continue
			}
			local, why := moduleSource(source)
			if why != "" {
				g.refuse("Module `%s` of `%s` has the source %q here: %s", c.Name, u.dir, source, why)
			}
			if dir = ""; local != "" {
				dir = g.real(path.Join(u.dir, local))
				e.dirs[dir] = true
			}
			e.sources[key] = dir
		}
		if dir == "" || leaves(dir) || !g.computes(dir) {
			continue
		}
		if !room {
			g.leaveOpen(dir)
			continue
		}
		code, err := g.code(dir)
		if err != nil {
			return nil, err
		}
		more = append(more, use{key, dir, u.scope.Call(c.Name, code, workflow.RelativePath(g.dir, dir))})
	}
	return more, nil
}

// leaveOpen says of the calls below a directory that they are not known.
func (g *gathering) leaveOpen(dir string) {
	for _, dir := range g.within(dir) {
		m, _ := as(g.found, g.tool, dir)
		for _, c := range ownOf(m).Named {
			if c.Computed {
				g.evaluated.open[dir+" "+c.Name] = true
			}
		}
	}
}

// open reports whether a computed source of a module is not known, at least on one way to it. What test
// files call is not followed.
func (g *gathering) open(dir, name string) bool {
	id := dir + " " + name
	return !g.evaluated.seen[id] || g.evaluated.open[id]
}

// real is the directory to which a path leads, as the tool names it.
func (g *gathering) real(dir string) string {
	if r, ok := route.Trace(g.tree, dir); ok && r.Submodule == "" {
		return r.End
	}
	return dir
}

// rootScope is what the project's own code is evaluated with.
func (g *gathering) rootScope() (*early.Scope, error) {
	code, err := g.code(g.dir)
	if err != nil {
		return nil, err
	}
	values := map[string]hclsyntax.Expression{}
	for _, file := range g.valueFiles() {
		data, err := fs.ReadFile(g.tree, file)
		if errors.Is(err, fs.ErrNotExist) {
			continue // refused already, made by a step, or the tool says so
		}
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", file, err)
		}
		maps.Copy(values, syntax.Values(file, data))
	}
	workspace := ""
	if g.project.VariantOrDefault() == workflow.DefaultVariant { // the others are selected after init
		workspace = workflow.DefaultVariant
	}
	return early.Root(code, values, workspace), nil
}

// valueFiles are the files with values of variables, in the order in which they count: a later one wins.
func (g *gathering) valueFiles() []string {
	var out, auto []string
	entries, _ := fs.ReadDir(g.tree, g.dir) // a directory that cannot be read is said elsewhere
	for _, e := range entries {
		switch plain := strings.TrimSuffix(e.Name(), ".json"); {
		case plain == "terraform.tfvars":
			out = append(out, path.Join(g.dir, e.Name()))
		case strings.HasSuffix(plain, ".auto.tfvars") && !ignoredFile(e.Name()):
			auto = append(auto, path.Join(g.dir, e.Name()))
		}
	}
	sort.Strings(out) // the JSON form comes second
	sort.Strings(auto)
	out = append(out, auto...)
	for _, f := range g.settings.VarFiles {
		if name := path.Join(g.dir, f); !path.IsAbs(f) && !leaves(name) {
			out = append(out, name)
		}
	}
	return out
}

// code is what the code of a directory says that is evaluated early, as OpenTofu reads it.
func (g *gathering) code(dir string) (*early.Code, error) {
	entries, err := fs.ReadDir(g.tree, dir)
	if errors.Is(err, fs.ErrNotExist) {
		return &early.Code{}, nil
	}
	if err != nil {
		return nil, err
	}
	w := &walker{reader: g.reader, tree: g.tree, ctx: g.ctx}
	files, err := w.sources(dir, slices.DeleteFunc(entries, fs.DirEntry.IsDir))
	if err != nil {
		return nil, err
	}
	key := ""
	for _, f := range files {
		key += fmt.Sprintf("%q %s\n", f.name, f.id)
	}
	fixed := !slices.ContainsFunc(files, func(f source) bool { return f.id == "" })
	if known, ok := g.reader.codes.get(key); ok && fixed {
		return known, nil
	}
	c := &early.Code{}
	files = readBy(Tofu, files)
	slices.SortStableFunc(files, func(a, b source) int { // what override files say replaces what is there
		return map[bool]int{true: 1}[isOverride(a.name)] - map[bool]int{true: 1}[isOverride(b.name)]
	})
	for _, f := range files {
		if f.lost {
			continue
		}
		data, err := fs.ReadFile(g.tree, f.path)
		if err != nil {
			return nil, err
		}
		for _, b := range syntax.Blocks(f.name, data) {
			c.Add(b)
		}
	}
	if fixed {
		g.reader.codes.add(key, c, 1)
	}
	return c, nil
}

// evaluateBackend works out attributes of the backend that are computed, and returns those that stay so.
func (g *gathering) evaluateBackend(b Backend, attributes map[string]string, computed []string) (open []string, err error) {
	if g.tool != Tofu || len(computed) == 0 {
		return computed, nil
	}
	scope, err := g.rootScope()
	if err != nil {
		return nil, err
	}
	for _, name := range computed {
		if e := b.expressions[name]; e != nil {
			open = append(open, scope.Flatten(attributes, name, e)...)
		} else {
			open = append(open, name)
		}
	}
	if scope.AskedWorkspace() {
		g.refuse("Its backend uses `terraform.workspace`, which OpenTofu works out before Terraform workspace `%s` is selected. "+
			"Use a variable instead, and set it in one of the project's var files.", g.project.Variant)
	}
	return open, nil
}
