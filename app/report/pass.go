package report

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cardea-iac/cardea/app/github"
	"github.com/cardea-iac/cardea/templates"
	"github.com/cardea-iac/cardea/workflow"
)

// progressAfter is how long after the comment's last write the next progress
// edit may come; the number of them is the most in one round of plans. The first
// is written at once. GitHub's budget of a plan is twelve calls: two tokens,
// facts, permission, a reaction, four or five for the checks, one final edit.
var progressAfter = []time.Duration{0, 3 * time.Second}

// applyProgress is how long after the comment's last write the next may come while something
// is applied: there is no first at once, for the check tells that it began, and there are two
// calls for every ten seconds.
const applyProgress = 10 * time.Second

// plansBytes is about how much of long plans one pass holds.
const plansBytes = 16 << 20

// pass is one comparison of a pull with what is shown of it.
type pass struct {
	*Reporter
	view   workflow.PullView
	state  workflow.ReportState
	peers  []workflow.PullView
	ours   []github.Comment // what searching found
	looked bool
	// unsure: a write got no answer, so that what is there must be looked for.
	unsure bool
	saved  bool // the state says already that writing is under way
	next   time.Time
	errs   []error
}

// Pass shows one pull as it is now. next is when there is more to show even if nothing
// changes (a progress edit that waits); zero when everything is shown.
func (r *Reporter) Pass(ctx context.Context, key workflow.PullKey) (next time.Time, err error) {
	rec, err := r.config.Service.Pull(ctx, key)
	if err != nil {
		return time.Time{}, err
	}
	unlock := r.heads.lock(fmt.Sprintf("%d %s", key.RepoID, rec.Pull.Head.SHA))
	defer unlock()
	p := &pass{Reporter: r}
	if p.state, err = r.config.Service.Report(ctx, key); err != nil {
		return time.Time{}, err
	}
	if next := p.idle(rec); !next.IsZero() {
		return next, nil
	}
	if p.view, err = r.config.Service.View(ctx, key); err != nil {
		return time.Time{}, err
	}
	if p.view.Pull.Head.SHA != rec.Pull.Head.SHA {
		return r.config.Now(), nil // it has moved on, and the lock is for the old head
	}
	if err := p.load(ctx); err != nil {
		return time.Time{}, err
	}
	if err := p.loadPlans(ctx); err != nil {
		return time.Time{}, err
	}
	if p.view.Pull.State == workflow.PullOpen {
		if err := p.search(ctx); err != nil {
			return time.Time{}, err
		}
		rules, _ := r.config.Rules(p.view.Pull.Repo) // without a rule there are no buttons that need one
		w := Desired(p.view, p.peers, Options{Links: r.config.Links, Rules: rules, Annotate: p.annotate(ctx)})
		if w.Final { // anybody who sees a completed check and then reads the comment must find the result there too
			p.comment(ctx, w)
		}
		p.checks(ctx, w)
		p.replies(ctx)
		if !w.Final {
			p.comment(ctx, w)
		}
		p.merge(ctx, rules)
	} else {
		p.replies(ctx)
	}
	p.oldHeads(ctx)
	return p.next, p.finish(ctx)
}

// idle returns when to look again if there is nothing to write before that, while many
// projects are planned or applied: loading and rendering all plans each time one ends would
// cost more than making them.
func (p *pass) idle(rec workflow.PullRecord) time.Time {
	shown := p.state.Checks[rec.Pull.Head.SHA]
	plan, apply := StandingsOf(rec).Checks()
	if _, is := applying(rec); !busy(rec) || plan[0] != inProgress && !is || affected(rec) <= rec.PerProjectChecks ||
		len(rec.OldHeads) > 0 || !p.state.Searched || p.state.CommentID == 0 ||
		p.state.WritesHead != rec.Pull.Head.SHA || !shows(shown[PlanCheck], plan) || !shows(shown[ApplyCheck], apply) ||
		slices.ContainsFunc(rec.Replies, workflow.Reply.Unwritten) {
		return time.Time{}
	}
	if at, ok := p.progressAt(rec); !ok {
		return p.config.Now().Add(time.Hour) // the end wakes us
	} else if at.After(p.config.Now()) {
		return at
	}
	return time.Time{}
}

func shows(c workflow.CheckShown, want [2]string) bool {
	return c.Status == want[0] && c.Conclusion == want[1]
}

// progressAt is when the next progress edit may be written; false: there have been enough.
func (p *pass) progressAt(rec workflow.PullRecord) (time.Time, bool) {
	if began, is := applying(rec); is {
		if p.state.CommentAt.After(began) {
			began = p.state.CommentAt
		}
		return began.Add(applyProgress), true
	}
	if p.state.Writes >= len(progressAfter) {
		return time.Time{}, false
	}
	return p.state.CommentAt.Add(progressAfter[p.state.Writes]), true
}

