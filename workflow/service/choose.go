package service

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/scope"
)

// queuePlans decides, finds out what each plan is made from, and writes it all.
func (s *Service) queuePlans(ctx context.Context, e Expansion, g scope.Grounds) error {
	rec, err := s.Pull(ctx, e.Pull.Key())
	if err != nil {
		return err
	}
	g.Record = rec
	ch, fault := scope.Choose(g)
	if fault != "" {
		return s.conclude(ctx, e, scope.Verdict{Note: "Refused: " + fault,
			Reply: &workflow.Reply{Kind: workflow.ReplyRefused, Text: phrase.Texts(fault)}})
	}
	ch.Notes = append(slices.Clone(g.Found.Notes), ch.Notes...)
	slices.SortStableFunc(ch.Projects, func(a, b scope.Wanted) int { return cmp.Compare(a.Record.Project.Name, b.Record.Project.Name) })
	for i := range ch.Projects {
		if w := &ch.Projects[i]; w.Plan {
			if err := prepareRun(ctx, g, w); err != nil {
				if ctx.Err() != nil {
					return ctx.Err()
				}
				return s.failExpansion(ctx, e, fmt.Errorf("reading what `%s` is made from: %w", w.Record.Project.Name, err))
			}
			if e.Request.Kind == workflow.RequestBase {
				if err := s.keepIfSame(ctx, g, w); err != nil {
					return err
				}
			}
		}
	}
	err = s.withRequest(ctx, e.Request.ID, func(a *act, req workflow.Request) error { return a.commit(req, g, ch) })
	return wrap(err, "queueing plans")
}

// prepareRun finds out what a project's plan is made from. A project that must
// not be planned becomes a refused one.
func prepareRun(ctx context.Context, g scope.Grounds, w *scope.Wanted) error {
	p := w.Record.Project
	r, refused, err := g.Found.PlanRun(ctx, p)
	if err != nil {
		return err
	}
	if refused != "" {
		w.Plan, w.Record.Project.Refused = false, phrase.Plain(refused)
		return nil
	}
	r.SetSubject(g.Pull.Repo, g.Pull.Subject())
	r.Actor, r.Unasked, r.Request, r.Priority = g.Request.Actor, g.Request.Unasked(), g.Request.ID, workflow.PriorityAutoplan
	r.Credentials, r.CreateWorkspace = g.Rules.PlanCredentials(p), g.Rules.CreateWorkspace
	w.Run = r
	if cmd := g.Request.Command; cmd != nil {
		w.Run.Priority, w.Run.Options = workflow.PriorityCommand, cmd.Options
	}
	if g.Request.Kind == workflow.RequestBase {
		w.Run.Priority = workflow.PriorityDrift
		if slices.Contains(g.Request.Replan, p.Name) {
			w.Run.Priority = workflow.PriorityCommand // somebody waited for it
		}
	}
	return nil
}

// keepIfSame keeps the plan of a project, or the one on its way, when the base moved without
// touching what it is made from: the same inputs or, with hidden effects, the same tree.
// Otherwise the plan is outdated, and no longer shown as one that could be applied.
func (s *Service) keepIfSame(ctx context.Context, g scope.Grounds, w *scope.Wanted) error {
	was := g.Record.Find(w.Record.Project.Key())
	if !w.Plan || was == nil || was.Run == nil || was.Run.Head != g.Pull.Head.SHA {
		return nil
	}
	old, replan := was.Run, slices.Contains(g.Request.Replan, w.Record.Project.Name)
	stands := old.Outcome == workflow.OutcomeSucceeded || (old.State != workflow.RunFinished && old.Interrupt == "")
	same := old.InputsDigest == w.Run.InputsDigest && slices.Equal(old.States, w.Run.States) && old.Project.Name == w.Record.Project.Name
	if same && old.State == workflow.RunFinished && old.Outcome == workflow.OutcomeSucceeded && old.Tree != w.Run.Tree {
		plan, err := s.Plan(ctx, old.ID)
		if err != nil {
			return err
		}
		moved, err := s.namedMoved(ctx, *old, plan, w.Run.Tree)
		if err != nil {
			s.log.Warn("comparing the trees of two plans", "run", old.ID, "err", err)
		}
		same = len(plan.Hidden) == 0 && !moved
	}
	if stands && same && !replan {
		w.Plan = false
		return nil
	}
	w.Run.Options = old.Options // it is the same plan, made on another base
	w.Outdated = phrase.Say("%s moved in what %s is planned from.", phrase.Name(g.Pull.Base.Ref), phrase.Project(w.Record.Project.Name))
	if replan {
		w.Outdated = phrase.Plain(g.Request.Why)
	}
	return nil
}
