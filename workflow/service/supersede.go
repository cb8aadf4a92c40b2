package service

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/workflow"
)

// Supersession says what new facts of a pull mean for what we know of it.
type Supersession struct {
	Head     bool // another head: what is known is of the old one
	Base     bool // another base branch
	Closed   bool // it was open
	Reopened bool // it was not
	Asked    bool // anything that the gate asks about changed
	Facts    bool // anything that people see changed
}

// Supersede compares the facts of a pull with those known before. It is the one
// place that says which facts count for what: each is shown and asked about by
// the gate, but for those that are taken out here.
func Supersede(known, live workflow.Pull) Supersession {
	change := Supersession{
		Head:     known.Head.SHA != live.Head.SHA,
		Base:     known.Base.Ref != live.Base.Ref,
		Closed:   known.State == workflow.PullOpen && live.State != workflow.PullOpen,
		Reopened: known.State != workflow.PullOpen && live.State == workflow.PullOpen,
	}
	known.UpdatedAt = live.UpdatedAt // the clock alone is nothing to show
	change.Facts = !reflect.DeepEqual(known, live)
	known.Title, known.Base.SHA = live.Title, live.Base.SHA // of the base the gate asks for the tip of now
	change.Asked = !reflect.DeepEqual(known, live)
	return change
}

// Observe records the live facts of a pull before any git work is done for a
// request. Another head or base branch, or reopening, makes what is known
// unknown, so that the checks appear queued; queued runs of the old head are
// dropped and running ones asked to stop. A closed pull's runs are cancelled.
// Facts older than those known (by GitHub's clock) are ignored. A repository
// without rules is ignored: the request, if it is a stored one, is finished.
func (s *Service) Observe(ctx context.Context, req workflow.Request, p workflow.Pull) error {
	now := s.now()
	if known, err := s.observed(ctx, p); err != nil || known {
		return wrap(err, "reading what is known of "+p.Key().String())
	}
	var useless []string
	err := s.store.Update(ctx, func(tx workflow.Tx) (err error) {
		useless, err = s.observe(tx, req, p, now)
		return err
	})
	if err != nil {
		return fmt.Errorf("recording the facts of %s#%d: %w", p.Repo.FullName(), p.Number, err)
	}
	for _, id := range useless {
		s.drop(id)
	}
	s.wake(WakePulls, WakeRuns, WakeInterrupts, WakeRequests)
	return nil
}

// observed reports whether exactly these facts are known, so that nothing has to be written.
func (s *Service) observed(ctx context.Context, p workflow.Pull) (known bool, err error) {
	err = s.store.View(ctx, func(tx workflow.Tx) error {
		rec, err := tx.Pull(p.Key())
		if errors.Is(err, workflow.ErrNotFound) {
			return nil
		}
		known = err == nil && rec.Pull.UpdatedAt.Equal(p.UpdatedAt) && Supersede(rec.Pull, p) == Supersession{}
		return err
	})
	return known, err
}

// observe is Observe in its transaction. It returns the runs whose artefacts are of no use any more.
func (s *Service) observe(tx workflow.Tx, req workflow.Request, p workflow.Pull, now time.Time) (useless []string, err error) {
	rules, ok := s.rules(p.Repo)
	if !ok {
		return nil, s.ignore(tx, req, now)
	}
	if _, err := seenRepo(tx, p.Repo, now); err != nil {
		return nil, err
	}
	rec, err := tx.Pull(p.Key())
	if errors.Is(err, workflow.ErrNotFound) {
		if p.State != workflow.PullOpen && req.Kind != workflow.RequestCommand {
			return nil, nil // it came and went while we looked elsewhere: there is nothing to show
		}
		rec = workflow.PullRecord{Pull: p, CreatedAt: now, PerProjectChecks: rules.PerProjectChecks}
		return nil, savePull(tx, rec, now)
	}
	if err != nil {
		return nil, err
	}
	if p.UpdatedAt.Before(rec.Pull.UpdatedAt) {
		return nil, nil
	}
	change := Supersede(rec.Pull, p)
	old := rec.Pull
	rec.Pull = p
	if !change.Facts {
		rec.Pull.UpdatedAt = p.UpdatedAt
		return nil, tx.PutPull(rec) // the clock alone is nothing to show
	}
	rec.Leave(old, now)
	over := change.Head || change.Base || change.Reopened
	if change.Closed || over {
		for _, project := range rec.Projects {
			useless = append(useless, dropArtefactsOf(project, "")...)
		}
	}
	if change.Closed {
		if err := s.closed(tx, &rec, now); err != nil {
			return nil, err
		}
	}
	if over {
		if err := s.superseded(tx, &rec, old, now); err != nil {
			return nil, err
		}
	}
	if change.Asked && !over {
		if err := s.reconsiderAll(tx, rec, rules, now); err != nil {
			return nil, err
		}
	}
	if change.Head || change.Closed || change.Reopened {
		if err := touchPeers(tx, p.Key(), now, old.Head.SHA, p.Head.SHA); err != nil {
			return nil, err
		}
	}
	return useless, savePull(tx, rec, now)
}

