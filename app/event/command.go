package event

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cardea-iac/cardea/app/command"
	"github.com/cardea-iac/cardea/workflow"
)

// comment reads a command from a new comment. An edit is never a command: people with enough
// permission can edit other people's comments.
func comment(p payload, rules workflow.Rules, c Config) Decision {
	ours := p.Comment.Via != nil && p.Comment.Via.ID == c.AppID
	switch {
	case p.Action == "edited" && ours && p.Issue.PullRequest != nil && p.Sender.ID != p.Comment.User.ID:
		out := ignored("one of Cardea's own comments was edited by %s", p.Sender.Login)
		out.Edited = &Edited{Pull: workflow.PullKey{RepoID: p.Repository.ID, Number: p.Issue.Number}, CommentID: p.Comment.ID,
			By: p.Sender.actor(), At: p.Comment.UpdatedAt}
		return out
	case p.Action != "created":
		return ignored("a comment was %s", p.Action)
	case p.Issue.PullRequest == nil:
		return ignored("the comment is on an issue")
	case ours:
		return ignored("the comment is Cardea's own")
	case p.Comment.ID == 0 || p.pull(p.Issue.Number).IsZero() || p.Comment.User.ID != p.Sender.ID:
		return ignored("the comment was not written by its sender")
	}
	if why := notWelcome(p.Sender, rules); why != "" {
		return ignored("the comment is %s", why)
	}
	parsed := command.Parse(p.Comment.Body, c.Prefixes)
	if !parsed.Addressed {
		return ignored("the comment is not for Cardea")
	}
	return Decision{Request: &workflow.Request{
		Key:  fmt.Sprintf("comment:%d", p.Comment.ID),
		Kind: workflow.RequestCommand, Number: p.Issue.Number, Action: "comment", Immediate: true,
		Command: parsed.Command, CommandFault: parsed.Fault, CommentID: p.Comment.ID, CommentedAt: p.Comment.CreatedAt,
	}}
}

// notWelcome says why a sender may not give commands at all: only people may, and the apps
// that the server's rule lists. Whether they have the permission is found out later.
func notWelcome(u userJS, rules workflow.Rules) string {
	switch a := u.actor(); {
	case u.ID == 0:
		return "by nobody"
	case a.Bot && !slices.ContainsFunc(rules.Bots, func(b string) bool { return strings.EqualFold(b, a.Slug()) }):
		return "by an app that the server's rule does not list in `bots`"
	case !a.Bot && u.Type != "User":
		return fmt.Sprintf("by an account of type %q", u.Type)
	}
	return ""
}

// The identifiers of the buttons of check runs, each a command with the same rights as in a comment.
const (
	ButtonPlan    = "plan"
	ButtonApprove = "approve"
	ButtonApply   = "apply"
)

// Binds reports whether a request is a button that is about exactly the plans its check run showed.
func Binds(r workflow.Request) bool {
	return r.CheckRunID != 0 && r.Command != nil &&
		(r.Command.Verb == workflow.VerbApprove || r.Command.Verb == workflow.VerbApply)
}

// checkRun reads the press of a button, or the re-run of one check. A re-run is the command
// `plan`: it never applies anything.
func checkRun(p payload, rules workflow.Rules, c Config) Decision {
	ident := p.RequestedAction.Identifier
	switch p.Action {
	case "rerequested":
		ident = "rerun"
	case "requested_action":
	default:
		return ignored("a check run was %s", p.Action)
	}
	if p.CheckRun.App.ID != c.AppID || p.CheckRun.ID == 0 {
		return ignored("the check run is another app's")
	}
	ref, ok := ParseCheckRef(p.CheckRun.ExternalID)
	if !ok || ref.RepoID != p.Repository.ID {
		return ignored("the check run names no pull of this repository")
	}
	if why := notWelcome(p.Sender, rules); why != "" {
		return ignored("the button was pressed %s", why)
	}
	req := &workflow.Request{
		Key:  fmt.Sprintf("button:%d:%s:%d", p.CheckRun.ID, ident, p.Sender.ID),
		Kind: workflow.RequestCommand, Number: ref.Number, Action: p.Action, Immediate: true,
		Head: p.CheckRun.HeadSHA, CheckRunID: p.CheckRun.ID,
	}
	switch ident {
	case "rerun", ButtonPlan:
		req.Command = &workflow.Command{Verb: workflow.VerbPlan}
	case ButtonApprove, ButtonApply:
		req.Command = &workflow.Command{Verb: workflow.Verb(ident)}
		return Decision{Request: req, Shown: ref.Shown}
	default:
		req.CommandFault = fmt.Sprintf("There is no button `%s`.", strings.ReplaceAll(ident, "`", "?"))
		return Decision{Request: req}
	}
	if ref.Project != "" {
		req.Command.Select.Projects = []string{ref.Project}
	}
	return Decision{Request: req}
}

// checkSuite reads "re-run all checks".
func checkSuite(p payload, rules workflow.Rules, c Config) Decision {
	if p.Action != "rerequested" {
		return ignored("a check suite was %s", p.Action)
	}
	if p.CheckSuite.App.ID != c.AppID || p.CheckSuite.HeadSHA == "" {
		return ignored("the check suite is another app's")
	}
	if why := notWelcome(p.Sender, rules); why != "" {
		return ignored("the re-run was asked for %s", why)
	}
	req := &workflow.Request{
		Key:  fmt.Sprintf("suite:%d:%s:%d", p.CheckSuite.ID, stamp(p.CheckSuite.UpdatedAt), p.Sender.ID),
		Kind: workflow.RequestCommand, Action: p.Action, Immediate: true,
		Head: p.CheckSuite.HeadSHA, Command: &workflow.Command{Verb: workflow.VerbPlan},
	}
	for _, pull := range p.CheckSuite.Pulls {
		if pull.Base.Repo.ID == 0 || pull.Base.Repo.ID == p.Repository.ID {
			req.Number = pull.Number
			break
		}
	}
	return Decision{Request: req}
}

// OfHead reports whether a request is for every open pull with its head.
func OfHead(r workflow.Request) bool {
	return r.Kind == workflow.RequestCommand && r.CheckRunID == 0 && r.CommentID == 0 && r.Head != ""
}
