package templates_test

import (
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/templates"
	"github.com/cardea-iac/cardea/templates/model"
	"github.com/cardea-iac/cardea/workflow"
)

// TestPrefix: where commands start with another word, no text names one that nobody understands.
func TestPrefix(t *testing.T) {
	links := model.Links{PublicURL: "https://cardea.example.com", Fingerprints: true, Prefix: "tf"}
	views := cases()
	maps.Copy(views, applyCases())
	troubled := view()
	troubled.Trouble = &workflow.Trouble{Title: phrase.Say("It failed"),
		Sentences: []phrase.Text{phrase.Say("%s, in a comment, tries again.", workflow.VerbPlan.Typed(""))}}
	views["troubled"] = troubled
	texts := map[string]string{}
	for name, v := range views {
		before := templates.Summary(v, model.Links{})
		plan, apply := templates.PlanCheck(v, links), templates.ApplyCheck(v, links)
		texts[name] = templates.Summary(v, links) + plan.Summary + plan.Text + apply.Summary
		if diff := cmp.Diff(before, templates.Summary(v, model.Links{})); diff != "" {
			t.Errorf("%s: the view was changed:\n%s", name, diff)
		}
	}
	for name, c := range replyCases() {
		texts["reply "+name] = templates.Reply(c.reply, c.view, links)
	}
	for name, text := range texts {
		for line := range strings.Lines(text) {
			if strings.Contains(line, "`cardea ") {
				t.Errorf("%s names a command by another word: %s", name, line)
			}
		}
	}
}
