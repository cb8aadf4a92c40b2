package workflow

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-iac/cardea/internal/golden"
)

var (
	gateNow  = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	gateAda  = Actor{ID: 1, Login: "ada"}
	gateBob  = Actor{ID: 2, Login: "bob"}
	gateEve  = Actor{ID: 9, Login: "eve"} // the author
	gateSHAs = map[string]string{
		"head": "aaaaaaa1111111111111111111111111111111aa", "pushed": "bbbbbbb2222222222222222222222222222222bb",
		"base": "ccccccc3333333333333333333333333333333cc", "tree": "ddddddd4444444444444444444444444444444dd",
	}
)

const gateFingerprint = "3f9a12c4b5d6e7f80123456789abcdef3f9a12c4b5d6e7f80123456789abcdef"

// readyApply is an apply whose runner stands ready: everything is as the gate
// wants it, and every call returns values of its own.
func readyApply() GateInput {
	pull := Pull{
		Repo: Repo{ID: 7, Owner: "acme", Name: "infra", DefaultBranch: "main"}, Number: 12, Author: gateEve, State: PullOpen,
		Head: Ref{Ref: "feature", SHA: gateSHAs["head"]}, Base: Ref{Ref: "main", SHA: gateSHAs["base"]},
	}
	p := Project{Name: "network/prod", Dir: "prod/network", TerraformWorkspace: "default", Engine: "terraform", Environment: "prod"}
	state := StateVersion{Lineage: "e2f0c1d2-lineage", Serial: 4}
	plan := &Plan{
		Counts: Counts{Add: 1}, Fingerprint: gateFingerprint, PlannedAt: gateNow.Add(-time.Hour), Lineage: state.Lineage, Serial: state.Serial,
		Hidden: []HiddenEffect{{Kind: "provisioner", Address: "null_resource.a", Text: "`null_resource.a` runs a `local-exec` provisioner."}},
	}
	run := &Run{
		ID: "plan1", Kind: RunPlan, Repo: pull.Repo, Number: pull.Number, Project: p, Head: pull.Head.SHA, Base: pull.Base.SHA, Tree: gateSHAs["tree"],
		State: RunFinished, Outcome: OutcomeSucceeded, Fingerprint: gateFingerprint, Artefact: "5e1f00aa5e1f00aa", StateIdentity: "s3-key", Lineage: state.Lineage,
	}
	apply := &Run{
		ID: "apply1", Kind: RunApply, Repo: pull.Repo, Number: pull.Number, Project: p, State: RunRunning, StateIdentity: "s3-key", Started: gateNow.Add(-time.Minute),
		Apply: &ApplyOrder{PlanRun: run.ID, Fingerprint: run.Fingerprint, Artefact: run.Artefact, State: state},
	}
	rules := DefaultRules("acme/*")
	rules.Require = []Requirement{NeedUpToDate, NeedApproved, NeedReviewed, NeedMergeable}
	in := GateInput{
		Rules: rules, Record: PullRecord{Pull: pull, Known: true, BaseSHA: pull.Base.SHA, Tree: run.Tree},
		Project: ProjectRecord{Project: p, Run: run, Apply: apply, Approvals: []Approval{
			{Fingerprint: gateFingerprint, User: gateBob, At: gateNow.Add(-30 * time.Minute), Head: run.Head, Tree: run.Tree, Hidden: true},
		}},
		Plan: plan,
		Live: LiveFacts{
			Read: gateNow.Add(-2 * time.Second), Pull: pull, Actor: gateAda, Roles: map[int64]Role{1: RoleWrite, 2: RoleWrite},
			BaseTip: pull.Base.SHA, Conflicts: "no", ReviewDecision: "approved", ApprovedHead: true, Required: []RequiredCheck{{Name: "lint", State: "passed"}},
		},
		SameInputs: true, SameTree: true, Artefact: run.Artefact, State: &state,
		Depends: map[string]ProjectState{"vpc/prod": StateApplied, "dns": StateNoChanges}, Now: gateNow,
	}
	for i, key := range LockKeys(p, run.Keeps()) {
		in.Locks = append(in.Locks, Lock{RepoID: 7, Key: key, Project: p.Name, Pull: pull.Key(), User: gateAda, Since: gateNow, Why: LockApply, Epoch: uint64(i + 1)})
	}
	return in
}

// asked turns the ready apply into the moment in which somebody asks for it.
func asked(in *GateInput) { in.State, in.Project.Apply, in.Locks = nil, nil, nil }

