package early

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"github.com/cardea-iac/cardea/workflow/terraform/syntax"
)

// constraint is the type of a variable; the zero one is of a type that nobody understands.
type constraint struct {
	of       cty.Type
	defaults *typeexpr.Defaults
	size     int // about how much it says, its defaults among it
}

func constraintOf(e hclsyntax.Expression) constraint {
	if word, ok := syntax.Literal(e); ok { // JSON
		parsed, ok := syntax.ParseTemplate("${" + word + "}").(*hclsyntax.TemplateWrapExpr)
		if !ok {
			return constraint{}
		}
		e = parsed.Wrapped
	}
	switch hcl.ExprAsKeyword(e) {
	case "list":
		return constraint{of: cty.List(cty.DynamicPseudoType)}
	case "map":
		return constraint{of: cty.Map(cty.DynamicPseudoType)}
	}
	size, loops := 0, false
	_ = hclsyntax.VisitAll(e, func(n hclsyntax.Node) hcl.Diagnostics {
		_, all := n.(*hclsyntax.ForExpr)
		size, loops = size+1, loops || all
		return nil
	})
	if loops { // a default of few words may be endless
		return constraint{}
	}
	of, defaults, diags := typeexpr.TypeConstraintWithDefaults(e)
	if diags.HasErrors() {
		return constraint{}
	}
	return constraint{of, defaults, size}
}

// as is a value of a variable as its type has it: "01" is the number 1, and an object has
// what its type names, with the defaults of that.
func (s *Scope) as(v value, to constraint) (value, bool) {
	if to.of == cty.DynamicPseudoType {
		return v, true
	}
	if to.of == cty.NilType {
		return value{}, false
	}
	before := *s.steps
	whole := v.whole(0)
	cost := (*s.steps - before) * to.size / typeParts // each part may get all defaults
	if *s.steps = min(*s.steps+cost, maxSteps+1); *s.steps > maxSteps {
		return value{}, false
	}
	if to.defaults != nil {
		whole = to.defaults.Apply(whole)
	}
	out, err := convert.Convert(whole, to.of)
	switch {
	case err != nil, !out.IsKnown(), out.IsNull():
		return value{}, false
	case out.Type().IsPrimitiveType():
		return plain(out)
	}
	return value{cons: given{written(out), s}}, true
}

// whole is a value with all of its parts; those that are not known are unknown.
func (v value) whole(depth int) cty.Value {
	in := v.cons.in
	switch cons := v.cons.e.(type) {
	case nil:
		return v.plain
	case *hclsyntax.ObjectConsExpr:
		parts := map[string]cty.Value{}
		for _, item := range cons.Items {
			key, ok := in.key(item.KeyExpr)
			if !ok {
				return cty.DynamicVal
			}
			parts[key] = in.whole(item.ValueExpr, depth+1)
		}
		return cty.ObjectVal(parts)
	case *hclsyntax.TupleConsExpr:
		parts := make([]cty.Value, len(cons.Exprs))
		for i, e := range cons.Exprs {
			parts[i] = in.whole(e, depth+1)
		}
		return cty.TupleVal(parts)
	}
	return cty.DynamicVal
}

func (s *Scope) whole(e hclsyntax.Expression, depth int) cty.Value {
	if literal, ok := e.(*hclsyntax.LiteralValueExpr); ok && literal.Val.IsNull() {
		return literal.Val
	}
	if v, ok := s.eval(e); ok && depth < maxDepth {
		return v.whole(depth)
	}
	return cty.DynamicVal
}

// written is a known value as it could be written. A set cannot: its parts have no names.
func written(v cty.Value) hclsyntax.Expression {
	switch of := v.Type(); {
	case !v.IsKnown(), v.IsNull():
	case of.IsPrimitiveType():
		return &hclsyntax.LiteralValueExpr{Val: v}
	case of.IsObjectType(), of.IsMapType():
		out := &hclsyntax.ObjectConsExpr{}
		for key, part := range v.Elements() {
			out.Items = append(out.Items, hclsyntax.ObjectConsItem{KeyExpr: &hclsyntax.LiteralValueExpr{Val: key}, ValueExpr: written(part)})
		}
		return out
	case of.IsTupleType(), of.IsListType():
		out := &hclsyntax.TupleConsExpr{}
		for _, part := range v.Elements() {
			out.Exprs = append(out.Exprs, written(part))
		}
		return out
	}
	return &hclsyntax.LiteralValueExpr{Val: cty.DynamicVal}
}
