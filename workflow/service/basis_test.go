package service_test

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/service"
)

// TestBaseMovesUnderTheSamePlan: the base moves in nothing that the plan is made
// from, and yet what it says now counts, when somebody asks and at the last gate.
func TestBaseMovesUnderTheSamePlan(t *testing.T) {
	for name, c := range map[string]struct {
		rules func(*workflow.Rules)
		base  files
		head  files // as merged with it
		says  string
	}{
		"nothing of it":                       {base: files{"b/main.tf": "other"}, head: files{"b/main.tf": "other"}},
		"a faulty file":                       {base: files{".cardea.yml": "version: 99"}, says: "has errors, so it is not known which rules apply"},
		"a requirement":                       {base: files{".cardea.yml": "version: 1\nrequire: [reviewed]\n"}, says: "No review on GitHub approves"},
		"hidden effects run":                  {base: files{"README": "2"}, head: files{"README": "2"}, says: "so all files must be exactly the same"},
		"a place that it names":               {base: files{"README": "2"}, head: files{"README": "2"}, says: "has changed in files that"},
		"another place than the one it names": {base: files{"b/x": "2"}, head: files{"b/x": "2"}},
		"another project keeps the state now": {
			func(r *workflow.Rules) {
				r.Environments = map[string]workflow.EnvironmentRules{"prod": {Dirs: []string{"b"}, Approvals: &workflow.ApprovalRules{Count: 2}}}
			}, files{"b/main.tf": "1\nstate state of a"}, nil, "Has 1 of 2 approvals"},
	} {
		start := func(t *testing.T) (*world, func()) {
			w := newWorld(t)
			if c.rules != nil {
				c.rules(&w.rules)
			}
			w.open(1, "head1", files{"a/main.tf": "2"})
			run := w.mustClaim("a")
			res := w.fingerprinted(run, 1)
			if name == "hidden effects run" {
				res.Plan.Hidden = []workflow.HiddenEffect{{Kind: "provisioner", Text: "a provisioner runs"}}
			}
			if strings.Contains(name, "it names") {
				res.Plan.Named = []workflow.Exact{"README"}
			}
			w.finish(res)
			w.show()
			w.do(1, "bob", verb(workflow.VerbApprove))
			return w, func() {
				w.commit("base2", baseFiles, c.base)
				head := files{"a/main.tf": "2"}
				for n, text := range c.head {
					head[n] = text
				}
				w.commit("head1", baseFiles, head)
				w.source.tips["main"] = "base2"
			}
		}
		t.Run(name+", when it is asked for", func(t *testing.T) {
			w, move := start(t)
			move()
			if said := w.do(1, "bob", verb(workflow.VerbApply)); c.says == "" {
				want(t, "answer", said, "")
			} else {
				has(t, said, "refused", c.says)
			}
		})
		t.Run(name+", when the runner stands ready", func(t *testing.T) {
			w, move := start(t)
			w.do(1, "bob", verb(workflow.VerbApply))
			run := w.mustClaim("a")
			move()
			err := w.authorise(run)
			if c.says == "" && err != nil || c.says != "" && !errors.Is(err, service.ErrRefused) {
				t.Fatalf("got %v", err)
			}
			if err != nil {
				has(t, err.Error(), c.says)
			}
		})
	}
}

// TestKeepersOfTheStateThatIsWritten: the base gave the project another state, or nobody may plan it
// there, while another project keeps by now the state that the plan would write: its rules hold.
func TestKeepersOfTheStateThatIsWritten(t *testing.T) {
	for name, a := range map[string]string{"another state": "2\nstate elsewhere", "refused": "refuse"} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.rules.Require = []workflow.Requirement{workflow.NeedApproved}
			w.rules.Environments = map[string]workflow.EnvironmentRules{
				"prod": {Dirs: []string{"b"}, Approvals: &workflow.ApprovalRules{Count: 2}}}
			w.ready(1, "head1", files{"a/main.tf": "2"})
			w.do(1, "bob", verb(workflow.VerbApprove))
			changes := files{"a/main.tf": a, "b/main.tf": "1\nstate state of a"}
			w.commit("base2", baseFiles, changes)
			w.commit("head1", baseFiles, changes)
			w.source.tips["main"] = "base2"
			has(t, w.do(1, "bob", verb(workflow.VerbApply)), "refused", "Has 1 of 2 approvals")
		})
	}
}