// closed ends what a pull that was closed or merged has going, and releases its
// locks; those that an apply still needs are released when that is settled.
func (s *Service) closed(tx workflow.Tx, rec *workflow.PullRecord, now time.Time) error {
	text := "The pull request was " + string(rec.Pull.State) + "."
	rec.ClosedAt = now
	if err := s.dropRuns(tx, rec, workflow.OutcomeCancelled, text, now); err != nil {
		return err
	}
	if rec.Pull.State == workflow.PullClosed {
		s.announceClosed(rec, now)
	}
	stays, err := s.releaseAll(tx, *rec, now)
	if err != nil {
		return err
	}
	if err := s.forgetKeepers(tx, *rec); err != nil {
		return err
	}
	if len(stays) > 0 {
		text = phrase.Joined(text, "Its locks stay for now: "+strings.Join(stays, " "))
		rec.Replies = append(rec.Replies, workflow.Reply{Key: "locked/" + s.newID(now), Kind: workflow.ReplyClosed, To: rec.Pull.Author, At: now,
			Text: append([]string{fmt.Sprintf("The pull request is %s, but locks stay for now.", rec.Pull.State)}, stays...)})
	}
	return tx.Append(event(workflow.EventClosed, now, rec.Pull.Key(), text))
}

// superseded makes a record one of another head, base branch or life of its pull.
func (s *Service) superseded(tx workflow.Tx, rec *workflow.PullRecord, old workflow.Pull, now time.Time) error {
	why := "The base branch was changed to `" + rec.Pull.Base.Ref + "`."
	if head := rec.Pull.Head.SHA; old.Head.SHA != head {
		why = fmt.Sprintf("A newer commit, %s, takes the place of %s.", phrase.Short(head), phrase.Short(old.Head.SHA))
		if old.Head.SHA != "" && !slices.Contains(rec.OldHeads, old.Head.SHA) {
			rec.OldHeads = append(rec.OldHeads, old.Head.SHA)
		}
		rec.OldHeads = slices.DeleteFunc(rec.OldHeads, func(sha string) bool { return sha == head })
	} else if old.State != workflow.PullOpen {
		why = "The pull request was reopened."
	}
	if err := s.dropRuns(tx, rec, workflow.OutcomeSuperseded, why, now); err != nil {
		return err
	}
	rec.Shelve()
	rec.Known, rec.Trouble, rec.Waiting, rec.Notes, rec.NotPlanned = false, nil, "", nil, nil
	rec.BaseSHA, rec.Tree = "", ""
	if rec.Pull.State == workflow.PullOpen {
		rec.ClosedAt = time.Time{}
	}
	return tx.Append(event(workflow.EventSuperseded, now, rec.Pull.Key(), why))
}

func (s *Service) ignore(tx workflow.Tx, req workflow.Request, now time.Time) error {
	if req.ID == "" {
		return nil
	}
	stored, err := tx.Request(req.ID)
	if err != nil || stored.Done {
		return err
	}
	return finishRequest(tx, stored, "Ignored: no rule of the server matches this repository.", now)
}

// dropRuns ends the queued runs of a pull and asks its running ones to stop, but
// for applies that began. The record is changed, not saved.
func (s *Service) dropRuns(tx workflow.Tx, rec *workflow.PullRecord, outcome workflow.Outcome, why string, now time.Time) error {
	return s.dropSome(tx, rec, dropping{outcome, why, now}, func(workflow.Run) bool { return true })
}

// dropSome is dropRuns for some of the runs. An apply whose plan is spent is
// never among them: only `cancel --apply` interrupts that.
func (s *Service) dropSome(tx workflow.Tx, rec *workflow.PullRecord, d dropping, which func(workflow.Run) bool) error {
	live, err := tx.LiveRunsOf(rec.Pull.Key())
	if err != nil {
		return err
	}
	var runs []workflow.Run
	for _, run := range live {
		spent := run.Apply != nil && run.Apply.Spent
		if !spent && which(run) {
			runs = append(runs, run)
		}
	}
	return s.dropThese(tx, rec, runs, d)
}

// touchPeers makes other open pulls with one of these heads be reported again:
// the worst of all of them is what the checks of that head say.
func touchPeers(tx workflow.Tx, key workflow.PullKey, now time.Time, heads ...string) error {
	slices.Sort(heads)
	for _, sha := range slices.Compact(heads) {
		if sha == "" {
			continue
		}
		peers, err := tx.PullsByHead(key.RepoID, sha)
		if err != nil {
			return err
		}
		for _, peer := range peers {
			if peer.Pull.Key() == key || peer.Pull.State != workflow.PullOpen {
				continue
			}
			if err := savePull(tx, peer, now); err != nil {
				return err
			}
		}
	}
	return nil
}

// savePull saves a record that changed in a way that people see.
func savePull(tx workflow.Tx, rec workflow.PullRecord, now time.Time) error {
	rec.Version++
	rec.ChangedAt = now
	rec.Replies = slices.DeleteFunc(rec.Replies, func(r workflow.Reply) bool { return r.Done && now.Sub(r.At) > keepReplies })
	rec.FindUpstream()
	if err := findLocks(tx, &rec); err != nil {
		return err
	}
	tellPlanned(&rec, now)
	return tx.PutPull(rec)
}

// changePull loads a record, changes it and saves it when change says that
// people see a difference. A pull that has no record has nobody to tell.
func (s *Service) changePull(tx workflow.Tx, key workflow.PullKey, now time.Time, change func(*workflow.PullRecord) bool) error {
	rec, err := tx.Pull(key)
	if errors.Is(err, workflow.ErrNotFound) {
		return nil
	}
	if err != nil || !change(&rec) {
		return err
	}
	return savePull(tx, rec, now)
}
