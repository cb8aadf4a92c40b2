package queue

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-iac/cardea/workflow"
)

func TestNextRun(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	run := func(id string, change ...func(*workflow.Run)) workflow.Run {
		r := workflow.Run{ID: id, Repo: workflow.Repo{ID: 1}, Number: 7, Head: "aaaaaaaaaa",
			Priority: workflow.PriorityAutoplan, Queued: now.Add(-time.Minute)}
		r.Project = workflow.Project{Name: id, Dir: id, Variant: "default"}
		for _, c := range change {
			c(&r)
		}
		return r
	}
	priority := func(p int) func(*workflow.Run) { return func(r *workflow.Run) { r.Priority = p } }
	queuedAt := func(ago time.Duration) func(*workflow.Run) { return func(r *workflow.Run) { r.Queued = now.Add(-ago) } }
	project := func(name string) func(*workflow.Run) {
		return func(r *workflow.Run) { r.Project.Name, r.Project.Dir = name, name }
	}
	variant := func(dir, name string) func(*workflow.Run) {
		return func(r *workflow.Run) { r.Project.Dir, r.Project.Entry = dir, name }
	}
	state := func(s string) func(*workflow.Run) { return func(r *workflow.Run) { r.States = workflow.StatesOf(s) } }
	notBefore := func(in time.Duration) func(*workflow.Run) { return func(r *workflow.Run) { r.NotBefore = now.Add(in) } }
	waited := func(r *workflow.Run) { r.Waiting = "`net` is being planned for #9." }
	kind := func(k workflow.RunKind) func(*workflow.Run) { return func(r *workflow.Run) { r.Kind = k } }
	on := func(name string) func(*workflow.Run) {
		return func(r *workflow.Run) { r.Kind, r.Project.DependsOn = workflow.RunPlan, []string{name} }
	}
	startedAt := func(ago time.Duration) func(*workflow.Run) {
		return func(r *workflow.Run) { r.Started = now.Add(-ago) }
	}
	yielded := func(r *workflow.Run) { r.Yielded = true }
	by := func(id int64) func(*workflow.Run) { return func(r *workflow.Run) { r.Actor.ID = id } }
	of := func(repo int64, number int) func(*workflow.Run) {
		return func(r *workflow.Run) { r.Repo.ID, r.Number = repo, number }
	}
	whatFor := func(s workflow.Subject) func(*workflow.Run) { return func(r *workflow.Run) { r.SetSubject(r.Repo, s) } }
	landing, group, branch := workflow.OfLanding(workflow.PullKey{RepoID: 1, Number: 7}, "1a2b3c4d"),
		workflow.OfGroup(1, "1a2b3c4d"), workflow.OfBranch(1, "main")
	for name, c := range map[string]struct {
		queued, running []workflow.Run
		parallel        int
		want            string
		waits           map[string]string
		yield           string
		next            time.Duration
	}{
		"nothing queued": {},
		"apply, command, autoplan, drift": {
			queued: []workflow.Run{run("drift", priority(workflow.PriorityDrift)), run("auto"),
				run("command", priority(workflow.PriorityCommand)), run("apply", priority(workflow.PriorityApply))},
			want: "apply",
		},
		"first come, first served": {
			queued: []workflow.Run{run("late", queuedAt(time.Second)), run("early", queuedAt(time.Hour)), run("middle")},
			want:   "early",
		},
		"the same moment: by id": {queued: []workflow.Run{run("b"), run("a")}, want: "a"},
		"a priority does not jump over its own project": {
			queued:  []workflow.Run{run("x", project("net"), priority(workflow.PriorityApply)), run("y")},
			running: []workflow.Run{run("r", project("net"))},
			want:    "y",
			waits:   map[string]string{"x": "`net` is being planned already."},
		},
		"the project of another pull": {
			queued:  []workflow.Run{run("x", project("net"))},
			running: []workflow.Run{run("r", project("net"), of(1, 9))},
			waits:   map[string]string{"x": "`net` is being planned for #9."},
		},
		"what it waited for is over, and there is no place": {
			queued:  []workflow.Run{run("x", project("net"), waited), run("y"), run("z", waited, notBefore(time.Minute))},
			running: []workflow.Run{run("r")}, parallel: 1, next: time.Minute,
			waits: map[string]string{"x": ""},
		},
		"what it waited for is over, and it is another one's turn": {
			queued: []workflow.Run{run("x", waited), run("y", waited, queuedAt(time.Hour))}, want: "y",
			waits: map[string]string{"x": ""},
		},
		"the project of another repository is another one": {
			queued:  []workflow.Run{run("x", project("net"))},
			running: []workflow.Run{run("r", project("net"), of(2, 7))}, want: "x",
		},
		"a project under another name": {
			queued:  []workflow.Run{run("x", project("net"))},
			running: []workflow.Run{run("r", project("net"), func(r *workflow.Run) { r.Project.Name = "network" })},
			waits:   map[string]string{"x": "`net` is being planned already."},
		},
		"another Terraform workspace is another project": {
			queued: []workflow.Run{run("x", project("net"), func(r *workflow.Run) { r.Project.Variant = "blue" })}, running: []workflow.Run{run("r", project("net"))}, want: "x",
		},
		"another variant of a directory is another project": {
			queued: []workflow.Run{run("x", project("app/prod"), variant("app", "app/prod"), state("s1")),
				run("y", project("app/prod"), variant("app", "app/prod"))},
			running: []workflow.Run{run("r", project("app/dev"), variant("app", "app/dev"), state("s2"))}, want: "x",
		},
		"the same variant is the same project": {
			queued:  []workflow.Run{run("x", project("app/prod"), variant("app", "app/prod"))},
			running: []workflow.Run{run("r", project("app/prod"), variant("app", "app/prod"))},
			waits:   map[string]string{"x": "`app/prod` is being planned already."},
		},
		"the older head is being stopped": {
			queued:  []workflow.Run{run("x", project("net"))},
			running: []workflow.Run{run("r", project("net"), func(r *workflow.Run) { r.Head = "bbbbbbbbbb" })},
			waits:   map[string]string{"x": "`net` is being planned for bbbbbbb, and is being stopped."},
		},
		"the project's branch": {
			queued:  []workflow.Run{run("x", project("net")), run("y", project("net"), whatFor(branch))},
			running: []workflow.Run{run("r", project("net"), whatFor(branch))},
			waits:   map[string]string{"x": "`net` is being planned for `main`.", "y": "`net` is being planned already."},
		},
		"an older head of the branch stops for nobody": {
			queued:  []workflow.Run{run("x", project("net"), whatFor(branch))},
			running: []workflow.Run{run("r", project("net"), whatFor(branch), func(r *workflow.Run) { r.Head = "bbbbbbbbbb" })},
			waits:   map[string]string{"x": "`net` is being planned for bbbbbbb."},
		},
		"the project's landing, of the same pull": {
			queued:  []workflow.Run{run("x", project("net"))},
			running: []workflow.Run{run("r", project("net"), whatFor(landing), kind(workflow.RunApply))},
			waits:   map[string]string{"x": "`net` is being applied for the merge of #7 at 1a2b3c4."},
		},
		"the project's merge group": {
			queued:  []workflow.Run{run("x", project("net"), whatFor(landing))},
			running: []workflow.Run{run("r", project("net"), whatFor(group))},
			waits:   map[string]string{"x": "`net` is being planned for the merge group at 1a2b3c4."},
		},
		"an apply stops what is planned for anything else": {
			queued: []workflow.Run{run("x", project("net"), whatFor(landing), kind(workflow.RunApply)),
				run("y", project("app"), kind(workflow.RunApply)),
				run("z", project("db"), whatFor(landing), kind(workflow.RunApply))},
			running: []workflow.Run{run("r", project("net"), kind(workflow.RunPlan)),
				run("s", project("app"), whatFor(branch), kind(workflow.RunPlan)),
				run("t", project("db"), whatFor(landing), kind(workflow.RunPlan))},
			waits: map[string]string{"x": "`net` is being planned for #7.", "y": "`app` is being planned for `main`.",
				"z": "`db` is being planned already."}, yield: "r",
		},
		"a dependency of another subject is none": {
			queued:  []workflow.Run{run("x", on("vpc"), whatFor(landing))},
			running: []workflow.Run{run("r", project("vpc"), kind(workflow.RunApply))}, want: "x",
		},
		"a dependency of the same landing": {
			queued:  []workflow.Run{run("x", on("vpc"), whatFor(landing))},
			running: []workflow.Run{run("r", project("vpc"), whatFor(landing), kind(workflow.RunApply))},
			waits:   map[string]string{"x": "`vpc`, on which it depends, is being applied."},
		},
		"one state, two projects": {
			queued:  []workflow.Run{run("x", state("s1")), run("y", state("s2"))},
			running: []workflow.Run{run("r", state("s1"))},
			want:    "y",
			waits:   map[string]string{"x": "`r`, which uses the same state, is being planned already."},
		},
		"one state, two repositories": {
			queued:  []workflow.Run{run("x", state("s1"))},
			running: []workflow.Run{run("r", state("s1"), of(2, 1))},
			waits:   map[string]string{"x": "`r`, which uses the same state, is being planned for another repository."},
		},
		"a plan comes after the apply of what it depends on": {
			queued:  []workflow.Run{run("x", on("vpc")), run("y", on("dns")), run("z", on("vpc"), of(1, 9)), run("v", project("dns"), kind(workflow.RunVerify), notBefore(time.Minute), func(r *workflow.Run) { r.State = workflow.RunQueued })},
			running: []workflow.Run{run("r", project("vpc"), kind(workflow.RunApply))},
			want:    "z", next: time.Minute,
			waits: map[string]string{"x": "`vpc`, on which it depends, is being applied.",
				"y": "`dns`, on which it depends, is verified first."},
		},
		"an apply is for the gate to hold": {
			queued:  []workflow.Run{run("x", on("vpc"), kind(workflow.RunApply))},
			running: []workflow.Run{run("r", project("vpc"), kind(workflow.RunApply))}, want: "x",
		},
		"an unknown state is nobody's": {queued: []workflow.Run{run("x")}, running: []workflow.Run{run("r")}, want: "x"},
		"not before its time": {
			queued: []workflow.Run{run("x", notBefore(time.Minute), priority(workflow.PriorityApply)),
				run("z", notBefore(time.Second)), run("y")},
			want: "y", next: time.Second,
		},
		"plans have no place left": {queued: []workflow.Run{run("x")}, running: []workflow.Run{run("r"), run("s")}, parallel: 2},
		"an apply has one beside them": {
			queued:  []workflow.Run{run("x"), run("y", kind(workflow.RunApply), priority(workflow.PriorityApply))},
			running: []workflow.Run{run("r"), run("s")}, parallel: 2, want: "y",
		},
		"even where there is one place": {
			queued:  []workflow.Run{run("x", kind(workflow.RunApply), priority(workflow.PriorityApply))},
			running: []workflow.Run{run("r")}, parallel: 1, want: "x",
		},
		"but not a second one": {
			queued:  []workflow.Run{run("x", kind(workflow.RunApply))},
			running: []workflow.Run{run("r"), run("s"), run("a", kind(workflow.RunApply))}, parallel: 2,
		},
		"applies take the places of plans": {
			queued:   []workflow.Run{run("x", kind(workflow.RunApply)), run("y")},
			running:  []workflow.Run{run("a", kind(workflow.RunApply)), run("b", kind(workflow.RunApply))},
			parallel: 2, want: "x",
		},
		"and plans those of applies, but one": {
			queued: []workflow.Run{run("y")}, running: []workflow.Run{run("a", kind(workflow.RunApply)), run("r")},
			parallel: 2, want: "y",
		},
		"who has half of the places comes after others": {
			queued:  []workflow.Run{run("x", by(1), priority(workflow.PriorityCommand)), run("y", by(2))},
			running: []workflow.Run{run("r", by(1)), run("s", by(1))}, parallel: 4, want: "y",
		},
		"nobody else waits": {queued: []workflow.Run{run("x", by(1))}, running: []workflow.Run{run("r", by(1)), run("s", by(1)), run("t", by(1))}, parallel: 4, want: "x"},
		"a repository that has all places but one comes after others": {
			queued:  []workflow.Run{run("x", by(3), queuedAt(time.Hour)), run("y", by(4), of(2, 1))},
			running: []workflow.Run{run("r", by(1)), run("s", by(2)), run("t", by(5))}, parallel: 4, want: "y",
		},
		"without a bound nobody has a share": {
			queued:  []workflow.Run{run("x", by(1), queuedAt(time.Hour)), run("y", by(2))},
			running: []workflow.Run{run("r", by(1))}, want: "x",
		},
		"an apply stops another pull's plan that is in its way": {
			queued: []workflow.Run{run("x", project("net"), kind(workflow.RunApply)), run("y")},
			running: []workflow.Run{run("r", project("net"), kind(workflow.RunPlan), of(1, 9)),
				run("s", kind(workflow.RunPlan))}, parallel: 2,
			waits: map[string]string{"x": "`net` is being planned for #9."}, yield: "r",
		},
		"and those of its state": {
			queued: []workflow.Run{run("x", state("s1"), kind(workflow.RunApply))},
			running: []workflow.Run{run("r", state("s1"), kind(workflow.RunPlan)),
				run("s", state("s1"), kind(workflow.RunPlan), of(1, 9))},
			waits: map[string]string{"x": "`r`, which uses the same state, is being planned already."}, yield: "rs",
		},
		"once": {
			queued:  []workflow.Run{run("x", project("net"), kind(workflow.RunApply))},
			running: []workflow.Run{run("r", project("net"), kind(workflow.RunPlan), of(1, 9), func(r *workflow.Run) { r.Interrupt = "Enough." })},
			waits:   map[string]string{"x": "`net` is being planned for #9, and is being stopped."},
		},
		"not the plan that is to take the place of what it applies": {
			queued:  []workflow.Run{run("x", project("net"), kind(workflow.RunApply))},
			running: []workflow.Run{run("r", project("net"), kind(workflow.RunPlan))},
			waits:   map[string]string{"x": "`net` is being planned already."},
		},
		"not an apply, nor what verifies one": {
			queued: []workflow.Run{run("x", project("net"), kind(workflow.RunApply)),
				run("y", state("s1"), kind(workflow.RunApply))},
			running: []workflow.Run{run("r", project("net"), kind(workflow.RunApply), of(1, 9)),
				run("s", state("s1"), kind(workflow.RunVerify), of(1, 9))},
			waits: map[string]string{"x": "`net` is being applied for #9.",
				"y": "`s`, which uses the same state, is being verified for #9."},
		},
		"not for a plan": {
			queued:  []workflow.Run{run("x", project("net"), kind(workflow.RunPlan), priority(workflow.PriorityCommand))},
			running: []workflow.Run{run("r", project("net"), kind(workflow.RunPlan), of(1, 9))},
			waits:   map[string]string{"x": "`net` is being planned for #9."},
		},
		"not before the apply has a place": {
			queued: []workflow.Run{run("x", project("net"), kind(workflow.RunApply))},
			running: []workflow.Run{run("r", project("net"), kind(workflow.RunPlan), of(1, 9)),
				run("a", kind(workflow.RunApply))}, parallel: 1,
			waits: map[string]string{"x": "`net` is being planned for #9."},
		},
		"who has more than half of the places makes room for who has none": {
			queued: []workflow.Run{run("x", by(1), queuedAt(time.Hour)), run("y", by(2))},
			running: []workflow.Run{run("r", by(1), kind(workflow.RunPlan), startedAt(time.Hour)),
				run("s", by(1), kind(workflow.RunPlan), startedAt(time.Minute))}, parallel: 2, yield: "s",
		},
		"even of one": {
			queued: []workflow.Run{run("y", by(2))}, running: []workflow.Run{run("r", by(1), kind(workflow.RunPlan))},
			parallel: 1, yield: "r",
		},
		"not at once": {
			queued:  []workflow.Run{run("y", by(2), queuedAt(starves-1))},
			running: []workflow.Run{run("r", by(1), kind(workflow.RunPlan))}, parallel: 1,
		},
		"not for oneself, nor for who has a place": {
			queued: []workflow.Run{run("x", by(1)), run("y", by(2))},
			running: []workflow.Run{run("r", by(1), kind(workflow.RunPlan)), run("s", by(1), kind(workflow.RunPlan)),
				run("t", by(2), kind(workflow.RunPlan))}, parallel: 3,
		},
		"not while one stops, nor twice, nor what verifies": {
			queued: []workflow.Run{run("y", by(2))}, parallel: 3,
			running: []workflow.Run{run("r", by(1), kind(workflow.RunPlan), yielded), run("s", by(1), kind(workflow.RunVerify)),
				run("t", by(1), kind(workflow.RunPlan), yielded)},
		},
		"one at a time": {
			queued: []workflow.Run{run("y", by(2)), run("z", by(3))}, parallel: 3,
			running: []workflow.Run{run("r", by(1), kind(workflow.RunPlan)), run("s", by(1), kind(workflow.RunPlan)), run("t", by(1), kind(workflow.RunPlan), func(r *workflow.Run) { r.Interrupt = "Room." })},
		},
		"nobody has more than half": {
			queued:   []workflow.Run{run("y", by(3))},
			running:  []workflow.Run{run("r", by(1), kind(workflow.RunPlan)), run("s", by(2), kind(workflow.RunPlan))},
			parallel: 2,
		},
		"a repository that has all places": {
			queued:   []workflow.Run{run("y", by(3), of(2, 1))},
			running:  []workflow.Run{run("r", by(1), kind(workflow.RunPlan)), run("s", by(2), kind(workflow.RunPlan))},
			parallel: 2, yield: "r",
		},
		"what made room has none beyond a share": {
			queued:  []workflow.Run{run("x", by(1), yielded), run("y", by(1), queuedAt(0))},
			running: []workflow.Run{run("r", by(1)), run("s", by(1))}, parallel: 4, want: "y",
		},
		"but its share": {
			queued:  []workflow.Run{run("x", by(1), yielded), run("y", by(1), queuedAt(0))},
			running: []workflow.Run{run("r", by(1))}, parallel: 4, want: "x",
		},
		"its time has come": {queued: []workflow.Run{run("x", notBefore(0))}, want: "x"},
		"only waiting":      {queued: []workflow.Run{run("x", notBefore(time.Minute))}, next: time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			before := slices.Clone(c.queued)
			d := Next(c.queued, c.running, now, c.parallel)
			if d.Run.ID != c.want || d.Found != (c.want != "") {
				t.Errorf("got %q (%v), want %q", d.Run.ID, d.Found, c.want)
			}
			yield := ""
			for _, r := range d.Yield {
				yield += r.ID
			}
			if yield != c.yield || (yield != "") != (d.For.ID != "") {
				t.Errorf("%q yields for %q, want %q", yield, d.For.ID, c.yield)
			}
			if c.waits == nil {
				c.waits = map[string]string{}
			}
			if diff := cmp.Diff(c.waits, d.Waits); diff != "" {
				t.Errorf("waits (-want +got):\n%s", diff)
			}
			var next time.Time
			if c.next != 0 {
				next = now.Add(c.next)
			}
			if !d.Next.Equal(next) {
				t.Errorf("got next %v, want %v", d.Next, next)
			}
			if diff := cmp.Diff(before, c.queued); diff != "" {
				t.Errorf("the queue was changed:\n%s", diff)
			}
		})
	}
}

