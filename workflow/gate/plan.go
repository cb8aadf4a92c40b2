package gate

import (
	"fmt"
	"sort"
	"strings"
	"time"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/steps"
)

// plan says whether there is one plan that can be applied, and all that is asked of it.
func (g *gate) plan() {
	if short, sentence, mend := g.noPlan(); !sentence.Empty() {
		g.addExactly(workflow.NeedPlan, short, sentence, mend)
		return
	}
	g.order()
	if g.moment != whenShown {
		g.artefact()
	}
	g.upToDate()
	g.fresh()
	g.approved()
}

// noPlan says why there is no plan to apply, and what to do; short is what is waited for where that is no plan.
func (g *gate) noPlan() (short string, sentence, mend phrase.Text) {
	p, run := g.in.Project, g.in.Project.Run
	replan, wait := g.replan(), phrase.Say("Review it when it is ready, then %s.", g.command(workflow.VerbApply))
	switch {
	case g.in.Record.Trouble != nil:
		return "", phrase.Say("This head cannot be planned: %s.", g.in.Record.Trouble.Title.Within()),
			phrase.Say("The check `cardea/plan` says what to fix.")
	case p.Deleted:
		return "nothing", phrase.Say("The directory of %s is deleted by this pull request.", g.name()),
			phrase.Say("It is not applied.")
	case !p.Project.Refused.Empty():
		return "", p.Project.Refused, phrase.Say("Fix that and push.")
	case run == nil:
		return "", phrase.Say("%s is not planned yet.", g.name()), wait
	case run.State == workflow.RunQueued:
		return "", phrase.Say("The plan of %s is still queued.", g.name()), wait
	case run.State != workflow.RunFinished:
		return "", phrase.Say("%s is being planned right now.", g.name()), wait
	case run.Kind != workflow.RunPlan && run.Kind != workflow.RunVerify:
		return "", phrase.Say("The newest run of %s is not a plan.", g.name()), replan
	case run.Outcome == workflow.OutcomeCancelled:
		return "", phrase.Say("The last plan of %s was cancelled.", g.name()), replan
	case run.Outcome != workflow.OutcomeSucceeded:
		return "", phrase.Say("The last plan of %s did not succeed.", g.name()),
			phrase.Say("Fix what it reports and push, or %s.", g.command(workflow.VerbPlan))
	case run.NoChanges || (g.in.Plan != nil && g.in.Plan.NoChanges):
		return "nothing", phrase.Say("The plan of %s has no changes: there is nothing to apply.", g.name()),
			phrase.Say("Nothing to do.")
	case g.in.Plan == nil:
		return "", phrase.Say("The plan of %s is no longer kept.", g.name()), replan
	case g.in.Plan.Fingerprint == "" || run.Fingerprint != g.in.Plan.Fingerprint:
		return "", phrase.Say("The plan of %s has no fingerprint that matches its run.", g.name()), replan
	case run.Subject() != g.in.Record.Pull.Subject() || run.Project.Key() != p.Project.Key():
		return "", phrase.Say("The plan that %s has belongs to another project or pull request.", g.name()), replan
	case steps.Changed(g.in.Rules, *run):
		return "", phrase.Say("The server's workflow for %s has changed since it was planned.", g.name()), replan
	}
	return "", nil, nil
}

// order looks at the applies of this project: the one that is being confirmed, or
// the last one, which may have spent the plan.
func (g *gate) order() {
	a := g.in.Project.Apply
	again := phrase.Say("Review the plan and try again: %s.", g.command(workflow.VerbApply))
	if g.moment == whenReady {
		if why := g.notOurs(a); why != "" {
			g.missing = append(g.missing, workflow.Missing{Need: workflow.NeedPlan, Short: phrase.Say("a new %s",
				workflow.VerbApply.Typed("")),
				Sentence: phrase.Plain(why), Mend: again})
		}
		return
	}
	switch {
	case a == nil:
	case a.State == workflow.RunQueued:
		g.addExactly(workflow.NeedPlan, "the running apply",
			phrase.Say("An apply of %s is already queued.", g.name()), phrase.Say("Wait for it."))
	case a.State != workflow.RunFinished:
		g.addExactly(workflow.NeedPlan, "the running apply",
			phrase.Say("An apply of %s has been running since %s.", g.name(), phrase.Clock(a.Started)), phrase.Say("Wait for it."))
	case g.in.Project.Ran(a):
		mend := g.replan()
		if a.OutcomeOpen() || a.StateKept() { // a plan made now would be of a state that nobody knows
			mend = phrase.Say("No new plan is made until that apply is settled; then one starts automatically.")
		}
		g.addExactly(workflow.NeedPlan, "a new plan",
			phrase.Say("This plan was already carried out, and a plan is never carried out twice."), mend)
	}
}

