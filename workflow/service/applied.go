package service

import (
	"errors"
	"fmt"
	"slices"

	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/scope"
)

// refusal is why an apply ends before it started.
type refusal struct {
	why     string // a sentence; "" = what is missing
	missing []workflow.Missing
	tip     string // the base's tip on which it is to be planned anew; "" = it is not
}

// refuseApply ends a live apply that did not start: it gives its locks back and tells the
// person who asked for it. It saves the run, the record and everything else.
func (a *act) refuseApply(rec *workflow.PullRecord, run workflow.Run, r refusal) error {
	why := r.why
	if why == "" {
		why = workflow.SayMissing(r.missing).String()
	}
	run.Refuse(why, r.missing, a.now)
	if err := a.put(run); err != nil {
		return err
	}
	if err := a.undoOrder(rec, run); err != nil {
		return err
	}
	if r.tip != "" {
		if err := a.planOnTip(rec.Pull, r.tip); err != nil {
			return err
		}
	}
	return a.save(*rec)
}

// undoOrder undoes what ordering an apply had changed, once the run is saved as refused. The
// project's apply is the previous one again, so that what that did is not forgotten. The
// record is changed, not saved.
func (a *act) undoOrder(rec *workflow.PullRecord, run workflow.Run) error {
	rec.Show(run)
	for _, projects := range [][]workflow.ProjectRecord{rec.Projects, rec.Past} {
		for i := range projects {
			p := &projects[i]
			if p.Apply == nil || p.Apply.ID != run.ID {
				continue
			}
			p.Held = run.Apply.Held
			lacked(p, run.Apply.Missing)
			if run.Apply.Before == "" {
				continue
			}
			before, err := a.tx.Run(run.Apply.Before)
			if err != nil && !errors.Is(err, workflow.ErrNotFound) {
				return err
			}
			if err == nil {
				p.Apply = workflow.ShownRun(before)
			}
		}
	}
	if err := a.giveBack(rec, *run.Apply); err != nil {
		return err
	}
	if rec.Pull.State != workflow.PullOpen { // when it was closed this apply was still in the way
		if _, err := a.releaseAll(*rec); err != nil {
			return err
		}
	}
	if err := a.sayOf(run, workflow.EventRefused, fmt.Sprintf("The apply of `%s` did not start: %s", run.Project.Name,
		run.Reason)); err != nil {
		return err
	}
	_, err := a.tellEnd(rec, run.Request, run.Actor)
	return err
}

// endApply is Finish for applies: what became of it is saved, and what follows
// from it is queued. After success the project is planned again, quietly; after a
// failure for people to see; after an unknown outcome nothing is done by itself.
func (a *act) endApply(run workflow.Run, res workflow.Result) error {
	wasUnknown := run.State == workflow.RunFinished
	if err := run.FinishApply(res, a.now); err != nil {
		return err
	}
	if err := a.put(run); err != nil {
		return err
	}
	rec, err := shower(a.tx, run.Subject().About())
	if err != nil {
		return err
	}
	if rec == nil {
		return a.sayOf(run, workflow.EventFinished, run.EndSentence())
	}
	if run.Outcome == workflow.OutcomeRefused {
		if err := a.undoOrder(rec, run); err != nil {
			return err
		}
		if run.Apply.Spent { // the plan is of no use any more, although nothing was done
			if err := a.planAfter(rec, run, workflow.RunPlan); err != nil {
				return err
			}
		}
		return a.save(*rec)
	}
	rec.Show(run)
	if err := a.sayOf(run, workflow.EventFinished, run.EndSentence()); err != nil {
		return err
	}
	if err := a.followApply(rec, run); err != nil {
		return err
	}
	if wasUnknown {
		rec.Replies = append(rec.Replies, workflow.Reply{Key: run.ID + "/late", Kind: scope.EndKind(run), To: run.Actor, At: a.now,
			Items: []workflow.ReplyItem{scope.EndItem(run)}})
	} else if _, err := a.tellEnd(rec, run.Request, run.Actor); err != nil {
		return err
	}
	if run.Outcome != workflow.OutcomeUnknown {
		a.drop(run.Apply.PlanRun)
	}
	return a.save(*rec)
}

// followApply does what follows from an apply whose outcome is known: the next
// plan, and the locks of a pull that is over.
func (a *act) followApply(rec *workflow.PullRecord, run workflow.Run) error {
	if run.ApplySucceeded() {
		rec.SpendApprovals(run)
	}
	if rec.Pull.State != workflow.PullOpen { // whoever is told of the end is told that it was never merged
		_, err := a.releaseAll(*rec)
		return err
	}
	switch {
	case run.OutcomeOpen() || run.StateKept():
		return nil
	case run.ApplySucceeded():
		kind := workflow.RunVerify
		if p := rec.Find(run.Project.Key()); p != nil && p.PlanState() == workflow.StatePlanFailed {
			kind = workflow.RunPlan // what was asked for meanwhile came to nothing, so people see the next plan
		}
		if err := a.planAfter(rec, run, kind); err != nil {
			return err
		}
		return a.planDependents(rec, run)
	}
	return a.planAfter(rec, run, workflow.RunPlan)
}

