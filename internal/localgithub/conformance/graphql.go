package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"
	"github.com/vektah/gqlparser/v2/validator"
)

// schemas are GitHub's GraphQL schema and the part of it that localgithub serves.
type schemas struct{ github, served *ast.Schema }

func newSchemas(github, served string) (*schemas, error) {
	var s schemas
	doc, err := parser.ParseSchemas(validator.Prelude, &ast.Source{Name: "github", Input: github})
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", graphqlPackage.name, err)
	}
	for _, def := range doc.Definitions { // 15.26.1 defines a few fields twice, word for word
		seen := map[string]bool{}
		def.Fields = slices.DeleteFunc(def.Fields, func(f *ast.FieldDefinition) bool {
			again := seen[f.Name]
			seen[f.Name] = true
			return again
		})
	}
	if s.github, err = validator.ValidateSchemaDocument(doc); err != nil {
		return nil, fmt.Errorf("reading %s: %w", graphqlPackage.name, err)
	}
	if s.served, err = gqlparser.LoadSchema(&ast.Source{Name: "served", Input: served}); err != nil {
		return nil, fmt.Errorf("reading the schema that is served: %w", err)
	}
	return &s, nil
}

// servedSchema: every type, field, argument and value that localgithub serves is one that GitHub has, of the same type.
func (c *checker) servedSchema() {
	for _, name := range sortedKeys(c.gql.served.Types) {
		ours, theirs := c.gql.served.Types[name], c.gql.github.Types[name]
		if ours.BuiltIn {
			continue
		}
		for _, what := range differences(ours, theirs) {
			c.fault(&exchange{Source: "schema.graphql"}, faultKey{"schema", name, what}, "")
		}
	}
}

func differences(ours, theirs *ast.Definition) (out []string) {
	if theirs == nil || theirs.Kind != ours.Kind {
		return []string{"GitHub has no such type"}
	}
	for _, f := range ours.Fields {
		if strings.HasPrefix(f.Name, "__") {
			continue
		}
		g := theirs.Fields.ForName(f.Name)
		if g == nil {
			out = append(out, f.Name+": GitHub has no such field")
			continue
		}
		if f.Type.String() != g.Type.String() {
			out = append(out, fmt.Sprintf("%s: is %s, GitHub's is %s", f.Name, f.Type, g.Type))
		}
		for _, a := range f.Arguments {
			if b := g.Arguments.ForName(a.Name); b == nil || b.Type.String() != a.Type.String() {
				out = append(out, fmt.Sprintf("%s(%s: %s): GitHub's is another", f.Name, a.Name, a.Type))
			}
		}
		for _, b := range g.Arguments {
			if b.Type.NonNull && b.DefaultValue == nil && f.Arguments.ForName(b.Name) == nil {
				out = append(out, fmt.Sprintf("%s: GitHub wants the argument %s", f.Name, b.Name))
			}
		}
	}
	for _, v := range ours.EnumValues {
		if theirs.EnumValues.ForName(v.Name) == nil {
			out = append(out, v.Name+": GitHub has no such value")
		}
	}
	for _, i := range ours.Interfaces {
		if !slices.Contains(theirs.Interfaces, i) {
			out = append(out, "is no "+i+" at GitHub")
		}
	}
	for _, t := range ours.Types {
		if !slices.Contains(theirs.Types, t) {
			out = append(out, t+" is not in it at GitHub")
		}
	}
	return out
}

// query checks a GraphQL request against GitHub's schema, and its answer against what it asked for.
func (c *checker) query(x *exchange) {
	c.queries++
	var in struct{ Query, OperationName string }
	var out struct {
		Data   any
		Errors []any
	}
	if err := json.Unmarshal(x.RequestBody, &in); err != nil {
		if x.product() {
			c.fault(x, faultKey{"query", "", "the body is not JSON"}, string(x.RequestBody))
		}
		return
	}
	if err := json.Unmarshal(x.ResponseBody, &out); err != nil && !x.Faulted && x.Status == 200 {
		c.fault(x, faultKey{"query", "", "the answer is not JSON"}, string(x.ResponseBody))
		return
	}
	refused := out.Data == nil || x.Status != 200
	if refused && !x.product() {
		return // localgithub's tests of bad queries
	}
	doc, errs := gqlparser.LoadQuery(c.gql.github, in.Query)
	for _, e := range errs {
		c.fault(x, faultKey{"query", in.OperationName, e.Message}, in.Query)
	}
	if len(errs) > 0 || refused || x.Faulted || len(out.Errors) > 0 {
		return
	}
	op := doc.Operations.ForName(in.OperationName)
	if op == nil {
		c.fault(x, faultKey{"query", in.OperationName, "there is no such operation in it"}, in.Query)
		return
	}
	for _, what := range c.gql.selected(op.SelectionSet, out.Data, "data") {
		c.fault(x, faultKey{"query", in.OperationName, what}, string(x.ResponseBody))
	}
}

// selected tells what in an answer is not of the type that GitHub promises for it.
func (s *schemas) selected(set ast.SelectionSet, v any, path string) (out []string) {
	o, isObject := v.(object)
	if !isObject {
		return []string{path + " is no object"}
	}
	for _, sel := range set {
		switch f := sel.(type) {
		case *ast.Field:
			out = append(out, s.typed(f, f.Definition.Type, o[f.Alias], path+"."+f.Alias)...)
		case *ast.InlineFragment: // which of them applies cannot be known without __typename: its fields may be absent
			out = append(out, s.fragment(f.SelectionSet, o, path)...)
		case *ast.FragmentSpread:
			out = append(out, s.fragment(f.Definition.SelectionSet, o, path)...)
		}
	}
	return out
}

func (s *schemas) fragment(set ast.SelectionSet, o object, path string) []string {
	for _, sel := range set {
		if f, isField := sel.(*ast.Field); isField {
			if _, there := o[f.Alias]; !there {
				return nil
			}
		}
	}
	return s.selected(set, o, path)
}

func (s *schemas) typed(f *ast.Field, t *ast.Type, v any, path string) (out []string) {
	def := s.github.Types[t.Name()]
	switch {
	case v == nil && t.NonNull:
		return []string{path + " is null, but never is at GitHub"}
	case v == nil:
		return nil
	case t.Elem != nil:
		list, isList := v.([]any)
		if !isList {
			return []string{path + " is no list"}
		}
		for _, e := range list {
			out = append(out, s.typed(f, t.Elem, e, path)...)
		}
		return out
	case def.Kind == ast.Enum:
		if text, _ := v.(string); def.EnumValues.ForName(text) == nil {
			return []string{fmt.Sprintf("%s is %v, which is no %s", path, v, def.Name)}
		}
	case def.Kind != ast.Scalar:
		return s.selected(f.SelectionSet, v, path)
	case !scalar(def.Name, v):
		return []string{fmt.Sprintf("%s is %v, which is no %s", path, v, def.Name)}
	}
	return nil
}

// scalar reports whether a JSON value may stand for a scalar type; GitHub's own scalars are texts.
func scalar(name string, v any) bool {
	switch name {
	case "Int", "Float":
		_, is := v.(float64)
		return is
	case "Boolean":
		_, is := v.(bool)
		return is
	}
	_, is := v.(string)
	return is
}
