package event

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-iac/cardea/workflow"
)

type obj = map[string]any

const appID = 7

func config() Config {
	return Config{AppID: appID, Prefixes: []string{"cardea"}, Rules: func(r workflow.Repo) (workflow.Rules, bool) {
		return workflow.Rules{Bots: []string{"renovate"}}, r.Owner == "acme"
	}}
}

// with returns a payload of acme/infra sent by ada, with more fields.
func with(fields obj) obj {
	p := obj{
		"repository":   obj{"id": 100, "full_name": "acme/infra", "private": true, "default_branch": "main", "created_at": 1600000000},
		"installation": obj{"id": 5},
		"sender":       obj{"id": 1, "login": "ada", "type": "User"},
	}
	for k, v := range fields {
		p[k] = v
	}
	return p
}

func pullEvent(action string, more obj) obj {
	p := with(obj{
		"action": action, "number": 12, "before": "b0",
		"pull_request": obj{"number": 12, "head": obj{"sha": "h1"}, "base": obj{"ref": "main", "sha": "b1"}, "updated_at": "2026-11-21T10:00:00Z"},
	})
	for k, v := range more {
		p[k] = v
	}
	return p
}

func commentEvent(action, body string, more obj) obj {
	p := with(obj{
		"action": action, "issue": obj{"number": 12, "pull_request": obj{"url": "x"}},
		"comment": obj{"id": 900, "body": body, "user": obj{"id": 1, "login": "ada", "type": "User"}, "created_at": "2026-11-21T10:00:00Z"},
	})
	for k, v := range more {
		p[k] = v
	}
	return p
}

func runEvent(action string, more obj) obj {
	p := with(obj{"action": action,
		"check_run": obj{"id": 55, "head_sha": "h1", "external_id": "cardea:1:100:12",
			"app": obj{"id": appID}, "pull_requests": []any{}}})
	for k, v := range more {
		p[k] = v
	}
	return p
}

func decide(t *testing.T, event string, payload any) Decision {
	t.Helper()
	raw, err := json.Marshal(payload)
	if err != nil {
		t.Fatal(err)
	}
	return Decide(workflow.Delivery{GUID: "g", Event: event, Payload: raw, Received: time.Unix(1, 0)}, config())
}

