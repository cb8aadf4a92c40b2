package service

import (
	"context"
	"errors"

	"github.com/cardea-iac/cardea/workflow"
)

// HasDelivery reports whether the inbox has a delivery, done or not: recovery
// fetches only what it lacks.
func (s *Service) HasDelivery(ctx context.Context, guid, event string) (bool, error) {
	_, err := read(ctx, s, "reading delivery "+guid, func(tx workflow.Tx) (workflow.Delivery, error) { return tx.Delivery(guid, event) })
	if errors.Is(err, workflow.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}
