package syntax

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

// Block is a top-level block of a file, whichever its syntax.
type Block struct {
	File       string
	Kind       string // "locals", "data", ...
	Labels     string // "archive_file.x"
	Attributes map[string]hclsyntax.Expression
	Body       hclsyntax.Node
	Ignores    bool // ignore_changes: the state says what attributes are, not the code
}

const ignoring = "ignore_changes"

// NativeBlocks are the blocks of a native file.
func NativeBlocks(file string, body hcl.Body) []Block {
	b, ok := body.(*hclsyntax.Body)
	if !ok {
		return nil
	}
	var out []Block
	for _, inner := range b.Blocks {
		attributes := map[string]hclsyntax.Expression{}
		for name, a := range inner.Body.Attributes {
			attributes[name] = a.Expr
		}
		ignores := slices.ContainsFunc(inner.Body.Blocks, func(b *hclsyntax.Block) bool {
			return b.Type == "lifecycle" && b.Body.Attributes[ignoring] != nil
		})
		out = append(out, Block{File: file, Kind: inner.Type, Labels: strings.Join(inner.Labels, "."), Attributes: attributes, Body: inner.Body, Ignores: ignores})
	}
	return out
}

// jsonLabels is how many labels the blocks of JSON have that are looked up by them.
var jsonLabels = map[string]int{"resource": 2, "data": 2, "ephemeral": 2, "module": 1}

// JSONBlocks are the blocks of a JSON file, whose strings are templates; ok is
// false where one of those is nested too deeply to be read.
func JSONBlocks(file string, data []byte) (out []Block, ok bool) {
	v := EveryKey(data)
	if !ReadableStrings(v) {
		return nil, false
	}
	for _, top := range Objects(v) {
		for _, kind := range slices.Sorted(maps.Keys(top)) {
			if kind == "terraform" {
				for _, settings := range Objects(top[kind]) {
					delete(settings, "required_providers")
				}
			}
			out = append(out, labelled(Block{File: file, Kind: kind}, top[kind], jsonLabels[kind])...)
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

func labelled(b Block, v any, labels int) []Block {
	var out []Block
	for _, o := range Objects(v) {
		if labels > 0 {
			for _, name := range slices.Sorted(maps.Keys(o)) {
				inner := b
				inner.Labels = strings.TrimPrefix(b.Labels+"."+name, ".")
				out = append(out, labelled(inner, o[name], labels-1)...)
			}
			continue
		}
		b.Attributes = map[string]hclsyntax.Expression{}
		b.Ignores = slices.ContainsFunc(Objects(o["lifecycle"]), func(l map[string]any) bool { return l[ignoring] != nil })
		for name, value := range o {
			b.Attributes[name] = Expression(value)
		}
		items := make([]hclsyntax.ObjectConsItem, 0, len(o))
		for _, name := range slices.Sorted(maps.Keys(o)) {
			items = append(items, hclsyntax.ObjectConsItem{KeyExpr: String(name), ValueExpr: b.Attributes[name]})
		}
		b.Body = &hclsyntax.ObjectConsExpr{Items: items}
		out = append(out, b)
	}
	return out
}

// Objects is a JSON object, or those of an array.
func Objects(v any) []map[string]any {
	switch v := v.(type) {
	case map[string]any:
		return []map[string]any{v}
	case []any:
		var out []map[string]any
		for _, x := range v {
			out = append(out, Objects(x)...)
		}
		return out
	}
	return nil
}

// Expression is a JSON value as the expression that it means.
func Expression(v any) hclsyntax.Expression {
	switch v := v.(type) {
	case string:
		if strings.Contains(v, "${") || strings.Contains(v, "%{") {
			if e := ParseTemplate(v); e != nil {
				return e
			}
		}
		return String(v)
	case []any:
		t := &hclsyntax.TupleConsExpr{}
		for _, x := range v {
			t.Exprs = append(t.Exprs, Expression(x))
		}
		return t
	case map[string]any:
		o := &hclsyntax.ObjectConsExpr{}
		for _, name := range slices.Sorted(maps.Keys(v)) {
			o.Items = append(o.Items, hclsyntax.ObjectConsItem{KeyExpr: Expression(name), ValueExpr: Expression(v[name])})
		}
		return o
	}
	return &hclsyntax.LiteralValueExpr{Val: cty.NullVal(cty.DynamicPseudoType)}
}

// String is a text as the expression that it is.
func String(s string) hclsyntax.Expression {
	return &hclsyntax.LiteralValueExpr{Val: cty.StringVal(s)}
}

// Blocks are the top-level blocks of a file. Its faults are not told.
func Blocks(name string, data []byte) []Block {
	f, _ := ParseHCL(name, data)
	if f == nil || f.Body == nil {
		return nil
	}
	if strings.HasSuffix(name, ".json") {
		out, _ := JSONBlocks(name, data)
		return out
	}
	return NativeBlocks(name, f.Body)
}

// Values are the values in a file with values of variables. Its faults are not told.
func Values(name string, data []byte) map[string]hclsyntax.Expression {
	out := map[string]hclsyntax.Expression{}
	f, _ := ParseHCL(name, data)
	if f == nil || f.Body == nil {
		return out
	}
	if body, ok := f.Body.(*hclsyntax.Body); ok {
		for key, a := range body.Attributes {
			out[key] = a.Expr
		}
		return out
	}
	for _, object := range Objects(EveryKey(data)) {
		for key, v := range object {
			out[key] = Expression(v)
		}
	}
	return out
}
