package service

import (
	"context"
	"slices"

	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/steps"
)

const workflowChanged = "The server's workflow for it has changed."

// outdateWorkflows plans anew, of every open pull, what was planned by a workflow that is not the
// server's any more: its configuration is another one since the last start.
func (s *Service) outdateWorkflows(ctx context.Context) error {
	pulls, err := s.OpenPulls(ctx, 0)
	if err != nil {
		return err
	}
	for _, rec := range pulls {
		if len(s.changedWorkflows(rec)) == 0 { // asking costs no disk write
			continue
		}
		err := s.act(ctx, func(a *act) error {
			rec, err := a.tx.Pull(rec.Pull.Key())
			if err != nil {
				return err
			}
			pending, err := a.tx.PendingRequestsOf(rec.Pull.Subject().About())
			if err != nil {
				return err
			}
			names := slices.DeleteFunc(s.changedWorkflows(rec), func(name string) bool {
				return slices.ContainsFunc(pending, func(r workflow.Request) bool { return slices.Contains(r.Replan, name) })
			})
			if len(names) == 0 {
				return nil
			}
			return a.planAgain(rec.Pull, names, workflowChanged)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// changedWorkflows names the projects of a pull whose plans are of another workflow than the server's of now.
func (s *Service) changedWorkflows(rec workflow.PullRecord) (names []string) {
	rules, ok := s.rules(rec.Pull.Repo)
	if !ok || !rec.Known || rec.Pull.State != workflow.PullOpen {
		return nil
	}
	for _, p := range rec.Projects {
		if p.Run != nil && !p.Deleted && p.State() != workflow.StateApplied && steps.Changed(rules, *p.Run) {
			names = append(names, p.Project.Name)
		}
	}
	return names
}
