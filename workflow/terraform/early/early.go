// Package early evaluates what OpenTofu evaluates before anything else: sources of modules and
// attributes of backends that are made from variables and locals. It runs nothing, and what it
// does not know is unknown. The code is a stranger's: steps and lengths are bounded.
package early

import (
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/function"

	"github.com/cardea-iac/cardea/workflow/terraform/syntax"
)

// Bounds of one evaluation.
const (
	maxSteps  = 20_000 // of a whole project
	maxText   = 4096
	longStep  = 2_000 // what a text costs that got too long
	maxDepth  = 64    // of a variable's value
	typeParts = 100   // what is made of a value by its type, for one step
)

// Scope is one use of a module, with the values that it is given.
type Scope struct {
	code      *Code
	dir       string // from the project's directory, "." for itself
	workspace string // "" where it is not known while the tool prepares
	given     map[string]given
	known     map[string]*value // of locals and variables, by "local.NAME"; nil while it is worked out
	steps     *int
	asked     *bool // for the workspace, where it is not known
}

// given is an expression with the scope in which it was written.
type given struct {
	e  hclsyntax.Expression
	in *Scope
}

// value is what an expression is: a text, number or bool, or a list or object as it is written.
type value struct {
	plain cty.Value
	cons  given
}

// Root is the scope of a project. values are those of its var files; the last of each name counts.
func Root(code *Code, values expressions, workspace string) *Scope {
	s := &Scope{code: code, dir: ".", workspace: workspace, given: map[string]given{}, known: map[string]*value{}, steps: new(int), asked: new(bool)}
	files := &Scope{code: &Code{}, known: map[string]*value{}, steps: s.steps, asked: new(bool)} // refers to nothing
	for name, e := range values {
		s.given[name] = given{e, files}
	}
	return s
}

// Call is the scope of a module that this one calls by a name, in dir as seen from the project's.
func (s *Scope) Call(name string, code *Code, dir string) *Scope {
	out := &Scope{code: code, dir: dir, workspace: s.workspace, given: map[string]given{}, known: map[string]*value{}, steps: s.steps, asked: s.asked}
	for argument, e := range s.code.calls[name] {
		out.given[argument] = given{e, s}
	}
	return out
}

// AskedWorkspace reports whether anything that was not known asked for the Terraform workspace, which
// is selected later.
func (s *Scope) AskedWorkspace() bool { return *s.asked }

// Source is the source of a module that this one calls.
func (s *Scope) Source(name string) (string, bool) {
	e := s.code.calls[name]["source"]
	if e == nil {
		return "", false
	}
	return s.Text(e)
}

// Text is what an expression is, as text.
func (s *Scope) Text(e hclsyntax.Expression) (string, bool) {
	v, ok := s.eval(e)
	if !ok {
		return "", false
	}
	return v.text()
}

// Flatten adds what an expression is as "NAME", or as "NAME.KEY" for each of its parts, and returns
// the names of the parts that are not known.
func (s *Scope) Flatten(into map[string]string, name string, e hclsyntax.Expression) (unknown []string) {
	if len(name) > maxText { // a local that is within itself has no end
		*s.steps += longStep
		return []string{name[:maxText]}
	}
	v, ok := s.eval(e)
	if !ok {
		return []string{name}
	}
	in := v.cons.in
	switch cons := v.cons.e.(type) {
	case *hclsyntax.ObjectConsExpr:
		for _, item := range cons.Items {
			key, ok := in.key(item.KeyExpr)
			if !ok {
				return append(unknown, name)
			}
			unknown = append(unknown, in.Flatten(into, name+"."+key, item.ValueExpr)...)
		}
	case *hclsyntax.TupleConsExpr:
		for i, element := range cons.Exprs {
			unknown = append(unknown, in.Flatten(into, name+"."+strconv.Itoa(i), element)...)
		}
	default:
		if into[name], ok = v.text(); !ok {
			delete(into, name)
			return []string{name}
		}
	}
	return unknown
}

// text is a plain value as text.
func (v value) text() (string, bool) {
	if v.cons.e != nil || v.plain.IsNull() {
		return "", false
	}
	s, ok := syntax.Printed(v.plain)
	return s, ok && len(s) <= maxText
}

func plain(v cty.Value) (value, bool) {
	if v.IsNull() || !v.IsKnown() || !v.Type().IsPrimitiveType() {
		return value{}, false
	}
	out := value{plain: v}
	_, ok := out.text()
	return out, ok
}

func (s *Scope) eval(e hclsyntax.Expression) (value, bool) {
	if *s.steps++; *s.steps > maxSteps {
		return value{}, false
	}
	switch e := e.(type) {
	case *hclsyntax.LiteralValueExpr:
		return plain(e.Val)
	case *hclsyntax.TemplateExpr:
		return s.template(e.Parts)
	case *hclsyntax.TemplateWrapExpr:
		return s.eval(e.Wrapped)
	case *hclsyntax.ParenthesesExpr:
		return s.eval(e.Expression)
	case *hclsyntax.ConditionalExpr:
		return s.conditional(e)
	case *hclsyntax.BinaryOpExpr:
		return s.call(e.Op.Impl, e.LHS, e.RHS)
	case *hclsyntax.UnaryOpExpr:
		return s.call(e.Op.Impl, e.Val)
	case *hclsyntax.ScopeTraversalExpr:
		return s.reference(e.Traversal)
	case *hclsyntax.RelativeTraversalExpr:
		v, ok := s.eval(e.Source)
		return v.within(e.Traversal, ok)
	case *hclsyntax.IndexExpr:
		v, ok := s.eval(e.Collection)
		key, known := s.Text(e.Key)
		if !ok || !known {
			return value{}, false
		}
		return v.member(key)
	case *hclsyntax.ObjectConsExpr, *hclsyntax.TupleConsExpr:
		return value{cons: given{e, s}}, true
	case *hclsyntax.FunctionCallExpr:
		return s.function(e)
	}
	return value{}, false
}