// TestTakenBackBeforeItsTurn: an `unapprove` that we have counts, although nobody has carried it out yet.
func TestTakenBackBeforeItsTurn(t *testing.T) {
	w := newWorld(t)
	w.ready(1, "head1", files{"a/main.tf": "2"})
	w.do(1, "bob", verb(workflow.VerbApprove))
	w.do(1, "bob", verb(workflow.VerbApply))
	run := w.mustClaim("a")
	w.say(1, "bob", verb(workflow.VerbUnapprove))
	err := w.authorise(run)
	if !errors.Is(err, service.ErrRefused) {
		t.Fatalf("got %v, want a refusal", err)
	}
	has(t, err.Error(), "that `cardea unapprove` comes first")
}

// TestAskedWithoutFacts: what could not be read refuses when it is asked for, too.
func TestAskedWithoutFacts(t *testing.T) {
	w := newWorld(t)
	w.ready(1, "head1", files{"a/main.tf": "2"})
	w.do(1, "bob", verb(workflow.VerbApprove))
	w.change = func(f *workflow.LiveFacts) { f.Errors = []string{"GitHub answers 502."} }
	has(t, w.do(1, "bob", verb(workflow.VerbApply)), "refused", "502")
	want(t, "locks", len(w.locks()), 0)
}

// TestToldBeforeItsTurn: what GitHub delivered counts against an apply that stands
// ready, although nobody has worked it off yet and GitHub's API may not show it.
func TestToldBeforeItsTurn(t *testing.T) {
	cases := map[string]struct { // by the fact that they tell of
		told workflow.Request
		says string
	}{
		"Head":           {workflow.Request{Kind: workflow.RequestPull, Action: "synchronize", Before: "head1", Head: "head2"}, "GitHub reported a push of `head2`"},
		"State":          {workflow.Request{Kind: workflow.RequestClosed, Action: "closed", Head: "head1"}, "GitHub reported that this pull request was closed"},
		"Draft":          {workflow.Request{Kind: workflow.RequestFacts, Action: "converted_to_draft", Head: "head1"}, "was made a draft"},
		"Base":           {workflow.Request{Kind: workflow.RequestPull, Action: "edited", Before: "main", Head: "head1"}, "now has another base branch"},
		"Title":          {workflow.Request{Kind: workflow.RequestFacts, Action: "edited", Head: "head1"}, ""},
		"one of earlier": {workflow.Request{Kind: workflow.RequestPull, Action: "synchronize", Before: "head", Head: "head0", CommentedAt: time.Unix(1, 0)}, ""},
	}
	untold := []string{"Repo", "Number", "Author", "Fork", "UpdatedAt"} // no event of a pull says that they changed
	for _, f := range reflect.VisibleFields(reflect.TypeFor[workflow.Pull]()) {
		if _, ok := cases[f.Name]; ok == slices.Contains(untold, f.Name) {
			t.Errorf("what does an event that tells of another %s mean for an apply?", f.Name)
		}
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.ready(1, "head1", files{"a/main.tf": "2"})
			w.do(1, "bob", verb(workflow.VerbApprove))
			w.do(1, "bob", verb(workflow.VerbApply))
			run := w.mustClaim("a")
			req := c.told
			req.Repo, req.Number, req.Key, req.Received = repo, 1, "told", w.now
			if req.CommentedAt.IsZero() {
				req.CommentedAt = w.now
			}
			if _, _, err := w.svc.Submit(t.Context(), req); err != nil {
				t.Fatal(err)
			}
			err := w.authorise(run)
			if c.says == "" && err != nil || c.says != "" && !errors.Is(err, service.ErrRefused) {
				t.Fatalf("got %v", err)
			}
			if err != nil {
				has(t, err.Error(), c.says)
			}
		})
	}
}

