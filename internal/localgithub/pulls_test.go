package localgithub

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-github/v60/github"
)

func TestMergeable(t *testing.T) {
	w := newWorld(t)
	n, _ := w.openPull("x", map[string]string{"prod/main.tf": "a\nX\nc\n"})
	gh := w.client("cardea")
	look := func() string {
		p, _, err := gh.PullRequests.Get(w.ctx, "acme", "infra", n)
		must(t, err)
		must(t, w.Idle(w.ctx))
		if p.Mergeable == nil {
			return "null " + p.GetMergeableState()
		}
		return fmt.Sprint(*p.Mergeable, " ", p.GetMergeableState())
	}
	got := []string{look(), look()}
	w.sh("checkout", "-q", "main")
	w.commit("main", map[string]string{"prod/main.tf": "a\nY\nc\n"})
	w.push("main")
	got = append(got, look(), look())
	if diff := cmp.Diff([]string{"null unknown", "true clean", "null unknown", "false dirty"}, got); diff != "" {
		t.Errorf("mergeable, look by look (-want +got):\n%s", diff)
	}
	if _, err := w.Merge("acme/infra", n, "ada", ""); err == nil || !strings.Contains(err.Error(), "405") {
		t.Errorf("merge with conflicts: got %v, want 405", err)
	}
}

// TestMergeGate has a row for each thing that keeps a pull from being merged.
func TestMergeGate(t *testing.T) {
	type setup struct {
		w    *world
		n    int
		head string
	}
	check := func(conclusion string) func(setup) {
		return func(s setup) {
			_, _, err := s.w.client("cardea").Checks.CreateCheckRun(s.w.ctx, "acme", "infra",
				github.CreateCheckRunOptions{Name: "plan", HeadSHA: s.head, Conclusion: &conclusion})
			must(s.w.t, err)
		}
	}
	forged := func(s setup) { // by anybody with push
		if got, body := s.w.as("ada", "POST", "/repos/acme/infra/statuses/"+s.head,
			`{"state":"success","context":"plan"}`); got != 201 {
			s.w.t.Fatal(got, body)
		}
	}
	review := func(login, event string) func(setup) {
		return func(s setup) { must(s.w.t, s.w.Review("acme/infra", s.n, login, event, "text")) }
	}
	admin := func(s setup) { must(s.w.t, s.w.SetPermission("acme/infra", "ada", "admin")) }
	plan := func() Protection { return Protection{Checks: []RequiredCheck{{Context: "plan"}}} }
	for _, tt := range []struct {
		name string
		prot Protection
		own  bool // the check has to come from the App
		do   []func(setup)
		want string // part of the refusal, "" when merged
	}{
		{name: "no rules"},
		{name: "admin", prot: plan(), do: []func(setup){admin}},
		{name: "admin too", prot: Protection{Checks: plan().Checks, EnforceAdmins: true}, do: []func(setup){admin}, want: "is expected"},
		{name: "check missing", prot: plan(), want: `"plan\" is expected`},
		{name: "check failing", prot: plan(), do: []func(setup){check("failure")}, want: "is failing"},
		{name: "check cancelled", prot: plan(), do: []func(setup){check("cancelled")}, want: "is failing"},
		{name: "action required", prot: plan(), do: []func(setup){check("action_required")}, want: "is failing"},
		{name: "check passed", prot: plan(), do: []func(setup){check("success")}},
		{name: "neutral passes", prot: plan(), do: []func(setup){check("neutral")}},
		{name: "skipped passes", prot: plan(), do: []func(setup){check("skipped")}},
		{name: "status of anybody", prot: plan(), do: []func(setup){forged}},
		{name: "forged status", own: true, prot: plan(), do: []func(setup){forged}, want: "not set by the expected GitHub App"},
		{name: "review missing", prot: Protection{Reviews: 1}, want: "approving review is required"},
		{name: "reviewed", prot: Protection{Reviews: 1}, do: []func(setup){review("rob", "APPROVE")}},
		{name: "reviewed by an outsider", prot: Protection{Reviews: 1}, do: []func(setup){review("joe", "APPROVE")}, want: "approving review is required"},
		{name: "changes requested", prot: Protection{Reviews: 1}, do: []func(setup){review("rob", "APPROVE"), review("rob", "REQUEST_CHANGES")}, want: "Changes have been requested"},
		{name: "comment is no opinion", prot: Protection{Reviews: 1}, do: []func(setup){review("rob", "APPROVE"), review("rob", "COMMENT")}},
		{name: "draft", do: []func(setup){func(s setup) { must(s.w.t, s.w.SetDraft("acme/infra", s.n, "ada", true)) }}, want: "draft"},
		{name: "closed", do: []func(setup){func(s setup) { must(s.w.t, s.w.SetPullState("acme/infra", s.n, "ada", "closed")) }}, want: "not mergeable"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			must(t, w.SetPermission("acme/infra", "joe", "read"))
			n, head := w.openPull("x", map[string]string{"a": "1"})
			if tt.own {
				tt.prot.Checks[0].AppID = w.app.ID
			}
			must(t, w.Protect("acme/infra", "main", tt.prot))
			for _, do := range tt.do {
				do(setup{w, n, head})
			}
			_, err := w.Merge("acme/infra", n, "ada", head)
			switch {
			case tt.want == "" && err != nil:
				t.Errorf("got %v, want a merge", err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "405")):
				t.Errorf("got %v, want 405 %s", err, tt.want)
			}
		})
	}
}

