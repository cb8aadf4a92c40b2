package bolt

import (
	"encoding/binary"
	"fmt"
	"strconv"

	"go.etcd.io/bbolt"
)

// Buckets of records.
var (
	meta       = []byte("meta")
	deliveries = []byte("deliveries")
	payloads   = []byte("payloads")
	requests   = []byte("requests")
	repos      = []byte("repos")
	pulls      = []byte("pulls")
	runs       = []byte("runs")
	spent      = []byte("spent") // plan run -> apply run
	plans      = []byte("plans")
	planBriefs = []byte("plans.briefs") // of plans that are longer than their briefs
	reports    = []byte("reports")
	events     = []byte("events")
	settings   = []byte("settings")
)

// Buckets of index keys. Each says its key.
var (
	deliveriesPending = []byte("deliveries.pending") // seq -> delivery key
	deliveriesDone    = []byte("deliveries.done")    // finished, seq -> delivery key
	requestsByKey     = []byte("requests.key")       // hash of the meaning -> id
	requestsPending   = []byte("requests.pending")   // seq -> id
	requestsOfPull    = []byte("requests.pull")      // repo, number (0: about the repository), seq -> id: the pending ones
	requestsOfSubject = []byte("requests.subject")   // repo, hash of the subject, seq -> id: of all others
	requestsDone      = []byte("requests.done")      // finished, seq -> id
	reposByName       = []byte("repos.name")         // owner/name in lower case -> id
	pullsFacts        = []byte("pulls.facts")        // repo, number -> version, head sha: what the indexes need of the old record
	pullsOpen         = []byte("pulls.open")         // repo, number
	pullsLockKeys     = []byte("pulls.locks")        // repo, number -> the keys of its projects' locks, while it is open
	pullsByHead       = []byte("pulls.head")         // repo, sha, number
	pullsUnreported   = []byte("pulls.unreported")   // repo, number
	runsLive          = []byte("runs.live")          // queued, id -> repo, number; or repo, hash of the subject
	runsOfPull        = []byte("runs.pull")          // repo, number, id
	runsOfSubject     = []byte("runs.subject")       // repo, hash of the subject, id: of all others
	runsOfProject     = []byte("runs.project")       // repo, hash of the project, id
	eventsOfPull      = []byte("events.pull")        // repo, number, seq
	eventsOfSubject   = []byte("events.subject")     // repo, hash of the subject, seq: of all others
)

// Indexes by what a record is for or about.
var (
	runsBySubject   = byAbout{runsOfPull, runsOfSubject}
	requestsByAbout = byAbout{requestsOfPull, requestsOfSubject}
	eventsByAbout   = byAbout{eventsOfPull, eventsOfSubject}
)

var schemaKey = []byte("schema")

// migrations lead from schema n to n+1. New ones are only ever appended: the schema's number
// is how many of them a file has been through.
var migrations = []func(*bbolt.Tx) error{
	createBuckets,
	createLocks,
	createLineages,
	indexPendingByPull,
	marksFromSettings,
	indexLockKeys,
	pullsOfLiveRuns,
	createPlanBriefs,
	createSubjects,
}

// createPlanBriefs leaves existing plans without briefs: these are made when they are asked
// for.
func createPlanBriefs(btx *bbolt.Tx) error {
	if _, err := btx.CreateBucketIfNotExists(planBriefs); err != nil {
		return fmt.Errorf("making bucket %s: %w", planBriefs, err)
	}
	return nil
}

// createSubjects makes the indexes of runs, requests and events of subjects that are no
// pulls. An older cardea, which would take a landing for its pull, refuses the file from then on.
func createSubjects(btx *bbolt.Tx) error {
	for _, name := range [][]byte{runsOfSubject, requestsOfSubject, eventsOfSubject} {
		if _, err := btx.CreateBucketIfNotExists(name); err != nil {
			return fmt.Errorf("making bucket %s: %w", name, err)
		}
	}
	return nil
}

// pullsOfLiveRuns notes with the live runs which subject each is for.
func pullsOfLiveRuns(btx *bbolt.Tx) error {
	t := &tx{btx}
	live, err := t.LiveRuns()
	for _, r := range live {
		if err == nil {
			err = t.putRaw(runsLive, liveKey(r), subjectKey(r.Subject()))
		}
	}
	return err
}

