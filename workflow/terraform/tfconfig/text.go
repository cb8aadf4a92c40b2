package tfconfig

import (
	"path"
	"slices"
	"strings"
	"unicode"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/cardea-iac/cardea/workflow/terraform/syntax"
)

// path.module and path.root as a text begins with them: whose path it is can be told.
const (
	modulePath = "\x00module"
	rootPath   = "\x00root"
)

// What is known of a string is bounded: the code is a stranger's.
const (
	maxText  = 4096
	maxEnd   = 256
	maxTexts = 32      // alternatives of one expression
	maxFolds = 500_000 // steps of one directory
)

// text is what the code alone says of a string: all of it, or how it begins and how it ends.
type text struct {
	start, end string
	whole      bool   // start is all of it
	spaced     bool   // what follows start has more than one word
	up         int    // how many steps up there are in what follows start
	input      string // the input variable with which it begins, where start is ""
}

func whole(s string) text { return text{start: s, whole: true} }

// then is a followed by b.
func (a text) then(b text) text {
	if a.whole {
		if a.start == "" {
			return b
		}
		out := text{start: a.start + b.start, end: b.end, whole: b.whole, spaced: b.spaced, up: b.up}
		if len(out.start) > maxText {
			out.up += ups(out.start[maxText:])
			out.start, out.whole, out.end, out.spaced = out.start[:maxText], false, "", true
		}
		return out
	}
	out := text{start: a.start, end: b.end, up: a.up + b.up + ups(b.start), input: a.input, spaced: a.spaced || b.spaced || strings.ContainsAny(b.start, wordEnds)}
	if b.whole {
		if out.end = a.end + b.start; len(out.end) > maxEnd {
			out.end = out.end[len(out.end)-maxEnd:]
		}
	}
	return out
}

// ups is how many steps up a piece of a path has.
func ups(s string) (n int) {
	for part := range strings.SplitSeq(s, "/") {
		if part == ".." {
			n++
		}
	}
	return n
}

// marked reports whether it begins in the module's or the project's directory.
func (a text) marked() bool {
	return strings.HasPrefix(a.start, modulePath) || strings.HasPrefix(a.start, rootPath)
}

// folder finds out what the code of one directory says of its strings, without
// running anything: it knows path.*, locals, attributes of resources, conditions,
// and functions that make paths of paths. An expression has several texts where
// it depends on something which one it is.
type folder struct {
	locals    map[string]hclsyntax.Expression
	resources map[string]map[string]hclsyntax.Expression // "data.T.N" or "T.N" -> attributes
	known     map[hclsyntax.Expression][]text
	steps     int
}

func (f *folder) fold(e hclsyntax.Expression) []text {
	if out, ok := f.known[e]; ok {
		return out
	}
	f.known[e] = []text{{}} // what an expression that needs itself says: nothing
	out := []text{{}}
	if f.steps++; f.steps < maxFolds {
		if out = f.texts(e); len(out) == 0 || len(out) > maxTexts {
			out = []text{{}}
		}
	}
	f.known[e] = out
	return out
}

func (f *folder) texts(e hclsyntax.Expression) []text {
	switch e := e.(type) {
	case *hclsyntax.LiteralValueExpr:
		if s, ok := syntax.Printed(e.Val); ok {
			return []text{whole(s)}
		}
	case *hclsyntax.TemplateExpr:
		return f.together(e.Parts, "")
	case *hclsyntax.TemplateWrapExpr:
		return f.fold(e.Wrapped)
	case *hclsyntax.ParenthesesExpr:
		return f.fold(e.Expression)
	case *hclsyntax.ConditionalExpr:
		return f.either([]hclsyntax.Expression{e.TrueResult, e.FalseResult})
	case *hclsyntax.ScopeTraversalExpr:
		return f.reference(e.Traversal)
	case *hclsyntax.RelativeTraversalExpr:
		return f.elements(f.meant(e))
	case *hclsyntax.IndexExpr:
		return f.elements(f.meant(e))
	case *hclsyntax.FunctionCallExpr:
		return f.call(strings.TrimPrefix(e.Name, "core::"), e)
	}
	return nil
}

