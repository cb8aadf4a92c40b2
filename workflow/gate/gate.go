package gate

import (
	"cmp"
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/workflow"
)

const (
	// LiveMaxAge is how old live facts may be when they decide.
	LiveMaxAge = 10 * time.Second
	// defaultStaleAfter holds where rules say nothing: no plan stays valid for ever.
	defaultStaleAfter = 24 * time.Hour
)

// Ask says everything that is missing for one project's plan to be applied when
// somebody asks for that, in the order of the requirements; nothing means that it may be.
//
// It is pure, and every doubt is a no: facts that are older than LiveMaxAge, of
// another pull, or that could not be read. up_to_date, approved, reviewed and
// mergeable hold where the rules or `.cardea.yml` require them, all others
// always. What can only be asked of a plan (its artefact, age, approvals, inputs)
// is not told while there is none: then NeedPlan is.
//
// Confirm asks once more when the runner stands ready.
func Ask(in Input) []workflow.Missing { return newGate(in, whenAsked).answer() }

// Confirm is Ask for the runner that stands ready under the locks: it is about the
// project's apply, which must be queued or running and not spent, whose locks must
// be held, and whose state must be the one that the plan was made from.
func Confirm(in Input) []workflow.Missing { return newGate(in, whenReady).answer() }

// answer asks for everything that decides.
func (g *gate) answer() []workflow.Missing {
	g.permission()
	g.facts()
	g.pullChecks()
	g.plan()
	g.project()
	return g.told()
}

// WaitsFor is the part of the gate that does not depend on who applies: what
// comment, checks and pages say an apply waits for. It decides nothing. Without
// live facts (Live.Read is zero) the record's are taken, and what only GitHub
// knows is left out. A plan that has nothing to apply, or was applied, waits for nothing.
func WaitsFor(in Input) []workflow.Missing {
	run := in.Project.Run
	planned := run != nil && run.State == workflow.RunFinished && run.Outcome == workflow.OutcomeSucceeded
	if in.Project.Deleted || planned && run.NoChanges {
		return nil
	}
	if a := in.Project.Apply; in.Project.Ran(a) && a.ApplySucceeded() {
		return nil
	}
	g := newGate(in, whenShown)
	g.pullChecks()
	g.plan()
	g.project()
	return g.told()
}

// moment is when the gate is asked.
type moment int

const (
	whenAsked moment = iota // somebody asks for an apply
	whenReady               // the runner of an apply stands ready
	whenShown               // people see what an apply waits for; nothing is decided
)

// gate is one question to the gate.
type gate struct {
	moment  moment
	in      Input
	rules   workflow.Rules // those that hold for the project
	pull    workflow.Pull  // as GitHub has it now, as far as that is known
	live    bool           // live facts are of this pull
	missing []workflow.Missing
}

func newGate(in Input, m moment) *gate {
	g := &gate{moment: m, in: in, rules: in.Rules.ForProject(in.Project.Project), pull: in.Record.Pull}
	for _, p := range in.Sharing {
		g.rules = g.rules.And(in.Rules.ForProject(p))
	}
	if live := in.Live.Pull.Subject(); !live.IsZero() && live == in.Record.Pull.Subject() {
		g.live, g.pull = true, in.Live.Pull
	}
	if g.pull.Author.ID == 0 {
		g.pull.Author = in.Record.Pull.Author // a poor reading must never mean that there is nobody who must not approve
	}
	return g
}

// add notes one missing requirement: as a sentence, and how to mend it.
func (g *gate) add(need workflow.Requirement, sentence, mend phrase.Text) {
	g.addExactly(need, "", sentence, mend)
}

// addExactly is add with words of its own after "waits for".
func (g *gate) addExactly(need workflow.Requirement, short string, sentence, mend phrase.Text) {
	g.missing = append(g.missing, workflow.Missing{Need: need, Short: phrase.Plain(short), Sentence: sentence, Mend: mend})
}

