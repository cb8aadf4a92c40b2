package service_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/service"
	"github.com/cardea-iac/cardea/workflow/storetest"
)

// following is a pull that changes a, b, which depends on a, c, which depends on b, and d, which
// depends on nothing; planned and approved.
func following(t *testing.T) *world {
	t.Helper()
	return ordered(t, "- {dir: a}\n- {dir: b, depends_on: [a]}\n- {dir: c, depends_on: [b]}\n- {dir: d}\n")
}

// ordered is a pull that changes the projects of a configuration but for d; planned and approved.
func ordered(t *testing.T, projects string) *world {
	t.Helper()
	w := newWorld(t)
	config := "projects:\n" + projects
	for sha, f := range w.source.commits {
		w.commit(sha, f, files{workflow.RepoConfigFile: config})
	}
	w.commit("head1", w.source.commits["base1"], files{"a/main.tf": "2", "b/main.tf": "2", "c/main.tf": "2"})
	w.facts(1, "head1")
	w.push(1, "opened")
	w.settle()
	w.plan(1)
	has(t, w.do(1, "bob", verb(workflow.VerbApprove)), "approved")
	return w
}

// follows are the applies of a pull that wait for others, and why those that do no more do not.
func (w *world) follows() (out []string) {
	w.t.Helper()
	for _, f := range w.view(1).Following {
		line := f.Project + " follows " + strings.Join(f.On, ", ")
		if !f.Ended.Empty() {
			line = f.Project + " ended: " + f.Ended.String()
		}
		out = append(out, line)
	}
	return out
}

// go on carries out all that is due and works off all that is queued, each plan with so many
// changes; a verify finds none. It returns what ran.
func (w *world) goOn(add int) (ran []string) {
	w.t.Helper()
	for {
		w.expand()
		run, ok := w.claim()
		if !ok {
			return ran
		}
		ran = append(ran, string(run.Kind)+" "+run.Project.Name)
		switch run.Kind {
		case workflow.RunApply:
			if err := w.authorise(run); err != nil {
				ran[len(ran)-1] += " refused"
				continue
			}
			w.finish(applied(run, workflow.OutcomeSucceeded))
		case workflow.RunVerify:
			w.finish(w.fingerprinted(run, 0))
		default:
			w.finish(w.fingerprinted(run, add))
		}
	}
}

// ends are the comments about the ends of commands.
func (w *world) ends() (out []string) {
	w.t.Helper()
	for _, r := range w.view(1).Replies {
		if strings.HasSuffix(r.Key, "/end") {
			out = append(out, w.reply(1, r.Key))
		}
	}
	return out
}

// One command walks a chain, each project after a new plan of it, and its end is told once.
func TestApplyWalksAChain(t *testing.T) {
	w := following(t)
	want(t, "answer", w.do(1, "bob", verb(workflow.VerbApply)), "")
	want(t, "states", w.states(1), []string{"a applying", "b planned", "c planned"})
	want(t, "follows", w.follows(), []string{"b follows a", "c follows b"})
	want(t, "ran", w.goOn(1), []string{"apply a", "verify a", "plan b", "apply b", "verify b", "plan c", "apply c", "verify c"})
	want(t, "states", w.states(1), []string{"a applied", "b applied", "c applied"})
	want(t, "left", w.follows(), []string(nil))
	ends := w.ends()
	want(t, "ends", len(ends), 1)
	has(t, ends[0], "applied:", "a true", "b true", "c true")
	if pending, err := w.svc.PendingOf(t.Context(), w.view(1).Pull.Subject().About()); err != nil || len(pending) > 0 {
		t.Errorf("got %+v, %v pending", pending, err)
	}
}

// What a command does not name does not follow, and what nobody asked for is not followed.
func TestFollowOnlyWhatIsNamed(t *testing.T) {
	w := following(t)
	has(t, w.do(1, "bob", verb(workflow.VerbApply, "b")), "refused:", "depends_on: `b` depends on `a`, which is not applied")
	want(t, "answer", w.do(1, "bob", verb(workflow.VerbApply, "a", "b")), "")
	want(t, "follows", w.follows(), []string{"b follows a"})
	want(t, "ran", w.goOn(1), []string{"apply a", "verify a", "plan b", "apply b", "verify b", "plan c"})
	want(t, "states", w.states(1), []string{"a applied", "b applied", "c planned"})
}

