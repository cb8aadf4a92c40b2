package service_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cardea-iac/cardea/workflow"
)

// answers are the comments that a command got: its own answer, and what was said of the end of its applies.
func (w *world) answers(number int, request string) (out []string) {
	w.t.Helper()
	for _, r := range w.view(number).Replies {
		if strings.TrimSuffix(r.Key, "/end") == request && !r.Waits {
			out = append(out, r.Key)
		}
	}
	return out
}

// pushed is what a push to the first pull changes.
func pushed(w *world, changes files) {
	w.commit("head9", w.source.commits["head1"], changes)
	w.facts(1, "head9")
	w.push(1, "synchronize")
	w.settle()
}

// TestOneAnswer: a command for several projects of which some start, some follow and some are refused has one
// answer, at the end, and that tells of each project once, as it is by then.
func TestOneAnswer(t *testing.T) {
	mixed := func(t *testing.T) (*world, workflow.Request) {
		w := ordered(t, "- {dir: a}\n- {dir: b}\n- {dir: c, depends_on: [a]}\n")
		w.do(1, "bob", verb(workflow.VerbUnapprove, "b"))
		req := w.say(1, "bob", verb(workflow.VerbApply))
		w.expand()
		want(t, "answers while it goes on", w.answers(1, req.ID), []string(nil))
		want(t, "states", w.states(1), []string{"a applying", "b planned", "c planned"})
		return w, req
	}
	for name, c := range map[string]struct {
		meanwhile func(*world)
		end       workflow.Outcome
		says      []string
	}{
		"as it was": {func(*world) {}, workflow.OutcomeSucceeded, []string{"applied:", "a true", "b false", "approved: Needs 1 approval", "c true"}},
		"it fails":  {func(*world) {}, workflow.OutcomeFailed, []string{"apply_failed:", "a false", "b false", "approved: Needs 1 approval", "c false"}},
		"approved meanwhile": {func(w *world) { w.show(); w.do(1, "bob", verb(workflow.VerbApprove, "b")) }, workflow.OutcomeSucceeded,
			[]string{"b false\nIt was not ready when you asked. Nothing is missing now: `cardea apply -p b` applies it."}},
		"planned again": {func(w *world) { w.say(1, "ada", planOf("b")); w.expand() }, workflow.OutcomeFailed, []string{"b false\nIt was not ready when you asked, and it is being planned again."}},
		"its plan fails": {func(w *world) {
			w.say(1, "ada", planOf("b"))
			w.expand()
			w.finish(workflow.Result{Run: w.mustClaim("b").ID, Epoch: 1, Outcome: workflow.OutcomeFailed, Reason: "No."})
		}, workflow.OutcomeSucceeded, []string{"b false\nIt was not ready when you asked, and it has no plan (the last one: failed)."}},
		"refused by now": {func(w *world) { pushed(w, files{"b/main.tf": "refuse\n"}) }, workflow.OutcomeSucceeded,
			[]string{"b false\nIt was not ready when you asked, and it is refused: "}},
		"deleted by now": {func(w *world) { pushed(w, files{"b/main.tf": ""}) }, workflow.OutcomeSucceeded,
			[]string{"b false\nIt was not ready when you asked, and this pull request has changed since."}},
		"a push that is not looked at yet": {func(w *world) {
			w.commit("head9", w.source.commits["head1"], files{"b/main.tf": "9"})
			if err := w.svc.Observe(w.t.Context(), workflow.Request{}, w.facts(1, "head9")); err != nil {
				w.t.Fatal(err)
			}
		}, workflow.OutcomeFailed, []string{"b false\nIt was not ready when you asked, and this pull request has changed since."}},
		"approved, then closed": {func(w *world) {
			w.show()
			w.do(1, "bob", verb(workflow.VerbApprove, "b"))
			w.close(1, workflow.PullClosed)
		}, workflow.OutcomeSucceeded, []string{"b false\n\nopen: This pull request is closed."}},
		"locked meanwhile": {func(w *world) {
			w.ready(2, "head2", files{"b/main.tf": "9"})
			w.do(2, "bob", verb(workflow.VerbLock, "b"))
		}, workflow.OutcomeSucceeded, []string{"b false", "approved: Needs 1", "lock: #2 has held the lock on `b`"}},
	} {
		t.Run(name, func(t *testing.T) {
			w, req := mixed(t)
			run := w.begin("a")
			c.meanwhile(w)
			w.finish(applied(run, c.end))
			w.goOn(1)
			want(t, "answers", w.answers(1, req.ID), []string{req.ID + "/end"})
			end := w.reply(1, req.ID+"/end")
			has(t, end, c.says...)
			for _, project := range []string{"a ", "b ", "c "} {
				if n := strings.Count("\n"+end, "\n"+project); n != 1 {
					t.Errorf("got %q, which names %q %d times", end, project, n)
				}
			}
			for _, r := range w.view(1).Replies {
				if r.Waits {
					t.Errorf("got %+v, which waits for nothing", r)
				}
			}
		})
	}
	t.Run("somebody else applied it", func(t *testing.T) {
		w, req := mixed(t)
		run := w.begin("a")
		w.show()
		w.do(1, "bob", verb(workflow.VerbApprove, "b"))
		other := w.say(1, "ada", verb(workflow.VerbApply, "b"))
		w.expand()
		w.finish(applied(w.begin("b"), workflow.OutcomeSucceeded))
		w.finish(applied(run, workflow.OutcomeSucceeded))
		w.goOn(1)
		want(t, "answers", w.answers(1, req.ID), []string{req.ID + "/end"})
		want(t, "answers of the other", w.answers(1, other.ID), []string{other.ID + "/end"})
		if end := w.reply(1, req.ID+"/end"); strings.Contains(end, "\nb ") {
			t.Errorf("got %q, which tells again of what another command applied", end)
		}
	})
	t.Run("what was being applied ends", func(t *testing.T) {
		w := ordered(t, "- {dir: a}\n- {dir: b}\n- {dir: c, depends_on: [a]}\n")
		w.do(1, "bob", verb(workflow.VerbApply, "b"))
		b := w.begin("b")
		req := w.say(1, "ada", verb(workflow.VerbApply))
		w.expand()
		a := w.begin("a")
		w.now = w.now.Add(time.Second)
		w.finish(applied(b, workflow.OutcomeUnknown))
		w.finish(applied(a, workflow.OutcomeFailed))
		want(t, "answers", w.answers(1, req.ID), []string{req.ID + "/end"})
		if end := w.reply(1, req.ID+"/end"); strings.Contains(end, "\nb ") {
			t.Errorf("got %q, which tells again of an apply that has an answer of its own", end)
		}
	})
	t.Run("nothing starts after all", func(t *testing.T) {
		w, req := mixed(t)
		w.do(1, "bob", workflow.Command{Verb: workflow.VerbCancel})
		want(t, "answers", w.answers(1, req.ID), []string{req.ID + "/end"})
		has(t, w.reply(1, req.ID+"/end"), "refused:", "a false", "b false", "c false")
	})
}

