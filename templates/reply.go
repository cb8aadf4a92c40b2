package templates

import (
	"slices"
	"strings"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/templates/markdown"
	"github.com/cardea-iac/cardea/templates/model"
	"github.com/cardea-iac/cardea/workflow"
)

// Reply is a comment that answers a command, or tells one person that something ended. It
// starts with [ReplyMarker] and the key's [KeyMarker], and has at most [MaxComment] bytes.
// The person who asked is mentioned where an apply ended, because edits of the summary notify
// nobody.
func Reply(r workflow.Reply, v workflow.PullView, l model.Links) string {
	head := ReplyMarker + "\n" + KeyMarker(r.Key) + "\n"
	switch r.Kind {
	case workflow.ReplyStatus:
		return head + statusReply(v, l, MaxComment-len(head))
	case workflow.ReplyHelp:
		return head + helpReply(r, l)
	}
	w := replyWriter{writer: writer{view: v, model: model.Read(v, l), links: l}, reply: r}
	for i, a := range w.model.Alarms { // whose log the item links
		if slices.ContainsFunc(r.Items, func(it workflow.ReplyItem) bool { return it.Run != nil && it.Project == a.Row.Name() }) {
			w.model.Alarms[i].RunURL = ""
		}
	}
	body := w.sentences() + w.items()
	body = strings.TrimPrefix(body, "\n") + w.then()
	if r.Kind == workflow.ReplyUnknown && len(r.Items) == 0 {
		body += "\n" + markdown.Code(l.Command("help")) + " lists the commands.\n"
	}
	return head + body
}

// statusReply is every project, what it waits for and the next command.
func statusReply(v workflow.PullView, l model.Links, limit int) string {
	w := writer{view: v, model: model.Read(v, l), links: l}
	w.model.Rows = append(w.model.Rows, w.model.Unchanged...)
	if w.model.Status == model.StatusPlanning || w.model.Status == model.StatusApplying { // the command it would name is this one
		w.model.Commands = nil
	}
	w.model.Commands = slices.DeleteFunc(w.model.Commands, func(c model.Command) bool { return c.Text == l.Command("status") })
	head := w.verdict() + w.trouble(8000) + w.alarms(8000)
	tail := w.said("What is missing", w.model.Missing, limit/6) + w.standing(limit/6) + w.next() + w.footer()
	return head + w.table(limit-len(head)-len(tail)) + tail
}

// helpLines are the commands, in the order of a pull's life. The second field follows the prefix.
var helpLines = []struct {
	verb       workflow.Verb
	rest, does string
}{
	{workflow.VerbPlan, "plan", "plans the affected projects again"},
	{workflow.VerbPlan, "plan -p NAME",
		"plans this project, even if it is not affected; `-p` can be repeated, and `*` matches any part of a name"},
	{workflow.VerbPlan, "plan -d DIR", "plans the projects in a directory"},
	{workflow.VerbPlan, "plan -e ENVIRONMENT", "plans the projects of an environment"},
	{workflow.VerbPlan, "plan -w WORKSPACE", "plans the projects in this workspace"},
	{workflow.VerbPlan, "plan --all", "plans every project of the repository"},
	{workflow.VerbApprove, "approve", "approves the plans that the summary showed when you wrote this"},
	{workflow.VerbApprove, "approve -p NAME@FINGERPRINT", "approves exactly this plan"},
	{workflow.VerbUnapprove, "unapprove", "withdraws your approvals"},
	{workflow.VerbApply, "apply",
		"applies the plans that are ready, in `depends_on` order, and says what the others are missing; narrow it down with `-p`, `-d`, `-e` and `-w`"},
	{workflow.VerbLock, "lock -p NAME", "locks a project for this pull request"},
	{workflow.VerbUnlock, "unlock", "releases this pull request's locks, or with `-p` some of them"},
	{workflow.VerbCancel, "cancel", "drops queued runs and applies that follow others, and interrupts running plans"},
	{workflow.VerbCancel, "cancel --apply",
		"also sends a running apply one SIGINT: it finishes what is in progress and starts nothing new"},
	{workflow.VerbResolve, "resolve -p NAME --outcome applied",
		"records how an apply with an unknown outcome ended; or `--outcome failed`"},
	{workflow.VerbStatus, "status", "posts a comment that lists every project and what it waits for"},
	{workflow.VerbHelp, "help", "shows this help"},
}

