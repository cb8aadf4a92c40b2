package service

import (
	"context"
	"errors"
	"fmt"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/workflow"
)

// View returns a pull with the briefs of the plans of its projects' newest runs, all of one
// moment. It does not read whole plans: a pull may have very many.
func (s *Service) View(ctx context.Context, key workflow.PullKey) (v workflow.PullView, err error) {
	err = s.store.View(ctx, func(tx workflow.Tx) error {
		rec, err := tx.Pull(key)
		if err != nil {
			return err
		}
		v, err = view(tx, rec)
		return err
	})
	return v, wrap(err, "reading pull "+key.String())
}

// ViewsByHead returns every open pull whose head is sha, as View does: the checks
// of a head say the worst of all of them.
func (s *Service) ViewsByHead(ctx context.Context, repoID int64, sha string) (out []workflow.PullView, err error) {
	err = s.store.View(ctx, func(tx workflow.Tx) error {
		recs, err := tx.PullsByHead(repoID, sha)
		if err != nil {
			return err
		}
		for _, rec := range recs {
			if rec.Pull.State != workflow.PullOpen {
				continue
			}
			v, err := view(tx, rec)
			if err != nil {
				return err
			}
			out = append(out, v)
		}
		return nil
	})
	return out, wrap(err, "reading the pulls of head "+phrase.Short(sha))
}

func view(tx workflow.Tx, rec workflow.PullRecord) (workflow.PullView, error) {
	v := workflow.PullView{PullRecord: rec, Plans: map[string]workflow.Plan{}}
	for _, p := range rec.Projects {
		if p.Run == nil || p.Run.Outcome != workflow.OutcomeSucceeded {
			continue
		}
		plan, err := tx.PlanBrief(p.Run.ID)
		if err != nil {
			return v, err
		}
		v.Plans[p.Run.ID] = plan
	}
	return v, nil
}

// Pull returns the record of a pull without plans.
func (s *Service) Pull(ctx context.Context, key workflow.PullKey) (rec workflow.PullRecord, err error) {
	return read(ctx, s, "reading pull "+key.String(), func(tx workflow.Tx) (workflow.PullRecord, error) { return tx.Pull(key) })
}

// OpenPulls returns the open pulls of a repository (0: of all), by number.
func (s *Service) OpenPulls(ctx context.Context, repoID int64) ([]workflow.PullRecord, error) {
	return read(ctx, s, "reading open pulls", func(tx workflow.Tx) ([]workflow.PullRecord, error) { return tx.OpenPulls(repoID) })
}

// PullsByHead returns all pulls, open or not, whose current head is sha.
func (s *Service) PullsByHead(ctx context.Context, repoID int64, sha string) ([]workflow.PullRecord, error) {
	return read(ctx, s, "reading the pulls of head "+phrase.Short(sha),
		func(tx workflow.Tx) ([]workflow.PullRecord, error) { return tx.PullsByHead(repoID, sha) })
}

// Repos returns every repository we have seen.
func (s *Service) Repos(ctx context.Context) ([]workflow.RepoRecord, error) {
	return read(ctx, s, "reading repositories", func(tx workflow.Tx) ([]workflow.RepoRecord, error) { return tx.Repos() })
}

// Repo returns a repository by its id.
func (s *Service) Repo(ctx context.Context, id int64) (workflow.RepoRecord, error) {
	return read(ctx, s, fmt.Sprintf("reading repository %d", id), func(tx workflow.Tx) (workflow.RepoRecord, error) { return tx.Repo(id) })
}

// RepoByName returns a repository by owner/name, whatever the case.
func (s *Service) RepoByName(ctx context.Context, fullName string) (workflow.RepoRecord, error) {
	return read(ctx, s, "reading repository "+fullName, func(tx workflow.Tx) (workflow.RepoRecord, error) { return tx.RepoByName(fullName) })
}