// TestEveryCommandHasOneAnswer: whatever is asked for, by a comment or a button, and however it goes, there is one comment about it at most.
func TestEveryCommandHasOneAnswer(t *testing.T) {
	commands := map[string]workflow.Command{
		"plan": verb(workflow.VerbPlan), "plan one": verb(workflow.VerbPlan, "b"), "plan nothing": verb(workflow.VerbPlan, "nobody"),
		"approve": verb(workflow.VerbApprove), "approve one": verb(workflow.VerbApprove, "a", "nobody"), "unapprove": verb(workflow.VerbUnapprove),
		"apply": verb(workflow.VerbApply), "apply one": verb(workflow.VerbApply, "b"), "apply nothing": verb(workflow.VerbApply, "nobody"),
		"lock": verb(workflow.VerbLock, "a", "c"), "lock nothing": verb(workflow.VerbLock), "unlock": verb(workflow.VerbUnlock),
		"cancel": verb(workflow.VerbCancel), "cancel the apply": {Verb: workflow.VerbCancel, CancelApply: true},
		"resolve": {Verb: workflow.VerbResolve, Outcome: workflow.ResolvedApplied, Select: workflow.Selector{Projects: []string{"a"}}},
		"status":  verb(workflow.VerbStatus), "help": verb(workflow.VerbHelp),
	}
	standings := map[string]func(*world){
		"planned": func(*world) {},
		"approved, but for one": func(w *world) {
			w.do(1, "bob", verb(workflow.VerbUnapprove, "b"))
		},
		"applying": func(w *world) { w.do(1, "bob", verb(workflow.VerbApply, "a", "c")) },
		"locked by another": func(w *world) {
			w.ready(2, "head2", files{"b/main.tf": "9"})
			w.do(2, "bob", verb(workflow.VerbLock, "b"))
		},
	}
	buttons := []workflow.Verb{workflow.VerbPlan, workflow.VerbApprove, workflow.VerbApply}
	for standing, begin := range standings {
		for name, c := range commands {
			for _, by := range []string{"bob", "eve", "bob, by a button"} {
				who, _, button := strings.Cut(by, ",")
				if button && !slices.Contains(buttons, c.Verb) || who == "eve" && standing != "planned" {
					continue
				}
				w := ordered(t, "- {dir: a}\n- {dir: b}\n- {dir: c, depends_on: [a]}\n")
				begin(w)
				w.now = w.now.Add(2 * time.Second)
				req := workflow.Request{Kind: workflow.RequestCommand, Number: 1, Actor: people[who], Command: &c, Immediate: true,
					Key: "by a person", CommentID: 99, CommentedAt: w.now}
				if button {
					req.CommentID, req.CheckRunID, req.Head = 0, 7, "head1"
					c.Fingerprints, c.Runs = map[string]string{}, map[string]string{}
					for _, p := range w.view(1).Projects {
						c.Fingerprints[p.Project.Name], c.Runs[p.Project.Name] = p.Run.Fingerprint, p.Run.ID
					}
				}
				req, _ = w.deliver(req)
				w.goOn(1)
				got := w.answers(1, req.ID)
				if len(got) > 1 || len(got) == 0 && c.Verb != workflow.VerbPlan {
					t.Errorf("%s, by %s, while %s: got the answers %v", name, by, standing, got)
				}
			}
		}
	}
}

