package tfconfig

import (
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/cardea-iac/cardea/workflow/terraform/syntax"
)

// fileFunctions read the file, or the directory, that their first argument names.
var fileFunctions = map[string]bool{
	"file": true, "filebase64": true, "fileexists": true, "fileset": true, "templatefile": true, "filemd5": true, "filesha1": true, "filesha256": true,
	"filesha512": true, "filebase64sha256": true, "filebase64sha512": true,
}

// pathNames in an attribute's name say that its value is a path, also where that is one plain word.
var pathNames = []string{"file", "dir", "path", "source", "folder", "template", "chart", "script", "archive", "context"}

const (
	wordEnds  = " \t\r\n\"'`;|&()<>=," // of a path among other words, as in a command
	wordMarks = ":@#?!*$%^+~"          // may stand before a path in one word
	maxWords  = 64                     // of one string that are looked at
)

// paths are what a module's code says of the files that it reads.
type paths struct {
	files, rootFiles []string // files and directories, clean, below path.module and below the working directory
	parts, rootParts []stem
	words            []string            // plain words that may name something below
	ends             []string            // with which names of files may end ([workflow.Module.Ends])
	computed         []string            // files of code with paths of which nothing is known
	anySource        []string            // files of code with a module source of which nothing is known
	commands         []string            // files of code with commands
	inputs           map[string][]string // files of code with paths that begin with an input variable, by its name
	// passed is what calls of local modules give them that is not known: by the
	// module, by its input; the caller's own input that it is, or "".
	passed map[string]map[string]string
	// templates are those of the files that are read as templates: they read files too.
	templates *paths
}

// named collects the paths that one directory's code names.
type named struct {
	*folder
	*paths
	file   string // the one that is being read
	frames []frame
	unused map[hclsyntax.Expression]bool // strings of locals that count where they are used
	read   map[hclsyntax.Expression]bool // arguments of file functions
	reader bool                          // only what file functions read counts: what is read is text
}

func newNamed() *named {
	return &named{
		paths: &paths{inputs: map[string][]string{}, passed: map[string]map[string]string{}},
		folder: &folder{locals: map[string]hclsyntax.Expression{}, resources: map[string]map[string]hclsyntax.Expression{},
			known: map[hclsyntax.Expression][]text{}},
		unused: map[hclsyntax.Expression]bool{}, read: map[hclsyntax.Expression]bool{},
	}
}

// frame is what surrounds a node.
type frame struct {
	skip   bool   // it is not looked at
	told   bool   // its text is part of one that is looked at as a whole
	called bool   // it is an argument of a function
	by     string // that function
	attr   string // the attribute
}

// findPaths finds what the blocks of one directory's files name.
func findPaths(blocks []syntax.Block) *paths {
	n := newNamed()
	twice, ignored := map[string]bool{}, map[string]bool{}
	for _, b := range blocks {
		switch b.Kind {
		case "locals":
			for name, e := range b.Attributes {
				if _, again := n.locals[name]; again {
					twice[name] = true // an override file: which one holds is not asked
				}
				n.locals[name] = e
			}
		case "resource", "ephemeral":
			n.resources[b.Labels] = b.Attributes
			ignored[b.Labels] = ignored[b.Labels] || b.Ignores
		case "data":
			n.resources["data."+b.Labels] = b.Attributes
		}
	}
	for name := range twice {
		delete(n.locals, name)
	}
	maps.DeleteFunc(n.resources, func(name string, _ map[string]hclsyntax.Expression) bool { return ignored[name] })
	for _, b := range blocks {
		n.file = b.File
		n.block(b)
		n.endings(b)
	}
	if n.steps >= maxFolds && len(blocks) > 0 {
		n.computed = append(n.computed, blocks[0].File) // nobody knows what the rest names
	}
	n.finish()
	return n.paths
}