// together is the texts of expressions one after the other, with a separator between them.
func (f *folder) together(parts []hclsyntax.Expression, between string) []text {
	out := []text{whole("")}
	for i, part := range parts {
		of := f.fold(part)
		if f.steps += len(out) * len(of); f.steps >= maxFolds {
			return nil
		}
		var next []text
		for _, a := range out {
			if i > 0 {
				a = a.then(whole(between))
			}
			for _, b := range of {
				if next = with(next, a.then(b)); len(next) > maxTexts {
					return nil
				}
			}
		}
		out = next
	}
	return out
}

func (f *folder) either(of []hclsyntax.Expression) []text {
	var out []text
	for _, e := range of {
		for _, t := range f.fold(e) {
			if out = with(out, t); len(out) > maxTexts {
				return nil
			}
		}
	}
	return out
}

func with(in []text, t text) []text {
	if slices.Contains(in, t) {
		return in
	}
	return append(in, t)
}

func (f *folder) reference(t hcl.Traversal) []text {
	if len(t) < 2 {
		return nil
	}
	name, _ := t[1].(hcl.TraverseAttr)
	switch t.RootName() {
	case "path":
		switch name.Name {
		case "module":
			return []text{whole(modulePath)}
		case "root", "cwd":
			return []text{whole(rootPath)}
		}
		return nil
	case "var":
		if len(t) == 2 {
			return []text{{input: name.Name}}
		}
		return nil
	}
	return f.elements(f.value(t))
}

// elements is the texts of any of some expressions; nil where one is a collection.
func (f *folder) elements(of []hclsyntax.Expression) []text {
	if len(of) == 0 || len(of) > maxTexts {
		return nil
	}
	return f.either(of)
}

// value finds the expressions that a reference to a local or a resource's attribute may mean.
func (f *folder) value(t hcl.Traversal) []hclsyntax.Expression {
	steps := make([]string, len(t))
	for i, s := range t {
		switch s := s.(type) {
		case hcl.TraverseRoot:
			steps[i] = s.Name
		case hcl.TraverseAttr:
			steps[i] = s.Name
		}
	}
	if steps[0] == "local" {
		if def, ok := f.locals[steps[1]]; ok {
			return f.within([]hclsyntax.Expression{def}, t[2:])
		}
		return nil
	}
	n := 2
	if steps[0] == "data" {
		n = 3
	}
	if len(t) <= n {
		return nil
	}
	attributes, ok := f.resources[strings.Join(steps[:n], ".")]
	if _, instance := t[n].(hcl.TraverseIndex); instance { // with count or for_each
		n++
	}
	if !ok || len(t) != n+1 || steps[n] == "" || attributes[steps[n]] == nil {
		return nil
	}
	return []hclsyntax.Expression{attributes[steps[n]]}
}

// meant are the expressions that an index or an attribute of an expression may mean.
func (f *folder) meant(e hclsyntax.Expression) []hclsyntax.Expression {
	if f.steps++; f.steps >= maxFolds {
		return nil
	}
	switch e := e.(type) {
	case *hclsyntax.ScopeTraversalExpr:
		if e.Traversal.RootName() == "local" && len(e.Traversal) > 1 {
			return f.value(e.Traversal)
		}
	case *hclsyntax.RelativeTraversalExpr:
		return f.within(f.meant(e.Source), e.Traversal)
	case *hclsyntax.IndexExpr:
		step := hcl.Traverser(hcl.TraverseSplat{}) // any
		if keys := f.fold(e.Key); len(keys) == 1 && keys[0].whole {
			step = hcl.TraverseAttr{Name: keys[0].start}
		}
		return f.within(f.meant(e.Collection), hcl.Traversal{step})
	case *hclsyntax.ParenthesesExpr:
		return f.meant(e.Expression)
	case *hclsyntax.ObjectConsExpr, *hclsyntax.TupleConsExpr:
		return []hclsyntax.Expression{e}
	}
	return nil
}

