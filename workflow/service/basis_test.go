package service_test

import (
	"errors"
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
		"a faulty file":                       {base: files{".cardea.yml": "version: 99"}, says: "is faulty, so nobody can say which rules hold"},
		"a requirement":                       {base: files{".cardea.yml": "version: 1\nrequire: [reviewed]\n"}, says: "No review on GitHub approves"},
		"hidden effects run":                  {base: files{"README": "2"}, head: files{"README": "2"}, says: "only the very same files will do"},
		"a place that it names":               {base: files{"README": "2"}, head: files{"README": "2"}, says: "has moved on in files that"},
		"another place than the one it names": {base: files{"b/x": "2"}, head: files{"b/x": "2"}},
		"another project keeps the state now": {
			func(r *workflow.Rules) {
				r.Environments = map[string]workflow.EnvironmentRules{"prod": {Dirs: []string{"b"}, Approvals: &workflow.ApprovalRules{Count: 2}}}
			}, files{"b/main.tf": "1\nstate state of a"}, nil, "1 of 2 approvals"},
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
	for name, c := range map[string]struct {
		told workflow.Request
		says string
	}{
		"a push":         {workflow.Request{Kind: workflow.RequestPull, Action: "synchronize", Before: "head1", Head: "head2"}, "GitHub told of a push of `head2`"},
		"closed":         {workflow.Request{Kind: workflow.RequestClosed, Action: "closed", Head: "head1"}, "GitHub told that this pull request was closed"},
		"a draft":        {workflow.Request{Kind: workflow.RequestFacts, Action: "converted_to_draft", Head: "head1"}, "was made a draft"},
		"another base":   {workflow.Request{Kind: workflow.RequestPull, Action: "edited", Before: "main", Head: "head1"}, "has another base branch now"},
		"the title":      {workflow.Request{Kind: workflow.RequestFacts, Action: "edited", Head: "head1"}, ""},
		"one of earlier": {workflow.Request{Kind: workflow.RequestPull, Action: "synchronize", Before: "head", Head: "head0", CommentedAt: time.Unix(1, 0)}, ""},
	} {
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
