package service_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/cardea-iac/cardea/workflow"
)

// `cardea approve` approves what the comment named and nothing else; the answer
// counts what it did not name, and says how that is approved.
func TestApproveOnlyWhatIsNamed(t *testing.T) {
	w := newWorld(t)
	changes := files{}
	for i := range 12 {
		changes[fmt.Sprintf("n%02d/main.tf", i)] = "new"
	}
	w.open(1, "head1", changes)
	w.plan(1)
	view := w.view(1)
	named, runs := map[string]string{}, map[string]string{}
	for _, p := range view.Projects[:3] {
		named[p.Project.Name], runs[p.Project.Name] = p.Run.Fingerprint, p.Run.ID
	}
	w.now = w.now.Add(time.Second)
	if err := w.svc.ShownAt(t.Context(), view.Pull.Key(), workflow.Shown{At: w.now, Fingerprints: named, Runs: runs}); err != nil {
		t.Fatal(err)
	}
	w.now = w.now.Add(2 * time.Second)
	left := len(view.Projects) - 3
	if left <= 5 {
		t.Fatalf("%d projects", len(view.Projects))
	}
	has(t, w.do(1, "bob", verb(workflow.VerbApprove)), "approved", fmt.Sprintf("The plans of %d projects were not approved", left), "`cardea approve -p NAME@FINGERPRINT`")
	for i, p := range w.view(1).Projects {
		if got, want := len(p.Approvals), map[bool]int{true: 1}[i < 3]; got != want {
			t.Errorf("%s has %d approvals, want %d", p.Project.Name, got, want)
		}
	}
	last := view.Projects[len(view.Projects)-1]
	exact := verb(workflow.VerbApprove, last.Project.Name)
	has(t, w.do(1, "bob", exact), "refused", "the comment did not show the plan")
	exact.Fingerprints = map[string]string{last.Project.Name: last.Run.Fingerprint[:12]}
	has(t, w.do(1, "bob", exact), "approved", last.Project.Name+" true")
}

// An approval is of the plan that was seen, and of what that was made from: a later plan
// of the same fingerprint gets it only where that is the same, whoever is faster.
func TestApproveWhatWasSeen(t *testing.T) {
	again := func(p *workflow.Plan) {}
	swapped := func(p *workflow.Plan) { p.Fetched.Modules = map[string]workflow.Exact{"module.m": "other files"} }
	named := func(p *workflow.Plan) { p.Named = []workflow.Exact{"b/payload"} }
	hidden := func(p *workflow.Plan) {
		p.Hidden = []workflow.HiddenEffect{{Kind: "provisioner", Text: "`x` runs local-exec"}}
	}
	for _, tt := range []struct {
		name   string
		head   files // what is pushed, nil: the same head is planned again
		first  func(*workflow.Plan)
		second func(*workflow.Plan)
		want   string // what the answer to who saw the first says; "" for approved
	}{
		{"planned again", nil, hidden, hidden, ""},
		{"a remark", files{"a/main.tf": "new # a remark"}, again, again, ""},
		{"a module is another one", nil, again, swapped, "`a` was planned again after the plan that you saw."},
		{"a file that is named", files{"b/payload": "EVIL"}, named, named, "it names files or directories that may have changed"},
		{"a push to what runs code", files{"a/main.tf": "new # a remark"}, hidden, hidden, "it runs code that they do not show"},
	} {
		for _, how := range []string{"approve", "by name", "by name, not shown", "button"} {
			t.Run(tt.name+", "+how, func(t *testing.T) {
				w := newWorld(t)
				plan := func(change func(*workflow.Plan)) workflow.ProjectRecord {
					run := w.mustClaim("a")
					res := w.fingerprinted(run, 1)
					change(res.Plan)
					w.finish(res)
					return w.project(1, "a")
				}
				w.open(1, "head1", files{"a/main.tf": "new", "b/payload": "good"})
				seen := plan(tt.first)
				if how != "by name, not shown" {
					w.show()
				}
				at := w.now
				w.now = w.now.Add(time.Second)
				if tt.head != nil {
					w.commit("head2", w.source.commits["head1"], tt.head)
					w.facts(1, "head2")
					w.push(1, "synchronize")
					w.settle()
				} else {
					w.say(1, "ada", verb(workflow.VerbPlan))
					w.expand()
				}
				if now := plan(tt.second); now.Run.ID == seen.Run.ID || now.Run.Fingerprint != seen.Run.Fingerprint {
					t.Fatalf("got %s of %s, then %s of %s", seen.Run.ID, seen.Run.Fingerprint, now.Run.ID, now.Run.Fingerprint)
				}
				approve := verb(workflow.VerbApprove, "a")
				req := workflow.Request{Kind: workflow.RequestCommand, Number: 1, Immediate: true, Command: &approve, CommentID: 77, Key: "comment:77", Actor: people["bob"], CommentedAt: at}
				switch how {
				case "by name", "by name, not shown":
					approve.Fingerprints = map[string]string{"a": seen.Run.Fingerprint[:12]}
				case "button":
					approve.Fingerprints, approve.Runs = map[string]string{"a": seen.Run.Fingerprint}, map[string]string{"a": seen.Run.ID}
					req.CommentID, req.CheckRunID = 0, 9
				}
				stored, _ := w.deliver(req)
				w.expand()
				said := w.reply(1, stored.ID)
				if got := len(w.project(1, "a").Approvals); got != map[bool]int{true: 1}[tt.want == ""] {
					t.Errorf("%d approvals", got)
				}
				if tt.want != "" {
					has(t, said, "refused", tt.want)
				}
			})
		}
	}
}