func (n *named) finish() {
	for _, list := range []*[]string{&n.files, &n.rootFiles, &n.words, &n.ends, &n.computed, &n.anySource} {
		*list = sorted(*list)
	}
	for _, list := range []*[]stem{&n.parts, &n.rootParts} {
		slices.SortFunc(*list, func(a, b stem) int {
			return strings.Compare(a.below+"\x00"+a.name+"\x00"+a.end+"\x00"+a.file, b.below+"\x00"+b.name+"\x00"+b.end+"\x00"+b.file)
		})
		*list = slices.Compact(*list)
	}
	for name, files := range n.inputs {
		n.inputs[name] = sorted(files)
	}
}

func (n *named) block(b syntax.Block) {
	switch b.Kind {
	case "locals":
		for name, e := range b.Attributes {
			if n.locals[name] == e {
				n.define(e)
			} else {
				n.visit(name, e)
			}
		}
	case "module":
		n.source(b.Attributes["source"])
		n.passes(b.Attributes)
		for name, e := range b.Attributes {
			if name != "source" && name != "version" {
				n.visit(name, e)
			}
		}
	default:
		n.visit("", b.Body)
	}
}

// source takes a module's source that is not written out: it may lead to several directories.
func (n *named) source(e hclsyntax.Expression) {
	if e == nil {
		return
	}
	if _, ok := syntax.Literal(e); ok {
		return
	}
	for _, t := range n.fold(e) {
		switch {
		case relative(t):
			n.leads(t)
		case t.start == "":
			n.anySource = append(n.anySource, n.file)
		}
	}
}

// leads takes where a module's source may lead: it is relative to the directory of the module that calls.
func (n *named) leads(t text) {
	to := named{folder: n.folder, paths: &paths{}, file: n.file}
	to.path(t, false)
	for _, dir := range to.files {
		to.parts = append(to.parts, stem{below: dir, file: n.file})
	}
	for _, p := range to.parts {
		p.source = true
		n.parts = append(n.parts, p)
	}
}

// define goes through a local. Strings in it count where, and as, they are used.
func (n *named) define(e hclsyntax.Expression) {
	n.unused[e] = true
	switch e := e.(type) {
	case *hclsyntax.ObjectConsExpr:
		for _, item := range e.Items {
			n.define(item.ValueExpr)
		}
	case *hclsyntax.TupleConsExpr:
		for _, x := range e.Exprs {
			n.define(x)
		}
	default:
		n.frames = append(n.frames, frame{told: told(n.fold(e))})
		hclsyntax.Walk(e, n)
		n.frames = n.frames[:len(n.frames)-1]
	}
}

// use goes through a local that is used as more than the text that it is.
func (n *named) use(e hclsyntax.Expression) {
	if !n.unused[e] {
		return
	}
	delete(n.unused, e)
	switch e := e.(type) {
	case *hclsyntax.ObjectConsExpr:
		for _, item := range e.Items {
			n.use(item.ValueExpr)
		}
	case *hclsyntax.TupleConsExpr:
		for _, x := range e.Exprs {
			n.use(x)
		}
	default:
		if told(n.fold(e)) {
			n.visit("", e)
		}
	}
}

func (n *named) visit(attr string, node hclsyntax.Node) {
	n.frames = append(n.frames, frame{attr: attr})
	hclsyntax.Walk(node, n)
	n.frames = n.frames[:len(n.frames)-1]
}

// Enter implements hclsyntax.Walker.
func (n *named) Enter(node hclsyntax.Node) hcl.Diagnostics {
	around := n.frames[len(n.frames)-1]
	inner := around
	switch node := node.(type) {
	case *hclsyntax.Block:
		inner.skip = around.skip || node.Type == "required_providers"
	case *hclsyntax.Attribute:
		inner.attr = node.Name
	case hclsyntax.Expression:
		if !around.skip {
			around.told = around.told || n.read[node]
			inner = n.expression(node, around)
		}
	}
	n.frames = append(n.frames, inner)
	return nil
}

// Exit implements hclsyntax.Walker.
func (n *named) Exit(hclsyntax.Node) hcl.Diagnostics {
	n.frames = n.frames[:len(n.frames)-1]
	return nil
}