// Two that follow the same go on both, and what follows both waits for both, whatever its name.
func TestFollowSeveral(t *testing.T) {
	w := ordered(t, "- {dir: c}\n- {dir: a, depends_on: [c]}\n- {dir: b, depends_on: [a, c]}\n")
	want(t, "answer", w.do(1, "bob", verb(workflow.VerbApply)), "")
	want(t, "follows", w.follows(), []string{"a follows c", "b follows a, c"})
	want(t, "ran", w.goOn(1), []string{"apply c", "verify c", "plan a", "apply a", "verify a", "plan b", "apply b", "verify b"})
	want(t, "ends", len(w.ends()), 1)

	w = ordered(t, "- {dir: a}\n- {dir: b, depends_on: [a]}\n- {dir: c, depends_on: [a]}\n")
	w.do(1, "bob", verb(workflow.VerbApply))
	w.finish(applied(w.begin("a"), workflow.OutcomeSucceeded))
	w.finish(w.fingerprinted(w.mustClaim("a"), 0))
	w.finish(w.fingerprinted(w.mustClaim("b"), 1))
	w.finish(w.fingerprinted(w.mustClaim("c"), 2)) // another plan: that ends it for c alone
	want(t, "ran", w.goOn(1), []string{"apply b", "verify b"})
	want(t, "states", w.states(1), []string{"a applied", "b applied", "c planned"})
	ends := w.ends()
	want(t, "ends", len(ends), 1)
	has(t, ends[0], "applied:", "b true", "c false\nThe plan for `head1` is different")
}

// A project that something stands in the way of is refused with all of it, and what would
// follow it too, while the others go.
func TestFollowBesideRefused(t *testing.T) {
	w := ordered(t, "- {dir: a}\n- {dir: b}\n- {dir: c, depends_on: [a, b]}\n")
	w.now = w.now.Add(time.Second)
	w.rules.Environments = map[string]workflow.EnvironmentRules{"prod": {Dirs: []string{"b"}, Approvals: &workflow.ApprovalRules{Count: 2}}}
	w.say(1, "ada", planOf())
	w.expand()
	w.plan(1)
	has(t, w.do(1, "bob", verb(workflow.VerbApply)), "refused:", "b false", "approved: Has 1 of 2 approvals", "c false", "depends_on: `c` depends on `b`")
	want(t, "follows", w.follows(), []string(nil))
	want(t, "ran", w.goOn(1), []string{"apply a", "verify a", "plan c"})
}

// A second person's command, and the same again, change nothing for what follows already.
func TestFollowOfTwoPeople(t *testing.T) {
	w := following(t)
	w.do(1, "bob", verb(workflow.VerbApply, "a", "b"))
	has(t, w.do(1, "ada", verb(workflow.VerbApply)), "waits refused:", "a false", "already queued",
		"b false\n`b` already follows `a`: `bob` asked for that.")
	has(t, w.do(1, "bob", verb(workflow.VerbApply, "b", "c")), "refused:", "`b` already follows `a`", "`c` already follows `b`: `ada` asked")
	want(t, "follows", w.follows(), []string{"b follows a", "c follows b"})
	want(t, "ran", w.goOn(1), []string{"apply a", "verify a", "plan b", "apply b", "verify b", "plan c", "apply c", "verify c"})
	by := func(name string) string { return w.project(1, name).Apply.Actor.Login }
	want(t, "who", []string{by("a"), by("b"), by("c")}, []string{"bob", "bob", "ada"})
	want(t, "ends", len(w.ends()), 2)
}

// Somebody who asks once more when the turn has come starts it, and whoever asked first is told.
func TestFollowIsOvertaken(t *testing.T) {
	w := following(t)
	w.do(1, "bob", verb(workflow.VerbApply, "a", "b"))
	w.finish(applied(w.begin("a"), workflow.OutcomeSucceeded))
	w.finish(w.fingerprinted(w.mustClaim("a"), 0))
	w.finish(w.fingerprinted(w.mustClaim("b"), 1)) // its turn comes
	due := w.pending()
	want(t, "asked", len(due), 1)
	req := w.say(1, "ada", verb(workflow.VerbApply, "b"))
	e := service.Expansion{Request: req, Pull: w.pulls[1]}
	if err := w.expandWith(e); err != nil {
		t.Fatal(err)
	}
	want(t, "follows", w.follows(), []string{"b ended: `ada` started it."})
	want(t, "ran", w.goOn(1), []string{"apply b", "verify b", "plan c"})
	want(t, "who", w.project(1, "b").Apply.Actor.Login, "ada")
	want(t, "ends", len(w.ends()), 2)
}

