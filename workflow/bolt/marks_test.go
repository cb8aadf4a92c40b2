package bolt

import (
	"errors"
	"strings"
	"testing"

	"go.etcd.io/bbolt"

	"github.com/cardea-iac/cardea/workflow"
)

// before writes settings as schema 4 had them, into a database of that schema.
func before(t *testing.T, values map[string][]byte) (dir string) {
	t.Helper()
	dir = t.TempDir()
	edit(t, dir, func(btx *bbolt.Tx) error {
		b, err := btx.CreateBucket(meta)
		if err != nil {
			return err
		}
		for _, migration := range migrations[:4] {
			if err := migration(btx); err != nil {
				return err
			}
		}
		for name, value := range values {
			if err := btx.Bucket(settings).Put([]byte(name), value); err != nil {
				return err
			}
		}
		return b.Put(schemaKey, u64(4))
	})
	return dir
}

func setting(name string, value []byte) []byte {
	return seal(settings, []byte(name), packedPlain, value)
}

// A database that kept the marks as settings has them as marks, and only so.
func TestMigratesMarks(t *testing.T) {
	dir := before(t, map[string][]byte{
		"spent/01PLAN":         setting("spent/01PLAN", []byte("01APPLY")),
		"spent/01OTHER":        setting("spent/01OTHER", []byte("02APPLY")),
		"lock-epoch/7":         setting("lock-epoch/7", u64(41)),
		"lock-epoch/123456789": setting("lock-epoch/123456789", u64(2)),
		"ready":                setting("ready", []byte("yesterday")),
	})
	for range 2 { // the second time there is nothing to carry over
		s := open(t, dir)
		err := s.Update(t.Context(), func(tx workflow.Tx) error {
			for plan, apply := range map[string]string{"01PLAN": "01APPLY", "01OTHER": "02APPLY"} {
				if by, err := tx.Spent(plan); err != nil || by != apply {
					t.Errorf("plan %s is spent by %q (%v), want %q", plan, by, err, apply)
				}
				if err := tx.Spend(plan, "03APPLY"); !errors.Is(err, workflow.ErrSpent) {
					t.Errorf("spending plan %s again: got %v, want ErrSpent", plan, err)
				}
				if _, err := tx.Setting("spent/" + plan); !errors.Is(err, workflow.ErrNotFound) {
					t.Errorf("the setting of plan %s: got %v, want none", plan, err)
				}
			}
			for repo, want := range map[int64]uint64{7: 41, 123456789: 2, 8: 0} {
				if got, err := tx.LastEpoch(repo); err != nil || got != want {
					t.Errorf("the last epoch of repository %d is %d (%v), want %d", repo, got, err, want)
				}
			}
			ready, err := tx.Setting("ready")
			if string(ready) != "yesterday" {
				t.Errorf("another setting is %q, want what it was", ready)
			}
			return err
		})
		if err := errors.Join(err, s.Close()); err != nil {
			t.Fatal(err)
		}
	}
}

// A mark that cannot be read is not left behind: nobody opens such a database
// and carries a plan out twice.
func TestMigratesNoDamagedMark(t *testing.T) {
	for name, value := range map[string][]byte{
		"spent/01PLAN":   setting("spent/02PLAN", []byte("01APPLY")),
		"lock-epoch/7":   setting("lock-epoch/7", []byte("41")),
		"lock-epoch/net": setting("lock-epoch/net", u64(41)),
	} {
		t.Run(strings.ReplaceAll(name, "/", " "), func(t *testing.T) {
			dir := before(t, map[string][]byte{name: value})
			s, err := Open(dir)
			if err == nil {
				t.Fatal(s.Close())
			}
			if !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), name) {
				t.Errorf("got %v, want an error that names the setting", err)
			}
		})
	}
}

// A mark whose bytes went bad is a mark: the plan is not spent again.
func TestDamagedMarkIsSpent(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	err := s.Update(t.Context(), func(tx workflow.Tx) error { return tx.Spend("01PLAN", "01APPLY") })
	if err := errors.Join(err, s.Close()); err != nil {
		t.Fatal(err)
	}
	edit(t, dir, func(tx *bbolt.Tx) error { return tx.Bucket(spent).Put([]byte("01PLAN"), []byte("?")) })
	s = open(t, dir)
	defer s.Close()
	err = s.Update(t.Context(), func(tx workflow.Tx) error {
		if _, err := tx.Spent("01PLAN"); !errors.Is(err, ErrCorrupt) {
			t.Errorf("reading it: got %v, want ErrCorrupt", err)
		}
		return tx.Spend("01PLAN", "02APPLY")
	})
	if !errors.Is(err, workflow.ErrSpent) {
		t.Errorf("spending it again: got %v, want ErrSpent", err)
	}
}

// A database of before the index finds pulls by their locks all the same.
func TestMigratesLockKeys(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	rec := func(number int, state workflow.PullState) workflow.PullRecord {
		return workflow.PullRecord{
			Pull:     workflow.Pull{Repo: workflow.Repo{ID: 7}, Number: number, State: state},
			Projects: []workflow.ProjectRecord{{Project: workflow.Project{Name: "net", Dir: "net"}}},
		}
	}
	err := s.Update(t.Context(), func(tx workflow.Tx) error {
		return errors.Join(tx.PutPull(rec(1, workflow.PullOpen)), tx.PutPull(rec(2, workflow.PullClosed)))
	})
	if err := errors.Join(err, s.Close()); err != nil {
		t.Fatal(err)
	}
	edit(t, dir, func(tx *bbolt.Tx) error {
		return errors.Join(tx.DeleteBucket(pullsLockKeys), tx.Bucket(meta).Put(schemaKey, u64(5)))
	})
	s = open(t, dir)
	defer s.Close()
	err = s.View(t.Context(), func(tx workflow.Tx) error {
		got, err := tx.PullsMeeting(7, rec(1, workflow.PullOpen).LockKeys())
		if len(got) != 1 || got[0].Pull.Number != 1 {
			t.Errorf("got %+v, want the open one", got)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A database of before has the live runs of a pull all the same.
func TestMigratesLiveRuns(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	r := workflow.Run{ID: "a", Repo: workflow.Repo{ID: 7}, Number: 3, State: workflow.RunQueued}
	err := s.Update(t.Context(), func(tx workflow.Tx) error { return tx.PutRun(r) })
	if err := errors.Join(err, s.Close()); err != nil {
		t.Fatal(err)
	}
	edit(t, dir, func(tx *bbolt.Tx) error {
		return errors.Join(tx.Bucket(runsLive).Put(liveKey(r), []byte{1}), tx.Bucket(meta).Put(schemaKey, u64(6)))
	})
	s = open(t, dir)
	defer s.Close()
	err = s.View(t.Context(), func(tx workflow.Tx) error {
		got, err := tx.LiveRunsOf(r.Subject())
		if len(got) != 1 || got[0].ID != "a" {
			t.Errorf("got %+v, want the run that waits", got)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
