package service_test

import (
	"strings"
	"testing"
	"time"

	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/service"
)

// waitsOf is what a project of a pull is said to lack, a line each, with the way out.
func (w *world) waitsOf(number int, project string) string {
	w.t.Helper()
	var out []string
	for _, m := range w.project(number, project).WaitsFor {
		out = append(out, string(m.Need)+": "+m.Sentence.String()+" "+m.Mend.String())
	}
	return strings.Join(out, "\n")
}

// version is that of a pull's record, which grows when people are to see something else.
func (w *world) version(number int) uint64 { return w.view(number).Version }

// Every sentence of a pull that is about another pull's locks is written again when those change, whatever
// changes them; and a pull that does not meet them is left alone.
func TestLocksOfOthersAreShownAtOnce(t *testing.T) {
	const lock, lacks = "lock: #1 has held the lock on `a`", "approved: "
	running := func(w *world) workflow.Run { return w.applying(1, "a") }
	for name, c := range map[string]struct {
		does func(*world)
		says []string
	}{
		"a claim":           {func(w *world) { w.do(1, "bob", verb(workflow.VerbLock, "a")) }, []string{lacks, lock, "`bob` claimed it there. It is released when #1"}},
		"an apply":          {func(w *world) { running(w) }, []string{lacks, lock, "`bob` started an apply there."}},
		"an apply by claim": {func(w *world) { w.do(1, "ada", verb(workflow.VerbLock, "a")); running(w) }, []string{lock, "`ada` started an apply there."}},
		"one that is dropped": {func(w *world) {
			w.do(1, "bob", verb(workflow.VerbApprove))
			w.do(1, "bob", verb(workflow.VerbApply))
			w.do(1, "bob", verb(workflow.VerbCancel))
		}, []string{lacks}},
		"one that gives a claim back": {func(w *world) {
			w.do(1, "ada", verb(workflow.VerbLock, "a"))
			w.do(1, "bob", verb(workflow.VerbApprove))
			w.do(1, "bob", verb(workflow.VerbApply))
			w.do(1, "bob", verb(workflow.VerbCancel))
		}, []string{lacks, lock, "`ada` claimed it there."}},
		"one that is refused": {func(w *world) { w.do(1, "bob", verb(workflow.VerbApply)) }, []string{lacks}},
		"unlock": {func(w *world) {
			w.do(1, "bob", verb(workflow.VerbLock, "a"))
			w.do(1, "bob", verb(workflow.VerbUnlock))
		}, []string{lacks}},
		"close": {func(w *world) { w.do(1, "bob", verb(workflow.VerbLock, "a")); w.close(1, workflow.PullClosed) }, []string{lacks}},
		"a plan": {func(w *world) {
			w.rules.LockOnPlan = true
			w.say(1, "ada", planOf())
			w.expand()
			w.plan(1)
		}, []string{lacks, lock, "a plan by `ada` has changes there."}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.ready(1, "head1", files{"a/main.tf": "2"})
			w.ready(2, "head2", files{"a/main.tf": "3"})
			w.ready(3, "head3", files{"b/main.tf": "3"})
			before, beside := w.waitsOf(2, "a"), w.version(3)
			if strings.Contains(before, "lock") {
				t.Fatalf("got %q before", before)
			}
			c.does(w)
			got := w.waitsOf(2, "a")
			has(t, got, c.says...)
			if n := strings.Count(got, "\n") + 1; n != 1 && n != 2 {
				t.Errorf("got %q, want each said once", got)
			}
			l, locked := w.view(2).Locked["a"]
			if tells := strings.Contains(got, "lock: "); tells != strings.Contains(strings.Join(c.says, ""), "lock: ") || tells != (locked && l.Pull.Number == 1) {
				t.Errorf("got %q, and the lock %+v", got, l)
			}
			if now := w.version(3); now != beside {
				t.Errorf("the pull that does not meet it was written again")
			}
			if n := len(w.view(2).Replies); n > 1 { // the freed claims of a pull that lacks an approval are no news
				t.Errorf("got %d replies in the other pull", n)
			}
		})
	}
}

// An apply that is refused changes nothing that others see, so their comments are left alone.
func TestRefusedApplyTouchesNobody(t *testing.T) {
	w := newWorld(t)
	w.ready(1, "head1", files{"a/main.tf": "2"})
	w.ready(2, "head2", files{"a/main.tf": "3"})
	before := w.version(2)
	has(t, w.do(1, "bob", verb(workflow.VerbApply)), "refused", "approved: ")
	want(t, "version", w.version(2), before)
}

