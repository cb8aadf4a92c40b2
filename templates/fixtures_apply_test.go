package templates_test

import (
	"fmt"
	"strings"
	"time"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/workflow"
)

var (
	bob   = workflow.Actor{ID: 4, Login: "bob"}
	carol = workflow.Actor{ID: 5, Login: "carol"}
	dave  = workflow.Actor{ID: 6, Login: "dave"}
)

func need(n workflow.Requirement, short string, sentence, mend phrase.Text) workflow.Missing {
	return workflow.Missing{Need: n, Short: phrase.Plain(short), Sentence: sentence, Mend: mend}
}

// approvals is what the gate says of a plan that lacks them.
func approvals(v workflow.PullView, i, have, of int) workflow.Missing {
	name, plan := v.Projects[i].Project.Name, v.Plans[v.Projects[i].Run.ID].ShortFingerprint()
	all := phrase.CountOf(of, "approval", "approvals")
	sentence := phrase.Say("Needs %s %s.", all, phrase.OfPlan(plan))
	if have > 0 {
		sentence = phrase.Say("Has %d of %s %s.", have, all, phrase.OfPlan(plan))
	}
	return need(workflow.NeedApproved, phrase.CountOf(of-have, "approval", "approvals"), sentence,
		phrase.Say("Anyone with write access except the author (`ada`) can approve by commenting %s.",
			phrase.Command{Verb: "approve", Project: name, Plan: plan}))
}

var lockedByCarol = workflow.Lock{Project: "prod/app", Pull: workflow.PullKey{Number: 9}, User: carol,
	Since: noon.Add(-3 * time.Hour), Why: workflow.LockApply}

var (
	lintFails = need(workflow.NeedMergeable, "the check `lint`",
		phrase.Say("1 required check of the base branch has not passed: `lint` (failed)."),
		phrase.Say("Wait for pending checks and fix failed ones; checks that have not reported must report on this commit. Then %s.",
			workflow.VerbApply.About("prod/network")))
	elsewhere = need(workflow.NeedLock, "the lock of #9", lockedByCarol.Sentence(),
		lockedByCarol.Mend().And(phrase.Say("This pull request will be told.")))
	moved = phrase.Say("`main` has changed in files that the plan of `dev/network` is made from.")
)

// waiting is a pull whose plans lack different things.
func waiting() workflow.PullView {
	v := view(planned("prod/network", "prod", newSubnet, goneBucket), planned("prod/app", "prod", newDatabase),
		planned("dev/network", "dev", newSubnet, newOutput),
		planned("dev/app", "dev", newSubnet), planned("dev/dns", "dev"))
	p := v.Projects
	p[0].WaitsFor = []workflow.Missing{approvals(v, 0, 1, 2), lintFails}
	p[0].Approvals = []workflow.Approval{{Fingerprint: v.Plans["run000"].Fingerprint,
		User: bob, At: noon.Add(time.Minute)},
		{Fingerprint: strings.Repeat("77aa", 16), User: carol, At: noon.Add(-time.Hour), Void: "The plan for `abc1234` is different: `aws_s3_bucket.logs` is new in it."}}
	p[1].WaitsFor = []workflow.Missing{elsewhere, approvals(v, 1, 0, 2)}
	p[2].Outdated = moved
	v.Locked = map[string]workflow.Lock{"prod/app": lockedByCarol}
	return v
}

// approvable is a pull with these plans, each of which waits for one approval.
func approvable(projects ...project) workflow.PullView {
	v := view(projects...)
	for i := range v.Projects {
		v.Projects[i].WaitsFor = []workflow.Missing{approvals(v, i, 0, 1)}
	}
	return v
}

