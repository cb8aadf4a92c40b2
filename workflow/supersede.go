package workflow

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Supersession says what new facts of a pull mean for what we know of it.
type Supersession struct {
	Head     bool // another head: what is known is of the old one
	Base     bool // another base branch
	Closed   bool // it was open
	Reopened bool // it was not
	Facts    bool // anything that people see changed
}

// Supersede compares the facts of a pull with those known before.
func Supersede(known, live Pull) Supersession {
	return Supersession{
		Head:     known.Head.SHA != live.Head.SHA,
		Base:     known.Base.Ref != live.Base.Ref,
		Closed:   known.State == PullOpen && live.State != PullOpen,
		Reopened: known.State != PullOpen && live.State == PullOpen,
		Facts: known.Title != live.Title || known.Draft != live.Draft || known.Fork != live.Fork ||
			known.State != live.State || known.Head != live.Head || known.Base != live.Base || known.Repo != live.Repo || known.Author != live.Author,
	}
}

// Observe records the live facts of a pull before any git work is done for a
// request. Another head or base branch, or reopening, makes what is known
// unknown, so that the checks appear queued; queued runs of the old head are
// dropped and running ones asked to stop. A closed pull's runs are cancelled.
// Facts older than those known (by GitHub's clock) are ignored. A repository
// without rules is ignored: the request, if it is a stored one, is finished.
func (s *Service) Observe(ctx context.Context, req Request, p Pull) error {
	now := s.now()
	if known, err := s.observed(ctx, p); err != nil || known {
		return wrap(err, "reading what is known of "+p.Key().String())
	}
	err := s.store.Update(ctx, func(tx Tx) error { return s.observe(tx, req, p, now) })
	if err != nil {
		return fmt.Errorf("recording the facts of %s#%d: %w", p.Repo.FullName(), p.Number, err)
	}
	s.wake(WakePulls, WakeRuns, WakeInterrupts)
	return nil
}

// observed reports whether exactly these facts are known, so that nothing has to be written.
func (s *Service) observed(ctx context.Context, p Pull) (known bool, err error) {
	err = s.store.View(ctx, func(tx Tx) error {
		rec, err := tx.Pull(p.Key())
		if errors.Is(err, ErrNotFound) {
			return nil
		}
		known = err == nil && rec.Pull.UpdatedAt.Equal(p.UpdatedAt) && Supersede(rec.Pull, p) == Supersession{}
		return err
	})
	return known, err
}

func (s *Service) observe(tx Tx, req Request, p Pull, now time.Time) error {
	rules, ok := s.rules(p.Repo)
	if !ok {
		return s.ignore(tx, req, now)
	}
	if _, err := seenRepo(tx, p.Repo, now); err != nil {
		return err
	}
	rec, err := tx.Pull(p.Key())
	if errors.Is(err, ErrNotFound) {
		if p.State != PullOpen && req.Kind != RequestCommand {
			return nil // it came and went while we looked elsewhere: there is nothing to show
		}
		rec = PullRecord{Pull: p, CreatedAt: now, PerProjectChecks: rules.PerProjectChecks}
		return savePull(tx, rec, now)
	}
	if err != nil {
		return err
	}
	if p.UpdatedAt.Before(rec.Pull.UpdatedAt) {
		return nil
	}
	change := Supersede(rec.Pull, p)
	old := rec.Pull
	rec.Pull = p
	if !change.Facts {
		rec.Pull.UpdatedAt = p.UpdatedAt
		return tx.PutPull(rec) // the clock alone is nothing to show
	}
	if change.Closed {
		rec.ClosedAt = now
		if err := s.dropRuns(tx, &rec, OutcomeCancelled, "The pull request was "+string(p.State)+".", now); err != nil {
			return err
		}
		if err := tx.Append(event("closed", now, p.Key(), "The pull request was "+string(p.State)+".")); err != nil {
			return err
		}
	}
	if change.Head || change.Base || change.Reopened {
		if err := s.superseded(tx, &rec, old, now); err != nil {
			return err
		}
	}
	if change.Head || change.Closed || change.Reopened {
		if err := touchPeers(tx, p.Key(), now, old.Head.SHA, p.Head.SHA); err != nil {
			return err
		}
	}
	return savePull(tx, rec, now)
}