func (w *world) pending() []workflow.Request {
	w.t.Helper()
	pending, err := w.svc.PendingOf(w.t.Context(), w.view(1).Pull.Subject().About())
	if err != nil {
		w.t.Fatal(err)
	}
	return pending
}

// begin claims an apply and gives it the word.
func (w *world) begin(project string) workflow.Run {
	w.t.Helper()
	run := w.mustClaim(project)
	if err := w.authorise(run); err != nil {
		w.t.Fatal(err)
	}
	return run
}

// TestFollowEnds: every reason to wait no more ends all that waits behind it, is said, and starts nothing.
func TestFollowEnds(t *testing.T) {
	ok := func(w *world) {
		w.finish(applied(w.begin("a"), workflow.OutcomeSucceeded))
		w.finish(w.fingerprinted(w.mustClaim("a"), 0))
	}
	for name, c := range map[string]struct {
		then func(*world)
		says string
	}{
		"it fails": {func(w *world) { w.finish(applied(w.begin("a"), workflow.OutcomeFailed)) }, "The apply of `a` failed."},
		"it does not start": {func(w *world) {
			run := w.mustClaim("a")
			w.roles["bob"] = workflow.RoleRead
			if err := w.authorise(run); err == nil {
				w.t.Fatal("started")
			}
			w.roles["bob"] = workflow.RoleWrite
		}, "`a` was not applied."},
		"nobody knows": {func(w *world) {
			w.begin("a")
			w.now = w.now.Add(service.DefaultLease + time.Second)
			w.claim()
		}, "The outcome of the apply of `a` is unknown."},
		"its state is kept": {func(w *world) {
			res := applied(w.begin("a"), workflow.OutcomeFailed)
			res.ErroredState = "kept"
			w.finish(res)
		}, "could not store its state"},
		"it leaves something": {func(w *world) {
			w.finish(applied(w.begin("a"), workflow.OutcomeSucceeded))
			w.finish(w.fingerprinted(w.mustClaim("a"), 1))
			w.finish(w.fingerprinted(w.mustClaim("b"), 1))
			w.finish(w.fingerprinted(w.mustClaim("a"), 1))
		}, "The apply of `a` left something to do."},
		"the new plan is another one": {func(w *world) {
			ok(w)
			w.finish(w.fingerprinted(w.mustClaim("b"), 2))
		}, "The plan for `head1` is different"},
		"the new plan fails": {func(w *world) {
			ok(w)
			run := w.mustClaim("b")
			w.finish(workflow.Result{Run: run.ID, Epoch: run.Epoch, Outcome: workflow.OutcomeFailed, Reason: "No."})
		}, "The new plan of `b` did not succeed."},
		"the permission is gone": {func(w *world) {
			ok(w)
			w.finish(w.fingerprinted(w.mustClaim("b"), 1))
			w.roles["bob"] = workflow.RoleRead
			w.expand()
		}, "`bob` has read access, which is not enough to apply `b`."},
		"the approval is gone": {func(w *world) {
			ok(w)
			w.do(1, "bob", verb(workflow.VerbUnapprove))
			w.finish(w.fingerprinted(w.mustClaim("b"), 1))
			w.expand()
		}, "Needs 1 approval"},
		"somebody else has the lock": {func(w *world) {
			w.commit("head9", w.source.commits["base1"], files{"b/main.tf": "9"})
			w.facts(9, "head9")
			w.push(9, "opened")
			w.settle()
			has(w.t, w.do(9, "ada", verb(workflow.VerbLock, "b")), "locked")
			w.finish(applied(w.begin("a"), workflow.OutcomeSucceeded))
			w.finish(w.fingerprinted(w.mustClaim("a"), 0))
			w.goOn(1)
		}, "#9"},
		"a push": {func(w *world) {
			w.commit("head2", w.source.commits["head1"], files{"c/main.tf": "3"})
			w.facts(1, "head2")
			w.push(1, "opened")
			w.settle()
		}, "The head is now `head2`"},
		"closed": {func(w *world) { w.close(1, workflow.PullClosed) }, "The pull request is closed."},
		"merged": {func(w *world) { w.close(1, workflow.PullMerged) }, "The pull request is merged."},
		"another base": {func(w *world) {
			w.source.tips["other"] = "base1"
			w.facts(1, "head1", func(p *workflow.Pull) { p.Base.Ref = "other" })
			w.push(1, "opened")
			w.expand()
		}, "The base branch was changed"},
		"cancelled": {func(w *world) {
			w.begin("a")
			has(w.t, w.do(1, "ada", verb(workflow.VerbCancel)), "cancelled:", "b true\nits apply no longer follows `a`")
		}, "`ada` cancelled it."},
		"unlocked": {func(w *world) {
			w.finish(applied(w.begin("a"), workflow.OutcomeSucceeded))
			has(w.t, w.do(1, "ada", verb(workflow.VerbUnlock)), "unlocked")
		}, "`ada` unlocked `a`."},
		"too long": {func(w *world) {
			w.now = w.now.Add(workflow.MaxFollow + time.Minute)
			if err := w.svc.Housekeep(w.t.Context()); err != nil {
				w.t.Fatal(err)
			}
		}, "It has waited for"},
		"GitHub does not answer": {func(w *world) {
			ok(w)
			w.finish(w.fingerprinted(w.mustClaim("b"), 1))
			w.change = func(f *workflow.LiveFacts) { f.Errors = []string{"GitHub answers 502."} }
			for range 12 {
				w.expand()
				w.now = w.now.Add(time.Minute)
			}
		}, "GitHub answers 502."},
		"the request ends otherwise": {func(w *world) {
			ok(w)
			w.finish(w.fingerprinted(w.mustClaim("b"), 1))
			if err := w.svc.FinishRequest(w.t.Context(), w.pending()[0].ID, "Ignored: GitHub has no such pull request.", nil); err != nil {
				w.t.Fatal(err)
			}
		}, "GitHub has no such pull request."},
		"the server dies of it": {func(w *world) {
			ok(w)
			w.finish(w.fingerprinted(w.mustClaim("b"), 1))
			req := w.pending()[0]
			for range 4 {
				if _, err := w.svc.BeginRequest(w.t.Context(), req.ID); err != nil {
					w.t.Fatal(err)
				}
			}
		}, "each time the server ended before it did"},
	} {
		t.Run(name, func(t *testing.T) {
			w := following(t)
			w.do(1, "bob", verb(workflow.VerbApply))
			want(t, "follows", w.follows(), []string{"b follows a", "c follows b"})
			c.then(w)
			said := strings.Join(w.ended("b"), "\n")
			has(t, said, c.says)
			w.change = nil
			if w.pulls[1].State == workflow.PullOpen {
				w.now = w.now.Add(time.Minute)
				got := w.goOn(1)
				if slices.ContainsFunc(got, func(s string) bool { return s == "apply b" || s == "apply c" }) {
					t.Errorf("it went on: %v", got)
				}
			}
			has(t, strings.Join(w.ended("c"), "\n"), "no longer follows `b`")
			for _, f := range w.view(1).Following {
				if f.Ended.Empty() {
					t.Errorf("%s follows still", f.Project)
				}
			}
		})
	}
}

