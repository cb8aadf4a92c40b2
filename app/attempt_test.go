package app

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/cardea-iac/cardea/workflow"
)

// Whatever a request does, it comes to an end, and how is known.
func TestAttempt(t *testing.T) {
	hang := make(chan struct{})
	defer close(hang)
	ended, end := context.WithCancel(t.Context())
	end()
	fault := errors.New("a fault")
	var none *workflow.Pull
	for name, c := range map[string]struct {
		ctx  context.Context
		do   func(context.Context) error
		want ending
	}{
		"in order":                     {t.Context(), func(context.Context) error { return nil }, endedInOrder},
		"with an error":                {t.Context(), func(context.Context) error { return fault }, endedInOrder},
		"too late":                     {t.Context(), func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, endedTooLate},
		"too late, and says nothing":   {t.Context(), func(ctx context.Context) error { <-ctx.Done(); return nil }, endedTooLate},
		"hangs whatever it is told":    {t.Context(), func(context.Context) error { <-hang; return nil }, endedTooLate},
		"the server ends":              {ended, func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, endedWithServer},
		"it hangs and the server ends": {ended, func(context.Context) error { <-hang; return nil }, endedWithServer},
		"panics":                       {t.Context(), func(context.Context) error { return errors.New(none.Author.Login) }, endedInPanic},
	} {
		t.Run(name, func(t *testing.T) {
			atMost := time.Minute // a busy machine may take its time for what ends in order
			if c.want == endedTooLate {
				atMost = 10 * time.Millisecond
			}
			how, err := attempt(c.ctx, atMost, 10*time.Millisecond, c.do)
			if how != c.want || (name == "with an error") != errors.Is(err, fault) {
				t.Errorf("got %v, %v, want %v", how, err, c.want)
			}
		})
	}
}

// However much one sender or one repository has waiting, there is room for others.
func TestExpansionsShare(t *testing.T) {
	now := time.Now()
	x := &expansions{running: map[workflow.About]workflow.Request{}, later: map[workflow.About]time.Time{}}
	request := func(repo int64, number int, sender int64) workflow.Request {
		return workflow.Request{Repo: workflow.Repo{ID: repo}, Number: number, Actor: workflow.Actor{ID: sender}}
	}
	begin := func(r workflow.Request) bool {
		if !x.may(r, now) {
			return false
		}
		x.running[r.About()] = r
		return true
	}
	begun := 0
	for number := range 20 {
		if begin(request(1, number, 7)) {
			begun++
		}
	}
	if begun != senderShare {
		t.Errorf("one sender has %d, want %d", begun, senderShare)
	}
	for sender := range int64(20) {
		if begin(request(1, 100+int(sender), 100+sender)) {
			begun++
		}
	}
	if begun != repoShare {
		t.Errorf("one repository has %d, want %d", begun, repoShare)
	}
	if !begin(request(2, 1, 8)) {
		t.Error("another repository has no room")
	}
	if begin(request(2, 1, 8)) {
		t.Error("two of one pull at a time")
	}
	if x.later[workflow.OfPull(workflow.PullKey{RepoID: 3, Number: 1}).About()] = now.Add(time.Second); begin(request(3,
		1, 9)) {
		t.Error("one that shall wait was begun")
	}
	if !begin(request(3, 2, 9)) || begin(request(4, 1, 10)) {
		t.Error("want all that there is room for, and no more")
	}
}
