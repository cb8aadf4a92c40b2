package page_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/cardea-iac/cardea/workflow"
)

// TestRunForAnything: a run's page and its project's lead to the pull that shows the run, and
// to none where none does; the JSON says what it is for.
func TestRunForAnything(t *testing.T) {
	w := newWorld(t)
	pull := workflow.PullKey{RepoID: repo.ID, Number: 12}
	link := func(words string) string { return `<a href="/acme/infra/pull/12">` + words + `</a>` }
	for id, c := range map[string]struct {
		subject      workflow.Subject
		title, shown string
		json         string
	}{
		"r1": {workflow.OfPull(pull), "plan of #12", link("#12"), `"number":12`},
		"r2": {workflow.OfLanding(pull, "1a2b3c4d5e"), "plan of the merge of #12 at 1a2b3c4", link("the merge of #12 at 1a2b3c4"),
			`"commit":"1a2b3c4d5e","for":"landing","number":12`},
		"r3": {workflow.OfGroup(repo.ID, "1a2b3c4d5e"), "plan of the merge group at 1a2b3c4", "the merge group at 1a2b3c4",
			`"commit":"1a2b3c4d5e","for":"merge_group","number":0`},
		"r4": {workflow.OfBranch(repo.ID, "main"), "plan of main", "<code>main</code>",
			`"for":"branch","number":0,"ref":"main"`},
	} {
		r := run(id, "prod/"+id, "prod", workflow.RunFinished, workflow.OutcomeFailed)
		r.Kind, r.Head, r.Queued = workflow.RunPlan, "abc0012", noon
		r.SetSubject(repo, c.subject)
		w.do(func(tx workflow.Tx) error { return tx.PutRun(r) })
		page, project := w.body("/runs/"+id), w.body("/acme/infra/project/prod/"+id)
		if !strings.Contains(page, "<title>prod/"+id+" · "+c.title) || !strings.Contains(page, "plan of "+c.shown+" ·") ||
			!strings.Contains(project, `<td data-label="Pull">`+c.shown+"</td>") {
			t.Errorf("%s: want %q and %q in the run's page\n%s\nand in the project's\n%s", id, c.title, c.shown, page, project)
		}
		if leads := strings.Contains(page+project, "/pull/"); leads != strings.Contains(c.shown, "/pull/") {
			t.Errorf("%s: leads to a pull: %v", id, leads)
		}
		var all map[string]any
		if err := json.Unmarshal([]byte(w.body("/runs/"+id+".json")), &all); err != nil {
			t.Fatal(err)
		}
		about := map[string]any{}
		for _, key := range []string{"number", "for", "commit", "ref"} {
			if v, is := all[key]; is {
				about[key] = v
			}
		}
		if got, err := json.Marshal(about); err != nil || string(got) != "{"+c.json+"}" {
			t.Errorf("%s: got %s, want %s (%v)", id, got, c.json, err)
		}
	}
}
