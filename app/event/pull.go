package event

import (
	"fmt"
	"strings"
	"time"

	"github.com/cardea-iac/cardea/workflow"
)

// push reads that a branch moved. Whether any pull has it as its base is for the service to
// know; its new tip is read again later.
func push(p payload) Decision {
	branch, is := strings.CutPrefix(p.Ref, "refs/heads/")
	switch {
	case !is:
		return ignored("the push is not of a branch")
	case p.Deleted || p.After == "" || strings.Trim(p.After, "0") == "":
		return ignored("the branch %q was deleted", branch)
	}
	return Decision{Note: "push to " + branch, Request: &workflow.Request{
		Key: fmt.Sprintf("push:%d:%s:%s:%s:%s", p.Repository.ID, branch, p.Before, p.After,
			strings.Trim(string(p.Repository.PushedAt), `"`)), Kind: workflow.RequestBase, Action: branch, Head: p.After,
	}}
}

// review reads that a review was submitted, edited or dismissed. What all reviews together come
// to is read from GitHub when it matters.
func review(p payload) Decision {
	number, r := p.PullRequest.Number, p.Review
	given := &workflow.Review{ID: r.ID, By: r.User.actor(), At: r.Submitted, Head: r.Commit,
		State: strings.ToLower(r.State), Edited: p.Action == "edited"}
	key := fmt.Sprintf("review:%d:%s", r.ID, p.Action)
	switch p.Action {
	case "submitted":
		if r.User.ID != p.Sender.ID && given.Approves() {
			return ignored("the review was not written by its sender")
		}
	case "edited": // only a yes may not be edited
		if given.State != workflow.ReviewApproved {
			return ignored("a review that does not approve was edited")
		}
		key += ":" + stamp(p.PullRequest.UpdatedAt)
	case "dismissed":
		given.State = workflow.ReviewDismissed
	default:
		return ignored("a review was %s", p.Action)
	}
	if p.pull(number).IsZero() || r.ID == 0 {
		return ignored("the payload names no pull or no review")
	}
	if given.By.ID == 0 || given.State != workflow.ReviewApproved && given.State != workflow.ReviewChanges &&
		given.State != workflow.ReviewDismissed {
		given = nil // it only comments, or it is not known whose it is
	}
	return Decision{Request: &workflow.Request{
		Key: key, Kind: workflow.RequestReview, Number: number, Action: p.Action, Immediate: true,
		CommentedAt: p.PullRequest.UpdatedAt, Review: given,
	}}
}

// stamp is a time in a key. GitHub's clock counts whole seconds.
func stamp(t time.Time) string { return t.UTC().Format("20060102T150405Z") }

// pullRequest reads what happened to a pull. A push is identified by the commit before it as
// well: a head that is pushed, replaced and pushed again is three pushes.
func pullRequest(p payload) Decision {
	pr := p.PullRequest
	number := pr.Number
	if p.pull(number).IsZero() || pr.Head.SHA == "" {
		return ignored("the payload names no pull or no head")
	}
	kind, more, before := workflow.RequestPull, "", ""
	switch p.Action {
	case "opened":
	case "reopened", "ready_for_review":
		more = ":" + stamp(pr.UpdatedAt)
	case "synchronize":
		before, more = p.Before, ":"+p.Before+":"+stamp(pr.UpdatedAt)
	case "closed":
		kind, more = workflow.RequestClosed, ":"+stamp(pr.UpdatedAt)
	case "converted_to_draft": // plans nothing, but an apply waits for its end
		kind, more = workflow.RequestFacts, ":"+stamp(pr.UpdatedAt)
	case "edited":
		more = ":" + pr.Base.Ref + ":" + pr.Base.SHA + ":" + stamp(pr.UpdatedAt)
		switch {
		case p.Changes.Base != nil:
			before = p.Changes.Base.Ref.From
		case p.Changes.Title != nil:
			kind = workflow.RequestFacts
		default:
			return ignored("only the pull request's text was edited")
		}
	default:
		return ignored("the action %q of a pull", p.Action)
	}
	return Decision{Request: &workflow.Request{
		Key:  fmt.Sprintf("pull:%d#%d:%s:%s%s", p.Repository.ID, number, pr.Head.SHA, p.Action, more),
		Kind: kind, Number: number, Action: p.Action, Head: pr.Head.SHA, Before: before,
		Immediate:   p.Action != "synchronize",
		CommentedAt: pr.UpdatedAt,
	}}
}