func TestMergeOverREST(t *testing.T) {
	w := newWorld(t)
	n, old := w.openPull("x", map[string]string{"a": "1"})
	head := w.commit("x", map[string]string{"a": "2"})
	w.push("x")
	gh := w.client("cardea")
	_, _, err := gh.PullRequests.Merge(w.ctx, "acme", "infra", n, "", &github.PullRequestOptions{SHA: old})
	if got := status(t, err); got != 409 {
		t.Errorf("merge of an old head: got %d, want 409", got)
	}
	must(t, w.Protect("acme/infra", "main", Protection{Strict: true}))
	w.sh("checkout", "-q", "main")
	w.commit("main", map[string]string{"b": "1"})
	w.push("main")
	_, _, err = gh.PullRequests.Merge(w.ctx, "acme", "infra", n, "", &github.PullRequestOptions{SHA: head})
	if got := status(t, err); got != 405 {
		t.Errorf("merge of a head that is behind: got %d, want 405", got)
	}
	_, _, err = gh.PullRequests.Get(w.ctx, "acme", "infra", n)
	must(t, err)
	must(t, w.Idle(w.ctx))
	if p, _, err := gh.PullRequests.Get(w.ctx, "acme", "infra", n); err != nil ||
		p.GetMergeableState() != "behind" || !p.GetMergeable() {
		t.Errorf("mergeable_state: got %s %v, want behind", p.GetMergeableState(), err)
	}
	must(t, w.Protect("acme/infra", "main", Protection{}))
	res, _, err := gh.PullRequests.Merge(w.ctx, "acme", "infra", n, "because",
		&github.PullRequestOptions{SHA: head, MergeMethod: "squash"})
	must(t, err)
	w.sh("fetch", "-q")
	if got := w.sh("log", "-1", "--format=%H %p %s", "origin/main"); !strings.HasPrefix(got, res.GetSHA()) ||
		len(strings.Fields(got)[1]) != 7 {
		t.Errorf("main: got %q, want one parent and %s", got, res.GetSHA())
	}
	p := must1(w.Pull("acme/infra", n))(t)
	if p.State != "merged" || p.MergeSHA != res.GetSHA() {
		t.Errorf("pull: got %+v", p)
	}
}

func TestPushMovesPulls(t *testing.T) {
	w := newWorld(t)
	n, first := w.openPull("x", map[string]string{"a": "1"})
	second := w.commit("x", map[string]string{"a": "2"})
	w.push("x")
	w.sh("reset", "-q", "--hard", "main")
	third := w.commit("x", map[string]string{"c": "3"})
	w.push("+x")
	var got [][]any
	for _, x := range w.events("pull_request")[1:] {
		got = append(got, []any{x.body["action"], x.body["before"], x.body["after"],
			x.body["pull_request"].(map[string]any)["head"].(map[string]any)["sha"]})
	}
	want := [][]any{{"synchronize", first, second, second}, {"synchronize", second, third, third}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("synchronize (-want +got):\n%s", diff)
	}
	pushes := w.events("push")
	last := pushes[len(pushes)-1].body
	if last["forced"] != true || last["before"] != second || last["after"] != third {
		t.Errorf("push event: got forced %v, %v..%v", last["forced"], last["before"], last["after"])
	}
	if got := last["head_commit"].(map[string]any); got["id"] != third || fmt.Sprint(got["added"]) != "[c]" {
		t.Errorf("head_commit: got %v, want %s that adds c", got, third)
	}
	if out, err := w.gitRun(w.dir, w.tokens["ada"], "push", "origin", "x:refs/pull/1/head"); err == nil ||
		!strings.Contains(out, "hidden ref") {
		t.Errorf("push to refs/pull: got %v %s", err, out)
	}
	w.push(":x")
	p := must1(w.Pull("acme/infra", n))(t)
	if p.State != "closed" || w.actions("pull_request")[3] != "closed" {
		t.Errorf("after the branch was deleted: got %s", p.State)
	}
	if got := w.sh("ls-remote", "origin", "refs/pull/1/head"); !strings.HasPrefix(got, third) {
		t.Errorf("refs/pull/1/head of a closed pull: got %q", got)
	}
	if err := w.SetPullState("acme/infra", n, "ada", "open"); err == nil {
		t.Error("a pull without its branch was opened again")
	}
}

