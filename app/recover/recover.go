// Package recover finds what never reached us. GitHub sends a delivery once. If nobody takes
// it, it stays in the App's delivery log for three days; if GitHub never sent it, it is
// nowhere. So at start and every few minutes the log is read for deliveries that the inbox
// lacks, and then the open pulls of every repository are compared with those we know.
package recover

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/cardea-iac/cardea/app/event"
	"github.com/cardea-iac/cardea/app/github"
	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/service"
)

// Config is what recovery needs.
type Config struct {
	Service *service.Service
	GitHub  *github.Client
	Rules   func(workflow.Repo) (workflow.Rules, bool)
	Every   time.Duration // 0 = 5 minutes
	// Told reports whether people are told of what caused an error elsewhere; nil: of none.
	Told func(error) bool
	Now  workflow.Clock
	Log  *slog.Logger
}

const (
	// mark is the setting that says up to which time the delivery log was read.
	mark = "recover.deliveries"
	// overlap is read again each time: GitHub's log is not strictly in order, and deliveries may
	// be slow.
	overlap = 10 * time.Minute
	// firstLook is how far a server that never ran looks back: as long as commands live.
	firstLook = 30 * time.Minute
	// reposAtOnce is how many repositories one round compares; the next round continues from
	// there.
	reposAtOnce = 60
	// underWay is how long an event may take from GitHub to the inbox.
	underWay = 3 * time.Second
	// logPages is the most pages of the log that a round reads.
	logPages = 100
)

// Recovery asks GitHub what we missed.
type Recovery struct {
	config Config
	from   int    // the repository that the next round starts with
	said   string // what the log last said of a round, "" when it was complete
}

// New returns a recovery.
func New(c Config) *Recovery {
	if c.Every == 0 {
		c.Every = 5 * time.Minute
	}
	return &Recovery{config: c}
}