// expression looks at one expression, and says what surrounds its parts.
func (n *named) expression(e hclsyntax.Expression, around frame) frame {
	texts := n.fold(e)
	inner := frame{told: told(texts), called: around.called, by: around.by, attr: around.attr}
	switch e := e.(type) {
	case *hclsyntax.FunctionCallExpr:
		inner.called, inner.by = true, strings.TrimPrefix(e.Name, "core::")
		switch name := inner.by; {
		case len(e.Args) == 0:
		case fileFunctions[name]:
			n.reads(name, e.Args)
		case name == "templatestring":
			n.renders(e.Args[0])
		case name == "dirname" && !inner.told && !naming[around.by]:
			n.anyEnd() // it is "." for a plain name
		}
	case *hclsyntax.TemplateExpr:
		if !n.reader && (!inner.told || !around.told) {
			n.amid(e)
		}
	case *hclsyntax.ObjectConsExpr, *hclsyntax.TupleConsExpr, *hclsyntax.ObjectConsKeyExpr:
		inner.told = around.told
	case *hclsyntax.ScopeTraversalExpr:
		if !inner.told && !around.told && e.Traversal.RootName() == "local" {
			for _, of := range n.meant(e) {
				n.use(of)
			}
		}
	}
	if slices.ContainsFunc(texts, climbs) {
		n.anyEnd()
	}
	if inner.told && !around.told && !n.reader {
		for _, t := range texts {
			n.value(t, around)
		}
	}
	return inner
}

// told reports whether something is known of the beginning of each text.
func told(texts []text) bool {
	return !slices.ContainsFunc(texts, func(t text) bool { return t.start == "" && !t.whole })
}

// reads takes what a file function is told to read.
func (n *named) reads(name string, args []hclsyntax.Expression) {
	n.read[args[0]] = true
	texts := n.fold(args[0])
	if name == "fileset" && len(args) > 1 {
		n.read[args[1]] = true
		var out []text
		for _, dir := range texts {
			for _, pattern := range n.fold(args[1]) {
				out = append(out, dir.then(whole("/")).then(matching(pattern)))
			}
		}
		texts = out
	}
	for _, t := range texts {
		switch {
		case t.start != "" && t.start != "/" || t.whole:
			n.path(t, true)
			if name == "templatefile" {
				n.template(t)
			}
		case t.input != "":
			n.inputs[t.input] = append(n.inputs[t.input], n.file)
		default:
			n.computed = append(n.computed, n.file)
		}
	}
}

// globSigns are what is special in a pattern of fileset.
const globSigns = `*?[]{}\\`