func TestDecideRequests(t *testing.T) {
	at := time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)
	pull := func(action, key string) workflow.Request {
		return workflow.Request{Key: key, Kind: workflow.RequestPull, Action: action, Head: "h1",
			Immediate: action != "synchronize", CommentedAt: at}
	}
	before := func(was string, r workflow.Request) workflow.Request {
		r.Before = was
		return r
	}
	closed := pull("closed", "pull:100#12:h1:closed:20261121T100000Z")
	closed.Kind = workflow.RequestClosed
	drafted := pull("converted_to_draft", "pull:100#12:h1:converted_to_draft:20261121T100000Z")
	drafted.Kind = workflow.RequestFacts
	titled := pull("edited", "pull:100#12:h1:edited:main:b1:20261121T100000Z")
	titled.Kind = workflow.RequestFacts
	command := func(key, action string, c *workflow.Command) workflow.Request {
		return workflow.Request{Key: key, Kind: workflow.RequestCommand, Action: action, Immediate: true, Command: c}
	}
	plan := &workflow.Command{Verb: workflow.VerbPlan}
	comment := command("comment:900", "comment", plan)
	comment.CommentID, comment.CommentedAt = 900, at
	fault := comment
	fault.Command, fault.CommandFault = nil, "There is no command `plam`. Did you mean `cardea plan`?"
	button := command("button:55:plan:1", "requested_action", plan)
	button.CheckRunID, button.Head, button.CommentedAt = 55, "h1", time.Unix(1, 0)
	rerun := command("button:55:rerun:1", "rerequested",
		&workflow.Command{Verb: workflow.VerbPlan, Select: workflow.Selector{Projects: []string{"a:b/c"}}})
	rerun.CheckRunID, rerun.Head, rerun.CommentedAt = 55, "h1", time.Unix(1, 0)
	apply, approve, strange := button, button, button
	apply.Key, apply.Command = "button:55:apply:1", &workflow.Command{Verb: workflow.VerbApply}
	approve.Key, approve.Command = "button:55:approve:1", &workflow.Command{Verb: workflow.VerbApprove}
	strange.Command, strange.CommandFault = nil, "There is no button `no?pe`."
	strange.Key = "button:55:no`pe:1"
	reviewed := workflow.Request{Key: "review:77:submitted", Kind: workflow.RequestReview, Action: "submitted", Immediate: true, CommentedAt: at}
	byRex := obj{"user": obj{"id": 3, "login": "rex", "type": "User"}, "id": 77, "commit_id": "h1", "submitted_at": "2026-11-21T10:00:00Z"}
	given := func(more obj) obj {
		r := obj{}
		for _, part := range []obj{byRex, more} {
			for k, v := range part {
				r[k] = v
			}
		}
		return obj{"review": r}
	}
	own := obj{"id": 1, "login": "ada", "type": "User"}
	of := func(action, key string, r workflow.Review) workflow.Request {
		r.ID, r.At, r.Head = 77, at, "h1"
		return workflow.Request{Key: key, Kind: workflow.RequestReview, Action: action, Immediate: true, CommentedAt: at, Review: &r}
	}
	ada, rex := workflow.Actor{ID: 1, Login: "ada"}, workflow.Actor{ID: 3, Login: "rex"}
	suite := command("suite:8:20261121T100000Z:1", "rerequested", plan)
	suite.Head = "h1"

	tests := []struct {
		name, event string
		payload     obj
		want        workflow.Request
	}{
		{"made a draft", "pull_request", pullEvent("converted_to_draft", nil), drafted},
		{"opened", "pull_request", pullEvent("opened", nil), pull("opened", "pull:100#12:h1:opened")},
		{"reopened", "pull_request", pullEvent("reopened", nil), pull("reopened", "pull:100#12:h1:reopened:20261121T100000Z")},
		{"ready", "pull_request", pullEvent("ready_for_review", nil), pull("ready_for_review", "pull:100#12:h1:ready_for_review:20261121T100000Z")},
		{"push", "pull_request", pullEvent("synchronize", nil), before("b0", pull("synchronize", "pull:100#12:h1:synchronize:b0:20261121T100000Z"))},
		{"base", "pull_request", pullEvent("edited", obj{"changes": obj{"base": obj{"ref": obj{"from": "old"}}}}), before("old", pull("edited", "pull:100#12:h1:edited:main:b1:20261121T100000Z"))},
		{"title", "pull_request", pullEvent("edited", obj{"changes": obj{"title": obj{"from": "x"}}}), titled},
		{"closed", "pull_request", pullEvent("closed", nil), closed},
		{"comment", "issue_comment", commentEvent("created", "cardea plan", nil), comment},
		{"comment not understood", "issue_comment", commentEvent("created", "cardea plam", nil), fault},
		{"button", "check_run", runEvent("requested_action", obj{"requested_action": obj{"identifier": "plan"}}), button},
		{"apply button", "check_run", runEvent("requested_action", obj{"requested_action": obj{"identifier": "apply"}}), apply},
		{"approve button", "check_run", runEvent("requested_action", obj{"requested_action": obj{"identifier": "approve"}}), approve},
		{"no such button", "check_run", runEvent("requested_action", obj{"requested_action": obj{"identifier": "no`pe"}}), strange},
		{"review", "pull_request_review", pullEvent("submitted", obj{"review": obj{"id": 77}}), reviewed},
		{"an approving review", "pull_request_review", pullEvent("submitted", given(obj{"user": own, "state": "approved"})),
			of("submitted", "review:77:submitted", workflow.Review{By: ada, State: "approved"})},
		{"one that requests changes", "pull_request_review", pullEvent("submitted", given(obj{"user": own, "state": "changes_requested"})),
			of("submitted", "review:77:submitted", workflow.Review{By: ada, State: "changes_requested"})},
		{"one that comments", "pull_request_review", pullEvent("submitted", given(obj{"user": own, "state": "commented"})), reviewed},
		{"dismissed by somebody else", "pull_request_review", pullEvent("dismissed", given(obj{"state": "dismissed"})),
			of("dismissed", "review:77:dismissed", workflow.Review{By: rex, State: "dismissed"})},
		{"edited by somebody else", "pull_request_review", pullEvent("edited", given(obj{"state": "approved"})),
			of("edited", "review:77:edited:20261121T100000Z", workflow.Review{By: rex, State: "approved", Edited: true})},
		{"re-run of a project", "check_run", runEvent("rerequested", obj{"check_run": obj{"id": 55, "head_sha": "h1", "external_id": "cardea:1:100:12:a:b/c", "app": obj{"id": appID}}}), rerun},
		{"re-run all", "check_suite", with(obj{"action": "rerequested", "check_suite": obj{"id": 8, "head_sha": "h1", "app": obj{"id": appID}, "updated_at": at,
			"pull_requests": []obj{{"number": 3, "base": obj{"repo": obj{"id": 999}}}, {"number": 12, "base": obj{"repo": obj{"id": 100}}}}}}), suite},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			want := tt.want
			want.GUID, want.Number, want.Received = "g", 12, time.Unix(1, 0)
			want.Actor = workflow.Actor{ID: 1, Login: "ada"}
			want.Repo = workflow.Repo{ID: 100, Owner: "acme", Name: "infra", InstallationID: 5,
				DefaultBranch: "main", Private: true}
			got := decide(t, tt.event, tt.payload)
			if diff := cmp.Diff(&want, got.Request); diff != "" {
				t.Errorf("request differs (-want +got), note %q:\n%s", got.Note, diff)
			}
		})
	}
	listed := decide(t, "issue_comment", commentEvent("created", "cardea plan", obj{
		"sender": obj{"id": 2, "login": "renovate[bot]", "type": "Bot"}, "comment": obj{"id": 1, "body": "cardea plan", "user": obj{"id": 2}},
	}))
	if r := listed.Request; r == nil || !r.Actor.Bot || r.Actor.Slug() != "renovate" {
		t.Errorf("a listed app's comment: got %+v", listed)
	}
}

