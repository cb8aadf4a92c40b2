package page

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/service"
)

// historyRead is how many events are read at once: the history itself has no bound.
const historyRead = 500

// WriteHistory writes the history of a repository as JSON lines, oldest first: one
// workflow.Event a line, its text as a string, with the repository's present name. The history is only
// appended to, so a later export begins with the same lines as an earlier one.
func WriteHistory(ctx context.Context, w io.Writer, s *service.Service, repo workflow.Repo) error {
	out := bufio.NewWriter(w)
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	for after := uint64(0); ; {
		events, err := s.History(ctx, repo.ID, after, historyRead)
		if err != nil {
			return err
		}
		for _, e := range events {
			if err := enc.Encode(struct {
				Repository string `json:"repository"`
				workflow.Event
				Text string `json:"text"`
			}{repo.FullName(), e, e.Text.String()}); err != nil {
				return fmt.Errorf("writing the history of %s: %w", repo.FullName(), err)
			}
			after = e.Seq
		}
		if len(events) < historyRead {
			break
		}
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("writing the history of %s: %w", repo.FullName(), err)
	}
	return nil
}

// history serves a repository's whole history. A fault on the way breaks the answer off, so
// that nobody takes half of it for the whole.
func (s *server) history(w http.ResponseWriter, r *http.Request) {
	repo, err := s.repoOf(r.Context(), r)
	if err != nil {
		s.serve(func(context.Context, *http.Request) (page, error) { return page{}, err })(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/jsonl; charset=utf-8")
	if err := WriteHistory(r.Context(), w, s.Service, repo); err != nil {
		s.Log.ErrorContext(r.Context(), "sending a history", "repo", repo.FullName(), "error", err)
		panic(http.ErrAbortHandler)
	}
}

// neverMerged says that the newest apply of a project was for a pull that was closed
// unmerged: what exists then is not what the base branch says. runs are the project's newest;
// an apply that is older than all of them is not looked for.
func (s *server) neverMerged(ctx context.Context, runs []workflow.Run) (string, error) {
	for _, r := range runs {
		if r.Kind != workflow.RunApply || r.Apply == nil || !r.Apply.Spent || r.Outcome == workflow.OutcomeRefused {
			continue
		}
		pull, shown := r.Subject().Pull()
		if !shown {
			continue
		}
		rec, err := s.Service.Pull(ctx, pull)
		if err != nil || rec.Pull.State != workflow.PullClosed || r.State != workflow.RunFinished {
			return "", err
		}
		return workflow.NeverMerged(pull.Number, r), nil
	}
	return "", nil
}
