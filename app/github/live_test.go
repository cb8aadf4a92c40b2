package github_test

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-iac/cardea/app/github"
	"github.com/cardea-iac/cardea/internal/localgithub"
	"github.com/cardea-iac/cardea/workflow"
)

// place is a GitHub with acme/infra, two Apps on it (ours and another) and a pull of ada's.
type place struct {
	t      *testing.T
	gh     *localgithub.Server
	us     *github.Client
	other  *github.Client
	ourID  int64
	theirs int64
	repo   workflow.Repo
	them   workflow.Repo // the same, as the other App is installed on it
	number int
	head   string
	ids    map[string]int64
	dir    string
	token  string
}

func must[T any](t *testing.T, v T, err error) T {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func newPlace(t *testing.T) *place {
	t.Helper()
	gh, err := localgithub.Start(localgithub.Options{Dir: t.TempDir()})
	p := &place{t: t, gh: must(t, gh, err), ids: map[string]int64{}, dir: filepath.Join(t.TempDir(), "clone")}
	t.Cleanup(func() { ok(t, p.gh.Close()) })
	r, err := p.gh.CreateRepo("acme", "infra", localgithub.RepoOptions{Private: true})
	ok(t, err)
	p.repo = workflow.Repo{ID: r.ID, Owner: "acme", Name: "infra", DefaultBranch: "main", Private: true}
	p.them = p.repo
	p.us, p.ourID = p.app("cardea", &p.repo)
	p.other, p.theirs = p.app("ci", &p.them)
	for login, role := range map[string]string{"ada": "write", "rob": "maintain", "joe": "read", "pat": "ops:write"} {
		u, err := p.gh.CreateUser(login)
		p.ids[login] = must(t, u, err).ID
		if login == "ada" {
			p.token = u.Token
		}
		ok(t, p.gh.SetPermission("acme/infra", login, role))
	}
	p.git(".", "clone", "-q", p.gh.URL()+"/acme/infra.git", p.dir)
	p.git(p.dir, "checkout", "-q", "-b", "main")
	p.commit("main", "a", "one")
	p.git(p.dir, "checkout", "-q", "-b", "feature")
	p.head = p.commit("feature", "a", "two")
	n, err := p.gh.OpenPull("acme/infra", "ada", localgithub.PullRequest{Title: "Change", Head: "feature"})
	p.number = must(t, n, err)
	return p
}

func (p *place) app(slug string, on *workflow.Repo) (*github.Client, int64) {
	p.t.Helper()
	a, err := p.gh.CreateApp(localgithub.App{Slug: slug, WebhookSecret: "x", Permissions: map[string]string{
		"contents": "write", "pull_requests": "write", "issues": "write", "checks": "write", "statuses": "write",
	}})
	ok(p.t, err)
	on.InstallationID, err = p.gh.Install(a.ID, "acme", "infra")
	ok(p.t, err)
	c, err := github.New(github.Config{APIURL: p.gh.APIURL(), AppID: a.ID,
		PrivateKey: []byte(a.PrivateKeyPEM), Timeout: 5 * time.Second})
	ok(p.t, err)
	p.t.Cleanup(c.Close)
	return c, a.ID
}

func (p *place) git(dir string, args ...string) string {
	p.t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0",
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@x", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@x",
		"GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=credential.helper", "GIT_CONFIG_VALUE_0=!f() { echo username=x-access-token; echo password="+p.token+"; }; f")
	out, err := cmd.CombinedOutput()
	if err != nil {
		p.t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func (p *place) commit(branch, file, text string) string {
	p.t.Helper()
	ok(p.t, os.WriteFile(filepath.Join(p.dir, file), []byte(text+"\n"), 0o644))
	p.git(p.dir, "add", "-A")
	p.git(p.dir, "commit", "-q", "-m", text)
	p.git(p.dir, "push", "-q", "origin", branch)
	return p.git(p.dir, "rev-parse", "HEAD")
}

// check makes a check run as an App; conclusion "" leaves it in progress.
func (p *place) check(by *github.Client, name, conclusion string) {
	p.t.Helper()
	repo := p.repo
	if by == p.other {
		repo = p.them
	}
	c := github.Check{Name: name, SHA: p.head, Status: "in_progress"}
	if conclusion != "" {
		c.Status, c.Conclusion = "completed", conclusion
	}
	_, err := by.CreateCheck(p.t.Context(), repo, c)
	ok(p.t, err)
}

func own(name string) bool { return name == "cardea/plan" || name == "cardea/apply" }

func (p *place) facts() github.Facts {
	p.t.Helper()
	f, _, err := p.us.Facts(p.t.Context(), github.FactsInput{Repo: p.repo, Number: p.number, Wait: true, Own: own})
	return must(p.t, f, err)
}

// What GitHub asks of a merge, in all the ways that it can be asked: each row starts from the one before.
func TestFactsRequired(t *testing.T) {
	p := newPlace(t)
	classic := func(checks ...localgithub.RequiredCheck) {
		ok(t, p.gh.Protect("acme/infra", "main", localgithub.Protection{Checks: checks}))
	}
	tests := []struct {
		name string
		do   func()
		want string
	}{
		{"nothing is required", func() {}, ""},
		{"a check that is not", func() { p.check(p.other, "lint", "failure") }, ""},
		{"missing", func() { classic(localgithub.RequiredCheck{Context: "ci"}) }, "ci missing"},
		{"pending", func() { p.check(p.other, "ci", "") }, "ci pending"},
		{"failed", func() { p.check(p.other, "ci", "timed_out") }, "ci failed"},
		{"action required", func() { p.check(p.other, "ci", "action_required") }, "ci failed"},
		{"skipped passes", func() { p.check(p.other, "ci", "skipped") }, "ci passed"},
		{"neutral passes", func() { p.check(p.other, "ci", "neutral") }, "ci passed"},
		{"the newest counts", func() { p.check(p.other, "ci", "failure"); p.check(p.other, "ci", "success") }, "ci passed"},
		{"a status of the name counts too", func() { p.status("ci", "error") }, "ci failed"},
		{"both pass", func() { p.status("ci", "success") }, "ci passed"},
		{"ours are left out", func() {
			classic(localgithub.RequiredCheck{Context: "cardea/apply", AppID: p.ourID},
				localgithub.RequiredCheck{Context: "cardea/plan"})
			p.check(p.us, "cardea/apply", "action_required")
		}, ""},
		{"one of our name by another is not", func() { p.check(p.other, "cardea/plan", "failure") }, "cardea/plan failed"},
		{"nor one that has to be another's", func() { classic(localgithub.RequiredCheck{Context: "cardea/apply", AppID: p.theirs}) }, "cardea/apply missing"},
		{"by a ruleset", func() {
			classic()
			ok(t, p.gh.RequireByRuleset("acme/infra", "main",
				[]localgithub.RequiredCheck{{Context: "policy"}, {Context: "lint", AppID: p.theirs}}))
		}, "lint failed, policy missing"},
		{"from another App than the expected one", func() {
			ok(t, p.gh.RequireByRuleset("acme/infra", "main", []localgithub.RequiredCheck{{Context: "scan", AppID: p.ourID}}))
			p.check(p.other, "scan", "success")
		}, "scan missing"},
		{"by both", func() {
			classic(localgithub.RequiredCheck{Context: "ci"})
			ok(t, p.gh.RequireByRuleset("acme/infra", "main", []localgithub.RequiredCheck{{Context: "ci"}, {Context: "policy"}}))
		}, "ci passed, policy missing"},
		{"more checks than a page", func() {
			for i := range 120 {
				p.check(p.other, fmt.Sprintf("job %d", i), "success")
			}
			p.check(p.other, "policy", "failure")
		}, "ci passed, policy failed"},
	}
	for _, tt := range tests {
		tt.do()
		f := p.facts()
		var got []string
		for _, c := range f.Required {
			got = append(got, c.Name+" "+c.State)
		}
		if diff := cmp.Diff(tt.want, strings.Join(got, ", ")); diff != "" || len(f.Trouble) > 0 {
			t.Errorf("%s: required checks differ (-want +got), trouble %v:\n%s", tt.name, f.Trouble, diff)
		}
	}
}

func (p *place) status(context, state string) {
	p.t.Helper()
	body := strings.NewReader(fmt.Sprintf(`{"state":%q,"context":%q}`, state, context))
	req, err := http.NewRequestWithContext(p.t.Context(), http.MethodPost,
		p.gh.APIURL()+"/repos/acme/infra/statuses/"+p.head, body)
	ok(p.t, err)
	req.Header.Set("Authorization", "token "+p.token)
	resp, err := http.DefaultClient.Do(req)
	ok(p.t, err)
	ok(p.t, resp.Body.Close())
	if resp.StatusCode != http.StatusCreated {
		p.t.Fatalf("setting a status: %d", resp.StatusCode)
	}
}

// A pull is read by REST and by GraphQL, and every fact of it by both: the one that a
// command goes by must not be another than the one that decides.
func TestPullByBoth(t *testing.T) {
	p := newPlace(t)
	_, err := p.gh.Fork("acme/infra", "ada")
	ok(t, err)
	p.git(p.dir, "push", "-q", p.gh.URL()+"/ada/infra.git", "feature:theirs")
	p.number, err = p.gh.OpenPull("acme/infra", "ada",
		localgithub.PullRequest{Title: "From a fork", Head: "ada:theirs", Draft: true})
	ok(t, err)
	rest, err := p.us.Pull(t.Context(), p.repo, p.number)
	ok(t, err)
	if diff := cmp.Diff(rest, p.facts().Pull); diff != "" {
		t.Errorf("-rest +graphql:\n%s", diff)
	}
	for _, f := range reflect.VisibleFields(reflect.TypeOf(rest)) {
		if value := reflect.ValueOf(rest).FieldByIndex(f.Index); value.IsZero() {
			t.Errorf("this pull has no %s, so nobody knows whether both read it", f.Name)
		}
	}
}

// The pull, its base's tip, conflicts and reviews, as they change.
func TestFacts(t *testing.T) {
	p := newPlace(t)
	f := p.facts()
	tip := p.git(p.dir, "rev-parse", "origin/main")
	if f.Conflicts != "no" || f.BaseTip != tip || f.ReviewDecision != "" || f.ApprovedHead {
		t.Errorf("got %+v", f)
	}
	ok(t, p.gh.Protect("acme/infra", "main", localgithub.Protection{Reviews: 1}))
	if f := p.facts(); f.ReviewDecision != "review_required" {
		t.Errorf("decision %q, want review_required", f.ReviewDecision)
	}
	ok(t, p.gh.Review("acme/infra", p.number, "joe", "APPROVE", "")) // may only read
	if f := p.facts(); f.ApprovedHead || f.ReviewDecision != "review_required" {
		t.Errorf("a reader's review: %+v", f)
	}
	ok(t, p.gh.Review("acme/infra", p.number, "rob", "APPROVE", ""))
	if f := p.facts(); !f.ApprovedHead || f.ReviewDecision != "approved" {
		t.Errorf("approved: %+v", f)
	}
	p.head = p.commit("feature", "a", "three")
	if f := p.facts(); f.ApprovedHead || f.ReviewDecision != "approved" || f.Pull.Head.SHA != p.head {
		t.Errorf("approved at an older head: %+v", f)
	}
	ok(t, p.gh.Review("acme/infra", p.number, "pat", "REQUEST_CHANGES", "no"))
	if f := p.facts(); f.ReviewDecision != "changes_requested" {
		t.Errorf("decision %q, want changes_requested", f.ReviewDecision)
	}
	p.git(p.dir, "checkout", "-q", "main")
	tip = p.commit("main", "a", "conflict")
	if f := p.facts(); f.Conflicts != "yes" || f.BaseTip != tip {
		t.Errorf("conflicts %q, base %s, want yes and %s", f.Conflicts, f.BaseTip, tip)
	}
	ok(t, p.gh.SetPullState("acme/infra", p.number, "ada", "closed"))
	if f := p.facts(); f.Pull.State != workflow.PullClosed {
		t.Errorf("state %s", f.Pull.State)
	}
}

// Each person's latest review is read, also of those who may only read, with what became of it.
func TestFactsReviews(t *testing.T) {
	p := newPlace(t)
	rob, joe := workflow.Actor{ID: p.ids["rob"], Login: "rob"}, workflow.Actor{ID: p.ids["joe"], Login: "joe"}
	head := p.head
	want := func(what string, reviews ...workflow.Review) {
		t.Helper()
		f := p.facts()
		for i, r := range f.Reviews {
			if age := time.Since(r.At); age < -time.Minute || age > time.Minute || r.At.Nanosecond() != 0 {
				t.Errorf("%s: submitted at %s", what, r.At)
			}
			f.Reviews[i].At = time.Time{}
		}
		if diff := cmp.Diff(reviews, f.Reviews); diff != "" || f.MoreReviews {
			t.Errorf("%s: more %v (-want +got)\n%s", what, f.MoreReviews, diff)
		}
	}
	want("none")
	ok(t, p.gh.Review("acme/infra", p.number, "rob", "COMMENT", "hm"))
	want("only a comment")
	ok(t, p.gh.Review("acme/infra", p.number, "joe", "APPROVE", ""))
	ok(t, p.gh.Review("acme/infra", p.number, "rob", "APPROVE", ""))
	ok(t, p.gh.Review("acme/infra", p.number, "rob", "COMMENT", "well"))
	want("approved", workflow.Review{By: joe, Head: head, State: workflow.ReviewApproved},
		workflow.Review{By: rob, Head: head, State: workflow.ReviewApproved})
	p.head = p.commit("feature", "a", "three")
	ok(t, p.gh.Review("acme/infra", p.number, "joe", "REQUEST_CHANGES", "no"))
	want("of an older head, and changes requested", workflow.Review{By: rob, Head: head, State: workflow.ReviewApproved},
		workflow.Review{By: joe, Head: p.head, State: workflow.ReviewChanges})
}

// People have the role that GitHub says; who is gone or is another by now has
// none; where GitHub gives no answer there is a sentence and no role.
func TestRoles(t *testing.T) {
	p := newPlace(t)
	who := func(login string, id int64) workflow.Actor { return workflow.Actor{ID: id, Login: login} }
	people := []workflow.Actor{who("ada", p.ids["ada"]), who("rob", p.ids["rob"]), who("joe", p.ids["joe"]),
		who("pat", p.ids["pat"]), who("ghost", 5), who("ada", 6)}
	roles, trouble := p.us.Roles(t.Context(), p.repo, people)
	want := map[int64]workflow.Role{
		p.ids["ada"]: workflow.RoleWrite, p.ids["rob"]: workflow.RoleMaintain, p.ids["joe"]: workflow.RoleRead,
		p.ids["pat"]: workflow.RoleWrite, 5: workflow.RoleNone, 6: workflow.RoleNone,
	}
	if diff := cmp.Diff(want, roles); diff != "" || len(trouble) > 0 {
		t.Errorf("roles differ (-want +got), trouble %v:\n%s", trouble, diff)
	}
	p.gh.Faults.Add(localgithub.FaultRule{Status: 502, Times: -1})
	roles, trouble = p.us.Roles(t.Context(), p.repo, people[:1])
	if len(roles) != 0 || len(trouble) != 1 || !strings.Contains(trouble[0], "`ada`") {
		t.Errorf("without an answer: %v, %v", roles, trouble)
	}
}
