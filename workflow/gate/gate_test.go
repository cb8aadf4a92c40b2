package gate

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-iac/cardea/internal/golden"
	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/workflow"
)

var (
	gateNow  = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	gateAda  = workflow.Actor{ID: 1, Login: "ada"}
	gateBob  = workflow.Actor{ID: 2, Login: "bob"}
	gateEve  = workflow.Actor{ID: 9, Login: "eve"} // the author
	gateSHAs = map[string]string{
		"head": "aaaaaaa1111111111111111111111111111111aa", "pushed": "bbbbbbb2222222222222222222222222222222bb",
		"base": "ccccccc3333333333333333333333333333333cc", "tree": "ddddddd4444444444444444444444444444444dd",
	}
)

const gateFingerprint = "3f9a12c4b5d6e7f80123456789abcdef3f9a12c4b5d6e7f80123456789abcdef"

// readyApply is an apply whose runner stands ready: everything is as the gate
// wants it, and every call returns values of its own.
func readyApply() Input {
	pull := workflow.Pull{
		Repo: workflow.Repo{ID: 7, Owner: "acme", Name: "infra", DefaultBranch: "main"}, Number: 12, Author: gateEve, State: workflow.PullOpen,
		Head: workflow.Ref{Ref: "feature", SHA: gateSHAs["head"]}, Base: workflow.Ref{Ref: "main", SHA: gateSHAs["base"]},
	}
	p := workflow.Project{Name: "network/prod", Dir: "prod/network", Variant: "default", Engine: "terraform", Environment: "prod"}
	state := workflow.StateVersion{ID: "e2f0c1d2-lineage", Version: "4"}
	plan := &workflow.Plan{
		Counts: workflow.Counts{Add: 1}, Fingerprint: gateFingerprint, PlannedAt: gateNow.Add(-time.Hour), StateID: state.ID, StateVersion: state.Version,
		Hidden: []workflow.HiddenEffect{{Kind: "provisioner", Address: "null_resource.a", Text: "`null_resource.a` runs a `local-exec` provisioner."}},
	}
	run := &workflow.Run{
		ID: "plan1", Kind: workflow.RunPlan, Repo: pull.Repo, Number: pull.Number, Project: p, Head: pull.Head.SHA, Base: pull.Base.SHA, Tree: gateSHAs["tree"],
		State: workflow.RunFinished, Outcome: workflow.OutcomeSucceeded, Fingerprint: gateFingerprint, Artefact: "5e1f00aa5e1f00aa", States: workflow.States{"s3-key"}, Lineage: state.ID,
	}
	apply := &workflow.Run{
		ID: "apply1", Kind: workflow.RunApply, Repo: pull.Repo, Number: pull.Number, Project: p, State: workflow.RunRunning, States: workflow.States{"s3-key"}, Started: gateNow.Add(-time.Minute),
		Apply: &workflow.ApplyOrder{PlanRun: run.ID, Fingerprint: run.Fingerprint, Artefact: run.Artefact, State: state},
	}
	rules := workflow.DefaultRules("acme/*")
	rules.Require = []workflow.Requirement{workflow.NeedUpToDate, workflow.NeedApproved, workflow.NeedReviewed, workflow.NeedMergeable}
	around := workflow.Workflow{Name: "rendered", Steps: []workflow.Step{{At: workflow.BeforePlan, Name: "render", Run: []string{"/bin/render"}}}}
	rules.Workflow, rules.Workflows = around.Name, map[string]workflow.Workflow{around.Name: around}
	run.Workflow = &around
	in := Input{
		Rules: rules, Record: workflow.PullRecord{Pull: pull, Known: true, BaseSHA: pull.Base.SHA, Tree: run.Tree},
		Project: workflow.ProjectRecord{Project: p, Run: run, Apply: apply, Approvals: []workflow.Approval{
			{Fingerprint: gateFingerprint, User: gateBob, At: gateNow.Add(-30 * time.Minute), Head: run.Head, Tree: run.Tree, Hidden: true},
		}},
		Plan: plan,
		Live: workflow.LiveFacts{
			Read: gateNow.Add(-2 * time.Second), Pull: pull, Actor: gateAda, Roles: map[int64]workflow.Role{1: workflow.RoleWrite, 2: workflow.RoleWrite},
			BaseTip: pull.Base.SHA, Conflicts: "no", ReviewDecision: "approved", ApprovedHead: true, Required: []workflow.RequiredCheck{{Name: "lint", State: "passed"}},
		},
		SameInputs: true, SameTree: true, Artefact: run.Artefact, State: &state,
		Depends: map[string]workflow.ProjectState{"vpc/prod": workflow.StateApplied, "dns": workflow.StateNoChanges}, Now: gateNow,
	}
	for i, key := range workflow.LockKeys(p, run.Keeps()) {
		in.Locks = append(in.Locks, workflow.Lock{RepoID: 7, Key: key, Project: p.Name, Pull: pull.Key(), User: gateAda, Since: gateNow, Why: workflow.LockApply, Epoch: uint64(i + 1)})
	}
	return in
}

