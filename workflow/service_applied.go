package workflow

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/cardea-iac/cardea/internal/phrase"
)

// refusal is why an apply ends before it started.
type refusal struct {
	why     string // a sentence; "" = what is missing
	missing []Missing
	tip     string // the base's tip of now, for a new plan on it
}

// refuseApply ends a live apply that did not start: its locks are given back and
// who asked for it is told. The run, the record and all else are saved.
func (s *Service) refuseApply(tx Tx, rec *PullRecord, run Run, r refusal, now time.Time) error {
	why := r.why
	if why == "" {
		why = missingSentences(r.missing)
	}
	run.Refuse(why, r.missing, now)
	if err := tx.PutRun(run); err != nil {
		return err
	}
	if err := s.notStarted(tx, rec, run, now); err != nil {
		return err
	}
	if lacks(r.missing, NeedUpToDate) {
		if err := s.planOnTip(tx, rec.Pull, r.tip, now); err != nil {
			return err
		}
	}
	return savePull(tx, *rec, now)
}

// notStarted puts back what the ordering of an apply had changed, once the run is
// saved as refused. The project's apply is again the one before, so that what
// that one did is not forgotten. The record is changed, not saved.
func (s *Service) notStarted(tx Tx, rec *PullRecord, run Run, now time.Time) error {
	showRun(rec, run)
	for _, projects := range [][]ProjectRecord{rec.Projects, rec.Past} {
		for i := range projects {
			p := &projects[i]
			if p.Apply == nil || p.Apply.ID != run.ID {
				continue
			}
			p.Held = run.Apply.Held
			p.WaitsFor = without(run.Apply.Missing, NeedPermission)
			if run.Apply.Before == "" {
				continue
			}
			before, err := tx.Run(run.Apply.Before)
			if err != nil && !errors.Is(err, ErrNotFound) {
				return err
			}
			if err == nil {
				p.Apply = shownRun(before)
			}
		}
	}
	if err := s.giveBack(tx, rec, *run.Apply, now); err != nil {
		return err
	}
	if rec.Pull.State != PullOpen { // when it was closed this apply was still in the way
		if _, err := s.releaseAll(tx, *rec, now); err != nil {
			return err
		}
	}
	if err := tx.Append(runEvent("refused", now, run, fmt.Sprintf("The apply of `%s` did not start: %s", run.Project.Name, run.Reason))); err != nil {
		return err
	}
	return s.tellEnd(tx, rec, run, now)
}

// endApply is Finish for applies: what became of it is saved, and what follows
// from it is queued. After success the project is planned again, quietly; after a
// failure for people to see; after an unknown outcome nothing is done by itself.
func (s *Service) endApply(tx Tx, run Run, res Result, now time.Time) (after []func(), err error) {
	wasUnknown := run.State == RunFinished
	if err := run.FinishApply(res, now); err != nil {
		return nil, err
	}
	if err := tx.PutRun(run); err != nil {
		return nil, err
	}
	rec, err := tx.Pull(run.PullKey())
	if err != nil {
		return nil, err
	}
	if run.Outcome == OutcomeRefused {
		if err := s.notStarted(tx, &rec, run, now); err != nil {
			return nil, err
		}
		if run.Apply.Spent { // the plan is of no use any more, although nothing was done
			if err := s.planAfter(tx, &rec, run, RunPlan, now); err != nil {
				return nil, err
			}
		}
		return after, savePull(tx, rec, now)
	}
	showRun(&rec, run)
	if err := tx.Append(runEvent("finished", now, run, endedApply(run))); err != nil {
		return nil, err
	}
	if err := s.followApply(tx, &rec, run, now); err != nil {
		return nil, err
	}
	if wasUnknown {
		rec.Replies = append(rec.Replies, Reply{Key: run.ID + "/late", Kind: endKind(run), To: run.Actor, At: now, Items: []ReplyItem{endItem(run)}})
	} else if err := s.tellEnd(tx, &rec, run, now); err != nil {
		return nil, err
	}
	if run.Outcome != OutcomeUnknown {
		planRun := run.Apply.PlanRun
		after = append(after, func() { s.drop(planRun) })
	}
	return after, savePull(tx, rec, now)
}

