package gate

import (
	"fmt"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/workflow"
)

// MayPlanInput is what decides whether a request may plan a pull.
type MayPlanInput struct {
	Rules   workflow.Rules
	Pull    workflow.Pull
	Request workflow.Request
	// ActorRole is the sender's role on the repository, AuthorRole the pull
	// author's, both read live. A command needs the first, everything else the second.
	ActorRole, AuthorRole workflow.Role
	// RoleError is the error of finding them out: then the answer is no.
	RoleError error
}

// MayPlan says whether a request may start plans of a pull: nil when it may, else
// why not and who can mend it. A pull from a fork is never planned. A command
// counts by who wrote it, drafts included; what happens by itself counts by the
// pull's author, a bot's only when the server's `bots` lists it.
func MayPlan(in MayPlanInput) *workflow.Trouble {
	if in.Pull.Fork {
		return refuse(phrase.Say("Pull requests from forks are not planned"),
			phrase.Say("The head branch of this pull request is in another repository, "+
				"whose code would run with this one's credentials."),
			phrase.Say("Someone with write access to %s can push the branch here and open a pull request from it.",
				in.Pull.Repo.FullName()))
	}
	who, role := in.Pull.Author, in.AuthorRole
	if in.Request.Kind == workflow.RequestCommand {
		who, role = in.Request.Actor, in.ActorRole
	} else if in.Pull.Draft && !in.Rules.Drafts {
		return refuse(phrase.Say("Draft pull requests are not planned automatically"),
			phrase.Say("The server's rule for this repository says `drafts: false`."),
			phrase.Say("Mark the pull request as ready for review. %s", whoMay(in.Rules)))
	} else if pusher := in.Request.Actor; pusher.Bot && !in.Rules.ListsBot(pusher) {
		who = pusher // whose commits these are; the author's permission does not speak for it
	}
	if who.Bot && !in.Rules.ListsBot(who) {
		return refuse(phrase.Say("The app %s may not plan here", workflow.Mention(who)),
			phrase.Say("`%s` is not in the server's `bots` for this repository.", phrase.Shown(who.Slug())), whoMay(in.Rules))
	}
	if in.RoleError != nil {
		return refuse(phrase.Say("The permission to plan could not be checked"),
			phrase.Say("GitHub did not report what access %s has, and without an answer nothing is planned.", workflow.Mention(who)),
			phrase.Say("Try again with %s.", workflow.VerbPlan.Typed("")))
	}
	if who.Bot && in.Request.Kind != workflow.RequestCommand {
		return nil // a listed app's own heads: the list is the permission
	}
	if !in.Rules.Plan.Includes(who, role) {
		return refuse(phrase.Say("%s may not plan here", phrase.Capital(workflow.Mention(who))),
			phrase.Say("%s has %s to this repository.",
				phrase.Capital(workflow.Mention(who)), role.Access()), whoMay(in.Rules))
	}
	return nil
}

// MayPlanProject says why a person must not plan one project although MayPlan
// said yes, as a sentence; "" when they may. An environment can ask for more than
// the repository does; where head's label differs from the one that holds, both
// must agree, and a project whose environment nobody names needs what all ask for.
func MayPlanProject(in MayPlanInput, p workflow.Project) string {
	who, role := in.Pull.Author, in.AuthorRole
	if in.Request.Kind == workflow.RequestCommand {
		who, role = in.Request.Actor, in.ActorRole
	} else if who.Bot && in.Rules.ListsBot(who) {
		return ""
	}
	for _, name := range in.Rules.EnvironmentsOf(p) {
		env := in.Rules.Environments[name]
		if env.Plan == nil || (in.RoleError == nil && env.Plan.Includes(who, role)) {
			continue
		}
		return fmt.Sprintf("%s may not plan in environment `%s`; %s can.",
			phrase.Capital(workflow.Mention(who)), name, env.Plan.Describe())
	}
	return ""
}

func whoMay(r workflow.Rules) phrase.Text {
	return phrase.Say("%s can start it by commenting %s.", phrase.Capital(r.Plan.Describe()), workflow.VerbPlan.Typed(""))
}

func refuse(title phrase.Text, sentences ...phrase.Text) *workflow.Trouble {
	return &workflow.Trouble{Kind: workflow.TroubleNotPermitted, Title: title, Sentences: sentences}
}
