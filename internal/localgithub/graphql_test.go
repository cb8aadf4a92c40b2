package localgithub

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-github/v60/github"

	"github.com/cardea-iac/cardea/internal/localgithub/graphql"
)

// ask posts a query as the holder of a token and returns data and errors.
func (w *world) ask(token, query string, vars map[string]any) (data map[string]any, errs []any) {
	w.t.Helper()
	body := mustJSON(obj{"query": query, "variables": vars})
	req := must1(http.NewRequest("POST", w.URL()+"/api/graphql", strings.NewReader(string(body))))(w.t)
	req.Header.Set("Authorization", "bearer "+token)
	res := must1(http.DefaultClient.Do(req))(w.t)
	defer res.Body.Close()
	var out struct {
		Data   map[string]any
		Errors []any
	}
	must(w.t, json.NewDecoder(res.Body).Decode(&out))
	if res.StatusCode != 200 {
		w.t.Errorf("status: got %d, want 200 whatever the query", res.StatusCode)
	}
	return out.Data, out.Errors
}

func (w *world) installationToken(body string) string {
	_, tok := w.token(body)
	return tok["token"].(string)
}

const pullQuery = `query($owner: String!, $name: String!, $number: Int!) {
  repository(owner: $owner, name: $name) { databaseId pullRequest(number: $number) {
    number state isDraft mergeable reviewDecision headRefOid headRefName baseRefName isCrossRepository title url merged
    head: headRepository { databaseId }
    author { login __typename ... on User { databaseId } }
    comments(last: 10) { totalCount nodes { databaseId body lastEditedAt viewerDidAuthor isMinimized author { login __typename } } }
    commits(last: 1) { nodes { commit { oid statusCheckRollup { state contexts(first: 1) { pageInfo { hasNextPage endCursor } nodes { __typename
      ... on CheckRun { name status conclusion isRequired(pullRequestNumber: $number) checkSuite { app { databaseId } } }
      ... on StatusContext { context state isRequired(pullRequestNumber: $number) } } } } } } }
  } } }`

func TestGraphQLPull(t *testing.T) {
	w := newWorld(t)
	n, head := w.openPull("x", map[string]string{"a": "1"})
	must(t, w.Protect("acme/infra", "main",
		Protection{Reviews: 1, Checks: []RequiredCheck{{Context: "plan", AppID: w.app.ID}}}))
	gh := w.client("cardea")
	_, _, err := gh.Checks.CreateCheckRun(w.ctx, "acme", "infra",
		github.CreateCheckRunOptions{Name: "plan", HeadSHA: head, Conclusion: github.String("success")})
	must(t, err)
	w.as("ada", "POST", "/repos/acme/infra/statuses/"+head, `{"state":"failure","context":"ci"}`)
	cm, _, err := gh.Issues.CreateComment(w.ctx, "acme", "infra", n, &github.IssueComment{Body: github.String("hello")})
	must(t, err)
	_, user := w.as("ada", "GET", "/user", "")
	data, errs := w.ask(w.installationToken(`{}`), pullQuery,
		map[string]any{"owner": "ACME", "name": "infra", "number": n})
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	run := map[string]any{"__typename": "CheckRun", "name": "plan", "status": "COMPLETED",
		"conclusion": "SUCCESS", "isRequired": true,
		"checkSuite": map[string]any{"app": map[string]any{"databaseId": float64(w.app.ID)}}}
	contexts := map[string]any{"nodes": []any{run},
		"pageInfo": map[string]any{"hasNextPage": true, "endCursor": graphql.Cursor(1)}}
	rollup := map[string]any{"state": "FAILURE", "contexts": contexts}
	want := map[string]any{"repository": map[string]any{"databaseId": float64(w.repo.ID), "pullRequest": map[string]any{
		"number": float64(n), "state": "OPEN", "isDraft": false, "mergeable": "UNKNOWN", "reviewDecision": "REVIEW_REQUIRED", "headRefOid": head, "headRefName": "x", "baseRefName": "main",
		"isCrossRepository": false, "title": "Change x", "url": w.URL() + fmt.Sprintf("/acme/infra/pull/%d", n), "merged": false,
		"head": map[string]any{"databaseId": float64(w.repo.ID)}, "author": map[string]any{"login": "ada", "__typename": "User", "databaseId": user["id"]},
		"comments": map[string]any{"totalCount": 1.0, "nodes": []any{map[string]any{
			"databaseId": float64(cm.GetID()), "body": "hello", "lastEditedAt": nil, "viewerDidAuthor": true, "isMinimized": false,
			"author": map[string]any{"login": "cardea", "__typename": "Bot"}, // no [bot] in GraphQL
		}}},
		"commits": map[string]any{"nodes": []any{map[string]any{"commit": map[string]any{"oid": head, "statusCheckRollup": rollup}}}},
	}}}
	if diff := cmp.Diff(want, data); diff != "" {
		t.Errorf("pull (-want +got):\n%s", diff)
	}
	must(t, w.Idle(w.ctx))
	data, errs = w.ask(w.tokens["ada"], `{ repository(owner:"acme", name:"infra") {
	  pullRequests(states: [OPEN], first: 5) { totalCount nodes { mergeable commits(last:1) { nodes { commit { statusCheckRollup {
	    contexts(first: 5, after: "`+graphql.Cursor(1)+`") { nodes { ... on StatusContext { context isRequired(pullRequestNumber: 1) } } pageInfo { hasNextPage } } } } } } } } } }`, nil)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	got := string(mustJSON(data))
	if !strings.Contains(got, `"mergeable":"MERGEABLE"`) ||
		!strings.Contains(got, `"nodes":[{"context":"ci","isRequired":false}],"pageInfo":{"hasNextPage":false}`) {
		t.Errorf("second page: got %s", got)
	}
}