// indexLockKeys makes the index of open pulls by the locks that they meet.
func indexLockKeys(btx *bbolt.Tx) error {
	if _, err := btx.CreateBucketIfNotExists(pullsLockKeys); err != nil {
		return fmt.Errorf("making bucket %s: %w", pullsLockKeys, err)
	}
	t := &tx{btx}
	open, err := t.OpenPulls(0)
	for _, p := range open {
		if err == nil {
			err = t.indexLockKeys(p)
		}
	}
	return err
}

// marksFromSettings gives the marks of spent plans and the last epochs of locks
// buckets of their own. Until then they were settings called spent/RUN and
// lock-epoch/REPOSITORY.
func marksFromSettings(btx *bbolt.Tx) error {
	for _, name := range [][]byte{spent, lockEpochs} {
		if _, err := btx.CreateBucketIfNotExists(name); err != nil {
			return fmt.Errorf("making bucket %s: %w", name, err)
		}
	}
	t := &tx{btx}
	err := t.moveSettings("spent/", func(planRun string, applyRun []byte) error { return t.Spend(planRun, string(applyRun)) })
	if err != nil {
		return err
	}
	return t.moveSettings("lock-epoch/", func(repo string, epoch []byte) error {
		id, err := strconv.ParseInt(repo, 10, 64)
		if err != nil || len(epoch) != 8 {
			return damaged(settings, []byte("lock-epoch/"+repo))
		}
		return put(t, lockEpochs, u64(uint64(id)), u64At(epoch))
	})
}

// moveSettings hands over the settings with a prefix, without it, and removes them.
func (t *tx) moveSettings(prefix string, take func(name string, value []byte) error) error {
	var moved [][]byte
	err := t.scan(settings, []byte(prefix), func(key, value []byte) (bool, error) {
		body, err := unseal(settings, key, value)
		if err != nil {
			return false, err
		}
		moved = append(moved, clone(key))
		return true, take(string(key[len(prefix):]), body)
	})
	for _, key := range moved {
		if err == nil {
			err = t.remove(settings, key)
		}
	}
	return err
}

// indexPendingByPull makes the index of pending requests by pull from what is pending.
func indexPendingByPull(btx *bbolt.Tx) error {
	if _, err := btx.CreateBucketIfNotExists(requestsOfPull); err != nil {
		return fmt.Errorf("making bucket %s: %w", requestsOfPull, err)
	}
	t := &tx{btx}
	return t.scan(requestsPending, nil, func(seq, id []byte) (bool, error) {
		r, err := t.Request(string(id))
		if err != nil {
			return false, err
		}
		index, of := requestsByAbout.at(r.About())
		return true, t.putRaw(index, append(of, seq...), id)
	})
}

func createBuckets(tx *bbolt.Tx) error {
	for _, name := range [][]byte{
		deliveries, payloads, requests, repos, pulls, runs, plans, reports, events, settings,
		deliveriesPending, deliveriesDone, requestsByKey, requestsPending, requestsDone, reposByName,
		pullsFacts, pullsOpen, pullsByHead, pullsUnreported, runsLive, runsOfPull, runsOfProject, eventsOfPull,
	} {
		if _, err := tx.CreateBucketIfNotExists(name); err != nil {
			return fmt.Errorf("making bucket %s: %w", name, err)
		}
	}
	return nil
}

func migrate(tx *bbolt.Tx) error {
	b, err := tx.CreateBucketIfNotExists(meta)
	if err != nil {
		return fmt.Errorf("reading the schema's version: %w", err)
	}
	have, want := uint64(0), uint64(len(migrations))
	if v := b.Get(schemaKey); v != nil {
		if len(v) != 8 {
			return fmt.Errorf("reading the schema's version: %w", ErrCorrupt)
		}
		have = binary.BigEndian.Uint64(v)
	}
	if have > want {
		return fmt.Errorf("the database has schema %d, and this cardea knows %d at most: a newer one wrote it; use that, or restore a copy made before", have, want)
	}
	for n := have; n < want; n++ {
		if err := migrations[n](tx); err != nil {
			return fmt.Errorf("migrating the database from schema %d: %w", n, err)
		}
	}
	if have == want {
		return nil
	}
	return b.Put(schemaKey, binary.BigEndian.AppendUint64(nil, want))
}
