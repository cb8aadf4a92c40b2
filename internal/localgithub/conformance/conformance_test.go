package main

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The real descriptions are not here in a fresh clone; these two are made of what the tests need.
const (
	smallOpenAPI = `{
	"openapi": "3.0.3",
	"paths": {
		"/repos/{repo}/things": {
			"get": {
				"x-github": {"enabledForGitHubApps": true},
				"parameters": [{"$ref": "#/components/parameters/repo"}, {"name": "per_page", "in": "query", "schema": {"type": "integer"}}],
				"responses": {"200": {"content": {"application/json": {"schema": {"type": "array", "items": {"$ref": "#/components/schemas/thing"}}}}}}
			},
			"post": {
				"x-github": {"enabledForGitHubApps": false},
				"parameters": [{"$ref": "#/components/parameters/repo"}, {"name": "mode", "in": "query", "required": true, "schema": {"type": "string", "enum": ["a", "b"]}}],
				"requestBody": {"required": true, "content": {"application/json": {"schema": {
					"type": "object", "required": ["name"],
					"properties": {"name": {"type": "string"}, "size": {"type": "integer", "nullable": true}, "inner": {"type": "object", "properties": {"x": {"type": "string"}}}},
					"anyOf": [{"properties": {"colour": {"enum": ["red"]}}, "additionalProperties": true}]
				}}}},
				"responses": {"204": {"description": "done"}}
			}
		},
		"/repos/{repo}/files/{path}": {
			"get": {
				"description": "You must use a [JWT](x) to access this endpoint.",
				"parameters": [{"$ref": "#/components/parameters/repo"}, {"name": "path", "in": "path", "required": true, "x-multi-segment": true, "schema": {"type": "string"}}],
				"responses": {"200": {"$ref": "#/components/responses/file"}}
			}
		},
		"/repos/{repo}/files/about": {"get": {"description": "You must use a [JWT](x)", "parameters": [{"$ref": "#/components/parameters/repo"}], "responses": {}}}
	},
	"x-webhooks": {
		"thing-made": {"post": {
			"x-github": {"supported-webhook-types": ["app"]},
			"parameters": [{"name": "X-Github-Event"}, {"name": "X-Hub-Signature-256"}],
			"requestBody": {"content": {"application/json": {"schema": {"type": "object", "required": ["action", "thing"], "properties": {"action": {"type": "string"}, "thing": {"$ref": "#/components/schemas/thing"}}}}}}
		}},
		"shop-opened": {"post": {"x-github": {"supported-webhook-types": ["business"]}, "requestBody": {"content": {"application/json": {"schema": {"type": "object"}}}}}}
	},
	"components": {
		"parameters": {"repo": {"name": "repo", "in": "path", "required": true, "schema": {"type": "string"}}},
		"responses": {"file": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/thing"}}}}},
		"schemas": {
			"basic-error": {"type": "object", "properties": {"message": {"type": "string"}}},
			"thing": {
				"type": "object", "required": ["id", "owner"],
				"properties": {
					"id": {"type": "integer"}, "at": {"type": "string", "format": "date-time"}, "owner": {"nullable": true, "anyOf": [{"type": "object", "properties": {"login": {"type": "string"}}}]},
					"parent": {"$ref": "#/components/schemas/thing"}
				}
			}
		}
	}}`
	smallGraphQL = `type Query { me(first: Int!): Me!, again: Int, again: Int }
		enum Mood { GOOD BAD }
		interface Named { name: String! }
		type Me implements Named { name: String!, mood: Mood, friends: [Me!] }`
)

func newSmall(t *testing.T, served string) *checker {
	t.Helper()
	d, err := newDescription([]byte(smallOpenAPI), nil)
	if err != nil {
		t.Fatal(err)
	}
	g, err := newSchemas(smallGraphQL, served)
	if err != nil {
		t.Fatal(err)
	}
	return &checker{rest: d, gql: g, tally: newTally()}
}

// found are the faults of an exchange, in order.
func (c *checker) found() []string {
	set := map[string]bool{}
	for k := range c.faults {
		set[k.what+" "+k.message] = true
	}
	if len(set) == 0 {
		return nil
	}
	return sortedKeys(set)
}

