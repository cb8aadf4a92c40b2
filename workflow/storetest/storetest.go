// Package storetest is the contract that every workflow.Store passes, and a
// store that fails where a test wants it to.
//
// The contract is what the comments of workflow.Store and workflow.Tx promise:
// atomic, durable when it returns, one consistent snapshot a view, records
// found again by everything they are looked up by, newest first where order matters.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-iac/cardea/workflow"
)

// Open opens the store of a directory, which is empty at first. It is called
// again for the same directory after the store before was closed.
type Open func(tb testing.TB, dir string) workflow.Store

// Run checks a store against the contract.
func Run(t *testing.T, open Open) {
	for name, check := range map[string]func(*testing.T, *bench){
		"receive":     checkReceive,
		"deliveries":  checkDeliveries,
		"requests":    checkRequests,
		"repos":       checkRepos,
		"pulls":       checkPulls,
		"unreported":  checkUnreported,
		"runs":        checkRuns,
		"plans":       checkPlans,
		"history":     checkHistory,
		"locks":       checkLocks,
		"settings":    checkSettings,
		"atomic":      checkAtomic,
		"snapshot":    checkSnapshot,
		"own values":  checkOwnValues,
		"after close": checkClosed,
	} {
		t.Run(name, func(t *testing.T) {
			b := &bench{t: t, dir: t.TempDir(), open: open}
			b.store = open(t, b.dir)
			t.Cleanup(func() {
				if err := b.store.Close(); err != nil {
					t.Errorf("closing: %v", err)
				}
			})
			check(t, b)
		})
	}
}

// bench is a store under test.
type bench struct {
	t     *testing.T
	dir   string
	open  Open
	store workflow.Store
}

// reopen closes the store and opens it again: what was written must be there.
func (b *bench) reopen() {
	b.t.Helper()
	if err := b.store.Close(); err != nil {
		b.t.Fatalf("closing: %v", err)
	}
	b.store = b.open(b.t, b.dir)
}

func (b *bench) update(rule func(workflow.Tx) error) {
	b.t.Helper()
	if err := b.store.Update(b.t.Context(), rule); err != nil {
		b.t.Fatalf("updating: %v", err)
	}
}

func (b *bench) view(look func(workflow.Tx) error) {
	b.t.Helper()
	if err := b.store.View(b.t.Context(), look); err != nil {
		b.t.Fatalf("viewing: %v", err)
	}
}

// see looks one thing up, in a transaction of its own.
func see[T any](b *bench, look func(workflow.Tx) (T, error)) T {
	b.t.Helper()
	var out T
	b.view(func(tx workflow.Tx) (err error) {
		out, err = look(tx)
		return err
	})
	return out
}

func (b *bench) missing(look func(workflow.Tx) error) {
	b.t.Helper()
	if err := b.store.View(b.t.Context(), look); !errors.Is(err, workflow.ErrNotFound) {
		b.t.Errorf("got %v, want ErrNotFound", err)
	}
}

func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

var at = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func checkReceive(t *testing.T, b *bench) {
	const deliveries, copies = 40, 3
	added := make(chan bool, deliveries*copies)
	var wg sync.WaitGroup
	for range copies {
		for i := range deliveries {
			wg.Go(func() {
				ok, err := b.store.Receive(t.Context(), workflow.Delivery{GUID: fmt.Sprint("guid-", i), Event: "push", Payload: []byte("{}"), Received: at})
				if err != nil {
					t.Errorf("receiving: %v", err)
				}
				added <- ok
			})
		}
	}
	wg.Wait()
	close(added)
	n := 0
	for ok := range added {
		if ok {
			n++
		}
	}
	if n != deliveries {
		t.Errorf("got %d added, want %d: each once", n, deliveries)
	}
	if ok, err := b.store.Receive(t.Context(), workflow.Delivery{GUID: "guid-0", Event: "pull_request"}); !ok || err != nil {
		t.Errorf("another event with the same GUID: got %v, %v, want it to be added", ok, err)
	}
	b.reopen()
	pending := see(b, func(tx workflow.Tx) ([]workflow.Delivery, error) { return tx.PendingDeliveries(1000) })
	if len(pending) != deliveries+1 {
		t.Fatalf("got %d pending, want %d", len(pending), deliveries+1)
	}
	for i := 1; i < len(pending); i++ {
		if pending[i].Seq <= pending[i-1].Seq {
			t.Errorf("delivery %d has seq %d after %d", i, pending[i].Seq, pending[i-1].Seq)
		}
	}
}

