// Package graphql answers GraphQL queries from things that it is given: it reads a query,
// checks it against the schema, and picks what was asked for, with its errors beside it, as
// GitHub does.
//
// schema.graphql is the part of GitHub's schema that is served. The value of a field, and who
// may see it, is decided where the things are made.
package graphql

import (
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/validator"
	"github.com/vektah/gqlparser/v2/validator/rules"
)

//go:embed schema.graphql
var schemaText string

// Schema is the part of GitHub's schema that is served. Queries are checked against it, so that a field that GitHub
// does not have, or that is missing here, is an error.
type Schema struct {
	schema *ast.Schema
	rules  *rules.Rules
}

// Load reads the schema.
func Load() (*Schema, error) {
	schema, err := gqlparser.LoadSchema(&ast.Source{Name: "schema.graphql", Input: schemaText})
	if err != nil {
		return nil, fmt.Errorf("the GraphQL schema: %w", err)
	}
	return &Schema{schema: schema, rules: rules.NewDefaultRules()}, nil
}

// Query is what a client sends.
type Query struct {
	Query         string         `json:"query"`
	OperationName string         `json:"operationName"`
	Variables     map[string]any `json:"variables"`
}

// Operation is a query that fits the schema.
type Operation struct {
	schema *ast.Schema
	op     *ast.OperationDefinition
	vars   map[string]any
}

// Prepare checks a query against the schema. If it does not fit, Prepare returns the answer
// that says so.
func (g *Schema) Prepare(in Query) (*Operation, map[string]any) {
	doc, errs := gqlparser.LoadQueryWithRules(g.schema, in.Query, g.rules)
	if len(errs) > 0 {
		return nil, map[string]any{"errors": queryErrors(errs)}
	}
	op := doc.Operations.ForName(in.OperationName)
	if op == nil {
		return nil, map[string]any{"errors": []map[string]any{{"message": "No operation named " +
			strconv.Quote(in.OperationName)}}}
	}
	vars, err := validator.VariableValues(g.schema, op, in.Variables)
	if err != nil {
		return nil, map[string]any{"errors": []map[string]any{{"message": err.Error()}}}
	}
	return &Operation{schema: g.schema, op: op, vars: vars}, nil
}

// Mutation reports whether the operation changes something, and starts at the mutations.
func (o *Operation) Mutation() bool { return o.op.Operation == ast.Mutation }

// Run is the answer: what the operation selects of the root, and the errors on the way.
func (o *Operation) Run(root *Thing) map[string]any {
	x := &execution{schema: o.schema, vars: o.vars}
	body := map[string]any{"data": x.object(root, o.op.SelectionSet, nil)}
	if len(x.errors) > 0 {
		body["errors"] = x.errors
	}
	return body
}

// Thing is an object of the schema. A field is a plain value, a *Thing, a list of things, or a function of its
// arguments that gives one of these.
type Thing struct {
	Type   string
	Fields map[string]any
}

// Resolver gives the value of a field that depends on its arguments, or is expensive to work
// out.
type Resolver = func(args map[string]any) (any, error)

// Error is an error that GitHub puts beside the data.
type Error struct{ Type, Message string }

func (e Error) Error() string { return e.Message }

// Forbidden is the error for an installation that lacks a permission.
func Forbidden() error {
	return Error{Type: "FORBIDDEN", Message: "Resource not accessible by integration"}
}

// execution carries one operation out.
type execution struct {
	schema *ast.Schema
	vars   map[string]any
	errors []map[string]any
}

func queryErrors(errs gqlerror.List) []map[string]any {
	var out []map[string]any
	for _, e := range errs {
		locations := []map[string]any{}
		for _, l := range e.Locations {
			locations = append(locations, map[string]any{"line": l.Line, "column": l.Column})
		}
		out = append(out, map[string]any{"message": e.Message, "locations": locations,
			"extensions": map[string]any{"code": "undefinedField"}})
	}
	return out
}

// object resolves the selected fields of a thing.
func (x *execution) object(t *Thing, set ast.SelectionSet, path []any) map[string]any {
	out := map[string]any{}
	x.collect(t, set, path, out)
	return out
}

func (x *execution) collect(t *Thing, set ast.SelectionSet, path []any, out map[string]any) {
	for _, sel := range set {
		switch f := sel.(type) {
		case *ast.Field:
			if x.wanted(f.Directives) {
				out[f.Alias] = x.field(t, f, append(path[:len(path):len(path)], f.Alias))
			}
		case *ast.InlineFragment:
			if x.wanted(f.Directives) && (f.TypeCondition == "" || x.is(t, f.TypeCondition)) {
				x.collect(t, f.SelectionSet, path, out)
			}
		case *ast.FragmentSpread:
			if x.wanted(f.Directives) && x.is(t, f.Definition.TypeCondition) {
				x.collect(t, f.Definition.SelectionSet, path, out)
			}
		}
	}
}

