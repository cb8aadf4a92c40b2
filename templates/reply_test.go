package templates_test

import (
	"strings"
	"testing"
	"time"

	"github.com/cardea-iac/cardea/internal/golden"
	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/templates"
	"github.com/cardea-iac/cardea/workflow"
)

// item is one project of a reply.
func item(project string, done bool, text string) workflow.ReplyItem {
	return workflow.ReplyItem{Project: project, Done: done, Text: phrase.Plain(text)}
}

// replyCases are the replies about approve, apply and lock, each with the pull as it then is.
func replyCases() map[string]struct {
	reply workflow.Reply
	view  workflow.PullView
} {
	type replyCase = struct {
		reply workflow.Reply
		view  workflow.PullView
	}
	end := func(v workflow.PullView, i int) workflow.ReplyItem {
		run := *v.Projects[i].Apply
		run.Finished = run.Started.Add(4 * time.Second)
		return workflow.ReplyItem{Project: run.Project.Name, Run: &run, Text: phrase.Plain(run.Reason),
			Done: run.Outcome == workflow.OutcomeSucceeded}
	}
	shown := func(it workflow.ReplyItem, v workflow.PullView, run string) workflow.ReplyItem {
		it.Fingerprint = v.Plans[run].Fingerprint
		return it
	}
	closed := func(v workflow.PullView, i int) workflow.ReplyItem {
		return workflow.ReplyItem{Project: v.Projects[i].Project.Name, Done: true, Run: v.Projects[i].Apply,
			Text: phrase.Say("Applied from #12 at `abc1234`, never merged.")}
	}
	refusedAtEnd := workflow.ReplyItem{Project: "dev/network", Missing: []workflow.Missing{elsewhere},
		Run: &workflow.Run{ID: "apply9", Kind: workflow.RunApply, State: workflow.RunFinished,
			Outcome: workflow.OutcomeRefused, Reason: elsewhere.Sentence.String(), Apply: &workflow.ApplyOrder{}}}
	w, done, part, gone, state := waiting(), applied(), partly(workflow.RunFinished), lost(), kept()
	refused := workflow.Reply{Kind: workflow.ReplyRefused, Items: []workflow.ReplyItem{
		{Project: "prod/network", Fingerprint: w.Plans["run000"].Fingerprint, Missing: w.Projects[0].WaitsFor},
		{Project: "prod/app", Missing: w.Projects[1].WaitsFor},
		{Project: "dev/network", Missing: []workflow.Missing{need(workflow.NeedUpToDate, "", moved, phrase.Say("Nothing to do: a new plan starts automatically. If it is the same, approvals stay valid."))}}}}
	all := approvable(projectsOf(4)...)
	refusedAll := workflow.Reply{Kind: workflow.ReplyRefused}
	for i, p := range all.Projects {
		may := need(workflow.NeedPermission, "",
			phrase.Say("`olga` has read access, which is not enough to apply %s.", phrase.Project(p.Project.Name).Or("these")),
			phrase.Say("Anyone with write access can apply here."))
		refusedAll.Items = append(refusedAll.Items,
			workflow.ReplyItem{Project: p.Project.Name, Fingerprint: all.Plans[p.Run.ID].Fingerprint,
				Missing: []workflow.Missing{may, all.Projects[i].WaitsFor[0]}})
	}
	blocked := view(planned("prod/app", "prod", newDatabase))
	blocked.Projects[0].WaitsFor = []workflow.Missing{elsewhere}
	mixedEnd := applied()
	mixedEnd.Projects[1].Apply = nil
	stopped, over := broken(), applied()
	over.Pull.State = workflow.PullClosed
	half := applied()
	half.Pull.State = workflow.PullClosed
	apply(half, 1, workflow.RunFinished, workflow.OutcomeFailed)
	lacking := workflow.ReplyItem{Project: mixedEnd.Projects[1].Project.Name, Fingerprint: "3f9a12c4b0e0aa", Missing: []workflow.Missing{elsewhere}}
	ended := func(i int) workflow.ReplyItem {
		f := stopped.Following[i]
		return workflow.ReplyItem{Project: f.Project, Fingerprint: f.Plan.Fingerprint, Text: f.Ended}
	}
	return map[string]replyCase{
		"applied_some":      {workflow.Reply{Kind: workflow.ReplyApplied, Items: []workflow.ReplyItem{end(mixedEnd, 0), lacking}}, mixedEnd},
		"apply_failed_some": {workflow.Reply{Kind: workflow.ReplyApplyFailed, Items: []workflow.ReplyItem{end(part, 0), lacking}}, part},
		"follows_failed":    {workflow.Reply{Kind: workflow.ReplyApplyFailed, Items: []workflow.ReplyItem{ended(0), end(stopped, 0), ended(1)}}, stopped},
		"follows_applied":   {workflow.Reply{Kind: workflow.ReplyApplied, Items: []workflow.ReplyItem{end(done, 0), ended(1)}}, done},
		"follows_refused":   {workflow.Reply{Kind: workflow.ReplyRefused, Items: []workflow.ReplyItem{ended(0)}}, stopped},
		"refused_gate":      {refused, w},
		"refused_all":       {refusedAll, all},
		"approved": {workflow.Reply{Kind: workflow.ReplyApproved, Items: []workflow.ReplyItem{shown(item("prod/network", true, ""), w, "run000"), shown(item("dev/network", true, ""), w, "run002"),
			{Project: "prod/app", Text: phrase.Say("When you wrote, the comment showed the plan `77aa77aa77aa` of %s; now it is `3f9a12c4b0df`. Review it, then %s.",
				phrase.Project("prod/app"), phrase.Command{Verb: "approve", Project: "prod/app", Plan: "3f9a12c4b0df"})}}}, w},
		"approved_locked": {workflow.Reply{Kind: workflow.ReplyApproved, Items: []workflow.ReplyItem{shown(item("prod/app", true, ""), blocked, "run000")}}, blocked},
		"approved_nothing": {workflow.Reply{Kind: workflow.ReplyRefused, Items: []workflow.ReplyItem{{Project: "prod/network",
			Text: phrase.Say("The approval by `dave` does not count: authors cannot approve their own pull request. Anyone with write access except the author (`dave`) can approve by commenting %s.", workflow.VerbApprove.Typed(""))}}}, w},
		"unapproved":    {workflow.Reply{Kind: workflow.ReplyUnapproved, Items: []workflow.ReplyItem{item("prod/network", true, "")}}, w},
		"applied":       {workflow.Reply{Kind: workflow.ReplyApplied, Items: []workflow.ReplyItem{end(done, 0), end(done, 1)}}, done},
		"apply_failed":  {workflow.Reply{Kind: workflow.ReplyApplyFailed, Items: []workflow.ReplyItem{end(part, 0)}}, part},
		"state_kept":    {workflow.Reply{Kind: workflow.ReplyApplyFailed, Items: []workflow.ReplyItem{end(state, 0)}}, state},
		"apply_unknown": {workflow.Reply{Kind: workflow.ReplyApplyUnknown, Items: []workflow.ReplyItem{end(gone, 0)}}, gone},
		"locked": {workflow.Reply{Kind: workflow.ReplyLocked, Items: []workflow.ReplyItem{item("prod/network", true, ""), item("dev/network", true, ""),
			{Project: "prod/app", Text: lockedByCarol.Sentence().And(lockedByCarol.Mend())}}}, w},
		"unlocked":            {workflow.Reply{Kind: workflow.ReplyUnlocked, Items: []workflow.ReplyItem{item("prod/network", false, "its apply runs")}}, applying()},
		"cancelled":           {workflow.Reply{Kind: workflow.ReplyCancelled, Items: []workflow.ReplyItem{item("prod/app", true, "its apply was dropped"), item("prod/network", true, "its apply was sent one SIGINT: terraform finishes what is in progress and starts nothing new")}}, applying()},
		"resolved":            {workflow.Reply{Kind: workflow.ReplyResolved, Items: []workflow.ReplyItem{item("prod/network", true, "It counts as failed.")}}, gone},
		"applied_closed":      {workflow.Reply{Kind: workflow.ReplyApplied, Items: []workflow.ReplyItem{end(over, 0), end(over, 1)}}, over},
		"apply_failed_closed": {workflow.Reply{Kind: workflow.ReplyApplyFailed, Items: []workflow.ReplyItem{end(half, 0), end(half, 1)}}, half},
		"resolved_closed":     {workflow.Reply{Kind: workflow.ReplyResolved, Items: []workflow.ReplyItem{item(over.Projects[0].Project.Name, true, "It counts as applied.")}}, over},
		"closed":              {workflow.Reply{Kind: workflow.ReplyClosed, Items: []workflow.ReplyItem{closed(done, 0), closed(done, 1)}}, done},
		"ended_mixed":         {workflow.Reply{Kind: workflow.ReplyApplied, Items: []workflow.ReplyItem{end(done, 0), refusedAtEnd}}, mixedEnd},
		"freed":               {workflow.Reply{Kind: workflow.ReplyFreed, Text: phrase.Texts("#9 released its lock."), Items: []workflow.ReplyItem{item("prod/app", true, "it is planned anew")}}, w},
		"merge":               {workflow.Reply{Kind: workflow.ReplyMerge, Text: phrase.Texts("GitHub did not merge abc1234: Required status check \"lint\" is expected.", "Everything is applied; once that is fixed, merge it with GitHub's button.")}, done},
	}
}