// planAfter queues a plan of the project in the tree of a run: a verify after an
// apply, or a plan that people see. A plan is made only while the run's head is
// the pull's; a project that is planned already is left, but is verified all the
// same. It is one of all that the head asks for; only after a failure it has the
// options of what failed.
func (a *act) planAfter(rec *workflow.PullRecord, of workflow.Run, kind workflow.RunKind) error {
	p := rec.Find(of.Project.Key())
	if p == nil || rec.Pull.State != workflow.PullOpen || !rec.Known || rec.Pull.Head.SHA != of.Head {
		return nil
	}
	if kind == workflow.RunPlan && p.Run != nil && p.Run.State != workflow.RunFinished && p.Run.Interrupt == "" {
		return nil
	}
	planRun := of.ID
	if of.Kind == workflow.RunApply {
		planRun = of.Apply.PlanRun
	}
	run, err := a.onceMore(planRun, kind)
	if err != nil {
		return err
	}
	run.Actor, run.Unasked = of.Actor, of.Unasked
	if of.Kind != workflow.RunApply || of.ApplySucceeded() {
		run.Options = workflow.PlanOptions{}
	}
	text := fmt.Sprintf("`%s` is planned again after its apply.", run.Project.Name)
	if of.Kind == workflow.RunPlan {
		text = fmt.Sprintf("`%s` is planned in full: with its options the plan has no changes.", run.Project.Name)
	}
	if kind == workflow.RunVerify {
		p.Verify = workflow.ShownRun(run)
		p.AddRun(run.ID)
		text = fmt.Sprintf("The apply of `%s` is verified by a fresh plan.", run.Project.Name)
	} else {
		p.Newest(run)
		p.WaitsFor, p.Outdated = nil, nil
	}
	return a.enqueue(run, text)
}

// onceMore is a new run, not saved, of what a plan run was made from.
func (a *act) onceMore(planRun string, kind workflow.RunKind) (workflow.Run, error) {
	was, err := a.tx.Run(planRun)
	if err != nil {
		return workflow.Run{}, err
	}
	run := runLike(was, kind)
	run.ID, run.Queued, run.Priority = a.newID(), a.now, workflow.PriorityCommand
	return run, nil
}

// tellEnd adds the one comment about the end of an `apply` command once none of its runs is
// live any more, and none of its projects follows others: it tells the person who asked of all
// of them together. It reports whether they are told.
func (a *act) tellEnd(rec *workflow.PullRecord, command string, by workflow.Actor) (told bool, err error) {
	waits := func(r workflow.Reply) bool { return r.Waits && r.Key == command }
	if slices.ContainsFunc(rec.Replies, waits) {
		if err := a.lookAround(rec); err != nil { // it is told as it is now
			return false, err
		}
	}
	runs, err := a.runsSince(rec.Pull.Subject(), command)
	if err != nil {
		return false, err
	}
	reply, over := scope.End(rec, command, runs)
	if !over || reply.Kind == "" || slices.ContainsFunc(rec.Replies, func(r workflow.Reply) bool { return r.Key == reply.Key }) {
		return over && reply.Kind != "", nil
	}
	reply.To, reply.At = by, a.now
	rec.Replies = append(slices.DeleteFunc(slices.Clone(rec.Replies), waits), reply)
	return true, nil
}

// runsSince are the runs of a subject that were queued since a request was received, however many there are by now.
func (a *act) runsSince(of workflow.Subject, request string) (out []workflow.Run, err error) {
	const most = 1000
	for before := ""; ; before = out[len(out)-1].ID {
		page, err := a.tx.RunsOf(of, before, most)
		if out = append(out, page...); err != nil || len(page) < most || page[len(page)-1].ID < request {
			return out, err
		}
	}
}

// endVerify ends a verify: without changes the project has converged. Otherwise
// the residue is planned for people to see, and that plan wants its own approval.
func (a *act) endVerify(run workflow.Run) error {
	if run.Outcome == workflow.OutcomeCancelled || run.Outcome == workflow.OutcomeSuperseded ||
		(run.Outcome == workflow.OutcomeSucceeded && run.NoChanges) {
		return nil
	}
	rec, err := shower(a.tx, run.Subject().About())
	if err != nil || rec == nil {
		return err
	}
	if p := rec.Find(run.Project.Key()); p == nil || p.Verify == nil || p.Verify.ID != run.ID {
		return nil
	}
	if err := a.planAfter(rec, run, workflow.RunPlan); err != nil {
		return err
	}
	return a.save(*rec)
}