// Of every fact of a pull that can change GitHub tells by an event, and that event has the pull
// looked at again; what is told in no event of a pull stands here with the reason.
func TestDecideKnowsEveryFact(t *testing.T) {
	untold := map[string]string{
		"Repo": "an event of the repository or the installation", "Number": "never changes", "Author": "never changes",
		"Fork": "never changes", "UpdatedAt": "the clock alone",
	}
	from := obj{"from": "x"}
	told := map[string][]obj{
		"Title": {pullEvent("edited", obj{"changes": obj{"title": from}})},
		"Head":  {pullEvent("synchronize", nil)},
		"Base":  {pullEvent("edited", obj{"changes": obj{"base": obj{"ref": from}}})},
		"State": {pullEvent("closed", nil), pullEvent("reopened", nil)},
		"Draft": {pullEvent("converted_to_draft", nil), pullEvent("ready_for_review", nil)},
	}
	for _, f := range reflect.VisibleFields(reflect.TypeFor[workflow.Pull]()) {
		events := told[f.Name]
		if (untold[f.Name] != "") == (len(events) > 0) {
			t.Errorf("which event tells that %s changed?", f.Name)
		}
		for _, e := range events {
			if got := decide(t, "pull_request", e); got.Request == nil || got.Request.Number != 12 {
				t.Errorf("%s, told by %v: got %+v (%q)", f.Name, e["action"], got.Request, got.Note)
			}
		}
	}
}

