package main

import (
	"bytes"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

type object = map[string]any

// description is GitHub's OpenAPI 3.0 description, its schemas made into JSON Schema 2020-12.
type description struct {
	doc      object
	ops      []*operation
	compiler *jsonschema.Compiler
	schemas  map[string]*jsonschema.Schema // by JSON pointer, those of strictSchema with "strict " before it
}

// operation is a method on a path.
type operation struct {
	name     string // "GET /repos/{owner}/{repo}"
	method   string
	segments []string
	params   []object
	def      object
	pointer  string
}

const documentURL = "https://localhost/openapi.json" // nothing is fetched from there

// newCompiler asserts formats, but loosely where GitHub is loose too.
func newCompiler() *jsonschema.Compiler {
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	// GitHub's templates use levels that the library does not know, such as {/path} and {?page};
	// it is enough that they are texts.
	c.RegisterFormat(&jsonschema.Format{Name: "uri-template", Validate: func(any) error { return nil }})
	// The author's address of a commit is whatever git was told, and bots have brackets in
	// theirs.
	c.RegisterFormat(&jsonschema.Format{Name: "email", Validate: func(v any) error {
		if s, isText := v.(string); isText && !strings.Contains(s, "@") {
			return fmt.Errorf("%q has no @", s)
		}
		return nil
	}})
	return c
}

// newDescription reads a description and corrects it.
func newDescription(raw []byte, fixes []correction) (*description, error) {
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		return nil, fmt.Errorf("parsing: %w", err)
	}
	doc, isObject := v.(object)
	if !isObject || len(asObject(doc["paths"])) == 0 {
		return nil, fmt.Errorf("parsing: this is no OpenAPI description")
	}
	d := &description{doc: doc, compiler: newCompiler(), schemas: map[string]*jsonschema.Schema{}}
	if err := d.correct(fixes); err != nil {
		return nil, err
	}
	delete(asObject(doc["components"]), "examples")
	modernise(doc)
	if err := d.compiler.AddResource(documentURL, doc); err != nil {
		return nil, fmt.Errorf("parsing: %w", err)
	}
	paths := asObject(doc["paths"])
	for _, path := range sortedKeys(paths) {
		for method, def := range asObject(paths[path]) {
			if slices.Contains([]string{"get", "put", "post", "patch", "delete"}, method) {
				d.add(method, path, asObject(def))
			}
		}
	}
	return d, nil
}

var compound = regexp.MustCompile(`[^/]\{|\}[^/]`)

// add adds an operation. There are two descriptions of compare; the one with two parameters
// in one segment, {base}...{head}, says nothing that the other does not.
func (d *description) add(method, path string, def object) {
	if compound.MatchString(path) {
		return
	}
	op := &operation{
		name: strings.ToUpper(method) + " " + path, method: strings.ToUpper(method),
		segments: strings.Split(path, "/"), def: def,
		pointer: "/paths/" + token(path) + "/" + method,
	}
	for _, p := range asList(def["parameters"]) {
		op.params = append(op.params, d.resolve(p))
	}
	d.ops = append(d.ops, op)
}

// modernise turns OpenAPI 3.0's "nullable" into JSON Schema, in place, and drops examples.
func modernise(v any) {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			modernise(e)
		}
	case object:
		for k, e := range v {
			if _, isSchema := e.(object); k == "example" || k == "examples" && !isSchema {
				delete(v, k)
				continue
			}
			modernise(e)
		}
		if v["nullable"] == true {
			delete(v, "nullable")
			allowNull(v)
		}
	}
}

func allowNull(schema object) {
	if typ, isText := schema["type"].(string); isText {
		schema["type"] = []any{typ, "null"}
	}
	if values, isList := schema["enum"].([]any); isList && !slices.Contains(values, nil) {
		schema["enum"] = append(values, nil)
	}
	for _, k := range []string{"oneOf", "anyOf"} {
		if choices, isList := schema[k].([]any); isList {
			delete(schema, k)
			schema["anyOf"] = []any{object{"type": "null"}, object{k: choices}}
		}
	}
	if all, isList := schema["allOf"].([]any); isList {
		delete(schema, "allOf")
		schema["anyOf"] = []any{object{"type": "null"}, object{"allOf": all}}
	}
}

// resolve follows references within the document.
func (d *description) resolve(v any) object {
	o := asObject(v)
	for {
		ref, isRef := o["$ref"].(string)
		if !isRef {
			return o
		}
		o = asObject(d.at(strings.TrimPrefix(ref, "#")))
	}
}

// at is what a JSON pointer points at, nil for nothing.
func (d *description) at(pointer string) any {
	var v any = d.doc
	for _, t := range strings.Split(pointer, "/")[1:] {
		v = asObject(v)[strings.NewReplacer("~1", "/", "~0", "~").Replace(t)]
	}
	return v
}

func token(s string) string { return strings.NewReplacer("~", "~0", "/", "~1").Replace(s) }

