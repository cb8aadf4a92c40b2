package service

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-iac/cardea/workflow"
)

func TestDueRequests(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	push := func(id string, number int, in time.Duration) workflow.Request {
		return workflow.Request{ID: id, Kind: workflow.RequestPull, Repo: workflow.Repo{ID: 7}, Number: number, NotBefore: now.Add(in)}
	}
	command := func(id string, number int, in time.Duration, attempts int) workflow.Request {
		return workflow.Request{ID: id, Kind: workflow.RequestCommand, Repo: workflow.Repo{ID: 7}, Number: number, NotBefore: now.Add(in), Attempts: attempts}
	}
	for name, c := range map[string]struct {
		pending []workflow.Request
		want    string
		next    time.Duration
	}{
		"none":                            {},
		"one a pull, in order":            {pending: []workflow.Request{push("a", 1, 0), command("b", 1, 0, 0), push("c", 2, -time.Hour)}, want: "ac"},
		"a push settles":                  {pending: []workflow.Request{push("a", 1, 3*time.Second), push("b", 2, 2*time.Second)}, next: 2 * time.Second},
		"a command does not wait for it":  {pending: []workflow.Request{push("a", 1, 3*time.Second), command("b", 1, 0, 0)}, want: "b", next: 3 * time.Second},
		"but it does for one tried again": {pending: []workflow.Request{command("a", 1, time.Second, 1), command("b", 1, 0, 0), push("c", 2, 0)}, want: "c", next: time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			look := dueLook{now: now, taken: map[workflow.About]bool{}}
			for _, r := range c.pending {
				look.at(r)
			}
			got, next := "", look.next
			for _, r := range look.due {
				got += r.ID
			}
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			var want time.Time
			if c.next != 0 {
				want = now.Add(c.next)
			}
			if !next.Equal(want) {
				t.Errorf("got next %v, want %v", next, want)
			}
		})
	}
}

func TestBackoff(t *testing.T) {
	var got []time.Duration
	for n := 1; n <= 7; n++ {
		got = append(got, backoff(n)/time.Second)
	}
	if diff := cmp.Diff([]time.Duration{1, 2, 4, 8, 16, 30, 30}, got); diff != "" {
		t.Error(diff)
	}
}