func (g *gate) told() []workflow.Missing {
	slices.SortStableFunc(g.missing, func(a, b workflow.Missing) int { return cmp.Compare(a.Need.Rank(), b.Need.Rank()) })
	return g.missing
}

// requires reports whether a requirement that can be left out is looked at: the
// rules ask for it, and where nothing is decided somebody knows about it.
func (g *gate) requires(need workflow.Requirement) bool {
	unknown := g.moment == whenShown && !g.live && need.OfGitHub()
	return !unknown && slices.Contains(g.rules.Require, need)
}

// command is a command about this project.
func (g *gate) command(verb workflow.Verb) phrase.Command {
	return verb.About(g.in.Project.Project.Name)
}

// replan asks for a new plan, in a sentence.
func (g *gate) replan() phrase.Text {
	return phrase.Say("Plan again: %s.", g.command(workflow.VerbPlan))
}

// replanSame is replan where approvals may outlive the plan.
func (g *gate) replanSame() phrase.Text {
	return g.replan().And(phrase.Say("If the plan is the same, approvals stay valid."))
}

// name is the project's name for a sentence.
func (g *gate) name() phrase.Part { return phrase.Project(g.in.Project.Project.Name) }

func (g *gate) permission() {
	if run := g.in.Project.Run; run != nil && !run.Subject().MayApply() {
		g.add(workflow.NeedPermission,
			phrase.Say("The plan of %s is for %s, and such plans are never applied.",
				g.name(), run.Subject().Words()),
			phrase.Say("Only plans of pull requests are applied: open one."))
	}
	who := g.in.Live.Actor
	role, known := g.in.Live.Roles[who.ID]
	mend := phrase.Say("%s can apply here.", phrase.Capital(g.rules.Apply.Describe()))
	switch {
	case who.ID == 0:
		g.add(workflow.NeedPermission, phrase.Say("It is not known who asked for this apply."), mend)
	case who.Bot && !g.rules.ListsBot(who):
		g.add(workflow.NeedPermission,
			phrase.Say("The app %s is not in the server's `bots`.", phrase.Name(who.Slug())), mend)
	case !known || !role.Known():
		g.add(workflow.NeedPermission,
			phrase.Say("GitHub did not report what access %s has, and without an answer nothing is applied.", workflow.Mention(who)),
			phrase.Say("Try again: %s.", g.command(workflow.VerbApply)))
	case !g.rules.Apply.Includes(who, role):
		g.add(workflow.NeedPermission,
			phrase.Say("%s has %s, which is not enough to apply %s.", phrase.Capital(workflow.Mention(who)), role.Access(), g.name().Or("these")), mend)
	}
}

// facts says whether everything that GitHub was asked is there, about this pull, and fresh.
func (g *gate) facts() {
	again := phrase.Say("Nothing was applied. Try again: %s.", g.command(workflow.VerbApply))
	for _, e := range slices.Concat(g.in.Live.Errors, g.in.Doubts) {
		g.add(workflow.NeedFacts, phrase.Plain(e), again)
	}
	if !g.live {
		g.add(workflow.NeedFacts, phrase.Say("GitHub did not report the current state of this pull request."), again)
	}
	// Facts from the future are worth as little as old ones: a clock must have been set.
	if age := g.in.Now.Sub(g.in.Live.Read); g.live && (age > LiveMaxAge || age < -LiveMaxAge) {
		g.add(workflow.NeedFacts,
			phrase.Say("What GitHub reported is not from the last %.0f seconds.", LiveMaxAge.Seconds()), again)
	}
	if g.live && g.in.Live.BaseTip == "" {
		g.add(workflow.NeedFacts,
			phrase.Say("GitHub did not report the current commit of the base branch %s.", phrase.Name(g.pull.Base.Ref)), again)
	}
}

