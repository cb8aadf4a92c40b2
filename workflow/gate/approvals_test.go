package gate

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/terraform/tfconfig"
)

func TestSeenPlan(t *testing.T) {
	at := func(s int) time.Time { return gateNow.Add(time.Duration(s) * time.Second) }
	show := func(s int, fp string) workflow.Shown {
		return workflow.Shown{At: at(s), Fingerprints: map[string]string{"p": fp, "q": "of q"}}
	}
	none := workflow.Shown{At: at(5), Fingerprints: map[string]string{"q": "of q"}} // p is being planned
	for _, tt := range []struct {
		name  string
		shown []workflow.Shown
		at    time.Time
		want  string
	}{
		{"nothing shown", nil, at(9), ""},
		{"shown before", []workflow.Shown{show(0, "a")}, at(9), "a"},
		{"shown later", []workflow.Shown{show(9, "a")}, at(8), ""},
		{"a replan between", []workflow.Shown{show(0, "a"), show(5, "b")}, at(4), "a"},
		{"after the replan", []workflow.Shown{show(0, "a"), show(5, "b")}, at(6), "b"},
		{"same second as the replan", []workflow.Shown{show(0, "a"), show(5, "b")}, at(5), "a"},
		{"same second, nothing older", []workflow.Shown{show(5, "b")}, at(5), "b"},
		{"same second, only other projects older", []workflow.Shown{{At: at(0), Fingerprints: map[string]string{"q": "x"}}, show(5, "b")}, at(5), "b"},
		{"two in one second, nothing older", []workflow.Shown{show(5, "b"), show(5, "c")}, at(5), "b"},
		{"being planned", []workflow.Shown{show(0, "a"), none}, at(7), ""},
		{"planned again in the second of the comment", []workflow.Shown{show(0, "a"), none, show(8, "b")}, at(8), ""},
		{"parts of a second are not told apart", []workflow.Shown{show(0, "a"), {At: at(5), Fingerprints: map[string]string{"p": "b"}}}, at(5).Add(900 * time.Millisecond), "a"},
		{"not in order", []workflow.Shown{show(5, "b"), show(0, "a")}, at(9), "b"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for i := range tt.shown {
				if fp := tt.shown[i].Fingerprints["p"]; fp != "" {
					tt.shown[i].Runs = map[string]string{"p": "run of " + fp}
				}
			}
			got, run, ok := SeenPlan(tt.shown, tt.at, "p")
			if got != tt.want || ok != (tt.want != "") || ok && run != "run of "+tt.want {
				t.Errorf("got %q of %q, %v, want %q", got, run, ok, tt.want)
			}
		})
	}
}