// schema compiles the schema at a JSON pointer.
func (d *description) schema(pointer string) (*jsonschema.Schema, error) {
	return d.compile(pointer, func() (*jsonschema.Schema, error) {
		return d.compiler.Compile(documentURL + "#" + (&url.URL{Path: pointer}).EscapedPath())
	})
}

// strictSchema is the schema at a JSON pointer, but allows nothing that the schema does not
// name.
func (d *description) strictSchema(pointer string) (*jsonschema.Schema, error) {
	return d.compile("strict "+pointer, func() (*jsonschema.Schema, error) {
		u := fmt.Sprintf("https://localhost/strict/%d.json", len(d.schemas))
		if err := d.compiler.AddResource(u, d.strict(d.at(pointer), place{})); err != nil {
			return nil, err
		}
		return d.compiler.Compile(u)
	})
}

func (d *description) compile(key string, make func() (*jsonschema.Schema, error)) (*jsonschema.Schema, error) {
	if s := d.schemas[key]; s != nil {
		return s, nil
	}
	s, err := make()
	if err != nil {
		return nil, fmt.Errorf("compiling %s: %w", key, err)
	}
	d.schemas[key] = s
	return s, nil
}

// place is where in a schema strict is: below which references, and whether in a part of another schema, which closes
// the object as a whole.
type place struct {
	refs   []string
	branch bool
}

// strict copies a schema, its references followed, such that objects with named properties
// have no others. A schema that contains itself stays open at that place.
func (d *description) strict(v any, at place) any {
	in, isObject := v.(object)
	if !isObject {
		return v
	}
	if ref, isRef := in["$ref"].(string); isRef {
		if slices.Contains(at.refs, ref) {
			return true
		}
		at.refs = append(slices.Clone(at.refs), ref)
		return d.strict(d.at(strings.TrimPrefix(ref, "#")), at)
	}
	inside, part := place{refs: at.refs}, place{refs: at.refs, branch: true}
	out := object{}
	for k, e := range in {
		switch k {
		case "properties":
			props := object{}
			for name, p := range asObject(e) {
				props[name] = d.strict(p, inside)
			}
			out[k] = props
		case "items", "additionalProperties":
			out[k] = d.strict(e, inside)
		case "allOf", "anyOf", "oneOf":
			var list []any
			for _, p := range asList(e) {
				list = append(list, d.strict(p, part))
			}
			out[k] = list
		default:
			out[k] = e
		}
	}
	if at.branch && out["additionalProperties"] == true {
		delete(out, "additionalProperties") // GitHub's way of saying that the whole has more properties than the part
	}
	if !at.branch && out["additionalProperties"] == nil && names(out) {
		out["unevaluatedProperties"] = false
	}
	return out
}

// names reports whether a schema, or a part of it, names properties.
func names(v any) bool {
	s := asObject(v)
	if s["properties"] != nil {
		return true
	}
	for _, k := range []string{"allOf", "anyOf", "oneOf"} {
		if slices.ContainsFunc(asList(s[k]), names) {
			return true
		}
	}
	return false
}

// find is the operation of a request and the values of its path parameters, unescaped. Among
// several that match, the one with the most literal segments is meant.
func (d *description) find(method, path string) (*operation, map[string]string) {
	var best *operation
	var values map[string]string
	most := -1
	for _, op := range d.ops {
		if op.method != method {
			continue
		}
		if v, literal := op.fits(strings.Split(path, "/")); literal > most {
			best, values, most = op, v, literal
		}
	}
	return best, values
}

// fits matches a path; literal is the number of segments that are not parameters, -1 when it
// does not match. Parameters that GitHub marks with x-multi-segment may hold slashes.
func (op *operation) fits(have []string) (values map[string]string, literal int) {
	values = map[string]string{}
	for i, want := range op.segments {
		name := strings.TrimSuffix(strings.TrimPrefix(want, "{"), "}")
		if name == want {
			if i >= len(have) || have[i] != want {
				return nil, -1
			}
			literal++
			continue
		}
		if i >= len(have) {
			return nil, -1
		}
		if extra := len(have) - len(op.segments); extra > 0 && op.param("path", name)["x-multi-segment"] == true {
			joined := strings.Join(have[i:i+extra+1], "/")
			have = append(append(slices.Clone(have[:i]), joined), have[i+extra+1:]...)
		}
		v, err := url.PathUnescape(have[i])
		if err != nil || v == "" && i < len(have)-1 {
			return nil, -1
		}
		values[name] = v
	}
	if len(have) != len(op.segments) {
		return nil, -1
	}
	return values, literal
}

func (op *operation) param(in, name string) object {
	for _, p := range op.params {
		if p["in"] == in && p["name"] == name {
			return p
		}
	}
	return nil
}

func asObject(v any) object {
	o, _ := v.(object)
	return o
}

func asList(v any) []any {
	l, _ := v.([]any)
	return l
}

func asText(v any) string {
	s, _ := v.(string)
	return s
}