// Whoever names a plan that did not exist yet when they wrote has not seen it, whichever clock is behind.
func TestApproveBeforeThePlan(t *testing.T) {
	for name, ahead := range map[string]time.Duration{"told late": 0, "GitHub's clock is ahead": time.Minute} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.open(1, "head1", files{"a/main.tf": "new"})
			run := w.mustClaim("a")
			approve := verb(workflow.VerbApprove, "a")
			approve.Fingerprints = map[string]string{"a": w.fingerprinted(run, 1).Plan.Fingerprint[:12]}
			req := workflow.Request{
				Kind: workflow.RequestCommand, Number: 1, Immediate: true, Command: &approve, CommentID: 77, Key: "comment:77",
				Actor: people["bob"], CommentedAt: w.now.Add(ahead),
			}
			if ahead > 0 {
				req.Received = w.now
			}
			w.now = w.now.Add(2 * time.Second)
			w.finish(w.fingerprinted(run, 1))
			stored, _ := w.deliver(req)
			w.expand()
			has(t, w.reply(1, stored.ID), "refused", "was made after you wrote. Review it, then `cardea approve -p")
			has(t, w.do(1, "bob", approve), "approved", "a true")
		})
	}
}

// GitHub dates comments to the second, so a plan that ended in that second may have been read.
func TestApproveInTheSecondOfThePlan(t *testing.T) {
	w := newWorld(t)
	w.open(1, "head1", files{"a/main.tf": "new"})
	run := w.mustClaim("a")
	second := w.now.Truncate(time.Second).Add(time.Minute)
	w.now = second.Add(700 * time.Millisecond)
	w.finish(w.fingerprinted(run, 1))
	approve := verb(workflow.VerbApprove, "a")
	approve.Fingerprints = map[string]string{"a": w.project(1, "a").Run.Fingerprint[:12]}
	w.now = second.Add(900 * time.Millisecond)
	stored, _ := w.deliver(workflow.Request{
		Kind: workflow.RequestCommand, Number: 1, Immediate: true, Command: &approve,
		CommentID: 77, Key: "comment:77", Actor: people["bob"], CommentedAt: second,
	})
	w.expand()
	has(t, w.reply(1, stored.ID), "approved", "a true")
}

