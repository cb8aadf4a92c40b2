package app_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cardea-iac/cardea/internal/localgithub"
	"github.com/cardea-iac/cardea/workflow"
)

// rest makes a REST call as ada.
func (w *world) rest(method, path, body string) (status int, answer string) {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), method, w.gh.APIURL()+path, strings.NewReader(body))
	ok(w.t, err)
	req.Header.Set("Authorization", "token "+w.ada)
	resp, err := http.DefaultClient.Do(req)
	ok(w.t, err)
	defer func() { ok(w.t, resp.Body.Close()) }()
	raw, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(must(w.t, raw, err))
}

func (w *world) restJSON(path string, out any) {
	w.t.Helper()
	status, body := w.rest("GET", path, "")
	if status != 200 {
		w.t.Fatalf("GET %s: %d %s", path, status, body)
	}
	ok(w.t, json.Unmarshal([]byte(body), out))
}

// Each command gets its reaction and exactly one answer, whoever writes it; what
// is not for us, edited, or an app's gets none.
func TestCommands(t *testing.T) {
	w := newWorld(t, 2)
	number, _ := w.planned("feature")
	tests := []struct {
		who, text string
		want      string // in the reply; "" for none
	}{
		{"ada", "cardea help", "| Command | Does |"},
		{"ada", "cardea status", "p00"},
		{"ada", "cardea plann", "Did you mean"},
		{"ada", "cardea apply", "Not applied. Still missing"},
		{"ada", "cardea plan -p nothing", "nothing"},
		{"ada", "cardea plan --destroy", "is not allowed here"},
		{"joe", "cardea plan", "may not plan"},
		{"ada", "looks good\ncardea plan", ""},
		{"ada", "> cardea plan", ""},
	}
	replies := 0
	for _, tt := range tests {
		id := w.say(number, tt.who, tt.text)
		w.quiet()
		got := w.ours(number, reply)
		if tt.want == "" {
			if len(got) != replies {
				t.Errorf("%q was answered: %q", tt.text, got[len(got)-1].Body)
			}
			continue
		}
		if replies++; len(got) != replies || !strings.Contains(got[len(got)-1].Body, tt.want) {
			t.Fatalf("%q: got %d replies, want %d, the last with %q: %+v", tt.text, len(got), replies, tt.want, got)
		}
		w.eventually("a reaction to "+tt.text, func() bool { return slices.Contains(w.reactions(number, id), "eyes") })
	}
	w.waitRuns(0)
}

func (w *world) reactions(number int, id int64) []string {
	w.t.Helper()
	list, err := w.gh.Comments(repoName, number)
	ok(w.t, err)
	for _, c := range list {
		if c.ID == id {
			return c.Reactions
		}
	}
	return nil
}

// A command that reaches us late is not carried out, and one reply says so.
func TestOldCommand(t *testing.T) {
	w := newWorld(t, 2)
	number, _ := w.planned("feature")
	w.mu.Lock()
	w.ahead = 31 * time.Minute
	w.mu.Unlock()
	w.say(number, "ada", "cardea plan")
	w.quiet()
	if got := w.ours(number, reply); len(got) != 1 || !strings.Contains(got[0].Body, "older than 30 minutes") {
		t.Errorf("got %+v", got)
	}
	w.waitRuns(0)
}

// Buttons and re-runs are commands: of people who may plan, for the head as it is, once.
func TestButtons(t *testing.T) {
	w := newWorld(t, 2)
	number, head := w.planned("feature")
	plan := w.check(head, "cardea/plan")
	ok(t, w.gh.PressButton("ada", plan.ID, "plan"))
	w.waitRuns(2)
	ok(t, w.gh.PressButton("ada", plan.ID, "plan")) // pressed twice: the run is still shown until the page is loaded again
	w.wantChecks(head, "in_progress", "queued")
	w.planAll(noChanges())
	w.quiet()
	w.waitRuns(0)
	w.wantChecks(head, "success", "success")

	ok(t, w.gh.Rerequest("rob", w.check(head, "cardea/plan: p00").ID))
	w.waitRuns(1)
	w.planAll(changes())
	w.quiet()
	w.wantChecks(head, "success", "action_required")

	ok(t, w.gh.RerequestAll("ada", w.check(head, "cardea/plan").SuiteID))
	w.waitRuns(2)
	w.planAll(noChanges())
	w.quiet()

	old := w.check(head, "cardea/plan")
	head = w.commit("feature", map[string]string{"p00/main.tf": "y\n"})
	w.waitRuns(2)
	w.planAll(noChanges())
	w.quiet()
	ok(t, w.gh.Rerequest("ada", old.ID))
	w.quiet()
	if got := w.ours(number, reply); len(got) != 1 || !strings.Contains(got[0].Body, "no longer the head") {
		t.Errorf("a button of an old head: %+v", got)
	}
	w.wantChecks(head, "success", "success")
}

