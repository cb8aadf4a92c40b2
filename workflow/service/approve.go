package service

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/gate"
	"github.com/cardea-iac/cardea/workflow/scope"
)

// maxShown is how many states of the summary comment are remembered.
const maxShown = 20

// maxUnseen is how many plans that the person was not shown are named one by one in an
// answer.
const maxUnseen = 5

// notSeen says that the comment did not name a plan.
func notSeen(name string, run workflow.Run) phrase.Text {
	return phrase.Say("When you wrote, the comment did not show the plan %s of %s yet. %s",
		phrase.CodeSpan(workflow.ShortFingerprint(run.Fingerprint)), phrase.Project(name), approveNow(name, run))
}

// approveNow tells somebody who has not seen a plan what to do.
func approveNow(name string, run workflow.Run) phrase.Text {
	command := workflow.VerbApprove.About(name)
	command.Plan = workflow.ShortFingerprint(run.Fingerprint)
	return phrase.Say("Review it, then %s.", command)
}

// ShownAt records what the summary comment shows since a time of GitHub's clock.
// The reporter calls it after each write of the comment; a state that shows the
// same plans as the one before says nothing new.
func (s *Service) ShownAt(ctx context.Context, key workflow.PullKey, shown workflow.Shown) error {
	err := s.updatePull(ctx, key, func(rec *workflow.PullRecord) bool {
		if n := len(rec.Shown); n > 0 && rec.Shown[n-1].EditedBy == (workflow.Actor{}) &&
			maps.Equal(rec.Shown[n-1].Fingerprints, shown.Fingerprints) &&
			maps.Equal(rec.Shown[n-1].Runs, shown.Runs) {
			return false
		}
		rec.Shown = lastShown(append(rec.Shown, shown))
		return true
	})
	return wrap(err, "recording what is shown of "+key.String())
}