func TestDecideIgnores(t *testing.T) {
	bot := obj{"id": 2, "login": "stranger[bot]", "type": "Bot"}
	tests := []struct {
		name, event string
		payload     any
		want        string
	}{
		{"text", "pull_request", pullEvent("edited", obj{"changes": obj{"body": obj{"from": "x"}}}), "text was edited"},
		{"labels", "pull_request", pullEvent("labeled", nil), `"labeled"`},
		{"unknown action", "pull_request", pullEvent("zzz", nil), `"zzz"`},
		{"edited comment", "issue_comment", commentEvent("edited", "cardea plan", nil), "was edited"},
		{"deleted comment", "issue_comment", commentEvent("deleted", "cardea plan", nil), "was deleted"},
		{"issue", "issue_comment", commentEvent("created", "cardea plan", obj{"issue": obj{"number": 12}}), "on an issue"},
		{"chat", "issue_comment", commentEvent("created", "hello", nil), "not for Cardea"},
		{"someone else's comment", "issue_comment", commentEvent("created", "cardea plan", obj{"sender": obj{"id": 9, "login": "eve", "type": "User"}}), "not written by its sender"},
		{"our own, edited by us", "issue_comment", commentEvent("edited", "x", obj{"comment": obj{"id": 1, "body": "x", "user": obj{"id": 77}, "performed_via_github_app": obj{"id": appID}}, "sender": obj{"id": 77, "login": "cardea[bot]", "type": "Bot"}}), "a comment was edited"},
		{"our own", "issue_comment", commentEvent("created", "cardea plan", obj{"comment": obj{"id": 1, "body": "cardea plan", "user": obj{"id": 1}, "performed_via_github_app": obj{"id": appID}}}), "is Cardea's own"},
		{"app", "issue_comment", commentEvent("created", "cardea plan", obj{"sender": bot, "comment": obj{"id": 1, "body": "cardea plan", "user": bot}}), "does not list"},
		{"our own check", "check_run", runEvent("created", nil), "was created"},
		{"another app's check", "check_run", runEvent("rerequested", obj{"check_run": obj{"id": 55, "external_id": "cardea:1:100:12", "app": obj{"id": 8}}}), "another app"},
		{"planted external id", "check_run", runEvent("rerequested", obj{"check_run": obj{"id": 55, "external_id": "cardea:1:101:12", "app": obj{"id": appID}}}), "no pull of this repository"},
		{"our own re-run", "check_run", runEvent("rerequested", obj{"sender": bot}), "does not list"},
		{"another app's suite", "check_suite", with(obj{"action": "rerequested", "check_suite": obj{"id": 8, "head_sha": "h1", "app": obj{"id": 8}, "pull_requests": []any{}}}), "another app"},
		{"push of a tag", "push", with(obj{"ref": "refs/tags/v1", "after": "abc"}), "not of a branch"},
		{"branch deleted", "push", with(obj{"ref": "refs/heads/x", "deleted": true, "after": strings.Repeat("0", 40)}), "was deleted"},
		{"review edited", "pull_request_review", pullEvent("edited", obj{"review": obj{"id": 77}}), "was edited"},
		{"a review that another sends", "pull_request_review", pullEvent("submitted", obj{"review": obj{"id": 77, "state": "approved", "user": obj{"id": 3, "login": "rex"}}}), "not written by its sender"},
		{"review of nothing", "pull_request_review", with(obj{"action": "submitted", "review": obj{"id": 77}}), "names no pull"},
		{"queue", "merge_group", with(obj{"action": "checks_requested"}), "no action for"},
		{"no rule", "pull_request", pullEvent("opened", obj{"repository": obj{"id": 100, "full_name": "other/infra"}}), "no rule"},
		{"no installation", "pull_request", pullEvent("opened", obj{"installation": nil}), "no installation"},
		{"not an object", "pull_request", []int{1}, "does not match"},
		{"strange types", "issue_comment", commentEvent("created", "x", obj{"comment": "text"}), "does not match"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := decide(t, tt.event, tt.payload)
			if got.Request != nil || !strings.HasPrefix(got.Note, "ignored: ") || !strings.Contains(got.Note, tt.want) {
				t.Errorf("got %+v (%q), want it ignored with %q", got.Request, got.Note, tt.want)
			}
		})
	}
}

