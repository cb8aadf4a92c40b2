package service_test

import (
	"testing"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/workflow"
)

func (w *world) close(number int, state workflow.PullState) {
	w.t.Helper()
	w.facts(number, w.pulls[number].Head.SHA, func(p *workflow.Pull) { p.State = state })
	w.deliver(workflow.Request{Kind: workflow.RequestClosed, Number: number, Action: "closed", Key: "closed " + w.now.String(), Immediate: true})
	w.settle()
}

// Two pulls on one project: the second waits, is told when it may, and plans anew on what the first did.
func TestTwoPullsOnOneProject(t *testing.T) {
	w := newWorld(t)
	w.ready(1, "head1", files{"a/main.tf": "2"})
	w.ready(2, "head2", files{"a/main.tf": "3", "b/main.tf": "3"})
	w.finish(applied(w.applying(1, "a"), workflow.OutcomeSucceeded))
	want(t, "verified", w.plan(0), []string{"verify a"})
	w.do(2, "bob", verb(workflow.VerbApprove))
	has(t, w.do(2, "bob", verb(workflow.VerbApply, "a")), "refused", "lock: #1 has held the lock on `a`")
	if l := w.view(2).Locked["a"]; l.Pull.Number != 1 {
		t.Errorf("got lock %+v, want #1's to be shown", l)
	}
	has(t, w.do(2, "bob", verb(workflow.VerbUnlock)), "holds no lock")
	before := w.project(2, "b").Run.ID
	told := func() (n int) {
		for _, r := range w.view(2).Replies {
			if r.Kind == workflow.ReplyFreed && len(r.Items) == 1 && r.Items[0].Project == "a" {
				n++
			}
		}
		return n
	}
	w.close(1, workflow.PullMerged)
	want(t, "told before there is a plan", told(), 0)
	want(t, "planned by itself", w.plan(1), []string{"plan a"})
	if now := w.project(2, "b").Run.ID; now != before {
		t.Error("what the first did not touch was planned again")
	}
	want(t, "told", told(), 1)
	w.finish(applied(w.applying(2, "a"), workflow.OutcomeSucceeded))
}

func TestOneStateUnderTwoNames(t *testing.T) {
	w := newWorld(t)
	w.ready(1, "head1", files{"a/main.tf": "state shared\n2"})
	w.ready(2, "head2", files{"b/main.tf": "state shared\n3"})
	w.applying(1, "a")
	w.do(2, "bob", verb(workflow.VerbApprove))
	has(t, w.do(2, "bob", verb(workflow.VerbApply)), "refused", "lock: #1 has held the lock on `a`")
	has(t, w.do(1, "bob", verb(workflow.VerbUnlock)), "refused", "is running")
}

func TestClaimAndUnlock(t *testing.T) {
	w := newWorld(t)
	w.ready(1, "head1", files{"a/main.tf": "2"})
	w.ready(2, "head2", files{"a/main.tf": "3"})
	has(t, w.do(1, "eve", verb(workflow.VerbLock, "a")), "refused", "may not lock `a`")
	has(t, w.do(1, "bob", verb(workflow.VerbLock, "nobody")), "refused", "There is no project `nobody`")
	has(t, w.do(1, "bob", verb(workflow.VerbLock)), "refused", "-p NAME")
	has(t, w.do(1, "bob", verb(workflow.VerbLock, "a", "c")), "locked", "a true", "c true")
	want(t, "locks", w.locks(), []string{"#1 project a default claim", "#1 project c default claim", "#1 state state of a claim", "#1 state state of c claim"})
	has(t, w.do(2, "bob", verb(workflow.VerbLock, "a")), "refused", "`bob` claimed it there", "It is released when #1 is merged or closed, or by commenting `cardea unlock -p a` there.")
	// An apply that is refused gives the claim back as it was.
	w.do(1, "bob", verb(workflow.VerbApprove))
	w.do(1, "bob", verb(workflow.VerbApply))
	want(t, "locks of an apply", w.locks()[0], "#1 project a default apply")
	has(t, w.do(1, "bob", workflow.Command{Verb: workflow.VerbCancel}), "cancelled", "a true")
	want(t, "locks after", w.locks()[0], "#1 project a default claim")
	has(t, w.do(1, "eve", verb(workflow.VerbUnlock)), "refused", "may not unlock")
	has(t, w.do(1, "ada", verb(workflow.VerbUnlock, "c")), "unlocked", "c true")
	has(t, w.do(1, "bob", verb(workflow.VerbUnlock)), "unlocked", "a true")
	want(t, "locks at last", w.locks(), []string(nil))
	epoch := func() uint64 {
		all, err := w.svc.Locks(t.Context(), repo.ID)
		if err != nil || len(all) == 0 {
			t.Fatal(all, err)
		}
		return all[0].Epoch
	}
	w.do(2, "bob", verb(workflow.VerbLock, "a"))
	first := epoch()
	w.do(2, "bob", verb(workflow.VerbUnlock))
	w.do(1, "bob", verb(workflow.VerbLock, "a"))
	if again := epoch(); again <= first {
		t.Errorf("got epoch %d after %d, want it to grow", again, first)
	}
}

