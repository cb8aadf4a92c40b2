package service_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/bolt"
	"github.com/cardea-iac/cardea/workflow/service"
	"github.com/cardea-iac/cardea/workflow/storetest"
)

// throng is a repository with many open pulls.
type throng struct {
	svc   *service.Service
	store workflow.Store
	now   time.Time
}

func newThrong(tb testing.TB, store workflow.Store, open int) *throng {
	tb.Helper()
	c := &throng{store: store, now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	c.svc = service.New(service.Config{Store: store, Settle: 3 * time.Second, Now: func() time.Time { return c.now }})
	for from := 1; from <= open; from += 500 {
		err := store.Update(tb.Context(), func(tx workflow.Tx) error {
			for n := from; n < min(from+500, open+1); n++ {
				rec := workflow.PullRecord{Pull: workflow.Pull{Repo: repo, Number: n, State: workflow.PullOpen, Base: workflow.Ref{Ref: "main"}}, BaseSHA: "old"}
				if err := tx.PutPull(rec); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			tb.Fatal(err)
		}
	}
	return c
}

func (c *throng) push(tb testing.TB, tip string) workflow.Request {
	tb.Helper()
	req, _, err := c.svc.Submit(tb.Context(), workflow.Request{Kind: workflow.RequestBase, Repo: repo, Action: "main", Head: tip, Key: "push:" + tip})
	if err != nil {
		tb.Fatal(err)
	}
	return req
}

// spread carries out what is left of pushes.
func (c *throng) spread(tb testing.TB) {
	tb.Helper()
	due, _, err := c.svc.DueRequests(tb.Context(), service.DueQuery{})
	if err != nil {
		tb.Fatal(err)
	}
	for _, r := range due {
		if r.Spreads() {
			if err := c.svc.Expand(tb.Context(), service.Expansion{Request: r}); err != nil {
				tb.Fatal(err)
			}
		}
	}
}

// pending are the requests of one pull each that wait, by pull.
func (c *throng) pending(tb testing.TB) map[int][]workflow.Request {
	tb.Helper()
	out := map[int][]workflow.Request{}
	err := c.store.View(tb.Context(), func(tx workflow.Tx) error {
		all, err := tx.PendingRequests(0, 1<<20)
		for _, r := range all {
			out[r.Number] = append(out[r.Number], r)
		}
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
	return out
}

// A push to a branch with many open pulls is passed on in several transactions,
// goes on where it stopped, and comes to each pull once; a newer one takes its place.
func TestPushToManyPulls(t *testing.T) {
	const open = 250
	store := storetest.Memory()
	c := newThrong(t, store, open)
	req := c.push(t, "tip1")
	if got := len(c.pending(t)); req.Done || got > 101 {
		t.Errorf("the first transaction made %d requests and ended the push: %v; want at most 100, and others written in between", got, req.Done)
	}
	c = &throng{store: store, now: c.now, svc: service.New(service.Config{Store: store, Settle: 3 * time.Second, Now: func() time.Time { return c.now }})}
	c.spread(t) // another server goes on
	check := func(tip string) {
		t.Helper()
		all := c.pending(t)
		for n := 1; n <= open; n++ {
			if len(all[n]) != 1 || all[n][0].Head != tip {
				t.Fatalf("#%d has %d requests, want one, for %s: %+v", n, len(all[n]), tip, all[n])
			}
		}
		if len(all) != open {
			t.Errorf("%d pulls have requests, and the push none: want %d; %+v", len(all), open, all[0])
		}
	}
	check("tip1")
	if again := c.push(t, "tip1"); again.ID != req.ID {
		t.Error("the same push was made into two")
	}
	c.push(t, "tip2")
	c.spread(t)
	check("tip2")
}

// A request that ends the server each time is begun a few times, and then ends itself.
func TestRequestThatEndsTheServer(t *testing.T) {
	w := newWorld(t)
	w.ready(1, "head1", files{"a/main.tf": "2"})
	req := w.say(1, "bob", verb(workflow.VerbApprove))
	for n := 1; n <= 3; n++ {
		if begun, err := w.svc.BeginRequest(t.Context(), req.ID); !begun || err != nil {
			t.Fatalf("try %d: got %v, %v, want that it is begun", n, begun, err)
		}
		w.serve(w.store) // and the server dies
	}
	if begun, err := w.svc.BeginRequest(t.Context(), req.ID); begun || err != nil {
		t.Fatalf("got %v, %v, want no further try", begun, err)
	}
	has(t, w.reply(1, req.ID), "refused", "`cardea approve` could not be carried out", "begun 3 times", "Write it again")
	// One that is put back in order is no such request.
	req = w.say(1, "bob", verb(workflow.VerbApprove))
	for range 5 {
		if begun, err := w.svc.BeginRequest(t.Context(), req.ID); !begun || err != nil {
			t.Fatalf("got %v, %v, want that it is begun", begun, err)
		}
		if err := w.svc.PutBackRequest(t.Context(), req.ID); err != nil {
			t.Fatal(err)
		}
	}
	w.settle()
	has(t, w.reply(1, req.ID), "approved")
}

// BenchmarkPush measures a push to a branch with more and more open pulls, each with a push before it that still settles.
func BenchmarkPush(b *testing.B) {
	for _, open := range []int{100, 1000, 5000} {
		b.Run(fmt.Sprint(open), func(b *testing.B) {
			store, err := bolt.Open(b.TempDir())
			if err != nil {
				b.Fatal(err)
			}
			defer store.Close()
			c := newThrong(b, store, open)
			c.push(b, "before")
			c.spread(b)
			for i := 0; b.Loop(); i++ {
				c.push(b, fmt.Sprint("tip", i))
				c.spread(b)
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/float64(open), "µs/pull")
		})
	}
}