func TestGraphQLErrors(t *testing.T) {
	w := newWorld(t)
	n, _ := w.openPull("x", map[string]string{"a": "1"})
	all, narrow := w.installationToken(`{}`), w.installationToken(`{"permissions":{"contents":"read"}}`)
	pull := func(fields string) string {
		return fmt.Sprintf(`{ repository(owner:"acme", name:"infra") { pullRequest(number:%d) { %s } } }`, n, fields)
	}
	for _, tt := range []struct{ name, token, query, want string }{
		{"unknown field", all, pull("number nosuch"), "nosuch"},
		{"field of the concrete type on Actor", all, pull("author { databaseId }"), "databaseId"},
		{"connection without bounds", all, pull("comments { totalCount }"), "MISSING_PAGINATION_BOUNDARIES"},
		{"too many at once", all, pull("comments(first: 500) { totalCount }"), "EXCESSIVE_PAGINATION"},
		{"no such pull", all, `{ repository(owner:"acme", name:"infra") { pullRequest(number:99) { number } } }`, "NOT_FOUND"},
		{"no such repository", all, `{ repository(owner:"acme", name:"nosuch") { name } }`, "NOT_FOUND"},
		{"permission missing", narrow, pull("number"), "FORBIDDEN"},
		{"repository not to be seen", w.tokens["joe"], pull("number"), "NOT_FOUND"},
		{"syntax", all, `{ repository(`, "Expected"},
		{"checks not permitted", w.installationToken(`{"permissions":{"pull_requests":"read"}}`), pull("commits(last:1) { nodes { commit { statusCheckRollup { state } } } }"), "FORBIDDEN"},
	} {
		_, errs := w.ask(tt.token, tt.query, nil)
		if got := string(mustJSON(errs)); !strings.Contains(got, tt.want) {
			t.Errorf("%s: got %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestMinimizeComment(t *testing.T) {
	w := newWorld(t)
	n, _ := w.openPull("x", map[string]string{"a": "1"})
	cm, _, err := w.client("cardea").Issues.CreateComment(w.ctx, "acme", "infra", n,
		&github.IssueComment{Body: github.String("old")})
	must(t, err)
	mutation := `mutation($id: ID!) { minimizeComment(input: {subjectId: $id, classifier: OUTDATED}) { minimizedComment { isMinimized minimizedReason ... on IssueComment { databaseId } } } }`
	vars := map[string]any{"id": cm.GetNodeID()}
	if _, errs := w.ask(w.installationToken(`{"permissions":{"issues":"read","pull_requests":"read"}}`), mutation,
		vars); !strings.Contains(string(mustJSON(errs)), "FORBIDDEN") {
		t.Errorf("without permission: got %s", mustJSON(errs))
	}
	data, errs := w.ask(w.installationToken(`{}`), mutation, vars)
	want := map[string]any{"minimizeComment": map[string]any{"minimizedComment": map[string]any{"isMinimized": true,
		"minimizedReason": "outdated", "databaseId": float64(cm.GetID())}}}
	if diff := cmp.Diff(want, data); diff != "" || len(errs) > 0 {
		t.Errorf("minimised: errors %v (-want +got):\n%s", errs, diff)
	}
	if got := must1(w.Comments("acme/infra", n))(t)[0].Minimized; got != "OUTDATED" {
		t.Errorf("comment: got %q", got)
	}
}

// What a branch requires is in two places: its classic protection, of which those
// without administration rights see names alone, and rulesets, with the Apps. A
// merge needs both, as does isRequired.
func TestRequiredByRuleset(t *testing.T) {
	w := newWorld(t)
	n, head := w.openPull("x", map[string]string{"a": "1"})
	const query = `query($n: Int!) { repository(owner: "acme", name: "infra") { mergeCommitAllowed squashMergeAllowed rebaseMergeAllowed ref(qualifiedName: "refs/heads/main") {
	  refUpdateRule { requiredStatusCheckContexts }
	  rules(first: 10) { nodes { type parameters { ... on RequiredStatusChecksParameters { requiredStatusChecks { context integrationId } } } } }
	} pullRequest(number: $n) { commits(last: 1) { nodes { commit { statusCheckRollup { contexts(first: 9) { nodes { ... on StatusContext { context isRequired(pullRequestNumber: $n) } } } } } } } } } }`
	look := func() (rule any, rules []any, required string, allowed string) {
		t.Helper()
		data, errs := w.ask(w.installationToken(`{}`), query, map[string]any{"n": n})
		if len(errs) > 0 {
			t.Fatal(errs)
		}
		r := data["repository"].(map[string]any)
		ref := r["ref"].(map[string]any)
		commit := r["pullRequest"].(map[string]any)["commits"].(map[string]any)["nodes"].([]any)[0].(map[string]any)["commit"].(map[string]any)
		return ref["refUpdateRule"], ref["rules"].(map[string]any)["nodes"].([]any), fmt.Sprint(commit["statusCheckRollup"]),
			fmt.Sprint(r["mergeCommitAllowed"], r["squashMergeAllowed"], r["rebaseMergeAllowed"])
	}
	w.as("ada", "POST", "/repos/acme/infra/statuses/"+head, `{"state":"success","context":"ci"}`)
	rule, rules, required, allowed := look()
	if rule != nil || len(rules) > 0 || !strings.Contains(required, "isRequired:false") || allowed != "true true false" {
		t.Errorf("unprotected: rule %v, rules %v, %s, merges %s", rule, rules, required, allowed)
	}
	must(t, w.Protect("acme/infra", "main", Protection{Checks: []RequiredCheck{{Context: "plan", AppID: w.app.ID}}}))
	must(t, w.RequireByRuleset("acme/infra", "main", []RequiredCheck{{Context: "ci"}, {Context: "policy", AppID: 7}}))
	must(t, w.AllowMergeCommits("acme/infra", false))
	rule, rules, required, allowed = look()
	wantRules := []any{map[string]any{"type": "REQUIRED_STATUS_CHECKS",
		"parameters": map[string]any{"requiredStatusChecks": []any{
			map[string]any{"context": "ci", "integrationId": nil},
			map[string]any{"context": "policy", "integrationId": float64(7)},
		}}}}
	if diff := cmp.Diff(map[string]any{"requiredStatusCheckContexts": []any{"plan"}}, rule); diff != "" {
		t.Errorf("the classic rule differs (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(wantRules, rules); diff != "" {
		t.Errorf("the rulesets' rules differ (-want +got):\n%s", diff)
	}
	if !strings.Contains(required, "isRequired:true") || allowed != "false true false" {
		t.Errorf("%s, merges %s", required, allowed)
	}
	var list []*github.RepositoryRule
	req := must1(w.client("cardea").NewRequest("GET", "repos/acme/infra/rules/branches/main", nil))(t)
	must1(w.client("cardea").Do(w.ctx, req, &list))(t)
	if len(list) != 1 || list[0].Type != "required_status_checks" ||
		!strings.Contains(string(*list[0].Parameters), `"integration_id":7`) {
		t.Errorf("REST: %+v", list)
	}
	merge := func(method string) string {
		_, out := w.as("ada", "PUT", fmt.Sprintf("/repos/acme/infra/pulls/%d/merge", n),
			fmt.Sprintf(`{"sha":%q,"merge_method":%q}`, head, method))
		return fmt.Sprint(out["message"])
	}
	for _, tt := range []struct {
		do     func()
		method string
		want   string
	}{
		{func() {}, "merge", "Merge commits are not allowed"},
		{func() {}, "squash", `"plan" is expected`},
		{func() { must(t, w.Protect("acme/infra", "main", Protection{})) }, "squash", `"policy" is expected`},
		{func() { must(t, w.RequireByRuleset("acme/infra", "main", nil)) }, "squash", "successfully merged"},
	} {
		tt.do()
		if got := merge(tt.method); !strings.Contains(got, tt.want) {
			t.Errorf("merging with %s: got %q, want %q", tt.method, got, tt.want)
		}
	}
}