// matching is what is known of the paths that a pattern of fileset matches.
func matching(pattern text) text {
	end := pattern.end
	if at := strings.IndexAny(pattern.start, globSigns); at >= 0 {
		if pattern.whole {
			end = pattern.start[at:]
		}
		pattern = text{start: pattern.start[:at], up: pattern.up + ups(pattern.start[at:])}
	} else if pattern.whole {
		return pattern
	}
	pattern.end = ""
	if !strings.ContainsAny(end, `[]{}\`) {
		pattern.end = end[strings.LastIndexAny(end, "*?")+1:]
	}
	return pattern
}

// amid looks for paths that begin amid a template, after something that is computed.
func (n *named) amid(e *hclsyntax.TemplateExpr) {
	computed := false
	for i, p := range e.Parts {
		texts := n.fold(p)
		if computed && slices.ContainsFunc(texts, text.marked) {
			for _, t := range n.together(e.Parts[i:], "") {
				n.value(t, frame{called: true})
			}
		}
		computed = computed || slices.ContainsFunc(texts, func(t text) bool { return !t.whole })
	}
}

// value takes the paths in a string that is no argument of a file function.
func (n *named) value(t text, around frame) {
	if bare := strings.TrimSuffix(t.start, "/"); t.whole && around.called && (bare == modulePath || bare == rootPath) {
		if !naming[around.by] {
			n.anyEnd()
		}
		return // basename(path.cwd): a name is made of it
	}
	if here(t, around) {
		n.anyEnd()
	}
	if relative(t) {
		n.path(t, false)
	} else if t.whole {
		n.word(t.start, around.attr)
	}
	words := strings.FieldsFunc(t.start, func(r rune) bool { return strings.ContainsRune(wordEnds, r) })
	for i, w := range words[:min(len(words), maxWords)] {
		tail := w // "file://../x", "@../x"
		if at := strings.LastIndexAny(w, wordMarks); at >= 0 {
			tail = strings.TrimLeft(w[at+1:], "/")
		}
		word := whole(tail)
		if i == len(words)-1 && !t.whole && strings.HasSuffix(t.start, w) {
			word = text{start: tail, end: t.end, spaced: t.spaced, up: t.up}
		}
		if tail != t.start && relative(word) {
			n.path(word, false)
		} else if tail != t.start && here(word, frame{}) && (w == "." || strings.ContainsRune(":@", rune(w[strings.LastIndexAny(w, wordMarks)]))) {
			n.anyEnd() // "--from=.", "file://."
		}
	}
}

// relative reports whether a text begins as a path of the repository.
func relative(t text) bool {
	return t.marked() || strings.HasPrefix(t.start, "./") || strings.HasPrefix(t.start, "../") || t.whole && t.start == ".."
}

// word takes a string that may name a file or directory, without a word that says so.
func (n *named) word(s, attr string) {
	if s == "" || len(s) > 255 || strings.ContainsAny(s, "\x00\n\r:*${}<>=") || strings.HasPrefix(s, "/") || strings.HasPrefix(s, "~") {
		return
	}
	says := func(name string) bool { return strings.Contains(attr, name) }
	if s = path.Clean(s); s == "." && !slices.ContainsFunc(pathNames, says) {
		return // a separator
	}
	if strings.ContainsAny(s, "/.") || slices.ContainsFunc(pathNames, says) {
		n.words = append(n.words, s)
	}
}

// path takes a text that is a path. That of a file function is one of the working
// directory where it does not say otherwise; any other may be the module's too.
func (n *named) path(t text, argument bool) {
	if at := strings.Index(t.start[min(1, len(t.start)):], "\x00"); at >= 0 { // a place that is not known amid it
		t = text{start: t.start[:at+1], up: t.up + ups(t.start[at+1:])}
	}
	if strings.HasPrefix(t.start, "/") || strings.HasPrefix(t.start, "~") {
		return
	}
	rel, module := strings.CutPrefix(t.start, modulePath)
	root := !module
	if rest, marked := strings.CutPrefix(rel, rootPath); marked {
		rel = rest
	} else {
		module = module || !argument
	}
	if t.marked() && rel != "" && !strings.HasPrefix(rel, "/") {
		return // "${path.module}x" names no place
	}
	p, exact := n.split(strings.TrimLeft(rel, "/"), t)
	if module {
		add(&n.files, &n.parts, p, exact)
	}
	if root {
		add(&n.rootFiles, &n.rootParts, p, exact)
	}
}

// passes takes what a call gives a local module that is not known.
func (n *named) passes(attributes map[string]hclsyntax.Expression) {
	source, _ := moduleSource(n.fold0(attributes["source"]))
	if source == "" {
		return
	}
	for name, e := range attributes {
		for _, t := range n.fold(e) {
			if t.start != "" || t.whole {
				continue
			}
			if n.passed[source] == nil {
				n.passed[source] = map[string]string{}
			}
			if was, ok := n.passed[source][name]; ok && was != t.input {
				t.input = ""
			}
			n.passed[source][name] = t.input
		}
	}
}

// fold0 is the one text of an expression, "" where there is none.
func (n *named) fold0(e hclsyntax.Expression) string {
	if e == nil {
		return ""
	}
	if t := n.fold(e); len(t) == 1 && t[0].whole {
		return t[0].start
	}
	return ""
}