// is reports whether the thing fits a type condition: its own type, or an interface or union it belongs to.
func (x *execution) is(t *Thing, cond string) bool {
	return slices.ContainsFunc(x.schema.GetPossibleTypes(x.schema.Types[cond]), func(d *ast.Definition) bool { return d.Name == t.Type })
}

// wanted evaluates @skip and @include.
func (x *execution) wanted(ds ast.DirectiveList) bool {
	for _, d := range ds {
		on, _ := d.ArgumentMap(x.vars)["if"].(bool)
		if d.Name == "skip" && on || d.Name == "include" && !on {
			return false
		}
	}
	return true
}

func (x *execution) field(t *Thing, f *ast.Field, path []any) any {
	if f.Name == "__typename" {
		return t.Type
	}
	v := t.Fields[f.Name]
	if fn, isFunc := v.(Resolver); isFunc {
		var err error
		if v, err = fn(f.ArgumentMap(x.vars)); err != nil {
			x.fail(err, f, path)
			return nil
		}
	}
	return x.value(v, f, path)
}

func (x *execution) value(v any, f *ast.Field, path []any) any {
	switch v := v.(type) {
	case *Thing:
		if v == nil {
			return nil
		}
		if v.Type == "" { // a connection: its type is the field's
			v.Type = f.Definition.Type.Name()
		}
		return x.object(v, f.SelectionSet, path)
	case []*Thing:
		list := make([]any, len(v))
		for i, one := range v {
			list[i] = x.object(one, f.SelectionSet, append(path[:len(path):len(path)], i))
		}
		return list
	}
	return v
}

func (x *execution) fail(err error, f *ast.Field, path []any) {
	e := map[string]any{"message": err.Error(), "path": path,
		"locations": []map[string]any{{"line": f.Position.Line, "column": f.Position.Column}}}
	var q Error
	if errors.As(err, &q) {
		e["type"] = q.Type
	}
	x.errors = append(x.errors, e)
}

// Connection pages a list. GitHub wants first or last, and at most 100.
func Connection(name string, all []*Thing, args map[string]any) (any, error) {
	first, hasFirst := IntArg(args, "first")
	last, hasLast := IntArg(args, "last")
	switch {
	case !hasFirst && !hasLast:
		return nil, Error{Type: "MISSING_PAGINATION_BOUNDARIES",
			Message: fmt.Sprintf("You must provide a `first` or `last` value to properly paginate the `%s` connection.", name)}
	case first > 100 || last > 100:
		return nil, Error{Type: "EXCESSIVE_PAGINATION",
			Message: fmt.Sprintf("Requesting %d records on the `%s` connection exceeds the limit of 100 records.",
				max(first, last), name)}
	}
	from, to := 0, len(all)
	if after, isText := args["after"].(string); isText {
		from = min(uncursor(after), to)
	}
	if before, isText := args["before"].(string); isText {
		to = max(min(uncursor(before)-1, to), from)
	}
	if hasFirst {
		to = min(from+first, to)
	}
	if hasLast {
		from = max(to-last, from)
	}
	info := map[string]any{"hasNextPage": to < len(all), "hasPreviousPage": from > 0, "startCursor": nil, "endCursor": nil}
	if from < to {
		info["startCursor"], info["endCursor"] = Cursor(from+1), Cursor(to)
	}
	return &Thing{Type: "", Fields: map[string]any{"nodes": all[from:to], "totalCount": len(all),
		"pageInfo": &Thing{Type: "PageInfo", Fields: info}}}, nil
}

// IntArg is a number among the arguments, and whether it was given.
func IntArg(args map[string]any, name string) (int, bool) {
	switch v := args[name].(type) {
	case int64:
		return int(v), true
	case int:
		return v, true
	case json.Number:
		n, err := strconv.Atoi(v.String())
		return n, err == nil
	}
	return 0, false
}

// Cursor is the place after n things of a list.
func Cursor(n int) string {
	return base64.StdEncoding.EncodeToString([]byte("cursor:" + strconv.Itoa(n)))
}

func uncursor(s string) int {
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return 0
	}
	n, err := strconv.Atoi(strings.TrimPrefix(string(b), "cursor:"))
	if err != nil {
		return 0
	}
	return n
}
