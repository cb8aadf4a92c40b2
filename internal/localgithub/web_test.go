package localgithub

import (
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-github/v60/github"
)

// browser keeps cookies and follows redirects, as a person's does.
type browser struct {
	w      *world
	client *http.Client
}

func newBrowser(w *world) browser {
	return browser{w, &http.Client{Jar: must1(cookiejar.New(nil))(w.t)}}
}

func (b browser) get(path string) (int, string) {
	b.w.t.Helper()
	res := must1(b.client.Get(b.w.URL() + path))(b.w.t)
	defer res.Body.Close()
	return res.StatusCode, string(must1(io.ReadAll(res.Body))(b.w.t))
}

func (b browser) post(path string, form ...string) int {
	b.w.t.Helper()
	v := url.Values{}
	for i := 0; i+1 < len(form); i += 2 {
		v.Set(form[i], form[i+1])
	}
	res := must1(b.client.PostForm(b.w.URL()+path, v))(b.w.t)
	_ = res.Body.Close()
	return res.StatusCode
}

func TestPages(t *testing.T) {
	w := newWorld(t)
	must(t, w.SetPermission("acme/infra", "joe", "read"))
	must(t, w.RequireChecks("acme/infra", "main", []RequiredCheck{{Context: "cardea/apply", AppID: w.app.ID}}))
	n, head := w.openPull("x", map[string]string{"prod/main.tf": "a\n<b>\nc\n"})
	gh := w.client("cardea")
	out := &github.CheckRunOutput{Title: github.String("Waits for 1 approval"), Summary: github.String("**sum**"),
		Text: github.String("```diff\n+ new\n```")}
	run, _, err := gh.Checks.CreateCheckRun(w.ctx, "acme", "infra", github.CreateCheckRunOptions{
		Name: "cardea/apply", HeadSHA: head, Conclusion: github.String("action_required"), Output: out,
		DetailsURL: github.String("http://127.0.0.1:9/details"),
		Actions:    []*github.CheckRunAction{{Label: "Approve", Description: "Approve the plans", Identifier: "approve"}},
	})
	must(t, err)
	body := "<!-- cardea:summary -->\n| a | b |\n|---|--:|\n| `x` | 1 |\n\n<details><summary>more</summary>\n\n```diff\n- gone\n```\n</details>\n<script>alert(1)</script><img src=x onerror=alert(2)>"
	_, _, err = gh.Issues.CreateComment(w.ctx, "acme", "infra", n, &github.IssueComment{Body: &body})
	must(t, err)
	b := newBrowser(w)
	pull := fmt.Sprintf("/acme/infra/pull/%d", n)
	for _, tt := range []struct {
		path string
		want []string
	}{
		{"/", []string{"acme/infra"}},
		{"/acme/infra", []string{"Change x", "main", "default"}},
		{pull, []string{
			"Change x", "cardea[bot]", "<details><summary>more</summary>", `<span class="del">- gone</span>`, `<td align="right">1</td>`, "Merging is blocked",
			"Required status check &#34;cardea/apply&#34; is failing.", "Waits for 1 approval", `value="approve"`, "http://127.0.0.1:9/details", "Comment as ada",
		}},
		{pull + "/files", []string{`<span class="add">&#43;&lt;b&gt;</span>`, "prod/main.tf"}},
		{fmt.Sprintf("%s/checks/%d", pull, run.GetID()), []string{"<strong>sum</strong>", `<span class="add">+ new</span>`, "Approve"}},
		{fmt.Sprintf("/acme/infra/runs/%d", run.GetID()), []string{"<strong>sum</strong>"}},
		{"/static/style.css", []string{"body"}},
	} {
		code, page := b.get(tt.path)
		for _, want := range tt.want {
			if code != 200 || !strings.Contains(page, want) {
				t.Errorf("%s: %d without %q", tt.path, code, want)
			}
		}
		for _, evil := range []string{"alert(1)", "onerror", "cardea:summary"} {
			if strings.Contains(page, evil) {
				t.Errorf("%s: holds %q", tt.path, evil)
			}
		}
	}
}

