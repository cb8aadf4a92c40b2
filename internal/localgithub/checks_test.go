package localgithub

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-github/v60/github"
)

// inst makes a REST call with a fresh installation token.
func (w *world) installed(method, path, body string) (int, map[string]any) {
	w.t.Helper()
	_, tok := w.token(`{}`)
	return w.do(method, path, body, "Authorization", "token "+tok["token"].(string))
}

func TestCheckRunLimits(t *testing.T) {
	w := newWorld(t)
	_, head := w.openPull("x", map[string]string{"a": "1"})
	text := func(n int) string { return strings.Repeat("é", n) }
	annotations := func(n int) string {
		return "[" + strings.TrimSuffix(strings.Repeat(`{"path":"a","start_line":1,"end_line":1,"annotation_level":"failure","message":"m"},`, n), ",") + "]"
	}
	action := `{"label":"12345678901234567890","description":"d","identifier":"i"}`
	for _, tt := range []struct {
		name, fields string
		want         int
	}{
		{"plain", `"external_id":"1"`, 201},
		{"summary at the limit", `"output":{"title":"t","summary":"` + text(65535) + `"}`, 201},
		{"summary above it", `"output":{"title":"t","summary":"` + text(65536) + `"}`, 422},
		{"text above it", `"output":{"title":"t","summary":"s","text":"` + text(65536) + `"}`, 422},
		{"output without title", `"output":{"summary":"s"}`, 422},
		{"output without summary", `"output":{"title":"s"}`, 422},
		{"50 annotations", `"output":{"title":"t","summary":"s","annotations":` + annotations(50) + `}`, 201},
		{"51 annotations", `"output":{"title":"t","summary":"s","annotations":` + annotations(51) + `}`, 422},
		{"three actions", `"actions":[` + action + `,` + action + `,` + action + `]`, 201},
		{"four actions", `"actions":[` + action + `,` + action + `,` + action + `,` + action + `]`, 422},
		{"label too long", `"actions":[` + strings.Replace(action, "1234", "12345", 1) + `]`, 422},
		{"unknown status", `"status":"waiting"`, 422},
		{"unknown conclusion", `"conclusion":"stale"`, 422},
		{"completed without conclusion", `"status":"completed"`, 422},
		{"conclusion completes", `"conclusion":"success"`, 201},
		{"details_url of no web page", `"details_url":"ftp://x"`, 422},
		{"wrong type", `"status":7`, 422},
	} {
		got, body := w.installed("POST", "/repos/acme/infra/check-runs",
			fmt.Sprintf(`{"name":"n","head_sha":%q,%s}`, head, tt.fields))
		if got != tt.want {
			t.Errorf("%s: got %d %v, want %d", tt.name, got, body["message"], tt.want)
		}
		if tt.name == "conclusion completes" && (body["status"] != "completed" || body["completed_at"] == nil) {
			t.Errorf("a conclusion: got status %v", body["status"])
		}
	}
	if got, body := w.installed("POST", "/repos/acme/infra/check-runs",
		`{"name":"n","head_sha":"0123456789012345678901234567890123456789"}`); got != 422 ||
		!strings.HasPrefix(body["message"].(string), "No commit found for SHA") {
		t.Errorf("unknown commit: got %d %v", got, body["message"])
	}
}

