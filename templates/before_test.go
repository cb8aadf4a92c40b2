package templates_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cardea-iac/cardea/internal/golden"
	"github.com/cardea-iac/cardea/templates"
	"github.com/cardea-iac/cardea/templates/model"
	"github.com/cardea-iac/cardea/workflow"
)

// TestBefore: records that were written when sentences were plain strings, with the
// command in their words, say what they said then, with every prefix, and are written
// again byte for byte. Nobody sees an upgrade before something else changes.
func TestBefore(t *testing.T) {
	files, err := filepath.Glob("testdata/before/*.json")
	if err != nil || len(files) == 0 {
		t.Fatal("there are no records of before", err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var v workflow.PullView
		if err := json.Unmarshal(data, &v); err != nil {
			t.Fatal(err)
		}
		again, err := json.MarshalIndent(v, "", "\t")
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(append(again, '\n'), data) {
			t.Errorf("%s is written as\n%s", file, again)
		}
		var text strings.Builder
		for _, prefix := range []string{"", "tf"} {
			l := model.Links{PublicURL: links.PublicURL, Fingerprints: true, Prefix: prefix}
			text.WriteString("=== summary\n" + templates.Summary(v, l) + checkFile("cardea/plan", templates.PlanCheck(v, l)) +
				checkFile("cardea/apply", templates.ApplyCheck(v, l)))
			for _, p := range v.Projects {
				text.WriteString(checkFile("cardea/plan: "+p.Project.Name, templates.ProjectCheck(v, p.Project.Name, l)))
			}
			for _, r := range v.Replies {
				text.WriteString("=== reply\n" + templates.Reply(r, v, l))
			}
		}
		golden.Check(t, strings.TrimSuffix(file, ".json")+".txt", text.String())
	}
}
