package workflow

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestNextRun(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	run := func(id string, change ...func(*Run)) Run {
		r := Run{ID: id, Repo: Repo{ID: 1}, Number: 7, Head: "aaaaaaaaaa", Priority: PriorityAutoplan, Queued: now.Add(-time.Minute)}
		r.Project = Project{Name: id, Dir: id, TerraformWorkspace: "default"}
		for _, c := range change {
			c(&r)
		}
		return r
	}
	priority := func(p int) func(*Run) { return func(r *Run) { r.Priority = p } }
	queuedAt := func(ago time.Duration) func(*Run) { return func(r *Run) { r.Queued = now.Add(-ago) } }
	project := func(name string) func(*Run) { return func(r *Run) { r.Project.Name, r.Project.Dir = name, name } }
	variant := func(dir, name string) func(*Run) {
		return func(r *Run) { r.Project.Dir, r.Project.Variant = dir, name }
	}
	state := func(s string) func(*Run) { return func(r *Run) { r.StateIdentity = s } }
	notBefore := func(in time.Duration) func(*Run) { return func(r *Run) { r.NotBefore = now.Add(in) } }
	kind := func(k RunKind) func(*Run) { return func(r *Run) { r.Kind = k } }
	on := func(name string) func(*Run) {
		return func(r *Run) { r.Kind, r.Project.DependsOn = RunPlan, []string{name} }
	}
	by := func(id int64) func(*Run) { return func(r *Run) { r.Actor.ID = id } }
	of := func(repo int64, number int) func(*Run) {
		return func(r *Run) { r.Repo.ID, r.Number = repo, number }
	}
	for name, c := range map[string]struct {
		queued, running []Run
		parallel        int
		want            string
		waits           map[string]string
		next            time.Duration
	}{
		"nothing queued": {},
		"apply, command, autoplan, drift": {
			queued: []Run{run("drift", priority(PriorityDrift)), run("auto"), run("command", priority(PriorityCommand)), run("apply", priority(PriorityApply))},
			want:   "apply",
		},
		"first come, first served": {
			queued: []Run{run("late", queuedAt(time.Second)), run("early", queuedAt(time.Hour)), run("middle")},
			want:   "early",
		},
		"the same moment: by id": {queued: []Run{run("b"), run("a")}, want: "a"},
		"a priority does not jump over its own project": {
			queued:  []Run{run("x", project("net"), priority(PriorityApply)), run("y")},
			running: []Run{run("r", project("net"))},
			want:    "y",
			waits:   map[string]string{"x": "`net` is being planned already."},
		},
		"the project of another pull": {
			queued:  []Run{run("x", project("net"))},
			running: []Run{run("r", project("net"), of(1, 9))},
			waits:   map[string]string{"x": "`net` is being planned for #9."},
		},
		"the project of another repository is another one": {
			queued: []Run{run("x", project("net"))}, running: []Run{run("r", project("net"), of(2, 7))}, want: "x",
		},
		"a project under another name": {
			queued:  []Run{run("x", project("net"))},
			running: []Run{run("r", project("net"), func(r *Run) { r.Project.Name = "network" })},
			waits:   map[string]string{"x": "`net` is being planned already."},
		},
		"another Terraform workspace is another project": {
			queued: []Run{run("x", project("net"), func(r *Run) { r.Project.TerraformWorkspace = "blue" })}, running: []Run{run("r", project("net"))}, want: "x",
		},
		"another variant of a directory is another project": {
			queued:  []Run{run("x", project("app/prod"), variant("app", "app/prod"), state("s1")), run("y", project("app/prod"), variant("app", "app/prod"))},
			running: []Run{run("r", project("app/dev"), variant("app", "app/dev"), state("s2"))}, want: "x",
		},
		"the same variant is the same project": {
			queued:  []Run{run("x", project("app/prod"), variant("app", "app/prod"))},
			running: []Run{run("r", project("app/prod"), variant("app", "app/prod"))},
			waits:   map[string]string{"x": "`app/prod` is being planned already."},
		},
		"the older head is being stopped": {
			queued:  []Run{run("x", project("net"))},
			running: []Run{run("r", project("net"), func(r *Run) { r.Head = "bbbbbbbbbb" })},
			waits:   map[string]string{"x": "`net` is being planned for bbbbbbb, and is being stopped."},
		},
		"one state, two projects": {
			queued:  []Run{run("x", state("s1")), run("y", state("s2"))},
			running: []Run{run("r", state("s1"))},
			want:    "y",
			waits:   map[string]string{"x": "`r`, which keeps the same state, is being planned already."},
		},
		"one state, two repositories": {
			queued:  []Run{run("x", state("s1"))},
			running: []Run{run("r", state("s1"), of(2, 1))},
			waits:   map[string]string{"x": "`r`, which keeps the same state, is being planned for another repository."},
		},
		"a plan comes after the apply of what it depends on": {
			queued:  []Run{run("x", on("vpc")), run("y", on("dns")), run("z", on("vpc"), of(1, 9)), run("v", project("dns"), kind(RunVerify), notBefore(time.Minute), func(r *Run) { r.State = RunQueued })},
			running: []Run{run("r", project("vpc"), kind(RunApply))},
			want:    "z", next: time.Minute,
			waits: map[string]string{"x": "`vpc`, on which it depends, is being applied.", "y": "`dns`, on which it depends, is verified first."},
		},
		"an apply is for the gate to hold": {
			queued: []Run{run("x", on("vpc"), kind(RunApply))}, running: []Run{run("r", project("vpc"), kind(RunApply))}, want: "x",
		},
		"an unknown state is nobody's": {queued: []Run{run("x")}, running: []Run{run("r")}, want: "x"},
		"not before its time": {
			queued: []Run{run("x", notBefore(time.Minute), priority(PriorityApply)), run("z", notBefore(time.Second)), run("y")},
			want:   "y", next: time.Second,
		},
		"plans have no place left": {queued: []Run{run("x")}, running: []Run{run("r"), run("s")}, parallel: 2},
		"an apply has one beside them": {
			queued: []Run{run("x"), run("y", kind(RunApply), priority(PriorityApply))}, running: []Run{run("r"), run("s")}, parallel: 2, want: "y",
		},
		"even where there is one place": {
			queued: []Run{run("x", kind(RunApply), priority(PriorityApply))}, running: []Run{run("r")}, parallel: 1, want: "x",
		},
		"but not a second one": {
			queued: []Run{run("x", kind(RunApply))}, running: []Run{run("r"), run("s"), run("a", kind(RunApply))}, parallel: 2,
		},
		"applies take the places of plans": {
			queued: []Run{run("x", kind(RunApply)), run("y")}, running: []Run{run("a", kind(RunApply)), run("b", kind(RunApply))}, parallel: 2, want: "x",
		},
		"and plans those of applies, but one": {
			queued: []Run{run("y")}, running: []Run{run("a", kind(RunApply)), run("r")}, parallel: 2, want: "y",
		},
		"who has half of the places comes after others": {
			queued:  []Run{run("x", by(1), priority(PriorityCommand)), run("y", by(2))},
			running: []Run{run("r", by(1)), run("s", by(1))}, parallel: 4, want: "y",
		},
		"nobody else waits": {queued: []Run{run("x", by(1))}, running: []Run{run("r", by(1)), run("s", by(1)), run("t", by(1))}, parallel: 4, want: "x"},
		"a repository that has all places but one comes after others": {
			queued:  []Run{run("x", by(3), queuedAt(time.Hour)), run("y", by(4), of(2, 1))},
			running: []Run{run("r", by(1)), run("s", by(2)), run("t", by(5))}, parallel: 4, want: "y",
		},
		"without a bound nobody has a share": {
			queued: []Run{run("x", by(1), queuedAt(time.Hour)), run("y", by(2))}, running: []Run{run("r", by(1))}, want: "x",
		},
		"its time has come": {queued: []Run{run("x", notBefore(0))}, want: "x"},
		"only waiting":      {queued: []Run{run("x", notBefore(time.Minute))}, next: time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			before := slices.Clone(c.queued)
			d := NextRun(c.queued, c.running, now, c.parallel)
			if d.Run.ID != c.want || d.Found != (c.want != "") {
				t.Errorf("got %q (%v), want %q", d.Run.ID, d.Found, c.want)
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

func TestDueRequests(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	push := func(id string, number int, in time.Duration) Request {
		return Request{ID: id, Kind: RequestPull, Number: number, NotBefore: now.Add(in)}
	}
	command := func(id string, number int, in time.Duration, attempts int) Request {
		return Request{ID: id, Kind: RequestCommand, Number: number, NotBefore: now.Add(in), Attempts: attempts}
	}
	for name, c := range map[string]struct {
		pending []Request
		want    string
		next    time.Duration
	}{
		"none":                            {},
		"one a pull, in order":            {pending: []Request{push("a", 1, 0), command("b", 1, 0, 0), push("c", 2, -time.Hour)}, want: "ac"},
		"a push settles":                  {pending: []Request{push("a", 1, 3*time.Second), push("b", 2, 2*time.Second)}, next: 2 * time.Second},
		"a command does not wait for it":  {pending: []Request{push("a", 1, 3*time.Second), command("b", 1, 0, 0)}, want: "b", next: 3 * time.Second},
		"but it does for one tried again": {pending: []Request{command("a", 1, time.Second, 1), command("b", 1, 0, 0), push("c", 2, 0)}, want: "c", next: time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			look := dueLook{now: now, taken: map[PullKey]bool{}}
			for _, r := range c.pending {
				look.at(r)
			}
			got, next := "", look.next
			for _, r := range look.due {
				got += r.ID
			}
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			var want time.Time
			if c.next != 0 {
				want = now.Add(c.next)
			}
			if !next.Equal(want) {
				t.Errorf("got next %v, want %v", next, want)
			}
		})
	}
}

func TestBackoff(t *testing.T) {
	var got []time.Duration
	for n := 1; n <= 7; n++ {
		got = append(got, backoff(n)/time.Second)
	}
	if diff := cmp.Diff([]time.Duration{1, 2, 4, 8, 16, 30, 30}, got); diff != "" {
		t.Error(diff)
	}
}

// TestStateWaits: what may be one state is worked on by one run at a time, in one repository.
func TestStateWaits(t *testing.T) {
	run := func(id string, repo int64, state KeptState) Run {
		return Run{ID: id, Kind: RunPlan, Repo: Repo{ID: repo}, Project: Project{Name: id, Dir: id}, StateIdentity: state.Identity, Lineage: state.Lineage}
	}
	applied := func(r Run) Run { r.Kind = RunApply; return r }
	unknown, known := "r:?1,=b", "r:=a,=b"
	for name, tt := range map[string]struct {
		queued Run
		waits  bool
	}{
		"may be it":                      {applied(run("x", 1, KeptState{Identity: known})), true},
		"may be it, elsewhere":           {applied(run("x", 2, KeptState{Identity: known})), false},
		"may be it, and none writes":     {run("x", 1, KeptState{Identity: known}), false},
		"is another one":                 {applied(run("x", 1, KeptState{Identity: "r:=a,=c"})), false},
		"has the lineage":                {run("x", 1, KeptState{Identity: "r:=a,=c", Lineage: "l"}), true},
		"has the lineage, elsewhere":     {run("x", 2, KeptState{Identity: "r:=a,=c", Lineage: "l"}), false},
		"does not say which state it is": {run("x", 1, KeptState{}), false},
	} {
		d := NextRun([]Run{tt.queued}, []Run{run("busy", 1, KeptState{Identity: unknown, Lineage: "l"})}, time.Now(), 0)
		if d.Found == tt.waits {
			t.Errorf("%s: got %+v", name, d)
		}
	}
}
