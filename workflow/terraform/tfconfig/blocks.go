package tfconfig

import (
	"bytes"
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
	ignores    bool // ignore_changes: the state says what attributes are, not the code
}

const ignoring = "ignore_changes"

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
		ignores := slices.ContainsFunc(inner.Body.Blocks, func(b *hclsyntax.Block) bool {
			return b.Type == "lifecycle" && b.Body.Attributes[ignoring] != nil
		})
		out = append(out, block{file: file, kind: inner.Type, labels: strings.Join(inner.Labels, "."), attributes: attributes, body: inner.Body, ignores: ignores})
	}
	return out
}

// jsonLabels is how many labels the blocks of JSON have that are looked up by them.
var jsonLabels = map[string]int{"resource": 2, "data": 2, "ephemeral": 2, "module": 1}

// jsonBlocks are the blocks of a JSON file, whose strings are templates; ok is
// false where one of those is nested too deeply to be read.
func jsonBlocks(file string, data []byte) (out []block, ok bool) {
	v := EveryKey(data)
	if !ReadableStrings(v) {
		return nil, false
	}
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
	return out, true
}

// EveryKey is a JSON value in which a key that stands several times has all its values, as
// one array: the tools take all where they are blocks. nil for what is no JSON.
func EveryKey(data []byte) any {
	if !json.Valid(data) {
		return nil // reported by the parser
	}
	return nextValue(json.NewDecoder(bytes.NewReader(data)))
}

// nextValue reads one value of valid JSON.
func nextValue(from *json.Decoder) any {
	t, _ := from.Token()
	switch t {
	case json.Delim('['):
		out := []any{}
		for from.More() {
			out = append(out, nextValue(from))
		}
		_, _ = from.Token()
		return out
	case json.Delim('{'):
		all := map[string][]any{}
		for from.More() {
			key, _ := from.Token()
			name, _ := key.(string)
			all[name] = append(all[name], nextValue(from))
		}
		_, _ = from.Token()
		out := make(map[string]any, len(all))
		for name, values := range all {
			if out[name] = values[0]; len(values) > 1 {
				out[name] = values
			}
		}
		return out
	}
	return t
}

// ReadableStrings reports whether every string in a JSON value can be looked into.
func ReadableStrings(v any) bool {
	switch v := v.(type) {
	case string:
		return !deepTemplate([]byte(v))
	case []any:
		return !slices.ContainsFunc(v, func(e any) bool { return !ReadableStrings(e) })
	case map[string]any:
		for key, e := range v {
			if !ReadableStrings(key) || !ReadableStrings(e) {
				return false
			}
		}
	}
	return true
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
		b.ignores = slices.ContainsFunc(jsonObjects(o["lifecycle"]), func(l map[string]any) bool { return l[ignoring] != nil })
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
			o.Items = append(o.Items, hclsyntax.ObjectConsItem{KeyExpr: expression(name), ValueExpr: expression(v[name])})
		}
		return o
	}
	return &hclsyntax.LiteralValueExpr{Val: cty.NullVal(cty.DynamicPseudoType)}
}
