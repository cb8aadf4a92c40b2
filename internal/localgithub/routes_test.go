package localgithub

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
)

type routeCall struct{ who, method, path, body, keep string } // keep: under which name the answer's id is known from then on

const infra = "/repos/acme/infra"

var routeCalls = []routeCall{
	{"app", "GET", "/app", "", ""},
	{"app", "GET", "/app/installations?per_page=100", "", ""},
	{"app", "GET", "/app/installations/{inst}", "", ""},
	{"app", "POST", "/app/installations/{inst}/access_tokens", `{"repositories":["infra"],"permissions":{"contents":"read"}}`, ""},
	{"app", "GET", "/app/hook/config", "", ""},
	{"app", "GET", "/app/hook/deliveries?per_page=2", "", ""},
	{"app", "GET", "/app/hook/deliveries/{delivery}", "", ""},
	{"app", "POST", "/app/hook/deliveries/{delivery}/attempts", "", ""},
	{"app", "GET", infra + "/installation", "", ""},
	{"cardea", "GET", "/installation/repositories", "", ""},
	{"cardea", "GET", "/rate_limit", "", ""},
	{"ada", "GET", "/user", "", ""},
	{"cardea", "GET", "/users/ada", "", ""},
	{"cardea", "GET", "/orgs/acme/teams/ops/memberships/ada", "", ""},
	{"cardea", "GET", infra, "", ""},
	{"cardea", "GET", infra + "/branches/main", "", ""},
	{"cardea", "GET", infra + "/branches/main/protection", "", ""},
	{"cardea", "GET", infra + "/rules/branches/main", "", ""},
	{"cardea", "GET", infra + "/git/ref/heads/main", "", ""},
	{"cardea", "GET", infra + "/contents/prod/main.tf?ref=main", "", ""},
	{"cardea", "GET", infra + "/contents/dir?ref=x", "", ""},
	{"cardea", "GET", infra + "/commits/{head}", "", ""},
	{"cardea", "GET", infra + "/compare/main...x", "", ""},
	{"cardea", "GET", infra + "/collaborators/ada/permission", "", ""},
	{"ada", "POST", infra + "/pulls", `{"title":"Another","head":"y","base":"main"}`, ""},
	{"cardea", "GET", infra + "/pulls?state=open", "", ""},
	{"cardea", "GET", infra + "/pulls/{pull}", "", ""},
	{"ada", "PATCH", infra + "/pulls/{pull}", `{"title":"New","body":"text"}`, ""},
	{"cardea", "GET", infra + "/pulls/{pull}/files", "", ""},
	{"cardea", "GET", infra + "/pulls/{pull}/commits", "", ""},
	{"rob", "POST", infra + "/pulls/{pull}/reviews", `{"event":"REQUEST_CHANGES","body":"no"}`, "review"},
	{"rob", "PUT", infra + "/pulls/{pull}/reviews/{review}", `{"body":"really no"}`, ""},
	{"cardea", "GET", infra + "/pulls/{pull}/reviews", "", ""},
	{"rob", "PUT", infra + "/pulls/{pull}/reviews/{review}/dismissals", `{"message":"well"}`, ""},
	{"rob", "POST", infra + "/pulls/{pull}/reviews", `{"event":"APPROVE"}`, ""},
	{"cardea", "POST", infra + "/issues/{pull}/comments", `{"body":"hello"}`, "comment"},
	{"cardea", "GET", infra + "/issues/{pull}/comments", "", ""},
	{"cardea", "GET", infra + "/issues/comments/{comment}", "", ""},
	{"cardea", "PATCH", infra + "/issues/comments/{comment}", `{"body":"bye"}`, ""},
	{"cardea", "POST", infra + "/issues/comments/{comment}/reactions", `{"content":"eyes"}`, ""},
	{"cardea", "GET", infra + "/issues/comments/{comment}/reactions", "", ""},
	{"cardea", "DELETE", infra + "/issues/comments/{comment}", "", ""},
	{"cardea", "GET", infra + "/issues/{pull}", "", ""},
	{"cardea", "POST", infra + "/issues/{pull}/reactions", `{"content":"+1"}`, ""},
	{"cardea", "POST", infra + "/check-runs", `{"name":"plan","head_sha":"{head}","actions":[{"label":"Again","description":"d","identifier":"i"}]}`, "run"},
	{"cardea", "PATCH", infra + "/check-runs/{run}", `{"conclusion":"success","output":{"title":"t","summary":"s","annotations":[` +
		`{"path":"dir/a","start_line":1,"end_line":1,"annotation_level":"warning","message":"m"}]}}`, ""},
	{"cardea", "GET", infra + "/check-runs/{run}", "", ""},
	{"cardea", "GET", infra + "/check-runs/{run}/annotations", "", ""},
	{"cardea", "GET", infra + "/commits/{head}/check-runs", "", ""},
	{"cardea", "GET", infra + "/commits/{head}/check-suites", "", "suite"},
	{"cardea", "GET", infra + "/check-suites/{suite}", "", ""},
	{"cardea", "POST", infra + "/statuses/{head}", `{"state":"success","context":"ci","description":"fine"}`, ""},
	{"cardea", "GET", infra + "/commits/{head}/status", "", ""},
	{"rob", "PUT", infra + "/pulls/{pull}/merge", `{"sha":"{head}"}`, ""},
	{"rob", "POST", infra + "/check-runs/{run}/rerequest", "", ""},
	{"rob", "POST", infra + "/check-suites/{suite}/rerequest", "", ""},
	{"cardea", "DELETE", "/installation/token", "", ""},
}