func TestApplyReplyGolden(t *testing.T) {
	for name, c := range replyCases() {
		t.Run(name, func(t *testing.T) {
			c.reply.Key, c.reply.To = "0123abc", dave
			golden.Check(t, "testdata/"+"reply/"+name+".md", templates.Reply(c.reply, c.view, links))
		})
	}
	t.Run("status_waiting", func(t *testing.T) {
		golden.Check(t, "testdata/"+"reply/status_waiting.md",
			templates.Reply(workflow.Reply{Key: "0123abc", Kind: workflow.ReplyStatus, To: dave}, waiting(), links))
	})
	t.Run("help_reader", func(t *testing.T) {
		may := []workflow.Verb{workflow.VerbStatus, workflow.VerbHelp}
		golden.Check(t, "testdata/"+"reply/help_reader.md",
			templates.Reply(workflow.Reply{Key: "0123abc", Kind: workflow.ReplyHelp, May: may,
				Text: phrase.Texts("`plan`, `approve`, `unapprove`, `apply`, `lock`, `unlock` and `cancel` take the role `write` or a higher one; `resolve` takes the role `admin`. You have the role `read`.")}, waiting(), links))
	})
}

// TestReplyMentions: only a person whose apply ended is mentioned, and nobody else's name in a text is one.
func TestReplyMentions(t *testing.T) {
	for _, c := range []struct {
		kind string
		to   workflow.Actor
		want bool
	}{
		{workflow.ReplyApplied, dave, true}, {workflow.ReplyApplyFailed, dave, true}, {workflow.ReplyApplyUnknown, dave, true},
		{workflow.ReplyRefused, dave, false}, {workflow.ReplyApproved, dave, false},
		{workflow.ReplyApplied, workflow.Actor{Login: "deploy[bot]", Bot: true}, false}, {workflow.ReplyApplied, workflow.Actor{Login: "acme/sre @x"}, false},
	} {
		text := templates.Reply(workflow.Reply{Key: "k", Kind: c.kind, To: c.to,
			Items: []workflow.ReplyItem{{Project: "a", Text: phrase.Say("@acme/sre said so, see #1")}}}, view(), links)
		for strings.Contains(text, "@<!-- -->") { // broken, on purpose
			text = strings.Replace(text, "@<!-- -->", "", 1)
		}
		if got := strings.Contains(text, "@"); got != c.want {
			t.Errorf("a reply of kind %s to %s mentions somebody: %v, want %v\n%s", c.kind, c.to.Login, got, c.want, text)
		}
	}
}