func TestFormsActAsTheChosenPerson(t *testing.T) {
	w := newWorld(t)
	n, head := w.openPull("x", map[string]string{"a": "1"})
	gh := w.client("cardea")
	run, _, err := gh.Checks.CreateCheckRun(w.ctx, "acme", "infra", github.CreateCheckRunOptions{
		Name: "plan", HeadSHA: head, Conclusion: github.String("success"),
		Actions: []*github.CheckRunAction{{Label: "Re-plan", Description: "d", Identifier: "plan"}},
	})
	must(t, err)
	b := newBrowser(w)
	pull, runs := fmt.Sprintf("/acme/infra/pull/%d", n), fmt.Sprintf("/acme/infra/runs/%d", run.GetID())
	_, before := b.get(pull + "/version")
	got := []int{
		b.post(pull+"/comment", "body", "as ada"),
		b.post("/as", "login", "rob", "back", pull),
		b.post(pull+"/comment", "body", "as rob"), b.post(pull+"/review", "event", "APPROVE"),
		b.post(runs, "press", "plan"), b.post(runs),
		b.post(runs, "press", "nosuch"),
		b.post("/as", "login", "joe", "back", "/"),
		b.post(pull+"/comment", "body", "as joe"), // a private repository: joe does not even see it
		b.post(runs, "press", "plan"),
	}
	if diff := cmp.Diff([]int{200, 200, 200, 200, 200, 200, 403, 200, 404, 403}, got); diff != "" {
		t.Errorf("answers (-want +got):\n%s", diff)
	}
	var said []string
	for _, c := range must1(w.Comments("acme/infra", n))(t) {
		said = append(said, c.Author+": "+c.Body)
	}
	if diff := cmp.Diff([]string{"ada: as ada", "rob: as rob"}, said); diff != "" {
		t.Errorf("comments (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"created", "completed", "requested_action", "rerequested"},
		w.actions("check_run")); diff != "" {
		t.Errorf("check_run events (-want +got):\n%s", diff)
	}
	b.post("/as", "login", "rob", "back", pull)
	if _, after := b.get(pull + "/version"); before == after || len(after) != 16 {
		t.Errorf("version: got %q before and %q after", before, after)
	}
	if got := b.post(pull+"/merge", "sha", head); got != 200 || must1(w.Pull("acme/infra", n))(t).State != "merged" {
		t.Errorf("merge: got %d", got)
	}
	if got := b.post("/as", "login", "ada", "back", "//evil.example/"); got != 200 {
		t.Errorf("switching back to a foreign place: got %d, want our own front page", got)
	}
}

// TestCloneAsTheChosenPerson: the address on the repository's page is all that git needs.
func TestCloneAsTheChosenPerson(t *testing.T) {
	w := newWorld(t)
	b := newBrowser(w)
	b.post("/as", "login", "rob", "back", "/")
	_, page := b.get("/acme/infra")
	_, rest, _ := strings.Cut(page, "git clone <code>")
	address, _, _ := strings.Cut(rest, "</code>")
	if !strings.Contains(address, "//rob:") {
		t.Fatalf("got %q, want rob's", address)
	}
	if out, err := w.gitRun(".", "", "clone", "-q", address, filepath.Join(t.TempDir(), "clone")); err != nil {
		t.Errorf("clone: %v\n%s", err, out)
	}
}

func TestForeignPagesCannotPost(t *testing.T) {
	w := newWorld(t)
	n, _ := w.openPull("x", map[string]string{"a": "1"})
	for name, set := range map[string]func(*http.Request){
		"foreign origin": func(r *http.Request) { r.Header.Set("Origin", "http://evil.example") },
		"cross-site":     func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") },
		"foreign host":   func(r *http.Request) { r.Host = "evil.example" },
	} {
		req := must1(http.NewRequest("POST", fmt.Sprintf("%s/acme/infra/pull/%d/comment", w.URL(), n),
			strings.NewReader("body=x")))(t)
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		set(req)
		res := must1(http.DefaultClient.Do(req))(t)
		_ = res.Body.Close()
		if res.StatusCode < 400 {
			t.Errorf("%s: got %d", name, res.StatusCode)
		}
	}
	if got := must1(w.Comments("acme/infra", n))(t); len(got) != 0 {
		t.Errorf("comments: got %v", got)
	}
}