// The release of a lock is told where somebody was refused because of it, or nothing else is missing; elsewhere the comment says so.
func TestReleaseIsToldWhereSomebodyWaits(t *testing.T) {
	refused := func(w *world) { has(w.t, w.do(2, "bob", verb(workflow.VerbApply)), "lock: ") }
	for name, c := range map[string]struct {
		before func(*world)
		told   int
	}{
		"nobody asked, and an approval is missing": {func(*world) {}, 0},
		"nothing else is missing":                  {func(w *world) { w.do(2, "bob", verb(workflow.VerbApprove)) }, 1},
		"it was refused":                           {refused, 1},
		"it was refused at an earlier head": {func(w *world) {
			refused(w)
			w.commit("head3", baseFiles, files{"a/main.tf": "4"})
			w.facts(2, "head3")
			w.push(2, "synchronize")
			w.settle()
			w.plan(1)
		}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.ready(1, "head1", files{"a/main.tf": "2"})
			w.ready(2, "head2", files{"a/main.tf": "3"})
			w.do(1, "bob", verb(workflow.VerbLock, "a"))
			c.before(w)
			told := strings.Contains(w.waitsOf(2, "a"), "will be told")
			want(t, "promised", told, c.told == 1 && name != "nothing else is missing")
			w.do(1, "bob", verb(workflow.VerbUnlock))
			want(t, "told", w.toldFreed(2), c.told)
		})
	}
}

// Every sentence about another project of the pull is written again when that one moves on, whatever it was and however it ends.
func TestWhatDependsIsSaidAnew(t *testing.T) {
	start := func(w *world) workflow.Run { return w.order("a")[0] }
	for name, c := range map[string]struct {
		does func(*world)
		says string // of b, "" where it no longer waits for a
	}{
		"planned":   {func(*world) {}, "(`planned`)"},
		"queued":    {func(w *world) { w.do(1, "bob", verb(workflow.VerbApply, "a")) }, "(`applying`)"},
		"runs":      {func(w *world) { start(w) }, "(`applying`)"},
		"failed":    {func(w *world) { w.finish(applied(start(w), workflow.OutcomeFailed)) }, "(`apply_failed`)"},
		"timed out": {func(w *world) { w.finish(applied(start(w), workflow.OutcomeTimedOut)) }, "(`apply_failed`)"},
		"cancelled": {func(w *world) {
			w.do(1, "bob", verb(workflow.VerbApply, "a"))
			w.do(1, "bob", verb(workflow.VerbCancel))
		}, "(`planned`)"},
		"kept": {func(w *world) {
			res := applied(start(w), workflow.OutcomeFailed)
			res.ErroredState = "kept"
			w.finish(res)
		}, "(`errored_state`)"},
		"unknown": {func(w *world) {
			start(w)
			w.now = w.now.Add(service.DefaultLease + time.Second)
			w.claim()
		}, "(`unknown`)"},
		"resolved": {func(w *world) {
			start(w)
			w.now = w.now.Add(service.DefaultLease + time.Second)
			w.claim()
			c := verb(workflow.VerbResolve, "a")
			c.Outcome = workflow.ResolvedFailed
			has(w.t, w.do(1, "root", c), "resolved")
		}, "(`apply_failed`)"},
		"planned again": {func(w *world) { w.say(1, "ada", planOf("a")); w.expand() }, "(`queued`)"},
		"its plan runs": {func(w *world) { w.say(1, "ada", planOf("a")); w.expand(); w.mustClaim("a") }, "(`planning`)"},
		"its plan fails": {func(w *world) {
			w.say(1, "ada", planOf("a"))
			w.expand()
			w.finish(workflow.Result{Run: w.mustClaim("a").ID, Epoch: 1, Outcome: workflow.OutcomeFailed, Reason: "No."})
		}, "(`plan_failed`)"},
		"no changes": {func(w *world) {
			w.say(1, "ada", planOf("a"))
			w.expand()
			w.finish(w.fingerprinted(w.mustClaim("a"), 0))
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := dependent(t, "a", "b")
			c.does(w)
			got := w.waitsOf(1, "b")
			if c.says == "" {
				want(t, "waits", got, "")
				return
			}
			want(t, "waits", got, "depends_on: `b` depends on `a`, which is not applied ("+strings.Trim(c.says, "()")+"). Apply that one first: `cardea apply -p a`.")
		})
	}
}