// notOurs says why the apply run of the record cannot be the one that the runner
// asks the word for; "" when it is.
func (g *gate) notOurs(a *workflow.Run) string {
	run := g.in.Project.Run
	switch {
	case a == nil || a.Kind != workflow.RunApply || a.Apply == nil:
		return "Nobody asked for this apply."
	case a.State == workflow.RunFinished:
		return "This apply has already ended."
	case a.Interrupt != "":
		return "This apply was cancelled: " + a.Interrupt
	case a.Apply.Spent:
		return "This apply was already started once."
	case a.Subject() != run.Subject() || a.Apply.PlanRun != run.ID ||
		a.Apply.Fingerprint != run.Fingerprint || a.Apply.Artefact != run.Artefact:
		return "The plan is not the one that this apply was requested for."
	}
	return ""
}

func (g *gate) artefact() {
	planned, found := g.in.Project.Run.Artefact, g.in.Artefact
	replan := g.replan()
	switch {
	case planned == "":
		g.add(workflow.NeedArtefact,
			phrase.Say("The plan of %s was not saved in a form that can be applied.", g.name()), replan)
	case found == "":
		g.add(workflow.NeedArtefact, phrase.Say("The saved plan of %s no longer exists.", g.name()), replan)
	case planned != found:
		g.add(workflow.NeedArtefact, phrase.Say("The saved plan of %s is not the file that was created (SHA-256 %s, not %s).",
			g.name(), phrase.CodeSpan(phrase.Short(found)), phrase.CodeSpan(phrase.Short(planned))),
			replan.And(phrase.Say("Whoever runs the server should find out who changed it.")))
	}
}

// upToDate says whether head merged into the base's present tip is what was planned.
func (g *gate) upToDate() {
	if !g.requires(workflow.NeedUpToDate) {
		return
	}
	base := phrase.Name(g.pull.Base.Ref)
	mend := phrase.Say("Nothing to do: a new plan starts automatically. If it is the same, approvals stay valid.")
	var why phrase.Text
	switch {
	case !g.in.Project.Outdated.Empty():
		why = g.in.Project.Outdated
	case g.moment == whenShown && !g.in.SameInputs:
		return // nobody has looked
	case len(g.in.Doubts) > 0:
		return // it is not known, and the facts say why
	case !g.in.SameInputs:
		why = phrase.Say("%s has changed in files that the plan of %s is made from.", base, g.name())
	case len(g.in.Plan.Hidden) > 0 && !g.in.SameTree && g.moment != whenShown:
		why = phrase.Say("%s has moved on, and the plan of %s runs code that its changes do not show, "+
			"so all files must be exactly the same.", base, g.name())
	}
	if !why.Empty() {
		g.add(workflow.NeedUpToDate, why, mend)
	}
}

func (g *gate) fresh() {
	limit := g.rules.StaleAfter
	if limit <= 0 {
		limit = defaultStaleAfter
	}
	replan := g.replanSame()
	switch made := g.in.Plan.PlannedAt; {
	case made.IsZero() || made.After(g.in.Now.Add(time.Minute)):
		g.add(workflow.NeedFresh, phrase.Say("It is not known when the plan of %s was made.", g.name()), replan)
	case g.in.Now.Sub(made) > limit:
		g.add(workflow.NeedFresh,
			phrase.Say("The plan of %s is from %s, older than `stale_after` allows (%s).",
				g.name(), phrase.Clock(made), phrase.InWords(limit)),
			replan)
	}
}

func (g *gate) approved() {
	if !g.requires(workflow.NeedApproved) {
		return
	}
	c := g.approvals()
	counted, missing := c.count(g.in.Project.Approvals)
	for i := range missing {
		missing[i].Reviews = g.reviewsThatLack(c, counted)
		missing[i].Sentence = missing[i].Sentence.And(missing[i].Reviews)
	}
	g.missing = append(g.missing, missing...)
}

// project are the checks about the project and its state rather than its plan.
func (g *gate) project() {
	g.depends()
	g.locks()
	g.state()
}