// A lock is its project's, whatever that is called meanwhile, and is released where the project is gone.
func TestUnlockWhatIsCalledOtherwise(t *testing.T) {
	w := newWorld(t)
	w.rules.Environments = map[string]workflow.EnvironmentRules{
		"prod": {Dirs: []string{"d"}, Unlock: &workflow.Who{Role: workflow.RoleAdmin}}, "dev": {Dirs: []string{"e", "c"}},
	}
	const named = "projects:\n- {dir: e, name: "
	w.ready(1, "head1", files{"e/main.tf": "1", ".cardea.yml": named + "net}\n"})
	has(t, w.do(1, "bob", verb(workflow.VerbLock, "net", "c")), "locked", "net true")
	push := func(head string, changes files) {
		w.commit(head, baseFiles, changes)
		w.facts(1, head)
		w.push(1, "synchronize")
		w.settle()
		w.plan(1)
	}
	// Another project has the name now, one of prod: its rule is not the lock's.
	push("head2", files{"e/main.tf": "1", "f/main.tf": "1", ".cardea.yml": named + "web}\n- {dir: f, name: net}\n"})
	has(t, w.do(1, "root", verb(workflow.VerbLock, "net")), "locked", "net true")
	want(t, "locks", len(w.locks()), 7)
	has(t, w.do(1, "ada", verb(workflow.VerbUnlock, "web")), "unlocked", "web true")
	want(t, "locks of the others", len(w.locks()), 5)
	has(t, w.do(1, "ada", verb(workflow.VerbUnlock, "web")), "refused", "There is no project `web`", "holds the locks of `c`, `net`.")
	has(t, w.do(1, "ada", verb(workflow.VerbUnlock, "c", "nobody")), "refused", "There is no project `nobody`")
	want(t, "locks when half of it was asked for", len(w.locks()), 5)
	push("head3", files{"a/main.tf": "2", "c/main.tf": ""})
	has(t, w.do(1, "eve", verb(workflow.VerbUnlock, "net", "c")), "refused", "may not unlock")
	has(t, w.do(1, "ada", verb(workflow.VerbUnlock, "net")), "refused", "ada` may not unlock `net`")
	has(t, w.do(1, "ada", workflow.Command{Verb: workflow.VerbUnlock, Select: workflow.Selector{Dirs: []string{"c"}}}), "unlocked", "c true")
	has(t, w.do(1, "root", verb(workflow.VerbUnlock, "net")), "unlocked", "net true")
	want(t, "locks at last", w.locks(), []string(nil))
	w.ready(2, "head4", files{"d/main.tf": "2"})
	has(t, w.do(2, "bob", verb(workflow.VerbLock, "d")), "locked")
	has(t, w.do(2, "ada", verb(workflow.VerbUnlock, "d")), "refused", "admin")
	has(t, w.do(2, "bob", verb(workflow.VerbUnlock, "d")), "unlocked") // whose claim it is
}

