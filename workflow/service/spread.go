package service

import (
	"context"
	"fmt"

	"github.com/cardea-iac/cardea/workflow"
)

// spreadBatch is to how many pulls a push is passed on in one transaction: others
// write in between, however many pulls are open.
const spreadBatch = 100

// spread passes a push to a branch on to the next open pulls, as one request for
// each that has it as its base, and ends the push with the last of them. The same
// push is submitted once, so its key is theirs: a branch that goes back and forth
// comes to the same tip by more than one push.
func (a *act) spread(push *workflow.Request) error {
	pulls, err := a.tx.OpenPullsAfter(push.Repo.ID, push.Spread, spreadBatch)
	if err != nil {
		return err
	}
	for _, rec := range pulls {
		push.Spread = rec.Pull.Number
		if rec.Pull.Base.Ref != push.Action {
			continue
		}
		if rec.BaseSHA == push.Head {
			// A pull that is just being looked at may be on another tip in a moment.
			pending, err := a.tx.PendingRequestsOf(rec.Pull.Subject().About())
			if err != nil {
				return err
			}
			if len(pending) == 0 {
				continue
			}
		}
		req := workflow.Request{
			Kind: workflow.RequestBase, Repo: push.Repo, Number: rec.Pull.Number, Actor: rec.Pull.Author, Action: push.Action, Head: push.Head,
			Key: fmt.Sprintf("base:%s:%s", rec.Pull.Key(), push.Key), GUID: push.GUID, Received: push.Received,
		}
		if _, _, err := a.submit(req); err != nil {
			return err
		}
	}
	if len(pulls) < spreadBatch {
		push.Done, push.Finished, push.Note = true, a.now, "It is looked at for each open pull request on that branch."
	}
	return nil
}

// spreadOn passes a push on to the pulls that are left, batch by batch. It can stop anywhere.
func (s *Service) spreadOn(ctx context.Context, id string) error {
	for done := false; !done; {
		err := s.act(ctx, func(a *act) error {
			push, err := a.tx.Request(id)
			if done = err == nil && push.Done; err != nil || done {
				return err
			}
			if err := a.spread(&push); err != nil {
				return err
			}
			done = push.Done
			return a.putRequest(&push)
		})
		if err != nil {
			return fmt.Errorf("passing a push on to open pulls: %w", err)
		}
	}
	s.wake(WakeRequests, WakePulls)
	return nil
}