// Deliveries sent again, under new GUIDs and in another order, ask for nothing new.
func TestReplays(t *testing.T) {
	w := newWorld(t, 2)
	number, head := w.open("feature", 0)
	w.waitRuns(1)
	w.say(number, "ada", "cardea status")
	w.planAll(changes())
	w.quiet()
	all := w.gh.Deliveries()
	for _, d := range slices.Backward(all) {
		if d.Event == "installation" || d.Event == "ping" {
			continue
		}
		if status, err := w.gh.SendRaw(localgithub.RawDelivery{AppID: w.ghAp.ID, Event: d.Event,
			Payload: d.Payload}); err != nil || status != 202 {
			t.Fatalf("replaying %s: %d %v", d.Event, status, err)
		}
	}
	w.quiet()
	w.waitRuns(0)
	w.wantChecks(head, "success", "action_required")
	if n := len(w.ours(number, reply)); n != 1 {
		t.Errorf("got %d replies, want 1", n)
	}
	rec, err := w.svc.Pull(t.Context(), w.key(number))
	ok(t, err)
	if n := len(rec.Projects[0].Runs); n != 1 {
		t.Errorf("%d runs were made, want 1", n)
	}
}

// Who may plan by opening a pull or pushing: a writer, and not with a draft where the rule says so.
func TestPermission(t *testing.T) {
	w := newWorld(t, 2)
	number, _ := w.planned("feature")
	w.setRules(func(r *workflow.Rules) { r.Plan = workflow.Who{Role: workflow.RoleAdmin} })
	head := w.commit("feature", map[string]string{"p00/main.tf": "z\n"})
	w.wantChecks(head, "action_required", "action_required")
	w.quiet()
	if c := w.check(head, "cardea/plan"); !strings.Contains(c.Title, "ada may not plan") {
		t.Errorf("title %q", c.Title)
	}
	// An account that was deleted has no role: that is an answer, and no fault of GitHub's.
	w.gh.Faults.Add(localgithub.FaultRule{Path: regexp.MustCompile("/permission$"), Status: 404, Times: -1})
	w.setRules(func(r *workflow.Rules) { r.Plan = workflow.Who{Role: workflow.RoleWrite} })
	head = w.commit("feature", map[string]string{"p00/main.tf": "zz\n"})
	w.wantChecks(head, "action_required", "action_required")
	w.quiet()
	if c := w.check(head, "cardea/plan"); !strings.Contains(c.Title, "ada may not plan") {
		t.Errorf("title %q", c.Title)
	}
	w.gh.Faults.Clear()
	w.setRules(func(r *workflow.Rules) { r.Drafts = false })
	ok(t, w.gh.SetDraft(repoName, number, "ada", true))
	head = w.commit("feature", map[string]string{"p00/main.tf": "y\n"})
	w.wantChecks(head, "action_required", "action_required")
	w.quiet()
	w.waitRuns(0)
	ok(t, w.gh.SetDraft(repoName, number, "ada", false))
	w.waitRuns(2)
	w.wantChecks(head, "in_progress", "queued")
}

func (w *world) setRules(change func(*workflow.Rules)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change(&w.rules)
}

// A command on a pull that we never heard of is answered, and the pull gets to be known.
func TestCommandOnAnUnknownPull(t *testing.T) {
	w := newWorld(t, 2)
	w.quiet()
	w.gh.HoldDeliveries()
	number, head := w.open("feature", 0)
	w.gh.LoseDeliveries()
	w.gh.ReleaseDeliveries(false)
	w.say(number, "joe", "cardea help")
	w.waitRuns(1)
	w.planAll(noChanges())
	w.quiet()
	w.wantChecks(head, "success", "success")
	if n := len(w.ours(number, reply)); n != 1 {
		t.Errorf("got %d replies, want 1", n)
	}
}

