package service

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/gate"
	"github.com/cardea-iac/cardea/workflow/survey"
)

// wanted is one project of a pull as an expansion wants it.
type wanted struct {
	record workflow.ProjectRecord // project, reasons, deleted; its runs are found later
	plan   bool                   // make a new plan
	asked  bool                   // the command names it although it is not affected
	held   bool                   // an apply of it started in this pull
	run    workflow.Run           // what the plan is made from, set when plan is
	// outdated is why the plan before does not hold any more, a sentence, when the base moved.
	outdated phrase.Text
}

// choice is what an expansion decided.
type choice struct {
	projects []wanted
	// whole: these are all projects of the pull. Otherwise those of the record that are not among them are kept.
	whole   bool
	notes   []string
	silent  []string      // names of projects that are affected and not planned by themselves
	refused []phrase.Text // sentences about projects that the sender may not plan
}

// grounds are what a choice is made on.
type grounds struct {
	expansion Expansion
	rules     workflow.Rules
	found     survey.Survey
	record    workflow.PullRecord
}

// choose decides which projects belong to the pull and which of them get a new plan. Without
// a command, every affected project that has no plan at this head and tree gets one. A
// command plans those it names, and keeps the plans of the others. A fault, a sentence, means
// that the command names nothing.
func choose(g grounds) (choice, string) {
	cmd := g.expansion.Request.Command
	if cmd == nil {
		out := choice{whole: true}
		out.add(g.byItself(g.expansion.Request)...)
		return out, ""
	}
	picked, fault := workflow.Select(g.found.Selecting(cmd.Select))
	if fault != "" {
		return choice{}, fault
	}
	out := choice{whole: cmd.Select.Empty() || !g.record.Known || g.record.Trouble != nil}
	if out.whole {
		// What a push would have planned too, had it come first.
		push := workflow.Request{Kind: workflow.RequestPull, Actor: g.expansion.Pull.Author}
		out.add(g.byItself(push)...)
	}
	if cmd.Select.Empty() {
		picked = append(picked, g.askedBefore(picked)...)
		picked = append(picked, g.held(picked)...)
	}
	in := permission(g.expansion, g.rules)
	for _, p := range picked {
		w := wanted{record: workflow.ProjectRecord{Project: p, Reasons: phrase.Texts(g.reasons(p)...)}, plan: p.Refused.Empty()}
		if was := g.record.Formerly(p.Key()); w.record.Reasons == nil && was != nil && was.Held {
			w.held, w.record.Reasons = true, phrase.Texts(heldReason)
		} else if w.record.Reasons == nil {
			w.asked = true
			w.record.Reasons = phrase.Texts(askedReason(g.askedBy(p)))
		}
		if why := gate.MayPlanProject(in, p); why != "" {
			out.refused = append(out.refused, phrase.Say("%s is not planned: %s", phrase.Project(p.Name), why))
			continue
		}
		out.replace(w)
	}
	return out, ""
}

// byItself are the projects that a push plans: those affected, and those that commands added
// before. A project that it may not plan is there without a plan.
func (g grounds) byItself(push workflow.Request) []wanted {
	in := permission(g.expansion, g.rules)
	in.Request = push
	refused := gate.MayPlan(in) != nil
	var out []wanted
	for _, a := range g.found.Affected {
		w := wanted{record: workflow.ProjectRecord{Project: a.Project, Reasons: phrase.Texts(a.Reasons...),
			Deleted: a.Deleted, MovedTo: a.MovedTo}}
		w.plan = !a.Deleted && a.Project.Refused.Empty()
		out = append(out, w)
	}
	for _, p := range g.askedBefore(nil) {
		if g.reasons(p) == nil {
			out = append(out, wanted{record: workflow.ProjectRecord{Project: p,
				Reasons: phrase.Texts(askedReason(g.askedBy(p)))}, plan: p.Refused.Empty(), asked: true})
		}
	}
	var there []workflow.Project
	for _, w := range out {
		there = append(there, w.record.Project)
	}
	for _, p := range g.held(there) {
		out = append(out, wanted{record: workflow.ProjectRecord{Project: p, Reasons: phrase.Texts(heldReason)},
			plan: p.Refused.Empty(), held: true})
	}
	for i := range out {
		w := &out[i]
		if !w.plan {
			continue
		}
		if refused {
			w.plan = false
			w.record.Reasons = append(slices.Clone(w.record.Reasons),
				phrase.Say("it waits for %s by somebody who may plan", workflow.VerbPlan.About(w.record.Project.Name)))
		} else if why := gate.MayPlanProject(in, w.record.Project); why != "" {
			w.plan, w.record.Project.Refused = false, phrase.Say("%s %s by somebody who may starts it.", why, workflow.VerbPlan.Typed(""))
		}
		w.plan = w.plan && !g.has(w.record.Project)
	}
	return out
}

