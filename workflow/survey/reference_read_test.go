package survey_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

// file is one of a fixture; that of a symlink has its target for a text.
type file struct {
	text string
	link bool
}

// tree is the files of one commit.
type tree struct {
	files map[string]file
	names map[string][]string // of what is in each directory, sorted
	links []string
}

func newTree(files map[string]file) *tree {
	t := &tree{files: files, names: map[string][]string{".": nil}}
	seen := map[string]bool{}
	for name, f := range files {
		if f.link {
			t.links = append(t.links, name)
		}
		for at := name; at != "." && !seen[at]; at = path.Dir(at) {
			seen[at] = true
			t.names[path.Dir(at)] = append(t.names[path.Dir(at)], path.Base(at))
		}
	}
	for _, names := range t.names {
		slices.Sort(names)
	}
	return t
}

// resolve follows a path step by step. links are the symlinks on the way.
func (t *tree) resolve(name string) (end string, links []string, there bool) {
	todo := strings.Split(path.Clean(name), "/")
	at := "."
	for len(todo) > 0 {
		next := todo[0]
		todo = todo[1:]
		switch next {
		case "", ".":
			continue
		case "..":
			if at == "." {
				return "..", links, false
			}
			at = path.Dir(at)
			continue
		}
		here := path.Join(at, next)
		f, isFile := t.files[here]
		switch {
		case isFile && f.link:
			if links = append(links, here); len(links) > 16 {
				return here, links, false
			}
			todo = append(strings.Split(f.text, "/"), todo...)
		case !isFile && t.names[here] == nil:
			return path.Join(append([]string{here}, todo...)...), links, false
		default:
			at = here
		}
	}
	return at, links, true
}

var asked = regexp.MustCompile(`\.(tf|tofu|tfvars|tftest\.hcl)(\.json)?$|^\.terraform\.lock\.hcl$`)

// owner is the directory that a file belongs to, "" for none.
func (t *tree) owner(f string, entries []declared) string {
	for dir := path.Dir(f); ; dir = path.Dir(dir) {
		holds := slices.ContainsFunc(t.names[dir], func(name string) bool { return isConfiguration(name) || name == "terragrunt.hcl" }) ||
			slices.ContainsFunc(entries, func(d declared) bool { return d.dir == dir })
		switch {
		case holds && dir == "." && path.Dir(f) != "." && !asked.MatchString(path.Base(f)):
			return ""
		case holds:
			return dir
		case dir == ".":
			return ""
		}
	}
}

// text is a file that was parsed.
type text struct {
	body   *hclsyntax.Body
	blocks []block
}

type block struct {
	kind   string
	labels []string
	body   *hclsyntax.Body
}

var texts sync.Map // parsing is the slow part, and the same text is the same text

// parsed parses a file. JSON is written as the other language first.
func parsed(name, code string) text {
	isJSON := strings.HasSuffix(name, ".json")
	key := fmt.Sprint(isJSON, code)
	if known, ok := texts.Load(key); ok {
		return known.(text)
	}
	out := text{body: &hclsyntax.Body{Attributes: hclsyntax.Attributes{}}}
	written := code
	if isJSON {
		written = fromJSON(code)
	}
	if f, _ := hclsyntax.ParseConfig([]byte(written), name, hcl.InitialPos); f != nil && f.Body != nil {
		out.body = f.Body.(*hclsyntax.Body)
	}
	for _, b := range out.body.Blocks {
		out.blocks = append(out.blocks, block{b.Type, b.Labels, b.Body})
	}
	texts.Store(key, out)
	return out
}

// labelsOf is how many labels a block of each kind has; what is none of these is an attribute.
var labelsOf = map[string]int{"terraform": 0, "locals": 0, "variable": 1, "output": 1, "module": 1, "provider": 1,
	"resource": 2, "data": 2, "backend": 1}

func fromJSON(code string) string {
	var top map[string]any
	if json.Unmarshal([]byte(code), &top) != nil {
		return ""
	}
	var out strings.Builder
	var body func(in map[string]any)
	var labelled func(head string, labels int, v any)
	labelled = func(head string, labels int, v any) {
		in, _ := v.(map[string]any)
		if labels == 0 {
			out.WriteString(head + " {\n")
			body(in)
			out.WriteString("}\n")
			return
		}
		for _, label := range slices.Sorted(maps.Keys(in)) {
			labelled(head+" "+strconv.Quote(label), labels-1, in[label])
		}
	}
	body = func(in map[string]any) {
		for _, name := range slices.Sorted(maps.Keys(in)) {
			_, isObject := in[name].(map[string]any)
			if labels, isBlock := labelsOf[name]; isBlock && isObject {
				labelled(name, labels, in[name])
			} else {
				out.WriteString(name + " = " + expressionOf(in[name]) + "\n")
			}
		}
	}
	body(top)
	return out.String()
}