func TestMergedByHand(t *testing.T) {
	w := newWorld(t)
	n, head := w.openPull("x", map[string]string{"a": "1"})
	w.sh("checkout", "-q", "main")
	w.sh("merge", "-q", "--no-ff", "-m", "by hand", "x")
	w.push("main")
	if p := must1(w.Pull("acme/infra", n))(t); p.State != "merged" || p.MergeSHA != head {
		t.Errorf("got %+v, want merged", p)
	}
}

func TestEditedAndStates(t *testing.T) {
	w := newWorld(t)
	w.sh("checkout", "-q", "main")
	w.commit("release", map[string]string{"b": "1"})
	w.push("release")
	n, _ := w.openPull("x", map[string]string{"a": "1"})
	must(t, w.SetBase("acme/infra", n, "ada", "release"))
	if got, _ := w.as("ada", "PATCH", fmt.Sprintf("/repos/acme/infra/pulls/%d", n),
		`{"title":"new","state":"closed"}`); got != 200 {
		t.Errorf("editing: got %d", got)
	}
	must(t, w.SetPullState("acme/infra", n, "rob", "open"))
	must(t, w.SetDraft("acme/infra", n, "ada", true))
	must(t, w.SetDraft("acme/infra", n, "ada", false))
	if err := w.SetBase("acme/infra", n, "ada", "nosuch"); err == nil {
		t.Error("a base that does not exist")
	}
	want := []string{"opened", "edited", "closed", "edited", "reopened", "converted_to_draft", "ready_for_review"}
	if diff := cmp.Diff(want, w.actions("pull_request")); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	var e github.PullRequestEvent
	must(t, json.Unmarshal(w.events("pull_request")[1].raw, &e))
	if e.GetChanges().GetBase().GetRef().GetFrom() != "main" || e.GetPullRequest().GetBase().GetRef() != "release" {
		t.Errorf("changed base: got %+v", e.GetChanges())
	}
	if got := w.events("pull_request")[3].body["changes"].(map[string]any); got["base"] != nil || got["title"] == nil {
		t.Errorf("changed title: got %v", got)
	}
}

func TestListPulls(t *testing.T) {
	w := newWorld(t)
	a, _ := w.openPull("a", map[string]string{"a": "1"})
	b, _ := w.openPull("b", map[string]string{"b": "1"})
	must(t, w.SetPullState("acme/infra", a, "ada", "closed"))
	gh := w.client("cardea")
	for _, tt := range []struct {
		opts github.PullRequestListOptions
		want []int
	}{
		{github.PullRequestListOptions{}, []int{b}},
		{github.PullRequestListOptions{State: "all"}, []int{b, a}},
		{github.PullRequestListOptions{State: "all", Direction: "asc"}, []int{a, b}},
		{github.PullRequestListOptions{State: "closed"}, []int{a}},
		{github.PullRequestListOptions{State: "all", Head: "acme:a"}, []int{a}},
		{github.PullRequestListOptions{State: "all", Base: "release"}, []int{}},
	} {
		list, _, err := gh.PullRequests.List(w.ctx, "acme", "infra", &tt.opts)
		must(t, err)
		got := []int{}
		for _, p := range list {
			got = append(got, p.GetNumber())
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%+v (-want +got):\n%s", tt.opts, diff)
		}
	}
	for body, want := range map[string]int{
		`{"title":"t","head":"b","base":"main"}`: 422, `{"title":"t","head":"nosuch","base":"main"}`: 422, `{"title":"t","head":"main","base":"b"}`: 422,
	} {
		if got, out := w.as("ada", "POST", "/repos/acme/infra/pulls", body); got != want {
			t.Errorf("open %s: got %d %v, want %d", body, got, out["errors"], want)
		}
	}
}

