package event

import (
	"fmt"
	"time"

	"github.com/cardea-iac/cardea/workflow"
)

// stamp is a time in a key: GitHub's clock has seconds.
func stamp(t time.Time) string { return t.UTC().Format("20060102T150405Z") }

// pullRequest reads what happened to a pull. A push is known by what it came
// from as well: a head that is pushed, replaced and pushed again is three pushes.
func pullRequest(p payload) Decision {
	pr := p.PullRequest
	number := pr.Number
	if number == 0 || pr.Head.SHA == "" {
		return ignored("the payload names no pull or no head")
	}
	kind, more := workflow.RequestPull, ""
	switch p.Action {
	case "opened":
	case "reopened", "ready_for_review":
		more = ":" + stamp(pr.UpdatedAt)
	case "synchronize":
		more = ":" + p.Before + ":" + stamp(pr.UpdatedAt)
	case "closed":
		kind, more = workflow.RequestClosed, ":"+stamp(pr.UpdatedAt)
	case "edited":
		if p.Changes.Base == nil {
			return ignored("a pull's title or text was edited")
		}
		more = ":" + pr.Base.Ref + ":" + pr.Base.SHA + ":" + stamp(pr.UpdatedAt)
	default:
		return ignored("the action %q of a pull", p.Action)
	}
	return Decision{Request: &workflow.Request{
		Key:  fmt.Sprintf("pull:%d#%d:%s:%s%s", p.Repository.ID, number, pr.Head.SHA, p.Action, more),
		Kind: kind, Number: number, Action: p.Action, Head: pr.Head.SHA,
		Immediate:   p.Action != "synchronize",
		CommentedAt: pr.UpdatedAt,
	}}
}