func TestGateLetsPass(t *testing.T) {
	for name, change := range map[string]func(*GateInput){
		"ready":                      func(*GateInput) {},
		"asked for":                  asked,
		"asked for, locks ours":      func(in *GateInput) { in.State, in.Project.Apply = nil, nil },
		"only the same inputs":       func(in *GateInput) { in.SameTree, in.Plan.Hidden = false, nil },
		"base moved, not required":   func(in *GateInput) { in.Rules.Require, in.SameInputs = nil, false },
		"no approvals, not required": func(in *GateInput) { in.Rules.Require, in.Project.Approvals = []Requirement{NeedUpToDate}, nil },
		"conflicts not required":     func(in *GateInput) { in.Rules.Require, in.Live.Conflicts = nil, "unknown" },
		"a release branch": func(in *GateInput) {
			in.Rules.ApplyBranches = []string{"main", "release/*"}
			in.Live.Pull.Base.Ref, in.Record.Pull.Base.Ref = "release/1.2", "release/1.2"
		},
		"no review rule, head reviewed": func(in *GateInput) { in.Live.ReviewDecision, in.Live.ApprovedHead = "", true },
		"new state": func(in *GateInput) {
			in.State, in.Plan.Lineage, in.Plan.Serial, in.Project.Run.Lineage = &StateVersion{}, "", 0, ""
		},
		"a listed bot with the permission": func(in *GateInput) {
			in.Rules.Bots, in.Live.Actor = []string{"deployer"}, Actor{ID: 5, Login: "deployer[bot]", Bot: true}
			in.Live.Roles[5] = RoleWrite
		},
		"a failed apply of an older plan": func(in *GateInput) {
			asked(in)
			in.Project.Apply = &Run{Kind: RunApply, State: RunFinished, Outcome: OutcomeFailed, Apply: &ApplyOrder{PlanRun: "plan0", Spent: true}}
		},
		"an unknown one that a person ended": func(in *GateInput) {
			asked(in)
			in.Project.Apply = &Run{Kind: RunApply, State: RunFinished, Outcome: OutcomeUnknown, Apply: &ApplyOrder{PlanRun: "plan0", Spent: true, Resolved: "failed"}}
		},
		"a refused one of this plan": func(in *GateInput) {
			asked(in)
			in.Project.Apply = &Run{Kind: RunApply, State: RunFinished, Outcome: OutcomeRefused, Apply: &ApplyOrder{PlanRun: "plan1"}}
		},
		"locks of other projects and repositories": func(in *GateInput) {
			other, far := elsewhere(0, LockApply), elsewhere(0, LockApply)
			other.Key, far.RepoID = LockKeys(Project{Dir: "other"}, KeptState{})[0], 8
			in.Locks = append(in.Locks, other, far)
		},
		"facts just young enough": func(in *GateInput) { in.Live.Read = in.Now.Add(-LiveMaxAge) },
		"the author, where the rules say so": func(in *GateInput) {
			in.Rules.Approvals.Author, in.Project.Approvals[0].User = true, gateEve
			in.Live.Roles[9] = RoleWrite
		},
	} {
		t.Run(name, func(t *testing.T) {
			in := readyApply()
			change(&in)
			if got := Gate(in); len(got) != 0 {
				t.Errorf("got %+v, want nothing missing", got)
			}
		})
	}
}