// pullChecks are those that all projects of the pull share.
func (g *gate) pullChecks() {
	g.branch()
	rec := g.in.Record.Pull
	if g.pull.State != workflow.PullOpen || rec.State != workflow.PullOpen {
		word := g.pull.State
		if word == workflow.PullOpen {
			word = rec.State
		}
		g.add(workflow.NeedOpen,
			phrase.Say("This pull request is %s.", phrase.OrWord(string(word), "in an unknown state")),
			phrase.Say("Only open pull requests are applied. "+
				"A closed one can be reopened; after a merge, open a new one."))
	}
	if g.pull.Fork || rec.Fork {
		g.add(workflow.NeedSameRepo, phrase.Say("The head branch of this pull request is in another repository."),
			phrase.Say("Someone with write access to %s can push the branch here and open a pull request from it.",
				phrase.Name(rec.Repo.FullName())))
	}
	if g.pull.Draft || rec.Draft {
		g.add(workflow.NeedReady, phrase.Say("This pull request is a draft."), phrase.Say("Mark it as ready for review."))
	}
	g.head()
	g.reviewed()
	g.mergeable()
	if g.in.BaseFaulty {
		g.add(workflow.NeedConfig,
			phrase.Say("`%s` on the base branch %s has errors, so it is not known which rules apply.",
				workflow.RepoConfigFile, phrase.Name(g.pull.Base.Ref)),
			phrase.Say("Fix it on the base branch first: a pull request that does so can be merged without an apply."))
	}
}

func (g *gate) branch() {
	ref := g.pull.Base.Ref
	if g.rules.MayApplyOn(ref, g.defaultBranch()) {
		return
	}
	globs := g.rules.ApplyBranches
	if len(globs) == 0 {
		if d := g.defaultBranch(); d != "" {
			globs = []string{d}
		}
	}
	allowed := "No branch is allowed."
	if len(globs) > 0 {
		spans := make([]string, len(globs))
		for i, b := range globs {
			spans[i] = phrase.Name(b)
		}
		allowed = "Allowed: " + phrase.OrList(spans) + "."
	}
	g.add(workflow.NeedBranch, phrase.Say("Applies may not run on the base branch %s.", phrase.Name(ref)),
		phrase.Say("%s Change this pull request's base, or ask whoever runs the server to extend `apply.branches`.", allowed))
}

func (g *gate) defaultBranch() string {
	if d := g.pull.Repo.DefaultBranch; d != "" {
		return d
	}
	return g.in.Record.Pull.Repo.DefaultBranch
}

// head says whether plan, record and GitHub agree on head and base branch.
func (g *gate) head() {
	rec, mend := g.in.Record.Pull, phrase.Say("Nothing to do: a new plan starts automatically. Review it when it is ready.")
	sha := g.pull.Head.SHA
	switch {
	case sha == "" || rec.Head.SHA == "":
		g.add(workflow.NeedHead,
			phrase.Say("The head of this pull request is unknown."),
			phrase.Say("Try again: %s.", g.command(workflow.VerbApply)))
	case sha != rec.Head.SHA:
		g.add(workflow.NeedHead,
			phrase.Say("The head is now %s; what is shown is for %s.",
				phrase.CodeSpan(phrase.Short(sha)), phrase.CodeSpan(phrase.Short(rec.Head.SHA))),
			mend)
	case !g.in.Record.Known:
		g.add(workflow.NeedHead, phrase.Say("It is not known yet what %s affects.", phrase.CodeSpan(phrase.Short(sha))), mend)
	case g.in.Project.Run != nil && g.in.Project.Run.Head != sha:
		g.add(workflow.NeedHead,
			phrase.Say("The plan is for %s; the head is %s.",
				phrase.CodeSpan(phrase.Short(g.in.Project.Run.Head)), phrase.CodeSpan(phrase.Short(sha))),
			mend)
	}
	if g.pull.Base.Ref != rec.Base.Ref {
		g.add(workflow.NeedHead,
			phrase.Say("The base branch is now %s; the plan is for %s.",
				phrase.Name(g.pull.Base.Ref), phrase.Name(rec.Base.Ref)),
			mend)
	}
}