func (g *gate) depends() {
	names := make([]string, 0, len(g.in.Depends))
	for name, state := range g.in.Depends {
		if !ended(state) {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	for _, name := range names {
		span := phrase.Name(name)
		g.addExactly(workflow.NeedDepends, "the apply of "+span,
			phrase.Say("%s depends on %s, which is not applied (%s).",
				g.name(), span, phrase.CodeSpan(string(g.in.Depends[name]))),
			phrase.Say("Apply that one first: %s.", workflow.VerbApply.About(name)))
	}
	for _, name := range g.in.Since {
		switch g.in.Depends[name] {
		case workflow.StateApplied, workflow.StateNoChanges:
			g.addExactly(workflow.NeedDepends, "a new plan",
				phrase.Say("The plan of %s was started before %s, which it depends on, was applied.", g.name(), phrase.Name(name)),
				g.replanSame())
		}
	}
}

// locks says whether the project's locks are free or ours, and, for an apply that
// stands ready, whether we hold every one.
func (g *gate) locks() {
	state := workflow.KeptState{}
	if g.in.Project.Run != nil {
		state = g.in.Project.Run.Keeps()
	}
	if len(state.States) == 0 && g.in.Project.Run != nil && g.moment != whenShown {
		g.add(workflow.NeedLock,
			phrase.Say("It is not known which state %s writes, so it cannot be locked.", g.name()), g.replan())
	}
	if g.in.Plan != nil && g.in.Plan.StateID != state.Lineage && g.moment != whenShown {
		g.add(workflow.NeedLock,
			phrase.Say("The plan of %s was made before states were known by their lineage.", g.name()), g.replan())
	}
	ours, told := 0, false
	keys := workflow.LockKeys(g.in.Project.Project, state)
	for _, key := range keys {
		for _, l := range g.in.Locks {
			if l.RepoID != g.in.Record.Pull.Repo.ID || !workflow.Meets(l.Key, key) {
				continue
			}
			if l.Pull == g.in.Record.Pull.Key() {
				if l.Key == key {
					ours++
				}
				continue
			}
			if !told { // both locks of a project are mostly one pull's: that is one sentence
				sentence := l.Sentence()
				if l.Project != g.in.Project.Project.Name {
					sentence = sentence.And(lockedBeside(g.name(), l.Key == key))
				}
				mend := l.Mend()
				if g.moment != whenShown || g.in.Project.MetLock {
					mend = mend.And(phrase.Say("This pull request will be told."))
				}
				g.addExactly(workflow.NeedLock, fmt.Sprintf("the lock of #%d", l.Pull.Number), sentence, mend)
			}
			told = true
		}
	}
	if g.moment == whenReady && ours < len(keys) && !told {
		g.add(workflow.NeedLock,
			phrase.Say("This pull request does not hold all locks of %s.", g.name()),
			phrase.Say("Try again: %s.", g.command(workflow.VerbApply)))
	}
}

// lockedBeside says what another project's lock has to do with a project.
func lockedBeside(name phrase.Part, surely bool) phrase.Text {
	if surely {
		return phrase.Say("It writes the same state as %s.", name)
	}
	return phrase.Say("It may write the same state as %s: nothing tells the two apart.", name)
}

// resolveAs is the command that says what an apply counts as.
func resolveAs(project, outcome string) phrase.Command {
	c := workflow.VerbResolve.About(project)
	c.More = "--outcome " + outcome
	return c
}

// settled says whether somebody knows what the last apply of a project left.
func (g *gate) settled(a workflow.Run, of workflow.Project) {
	name := phrase.Say("%s", phrase.Project(of.Name))
	if of.Key() != g.in.Project.Project.Key() {
		name = phrase.Say("%s, which writes the same state,", name)
	}
	resolve := phrase.Say("someone with the `admin` permission (%s) decides what the apply counts as: %s or `failed`.",
		g.rules.Admin.Describe(), resolveAs(of.Name, workflow.ResolvedApplied))
	switch {
	case a.OutcomeOpen():
		g.addExactly(workflow.NeedState, "a decision on its unknown apply",
			phrase.Say("The outcome of the last apply of %s is unknown.", name),
			phrase.Say("Check its log and what really exists; then %s", resolve))
	case a.StateKept():
		g.addExactly(workflow.NeedState, "its kept state to be stored",
			phrase.Say("The last apply of %s could not store its state; it is kept here, encrypted.", name),
			phrase.Say("Whoever runs the server must store it first, as the summary comment explains; then %s", resolve))
	}
}

// state says whether the state is what the plan was made from, and whether the
// last apply left it in a way that somebody knows.
func (g *gate) state() {
	p := g.in.Project
	if p.Apply != nil {
		g.settled(*p.Apply, p.Project)
	}
	for _, a := range g.in.Unsettled {
		g.settled(a, a.Project)
	}
	if g.moment != whenReady || g.in.Plan == nil {
		return
	}
	mend := g.replanSame()
	if g.in.State == nil {
		g.add(workflow.NeedState, phrase.Say("It is not known what the state of %s is now.", g.name()), mend)
		return
	}
	was, now := g.in.Plan.State(), *g.in.State
	said := phrase.Plain(strings.Join(now.Moved[:min(len(now.Moved), workflow.MaxTold)], " "))
	switch {
	case was.ID != now.ID:
		g.add(workflow.NeedState,
			phrase.Say("The state of %s is not the one that the plan was made from (lineage %s, not %s).", g.name(),
				phrase.CodeSpan(phrase.OrWord(phrase.Short(now.ID), "none")),
				phrase.CodeSpan(phrase.OrWord(phrase.Short(was.ID), "none"))).And(said), mend)
	case was.Version != now.Version:
		g.add(workflow.NeedState, phrase.Say("The state of %s has changed since the plan was made (%s, not %s).", g.name(),
			now.Version.Words(), was.Version.Text()).And(said), mend)
	case !said.Empty():
		g.add(workflow.NeedState,
			phrase.Say("The state of %s has changed since the plan was made.", g.name()).And(said), mend)
	}
}
