package gate

import (
	"slices"
	"time"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/workflow"
)

// comes are the requirements that are met without anybody's doing once others of the pull are
// applied: a project that lacks nothing else may follow those.
var comes = map[workflow.Requirement]bool{workflow.NeedDepends: true}

// Unmet names the projects that one must follow to be applied, where it lacks nothing but them;
// nil where it lacks anything else.
func Unmet(in Input, missing []workflow.Missing) (names []string) {
	for _, m := range missing {
		if !comes[m.Need] {
			return nil
		}
	}
	for name, state := range in.Depends {
		if !ended(state) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// ended reports whether nothing of a project is left for those that depend on it to wait for.
func ended(state workflow.ProjectState) bool {
	switch state {
	case workflow.StateApplied, workflow.StateNoChanges, workflow.StateDeleted: // nobody ever applies a deleted one
		return true
	}
	return false
}

// MayFollow reports whether all of these projects are being applied, or follow others
// themselves. What nobody asked for is not followed: an apply must not start hours later
// because somebody else happens to apply something.
func MayFollow(rec workflow.PullRecord, names []string) bool {
	for _, name := range names {
		p := rec.Project(name)
		if p == nil || p.State() != workflow.StateApplying && rec.Follows(p.Project.Key()) == nil {
			return false
		}
	}
	return len(names) > 0
}

// Follow says how it stands with an apply that waits for others: due when the gate is to be
// asked again, why, a sentence, when it does not follow any more. What it waits for is done
// when it is applied, or has no changes, and a plan after its apply has shown that nothing is
// left; and what was asked for is then the newest plan, of which the same can be said as of an
// approval that is carried to it.
func Follow(rec workflow.PullRecord, f workflow.Follow, now time.Time) (due bool, why phrase.Text) {
	p := rec.Find(f.Key)
	switch {
	case rec.Pull.State != workflow.PullOpen:
		return false, phrase.Say("The pull request is %s.", phrase.OrWord(string(rec.Pull.State), "in an unknown state"))
	case rec.Pull.Head.SHA != f.Head:
		return false, phrase.Say("The head is now %s; the apply was requested at %s.",
			phrase.CodeSpan(phrase.Short(rec.Pull.Head.SHA)), phrase.CodeSpan(phrase.Short(f.Head)))
	case !rec.Known:
		return false, phrase.Say("The base branch was changed, or the pull request was reopened.")
	case rec.Trouble != nil:
		return false, phrase.Say("This head cannot be planned: %s.", rec.Trouble.Title.Within())
	case now.Sub(f.Since) > workflow.MaxFollow || f.Since.Sub(now) > time.Minute:
		return false, phrase.Say("It has waited for %s, the longest that an apply waits.", phrase.InWords(workflow.MaxFollow))
	case p == nil:
		return false, phrase.Say("%s is no longer part of this pull request.", phrase.Name(f.Project))
	case !p.Project.Refused.Empty():
		return false, phrase.Say("%s is refused: %s", phrase.Name(f.Project), p.Project.Refused)
	case NothingLeft(*p):
		return false, phrase.Say("%s no longer has changes, so there is nothing to apply.", phrase.Name(f.Project))
	case f.Plan.Void != "":
		return false, phrase.Plain(f.Plan.Void)
	}
	waits := false
	for _, name := range f.Waits(&rec) {
		u := rec.Project(name)
		switch rec.StandsFor(*u) {
		case workflow.StandsIdle:
			return false, idle(*u)
		case workflow.StandsOnWay:
			waits = true
		}
	}
	switch run := p.Run; {
	case waits, run == nil, run.State != workflow.RunFinished, p.Apply != nil && p.Apply.State != workflow.RunFinished:
		return false, nil
	case run.Outcome != workflow.OutcomeSucceeded:
		return false, phrase.Say("The new plan of %s did not succeed.", phrase.Name(f.Project))
	case run.Fingerprint != f.Plan.Fingerprint:
		return false, phrase.Say("The plan of %s is not the one that the apply was requested for.", phrase.Name(f.Project))
	}
	return true, nil
}

// NothingLeft reports that a plan has shown that there is nothing to apply.
func NothingLeft(p workflow.ProjectRecord) bool {
	return p.State() == workflow.StateApplied || p.PlanState() == workflow.StateNoChanges
}

// idle says why nobody can follow a project any more.
func idle(p workflow.ProjectRecord) phrase.Text {
	name := phrase.Name(p.Project.Name)
	switch p.State() {
	case workflow.StateApplyFailed:
		return phrase.Say("The apply of %s failed.", name)
	case workflow.StateUnknown:
		return phrase.Say("The outcome of the apply of %s is unknown.", name)
	case workflow.StateErrored:
		return phrase.Say("The apply of %s could not store its state.", name)
	case workflow.StateApplied, workflow.StateNoChanges:
		return phrase.Say("%s was applied, but no plan since then has shown that nothing is left to do.", name)
	case workflow.StatePlanFailed:
		return phrase.Say("%s has no plan.", name)
	case workflow.StateRefused:
		return phrase.Say("%s is refused: %s", name, p.Project.Refused)
	}
	if p.Apply != nil && p.Apply.Begun() && p.Apply.ApplySucceeded() {
		return phrase.Say("The apply of %s left something to do.", name)
	}
	return phrase.Say("%s was not applied.", name)
}
