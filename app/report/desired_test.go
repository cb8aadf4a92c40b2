package report

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-iac/cardea/app/github"
	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/templates/model"
	"github.com/cardea-iac/cardea/workflow"
)

// pull is a pull with projects.
func pull(number int, known bool, trouble *workflow.Trouble, projects ...workflow.ProjectRecord) workflow.PullView {
	return workflow.PullView{PullRecord: workflow.PullRecord{
		Pull: workflow.Pull{
			Repo: workflow.Repo{ID: 100, Owner: "acme", Name: "infra"}, Number: number, State: workflow.PullOpen,
			Head: workflow.Ref{Ref: "feature", SHA: strings.Repeat("a", 40)},
			Base: workflow.Ref{Ref: "main", SHA: strings.Repeat("b", 40)},
		},
		Known: known, Trouble: trouble, Projects: projects,
	}}
}

func project(name string, state workflow.RunState, outcome workflow.Outcome, noChanges bool) workflow.ProjectRecord {
	return workflow.ProjectRecord{
		Project: workflow.Project{Name: name, Dir: name},
		Run:     &workflow.Run{ID: "run-" + name, State: state, Outcome: outcome, NoChanges: noChanges},
	}
}

func ended(name string, outcome workflow.Outcome) workflow.ProjectRecord {
	return project(name, workflow.RunFinished, outcome, false)
}

func state(c github.Check) string {
	if c.Status == completed {
		return c.Conclusion
	}
	return c.Status
}

// states are what the checks say, by name.
func states(w Wanted) map[string]string {
	out := map[string]string{}
	for _, c := range w.Checks {
		out[c.Name] = state(c)
	}
	return out
}

// Every row of behaviour.md §7 that exists while nothing is applied.
func TestDesiredChecks(t *testing.T) {
	changed := ended("a", workflow.OutcomeSucceeded)
	same := project("b", workflow.RunFinished, workflow.OutcomeSucceeded, true)
	planning := project("c", workflow.RunRunning, "", false)
	refused := workflow.ProjectRecord{Project: workflow.Project{Name: "r", Refused: phrase.Say("its state would be lost")}}
	deleted := workflow.ProjectRecord{Project: workflow.Project{Name: "d"}, Deleted: true}
	trouble := func(kind workflow.TroubleKind) *workflow.Trouble {
		return &workflow.Trouble{Kind: kind, Title: phrase.Say("No"), Sentences: phrase.Texts("Because.")}
	}
	tests := []struct {
		name              string
		view              workflow.PullView
		plan, apply       string
		final             bool
		comment, optional bool
	}{
		{"not yet known", pull(1, false, nil, changed), queued, queued, false, false, false},
		{"planning", pull(1, true, nil, planning, changed), inProgress, queued, false, true, false},
		{"a run is queued", pull(1, true, nil, project("c", workflow.RunQueued, "", false)), inProgress, queued, false, true, false},
		{"planning beside a failed one", pull(1, true, nil, planning, ended("f", workflow.OutcomeFailed)), inProgress, queued, false, true, false},
		{"conflict", pull(1, true, trouble(workflow.TroubleConflict)), failure, actionRequired, true, true, false},
		{"faulty configuration", pull(1, true, trouble(workflow.TroubleConfig)), failure, actionRequired, true, true, false},
		{"GitHub kept failing", pull(1, true, trouble(workflow.TroubleFailed)), failure, actionRequired, true, true, false},
		{"a plan failed", pull(1, true, nil, changed, ended("f", workflow.OutcomeFailed), ended("t", workflow.OutcomeTimedOut)), failure, actionRequired, true, true, false},
		{"a runner was lost", pull(1, true, nil, ended("f", workflow.OutcomeLost)), failure, actionRequired, true, true, false},
		{"a project is refused", pull(1, true, nil, same, refused), failure, actionRequired, true, true, false},
		{"a plan timed out", pull(1, true, nil, changed, ended("t", workflow.OutcomeTimedOut)), timedOut, actionRequired, true, true, false},
		{"may not plan", pull(1, true, trouble(workflow.TroubleNotPermitted)), actionRequired, actionRequired, true, true, true},
		{"changes", pull(1, true, nil, changed, same, deleted), success, actionRequired, true, true, false},
		{"no changes", pull(1, true, nil, same), success, success, true, true, false},
		{"nothing affected", pull(1, true, nil), success, success, true, true, true},
		{"deleted alone", pull(1, true, nil, deleted), success, success, true, true, false},
		{"cancelled", pull(1, true, nil, changed, ended("x", workflow.OutcomeCancelled)), cancelled, cancelled, true, true, false},
		{"superseded", pull(1, true, nil, ended("x", workflow.OutcomeSuperseded)), cancelled, cancelled, true, true, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := Desired(tt.view, nil, Options{Links: model.Links{PublicURL: "https://x"}})
			if diff := cmp.Diff(map[string]string{PlanCheck: tt.plan, ApplyCheck: tt.apply}, states(w)); diff != "" {
				t.Errorf("checks differ (-want +got):\n%s", diff)
			}
			if w.Final != tt.final || (w.Comment != "") != tt.comment || w.Optional != tt.optional {
				t.Errorf("got final %v, comment %v, optional %v", w.Final, w.Comment != "", w.Optional)
			}
			for _, c := range w.Checks {
				if c.Conclusion == "neutral" || c.Conclusion == "skipped" || c.Title == "" || c.Summary == "" {
					t.Errorf("check %s: %q, title %q", c.Name, c.Conclusion, c.Title)
				}
				if buttons := len(c.Actions); buttons != 0 != (c.Name == PlanCheck && c.Status == completed) {
					t.Errorf("check %s has %d buttons", c.Name, buttons)
				}
			}
		})
	}
}

