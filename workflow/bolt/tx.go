package bolt

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"time"

	"go.etcd.io/bbolt"

	"github.com/cardea-iac/cardea/workflow"
)

// tx is one transaction: workflow.Tx over bbolt's.
type tx struct{ *bbolt.Tx }

var _ workflow.Tx = (*tx)(nil)

func (t *tx) putRaw(bucket, key, value []byte) error {
	b := t.Bucket(bucket)
	if err := b.Put(key, value); err != nil {
		return fmt.Errorf("writing %s %s: %w", bucket, showKey(key), err)
	}
	return nil
}

func (t *tx) remove(bucket, key []byte) error {
	if err := t.Bucket(bucket).Delete(key); err != nil {
		return fmt.Errorf("removing %s %s: %w", bucket, showKey(key), err)
	}
	return nil
}

func (t *tx) next(bucket []byte) (uint64, error) {
	n, err := t.Bucket(bucket).NextSequence()
	if err != nil {
		return 0, fmt.Errorf("counting %s: %w", bucket, err)
	}
	return n, nil
}

// setIndex adds or removes an index key.
func (t *tx) setIndex(bucket, key []byte, there bool) error {
	if there {
		return t.putRaw(bucket, key, []byte{1})
	}
	return t.remove(bucket, key)
}

// scan calls visit for every key with the prefix, in order, until it returns false or an error.
func (t *tx) scan(bucket, prefix []byte, visit func(key, value []byte) (bool, error)) error {
	return t.scanFrom(bucket, prefix, prefix, visit)
}

// scanFrom is scan from a key on.
func (t *tx) scanFrom(bucket, prefix, from []byte, visit func(key, value []byte) (bool, error)) error {
	c := t.Bucket(bucket).Cursor()
	for k, v := c.Seek(from); k != nil && bytes.HasPrefix(k, prefix); k, v = c.Next() {
		if more, err := visit(k, v); err != nil || !more {
			return err
		}
	}
	return nil
}

// scanBack calls visit for keys with the prefix from the newest: from the last
// one, or from the one below prefix+before. At most limit keys; limit <= 0: none.
func (t *tx) scanBack(bucket, prefix, before []byte, limit int, visit func(key []byte) error) error {
	c := t.Bucket(bucket).Cursor()
	from := append(bytes.Clone(prefix), before...)
	if len(before) == 0 {
		from = append(from, bytes.Repeat([]byte{0xff}, 32)...) // above every key with the prefix
	}
	k, _ := c.Seek(from)
	if k == nil {
		k, _ = c.Last()
	} else {
		k, _ = c.Prev()
	}
	for ; k != nil && bytes.HasPrefix(k, prefix) && limit > 0; k, _ = c.Prev() {
		if err := visit(k); err != nil {
			return err
		}
		limit--
	}
	return nil
}

func u64(parts ...uint64) []byte {
	var out []byte
	for _, p := range parts {
		out = binary.BigEndian.AppendUint64(out, p)
	}
	return out
}

func moment(at time.Time) uint64 {
	if at.Before(time.Unix(0, 0)) {
		return 0
	}
	return uint64(at.UnixNano())
}

func pullKey(k workflow.PullKey) []byte { return u64(uint64(k.RepoID), uint64(k.Number)) }

// byAbout is an index by what records are about. Pulls, and repositories as number 0, have
// a bucket of their own: it is older than all other subjects.
type byAbout struct{ pulls, others []byte }

// at is where it has what is about this: every key there with the prefix, and no other.
func (i byAbout) at(a workflow.About) (bucket, prefix []byte) {
	s, one := a.Subject()
	if pull, shows := s.Pull(); !one || shows && s == workflow.OfPull(pull) {
		return i.pulls, u64(uint64(a.Repo()), uint64(pull.Number))
	}
	return i.others, append(u64(uint64(a.Repo())), hashed(s.String())...)
}

// subjectKey is the prefix of a subject's runs.
func subjectKey(s workflow.Subject) []byte {
	_, prefix := runsBySubject.at(s.About())
	return prefix
}

// hashed turns a name of any length and any bytes into a part of fixed width.
func hashed(name string) []byte {
	sum := sha256.Sum256([]byte(name))
	return sum[:16]
}

func deliveryKey(guid, event string) []byte { return []byte(guid + " " + event) }
