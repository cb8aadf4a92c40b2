package service_test

import (
	"fmt"
	"testing"

	"github.com/cardea-iac/cardea/workflow"
)

// BenchmarkPull is what the service itself costs for a pull of 50 projects:
// expansion, and a claim and a finish with a plan of 20 changes for each.
func BenchmarkPull(b *testing.B) {
	const projects = 50
	base, head := files{}, files{}
	for i := range projects {
		name := fmt.Sprintf("p%02d/main.tf", i)
		base[name], head[name] = "1", "2"
	}
	plan := workflow.Plan{Counts: workflow.Counts{Add: 20}, ChangesHash: "hash"}
	for i := range 20 {
		plan.Changes = append(plan.Changes, workflow.Change{Address: fmt.Sprintf("terraform_data.x[%d]", i), Action: workflow.ActionCreate,
			Attributes: []workflow.Attribute{{Path: "input", Mark: workflow.MarkAdd, After: `"some value"`}}})
	}
	for b.Loop() {
		w := newWorld(b)
		w.commit("base1", base, nil)
		w.open(1, "head1", nil)
		w.commit("head2", head, nil)
		w.facts(1, "head2")
		w.push(1, "synchronize")
		w.settle()
		n := 0
		for run, ok := w.claim(); ok; run, ok = w.claim() {
			w.finish(workflow.Result{Run: run.ID, Epoch: run.Epoch, Outcome: workflow.OutcomeSucceeded, Plan: &plan})
			n++
		}
		if n != projects {
			b.Fatalf("got %d runs", n)
		}
	}
}
