package web

import (
	"io/fs"
	"strings"
	"testing"

	"github.com/cardea-iac/cardea/templates/model"
	"github.com/cardea-iac/cardea/workflow"
)

func lineOf(s model.Status) PullLine { return PullLine{Model: model.Model{Status: s}} }

// TestSigns: a page's icon says the worst of what is on it, its title how much of that waits for somebody.
func TestSigns(t *testing.T) {
	ran := func(kind workflow.RunKind, outcome workflow.Outcome) workflow.Run {
		return workflow.Run{Kind: kind, State: workflow.RunFinished, Outcome: outcome}
	}
	open := model.Row{State: workflow.StatePlanned, Open: true}
	for name, tt := range map[string]struct {
		write       func(*strings.Builder) error
		icon, title string
	}{
		"no pulls": {func(b *strings.Builder) error { return WriteIndex(b, IndexPage{Head: Head{Title: "x"}}) }, "icon", "x"},
		"quiet pulls": {func(b *strings.Builder) error {
			return WriteRepo(b, RepoPage{Head: Head{Title: "x"}, Pulls: []PullLine{lineOf(model.StatusNothing), lineOf(model.StatusApplied)}})
		}, "icon-ok", "x"},
		"a busy pull": {func(b *strings.Builder) error {
			return WriteRepo(b, RepoPage{Head: Head{Title: "x"}, Pulls: []PullLine{lineOf(model.StatusChanges), lineOf(model.StatusApplying)}})
		}, "icon-busy", "(1) x"},
		"a failed pull": {func(b *strings.Builder) error {
			return WriteIndex(b, IndexPage{Head: Head{Title: "x"}, Repos: []RepoPulls{{Pulls: []PullLine{lineOf(model.StatusTrouble), lineOf(model.StatusChanges)}}, {Pulls: []PullLine{lineOf(model.StatusPlanning)}}}})
		}, "icon-failed", "(2) x"},
		"a pull": {func(b *strings.Builder) error {
			return WritePull(b, PullPage{Head: Head{Title: "x"}, Model: model.Model{Status: model.StatusChanges}, Rows: []model.Row{open, {State: workflow.StatePlanned}, {State: workflow.StateApplied}}})
		}, "icon-waits", "(1) x"},
		"alarms": {func(b *strings.Builder) error {
			return WritePull(b, PullPage{Head: Head{Title: "x"}, Model: model.Model{Status: model.StatusApplyFailed}, Rows: []model.Row{open, {State: workflow.StateUnknown}}})
		}, "icon-failed", "(2) x"},
		"a plan": {func(b *strings.Builder) error {
			return WriteRun(b, RunPage{Head: Head{Title: "x"}, Run: ran(workflow.RunPlan, workflow.OutcomeSucceeded)})
		}, "icon-ok", "x"},
		"a failure": {func(b *strings.Builder) error {
			return WriteRun(b, RunPage{Head: Head{Title: "x"}, Run: ran(workflow.RunApply, workflow.OutcomeUnknown)})
		}, "icon-failed", "x"},
		"a queued run": {func(b *strings.Builder) error {
			return WriteRun(b, RunPage{Head: Head{Title: "x"}, Run: workflow.Run{State: workflow.RunQueued}})
		}, "icon-busy", "x"},
		"a cancelled": {func(b *strings.Builder) error {
			return WriteProject(b, ProjectPage{Head: Head{Title: "x"}, Runs: []workflow.Run{ran(workflow.RunPlan, workflow.OutcomeCancelled)}})
		}, "icon", "x"},
		"a message": {func(b *strings.Builder) error { return WriteMessage(b, MessagePage{Head: Head{Title: "x"}}) }, "icon", "x"},
	} {
		var b strings.Builder
		if err := tt.write(&b); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(b.String(), `href="/static/`+tt.icon+`.svg"`) || !strings.Contains(b.String(), "<title>"+tt.title+" · Cardea</title>") {
			t.Errorf("%s: want the icon %s and the title %q in\n%.600s", name, tt.icon, tt.title, b.String())
		}
	}
	for _, name := range icons {
		if _, err := fs.Stat(Static, "static/"+name+".svg"); err != nil {
			t.Error(err)
		}
	}
}