func TestCompletedIsFinalAndNewestWins(t *testing.T) {
	w := newWorld(t)
	n, head := w.openPull("x", map[string]string{"a": "1"})
	must(t, w.RequireChecks("acme/infra", "main", []RequiredCheck{{Context: "plan", AppID: w.app.ID}}))
	gh := w.client("cardea")
	create := func(name, conclusion string) int64 {
		o := github.CreateCheckRunOptions{Name: name, HeadSHA: head}
		if conclusion != "" {
			o.Conclusion = &conclusion
		}
		run, _, err := gh.Checks.CreateCheckRun(w.ctx, "acme", "infra", o)
		must(t, err)
		return run.GetID()
	}
	first := create("plan", "failure")
	for _, back := range []string{"in_progress", "queued"} {
		_, _, err := gh.Checks.UpdateCheckRun(w.ctx, "acme", "infra", first,
			github.UpdateCheckRunOptions{Name: "plan", Status: &back})
		if got := status(t, err); got != 422 {
			t.Errorf("completed back to %s: got %d, want 422", back, got)
		}
	}
	if _, _, err := gh.Checks.UpdateCheckRun(w.ctx, "acme", "infra", first,
		github.UpdateCheckRunOptions{Name: "plan",
			Output: &github.CheckRunOutput{Title: github.String("t"), Summary: github.String("s")}}); err != nil {
		t.Errorf("text of a completed run: %v", err)
	}
	second := create("plan", "")
	if _, err := w.Merge("acme/infra", n, "ada", ""); err == nil || !strings.Contains(err.Error(), "is queued") {
		t.Errorf("merge with the newest run queued: got %v", err)
	}
	third := create("plan", "success")
	list, _, err := gh.Checks.ListCheckRunsForRef(w.ctx, "acme", "infra", head, &github.ListCheckRunsOptions{})
	must(t, err)
	if list.GetTotal() != 1 || list.CheckRuns[0].GetID() != third {
		t.Errorf("latest runs: got %d, first %d; want only %d", list.GetTotal(), list.CheckRuns[0].GetID(), third)
	}
	list, _, err = gh.Checks.ListCheckRunsForRef(w.ctx, "acme", "infra", "x",
		&github.ListCheckRunsOptions{Filter: github.String("all")})
	must(t, err)
	if list.GetTotal() != 3 {
		t.Errorf("all runs: got %d, want 3 (among them %d and %d)", list.GetTotal(), first, second)
	}
	if _, err := w.Merge("acme/infra", n, "ada", ""); err != nil {
		t.Errorf("merge with the newest run green: %v", err)
	}
}

func TestAnnotationsAreAppended(t *testing.T) {
	w := newWorld(t)
	_, head := w.openPull("x", map[string]string{"a": "1"})
	gh := w.client("cardea")
	out := &github.CheckRunOutput{Title: github.String("t"), Summary: github.String("s"),
		Annotations: []*github.CheckRunAnnotation{
			{Path: github.String("a"), StartLine: github.Int(1), EndLine: github.Int(1), AnnotationLevel: github.String("failure"), Message: github.String("m")},
		}}
	run, _, err := gh.Checks.CreateCheckRun(w.ctx, "acme", "infra",
		github.CreateCheckRunOptions{Name: "n", HeadSHA: head, Output: out})
	must(t, err)
	run, _, err = gh.Checks.UpdateCheckRun(w.ctx, "acme", "infra", run.GetID(),
		github.UpdateCheckRunOptions{Name: "n", Output: out})
	must(t, err)
	list, _, err := gh.Checks.ListCheckRunAnnotations(w.ctx, "acme", "infra", run.GetID(), nil)
	must(t, err)
	if len(list) != 2 || run.GetOutput().GetAnnotationsCount() != 2 {
		t.Errorf("annotations after sending one twice: got %d and %d, want 2", len(list),
			run.GetOutput().GetAnnotationsCount())
	}
}

func TestOnlyTheOwnerChangesARun(t *testing.T) {
	w := newWorld(t)
	_, head := w.openPull("x", map[string]string{"a": "1"})
	run, _, err := w.client("cardea").Checks.CreateCheckRun(w.ctx, "acme", "infra",
		github.CreateCheckRunOptions{Name: "n", HeadSHA: head})
	must(t, err)
	w.app = must1(w.CreateApp(App{Slug: "other", Permissions: allPermissions}))(t)
	w.inst = must1(w.Install(w.app.ID, "acme"))(t)
	_, _, err = w.client("cardea").Checks.UpdateCheckRun(w.ctx, "acme", "infra", run.GetID(),
		github.UpdateCheckRunOptions{Name: "n", Conclusion: github.String("success")})
	if got := status(t, err); got != 403 {
		t.Errorf("another App's update: got %d, want 403", got)
	}
}

