package tfconfig

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// block is a top-level block of a file, whichever its syntax.
type block struct {
	file       string
	kind       string // "locals", "data", ...
	labels     string // "archive_file.x"
	attributes map[string]hclsyntax.Expression
	body       hclsyntax.Node
}

// nativeBlocks are the blocks of a native file.
func nativeBlocks(file string, body hcl.Body) []block {
	b, ok := body.(*hclsyntax.Body)
	if !ok {
		return nil
	}
	var out []block
	for _, inner := range b.Blocks {
		attributes := map[string]hclsyntax.Expression{}
		for name, a := range inner.Body.Attributes {
			attributes[name] = a.Expr
		}
		out = append(out, block{file: file, kind: inner.Type, labels: strings.Join(inner.Labels, "."), attributes: attributes, body: inner.Body})
	}
	return out
}

// jsonLabels is how many labels the blocks of JSON have that are looked up by them.
var jsonLabels = map[string]int{"resource": 2, "data": 2, "ephemeral": 2, "module": 1}

// jsonBlocks are the blocks of a JSON file, whose strings are templates.
func jsonBlocks(file string, data []byte) []block {
	var v any
	if json.Unmarshal(data, &v) != nil {
		return nil // reported by the parser
	}
	var out []block
	for _, top := range jsonObjects(v) {
		for _, kind := range slices.Sorted(maps.Keys(top)) {
			if kind == "terraform" {
				for _, settings := range jsonObjects(top[kind]) {
					delete(settings, "required_providers")
				}
			}
			out = append(out, labelled(block{file: file, kind: kind}, top[kind], jsonLabels[kind])...)
		}
	}
	return out
}

func labelled(b block, v any, labels int) []block {
	var out []block
	for _, o := range jsonObjects(v) {
		if labels > 0 {
			for _, name := range slices.Sorted(maps.Keys(o)) {
				inner := b
				inner.labels = strings.TrimPrefix(b.labels+"."+name, ".")
				out = append(out, labelled(inner, o[name], labels-1)...)
			}
			continue
		}
		b.attributes = map[string]hclsyntax.Expression{}
		for name, value := range o {
			b.attributes[name] = expression(value)
		}
		items := make([]hclsyntax.ObjectConsItem, 0, len(o))
		for _, name := range slices.Sorted(maps.Keys(o)) {
			items = append(items, hclsyntax.ObjectConsItem{KeyExpr: literal(name), ValueExpr: b.attributes[name]})
		}
		b.body = &hclsyntax.ObjectConsExpr{Items: items}
		out = append(out, b)
	}
	return out
}

// jsonObjects is a JSON object, or those of an array.
func jsonObjects(v any) []map[string]any {
	switch v := v.(type) {
	case map[string]any:
		return []map[string]any{v}
	case []any:
		var out []map[string]any
		for _, x := range v {
			out = append(out, jsonObjects(x)...)
		}
		return out
	}
	return nil
}

// expression is a JSON value as the expression that it means.
func expression(v any) hclsyntax.Expression {
	switch v := v.(type) {
	case string:
		if strings.Contains(v, "${") || strings.Contains(v, "%{") {
			if e := ParseTemplate(v); e != nil {
				return e
			}
		}
		return literal(v)
	case []any:
		t := &hclsyntax.TupleConsExpr{}
		for _, x := range v {
			t.Exprs = append(t.Exprs, expression(x))
		}
		return t
	case map[string]any:
		o := &hclsyntax.ObjectConsExpr{}
		for _, name := range slices.Sorted(maps.Keys(v)) {
			o.Items = append(o.Items, hclsyntax.ObjectConsItem{KeyExpr: literal(name), ValueExpr: expression(v[name])})
		}
		return o
	}
	return &hclsyntax.LiteralValueExpr{Val: cty.NullVal(cty.DynamicPseudoType)}
}