// followApply does what follows from an apply whose outcome is known: the next
// plan, and the locks of a pull that is over.
func (s *Service) followApply(tx Tx, rec *PullRecord, run Run, now time.Time) error {
	if run.applySucceeded() {
		spendApprovals(rec, run)
	}
	if rec.Pull.State != PullOpen {
		if rec.Pull.State == PullClosed && run.applySucceeded() {
			s.announceClosed(rec, now)
		}
		_, err := s.releaseAll(tx, *rec, now)
		return err
	}
	switch {
	case run.outcomeOpen() || run.stateKept():
		return nil
	case run.applySucceeded():
		kind := RunVerify
		if p := findProject(*rec, run.Project.Key()); p != nil && p.planState() == StatePlanFailed {
			kind = RunPlan // what was asked for meanwhile came to nothing: people see the next
		}
		if err := s.planAfter(tx, rec, run, kind, now); err != nil {
			return err
		}
		return s.planDependents(tx, rec, run, now)
	}
	return s.planAfter(tx, rec, run, RunPlan, now)
}

// spendApprovals marks the approvals that a project has of a plan that was
// applied: what is left to do after it wants its own, also where that is the same again.
func spendApprovals(rec *PullRecord, run Run) {
	for _, projects := range [][]ProjectRecord{rec.Projects, rec.Past} {
		for i := range projects {
			p := &projects[i]
			if p.Project.Key() != run.Project.Key() {
				continue
			}
			p.Approvals = slices.Clone(p.Approvals)
			for j := range p.Approvals {
				if a := &p.Approvals[j]; a.Fingerprint == run.Apply.Fingerprint {
					a.Applied = true
				}
			}
		}
	}
}

// endedApply says how an apply ended, for the history.
func endedApply(run Run) string {
	name := run.Project.Name
	text := fmt.Sprintf("`%s` is applied.", name)
	switch {
	case run.Outcome == OutcomeUnknown:
		text = fmt.Sprintf("Nobody knows how the apply of `%s` ended.", name)
	case run.Apply.ErroredState != "":
		text = fmt.Sprintf("The apply of `%s` could not store its state, which is kept here as %s.", name, run.Apply.ErroredState)
	case run.Outcome != OutcomeSucceeded:
		text = fmt.Sprintf("The apply of `%s` failed.", name)
	}
	if run.Apply.Total > 0 && run.Outcome != OutcomeSucceeded {
		text += fmt.Sprintf(" %d of %d changes were carried out.", run.Apply.Done, run.Apply.Total)
	}
	return phrase.Joined(text, run.Reason)
}

// planAfter queues a plan of the project in the tree of a run: a verify after an
// apply, or a plan that people see. A plan is made only while the run's head is
// the pull's; a project that is planned already is left, but is verified all the
// same. It is one of all that the head asks for; only after a failure it has the
// options of what failed.
func (s *Service) planAfter(tx Tx, rec *PullRecord, of Run, kind RunKind, now time.Time) error {
	p := findProject(*rec, of.Project.Key())
	if p == nil || rec.Pull.State != PullOpen || !rec.Known || rec.Pull.Head.SHA != of.Head {
		return nil
	}
	if kind == RunPlan && p.Run != nil && p.Run.State != RunFinished && p.Run.Interrupt == "" {
		return nil
	}
	planRun := of.ID
	if of.Kind == RunApply {
		planRun = of.Apply.PlanRun
	}
	run, err := s.onceMore(tx, planRun, kind, now)
	if err != nil {
		return err
	}
	run.Actor = of.Actor
	if of.Kind != RunApply || of.applySucceeded() {
		run.Options = PlanOptions{}
	}
	text := fmt.Sprintf("`%s` is planned again after its apply.", run.Project.Name)
	if of.Kind == RunPlan {
		text = fmt.Sprintf("`%s` is planned in full: with its options the plan has no changes.", run.Project.Name)
	}
	if kind == RunVerify {
		p.Verify = shownRun(run)
		p.addRun(run.ID)
		text = fmt.Sprintf("The apply of `%s` is verified by a fresh plan.", run.Project.Name)
	} else {
		p.newest(run)
		p.WaitsFor, p.Outdated = nil, ""
	}
	if err := tx.PutRun(run); err != nil {
		return err
	}
	return tx.Append(runEvent("queued", now, run, text))
}