// superseded makes a record one of another head, base branch or life of its pull.
func (s *Service) superseded(tx Tx, rec *PullRecord, old Pull, now time.Time) error {
	why := "The base branch was changed to `" + rec.Pull.Base.Ref + "`."
	if head := rec.Pull.Head.SHA; old.Head.SHA != head {
		why = fmt.Sprintf("A newer commit, %s, takes the place of %s.", short(head), short(old.Head.SHA))
		if old.Head.SHA != "" && !slices.Contains(rec.OldHeads, old.Head.SHA) {
			rec.OldHeads = append(rec.OldHeads, old.Head.SHA)
		}
		rec.OldHeads = slices.DeleteFunc(rec.OldHeads, func(sha string) bool { return sha == head })
	} else if old.State != PullOpen {
		why = "The pull request was reopened."
	}
	if err := s.dropRuns(tx, rec, OutcomeSuperseded, why, now); err != nil {
		return err
	}
	rec.Known, rec.Trouble, rec.Waiting, rec.Projects, rec.Notes = false, nil, "", nil, nil
	rec.BaseSHA, rec.Tree = "", ""
	if rec.Pull.State == PullOpen {
		rec.ClosedAt = time.Time{}
	}
	return tx.Append(event("superseded", now, rec.Pull.Key(), why))
}

func (s *Service) ignore(tx Tx, req Request, now time.Time) error {
	if req.ID == "" {
		return nil
	}
	stored, err := tx.Request(req.ID)
	if err != nil || stored.Done {
		return err
	}
	return finishRequest(tx, stored, "Ignored: no rule of the server matches this repository.", now)
}

// dropRuns ends the queued runs of a pull and asks its running ones to stop. The
// record is changed, not saved.
func (s *Service) dropRuns(tx Tx, rec *PullRecord, outcome Outcome, why string, now time.Time) error {
	return s.dropSome(tx, rec, outcome, why, now, func(Run) bool { return true })
}

func (s *Service) dropSome(tx Tx, rec *PullRecord, outcome Outcome, why string, now time.Time, which func(Run) bool) error {
	live, err := tx.LiveRuns()
	if err != nil {
		return err
	}
	for _, run := range live {
		if run.PullKey() != rec.Pull.Key() || !which(run) {
			continue
		}
		if run.Drop(outcome, why, now) {
			if err := tx.Append(runEvent("superseded", now, run, why)); err != nil {
				return err
			}
		}
		if err := tx.PutRun(run); err != nil {
			return err
		}
		showRun(rec, run)
	}
	return nil
}

// touchPeers makes other open pulls with one of these heads be reported again:
// the worst of all of them is what the checks of that head say.
func touchPeers(tx Tx, key PullKey, now time.Time, heads ...string) error {
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
			if peer.Pull.Key() == key || peer.Pull.State != PullOpen {
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
func savePull(tx Tx, rec PullRecord, now time.Time) error {
	rec.Version++
	rec.ChangedAt = now
	rec.Replies = slices.DeleteFunc(rec.Replies, func(r Reply) bool { return r.Done && now.Sub(r.At) > keepReplies })
	findUpstream(&rec)
	return tx.PutPull(rec)
}

// findUpstream names for each project those of its `depends_on` that this pull changes, or may.
func findUpstream(rec *PullRecord) {
	changing := map[string]bool{}
	for _, p := range rec.Projects {
		switch p.State() {
		case StateNoChanges, StateDeleted:
		default:
			changing[p.Project.Name] = true
		}
	}
	for i := range rec.Projects {
		p := &rec.Projects[i]
		p.Upstream = nil
		for _, name := range p.Project.DependsOn {
			if changing[name] {
				p.Upstream = append(p.Upstream, name)
			}
		}
	}
}

// changePull loads a record, changes it and saves it when change says that
// people see a difference. A pull that has no record has nobody to tell.
func (s *Service) changePull(tx Tx, key PullKey, now time.Time, change func(*PullRecord) bool) error {
	rec, err := tx.Pull(key)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil || !change(&rec) {
		return err
	}
	return savePull(tx, rec, now)
}

// showRun puts a run into the record of its project, if it is that project's
// newest, and reports whether it is. What only the worker needs of it is left out.
func showRun(rec *PullRecord, run Run) bool {
	for i := range rec.Projects {
		if p := &rec.Projects[i]; p.Run != nil && p.Run.ID == run.ID {
			p.Run = shownRun(run)
			return true
		}
	}
	return false
}

func shownRun(run Run) *Run {
	run.Paths, run.BaseProviders, run.Hidden = nil, nil, nil
	return &run
}