// A reply is written once, also when GitHub does not say that it took it, and
// when the server ends at that moment.
func TestReplyOnce(t *testing.T) {
	w := newWorld(t, 2)
	number, _ := w.planned("feature")
	comments := regexp.MustCompile(`/issues/\d+/comments$`)
	w.gh.Faults.Add(localgithub.FaultRule{Method: "POST", Path: comments, Status: 502, AfterEffect: true})
	w.say(number, "ada", "cardea help")
	w.quiet()
	if n := len(w.ours(number, reply)); n != 1 {
		t.Errorf("after a 502: got %d replies, want 1", n)
	}
	w.gh.Faults.Clear()
	fault := w.gh.Faults.Add(localgithub.FaultRule{Method: "POST", Path: comments, Hang: true, AfterEffect: true})
	w.say(number, "ada", "cardea status")
	w.eventually("the reply hangs", func() bool { return fault.Hits() == 1 && len(w.ours(number, reply)) == 2 })
	w.stop()
	w.start()
	w.quiet()
	if n := len(w.ours(number, reply)); n != 2 {
		t.Errorf("after a crash: got %d replies, want 2", n)
	}
}

// Many deliveries at once: all are stored, each once.
func TestBurst(t *testing.T) {
	w := newWorld(t, 1)
	number, _ := w.open("feature", 0)
	w.quiet()
	var payload []byte
	w.say(number, "joe", "hello")
	ok(t, w.gh.Idle(t.Context()))
	for _, d := range w.gh.Deliveries() {
		if d.Event == "issue_comment" && strings.Contains(string(d.Payload), "hello") {
			payload = d.Payload
		}
	}
	const n = 200
	statuses := make(chan int, 2*n)
	for i := range 2 * n { // each twice
		go func() {
			status, err := w.gh.SendRaw(localgithub.RawDelivery{AppID: w.ghAp.ID, Event: "issue_comment",
				GUID: fmt.Sprintf("guid-%d", i/2), Payload: payload})
			if err != nil {
				t.Error(err)
			}
			statuses <- status
		}()
	}
	for range 2 * n {
		if s := <-statuses; s != 202 {
			t.Fatalf("got %d", s)
		}
	}
	for i := range n {
		has, err := w.svc.HasDelivery(t.Context(), fmt.Sprintf("guid-%d", i), "issue_comment")
		if err != nil || !has {
			t.Fatalf("delivery %d: %v %v", i, has, err)
		}
	}
	w.quiet()
	got, err := w.metrics.Gather()
	ok(t, err)
	counted := map[string]float64{}
	for _, family := range got {
		for _, m := range family.GetMetric() {
			counted[family.GetName()] += m.GetCounter().GetValue()
		}
	}
	if counted["cardea_webhook_deliveries_total"] < 2*n || counted["cardea_requests_total"] < n ||
		counted["cardea_github_calls_total"] == 0 {
		t.Errorf("metrics: %v", counted)
	}
}

// While the server is down nothing is lost: what GitHub delivered to nobody is found in its log.
func TestRecover(t *testing.T) {
	w := newWorld(t, 3)
	number, _ := w.planned("feature")
	w.stop()
	second, head := w.open("other", 1)
	w.say(number, "ada", "cardea status")
	w.say(number, "ada", "cardea help")
	ok(t, w.gh.Idle(t.Context()))
	w.start()
	w.waitRuns(1)
	w.planAll(noChanges())
	w.quiet()
	w.wantChecks(head, "success", "success")
	w.eventually("both replies", func() bool { return len(w.ours(number, reply)) == 2 })

	// What GitHub never sent is found by looking at the pulls.
	w.stop()
	w.gh.LoseDeliveries()
	ok(t, w.gh.SetPullState(repoName, number, "ada", "closed"))
	head = w.commit("other", map[string]string{"p02/main.tf": "q\n"})
	w.start()
	w.waitRuns(2)
	w.planAll(noChanges())
	w.wantChecks(head, "success", "success")
	w.quiet()
	rec, err := w.svc.Pull(t.Context(), w.key(number))
	ok(t, err)
	if rec.Pull.State != workflow.PullClosed {
		t.Errorf("the pull that was closed meanwhile is %s", rec.Pull.State)
	}
	if n := len(w.ours(second, summary)); n != 1 {
		t.Errorf("got %d summary comments, want 1", n)
	}

	// So is another title, and a pull that is as we know it is not asked for.
	third, _ := w.planned("third")
	requests := func(number int) (n int) {
		events, err := w.svc.Events(t.Context(),
			workflow.OfPull(workflow.PullKey{RepoID: w.repo().ID, Number: number}).About(), 0, 100)
		ok(t, err)
		for _, e := range events {
			if e.Kind == workflow.EventRequest {
				n++
			}
		}
		return n
	}
	untouched := requests(third)
	w.stop()
	w.gh.LoseDeliveries()
	if status, body := w.rest("PATCH", fmt.Sprintf("/repos/acme/infra/pulls/%d", second),
		`{"title":"Another title"}`); status != 200 {
		t.Fatalf("editing the title: %d %s", status, body)
	}
	w.start()
	w.eventually("the other title", func() bool {
		rec, err := w.svc.Pull(t.Context(), w.key(second))
		ok(t, err)
		return rec.Pull.Title == "Another title"
	})
	w.quiet()
	if n := requests(third); n != untouched {
		t.Errorf("a pull that did not change was asked for %d times", n-untouched)
	}
}