// Run recovers at once and then at intervals, until the context ends.
func (r *Recovery) Run(ctx context.Context) error {
	tick := time.NewTicker(r.config.Every)
	defer tick.Stop()
	for {
		if err := r.Round(ctx); ctx.Err() == nil {
			r.say(ctx, err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// say tells how a round ended: the same fault is not told again every time.
func (r *Recovery) say(ctx context.Context, err error) {
	now := ""
	if err = r.untold(err); err != nil {
		now = err.Error()
	}
	if now != "" && now != r.said {
		r.config.Log.WarnContext(ctx, "recovery from GitHub is not complete; the next round continues", "error", err)
	}
	r.said = now
}

// untold leaves out of an error what people are told of elsewhere.
func (r *Recovery) untold(err error) error {
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		var left []error
		for _, one := range many.Unwrap() {
			left = append(left, r.untold(one))
		}
		return errors.Join(left...)
	}
	if err != nil && r.config.Told != nil && r.config.Told(err) {
		return nil
	}
	return err
}

// Round recovers once: first deliveries, then pulls. Then it forgets what was kept long
// enough.
func (r *Recovery) Round(ctx context.Context) error {
	return errors.Join(r.deliveries(ctx), r.pulls(ctx), r.config.Service.Housekeep(ctx))
}

// deliveries puts into the inbox what the log has and the inbox lacks. The
// payload comes from the log: nothing has to be sent again.
func (r *Recovery) deliveries(ctx context.Context) error {
	started := r.config.Now()
	since, err := r.since(ctx, started)
	if err != nil {
		return err
	}
	missed, err := r.missed(ctx, since)
	if err != nil {
		return err
	}
	for _, a := range slices.Backward(missed) { // oldest first
		d, err := r.config.GitHub.Delivery(ctx, a)
		if err != nil && (errors.Is(err, workflow.ErrPassing) || ctx.Err() != nil) {
			return err
		}
		if err != nil { // it has left the log, or cannot be read: the others must not wait for it
			r.config.Log.WarnContext(ctx, "delivery not recovered", "guid", a.GUID,
				"event", a.Event, "delivered", a.At, "error", err)
			continue
		}
		added, err := r.config.Service.Receive(ctx, d)
		if err != nil {
			return err
		}
		if added {
			r.config.Log.InfoContext(ctx, "delivery recovered", "guid", a.GUID, "event", a.Event, "delivered", a.At)
		}
	}
	return r.config.Service.SaveSetting(ctx, mark, []byte(started.UTC().Format(time.RFC3339)))
}

// since is how far back the log has to be read.
func (r *Recovery) since(ctx context.Context, now time.Time) (time.Time, error) {
	value, err := r.config.Service.Setting(ctx, mark)
	if err != nil {
		return time.Time{}, err
	}
	if value == nil {
		return now.Add(-firstLook), nil
	}
	at, err := time.Parse(time.RFC3339, string(value))
	if err != nil {
		return time.Time{}, fmt.Errorf("reading the mark of the delivery log: %w", err)
	}
	return at.Add(-overlap), nil
}

// missed lists the deliveries of the log since a time that the inbox lacks,
// newest first, each once: all attempts at one event share its GUID.
func (r *Recovery) missed(ctx context.Context, since time.Time) ([]github.Attempt, error) {
	var out []github.Attempt
	seen := map[string]bool{}
	cursor := ""
	for range logPages {
		list, next, err := r.config.GitHub.Attempts(ctx, cursor)
		if err != nil {
			return nil, err
		}
		for _, a := range list {
			key := a.GUID + " " + a.Event
			if seen[key] || a.At.Before(since) || !slices.Contains(event.Known, a.Event) || event.Ignores(a.Event, a.Action) {
				continue
			}
			seen[key] = true
			has, err := r.config.Service.HasDelivery(ctx, a.GUID, a.Event)
			if err != nil {
				return nil, err
			}
			if !has {
				out = append(out, a)
			}
		}
		if next == "" || len(list) == 0 || list[len(list)-1].At.Before(since) {
			return out, nil
		}
		cursor = next
	}
	r.config.Log.WarnContext(ctx, "the delivery log is too long to be read in one round", "since", since)
	return out, nil
}

// pulls compares the open pulls of our repositories with those we know, and asks for those
// whose head, base or state we do not. Trouble with one installation, such as a rate limit,
// does not hold up the others.
func (r *Recovery) pulls(ctx context.Context) error {
	repos, err := r.repos(ctx)
	failed := []error{err}
	var strange []listed
	resting := map[int64]bool{} // installations that take no calls now
	for i := range min(len(repos), reposAtOnce) {
		repo := repos[(r.from+i)%len(repos)]
		if resting[repo.InstallationID] {
			continue
		}
		l, err := r.list(ctx, repo)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		strange = append(strange, l)
		failed = append(failed, err)
		resting[repo.InstallationID] = errors.Is(err, workflow.ErrPassing)
	}
	if len(repos) > reposAtOnce {
		r.from = (r.from + reposAtOnce) % len(repos)
	}
	return errors.Join(append(failed, r.ask(ctx, strange))...)
}

// repos are the repositories of all installations that a rule matches. Together with an error
// they are those of the installations that could be asked.
func (r *Recovery) repos(ctx context.Context) (out []workflow.Repo, err error) {
	list, err := r.config.GitHub.Installations(ctx)
	if err != nil {
		return nil, err
	}
	var failed []error
	for _, in := range list {
		if in.Suspended {
			continue
		}
		repos, err := r.config.GitHub.Repos(ctx, in.ID)
		failed = append(failed, err)
		for _, repo := range repos {
			if _, ok := r.config.Rules(repo); ok {
				out = append(out, repo)
			}
		}
	}
	return out, errors.Join(failed...)
}

// listed are one repository's open pulls as GitHub lists them.
type listed struct {
	repo    workflow.Repo
	pulls   []workflow.Pull
	unknown []workflow.Request
}

// list compares one repository's pulls with those we know.
func (r *Recovery) list(ctx context.Context, repo workflow.Repo) (l listed, err error) {
	if rec, err := r.config.Service.Repo(ctx, repo.ID); err == nil && rec.Suspended { // GitHub shows it, so it no longer is
		if err := r.config.Service.SuspendRepo(ctx, repo.ID, false); err != nil {
			return l, err
		}
	}
	l.repo = repo
	if l.pulls, err = r.config.GitHub.OpenPulls(ctx, repo); err != nil {
		return l, err
	}
	return l, r.compare(ctx, &l)
}

func (r *Recovery) compare(ctx context.Context, l *listed) error {
	known, err := r.config.Service.OpenPulls(ctx, l.repo.ID)
	if err != nil {
		return err
	}
	l.unknown = unknown(l.pulls, known, r.config.Now())
	return nil
}

// ask submits what is still unknown after a moment: the event that announces it may be on its
// way, and planning twice would help nobody.
func (r *Recovery) ask(ctx context.Context, strange []listed) error {
	strange = slices.DeleteFunc(strange, func(l listed) bool { return len(l.unknown) == 0 })
	if len(strange) == 0 {
		return nil
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(underWay):
	}
	for _, l := range strange {
		if err := r.compare(ctx, &l); err != nil {
			return err
		}
		for _, req := range l.unknown {
			stored, created, err := r.config.Service.Submit(ctx, req)
			if err != nil {
				return err
			}
			if created {
				r.config.Log.InfoContext(ctx, "pull recovered", "request", stored.ID, "repo", l.repo.FullName(), "about",
					req.About().String(), "action", req.Action)
			}
		}
	}
	return nil
}

// Found is the request to plan a pull that we came across without an event: it is open, and
// its head or base is not the one we know. note tells requests for the same facts apart.
func Found(p workflow.Pull, note string) workflow.Request {
	return workflow.Request{
		Key:  fmt.Sprintf("found:%d#%d:%s:%s:%s", p.Repo.ID, p.Number, p.Head.SHA, p.Base.Ref, note),
		Kind: workflow.RequestPull, Repo: p.Repo, Number: p.Number, Actor: p.Author, Action: "found", Head: p.Head.SHA,
		Immediate: true, CommentedAt: p.UpdatedAt,
	}
}

// changed is the request to look at a pull that is not as its record has it, at the
// same head and base. note tells requests for the same facts apart.
func changed(p workflow.Pull, note string) workflow.Request {
	req := Found(p, note)
	req.Kind = workflow.RequestFacts
	return req
}

// drafted is the request to look at a pull that is a draft and whose record is not, or the
// other way round: of two changes within one second GitHub's times show only one.
func drafted(p workflow.Pull, hour string) workflow.Request {
	note := fmt.Sprintf("draft %t:%s:%s", p.Draft, p.UpdatedAt.UTC().Format(time.RFC3339), hour)
	if p.Draft {
		return changed(p, note) // it plans nothing, as converted_to_draft
	}
	return Found(p, note)
}

// reachedBy is what our calls about a repository's pulls depend on.
func reachedBy(r workflow.Repo) string { return fmt.Sprintf("%d:%s", r.InstallationID, r.FullName()) }

// factsOf stands for the facts of a pull as it is listed, without its time.
func factsOf(p workflow.Pull) string {
	p.UpdatedAt = time.Time{}
	sum := sha256.Sum256(fmt.Appendf(nil, "%+v", p))
	return hex.EncodeToString(sum[:8])
}

// unknown decides which pulls are not as we know them: new ones, other heads or bases, heads
// about which nothing was found out, pulls that are reached in another way now or of which
// any other fact changed, and pulls that are no longer open. A request that led to nothing is
// made again after an hour, but only once for a fact that only the list shows.
func unknown(live []workflow.Pull, known []workflow.PullRecord, now time.Time) []workflow.Request {
	hour := now.UTC().Format("2006010215")
	have := map[int]workflow.PullRecord{}
	for _, rec := range known {
		have[rec.Pull.Number] = rec
	}
	var out []workflow.Request
	for _, p := range live {
		rec, ok := have[p.Number]
		delete(have, p.Number)
		p.Base.SHA = rec.Pull.Base.SHA // a list may show an older tip; pushes tell us the new one
		switch change := workflow.ComparePulls(rec.Pull, p); {
		case ok && p.UpdatedAt.Before(rec.Pull.UpdatedAt): // the list lags
		case ok && change.Reached:
			out = append(out, Found(p, reachedBy(p.Repo)+":"+hour))
		case !ok || change.Head || change.Base:
			out = append(out, Found(p, p.UpdatedAt.UTC().Format(time.RFC3339)+":"+hour))
		case !rec.Known:
			out = append(out, Found(p, fmt.Sprint(rec.Version)))
		case change.Draft:
			out = append(out, drafted(p, hour))
		case change.Facts:
			out = append(out, changed(p, "facts "+factsOf(p)))
		}
	}
	for number, rec := range have {
		old := rec.Pull
		out = append(out, workflow.Request{
			Key:  fmt.Sprintf("gone:%d#%d:%s:%s", old.Repo.ID, number, old.Head.SHA, hour),
			Kind: workflow.RequestClosed, Repo: old.Repo, Number: number, Actor: old.Author, Action: "closed",
			Head: old.Head.SHA, Immediate: true,
		})
	}
	slices.SortFunc(out, func(a, b workflow.Request) int { return a.Number - b.Number })
	return out
}