func helpReply(r workflow.Reply, l model.Links) string {
	var b strings.Builder
	b.WriteString("Put the command on the first line of a new comment.\n\n| Command | Does |\n| --- | --- |\n")
	for _, h := range helpLines {
		if r.May != nil && !slices.Contains(r.May, h.verb) {
			continue
		}
		b.WriteString("| " + markdown.CodeCell(l.Command(h.rest)) + " | " + h.does + " |\n")
	}
	for _, s := range l.SayAll(r.Text) {
		b.WriteString("\n" + markdown.Prose(markdown.Cut(s, 1000)) + "\n")
		if b.Len() > MaxComment/2 {
			break
		}
	}
	return b.String()
}

// replyWriter writes the replies that are sentences and a list of projects.
type replyWriter struct {
	writer
	reply workflow.Reply
}

// leads are the first words of replies that bring none of their own.
var leads = map[string]string{
	workflow.ReplyApproved: "Approved.", workflow.ReplyUnapproved: "Your approvals are withdrawn.",
	workflow.ReplyApplied:     "Applied.",
	workflow.ReplyApplyFailed: "The apply failed.", workflow.ReplyApplyUnknown: "The outcome of the apply is unknown.",
	workflow.ReplyUnknown: "The outcome of the apply is unknown.",
	workflow.ReplyLocked:  "Locked.", workflow.ReplyUnlocked: "Unlocked.", workflow.ReplyCancelled: "Cancelled.",
	workflow.ReplyResolved: "Recorded.",
	workflow.ReplyClosed:   "This was applied but never merged.",
	workflow.ReplyFreed:    "What this pull request was waiting for is now free.",
	workflow.ReplyRefused:  "Nothing was done.", workflow.ReplyMerge: "It could not be merged automatically.",
}

// sentences are the reply's own, addressed to the person who asked.
func (w replyWriter) sentences() string {
	text := w.links.SayAll(w.reply.Text)
	if len(text) == 0 {
		text = []string{w.lead()}
	}
	var b strings.Builder
	for i, s := range text {
		s = markdown.Prose(markdown.Cut(s, 1500))
		if i == 0 {
			s = w.address() + s
		}
		if b.Len()+len(s) > MaxComment/2 {
			break
		}
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(s + "\n")
	}
	return b.String()
}

// lead is the first sentence of a list. It also says so when nothing, or not everything, in
// the list was done.
func (w replyWriter) lead() string {
	items := w.reply.Items
	undone := len(items)
	for _, it := range items {
		if it.Done {
			undone--
		}
	}
	verb := pastOf[w.reply.Kind]
	switch {
	case w.reply.Kind == workflow.ReplyClosed && undone == len(items):
		return "An apply of this was started, but it was never merged."
	case verb != "" && undone == len(items):
		return "Nothing was " + verb + "."
	case w.reply.Kind == workflow.ReplyRefused && slices.ContainsFunc(items, func(it workflow.ReplyItem) bool { return len(it.Missing) > 0 }):
		return "Not applied. Still missing:"
	case w.reply.Kind == workflow.ReplyApplied && undone > 0 && len(items) > 1:
		n := len(items) - undone
		return markdown.Number(n) + " of " + markdown.Number(len(items)) + " plans " + phrase.IsAre(n) + " applied."
	case w.reply.Kind == workflow.ReplyApplyFailed && len(items) > 1:
		for _, it := range items {
			if it.Run == nil && !it.Done {
				undone-- // it never began
			}
		}
		return markdown.Number(undone) + " of " + markdown.Number(len(items)) + " applies failed."
	}
	return leads[w.reply.Kind]
}

// pastOf is what is said of each project of such a reply, or that it was not.
var pastOf = map[string]string{workflow.ReplyApproved: "approved", workflow.ReplyLocked: "locked",
	workflow.ReplyUnlocked: "unlocked"}

// login is what GitHub allows in the name of a person or an App.
func login(s string) bool {
	for _, c := range s {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_') {
			return false
		}
	}
	return s != "" && len(s) <= 100
}

