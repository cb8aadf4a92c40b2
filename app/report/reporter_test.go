package report

import (
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/cardea-iac/cardea/app/github"
	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/service"
	"github.com/cardea-iac/cardea/workflow/storetest"
)

// What waits for somebody who changes something about the App is tried, but ever more seldom: hundreds of pulls
// that wait must not use up what GitHub allows in an hour.
func TestWaitsForSomebody(t *testing.T) {
	now := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	elsewhere := errors.New("the key is wrong")
	for name, tt := range map[string]struct {
		err         error
		first, most time.Duration
		tries       int // in a day, at most
	}{
		"a permission":       {&github.Denied{Grant: "Checks: write"}, 5 * time.Minute, time.Hour, 28},
		"what is told":       {elsewhere, 30 * time.Second, 5 * time.Minute, 292},
		"first one, wrapped": {fmt.Errorf("a check: %w", &github.Denied{}), 5 * time.Minute, time.Hour, 28},
	} {
		t.Run(name, func(t *testing.T) {
			at := now
			r := New(Config{Now: func() time.Time { return at }, Log: slog.New(slog.DiscardHandler),
				Told: func(err error) bool { return errors.Is(err, elsewhere) }})
			key := workflow.PullKey{RepoID: 1, Number: 2}
			k := &seen{}
			known := map[workflow.PullKey]*seen{key: k}
			tries := 0
			for ; at.Before(now.Add(24 * time.Hour)); tries++ {
				r.ended(t.Context(), known, result{key: key, err: tt.err})
				if wait := k.next.Sub(at); tries == 0 && wait != tt.first || wait > tt.most || wait < tt.first {
					t.Fatalf("try %d waits %s", tries, wait)
				}
				at = k.next
			}
			if tries > tt.tries {
				t.Errorf("%d tries in a day", tries)
			}
			r.ended(t.Context(), known, result{key: key})
			r.ended(t.Context(), known, result{key: key, err: tt.err})
			if wait := k.next.Sub(at); wait != tt.first {
				t.Errorf("after one that succeeded the first wait is %s", wait)
			}
		})
	}
}

// A pull that is open waits for its permission for as long as it takes; a closed one does not, or every pull
// that is closed meanwhile would wait.
func TestClosedWaitsNotForEver(t *testing.T) {
	for _, closed := range []bool{false, true} {
		at := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
		log := slog.New(slog.DiscardHandler)
		store := storetest.Memory()
		svc := service.New(service.Config{Store: store, Now: func() time.Time { return at }, Log: log})
		key := workflow.PullKey{RepoID: 1, Number: 2}
		r := New(Config{Service: svc, Now: func() time.Time { return at }, Log: log})
		known := map[workflow.PullKey]*seen{key: {closed: closed}}
		for range 100 {
			r.ended(t.Context(), known, result{key: key, version: 7, err: &github.Denied{}})
			at = known[key].next
		}
		state, err := svc.Report(t.Context(), key)
		if err != nil || (state.Version == 7) != closed {
			t.Errorf("closed %v: shown up to version %d, %v", closed, state.Version, err)
		}
	}
}