// Run returns a run by its id.
func (s *Service) Run(ctx context.Context, id string) (workflow.Run, error) {
	return read(ctx, s, "reading run "+id, func(tx workflow.Tx) (workflow.Run, error) { return tx.Run(id) })
}

// Plan returns the plan of a run; ErrNotFound (wrapped) when it made none.
func (s *Service) Plan(ctx context.Context, runID string) (workflow.Plan, error) {
	return read(ctx, s, "reading the plan of run "+runID, func(tx workflow.Tx) (workflow.Plan, error) { return tx.Plan(runID) })
}

// LiveRuns returns every queued and running run, oldest first.
func (s *Service) LiveRuns(ctx context.Context) ([]workflow.Run, error) {
	return read(ctx, s, "reading live runs", func(tx workflow.Tx) ([]workflow.Run, error) { return tx.LiveRuns() })
}

// RunsOf returns runs for a subject, newest first, at most limit, older than the run `before` ("" = from the newest).
func (s *Service) RunsOf(ctx context.Context, of workflow.Subject, before string, limit int) ([]workflow.Run, error) {
	return read(ctx, s, "reading runs of "+of.String(), func(tx workflow.Tx) ([]workflow.Run, error) { return tx.RunsOf(of, before, limit) })
}

// RunsOfProject returns runs of a project, whatever they are for, as RunsOf does.
func (s *Service) RunsOfProject(ctx context.Context, repoID int64, project, before string, limit int) ([]workflow.Run, error) {
	return read(ctx, s, "reading runs of "+project,
		func(tx workflow.Tx) ([]workflow.Run, error) { return tx.RunsOfProject(repoID, project, before, limit) })
}

// Events returns the history of a subject or a repository, newest first, at most limit, with Seq below before (0 = from the newest).
func (s *Service) Events(ctx context.Context, of workflow.About, before uint64, limit int) ([]workflow.Event, error) {
	return read(ctx, s, "reading the history", func(tx workflow.Tx) ([]workflow.Event, error) { return tx.Events(of, before, limit) })
}

// History returns the history of a repository oldest first, at most limit, with Seq above after (0 = from the beginning).
func (s *Service) History(ctx context.Context, repoID int64, after uint64, limit int) ([]workflow.Event, error) {
	return read(ctx, s, "reading the history", func(tx workflow.Tx) ([]workflow.Event, error) { return tx.EventsAfter(repoID, after, limit) })
}

// Locks returns the locks of a repository.
func (s *Service) Locks(ctx context.Context, repoID int64) ([]workflow.Lock, error) {
	return read(ctx, s, "reading locks", func(tx workflow.Tx) ([]workflow.Lock, error) { return tx.Locks(repoID) })
}

// Setting returns a small value by name, nil when it was never set.
func (s *Service) Setting(ctx context.Context, name string) ([]byte, error) {
	value, err := read(ctx, s, "reading setting "+name, func(tx workflow.Tx) ([]byte, error) { return tx.Setting(name) })
	if errors.Is(err, workflow.ErrNotFound) {
		return nil, nil
	}
	return value, err
}

// SaveSetting keeps a small value by name (high-water marks).
func (s *Service) SaveSetting(ctx context.Context, name string, value []byte) error {
	err := s.act(ctx, func(a *act) error { return a.tx.PutSetting(name, value) })
	return wrap(err, "saving setting "+name)
}

// Ready reports by nil that the store can be written: it writes.
func (s *Service) Ready(ctx context.Context) error {
	return s.SaveSetting(ctx, "ready", []byte(s.now().UTC().Format("2006-01-02T15:04:05Z")))
}

func read[T any](ctx context.Context, s *Service, doing string, look func(workflow.Tx) (T, error)) (out T, err error) {
	err = s.store.View(ctx, func(tx workflow.Tx) (err error) {
		out, err = look(tx)
		return err
	})
	return out, wrap(err, doing)
}