// address names who is spoken to; where something ended, as a mention, so that GitHub tells them.
func (w replyWriter) address() string {
	to := w.reply.To
	if to.Login == "" {
		return ""
	}
	switch w.reply.Kind {
	case workflow.ReplyApplied, workflow.ReplyApplyFailed, workflow.ReplyApplyUnknown,
		workflow.ReplyFreed, workflow.ReplyMerge:
		if !to.Bot && login(to.Login) {
			return "@" + to.Login + " "
		}
	}
	return "**" + markdown.Escape(to.Login) + "**: "
}

// then says what comes next after an apply's end.
func (w *replyWriter) then() string {
	switch w.reply.Kind {
	case workflow.ReplyApplied:
		return w.merge() + w.next() + w.closed()
	case workflow.ReplyResolved:
		return w.closed()
	case workflow.ReplyApproved:
		return w.others() + w.next()
	case workflow.ReplyFreed:
		if slices.ContainsFunc(w.reply.Items, func(it workflow.ReplyItem) bool { return !it.Text.Empty() }) {
			return "" // its plan is made anew first
		}
		return w.next()
	case workflow.ReplyApplyFailed:
		return w.alarms(8000) + w.next() + w.closed()
	case workflow.ReplyApplyUnknown:
		return w.alarms(8000) + w.closed()
	case workflow.ReplyUnknown:
		if len(w.reply.Items) > 0 {
			return w.alarms(8000)
		}
	case workflow.ReplyClosed:
		return w.neverMerged()
	}
	return ""
}

// others says what the approval that was just given is not enough for, instead of a command
// that its author may not use.
func (w *replyWriter) others() string {
	var names []string
	for _, r := range w.model.Rows {
		if slices.Contains(r.Needs(), workflow.NeedApproved) && slices.ContainsFunc(w.reply.Items, func(it workflow.ReplyItem) bool { return it.Done && it.Project == r.Name() }) {
			names = append(names, r.Name())
		}
	}
	if c := w.model.Commands; len(c) == 1 && c[0].Text == w.links.Command("status") {
		w.model.Commands = nil // in a few words that is said here
		if waits := w.model.ApplyWaits(); waits != "" {
			return "\n" + markdown.Prose(waits) + "\n"
		}
		return ""
	}
	if len(names) == 0 {
		return ""
	}
	approve := w.links.Command("approve")
	w.model.Commands = slices.DeleteFunc(w.model.Commands, func(c model.Command) bool { return c.Text == approve || strings.HasPrefix(c.Text, approve+" ") })
	return "\n" + markdown.Prose("Someone else must also approve "+model.These(names)+".") + "\n"
}

// merge says that nothing is left to apply.
func (w replyWriter) merge() string {
	switch {
	case w.model.Status != model.StatusApplied || w.view.Pull.State != workflow.PullOpen:
		return ""
	case w.model.Verifying():
		return "\nAll changes applied. Checking with a fresh plan; if it is empty, merge the pull request.\n"
	}
	return "\nAll changes applied. Next: merge the pull request.\n"
}

// closed says of what was applied that its pull request is closed by now.
func (w replyWriter) closed() string {
	all := w.view.WithPast()
	if w.view.Pull.State != workflow.PullClosed || !slices.ContainsFunc(w.reply.Items, func(it workflow.ReplyItem) bool {
		p := all.Project(it.Project)
		return it.Done && p != nil && p.Apply != nil && p.Apply.ApplySucceeded()
	}) {
		return ""
	}
	return "\n" + leads[workflow.ReplyClosed] + w.neverMerged()
}

// neverMerged says what can be done about what was applied from a closed pull.
func (w replyWriter) neverMerged() string {
	if len(w.reply.Items) == 0 {
		return ""
	}
	return "\n" + markdown.Prose("The real infrastructure now differs from `"+phrase.OrWord(w.view.Pull.Base.Ref, "the base branch")+"`. Reopen this pull request and merge it; or, in another one, `"+
		w.links.Command("plan -p NAME")+"` shows how to revert it, and `"+w.links.Command("apply")+"` does it.") + "\n"
}
