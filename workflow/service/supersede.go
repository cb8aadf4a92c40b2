package service

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/workflow"
)

// Observe records the live facts of a pull before any git work is done for a
// request. Another head or base branch, or reopening, makes what is known
// unknown, so that the checks appear queued; queued runs of the old head are
// dropped and running ones asked to stop. A closed pull's runs are cancelled.
// Facts older than those known (by GitHub's clock) are ignored. A repository
// without rules is ignored: the request, if it is a stored one, is finished.
func (s *Service) Observe(ctx context.Context, req workflow.Request, p workflow.Pull) error {
	if known, err := s.observed(ctx, p); err != nil || known {
		return wrap(err, "reading what is known of "+p.Key().String())
	}
	err := s.act(ctx, func(a *act) error { return a.observe(req, p) })
	return wrap(err, fmt.Sprintf("recording the facts of %s#%d", p.Repo.FullName(), p.Number))
}

// observed reports whether exactly these facts are known, so that nothing has to be written.
func (s *Service) observed(ctx context.Context, p workflow.Pull) (known bool, err error) {
	err = s.store.View(ctx, func(tx workflow.Tx) error {
		rec, err := tx.Pull(p.Key())
		if errors.Is(err, workflow.ErrNotFound) {
			return nil
		}
		known = err == nil && rec.Pull.UpdatedAt.Equal(p.UpdatedAt) && workflow.ComparePulls(rec.Pull, p) == workflow.PullChange{}
		return err
	})
	return known, err
}

// observe is Observe in its act.
func (a *act) observe(req workflow.Request, p workflow.Pull) error {
	rules, ok := a.s.rules(p.Repo)
	if !ok {
		return a.ignore(req)
	}
	if _, err := a.seenRepo(p.Repo); err != nil {
		return err
	}
	rec, err := a.tx.Pull(p.Key())
	if errors.Is(err, workflow.ErrNotFound) {
		if p.State != workflow.PullOpen && req.Kind != workflow.RequestCommand {
			return nil // it came and went while we looked elsewhere: there is nothing to show
		}
		rec = workflow.PullRecord{Pull: p, CreatedAt: a.now, PerProjectChecks: rules.PerProjectChecks}
		return a.save(rec)
	}
	if err != nil {
		return err
	}
	if p.UpdatedAt.Before(rec.Pull.UpdatedAt) {
		return nil
	}
	change := workflow.ComparePulls(rec.Pull, p)
	old := rec.Pull
	rec.Pull = p
	if !change.Facts {
		rec.Pull.UpdatedAt = p.UpdatedAt
		return a.tx.PutPull(rec) // the clock alone is nothing to show
	}
	rec.Leave(old, a.now)
	over := change.Head || change.Base || change.Reopened
	if change.Closed || over {
		for _, project := range rec.Projects {
			a.drop(uselessArtefacts(project, "")...)
		}
	}
	if change.Closed {
		if err := a.closePull(&rec); err != nil {
			return err
		}
	}
	if over {
		if err := a.beginAnew(&rec, old); err != nil {
			return err
		}
	}
	if change.Asked && !over {
		if err := a.reconsiderAll(rec, rules); err != nil {
			return err
		}
	}
	if change.Head || change.Closed || change.Reopened {
		if err := a.touchPeers(p.Key(), old.Head.SHA, p.Head.SHA); err != nil {
			return err
		}
	}
	return a.save(rec)
}

