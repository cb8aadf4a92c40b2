package localgithub

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-github/v60/github"
)

func TestComments(t *testing.T) {
	w := newWorld(t)
	n, _ := w.openPull("x", map[string]string{"a": "1"})
	comments := fmt.Sprintf("/repos/acme/infra/issues/%d/comments", n)
	for _, tt := range []struct {
		name, body string
		want       int
	}{
		{"at the limit", strings.Repeat("é", 65536), 201}, {"too long", strings.Repeat("é", 65537), 422}, {"blank", "  ", 422},
	} {
		got, body := w.installed("POST", comments, string(mustJSON(obj{"body": tt.body})))
		if got != tt.want {
			t.Errorf("%s: got %d %v, want %d", tt.name, got, body["errors"], tt.want)
		}
		if tt.want == 201 {
			if via, _ := body["performed_via_github_app"].(map[string]any); via["slug"] != "cardea" {
				t.Errorf("performed_via_github_app: got %v", via)
			}
		}
	}
	if got, body := w.as("ada", "POST", comments, `{"body":"x"}`); got != 201 || body["performed_via_github_app"] != nil {
		t.Errorf("a person's comment: got %d %v", got, body["performed_via_github_app"])
	}
	if got, _ := w.as("ada", "POST", "/repos/acme/infra/issues/99/comments", `{"body":"x"}`); got != 404 {
		t.Errorf("comment on nothing: got %d", got)
	}
	_, tok := w.token(`{"permissions":{"issues":"write"}}`)
	if got, _ := w.do("POST", comments, `{"body":"x"}`, "Authorization", "token "+tok["token"].(string)); got != 403 {
		t.Errorf("comment on a pull with issues:write alone: got %d, want 403", got)
	}
	must(t, w.LockConversation("acme/infra", n, true))
	must(t, w.SetPermission("acme/infra", "joe", "read"))
	if got, _ := w.as("joe", "POST", comments, `{"body":"x"}`); got != 403 {
		t.Errorf("comment on a locked conversation: got %d, want 403", got)
	}
}

func TestCommentEvents(t *testing.T) {
	w := newWorld(t)
	must(t, w.SetPermission("acme/infra", "joe", "read"))
	n, _ := w.openPull("x", map[string]string{"a": "1"})
	issue := must1(w.CreateIssue("acme/infra", "joe", "a plain issue"))(t)
	id := must1(w.Comment("acme/infra", n, "joe", "cardea plan"))(t)
	must1(w.Comment("acme/infra", issue, "joe", "cardea plan"))(t)
	gh := w.client("cardea")
	if _, _, err := gh.Issues.EditComment(w.ctx, "acme", "infra", id,
		&github.IssueComment{Body: github.String("other")}); err != nil {
		t.Fatal(err)
	}
	if got, _ := w.as("joe", "PATCH", fmt.Sprintf("/repos/acme/infra/issues/comments/%d", id),
		`{"body":"mine"}`); got != 200 {
		t.Errorf("editing one's own comment: got %d", got)
	}
	if _, err := gh.Issues.DeleteComment(w.ctx, "acme", "infra", id); err != nil {
		t.Fatal(err)
	}
	if _, _, err := gh.Issues.GetComment(w.ctx, "acme", "infra", id); status(t, err) != 404 {
		t.Error("a deleted comment is still there")
	}
	if diff := cmp.Diff([]string{"created", "created", "edited", "edited", "deleted"},
		w.actions("issue_comment")); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	all := w.events("issue_comment")
	for i, onPull := range []bool{true, false} {
		if _, got := all[i].body["issue"].(map[string]any)["pull_request"]; got != onPull {
			t.Errorf("comment %d: issue.pull_request is there: %v, want %v", i, got, onPull)
		}
	}
	edited := all[2].body
	if got := edited["sender"].(map[string]any)["type"]; got != "Bot" {
		t.Errorf("sender of the App's edit: got %v", got)
	}
	if got := edited["changes"].(map[string]any)["body"].(map[string]any)["from"]; got != "cardea plan" {
		t.Errorf("changes.body.from: got %v", got)
	}
}

func TestReactionsAreIdempotent(t *testing.T) {
	w := newWorld(t)
	n, _ := w.openPull("x", map[string]string{"a": "1"})
	id := must1(w.Comment("acme/infra", n, "ada", "hello"))(t)
	path := fmt.Sprintf("/repos/acme/infra/issues/comments/%d/reactions", id)
	for i, want := range []int{201, 200} {
		if got, _ := w.installed("POST", path, `{"content":"eyes"}`); got != want {
			t.Errorf("reaction %d: got %d, want %d", i+1, got, want)
		}
	}
	if got, _ := w.installed("POST", path, `{"content":"shrug"}`); got != 422 {
		t.Errorf("unknown reaction: got %d, want 422", got)
	}
	if got, _ := w.as("ada", "POST", path, `{"content":"eyes"}`); got != 201 {
		t.Errorf("another person's reaction: got %d, want 201", got)
	}
	comments := must1(w.Comments("acme/infra", n))(t)
	if diff := cmp.Diff([]string{"eyes", "eyes"}, comments[0].Reactions); diff != "" {
		t.Errorf("reactions (-want +got):\n%s", diff)
	}
}

func TestPaging(t *testing.T) {
	w := newWorld(t)
	n, _ := w.openPull("x", map[string]string{"a": "1"})
	for i := range 35 {
		must1(w.Comment("acme/infra", n, "ada", fmt.Sprint(i)))(t)
	}
	gh := w.client("cardea")
	var pages, bodies []string
	opts := &github.IssueListCommentsOptions{}
	for {
		list, res, err := gh.Issues.ListComments(w.ctx, "acme", "infra", n, opts)
		must(t, err)
		pages = append(pages, fmt.Sprintf("%d of %d, next %d", len(list), res.LastPage, res.NextPage))
		for _, c := range list {
			bodies = append(bodies, c.GetBody())
		}
		if res.NextPage == 0 {
			break
		}
		opts.Page = res.NextPage
	}
	if diff := cmp.Diff([]string{"30 of 2, next 2", "5 of 0, next 0"}, pages); diff != "" {
		t.Errorf("pages (-want +got):\n%s", diff)
	}
	if len(bodies) != 35 || bodies[0] != "0" || bodies[34] != "34" {
		t.Errorf("comments: got %v", bodies)
	}
	opts = &github.IssueListCommentsOptions{ListOptions: github.ListOptions{PerPage: 500}}
	if list, _, err := gh.Issues.ListComments(w.ctx, "acme", "infra", n, opts); err != nil || len(list) != 35 {
		t.Errorf("per_page 500 counts as 100: got %d %v", len(list), err)
	}
}