// decide asks the gate as the service does: only a runner knows the state.
func decide(in Input) []workflow.Missing {
	if in.State == nil {
		return Ask(in)
	}
	return Confirm(in)
}

// asked turns the ready apply into the moment in which somebody asks for it.
func asked(in *Input) { in.State, in.Project.Apply, in.Locks = nil, nil, nil }

func TestGateLetsPass(t *testing.T) {
	for name, change := range map[string]func(*Input){
		"ready":                    func(*Input) {},
		"asked for":                asked,
		"asked for, locks ours":    func(in *Input) { in.State, in.Project.Apply = nil, nil },
		"only the same inputs":     func(in *Input) { in.SameTree, in.Plan.Hidden = false, nil },
		"base moved, not required": func(in *Input) { in.Rules.Require, in.SameInputs = nil, false },
		"no approvals, not required": func(in *Input) {
			in.Rules.Require, in.Project.Approvals = []workflow.Requirement{workflow.NeedUpToDate}, nil
		},
		"conflicts not required": func(in *Input) { in.Rules.Require, in.Live.Conflicts = nil, "unknown" },
		"a release branch": func(in *Input) {
			in.Rules.ApplyBranches = []string{"main", "release/*"}
			in.Live.Pull.Base.Ref, in.Record.Pull.Base.Ref = "release/1.2", "release/1.2"
		},
		"no review rule, head reviewed": func(in *Input) { in.Live.ReviewDecision, in.Live.ApprovedHead = "", true },
		"new state": func(in *Input) {
			in.State, in.Plan.StateID, in.Plan.StateVersion, in.Project.Run.Lineage = &workflow.StateVersion{}, "", "", ""
		},
		"a listed bot with the permission": func(in *Input) {
			in.Rules.Bots, in.Live.Actor = []string{"deployer"}, workflow.Actor{ID: 5, Login: "deployer[bot]", Bot: true}
			in.Live.Roles[5] = workflow.RoleWrite
		},
		"a failed apply of an older plan": func(in *Input) {
			asked(in)
			in.Project.Apply = &workflow.Run{Kind: workflow.RunApply, State: workflow.RunFinished, Outcome: workflow.OutcomeFailed, Apply: &workflow.ApplyOrder{PlanRun: "plan0", Spent: true}}
		},
		"an unknown one that a person ended": func(in *Input) {
			asked(in)
			in.Project.Apply = &workflow.Run{Kind: workflow.RunApply, State: workflow.RunFinished, Outcome: workflow.OutcomeUnknown, Apply: &workflow.ApplyOrder{PlanRun: "plan0", Spent: true, Resolved: "failed"}}
		},
		"a refused one of this plan": func(in *Input) {
			asked(in)
			in.Project.Apply = &workflow.Run{Kind: workflow.RunApply, State: workflow.RunFinished, Outcome: workflow.OutcomeRefused, Apply: &workflow.ApplyOrder{PlanRun: "plan1"}}
		},
		"locks of other projects and repositories": func(in *Input) {
			other, far := elsewhere(0, workflow.LockApply), elsewhere(0, workflow.LockApply)
			other.Key, far.RepoID = workflow.LockKeys(workflow.Project{Dir: "other"}, workflow.KeptState{})[0], 8
			in.Locks = append(in.Locks, other, far)
		},
		"facts just young enough": func(in *Input) { in.Live.Read = in.Now.Add(-LiveMaxAge) },
		"the author, where the rules say so": func(in *Input) {
			in.Rules.Approvals.Author, in.Project.Approvals[0].User = true, gateEve
			in.Live.Roles[9] = workflow.RoleWrite
		},
	} {
		t.Run(name, func(t *testing.T) {
			in := readyApply()
			change(&in)
			if got := decide(in); len(got) != 0 {
				t.Errorf("got %+v, want nothing missing", got)
			}
		})
	}
}