// onceMore is a new run, not saved, of what a plan run was made from.
func (s *Service) onceMore(tx Tx, planRun string, kind RunKind, now time.Time) (Run, error) {
	was, err := tx.Run(planRun)
	if err != nil {
		return Run{}, err
	}
	run := again(was, kind)
	run.ID, run.Queued, run.Priority = s.newID(now), now, PriorityCommand
	return run, nil
}

// tellEnd adds the one comment about the end of an `apply` command once none of
// its runs is live: who asked is told of all of them together.
func (s *Service) tellEnd(tx Tx, rec *PullRecord, ended Run, now time.Time) error {
	const most = 1000
	runs, err := tx.RunsOfPull(rec.Pull.Key(), "", most)
	if err != nil {
		return err
	}
	reply := Reply{Key: ended.Request + "/end", To: ended.Actor, At: now}
	rank := -1
	kinds := []string{ReplyRefused, ReplyApplied, ReplyApplyFailed, ReplyApplyUnknown}
	for _, run := range runs {
		if run.Kind != RunApply || run.Request != ended.Request {
			continue
		}
		if run.ID == ended.ID {
			run = ended
		}
		if run.State != RunFinished {
			return nil
		}
		reply.Items = append(reply.Items, endItem(run))
		rank = max(rank, slices.Index(kinds, endKind(run)))
	}
	if rank < 0 || slices.ContainsFunc(rec.Replies, func(r Reply) bool { return r.Key == reply.Key }) {
		return nil
	}
	slices.SortFunc(reply.Items, func(a, b ReplyItem) int { return cmp.Compare(a.Project, b.Project) })
	reply.Kind = kinds[rank]
	rec.Replies = append(rec.Replies, reply)
	return nil
}

// endKind is the kind of reply that an apply's end is worth.
func endKind(run Run) string {
	switch {
	case run.Outcome == OutcomeRefused, run.Outcome == OutcomeCancelled, run.Outcome == OutcomeSuperseded:
		return ReplyRefused
	case run.Outcome == OutcomeUnknown:
		return ReplyApplyUnknown
	case run.applySucceeded():
		return ReplyApplied
	}
	return ReplyApplyFailed
}

func endItem(run Run) ReplyItem {
	item := ReplyItem{Project: run.Project.Name, Fingerprint: run.Apply.Fingerprint, Done: run.applySucceeded(), Text: run.Reason, Run: shownRun(run)}
	if endKind(run) == ReplyRefused {
		if item.Missing = run.Apply.Missing; len(item.Missing) > 0 {
			item.Text = ""
		}
	}
	return item
}

// verified ends a verify: without changes the project has converged. Otherwise
// the residue is planned for people to see, and that plan wants its own approval.
func (s *Service) verified(tx Tx, run Run, now time.Time) error {
	if run.Outcome == OutcomeCancelled || run.Outcome == OutcomeSuperseded || (run.Outcome == OutcomeSucceeded && run.NoChanges) {
		return nil
	}
	rec, err := tx.Pull(run.PullKey())
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if p := findProject(rec, run.Project.Key()); p == nil || p.Verify == nil || p.Verify.ID != run.ID {
		return nil
	}
	if err := s.planAfter(tx, &rec, run, RunPlan, now); err != nil {
		return err
	}
	return savePull(tx, rec, now)
}
