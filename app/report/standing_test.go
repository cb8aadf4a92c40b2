package report

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-iac/cardea/app/event"
	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/templates/model"
	"github.com/cardea-iac/cardea/workflow"
)

// planned is a project whose plan has changes, with a fingerprint.
func planned(name string) workflow.ProjectRecord {
	p := ended(name, workflow.OutcomeSucceeded)
	p.Run.Head, p.Run.Fingerprint = "h", "f-"+name
	return p
}

// apply adds an apply of the present plan that began.
func apply(p workflow.ProjectRecord, state workflow.RunState, outcome workflow.Outcome,
	change func(*workflow.ApplyOrder)) workflow.ProjectRecord {
	order := &workflow.ApplyOrder{PlanRun: p.Run.ID, Spent: true}
	if change != nil {
		change(order)
	}
	p.Apply = &workflow.Run{ID: "apply-" + p.Project.Name, Kind: workflow.RunApply,
		State: state, Outcome: outcome, Head: "h", Apply: order}
	p.Held = true
	return p
}

func applied(name string) workflow.ProjectRecord {
	return apply(planned(name), workflow.RunFinished, workflow.OutcomeSucceeded, nil)
}

func verified(name string, state workflow.RunState, noChanges bool) workflow.ProjectRecord {
	p := applied(name)
	p.Verify = &workflow.Run{ID: "verify-" + name, Kind: workflow.RunVerify, State: state, Head: "h", NoChanges: noChanges}
	if state == workflow.RunFinished {
		p.Verify.Outcome = workflow.OutcomeSucceeded
	}
	return p
}

// replan puts another plan in the place of the one that was applied.
func replan(p workflow.ProjectRecord, state workflow.RunState, outcome workflow.Outcome) workflow.ProjectRecord {
	p.Run = &workflow.Run{ID: "again-" + p.Project.Name, State: state, Outcome: outcome, Head: "h"}
	return p
}

// The rows of behaviour.md §7 about applying.
func TestDesiredApplyChecks(t *testing.T) {
	failed := apply(planned("f"), workflow.RunFinished, workflow.OutcomeFailed, nil)
	unknown := apply(planned("u"), workflow.RunFinished, workflow.OutcomeUnknown, nil)
	kept := apply(planned("k"), workflow.RunFinished, workflow.OutcomeFailed, func(o *workflow.ApplyOrder) { o.ErroredState = "x" })
	running := apply(planned("r"), workflow.RunRunning, "", nil)
	queuedApply := apply(planned("q"), workflow.RunQueued, "", func(o *workflow.ApplyOrder) { o.Spent = false })
	outdated := planned("o")
	outdated.Outdated = phrase.Say("The base moved.")
	same := project("s", workflow.RunFinished, workflow.OutcomeSucceeded, true)
	tests := []struct {
		name        string
		projects    []workflow.ProjectRecord
		plan, apply string
		final       bool
	}{
		{"applying", []workflow.ProjectRecord{running, applied("a"), planned("p")}, success, inProgress, false},
		{"an apply is queued", []workflow.ProjectRecord{queuedApply}, success, inProgress, false},
		{"applied, and being verified", []workflow.ProjectRecord{verified("a", workflow.RunRunning, false)}, success, success, false},
		{"all applied", []workflow.ProjectRecord{verified("a", workflow.RunFinished, true), same}, success, success, true},
		{"some of several", []workflow.ProjectRecord{verified("a", workflow.RunFinished, true), planned("p")}, success, actionRequired, true},
		{"outdated", []workflow.ProjectRecord{outdated}, success, actionRequired, true},
		{"an apply failed", []workflow.ProjectRecord{failed, applied("a"), planned("p")}, success, failure, true},
		{"failed, and planned anew", []workflow.ProjectRecord{replan(failed, workflow.RunRunning, "")}, inProgress, failure, false},
		{"failed, and the new plan is there", []workflow.ProjectRecord{replan(failed, workflow.RunFinished, workflow.OutcomeSucceeded)}, success, failure, true},
		{"failed beside one that is planned", []workflow.ProjectRecord{failed, project("x", workflow.RunQueued, "", false)}, inProgress, failure, false},
		{"unknown", []workflow.ProjectRecord{unknown}, success, failure, true},
		{"unknown, and planned anew", []workflow.ProjectRecord{replan(unknown, workflow.RunFinished, workflow.OutcomeFailed)}, failure, failure, true},
		{"errored state", []workflow.ProjectRecord{kept}, success, failure, true},
		{"applying beside one that is planned", []workflow.ProjectRecord{running, project("x", workflow.RunQueued, "", false)}, inProgress, queued, false},
		{"applying beside a failed plan", []workflow.ProjectRecord{running, ended("x", workflow.OutcomeFailed)}, failure, actionRequired, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := Desired(pull(1, true, nil, tt.projects...), nil, Options{Links: model.Links{PublicURL: "https://x"}})
			if diff := cmp.Diff(map[string]string{PlanCheck: tt.plan, ApplyCheck: tt.apply}, states(w)); diff != "" {
				t.Errorf("checks differ (-want +got):\n%s", diff)
			}
			if w.Final != tt.final {
				t.Errorf("final %v, want %v", w.Final, tt.final)
			}
		})
	}
	if w := Desired(pull(1, false, nil, unknown), nil, Options{}); states(w)[ApplyCheck] != queued {
		t.Errorf("another head after a failed apply: %v", states(w))
	}
}