// A push asks about every pull on its branch, so it names none.
func TestDecidePush(t *testing.T) {
	got := decide(t, "push", with(obj{
		"ref": "refs/heads/release/1.2", "before": "b0", "after": "b1",
		"repository": obj{"id": 100, "full_name": "acme/infra", "default_branch": "main", "created_at": 1600000000, "pushed_at": 1760000000},
	}))
	want := &workflow.Request{
		GUID: "g", Key: "push:100:release/1.2:b0:b1:1760000000", Kind: workflow.RequestBase, Action: "release/1.2",
		Head: "b1", Received: time.Unix(1, 0),
		Repo:  workflow.Repo{ID: 100, Owner: "acme", Name: "infra", InstallationID: 5, DefaultBranch: "main"},
		Actor: workflow.Actor{ID: 1, Login: "ada"},
	}
	if diff := cmp.Diff(want, got.Request); diff != "" {
		t.Errorf("request differs (-want +got), note %q:\n%s", got.Note, diff)
	}
}

// A button that approves or applies says which plans its check run offered.
func TestDecideButtonShown(t *testing.T) {
	ref := CheckRef{RepoID: 100, Number: 12, Shown: ShownKey(map[string]string{"a": "f1"})}
	run := obj{"check_run": obj{"id": 55, "head_sha": "h1", "external_id": ref.String(), "app": obj{"id": appID}}}
	for _, ident := range []string{"plan", "approve", "apply"} {
		p := runEvent("requested_action", run)
		p["requested_action"] = obj{"identifier": ident}
		got := decide(t, "check_run", p)
		if want := ident != "plan"; got.Request == nil || got.Request.Number != 12 || Binds(*got.Request) != want ||
			(got.Shown == ref.Shown) != want {
			t.Errorf("%s: got %+v, shown %q", ident, got.Request, got.Shown)
		}
	}
	suite := decide(t, "check_suite",
		with(obj{"action": "rerequested",
			"check_suite": obj{"id": 8, "head_sha": "h1", "app": obj{"id": appID}, "pull_requests": []any{}}}))
	if r := suite.Request; r == nil || !OfHead(*r) || r.About() != workflow.OfRepo(100) {
		t.Errorf("a suite of which GitHub names no pull: %+v", suite)
	}
	again := decide(t, "check_run", runEvent("rerequested", run))
	if OfHead(*again.Request) {
		t.Error("a re-run of one check is taken for one of all")
	}
	if again.Request == nil || again.Request.Command.Verb != workflow.VerbPlan {
		t.Errorf("a re-run of cardea/apply: got %+v, want a plan", again.Request)
	}
}

func TestShownKey(t *testing.T) {
	key := ShownKey(map[string]string{"a": "1", "b": "2"})
	for _, other := range []map[string]string{{"a": "1"}, {"a": "2", "b": "1"}, {"a": "1", "b": "3"},
		{"a": "1", "b": "2", "c": "3"}, {"ab": "12"}, {"a": "1b2"}} {
		if got := ShownKey(other); got == key || len(got) != 32 {
			t.Errorf("ShownKey(%v) = %q, the other is %q", other, got, key)
		}
	}
	if got := ShownKey(nil); got != "" {
		t.Errorf("of no plans: %q", got)
	}
}

