package service_test

import (
	"errors"
	"maps"
	"time"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/service"
)

// expandOnce carries out what is due, as the app does.
func (l *life) expandOnce() int {
	due, _, err := l.svc.DueRequests(l.ctx(), service.DueQuery{})
	if !l.try(err) {
		return 0
	}
	for _, r := range due {
		l.carryOut(r)
	}
	return len(due)
}

func (l *life) carryOut(r workflow.Request) {
	p := l.pulls[r.Number].Pull
	e := service.Expansion{Request: r, Pull: p, ActorRole: l.roles[r.Actor.Login], AuthorRole: l.roles[p.Author.Login]}
	if older := l.older[r.Number]; l.moods[r.Key]%7 == 1 && r.Attempts < 2 && len(older) > 0 { // an answer that lags
		e.Pull = older[len(older)-1]
	}
	if l.trouble == troubleDown {
		l.try(l.svc.DeferRequest(l.ctx(), r.ID, "GitHub answers 502.", time.Time{}))
		return
	}
	if lags(r, e.Pull) {
		l.try(l.svc.DeferRequest(l.ctx(), r.ID, "GitHub still shows an older state.", time.Time{}))
		return
	}
	if l.bad() {
		e.RoleError = errors.New("GitHub did not report")
	}
	if c := r.Command; c != nil && c.Verb != workflow.VerbPlan {
		var approvers []workflow.Actor
		if c.Verb == workflow.VerbApply {
			approvers = crowd
		}
		facts, err := l.read(r.Number, r.Actor, approvers)
		l.must(err)
		e.Live = &facts
	}
	if r.ApprovesByReview() {
		facts, err := l.read(r.Number, r.Actor, nil)
		l.must(err)
		e.Live = &facts
	}
	if !l.try(l.svc.Observe(l.ctx(), r, e.Pull)) {
		return
	}
	if r.Command != nil && r.Follow == "" && r.Command.Verb != workflow.VerbUnapprove && l.now.Sub(r.CommentedAt) > 30*time.Minute {
		text := "It is older than 30 minutes."
		l.try(l.svc.FinishRequest(l.ctx(), r.ID, "Refused: "+text, &workflow.Reply{Kind: workflow.ReplyRefused, Text: phrase.Texts(text)}))
		return
	}
	l.forget(r.Number)
	l.try(l.svc.Expand(l.ctx(), e))
	l.forget(r.Number)
}

// lags reports whether GitHub shows a pull as it was before the event, as the app asks.
func lags(r workflow.Request, p workflow.Pull) bool {
	switch {
	case !p.UpdatedAt.Before(r.CommentedAt):
		return false
	case r.Kind == workflow.RequestClosed:
		return p.State == workflow.PullOpen
	}
	return r.Kind == workflow.RequestPull && (p.State != workflow.PullOpen || r.Head != p.Head.SHA)
}

// ripen lets everything that is on its way arrive: requests, plans and comments, not applies.
func (l *life) ripen() {
	for range 12 {
		l.now = l.now.Add(4 * time.Second)
		l.deliverAll()
		busy := l.expandOnce() > 0
		for l.claimOne() {
			busy = true
		}
		for i := 0; i < len(l.jobs); {
			if l.jobs[i].run.Kind == workflow.RunApply {
				i++
				continue
			}
			busy = true
			l.endPlan(i, 9)
		}
		if !busy {
			break
		}
	}
	for n := range l.pulls[1:] {
		l.report(n + 1)
	}
	l.now = l.now.Add(time.Second)
}

// report writes a pull's summary and replies on GitHub.
func (l *life) report(n int) {
	key := workflow.PullKey{RepoID: repo.ID, Number: n}
	v, err := l.svc.View(l.ctx(), key)
	if errors.Is(err, workflow.ErrNotFound) || !l.try(err) {
		return
	}
	p, fps, runs := l.pulls[n], map[string]string{}, map[string]string{}
	for _, pr := range v.Projects {
		if plan := v.PlanOf(pr); plan != nil && !plan.NoChanges {
			fps[pr.Project.Name], runs[pr.Project.Name] = plan.Fingerprint, pr.Run.ID
		}
	}
	if len(p.displays) == 0 || !maps.Equal(p.displays[len(p.displays)-1].fingerprints, fps) {
		p.displays = append(p.displays, display{l.now, fps})
	}
	l.try(l.svc.ShownAt(l.ctx(), key, workflow.Shown{At: l.now.Truncate(time.Second), Fingerprints: fps, Runs: runs}))
	for _, r := range v.Replies {
		if !r.Done && !r.Waits {
			p.comments[r.Key] = true // found again by its marker where it is there
			l.try(l.svc.ReplyWritten(l.ctx(), key, r.Key, 1))
		}
	}
	l.now = l.now.Add(1500 * time.Millisecond)
}