// reviewed asks for GitHub's own review, where the rules do.
func (g *gate) reviewed() {
	if !g.requires(workflow.NeedReviewed) {
		return
	}
	decision := g.in.Live.ReviewDecision
	// Without a rule of the branch GitHub makes no decision. With one that does not
	// dismiss what is stale, its decision may be about an older head.
	if (decision == "approved" || decision == "") && g.in.Live.ApprovedHead {
		return
	}
	sentence := phrase.Say("No review on GitHub approves %s.", phrase.CodeSpan(phrase.Short(g.pull.Head.SHA)))
	if decision != "" && decision != "approved" {
		sentence = g.decision()
	}
	g.add(workflow.NeedReviewed,
		sentence,
		phrase.Say("Someone other than the author must approve it in a review on GitHub. (%s approves the plan and does not replace that review.)",
			workflow.VerbApprove.Typed("")))
}

// decision is GitHub's review decision in words.
func (g *gate) decision() phrase.Text {
	switch d := g.in.Live.ReviewDecision; d {
	case "changes_requested":
		return phrase.Say("A review on GitHub requests changes.")
	case "review_required":
		return phrase.Say("GitHub still requires a review.")
	default:
		return phrase.Say("GitHub's review decision is %s.", phrase.Name(d))
	}
}

// mergeable says whether GitHub would merge, but for our own checks: with them
// `cardea/apply` as a required check could never be passed.
func (g *gate) mergeable() {
	if !g.requires(workflow.NeedMergeable) {
		return
	}
	base := phrase.Name(g.pull.Base.Ref)
	switch g.in.Live.Conflicts {
	case "no":
	case "yes":
		g.addExactly(workflow.NeedMergeable, "a merge without conflicts",
			phrase.Say("The head conflicts with %s.", base),
			phrase.Say("Merge %s into the branch, or rebase it, and push.", base))
	default:
		g.add(workflow.NeedMergeable,
			phrase.Say("GitHub has not reported yet whether the head conflicts with %s.", base),
			phrase.Say("Try again in a minute: %s.", g.command(workflow.VerbApply)))
	}
	if d := g.in.Live.ReviewDecision; d != "" && d != "approved" && !g.requires(workflow.NeedReviewed) {
		g.addExactly(workflow.NeedMergeable, workflow.NeedReviewed.Words(), g.decision(),
			phrase.Say("Give the reviews that the branch requires on GitHub; %s does not replace them.",
				workflow.VerbApprove.Typed("")))
	}
	var names, told []string
	for _, c := range g.in.Live.Required {
		if c.State != "passed" {
			names = append(names, phrase.Name(c.Name))
			told = append(told, fmt.Sprintf("%s (%s)", phrase.Name(c.Name), codeWord(c.State)))
		}
	}
	if len(names) > 0 {
		sort.Strings(names)
		sort.Strings(told)
		g.addExactly(workflow.NeedMergeable,
			phrase.OneMany(len(names) == 1, "the check ", "the checks ")+strings.Join(names, ", "),
			phrase.Say("%s of the base branch %s not passed: %s.",
				phrase.CountOf(len(told), "required check", "required checks"),
				phrase.OneMany(len(told) == 1, "has", "have"), phrase.AndList(told)),
			phrase.Say("Wait for pending checks and fix failed ones; checks that have not reported must report on this commit. Then %s.",
				g.command(workflow.VerbApply)))
	}
}

// codeWord is the state of a required check for a sentence.
func codeWord(state string) string {
	return phrase.OneLine(phrase.Shown(phrase.OrWord(state, "unknown")))
}

// Lacks reports whether a requirement is among what is missing.
func Lacks(missing []workflow.Missing, need workflow.Requirement) bool {
	return slices.ContainsFunc(missing, func(m workflow.Missing) bool { return m.Need == need })
}

// Without is what is missing besides some requirements.
func Without(missing []workflow.Missing, need ...workflow.Requirement) []workflow.Missing {
	return slices.DeleteFunc(slices.Clone(missing), func(m workflow.Missing) bool { return slices.Contains(need, m.Need) })
}