// refusals are the ways in which an apply is not done; each has a golden text.
var refusals = []struct {
	name   string
	need   Requirement
	change func(*GateInput)
}{
	{"permission-role", NeedPermission, func(in *GateInput) { in.Live.Roles[1] = RoleRead }},
	{"permission-unread", NeedPermission, func(in *GateInput) { delete(in.Live.Roles, 1) }},
	{"permission-strange-role", NeedPermission, func(in *GateInput) { in.Live.Roles[1] = "owner" }},
	{"permission-bot", NeedPermission, func(in *GateInput) {
		in.Live.Actor, in.Live.Roles[1] = Actor{ID: 1, Login: "renovate[bot]", Bot: true}, RoleAdmin
	}},
	{"permission-nobody", NeedPermission, func(in *GateInput) { in.Live.Actor = Actor{}; in.Live.Roles[0] = RoleAdmin }},
	{"permission-environment", NeedPermission, func(in *GateInput) {
		in.Rules.Environments = map[string]EnvironmentRules{"prod": {Apply: &Who{Role: RoleAdmin, Users: []string{"carol"}}}}
	}},
	{"permission-shared-state", NeedPermission, func(in *GateInput) {
		in.Rules.Environments = map[string]EnvironmentRules{"safe": {Apply: &Who{Role: RoleAdmin}}}
		in.Sharing = []Project{{Name: "twin", Environment: "safe"}}
	}},
	{"branch-default", NeedBranch, func(in *GateInput) { in.Record.Pull.Base.Ref, in.Live.Pull.Base.Ref = "feature/2", "feature/2" }},
	{"branch-list", NeedBranch, func(in *GateInput) { in.Rules.ApplyBranches = []string{"release/*", "prod"} }},
	{"branch-unknown", NeedBranch, func(in *GateInput) { in.Record.Pull.Repo.DefaultBranch, in.Live.Pull.Repo.DefaultBranch = "", "" }},
	{"open-closed", NeedOpen, func(in *GateInput) { in.Live.Pull.State = PullClosed }},
	{"open-merged", NeedOpen, func(in *GateInput) { in.Record.Pull.State = PullMerged }},
	{"same-repository", NeedSameRepo, func(in *GateInput) { in.Live.Pull.Fork = true }},
	{"same-repository-record", NeedSameRepo, func(in *GateInput) { in.Record.Pull.Fork = true }},
	{"draft", NeedReady, func(in *GateInput) { in.Live.Pull.Draft = true }},
	{"head-pushed", NeedHead, func(in *GateInput) { in.Live.Pull.Head.SHA = gateSHAs["pushed"] }},
	{"head-unknown", NeedHead, func(in *GateInput) { in.Live.Pull.Head.SHA, in.Record.Pull.Head.SHA, in.Project.Run.Head = "", "", "" }},
	{"head-plan-of-another", NeedHead, func(in *GateInput) { in.Project.Run.Head = gateSHAs["pushed"] }},
	{"head-not-surveyed", NeedHead, func(in *GateInput) { in.Record.Known = false }},
	{"head-retargeted", NeedHead, func(in *GateInput) {
		in.Rules.ApplyBranches, in.Live.Pull.Base.Ref = []string{"main", "release/*"}, "release/1"
	}},
	{"plan-trouble", NeedPlan, func(in *GateInput) {
		in.Record.Trouble = &Trouble{Kind: TroubleConflict, Title: "The head conflicts with main"}
	}},
	{"plan-none", NeedPlan, func(in *GateInput) { in.Project.Run, in.Plan = nil, nil }},
	{"plan-queued", NeedPlan, func(in *GateInput) { in.Project.Run.State = RunQueued }},
	{"plan-running", NeedPlan, func(in *GateInput) { in.Project.Run.State = RunRunning }},
	{"plan-cancelled", NeedPlan, func(in *GateInput) { in.Project.Run.Outcome = OutcomeCancelled }},
	{"plan-failed", NeedPlan, func(in *GateInput) { in.Project.Run.Outcome = OutcomeTimedOut }},
	{"plan-no-changes", NeedPlan, func(in *GateInput) { in.Project.Run.NoChanges = true }},
	{"plan-no-changes-kept", NeedPlan, func(in *GateInput) { in.Plan.NoChanges = true }},
	{"plan-forgotten", NeedPlan, func(in *GateInput) { in.Plan = nil }},
	{"plan-fingerprint-none", NeedPlan, func(in *GateInput) {
		in.Plan.Fingerprint, in.Project.Run.Fingerprint, in.Project.Apply.Apply.Fingerprint, in.Rules.Require = "", "", "", nil
	}},
	{"plan-fingerprint", NeedPlan, func(in *GateInput) { in.Plan.Fingerprint = strings.Repeat("0", 64) }},
	{"plan-deleted", NeedPlan, func(in *GateInput) { in.Project.Deleted = true }},
	{"plan-refused", NeedPlan, func(in *GateInput) { in.Project.Project.Refused = "`prod/network` has no backend." }},
	{"plan-apply-queued", NeedPlan, func(in *GateInput) { in.State, in.Project.Apply.State = nil, RunQueued }},
	{"plan-apply-running", NeedPlan, func(in *GateInput) { in.State = nil }},
	{"plan-spent", NeedPlan, func(in *GateInput) {
		in.State, in.Project.Apply.State, in.Project.Apply.Outcome, in.Project.Apply.Apply.Spent = nil, RunFinished, OutcomeFailed, true
	}},
	{"plan-spent-unknown", NeedPlan, func(in *GateInput) {
		in.State, in.Project.Apply.State, in.Project.Apply.Outcome, in.Project.Apply.Apply.Spent = nil, RunFinished, OutcomeUnknown, true
	}},
	{"plan-not-asked", NeedPlan, func(in *GateInput) { in.Project.Apply = nil }},
	{"plan-not-an-apply", NeedPlan, func(in *GateInput) { in.Project.Apply.Kind = RunVerify }},
	{"plan-begun-before", NeedPlan, func(in *GateInput) { in.Project.Apply.Apply.Spent = true }},
	{"plan-apply-cancelled", NeedPlan, func(in *GateInput) { in.Project.Apply.Interrupt = "`ada` cancelled it." }},
	{"plan-apply-ended", NeedPlan, func(in *GateInput) { in.Project.Apply.State = RunFinished }},
	{"plan-replaced", NeedPlan, func(in *GateInput) { in.Project.Run.ID = "plan2" }},
	{"artefact-never", NeedArtefact, func(in *GateInput) { in.Project.Run.Artefact, in.Project.Apply.Apply.Artefact = "", "" }},
	{"artefact-gone", NeedArtefact, func(in *GateInput) { in.Artefact = "" }},
	{"artefact-other", NeedArtefact, func(in *GateInput) { in.Artefact = "0bad0bad0bad" }},
	{"up-to-date-inputs", NeedUpToDate, func(in *GateInput) { in.SameInputs = false }},
	{"up-to-date-tree", NeedUpToDate, func(in *GateInput) { in.SameTree = false }},
	{"up-to-date-outdated", NeedUpToDate, func(in *GateInput) { in.Project.Outdated = "`main` changed `modules/net/main.tf`." }},
	{"fresh-old", NeedFresh, func(in *GateInput) { in.Plan.PlannedAt = gateNow.Add(-25 * time.Hour) }},
	{"fresh-no-limit-set", NeedFresh, func(in *GateInput) { in.Rules.StaleAfter, in.Plan.PlannedAt = 0, gateNow.Add(-25*time.Hour) }},
	{"fresh-unknown", NeedFresh, func(in *GateInput) { in.Plan.PlannedAt = time.Time{} }},
	{"fresh-future", NeedFresh, func(in *GateInput) { in.Plan.PlannedAt = gateNow.Add(time.Hour) }},
	{"approved-none", NeedApproved, func(in *GateInput) { in.Project.Approvals = nil }},
	{"approved-twice-by-one", NeedApproved, func(in *GateInput) {
		in.Rules.Approvals.Count, in.Project.Approvals = 2, append(in.Project.Approvals, in.Project.Approvals[0])
	}},
	{"approved-by-nobody", NeedApproved, func(in *GateInput) { in.Project.Approvals[0].User, in.Live.Roles[0] = Actor{}, RoleAdmin }},
	{"approved-none-name-with-a-space", NeedApproved, func(in *GateInput) { in.Project.Project.Name, in.Project.Approvals = "network in prod", nil }},
	{"approved-one-of-two", NeedApproved, func(in *GateInput) {
		in.Rules.Environments = map[string]EnvironmentRules{"prod": {Approvals: &ApprovalRules{Count: 2}}}
	}},
	{"approved-by-author", NeedApproved, func(in *GateInput) { in.Project.Approvals[0].User = gateEve; in.Live.Roles[9] = RoleAdmin }},
	{"approved-by-author-poor-reading", NeedApproved, func(in *GateInput) {
		in.Project.Approvals[0].User, in.Live.Pull.Author, in.Live.Roles[9] = gateEve, Actor{}, RoleAdmin
	}},
	{"approved-author-not-known", NeedApproved, func(in *GateInput) { in.Live.Pull.Author, in.Record.Pull.Author = Actor{}, Actor{} }},
	{"approved-by-bot", NeedApproved, func(in *GateInput) {
		in.Project.Approvals[0].User = Actor{ID: 2, Login: "bot[bot]", Bot: true}
	}},
	{"approved-by-reader", NeedApproved, func(in *GateInput) { in.Live.Roles[2] = RoleTriage }},
	{"approved-by-unread", NeedApproved, func(in *GateInput) { delete(in.Live.Roles, 2) }},
	{"approved-not-by", NeedApproved, func(in *GateInput) { in.Rules.Approvals.By = []string{"carol", "dan"} }},
	{"approved-void", NeedApproved, func(in *GateInput) {
		in.Project.Approvals[0].Void = "The plan of `aaaaaaa` is another one: `tags.Name` of `aws_instance.web` differs."
	}},
	{"approved-applied", NeedApproved, func(in *GateInput) { in.Project.Approvals[0].Applied = true }},
	{"approved-other-fingerprint", NeedApproved, func(in *GateInput) { in.Project.Approvals[0].Fingerprint = strings.Repeat("1", 64) }},
	{"reviewed-older", NeedReviewed, func(in *GateInput) { in.Live.ApprovedHead = false }},
	{"reviewed-none", NeedReviewed, func(in *GateInput) { in.Live.ReviewDecision, in.Live.ApprovedHead = "", false }},
	{"reviewed-required", NeedReviewed, func(in *GateInput) { in.Live.ReviewDecision, in.Live.ApprovedHead = "review_required", true }},
	{"mergeable-changes-requested", NeedMergeable, func(in *GateInput) {
		in.Rules.Require, in.Live.ReviewDecision = []Requirement{NeedMergeable}, "changes_requested"
	}},
	{"mergeable-strange-decision", NeedMergeable, func(in *GateInput) {
		in.Rules.Require, in.Live.ReviewDecision = []Requirement{NeedMergeable}, "perhaps"
	}},
	{"mergeable-conflicts", NeedMergeable, func(in *GateInput) { in.Live.Conflicts = "yes" }},
	{"mergeable-unknown", NeedMergeable, func(in *GateInput) { in.Live.Conflicts = "unknown" }},
	{"mergeable-checks", NeedMergeable, func(in *GateInput) {
		in.Live.Required = append(in.Live.Required, RequiredCheck{Name: "unit", State: "pending"}, RequiredCheck{Name: "e2e", State: "failed"}, RequiredCheck{Name: "a`c", State: "missing"}, RequiredCheck{Name: "odd", State: ""})
	}},
	{"depends-on-before", NeedDepends, func(in *GateInput) { in.Depends["vpc/prod"], in.Since = StateApplied, []string{"vpc/prod"} }},
	{"depends-on", NeedDepends, func(in *GateInput) { in.Depends["vpc/prod"], in.Depends["dns"] = StateApplyFailed, StatePlanned }},
	{"lock-apply", NeedLock, func(in *GateInput) { in.Locks[0].Pull.Number, in.Locks[1].Pull.Number = 11, 11 }},
	{"lock-claim", NeedLock, func(in *GateInput) { asked(in); in.Locks = []Lock{elsewhere(0, LockClaim)} }},
	{"lock-state-under-another-name", NeedLock, func(in *GateInput) { asked(in); in.Locks = []Lock{elsewhere(1, LockPlan)} }},
	{"lock-not-held", NeedLock, func(in *GateInput) { in.Locks = in.Locks[:1] }},
	{"lock-lineage-not-known", NeedLock, func(in *GateInput) { in.Project.Run.Lineage = "" }},
	{"lock-state-not-known", NeedLock, func(in *GateInput) { in.Project.Run.StateIdentity = "" }},
	{"state-lineage", NeedState, func(in *GateInput) { in.State.Lineage = "0ther-lineage" }},
	{"state-serial", NeedState, func(in *GateInput) { in.State.Serial = 5 }},
	{"state-unknown-apply", NeedState, func(in *GateInput) {
		in.State, in.Project.Apply.State, in.Project.Apply.Outcome, in.Project.Apply.Apply.PlanRun = nil, RunFinished, OutcomeUnknown, "plan0"
	}},
	{"state-lost-apply", NeedState, func(in *GateInput) {
		asked(in)
		in.Project.Apply = &Run{Kind: RunApply, State: RunFinished, Outcome: OutcomeLost, Apply: &ApplyOrder{PlanRun: "plan0", Spent: true}}
	}},
	{"state-kept", NeedState, func(in *GateInput) {
		asked(in)
		in.Project.Apply = &Run{Kind: RunApply, State: RunFinished, Outcome: OutcomeFailed, Apply: &ApplyOrder{PlanRun: "plan0", Spent: true, ErroredState: "x"}}
	}},
	{"state-unknown-sharing", NeedState, func(in *GateInput) {
		in.Unsettled = []Run{{Kind: RunApply, Project: Project{Name: "twin", Dir: "twin"}, State: RunFinished, Outcome: OutcomeUnknown}}
	}},
	{"config", NeedConfig, func(in *GateInput) { in.BaseFaulty = true }},
	{"facts-errors", NeedFacts, func(in *GateInput) {
		in.Live.Errors = []string{"GitHub answered 502 when asked for the required checks."}
	}},
	{"facts-old", NeedFacts, func(in *GateInput) { in.Live.Read = gateNow.Add(-LiveMaxAge - time.Second) }},
	{"facts-of-the-future", NeedFacts, func(in *GateInput) { in.Live.Read = gateNow.Add(time.Minute) }},
	{"facts-none", NeedPermission, func(in *GateInput) { in.Live = LiveFacts{} }},
	{"facts-of-another-pull", NeedFacts, func(in *GateInput) { in.Live.Pull.Number = 13 }},
	{"facts-base-tip", NeedFacts, func(in *GateInput) { in.Live.BaseTip = "" }},
	{"everything", NeedPermission, func(in *GateInput) {
		asked(in)
		in.Live.Roles = map[int64]Role{1: RoleRead, 2: RoleRead}
		in.Live.Pull.Draft, in.Live.Conflicts, in.Live.ReviewDecision, in.Live.Required[0].State = true, "yes", "review_required", "failed"
		in.Artefact, in.SameInputs, in.Plan.PlannedAt, in.BaseFaulty = "", false, gateNow.Add(-48*time.Hour), true
		in.Depends["dns"], in.Locks = StatePlanning, []Lock{elsewhere(0, LockApply)}
		in.Live.Errors = []string{"GitHub did not answer in time."}
	}},
}