// refusals are the ways in which an apply is not done; each has a golden text.
var refusals = []struct {
	name   string
	need   workflow.Requirement
	change func(*Input)
}{
	{"permission-role", workflow.NeedPermission, func(in *Input) { in.Live.Roles[1] = workflow.RoleRead }},
	{"permission-unread", workflow.NeedPermission, func(in *Input) { delete(in.Live.Roles, 1) }},
	{"permission-strange-role", workflow.NeedPermission, func(in *Input) { in.Live.Roles[1] = "owner" }},
	{"permission-bot", workflow.NeedPermission, func(in *Input) {
		in.Live.Actor, in.Live.Roles[1] = workflow.Actor{ID: 1, Login: "renovate[bot]", Bot: true}, workflow.RoleAdmin
	}},
	{"permission-nobody", workflow.NeedPermission, func(in *Input) { in.Live.Actor = workflow.Actor{}; in.Live.Roles[0] = workflow.RoleAdmin }},
	{"permission-environment", workflow.NeedPermission, func(in *Input) {
		in.Rules.Environments = map[string]workflow.EnvironmentRules{"prod": {Apply: &workflow.Who{Role: workflow.RoleAdmin, Users: []string{"carol"}}}}
	}},
	{"permission-shared-state", workflow.NeedPermission, func(in *Input) {
		in.Rules.Environments = map[string]workflow.EnvironmentRules{"safe": {Apply: &workflow.Who{Role: workflow.RoleAdmin}}}
		in.Sharing = []workflow.Project{{Name: "twin", Environment: "safe"}}
	}},
	{"permission-merge-group", workflow.NeedPermission, planFor(workflow.OfGroup(7, gateSHAs["head"]))},
	{"permission-branch", workflow.NeedPermission, planFor(workflow.OfBranch(7, "main"))},
	{"permission-for-nothing", workflow.NeedPermission, planFor(workflow.Subject{})},
	{"plan-of-a-landing", workflow.NeedPlan, planFor(workflow.OfLanding(workflow.PullKey{RepoID: 7, Number: 12}, gateSHAs["head"]))},
	{"plan-of-another-pull", workflow.NeedPlan, planFor(workflow.OfPull(workflow.PullKey{RepoID: 7, Number: 11}))},
	{"plan-applied-for-another", workflow.NeedPlan, func(in *Input) {
		in.Project.Apply.SetSubject(in.Record.Pull.Repo, workflow.OfBranch(7, "main"))
	}},
	{"branch-default", workflow.NeedBranch, func(in *Input) { in.Record.Pull.Base.Ref, in.Live.Pull.Base.Ref = "feature/2", "feature/2" }},
	{"branch-list", workflow.NeedBranch, func(in *Input) { in.Rules.ApplyBranches = []string{"release/*", "prod"} }},
	{"branch-unknown", workflow.NeedBranch, func(in *Input) { in.Record.Pull.Repo.DefaultBranch, in.Live.Pull.Repo.DefaultBranch = "", "" }},
	{"open-closed", workflow.NeedOpen, func(in *Input) { in.Live.Pull.State = workflow.PullClosed }},
	{"open-merged", workflow.NeedOpen, func(in *Input) { in.Record.Pull.State = workflow.PullMerged }},
	{"same-repository", workflow.NeedSameRepo, func(in *Input) { in.Live.Pull.Fork = true }},
	{"same-repository-record", workflow.NeedSameRepo, func(in *Input) { in.Record.Pull.Fork = true }},
	{"draft", workflow.NeedReady, func(in *Input) { in.Live.Pull.Draft = true }},
	{"draft-record", workflow.NeedReady, func(in *Input) { in.Record.Pull.Draft = true }},
	{"head-pushed", workflow.NeedHead, func(in *Input) { in.Live.Pull.Head.SHA = gateSHAs["pushed"] }},
	{"head-unknown", workflow.NeedHead, func(in *Input) { in.Live.Pull.Head.SHA, in.Record.Pull.Head.SHA, in.Project.Run.Head = "", "", "" }},
	{"head-plan-of-another", workflow.NeedHead, func(in *Input) { in.Project.Run.Head = gateSHAs["pushed"] }},
	{"head-not-surveyed", workflow.NeedHead, func(in *Input) { in.Record.Known = false }},
	{"head-retargeted", workflow.NeedHead, func(in *Input) {
		in.Rules.ApplyBranches, in.Live.Pull.Base.Ref = []string{"main", "release/*"}, "release/1"
	}},
	{"plan-trouble", workflow.NeedPlan, func(in *Input) {
		in.Record.Trouble = &workflow.Trouble{Kind: workflow.TroubleConflict, Title: phrase.Say("The head conflicts with main")}
	}},
	{"plan-none", workflow.NeedPlan, func(in *Input) { in.Project.Run, in.Plan = nil, nil }},
	{"plan-queued", workflow.NeedPlan, func(in *Input) { in.Project.Run.State = workflow.RunQueued }},
	{"plan-running", workflow.NeedPlan, func(in *Input) { in.Project.Run.State = workflow.RunRunning }},
	{"plan-cancelled", workflow.NeedPlan, func(in *Input) { in.Project.Run.Outcome = workflow.OutcomeCancelled }},
	{"plan-failed", workflow.NeedPlan, func(in *Input) { in.Project.Run.Outcome = workflow.OutcomeTimedOut }},
	{"plan-no-changes", workflow.NeedPlan, func(in *Input) { in.Project.Run.NoChanges = true }},
	{"plan-no-changes-kept", workflow.NeedPlan, func(in *Input) { in.Plan.NoChanges = true }},
	{"plan-forgotten", workflow.NeedPlan, func(in *Input) { in.Plan = nil }},
	{"plan-fingerprint-none", workflow.NeedPlan, func(in *Input) {
		in.Plan.Fingerprint, in.Project.Run.Fingerprint, in.Project.Apply.Apply.Fingerprint, in.Rules.Require = "", "", "", nil
	}},
	{"plan-fingerprint", workflow.NeedPlan, func(in *Input) { in.Plan.Fingerprint = strings.Repeat("0", 64) }},
	{"plan-deleted", workflow.NeedPlan, func(in *Input) { in.Project.Deleted = true }},
	{"plan-refused", workflow.NeedPlan, func(in *Input) { in.Project.Project.Refused = phrase.Say("`prod/network` has no backend.") }},
	{"plan-apply-queued", workflow.NeedPlan, func(in *Input) { in.State, in.Project.Apply.State = nil, workflow.RunQueued }},
	{"plan-apply-running", workflow.NeedPlan, func(in *Input) { in.State = nil }},
	{"plan-spent", workflow.NeedPlan, func(in *Input) {
		in.State, in.Project.Apply.State, in.Project.Apply.Outcome, in.Project.Apply.Apply.Spent = nil, workflow.RunFinished, workflow.OutcomeFailed, true
	}},
	{"plan-spent-unknown", workflow.NeedPlan, func(in *Input) {
		in.State, in.Project.Apply.State, in.Project.Apply.Outcome, in.Project.Apply.Apply.Spent = nil, workflow.RunFinished, workflow.OutcomeUnknown, true
	}},
	{"plan-not-asked", workflow.NeedPlan, func(in *Input) { in.Project.Apply = nil }},
	{"plan-not-an-apply", workflow.NeedPlan, func(in *Input) { in.Project.Apply.Kind = workflow.RunVerify }},
	{"plan-begun-before", workflow.NeedPlan, func(in *Input) { in.Project.Apply.Apply.Spent = true }},
	{"plan-apply-cancelled", workflow.NeedPlan, func(in *Input) { in.Project.Apply.Interrupt = "`ada` cancelled it." }},
	{"plan-apply-ended", workflow.NeedPlan, func(in *Input) { in.Project.Apply.State = workflow.RunFinished }},
	{"plan-replaced", workflow.NeedPlan, func(in *Input) { in.Project.Run.ID = "plan2" }},
	{"artefact-never", workflow.NeedArtefact, func(in *Input) { in.Project.Run.Artefact, in.Project.Apply.Apply.Artefact = "", "" }},
	{"artefact-gone", workflow.NeedArtefact, func(in *Input) { in.Artefact = "" }},
	{"artefact-other", workflow.NeedArtefact, func(in *Input) { in.Artefact = "0bad0bad0bad" }},
	{"facts-base-not-compared", workflow.NeedFacts, func(in *Input) {
		in.SameInputs, in.SameTree, in.Doubts = false, false, []string{"It could not be determined whether the base changed what is applied: Git is down."}
	}},
	{"facts-base-in-doubt", workflow.NeedFacts, func(in *Input) { in.Doubts = []string{"The base branch keeps moving."} }},
	{"up-to-date-inputs", workflow.NeedUpToDate, func(in *Input) { in.SameInputs = false }},
	{"up-to-date-tree", workflow.NeedUpToDate, func(in *Input) { in.SameTree = false }},
	{"up-to-date-outdated", workflow.NeedUpToDate, func(in *Input) { in.Project.Outdated = phrase.Say("`main` changed `modules/net/main.tf`.") }},
	{"plan-workflow-changed", workflow.NeedPlan, func(in *Input) {
		in.Rules.Workflows = map[string]workflow.Workflow{"rendered": {Plan: workflow.Tuning{Parallelism: 4}}}
	}},
	{"plan-workflow-gone", workflow.NeedPlan, func(in *Input) { in.Rules.Workflow, in.Rules.Workflows = "", nil }},
	{"plan-workflow-not-listed", workflow.NeedPlan, func(in *Input) { in.Project.Run.Project.Workflow = "other" }},
	{"fresh-old", workflow.NeedFresh, func(in *Input) { in.Plan.PlannedAt = gateNow.Add(-25 * time.Hour) }},
	{"fresh-no-limit-set", workflow.NeedFresh, func(in *Input) { in.Rules.StaleAfter, in.Plan.PlannedAt = 0, gateNow.Add(-25*time.Hour) }},
	{"fresh-unknown", workflow.NeedFresh, func(in *Input) { in.Plan.PlannedAt = time.Time{} }},
	{"fresh-future", workflow.NeedFresh, func(in *Input) { in.Plan.PlannedAt = gateNow.Add(time.Hour) }},
	{"approved-none", workflow.NeedApproved, func(in *Input) { in.Project.Approvals = nil }},
	{"approved-twice-by-one", workflow.NeedApproved, func(in *Input) {
		in.Rules.Approvals.Count, in.Project.Approvals = 2, append(in.Project.Approvals, in.Project.Approvals[0])
	}},
	{"approved-by-nobody", workflow.NeedApproved, func(in *Input) { in.Project.Approvals[0].User, in.Live.Roles[0] = workflow.Actor{}, workflow.RoleAdmin }},
	{"approved-none-name-with-a-space", workflow.NeedApproved, func(in *Input) { in.Project.Project.Name, in.Project.Approvals = "network in prod", nil }},
	{"approved-one-of-two", workflow.NeedApproved, func(in *Input) {
		in.Rules.Environments = map[string]workflow.EnvironmentRules{"prod": {Approvals: &workflow.ApprovalRules{Count: 2}}}
	}},
	{"approved-by-author", workflow.NeedApproved, func(in *Input) { in.Project.Approvals[0].User = gateEve; in.Live.Roles[9] = workflow.RoleAdmin }},
	{"approved-by-author-poor-reading", workflow.NeedApproved, func(in *Input) {
		in.Project.Approvals[0].User, in.Live.Pull.Author, in.Live.Roles[9] = gateEve, workflow.Actor{}, workflow.RoleAdmin
	}},
	{"approved-author-not-known", workflow.NeedApproved, func(in *Input) { in.Live.Pull.Author, in.Record.Pull.Author = workflow.Actor{}, workflow.Actor{} }},
	{"approved-by-bot", workflow.NeedApproved, func(in *Input) {
		in.Project.Approvals[0].User = workflow.Actor{ID: 2, Login: "bot[bot]", Bot: true}
	}},
	{"approved-by-reader", workflow.NeedApproved, func(in *Input) { in.Live.Roles[2] = workflow.RoleTriage }},
	{"approved-by-unread", workflow.NeedApproved, func(in *Input) { delete(in.Live.Roles, 2) }},
	{"approved-not-by", workflow.NeedApproved, func(in *Input) { in.Rules.Approvals.By = []string{"carol", "dan"} }},
	{"approved-void", workflow.NeedApproved, func(in *Input) {
		in.Project.Approvals[0].Void = "The plan for `aaaaaaa` is different: `tags.Name` of `aws_instance.web` differs."
	}},
	{"approved-applied", workflow.NeedApproved, func(in *Input) { in.Project.Approvals[0].Applied = true }},
	{"approved-other-fingerprint", workflow.NeedApproved, func(in *Input) { in.Project.Approvals[0].Fingerprint = strings.Repeat("1", 64) }},
	{"reviewed-older", workflow.NeedReviewed, func(in *Input) { in.Live.ApprovedHead = false }},
	{"reviewed-none", workflow.NeedReviewed, func(in *Input) { in.Live.ReviewDecision, in.Live.ApprovedHead = "", false }},
	{"reviewed-required", workflow.NeedReviewed, func(in *Input) { in.Live.ReviewDecision, in.Live.ApprovedHead = "review_required", true }},
	{"mergeable-changes-requested", workflow.NeedMergeable, func(in *Input) {
		in.Rules.Require, in.Live.ReviewDecision = []workflow.Requirement{workflow.NeedMergeable}, "changes_requested"
	}},
	{"mergeable-strange-decision", workflow.NeedMergeable, func(in *Input) {
		in.Rules.Require, in.Live.ReviewDecision = []workflow.Requirement{workflow.NeedMergeable}, "perhaps"
	}},
	{"mergeable-conflicts", workflow.NeedMergeable, func(in *Input) { in.Live.Conflicts = "yes" }},
	{"mergeable-unknown", workflow.NeedMergeable, func(in *Input) { in.Live.Conflicts = "unknown" }},
	{"mergeable-checks", workflow.NeedMergeable, func(in *Input) {
		in.Live.Required = append(in.Live.Required, workflow.RequiredCheck{Name: "unit", State: "pending"}, workflow.RequiredCheck{Name: "e2e", State: "failed"}, workflow.RequiredCheck{Name: "a`c", State: "missing"}, workflow.RequiredCheck{Name: "odd", State: ""})
	}},
	{"depends-on-before", workflow.NeedDepends, func(in *Input) { in.Depends["vpc/prod"], in.Since = workflow.StateApplied, []string{"vpc/prod"} }},
	{"depends-on", workflow.NeedDepends, func(in *Input) {
		in.Depends["vpc/prod"], in.Depends["dns"] = workflow.StateApplyFailed, workflow.StatePlanned
	}},
	{"lock-apply", workflow.NeedLock, func(in *Input) { in.Locks[0].Pull.Number, in.Locks[1].Pull.Number = 11, 11 }},
	{"lock-claim", workflow.NeedLock, func(in *Input) { asked(in); in.Locks = []workflow.Lock{elsewhere(0, workflow.LockClaim)} }},
	{"lock-state-under-another-name", workflow.NeedLock, func(in *Input) { asked(in); in.Locks = []workflow.Lock{elsewhere(1, workflow.LockPlan)} }},
	{"lock-not-held", workflow.NeedLock, func(in *Input) { in.Locks = in.Locks[:1] }},
	{"lock-lineage-not-known", workflow.NeedLock, func(in *Input) { in.Project.Run.Lineage = "" }},
	{"lock-state-not-known", workflow.NeedLock, func(in *Input) { in.Project.Run.States = nil }},
	{"state-lineage", workflow.NeedState, func(in *Input) { in.State.ID = "0ther-lineage" }},
	{"state-serial", workflow.NeedState, func(in *Input) { in.State.Version = "5" }},
	{"state-moved", workflow.NeedState, func(in *Input) {
		in.Plan.StateVersion = "0123456789abcd"
		in.State.Version, in.State.Moved = "4567890abcdef", []string{"`Deployment.apps web/api`: `.spec.replicas` is 5, the plan saw 3.", "`Service web/api` is gone."}
	}},
	{"state-moved-unseen", workflow.NeedState, func(in *Input) { in.State.Moved = []string{"`/etc/motd` of `web1` is another one."} }},
	{"state-unknown-apply", workflow.NeedState, func(in *Input) {
		in.State, in.Project.Apply.State, in.Project.Apply.Outcome, in.Project.Apply.Apply.PlanRun = nil, workflow.RunFinished, workflow.OutcomeUnknown, "plan0"
	}},
	{"state-lost-apply", workflow.NeedState, func(in *Input) {
		asked(in)
		in.Project.Apply = &workflow.Run{Kind: workflow.RunApply, State: workflow.RunFinished, Outcome: workflow.OutcomeLost, Apply: &workflow.ApplyOrder{PlanRun: "plan0", Spent: true}}
	}},
	{"state-kept", workflow.NeedState, func(in *Input) {
		asked(in)
		in.Project.Apply = &workflow.Run{Kind: workflow.RunApply, State: workflow.RunFinished, Outcome: workflow.OutcomeFailed, Apply: &workflow.ApplyOrder{PlanRun: "plan0", Spent: true, ErroredState: "x"}}
	}},
	{"state-unknown-sharing", workflow.NeedState, func(in *Input) {
		in.Unsettled = []workflow.Run{{Kind: workflow.RunApply, Project: workflow.Project{Name: "twin", Dir: "twin"}, State: workflow.RunFinished, Outcome: workflow.OutcomeUnknown}}
	}},
	{"config", workflow.NeedConfig, func(in *Input) { in.BaseFaulty = true }},
	{"facts-errors", workflow.NeedFacts, func(in *Input) {
		in.Live.Errors = []string{"GitHub answered 502 when asked for the required checks."}
	}},
	{"facts-old", workflow.NeedFacts, func(in *Input) { in.Live.Read = gateNow.Add(-LiveMaxAge - time.Second) }},
	{"facts-of-the-future", workflow.NeedFacts, func(in *Input) { in.Live.Read = gateNow.Add(time.Minute) }},
	{"facts-none", workflow.NeedPermission, func(in *Input) { in.Live = workflow.LiveFacts{} }},
	{"facts-of-another-pull", workflow.NeedFacts, func(in *Input) { in.Live.Pull.Number = 13 }},
	{"facts-base-tip", workflow.NeedFacts, func(in *Input) { in.Live.BaseTip = "" }},
	{"everything", workflow.NeedPermission, func(in *Input) {
		asked(in)
		in.Live.Roles = map[int64]workflow.Role{1: workflow.RoleRead, 2: workflow.RoleRead}
		in.Live.Pull.Draft, in.Live.Conflicts, in.Live.ReviewDecision, in.Live.Required[0].State = true, "yes", "review_required", "failed"
		in.Artefact, in.SameInputs, in.Plan.PlannedAt, in.BaseFaulty = "", false, gateNow.Add(-48*time.Hour), true
		in.Depends["dns"], in.Locks = workflow.StatePlanning, []workflow.Lock{elsewhere(0, workflow.LockApply)}
		in.Live.Errors = []string{"GitHub did not answer in time."}
	}},
}