// has reports whether the record holds a plan, or one on its way, of this project at this head and tree.
func (g grounds) has(p workflow.Project) bool {
	old := g.record.Find(p.Key())
	if old == nil || old.Run == nil {
		return false
	}
	r := old.Run
	if slices.Contains(g.expansion.Request.Replan, p.Name) {
		return false
	}
	live := r.State != workflow.RunFinished && r.Interrupt == ""
	return r.Head == g.expansion.Pull.Head.SHA && r.Tree == g.found.Checkout.Planned.ID && r.Project.Name == p.Name &&
		(live || r.Outcome == workflow.OutcomeSucceeded)
}

// heldReason is why a project belongs to a pull, whatever the pull's head changes.
const heldReason = "an apply of it was started in this pull request"

// held are projects of the planned tree that an apply of this pull holds, without those already there.
func (g grounds) held(there []workflow.Project) []workflow.Project {
	var out []workflow.Project
	for _, p := range g.found.Resolution.Projects {
		was := g.record.Formerly(p.Key())
		if was != nil && was.Held && !slices.ContainsFunc(there, func(q workflow.Project) bool { return q.Key() == p.Key() }) {
			out = append(out, p)
		}
	}
	return out
}

// askedBefore are projects of the planned tree that commands added to this pull,
// without those already picked.
func (g grounds) askedBefore(picked []workflow.Project) []workflow.Project {
	var out []workflow.Project
	for _, a := range g.record.Asked {
		for _, p := range g.found.Resolution.Projects {
			if p.Key() == a.Key && !slices.ContainsFunc(picked, func(q workflow.Project) bool { return q.Key() == a.Key }) {
				out = append(out, p)
			}
		}
	}
	return out
}

func (g grounds) askedBy(p workflow.Project) workflow.Actor {
	for _, a := range g.record.Asked {
		if a.Key == p.Key() {
			return a.By
		}
	}
	return g.expansion.Request.Actor
}

func askedReason(by workflow.Actor) string { return "`" + phrase.Shown(by.Login) + "` asked for it" }

// reasons are why the change affects a project, nil when it does not.
func (g grounds) reasons(p workflow.Project) []string {
	for _, a := range g.found.Affected {
		if a.Project.Key() == p.Key() && !a.Deleted {
			return a.Reasons
		}
	}
	return nil
}

// add appends projects; one that says `autoplan: false` and has no plan becomes a note instead.
func (ch *choice) add(all ...wanted) {
	var silent []string
	for _, w := range all {
		if w.plan && w.record.Project.NoAutoplan && !w.asked && !w.held {
			silent = append(silent, w.record.Project.Name)
			continue
		}
		ch.projects = append(ch.projects, w)
	}
	ch.silent = append(ch.silent, silent...)
	if len(silent) > 0 {
		ch.notes = append(ch.notes, fmt.Sprintf("Affected but not planned by themselves (`autoplan: false`): `%s`.",
			strings.Join(silent, "`, `")))
	}
}

// replace puts a project in the place of the one with its key, or appends it.
func (ch *choice) replace(w wanted) {
	for i := range ch.projects {
		if old := &ch.projects[i]; old.record.Project.Key() == w.record.Project.Key() && !old.record.Deleted {
			*old = w
			return
		}
	}
	ch.projects = append(ch.projects, w)
}

