package service_test

import (
	"fmt"
	"slices"
	"time"

	"github.com/cardea-iac/cardea/workflow"
)

// hubReview is a review as GitHub has it.
type hubReview struct {
	workflow.Review
	wrote time.Time // to the nanosecond
}

// shownReviews are each person's latest review, as GitHub shows them, or showed them a moment ago.
func (l *life) shownReviews(n int) (shown []workflow.Review) {
	p := l.pulls[n]
	if l.now.Before(p.lagEnds) {
		return slices.Clone(p.lagging)
	}
	for i, r := range p.reviews {
		later := func(o *hubReview) bool { return o.By.ID == r.By.ID }
		if !slices.ContainsFunc(p.reviews[i+1:], later) {
			shown = append(shown, workflow.Review{By: r.By, At: r.At, State: r.State, Edited: r.Edited})
		}
	}
	return shown
}

// actReview is what somebody does with a review: a the pull, b who, c what, d on which one.
func (l *life) actReview(s step) {
	n, who := pullOf(s.a), crowd[s.b%len(crowd)]
	p := l.pulls[n]
	if s.d%5 == 0 { // GitHub's API shows it later
		p.lagging, p.lagEnds = l.shownReviews(n), l.now.Add(time.Duration(1+s.d%40)*time.Second)
	}
	switch what := s.c % 10; {
	case what < 6:
		head := p.Head.SHA
		if older := l.older[n]; what == 5 && len(older) > 0 {
			head = older[s.d%len(older)].Head.SHA
		}
		l.review(n, who, head, workflow.ReviewApproved)
	case what == 6:
		l.review(n, who, p.Head.SHA, workflow.ReviewChanges)
	case len(p.reviews) == 0:
	default: // the latest more often than others
		r := p.reviews[len(p.reviews)-1-s.d%min(3, len(p.reviews))]
		action := "dismissed"
		if what == 9 && r.Approves() {
			r.Edited, action = true, "edited"
		} else {
			r.State = workflow.ReviewDismissed
		}
		l.tellReview(n, *r, people["root"], action)
	}
	l.maybeDeliver(s.d)
}

func (l *life) review(n int, who workflow.Actor, head, state string) {
	l.serial++
	r := &hubReview{workflow.Review{ID: int64(l.serial), By: who, At: l.now.Truncate(time.Second), Head: head, State: state}, l.now}
	l.pulls[n].reviews = append(l.pulls[n].reviews, r)
	l.tellReview(n, *r, who, "submitted")
}

func (l *life) tellReview(n int, r hubReview, by workflow.Actor, action string) {
	l.changed(n, func(*hubPull) {})
	l.mail(workflow.Request{Kind: workflow.RequestReview, Repo: repo, Number: n, Actor: by, Action: action, Immediate: true,
		CommentedAt: l.pulls[n].UpdatedAt, Review: &r.Review, Key: fmt.Sprintf("review:%d:%s:%d", r.ID, action, l.serialOf(action))})
}

// serialOf tells edits of one review apart, as the second of each does on GitHub.
func (l *life) serialOf(action string) int {
	if action == "edited" {
		return l.serial
	}
	return 0
}

func (l *life) reviewOf(n int, id int64) *hubReview {
	for _, r := range l.pulls[n].reviews {
		if r.ID == id {
			return r
		}
	}
	return nil
}

// ends reports whether what GitHub told of a review ends an approval by one: it is that very one, or a later
// one that requests changes. One that approves takes its place, which is for its giver to say.
func ends(told workflow.Review, c *consent) bool {
	switch {
	case c.review == 0 || told.By.ID != c.user.ID:
		return false
	case told.ID == c.review:
		return !told.Approves()
	}
	return told.State == workflow.ReviewChanges && !told.At.Before(c.at)
}