func TestButtonsAndReruns(t *testing.T) {
	w := newWorld(t)
	must(t, w.SetPermission("acme/infra", "joe", "read"))
	_, head := w.openPull("x", map[string]string{"a": "1"})
	gh := w.client("cardea")
	run, _, err := gh.Checks.CreateCheckRun(w.ctx, "acme", "infra", github.CreateCheckRunOptions{
		Name: "plan", HeadSHA: head, ExternalID: github.String("key"),
		Actions: []*github.CheckRunAction{{Label: "Re-plan", Description: "Plan again", Identifier: "plan"}},
	})
	must(t, err)
	id := run.GetID()
	if err := w.PressButton("ada", id, "plan"); err == nil {
		t.Error("a button before the run is completed")
	}
	_, _, err = gh.Checks.UpdateCheckRun(w.ctx, "acme", "infra", id,
		github.UpdateCheckRunOptions{Name: "plan", Conclusion: github.String("success")})
	must(t, err)
	if w.PressButton("joe", id, "plan") == nil || w.Rerequest("joe", id) == nil {
		t.Error("a button for somebody without write access")
	}
	if w.PressButton("ada", id, "apply") == nil {
		t.Error("a button that is not there")
	}
	must(t, w.PressButton("ada", id, "plan"))
	must(t, w.Rerequest("rob", id))
	runs := must1(w.CheckRuns("acme/infra", head))(t)
	must(t, w.RerequestAll("rob", runs[0].SuiteID))
	if diff := cmp.Diff([]string{"created", "completed", "requested_action", "rerequested"},
		w.actions("check_run")); diff != "" {
		t.Errorf("check_run events (-want +got):\n%s", diff)
	}
	pressed := w.events("check_run")[2]
	var e github.CheckRunEvent
	must(t, json.Unmarshal(pressed.raw, &e))
	got := []string{e.GetRequestedAction().Identifier, e.GetSender().GetLogin(), e.GetCheckRun().GetExternalID(),
		e.GetCheckRun().GetHeadSHA(), e.GetCheckRun().GetCheckSuite().GetHeadSHA()}
	if diff := cmp.Diff([]string{"plan", "ada", "key", head, head}, got); diff != "" {
		t.Errorf("pressed button (-want +got):\n%s", diff)
	}
	if got := w.actions("check_suite"); got[len(got)-1] != "rerequested" {
		t.Errorf("check_suite events: got %v, want rerequested last", got)
	}
	if after := must1(w.CheckRuns("acme/infra", head))(t)[0]; after.Conclusion != "success" {
		t.Errorf("a re-run request changed the run: %+v", after)
	}
}

func TestChecksBelongToACommit(t *testing.T) {
	w := newWorld(t)
	_, head := w.openPull("x", map[string]string{"a": "1"})
	w.sh("checkout", "-q", "main")
	w.commit("release", map[string]string{"b": "1"})
	w.push("release")
	second := must1(w.OpenPull("acme/infra", "ada", PullRequest{Title: "t", Head: "x", Base: "release"}))(t)
	gh := w.client("cardea")
	run, _, err := gh.Checks.CreateCheckRun(w.ctx, "acme", "infra",
		github.CreateCheckRunOptions{Name: "plan", HeadSHA: head, Conclusion: github.String("failure")})
	must(t, err)
	if len(run.PullRequests) != 2 {
		t.Errorf("pulls of the run: got %d, want 2", len(run.PullRequests))
	}
	must(t, w.RequireChecks("acme/infra", "release", []RequiredCheck{{Context: "plan"}}))
	if _, err := w.Merge("acme/infra", second, "ada", ""); err == nil || !strings.Contains(err.Error(), "failing") {
		t.Errorf("the other pull of this commit: got %v", err)
	}
	suites, _, err := gh.Checks.ListCheckSuitesForRef(w.ctx, "acme", "infra", head, nil)
	must(t, err)
	if suites.GetTotal() != 1 || suites.CheckSuites[0].GetConclusion() != "failure" ||
		suites.CheckSuites[0].GetHeadCommit().GetMessage() != "change" {
		t.Errorf("suites: got %v", suites)
	}
}