func TestCarryApprovals(t *testing.T) {
	attr := func(path, after string) workflow.Attribute {
		return workflow.Attribute{Path: path, Mark: workflow.MarkChange, Before: `"a"`, After: after}
	}
	web := func(attrs ...workflow.Attribute) workflow.Change {
		return workflow.Change{Address: "aws_instance.web", Mode: "managed", Action: workflow.ActionUpdate, Attributes: attrs}
	}
	effect := workflow.HiddenEffect{Kind: "provisioner", Address: "null_resource.a", Text: "`null_resource.a` runs a `local-exec` provisioner."}
	fetched := func() workflow.Fetched {
		return workflow.Fetched{Tool: "terraform 1.11.4", Modules: map[string]workflow.Exact{"module.net": "m1"}, Providers: map[string]workflow.Exact{"registry/time": "1.0.0 p1"}, Made: map[string]workflow.Exact{"a.zip": "z1"}}
	}
	base := func() CarryInput {
		return CarryInput{
			Kind:      tfconfig.Kind(),
			Approvals: []workflow.Approval{{Fingerprint: "one", User: gateBob, Head: "h1", Tree: "t1", Files: "f1", Inputs: "i1", Fetched: fetched()}},
			Was:       &workflow.Plan{Fingerprint: "one", Changes: []workflow.Change{web(attr("ami", `"b"`), attr("tags.Name", `"b"`))}, Tool: "terraform"}, WasRun: workflow.Run{Head: "h1", Tree: "t1"},
			Plan: &workflow.Plan{Fingerprint: "two", Changes: []workflow.Change{web(attr("ami", `"b"`), attr("tags.Name", `"b"`))}, Tool: "terraform", Fetched: fetched()},
			Run:  workflow.Run{Head: "h2", Tree: "t2", FilesDigest: "f1", InputsDigest: "i1"},
		}
	}
	same := func(in *CarryInput) { in.Plan.Fingerprint = "one" }
	for _, tt := range []struct {
		name   string
		change func(*CarryInput)
		want   string // "" = carried
	}{
		{"the same plan of another tree", same, ""},
		{"no new plan", func(in *CarryInput) { in.Plan = nil }, ""},
		{"hidden effects, the same tree", func(in *CarryInput) {
			same(in)
			in.Approvals[0].Hidden, in.Plan.Hidden, in.Run.Tree = true, []workflow.HiddenEffect{effect}, "t1"
		}, ""},
		{"a leaf", func(in *CarryInput) { in.Plan.Changes[0].Attributes[1].After = `"c"` },
			"The plan for `h2` is different: `tags.Name` of `aws_instance.web` differs."},
		{"a leaf that is new", func(in *CarryInput) {
			in.Plan.Changes = []workflow.Change{web(attr("ami", `"b"`), attr("tags.Name", `"b"`), attr("size", "1"))}
		}, "The plan for `h2` is different: `size` of `aws_instance.web` differs."},
		{"a resource that is new", func(in *CarryInput) {
			in.Plan.Changes = append(in.Plan.Changes, workflow.Change{Address: "aws_eip.a", Action: workflow.ActionCreate})
		}, "The plan for `h2` is different: `aws_eip.a` is new in it."},
		{"a resource that is gone", func(in *CarryInput) { in.Plan.Changes = nil }, "The plan for `h2` is different: `aws_instance.web` is no longer in it."},
		{"another action", func(in *CarryInput) { in.Plan.Changes[0].Action = workflow.ActionReplace },
			"The plan for `h2` is different: `aws_instance.web` would now be replaced, not updated."},
		{"a sensitive leaf", func(*CarryInput) {}, "The plan for `h2` is different: a value that is not shown in full differs (it is sensitive, or too long)."},
		{"another provider", func(in *CarryInput) { in.Plan.Changes[0].Provider = "evil/aws" }, "The plan for `h2` is different: `aws_instance.web` changes in another way."},
		{"no changes any more", func(in *CarryInput) { in.Plan.NoChanges = true }, "The plan for `h2` is different: it no longer changes anything."},
		{"options", func(in *CarryInput) { in.Run.Options.Destroy = true }, "The plan for `h2` is different: it was made with different options."},
		{"another state", func(in *CarryInput) { in.Plan.States = workflow.States{"s"} }, "The plan for `h2` is different: it would write a different state."},
		{"another tool", func(in *CarryInput) { in.Plan.Tool = "tofu" }, "The plan for `h2` is different: it was made with OpenTofu, not Terraform."},
		{"the plan before is not kept", func(in *CarryInput) { in.Was = nil }, "The plan for `h2` is different: the previous plan was not kept, so the difference cannot be named."},
		{"a new hidden effect", func(in *CarryInput) { same(in); in.Plan.Hidden = []workflow.HiddenEffect{effect} },
			"The plan for `h2` has the same changes, but it does more than they show: " + effect.Text},
		{"a script behind an old one", func(in *CarryInput) {
			same(in)
			in.Approvals[0].Hidden, in.Plan.Hidden, in.Was.Hidden = true, []workflow.HiddenEffect{effect}, []workflow.HiddenEffect{effect}
			in.Changes = map[string][]workflow.FileChange{"t1": {{Path: "z.tf"}, {Path: "run.sh"}}}
		}, "The plan for `h2` has the same changes, but it runs code that they do not show, which may have changed: `run.sh` and 1 other file changed."},
		{"hidden effects that are gone", func(in *CarryInput) { same(in); in.Approvals[0].Hidden = true },
			"The plan for `h2` has the same changes, but it runs code that they do not show, which may have changed: the files are no longer those of `h1` (tree `t1`, now `t2`)."},
		{"a fingerprint that nobody knows", func(in *CarryInput) { in.Approvals[0].Fingerprint, in.Plan.Fingerprint = "", "" },
			"The plan for `h2` is different: a value that is not shown in full differs (it is sensitive, or too long)."},
		{"known after apply, other inputs", func(in *CarryInput) {
			same(in)
			in.Approvals[0].Late, in.Approvals[0].Inputs, in.Run.InputsDigest = "late", "i1", "i2"
			in.Plan.Late, in.Run.Own = "`x` of `a.b` is known only after apply", []string{"prod"}
			in.Changes = map[string][]workflow.FileChange{"t1": {{Path: "README.md"}, {Path: "prod/main.tf"}, {Path: "prod2/a.tf"}}}
		}, "The plan for `h2` has the same changes, but `x` of `a.b` is known only after apply, and what that is made from may have changed: `prod/main.tf` and 2 other files changed."},
		{"known after apply, the same inputs of another tree", func(in *CarryInput) {
			same(in)
			in.Approvals[0].Late, in.Approvals[0].Inputs, in.Run.InputsDigest, in.Plan.Late = "late", "i1", "i1", "late"
		}, ""},
		{"known after apply, the same tree", func(in *CarryInput) { same(in); in.Plan.Late, in.Run.Tree = "late", "t1" }, ""},
		{"known after apply, inputs that nobody knows", func(in *CarryInput) { same(in); in.Plan.Late, in.Approvals[0].Inputs = "`x` is late", "" },
			"The plan for `h2` has the same changes, but `x` is late, and what that is made from may have changed: the files are no longer those of `h1` (tree `t1`, now `t2`)."},
		{"what was known only after apply, and now is", func(in *CarryInput) {
			same(in)
			in.Approvals[0].Late, in.Approvals[0].Inputs, in.Run.InputsDigest = "`x` is late", "i1", "i2"
		}, "The plan for `h2` has the same changes, but `x` is late, and what that is made from may have changed: the files are no longer those of `h1` (tree `t1`, now `t2`)."},
		{"hidden effects, the same inputs", func(in *CarryInput) {
			same(in)
			in.Approvals[0].Inputs, in.Run.InputsDigest, in.Approvals[0].Hidden, in.Plan.Hidden = "i1", "i1", true, []workflow.HiddenEffect{effect}
		}, "The plan for `h2` has the same changes, but it runs code that they do not show, which may have changed: the files are no longer those of `h1` (tree `t1`, now `t2`)."},
		{"another provider configuration", func(in *CarryInput) { in.Plan.Changes[0].ProviderConfig = "aws.prod" },
			"The plan for `h2` is different: `aws_instance.web` uses another configuration of its provider."},
		{"hidden effects, trees that nobody knows", func(in *CarryInput) {
			same(in)
			in.Approvals[0].Hidden, in.Plan.Hidden, in.Approvals[0].Tree, in.Run.Tree = true, []workflow.HiddenEffect{effect}, "", ""
		}, "The plan for `h2` has the same changes, but it runs code that they do not show, which may have changed: the files are no longer those of `h1` (tree ``, now ``)."},
		{"another module, the same tree", func(in *CarryInput) { same(in); in.Run.Tree, in.Plan.Fetched.Modules["module.net"] = "t1", "m2" },
			"The plan for `h2` has the same changes, but the source of `module.net` now has other files."},
		{"a module more", func(in *CarryInput) { same(in); in.Plan.Fetched.Modules["module.b"] = "m2" },
			"The plan for `h2` has the same changes, but `module.b` is now fetched."},
		{"a module less", func(in *CarryInput) { same(in); in.Plan.Fetched.Modules = nil },
			"The plan for `h2` has the same changes, but `module.net` is no longer fetched."},
		{"another version of a provider, the same tree", func(in *CarryInput) {
			same(in)
			in.Run.Tree, in.Plan.Fetched.Providers["registry/time"] = "t1", "1.0.1 p2"
		}, "The plan for `h2` has the same changes, but the provider `registry/time` has changed (now 1.0.1, was 1.0.0)."},
		{"the same version of it, other checksums", func(in *CarryInput) { same(in); in.Plan.Fetched.Providers["registry/time"] = "1.0.0 p2" },
			"The plan for `h2` has the same changes, but the provider `registry/time` has changed."},
		{"a provider more", func(in *CarryInput) { same(in); in.Plan.Fetched.Providers["registry/x"] = "1.0.0 p2" },
			"The plan for `h2` has the same changes, but the provider `registry/x` is now used."},
		{"another file that the plan made, the same tree", func(in *CarryInput) { same(in); in.Run.Tree, in.Plan.Fetched.Made["a.zip"] = "t1", "z2" },
			"The plan for `h2` has the same changes, but `a.zip`, which the plan makes, has changed."},
		{"another version of the tool", func(in *CarryInput) { same(in); in.Plan.Fetched.Tool = "terraform 1.12.0" },
			"The plan for `h2` has the same changes, but it was made with terraform 1.12.0, not terraform 1.11.4."},
		{"an approval of an older version, the same tree", func(in *CarryInput) { same(in); in.Run.Tree, in.Approvals[0].Fetched = "t1", workflow.Fetched{} },
			"The plan for `h2` has the same changes, but it is not known which modules and providers the two were made with."},
		{"neither says what was fetched", func(in *CarryInput) {
			same(in)
			in.Plan.Fetched, in.Approvals[0].Fetched = workflow.Fetched{}, workflow.Fetched{}
		},
			"The plan for `h2` has the same changes, but it is not known which modules and providers the two were made with."},
		{"a file beside the configuration", func(in *CarryInput) {
			same(in)
			in.Run.FilesDigest, in.Run.Own = "f2", []string{"prod"}
			in.Changes = map[string][]workflow.FileChange{"t1": {{Path: "prod/main.tf"}, {Path: "prod/payload.bin"}, {Path: "a.md"}}}
		}, "The plan for `h2` has the same changes, but files that it may read but does not show may have changed: `prod/payload.bin` changed."},
		{"configuration that became another file", func(in *CarryInput) {
			same(in)
			in.Run.FilesDigest, in.Changes = "f2", map[string][]workflow.FileChange{"t1": {{Path: "prod/b.tf", OldPath: "prod/payload.bin"}}}
		}, "The plan for `h2` has the same changes, but files that it may read but does not show may have changed: `prod/b.tf` changed."},
		{"files that nobody knows", func(in *CarryInput) { same(in); in.Run.FilesDigest, in.Approvals[0].Files = "", "" },
			"The plan for `h2` has the same changes, but files that it may read but does not show may have changed: the files are no longer those of `h1` (tree `t1`, now `t2`)."},
		{"code that may read any file", func(in *CarryInput) { same(in); in.Run.ComputedPaths = []string{"prod/main.tf"} },
			"The plan for `h2` has the same changes, but its code computes the names of files that it reads, and those may have changed: the files are no longer those of `h1` (tree `t1`, now `t2`)."},
		{"code that might when it was approved", func(in *CarryInput) {
			same(in)
			in.Approvals[0].Computed, in.Changes = true, map[string][]workflow.FileChange{"t1": {{Path: "a.md"}}}
		}, "The plan for `h2` has the same changes, but its code computes the names of files that it reads, and those may have changed: `a.md` changed."},
		{"code that may read any file, the same tree", func(in *CarryInput) { same(in); in.Run.Tree, in.Run.ComputedPaths = "t1", []string{"prod/main.tf"} }, ""},
		{"a place that it names", func(in *CarryInput) {
			same(in)
			in.Plan.Named, in.Changes = []workflow.Exact{"charts"}, map[string][]workflow.FileChange{"t1": {{Path: "a.md"}, {Path: "charts/x.tf"}}}
		}, "The plan for `h2` has the same changes, but it names files or directories that may have changed: `charts/x.tf` changed."},
		{"a place that only the approved one named", func(in *CarryInput) {
			same(in)
			in.Approvals[0].Named, in.Changes = []workflow.Exact{"a/b"}, map[string][]workflow.FileChange{"t1": {{Path: "c", OldPath: "a"}}}
		}, "The plan for `h2` has the same changes, but it names files or directories that may have changed: `c` changed."},
		{"named places that nobody compared", func(in *CarryInput) { same(in); in.Plan.Named = []workflow.Exact{"charts"} },
			"The plan for `h2` has the same changes, but it names files or directories that may have changed: the files are no longer those of `h1` (tree `t1`, now `t2`)."},
		{"changes elsewhere than at a named place", func(in *CarryInput) {
			same(in)
			in.Plan.Named, in.Changes = []workflow.Exact{"charts", "a.b"}, map[string][]workflow.FileChange{"t1": {{Path: "charts2/x"}, {Path: "a.bc"}}}
		}, ""},
		{"void stays void", func(in *CarryInput) { same(in); in.Approvals[0].Void = "It fell." }, "It fell."},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in := base()
			tt.change(&in)
			before := strings.Clone(in.Approvals[0].Void)
			got := CarryApprovals(in)
			if diff := cmp.Diff(tt.want, got[0].Void); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if in.Approvals[0].Void != before {
				t.Errorf("the given approvals were changed")
			}
		})
	}
}