func TestBaseMoves(t *testing.T) {
	w := newWorld(t)
	w.ready(1, "head1", files{"a/main.tf": "2", "b/main.tf": "2"})
	w.ready(2, "head2", files{"c/main.tf": "2"})
	w.do(1, "bob", verb(workflow.VerbApprove))
	move := func(tip string, changes, head files) {
		w.commit(tip, baseFiles, changes)
		w.commit("head1", baseFiles, head)
		w.source.tips["main"] = tip
		w.deliver(workflow.Request{Kind: workflow.RequestBase, Action: "main", Head: tip, Key: "push " + tip})
		w.settle()
	}
	runs := func() []string {
		return []string{w.project(1, "a").Run.ID, w.project(1, "b").Run.ID, w.project(2, "c").Run.ID}
	}
	before := runs()
	move("base2", files{"README.md": "1"}, files{"a/main.tf": "2", "b/main.tf": "2", "README.md": "1"})
	want(t, "plans after a push elsewhere", runs(), before)
	want(t, "base", w.view(1).BaseSHA, "base2")
	if said := w.do(1, "bob", verb(workflow.VerbApply, "b")); said != "" {
		t.Errorf("got %s, want a plan on the same inputs applied", said)
	}
	w.do(1, "bob", workflow.Command{Verb: workflow.VerbCancel})
	move("base3", files{"README.md": "1", "a/main.tf": "x"}, files{"a/main.tf": "2x", "b/main.tf": "2", "README.md": "1"})
	want(t, "states", w.states(1), []string{"a queued", "b planned"})
	has(t, w.project(1, "a").Outdated.String(), "`main` moved")
	run := w.mustClaim("a")
	want(t, "priority", run.Priority, workflow.PriorityDrift)
	w.finish(w.fingerprinted(run, 1))
	if p := w.project(1, "a"); !p.Outdated.Empty() || p.Approvals[0].Void != "" {
		t.Errorf("got %+v, want the approval of the same plan to stay", p)
	}
	want(t, "the others", runs()[1:], before[1:])
	if _, created := w.deliver(workflow.Request{Kind: workflow.RequestBase, Action: "main", Head: "base3", Key: "push base3"}); created {
		t.Error("the same push was taken twice")
	}
}

// A branch that goes back and forth comes to the same tip twice, and what is planned from it changes each time.
func TestBaseGoesBackAndForth(t *testing.T) {
	w := newWorld(t)
	w.commit("head1", baseFiles, files{"a/main.tf": "2"})
	w.commit("base2", baseFiles, files{"a/main.tf": "x"})
	w.ready(1, "head1", files{"a/main.tf": "2"})
	move := func(tip, a, push string) {
		w.commit("head1", baseFiles, files{"a/main.tf": a}) // what the merge gives
		w.source.tips["main"] = tip
		if push != "" {
			w.deliver(workflow.Request{Kind: workflow.RequestBase, Action: "main", Head: tip, Key: push})
			w.settle()
		}
	}
	for i, push := range []string{"push 1", "push 2", "push 3", "push 4"} {
		tip, a := "base2", "2x"
		if i%2 == 1 {
			tip, a = "base1", "2"
		}
		move(tip, a, push)
		want(t, "planned after "+push, w.plan(1), []string{"plan a"})
		want(t, "base after "+push, w.view(1).BaseSHA, tip)
		w.deliver(workflow.Request{Kind: workflow.RequestBase, Action: "main", Head: tip, Key: push}) // found again by the sweep
		w.settle()
		want(t, "planned after "+push+" came again", w.plan(1), []string(nil))
	}
	// Pushes of which we are not told are found when somebody applies, each time.
	has(t, w.do(1, "bob", verb(workflow.VerbApprove)), "approved")
	for i := range 4 {
		tip, a := "base2", "2x"
		if i%2 == 1 {
			tip, a = "base1", "2"
		}
		move(tip, a, "")
		has(t, w.do(1, "bob", verb(workflow.VerbApply)), "refused", "up_to_date: `main` has changed in files")
		w.settle()
		want(t, "planned after the apply found it", w.plan(1), []string{"plan a"})
	}
}