// ended are the lines of the history that say that a project's apply waits no more.
func (w *world) ended(project string) (out []string) {
	w.t.Helper()
	for _, line := range w.history(w.view(1).Pull.Subject()) {
		if strings.Contains(line, "`"+project+"` no longer follows") {
			out = append(out, line)
		}
	}
	return out
}

// A plan without changes after what it depended on was applied ends it well, and what follows goes on.
func TestFollowWithNothingLeft(t *testing.T) {
	w := following(t)
	w.do(1, "bob", verb(workflow.VerbApply))
	w.finish(applied(w.begin("a"), workflow.OutcomeSucceeded))
	w.finish(w.fingerprinted(w.mustClaim("a"), 0))
	w.finish(w.fingerprinted(w.mustClaim("b"), 0))
	want(t, "ran", w.goOn(1), []string{"apply c", "verify c"})
	want(t, "states", w.states(1), []string{"a applied", "b no_changes", "c applied"})
	ends := w.ends()
	want(t, "ends", len(ends), 1)
	has(t, ends[0], "applied:", "a true", "b true\n`b` no longer has changes", "c true")
}

// A push to the base, and somebody's `plan`, are no reason to stop where the plan is the same.
func TestFollowGoesOnAfterTheSamePlan(t *testing.T) {
	w := following(t)
	w.do(1, "bob", verb(workflow.VerbApply))
	run := w.begin("a")
	w.say(1, "ada", planOf("c"))
	w.expand()
	w.commit("base2", w.source.commits["base1"], files{"b/main.tf": "base2"})
	w.commit("head1", w.source.commits["head1"], files{"b/main.tf": "merged with base2"})
	w.source.tips["main"] = "base2"
	w.deliver(workflow.Request{Kind: workflow.RequestBase, Number: 1, Action: "main", Head: "base2", Key: "base2", Immediate: true})
	w.expand()
	want(t, "states", w.states(1), []string{"a applying", "b queued", "c queued"})
	want(t, "follows", w.follows(), []string{"b follows a", "c follows b"})
	w.finish(applied(run, workflow.OutcomeSucceeded))
	want(t, "ran", w.goOn(1), []string{"plan c", "verify a", "plan b", "apply b", "verify b", "plan c", "apply c", "verify c"})
}