// TestStateWaits: what may be one state is worked on by one run at a time, in one repository.
func TestStateWaits(t *testing.T) {
	run := func(id string, repo int64, state workflow.KeptState) workflow.Run {
		return workflow.Run{ID: id, Kind: workflow.RunPlan, Repo: workflow.Repo{ID: repo},
			Project: workflow.Project{Name: id, Dir: id}, States: state.States, Lineage: state.Lineage}
	}
	applied := func(r workflow.Run) workflow.Run { r.Kind = workflow.RunApply; return r }
	unknown, known := "r:?1,=b", "r:=a,=b"
	for name, tt := range map[string]struct {
		queued workflow.Run
		waits  bool
	}{
		"may be it":                      {applied(run("x", 1, workflow.KeptState{States: workflow.States{known}})), true},
		"may be it, elsewhere":           {applied(run("x", 2, workflow.KeptState{States: workflow.States{known}})), false},
		"may be it, and none writes":     {run("x", 1, workflow.KeptState{States: workflow.States{known}}), false},
		"is another one":                 {applied(run("x", 1, workflow.KeptState{States: workflow.States{"r:=a,=c"}})), false},
		"has the lineage":                {run("x", 1, workflow.KeptState{States: workflow.States{"r:=a,=c"}, Lineage: "l"}), true},
		"has the lineage, elsewhere":     {run("x", 2, workflow.KeptState{States: workflow.States{"r:=a,=c"}, Lineage: "l"}), false},
		"does not say which state it is": {run("x", 1, workflow.KeptState{}), false},
	} {
		d := Next([]workflow.Run{tt.queued},
			[]workflow.Run{run("busy", 1, workflow.KeptState{States: workflow.States{unknown}, Lineage: "l"})}, time.Now(), 0)
		if d.Found == tt.waits {
			t.Errorf("%s: got %+v", name, d)
		}
	}
}