func checkDeliveries(t *testing.T, b *bench) {
	payload := make([]byte, 1<<20)
	for i := range payload {
		payload[i] = byte(i * i)
	}
	for i := range 3 {
		d := workflow.Delivery{GUID: fmt.Sprint("g", i), Event: "push", Payload: payload[:i*1000], Received: at}
		if _, err := b.store.Receive(t.Context(), d); err != nil {
			t.Fatalf("receiving: %v", err)
		}
	}
	d := see(b, func(tx workflow.Tx) (workflow.Delivery, error) { return tx.Delivery("g1", "push") })
	same(t, "delivery", d, workflow.Delivery{GUID: "g1", Event: "push", Payload: payload[:1000], Received: at, Seq: 2})
	d.Done, d.Note, d.Finished = true, "ignored", at.Add(time.Hour)
	b.update(func(tx workflow.Tx) error { return tx.PutDelivery(d) })
	b.reopen()
	same(t, "a done delivery", see(b, func(tx workflow.Tx) (workflow.Delivery, error) { return tx.Delivery("g1", "push") }), d)
	pending := see(b, func(tx workflow.Tx) ([]workflow.Delivery, error) { return tx.PendingDeliveries(1) })
	if len(pending) != 1 || pending[0].GUID != "g0" {
		t.Errorf("got %v, want the oldest pending delivery alone", pending)
	}
	var early, late int
	b.update(func(tx workflow.Tx) (err error) {
		if early, err = tx.ForgetDeliveries(at, 10); err != nil {
			return err
		}
		late, err = tx.ForgetDeliveries(at.Add(2*time.Hour), 10)
		return err
	})
	if early != 0 || late != 1 {
		t.Errorf("got %d and %d forgotten, want 0 before it was finished and 1 after", early, late)
	}
	b.missing(func(tx workflow.Tx) error { _, err := tx.Delivery("g1", "push"); return err })
	if n := len(see(b, func(tx workflow.Tx) ([]workflow.Delivery, error) { return tx.PendingDeliveries(10) })); n != 2 {
		t.Errorf("got %d pending, want 2: what is not done is never forgotten", n)
	}
}

func checkRequests(t *testing.T, b *bench) {
	b.update(func(tx workflow.Tx) error {
		for _, id := range []string{"c", "a", "b"} {
			r := workflow.Request{ID: id, Key: "comment:" + id, Kind: workflow.RequestCommand, Received: at}
			if err := tx.PutRequest(&r); err != nil {
				return err
			}
		}
		return nil
	})
	order := func() (ids string) {
		for _, r := range see(b, workflow.Tx.PendingRequests) {
			ids += r.ID
		}
		return ids
	}
	same(t, "order of arrival", order(), "cab")
	r := see(b, func(tx workflow.Tx) (workflow.Request, error) { return tx.RequestByKey("comment:a") })
	r.Waiting = "GitHub lags"
	b.update(func(tx workflow.Tx) error { return tx.PutRequest(&r) })
	same(t, "order after a change", order(), "cab")
	r.Done, r.Finished = true, at
	b.update(func(tx workflow.Tx) error { return tx.PutRequest(&r) })
	b.reopen()
	same(t, "pending", order(), "cb")
	same(t, "a done request", see(b, func(tx workflow.Tx) (workflow.Request, error) { return tx.Request("a") }), r)
	var n int
	b.update(func(tx workflow.Tx) (err error) {
		n, err = tx.ForgetRequests(at.Add(time.Second), 10)
		return err
	})
	same(t, "forgotten", n, 1)
	b.missing(func(tx workflow.Tx) error { _, err := tx.RequestByKey("comment:a"); return err })
	b.missing(func(tx workflow.Tx) error { _, err := tx.Request("a"); return err })
}

