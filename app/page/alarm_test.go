package page_test

import (
	"strings"
	"testing"

	"github.com/cardea-iac/cardea/workflow"
)

// TestAlarmNamesTheTool: the lines that store a kept state are of the program that applied, on the
// run's page as on its pull's.
func TestAlarmNamesTheTool(t *testing.T) {
	for _, tool := range []string{"terraform", "tofu"} {
		w := newWorld(t)
		plan := network
		plan.Tool = tool
		r := run("run01", "prod/network", "prod", workflow.RunFinished, workflow.OutcomeSucceeded)
		w.pull(12, "Larger subnets", []workflow.Run{r}, map[string]workflow.Plan{"run01": plan})
		var apply workflow.Run
		w.edit(12, func(rec *workflow.PullRecord) {
			apply = applyOf(*rec.Projects[0].Run, workflow.RunFinished, workflow.OutcomeFailed)
			apply.Apply.ErroredState = "kept.age"
			rec.Projects[0].Apply = &apply
		})
		w.do(func(tx workflow.Tx) error { return tx.PutRun(apply) })
		want := tool + " init &amp;&amp; " + tool + " state push errored.tfstate"
		for _, path := range []string{"/runs/apply01", "/acme/infra/pull/12"} {
			if body := w.body(path); !strings.Contains(body, want) {
				t.Errorf("%s: %s does not say %q", tool, path, want)
			}
		}
	}
}
