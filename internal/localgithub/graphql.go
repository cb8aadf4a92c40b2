package localgithub

import (
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
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

// graphQL is the part of GitHub's schema that is served. Queries are checked against it, so that a field that GitHub
// does not have, or that is missing here, is an error.
type graphQL struct {
	schema *ast.Schema
	rules  *rules.Rules
}

func newGraphQL() (*graphQL, error) {
	schema, err := gqlparser.LoadSchema(&ast.Source{Name: "schema.graphql", Input: schemaText})
	if err != nil {
		return nil, fmt.Errorf("the GraphQL schema: %w", err)
	}
	return &graphQL{schema: schema, rules: rules.NewDefaultRules()}, nil
}

// thing is an object of the schema. A field is a plain value, a *thing, a list of things, or a function of its
// arguments that gives one of these.
type thing struct {
	typ    string
	fields map[string]any
}

type resolver = func(args map[string]any) (any, error)

// queryError is an error that GitHub puts beside the data.
type queryError struct{ typ, message string }

func (e queryError) Error() string { return e.message }

func forbidden() error { return queryError{"FORBIDDEN", "Resource not accessible by integration"} }

// execution carries one operation out. The caller holds s.mu.
type execution struct {
	schema *ast.Schema
	vars   map[string]any
	errors []obj
}

// serveGraphQL answers a POST. Errors of the query come with status 200, as at GitHub.
func (s *Server) serveGraphQL(w http.ResponseWriter, r *http.Request) {
	c := r.Context().Value(callKey{}).(*call)
	switch {
	case r.Method != http.MethodPost:
		writeReply(w, notFound())
		return
	case c.who.account() == nil:
		writeReply(w, fail(http.StatusUnauthorized, "This endpoint requires you to be authenticated."))
		return
	}
	var in struct {
		Query         string         `json:"query"`
		OperationName string         `json:"operationName"`
		Variables     map[string]any `json:"variables"`
	}
	dec := json.NewDecoder(strings.NewReader(string(c.body)))
	dec.UseNumber()
	if err := dec.Decode(&in); err != nil || in.Query == "" {
		writeReply(w, fail(http.StatusBadRequest, "A query attribute must be specified and must be a string."))
		return
	}
	doc, errs := gqlparser.LoadQueryWithRules(s.gql.schema, in.Query, s.gql.rules)
	if len(errs) > 0 {
		writeReply(w, ok(obj{"errors": queryErrors(errs)}))
		return
	}
	op := doc.Operations.ForName(in.OperationName)
	if op == nil {
		writeReply(w, ok(obj{"errors": []obj{{"message": "No operation named " + strconv.Quote(in.OperationName)}}}))
		return
	}
	vars, err := validator.VariableValues(s.gql.schema, op, in.Variables)
	if err != nil {
		writeReply(w, ok(obj{"errors": []obj{{"message": err.Error()}}}))
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	root := s.queryRoot(c.who)
	if op.Operation == ast.Mutation {
		root = s.mutationRoot(c.who)
	}
	x := &execution{schema: s.gql.schema, vars: vars}
	body := obj{"data": x.object(root, op.SelectionSet, nil)}
	if len(x.errors) > 0 {
		body["errors"] = x.errors
	}
	writeReply(w, ok(body))
}

func queryErrors(errs gqlerror.List) []obj {
	var out []obj
	for _, e := range errs {
		locations := []obj{}
		for _, l := range e.Locations {
			locations = append(locations, obj{"line": l.Line, "column": l.Column})
		}
		out = append(out, obj{"message": e.Message, "locations": locations, "extensions": obj{"code": "undefinedField"}})
	}
	return out
}

// object resolves the selected fields of a thing.
func (x *execution) object(t *thing, set ast.SelectionSet, path []any) obj {
	out := obj{}
	x.collect(t, set, path, out)
	return out
}

func (x *execution) collect(t *thing, set ast.SelectionSet, path []any, out obj) {
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
func (x *execution) is(t *thing, cond string) bool {
	return slices.ContainsFunc(x.schema.GetPossibleTypes(x.schema.Types[cond]), func(d *ast.Definition) bool { return d.Name == t.typ })
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

func (x *execution) field(t *thing, f *ast.Field, path []any) any {
	if f.Name == "__typename" {
		return t.typ
	}
	v := t.fields[f.Name]
	if fn, isFunc := v.(resolver); isFunc {
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
	case *thing:
		if v == nil {
			return nil
		}
		if v.typ == "" { // a connection: its type is the field's
			v.typ = f.Definition.Type.Name()
		}
		return x.object(v, f.SelectionSet, path)
	case []*thing:
		list := make([]any, len(v))
		for i, one := range v {
			list[i] = x.object(one, f.SelectionSet, append(path[:len(path):len(path)], i))
		}
		return list
	}
	return v
}

func (x *execution) fail(err error, f *ast.Field, path []any) {
	e := obj{"message": err.Error(), "path": path, "locations": []obj{{"line": f.Position.Line, "column": f.Position.Column}}}
	var q queryError
	if errors.As(err, &q) {
		e["type"] = q.typ
	}
	x.errors = append(x.errors, e)
}

// connection pages a list. GitHub wants first or last, and at most 100.
func connection(name string, all []*thing, args map[string]any) (any, error) {
	first, hasFirst := intArg(args, "first")
	last, hasLast := intArg(args, "last")
	switch {
	case !hasFirst && !hasLast:
		return nil, queryError{"MISSING_PAGINATION_BOUNDARIES", fmt.Sprintf("You must provide a `first` or `last` value to properly paginate the `%s` connection.", name)}
	case first > 100 || last > 100:
		return nil, queryError{"EXCESSIVE_PAGINATION", fmt.Sprintf("Requesting %d records on the `%s` connection exceeds the limit of 100 records.", max(first, last), name)}
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
		info["startCursor"], info["endCursor"] = cursor(from+1), cursor(to)
	}
	return &thing{"", map[string]any{"nodes": all[from:to], "totalCount": len(all), "pageInfo": &thing{"PageInfo", info}}}, nil
}

func intArg(args map[string]any, name string) (int, bool) {
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

func cursor(n int) string {
	return base64.StdEncoding.EncodeToString([]byte("cursor:" + strconv.Itoa(n)))
}

func uncursor(s string) int {
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return 0
	}
	return atoi(strings.TrimPrefix(string(b), "cursor:"), 0)
}