// A delivery that cannot be read and an installation that takes no calls keep
// nothing else from being recovered.
func TestRecoverBesideFaults(t *testing.T) {
	w := newWorld(t, 2)
	number, _ := w.planned("feature")
	_, err := w.gh.CreateRepo("zeta", "infra", localgithub.RepoOptions{})
	ok(t, err)
	zeta, err := w.gh.Install(w.ghAp.ID, "zeta")
	ok(t, err)
	w.quiet()
	w.stop()
	w.say(number, "ada", "cardea status")
	w.say(number, "ada", "cardea help")
	ok(t, w.gh.Idle(t.Context()))
	w.gh.HoldDeliveries()
	_, head := w.open("other", 1)
	w.gh.LoseDeliveries()
	w.gh.ReleaseDeliveries(false)
	unread := w.gh.Faults.Add(localgithub.FaultRule{Path: regexp.MustCompile(`^/app/hook/deliveries/\d+$`), Status: 422})
	refused := w.gh.Faults.Add(localgithub.FaultRule{Path: regexp.MustCompile(fmt.Sprintf(`/installations/%d/access_tokens$`, zeta)), Status: 403, Times: -1,
		Reply: `{"message":"Although you appear to have the correct authorization credentials, the zeta organization has an IP allow list enabled"}`})
	w.start()
	w.eventually("the other reply", func() bool { return len(w.ours(number, reply)) == 1 })
	w.waitRuns(1)
	w.planAll(noChanges())
	w.wantChecks(head, "success", "success")
	if unread.Hits() != 1 || refused.Hits() == 0 {
		t.Errorf("%d deliveries could not be read, %d tokens were refused", unread.Hits(), refused.Hits())
	}
}

// What GitHub says of a refusal is what people read while something waits.
func TestWaitingSaysWhatGitHubSays(t *testing.T) {
	w := newWorld(t, 2)
	number, _ := w.planned("feature")
	fault := localgithub.FaultRule{Path: regexp.MustCompile(`/pulls/\d+$`), Status: 403, Times: -1,
		Header: map[string]string{"X-Accepted-GitHub-Permissions": "pull_requests=read"}}
	for said, want := range map[string]string{
		"Repository access blocked":              "GitHub answered 403: Repository access blocked.",
		"Resource not accessible by integration": "GitHub refuses this because the App lacks a permission: grant Pull requests: read in the App's settings, and accept it where the App is installed.",
	} {
		w.gh.Faults.Clear()
		fault.Reply = fmt.Sprintf(`{"message":%q}`, said)
		w.gh.Faults.Add(fault)
		w.say(number, "ada", "cardea plan")
		w.eventually("it waits and says why: "+said, func() bool {
			rec, err := w.svc.Pull(t.Context(), w.key(number))
			ok(t, err)
			return rec.Waiting == want
		})
	}
	w.gh.Faults.Clear()
	w.waitRuns(2)
}

// After the App was installed again, pulls that nothing happens to are reached too.
func TestInstalledAgain(t *testing.T) {
	w := newWorld(t, 2)
	number, _ := w.planned("feature")
	rec, err := w.svc.Pull(t.Context(), w.key(number))
	ok(t, err)
	ok(t, w.gh.Uninstall(rec.Pull.Repo.InstallationID))
	w.quiet()
	again, err := w.gh.Install(w.ghAp.ID, "acme", "infra")
	ok(t, err)
	w.quiet()
	w.stop()
	w.start()
	w.eventually("the pull is reached by the new installation", func() bool {
		rec, err := w.svc.Pull(t.Context(), w.key(number))
		ok(t, err)
		return rec.Pull.Repo.InstallationID == again
	})
	w.quiet()
	w.waitRuns(0) // its plans stand
}
