package bolt

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/storetest"
)

func open(tb testing.TB, dir string) workflow.Store {
	tb.Helper()
	s, err := Open(dir)
	if err != nil {
		tb.Fatalf("opening the store: %v", err)
	}
	return s
}

func TestContract(t *testing.T) { storetest.Run(t, open) }

// edit changes the database file behind the store's back.
func edit(t *testing.T, dir string, change func(*bbolt.Tx) error) {
	t.Helper()
	db, err := bbolt.Open(filepath.Join(dir, fileName), 0o600, nil)
	if err != nil {
		t.Fatalf("opening the file: %v", err)
	}
	if err := errors.Join(db.Update(change), db.Close()); err != nil {
		t.Fatalf("editing the file: %v", err)
	}
}

// TestLineageProjectKeys: the index has projects under the keys that earlier versions wrote.
func TestLineageProjectKeys(t *testing.T) {
	for _, tt := range []struct{ project, want string }{
		{`{"dir":"app","terraform_workspace":"default"}`, "0000000000000007c9443d53a47a152d33fe332deb2ad91c"},
		{`{"dir":"infra/<é>","terraform_workspace":"blue","variant":"app/prod"}`, "00000000000000071a1870362ae85a5e234c153a399c2ea4"},
	} {
		var key workflow.ProjectKey
		if err := json.Unmarshal([]byte(tt.project), &key); err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprintf("%x", lineageProject(7, key)); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.project, got, tt.want)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	made := func(t *testing.T) string {
		dir := t.TempDir()
		s := open(t, dir)
		fill := s.Update(t.Context(), func(tx workflow.Tx) error { return tx.PutSetting("large", make([]byte, 1<<20)) })
		if err := errors.Join(fill, s.Close()); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	for name, c := range map[string]struct {
		spoil func(t *testing.T, dir string)
		want  string
	}{
		"a second process": {func(t *testing.T, dir string) {
			s := open(t, dir)
			t.Cleanup(func() { s.Close() })
		}, "another cardea process uses the data directory"},
		"a newer schema": {func(t *testing.T, dir string) {
			edit(t, dir, func(tx *bbolt.Tx) error { return tx.Bucket(meta).Put(schemaKey, u64(uint64(len(migrations)+1))) })
		}, "a newer one wrote it"},
		"a file cut short": {func(t *testing.T, dir string) {
			cut(t, dir, 100)
		}, "restore it from a copy"},
		"a file cut shorter still": {func(t *testing.T, dir string) {
			cut(t, dir, 3)
		}, "restore it from a copy"},
		"a file of another kind": {func(t *testing.T, dir string) {
			if err := os.WriteFile(filepath.Join(dir, fileName), bytes.Repeat([]byte("text "), 10_000), 0o600); err != nil {
				t.Fatal(err)
			}
		}, "invalid database"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := made(t)
			c.spoil(t, dir)
			s, err := Open(dir)
			if err == nil {
				t.Fatal(s.Close())
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %q, want it to contain %q", err, c.want)
			}
		})
	}
}

// cut leaves the first pages of the database file.
func cut(t *testing.T, dir string, pages int64) {
	t.Helper()
	if err := os.Truncate(filepath.Join(dir, fileName), pages*int64(os.Getpagesize())); err != nil {
		t.Fatal(err)
	}
}