func checkRepos(t *testing.T, b *bench) {
	rec := workflow.RepoRecord{Repo: workflow.Repo{ID: 7, Owner: "Acme", Name: "Infra"}, Key: []byte{1, 2, 3}, SeenAt: at}
	b.update(func(tx workflow.Tx) error { return tx.PutRepo(rec) })
	same(t, "by name", see(b, func(tx workflow.Tx) (workflow.RepoRecord, error) { return tx.RepoByName("acme/INFRA") }), rec)
	rec.Repo.Name = "Live"
	other := workflow.RepoRecord{Repo: workflow.Repo{ID: 8, Owner: "acme", Name: "infra"}, SeenAt: at}
	b.update(func(tx workflow.Tx) error { return errors.Join(tx.PutRepo(rec), tx.PutRepo(other)) })
	b.reopen()
	same(t, "renamed", see(b, func(tx workflow.Tx) (workflow.RepoRecord, error) { return tx.RepoByName("acme/live") }), rec)
	same(t, "who has the name now", see(b, func(tx workflow.Tx) (workflow.RepoRecord, error) { return tx.RepoByName("acme/infra") }), other)
	same(t, "all", see(b, workflow.Tx.Repos), []workflow.RepoRecord{rec, other})
	b.missing(func(tx workflow.Tx) error { _, err := tx.Repo(9); return err })
}

func pullRecord(repo int64, number int, sha string) workflow.PullRecord {
	return workflow.PullRecord{
		Pull:    workflow.Pull{Repo: workflow.Repo{ID: repo, Owner: "acme", Name: "infra"}, Number: number, State: workflow.PullOpen, Head: workflow.Ref{Ref: "x", SHA: sha}},
		Version: 1, CreatedAt: at, ChangedAt: at,
	}
}

func numbers(recs []workflow.PullRecord) (out []int) {
	for _, r := range recs {
		out = append(out, r.Pull.Number)
	}
	return out
}

func checkPulls(t *testing.T, b *bench) {
	b.update(func(tx workflow.Tx) error {
		return errors.Join(tx.PutPull(pullRecord(7, 12, "aaa")), tx.PutPull(pullRecord(7, 3, "aaa")), tx.PutPull(pullRecord(8, 1, "aaa")))
	})
	open := func(repo int64) []int {
		return numbers(see(b, func(tx workflow.Tx) ([]workflow.PullRecord, error) { return tx.OpenPulls(repo) }))
	}
	byHead := func(sha string) []int {
		return numbers(see(b, func(tx workflow.Tx) ([]workflow.PullRecord, error) { return tx.PullsByHead(7, sha) }))
	}
	same(t, "open pulls of one repository", open(7), []int{3, 12})
	same(t, "all open pulls", open(0), []int{3, 12, 1})
	same(t, "by head", byHead("aaa"), []int{3, 12})
	moved := pullRecord(7, 12, "bbb")
	closed := pullRecord(7, 3, "aaa")
	closed.Pull.State = workflow.PullClosed
	b.update(func(tx workflow.Tx) error { return errors.Join(tx.PutPull(moved), tx.PutPull(closed)) })
	b.reopen()
	same(t, "open pulls after", open(7), []int{12})
	same(t, "by the old head", byHead("aaa"), []int{3})
	same(t, "by the new head", byHead("bbb"), []int{12})
	same(t, "pull", see(b, func(tx workflow.Tx) (workflow.PullRecord, error) { return tx.Pull(moved.Pull.Key()) }), moved)
	b.missing(func(tx workflow.Tx) error { _, err := tx.Pull(workflow.PullKey{RepoID: 7, Number: 99}); return err })
}

