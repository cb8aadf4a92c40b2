package terraform

import (
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// fileFunctions read the file that their first argument names.
var fileFunctions = map[string]bool{
	"file": true, "filebase64": true, "templatefile": true, "filemd5": true, "filesha1": true, "filesha256": true, "filesha512": true,
	"filebase64sha256": true, "filebase64sha512": true, "fileset": true,
}

// pathContext gives path.module and path.root recognisable values: a literal
// path can be computed, and whose path it is can be told.
const (
	modulePath = "\x00module"
	rootPath   = "\x00root"
)

var pathContext = &hcl.EvalContext{Variables: map[string]cty.Value{"path": cty.ObjectVal(map[string]cty.Value{
	"module": cty.StringVal(modulePath), "root": cty.StringVal(rootPath), "cwd": cty.StringVal(rootPath),
})}}

// literals collects the files that a module names by literal path.
type literals struct{ module *module }

// syntax looks through a native body.
func (l *literals) syntax(body hcl.Body) {
	if b, ok := body.(*hclsyntax.Body); ok {
		l.walk(b)
		l.provisioners(b)
	}
}

func (l *literals) walk(n hclsyntax.Node) {
	_ = hclsyntax.VisitAll(n, func(n hclsyntax.Node) hcl.Diagnostics { // the visitor reports nothing
		if call, ok := n.(*hclsyntax.FunctionCallExpr); ok && fileFunctions[strings.TrimPrefix(call.Name, "core::")] && len(call.Args) > 0 {
			if p, ok := literalPath(call.Args[0]); ok {
				l.add(p)
			}
		}
		return nil
	})
}

// json looks through the string templates of a JSON file.
func (l *literals) json(data []byte) {
	var v any
	if json.Unmarshal(data, &v) != nil {
		return // reported by the parser
	}
	var visit func(any)
	visit = func(v any) {
		switch v := v.(type) {
		case string:
			if strings.Contains(v, "${") {
				if expr := parseTemplate(v); expr != nil {
					l.walk(expr)
				}
			}
		case []any:
			for _, x := range v {
				visit(x)
			}
		case map[string]any:
			for _, x := range v {
				visit(x)
			}
		}
	}
	visit(v)
}

// provisioners takes the words of local-exec commands that name files.
func (l *literals) provisioners(b *hclsyntax.Body) {
	for _, block := range b.Blocks {
		if block.Type != "provisioner" {
			l.provisioners(block.Body)
			continue
		}
		for _, name := range []string{"command", "script", "source"} {
			a := block.Body.Attributes[name]
			if a == nil {
				continue
			}
			text, ok := literalPath(a.Expr)
			if !ok {
				continue
			}
			for _, word := range strings.Fields(text) {
				word = strings.Trim(word, `"';&|()`)
				if strings.HasPrefix(word, modulePath) || strings.HasPrefix(word, rootPath) || strings.HasPrefix(word, "./") || strings.HasPrefix(word, "../") {
					l.add(word)
				}
			}
		}
	}
}

func (l *literals) add(p string) {
	switch {
	case p == "" || path.IsAbs(p) || strings.HasPrefix(p, "~"):
		return // not the repository's
	case strings.HasPrefix(p, modulePath):
		l.module.files = append(l.module.files, path.Clean(strings.TrimPrefix(strings.TrimPrefix(p, modulePath), "/")))
	case strings.Contains(p, "\x00") && !strings.HasPrefix(p, rootPath):
		return
	default:
		l.module.rootFiles = append(l.module.rootFiles, path.Clean(strings.TrimPrefix(strings.TrimPrefix(p, rootPath), "/")))
	}
}

// literalPath evaluates an expression that is literal but for path.module and path.root.
func literalPath(e hcl.Expression) (string, bool) { return stringIn(e, pathContext) }

// literalString evaluates a literal expression to a string.
func literalString(e hcl.Expression) (string, bool) { return stringIn(e, nil) }

func stringIn(e hcl.Expression, ctx *hcl.EvalContext) (string, bool) {
	v, diags := e.Value(ctx)
	if diags.HasErrors() {
		return "", false
	}
	return printed(v)
}

// printed is a known primitive value as terraform would convert it to a string.
func printed(v cty.Value) (string, bool) {
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
	if s, ok := printed(v); ok {
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
		k, ok := printed(key)
		if !ok {
			computed = append(computed, name)
			continue
		}
		computed = append(computed, flattenValue(into, name+"."+k, element)...)
	}
	return computed
}