func TestLockOnPlan(t *testing.T) {
	w := newWorld(t)
	w.rules.LockOnPlan = true
	w.open(1, "head1", files{"a/main.tf": "2", "b/main.tf": "2"})
	w.finish(w.fingerprinted(w.mustClaim("a"), 1))
	w.finish(w.fingerprinted(w.mustClaim("b"), 0))
	want(t, "locks", w.locks(), []string{"#1 project a default plan", "#1 state state of a plan", "#1 state lineage line of state of a plan"})
	w.ready(2, "head2", files{"a/main.tf": "3"})
	if p := w.project(2, "a"); len(p.WaitsFor) != 2 || p.WaitsFor[1].Short.String() != "the lock of #1" {
		t.Errorf("got waits %+v, want the lock among them", p.WaitsFor)
	}
	w.ready(3, "head3", files{"a/main.tf": "4"})
	w.close(1, workflow.PullClosed)
	want(t, "locks of a closed pull", w.locks(), []string(nil))
	if replies := w.view(1).Replies; len(replies) != 0 {
		t.Errorf("got %+v, want nothing said of a pull that applied nothing", replies)
	}
	// Both that wait plan anew, and the first plan with changes takes the lock.
	has(t, w.project(2, "a").Outdated.String(), "#1 released its lock")
	want(t, "planned by themselves", w.plan(1), []string{"plan a", "plan a"})
	want(t, "locks then", w.locks(), []string{"#2 project a default plan", "#2 state state of a plan", "#2 state lineage line of state of a plan"})
	if p := w.project(3, "a"); len(p.WaitsFor) != 2 || p.WaitsFor[1].Short.String() != "the lock of #2" {
		t.Errorf("got waits %+v, want the lock among them", p.WaitsFor)
	}
	has(t, w.do(2, "bob", verb(workflow.VerbUnlock)), "unlocked")
	w.settle()
	w.finish(w.fingerprinted(w.mustClaim("a"), 0))
	want(t, "locks when the next plan has no changes", w.locks(), []string(nil))
}

// From the first apply the project belongs to the pull: it is planned at every later head, locked, whatever changes.
func TestHeldProject(t *testing.T) {
	w := newWorld(t)
	w.ready(1, "head1", files{"a/main.tf": "2"})
	w.finish(applied(w.applying(1, "a"), workflow.OutcomeSucceeded))
	w.plan(0)
	push := func(head string, changes files) {
		w.commit(head, baseFiles, changes)
		w.facts(1, head)
		w.push(1, "synchronize")
		w.settle()
	}
	push("head2", files{"README.md": "more", "a/main.tf": "2"})
	want(t, "planned", w.plan(0), []string{"plan a"})
	want(t, "state", w.states(1), []string{"a applied"})
	push("head3", files{"README.md": "more"}) // reverted: no file of it differs from the base
	want(t, "planned after the revert", w.plan(1), []string{"plan a"})
	want(t, "state after the revert", w.states(1), []string{"a planned"})
	want(t, "reason", w.project(1, "a").Reasons, phrase.Texts("an apply of it was started in this pull request"))
	want(t, "locks", len(w.locks()), 3)
	push("head4", files{".cardea.yml": "nonsense"})
	push("head5", files{"b/main.tf": "2"})
	want(t, "after a faulty head", w.states(1), []string{"a queued", "b queued"})
	if p := w.project(1, "a"); p.Apply == nil || !p.Held {
		t.Errorf("got %+v, want the apply remembered", p)
	}
	w.plan(1)
	w.close(1, workflow.PullClosed)
	want(t, "locks when closed", w.locks(), []string(nil))
	said := 0
	for _, r := range w.view(1).Replies {
		if r.Kind == workflow.ReplyClosed {
			said++
			has(t, r.Items[0].Text.String(), "Applied from #1 at `head1`, never merged.")
		}
	}
	want(t, "said", said, 1)
}

// TestUnlistedBot: a role alone does not let an app command anything; the server's `bots` have to list it.
func TestUnlistedBot(t *testing.T) {
	w := newWorld(t)
	w.ready(1, "head1", files{"a/main.tf": "2"})
	people["robot[bot]"] = workflow.Actor{ID: 99, Login: "robot[bot]", Bot: true}
	defer delete(people, "robot[bot]")
	w.roles["robot[bot]"] = workflow.RoleAdmin
	has(t, w.do(1, "robot[bot]", verb(workflow.VerbLock, "a")), "refused", "not in the server's `bots`")
	want(t, "locks", len(w.locks()), 0)
}
