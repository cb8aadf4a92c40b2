package tfconfig

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

// literalString evaluates a literal expression to a string.
func literalString(e hcl.Expression) (string, bool) {
	v, diags := e.Value(nil)
	if diags.HasErrors() {
		return "", false
	}
	return Printed(v)
}

// Printed is a known primitive value as terraform would convert it to a string.
func Printed(v cty.Value) (string, bool) {
	if v.IsNull() || !v.IsWhollyKnown() || !v.Type().IsPrimitiveType() {
		return "", false
	}
	s, err := convert.Convert(v, cty.String)
	if err != nil {
		return "", false
	}
	return s.AsString(), true
}

// flatten adds the literal attributes of a body and its blocks as "a.b.c", and
// returns the names of those that are not literal.
func flatten(into map[string]string, prefix string, body hcl.Body) (computed []string) {
	attrs, _ := body.JustAttributes() // with blocks inside it still returns the attributes
	for _, name := range slices.Sorted(maps.Keys(attrs)) {
		v, diags := attrs[name].Expr.Value(nil)
		if diags.HasErrors() {
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
		name := strings.Join(append([]string{block.Type}, block.Labels...), ".")
		if n := seen[name]; n > 0 {
			name = fmt.Sprintf("%s.%d", name, n)
		}
		seen[name]++
		computed = append(computed, flatten(into, prefix+name+".", block.Body)...)
	}
	return computed
}

// null stands for a null: what says it lays it over another value.
const null = "\x00null"

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
		into[name] = null
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