// within takes steps into objects and tuples that are written out; a step that cannot be told leads to every element.
func (f *folder) within(of []hclsyntax.Expression, steps hcl.Traversal) []hclsyntax.Expression {
	for _, step := range steps {
		name, any := "", false
		switch s := step.(type) {
		case hcl.TraverseAttr:
			name = s.Name
		case hcl.TraverseIndex:
			name, _ = syntax.Printed(s.Key)
		default:
			any = true
		}
		var next []hclsyntax.Expression
		for _, e := range of {
			switch e := e.(type) {
			case *hclsyntax.ObjectConsExpr:
				for _, item := range e.Items {
					if key, ok := literalKey(item.KeyExpr); any || !ok || key == name {
						next = append(next, item.ValueExpr)
					}
				}
			case *hclsyntax.TupleConsExpr:
				next = append(next, e.Exprs...)
			case *hclsyntax.ScopeTraversalExpr:
				found := f.within(f.meant(e), hcl.Traversal{step})
				if len(found) == 0 {
					return nil // it may be anything, whatever the others say
				}
				next = append(next, found...)
			default:
				return nil
			}
		}
		if f.steps += len(next); f.steps >= maxFolds {
			return nil
		}
		of = next
	}
	return of
}

func literalKey(e hclsyntax.Expression) (string, bool) {
	if k, ok := e.(*hclsyntax.ObjectConsKeyExpr); ok && !k.ForceNonLiteral {
		if word := hcl.ExprAsKeyword(k.Wrapped); word != "" {
			return word, true
		}
	}
	return syntax.Literal(e)
}

// call is what a function makes of texts. Of one that is not known here nothing is known.
func (f *folder) call(name string, e *hclsyntax.FunctionCallExpr) []text {
	if len(e.Args) == 0 || e.ExpandFinal && name != "coalesce" && name != "try" {
		return nil
	}
	switch name {
	case "trimspace":
		return mapped(f.fold(e.Args[0]), trimspace)
	case "abspath", "pathexpand", "tostring", "nonsensitive", "sensitive", "one":
		out := slices.Clone(f.fold(e.Args[0]))
		for i, t := range out {
			if name == "abspath" && !t.marked() && t.start != "" && !strings.HasPrefix(t.start, "/") {
				out[i].start = rootPath + "/" + t.start
			}
		}
		return out
	case "coalesce", "try":
		return f.either(e.Args)
	case "join":
		separator := f.fold(e.Args[0])
		parts := f.written(e.Args[1:])
		if len(separator) != 1 || !separator[0].whole || parts == nil {
			return nil
		}
		return f.together(parts, separator[0].start)
	case "format":
		return f.format(e.Args)
	case "dirname":
		return dirnames(f.fold(e.Args[0]))
	case "lower", "upper", "basename", "replace", "trimsuffix", "trimprefix", "trim":
		return f.literal(name, e.Args)
	case "lookup":
		if len(e.Args) > 1 {
			return f.either(append(f.within(f.meant(e.Args[0]), hcl.Traversal{hcl.TraverseSplat{}}), e.Args[2:]...))
		}
	case "element":
		return f.elements(f.within(f.meant(e.Args[0]), hcl.Traversal{hcl.TraverseSplat{}}))
	}
	return nil
}

// written is the elements of lists that are written out, nil where one is not.
func (f *folder) written(lists []hclsyntax.Expression) []hclsyntax.Expression {
	var out []hclsyntax.Expression
	for _, l := range lists {
		found := f.meant(l)
		if len(found) != 1 {
			return nil
		}
		tuple, ok := found[0].(*hclsyntax.TupleConsExpr)
		if !ok {
			return nil
		}
		out = append(out, tuple.Exprs...)
	}
	return out
}