// queuePlans decides, finds out what each plan is made from, and writes it all.
func (s *Service) queuePlans(ctx context.Context, g grounds) error {
	e := g.expansion
	rec, err := s.Pull(ctx, e.Pull.Key())
	if err != nil {
		return err
	}
	g.record = rec
	ch, fault := choose(g)
	if fault != "" {
		return s.conclude(ctx, e, verdict{note: "Refused: " + fault,
			reply: &workflow.Reply{Kind: workflow.ReplyRefused, Text: phrase.Texts(fault)}})
	}
	ch.notes = append(slices.Clone(g.found.Notes), ch.notes...)
	slices.SortStableFunc(ch.projects, func(a, b wanted) int { return cmp.Compare(a.record.Project.Name, b.record.Project.Name) })
	for i := range ch.projects {
		if w := &ch.projects[i]; w.plan {
			if err := g.prepareRun(ctx, w); err != nil {
				if ctx.Err() != nil {
					return ctx.Err()
				}
				return s.failExpansion(ctx, e, fmt.Errorf("reading what `%s` is made from: %w", w.record.Project.Name, err))
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
func (g grounds) prepareRun(ctx context.Context, w *wanted) error {
	e, p := g.expansion, w.record.Project
	r, refused, err := g.found.PlanRun(ctx, p)
	if err != nil {
		return err
	}
	if refused != "" {
		w.plan, w.record.Project.Refused = false, phrase.Plain(refused)
		return nil
	}
	r.SetSubject(e.Pull.Repo, e.Pull.Subject())
	r.Actor, r.Request, r.Priority = e.Request.Actor, e.Request.ID, workflow.PriorityAutoplan
	r.Credentials, r.CreateWorkspace = g.rules.PlanCredentials(p), g.rules.CreateWorkspace
	w.run = r
	if cmd := e.Request.Command; cmd != nil {
		w.run.Priority, w.run.Options = workflow.PriorityCommand, cmd.Options
	}
	if e.Request.Kind == workflow.RequestBase {
		w.run.Priority = workflow.PriorityDrift
		if slices.Contains(e.Request.Replan, p.Name) {
			w.run.Priority = workflow.PriorityCommand // somebody waited for it
		}
	}
	return nil
}

// keepIfSame keeps the plan of a project, or the one on its way, when the base moved without
// touching what it is made from: the same inputs or, with hidden effects, the same tree.
// Otherwise the plan is outdated, and no longer shown as one that could be applied.
func (s *Service) keepIfSame(ctx context.Context, g grounds, w *wanted) error {
	e, was := g.expansion, g.record.Find(w.record.Project.Key())
	if !w.plan || was == nil || was.Run == nil || was.Run.Head != e.Pull.Head.SHA {
		return nil
	}
	old, replan := was.Run, slices.Contains(e.Request.Replan, w.record.Project.Name)
	stands := old.Outcome == workflow.OutcomeSucceeded || (old.State != workflow.RunFinished && old.Interrupt == "")
	same := old.InputsDigest == w.run.InputsDigest && slices.Equal(old.States, w.run.States) && old.Project.Name == w.record.Project.Name
	if same && old.State == workflow.RunFinished && old.Outcome == workflow.OutcomeSucceeded && old.Tree != w.run.Tree {
		plan, err := s.Plan(ctx, old.ID)
		if err != nil {
			return err
		}
		moved, err := s.namedMoved(ctx, *old, plan, w.run.Tree)
		if err != nil {
			s.log.Warn("comparing the trees of two plans", "run", old.ID, "err", err)
		}
		same = len(plan.Hidden) == 0 && !moved
	}
	if stands && same && !replan {
		w.plan = false
		return nil
	}
	w.run.Options = old.Options // it is the same plan, made on another base
	w.outdated = phrase.Say("%s moved in what %s is planned from.", phrase.Name(e.Pull.Base.Ref), phrase.Project(w.record.Project.Name))
	if replan {
		w.outdated = phrase.Plain(e.Request.Why)
	}
	return nil
}

// expandSentence says what became of a request, for the history.
func expandSentence(ch choice, f survey.Survey) string {
	var names []string
	for _, w := range ch.projects {
		if w.plan {
			names = append(names, "`"+w.record.Project.Name+"`")
		}
	}
	base := phrase.Short(f.Checkout.Base)
	switch {
	case len(ch.projects) == 0 && len(f.NotPlanned) > 0:
		return fmt.Sprintf("Nothing that is planned here is affected, against base %s.", base)
	case len(ch.projects) == 0:
		return fmt.Sprintf("No project is affected, against base %s.", base)
	case len(names) == 0:
		return fmt.Sprintf("Nothing new is planned, against base %s.", base)
	case len(names) > 20:
		return fmt.Sprintf("%d projects are planned, against base %s.", len(names), base)
	}
	return fmt.Sprintf("Planned against base %s: %s.", base, strings.Join(names, ", "))
}