// elsewhere is one of the project's locks in the hand of #11.
func elsewhere(key int, why LockWhy) Lock {
	in := readyApply()
	l := in.Locks[key]
	l.Pull.Number, l.User, l.Why, l.Since = 11, gateBob, why, gateNow.Add(-50*time.Hour)
	if key == 1 {
		l.Project = "legacy"
	}
	return l
}

// tell is the golden form of what is missing.
func tell(missing []Missing) string {
	var b strings.Builder
	for _, m := range missing {
		fmt.Fprintf(&b, "%s (%s)\n  %s\n  %s\n", m.Need, m.Short, m.Sentence, m.Mend)
	}
	return b.String()
}

func TestGateRefuses(t *testing.T) {
	for _, tt := range refusals {
		t.Run(tt.name, func(t *testing.T) {
			in := readyApply()
			tt.change(&in)
			got := Gate(in)
			if len(got) == 0 || got[0].Need != tt.need {
				t.Errorf("got %+v, want %s first", got, tt.need)
			}
			for _, m := range got {
				if m.Short == "" || m.Sentence == "" || m.Mend == "" {
					t.Errorf("got %+v, want words for each", m)
				}
			}
			golden.Check(t, filepath.Join("testdata", "gate", tt.name+".txt"), tell(got))
		})
	}
}

