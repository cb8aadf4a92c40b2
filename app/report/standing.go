package report

import (
	"fmt"
	"slices"
	"time"

	"github.com/cardea-iac/cardea/app/event"
	"github.com/cardea-iac/cardea/templates"
	"github.com/cardea-iac/cardea/templates/model"
	"github.com/cardea-iac/cardea/workflow"
)

// Standing is where the projects of a pull stand together, the worst first. The worst of all
// projects counts, and of all open pulls with that head. A failed apply stays visible
// whatever is planned meanwhile, so it comes before that; a cancelled plan is not a plan, so
// it is worse than changes.
type Standing int

// The standings.
const (
	Unknown     Standing = iota // we do not know yet what head affects
	ApplyFailed                 // or its outcome is unknown, or its state could not be stored
	Planning
	Failed
	TimedOut
	NotPermitted
	Cancelled
	Applying
	Unsupported // the change concerns what Cardea does not plan
	Changes
	Applied
	Done // nothing affected, or no plan has changes
)

// verdicts are the status or, when completed, the conclusion of cardea/plan and cardea/apply.
var verdicts = map[Standing][2]string{
	Unknown:      {queued, queued},
	ApplyFailed:  {success, failure},
	Planning:     {inProgress, queued},
	Failed:       {failure, actionRequired},
	TimedOut:     {timedOut, actionRequired},
	NotPermitted: {actionRequired, actionRequired},
	Cancelled:    {cancelled, cancelled},
	Applying:     {success, inProgress},
	Unsupported:  {actionRequired, actionRequired},
	Changes:      {success, actionRequired},
	Applied:      {success, success},
	Done:         {success, success},
}

// Standings are what each of the two checks goes by. They are the same, except while a failed
// apply is planned anew: then cardea/plan is about the plan, and cardea/apply still about the
// apply.
type Standings struct{ Plan, Apply Standing }

// StandingsOf is where a pull stands.
func StandingsOf(rec workflow.PullRecord) Standings {
	same := func(s Standing) Standings { return Standings{s, s} }
	switch {
	case !rec.Known:
		return same(Unknown)
	case rec.Trouble != nil && rec.Trouble.Kind == workflow.TroubleNotPermitted:
		return same(NotPermitted)
	case rec.Trouble != nil:
		return same(Failed)
	}
	worst := same(Done)
	for _, p := range rec.Projects {
		worst.Plan = min(worst.Plan, planStanding(p))
		worst.Apply = min(worst.Apply, applyStanding(p))
	}
	if len(workflow.Unsupported(rec.NotPlanned)) > 0 {
		if worst.Plan == Applying {
			worst.Plan = Unsupported
		}
		worst = Standings{min(worst.Plan, Unsupported), min(worst.Apply, Unsupported)}
	}
	return worst
}

// StandingOfHead is the worst standing of the open pulls with one head: checks belong to a commit.
func StandingOfHead(recs []workflow.PullRecord) Standings {
	worst := Standings{Done, Done}
	for _, r := range recs {
		s := StandingsOf(r)
		worst = Standings{min(worst.Plan, s.Plan), min(worst.Apply, s.Apply)}
	}
	return worst
}

// Checks are the status and, once completed, the conclusion of cardea/plan and cardea/apply.
func (s Standings) Checks() (plan, apply [2]string) {
	return statusOf(verdicts[s.Plan][0]), statusOf(verdicts[s.Apply][1])
}

func statusOf(verdict string) [2]string {
	if verdict == queued || verdict == inProgress {
		return [2]string{verdict, ""}
	}
	return [2]string{completed, verdict}
}

// applyStanding is where one project stands.
func applyStanding(p workflow.ProjectRecord) Standing {
	switch p.State() {
	case workflow.StateDeleted, workflow.StateNoChanges:
		return Done
	case workflow.StateQueued, workflow.StatePlanning:
		return Planning
	case workflow.StatePlanned:
		return Changes
	case workflow.StateApplying:
		return Applying
	case workflow.StateApplied:
		return Applied
	case workflow.StateApplyFailed, workflow.StateUnknown, workflow.StateErrored:
		return ApplyFailed
	case workflow.StatePlanFailed:
		return failed(p)
	}
	return Failed // also refused ones, and whatever we do not know
}