// TestBaseIsNotKnown: where it could not be found out whether the base changed what is applied, that is said, and
// not that it did. That is a no, whatever is required; and a new plan is made only where it shows more.
func TestBaseIsNotKnown(t *testing.T) {
	for name, c := range map[string]struct {
		move func(*world)
		says string
		anew bool
	}{
		"git fails": {func(w *world) { w.source.faults = []error{errors.New("the disk is on fire")} }, "the disk is on fire", false},
		"its inputs cannot be read": {func(w *world) {
			w.commit("head1", baseFiles, files{"a/main.tf": "fault"})
		}, "input/output error", false},
		"a conflict": {func(w *world) { w.source.conflicts = []string{"a/main.tf"} }, "It is not known what `main` now says", true},
		"a conflict, and only the base's own rules ask for more": {func(w *world) {
			w.rules.Require = []workflow.Requirement{workflow.NeedApproved}
			w.commit("base2", baseFiles, files{".cardea.yml": "version: 1\nrequire: [reviewed]\n"})
			w.source.conflicts = []string{".cardea.yml"}
		}, "It is not known what `main` now says about what is applied", true},
	} {
		start := func(t *testing.T) (*world, func()) {
			w := newWorld(t)
			w.ready(1, "head1", files{"a/main.tf": "2"})
			w.do(1, "bob", verb(workflow.VerbApprove))
			return w, func() {
				w.commit("base2", baseFiles, files{"b/main.tf": "2"})
				w.source.tips["main"] = "base2"
				c.move(w)
			}
		}
		check := func(t *testing.T, w *world, said string) {
			t.Helper()
			has(t, said, c.says)
			if strings.Contains(said, "has changed in files") {
				t.Errorf("it says what is not known: %s", said)
			}
			anew := slices.ContainsFunc(w.pending(), func(r workflow.Request) bool { return r.Kind == workflow.RequestBase && r.Head == "base2" })
			want(t, "planned anew", anew, c.anew)
		}
		t.Run(name+", when it is asked for", func(t *testing.T) {
			w, move := start(t)
			move()
			check(t, w, w.do(1, "bob", verb(workflow.VerbApply)))
			want(t, "locks", len(w.locks()), 0)
		})
		t.Run(name+", when the runner stands ready", func(t *testing.T) {
			w, move := start(t)
			w.do(1, "bob", verb(workflow.VerbApply))
			run := w.mustClaim("a")
			move()
			err := w.authorise(run)
			if !errors.Is(err, service.ErrRefused) {
				t.Fatalf("got %v", err)
			}
			check(t, w, err.Error())
		})
	}
}

// TestApplyWhilePlansChange: an apply is of a plan that the base was compared with. Where another one took its place
// meanwhile, it does not start, and nothing is said of the base.
func TestApplyWhilePlansChange(t *testing.T) {
	w := newWorld(t)
	w.ready(1, "head1", files{"a/main.tf": "2"})
	w.do(1, "bob", verb(workflow.VerbApprove))
	w.commit("base2", baseFiles, files{"d/main.tf": "2"})
	w.source.tips["main"] = "base2"
	w.source.hold = func(workflow.Pull) {
		w.source.hold = nil
		req := w.say(1, "ada", planOf("a"))
		if err := w.expandWith(service.Expansion{Request: req, Pull: w.pulls[1], ActorRole: workflow.RoleWrite}); err != nil {
			t.Fatal(err)
		}
		w.finish(w.fingerprinted(w.mustClaim("a"), 1))
	}
	said := w.do(1, "bob", verb(workflow.VerbApply))
	has(t, said, "refused", "changed while this command was being read. Write it again.")
	if strings.Contains(said, "has changed in files") {
		t.Errorf("got %s", said)
	}
	want(t, "locks", len(w.locks()), 0)
	want(t, "asked again", w.do(1, "bob", verb(workflow.VerbApply)), "")
	w.finish(applied(w.begin("a"), workflow.OutcomeSucceeded))
}