// format knows %s, %v, %d and %%; what follows another verb is not known.
func (f *folder) format(args []hclsyntax.Expression) []text {
	layout := f.fold(args[0])
	if len(layout) != 1 || !layout[0].whole {
		return nil
	}
	var parts []hclsyntax.Expression
	rest, args := layout[0].start, args[1:]
	for {
		before, after, found := strings.Cut(rest, "%")
		parts = append(parts, syntax.String(before))
		switch {
		case !found:
			return f.together(parts, "")
		case strings.HasPrefix(after, "%"):
			parts, rest = append(parts, syntax.String("%")), after[1:]
			continue
		case after == "" || !strings.ContainsRune("svd", rune(after[0])) || len(args) == 0:
			return f.together(append(parts, &hclsyntax.LiteralValueExpr{Val: cty.DynamicVal}), "")
		}
		parts, args, rest = append(parts, args[0]), args[1:], after[1:]
	}
}

func mapped(in []text, by func(text) text) []text {
	out := make([]text, 0, len(in))
	for _, t := range in {
		out = append(out, by(t))
	}
	return out
}

func trimspace(t text) text {
	t.start, t.end = strings.TrimLeftFunc(t.start, unicode.IsSpace), strings.TrimRightFunc(t.end, unicode.IsSpace)
	if t.whole {
		t.start = strings.TrimRightFunc(t.start, unicode.IsSpace)
	}
	return t
}

// dirnames are the directories of paths. "path.module/.." may be written so, and then
// is below path.module, or be what dirname made of path.module.
func dirnames(of []text) []text {
	var out []text
	for _, t := range of {
		if t.whole && t.marked() && strings.HasSuffix(t.start, "/..") {
			out = with(out, whole(t.start+"/.."))
		}
		out = with(out, dirname(t))
	}
	return out
}

// dirname of a path that is not known to its end is known up to its last slash.
func dirname(t text) text {
	at := strings.LastIndex(t.start, "/")
	switch {
	case !t.whole:
		return text{start: t.start[:at+1], up: t.up, input: t.input, spaced: t.spaced}
	case t.marked() && at < 0:
		return whole(t.start + "/..")
	case at < 0:
		return whole(".")
	}
	return whole(t.start[:max(at, 1)])
}

// literal carries out functions of texts, where these say no place: what "path.module" is is not known.
func (f *folder) literal(name string, args []hclsyntax.Expression) []text {
	var of []string
	for _, a := range args {
		t := f.fold(a)
		if len(t) != 1 || !t[0].whole || strings.Contains(t[0].start, "\x00") {
			return nil
		}
		of = append(of, t[0].start)
	}
	if want := map[string]int{"replace": 3, "trimsuffix": 2, "trimprefix": 2, "trim": 2}[name]; len(of) != max(want, 1) {
		return nil
	}
	switch name {
	case "lower":
		return []text{whole(strings.ToLower(of[0]))}
	case "upper":
		return []text{whole(strings.ToUpper(of[0]))}
	case "basename":
		return []text{whole(path.Base(of[0]))}
	case "trimsuffix":
		return []text{whole(strings.TrimSuffix(of[0], of[1]))}
	case "trimprefix":
		return []text{whole(strings.TrimPrefix(of[0], of[1]))}
	case "trim":
		return []text{whole(strings.Trim(of[0], of[1]))}
	}
	if of[1] == "" || len(of[1]) > 1 && strings.HasPrefix(of[1], "/") && strings.HasSuffix(of[1], "/") { // a regular expression
		return nil
	}
	if len(of[0])*max(len(of[2]), 1) > 1<<20 {
		return nil
	}
	s := strings.ReplaceAll(of[0], of[1], of[2])
	if len(s) > maxText {
		return nil
	}
	return []text{whole(s)}
}
