package bolt

import (
	"context"
	"slices"
	"time"

	"go.etcd.io/bbolt"

	"github.com/cardea-iac/cardea/workflow"
)

// arrival is a delivery that waits to be stored, and what became of it.
type arrival struct {
	delivery workflow.Delivery
	payload  []byte // compressed
	added    bool
	done     chan error
}

// Receive implements workflow.Store. Concurrent calls are committed together. A
// call that gives up while others write takes its delivery back: nothing of it is kept in memory.
func (s *Store) Receive(ctx context.Context, d workflow.Delivery) (added bool, err error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	payload, err := compress(d.Payload) // outside the transaction, because others wait for that
	if err != nil {
		return false, err
	}
	d.Payload = nil
	a := &arrival{delivery: d, payload: payload, done: make(chan error, 1)}
	s.mu.Lock()
	if s.arrivals = append(s.arrivals, a); len(s.arrivals) == 1 {
		time.AfterFunc(batchDelay, s.commitArrivals)
	}
	s.mu.Unlock()
	select {
	case err := <-a.done:
		return a.added, err
	case <-ctx.Done():
		s.mu.Lock()
		s.arrivals = slices.DeleteFunc(s.arrivals, func(b *arrival) bool { return a == b })
		s.mu.Unlock()
		return false, ctx.Err()
	}
}

// commitArrivals stores what has arrived by the time it is its turn to write.
func (s *Store) commitArrivals() {
	s.writing <- struct{}{}
	defer func() { <-s.writing }()
	s.mu.Lock()
	batch := s.arrivals
	s.arrivals = nil
	s.mu.Unlock()
	if len(batch) == 0 {
		return // all gave up
	}
	err := s.addArrivals(batch)
	for _, a := range batch {
		if err != nil && len(batch) > 1 { // one of them may be at fault, so each is tried on its own
			a.done <- s.addArrivals([]*arrival{a})
			continue
		}
		a.done <- err
	}
}

func (s *Store) addArrivals(batch []*arrival) error {
	return s.write(func(btx *bbolt.Tx) error {
		tx := &tx{btx}
		for _, a := range batch {
			a.added = btx.Bucket(deliveries).Get(deliveryKey(a.delivery.GUID, a.delivery.Event)) == nil
			if !a.added {
				continue
			}
			d := a.delivery
			d.Seq = 0
			if err := tx.putDelivery(d, a.payload); err != nil {
				return err
			}
		}
		return nil
	})
}