// view is a pull with the plans of its projects.
func view(projects ...workflow.ProjectRecord) workflow.PullView {
	v := pull(1, true, nil, projects...)
	v.Plans = map[string]workflow.Plan{}
	for _, p := range projects {
		if p.Run != nil && p.Run.Outcome == workflow.OutcomeSucceeded {
			v.Plans[p.Run.ID] = workflow.Plan{Fingerprint: p.Run.Fingerprint, NoChanges: p.Run.NoChanges}
		}
	}
	return v
}

func approved(p workflow.ProjectRecord, by int64, fingerprint, void string) workflow.ProjectRecord {
	p.Approvals = append(p.Approvals,
		workflow.Approval{Fingerprint: fingerprint, User: workflow.Actor{ID: by}, Void: void})
	return p
}

// Buttons are there when they mean something, and about the plans that the check run names.
func TestButtons(t *testing.T) {
	rules := workflow.Rules{Require: []workflow.Requirement{workflow.NeedApproved},
		Approvals: workflow.ApprovalRules{Count: 2}}
	twice := approved(approved(planned("a"), 1, "f-a", ""), 2, "f-a", "")
	outdated := planned("o")
	outdated.Outdated = phrase.Say("The base moved.")
	tests := []struct {
		name     string
		rules    workflow.Rules
		projects []workflow.ProjectRecord
		want     string
		offered  map[string]string
	}{
		{"not approved", rules, []workflow.ProjectRecord{planned("a")}, "[approve]", map[string]string{"a": "f-a"}},
		{"one of two, by one person twice", rules, []workflow.ProjectRecord{approved(approved(planned("a"), 1, "f-a", ""), 1, "f-a", "")}, "[approve]", map[string]string{"a": "f-a"}},
		{"of another plan, and void", rules, []workflow.ProjectRecord{approved(approved(planned("a"), 1, "old", ""), 2, "f-a", "It changed.")}, "[approve]", map[string]string{"a": "f-a"}},
		{"approved", rules, []workflow.ProjectRecord{twice}, "[apply]", map[string]string{"a": "f-a"}},
		{"some", rules, []workflow.ProjectRecord{twice, planned("b")}, "[approve apply]", map[string]string{"a": "f-a", "b": "f-b"}},
		{"no approval is needed", workflow.Rules{}, []workflow.ProjectRecord{planned("a")}, "[apply]", map[string]string{"a": "f-a"}},
		{"outdated ones are not offered", rules, []workflow.ProjectRecord{outdated}, "[]", nil},
		{"after a failed apply", workflow.Rules{}, []workflow.ProjectRecord{apply(planned("a"), workflow.RunFinished, workflow.OutcomeFailed, nil)}, "[apply]", map[string]string{"a": "f-a"}},
		{"an outcome is unknown", workflow.Rules{}, []workflow.ProjectRecord{apply(planned("a"), workflow.RunFinished, workflow.OutcomeUnknown, nil)}, "[]", nil},
		{"while planning", workflow.Rules{}, []workflow.ProjectRecord{planned("a"), project("b", workflow.RunRunning, "", false)}, "[]", nil},
		{"while applying", workflow.Rules{}, []workflow.ProjectRecord{planned("a"), apply(planned("b"), workflow.RunRunning, "", nil)}, "[]", nil},
		{"applied", workflow.Rules{}, []workflow.ProjectRecord{applied("a")}, "[]", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v := view(tt.projects...)
			for _, c := range Desired(v, nil, Options{Rules: tt.rules, Links: model.Links{Fingerprints: true}}).Checks {
				if c.Name != ApplyCheck {
					continue
				}
				got := []string{}
				for _, b := range c.Actions {
					got = append(got, b.Identifier)
				}
				want := event.CheckRef{RepoID: 100, Number: 1, Shown: ShownKey(v, tt.offered)}
				if fmt.Sprint(got) != tt.want || c.ExternalID != want.String() {
					t.Errorf("got buttons %v about %q, want %s about %q", got, c.ExternalID, tt.want, want)
				}
			}
		})
	}
}

