package early

import (
	"path"
	"strings"

	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

// plainFunctions take plain values and give one.
var plainFunctions = map[string]function.Function{
	"lower": stdlib.LowerFunc, "upper": stdlib.UpperFunc, "title": stdlib.TitleFunc, "trimspace": stdlib.TrimSpaceFunc, "trim": stdlib.TrimFunc,
	"trimprefix": stdlib.TrimPrefixFunc, "trimsuffix": stdlib.TrimSuffixFunc, "substr": stdlib.SubstrFunc, "replace": stdlib.ReplaceFunc,
}

// function is a function's value. Of functions that are not here nothing is known.
func (s *Scope) function(e *hclsyntax.FunctionCallExpr) (value, bool) {
	name := strings.TrimPrefix(e.Name, "core::")
	if e.ExpandFinal {
		return value{}, false
	}
	switch name {
	case "tostring", "basename", "dirname":
		if len(e.Args) != 1 {
			return value{}, false
		}
		text, ok := s.Text(e.Args[0])
		if !ok {
			return value{}, false
		}
		switch name {
		case "basename":
			text = path.Base(text)
		case "dirname":
			text = path.Dir(text)
		}
		return plain(cty.StringVal(text))
	case "format":
		return s.format(e.Args)
	case "join":
		return s.join(e.Args)
	case "lookup":
		return s.lookup(e.Args)
	case "replace":
		if len(e.Args) == 3 {
			if search, ok := s.Text(e.Args[1]); !ok || strings.HasPrefix(search, "/") { // it may be a pattern
				return value{}, false
			}
		}
	}
	f, ok := plainFunctions[name]
	if !ok || len(e.Args) != len(f.Params()) {
		return value{}, false
	}
	return s.call(f, e.Args...)
}

// format knows %s, %d, %v and %%.
func (s *Scope) format(args []hclsyntax.Expression) (value, bool) {
	if len(args) == 0 {
		return value{}, false
	}
	spec, ok := s.Text(args[0])
	if !ok {
		return value{}, false
	}
	parts := strings.Split(strings.ReplaceAll(spec, "%%", "\x00"), "%")
	if len(parts) != len(args) {
		return value{}, false
	}
	out := parts[0]
	for i, part := range parts[1:] {
		text, ok := s.Text(args[i+1])
		if !ok || part == "" || !strings.Contains("sdv", part[:1]) || len(out)+len(text) > maxText {
			return value{}, false
		}
		out += text + part[1:]
	}
	return plain(cty.StringVal(strings.ReplaceAll(out, "\x00", "%")))
}

// join takes lists that are written out.
func (s *Scope) join(args []hclsyntax.Expression) (value, bool) {
	if len(args) != 2 {
		return value{}, false
	}
	separator, ok := s.Text(args[0])
	list, known := s.eval(args[1])
	tuple, written := list.cons.e.(*hclsyntax.TupleConsExpr)
	if !ok || !known || !written {
		return value{}, false
	}
	var out strings.Builder
	for i, e := range tuple.Exprs {
		text, ok := list.cons.in.Text(e)
		if !ok || out.Len()+len(text)+len(separator) > maxText {
			return value{}, false
		}
		if i > 0 {
			out.WriteString(separator)
		}
		out.WriteString(text)
	}
	return plain(cty.StringVal(out.String()))
}

// lookup takes objects that are written out; what they lack is not known to be lacking.
func (s *Scope) lookup(args []hclsyntax.Expression) (value, bool) {
	if len(args) != 2 && len(args) != 3 {
		return value{}, false
	}
	of, ok := s.eval(args[0])
	key, known := s.Text(args[1])
	if !ok || !known {
		return value{}, false
	}
	object, written := of.cons.e.(*hclsyntax.ObjectConsExpr)
	if v, ok := of.member(key); ok || len(args) == 2 || !written {
		return v, ok
	}
	for _, item := range object.Items {
		if name, ok := of.cons.in.key(item.KeyExpr); !ok || name == key {
			return value{}, false // it is there, and not known
		}
	}
	return s.eval(args[2])
}
