package gate

import (
	"fmt"
	"slices"
	"time"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/workflow"
)

// botsNever is why no app approves by a review, as part of a sentence.
const botsNever = "reviews by apps never count"

// maxReviews is how many people's reviews are remembered of a pull.
const maxReviews = 20

// ReviewLacks says why an approving review does not approve the project's present plan, whatever
// was approved in another way; nothing when it does, as far as the pull's record tells.
//
// It approves the plan that the summary comment showed when it was submitted, by the rule of
// comments (SeenPlan), if it is of the commit that this is the plan of, and if the rules let a
// review approve such a plan.
func ReviewLacks(in Input, r workflow.Review) phrase.Text {
	g := newGate(in, whenShown)
	c := g.approvals()
	c.recorded, c.roles = false, map[int64]workflow.Role{r.By.ID: r.Role}
	who, run := workflow.Mention(r.By), in.Project.Run
	approve := workflow.VerbApprove.Typed("")
	switch why := c.discounts(r.By); {
	case r.By.Bot:
		return c.doesNotCount(workflow.Approval{User: r.By}, botsNever)
	case why != "":
		return c.doesNotCount(workflow.Approval{User: r.By}, why)
	case in.Plan == nil || run == nil || run.Fingerprint == "":
		return phrase.Say("%s approved on GitHub before this plan existed.", who)
	}
	if why := EditedWhen(in.Record.Shown, r.At); why != "" {
		return phrase.Say("%s approved on GitHub, but that approves no plan:", who).And(phrase.Plain(why))
	}
	seen, _, ok := SeenPlan(in.Record.Shown, r.At, in.Project.Project.Name)
	switch {
	case r.Head == "" || r.Head != run.Head:
		return phrase.Say("%s approved %s on GitHub; this plan is for %s.", who,
			phrase.CodeSpan(phrase.Short(r.Head)), phrase.CodeSpan(phrase.Short(run.Head)))
	case !ok || seen != run.Fingerprint:
		return phrase.Say("%s approved on GitHub before this plan was shown.", who)
	}
	given := workflow.Approval{User: r.By, At: r.At, ReviewID: r.ID}
	if why := Withdrawn(in.Record, in.Project.Project, given, "they"); !why.Empty() {
		return phrase.Say("%s approved on GitHub, but %s.", who, why)
	}
	if why := c.reviewRefuses(); why != "" {
		return phrase.Say("%s approved on GitHub; %s needs %s.", who, why, approve)
	}
	return nil
}

// reviewRefuses is what about the plan a review does not approve, as part of a sentence; "" where it approves it.
func (c approvalCount) reviewRefuses() string {
	switch c.rules.Approvals.Review {
	case workflow.ReviewAlways:
		return ""
	case workflow.ReviewSafe:
		return unsafe(c.plan)
	}
	return "any plan"
}

// reviewsCount reports whether a review approves any plan of the project.
func (c approvalCount) reviewsCount() bool {
	return c.rules.Approvals.Review == workflow.ReviewSafe || c.rules.Approvals.Review == workflow.ReviewAlways
}

// plain are the actions of changes that a plan shows whole, and that take nothing away.
var plain = []workflow.Action{workflow.ActionCreate, workflow.ActionUpdate, workflow.ActionImport, workflow.ActionMove,
	workflow.ActionForget, workflow.ActionRead, workflow.ActionNoOp}

// unsafe is what a plan does that takes more than a pressed button to approve, as part of a
// sentence; "" for one that only makes, changes, imports, moves or forgets, and shows all of it.
func unsafe(p *workflow.Plan) string {
	if p == nil {
		return "a plan that was not kept"
	}
	does := func(a workflow.Action) bool {
		return slices.ContainsFunc(p.Changes, func(c workflow.Change) bool { return c.Action == a })
	}
	switch {
	case p.Counts.Destroy > 0 || does(workflow.ActionDelete):
		return "a plan that destroys"
	case p.Counts.Replace > 0 || does(workflow.ActionReplace):
		return "a plan that replaces"
	case len(p.Hidden) > 0 || p.Counts.Actions > 0 || does(workflow.ActionInvoke):
		return "a plan that does more than its changes show"
	case p.Late != "":
		return "a plan that leaves something to be decided during the apply"
	case p.Counts.Deferred > 0 || p.Left != workflow.Left{} ||
		slices.ContainsFunc(p.Changes, func(c workflow.Change) bool { return c.Deposed != "" || !slices.Contains(plain, c.Action) }):
		return "a plan with changes of an unusual kind"
	}
	return ""
}

// reviewFell says why an approval by a review does not count now, as part of a sentence; "" when it
// does, or when it was given in another way.
func (c approvalCount) reviewFell(a workflow.Approval) string {
	if a.ReviewID == 0 {
		return ""
	}
	if a.User.Bot {
		return botsNever
	}
	if !c.reviewsCount() {
		return "the server's `approvals.review` does not let reviews count"
	}
	if why := c.reviewRefuses(); why != "" {
		return fmt.Sprintf("it is a review, and %s needs more", why)
	}
	if c.recorded {
		return ""
	}
	return ReviewEnd(c.live, workflow.Review{By: a.User, At: a.At})
}

