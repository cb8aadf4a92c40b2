package app_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/cardea-iac/cardea/internal/localgithub"
	"github.com/cardea-iac/cardea/workflow"
)

// A pull is opened: its checks are queued, then planning, then say what the
// plans say; one comment tells of them; the calls for all of it are at most twelve.
func TestPlanOfAPull(t *testing.T) {
	for _, projects := range []int{1, 100} {
		w := newWorld(t, projects)
		w.quiet()
		before := w.gh.Count(func(localgithub.Exchange) bool { return true })
		var all []int
		for i := range projects {
			all = append(all, i)
		}
		number, head := w.open("feature", all...)
		w.waitRuns(projects)
		w.wantChecks(head, "in_progress", "queued")
		if projects > 1 {
			w.eventually("a first comment", func() bool { return len(w.ours(number, summary)) == 1 })
		}
		if n := w.planAll(changes(), noChanges()); n != projects {
			t.Fatalf("planned %d, want %d", n, projects)
		}
		w.wantChecks(head, "success", "action_required")
		w.quiet()
		comments := w.ours(number, summary)
		if len(comments) != 1 || !strings.Contains(comments[0].Body, "to add") {
			t.Errorf("%d projects: got %d summary comments, want one that says what is to add: %+v",
				projects, len(comments), comments)
		}
		perProject := 0
		if projects <= 10 {
			perProject = projects
			if got := w.checks(head)["cardea/plan: p00"]; got != "success" {
				t.Errorf("the project's own check is %q", got)
			}
		}
		// The token for git is the worker's: it is counted here.
		repo := w.repo()
		if _, err := w.app.Token(t.Context(), repo); err != nil {
			t.Fatal(err)
		}
		var kinds []string
		for _, x := range w.gh.Exchanges()[before:] {
			if x.ActorKind != "user" && !recovers(x) {
				kinds = append(kinds, x.Method+" "+x.Path)
			}
		}
		if len(kinds) > 12+perProject {
			t.Errorf("%d projects took %d calls, want at most %d:\n%s", projects, len(kinds),
				12+perProject, strings.Join(kinds, "\n"))
		}
		t.Logf("%d projects: %d calls", projects, len(kinds))
	}
}

// recovers reports whether a call is recovery's or about the App itself, which belongs to no plan.
func recovers(x localgithub.Exchange) bool {
	return x.Method == http.MethodGet &&
		(x.Path == "/app" || strings.HasPrefix(x.Path, "/app/") || x.Path == "/installation/repositories" || strings.HasSuffix(x.Path, "/pulls"))
}

func (w *world) repo() workflow.Repo {
	w.t.Helper()
	rec, err := w.svc.RepoByName(w.t.Context(), repoName)
	return must(w.t, rec, err).Repo
}

func TestToken(t *testing.T) {
	w := newWorld(t, 1)
	number, _ := w.open("feature", 0)
	_ = number
	w.waitRuns(1)
	token, err := w.app.Token(t.Context(), w.repo())
	ok(t, err)
	for path, want := range map[string]int{"/repos/acme/infra/contents/p00/main.tf": 200,
		"/repos/acme/infra/issues/1/comments": 403} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.gh.APIURL()+path, nil)
		ok(t, err)
		req.Header.Set("Authorization", "token "+token)
		resp, err := http.DefaultClient.Do(req)
		ok(t, err)
		ok(t, resp.Body.Close())
		if resp.StatusCode != want {
			t.Errorf("%s with the token for git: got %d, want %d", path, resp.StatusCode, want)
		}
	}
}