// A server that ends at any step goes on where it was: each start of another one finds what is to do.
func TestFollowOutlivesServers(t *testing.T) {
	w := following(t)
	restart := func() {
		w.serve(w.store)
		w.now = w.now.Add(time.Second)
		if err := w.svc.Start(t.Context(), "worker"); err != nil {
			t.Fatal(err)
		}
	}
	w.do(1, "bob", verb(workflow.VerbApply))
	var ran []string
	for range 40 {
		restart()
		w.expand()
		restart()
		run, found := w.claim()
		if !found {
			continue
		}
		if run.Kind == workflow.RunApply {
			if err := w.authorise(run); err != nil {
				t.Fatal(err)
			}
			restart() // its runner outlives it
			w.finish(applied(run, workflow.OutcomeSucceeded))
			ran = append(ran, run.Project.Name)
			continue
		}
		if run.Replaces == "" {
			restart() // what it was planning is lost, and queued again
			continue
		}
		w.finish(w.fingerprinted(run, map[workflow.RunKind]int{workflow.RunPlan: 1}[run.Kind]))
	}
	want(t, "applied, once each", ran, []string{"a", "b", "c"})
	want(t, "states", w.states(1), []string{"a applied", "b applied", "c applied"})
	want(t, "left", w.follows(), []string(nil))
	want(t, "ends", len(w.ends()), 1)
}

// Where no approval is needed, the word of whoever asked is for the plan that was there, and no other.
func TestFollowIsOfAPlan(t *testing.T) {
	w := following(t)
	w.rules.Require = nil
	w.do(1, "bob", verb(workflow.VerbApply))
	w.finish(applied(w.begin("a"), workflow.OutcomeSucceeded))
	w.finish(w.fingerprinted(w.mustClaim("a"), 0))
	w.finish(w.fingerprinted(w.mustClaim("b"), 2))
	want(t, "ran", w.goOn(1), []string(nil))
	has(t, strings.Join(w.ended("b"), "\n"), "is different")
	has(t, w.ends()[0], "applied:", "a true", "b false\nThe plan for `head1` is different", "c false\n`b` was not applied.")
}

// walked is a chain whose first project is applied, and whose second one's turn has come.
func walked(t *testing.T) *world {
	t.Helper()
	w := following(t)
	w.do(1, "bob", verb(workflow.VerbApply))
	w.finish(applied(w.begin("a"), workflow.OutcomeSucceeded))
	w.finish(w.fingerprinted(w.mustClaim("a"), 0))
	w.finish(w.fingerprinted(w.mustClaim("b"), 1))
	want(t, "asked", len(w.pending()), 1)
	return w
}