// TestEveryRoute calls each endpoint once as one who may, so that each has an answer that can be held against GitHub's
// description. A route that is not called here is a failure.
func TestEveryRoute(t *testing.T) {
	w := newWorld(t)
	must(t, w.SetTeamMember("acme", "ops", "ada", "active"))
	must(t, w.Protect("acme/infra", "main",
		Protection{Strict: true, EnforceAdmins: true, Reviews: 1,
			Checks: []RequiredCheck{{Context: "plan", AppID: w.app.ID}}}))
	// Nobody in the other tests wants to hear of statuses.
	curious := must1(w.CreateApp(App{Slug: "curious", WebhookURL: w.hook.URL, WebhookSecret: "other",
		Permissions: allPermissions, Events: []string{"status"}}))(t)
	must1(w.Install(curious.ID, "acme", "infra"))(t)
	w.commit("y", map[string]string{"b": "1"})
	w.push("y")
	number, head := w.openPull("x", map[string]string{"dir/a": "1\n"})
	w.events("pull_request") // all are in the delivery log
	known := map[string]any{"inst": w.inst, "pull": number, "head": head, "delivery": w.Deliveries()[0].ID}
	unseen := map[string]bool{}
	for _, rt := range routes() {
		unseen[rt.pattern] = true
	}
	for _, call := range routeCalls {
		for name, v := range known {
			call.path, call.body = strings.ReplaceAll(call.path, "{"+name+"}", fmt.Sprint(v)),
				strings.ReplaceAll(call.body, "{"+name+"}", fmt.Sprint(v))
		}
		token := "token " + w.tokens[call.who]
		switch call.who {
		case "app":
			token = "Bearer " + w.jwt()
		case "cardea":
			_, made := w.token(`{}`)
			token = fmt.Sprint("token ", made["token"])
		}
		status, body := w.do(call.method, call.path, call.body, "Authorization", token)
		if status < 200 || status > 299 {
			t.Errorf("%s %s: got %d %v", call.method, call.path, status, body["message"])
		}
		if list, isList := body["check_suites"].([]any); isList {
			body = list[0].(map[string]any)
		}
		if id, isNumber := body["id"].(float64); isNumber && call.keep != "" {
			known[call.keep] = int64(id)
		}
		r := httptest.NewRequest(call.method, call.path, nil)
		for _, rt := range routes() {
			if rt.matches(r) {
				delete(unseen, rt.pattern)
				break
			}
		}
	}
	if got := len(w.events("status")); got != 1 {
		t.Errorf("status events: got %d, want 1", got)
	}
	for pattern := range unseen {
		t.Errorf("%s was not called", pattern)
	}
}