// apply gives a project an apply of its plan in this state.
func apply(v workflow.PullView, i int, state workflow.RunState, o workflow.Outcome) *workflow.Run {
	p := &v.Projects[i]
	plan := v.Plans[p.Run.ID]
	p.Apply = &workflow.Run{ID: "apply" + p.Run.ID, Kind: workflow.RunApply, State: state, Outcome: o, Project: p.Project,
		Head: v.Pull.Head.SHA, Actor: dave, Counts: plan.Counts,
		Queued: noon, Started: noon.Add(time.Second),
		Apply: &workflow.ApplyOrder{PlanRun: p.Run.ID, Fingerprint: plan.Fingerprint, Spent: true,
			Authorised: &workflow.Authorisation{At: noon.Add(2 * time.Second), Actor: dave}}}
	p.Run.Head, p.Held = v.Pull.Head.SHA, true
	p.Approvals = []workflow.Approval{{Fingerprint: plan.Fingerprint, User: bob, At: noon}}
	v.Locked[p.Project.Name] = workflow.Lock{Project: p.Project.Name, Pull: v.Pull.Key(), User: dave,
		Since: noon.Add(time.Second), Why: workflow.LockApply}
	return p.Apply
}

func applying() workflow.PullView {
	v := view(planned("prod/network", "prod", newSubnet, goneBucket), planned("prod/app", "prod", newDatabase),
		planned("dev/network", "dev", newSubnet))
	apply(v, 0, workflow.RunRunning, "")
	queued := apply(v, 1, workflow.RunQueued, "")
	queued.Apply.Authorised, queued.Apply.Spent, queued.Waiting = nil, false,
		"`prod/network`, which uses the same state, is being applied for #12."
	apply(v, 2, workflow.RunFinished, workflow.OutcomeSucceeded)
	return v
}

func applied() workflow.PullView {
	v := view(planned("prod/network", "prod", newSubnet, goneBucket),
		planned("dev/network", "dev", newSubnet), planned("dev/dns", "dev"))
	apply(v, 0, workflow.RunFinished, workflow.OutcomeSucceeded)
	apply(v, 1, workflow.RunFinished, workflow.OutcomeSucceeded)
	return v
}

// partly is a failed apply with its new plan.
func partly(next workflow.RunState) workflow.PullView {
	v := view(planned("prod/network", "prod", newSubnet), planned("dev/network", "dev", newSubnet))
	a := apply(v, 0, workflow.RunFinished, workflow.OutcomeFailed)
	a.Apply.PlanRun, a.Apply.Done, a.Apply.Total, a.Reason = "old", 2, 3,
		"terraform apply: creating EC2 Subnet: InvalidSubnet.Range."
	a.Diagnostics = []workflow.Diagnostic{{Severity: workflow.SeverityError,
		Summary: "creating EC2 Subnet: InvalidSubnet.Range", Detail: "The CIDR '10.0.48.0/20' is invalid.",
		Address: "aws_subnet.private[\"eu-west-1c\"]"}}
	a.Apply.Progress = []workflow.Progress{{Name: "create", Address: "aws_subnet.private[\"eu-west-1c\"]", State: workflow.ProgressFailed}}
	v.Projects[0].Approvals = nil
	v.Projects[0].WaitsFor = []workflow.Missing{approvals(v, 0, 0, 1)}
	if next != workflow.RunFinished {
		v.Projects[0].Run.State, v.Projects[0].Run.Outcome = next, ""
		delete(v.Plans, v.Projects[0].Run.ID)
	}
	return v
}

func lost() workflow.PullView {
	v := view(planned("prod/network", "prod", newSubnet, goneBucket), planned("dev/network", "dev", newSubnet))
	a := apply(v, 0, workflow.RunFinished, workflow.OutcomeUnknown)
	a.Reason = "The runner died without a result (signal: killed)."
	a.Apply.Done, a.Apply.Total = 14, 20
	a.Apply.Progress = []workflow.Progress{{Address: "aws_subnet.a", State: workflow.ProgressUnknown}, {Address: "aws_subnet.b", State: workflow.ProgressUnknown},
		{Address: "aws_subnet.c", State: workflow.ProgressNotStarted}, {Address: "aws_subnet.d", State: workflow.ProgressNotStarted}}
	return v
}

func kept() workflow.PullView {
	v := view(planned("prod/network", "prod", newSubnet, goneBucket))
	a := apply(v, 0, workflow.RunFinished, workflow.OutcomeFailed)
	a.Apply.ErroredState, a.Apply.Done, a.Apply.Total, a.Reason = "01j8xk.errored.tfstate.age", 1, 2,
		"terraform apply: Failed to save state."
	a.Diagnostics = []workflow.Diagnostic{{Severity: workflow.SeverityError, Summary: "Failed to save state",
		Detail: "Error saving state: failed to upload state: 503 Service Unavailable"}}
	return v
}