// closePull ends what a pull that was closed or merged has going, and releases its
// locks; those that an apply still needs are released when its end is known.
func (a *act) closePull(rec *workflow.PullRecord) error {
	text := "The pull request was " + string(rec.Pull.State) + "."
	rec.ClosedAt = a.now
	if err := a.dropRuns(rec, workflow.OutcomeCancelled, text); err != nil {
		return err
	}
	if rec.Pull.State == workflow.PullClosed {
		a.announceClosed(rec)
	}
	said := phrase.Plain(text)
	stays, err := a.releaseAll(*rec)
	if err != nil {
		return err
	}
	if err := a.forgetKeepers(*rec); err != nil {
		return err
	}
	if len(stays) > 0 {
		said = said.And(phrase.Say("Its locks stay for now: %s", phrase.All(stays)))
		rec.Replies = append(rec.Replies, workflow.Reply{Key: "locked/" + a.newID(), Kind: workflow.ReplyClosed, To: rec.Pull.Author, At: a.now,
			Text: append([]phrase.Text{phrase.Say("The pull request is %s, but locks stay for now.", rec.Pull.State)}, stays...)})
	}
	return a.say(rec.Pull.Subject().About(), workflow.Event{Kind: workflow.EventClosed, Text: said})
}

// announceClosed tells that a pull was closed after something of it was applied.
func (a *act) announceClosed(rec *workflow.PullRecord) {
	reply := workflow.Reply{Key: fmt.Sprintf("closed/%s", rec.ClosedAt.UTC().Format("20060102T150405.000")),
		Kind: workflow.ReplyClosed, To: rec.Pull.Author, At: a.now}
	for _, p := range rec.WithPast().Projects {
		if p.Held && p.Apply != nil && p.Apply.Begun() && p.Apply.State == workflow.RunFinished {
			reply.Items = append(reply.Items, workflow.ReplyItem{Project: p.Project.Name, Done: p.Apply.ApplySucceeded(), Run: p.Apply,
				Text: phrase.Say("%s.", workflow.NeverMerged(rec.Pull.Number, *p.Apply))})
		}
	}
	if len(reply.Items) == 0 {
		return
	}
	rec.Replies = append(rec.Replies, reply)
}

// beginAnew makes a record one of another head, base branch or life of its pull.
func (a *act) beginAnew(rec *workflow.PullRecord, old workflow.Pull) error {
	why := "The base branch was changed to `" + rec.Pull.Base.Ref + "`."
	if head := rec.Pull.Head.SHA; old.Head.SHA != head {
		why = fmt.Sprintf("A newer commit, %s, replaces %s.", phrase.Short(head), phrase.Short(old.Head.SHA))
		if old.Head.SHA != "" && !slices.Contains(rec.OldHeads, old.Head.SHA) {
			rec.OldHeads = append(rec.OldHeads, old.Head.SHA)
		}
		rec.OldHeads = slices.DeleteFunc(rec.OldHeads, func(sha string) bool { return sha == head })
	} else if old.State != workflow.PullOpen {
		why = "The pull request was reopened."
	}
	if err := a.dropRuns(rec, workflow.OutcomeSuperseded, why); err != nil {
		return err
	}
	rec.Shelve()
	rec.Known, rec.Trouble, rec.Waiting, rec.Notes, rec.NotPlanned = false, nil, "", nil, nil
	rec.BaseSHA, rec.Tree = "", ""
	if rec.Pull.State == workflow.PullOpen {
		rec.ClosedAt = time.Time{}
	}
	return a.say(rec.Pull.Subject().About(), workflow.Event{Kind: workflow.EventSuperseded, Text: phrase.Plain(why)})
}

func (a *act) ignore(req workflow.Request) error {
	if req.ID == "" {
		return nil
	}
	stored, err := a.tx.Request(req.ID)
	if err != nil || stored.Done {
		return err
	}
	return a.finish(stored, "Ignored: no rule of the server matches this repository.")
}

// touchPeers makes other open pulls with one of these heads be reported again:
// the worst of all of them is what the checks of that head say.
func (a *act) touchPeers(key workflow.PullKey, heads ...string) error {
	slices.Sort(heads)
	for _, sha := range slices.Compact(heads) {
		if sha == "" {
			continue
		}
		peers, err := a.tx.PullsByHead(key.RepoID, sha)
		if err != nil {
			return err
		}
		for _, peer := range peers {
			if peer.Pull.Key() == key || peer.Pull.State != workflow.PullOpen {
				continue
			}
			if err := a.save(peer); err != nil {
				return err
			}
		}
	}
	return nil
}