// load reads the other pulls of the head and takes over the checks they wrote.
func (p *pass) load(ctx context.Context) error {
	key, head := p.view.Pull.Key(), p.view.Pull.Head.SHA
	if p.state.Checks == nil {
		p.state.Checks = map[string]map[string]workflow.CheckShown{}
	}
	if p.state.WritesHead != head {
		p.state.Writes, p.state.WritesHead = 0, head
	}
	if p.state.Checks[head] == nil {
		p.state.Checks[head] = map[string]workflow.CheckShown{}
	}
	recs, err := p.config.Service.PullsByHead(ctx, key.RepoID, head)
	if err != nil || len(recs) < 2 {
		return err
	}
	views, err := p.config.Service.ViewsByHead(ctx, key.RepoID, head)
	if err != nil {
		return err
	}
	p.peers = slices.DeleteFunc(views, func(v workflow.PullView) bool { return v.Pull.Number == key.Number })
	for _, rec := range recs {
		if rec.Pull.Number == key.Number {
			continue
		}
		other, err := p.config.Service.Report(ctx, rec.Pull.Key())
		if err != nil {
			return err
		}
		if !other.Searched && other.Version > 0 {
			p.state.Searched = false // it may have written something without knowing
		}
		for name, shown := range other.Checks[head] {
			if mine := p.state.Checks[head][name]; shown.ID > mine.ID || shown.ID == mine.ID && shown.At.After(mine.At) {
				p.state.Checks[head][name] = shown
			}
		}
	}
	return nil
}

// loadPlans reads the plans of which comment and checks may show more than the briefs in a
// view.
func (p *pass) loadPlans(ctx context.Context) error {
	if p.view.Pull.State != workflow.PullOpen {
		return nil
	}
	left := plansBytes
	for _, v := range append([]workflow.PullView{p.view}, p.peers...) {
		for _, id := range templates.Lacking(v, affected(v.PullRecord) <= v.PerProjectChecks) {
			if left <= 0 {
				return nil // of the others the briefs are shown
			}
			plan, err := p.config.Service.Plan(ctx, id)
			if err != nil {
				return err
			}
			plan = templates.Fitting(plan)
			v.Plans[id] = plan
			left -= plan.Size()
		}
	}
	return nil
}

// annotate asks whether a diagnostic's file is the same in head and planned tree.
func (p *pass) annotate(ctx context.Context) func(workflow.PullView, workflow.Diagnostic) bool {
	if p.config.SameFile == nil {
		return nil
	}
	return func(v workflow.PullView, d workflow.Diagnostic) bool {
		return p.config.SameFile(ctx, v.PullRecord, d.Position.File)
	}
}

// sure prepares for writing something new: until the pass ends, the saved state says that
// there may be more on GitHub than it knows.
func (p *pass) sure(ctx context.Context) error {
	if p.saved {
		return nil
	}
	state := p.state
	state.Searched = false
	if err := p.config.Service.SaveReport(ctx, state); err != nil {
		return err
	}
	p.saved = true
	return nil
}

// search finds our comment and our checks of the head when the state may not know them.
func (p *pass) search(ctx context.Context) error {
	if p.state.Searched {
		return nil
	}
	if err := p.findComments(ctx); err != nil {
		return err
	}
	if p.state.CommentID == 0 {
		p.state.CommentID = p.marked()
	}
	if err := p.findChecks(ctx, p.view.Pull.Head.SHA); err != nil {
		return err
	}
	p.looked, p.state.Searched = true, true
	return nil
}

func (p *pass) findComments(ctx context.Context) error {
	if p.ours != nil {
		return nil
	}
	ours, err := p.config.GitHub.OurComments(ctx, p.view.Pull.Repo, p.view.Pull.Number)
	if err != nil {
		return err
	}
	p.ours = append([]github.Comment{}, ours...) // not nil: they were looked for
	return nil
}

// marked is our oldest comment with the summary's marker, 0 without one.
func (p *pass) marked() int64 {
	for _, c := range p.ours {
		if strings.HasPrefix(c.Body, templates.SummaryMarker) {
			return c.ID
		}
	}
	return 0
}

func (p *pass) findChecks(ctx context.Context, sha string) error {
	runs, err := p.config.GitHub.OurChecks(ctx, p.view.Pull.Repo, sha)
	if err != nil {
		return err
	}
	known := p.state.Checks[sha]
	if known == nil {
		known = map[string]workflow.CheckShown{}
		p.state.Checks[sha] = known
	}
	for _, run := range runs {
		if run.ID > known[run.Name].ID {
			known[run.Name] = workflow.CheckShown{ID: run.ID, Status: run.Status,
				Conclusion: run.Conclusion, Hash: " " + run.ExternalID}
		}
	}
	return nil
}

// finish saves what is shown now. Only a pass in which nothing failed or waits shows the version in full.
func (p *pass) finish(ctx context.Context) error {
	if p.unsure {
		p.state.Searched = false
	}
	err := errors.Join(p.errs...)
	if err == nil && p.next.IsZero() {
		p.state.Version = p.view.Version
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return errors.Join(err, p.config.Service.SaveReport(ctx, p.state))
}

// doubt notes that a write which got no clear answer may have been done.
func (p *pass) doubt(err error) error {
	if errors.Is(err, workflow.ErrPassing) {
		p.unsure = true
	}
	return err
}

// stop reports whether it is pointless to go on, because GitHub does not accept calls now.
func (p *pass) stop() bool {
	return slices.ContainsFunc(p.errs, func(err error) bool {
		return errors.Is(err, workflow.ErrPassing) || errors.Is(err, context.Canceled)
	})
}

func (p *pass) failed(err error) { p.errs = append(p.errs, err) }
