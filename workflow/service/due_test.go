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
	by := func(r workflow.Request, id int64, verb workflow.Verb) workflow.Request {
		r.Actor.ID, r.Command = id, &workflow.Command{Verb: verb}
		return r
	}
	review := func(id string, attempts int) workflow.Request {
		r := command(id, 1, time.Second, attempts)
		r.Kind, r.Review = workflow.RequestReview, &workflow.Review{By: workflow.Actor{ID: 4}, State: workflow.ReviewApproved}
		return r
	}
	turn := func(id string, attempts int) workflow.Request {
		r := command(id, 1, time.Second, attempts)
		r.Follow = "command"
		return r
	}
	plan, apply := by(command("p", 1, 0, 0), 4, workflow.VerbPlan), by(command("a", 1, 0, 0), 4, workflow.VerbApply)
	mine, theirs := by(command("m", 1, 0, 0), 4, workflow.VerbUnapprove), by(command("t", 1, 0, 0), 5, workflow.VerbUnapprove)
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
		"a review is first":               {pending: []workflow.Request{review("r", 1), plan}, next: time.Second},
		"it is for seconds":               {pending: []workflow.Request{review("r", 3), apply}, next: time.Second},
		"a review that GitHub does not show holds up nothing": {pending: []workflow.Request{review("r", 4), plan, apply}, want: "p", next: time.Second},
		"nor other reviews": {pending: []workflow.Request{review("r", 4), review("s", 5), push("c", 1, 0)}, want: "c", next: time.Second},
		"but what takes it back, and what comes after that":              {pending: []workflow.Request{review("r", 4), mine, apply}, next: time.Second},
		"not what takes back somebody else's":                            {pending: []workflow.Request{review("r", 4), theirs, mine}, want: "t", next: time.Second},
		"nor what takes back on another pull":                            {pending: []workflow.Request{review("r", 4), by(command("x", 2, 0, 0), 4, workflow.VerbUnapprove)}, want: "x", next: time.Second},
		"a turn is first":                                                {pending: []workflow.Request{turn("f", 3), apply}, next: time.Second},
		"and holds up nothing when GitHub does not answer":               {pending: []workflow.Request{turn("f", 4), mine}, want: "m", next: time.Second},
		"a command that waits holds up what comes after, however long":   {pending: []workflow.Request{command("a", 1, time.Second, 9), apply}, next: time.Second},
		"a push that failed holds up what comes after it, as it decides": {pending: []workflow.Request{{ID: "q", Kind: workflow.RequestPull, Repo: workflow.Repo{ID: 7}, Number: 1, NotBefore: now.Add(time.Second), Attempts: 5}, apply}, next: time.Second},
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
