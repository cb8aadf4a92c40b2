package service

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/gate"
	"github.com/cardea-iac/cardea/workflow/scope"
)

// lagsFor is how long a review that GitHub told of and does not show is waited for.
const lagsFor = 30 * time.Second

// reviewed carries out that a review was submitted, edited or dismissed: what ends with it falls,
// and one that approves is an approval of the plans that the summary showed when it was submitted,
// as a comment of that time would be, where the rules let it.
func (s *Service) reviewed(ctx context.Context, e Expansion) error {
	given := *e.Request.Review
	c := &command{e: e, Command: scope.Command{Request: e.Request, Kinds: s.engines.Kinds(),
		Live: workflow.LiveFacts{Errors: []string{"Nobody asked GitHub."}}}}
	c.Rules, _ = s.rules(e.Pull.Repo)
	c.Request.Command, c.Request.CommentedAt = &workflow.Command{Verb: workflow.VerbApprove}, given.At
	if e.Request.ApprovesByReview() {
		last := e.Request.Attempts+1 >= maxAttempts // then whoever pressed the button is told why
		switch {
		case e.Live == nil:
			return s.DeferRequest(ctx, e.Request.ID, "GitHub was not asked yet about this review.", time.Time{})
		case len(e.Live.Errors) > 0 && !last: // nobody presses the button again because of them
			return s.DeferRequest(ctx, e.Request.ID, e.Live.Errors[0], time.Time{})
		case e.RoleError != nil || !e.Live.Knows(given.By):
			return s.DeferRequest(ctx, e.Request.ID,
				fmt.Sprintf("GitHub did not say which role %s has.", workflow.Mention(given.By)), time.Time{})
		case s.now().Sub(e.Request.Received) < lagsFor && !e.Live.MoreReviews && !slices.ContainsFunc(e.Live.Reviews,
			func(r workflow.Review) bool { return r.By.ID == given.By.ID && !r.At.Before(given.At) }):
			return s.DeferRequest(ctx, e.Request.ID, "GitHub reported a review but does not show it yet.", time.Time{})
		}
		c.Live, c.Request.Actor = *e.Live, given.By
	}
	return s.execute(ctx, c, (*command).takeReview)
}

// review is the one that the request is about, if it is about one.
func (c *command) review() workflow.Review {
	if c.Request.Review == nil {
		return workflow.Review{}
	}
	return *c.Request.Review
}

// takeReview notes a review and gives its approvals. Where all that it could approve is approved,
// there is nothing to say; where it approves none of what waits for an approval, whoever pressed
// the button is told why.
func (c *command) takeReview() (*workflow.Reply, error) {
	c.forgetReview(c.Record)
	given := c.review()
	given.Role = c.Live.Roles[given.By.ID]
	may := c.Request.ApprovesByReview() && c.Record.Pull.State == workflow.PullOpen && gate.ReviewEnd(c.Live, given) == "" && c.Refusal(nil).Empty()
	if !may && given.Approves() {
		return nil, c.reconsiderAll(*c.Record, c.Rules) // it is nobody's word here
	}
	c.Record.Reviews = gate.RememberReview(c.Record.Reviews, given)
	var reply *workflow.Reply
	if may && gate.Latest(c.Record.Reviews, given) {
		var err error
		if reply, err = c.approveByReview(given); err != nil {
			return nil, err
		}
	}
	err := c.voidApprovals(c.Record, func(a workflow.Approval) string { return gate.VoidedBy(given, a) })
	if err != nil {
		return nil, err
	}
	return reply, c.reconsiderAll(*c.Record, c.Rules)
}

// approveByReview approves what a review approves.
func (c *command) approveByReview(given workflow.Review) (*workflow.Reply, error) {
	any := false
	var refused []workflow.ReplyItem
	for i := range c.Record.Projects {
		p := &c.Record.Projects[i]
		run, why := scope.CurrentPlan(*p)
		if p.Deleted || !why.Empty() || scope.NothingToApply(*p) != "" {
			continue
		}
		if words := func(a workflow.Approval) bool {
			return a.User.ID == given.By.ID && a.Void == "" && a.ReviewID == 0 && a.Fingerprint == run.Fingerprint
		}; slices.ContainsFunc(p.Approvals, words) {
			any = true // they said so already, which does not end with the review
			continue
		}
		in, err := c.gateInput(*c.Record, *p, c.Rules)
		if err != nil {
			return nil, err
		}
		lacks := gate.ReviewLacks(in, given)
		if lacks.Empty() {
			lacks, _ = c.mayNotApprove(*p, *run)
		}
		if lacks.Empty() {
			any = true
			if err := c.recordApproval(p, *run); err != nil {
				return nil, err
			}
			continue
		}
		if gate.WaitsForReview(in) {
			refused = append(refused, workflow.ReplyItem{Project: p.Project.Name, Fingerprint: run.Fingerprint, Text: lacks})
		}
	}
	if any || len(refused) == 0 {
		return nil, nil
	}
	return &workflow.Reply{Kind: workflow.ReplyRefused, Items: refused, Text: []phrase.Text{
		phrase.Say("Your review on GitHub approves none of these plans. Comment %s to approve what you have seen.",
			workflow.VerbApprove.Typed("")),
	}}, nil
}
