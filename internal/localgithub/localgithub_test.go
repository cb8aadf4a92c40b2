package localgithub

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-github/v60/github"
)

// TestStory goes once through everything an App does, with the libraries an App uses.
func TestStory(t *testing.T) {
	w := newWorld(t)
	n, head := w.openPull("change", map[string]string{"prod/main.tf": "a\nB\nc\n"})
	gh := w.client("cardea")

	pr, _, err := gh.PullRequests.Get(w.ctx, "acme", "infra", n)
	must(t, err)
	if pr.Mergeable != nil {
		t.Errorf("first look at mergeable: got %v, want null", *pr.Mergeable)
	}
	if got := []any{pr.GetHead().GetSHA(), pr.GetCommits(), pr.GetAdditions(), pr.GetDeletions(), pr.GetChangedFiles(),
		pr.GetUser().GetLogin()}; !cmp.Equal(got, []any{head, 1, 1, 1, 1, "ada"}) {
		t.Errorf("pull: got %v", got)
	}
	must(t, w.Idle(w.ctx))
	pr, _, err = gh.PullRequests.Get(w.ctx, "acme", "infra", n)
	must(t, err)
	if pr.Mergeable == nil || !*pr.Mergeable {
		t.Errorf("mergeable once worked out: got %v, want true", pr.Mergeable)
	}

	run, _, err := gh.Checks.CreateCheckRun(w.ctx, "acme", "infra",
		github.CreateCheckRunOptions{Name: "cardea/plan", HeadSHA: head, Status: github.String("queued")})
	must(t, err)
	_, _, err = gh.Checks.UpdateCheckRun(w.ctx, "acme", "infra", run.GetID(),
		github.UpdateCheckRunOptions{Name: "cardea/plan", Conclusion: github.String("success")})
	must(t, err)
	cm, _, err := gh.Issues.CreateComment(w.ctx, "acme", "infra", n, &github.IssueComment{Body: github.String("planned")})
	must(t, err)
	if got := []string{cm.GetUser().GetLogin(), cm.GetUser().GetType()}; !cmp.Equal(got, []string{"cardea[bot]", "Bot"}) {
		t.Errorf("author of the App's comment: got %v", got)
	}
	_, _, err = gh.Reactions.CreateIssueCommentReaction(w.ctx, "acme", "infra", cm.GetID(), "eyes")
	must(t, err)

	next := w.commit("change", map[string]string{"prod/main.tf": "a\nBB\nc\n"})
	w.push("change")
	must(t, w.Review("acme/infra", n, "rob", "APPROVE", ""))
	if _, err := w.Merge("acme/infra", n, "ada", next); err != nil {
		t.Fatal(err)
	}
	w.sh("fetch", "-q", "origin")
	if got := w.sh("show", "origin/main:prod/main.tf"); got != "a\nBB\nc" {
		t.Errorf("main after the merge: got %q", got)
	}
	if got := w.sh("ls-remote", "origin", "refs/pull/1/head"); !strings.HasPrefix(got, next) {
		t.Errorf("refs/pull/1/head: got %q, want %s", got, next)
	}
	want := map[string][]string{
		"pull_request": {"opened", "synchronize", "closed"}, "check_run": {"created", "completed"}, "issue_comment": {"created"},
		"pull_request_review": {"submitted"}, "installation": {"created"}, "ping": {"<nil>"}, "push": {"<nil>", "<nil>", "<nil>", "<nil>"},
	}
	got := map[string][]string{}
	for name := range want {
		got[name] = w.actions(name)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	for _, d := range w.hook.got {
		if _, err := github.ParseWebHook(d.event, d.raw); err != nil {
			t.Errorf("go-github cannot read %s: %v", d.event, err)
		}
		if err := github.ValidateSignature(d.header.Get("X-Hub-Signature-256"), d.raw, []byte("secret")); err != nil {
			t.Errorf("signature of %s: %v", d.event, err)
		}
	}
}
