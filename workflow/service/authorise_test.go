package service_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/service"
)

// A change of anything between the order and the word is a no, and says what changed.
func TestGroundMovesBeforeTheWord(t *testing.T) {
	for name, c := range map[string]struct {
		move func(w *world)
		says string
	}{
		"head":       {func(w *world) { w.commit("head2", baseFiles, files{"a/main.tf": "3"}); w.facts(1, "head2") }, "The head is now `head2`"},
		"draft":      {func(w *world) { w.facts(1, "head1", func(p *workflow.Pull) { p.Draft = true }) }, "draft"},
		"base ref":   {func(w *world) { w.facts(1, "head1", func(p *workflow.Pull) { p.Base.Ref = "other" }) }, "`other`"},
		"closed":     {func(w *world) { w.facts(1, "head1", func(p *workflow.Pull) { p.State = workflow.PullClosed }) }, "closed"},
		"approval":   {func(w *world) { w.do(1, "bob", verb(workflow.VerbUnapprove)) }, "Needs 1 approval"},
		"permission": {func(w *world) { w.roles["bob"] = workflow.RoleRead }, "is not enough to apply"},
		"check": {func(w *world) {
			w.change = func(f *workflow.LiveFacts) { f.Required = []workflow.RequiredCheck{{Name: "lint", State: "failed"}} }
		}, "`lint`"},
		"facts":  {func(w *world) { w.change = func(f *workflow.LiveFacts) { f.Errors = []string{"GitHub answers 502."} } }, "502"},
		"plan":   {func(w *world) { w.do(1, "ada", planOf("a")) }, ""},
		"config": {func(w *world) { w.rules.Approvals.Count = 2 }, "Has 1 of 2 approvals"},
		"base": {func(w *world) {
			w.commit("base2", baseFiles, files{"a/main.tf": "base2"})
			w.commit("head1", baseFiles, files{"a/main.tf": "merged with base2"})
			w.source.tips["main"] = "base2"
		}, "`main` has changed in files"},
		"rule": {func(w *world) { w.unruled = true }, "no longer has a rule for this repository"},
		"installation": {func(w *world) {
			if err := w.svc.SuspendRepo(w.t.Context(), repo.ID, true); err != nil {
				w.t.Fatal(err)
			}
		}, "the App was uninstalled from it"},
		"base that keeps moving": {func(w *world) {
			n := 1
			w.change = func(f *workflow.LiveFacts) { // read slowly, while others merge
				n++
				f.BaseTip = fmt.Sprint("base", n)
				w.commit(f.BaseTip, baseFiles, nil)
				w.source.tips["main"] = f.BaseTip
				f.Read = f.Read.Add(-9 * time.Second)
			}
		}, "The base branch keeps moving."},
		"tip that git does not have": {func(w *world) {
			w.change = func(f *workflow.LiveFacts) { f.BaseTip = "base9" }
		}, "The base branch moved to base1 while it was being read"},
		"lock": {func(w *world) {
			err := w.store.Update(w.t.Context(), func(tx workflow.Tx) error { return tx.DeleteLock(repo.ID, "state\x00state of a") })
			if err != nil {
				w.t.Fatal(err)
			}
		}, "does not hold all locks"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.ready(1, "head1", files{"a/main.tf": "2"})
			w.do(1, "bob", verb(workflow.VerbApprove))
			w.do(1, "bob", verb(workflow.VerbApply))
			run := w.mustClaim("a")
			c.move(w)
			err := w.authorise(run)
			if !errors.Is(err, service.ErrRefused) {
				t.Fatalf("got %v, want it refused", err)
			}
			stored, err := w.svc.Run(t.Context(), run.ID)
			if err != nil || stored.Apply.Spent || stored.Outcome != workflow.OutcomeRefused {
				t.Errorf("got %+v, %v", stored, err)
			}
			has(t, stored.Reason, c.says)
			if name == "base" {
				w.settle()
				want(t, "planned by itself", w.plan(1), []string{"plan a"})
			}
		})
	}
	for name, artefact := range map[string]string{"another plan file": "other", "none": ""} {
		w := newWorld(t)
		w.ready(1, "head1", files{"a/main.tf": "2"})
		w.do(1, "bob", verb(workflow.VerbApprove))
		w.do(1, "bob", verb(workflow.VerbApply))
		run := w.mustClaim("a")
		if err := w.svc.Authorise(t.Context(), run, artefact, sameState(run)); !errors.Is(err, service.ErrRefused) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	w := newWorld(t)
	w.ready(1, "head1", files{"a/main.tf": "2"})
	w.do(1, "bob", verb(workflow.VerbApprove))
	w.do(1, "bob", verb(workflow.VerbApply))
	run := w.mustClaim("a")
	if err := w.svc.Authorise(t.Context(), run, run.Apply.Artefact, workflow.StateVersion{ID: sameState(run).ID, Version: "2"}); err == nil || !strings.Contains(err.Error(), "serial 2") {
		t.Errorf("got %v, want a state that moved to be refused", err)
	}
}
