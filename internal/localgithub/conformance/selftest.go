package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// broken is an exchange with one thing wrong, and a piece of the fault that must be found; "" means there is none.
type broken struct {
	name string
	x    exchange
	want string
}

var jsonHeader = http.Header{"Content-Type": {"application/json; charset=utf-8"}}

// brokenExchanges use endpoints that GitHub has had for a decade.
func brokenExchanges() []broken {
	const comments, comment = "/repos/acme/infra/issues/1/comments", `{"body":"x"}`
	const ref = `{"ref":"refs/heads/main","node_id":"x","url":"https://x/y","object":{"type":"commit","sha":"0123456789012345678901234567890123456789","url":"https://x/y"}}`
	post := func(path, query, body string) exchange {
		return exchange{Kind: "rest", Method: "POST", Path: path, Query: query,
			RequestBody: json.RawMessage(body), Actor: "installation"}
	}
	patch := func(path, body string) exchange {
		return exchange{Kind: "rest", Method: "PATCH", Path: path, RequestBody: json.RawMessage(body), Actor: "installation"}
	}
	get := func(path, actor string, status int, answer string) exchange {
		return exchange{Kind: "rest", Method: "GET", Path: path, Actor: actor, Status: status, ResponseHeaders: jsonHeader,
			ResponseBody: json.RawMessage(answer)}
	}
	graphql := func(query, answer string) exchange {
		body, _ := json.Marshal(map[string]string{"query": query}) // a map of texts can always be marshalled
		return exchange{Kind: "graphql", RequestBody: body, Actor: "installation", Status: 200,
			ResponseBody: json.RawMessage(answer)}
	}
	return []broken{
		{"a good request", post(comments, "", comment), ""},
		{"no such path", post("/repos/acme/infra/issues/1/remarks", "", comment), "no such operation"},
		{"no such query parameter", post(comments, "silent=1", comment), "no such parameter"},
		{"a word for a number", post("/repos/acme/infra/issues/one/comments", "", comment), "want integer"},
		{"a page too large", exchange{Kind: "rest", Method: "GET", Path: "/repos/acme/infra/pulls", Query: "per_page=101",
			Actor: "installation"}, "more than 100"},
		{"no body", post(comments, "", ""), "required, but empty"},
		{"a required property is missing", post(comments, "", `{}`), "missing"},
		{"a property of another type", post(comments, "", `{"body":1}`), "want"},
		{"a property too many", post(comments, "", `{"body":"x","silent":true}`), "silent"},
		{"a nested property too many",
			post("/repos/acme/infra/check-runs", "",
				`{"name":"a","head_sha":"b","output":{"title":"t","summary":"s","colour":"red"}}`), "colour"},
		{"a check run without conclusion", patch("/repos/acme/infra/check-runs/1", `{"status":"completed"}`), "conclusion"},
		{"a status no check run has", post("/repos/acme/infra/check-runs", "", `{"name":"a","head_sha":"b","status":"done"}`),
			"status"},
		{"an installation where only the App may", get("/app/installations", "installation", 0, ""), "JWT"},
		{"the App where only an installation may", get("/installation/repositories", "app", 0, ""), "JWT"},
		{"an installation where no App may", get("/user", "installation", 0, ""), "not enabled"},
		{"a good answer", get("/repos/acme/infra/git/ref/heads/main", "user", 200, ref), ""},
		{"an answer that lacks something",
			get("/repos/acme/infra/git/ref/heads/main", "user", 200,
				`{"ref":"refs/heads/main","node_id":"x","url":"https://x/y"}`), "object"},
		{"an answer that says too much",
			get("/repos/acme/infra/git/ref/heads/main", "user", 200, strings.Replace(ref, `{`, `{"age":7,`, 1)), "age"},
		{"an answer of another type", get("/repos/acme/infra/pulls", "user", 200, `{}`), "want array"},
		{"an undocumented status", get("/repos/acme/infra/pulls", "user", 418, `{"message":"x"}`), "not documented"},
		{"an error without a message", get("/repos/acme/infra/pulls", "user", 401, `{}`), "without a message"},
		{"an event nobody knows", exchange{Kind: "delivery", Path: "pull_request/vanished",
			RequestBody: json.RawMessage(`{}`)}, "no such event"},
		{"an event without its payload",
			exchange{Kind: "delivery", Path: "pull_request/opened", RequestBody: json.RawMessage(`{"action":"opened"}`)},
			"pull_request"},
		{"a field nobody knows", graphql(`{viewer{shoeSize}}`, `{"data":{"viewer":{"shoeSize":42}}}`), "shoeSize"},
		{"a null that cannot be", graphql(`{viewer{login}}`, `{"data":{"viewer":{"login":null}}}`), "null"},
		{"a good query", graphql(`{viewer{login}}`, `{"data":{"viewer":{"login":"ada"}}}`), ""},
	}
}

// selfTest breaks exchanges on purpose; each fault must be found, and none in what is right.
func selfTest(c *checker) error {
	for _, b := range brokenExchanges() {
		probe := &checker{rest: c.rest, gql: c.gql, tally: newTally()}
		probe.exchange(&b.x)
		var found []string
		for k := range probe.faults {
			found = append(found, k.message)
		}
		text := strings.Join(found, "; ")
		if b.want == "" && text != "" || !strings.Contains(text, b.want) {
			return fmt.Errorf("the check itself is broken: %s: found %q, want %q", b.name, text, b.want)
		}
	}
	return nil
}
