package gate

import (
	"fmt"
	"sort"
	"strings"
	"time"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/workflow"
)

// plan says whether there is one plan that can be applied, and all that is asked of it.
func (g *gate) plan() {
	if short, sentence, mend := g.noPlan(); sentence != "" {
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
func (g *gate) noPlan() (short, sentence, mend string) {
	p, run := g.in.Project, g.in.Project.Run
	replan := "A new plan: " + g.command("plan") + "."
	wait := "When it is there, look at it; then " + g.command("apply") + "."
	switch {
	case g.in.Record.Trouble != nil:
		return "", fmt.Sprintf("Nothing of this head can be planned: %s.", strings.TrimSuffix(phrase.OneLine(g.in.Record.Trouble.Title), ".")),
			"The check `cardea/plan` says what to mend."
	case p.Deleted:
		return "nothing", fmt.Sprintf("The directory of %s is deleted by this pull request.", g.name()), "Nothing of it is applied."
	case p.Project.Refused != "":
		return "", p.Project.Refused, "Mend that and push."
	case run == nil:
		return "", fmt.Sprintf("%s is not planned yet.", g.name()), wait
	case run.State == workflow.RunQueued:
		return "", fmt.Sprintf("The plan of %s is still queued.", g.name()), wait
	case run.State != workflow.RunFinished:
		return "", fmt.Sprintf("%s is being planned right now.", g.name()), wait
	case run.Kind != workflow.RunPlan && run.Kind != workflow.RunVerify:
		return "", fmt.Sprintf("The newest run of %s is not a plan.", g.name()), replan
	case run.Outcome == workflow.OutcomeCancelled:
		return "", fmt.Sprintf("The last plan of %s was cancelled.", g.name()), replan
	case run.Outcome != workflow.OutcomeSucceeded:
		return "", fmt.Sprintf("The last plan of %s did not succeed.", g.name()), "Mend what it says and push, or " + g.command("plan") + "."
	case run.NoChanges || (g.in.Plan != nil && g.in.Plan.NoChanges):
		return "nothing", fmt.Sprintf("The plan of %s has no changes: there is nothing to apply.", g.name()), "Nothing to do."
	case g.in.Plan == nil:
		return "", fmt.Sprintf("The plan of %s is not kept any more.", g.name()), replan
	case g.in.Plan.Fingerprint == "" || run.Fingerprint != g.in.Plan.Fingerprint:
		return "", fmt.Sprintf("The plan of %s has no fingerprint that belongs to its run.", g.name()), replan
	case run.PullKey() != g.in.Record.Pull.Key() || run.Project.Key() != p.Project.Key():
		return "", fmt.Sprintf("The plan that %s has is not of this project and pull request.", g.name()), replan
	}
	return "", "", ""
}

// order looks at the applies of this project: the one that is being confirmed, or
// the last one, which may have spent the plan.
func (g *gate) order() {
	a := g.in.Project.Apply
	again := "Look at the plan and ask once more: " + g.command("apply") + "."
	if g.moment == whenReady {
		if why := g.notOurs(a); why != "" {
			g.addExactly(workflow.NeedPlan, "a new `cardea apply`", why, again)
		}
		return
	}
	switch {
	case a == nil:
	case a.State == workflow.RunQueued:
		g.addExactly(workflow.NeedPlan, "the running apply", fmt.Sprintf("An apply of %s is queued already.", g.name()), "Wait for it.")
	case a.State != workflow.RunFinished:
		g.addExactly(workflow.NeedPlan, "the running apply", fmt.Sprintf("An apply of %s is running since %s.", g.name(), phrase.Clock(a.Started)), "Wait for it.")
	case g.in.Project.Ran(a):
		mend := "A new plan: " + g.command("plan") + "."
		if a.OutcomeOpen() || a.StateKept() { // a plan made now would be of a state that nobody knows
			mend = "No new plan before that apply is settled; one follows then by itself."
		}
		g.addExactly(workflow.NeedPlan, "a new plan", "This plan was carried out once, and a plan is never carried out twice.", mend)
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
		return "This apply has ended already."
	case a.Interrupt != "":
		return "This apply was cancelled: " + a.Interrupt
	case a.Apply.Spent:
		return "This apply was begun once already."
	case a.Apply.PlanRun != run.ID || a.Apply.Fingerprint != run.Fingerprint || a.Apply.Artefact != run.Artefact:
		return "The plan is not the one for which this apply was asked."
	}
	return ""
}

func (g *gate) artefact() {
	planned, found := g.in.Project.Run.Artefact, g.in.Artefact
	replan := "A new plan: " + g.command("plan") + "."
	switch {
	case planned == "":
		g.add(workflow.NeedArtefact, fmt.Sprintf("Nothing was kept of the plan of %s that could be applied.", g.name()), replan)
	case found == "":
		g.add(workflow.NeedArtefact, fmt.Sprintf("The saved plan of %s is not there any more.", g.name()), replan)
	case planned != found:
		g.add(workflow.NeedArtefact, fmt.Sprintf("The saved plan of %s is not the file that was made (SHA-256 %s, not %s).",
			g.name(), phrase.CodeSpan(phrase.Short(found)), phrase.CodeSpan(phrase.Short(planned))), replan+" An operator of the server should find out who changed it.")
	}
}

// upToDate says whether head merged into the base's tip of now is what was planned.
func (g *gate) upToDate() {
	if !g.requires(workflow.NeedUpToDate) {
		return
	}
	base := phrase.CodeSpan(phrase.Shown(g.pull.Base.Ref))
	mend := "Nothing to do: a new plan is made by itself. If it is the same, its approvals stay."
	why := ""
	switch {
	case g.in.Project.Outdated != "":
		why = g.in.Project.Outdated
	case g.moment == whenShown && !g.in.SameInputs:
		return // nobody has looked
	case !g.in.SameInputs:
		why = fmt.Sprintf("%s has moved on in files that %s is planned from.", base, g.name())
	case len(g.in.Plan.Hidden) > 0 && !g.in.SameTree && g.moment != whenShown:
		why = fmt.Sprintf("%s has moved on, and the plan of %s runs code that its changes do not show: only the very same files will do.", base, g.name())
	}
	if why != "" {
		g.add(workflow.NeedUpToDate, why, mend)
	}
}

func (g *gate) fresh() {
	limit := g.rules.StaleAfter
	if limit <= 0 {
		limit = defaultStaleAfter
	}
	replan := "A new plan: " + g.command("plan") + ". If it is the same, its approvals stay."
	switch made := g.in.Plan.PlannedAt; {
	case made.IsZero() || made.After(g.in.Now.Add(time.Minute)):
		g.add(workflow.NeedFresh, fmt.Sprintf("It is not known when the plan of %s was made.", g.name()), replan)
	case g.in.Now.Sub(made) > limit:
		g.add(workflow.NeedFresh, fmt.Sprintf("The plan of %s is of %s, longer ago than `stale_after` allows (%s).", g.name(), phrase.Clock(made), phrase.InWords(limit)), replan)
	}
}

func (g *gate) approved() {
	if !g.requires(workflow.NeedApproved) {
		return
	}
	c := approvalCount{
		rules: g.rules, author: g.pull.Author, fingerprint: g.in.Plan.Fingerprint, roles: g.in.Live.Roles,
		project: phrase.Shown(g.in.Project.Project.Name), recorded: g.moment == whenShown,
	}
	_, missing := c.count(g.in.Project.Approvals)
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
		switch state {
		case workflow.StateApplied, workflow.StateNoChanges, workflow.StateDeleted: // nobody ever applies a deleted one
		default:
			names = append(names, name)
		}
	}
	sort.Strings(names)
	for _, name := range names {
		span := phrase.CodeSpan(phrase.Shown(name))
		g.addExactly(workflow.NeedDepends, "the apply of "+span, fmt.Sprintf("%s depends on %s, which is not applied (%s).", g.name(), span, phrase.CodeSpan(string(g.in.Depends[name]))),
			fmt.Sprintf("Apply that one first: %s.", phrase.CodeSpan("cardea apply -p "+phrase.Argument(phrase.Shown(name)))))
	}
	for _, name := range g.in.Since {
		switch g.in.Depends[name] {
		case workflow.StateApplied, workflow.StateNoChanges:
			g.addExactly(workflow.NeedDepends, "a new plan", fmt.Sprintf("The plan of %s was begun before %s was applied, on which it depends.", g.name(), phrase.CodeSpan(phrase.Shown(name))),
				"A new plan: "+g.command("plan")+". If it is the same, its approvals stay.")
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
	if state.Identity == "" && g.in.Project.Run != nil && g.moment != whenShown {
		g.add(workflow.NeedLock, fmt.Sprintf("It is not known which state %s writes, so it cannot be locked.", g.name()), "A new plan: "+g.command("plan")+".")
	}
	if g.in.Plan != nil && g.in.Plan.StateID != state.Lineage && g.moment != whenShown {
		g.add(workflow.NeedLock, fmt.Sprintf("The plan of %s was made before states were known by their lineage.", g.name()), "A new plan: "+g.command("plan")+".")
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
					sentence += lockedBeside(g.name(), l.Key == key)
				}
				g.addExactly(workflow.NeedLock, fmt.Sprintf("the lock of #%d", l.Pull.Number), sentence,
					l.Mend()+" This pull request is told then.")
			}
			told = true
		}
	}
	if g.moment == whenReady && ours < len(keys) && !told {
		g.add(workflow.NeedLock, fmt.Sprintf("This pull request does not hold every lock of %s.", g.name()), "Try again: "+g.command("apply")+".")
	}
}

