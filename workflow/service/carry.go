package service

import (
	"errors"
	"slices"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/gate"
)

// takePlan makes a project's record that of a new plan: approvals are carried or
// fall, the lock of `lock: plan` is taken, and what an apply waits for is noted.
func (a *act) takePlan(rec *workflow.PullRecord, run workflow.Run, plan workflow.Plan) error {
	p := rec.Find(run.Project.Key())
	p.Outdated, p.WaitsFor = nil, nil
	if err := a.carryApprovals(rec, p, run, plan); err != nil {
		return err
	}
	rules, ok := a.s.rules(rec.Pull.Repo)
	if !ok {
		return nil // who may approve is not known now; what was approved is not what there is, all the same
	}
	if rules.ForProject(p.Project).LockOnPlan && !plan.NoChanges {
		t := lockRequest{p.Project, run.Keeps(), rec.Pull.Author, workflow.LockPlan}
		if _, held, err := a.takeLocks(rec.Pull.Key(), t); err != nil {
			return err
		} else if held == nil {
			if err := a.keepLocks(rec, t); err != nil {
				return err
			}
		}
	}
	return a.reconsider(*rec, p, rules)
}

// carryApprovals carries a project's approvals to a new plan, or lets them fall, and with them
// the word of whoever asked for an apply that waits for others.
func (a *act) carryApprovals(rec *workflow.PullRecord, p *workflow.ProjectRecord, run workflow.Run, plan workflow.Plan) error {
	given := slices.Clone(p.Approvals)
	follow := rec.Follows(p.Project.Key())
	if follow != nil {
		given = append(given, follow.Plan)
	}
	if !slices.ContainsFunc(given, func(given workflow.Approval) bool { return given.Void == "" }) {
		return nil
	}
	in := gate.CarryInput{Approvals: given, Plan: &plan, Run: run, Changes: run.TreeChanges, Kind: a.s.engines.KindOf(run.Project)}
	was, wasRun, err := a.planBefore(*p, run.ID)
	if err != nil {
		return err
	}
	in.Was, in.WasRun = was, wasRun
	before := p.Approvals
	p.Approvals = gate.CarryApprovals(in)
	if last := len(p.Approvals) - 1; follow != nil {
		follow.Plan, p.Approvals = p.Approvals[last], p.Approvals[:last:last]
	}
	for i, given := range p.Approvals {
		if given.Void == "" || before[i].Void != "" {
			continue
		}
		if err := a.say(run.Subject().About(), workflow.Event{
			Kind: workflow.EventVoided, Project: p.Project.Name, Run: run.ID, Actor: given.User,
			Text: phrase.Say("The approval by %s for `%s` is no longer valid. %s", workflow.Mention(given.User), p.Project.Name, given.Void),
		}); err != nil {
			return err
		}
	}
	return nil
}

// planBefore is the newest plan of a project before a run, nil when none is kept.
func (a *act) planBefore(p workflow.ProjectRecord, runID string) (*workflow.Plan, workflow.Run, error) {
	for _, id := range p.Runs {
		if id >= runID {
			continue
		}
		run, err := a.tx.Run(id)
		if errors.Is(err, workflow.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, workflow.Run{}, err
		}
		if run.Kind != workflow.RunPlan || run.Outcome != workflow.OutcomeSucceeded {
			continue
		}
		plan, err := a.tx.Plan(id)
		if errors.Is(err, workflow.ErrNotFound) {
			continue
		}
		return &plan, run, err
	}
	return nil, workflow.Run{}, nil
}
