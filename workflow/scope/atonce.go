package scope

import (
	"slices"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/gate"
)

// Verdict is how a request ends without plans: exactly one of trouble and note is set.
type Verdict struct {
	Trouble *workflow.Trouble
	Note    string          // what became of it, a sentence
	Reply   *workflow.Reply // with a note, for commands
	Review  bool            // what GitHub shows of reviews and checks may have changed
}

// AtOnce ends requests that need no look at the code; nil for others.
func AtOnce(in gate.MayPlanInput, rec workflow.PullRecord) *Verdict {
	refused := func(sentences ...phrase.Text) *Verdict {
		return &Verdict{Note: "Refused: " + sentences[0].String(), Reply: &workflow.Reply{Kind: workflow.ReplyRefused, Text: sentences}}
	}
	req, rules := in.Request, in.Rules
	switch {
	case req.Follow != "" && !slices.ContainsFunc(rec.Following,
		func(f workflow.Follow) bool { return f.Request == req.Follow && f.Ended.Empty() }):
		return &Verdict{Note: "Nothing is waiting for that any longer."}
	case req.CommandFault != "":
		return &Verdict{Note: "Not understood: " + req.CommandFault,
			Reply: &workflow.Reply{Kind: workflow.ReplyUnknown, Text: phrase.Texts(req.CommandFault)}}
	case req.Command != nil && req.Command.Verb == workflow.VerbHelp:
		return &Verdict{Note: "Answered.", Reply: gate.Help(rules, req.Actor, in.ActorRole, in.RoleError)}
	case req.Command != nil && req.Command.Verb == workflow.VerbStatus:
		return &Verdict{Note: "Answered.", Reply: &workflow.Reply{Kind: workflow.ReplyStatus}}
	case req.Command != nil && afterClose[req.Command.Verb]:
		return nil
	case in.Pull.State != workflow.PullOpen && req.Command != nil:
		return refused(phrase.Say("This pull request is %s, so nothing is planned or applied.", in.Pull.State),
			phrase.Say("Reopen it, or open another one."))
	case in.Pull.State != workflow.PullOpen && (req.Review == nil || req.Review.Approves()): // what ends an approval ends it for good
		return &Verdict{Note: "The pull request is " + string(in.Pull.State) + "."}
	case req.Kind.LooksAgain():
		return &Verdict{Note: "GitHub is asked again at the next apply.", Review: true}
	case req.Kind == workflow.RequestBase:
		if known := rec.Known && len(req.Replan) == 0; known && req.Head != "" && rec.BaseSHA == req.Head {
			return &Verdict{Note: "Nothing new: the plans are made on this base."}
		}
	case req.Command == nil && planned(rec):
		return &Verdict{Note: "Nothing new: this head is known."}
	case req.Command != nil && req.Command.Verb == workflow.VerbPlan:
		if missing := notAllowed(req.Command.Options, rules); len(missing) > 0 {
			return refused(missing...)
		}
	}
	return nil
}

// afterClose are the commands that a pull takes when it is closed too: its locks
// and unknown outcomes outlive it, and its approvals come back with it.
var afterClose = map[workflow.Verb]bool{workflow.VerbUnlock: true, workflow.VerbResolve: true, workflow.VerbCancel: true,
	workflow.VerbUnapprove: true}

// planned reports whether everything that is planned without a command at this head is.
func planned(rec workflow.PullRecord) bool {
	if !rec.Known || rec.Trouble != nil {
		return false
	}
	for _, p := range rec.Projects {
		if p.Run == nil && !p.Deleted && p.Project.Refused.Empty() {
			return false
		}
	}
	return true
}

// notAllowed names the options of a command that the server does not allow.
func notAllowed(o workflow.PlanOptions, rules workflow.Rules) []phrase.Text {
	var out []phrase.Text
	for _, f := range gate.PlanFlags {
		if f.Used(o) && !rules.Allows(f.Name) {
			out = append(out, phrase.Say("`%s` is not allowed here: `allow` in the server's rule for this repository does not name `%s`.",
				f.Flag, f.Name))
		}
	}
	if len(out) > 0 {
		out = append(out, phrase.Say("Whoever runs the server can add it."))
	}
	return out
}