func TestDecideRepositories(t *testing.T) {
	infra := workflow.Repo{ID: 100, Owner: "acme", Name: "infra", InstallationID: 5}
	list := []obj{{"id": 100, "full_name": "acme/infra"}}
	tests := []struct {
		name, event string
		payload     obj
		want        Decision
	}{
		{"created", "installation", with(obj{"action": "created", "repositories": list}), Decision{Repos: []workflow.Repo{infra}}},
		{"suspended", "installation", with(obj{"action": "suspend"}), Decision{Suspended: true, Installation: 5}},
		{"back", "installation", with(obj{"action": "unsuspend"}), Decision{Installation: 5}},
		{"deleted", "installation", with(obj{"action": "deleted", "repositories": list}), Decision{Repos: []workflow.Repo{infra}, Suspended: true, Installation: 5}},
		{"added", "installation_repositories", with(obj{"action": "added", "repositories_added": list}), Decision{Repos: []workflow.Repo{infra}}},
		{"removed", "installation_repositories", with(obj{"action": "removed", "repositories_removed": list}), Decision{Repos: []workflow.Repo{infra}, Suspended: true}},
		{"renamed", "repository", with(obj{"action": "renamed"}), Decision{Repos: []workflow.Repo{{ID: 100, Owner: "acme", Name: "infra", InstallationID: 5, DefaultBranch: "main", Private: true}}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := decide(t, tt.event, tt.payload)
			got.Note = ""
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("decision differs (-want +got):\n%s", diff)
			}
		})
	}
}

// FuzzDecide holds that no payload makes the decision panic, and that whatever
// asks for something names a pull and a meaning.
func FuzzDecide(f *testing.F) {
	for _, e := range Known {
		f.Add(e, []byte(`{"action":"created"}`))
	}
	for _, p := range []obj{pullEvent("opened", nil), commentEvent("created", "cardea plan", nil),
		runEvent("rerequested", nil)} {
		raw, err := json.Marshal(p)
		if err != nil {
			f.Fatal(err)
		}
		f.Add("pull_request", raw)
		f.Add("issue_comment", raw)
		f.Add("check_run", raw)
	}
	f.Fuzz(func(t *testing.T, event string, payload []byte) {
		d := Decide(workflow.Delivery{GUID: "g", Event: event, Payload: payload}, config())
		if d.Note == "" {
			t.Fatal("no note")
		}
		if r := d.Request; r != nil &&
			(r.Key == "" || r.Check() != nil ||
				r.About() == workflow.OfRepo(r.Repo.ID) && r.Kind != workflow.RequestBase && !OfHead(*r) || r.Kind == "" ||
				r.Kind == workflow.RequestCommand && (r.Command == nil) == (r.CommandFault == "")) {
			t.Fatalf("request %+v", r)
		}
	})
}

func TestCheckRef(t *testing.T) {
	for _, r := range []CheckRef{{RepoID: 1, Number: 2}, {RepoID: 1, Number: 2, Project: "a:b/c d"},
		{RepoID: 1, Number: 2, Shown: "0a"}} {
		if got, ok := ParseCheckRef(r.String()); !ok || got != r {
			t.Errorf("ParseCheckRef(%q) = %+v, %v", r.String(), got, ok)
		}
	}
	for _, s := range []string{"", "cardea", "cardea:2:1:1", "cardea:3:1:1:x", "x:1:1:1",
		"cardea:1:a:1", "cardea:1:1:-1", "cardea:1:0:1"} {
		if _, ok := ParseCheckRef(s); ok {
			t.Errorf("ParseCheckRef(%q) is accepted", s)
		}
	}
}

// TestEditedOurs: an edit of our comment by somebody else is told, and commands nothing.
func TestEditedOurs(t *testing.T) {
	got := decide(t, "issue_comment",
		commentEvent("edited", "cardea apply",
			obj{"comment": obj{"id": 5, "body": "cardea apply", "user": obj{"id": 77, "login": "cardea[bot]", "type": "Bot"},
				"updated_at": "2026-11-21T10:00:00Z", "performed_via_github_app": obj{"id": appID}}}))
	want := &Edited{Pull: workflow.PullKey{RepoID: 100, Number: 12}, CommentID: 5, By: workflow.Actor{ID: 1, Login: "ada"},
		At: time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)}
	if diff := cmp.Diff(want, got.Edited); diff != "" || got.Request != nil {
		t.Errorf("request %v, edited (-want +got):\n%s", got.Request, diff)
	}
}