func checkUnreported(t *testing.T, b *bench) {
	rec := pullRecord(7, 12, "aaa")
	key := rec.Pull.Key()
	step := func(what string, rule func(workflow.Tx) error, want ...workflow.PullKey) {
		t.Helper()
		b.update(rule)
		same(t, what, see(b, workflow.Tx.UnreportedPulls), want)
	}
	step("new", func(tx workflow.Tx) error { return tx.PutPull(rec) }, key)
	state := workflow.ReportState{Key: key, Version: 1, CommentID: 5, Checks: map[string]map[string]workflow.CheckShown{"aaa": {"cardea/plan": {ID: 1}}}}
	step("shown", func(tx workflow.Tx) error { return tx.PutReport(state) })
	rec.Version = 2
	rec.Pull.State = workflow.PullMerged
	step("changed, and closed", func(tx workflow.Tx) error { return tx.PutPull(rec) }, key)
	step("an old version shown", func(tx workflow.Tx) error { return tx.PutReport(state) }, key)
	same(t, "report", see(b, func(tx workflow.Tx) (workflow.ReportState, error) { return tx.Report(key) }), state)
	state.Version = 2
	step("shown again", func(tx workflow.Tx) error { return tx.PutReport(state) })
	step("forgotten", func(tx workflow.Tx) error { return tx.DeleteReport(key) }, key)
	b.missing(func(tx workflow.Tx) error { _, err := tx.Report(key); return err })
}

func run(id string, number int, project string) workflow.Run {
	return workflow.Run{ID: id, Repo: workflow.Repo{ID: 7}, Number: number, Project: workflow.Project{Name: project, Dir: project}, State: workflow.RunQueued, Queued: at}
}

func runIDs(runs []workflow.Run) (ids string) {
	for _, r := range runs {
		ids += r.ID
	}
	return ids
}

func checkRuns(t *testing.T, b *bench) {
	finished := run("a", 1, "net")
	finished.State = workflow.RunFinished
	old := run("d", 1, "db")
	old.Queued = at.Add(-time.Hour)
	b.update(func(tx workflow.Tx) error {
		return errors.Join(tx.PutRun(finished), tx.PutRun(run("b", 1, "net")), tx.PutRun(run("c", 2, "net")), tx.PutRun(old), tx.PutRun(run("e", 1, "net/x")))
	})
	live := func() string { return runIDs(see(b, workflow.Tx.LiveRuns)) }
	ofPull := func(before string, limit int) string {
		return runIDs(see(b, func(tx workflow.Tx) ([]workflow.Run, error) {
			return tx.RunsOfPull(workflow.PullKey{RepoID: 7, Number: 1}, before, limit)
		}))
	}
	ofProject := func(before string, limit int) string {
		return runIDs(see(b, func(tx workflow.Tx) ([]workflow.Run, error) { return tx.RunsOfProject(7, "net", before, limit) }))
	}
	same(t, "live, oldest first", live(), "dbce")
	for _, c := range []struct{ what, got, want string }{
		{"of a pull", ofPull("", 10), "edba"},
		{"at most two", ofPull("", 2), "ed"},
		{"older than d", ofPull("d", 10), "ba"},
		{"older than one that is not there", ofPull("cc", 10), "ba"},
		{"older than the oldest", ofPull("a", 10), ""},
		{"none", ofPull("", 0), ""},
		{"of a project", ofProject("", 10), "cba"},
		{"of a project, older than c", ofProject("c", 1), "b"},
	} {
		same(t, c.what, c.got, c.want)
	}
	claimed := run("b", 1, "net")
	claimed.State, claimed.Epoch, claimed.Queued = workflow.RunRunning, 1, at.Add(time.Minute)
	gone := run("e", 1, "net/x")
	gone.State, gone.Outcome = workflow.RunFinished, workflow.OutcomeFailed
	b.update(func(tx workflow.Tx) error { return errors.Join(tx.PutRun(claimed), tx.PutRun(gone)) })
	b.reopen()
	same(t, "live after", live(), "dcb")
	same(t, "run", see(b, func(tx workflow.Tx) (workflow.Run, error) { return tx.Run("b") }), claimed)
	b.missing(func(tx workflow.Tx) error { _, err := tx.Run("nothing"); return err })
}

