package early

import (
	"path"
	"strconv"
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
	case "try": // what is not known may be the error that it is for
		if len(e.Args) == 0 {
			return value{}, false
		}
		v, ok := s.eval(e.Args[0])
		return v, ok && v.cons.e == nil
	case "coalesce":
		return s.coalesce(e.Args)
	case "merge":
		return s.merge(e.Args)
	case "split":
		return s.split(e.Args)
	case "element":
		return s.element(e.Args)
	case "startswith", "endswith":
		return s.beginsOrEnds(name, e.Args)
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

// format knows %s, %d, %v and %%, which are never much longer than what they print.
func (s *Scope) format(args []hclsyntax.Expression) (value, bool) {
	if len(args) == 0 {
		return value{}, false
	}
	spec, ok := s.Text(args[0])
	if !ok {
		return value{}, false
	}
	for _, part := range strings.Split(strings.ReplaceAll(spec, "%%", ""), "%")[1:] {
		if part == "" || !strings.Contains("sdv", part[:1]) {
			return value{}, false
		}
	}
	var values []cty.Value
	bytes := len(spec)
	for _, e := range args[1:] {
		v, ok := s.eval(e)
		text, printed := v.text()
		if bytes += len(text); !ok || !printed || bytes > maxText {
			return value{}, false
		}
		values = append(values, v.plain)
	}
	out, err := stdlib.Format(cty.StringVal(spec), values...)
	if err != nil {
		return value{}, false
	}
	return plain(out)
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
	if !written {
		return value{}, false
	}
	if v, ok := of.member(key); ok || len(args) == 2 {
		return v, ok
	}
	for _, item := range object.Items {
		if name, ok := of.cons.in.key(item.KeyExpr); !ok || name == key {
			return value{}, false // it is there, and not known
		}
	}
	return s.eval(args[2])
}

// texts are arguments that are texts, and nothing that could become one.
func (s *Scope) texts(args []hclsyntax.Expression) ([]string, bool) {
	out := make([]string, len(args))
	for i, e := range args {
		v, ok := s.eval(e)
		if !ok || v.cons.e != nil || v.plain.Type() != cty.String {
			return nil, false
		}
		out[i] = v.plain.AsString()
	}
	return out, true
}

// coalesce is the first text that is not empty.
func (s *Scope) coalesce(args []hclsyntax.Expression) (value, bool) {
	list, ok := s.texts(args)
	for _, text := range list {
		if ok && text != "" {
			return plain(cty.StringVal(text))
		}
	}
	return value{}, false
}

func (s *Scope) beginsOrEnds(name string, args []hclsyntax.Expression) (value, bool) {
	list, ok := s.texts(args)
	if !ok || len(list) != 2 {
		return value{}, false
	}
	if name == "startswith" {
		return plain(cty.BoolVal(strings.HasPrefix(list[0], list[1])))
	}
	return plain(cty.BoolVal(strings.HasSuffix(list[0], list[1])))
}

// merge takes objects that are written out in one module: of two parts with one name the later one counts.
func (s *Scope) merge(args []hclsyntax.Expression) (value, bool) {
	all, in := &hclsyntax.ObjectConsExpr{}, (*Scope)(nil)
	for _, e := range args {
		v, ok := s.eval(e)
		object, written := v.cons.e.(*hclsyntax.ObjectConsExpr)
		if !ok || !written || in != nil && in != v.cons.in {
			return value{}, false
		}
		in = v.cons.in
		if *s.steps += len(object.Items); *s.steps > maxSteps {
			return value{}, false
		}
		all.Items = append(all.Items, object.Items...)
	}
	return value{cons: given{all, in}}, in != nil
}

// split is the parts of a text, as a list that is written out.
func (s *Scope) split(args []hclsyntax.Expression) (value, bool) {
	list, ok := s.texts(args)
	if !ok || len(list) != 2 {
		return value{}, false
	}
	out := &hclsyntax.TupleConsExpr{}
	for _, part := range strings.Split(list[1], list[0]) {
		out.Exprs = append(out.Exprs, &hclsyntax.LiteralValueExpr{Val: cty.StringVal(part)})
	}
	*s.steps += len(out.Exprs)
	return value{cons: given{out, s}}, true
}

// element is a part of a list that is written out, which begins anew at its end.
func (s *Scope) element(args []hclsyntax.Expression) (value, bool) {
	if len(args) != 2 {
		return value{}, false
	}
	list, ok := s.eval(args[0])
	tuple, written := list.cons.e.(*hclsyntax.TupleConsExpr)
	text, known := s.Text(args[1])
	i, err := strconv.Atoi(text)
	if !ok || !written || !known || err != nil || i < 0 || len(tuple.Exprs) == 0 {
		return value{}, false
	}
	return list.cons.in.eval(tuple.Exprs[i%len(tuple.Exprs)])
}