// At its turn a fault that may pass, of GitHub's or of git's, is waited out, and what does not pass ends it.
func TestFollowOutlastsFaults(t *testing.T) {
	moved := func(w *world, faults ...error) {
		w.commit("base2", w.source.commits["base1"], files{"d/main.tf": "2"})
		w.source.tips["main"] = "base2"
		w.source.faults = faults
	}
	reads := 0
	for name, fault := range map[string]func(*world){
		"facts could not be read": func(w *world) {
			w.change = func(f *workflow.LiveFacts) { f.Errors = []string{"GitHub answered 502."} }
		},
		"git has no answer":     func(w *world) { moved(w, fmt.Errorf("fetching: %w", workflow.ErrPassing)) },
		"git has no commit yet": func(w *world) { moved(w, fmt.Errorf("fetching: %w", workflow.ErrNotYet)) },
		"the look takes too long": func(w *world) { // then GitHub is asked again, and does not answer
			moved(w)
			w.source.hold = func(workflow.Pull) { w.now = w.now.Add(time.Minute) }
			reads = 0
			w.change = func(f *workflow.LiveFacts) {
				if reads++; reads == 2 {
					f.Errors = []string{"GitHub answered 502."}
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := walked(t)
			fault(w)
			w.expand()
			want(t, "follows", w.follows(), []string{"b follows a", "c follows b"})
			if got := w.view(1).Waiting; got == "" {
				t.Error("the pull does not say that it waits")
			}
			if due, at := w.pending(), w.now; len(due) != 1 || due[0].NotBefore.Before(at) || due[0].NotBefore.After(at.Add(time.Minute)) {
				t.Errorf("got %+v, want it tried again soon", due)
			}
			w.now, w.change, w.source.hold = w.now.Add(2*time.Minute), nil, nil
			want(t, "ran", w.goOn(1), []string{"apply b", "verify b", "plan c", "apply c", "verify c"})
			if got := w.view(1).Waiting; got != "" {
				t.Errorf("the pull still says that it waits: %s", got)
			}
		})
	}
	t.Run("it does not pass", func(t *testing.T) {
		w := walked(t)
		moved(w, errors.New("the disk is broken"))
		w.expand()
		has(t, strings.Join(w.ended("b"), "\n"), "the disk is broken")
		want(t, "ran", w.goOn(1), []string(nil))
	})
	t.Run("it outlasts all tries", func(t *testing.T) {
		w := walked(t)
		w.change = func(f *workflow.LiveFacts) { f.Errors = []string{"GitHub answered 502."} }
		for range 12 {
			w.expand()
			w.now = w.now.Add(time.Minute)
		}
		has(t, strings.Join(w.ended("b"), "\n"), "GitHub answered 502.")
		if got := w.view(1).Waiting; got != "" {
			t.Errorf("the pull still says that it waits: %s", got)
		}
	})
}

// A command that waited and is carried out then is no reason any more to say that the pull waits.
func TestNothingWaitsAfterACommand(t *testing.T) {
	w := newWorld(t)
	w.ready(1, "head1", files{"a/main.tf": "new"})
	for _, v := range []workflow.Verb{workflow.VerbApprove, workflow.VerbApply, workflow.VerbLock, workflow.VerbUnapprove} {
		req := w.say(1, "bob", verb(v, "a"))
		if err := w.svc.DeferRequest(t.Context(), req.ID, "GitHub does not answer.", time.Time{}); err != nil {
			t.Fatal(err)
		}
		want(t, "waiting", w.view(1).Waiting, "GitHub does not answer.")
		w.now = w.now.Add(time.Minute)
		w.expand()
		if got := w.view(1).Waiting; got != "" {
			t.Errorf("after %s the pull still says that it waits: %s", v, got)
		}
	}
}

// One pull that cannot be saved, or something else that fails, keeps no other from ending.
func TestHousekeepingGoesOn(t *testing.T) {
	w := ordered(t, "- {dir: a}\n- {dir: b, depends_on: [a]}\n- {dir: c}\n- {dir: d, depends_on: [c]}\n")
	w.commit("head2", w.source.commits["base1"], files{"c/main.tf": "3", "d/main.tf": "3"})
	w.facts(2, "head2")
	w.push(2, "opened")
	w.settle()
	w.plan(1)
	has(t, w.do(2, "bob", verb(workflow.VerbApprove)), "approved")
	w.do(1, "bob", verb(workflow.VerbApply, "a", "b"))
	w.do(2, "bob", verb(workflow.VerbApply, "c", "d"))
	w.now = w.now.Add(workflow.MaxFollow + time.Minute)
	w.serve(storetest.Faulty(w.store, storetest.Fault{Commit: 1}, storetest.Fault{Commit: 3})) // deliveries, requests, then the pulls
	if err := w.svc.Housekeep(t.Context()); !errors.Is(err, storetest.ErrInjected) || !strings.Contains(err.Error(), "deliveries") ||
		!strings.Contains(err.Error(), "waited too long") {
		t.Errorf("got %v, want both faults", err)
	}
	var ended []bool
	for n := 1; n <= 2; n++ {
		for _, f := range w.view(n).Following {
			ended = append(ended, !f.Ended.Empty())
		}
	}
	want(t, "ended", ended, []bool{false, true})
	if err := w.svc.Housekeep(t.Context()); err != nil {
		t.Fatal(err)
	}
	want(t, "the other", !w.view(1).Following[0].Ended.Empty(), true)
}

// What ended while others of its command go on is told with them, also where somebody has asked for it again since.
func TestFollowThatEndedIsTold(t *testing.T) {
	t.Run("it follows again", func(t *testing.T) {
		w := following(t)
		w.do(1, "bob", verb(workflow.VerbApply, "a", "b"))
		a := w.begin("a")
		has(t, w.do(1, "ada", verb(workflow.VerbCancel)), "cancelled:")
		want(t, "answer", w.do(1, "ada", verb(workflow.VerbApply, "b")), "")
		want(t, "follows", w.follows(), []string{"b ended: `ada` cancelled it.", "b follows a"})
		want(t, "told", len(w.ends()), 0)
		w.finish(applied(a, workflow.OutcomeSucceeded))
		want(t, "told", len(w.ends()), 1)
		want(t, "ran", w.goOn(1), []string{"verify a", "plan b", "apply b", "verify b", "plan c"})
		ends := w.ends()
		want(t, "ends", len(ends), 2)
		has(t, ends[0], "applied:", "a true", "b false\n`ada` cancelled it.")
		has(t, ends[1], "applied:", "b true")
		want(t, "left", w.follows(), []string(nil))
	})
	t.Run("it starts", func(t *testing.T) {
		w := ordered(t, "- {dir: a}\n- {dir: b, depends_on: [a]}\n- {dir: c}\n")
		w.do(1, "bob", verb(workflow.VerbApply))
		w.finish(applied(w.begin("a"), workflow.OutcomeSucceeded))
		c := w.begin("c")
		w.finish(w.fingerprinted(w.mustClaim("a"), 0))
		w.finish(w.fingerprinted(w.mustClaim("b"), 2))
		w.show()
		has(t, w.do(1, "bob", verb(workflow.VerbApprove, "b")), "approved")
		if said := w.do(1, "ada", verb(workflow.VerbApply, "b")); said != "" {
			t.Fatalf("got %q", said)
		}
		want(t, "told", len(w.ends()), 0)
		w.finish(applied(w.begin("b"), workflow.OutcomeSucceeded))
		want(t, "told", len(w.ends()), 1)
		w.finish(applied(c, workflow.OutcomeSucceeded))
		w.goOn(0)
		ends := w.ends()
		want(t, "ends", len(ends), 2)
		has(t, ends[0], "applied:", "b true")
		has(t, ends[1], "applied:", "a true", "c true", "The plan for `head1` is different")
		want(t, "left", w.follows(), []string(nil))
	})
}

// Another plan may be made while the base is looked at: it is looked at for that one, too.
func TestFollowWhilePlansChange(t *testing.T) {
	for _, moved := range []bool{false, true} {
		w := walked(t)
		w.commit("base2", w.source.commits["base1"], files{"d/main.tf": "2"})
		w.source.tips["main"] = "base2"
		turn := w.pending()[0]
		w.source.hold = func(workflow.Pull) {
			w.source.hold = nil
			req := w.say(1, "ada", planOf("b"))
			if err := w.expandWith(service.Expansion{Request: req, Pull: w.pulls[1], ActorRole: workflow.RoleWrite}); err != nil {
				t.Fatal(err)
			}
			w.finish(w.fingerprinted(w.mustClaim("b"), map[bool]int{false: 1, true: 2}[moved]))
		}
		if err := w.expandWith(service.Expansion{Request: turn, Pull: w.pulls[1]}); err != nil {
			t.Fatal(err)
		}
		if moved {
			has(t, strings.Join(w.ended("b"), "\n"), "The plan for `head1` is different")
			continue
		}
		want(t, "follows", w.follows(), []string{"b follows a", "c follows b"})
		want(t, "ran", w.goOn(1), []string{"apply b", "verify b", "plan c", "apply c", "verify c"})
	}
}