// Checks belong to a commit: the worst of all pulls with that head is what they say.
func TestDesiredPeers(t *testing.T) {
	good, bad := pull(3, true, nil, ended("a", workflow.OutcomeSucceeded)),
		pull(7, true, nil, ended("a", workflow.OutcomeFailed))
	for _, views := range [][2]workflow.PullView{{good, bad}, {bad, good}} {
		w := Desired(views[0], []workflow.PullView{views[1]}, Options{Links: model.Links{PublicURL: "https://x"}})
		if diff := cmp.Diff(map[string]string{PlanCheck: failure, ApplyCheck: actionRequired}, states(w)); diff != "" {
			t.Errorf("checks differ (-want +got):\n%s", diff)
		}
		if w.Checks[0].ExternalID != "cardea:1:100:7" || w.Checks[0].DetailsURL != "https://x/acme/infra/pull/7" {
			t.Errorf("the button and the link belong to %q, %q, want those of the pull that decides",
				w.Checks[0].ExternalID, w.Checks[0].DetailsURL)
		}
	}
	if w := Desired(good, []workflow.PullView{pull(7, false, nil)}, Options{}); !w.Final ||
		states(w)[PlanCheck] != queued {
		t.Errorf("a peer that is not known yet: checks %v, final %v", states(w), w.Final)
	}
}

func TestDesiredProjectChecks(t *testing.T) {
	v := pull(1, true, nil, ended("a", workflow.OutcomeSucceeded), ended("f", workflow.OutcomeFailed),
		project("c", workflow.RunRunning, "", false),
		workflow.ProjectRecord{Project: workflow.Project{Name: "d"}, Deleted: true},
		workflow.ProjectRecord{Project: workflow.Project{Name: "r", Refused: phrase.Say("no")}})
	v.PerProjectChecks = 4
	got := Desired(v, nil, Options{})
	want := map[string]string{PlanCheck: inProgress, ApplyCheck: queued, "cardea/plan: a": success,
		"cardea/plan: f": failure, "cardea/plan: r": failure}
	if diff := cmp.Diff(want, states(got)); diff != "" {
		t.Errorf("checks differ (-want +got):\n%s", diff)
	}
	if got.Checks[0].Status != completed || got.Checks[len(got.Checks)-1].Status == completed {
		t.Errorf("progress goes before what is final: %v", got.Checks)
	}
	v.PerProjectChecks = 3
	if got := states(Desired(v, nil, Options{})); len(got) != 2 {
		t.Errorf("more projects than checks.per_project: got %v", got)
	}
}

func TestAnnotations(t *testing.T) {
	at := func(file string, line int) workflow.Diagnostic {
		return workflow.Diagnostic{Severity: workflow.SeverityError, Summary: "Bad", Detail: "Very.",
			Position: workflow.Position{File: file, Line: line}}
	}
	a, b, fine := ended("a", workflow.OutcomeFailed), ended("b", workflow.OutcomeFailed),
		ended("c", workflow.OutcomeSucceeded)
	a.Run.Diagnostics = []workflow.Diagnostic{at("a/main.tf", 3), at("m/main.tf", 1),
		at("", 4), at("a/x.tf", 0), at("moved.tf", 2)}
	b.Run.Diagnostics = []workflow.Diagnostic{at("m/main.tf", 1)}
	fine.Run.Diagnostics = []workflow.Diagnostic{at("c/main.tf", 1)}
	same := func(_ workflow.PullView, d workflow.Diagnostic) bool { return d.Position.File != "moved.tf" }
	got := Desired(pull(1, true, nil, a, b, fine), nil, Options{Annotate: same}).Checks[0].Annotations
	want := []github.Annotation{{Path: "a/main.tf", Line: 3, Level: "failure", Title: "Bad", Message: "Very."},
		{Path: "m/main.tf", Line: 1, Level: "failure", Title: "Bad", Message: "Very."}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("annotations differ (-want +got):\n%s", diff)
	}
	for i := range 100 {
		a.Run.Diagnostics = append(a.Run.Diagnostics, at("a/main.tf", i+1))
	}
	if n := len(Desired(pull(1, true, nil, a), nil, Options{}).Checks[0].Annotations); n != maxAnnotations {
		t.Errorf("got %d annotations, want GitHub's limit of %d", n, maxAnnotations)
	}
}

func TestHalve(t *testing.T) {
	text := "head\n<details><summary>x</summary>\n\n````diff\n" + strings.Repeat("+ line\n", 100) + "````\n\n</details>\n"
	got := halve(text, "https://x/pull/1")
	if len(got) > len(text)/2+200 || !strings.Contains(got, "\n````\n\n</details>\n") ||
		!strings.HasSuffix(got, "see the [full details](https://x/pull/1).\n") {
		t.Errorf("got %d of %d bytes, ending in %q", len(got), len(text), got[max(0, len(got)-120):])
	}
}
