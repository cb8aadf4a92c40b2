package storetest

import (
	"context"
	"errors"
	"sync"

	"github.com/cardea-iac/cardea/workflow"
)

// ErrInjected is the fault of a Faulty store.
var ErrInjected = errors.New("the disk is full")

// Fault is where a store fails: at the n-th commit, counted from 1, before
// anything of it is written, or after all of it is, as when the answer is lost.
type Fault struct {
	Commit int
	After  bool
}

// FaultyStore is a store that fails at some commits. All else is the wrapped store's.
type FaultyStore struct {
	workflow.Store
	mu      sync.Mutex
	faults  []Fault
	commits int
}

// Faulty wraps a store so that it fails at the given commits; a commit is an
// Update whose rule returns nil, or a Receive.
func Faulty(store workflow.Store, faults ...Fault) *FaultyStore {
	return &FaultyStore{Store: store, faults: faults}
}

// Commits is how many commits were tried so far, the failed ones among them.
func (f *FaultyStore) Commits() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.commits
}

// next counts a commit and says how it fails.
func (f *FaultyStore) next() (before, after bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.commits++
	for _, fault := range f.faults {
		if fault.Commit == f.commits {
			before, after = before || !fault.After, after || fault.After
		}
	}
	return before, after
}

// Update implements workflow.Store. The rule runs also when its commit fails before it.
func (f *FaultyStore) Update(ctx context.Context, rule func(workflow.Tx) error) error {
	after := false
	err := f.Store.Update(ctx, func(tx workflow.Tx) error {
		if err := rule(tx); err != nil {
			return err
		}
		var before bool
		if before, after = f.next(); before {
			return ErrInjected
		}
		return nil
	})
	if err == nil && after {
		return ErrInjected
	}
	return err
}

// Receive implements workflow.Store.
func (f *FaultyStore) Receive(ctx context.Context, d workflow.Delivery) (bool, error) {
	before, after := f.next()
	if before {
		return false, ErrInjected
	}
	added, err := f.Store.Receive(ctx, d)
	if err == nil && after {
		return false, ErrInjected
	}
	return added, err
}

// RepeatingStore is a store that calls each rule twice and keeps what the second call did, as
// a store may whose transactions conflict. All else is the wrapped store's.
type RepeatingStore struct{ workflow.Store }

var errAgain = errors.New("the rule is called again")

// Update implements workflow.Store.
func (r RepeatingStore) Update(ctx context.Context, rule func(workflow.Tx) error) error {
	err := r.Store.Update(ctx, func(tx workflow.Tx) error {
		if err := rule(tx); err != nil {
			return err
		}
		return errAgain
	})
	if !errors.Is(err, errAgain) {
		return err
	}
	return r.Store.Update(ctx, rule)
}