func expressionOf(v any) string {
	switch v := v.(type) {
	case map[string]any:
		var out []string
		for _, name := range slices.Sorted(maps.Keys(v)) {
			out = append(out, strconv.Quote(name)+" = "+expressionOf(v[name]))
		}
		return "{" + strings.Join(out, ", ") + "}"
	case []any:
		var out []string
		for _, x := range v {
			out = append(out, expressionOf(x))
		}
		return "[" + strings.Join(out, ", ") + "]"
	case string:
		return `"` + v + `"` // fixtures have nothing to escape
	case nil:
		return "null"
	}
	return fmt.Sprint(v)
}

// backends counts the places where blocks say where their state is.
func backends(blocks []block) (n int) {
	for _, b := range blocks {
		for _, inner := range b.body.Blocks {
			if b.kind == "terraform" && (inner.Type == "backend" || inner.Type == "cloud") {
				n++
			}
		}
	}
	return n
}

// readsFiles are the functions that read the path that they are given.
var readsFiles = map[string]bool{"file": true, "filemd5": true, "filesha256": true, "filebase64": true,
	"fileexists": true, "fileset": true, "templatefile": true}

// functions are those that the code of the fixtures calls.
func (w *walker) functions() map[string]function.Function {
	one := []function.Parameter{{Name: "path", Type: cty.String}}
	contents := function.New(&function.Spec{Params: one, Type: function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			return cty.StringVal(w.file(path.Join(w.of.dir, args[0].AsString()))), nil
		}})
	return map[string]function.Function{
		"file": contents, "filemd5": contents, "filesha256": contents, "filebase64": contents,
		"fileexists": function.New(&function.Spec{Params: one, Type: function.StaticReturnType(cty.Bool),
			Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
				return cty.BoolVal(w.file(path.Join(w.of.dir, args[0].AsString())) != ""), nil
			}}),
		"fileset":      w.fileset(),
		"templatefile": w.templatefile(),
		"toset": function.New(&function.Spec{Params: []function.Parameter{{Name: "of", Type: cty.DynamicPseudoType}},
			Type: function.StaticReturnType(cty.Set(cty.String)),
			Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
				if args[0].LengthInt() == 0 {
					return cty.SetValEmpty(cty.String), nil
				}
				return cty.SetVal(args[0].AsValueSlice()), nil
			}}),
		"jsondecode": stdlib.JSONDecodeFunc, "jsonencode": stdlib.JSONEncodeFunc, "concat": stdlib.ConcatFunc, "join": stdlib.JoinFunc,
		"format": stdlib.FormatFunc, "merge": stdlib.MergeFunc, "keys": stdlib.KeysFunc, "lookup": stdlib.LookupFunc,
	}
}

func (w *walker) fileset() function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "path", Type: cty.String}, {Name: "pattern", Type: cty.String}},
		Type:   function.StaticReturnType(cty.Set(cty.String)),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			at, pattern := path.Join(w.of.dir, args[0].AsString()), args[1].AsString()
			end, links, _ := w.tree.resolve(at)
			for _, l := range links {
				w.named[l] = true
			}
			w.named[end] = true
			var found []string
			match := globbed(pattern)
			for name := range w.tree.files {
				if rest, ok := strings.CutPrefix(name, end+"/"); ok && match.MatchString(rest) {
					found = append(found, rest)
					to, _, _ := w.tree.resolve(name)
					w.named[to] = true // where it leads a cautious reader looks, too
				}
			}
			slices.Sort(found)
			w.facts["files "+at+" "+pattern] = strings.Join(found, "\n")
			if len(found) == 0 {
				return cty.SetValEmpty(cty.String), nil
			}
			var values []cty.Value
			for _, name := range found {
				values = append(values, cty.StringVal(name))
			}
			return cty.SetVal(values), nil
		}})
}

// globbed is a pattern of fileset as a regular expression.
func globbed(pattern string) *regexp.Regexp {
	r := strings.NewReplacer(`\*\*/`, `(.*/)?`, `\*\*`, `.*`, `\*`, `[^/]*`, `\?`, `[^/]`)
	return regexp.MustCompile("^" + r.Replace(regexp.QuoteMeta(pattern)) + "$")
}

func (w *walker) templatefile() function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "path", Type: cty.String}, {Name: "with", Type: cty.DynamicPseudoType}},
		Type:   function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			code := w.file(path.Join(w.of.dir, args[0].AsString()))
			scope := map[string]cty.Value{}
			if args[1].CanIterateElements() {
				for key, value := range args[1].Elements() {
					scope[key.AsString()] = value
				}
			}
			if e, diags := hclsyntax.ParseTemplate([]byte(code), "template", hcl.InitialPos); !diags.HasErrors() {
				w.value(e, scope)
			}
			return cty.StringVal(code), nil
		}})
}