// TestRepliesFit gives replies more projects and longer sentences than a comment holds.
func TestRepliesFit(t *testing.T) {
	long := strings.Repeat("very long `and` | strange ", 200)
	var items []workflow.ReplyItem
	for _, p := range same(400).Projects {
		items = append(items, workflow.ReplyItem{Project: p.Project.Name + long, Text: phrase.Plain(long + p.Project.Name),
			Missing: []workflow.Missing{{Sentence: phrase.Plain(long), Mend: phrase.Plain(long + p.Project.Name)}}})
	}
	mixed := same(100) // of some the end is told, of the others what is missing, and then what to do about unknown outcomes
	var ends []workflow.ReplyItem
	for i := range mixed.Projects {
		end := items[i]
		end.Missing, end.Run = nil, apply(mixed, i, workflow.RunFinished, workflow.OutcomeUnknown)
		ends = append(ends, end, items[100+i])
	}
	if got := templates.Reply(workflow.Reply{Key: "k", Kind: workflow.ReplyApplyUnknown, To: dave, Items: ends}, mixed, links); len(got) > templates.MaxComment ||
		len(got) < templates.MaxComment/2 || !strings.Contains(got, "Still missing") || !strings.Contains(got, "CAUTION") {
		t.Errorf("an end that tells of what is missing, too, has %d bytes, want at most %d:\n%.500s", len(got), templates.MaxComment, got)
	}
	for _, kind := range []string{workflow.ReplyRefused, workflow.ReplyApproved, workflow.ReplyApplied,
		workflow.ReplyApplyFailed, workflow.ReplyApplyUnknown, workflow.ReplyCancelled,
		workflow.ReplyClosed, workflow.ReplyMerge} {
		got := templates.Reply(workflow.Reply{Key: "k", Kind: kind, To: dave, Items: items,
			Text: phrase.Texts(long, long, long)}, waiting(), links)
		if len(got) > templates.MaxComment {
			t.Errorf("a reply of kind %s has %d bytes, want at most %d", kind, len(got), templates.MaxComment)
		}
	}
}