// chain is a pull that one command walks through: the first is being applied, the others follow.
func chain() workflow.PullView {
	app, web := planned("prod/app", "prod", newDatabase), planned("prod/web", "prod", newSubnet)
	app.upstream, web.upstream = []string{"prod/network"}, []string{"prod/app"}
	v := view(planned("prod/network", "prod", newSubnet), app, web, planned("dev/network", "dev", newSubnet))
	apply(v, 3, workflow.RunFinished, workflow.OutcomeSucceeded)
	apply(v, 0, workflow.RunRunning, "")
	v.Projects[1].Project.DependsOn, v.Projects[2].Project.DependsOn = []string{"prod/network"}, []string{"prod/app"}
	for i, on := range []string{1: "prod/network", 2: "prod/app"} {
		if on == "" {
			continue
		}
		p := &v.Projects[i]
		p.WaitsFor = []workflow.Missing{need(workflow.NeedDepends, "the apply of `"+on+"`",
			phrase.Say("%s depends on %s, which is not applied (`applying`).", phrase.Project(p.Project.Name), phrase.Name(on)),
			phrase.Say("Apply that one first: %s.", workflow.VerbApply.About(on)))}
		v.Following = append(v.Following, workflow.Follow{Key: p.Project.Key(), Project: p.Project.Name, By: dave, Request: "request",
			Since: noon, Head: v.Pull.Head.SHA, On: []string{on}, Plan: workflow.Approval{Fingerprint: v.Plans[p.Run.ID].Fingerprint}})
	}
	return v
}

// broken is that pull after the apply of the first failed.
func broken() workflow.PullView {
	v := chain()
	apply(v, 0, workflow.RunFinished, workflow.OutcomeFailed).Reason = "terraform apply: quota exceeded."
	v.Following[0].Ended = phrase.Say("The apply of `prod/network` failed.")
	v.Following[1].Ended = phrase.Say("`prod/app` was not applied.")
	return v
}

// applyCases are the views of pulls that somebody approves and applies.
func applyCases() map[string]workflow.PullView {
	many := approvable(projectsOf(8)...)
	closed := applied()
	closed.Pull.State = workflow.PullClosed
	verifying := applied()
	verifying.Projects[0].Verify = &workflow.Run{ID: "verify", Kind: workflow.RunVerify, State: workflow.RunRunning}
	left := applied()
	p := &left.Projects[0]
	p.Apply.Apply.PlanRun = "old"
	p.Verify, p.Approvals, p.WaitsFor = p.Run, nil, []workflow.Missing{approvals(left, 0, 0, 1)}
	hostileApply := view(hostile())
	evil := workflow.Actor{ID: 9, Login: "x`|@acme<b>"}
	a := apply(hostileApply, 0, workflow.RunFinished, workflow.OutcomeUnknown)
	a.Reason, a.Actor = "</details> ``` @acme/sre #1", evil
	hostileApply.Locked["a|b`c/<b>@acme</b>"] = workflow.Lock{Pull: workflow.PullKey{Number: 9}, User: evil, Why: "</b>", Since: noon}
	pushed := lost()
	pushed.Past, pushed.Projects, pushed.Known = pushed.Projects[:1], nil, false
	unlocked := applied()
	unlocked.Locked = nil
	return map[string]workflow.PullView{"unknown_pushed": pushed, "follows": chain(), "follows_ended": broken(), "unlocked": unlocked, "waiting": waiting(), "one_approval": approvable(planned("prod/network", "prod", newSubnet)), "many_approvals": many,
		"applying": applying(), "applied": applied(), "verifying": verifying, "left": left, "apply_failed": partly(workflow.RunFinished),
		"apply_failed_planning": partly(workflow.RunQueued), "outcome_unknown": lost(), "errored_state": kept(), "closed": closed, "hostile_apply": hostileApply}
}

func projectsOf(n int) []project {
	var out []project
	for i := range n {
		out = append(out, planned(fmt.Sprintf("service%d/prod", i), "prod", newDatabase))
	}
	return out
}