// ReviewEnd is why an approving review is not its giver's word any more, as GitHub has it now,
// as part of a sentence; "" when it is. What GitHub does not show, or shows twice, is not.
func ReviewEnd(live workflow.LiveFacts, r workflow.Review) string {
	theirs := slices.DeleteFunc(slices.Clone(live.Reviews), func(o workflow.Review) bool { return o.By.ID != r.By.ID })
	who := workflow.Mention(r.By)
	switch {
	case len(theirs) == 0 && live.MoreReviews:
		return fmt.Sprintf("this pull request has more reviews than are read, and the one by %s is not among those read", who)
	case len(theirs) != 1:
		return fmt.Sprintf("GitHub does not show the review by %s", who)
	case !theirs[0].At.Equal(r.At) && theirs[0].State == workflow.ReviewChanges:
		return who + " now requests changes"
	case !theirs[0].At.Equal(r.At):
		return who + " has reviewed again since"
	}
	return whyVoid(theirs[0])
}

// whyVoid says what happened to a review since it was submitted, as part of a sentence; "" when nothing did.
func whyVoid(r workflow.Review) string {
	switch what := "the review by " + workflow.Mention(r.By); {
	case r.State == workflow.ReviewDismissed:
		return what + " was dismissed"
	case r.State != workflow.ReviewApproved:
		return what + " does not approve"
	case r.Edited:
		return what + " was edited"
	}
	return ""
}

// VoidedBy says, as a sentence, why a review that was submitted, edited or dismissed ends an
// approval; "" when it does not. Only approvals by reviews end like that, of what is not applied yet.
func VoidedBy(r workflow.Review, a workflow.Approval) string {
	switch {
	case a.ReviewID == 0 || a.Void != "" || a.Applied || a.User.ID != r.By.ID || r.By.ID == 0:
		return ""
	case a.ReviewID == r.ID:
		return phrase.Sentence(whyVoid(r))
	case r.State == workflow.ReviewDismissed || r.Edited: // an earlier or later one of theirs
		return ""
	case earlier(r, a.At): // GitHub tells of it late
		return ""
	case r.State == workflow.ReviewChanges:
		return workflow.Mention(r.By) + " now requests changes."
	}
	return workflow.Mention(r.By) + " has reviewed again since."
}

// RememberReview returns a pull's reviews after GitHub told of one, in whatever order it tells: each
// person's latest, and one that ended stays ended.
func RememberReview(reviews []workflow.Review, r workflow.Review) []workflow.Review {
	out := slices.Clone(reviews)
	if i := slices.IndexFunc(out, func(old workflow.Review) bool { return old.By.ID == r.By.ID }); i >= 0 {
		old := out[i]
		before := earlier(r, old.At) || r.At.Equal(old.At) && r.ID < old.ID // GitHub's times have whole seconds
		if old.ID == r.ID && !old.Approves() || old.ID != r.ID && before {
			return out
		}
		out = slices.Delete(out, i, i+1)
	}
	out = append(out, r)
	return out[max(0, len(out)-maxReviews):]
}

// Latest reports whether a review is its giver's latest among those that GitHub told of, and has not ended.
func Latest(reviews []workflow.Review, r workflow.Review) bool {
	return slices.ContainsFunc(reviews, func(o workflow.Review) bool { return o.By.ID == r.By.ID && o.ID == r.ID && o.Approves() })
}

// earlier reports whether a review was submitted before a time, for sure.
func earlier(r workflow.Review, at time.Time) bool { return !r.At.IsZero() && r.At.Before(at) }

// reviewsThatLack says of people who approved on GitHub, and whose approval does not count, why
// their review approves nothing here.
func (g *gate) reviewsThatLack(c approvalCount, counted []workflow.Approval) (out phrase.Text) {
	if !c.reviewsCount() {
		return nil
	}
	const most = 3
	n := 0
	for _, r := range g.in.Record.Reviews {
		theirs := func(a workflow.Approval) bool { return a.User.ID == r.By.ID }
		if !r.Approves() || slices.ContainsFunc(counted, theirs) {
			continue
		}
		if why := ReviewLacks(g.in, r); !why.Empty() && n < most {
			out, n = out.And(why), n+1
		}
	}
	return out
}

// WaitsForReview reports whether the project's plan lacks an approval, and a review could be one.
func WaitsForReview(in Input) bool {
	g := newGate(in, whenShown)
	c := g.approvals()
	_, missing := c.count(in.Project.Approvals)
	return g.requires(workflow.NeedApproved) && c.reviewsCount() && len(missing) > 0
}
