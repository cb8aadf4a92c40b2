package service_test

import (
	"testing"

	"github.com/cardea-iac/cardea/workflow"
)

// A button is about the plans that it shows: another plan is not applied by it, whoever approved that.
func TestApplyButtonShowsAnotherPlan(t *testing.T) {
	w := newWorld(t)
	w.ready(1, "h1", files{"a/main.tf": "2"})
	has(t, w.do(1, "bob", verb(workflow.VerbApprove, "a")), "approved")
	c := verb(workflow.VerbApply)
	for _, shown := range []map[string]string{{"a": "ffffffffffff"}, {"a": "f"}, {"b": w.view(1).Projects[0].Run.Fingerprint}} {
		c.Fingerprints = shown
		has(t, w.do(1, "bob", c), "refused", "was not showing the current plan of `a`")
	}
	want(t, "state", w.states(1), []string{"a planned"})
	c.Fingerprints = map[string]string{"a": w.view(1).Projects[0].Run.Fingerprint}
	if said := w.do(1, "bob", c); said != "" {
		t.Errorf("the plan that it shows: got %s, want it queued", said)
	}
	want(t, "state", w.states(1), []string{"a applying"})
}
