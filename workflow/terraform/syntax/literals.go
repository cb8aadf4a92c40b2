package syntax

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// Literal evaluates a literal expression to a string.
func Literal(e hcl.Expression) (string, bool) {
	v, ok := Value(e, nil)
	if !ok {
		return "", false
	}
	return Printed(v)
}

// Value evaluates an expression with what little is known, which is nothing where it is nil. One with a
// `for` has no value here: a few of them within each other run for hours.
func Value(e hcl.Expression, known *hcl.EvalContext) (cty.Value, bool) {
	if node, ok := e.(hclsyntax.Node); ok {
		loops := false
		_ = hclsyntax.VisitAll(node, func(n hclsyntax.Node) hcl.Diagnostics {
			_, loop := n.(*hclsyntax.ForExpr)
			loops = loops || loop
			return nil
		})
		if loops {
			return cty.NilVal, false
		}
	}
	v, diags := e.Value(known)
	return v, !diags.HasErrors()
}

// Printed is a known primitive value as terraform would convert it to a string.
func Printed(v cty.Value) (string, bool) {
	if v.IsNull() || !v.IsWhollyKnown() || !v.Type().IsPrimitiveType() {
		return "", false
	}
	if v.Type() == cty.Number { // which is written out in full, however large its exponent is
		if e := v.AsBigFloat().MantExp(nil); e > maxExponent || e < -maxExponent {
			return "", false
		}
	}
	s, err := convert.Convert(v, cty.String)
	if err != nil {
		return "", false
	}
	return s.AsString(), true
}

// maxExponent is the largest power of two of a number that is taken for a text.
const maxExponent = 4096

// Flatten adds the literal attributes of a body and its blocks as "a.b.c", and
// returns the names of those that are not literal.
func Flatten(into map[string]string, prefix string, body hcl.Body) (computed []string) {
	attrs, _ := body.JustAttributes() // with blocks inside it still returns the attributes
	for _, name := range slices.Sorted(maps.Keys(attrs)) {
		v, ok := Value(attrs[name].Expr, nil)
		if !ok {
			computed = append(computed, prefix+name)
			continue
		}
		computed = append(computed, flattenValue(into, prefix+name, v)...)
	}
	b, ok := body.(*hclsyntax.Body)
	if !ok {
		return computed
	}
	seen := map[string]int{}
	for _, block := range b.Blocks {
		computed = append(computed, Flatten(into, prefix+nextName(seen, block)+".", block.Body)...)
	}
	return computed
}

// ExpressionsOf are the expressions of a body's attributes, by the names that Flatten gives them.
func ExpressionsOf(body hcl.Body, names []string) map[string]hclsyntax.Expression {
	if len(names) == 0 {
		return nil
	}
	out := map[string]hclsyntax.Expression{}
	addExpressions(out, "", body)
	maps.DeleteFunc(out, func(name string, _ hclsyntax.Expression) bool { return !slices.Contains(names, name) })
	return out
}

func addExpressions(into map[string]hclsyntax.Expression, prefix string, body hcl.Body) {
	attrs, _ := body.JustAttributes()
	for name, a := range attrs {
		if e, native := a.Expr.(hclsyntax.Expression); native {
			into[prefix+name] = e
		} else if v, ok := Value(a.Expr, nil); ok { // JSON
			addTemplates(into, prefix+name, v)
		}
	}
	b, ok := body.(*hclsyntax.Body)
	if !ok {
		return
	}
	seen := map[string]int{}
	for _, block := range b.Blocks {
		addExpressions(into, prefix+nextName(seen, block)+".", block.Body)
	}
}

// addTemplates adds the strings of a JSON value that are templates.
func addTemplates(into map[string]hclsyntax.Expression, name string, v cty.Value) {
	if s, ok := Printed(v); ok {
		into[name] = Expression(s)
		return
	}
	if v.IsNull() || !v.IsKnown() || !v.CanIterateElements() {
		return
	}
	for it := v.ElementIterator(); it.Next(); {
		key, element := it.Element()
		if k, ok := Printed(key); ok {
			addTemplates(into, name+"."+k, element)
		}
	}
}

// nextName is the name of a block, with an index from the second of its name on.
func nextName(seen map[string]int, block *hclsyntax.Block) string {
	name := strings.Join(append([]string{block.Type}, block.Labels...), ".")
	if n := seen[name]; n > 0 {
		name = fmt.Sprintf("%s.%d", name, n)
	}
	seen[name]++
	return name
}

// Null stands for a null: what says it lays it over another value.
const Null = "\x00null"

// flattenValue takes a literal apart; literals have no sets, so keys always
// print. In JSON a template is a string like any other: it is not literal.
func flattenValue(into map[string]string, name string, v cty.Value) (computed []string) {
	if s, ok := Printed(v); ok {
		if strings.Contains(s, "${") || strings.Contains(s, "%{") {
			return []string{name}
		}
		into[name] = s
		return nil
	}
	if v.IsNull() {
		into[name] = Null
		return nil
	}
	if !v.IsKnown() || !v.CanIterateElements() {
		return []string{name}
	}
	for it := v.ElementIterator(); it.Next(); {
		key, element := it.Element()
		k, ok := Printed(key)
		if !ok {
			computed = append(computed, name)
			continue
		}
		computed = append(computed, flattenValue(into, name+"."+k, element)...)
	}
	return computed
}
