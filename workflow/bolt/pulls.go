package bolt

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/cardea-iac/cardea/workflow"
)

func (t *tx) Repo(id int64) (workflow.RepoRecord, error) {
	return get[workflow.RepoRecord](t, repos, u64(uint64(id)))
}

func (t *tx) RepoByName(fullName string) (workflow.RepoRecord, error) {
	id := t.Bucket(reposByName).Get([]byte(strings.ToLower(fullName)))
	if len(id) != 8 {
		return workflow.RepoRecord{}, fmt.Errorf("reading the repository %s: %w", fullName, workflow.ErrNotFound)
	}
	return t.Repo(int64(u64At(id)))
}

func (t *tx) Repos() ([]workflow.RepoRecord, error) {
	var out []workflow.RepoRecord
	err := t.scan(repos, nil, func(key, value []byte) (bool, error) {
		r, err := decode[workflow.RepoRecord](repos, key, value)
		out = append(out, r)
		return true, err
	})
	return out, err
}

func (t *tx) PutRepo(r workflow.RepoRecord) error {
	key := u64(uint64(r.Repo.ID))
	old, err := t.Repo(r.Repo.ID)
	switch {
	case err == nil && !strings.EqualFold(old.Repo.FullName(), r.Repo.FullName()):
		name := []byte(strings.ToLower(old.Repo.FullName()))
		// The old name may belong to another repository by now.
		if string(t.Bucket(reposByName).Get(name)) == string(key) {
			if err := t.remove(reposByName, name); err != nil {
				return err
			}
		}
	case err != nil && !errors.Is(err, workflow.ErrNotFound):
		return err
	}
	if err := t.putRaw(reposByName, []byte(strings.ToLower(r.Repo.FullName())), key); err != nil {
		return err
	}
	return put(t, repos, key, r)
}

func (t *tx) Pull(k workflow.PullKey) (workflow.PullRecord, error) {
	return get[workflow.PullRecord](t, pulls, pullKey(k))
}

func headKey(repoID int64, sha string) []byte {
	return append(u64(uint64(repoID)), hashed(sha)...)
}

func (t *tx) PutPull(p workflow.PullRecord) error {
	k := p.Pull.Key()
	key := pullKey(k)
	number := u64(uint64(k.Number))
	if facts := t.Bucket(pullsFacts).Get(key); len(facts) >= 8 && string(facts[8:]) != p.Pull.Head.SHA {
		if err := t.remove(pullsByHead, append(headKey(k.RepoID, string(facts[8:])), number...)); err != nil {
			return err
		}
	}
	if err := t.putRaw(pullsFacts, key, append(u64(p.Version), p.Pull.Head.SHA...)); err != nil {
		return err
	}
	if err := put(t, pulls, key, p); err != nil {
		return err
	}
	if err := t.setIndex(pullsByHead, append(headKey(k.RepoID, p.Pull.Head.SHA), number...), true); err != nil {
		return err
	}
	if err := t.setIndex(pullsOpen, key, p.Pull.State == workflow.PullOpen); err != nil {
		return err
	}
	if err := t.indexLockKeys(p); err != nil {
		return err
	}
	shown, err := t.shownVersion(k)
	if err != nil {
		return err
	}
	return t.setIndex(pullsUnreported, key, p.Version > shown)
}

func (t *tx) OpenPulls(repoID int64) ([]workflow.PullRecord, error) {
	var prefix []byte
	if repoID != 0 {
		prefix = u64(uint64(repoID))
	}
	var out []workflow.PullRecord
	err := t.scan(pullsOpen, prefix, func(key, _ []byte) (bool, error) {
		p, err := get[workflow.PullRecord](t, pulls, key)
		out = append(out, p)
		return true, err
	})
	return out, err
}

func (t *tx) OpenPullsAfter(repoID int64, number, limit int) ([]workflow.PullRecord, error) {
	var out []workflow.PullRecord
	prefix := u64(uint64(repoID))
	err := t.scanFrom(pullsOpen, prefix, append(prefix, u64(uint64(number)+1)...), func(key, _ []byte) (bool, error) {
		if len(out) >= limit {
			return false, nil
		}
		p, err := get[workflow.PullRecord](t, pulls, key)
		out = append(out, p)
		return true, err
	})
	return out, err
}

// indexLockKeys keeps with an open pull which locks its projects meet: records are
// large, and most of them meet none of those that are asked about.
func (t *tx) indexLockKeys(p workflow.PullRecord) error {
	key := pullKey(p.Pull.Key())
	if p.Pull.State != workflow.PullOpen {
		return t.remove(pullsLockKeys, key)
	}
	return put(t, pullsLockKeys, key, p.LockKeys())
}

func (t *tx) PullsMeeting(repoID int64, keys []string) (out []workflow.PullRecord, err error) {
	err = t.scan(pullsLockKeys, u64(uint64(repoID)), func(key, value []byte) (bool, error) {
		theirs, err := decode[[]string](pullsLockKeys, key, value)
		if err != nil || !workflow.MeetAny(theirs, keys) {
			return true, err
		}
		p, err := get[workflow.PullRecord](t, pulls, key)
		out = append(out, p)
		return true, err
	})
	return out, err
}

func (t *tx) PullsByHead(repoID int64, sha string) ([]workflow.PullRecord, error) {
	var out []workflow.PullRecord
	prefix := headKey(repoID, sha)
	err := t.scan(pullsByHead, prefix, func(key, _ []byte) (bool, error) {
		p, err := get[workflow.PullRecord](t, pulls, append(u64(uint64(repoID)), key[len(prefix):]...))
		out = append(out, p)
		return true, err
	})
	return out, err
}

func (t *tx) UnreportedPulls() ([]workflow.PullKey, error) {
	var out []workflow.PullKey
	err := t.scan(pullsUnreported, nil, func(key, _ []byte) (bool, error) {
		if len(key) != 16 {
			return false, damaged(pullsUnreported, key)
		}
		out = append(out, workflow.PullKey{RepoID: int64(u64At(key)), Number: int(u64At(key[8:]))})
		return true, nil
	})
	return out, err
}

// shownVersion is the version that was last reported in full, 0 for none.
func (t *tx) shownVersion(k workflow.PullKey) (uint64, error) {
	r, err := t.Report(k)
	if errors.Is(err, workflow.ErrNotFound) {
		return 0, nil
	}
	return r.Version, err
}

func (t *tx) Report(k workflow.PullKey) (workflow.ReportState, error) {
	return get[workflow.ReportState](t, reports, pullKey(k))
}

func (t *tx) PutReport(r workflow.ReportState) error {
	if err := put(t, reports, pullKey(r.Key), r); err != nil {
		return err
	}
	return t.markUnreported(r.Key, r.Version)
}

func (t *tx) markUnreported(k workflow.PullKey, shown uint64) error {
	facts := t.Bucket(pullsFacts).Get(pullKey(k))
	if len(facts) < 8 {
		return nil // a report without a record: there is nothing to show
	}
	return t.setIndex(pullsUnreported, pullKey(k), u64At(facts) > shown)
}

func u64At(b []byte) uint64 { return binary.BigEndian.Uint64(b) }