// takeReviews notes what GitHub told of reviews, and what of that is worked off.
func (l *life) takeReviews(c *changes, done []workflow.Request) {
	for _, r := range c.requests {
		if was := l.requests[r.ID]; was == nil && r.Review != nil {
			l.toldReviews[r.Number] = append(l.toldReviews[r.Number], *r.Review)
		}
	}
	for _, r := range done {
		if r.Review == nil || r.Attempts >= 9 { // one that was given up changes nothing
			continue
		}
		if !r.Review.Approves() {
			l.overReviews[r.Review.ID] = true
		}
		for _, a := range l.approvals {
			if a.pull == r.Number && !a.void && ends(*r.Review, a) {
				a.void = true
				l.counts["review ended"]++
			}
		}
	}
}

// takeReview checks a new approval by a review: GitHub told of that, it is its giver's, of a plan of that head
// that was shown, and that a review may approve.
func (l *life) takeReview(n int, p workflow.ProjectRecord, a workflow.Approval, done []workflow.Request) {
	i := slices.IndexFunc(done, func(r workflow.Request) bool { return r.ID == a.Request && r.Review != nil && r.Number == n })
	r, saved := l.reviewOf(n, a.ReviewID), l.saved[p.Run.ID]
	switch {
	case i < 0 || done[i].Review.ID != a.ReviewID || !done[i].Review.Approves():
		l.wrong("I2: an approval by a review of which nobody told: %+v", a)
	case r == nil || r.By.ID != a.User.ID || !r.At.Equal(a.At):
		l.wrong("I2: an approval by a review that is not theirs: %+v, the review is %+v", a, r)
	case a.User.ID == l.pulls[n].Author.ID || a.User.Bot:
		l.wrong("I2: an approval by a review of %s", a.User.Login)
	case l.overReviews[a.ReviewID]:
		l.wrong("I2: an approval by a review that was over: %+v", a)
	case a.Fingerprint != saved.fingerprint || a.Tree != saved.tree || a.Hidden != saved.hidden:
		l.wrong("I4: an approval of another plan: %+v, the plan is %+v", a, saved)
	case saved.hidden || saved.destroys:
		l.wrong("I2: a review approves a plan that destroys, or runs what it does not show: %+v", saved)
	case r.Head != l.runs[p.Run.ID].Head:
		l.wrong("I4: a review of %s approves a plan of %s", r.Head, l.runs[p.Run.ID].Head)
	case !l.shownAt(n, r.wrote, p.Project.Name, a.Fingerprint):
		l.wrong("I4: %s approved %s of %s by a review, and had not seen it", a.User.Login, a.Fingerprint[:12], p.Project.Name)
	}
	l.checkTakenBack(n, a, p.Project.Name, r.wrote)
	l.approvals = append(l.approvals, &consent{pull: n, key: p.Project.Key(), user: a.User, fingerprint: a.Fingerprint, tree: a.Tree,
		hidden: a.Hidden, request: a.Request, review: a.ReviewID, at: a.At, dated: true})
	l.counts["reviewed"]++
}

// stands reports whether a consent holds for an apply by what GitHub was seen to show, and by what it told:
// one by a review does only as long as that is its giver's last word, unchanged.
func (l *life) stands(c *consent, f workflow.LiveFacts, plan *savedPlan) bool {
	if l.isTakenBack(c) {
		return false
	}
	if c.review == 0 {
		return true
	}
	if plan.hidden || plan.destroys || slices.ContainsFunc(l.toldReviews[c.pull], func(told workflow.Review) bool { return ends(told, c) }) {
		return false
	}
	theirs := slices.DeleteFunc(slices.Clone(f.Reviews), func(r workflow.Review) bool { return r.By.ID != c.user.ID })
	return len(theirs) == 1 && theirs[0].At.Equal(c.at) && theirs[0].Approves()
}

// checkReviews: what a review approved is void in the record as soon as its end is worked off.
func (l *life) checkReviews(rec workflow.PullRecord) {
	for _, p := range slices.Concat(rec.Projects, rec.Past) {
		for _, a := range p.Approvals {
			if a.ReviewID != 0 && l.overReviews[a.ReviewID] && a.Void == "" && !a.Applied {
				l.wrong("I2: the approval of %s by the review %d stands, and that is over", p.Project.Name, a.ReviewID)
			}
		}
	}
}
