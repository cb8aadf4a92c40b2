package service_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/service"
)

// wrote is a comment of bob's that is delivered now and was written at a time, carried out at once.
func (w *world) wrote(at time.Time, c workflow.Command) string {
	w.t.Helper()
	w.serial++
	id := int64(5000 + w.serial)
	req, _ := w.deliver(workflow.Request{Kind: workflow.RequestCommand, Number: 1, Immediate: true, Command: &c, CommentID: id,
		Key: fmt.Sprint("comment:", id), Actor: people["bob"], CommentedAt: at})
	for w.expand() > 0 {
	}
	if done, err := stored(w.t, w.store, req.ID); err != nil || !done.Done {
		w.t.Fatalf("got %+v, %v, want it carried out", done, err)
	}
	return w.reply(1, req.ID)
}

// pressed is the button of the check that shows the present plan of a, pressed by bob and delivered now.
func (w *world) pressed() string {
	w.t.Helper()
	a, c := w.project(1, "a"), verb(workflow.VerbApprove)
	c.Fingerprints, c.Runs = map[string]string{"a": a.Run.Fingerprint}, map[string]string{"a": a.Run.ID}
	req, _ := w.deliver(workflow.Request{Kind: workflow.RequestCommand, Number: 1, Immediate: true, Command: &c, CheckRunID: 9,
		Key: fmt.Sprint("button:", w.serial), Actor: people["bob"], CommentedAt: w.now})
	w.expand()
	return w.reply(1, req.ID)
}

// An approval that was given before its giver withdrew, or in the same second, does not count, whichever is delivered first,
// and whatever happens in between. One that was given after that counts.
func TestWithdrawnBeforeItIsDelivered(t *testing.T) {
	ways := map[string]func(*world, time.Time) string{
		"comment": func(w *world, at time.Time) string { return w.wrote(at, verb(workflow.VerbApprove)) },
		"by name": func(w *world, at time.Time) string { return w.wrote(at, verb(workflow.VerbApprove, "a")) },
		"exactly": func(w *world, at time.Time) string {
			c := verb(workflow.VerbApprove, "a")
			c.Fingerprints = map[string]string{"a": w.project(1, "a").Run.Fingerprint[:12]}
			return w.wrote(at, c)
		},
		"review": func(w *world, at time.Time) string {
			now := w.now
			w.now = at
			r := w.review("bob", w.project(1, "a").Run.Head, workflow.ReviewApproved)
			w.now = now
			return w.told(r, "submitted")
		},
	}
	between := map[string]func(*world){
		"nothing": func(*world) {},
		"restart": func(w *world) { w.serve(w.store) },
		"closed and reopened": func(w *world) {
			w.close(1, workflow.PullClosed)
			w.facts(1, "head1")
			w.push(1, "reopened")
			w.settle()
			w.plan(1)
		},
		"the same plan at a new head": func(w *world) {
			w.commit("head2", w.source.commits["head1"], files{"README.md": "words"})
			w.facts(1, "head2")
			w.push(1, "synchronize")
			w.settle()
			w.plan(1)
		},
		"all requests are forgotten": func(w *world) {
			w.now = w.now.Add(service.KeepRequests + time.Hour)
			if err := w.svc.Housekeep(w.t.Context()); err != nil {
				w.t.Fatal(err)
			}
		},
	}
	for way, approve := range ways {
		for what, happen := range between {
			for order, given := range map[string]time.Duration{"before": -2 * time.Second, "in the same second": 0, "after": time.Second} {
				t.Run(fmt.Sprintf("%s/%s/%s", way, what, order), func(t *testing.T) {
					w := newWorld(t)
					w.ready(1, "head1", files{"a/main.tf": "new"})
					w.now = w.now.Add(10 * time.Second)
					at := w.now
					if what == "the same plan at a new head" && way == "review" {
						return // it is of the older head in any case
					}
					has(t, w.wrote(at, verb(workflow.VerbUnapprove)), "`bob` has no approval here to withdraw.",
						"An approval that was given before this comment, but is delivered after it, will not count.")
					w.now = w.now.Add(5 * time.Second)
					happen(w)
					said := approve(w, at.Add(given))
					if order == "after" {
						want(t, "approvals", len(w.project(1, "a").Approvals), 1)
						return
					}
					want(t, "approvals", len(w.project(1, "a").Approvals), 0)
					has(t, said, "refused", "commented `cardea unapprove`", map[string]string{"before": "`cardea unapprove` later",
						"in the same second": "in the same second, and GitHub does not say which came first"}[order])
					if way != "review" {
						has(t, said, "Not approved: you commented", "Review it, then `cardea approve -p a@")
					}
					w.now = w.now.Add(time.Minute) // the way out
					has(t, w.wrote(w.now, verb(workflow.VerbApprove)), "approved")
				})
			}
		}
	}
}