// A pull is merged by itself only when all of it is applied and a plan after that found nothing left.
func TestMergeable(t *testing.T) {
	done := verified("a", workflow.RunFinished, true)
	same := project("s", workflow.RunFinished, workflow.OutcomeSucceeded, true)
	draft, closed := pull(1, true, nil, done), pull(1, true, nil, done)
	draft.Pull.Draft, closed.Pull.State = true, workflow.PullClosed
	unplanned := pull(1, true, nil, done)
	unplanned.Unplanned = []string{"b"}
	tests := []struct {
		name string
		view workflow.PullView
		want bool
	}{
		{"one is not planned by itself", unplanned, false},
		{"verified", pull(1, true, nil, done, same), true},
		{"not verified yet", pull(1, true, nil, applied("a")), false},
		{"being verified", pull(1, true, nil, verified("a", workflow.RunRunning, false)), false},
		{"residue", pull(1, true, nil, verified("a", workflow.RunFinished, false)), false},
		{"not all applied", pull(1, true, nil, done, planned("b")), false},
		{"one failed", pull(1, true, nil, done, apply(planned("f"), workflow.RunFinished, workflow.OutcomeFailed, nil)), false},
		{"one is planned", pull(1, true, nil, done, project("x", workflow.RunQueued, "", false)), false},
		{"nothing was applied", pull(1, true, nil, same), false},
		{"nothing is affected", pull(1, true, nil), false},
		{"not known", pull(1, false, nil, done), false},
		{"draft", draft, false},
		{"closed", closed, false},
	}
	for _, tt := range tests {
		if got := Mergeable(tt.view.PullRecord); got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
}

// TestStandingsUnsupported: a change that concerns what Cardea does not plan is never green, and a
// worse standing still shows.
func TestStandingsUnsupported(t *testing.T) {
	for _, tt := range []struct {
		name     string
		projects []workflow.ProjectRecord
		want     Standings
	}{
		{"alone", nil, Standings{Unsupported, Unsupported}},
		{"with changes", []workflow.ProjectRecord{planned("a")}, Standings{Unsupported, Unsupported}},
		{"with a failure", []workflow.ProjectRecord{ended("a", workflow.OutcomeFailed)}, Standings{Failed, Failed}},
		{"while applying", []workflow.ProjectRecord{apply(planned("a"), workflow.RunRunning, "", func(*workflow.ApplyOrder) {})}, Standings{Unsupported, Applying}},
	} {
		rec := workflow.PullRecord{Known: true, Projects: tt.projects,
			NotPlanned: []workflow.NotPlanned{{Kind: "Terragrunt", Dirs: []string{"x"}, Count: 1}}}
		if got := StandingsOf(rec); got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
		if plan, _ := StandingsOf(rec).Checks(); plan[1] == success {
			t.Errorf("%s: cardea/plan is green", tt.name)
		}
	}
	if got := StandingsOf(workflow.PullRecord{Known: true,
		NotPlanned: []workflow.NotPlanned{{Kind: workflow.Unreadable, Dirs: []string{"m"}, Count: 1}}}); got != (Standings{Unsupported, Unsupported}) {
		t.Errorf("a directory that cannot be read: got %v", got)
	}
	if got := StandingsOf(workflow.PullRecord{Known: true,
		NotPlanned: []workflow.NotPlanned{{Dirs: []string{"m"}, Count: 1}}}); got != (Standings{Done, Done}) {
		t.Errorf("a module for others: got %v", got)
	}
}