func TestFiles(t *testing.T) {
	w := newWorld(t)
	w.commit("main", map[string]string{"gone": "1\n2\n3\n", "old name": "some\nlonger\ntext\nthat\nstays\n"})
	w.push("main")
	w.sh("checkout", "-q", "-b", "x")
	w.sh("rm", "-q", "gone")
	w.sh("mv", "old name", "new name")
	must(t, os.WriteFile(filepath.Join(w.dir, "binary"), []byte{0, 1, 2}, 0o644))
	w.commit("x", map[string]string{"dir/ü": "1\n"})
	w.push("x")
	n := must1(w.OpenPull("acme/infra", "ada", PullRequest{Title: "t", Head: "x"}))(t)
	files, _, err := w.client("cardea").PullRequests.ListFiles(w.ctx, "acme", "infra", n, nil)
	must(t, err)
	got := map[string]string{}
	for _, f := range files {
		got[f.GetFilename()] = fmt.Sprintf("%s %s +%d -%d patch:%v", f.GetStatus(), f.GetPreviousFilename(), f.GetAdditions(),
			f.GetDeletions(), f.GetPatch() != "")
	}
	want := map[string]string{
		"binary": "added  +0 -0 patch:false", "dir/ü": "added  +1 -0 patch:true", "gone": "removed  +0 -3 patch:true", "new name": "renamed old name +0 -0 patch:false",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

func TestFork(t *testing.T) {
	w := newWorld(t)
	must(t, w.SetPermission("acme/infra", "joe", "read"))
	fork := must1(w.Fork("acme/infra", "joe"))(t)
	w.tokens["ada"] = w.tokens["joe"] // the clone acts as joe now
	w.sh("remote", "set-url", "origin", fork.CloneURL)
	head := w.commit("evil", map[string]string{"a": "1"})
	w.push("evil")
	n := must1(w.OpenPull("acme/infra", "joe", PullRequest{Title: "t", Head: "joe:evil"}))(t)
	next := w.commit("evil", map[string]string{"a": "2"})
	w.push("evil")
	gh := w.client("cardea")
	p, _, err := gh.PullRequests.Get(w.ctx, "acme", "infra", n)
	must(t, err)
	if p.GetHead().GetRepo().GetID() != fork.ID || p.GetHead().GetLabel() != "joe:evil" || p.GetHead().GetSHA() != next {
		t.Errorf("head: got %v, want %s in the fork (first %s)", p.GetHead(), next, head)
	}
	ref, _, err := gh.Git.GetRef(w.ctx, "acme", "infra", fmt.Sprintf("pull/%d/head", n))
	must(t, err)
	if ref.GetObject().GetSHA() != next {
		t.Errorf("refs/pull/%d/head: got %s, want %s", n, ref.GetObject().GetSHA(), next)
	}
	run, _, err := gh.Checks.CreateCheckRun(w.ctx, "acme", "infra",
		github.CreateCheckRunOptions{Name: "plan", HeadSHA: next})
	must(t, err)
	if len(run.PullRequests) != 0 || run.CheckSuite.GetHeadBranch() != "" {
		t.Errorf("run on a fork's head: got pulls %v, branch %q; GitHub tells neither", run.PullRequests,
			run.CheckSuite.GetHeadBranch())
	}
	must(t, w.DeleteRepo("joe/infra"))
	p, _, err = gh.PullRequests.Get(w.ctx, "acme", "infra", n)
	must(t, err)
	if p.Head.Repo != nil || p.GetHead().GetSHA() != next {
		t.Errorf("head of a deleted fork: got %v", p.Head.Repo)
	}
	if got := p.GetHead().GetUser().GetLogin(); got != "joe" {
		t.Errorf("owner of a deleted fork: got %q", got)
	}
}

func TestReviews(t *testing.T) {
	w := newWorld(t)
	n, head := w.openPull("x", map[string]string{"a": "1"})
	must(t, w.Protect("acme/infra", "main", Protection{Reviews: 1, DismissStale: true}))
	if err := w.Review("acme/infra", n, "ada", "APPROVE", ""); err == nil ||
		!strings.Contains(err.Error(), "own pull request") {
		t.Errorf("approving one's own pull: got %v", err)
	}
	must(t, w.Review("acme/infra", n, "rob", "APPROVE", ""))
	next := w.commit("x", map[string]string{"a": "2"})
	w.push("x")
	must(t, w.Review("acme/infra", n, "rob", "APPROVE", ""))
	gh := w.client("cardea")
	list, _, err := gh.PullRequests.ListReviews(w.ctx, "acme", "infra", n, nil)
	must(t, err)
	var got []string
	for _, r := range list {
		got = append(got, r.GetState()+" "+r.GetCommitID())
	}
	if diff := cmp.Diff([]string{"DISMISSED " + head, "APPROVED " + next}, got); diff != "" {
		t.Errorf("reviews (-want +got):\n%s", diff)
	}
	_, _, err = gh.PullRequests.DismissReview(w.ctx, "acme", "infra", n, list[1].GetID(),
		&github.PullRequestReviewDismissalRequest{Message: github.String("no")})
	must(t, err)
	if diff := cmp.Diff([]string{"submitted", "dismissed", "submitted", "dismissed"},
		w.actions("pull_request_review")); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	if got := w.events("pull_request_review")[0].body["review"].(map[string]any)["state"]; got != "approved" {
		t.Errorf("state in the webhook: got %v, want lower case", got)
	}
}