func TestMigratesFromNothing(t *testing.T) {
	dir := t.TempDir()
	edit(t, dir, func(*bbolt.Tx) error { return nil })
	s := open(t, dir).(*Store)
	defer s.Close()
	err := s.db.View(func(tx *bbolt.Tx) error {
		if got, want := u64At(tx.Bucket(meta).Get(schemaKey)), uint64(len(migrations)); got != want {
			t.Errorf("got schema %d, want %d", got, want)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Every byte of a record, flipped, gives an error that names it and never another answer.
func TestDamagedRecordIsNamed(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	setting := func(tx workflow.Tx) error { return tx.PutSetting("mark", []byte("the value")) }
	if err := s.Update(t.Context(), setting); err != nil {
		t.Fatal(err)
	}
	s.Close()
	var length int
	for i := 0; i == 0 || i < length; i++ {
		flip := func(tx *bbolt.Tx) error {
			v := bytes.Clone(tx.Bucket(settings).Get([]byte("mark")))
			length = len(v)
			v[i] ^= 0x40
			return tx.Bucket(settings).Put([]byte("mark"), v)
		}
		edit(t, dir, flip)
		s := open(t, dir)
		err := s.View(t.Context(), func(tx workflow.Tx) error { _, err := tx.Setting("mark"); return err })
		if !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), "settings mark") {
			t.Errorf("byte %d: got %v, want an error that names the setting", i, err)
		}
		s.Close()
		edit(t, dir, flip)
	}
}

func TestRecordAtAnotherKeyIsDamaged(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	put := func(tx workflow.Tx) error { return tx.PutRepo(workflow.RepoRecord{Repo: workflow.Repo{ID: 1}}) }
	if err := s.Update(t.Context(), put); err != nil {
		t.Fatal(err)
	}
	s.Close()
	edit(t, dir, func(tx *bbolt.Tx) error {
		return tx.Bucket(repos).Put(u64(2), bytes.Clone(tx.Bucket(repos).Get(u64(1))))
	})
	s = open(t, dir)
	defer s.Close()
	if err := s.View(t.Context(), func(tx workflow.Tx) error { _, err := tx.Repo(2); return err }); !errors.Is(err, ErrCorrupt) {
		t.Errorf("got %v, want ErrCorrupt", err)
	}
}

// A file that is cut short under a running server must not end it.
func TestCutShortWhileRunning(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir).(*Store)
	defer s.Close()
	err := s.Update(t.Context(), func(tx workflow.Tx) error {
		for i := range 2000 {
			if err := tx.PutSetting(fmt.Sprint(i), make([]byte, 1000)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(filepath.Join(dir, fileName), 16<<10); err != nil {
		t.Fatal(err)
	}
	var failed error
	for i := range 2000 {
		err := s.View(context.Background(), func(tx workflow.Tx) error { _, err := tx.Setting(fmt.Sprint(i)); return err })
		failed = errors.Join(failed, err)
	}
	if !errors.Is(failed, ErrCorrupt) {
		t.Errorf("got %v, want ErrCorrupt", failed)
	}
}

// A store under which the file was cut says, once, that it cannot be written any more.
func TestCutUnderAWriter(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir).(*Store)
	fill := func(value byte) error {
		return s.Update(t.Context(), func(tx workflow.Tx) error {
			for i := range 2000 {
				if err := tx.PutSetting(fmt.Sprint(i), bytes.Repeat([]byte{value}, 1000)); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := fill(1); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-s.Broken():
		t.Fatal(err)
	default:
	}
	if err := os.Truncate(filepath.Join(dir, fileName), 16<<10); err != nil {
		t.Fatal(err)
	}
	if err := fill(2); !errors.Is(err, ErrCorrupt) {
		t.Errorf("got %v, want ErrCorrupt", err)
	}
	select {
	case err := <-s.Broken():
		if !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), fileName) {
			t.Errorf("got %v, want which file is damaged", err)
		}
	case <-time.After(4 * time.Minute):
		t.Error("nobody is told that nothing can be written")
	}
}

// A rule that panics leaves a store that can be written.
func TestPanicOfARule(t *testing.T) {
	s := open(t, t.TempDir()).(*Store)
	defer s.Close()
	func() {
		defer func() { _ = recover() }()
		_ = s.Update(t.Context(), func(workflow.Tx) error { panic("a rule's own") })
		t.Error("the panic was swallowed")
	}()
	if err := s.Update(t.Context(), func(tx workflow.Tx) error { return tx.PutSetting("mark", nil) }); err != nil {
		t.Error(err)
	}
	select {
	case err := <-s.Broken():
		t.Error(err)
	default:
	}
}

// BenchmarkReceive gives 200 deliveries a second, as GitHub would in a burst,
// and reports the 99th percentile of the time until each is on disk.
func BenchmarkReceive(b *testing.B) {
	s := open(b, b.TempDir())
	defer s.Close()
	payload, err := json.Marshal(strings.Repeat("a payload of usual size ", 500))
	if err != nil {
		b.Fatal(err)
	}
	var mu sync.Mutex
	var took []time.Duration
	var wg sync.WaitGroup
	tick := time.NewTicker(time.Second / 200)
	defer tick.Stop()
	for i := 0; b.Loop(); i++ {
		<-tick.C
		wg.Go(func() {
			start := time.Now()
			if _, err := s.Receive(context.Background(),
				workflow.Delivery{GUID: fmt.Sprint(i), Event: "push", Payload: payload}); err != nil {
				b.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			took = append(took, time.Since(start))
		})
	}
	wg.Wait()
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
}

// BenchmarkNewestRuns reads the newest 50 runs of a project among 100,000.
func BenchmarkNewestRuns(b *testing.B) {
	s := open(b, b.TempDir())
	defer s.Close()
	const total, step = 100_000, 5_000
	base := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for from := 0; from < total; from += step {
		err := s.Update(b.Context(), func(tx workflow.Tx) error {
			for i := from; i < from+step; i++ {
				at := base.Add(time.Duration(i) * time.Second)
				r := workflow.Run{ID: workflow.NewID(at), Repo: workflow.Repo{ID: 1},
					Number: i % 500, State: workflow.RunFinished, Queued: at}
				r.Project.Name = fmt.Sprint("project-", i%20)
				if err := tx.PutRun(r); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		err := s.View(b.Context(), func(tx workflow.Tx) error {
			runs, err := tx.RunsOfProject(1, "project-3", "", 50)
			if len(runs) != 50 {
				return fmt.Errorf("got %d runs", len(runs))
			}
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}

// A database of before the index has pending requests by pull all the same.
func TestMigratesPendingRequests(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	err := s.Update(t.Context(), func(tx workflow.Tx) error {
		waits := workflow.Request{ID: "a", Key: "a", Repo: workflow.Repo{ID: 7}, Number: 3}
		done := workflow.Request{ID: "b", Key: "b", Repo: workflow.Repo{ID: 7}, Number: 3, Done: true}
		return errors.Join(tx.PutRequest(&waits), tx.PutRequest(&done))
	})
	if err := errors.Join(err, s.Close()); err != nil {
		t.Fatal(err)
	}
	edit(t, dir, func(tx *bbolt.Tx) error {
		return errors.Join(tx.DeleteBucket(requestsOfPull), tx.Bucket(meta).Put(schemaKey, u64(3)))
	})
	s = open(t, dir)
	defer s.Close()
	err = s.View(t.Context(), func(tx workflow.Tx) error {
		got, err := tx.PendingRequestsOf(workflow.OfPull(workflow.PullKey{RepoID: 7, Number: 3}).About())
		if len(got) != 1 || got[0].ID != "a" {
			t.Errorf("got %+v, want the one that waits", got)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
