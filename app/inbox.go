package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cardea-iac/cardea/app/event"
	"github.com/cardea-iac/cardea/app/report"
	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/service"
)

const (
	inboxBatch = 100
	inboxPoll  = 5 * time.Second
	// reacting is how many reactions are written at a time.
	reacting = 4
	// reactTimeout is how long a reaction is worth writing.
	reactTimeout = 30 * time.Second
)

// inbox turns stored deliveries into requests, oldest first.
func (a *App) inbox(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-a.config.Service.Woken(service.WakeInbox):
		case <-timer.C:
		}
		if err := a.settle(ctx); err != nil && ctx.Err() == nil {
			a.config.Log.ErrorContext(ctx, "the inbox could not be processed", "error", err)
		}
		timer.Reset(inboxPoll)
	}
}

// settle works the inbox off. A delivery that cannot be settled does not stop the others.
func (a *App) settle(ctx context.Context) error {
	var failed []error
	for {
		list, err := a.config.Service.PendingDeliveries(ctx, inboxBatch+len(failed))
		if err != nil {
			return errors.Join(append(failed, err)...)
		}
		settled := 0
		for _, d := range list {
			if ctx.Err() != nil {
				return errors.Join(failed...)
			}
			if err := a.settleOne(ctx, d); err != nil {
				failed = append(failed, err)
				continue
			}
			settled++
		}
		if settled == 0 || len(failed) > inboxBatch {
			return errors.Join(failed...)
		}
	}
}

func (a *App) settleOne(ctx context.Context, d workflow.Delivery) error {
	decision := event.Decide(d, event.Config{AppID: a.config.AppID, Prefixes: a.config.Prefixes, Rules: a.config.Rules})
	if err := a.learn(ctx, decision); err != nil {
		return err
	}
	if e := decision.Edited; e != nil {
		if err := a.config.Service.SummaryEdited(ctx, e.Pull, e.CommentID,
			workflow.Shown{At: e.At, EditedBy: e.By}); err != nil {
			return err
		}
	}
	if err := a.bind(ctx, decision); err != nil {
		return err
	}
	if err := a.spread(ctx, &decision); err != nil {
		return err
	}
	req, created, err := a.config.Service.WorkOffDelivery(ctx, d, decision.Request, decision.Note)
	if err != nil {
		return err
	}
	a.metrics.settled(decision, created)
	if !created {
		a.config.Log.DebugContext(ctx, "delivery settled", "guid", d.GUID, "event",
			d.Event, "note", decision.Note, "request", req.ID)
		return nil
	}
	a.config.Log.InfoContext(ctx, "request", "request", req.ID, "guid", d.GUID, "kind", string(req.Kind), "repo",
		req.Repo.FullName(), "about", req.About().String(), "actor", req.Actor.Login)
	if req.CommentID != 0 {
		select {
		case a.reacts <- req:
		default: // there are so many commands at once that their answers have to do
		}
	}
	return nil
}

// bind gives a button's request the plans that it was pressed for: those that its check run
// showed, if they are still the current ones. Otherwise the request has none, and is refused
// when its turn comes.
func (a *App) bind(ctx context.Context, d event.Decision) error {
	if d.Request == nil || !event.Binds(*d.Request) {
		return nil
	}
	pull, shown := d.Request.About().Pull()
	if !shown {
		return nil
	}
	view, err := a.config.Service.View(ctx, pull)
	if errors.Is(err, workflow.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if offered := report.Offered(view, a.links); d.Request.Head == view.Pull.Head.SHA &&
		report.ShownKey(view, offered) == d.Shown {
		d.Request.Command.Fingerprints, d.Request.Command.Runs = offered, report.Runs(view, offered)
	}
	return nil
}

// spread turns a re-run of all checks of a commit into one request for each open pull with
// that head. The last of them is the delivery's own, so that nothing is lost before all of
// them exist.
func (a *App) spread(ctx context.Context, d *event.Decision) error {
	if d.Request == nil || !event.OfHead(*d.Request) {
		return nil
	}
	recs, err := a.config.Service.PullsByHead(ctx, d.Request.Repo.ID, d.Request.Head)
	if err != nil {
		return err
	}
	recs = slices.DeleteFunc(recs, func(rec workflow.PullRecord) bool { return rec.Pull.State != workflow.PullOpen })
	if _, one := d.Request.About().Subject(); !one && len(recs) == 0 {
		d.Request, d.Note = nil, "ignored: no open pull request that Cardea knows has this head"
		return nil
	}
	key := d.Request.Key
	for i, rec := range recs {
		d.Request.SetAbout(d.Request.Repo, rec.Pull.Subject().About())
		d.Request.Key = fmt.Sprintf("%s#%d", key, rec.Pull.Number)
		if i == len(recs)-1 {
			break
		}
		if _, _, err := a.config.Service.Submit(ctx, *d.Request); err != nil {
			return err
		}
	}
	return nil
}

// learn records what a delivery says about repositories.
func (a *App) learn(ctx context.Context, d event.Decision) error {
	repos := d.Repos
	if d.Installation != 0 {
		a.github.Forget(d.Installation)
		a.reporter.Again()
		wake(a.health.full)
		known, err := a.config.Service.Repos(ctx)
		if err != nil {
			return err
		}
		for _, rec := range known {
			if rec.Repo.InstallationID == d.Installation {
				repos = append(repos, rec.Repo)
			}
		}
	}
	for _, repo := range repos {
		if !d.Suspended {
			if repo.DefaultBranch == "" { // installation events name no branch: what we know is better
				if rec, err := a.config.Service.Repo(ctx, repo.ID); err == nil {
					repo.DefaultBranch, repo.Private = rec.Repo.DefaultBranch, rec.Repo.Private
				} else if !errors.Is(err, workflow.ErrNotFound) {
					return err
				}
			}
			if _, ok := a.config.Rules(repo); ok {
				if _, err := a.config.Service.SeenRepo(ctx, repo); err != nil {
					return err
				}
			}
		}
		if err := a.config.Service.SuspendRepo(ctx, repo.ID, d.Suspended); err != nil {
			return err
		}
	}
	return nil
}

// react shows people that their command is stored. It is a courtesy: if it fails, nothing
// else does.
func (a *App) react(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	for range reacting {
		g.Go(func() error {
			for {
				select {
				case <-ctx.Done():
					return nil
				case req := <-a.reacts:
					call, cancel := context.WithTimeout(ctx, reactTimeout)
					if err := a.github.React(call, req.Repo, req.CommentID, "eyes"); err != nil && ctx.Err() == nil {
						a.config.Log.WarnContext(ctx, "the comment could not be given a reaction", "request", req.ID, "error", err)
					}
					cancel()
				}
			}
		})
	}
	return g.Wait()
}