func failed(p workflow.ProjectRecord) Standing {
	if p.Run == nil {
		return Failed
	}
	switch p.Run.Outcome {
	case workflow.OutcomeTimedOut:
		return TimedOut
	case workflow.OutcomeCancelled, workflow.OutcomeSuperseded:
		return Cancelled
	}
	return Failed
}

// planStanding is the same for cardea/plan: once something was applied, the
// newest plan says whether it is planned.
func planStanding(p workflow.ProjectRecord) Standing {
	s := applyStanding(p)
	if s != ApplyFailed && s != Applying && s != Applied || p.Run == nil {
		return s
	}
	switch r := p.Run; {
	case r.State != workflow.RunFinished:
		return Planning
	case r.Outcome != workflow.OutcomeSucceeded:
		return failed(p)
	case s == ApplyFailed:
		return Changes // not everything that was planned was done, but the plan itself is good
	}
	return s
}

// busy reports whether something is going on in the pull whose end will be shown.
func busy(rec workflow.PullRecord) bool {
	if slices.ContainsFunc(rec.Following, func(f workflow.Follow) bool { return f.Ended.Empty() }) {
		return true
	}
	for _, p := range rec.Projects {
		for _, r := range []*workflow.Run{p.Run, p.Apply, p.Verify} {
			if r != nil && r.State != workflow.RunFinished {
				return true
			}
		}
	}
	return false
}

// applying is when the newest apply that is under way, or whose verify is, was asked for;
// false if there is none.
func applying(rec workflow.PullRecord) (since time.Time, is bool) {
	for _, p := range rec.Projects {
		for _, r := range []*workflow.Run{p.Apply, p.Verify} {
			if r != nil && r.State != workflow.RunFinished {
				is = true
				if r.Queued.After(since) {
					since = r.Queued
				}
			}
		}
	}
	return since, is
}

// Offered are the plans that cardea/apply names and offers to approve and apply: their whole
// fingerprints by project name.
func Offered(v workflow.PullView, l model.Links) map[string]string {
	return offeredIn(v, templates.ApplyCheck(v, l))
}

func offeredIn(v workflow.PullView, text templates.CheckText) map[string]string {
	return templates.Named(text.Summary, fingerprints(v, func(p workflow.ProjectRecord) bool {
		switch p.State() {
		case workflow.StatePlanned, workflow.StateApplyFailed:
			return p.Outdated.Empty()
		}
		return false
	}))
}

// Runs are the runs of the current plans, for the projects in a map of fingerprints.
func Runs(v workflow.PullView, fingerprints map[string]string) map[string]string {
	out := map[string]string{}
	for _, p := range v.Projects {
		if _, named := fingerprints[p.Project.Name]; named && p.Run != nil {
			out[p.Project.Name] = p.Run.ID
		}
	}
	return out
}

// ShownKey stands for current plans: for their fingerprints, and for everything else that an
// approval is about.
func ShownKey(v workflow.PullView, fingerprints map[string]string) string {
	of := map[string]string{}
	for _, p := range v.Projects {
		fp, named := fingerprints[p.Project.Name]
		if plan := v.PlanOf(p); named && plan != nil {
			of[p.Project.Name] = fmt.Sprintf("%s %s %v", fp, p.Run.Tree, plan.Fetched)
		}
	}
	return event.ShownKey(of)
}

// fingerprints are those of the current plans with changes, for some of the projects.
func fingerprints(v workflow.PullView, of func(workflow.ProjectRecord) bool) map[string]string {
	out := map[string]string{}
	for _, p := range v.Projects {
		if plan := v.PlanOf(p); plan != nil && !plan.NoChanges && plan.Fingerprint != "" && !p.Deleted && of(p) {
			out[p.Project.Name] = plan.Fingerprint
		}
	}
	return out
}