func (s *Scope) template(parts []hclsyntax.Expression) (value, bool) {
	var out strings.Builder
	whole := true
	for _, part := range parts { // of one that is not known, too, all that it asks for counts
		text, ok := s.Text(part)
		if whole = whole && ok && out.Len()+len(text) <= maxText; whole {
			out.WriteString(text)
		}
	}
	if !whole {
		return value{}, false
	}
	return plain(cty.StringVal(out.String()))
}

func (s *Scope) conditional(e *hclsyntax.ConditionalExpr) (value, bool) {
	v, ok := s.eval(e.Condition)
	if !ok || v.cons.e != nil {
		return value{}, false
	}
	condition, err := convert.Convert(v.plain, cty.Bool)
	if err != nil {
		return value{}, false
	}
	taken, other := e.FalseResult, e.TrueResult
	if condition.True() {
		taken, other = other, taken
	}
	out, ok := s.eval(taken)
	if !ok || out.cons.e != nil || out.plain.Type() == cty.String {
		return out, ok
	}
	asked := *s.asked
	rest, ok := s.eval(other) // a number is a text where the other result is one
	*s.asked = asked
	if !ok || rest.cons.e != nil {
		return value{}, false
	}
	one, err := convert.Convert(out.plain, rest.plain.Type())
	if err != nil { // a number and a bool are never one type
		return value{}, false
	}
	return plain(one)
}

// call is a function of plain values.
func (s *Scope) call(f function.Function, of ...hclsyntax.Expression) (value, bool) {
	params, args := f.Params(), make([]cty.Value, len(of))
	for i, e := range of {
		v, ok := s.eval(e)
		if !ok || v.cons.e != nil || i >= len(params) {
			return value{}, false
		}
		var err error
		if args[i], err = convert.Convert(v.plain, params[i].Type); err != nil {
			return value{}, false
		}
	}
	out, err := f.Call(args)
	if err != nil {
		return value{}, false
	}
	v, ok := plain(out)
	if !ok {
		*s.steps += longStep
	}
	return v, ok
}

// reference is what a name means: a variable, a local, or what the tool knows of itself.
func (s *Scope) reference(t hcl.Traversal) (value, bool) {
	if len(t) < 2 {
		return value{}, false
	}
	attr, ok := t[1].(hcl.TraverseAttr)
	if !ok {
		return value{}, false
	}
	switch name := t.RootName() + "." + attr.Name; {
	case name == "path.module":
		return plain(cty.StringVal(s.dir))
	case name == "path.root":
		return plain(cty.StringVal("."))
	case name == "terraform.workspace" && s.workspace == "":
		*s.asked = true
	case name == "terraform.workspace":
		return plain(cty.StringVal(s.workspace))
	case t.RootName() == "local", t.RootName() == "var":
		v, ok := s.named(name, attr.Name)
		return v.within(t[2:], ok)
	}
	return value{}, false
}

// named is a variable's or a local's value, worked out once.
func (s *Scope) named(name, attr string) (value, bool) {
	if v, seen := s.known[name]; seen {
		if v == nil { // it needs itself, or was not known
			return value{}, false
		}
		return *v, true
	}
	s.known[name] = nil
	of := given{s.code.locals[attr], s}
	said, declared := s.code.variables[attr]
	if strings.HasPrefix(name, "var.") {
		if of = s.given[attr]; of.e == nil {
			of = given{said.initial, s}
		}
		if !declared {
			return value{}, false
		}
	}
	if of.e == nil {
		return value{}, false
	}
	v, ok := of.in.eval(of.e)
	if strings.HasPrefix(name, "var.") && ok {
		v, ok = s.as(v, said.of)
	}
	if ok {
		s.known[name] = &v
	}
	return v, ok
}

// within follows a way into a value.
func (v value) within(t hcl.Traversal, ok bool) (value, bool) {
	for _, step := range t {
		if !ok {
			return value{}, false
		}
		switch step := step.(type) {
		case hcl.TraverseAttr:
			v, ok = v.member(step.Name)
		case hcl.TraverseIndex:
			key, known := value{plain: step.Key}.text()
			if !known {
				return value{}, false
			}
			v, ok = v.member(key)
		default:
			return value{}, false
		}
	}
	return v, ok
}

// member is a part of a list or object.
func (v value) member(key string) (value, bool) {
	in := v.cons.in
	switch cons := v.cons.e.(type) {
	case *hclsyntax.TupleConsExpr:
		i, err := strconv.Atoi(key)
		if err != nil || i < 0 || i >= len(cons.Exprs) {
			return value{}, false
		}
		return in.eval(cons.Exprs[i])
	case *hclsyntax.ObjectConsExpr:
		var found hclsyntax.Expression
		for _, item := range cons.Items {
			name, ok := in.key(item.KeyExpr)
			if !ok {
				return value{}, false // it may be this one
			}
			if name == key {
				found = item.ValueExpr
			}
		}
		if found != nil {
			return in.eval(found)
		}
	}
	return value{}, false
}

// key is the name of an object's part.
func (s *Scope) key(e hclsyntax.Expression) (string, bool) {
	if k, ok := e.(*hclsyntax.ObjectConsKeyExpr); ok {
		if word := hcl.ExprAsKeyword(k.Wrapped); word != "" && !k.ForceNonLiteral {
			*s.steps++
			return word, len(word) <= maxText
		}
		e = k.Wrapped
	}
	return s.Text(e)
}