// lockedBeside says what another project's lock has to do with a project.
func lockedBeside(name string, surely bool) string {
	if surely {
		return fmt.Sprintf(" It writes the same state as %s.", name)
	}
	return fmt.Sprintf(" It may write the same state as %s: nothing tells the two apart.", name)
}

// settled says whether somebody knows what the last apply of a project left.
func (g *gate) settled(a workflow.Run, of workflow.Project) {
	project := phrase.Shown(of.Name)
	name := phrase.CodeSpan(project)
	if of.Key() != g.in.Project.Project.Key() {
		name += ", which writes the same state,"
	}
	resolve := fmt.Sprintf("a person with the permission `admin` (%s) says what the apply counts as: %s or `failed`.",
		g.rules.Admin.Describe(), phrase.CodeSpan("cardea resolve -p "+phrase.Argument(project)+" --outcome applied"))
	switch {
	case a.OutcomeOpen():
		g.addExactly(workflow.NeedState, "a word on its unknown apply", fmt.Sprintf("Nobody knows how the last apply of %s ended.", name),
			"Look at its log and at what is really there; then "+resolve)
	case a.StateKept():
		g.addExactly(workflow.NeedState, "its kept state to be stored", fmt.Sprintf("The last apply of %s could not store its state; it is kept here, encrypted.", name),
			"Whoever runs the server stores it first, as the summary comment says; then "+resolve)
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
	mend := "A new plan: " + g.command("plan") + ". If it is the same, its approvals stay."
	if g.in.State == nil {
		g.add(workflow.NeedState, fmt.Sprintf("It is not known how the state of %s stands now.", g.name()), mend)
		return
	}
	was, now := g.in.Plan.State(), *g.in.State
	said := ""
	for _, moved := range now.Moved[:min(len(now.Moved), workflow.MaxTold)] {
		said += " " + moved
	}
	switch {
	case was.ID != now.ID:
		g.add(workflow.NeedState, fmt.Sprintf("The state of %s is another one than the plan was made from (lineage %s, not %s).", g.name(),
			phrase.CodeSpan(phrase.OrWord(phrase.Short(now.ID), "none")), phrase.CodeSpan(phrase.OrWord(phrase.Short(was.ID), "none")))+said, mend)
	case was.Version != now.Version:
		g.add(workflow.NeedState, fmt.Sprintf("The state of %s was changed since the plan was made (%s, not %s).", g.name(),
			now.Version.Words(), was.Version.Text())+said, mend)
	case said != "":
		g.add(workflow.NeedState, fmt.Sprintf("The state of %s was changed since the plan was made.", g.name())+said, mend)
	}
}