func checkPlans(t *testing.T, b *bench) {
	plan := workflow.Plan{ChangesHash: "abc", PlannedAt: at, Tool: "terraform"}
	for i := range 5000 {
		plan.Changes = append(plan.Changes, workflow.Change{Address: fmt.Sprintf("terraform_data.x[%d]", i), Action: workflow.ActionCreate})
	}
	b.update(func(tx workflow.Tx) error { return tx.PutPlan("r1", plan) })
	b.reopen()
	same(t, "plan", see(b, func(tx workflow.Tx) (workflow.Plan, error) { return tx.Plan("r1") }), plan)
	b.missing(func(tx workflow.Tx) error { _, err := tx.Plan("r2"); return err })
}

func checkHistory(t *testing.T, b *bench) {
	b.update(func(tx workflow.Tx) error {
		for i := range 6 {
			e := workflow.Event{At: at, Repo: 7, Number: i % 2, Kind: "request", Text: fmt.Sprint("event ", i)}
			if err := tx.Append(&e); err != nil {
				return err
			}
			if e.Seq == 0 {
				return errors.New("appending set no Seq")
			}
		}
		return tx.Append(&workflow.Event{Repo: 8, Text: "elsewhere"})
	})
	b.reopen()
	texts := func(number int, before uint64, limit int) (out []string, last uint64) {
		for _, e := range see(b, func(tx workflow.Tx) ([]workflow.Event, error) { return tx.Events(7, number, before, limit) }) {
			out, last = append(out, e.Text), e.Seq
		}
		return out, last
	}
	got, last := texts(1, 0, 2)
	same(t, "of a pull", got, []string{"event 5", "event 3"})
	got, _ = texts(1, last, 10)
	same(t, "the rest of it", got, []string{"event 1"})
	got, _ = texts(0, 0, 3)
	same(t, "of the repository", got, []string{"event 5", "event 4", "event 3"})
	var forward []string
	var after uint64
	for {
		page := see(b, func(tx workflow.Tx) ([]workflow.Event, error) { return tx.EventsAfter(7, after, 4) })
		if len(page) == 0 {
			break
		}
		for _, e := range page {
			forward, after = append(forward, e.Text), e.Seq
		}
	}
	same(t, "oldest first, in pages of four", forward, []string{"event 0", "event 1", "event 2", "event 3", "event 4", "event 5"})
}

// checkLocks: a key is held by one pull, whatever anybody writes.
func checkLocks(t *testing.T, b *bench) {
	lock := func(repo int64, key string, number int) workflow.Lock {
		return workflow.Lock{RepoID: repo, Key: key, Project: "net", Pull: workflow.PullKey{RepoID: repo, Number: number}, Since: at, Why: workflow.LockApply, Epoch: 3}
	}
	mine, other, elsewhere := lock(7, "project\x00a\x00default", 1), lock(7, "state\x00s", 2), lock(8, "state\x00s", 1)
	b.update(func(tx workflow.Tx) error {
		return errors.Join(tx.PutLock(mine), tx.PutLock(other), tx.PutLock(elsewhere))
	})
	b.reopen()
	one := func(repo int64, key string) workflow.Lock {
		return see(b, func(tx workflow.Tx) (workflow.Lock, error) { return tx.Lock(repo, key) })
	}
	same(t, "a lock", one(7, mine.Key), mine)
	same(t, "the same key of another repository", one(8, other.Key), elsewhere)
	all := func() []workflow.Lock {
		return see(b, func(tx workflow.Tx) ([]workflow.Lock, error) { return tx.Locks(7) })
	}
	same(t, "of the repository", all(), []workflow.Lock{mine, other})
	same(t, "of a pull", see(b, func(tx workflow.Tx) ([]workflow.Lock, error) { return tx.LocksOfPull(other.Pull) }), []workflow.Lock{other})
	if err := b.store.Update(t.Context(), func(tx workflow.Tx) error { return tx.PutLock(lock(7, mine.Key, 2)) }); err == nil {
		t.Error("a lock moved to another pull")
	}
	same(t, "the lock after", one(7, mine.Key), mine)
	again := mine
	again.Epoch = 4
	b.update(func(tx workflow.Tx) error {
		return errors.Join(tx.PutLock(again), tx.DeleteLock(7, other.Key), tx.DeleteLock(7, "never"))
	})
	same(t, "after one is gone", all(), []workflow.Lock{again})
	b.missing(func(tx workflow.Tx) error { _, err := tx.Lock(7, other.Key); return err })
	same(t, "elsewhere", one(8, other.Key), elsewhere)
}

