package gate_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/gate"
)

var followNow = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// plannedFor is a project with a plan that has changes.
func plannedFor(name string, depends ...string) workflow.ProjectRecord {
	p := workflow.Project{Name: name, Dir: name, DependsOn: depends}
	return workflow.ProjectRecord{Project: p, Run: &workflow.Run{ID: "5", Kind: workflow.RunPlan, State: workflow.RunFinished,
		Outcome: workflow.OutcomeSucceeded, Project: p, Head: "head1"}}
}

// ran gives a project an apply of its plan, and the plan after it.
func ran(p workflow.ProjectRecord, o workflow.Outcome, verify *workflow.Run) workflow.ProjectRecord {
	p.Apply = &workflow.Run{ID: "6", Kind: workflow.RunApply, State: workflow.RunFinished, Outcome: o, Project: p.Project, Head: "head1",
		Apply: &workflow.ApplyOrder{PlanRun: p.Run.ID, Spent: true}}
	p.Verify = verify
	return p
}

func look(id string, state workflow.RunState, o workflow.Outcome, noChanges bool) *workflow.Run {
	return &workflow.Run{ID: id, Kind: workflow.RunVerify, State: state, Outcome: o, NoChanges: noChanges}
}

// TestFollow: when an apply that waits for others goes on, waits, or ends.
func TestFollow(t *testing.T) {
	clean := look("7", workflow.RunFinished, workflow.OutcomeSucceeded, true)
	applied := func() workflow.ProjectRecord { return ran(plannedFor("net"), workflow.OutcomeSucceeded, clean) }
	type change func(rec *workflow.PullRecord, f *workflow.Follow)
	net := func(p workflow.ProjectRecord) change {
		return func(rec *workflow.PullRecord, _ *workflow.Follow) { rec.Projects[0] = p }
	}
	app := func(how func(*workflow.ProjectRecord)) change {
		return func(rec *workflow.PullRecord, _ *workflow.Follow) { how(&rec.Projects[1]) }
	}
	with := func(p workflow.ProjectRecord, how func(*workflow.ProjectRecord)) workflow.ProjectRecord {
		how(&p)
		return p
	}
	const waits, due = "waits", "due"
	for name, c := range map[string]struct {
		change change
		want   string // waits, due, or part of why it ended
	}{
		"applied, and nothing is left": {net(applied()), due},
		"it has no changes":            {net(with(plannedFor("net"), func(p *workflow.ProjectRecord) { p.Run.NoChanges = true })), due},
		"it is deleted":                {net(with(plannedFor("net"), func(p *workflow.ProjectRecord) { p.Deleted = true })), due},
		"it left the pull":             {func(rec *workflow.PullRecord, _ *workflow.Follow) { rec.Projects = rec.Projects[1:] }, due},
		"being applied": {net(with(applied(), func(p *workflow.ProjectRecord) {
			p.Apply.State, p.Apply.Outcome, p.Verify = workflow.RunRunning, "", nil
		})), waits},
		"queued": {net(with(applied(), func(p *workflow.ProjectRecord) {
			p.Apply.State, p.Apply.Outcome, p.Apply.Apply.Spent, p.Verify = workflow.RunQueued, "", false, nil
		})), waits},
		"being verified": {net(ran(plannedFor("net"), workflow.OutcomeSucceeded, look("7", workflow.RunRunning, "", false))), waits},
		"verified before its apply": {net(ran(plannedFor("net"), workflow.OutcomeSucceeded,
			look("4", workflow.RunFinished, workflow.OutcomeSucceeded, true))), "no plan since then has shown that nothing is left"},
		"verify failed, and it is planned again": {net(with(ran(plannedFor("net"), workflow.OutcomeSucceeded,
			look("7", workflow.RunFinished, workflow.OutcomeFailed, false)), func(p *workflow.ProjectRecord) {
			p.Run = &workflow.Run{ID: "8", Kind: workflow.RunPlan, State: workflow.RunQueued, Head: "head1"}
		})), waits},
		"verify cancelled": {net(ran(plannedFor("net"), workflow.OutcomeSucceeded, look("7", workflow.RunFinished, workflow.OutcomeCancelled, false))), "no plan since"},
		"verify of a part": {net(ran(plannedFor("net"), workflow.OutcomeSucceeded, &workflow.Run{ID: "7", State: workflow.RunFinished, Outcome: workflow.OutcomeSucceeded, NoChanges: true, Options: workflow.PlanOptions{Targets: []string{"x"}}})), "no plan since"},
		"it left something": {net(with(applied(), func(p *workflow.ProjectRecord) {
			p.Run = with(plannedFor("net"), func(p *workflow.ProjectRecord) { p.Run.ID = "8" }).Run
		})), "left something"},
		"it failed":         {net(ran(plannedFor("net"), workflow.OutcomeFailed, nil)), "The apply of `net` failed."},
		"nobody knows":      {net(ran(plannedFor("net"), workflow.OutcomeUnknown, nil)), "is unknown"},
		"its state is kept": {net(with(applied(), func(p *workflow.ProjectRecord) { p.Apply.Apply.ErroredState = "x" })), "could not store"},
		"it did not start":  {net(plannedFor("net")), "`net` was not applied."},
		"its plan failed":   {net(with(plannedFor("net"), func(p *workflow.ProjectRecord) { p.Run.Outcome = workflow.OutcomeFailed })), "`net` has no plan."},
		"it is refused":     {net(with(plannedFor("net"), func(p *workflow.ProjectRecord) { p.Project.Refused = phrase.Say("No backend.") })), "is refused: No backend."},
		"it follows another": {func(rec *workflow.PullRecord, _ *workflow.Follow) {
			rec.Projects[0] = plannedFor("net")
			rec.Following = append(rec.Following, workflow.Follow{Key: rec.Projects[0].Project.Key()})
		}, waits},
		"and that ended": {func(rec *workflow.PullRecord, _ *workflow.Follow) {
			rec.Projects[0] = plannedFor("net")
			rec.Following = append(rec.Following, workflow.Follow{Key: rec.Projects[0].Project.Key(), Ended: phrase.Say("No.")})
		}, "`net` was not applied."},

		"its own plan is queued":    {app(func(p *workflow.ProjectRecord) { p.Run.State, p.Run.Outcome = workflow.RunQueued, "" }), waits},
		"its own plan is made":      {app(func(p *workflow.ProjectRecord) { p.Run.State, p.Run.Outcome = workflow.RunRunning, "" }), waits},
		"its own plan failed":       {app(func(p *workflow.ProjectRecord) { p.Run.Outcome = workflow.OutcomeFailed }), "The new plan of `app` did not succeed."},
		"its plan is another one":   {app(func(p *workflow.ProjectRecord) { p.Run.Fingerprint = "another" }), "not the one that the apply was requested for"},
		"its own plan is cancelled": {app(func(p *workflow.ProjectRecord) { p.Run.Outcome = workflow.OutcomeCancelled }), "did not succeed"},
		"it has no changes itself":  {app(func(p *workflow.ProjectRecord) { p.Run.NoChanges = true }), "there is nothing to apply"},
		"it is being applied":       {app(func(p *workflow.ProjectRecord) { *p = ran(*p, "", nil); p.Apply.State = workflow.RunQueued }), waits},
		"it is deleted itself":      {app(func(p *workflow.ProjectRecord) { p.Deleted = true }), "no longer part of this pull request"},
		"it is refused itself":      {app(func(p *workflow.ProjectRecord) { p.Project.Refused = phrase.Say("No backend.") }), "`app` is refused"},
		"it depends on more by now": {app(func(p *workflow.ProjectRecord) { p.Project.DependsOn = []string{"net", "dns"} }), "`dns` was not applied."},

		"the plan is another one": {func(_ *workflow.PullRecord, f *workflow.Follow) { f.Plan.Void = "Another one." }, "Another one."},
		"a new head":              {func(rec *workflow.PullRecord, _ *workflow.Follow) { rec.Pull.Head.SHA = "head2" }, "The head is now `head2`"},
		"nothing is known":        {func(rec *workflow.PullRecord, _ *workflow.Follow) { rec.Known = false }, "base branch was changed"},
		"trouble": {func(rec *workflow.PullRecord, _ *workflow.Follow) {
			rec.Trouble = &workflow.Trouble{Title: phrase.Say("A conflict")}
		}, "This head cannot be planned"},
		"closed":          {func(rec *workflow.PullRecord, _ *workflow.Follow) { rec.Pull.State = workflow.PullClosed }, "The pull request is closed."},
		"merged":          {func(rec *workflow.PullRecord, _ *workflow.Follow) { rec.Pull.State = workflow.PullMerged }, "The pull request is merged."},
		"in no state":     {func(rec *workflow.PullRecord, _ *workflow.Follow) { rec.Pull.State = "" }, "unknown state"},
		"a day":           {func(_ *workflow.PullRecord, f *workflow.Follow) { f.Since = followNow.Add(-workflow.MaxFollow) }, due},
		"more than a day": {func(_ *workflow.PullRecord, f *workflow.Follow) { f.Since = followNow.Add(-workflow.MaxFollow - 1) }, "the longest that an apply waits"},
		"of tomorrow":     {func(_ *workflow.PullRecord, f *workflow.Follow) { f.Since = followNow.Add(time.Hour) }, "the longest that an apply waits"},
	} {
		t.Run(name, func(t *testing.T) {
			rec := workflow.PullRecord{Known: true, Projects: []workflow.ProjectRecord{applied(), plannedFor("app", "net"), plannedFor("dns")}}
			rec.Pull.State, rec.Pull.Head.SHA = workflow.PullOpen, "head1"
			f := workflow.Follow{Key: rec.Projects[1].Project.Key(), Project: "app", Head: "head1", On: []string{"net"}, Since: followNow.Add(-time.Hour)}
			c.change(&rec, &f)
			isDue, why := gate.Follow(rec, f, followNow)
			got := why.String()
			if got == "" {
				got = map[bool]string{true: due, false: waits}[isDue]
			}
			if isDue && !why.Empty() || !strings.Contains(got, c.want) || (c.want == due || c.want == waits) && got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// TestMayFollow: only what is on its way is followed, and only where nothing but that is missing.
func TestMayFollow(t *testing.T) {
	running := ran(plannedFor("running"), "", nil)
	running.Apply.State = workflow.RunRunning
	behind := plannedFor("behind")
	rec := workflow.PullRecord{Projects: []workflow.ProjectRecord{running, behind, plannedFor("idle"), ran(plannedFor("failed"), workflow.OutcomeFailed, nil)},
		Following: []workflow.Follow{{Key: behind.Project.Key()}}}
	for names, want := range map[string]bool{"running": true, "behind": true, "running behind": true, "idle": false, "failed": false,
		"running idle": false, "nobody": false, "": false} {
		if got := gate.MayFollow(rec, strings.Fields(names)); got != want {
			t.Errorf("%q: got %v", names, got)
		}
	}
	in := gate.Input{Depends: map[string]workflow.ProjectState{"b": workflow.StateApplying, "a": workflow.StatePlanned, "done": workflow.StateApplied,
		"same": workflow.StateNoChanges, "gone": workflow.StateDeleted}}
	depends := workflow.Missing{Need: workflow.NeedDepends}
	if diff := cmp.Diff([]string{"a", "b"}, gate.Unmet(in, []workflow.Missing{depends, depends})); diff != "" {
		t.Error(diff)
	}
	for _, need := range []workflow.Requirement{workflow.NeedPermission, workflow.NeedBranch, workflow.NeedOpen, workflow.NeedHead, workflow.NeedPlan,
		workflow.NeedArtefact, workflow.NeedUpToDate, workflow.NeedFresh, workflow.NeedApproved, workflow.NeedReviewed, workflow.NeedMergeable,
		workflow.NeedLock, workflow.NeedState, workflow.NeedConfig, workflow.NeedFacts, "a new one"} {
		if got := gate.Unmet(in, []workflow.Missing{depends, {Need: need}}); got != nil {
			t.Errorf("with %s missing it follows %v", need, got)
		}
	}
}
