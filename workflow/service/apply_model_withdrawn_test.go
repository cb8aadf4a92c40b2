package service_test

import (
	"slices"
	"time"

	"github.com/cardea-iac/cardea/workflow"
)

// takenBack is an `unapprove` that was carried out, as the model knows it.
type takenBack struct {
	pull     int
	user     int64
	projects []string // none: all
	wrote    time.Time
}

// actBackwards delivers all webhooks that wait, the newest first.
func (l *life) actBackwards(step) {
	for i := len(l.post) - 1; i >= 0; i-- {
		l.deliver(i)
	}
}

// takeBack notes an `unapprove`, and what it takes back of what there is: all of which GitHub does not say that it was given later.
func (l *life) takeBack(r workflow.Request) {
	w := takenBack{r.Number, r.Actor.ID, r.Command.Select.Projects, l.written[r.Key]}
	for _, a := range l.approvals {
		if w.covers(a.pull, a.user.ID, a.key.Dir) && (!a.dated || !a.at.Truncate(time.Second).After(w.wrote.Truncate(time.Second))) {
			a.void = true
		}
	}
	l.takenBack = append(l.takenBack, w)
}

func (w takenBack) covers(pull int, user int64, project string) bool {
	return w.pull == pull && w.user == user && (len(w.projects) == 0 || slices.Contains(w.projects, project))
}

// checkTakenBack: nobody's approval is given that they took back before it was delivered, when nobody can tell which came first neither.
func (l *life) checkTakenBack(pull int, a workflow.Approval, project string, gave time.Time) {
	for _, w := range l.takenBack {
		late := !gave.Truncate(time.Second).After(w.wrote.Truncate(time.Second))
		if !a.Dated() {
			late = !gave.After(w.wrote)
		}
		if late && w.covers(pull, a.User.ID, project) {
			l.wrong("I2: an approval of %s that %s gave at %s counts, and they took it back at %s", project, a.User.Login, gave, w.wrote)
		}
	}
}

// countTakenBack counts requests to approve that are carried out after they were taken back.
func (l *life) countTakenBack(done []workflow.Request) {
	for _, r := range done {
		gave := l.written[r.Key]
		switch {
		case r.ApprovesByReview():
			gave = r.Review.At
		case r.Command == nil || r.Command.Verb != workflow.VerbApprove:
			continue
		}
		if slices.ContainsFunc(l.takenBack, func(w takenBack) bool {
			return w.pull == r.Number && w.user == r.Actor.ID && !gave.After(w.wrote)
		}) {
			l.counts["given before it was taken back"]++
		}
	}
}

// isTakenBack reports whether a consent is being taken back: GitHub told of that, and it may be older.
func (l *life) isTakenBack(c *consent) bool {
	for _, r := range l.requests {
		if r.Done || r.Command == nil || r.Command.Verb != workflow.VerbUnapprove {
			continue
		}
		w := takenBack{r.Number, r.Actor.ID, r.Command.Select.Projects, l.written[r.Key]}
		if w.covers(c.pull, c.user.ID, c.key.Dir) && (!c.dated || !c.at.After(w.wrote)) {
			return true
		}
	}
	return false
}
