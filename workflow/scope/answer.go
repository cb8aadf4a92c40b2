package scope

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/gate"
)

// Describe says what a request asks for, for the history.
func Describe(r workflow.Request) string {
	switch {
	case r.Follow != "":
		return "What an apply waited for is done."
	case r.CommandFault != "":
		return "A command that was not understood."
	case r.Command != nil && r.CheckRunID != 0:
		return fmt.Sprintf("`%s`, by a button or a re-run of a check.", r.Command.Verb)
	case r.Command != nil:
		return fmt.Sprintf("`%s`, by a comment.", r.Command.Verb)
	case r.Kind == workflow.RequestBase && len(r.Replan) > 0:
		return fmt.Sprintf("`%s`: %s", strings.Join(r.Replan, "`, `"), r.Why)
	case r.Kind == workflow.RequestBase:
		return fmt.Sprintf("The branch `%s` moved to %s.", r.Action, phrase.Short(r.Head))
	case r.Kind == workflow.RequestFacts && r.Action == "edited":
		return "The title of the pull request was edited."
	case r.Kind == workflow.RequestFacts && r.Action == "converted_to_draft":
		return "The pull request was made a draft."
	case r.Kind == workflow.RequestReview:
		return "A review was given or dismissed."
	case r.Action == "synchronize":
		return fmt.Sprintf("A push moved the pull request to %s.", phrase.Short(r.Head))
	}
	did := r.Action
	switch r.Action {
	case "closed": // GitHub's word for a merge, too
		did = "merged or closed"
	case "edited": // what asks for plans is its base branch
		did = "given another base branch"
	case "ready_for_review":
		did = "marked as ready for review"
	}
	if r.Head != "" {
		did += " at " + phrase.Short(r.Head)
	}
	return fmt.Sprintf("The pull request was %s.", did)
}

// A comment of ours is one of the few writes that GitHub allows an installation, and anybody
// can cause one: answers that only tell somebody something are bounded.
const (
	MostAnswers   = 60
	AnswersWithin = 10 * time.Minute
)

// OnlySays reports whether a kind of reply only says something.
func OnlySays(kind string) bool {
	return slices.Contains([]string{workflow.ReplyRefused, workflow.ReplyUnknown, workflow.ReplyStatus, workflow.ReplyHelp}, kind)
}

// AnswersTo is how many such replies a person was given here lately.
func AnswersTo(rec workflow.PullRecord, to workflow.Actor, now time.Time) (n int) {
	for _, r := range rec.Replies {
		if r.To.ID == to.ID && OnlySays(r.Kind) && !r.Waits && now.Sub(r.At) < AnswersWithin {
			n++
		}
	}
	return n
}

// endKinds are the kinds of reply that an apply's end is worth, the worst last.
var endKinds = []string{workflow.ReplyRefused, workflow.ReplyApplied, workflow.ReplyApplyFailed, workflow.ReplyApplyUnknown}

// End is the one answer about the end of an `apply` command, of the pull's runs: over when none
// of its runs is live any more and none of its projects follows others. It has no kind where
// the command applied nothing.
func End(rec *workflow.PullRecord, command string, runs []workflow.Run) (reply workflow.Reply, over bool) {
	reply.Key = command + "/end"
	rank := -1
	for _, run := range runs {
		if run.Kind != workflow.RunApply || run.Request != command {
			continue
		}
		if run.State != workflow.RunFinished {
			return reply, false
		}
		reply.Items = append(reply.Items, EndItem(run))
		rank = max(rank, slices.Index(endKinds, EndKind(run)))
	}
	for _, f := range rec.Following {
		switch {
		case f.Request != command:
		case f.Ended.Empty():
			return reply, false
		default:
			p := rec.Find(f.Key)
			reply.Items = append(reply.Items, workflow.ReplyItem{Project: f.Project, Fingerprint: f.Plan.Fingerprint,
				Done: p != nil && gate.NothingLeft(*p), Text: f.Ended})
			rank = max(rank, 0)
		}
	}
	for _, r := range rec.Replies {
		if r.Waits && r.Key == command {
			reply.Items = append(reply.Items, stillRefused(rec, r)...)
		}
	}
	slices.SortFunc(reply.Items, func(a, b workflow.ReplyItem) int { return cmp.Compare(a.Project, b.Project) })
	if rank >= 0 {
		reply.Kind = endKinds[rank]
	}
	return reply, true
}

// stillRefused is what a command did not begin to apply, with what is missing by now. Where nothing is left to
// apply, or the end of another apply tells more, there is nothing to say.
func stillRefused(rec *workflow.PullRecord, r workflow.Reply) (items []workflow.ReplyItem) {
	for _, it := range r.Items {
		p := rec.Project(it.Project)
		if p != nil && (gate.NothingLeft(*p) || appliedAfter(*p, r.At) || rec.Follows(p.Project.Key()) != nil) {
			continue
		}
		items = append(items, refusedByNow(p, it))
	}
	return items
}

// appliedAfter reports whether an apply of a project was asked for, or one that began has ended, after a time.
func appliedAfter(p workflow.ProjectRecord, at time.Time) bool {
	a := p.Apply
	return a != nil && (a.Queued.After(at) || a.Begun() && a.Finished.After(at))
}

// refusedByNow is what is said of a project that was not ready when it was asked about; nil: it is not in the pull any more.
func refusedByNow(p *workflow.ProjectRecord, it workflow.ReplyItem) workflow.ReplyItem {
	if p == nil || p.Deleted {
		it.Missing, it.Text = nil, phrase.Say("It was not ready when you asked, and this pull request has changed since.")
		return it
	}
	if len(it.Missing) == 0 { // it is another reason
		return it
	}
	switch p.PlanState() {
	case workflow.StateQueued, workflow.StatePlanning:
		it.Missing, it.Text = nil, phrase.Say("It was not ready when you asked, and it is being planned again.")
	case workflow.StatePlanned:
		of := func(m workflow.Missing) bool { return m.Need != workflow.NeedPermission }
		it.Fingerprint = p.Run.Fingerprint
		if it.Missing = append(slices.DeleteFunc(slices.Clone(it.Missing), of), p.WaitsFor...); len(it.Missing) == 0 {
			it.Text = phrase.Say("It was not ready when you asked. Nothing is missing now: %s applies it.", workflow.VerbApply.About(it.Project))
		}
	default:
		_, why := CurrentPlan(*p)
		it.Missing, it.Text = nil, phrase.Say("It was not ready when you asked, and it %s.", why.Within())
	}
	return it
}

// EndKind is the kind of reply that an apply's end is worth.
func EndKind(run workflow.Run) string {
	switch {
	case run.Outcome == workflow.OutcomeRefused, run.Outcome == workflow.OutcomeCancelled, run.Outcome == workflow.OutcomeSuperseded:
		return workflow.ReplyRefused
	case run.Outcome == workflow.OutcomeUnknown:
		return workflow.ReplyApplyUnknown
	case run.ApplySucceeded():
		return workflow.ReplyApplied
	}
	return workflow.ReplyApplyFailed
}

// EndItem is what is said of an apply's end.
func EndItem(run workflow.Run) workflow.ReplyItem {
	item := workflow.ReplyItem{Project: run.Project.Name, Fingerprint: run.Apply.Fingerprint, Done: run.ApplySucceeded(),
		Text: phrase.Plain(run.Reason), Run: workflow.ShownRun(run)}
	if EndKind(run) == workflow.ReplyRefused {
		if item.Missing = run.Apply.Missing; len(item.Missing) > 0 {
			item.Text = nil
		}
	}
	return item
}