// SummaryEdited records that somebody else wrote into one of our comments. If it
// is the summary, nobody knows what it showed from then on until we write it
// again, which is soon: who approved meanwhile did not see the plan.
func (s *Service) SummaryEdited(ctx context.Context, key workflow.PullKey, commentID int64, shown workflow.Shown) error {
	err := s.act(ctx, func(a *act) error {
		rec, err := a.tx.Pull(key)
		if errors.Is(err, workflow.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		report, err := a.tx.Report(key)
		if err != nil && !errors.Is(err, workflow.ErrNotFound) {
			return err
		}
		if report.CommentID != 0 && report.CommentID != commentID {
			return nil // a reply, which shows no plan to approve
		}
		rec.Edits++
		rec.Shown = lastShown(append(rec.Shown, shown))
		if err := a.say(workflow.OfPull(key).About(), workflow.Event{
			Kind: workflow.EventEdited, Actor: shown.EditedBy,
			Text: phrase.Say("%s edited the summary comment of #%d; it was rewritten.", workflow.Mention(shown.EditedBy), key.Number),
		}); err != nil {
			return err
		}
		if err := a.voidUnseen(&rec); err != nil {
			return err
		}
		return a.save(rec)
	})
	return wrap(err, "recording an edit of the summary of "+key.String())
}

// voidUnseen voids the approvals of people who approved by a comment or a review while the
// summary was not ours.
func (a *act) voidUnseen(rec *workflow.PullRecord) error {
	return a.voidApprovals(rec, func(given workflow.Approval) string {
		if given.CommentID == 0 && given.ReviewID == 0 {
			return ""
		}
		return gate.EditedWhen(rec.Shown, given.At)
	})
}

// voidApprovals voids those that stand and for which there is a reason, a sentence, in all
// projects of a pull.
func (a *act) voidApprovals(rec *workflow.PullRecord, reason func(workflow.Approval) string) error {
	rules, ruled := a.s.rules(rec.Pull.Repo)
	for _, projects := range [][]workflow.ProjectRecord{rec.Projects, rec.Past} {
		for i := range projects {
			p, fell := &projects[i], false
			p.Approvals = slices.Clone(p.Approvals)
			for j := range p.Approvals {
				given := &p.Approvals[j]
				why := reason(*given)
				if given.Void != "" || why == "" {
					continue
				}
				given.Void, fell = why, true
				if err := a.say(rec.Pull.Subject().About(), workflow.Event{
					Kind: workflow.EventVoided, Project: p.Project.Name, Actor: given.User,
					Text: phrase.Say("The approval by %s for `%s` is no longer valid. %s", workflow.Mention(given.User), p.Project.Name, given.Void),
				}); err != nil {
					return err
				}
			}
			if fell && ruled && rec.Find(p.Project.Key()) != nil {
				if err := a.reconsider(*rec, p, rules); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func lastShown(shown []workflow.Shown) []workflow.Shown {
	return shown[max(0, len(shown)-maxShown):]
}

// approve carries out `approve`: each chosen plan is approved if it is the one
// that the person had seen; the answer says of each whether it is, and why not.
func (c *command) approve() (*workflow.Reply, error) {
	chosen, fault := c.Chosen()
	if !fault.Empty() {
		return refusedReply(fault), nil
	}
	if c.Record.Pull.State != workflow.PullOpen {
		return refusedReply(phrase.Say("This pull request is %s.", c.Record.Pull.State)), nil
	}
	reply := &workflow.Reply{Kind: workflow.ReplyApproved}
	any := false
	var unseen []workflow.ReplyItem
	for _, p := range chosen {
		item := workflow.ReplyItem{Project: p.Project.Name}
		run, why := scope.CurrentPlan(*p)
		if nothing := scope.NothingToApply(*p); nothing != "" {
			if why = phrase.Plain(nothing); !c.Named() {
				continue
			}
		}
		if !why.Empty() {
			item.Text = phrase.Say("%s %s, so there is nothing to approve.", phrase.Project(p.Project.Name), why)
		} else if item.Fingerprint = run.Fingerprint; item.Fingerprint == "" {
			item.Text = phrase.Say("The plan of %s has no fingerprint.", phrase.Project(p.Project.Name))
		} else if why, absent := c.mayNotApprove(*p, *run); why.Empty() {
			item.Done, any = true, true
			if err := c.recordApproval(p, *run); err != nil {
				return nil, err
			}
		} else if item.Text = why; absent && !c.Named() {
			unseen = append(unseen, item)
			continue
		}
		reply.Items = append(reply.Items, item)
	}
	if len(unseen) <= maxUnseen {
		reply.Items = append(reply.Items, unseen...)
	} else {
		reply.Text = []phrase.Text{
			phrase.Plain(phrase.OneMany(any, "Approved what the comment showed.", "Nothing was approved.")),
			phrase.Say("The plans of %d projects were not approved: the comment does not show them, or did not when you wrote. Review them, then %s.",
				len(unseen), workflow.VerbApprove.Typed("-p NAME@FINGERPRINT")),
		}
	}
	switch {
	case len(unseen) > maxUnseen && !any:
		reply.Kind = workflow.ReplyRefused
	case len(reply.Items) == 0:
		return refusedReply(phrase.Say("No plan of this pull request has changes, so there is nothing to approve.")), nil
	case !any:
		reply.Kind = workflow.ReplyRefused
	}
	return reply, nil
}

// mayNotApprove says why a person cannot approve a plan, nothing when they can, and whether it is
// that the comment did not show the plan.
func (c *command) mayNotApprove(p workflow.ProjectRecord, run workflow.Run) (why phrase.Text, absent bool) {
	rules := c.Rules.ForProject(p.Project)
	others, err := c.byLineage(run)
	if err != nil {
		return phrase.Say("It could not be determined whose state it is."), false
	}
	for _, other := range append(slices.Clone(run.Sharing), others...) { // whose state it is
		rules = rules.And(c.Rules.ForProject(other))
	}
	if len(c.Live.Errors) > 0 {
		return phrase.All(phrase.Texts(c.Live.Errors...)), false
	}
	given := workflow.Approval{Fingerprint: run.Fingerprint, User: c.Actor(), At: c.at()}
	if why := gate.MayApprove(rules, c.Record.Pull.Author, given, c.Live.Roles); !why.Empty() {
		return why, false
	}
	name := p.Project.Name
	if why := gate.EditedWhen(c.Record.Shown, c.at()); why != "" && c.Request.CheckRunID == 0 {
		return phrase.Plain(why).And(approveNow(name, run)), false
	}
	if why := c.tookBack(p.Project); !why.Empty() {
		return phrase.Say("Not approved: %s. %s", why, approveNow(name, run)), false
	}
	if typed, ok := c.Request.Command.Fingerprints[name]; ok {
		if len(typed) < 8 || !strings.HasPrefix(run.Fingerprint, strings.ToLower(typed)) {
			return phrase.Say("The plan of %s is `%s`, not %s. %s", phrase.Project(name), workflow.ShortFingerprint(run.Fingerprint),
				phrase.Name(typed), approveNow(name, run)), false
		}
		of, err := c.meant(p, run)
		if err != nil {
			return phrase.Say("It could not be determined which plan that is."), false
		}
		if of == "" && c.Request.CheckRunID == 0 {
			return phrase.Say("The plan `%s` of %s was made after you wrote. %s", workflow.ShortFingerprint(run.Fingerprint),
				phrase.Project(name), approveNow(name, run)), false
		}
		return c.whyAnother(p, of, run), false
	}
	if len(c.Request.Command.Fingerprints) > 0 && c.Request.CheckRunID != 0 {
		return phrase.Say("The button was not showing the plan of %s. %s", phrase.Project(name), approveNow(name, run)), false
	}
	seen, of, ok := gate.SeenPlan(c.Record.Shown, c.at(), name)
	switch {
	case !ok:
		return notSeen(name, run), true
	case seen != run.Fingerprint:
		return phrase.Say("When you wrote, the comment showed the plan `%s` of %s; now it is `%s`. %s",
			workflow.ShortFingerprint(seen), phrase.Project(name), workflow.ShortFingerprint(run.Fingerprint), approveNow(name, run)), false
	}
	return c.whyAnother(p, of, run), false
}

// tookBack says why the approval of a project is not given, as part of a sentence: the sender took it back before we heard of it.
func (c *command) tookBack(p workflow.Project) phrase.Text {
	given := workflow.Approval{User: c.Actor(), At: c.at(), CommentID: c.Request.CommentID, ReviewID: c.review().ID}
	if !given.Dated() {
		shown, err := c.tx.Run(c.Request.Command.Runs[p.Name])
		given.At = shown.Finished
		if err != nil {
			given.At = time.Time{}
		}
	}
	return gate.Withdrawn(*c.Record, p, given, "you")
}

// meant is the run whose plan somebody means when they name the fingerprint of a project's
// present plan: the run of the button, or that of the comment. If the comment showed another
// plan or none, they read it elsewhere: on the page of the last run with that fingerprint that
// had ended before the second in which they wrote, else of the first one in that second. ""
// when there was none: nobody can have seen it.
func (c *command) meant(p workflow.ProjectRecord, present workflow.Run) (string, error) {
	if c.Request.CheckRunID != 0 {
		return c.Request.Command.Runs[p.Project.Name], nil
	}
	if seen, shown, _ := gate.SeenPlan(c.Record.Shown, c.at(), p.Project.Name); seen == present.Fingerprint {
		return shown, nil
	}
	wrote := c.at()
	if r := c.Request.Received; r.Before(wrote) { // by our clock, like the ends of runs, in case either clock is behind
		wrote = r
	}
	second, first := wrote.Truncate(time.Second), ""
	for _, id := range p.Runs { // newest first
		run, err := c.tx.Run(id)
		if errors.Is(err, workflow.ErrNotFound) {
			continue
		}
		if err != nil {
			return "", err
		}
		if run.Kind != workflow.RunPlan || run.Fingerprint != present.Fingerprint || run.State != workflow.RunFinished {
			continue
		}
		switch ended := run.Finished.Truncate(time.Second); {
		case ended.Before(second):
			return id, nil
		case ended.Equal(second): // GitHub tells no more than the second
			first = id
		}
	}
	return first, nil
}

// whyAnother says why a plan is not the one of the run that somebody saw, though its
// fingerprint is: what an approval is of beside that may have changed since.
func (c *command) whyAnother(p workflow.ProjectRecord, of string, run workflow.Run) phrase.Text {
	if of == run.ID {
		return nil
	}
	name := p.Project.Name
	was, err := c.tx.Run(of)
	plan, errPlan := c.tx.Plan(of)
	now, errNow := c.tx.Plan(run.ID)
	given := c.approvalOf(was, plan)
	var errRuns error
	given.Applied, errRuns = c.appliedSince(p, was)
	if errors.Join(err, errPlan, errNow, errRuns) != nil {
		return phrase.Say("%s was planned again after the plan that you saw, which was not kept. %s", phrase.Project(name), approveNow(name, run))
	}
	carried := gate.CarryApprovals(gate.CarryInput{Approvals: []workflow.Approval{given}, Was: &plan,
		WasRun: was, Plan: &now, Run: run, Changes: run.TreeChanges, Kind: c.s.engines.KindOf(run.Project)})
	if why := carried[0].Void; why != "" {
		return phrase.Say("%s was planned again after the plan that you saw. %s %s", phrase.Project(name), why, approveNow(name, run))
	}
	return nil
}

// appliedSince reports whether what a plan would do was done after it was made, by an apply
// of that plan or of a later one of the same fingerprint. A plan that is not among the runs
// that are remembered is an error.
func (c *command) appliedSince(p workflow.ProjectRecord, plan workflow.Run) (bool, error) {
	if !slices.Contains(p.Runs, plan.ID) {
		return false, workflow.ErrNotFound
	}
	for _, id := range p.Runs {
		if id <= plan.ID {
			continue
		}
		run, err := c.tx.Run(id)
		if err != nil {
			return false, err
		}
		if run.Kind == workflow.RunApply && run.Fingerprint == plan.Fingerprint && run.ApplySucceeded() {
			return true, nil
		}
	}
	return false, nil
}

// approvalOf is the sender's approval of a run's plan.
func (c *command) approvalOf(run workflow.Run, plan workflow.Plan) workflow.Approval {
	return workflow.Approval{
		Fingerprint: run.Fingerprint, User: c.Actor(), At: c.at(), CommentID: c.Request.CommentID, ReviewID: c.review().ID, Request: c.Request.ID,
		Head: run.Head, Tree: run.Tree, Hidden: len(plan.Hidden) > 0,
		Late: plan.Late, Inputs: run.InputsDigest, Files: run.FilesDigest, Computed: len(run.ComputedPaths) > 0,
		Fetched: plan.Fetched, Named: plan.Named,
	}
}

// at is when the command was given, by GitHub's clock.
func (c *command) at() time.Time { return c.Request.CommentedAt }

// recordApproval adds the approval and takes a new look at what the apply waits for.
func (c *command) recordApproval(p *workflow.ProjectRecord, run workflow.Run) error {
	plan, err := c.tx.Plan(run.ID)
	if err != nil {
		return err
	}
	p.Approvals = slices.DeleteFunc(p.Approvals, func(a workflow.Approval) bool {
		return a.User.ID == c.Actor().ID && a.Void == "" && a.Fingerprint == run.Fingerprint
	})
	p.Approvals = append(p.Approvals, c.approvalOf(run, plan))
	if err := c.say(c.Record.Pull.Subject().About(), workflow.Event{
		Kind: workflow.EventApproved, Project: p.Project.Name, Run: run.ID, Actor: c.Actor(),
		Text: phrase.Say("%s approved the plan `%s` of `%s`%s.", workflow.Mention(c.Actor()),
			workflow.ShortFingerprint(run.Fingerprint), p.Project.Name, phrase.OneMany(c.review().ID != 0, ", by a review", "")),
	}); err != nil {
		return err
	}
	return c.reconsider(*c.Record, p, c.Rules)
}

// withdraw carries out `unapprove`, which everybody may: whatever there is to take back now, what was given before it and
// is delivered later does not count.
func (s *Service) withdraw(ctx context.Context, c *command) error {
	refused := c.Faults()
	w := workflow.Withdrawal{By: c.Actor(), Select: c.Request.Command.Select, At: c.at(), Received: c.Request.Received}
	return s.execute(ctx, c, func(c *command) (*workflow.Reply, error) {
		c.Record.Withdraw(w)
		if len(refused) > 0 {
			return refusedReply(append(slices.Clone(refused), c.NotYetGiven())...), nil
		}
		return c.unapprove(w)
	})
}

// unapprove takes back the sender's own approvals from before their comment.
func (c *command) unapprove(w workflow.Withdrawal) (*workflow.Reply, error) {
	taken, stay := c.Record.TakeBack(w, c.Picks)
	reply := &workflow.Reply{Kind: workflow.ReplyUnapproved}
	for _, p := range taken {
		reply.Items = append(reply.Items, workflow.ReplyItem{Project: p.Name, Done: true})
		if err := c.say(c.Record.Pull.Subject().About(), workflow.Event{
			Kind: workflow.EventUnapproved, Project: p.Name, Actor: c.Actor(),
			Text: phrase.Say("%s withdrew their approval of `%s`.", workflow.Mention(c.Actor()), p.Name),
		}); err != nil {
			return nil, err
		}
		now := c.Record.Find(p.Key())
		if now == nil {
			continue // of an earlier head: nothing waits for it
		}
		if err := c.reconsider(*c.Record, now, c.Rules); err != nil {
			return nil, err
		}
	}
	switch {
	case len(taken) > 0:
		return reply, nil
	case stay:
		return refusedReply(phrase.Say("%s gave their approvals here after this comment, so they stay.", workflow.Mention(c.Actor())), c.NotYetGiven()), nil
	}
	return refusedReply(c.NoApproval(), c.NotYetGiven()), nil
}

// reconsider notes anew what an apply of a project waits for, as far as we know without asking GitHub.
func (a *act) reconsider(rec workflow.PullRecord, p *workflow.ProjectRecord, rules workflow.Rules) error {
	in, err := a.gateInput(rec, *p, rules)
	if err != nil {
		return err
	}
	kept, _ := onlyGitHubKnows(p.WaitsFor)
	p.WaitsFor = gate.WaitsFor(in)
	if p.Run != nil && p.Run.State == workflow.RunFinished && len(p.WaitsFor) > 0 {
		p.WaitsFor = append(p.WaitsFor, kept...) // what only GitHub knows, as it was when it was last asked
	}
	return nil
}

// onlyGitHubKnows separates what only GitHub can say more about from everything else that is
// missing.
func onlyGitHubKnows(missing []workflow.Missing) (ofGitHub, others []workflow.Missing) {
	for _, m := range missing {
		if m.Need.OfGitHub() {
			ofGitHub = append(ofGitHub, m)
		} else {
			others = append(others, m)
		}
	}
	return ofGitHub, others
}

// reconsiderAll is reconsider for every project of a pull.
func (a *act) reconsiderAll(rec workflow.PullRecord, rules workflow.Rules) error {
	for i := range rec.Projects {
		if err := a.reconsider(rec, &rec.Projects[i], rules); err != nil {
			return err
		}
	}
	return nil
}
