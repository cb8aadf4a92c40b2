package bolt

import (
	"errors"
	"fmt"

	"go.etcd.io/bbolt"

	"github.com/cardea-iac/cardea/workflow"
)

var (
	locks      = []byte("locks")       // repo, the lock's key -> Lock
	lockEpochs = []byte("locks.epoch") // repo -> the highest epoch of all, including those of released locks
)

func createLocks(tx *bbolt.Tx) error {
	if _, err := tx.CreateBucketIfNotExists(locks); err != nil {
		return fmt.Errorf("making bucket %s: %w", locks, err)
	}
	return nil
}

func lockKey(repoID int64, key string) []byte { return append(u64(uint64(repoID)), key...) }

func (t *tx) Lock(repoID int64, key string) (workflow.Lock, error) {
	return get[workflow.Lock](t, locks, lockKey(repoID, key))
}

func (t *tx) Locks(repoID int64) ([]workflow.Lock, error) {
	return t.locksWhere(repoID, func(workflow.Lock) bool { return true })
}

func (t *tx) LocksOfPull(k workflow.PullKey) ([]workflow.Lock, error) {
	return t.locksWhere(k.RepoID, func(l workflow.Lock) bool { return l.Pull == k })
}

// locksWhere scans a repository's locks: there are never many.
func (t *tx) locksWhere(repoID int64, keep func(workflow.Lock) bool) (out []workflow.Lock, err error) {
	err = t.scan(locks, u64(uint64(repoID)), func(key, _ []byte) (bool, error) {
		l, err := get[workflow.Lock](t, locks, key)
		if err == nil && keep(l) {
			out = append(out, l)
		}
		return true, err
	})
	return out, err
}

func (t *tx) PutLock(l workflow.Lock) error {
	old, err := t.Lock(l.RepoID, l.Key)
	switch {
	case err == nil && old.Pull != l.Pull:
		return fmt.Errorf("writing lock %q of #%d: #%d holds it", l.Key, l.Pull.Number, old.Pull.Number)
	case err != nil && !errors.Is(err, workflow.ErrNotFound):
		return err
	}
	last, err := t.LastEpoch(l.RepoID)
	if err != nil {
		return err
	}
	if l.Epoch > last {
		if err := put(t, lockEpochs, u64(uint64(l.RepoID)), l.Epoch); err != nil {
			return err
		}
	}
	return put(t, locks, lockKey(l.RepoID, l.Key), l)
}

func (t *tx) LastEpoch(repoID int64) (uint64, error) {
	epoch, err := get[uint64](t, lockEpochs, u64(uint64(repoID)))
	if errors.Is(err, workflow.ErrNotFound) {
		return 0, nil
	}
	return epoch, err
}

func (t *tx) DeleteLock(repoID int64, key string) error {
	return t.remove(locks, lockKey(repoID, key))
}
