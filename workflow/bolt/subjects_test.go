package bolt

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"

	"go.etcd.io/bbolt"

	"github.com/cardea-iac/cardea/workflow"
)

// What indexes have of pulls and repositories is what databases of before have.
func TestPullsInIndexes(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	repo := workflow.Repo{ID: 7}
	err := s.Update(t.Context(), func(tx workflow.Tx) error {
		run := workflow.Run{ID: "r1", Repo: repo, Number: 12, State: workflow.RunQueued}
		return errors.Join(tx.PutRun(run),
			tx.PutRequest(&workflow.Request{ID: "q1", Key: "q1", Repo: repo, Number: 12}),
			tx.PutRequest(&workflow.Request{ID: "q2", Key: "q2", Repo: repo}),
			tx.Append(&workflow.Event{Repo: 7, Number: 12}), tx.Append(&workflow.Event{Repo: 7}))
	})
	if err := errors.Join(err, s.Close()); err != nil {
		t.Fatal(err)
	}
	key := func(parts ...any) (out []byte) {
		for _, p := range parts {
			switch p := p.(type) {
			case string:
				out = append(out, p...)
			case int:
				out = append(out, 0, 0, 0, 0, 0, 0, 0, byte(p))
			}
		}
		return out
	}
	edit(t, dir, func(tx *bbolt.Tx) error {
		for _, c := range []struct {
			bucket string
			want   [][2][]byte
		}{
			{"runs.live", [][2][]byte{{key(0, "r1"), key(7, 12)}}},
			{"runs.pull", [][2][]byte{{key(7, 12, "r1"), {1}}}},
			{"requests.pull", [][2][]byte{{key(7, 0, 2), key("q2")}, {key(7, 12, 1), key("q1")}}},
			{"events.pull", [][2][]byte{{key(7, 12, 1), {1}}}},
			{"runs.subject", nil}, {"requests.subject", nil}, {"events.subject", nil},
		} {
			var got [][2][]byte
			err := tx.Bucket([]byte(c.bucket)).ForEach(func(k, v []byte) error {
				got = append(got, [2][]byte{clone(k), clone(v)})
				return nil
			})
			same := func(a, b [2][]byte) bool { return bytes.Equal(a[0], b[0]) && bytes.Equal(a[1], b[1]) }
			if err != nil || !slices.EqualFunc(got, c.want, same) {
				t.Errorf("%s: got %q, want %q (%v)", c.bucket, got, c.want, err)
			}
		}
		return nil
	})
}

// A record that does not say what it is for is nobody's: reading it is an error that names it.
func TestReadsNoSubject(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	err := s.Update(t.Context(), func(tx workflow.Tx) error {
		return tx.PutRun(workflow.Run{ID: "r1", Repo: workflow.Repo{ID: 7}, Number: 12, State: workflow.RunQueued})
	})
	if err := errors.Join(err, s.Close()); err != nil {
		t.Fatal(err)
	}
	for _, stored := range []string{`"number":12,"for":"schedule"`, `"number":12,"for":"landing"`, `"number":0`} {
		body := fmt.Sprintf(`{"id":"r1","repo":{"id":7},%s,"state":"queued"}`, stored)
		edit(t, dir, func(tx *bbolt.Tx) error {
			return tx.Bucket(runs).Put([]byte("r1"), seal(runs, []byte("r1"), packedPlain, []byte(body)))
		})
		s = open(t, dir)
		for what, look := range map[string]func(workflow.Tx) error{
			"by its id": func(tx workflow.Tx) error { _, err := tx.Run("r1"); return err },
			"among all": func(tx workflow.Tx) error { _, err := tx.LiveRuns(); return err },
			"as the pull's": func(tx workflow.Tx) error {
				_, err := tx.RunsOf(workflow.OfPull(workflow.PullKey{RepoID: 7, Number: 12}), "", 1)
				return err
			},
		} {
			if err := s.View(t.Context(), look); err == nil || !bytes.Contains([]byte(err.Error()), []byte("run r1")) {
				t.Errorf("%s, %s: got %v, want an error that names the run", stored, what, err)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
