package survey_test

import (
	"maps"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// The slow reference. It says what a project's plan is made from by doing what the tool does:
// it goes into every module call, evaluates every expression, and reads every file that a
// function is told to read. It shares no code with the product and remembers nothing but
// parsed text. Its answer for a change: a project must be affected where something that was
// read is not the same in both trees; it must not be where nothing of what changed is near
// anything that was read or named. In between the product may be careful.

// declared is a project as a fixture means it, with all placeholders written out.
type declared struct {
	dir, workspace, environment string
	tool                        string // tofu, or terraform as well
	varFiles, backend, watch    []string
}

func (d declared) key() string {
	if d.workspace == "" {
		d.workspace = "default"
	}
	if d.environment != "" {
		d.environment = d.dir + "/" + d.environment
	}
	return d.dir + " | " + d.workspace + " | " + d.environment
}

// reading is what was read for one project in one tree.
type reading struct {
	facts map[string]string // what the plan sees
	ends  map[string]bool   // the files that it saw
	dirs  map[string]bool   // the directories of its modules, without symlinks
	named map[string]bool   // files and directories that were read, named or passed through
	vague bool              // a path that only the tool would know
	open  bool              // likewise a module's source
}

// walker reads one project.
type walker struct {
	reading
	tree  *tree
	of    declared
	done  map[string]bool // module calls with the same inputs
	calls map[string]function.Function
}

// read is all that a project's plan is made from.
func (t *tree) read(p declared) reading {
	w := &walker{tree: t, of: p, done: map[string]bool{}, reading: reading{
		facts: map[string]string{}, ends: map[string]bool{}, dirs: map[string]bool{}, named: map[string]bool{}}}
	w.calls = w.functions()
	given := map[string]cty.Value{}
	values := func(name string) {
		maps.Copy(given, w.evaluate(parsed(name, w.file(name)).body, nil))
	}
	for _, name := range t.names[p.dir] {
		at := path.Join(p.dir, name)
		switch {
		case name == ".terraform.lock.hcl":
			w.file(at)
		case strings.HasPrefix(name, "terraform.tfvars"), strings.Contains(name, ".auto.tfvars"):
			values(at)
		case strings.HasSuffix(name, ".tftest.hcl"):
			w.test(at)
		}
	}
	for _, name := range t.names[path.Join(p.dir, "tests")] {
		if strings.HasSuffix(name, ".tftest.hcl") {
			w.test(path.Join(p.dir, "tests", name))
		}
	}
	for _, f := range slices.Concat(p.varFiles, p.backend) {
		if _, _, there := t.resolve(t.from(p.dir, f)); !there {
			w.open = true // it is refused, and then a cautious reader does not read on
		}
	}
	for _, f := range p.varFiles {
		values(t.from(p.dir, f))
	}
	for _, f := range p.backend {
		w.file(t.from(p.dir, f))
	}
	for _, glob := range p.watch {
		for name := range t.files {
			if ok, _ := path.Match(t.from(p.dir, glob), name); ok {
				w.file(name)
			}
		}
	}
	w.module(p.dir, given)
	return w.reading
}

// from is a name of a configuration file from the root: one with a slash before it starts there.
func (t *tree) from(dir, name string) string {
	if rest, ok := strings.CutPrefix(name, "/"); ok {
		return rest
	}
	return path.Join(dir, name)
}

// file reads a file, through symlinks; "" is what there is of one that is not there.
func (w *walker) file(name string) string {
	end, links, there := w.tree.resolve(name)
	for _, l := range links {
		w.named[l] = true
	}
	w.named[end] = true
	f, ok := w.tree.files[end]
	if !there || !ok {
		w.facts["file "+name] = "none"
		return ""
	}
	w.ends[end] = true
	w.facts["file "+name] = "text " + f.text
	return f.text
}

// test goes into the modules that a test file names.
func (w *walker) test(name string) {
	for _, run := range parsed(name, w.file(name)).blocks {
		for _, b := range run.body.Blocks {
			if a := b.Body.Attributes["source"]; run.kind == "run" && b.Type == "module" && a != nil {
				w.call(w.of.dir, a.Expr, nil, nil)
			}
		}
	}
}

// configuration is the files of a directory that a tool reads.
func (w *walker) configuration(dir string) []string {
	var out []string
	names := w.tree.names[dir]
	for _, name := range names {
		tofu := strings.HasSuffix(name, ".tofu") || strings.HasSuffix(name, ".tofu.json")
		hidden := slices.Contains(names, strings.Replace(name, ".tf", ".tofu", 1))
		switch {
		case !isConfiguration(name), tofu && w.of.tool != "tofu", !tofu && hidden && w.of.tool == "tofu":
		default:
			out = append(out, name)
		}
	}
	return out
}

var configurationName = regexp.MustCompile(`^[^.#].*\.(tf|tofu)(\.json)?$`)

func isConfiguration(name string) bool { return configurationName.MatchString(name) }

// module reads a module that is called with some values.
func (w *walker) module(dir string, given map[string]cty.Value) {
	end, links, there := w.tree.resolve(dir)
	for _, l := range links {
		w.named[l] = true
	}
	id := end
	for _, name := range slices.Sorted(maps.Keys(given)) {
		id += "\x00" + name + given[name].GoString()
	}
	if w.done[id] {
		return
	}
	w.done[id] = true
	if !there {
		w.facts["directory "+dir], w.named[end] = "none", true
		return
	}
	w.dirs[end] = true
	w.links(end)
	var all text
	for _, name := range w.configuration(end) {
		one := parsed(name, w.file(path.Join(end, name)))
		all.blocks = append(all.blocks, one.blocks...)
	}
	if end == w.of.dir && backends(all.blocks) != 1 {
		w.open = true // it is refused, and then a cautious reader does not read on
	}
	scope := w.scope(end, given, all.blocks)
	for _, b := range all.blocks {
		each := []map[string]cty.Value{scope}
		if e := b.body.Attributes["for_each"]; e != nil {
			each = w.each(scope, e.Expr)
		}
		for _, scope := range each {
			switch b.kind {
			case "module":
				w.evaluateAll(b.body, scope)
				if a := b.body.Attributes["source"]; a != nil {
					w.call(end, a.Expr, scope, w.evaluate(b.body, scope))
				}
			case "variable":
			default:
				w.evaluateAll(b.body, scope)
			}
		}
	}
}

// links notes where the symlinks of a module's directory lead, and those that lie there:
// a cautious reader takes that.
func (w *walker) links(dir string) {
	for _, name := range w.tree.links {
		if strings.HasPrefix(name, dir+"/") && w.tree.owner(name, nil) == dir {
			w.lead(name, 0)
		}
	}
}

func (w *walker) lead(link string, hops int) {
	end, _, _ := w.tree.resolve(link)
	w.named[end] = true
	for _, name := range w.tree.links {
		if strings.HasPrefix(name, end+"/") && hops < 4 {
			w.lead(name, hops+1)
		}
	}
}

// scope is what the code of a module may refer to.
func (w *walker) scope(dir string, given map[string]cty.Value, blocks []block) map[string]cty.Value {
	relative, _ := filepath.Rel("/"+w.of.dir, "/"+dir)
	workspace := w.of.workspace
	if workspace == "" {
		workspace = "default"
	}
	scope := map[string]cty.Value{
		"path": cty.ObjectVal(map[string]cty.Value{"module": cty.StringVal(filepath.ToSlash(relative)),
			"root": cty.StringVal("."), "cwd": cty.StringVal(".")}),
		"terraform": cty.ObjectVal(map[string]cty.Value{"workspace": cty.StringVal(workspace)}),
	}
	variables, locals := map[string]cty.Value{}, map[string]cty.Value{}
	unknown := map[string]hcl.Expression{}
	for _, b := range blocks {
		switch {
		case b.kind == "variable" && len(b.labels) > 0:
			variables[b.labels[0]] = cty.DynamicVal
			if a := b.body.Attributes["default"]; a != nil {
				variables[b.labels[0]] = w.value(a.Expr, scope)
			}
		case b.kind == "locals":
			for name, a := range b.body.Attributes {
				unknown[name] = a.Expr
				locals[name] = cty.DynamicVal
			}
		}
	}
	for name, v := range given {
		if _, there := variables[name]; there {
			variables[name] = v
		}
	}
	scope["var"], scope["local"] = cty.ObjectVal(variables), cty.ObjectVal(locals)
	for range unknown { // as often as a chain of locals may be long
		for name, e := range unknown {
			locals[name] = w.value(e, scope)
		}
		scope["local"] = cty.ObjectVal(locals)
	}
	return scope
}

// each is the scopes of a block with for_each.
func (w *walker) each(scope map[string]cty.Value, e hcl.Expression) []map[string]cty.Value {
	in := func(key, value cty.Value) map[string]cty.Value {
		one := maps.Clone(scope)
		one["each"] = cty.ObjectVal(map[string]cty.Value{"key": key, "value": value})
		return one
	}
	all := w.value(e, scope)
	if !all.IsWhollyKnown() || all.IsNull() || !all.CanIterateElements() {
		w.vague = true
		return []map[string]cty.Value{in(cty.DynamicVal, cty.DynamicVal)}
	}
	var out []map[string]cty.Value
	for key, value := range all.Elements() {
		if all.Type().IsSetType() {
			key = value
		}
		out = append(out, in(key, value))
	}
	return out
}

// call goes where a module's source leads.
func (w *walker) call(dir string, source hcl.Expression, scope, given map[string]cty.Value) {
	v := w.value(source, scope)
	if len(source.Variables()) > 0 && w.of.tool != "tofu" || !v.IsKnown() || v.IsNull() || v.Type() != cty.String {
		w.open = true
		return
	}
	if s := v.AsString(); strings.HasPrefix(s, "./") || strings.HasPrefix(s, "../") {
		w.module(path.Join(dir, s), given)
	}
}

// evaluate is the values of a body's attributes.
func (w *walker) evaluate(body *hclsyntax.Body, scope map[string]cty.Value) map[string]cty.Value {
	out := map[string]cty.Value{}
	for name, a := range body.Attributes {
		out[name] = w.value(a.Expr, scope)
	}
	return out
}

// evaluateAll evaluates what is in a body and in its blocks.
func (w *walker) evaluateAll(body *hclsyntax.Body, scope map[string]cty.Value) {
	w.evaluate(body, scope)
	for _, b := range body.Blocks {
		w.evaluateAll(b.Body, scope)
	}
}

// value evaluates an expression. Its functions note what they read.
func (w *walker) value(e hcl.Expression, scope map[string]cty.Value) cty.Value {
	scope = maps.Clone(scope)
	if scope == nil {
		scope = map[string]cty.Value{}
	}
	for _, v := range e.Variables() {
		if _, known := scope[v.RootName()]; !known {
			scope[v.RootName()] = cty.DynamicVal // a resource, or the word of a type
		}
	}
	ctx := &hcl.EvalContext{Variables: scope, Functions: w.calls}
	if node, ok := e.(hclsyntax.Node); ok {
		_ = hclsyntax.VisitAll(node, func(n hclsyntax.Node) hcl.Diagnostics {
			if call, ok := n.(*hclsyntax.FunctionCallExpr); ok && readsFiles[call.Name] && len(call.Args) > 0 {
				w.argument(call.Args[0], ctx)
			}
			return nil
		})
	}
	v, diags := e.Value(ctx)
	if diags.HasErrors() {
		w.vague = true
		return cty.DynamicVal
	}
	return v
}

// argument notes of a path that is computed what surely stands before the rest: a cautious
// reader takes all below that.
func (w *walker) argument(e hclsyntax.Expression, ctx *hcl.EvalContext) {
	fixed := true
	for _, v := range e.Variables() {
		fixed = fixed && v.RootName() == "path"
	}
	if fixed {
		return
	}
	start := ""
	if t, ok := e.(*hclsyntax.TemplateExpr); ok {
		for _, part := range t.Parts {
			if slices.ContainsFunc(part.Variables(), func(v hcl.Traversal) bool { return v.RootName() != "path" }) {
				break
			}
			if v, diags := part.Value(ctx); !diags.HasErrors() && v.Type() == cty.String && v.IsKnown() {
				start += v.AsString()
			}
		}
	}
	if !strings.Contains(start, "/") {
		w.vague = true
		return
	}
	end, _, _ := w.tree.resolve(path.Join(w.of.dir, start[:strings.LastIndex(start, "/")]))
	w.named[end] = true
}