func TestMayRelease(t *testing.T) {
	keys := workflow.LockKeys(workflow.Project{Dir: "prod/network", Variant: "default"}, workflow.KeptState{States: workflow.States{"s3-key"}})
	for _, tt := range []struct {
		name   string
		change func(*workflow.PullRecord, *workflow.Lock)
		want   string // part of the sentence, "" = may
	}{
		{"applied", func(*workflow.PullRecord, *workflow.Lock) {}, ""},
		{"never applied", func(r *workflow.PullRecord, _ *workflow.Lock) { r.Projects[0].Apply = nil }, ""},
		{"a plan runs", func(r *workflow.PullRecord, _ *workflow.Lock) { r.Projects[0].Run.State = workflow.RunRunning }, ""},
		{"queued", func(r *workflow.PullRecord, _ *workflow.Lock) { r.Projects[0].Apply.State = workflow.RunQueued }, "is queued"},
		{"running", func(r *workflow.PullRecord, _ *workflow.Lock) { r.Projects[0].Apply.State = workflow.RunRunning }, "is running"},
		{"running, the state's lock", func(r *workflow.PullRecord, l *workflow.Lock) {
			r.Projects[0].Apply.State, l.Key = workflow.RunRunning, keys[1]
		}, "is running"},
		{"running, the state's lock was taken by another project", func(r *workflow.PullRecord, l *workflow.Lock) {
			r.Projects[0].Apply.State, l.Key, l.Project = workflow.RunRunning, keys[1], "twin"
		}, "is running"},
		{"another project's apply runs", func(r *workflow.PullRecord, l *workflow.Lock) {
			r.Projects[0].Apply.State, l.Key, l.Project = workflow.RunRunning, "project\x00other\x00default", "other"
		}, ""},
		{"the project's plan is of another state now", func(r *workflow.PullRecord, l *workflow.Lock) {
			r.Projects[0].Apply.State, r.Projects[0].Run.States, l.Key, l.Project = workflow.RunRunning, workflow.States{"new"}, keys[1], "renamed"
		}, "is running"},
		{"unknown", func(r *workflow.PullRecord, _ *workflow.Lock) { r.Projects[0].Apply.Outcome = workflow.OutcomeUnknown }, "is unknown"},
		{"lost after the word", func(r *workflow.PullRecord, _ *workflow.Lock) { r.Projects[0].Apply.Outcome = workflow.OutcomeLost }, "is unknown"},
		{"lost before the word", func(r *workflow.PullRecord, _ *workflow.Lock) {
			r.Projects[0].Apply.Outcome, r.Projects[0].Apply.Apply.Spent = workflow.OutcomeLost, false
		}, ""},
		{"unknown, resolved", func(r *workflow.PullRecord, _ *workflow.Lock) {
			r.Projects[0].Apply.Outcome, r.Projects[0].Apply.Apply.Resolved = workflow.OutcomeUnknown, "applied"
		}, ""},
		{"state kept", func(r *workflow.PullRecord, _ *workflow.Lock) { r.Projects[0].Apply.Apply.ErroredState = "x" }, "could not store its state"},
		{"not this pull's", func(_ *workflow.PullRecord, l *workflow.Lock) { l.Pull.Number = 11 }, "held by #11"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in := readyApply()
			in.Record.Projects = []workflow.ProjectRecord{in.Project}
			in.Project.Apply.State, in.Project.Apply.Outcome, in.Project.Apply.Apply.Spent = workflow.RunFinished, workflow.OutcomeSucceeded, true
			l := in.Locks[0]
			tt.change(&in.Record, &l)
			if got := MayRelease(in.Record, l).String(); (got == "") != (tt.want == "") || !strings.Contains(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestTakeLocks(t *testing.T) {
	in := readyApply()
	take := TakeInput{Pull: in.Record.Pull.Key(), Project: in.Project.Project, State: workflow.KeptState{States: workflow.States{"s3-key"}}, User: gateAda, Now: gateNow, Why: workflow.LockApply, LastEpoch: 8}
	fresh, held := TakeLocks(take)
	if held != nil || len(fresh) != 2 || fresh[0].Epoch != 9 || fresh[1].Epoch != 10 {
		t.Fatalf("got %+v, %+v, want both with epochs 9 and 10", fresh, held)
	}
	take.Locks = fresh
	if again, held := TakeLocks(take); held != nil || len(again) != 0 {
		t.Errorf("ours already: got %+v, %+v", again, held)
	}
	claimed := fresh[0]
	claimed.Why, claimed.Since, claimed.User = workflow.LockClaim, gateNow.Add(-time.Hour), gateBob
	take.Locks = []workflow.Lock{claimed, fresh[1]}
	want := claimed
	want.Why = workflow.LockApply
	raised, _ := TakeLocks(take)
	if diff := cmp.Diff([]workflow.Lock{want}, raised); diff != "" {
		t.Errorf("a claim that becomes an apply's: -want +got:\n%s", diff)
	}
	take.Why = workflow.LockPlan
	if weaker, held := TakeLocks(take); held != nil || len(weaker) != 0 {
		t.Errorf("a weaker reason: got %+v, %+v", weaker, held)
	}
	take.Locks = []workflow.Lock{elsewhere(1, workflow.LockPlan)}
	if taken, held := TakeLocks(take); len(taken) != 0 || held == nil || held.Pull.Number != 11 {
		t.Errorf("the state is another pull's: got %+v, %+v", taken, held)
	}
	take.Locks[0].RepoID = 8
	if taken, held := TakeLocks(take); len(taken) != 2 || held != nil {
		t.Errorf("another repository's: got %+v, %+v", taken, held)
	}
}

// TestNoFingerprintIsApproved: an approval of nothing is none.
func TestNoFingerprintIsApproved(t *testing.T) {
	for name, plan := range map[string]*workflow.Plan{"no plan": nil, "a plan without one": {}} {
		in := readyApply()
		in.Plan, in.Project.Approvals = plan, []workflow.Approval{{User: gateBob}}
		if counted, missing := CountApprovals(in); len(counted) != 0 || len(missing) != 1 {
			t.Errorf("%s: counted %v, missing %v", name, counted, missing)
		}
	}
}

// TestEditedWhen: who wrote in the very second in which the summary was edited, or became ours
// again, may have seen what somebody else wrote.
func TestEditedWhen(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	ours := func(after time.Duration) workflow.Shown { return workflow.Shown{At: at.Add(after)} }
	edit := func(after time.Duration) workflow.Shown { return workflow.Shown{At: at.Add(after), EditedBy: gateAda} }
	for name, c := range map[string]struct {
		shown  []workflow.Shown
		edited bool
	}{
		"never":                           {[]workflow.Shown{ours(-time.Minute)}, false},
		"before":                          {[]workflow.Shown{ours(-time.Minute), edit(-time.Second)}, true},
		"in that second":                  {[]workflow.Shown{ours(-time.Minute), edit(0)}, true},
		"later":                           {[]workflow.Shown{ours(-time.Minute), edit(time.Second)}, false},
		"ours again the second before":    {[]workflow.Shown{edit(-time.Minute), ours(-time.Second)}, false},
		"ours again in that second":       {[]workflow.Shown{edit(-time.Minute), ours(0)}, true},
		"ours again later":                {[]workflow.Shown{edit(-time.Minute), ours(time.Second)}, true},
		"ours again, and told before it":  {[]workflow.Shown{ours(-time.Second), edit(-time.Minute)}, false},
		"edited once more since it is so": {[]workflow.Shown{edit(-time.Minute), ours(-3 * time.Second), edit(-2 * time.Second)}, true},
	} {
		if why := EditedWhen(c.shown, at); (why != "") != c.edited {
			t.Errorf("%s: got %q", name, why)
		}
	}
}
