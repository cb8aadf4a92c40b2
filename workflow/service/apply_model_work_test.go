package service_test

import (
	"context"
	"errors"
	"slices"

	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/service"
)

func (l *life) ctx() context.Context { return context.Background() }

// claimOne claims a run, if there is one.
func (l *life) claimOne() bool {
	run, ok, err := l.svc.Claim(l.ctx(), "worker")
	if !l.try(err) || !ok {
		return false
	}
	l.jobs = append(l.jobs, &job{run: run})
	return true
}

// actWork goes on with one of the claimed runs in one of the ways they go.
func (l *life) actWork(s step) {
	if len(l.jobs) == 0 {
		return
	}
	// Newest first: a drive's own.
	i := len(l.jobs) - 1 - s.a%min(3, len(l.jobs))
	switch j := l.jobs[i]; {
	case j.run.ID == l.authorising:
	case j.run.Kind != workflow.RunApply:
		l.endPlan(i, s.b%10)
	case j.proc == nil:
		l.ready(i, s.b%12)
	default:
		l.endApply(i, s.b%12)
	}
}

// report a result until it is taken: a worker does not forget one.
func (l *life) finish(res workflow.Result) {
	for !l.try(l.svc.Finish(l.ctx(), res)) {
		if run := l.runs[res.Run]; run.State == workflow.RunFinished || run.Epoch != res.Epoch {
			return
		}
	}
}

// endPlan ends a plan in one of the ways plans end.
func (l *life) endPlan(i, how int) {
	run := l.jobs[i].run
	l.jobs = slices.Delete(l.jobs, i, i+1)
	res := workflow.Result{Run: run.ID, Epoch: run.Epoch, Outcome: workflow.OutcomeFailed, Reason: "boom"}
	switch how {
	case 0:
		l.try(l.svc.PutBack(l.ctx(), run, "The state lock is held.", l.now.Add(1e9)))
		return
	case 1:
		return // its worker vanished
	case 2:
		res.Outcome = workflow.OutcomeLost
	case 3:
	case 4:
		res.Outcome = workflow.OutcomeTimedOut
	default:
		if stored := l.runs[run.ID]; stored.Interrupt != "" && how%2 == 0 {
			res.Outcome = workflow.OutcomeCancelled
		} else {
			res = l.planned(run)
		}
	}
	l.finish(res)
}

// ready is an apply whose runner stands ready, or fails before.
func (l *life) ready(i, how int) {
	j := l.jobs[i]
	run := j.run
	notStarted := workflow.Result{Run: run.ID, Epoch: run.Epoch, Outcome: workflow.OutcomeFailed, NotStarted: true, Reason: "It was not begun."}
	gone := func() { l.jobs = slices.DeleteFunc(l.jobs, func(o *job) bool { return o == j }) }
	switch how {
	case 0:
		gone()
		l.finish(notStarted)
		return
	case 1:
		gone()
		return // its worker vanished
	case 2:
		gone()
		l.try(l.svc.PutBack(l.ctx(), run, "The disk is full.", l.now))
		return
	}
	stored := l.runs[run.ID]
	digest := l.disk[run.Apply.PlanRun]
	if digest != "" && digest != run.Apply.Artefact { // the runner sees it first
		gone()
		l.finish(notStarted)
		return
	}
	if how == 3 {
		digest = "another plan"
	}
	before := l.authorising
	l.authorising = run.ID
	err := l.svc.Authorise(l.ctx(), *stored, digest, l.state(one(run.States)).StateVersion)
	l.authorising = before
	switch {
	case errors.Is(err, service.ErrRefused):
		gone()
		l.finish(notStarted) // and nothing of it is taken
	case err != nil:
		l.try(err)
		gone()
		l.finish(notStarted)
	case how == 4:
		gone() // killed between the word and the beginning
	default:
		if digest != stored.Apply.Artefact {
			l.wrong("I2: an apply got the word with another plan in its workspace")
		}
		j.proc = l.begin(run, digest)
	}
}

// workSilent is the work of an apply that goes on without anybody who watches it.
const workSilent = 5

// endApply ends a terraform that writes, and says so, or does not.
func (l *life) endApply(i, how int) {
	j := l.jobs[i]
	res := workflow.Result{Run: j.run.ID, Epoch: j.run.Epoch, Outcome: workflow.OutcomeFailed, Reason: "boom", Done: 1, Total: 2}
	done, said := "some", true
	switch how {
	case 0, 1:
	case 2:
		done, res.ErroredState = "none", j.run.ID+".errored.tfstate.age"
	case 3:
		res.Outcome = workflow.OutcomeLost
	case 4:
		said = false // both died
	case workSilent: // the server lost it, it goes on
		j.silent = true
		return
	case 6:
		done, res.Outcome = "none", workflow.OutcomeUnknown
	default:
		done, res = "all", workflow.Result{Run: j.run.ID, Epoch: j.run.Epoch, Outcome: workflow.OutcomeSucceeded, Done: 1, Total: 1}
	}
	if j.proc.alive {
		l.end(j.proc, done)
	}
	l.jobs = slices.Delete(l.jobs, i, i+1)
	if said {
		l.evidence[j.run.ID] = true
		l.finish(res)
	}
}