// What another project's apply left of the state that both keep is said of this one as soon as it is known, and no longer than it is so.
func TestUnsettledStateIsSaidAtOnce(t *testing.T) {
	w := newWorld(t)
	w.ready(1, "head1", files{"a/main.tf": "state shared\n2", "b/main.tf": "state shared\n2"})
	run := w.applying(1, "a")
	if got := w.waitsOf(1, "b"); strings.Contains(got, "state: ") {
		t.Fatalf("got %q", got)
	}
	res := applied(run, workflow.OutcomeFailed)
	res.ErroredState = "kept"
	w.finish(res)
	has(t, w.waitsOf(1, "b"), "approved: ", "state: The last apply of `a`, which writes the same state, could not store its state")
	c := verb(workflow.VerbResolve, "a")
	c.Outcome = workflow.ResolvedFailed
	has(t, w.do(1, "root", c), "resolved")
	if got := w.waitsOf(1, "b"); strings.Contains(got, "state: ") || !strings.Contains(got, "approved: ") {
		t.Errorf("got %q once it is settled", got)
	}
}

// toldFreed is how many comments of a pull tell that a lock was released.
func (w *world) toldFreed(pull int) (n int) {
	for _, r := range w.view(pull).Replies {
		if r.Kind == workflow.ReplyFreed {
			n++
		}
	}
	return n
}

// Where two pulls are in the way, one by the project and one by its state, the second is named once the first lets go, and only its release is told.
func TestReleaseOfTwo(t *testing.T) {
	w := newWorld(t)
	w.ready(1, "head1", files{"a/main.tf": "state one\n2"})
	w.ready(2, "head2", files{"a/main.tf": "state two\n3"})
	w.ready(3, "head3", files{"b/main.tf": "state two\n4"})
	has(t, w.do(1, "bob", verb(workflow.VerbLock, "a")), "locked")
	has(t, w.do(3, "bob", verb(workflow.VerbLock, "b")), "locked")
	has(t, w.do(2, "bob", verb(workflow.VerbApply)), "lock: ")
	w.do(1, "bob", verb(workflow.VerbUnlock))
	has(t, w.waitsOf(2, "a"), "lock: #3 has held the lock on `b`", "It writes the same state as `a`.", "This pull request will be told.")
	want(t, "told of the first", w.toldFreed(2), 0)
	w.do(3, "bob", verb(workflow.VerbUnlock))
	if got := w.waitsOf(2, "a"); strings.Contains(got, "lock: ") {
		t.Errorf("got %q", got)
	}
	want(t, "told of the second", w.toldFreed(2), 1)
}

// What only the base's present file lets a project depend on stays said until that is applied.
func TestWhatTheBaseSaysItDependsOnStaysSaid(t *testing.T) {
	w := ordered(t, "- {dir: a}\n- {dir: b}\n- {dir: c}\n")
	newer := files{workflow.RepoConfigFile: "projects:\n- {dir: a}\n- {dir: b}\n- {dir: c, depends_on: [a]}\n"}
	w.commit("base2", w.source.commits["base1"], newer)
	w.commit("head1", w.source.commits["head1"], newer)
	w.source.tips["main"] = "base2"
	const says = "depends_on: `c` depends on `a`, which is not applied (`planned`). Apply that one first: `cardea apply -p a`."
	has(t, w.do(1, "bob", verb(workflow.VerbApply, "c")), "refused", "depends_on: `c` depends on `a`")
	want(t, "waits", w.waitsOf(1, "c"), says)
	w.do(1, "bob", verb(workflow.VerbLock, "b"))
	want(t, "waits after another act", w.waitsOf(1, "c"), says)
	w.finish(applied(w.order("a")[0], workflow.OutcomeSucceeded))
	w.plan(0)
	if got := w.waitsOf(1, "c"); strings.Contains(got, "is not applied") {
		t.Errorf("got %q after that was applied", got)
	}
}

// While a project whose lock was released is planned anew, an apply of another pull that does not start tells it nothing.
func TestReleaseIsToldOnce(t *testing.T) {
	w := newWorld(t)
	w.ready(1, "head1", files{"a/main.tf": "2"})
	w.ready(2, "head2", files{"a/main.tf": "3"})
	w.ready(3, "head3", files{"a/main.tf": "4"})
	w.finish(applied(w.applying(1, "a"), workflow.OutcomeSucceeded))
	w.plan(0)
	has(t, w.do(3, "bob", verb(workflow.VerbApply, "a")), "refused", "lock: #1 has held the lock on `a`")
	w.close(1, workflow.PullMerged)
	w.finish(w.fingerprinted(w.mustClaim("a"), 1))
	want(t, "states", w.states(2), []string{"a planned"})
	has(t, w.do(2, "bob", verb(workflow.VerbApply, "a")), "refused", "approved: ")
	want(t, "told before there is a plan", w.toldFreed(3), 0)
	w.finish(w.fingerprinted(w.mustClaim("a"), 1))
	want(t, "told", w.toldFreed(3), 1)
}
