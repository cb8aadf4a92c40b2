package gate

import (
	"slices"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/workflow"
)

// TakenBack are the approvals that people take back, by commands or by what became of their
// reviews, that are durable here, and so acknowledged, but whose turn has not come yet: they no longer count.
func TakenBack(pending []workflow.Request, p workflow.ProjectRecord) (out []workflow.Missing) {
	for _, r := range pending {
		if r.Kind == workflow.RequestReview && r.Review != nil {
			out = append(out, byReview(*r.Review, p)...)
		}
		if r.Command == nil || r.Command.Verb != workflow.VerbUnapprove {
			continue
		}
		theirs := func(a workflow.Approval) bool { return a.User.ID == r.Actor.ID && a.Void == "" }
		if slices.ContainsFunc(p.Approvals, theirs) {
			out = append(out, workflow.Missing{Need: workflow.NeedApproved,
				Sentence: phrase.Say("%s is withdrawing approvals: that %s comes first.", workflow.Mention(r.Actor),
					workflow.VerbUnapprove.Typed("")),
				Mend: phrase.Say("Try again once it has been answered: %s.", workflow.VerbApply.About(p.Project.Name))})
		}
	}
	return out
}

// byReview are the approvals that end with a review of which GitHub has told.
func byReview(r workflow.Review, p workflow.ProjectRecord) []workflow.Missing {
	for _, a := range p.Approvals {
		if why := VoidedBy(r, a); why != "" {
			return []workflow.Missing{{Need: workflow.NeedApproved, Sentence: phrase.Plain(why),
				Mend: phrase.Say("Try again in a moment: %s.", workflow.VerbApply.About(p.Project.Name))}}
		}
	}
	return nil
}

// ToldSince is what GitHub has delivered about the pull and nobody has worked off yet: it
// counts against an apply, whatever GitHub's API, which may lag, still shows.
func ToldSince(pending []workflow.Request, p workflow.Pull) (out []workflow.Missing) {
	for _, r := range pending {
		m := workflow.Missing{Mend: phrase.Say("Try again once that has been handled: %s.", workflow.VerbApply.Typed(""))}
		switch {
		case r.CommentedAt.Before(p.UpdatedAt):
			continue
		case r.Kind == workflow.RequestClosed:
			m.Need, m.Sentence = workflow.NeedOpen, phrase.Say("GitHub reported that this pull request was closed.")
		case r.Kind == workflow.RequestFacts && r.Action == "converted_to_draft":
			m.Need, m.Sentence = workflow.NeedReady, phrase.Say("GitHub reported that this pull request was made a draft.")
		case r.Kind == workflow.RequestPull && r.Action == "synchronize" && r.Head != p.Head.SHA:
			m.Need, m.Sentence = workflow.NeedHead, phrase.Say("GitHub reported a push of %s, which is not planned yet.",
				phrase.CodeSpan(phrase.Short(r.Head)))
		case r.Kind == workflow.RequestPull && r.Action == "edited" && r.Before == p.Base.Ref:
			m.Need, m.Sentence = workflow.NeedHead, phrase.Say("GitHub reported that this pull request now has another base branch.")
		default:
			continue
		}
		out = append(out, m)
	}
	return out
}

// SpentPlan says that the plan of a project was carried out before.
func SpentPlan(p workflow.ProjectRecord) workflow.Missing {
	return workflow.Missing{
		Need: workflow.NeedPlan, Short: phrase.Say("a new plan"),
		Sentence: phrase.Say("This plan was already carried out, and a plan is never carried out twice."),
		Mend:     phrase.Say("Plan again: %s.", workflow.VerbPlan.About(p.Project.Name)),
	}
}