// planFor makes plan and apply runs for something else than the pull.
func planFor(s workflow.Subject) func(*Input) {
	return func(in *Input) {
		in.Project.Run.SetSubject(in.Record.Pull.Repo, s)
		in.Project.Apply.SetSubject(in.Record.Pull.Repo, s)
	}
}

// elsewhere is one of the project's locks in the hand of #11.
func elsewhere(key int, why workflow.LockWhy) workflow.Lock {
	in := readyApply()
	l := in.Locks[key]
	l.Pull.Number, l.User, l.Why, l.Since = 11, gateBob, why, gateNow.Add(-50*time.Hour)
	if key == 1 {
		l.Project = "legacy"
	}
	return l
}

// tell is the golden form of what is missing.
func tell(missing []workflow.Missing) string {
	var b strings.Builder
	for _, m := range missing {
		fmt.Fprintf(&b, "%s (%s)\n  %s\n  %s\n", m.Need, m.Words(), m.Sentence, m.Mend)
	}
	return b.String()
}

func TestGateRefuses(t *testing.T) {
	for _, tt := range refusals {
		t.Run(tt.name, func(t *testing.T) {
			in := readyApply()
			tt.change(&in)
			got := decide(in)
			if len(got) == 0 || got[0].Need != tt.need {
				t.Errorf("got %+v, want %s first", got, tt.need)
			}
			for _, m := range got {
				if m.Words().Empty() || m.Sentence.Empty() || m.Mend.Empty() {
					t.Errorf("got %+v, want words for each", m)
				}
			}
			golden.Check(t, filepath.Join("testdata", "gate", tt.name+".txt"), tell(got))
		})
	}
}