// What is delivered late takes back what was given before it, and nothing that was given after it: the order of deliveries
// decides nothing.
func TestWithdrawnLate(t *testing.T) {
	w := newWorld(t)
	w.ready(1, "head1", files{"a/main.tf": "new"})
	w.now = w.now.Add(10 * time.Second)
	at := w.now
	has(t, w.wrote(at, verb(workflow.VerbApprove)), "approved")
	has(t, w.wrote(at.Add(-time.Second), verb(workflow.VerbUnapprove)), "refused", "`bob` gave their approvals here after this comment, so they stay.")
	want(t, "approvals", len(w.project(1, "a").Approvals), 1)
	has(t, w.wrote(at, verb(workflow.VerbUnapprove)), "unapproved", "a true")
	want(t, "approvals", len(w.project(1, "a").Approvals), 0)
}

// A withdrawal of some projects is of those only, and also of ones that the pull does not show at that moment.
func TestWithdrawnOfSome(t *testing.T) {
	for name, of := range map[string]workflow.Selector{
		"by name": {Projects: []string{"a"}}, "by glob": {Projects: []string{"[a]*"}}, "by directory": {Dirs: []string{"a"}},
		"of nothing that there is, too": {Projects: []string{"nobody", "a"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.ready(1, "head1", files{"a/main.tf": "new", "b/main.tf": "new"})
			w.now = w.now.Add(10 * time.Second)
			at := w.now
			w.wrote(at, workflow.Command{Verb: workflow.VerbUnapprove, Select: of})
			has(t, w.wrote(at.Add(-time.Second), verb(workflow.VerbApprove)), "approved", "a false", "b true")
			want(t, "approvals", []int{len(w.project(1, "a").Approvals), len(w.project(1, "b").Approvals)}, []int{0, 1})
		})
	}
	t.Run("while its projects are not known", func(t *testing.T) {
		w := newWorld(t)
		w.ready(1, "head1", files{"a/main.tf": "new"})
		w.now = w.now.Add(10 * time.Second)
		at := w.now
		w.commit("head2", w.source.commits["head1"], files{"README.md": "words"})
		w.facts(1, "head2")
		if err := w.svc.Observe(t.Context(), workflow.Request{Kind: workflow.RequestPull}, w.pulls[1]); err != nil {
			t.Fatal(err)
		}
		has(t, w.wrote(at, verb(workflow.VerbUnapprove, "a")), "refused", "An approval of the projects it names that was given before this comment")
		w.push(1, "synchronize")
		w.settle()
		w.plan(1)
		has(t, w.wrote(at.Add(-time.Second), verb(workflow.VerbApprove)), "refused", "you commented `cardea unapprove` later")
		want(t, "approvals", len(w.project(1, "a").Approvals), 0)
	})
}

// GitHub dates no button: who has withdrawn approves by one only what was planned since.
func TestWithdrawnAndPressed(t *testing.T) {
	w := newWorld(t)
	w.ready(1, "head1", files{"a/main.tf": "new"})
	w.now = w.now.Add(10 * time.Second)
	w.wrote(w.now, verb(workflow.VerbUnapprove))
	w.now = w.now.Add(time.Minute)
	has(t, w.pressed(), "refused", "GitHub does not say whether the button was pressed before or after that", "`cardea approve -p a@")
	want(t, "approvals", len(w.project(1, "a").Approvals), 0)
	w.say(1, "ada", verb(workflow.VerbPlan))
	w.expand()
	w.plan(1)
	has(t, w.pressed(), "approved")
	w.now = w.now.Add(time.Minute)
	has(t, w.wrote(w.now.Add(-30*time.Minute), verb(workflow.VerbUnapprove)), "unapproved", "a true") // in doubt
}

// Somebody else's withdrawal is theirs.
func TestWithdrawnBySomebodyElse(t *testing.T) {
	w := newWorld(t)
	w.ready(1, "head1", files{"a/main.tf": "new"})
	w.now = w.now.Add(10 * time.Second)
	for _, who := range []string{"root", "eve", "ada"} {
		has(t, w.do(1, who, verb(workflow.VerbUnapprove)), "has no approval here to withdraw")
	}
	has(t, w.wrote(w.now.Add(-time.Second), verb(workflow.VerbApprove)), "approved")
}