func TestREST(t *testing.T) {
	rest := func(method, path, actor, body string) exchange {
		path, query, _ := strings.Cut(path, "?")
		return exchange{Kind: "rest", Method: method, Path: path, Query: query, Actor: actor,
			RequestBody: json.RawMessage(body)}
	}
	answered := func(x exchange, status int, body string) exchange {
		x.Status, x.ResponseBody, x.ResponseHeaders = status, json.RawMessage(body), jsonHeader
		return x
	}
	list, post := rest("GET", "/repos/a/things", "user", ""),
		rest("POST", "/repos/a/things?mode=a", "user", `{"name":"n"}`)
	from := func(source string, x exchange) exchange {
		x.Source = source
		return x
	}
	broken := answered(list, 500, `{}`)
	broken.Faulted = true
	text := answered(list, 200, `[]`)
	text.ResponseHeaders = http.Header{"Content-Type": {"text/html"}}
	for _, tt := range []struct {
		name string
		x    exchange
		want []string
	}{
		{"all is well", answered(list, 200, `[{"id":1,"owner":null,"at":"2026-01-02T03:04:05Z"},{"id":2,"owner":{"login":"a"},"parent":{"id":1,"owner":null}}]`), nil},
		{"no such operation, by the product", rest("GET", "/nothing", "installation", ""), []string{"request GitHub has no such operation"}},
		{"no such operation, refused", answered(rest("GET", "/nothing", "user", ""), 404, `{"message":"Not Found"}`), nil},
		{"no such operation, answered", answered(rest("GET", "/nothing", "user", ""), 200, `{}`), []string{"request GitHub has no such operation"}},
		{"other query", answered(rest("GET", "/repos/a/things?per_page=x&color=1", "user", ""), 200, `[]`), []string{"request query color: GitHub knows no such parameter", "request query per_page: got string, want integer"}},
		{"two of one", answered(rest("GET", "/repos/a/things?per_page=1&per_page=2", "user", ""), 200, `[]`), []string{"request query per_page: given more than once"}},
		{"large page of the product", rest("GET", "/repos/a/things?per_page=101", "installation", ""), []string{"request query per_page: more than 100"}},
		{"missing query and no App there", rest("POST", "/repos/a/things", "installation", `{"name":"n"}`), []string{"request query mode: required, but not given", "request token: not enabled for GitHub Apps"}},
		{"empty body", answered(rest("POST", "/repos/a/things?mode=a", "user", "null"), 204, ""), []string{"request body: required, but empty"}},
		{"body of parts and nulls", answered(rest("POST", "/repos/a/things?mode=b", "user", `{"name":"n","size":null,"colour":"red","inner":{"x":"y"}}`), 204, ""), nil},
		{"body too large", answered(rest("POST", "/repos/a/things?mode=a", "user", `{"name":"n","x":2,"inner":{"z":3}}`), 204, ""), []string{
			"request inner.z: GitHub knows no such property", "request x: GitHub knows no such property",
		}},
		{"bad request, refused", answered(rest("POST", "/repos/a/things?mode=a", "user", `{"x":1}`), 401, `{"message":"no"}`), nil},
		{"bad request of localgithub's tests, refused", from("localgithub.test x", answered(rest("GET", "/repos/a/files/b", "installation", ""), 403, `{"message":"no"}`)), nil},
		{"many segments, wrong token", rest("GET", "/repos/a/files/b/c%20d", "installation", ""), []string{"request token: GitHub wants an App's JWT here"}},
		{"many segments", answered(rest("GET", "/repos/a/files/b/c%20d", "app", ""), 200, `{"id":1,"owner":null}`), nil},
		{"literal before parameter", answered(rest("GET", "/repos/a/files/about", "app", ""), 418, ``), []string{"answer status: not documented"}},
		{"the App itself", rest("GET", "/repos/a/things", "app", ""), []string{"request token: an App's JWT is not taken here"}},
		{"answer lacks and errs", answered(list, 200, `[{"at":"yesterday","owner":null,"age":3}]`), []string{"answer *.at: not of the format date-time", "answer *: missing property 'id'"}},
		{"answer invents", answered(list, 200, `[{"id":1,"owner":{"logon":"a"},"age":3}]`), []string{"answer *.age: GitHub knows no such property", "answer *.owner.logon: GitHub knows no such property"}},
		{"answer of a page", text, []string{`answer header Content-Type: is "text/html"`}},
		{"answer where there is none", answered(post, 204, `{}`), []string{"answer body: GitHub sends none here"}},
		{"answer missing", answered(list, 200, ``), []string{"answer body: is empty"}},
		{"error without a message", answered(list, 404, `{}`), []string{"answer body: an error without a message"}},
		{"a fault was ordered", broken, nil},
		{"unknown kind", exchange{Kind: "smtp"}, []string{"request this kind of exchange is unknown here"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newSmall(t, "type Query { again: Int }")
			c.exchange(&tt.x)
			if diff := cmp.Diff(tt.want, c.found()); diff != "" {
				t.Errorf("faults (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDeliveries(t *testing.T) {
	headers := http.Header{"Content-Type": {"application/json"}, "X-Github-Event": {"thing"},
		"X-Hub-Signature-256": {"sha256=00"}}
	for _, tt := range []struct {
		name, path, body string
		headers          http.Header
		want             []string
	}{
		{"all is well", "thing/made", `{"action":"made","thing":{"id":1,"owner":null}}`, headers, nil},
		{"unknown", "thing/lost", `{}`, headers, []string{"delivery event: GitHub has no such event"}},
		{"not for Apps", "shop/opened", `{"action":"opened"}`, http.Header{"X-Github-Event": {"shop"}}, []string{"delivery event: not delivered to Apps", "delivery header Content-Type: is not JSON's"}},
		{"unsigned, of another action", "thing/made", `{"action":"lost","thing":{"id":1,"owner":null,"x":2}}`, http.Header{"Content-Type": {"application/json"}, "X-Github-Event": {"thing"}}, []string{
			"delivery body: event and action are not those of header and payload", "delivery header X-Hub-Signature-256: missing or of another form", "delivery thing.x: GitHub knows no such property",
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newSmall(t, "type Query { again: Int }")
			c.exchange(&exchange{Kind: "delivery", Path: tt.path, RequestHeaders: tt.headers,
				RequestBody: json.RawMessage(tt.body)})
			if diff := cmp.Diff(tt.want, c.found()); diff != "" {
				t.Errorf("faults (-want +got):\n%s", diff)
			}
		})
	}
}

func TestGraphQL(t *testing.T) {
	const served = `type Query { me: Int, again(x: Int): Int, more: Int } enum Mood { GOOD SAD } type Me { name: String, shoe: Int } type Cat { id: ID! }`
	c := newSmall(t, served)
	c.servedSchema()
	want := []string{
		"schema GitHub has no such type", "schema SAD: GitHub has no such value", "schema again(x: Int): GitHub's is another", "schema me: GitHub wants the argument first",
		"schema me: is Int, GitHub's is Me!", "schema more: GitHub has no such field", "schema name: is String, GitHub's is String!", "schema shoe: GitHub has no such field",
	}
	if diff := cmp.Diff(want, c.found()); diff != "" {
		t.Errorf("served schema (-want +got):\n%s", diff)
	}
	for _, tt := range []struct {
		name, query, answer, actor string
		want                       []string
	}{
		{"all is well", `{me(first:1){name mood ...on Named{n:name} friends{name}}}`, `{"data":{"me":{"name":"a","n":"a","mood":"GOOD","friends":[{"name":"b"}]}}}`, "", nil},
		{"unknown field of the product", `{you}`, `{"errors":[{"message":"x"}]}`, "installation", []string{`query Cannot query field "you" on type "Query".`}},
		{"unknown field of localgithub's tests", `{you}`, `{"errors":[{"message":"x"}]}`, "user", nil},
		{"wrong answer", `{me(first:1){name mood friends{name}}}`, `{"data":{"me":{"name":null,"mood":"SAD","friends":[{"name":3}]}}}`, "", []string{
			"query data.me.friends.name is 3, which is no String", "query data.me.mood is SAD, which is no Mood", "query data.me.name is null, but never is at GitHub",
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newSmall(t, served)
			body, err := json.Marshal(map[string]string{"query": tt.query})
			if err != nil {
				t.Fatal(err)
			}
			c.exchange(&exchange{Kind: "graphql", Actor: tt.actor, RequestBody: body, Status: 200,
				ResponseBody: json.RawMessage(tt.answer)})
			if diff := cmp.Diff(tt.want, c.found()); diff != "" {
				t.Errorf("faults (-want +got):\n%s", diff)
			}
		})
	}
}

// Nothing that hides faults passes in silence: a description that was replaced, one that lacks what the self-test
// counts on, too few exchanges, half a line.
func TestRefusals(t *testing.T) {
	file := filepath.Join(t.TempDir(), "x")
	if err := os.WriteFile(file, []byte(`{"kind":"rest"`), 0o600); err != nil {
		t.Fatal(err)
	}
	small := newSmall(t, "type Query { again: Int }")
	_, replaced := openapiPackage.read(file)
	_, stale := newDescription([]byte(smallOpenAPI), corrections)
	for _, tt := range []struct {
		err  error
		want string
	}{
		{replaced, "has checksum"},
		{stale, "is not there any more"},
		{selfTest(small), "the check itself is broken"},
		{small.enough(), "only 0 requests were recorded"},
		{readExchanges(file, small.exchange), "line 1 of"},
	} {
		if tt.err == nil || !strings.Contains(tt.err.Error(), tt.want) {
			t.Errorf("got %v, want an error with %q", tt.err, tt.want)
		}
	}
}