// However many runs a pull has had since, a command is told of the end of its applies.
func TestOneAnswerAfterManyRuns(t *testing.T) {
	w := ordered(t, "- {dir: a}\n- {dir: b}\n- {dir: c, depends_on: [a]}\n")
	w.do(1, "bob", verb(workflow.VerbUnapprove, "b"))
	req := w.say(1, "bob", verb(workflow.VerbApply))
	w.expand()
	run := w.begin("a")
	w.now = w.now.Add(time.Hour)
	r := *w.project(1, "b").Run
	w.update(func(tx workflow.Tx) error {
		for i := range 1001 {
			r.ID = workflow.NewID(w.now.Add(time.Duration(i) * time.Millisecond))
			if err := tx.PutRun(r); err != nil {
				return err
			}
		}
		return nil
	})
	w.finish(applied(run, workflow.OutcomeFailed))
	want(t, "answers", w.answers(1, req.ID), []string{req.ID + "/end"})
	has(t, w.reply(1, req.ID+"/end"), "apply_failed:", "a false", "b false", "c false")
}

// An apply whose pull is closed before it ends has one answer too, and it is not told again that it was never merged.
func TestOneAnswerOfAClosedPull(t *testing.T) {
	w := newWorld(t)
	w.ready(1, "head1", files{"a/main.tf": "2"})
	run := w.applying(1, "a")
	w.close(1, workflow.PullClosed)
	before := len(w.view(1).Replies)
	w.finish(applied(run, workflow.OutcomeSucceeded))
	want(t, "locks", w.locks(), []string(nil))
	want(t, "answers", w.answers(1, run.Request), []string{run.Request + "/end"})
	want(t, "comments", len(w.view(1).Replies), before+1)
}