// What was seen and applied since is spent: the word for it, heard late, is none for the
// same once more.
func TestApproveWhatIsAppliedMeanwhile(t *testing.T) {
	for _, named := range []bool{false, true} {
		w := newWorld(t)
		w.ready(1, "head1", files{"a/main.tf": "new"})
		at, approve := w.now, verb(workflow.VerbApprove, "a")
		if named {
			approve.Fingerprints = map[string]string{"a": w.project(1, "a").Run.Fingerprint[:12]}
		}
		was := w.project(1, "a").Run.Fingerprint
		w.finish(applied(w.applying(1, "a"), workflow.OutcomeSucceeded))
		want(t, "plans", w.plan(1), []string{"verify a", "plan a"})
		want(t, "what is left", w.project(1, "a").Run.Fingerprint, was)
		stored, _ := w.deliver(workflow.Request{
			Kind: workflow.RequestCommand, Number: 1, Immediate: true, Command: &approve,
			CommentID: 77, Key: "comment:77", Actor: people["bob"], CommentedAt: at,
		})
		w.expand()
		has(t, w.reply(1, stored.ID), "refused", "That plan was applied", "Review it, then `cardea approve -p")
		has(t, w.do(1, "bob", approve), "approved", "a true")
	}
}

func TestApprovalsAreOfWhatWasSeen(t *testing.T) {
	w := newWorld(t)
	w.ready(1, "head1", files{"a/main.tf": "2"})
	w.say(1, "ada", planOf("a"))
	w.expand()
	run := w.mustClaim("a")
	early := w.say(1, "bob", verb(workflow.VerbApprove)) // written while the comment shows the first plan
	w.finish(w.fingerprinted(run, 2))
	w.show()
	w.expand()
	has(t, w.reply(1, early.ID), "refused", "When you wrote, the comment showed the plan")
	typed := verb(workflow.VerbApprove, "a")
	typed.Fingerprints = map[string]string{"a": "00000000"}
	has(t, w.do(1, "bob", typed), "approved") // every one of our fingerprints begins so
	typed.Fingerprints["a"] = "ffffffff"
	has(t, w.do(1, "bob", typed), "refused", "not `ffffffff`")
	want(t, "approvals", len(w.project(1, "a").Approvals), 1)
	w.commit("head2", baseFiles, files{"a/main.tf": "3"})
	w.facts(1, "head2")
	w.push(1, "synchronize")
	w.settle()
	w.plan(2)
	if a := w.project(1, "a").Approvals; len(a) != 1 || a[0].Void != "" {
		t.Errorf("got %+v, want the approval of the same plan carried", a)
	}
	w.say(1, "ada", planOf("a"))
	w.expand()
	run = w.mustClaim("a")
	res := w.fingerprinted(run, 2)
	res.Plan.Hidden = []workflow.HiddenEffect{{Kind: "provisioner", Text: "a provisioner runs"}}
	w.finish(res)
	if a := w.project(1, "a").Approvals; len(a) != 1 {
		t.Fatalf("got %+v", a)
	} else {
		has(t, a[0].Void, "a provisioner runs")
	}
}

// What is taken back is gone wherever a later head would find it.
func TestUnapproveOfWhatIsDeleted(t *testing.T) {
	w := newWorld(t)
	push := func(head string, changes files) {
		w.commit(head, baseFiles, changes)
		w.facts(1, head)
		w.push(1, "synchronize")
		w.settle()
		w.plan(1)
	}
	w.ready(1, "head1", files{"a/main.tf": "2", "b/main.tf": "2"})
	w.do(1, "bob", verb(workflow.VerbApprove))
	push("head2", files{"a/main.tf": "", "b/main.tf": "2"})
	has(t, w.do(1, "bob", verb(workflow.VerbUnapprove, "a", "b")), "unapproved", "a true", "b true")
	push("head3", files{"a/main.tf": "2", "b/main.tf": "2"})
	for _, name := range []string{"a", "b"} {
		want(t, "approvals of "+name, len(w.project(1, name).Approvals), 0)
	}
}