func TestWaitsFor(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*GateInput)
		want   []Requirement
	}{
		{"approval given, nobody asked GitHub", func(in *GateInput) { asked(in); in.Live = LiveFacts{} }, nil},
		{"approval", func(in *GateInput) { asked(in); in.Live, in.Project.Approvals = LiveFacts{}, nil }, []Requirement{NeedApproved}},
		{"draft, lock, dependency", func(in *GateInput) {
			asked(in)
			in.Live, in.Record.Pull.Draft, in.Locks, in.Depends["dns"] = LiveFacts{}, true, []Lock{elsewhere(0, LockApply)}, StatePlanned
		}, []Requirement{NeedReady, NeedDepends, NeedLock}},
		{"outdated", func(in *GateInput) { asked(in); in.Live, in.Project.Outdated = LiveFacts{}, "`main` moved." }, []Requirement{NeedUpToDate}},
		{"what GitHub said last", func(in *GateInput) { asked(in); in.Live.Conflicts = "yes" }, []Requirement{NeedMergeable}},
		{"no changes", func(in *GateInput) { in.Project.Run.NoChanges, in.Project.Approvals = true, nil }, nil},
		{"applied", func(in *GateInput) {
			in.Project.Apply.State, in.Project.Apply.Outcome, in.Project.Apply.Apply.Spent = RunFinished, OutcomeSucceeded, true
		}, nil},
		{"applying", func(in *GateInput) { in.State = nil }, []Requirement{NeedPlan}},
		{"planning", func(in *GateInput) { asked(in); in.Project.Run.State = RunRunning }, []Requirement{NeedPlan}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in := readyApply()
			tt.change(&in)
			var got []Requirement
			for _, m := range WaitsFor(in) {
				got = append(got, m.Need)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}
