package service

import (
	"context"
	"errors"
	"slices"

	"github.com/cardea-iac/cardea/workflow"
)

// UnreportedPulls returns the pulls, open or not, whose record is ahead of what
// was last shown in full.
func (s *Service) UnreportedPulls(ctx context.Context) ([]workflow.PullKey, error) {
	return read(ctx, s, "reading the pulls to report", func(tx workflow.Tx) ([]workflow.PullKey, error) { return tx.UnreportedPulls() })
}

// Report returns what was last shown of a pull; nothing was shown yet is no error.
func (s *Service) Report(ctx context.Context, key workflow.PullKey) (state workflow.ReportState, err error) {
	err = s.store.View(ctx, func(tx workflow.Tx) (err error) {
		state, err = tx.Report(key)
		return err
	})
	if errors.Is(err, workflow.ErrNotFound) {
		return workflow.ReportState{Key: key}, nil
	}
	return state, wrap(err, "reading what was reported of "+key.String())
}

// SaveReport keeps what is shown of a pull now. Its Version says which version
// of the record is shown in full: a pull stays unreported until it is the newest.
func (s *Service) SaveReport(ctx context.Context, state workflow.ReportState) error {
	err := s.act(ctx, func(a *act) error { return a.tx.PutReport(state) })
	return wrap(err, "saving what was reported of "+state.Key.String())
}

// ReplyWritten records that a reply stands on GitHub as this comment. That does not have to
// be reported, so the record keeps its version.
func (s *Service) ReplyWritten(ctx context.Context, key workflow.PullKey, reply string, commentID int64) error {
	err := s.updatePull(ctx, key, func(rec *workflow.PullRecord) bool {
		for i := range rec.Replies {
			if r := &rec.Replies[i]; r.Key == reply && !r.Done {
				r.Done, r.CommentID = true, commentID
				return true
			}
		}
		return false
	})
	return wrap(err, "recording a reply on "+key.String())
}

// HeadsCancelled records that the checks of these superseded heads are dealt with.
func (s *Service) HeadsCancelled(ctx context.Context, key workflow.PullKey, heads []string) error {
	err := s.updatePull(ctx, key, func(rec *workflow.PullRecord) bool {
		before := len(rec.OldHeads)
		rec.OldHeads = slices.DeleteFunc(rec.OldHeads, func(sha string) bool { return slices.Contains(heads, sha) })
		return len(rec.OldHeads) != before
	})
	return wrap(err, "recording cancelled checks of "+key.String())
}

// updatePull changes parts of a record that are not shown.
func (s *Service) updatePull(ctx context.Context, key workflow.PullKey, change func(*workflow.PullRecord) bool) error {
	return s.act(ctx, func(a *act) error {
		rec, err := a.tx.Pull(key)
		if err != nil || !change(&rec) {
			return err
		}
		return a.tx.PutPull(rec)
	})
}
