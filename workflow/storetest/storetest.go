// Package storetest is the contract that every workflow.Store passes, and a
// store that fails where a test wants it to.
//
// The contract is what the comments of workflow.Store and workflow.Tx promise: atomic,
// durable when it returns, one consistent snapshot a view, records found by everything they
// are looked up by, newest first where order matters.
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

// Open opens the store of a directory, which is empty at first. It is called again for the
// same directory after the previous store was closed.
type Open func(tb testing.TB, dir string) workflow.Store

// Run checks a store against the contract.
func Run(t *testing.T, open Open) {
	for name, check := range map[string]func(*testing.T, *bench){
		"receive":     checkReceive,
		"deliveries":  checkDeliveries,
		"requests":    checkRequests,
		"repos":       checkRepos,
		"pulls":       checkPulls,
		"meeting":     checkMeeting,
		"unreported":  checkUnreported,
		"runs":        checkRuns,
		"subjects":    checkSubjects,
		"plans":       checkPlans,
		"history":     checkHistory,
		"locks":       checkLocks,
		"lineages":    checkLineages,
		"spent":       checkSpent,
		"lock epochs": checkEpochs,
		"settings":    checkSettings,
		"atomic":      checkAtomic,
		"snapshot":    checkSnapshot,
		"own values":  checkOwnValues,
		"waits":       checkWaits,
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
				ok, err := b.store.Receive(t.Context(),
					workflow.Delivery{GUID: fmt.Sprint("guid-", i), Event: "push", Payload: []byte("{}"), Received: at})
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
	if ok, err := b.store.Receive(t.Context(), workflow.Delivery{GUID: "guid-0", Event: "pull_request"}); !ok ||
		err != nil {
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
		for i, id := range []string{"c", "a", "b"} {
			r := workflow.Request{ID: id, Key: "comment:" + id, Kind: workflow.RequestCommand,
				Repo: workflow.Repo{ID: 7}, Number: i / 2, Received: at}
			if err := tx.PutRequest(&r); err != nil {
				return err
			}
		}
		return nil
	})
	order := func() (ids string) {
		for _, r := range see(b, func(tx workflow.Tx) ([]workflow.Request, error) { return tx.PendingRequests(0, 10) }) {
			ids += r.ID
		}
		return ids
	}
	some := func(get func(workflow.Tx) ([]workflow.Request, error)) (ids string) {
		for _, r := range see(b, get) {
			ids += r.ID
		}
		return ids
	}
	about := func(a workflow.About) string {
		return some(func(tx workflow.Tx) ([]workflow.Request, error) { return tx.PendingRequestsOf(a) })
	}
	repo, pull := workflow.OfRepo(7), workflow.OfPull(workflow.PullKey{RepoID: 7, Number: 1}).About()
	same(t, "about the repository, a pull of it, another repository",
		about(repo)+" "+about(pull)+" "+about(workflow.OfRepo(8)), "ca b ")
	same(t, "the first two", some(func(tx workflow.Tx) ([]workflow.Request, error) { return tx.PendingRequests(0, 2) }), "ca")
	same(t, "after the first", some(func(tx workflow.Tx) ([]workflow.Request, error) { return tx.PendingRequests(1, 10) }), "ab")
	same(t, "order of arrival", order(), "cab")
	r := see(b, func(tx workflow.Tx) (workflow.Request, error) { return tx.RequestByKey("comment:a") })
	r.Waiting = "GitHub lags"
	b.update(func(tx workflow.Tx) error { return tx.PutRequest(&r) })
	same(t, "order after a change", order(), "cab")
	r.Done, r.Finished = true, at
	b.update(func(tx workflow.Tx) error { return tx.PutRequest(&r) })
	b.reopen()
	same(t, "pending", order(), "cb")
	same(t, "pending of the repository", about(repo), "c")
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

func checkAtomic(t *testing.T, b *bench) {
	no := errors.New("no")
	err := b.store.Update(t.Context(), func(tx workflow.Tx) error {
		return errors.Join(tx.PutRun(run("a", 1, "net")), tx.PutPull(pullRecord(7, 1, "aaa")),
			tx.PutSetting("mark", []byte("1")), no)
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
	if _, err := b.store.Receive(t.Context(),
		workflow.Delivery{GUID: "g", Event: "push", Payload: payload, Received: at}); err != nil {
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

// checkWaits: a slow writer keeps nobody waiting longer than their context lasts, and a write
// that was given up while waiting is not done afterwards.
func checkWaits(t *testing.T, b *bench) {
	writing, end := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		b.update(func(workflow.Tx) error {
			select {
			case <-writing: // a rule may be called again
			default:
				close(writing)
			}
			<-end
			return nil
		})
	})
	<-writing
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := b.store.Receive(ctx, workflow.Delivery{GUID: "late", Event: "push"}); !errors.Is(err,
		context.DeadlineExceeded) {
		t.Errorf("receiving while another writes: got %v, want that it gives up with its context", err)
	}
	err := b.store.Update(ctx, func(tx workflow.Tx) error { return tx.PutSetting("late", []byte("1")) })
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("writing while another writes: got %v, want that it gives up with its context", err)
	}
	close(end)
	wg.Wait()
	b.missing(func(tx workflow.Tx) error { _, err := tx.Setting("late"); return err })
	b.missing(func(tx workflow.Tx) error { _, err := tx.Delivery("late", "push"); return err })
	if added, err := b.store.Receive(t.Context(), workflow.Delivery{GUID: "late", Event: "push"}); err != nil || !added {
		t.Errorf("receiving it again: got %v, %v", added, err)
	}
}
