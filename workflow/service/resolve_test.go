package service_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/service"
)

// Several names of one command are all meant.
func TestResolveSeveral(t *testing.T) {
	w := newWorld(t)
	w.ready(1, "head1", files{"a/main.tf": "2", "b/main.tf": "2"})
	w.applying(1, "a")
	w.applying(1, "b")
	w.now = w.now.Add(service.DefaultLease + time.Second)
	w.claim()
	resolve := verb(workflow.VerbResolve, "a", "b")
	resolve.Outcome = workflow.ResolvedApplied
	has(t, w.do(1, "root", resolve), "resolved", "a true", "b true")
	resolve.Select.Projects = []string{"nobody"}
	has(t, w.do(1, "root", resolve), "refused", "There is no project `nobody`")
}

// What somebody said of an earlier apply, and is delivered late, says nothing of the last one.
func TestResolveFromBeforeTheApply(t *testing.T) {
	w := newWorld(t)
	w.ready(1, "head1", files{"a/main.tf": "2"})
	resolve := verb(workflow.VerbResolve, "a")
	resolve.Outcome = workflow.ResolvedApplied
	w.now = w.now.Add(time.Minute)
	began := w.now
	w.applying(1, "a")
	w.now = w.now.Add(service.DefaultLease + time.Second)
	w.claim()
	want(t, "state", w.states(1), []string{"a unknown"})
	say := func(at time.Time) string {
		w.serial++
		req, _ := w.deliver(workflow.Request{Kind: workflow.RequestCommand, Number: 1, Immediate: true, Command: &resolve, CommentID: int64(w.serial),
			Key: fmt.Sprint("comment:", w.serial), Actor: people["root"], CommentedAt: at})
		w.expand()
		return w.reply(1, req.ID)
	}
	has(t, say(began.Add(-time.Second)), "refused", "This was written before the last apply of `a` began.")
	want(t, "state", w.states(1), []string{"a unknown"})
	has(t, say(began.Add(time.Second)), "resolved", "a true")
}

func TestErroredStateFreezes(t *testing.T) {
	w := newWorld(t)
	w.ready(1, "head1", files{"a/main.tf": "2"})
	res := applied(w.applying(1, "a"), workflow.OutcomeFailed)
	res.ErroredState = "x.errored.tfstate.age"
	w.finish(res)
	want(t, "state", w.states(1), []string{"a errored_state"})
	want(t, "planned by itself", w.plan(1), []string(nil))
	has(t, w.do(1, "root", verb(workflow.VerbUnlock)), "refused", "could not store its state")
	resolve := verb(workflow.VerbResolve, "a")
	resolve.Outcome = "failed"
	has(t, w.do(1, "root", resolve), "resolved")
	want(t, "planned then", w.plan(1), []string{"plan a"})
	want(t, "state then", w.states(1), []string{"a apply_failed"})
	w.finish(applied(w.applying(1, "a"), workflow.OutcomeSucceeded))
	want(t, "state at last", w.states(1), []string{"a applied"})
}
