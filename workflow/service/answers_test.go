package service_test

import (
	"testing"
	"time"

	"github.com/cardea-iac/cardea/workflow"
)

// Who writes commands that do nothing, again and again, is told so a number of times,
// the last one that it is the last; others are answered, and it passes.
func TestAnswersAreBounded(t *testing.T) {
	w := newWorld(t)
	w.ready(1, "head1", files{"a/main.tf": "2"})
	told := func(to string) (n int, last workflow.Reply) {
		for _, r := range w.view(1).Replies {
			if r.To.ID == people[to].ID {
				n, last = n+1, r
			}
		}
		return n, last
	}
	for range 150 {
		w.say(1, "eve", verb(workflow.VerbApply))
		w.expand()
	}
	n, last := told("eve")
	want(t, "answers", n, 60)
	has(t, last.Text[len(last.Text)-1].String(), "only in the history on this pull request's page")
	w.say(1, "bob", verb(workflow.VerbStatus))
	w.expand()
	n, _ = told("bob")
	want(t, "answers to somebody else", n, 1)
	w.do(1, "bob", verb(workflow.VerbApprove))
	w.now = w.now.Add(10 * time.Minute)
	w.say(1, "eve", verb(workflow.VerbApply))
	w.expand()
	n, _ = told("eve")
	want(t, "answers after a while", n, 61)
	events, err := w.svc.Events(t.Context(), workflow.OfPull(workflow.PullKey{RepoID: repo.ID, Number: 1}).About(), 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	refused := 0
	for _, e := range events {
		if e.Kind == "refused" {
			refused++
		}
	}
	want(t, "in the history", refused, 151)
}
