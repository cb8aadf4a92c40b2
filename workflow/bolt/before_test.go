package bolt

import (
	"compress/gzip"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.etcd.io/bbolt"

	"github.com/cardea-iac/cardea/workflow"
)

// testdata/before.db.gz is the file of a server of schema 7 that was killed: ten pulls whose
// plans wait, are approved once and twice, applied, refused, failed and running, with variants
// of a directory, states under two names, locks of applies and claimed ones, replies and their
// history. Deliveries are taken out.

// TestFileOfBefore: the records of a file of before are still what they were once it is
// migrated; and written anew, they and all their index keys are the same bytes.
func TestFileOfBefore(t *testing.T) {
	was, copied := unpacked(t, "testdata/before.db.gz"), t.TempDir()
	before := contents(t, was)
	source, target := open(t, was).(*Store), open(t, copied).(*Store)
	err := source.db.View(func(from *bbolt.Tx) error {
		return target.write(func(to *bbolt.Tx) error { return copyRecords(&tx{from}, &tx{to}) })
	})
	if err := errors.Join(err, source.Close(), target.Close()); err != nil {
		t.Fatal(err)
	}
	migrated, again := contents(t, was), contents(t, copied)
	delete(before[string(meta)], string(schemaKey))
	for bucket, records := range before {
		for key, value := range records {
			if now := migrated[bucket][key]; now != value {
				t.Errorf("%s %s was migrated from %q to %q", bucket, showKey([]byte(key)), value, now)
			}
		}
	}
	// A lock that was taken and given back has counted, too.
	delete(migrated, string(lockEpochs))
	delete(again, string(lockEpochs))
	for bucket := range migrated {
		if d := cmp.Diff(migrated[bucket], again[bucket]); d != "" {
			t.Errorf("%s (-of before +written now):\n%s", bucket, d)
		}
	}
}

// unpacked is a data directory with a packed database.
func unpacked(t *testing.T, packed string) (dir string) {
	t.Helper()
	file, err := os.Open(packed)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	r, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, fileName), data, 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// contents are all keys and values of a database, by bucket.
func contents(t *testing.T, dir string) map[string]map[string]string {
	t.Helper()
	out := map[string]map[string]string{}
	edit(t, dir, func(btx *bbolt.Tx) error {
		return btx.ForEach(func(name []byte, b *bbolt.Bucket) error {
			out[string(name)] = map[string]string{}
			return b.ForEach(func(key, value []byte) error {
				out[string(name)][string(key)] = string(value)
				return nil
			})
		})
	})
	return out
}

// copyRecords reads every record of one file and writes it to another as the service would.
func copyRecords(from, to *tx) error {
	requestsInOrder := map[uint64]workflow.Request{}
	err := errors.Join(
		copyEach(from, repos, func(_ string, r workflow.RepoRecord) error { return to.PutRepo(r) }),
		copyEach(from, pulls, func(_ string, p workflow.PullRecord) error { return to.PutPull(p) }),
		copyEach(from, reports, func(_ string, r workflow.ReportState) error { return to.PutReport(r) }),
		copyEach(from, runs, func(_ string, r workflow.Run) error { return to.PutRun(r) }),
		copyEach(from, plans, func(run string, p workflow.Plan) error { return to.PutPlan(run, p) }),
		copyEach(from, spent, func(planRun, applyRun string) error { return to.Spend(planRun, applyRun) }),
		copyEach(from, locks, func(_ string, l workflow.Lock) error { return to.PutLock(l) }),
		copyEach(from, lineages, func(_ string, l workflow.Lineage) error { return to.PutLineage(l) }),
		copyEach(from, events, func(_ string, e workflow.Event) error { return to.Append(&e) }),
		copyEach(from, requests, func(_ string, r workflow.Request) error {
			requestsInOrder[r.Seq] = r
			return nil
		}),
	)
	for _, seq := range slices.Sorted(maps.Keys(requestsInOrder)) {
		r := requestsInOrder[seq]
		err = errors.Join(err, to.PutRequest(&r))
	}
	return err
}

func copyEach[T any](from *tx, bucket []byte, put func(key string, record T) error) error {
	return from.scan(bucket, nil, func(key, value []byte) (bool, error) {
		record, err := decode[T](bucket, key, value)
		return true, errors.Join(err, put(string(key), record))
	})
}