func checkSettings(t *testing.T, b *bench) {
	b.update(func(tx workflow.Tx) error { return tx.PutSetting("mark", []byte("17")) })
	b.reopen()
	same(t, "setting", see(b, func(tx workflow.Tx) ([]byte, error) { return tx.Setting("mark") }), []byte("17"))
	b.missing(func(tx workflow.Tx) error { _, err := tx.Setting("other"); return err })
}

func checkAtomic(t *testing.T, b *bench) {
	no := errors.New("no")
	err := b.store.Update(t.Context(), func(tx workflow.Tx) error {
		return errors.Join(tx.PutRun(run("a", 1, "net")), tx.PutPull(pullRecord(7, 1, "aaa")), tx.PutSetting("mark", []byte("1")), no)
	})
	if !errors.Is(err, no) {
		t.Errorf("got %v, want the rule's error", err)
	}
	if n := len(see(b, workflow.Tx.LiveRuns)); n != 0 {
		t.Errorf("got %d runs of a rule that failed, want none", n)
	}
	b.missing(func(tx workflow.Tx) error { _, err := tx.Setting("mark"); return err })
	if err := b.store.View(t.Context(), func(tx workflow.Tx) error { return tx.PutSetting("mark", []byte("1")) }); err == nil {
		t.Error("a view wrote and was not told")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := b.store.Update(ctx, func(workflow.Tx) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("updating with an ended context: got %v, want its error", err)
	}
}

func checkSnapshot(t *testing.T, b *bench) {
	b.update(func(tx workflow.Tx) error { return tx.PutSetting("mark", []byte("1")) })
	b.view(func(tx workflow.Tx) error {
		done := make(chan error)
		go func() {
			done <- b.store.Update(context.WithoutCancel(t.Context()), func(tx workflow.Tx) error { return tx.PutSetting("mark", []byte("2")) })
		}()
		if err := <-done; err != nil {
			return err
		}
		v, err := tx.Setting("mark")
		same(t, "in a view that began before the update", string(v), "1")
		return err
	})
	same(t, "after", see(b, func(tx workflow.Tx) ([]byte, error) { return tx.Setting("mark") }), []byte("2"))
}

func checkOwnValues(t *testing.T, b *bench) {
	payload := []byte("{\"a\":1}")
	if _, err := b.store.Receive(t.Context(), workflow.Delivery{GUID: "g", Event: "push", Payload: payload, Received: at}); err != nil {
		t.Fatalf("receiving: %v", err)
	}
	b.update(func(tx workflow.Tx) error { return tx.PutSetting("mark", []byte("1")) })
	d := see(b, func(tx workflow.Tx) (workflow.Delivery, error) { return tx.Delivery("g", "push") })
	v := see(b, func(tx workflow.Tx) ([]byte, error) { return tx.Setting("mark") })
	clear(d.Payload) // faults, or shows below, when it is the store's memory
	clear(v)
	same(t, "payload", see(b, func(tx workflow.Tx) (workflow.Delivery, error) { return tx.Delivery("g", "push") }).Payload, payload)
	same(t, "setting", see(b, func(tx workflow.Tx) ([]byte, error) { return tx.Setting("mark") }), []byte("1"))
}

func checkClosed(t *testing.T, b *bench) {
	if err := b.store.Close(); err != nil {
		t.Fatalf("closing: %v", err)
	}
	_, err := b.store.Receive(t.Context(), workflow.Delivery{GUID: "g", Event: "push"})
	for what, err := range map[string]error{
		"receiving": err,
		"updating":  b.store.Update(t.Context(), func(workflow.Tx) error { return nil }),
		"viewing":   b.store.View(t.Context(), func(workflow.Tx) error { return nil }),
	} {
		if !errors.Is(err, workflow.ErrClosed) {
			t.Errorf("%s after close: got %v, want ErrClosed", what, err)
		}
	}
	b.store = b.open(t, b.dir)
}