// TestConfirmNeedsTheState: a runner that does not say what it found gets no word.
func TestConfirmNeedsTheState(t *testing.T) {
	in := readyApply()
	in.State = nil
	if got := Confirm(in); len(got) != 1 || got[0].Need != workflow.NeedState {
		t.Errorf("got %+v, want %s", got, workflow.NeedState)
	}
}

func TestWaitsFor(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*Input)
		want   []workflow.Requirement
	}{
		{"approval given, nobody asked GitHub", func(in *Input) { asked(in); in.Live = workflow.LiveFacts{} }, nil},
		{"approval", func(in *Input) { asked(in); in.Live, in.Project.Approvals = workflow.LiveFacts{}, nil }, []workflow.Requirement{workflow.NeedApproved}},
		{"draft, lock, dependency", func(in *Input) {
			asked(in)
			in.Live, in.Record.Pull.Draft, in.Locks, in.Depends["dns"] = workflow.LiveFacts{}, true, []workflow.Lock{elsewhere(0, workflow.LockApply)}, workflow.StatePlanned
		}, []workflow.Requirement{workflow.NeedReady, workflow.NeedDepends, workflow.NeedLock}},
		{"outdated", func(in *Input) {
			asked(in)
			in.Live, in.Project.Outdated = workflow.LiveFacts{}, phrase.Say("`main` moved.")
		}, []workflow.Requirement{workflow.NeedUpToDate}},
		{"what GitHub said last", func(in *Input) { asked(in); in.Live.Conflicts = "yes" }, []workflow.Requirement{workflow.NeedMergeable}},
		{"no changes", func(in *Input) { in.Project.Run.NoChanges, in.Project.Approvals = true, nil }, nil},
		{"applied", func(in *Input) {
			in.Project.Apply.State, in.Project.Apply.Outcome, in.Project.Apply.Apply.Spent = workflow.RunFinished, workflow.OutcomeSucceeded, true
		}, nil},
		{"applying", func(in *Input) { in.State = nil }, []workflow.Requirement{workflow.NeedPlan}},
		{"planning", func(in *Input) { asked(in); in.Project.Run.State = workflow.RunRunning }, []workflow.Requirement{workflow.NeedPlan}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in := readyApply()
			tt.change(&in)
			var got []workflow.Requirement
			for _, m := range WaitsFor(in) {
				got = append(got, m.Need)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}
