package templates_test

import (
	"strings"
	"testing"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/templates"
	"github.com/cardea-iac/cardea/workflow"
)

// TestOddNames: a project that is called like a word of a sentence, like a part of a
// command or like Markdown changes no word: what is the same of several projects is
// said once, and names each of them.
func TestOddNames(t *testing.T) {
	names := []string{"a -p b", "a`b", "apply", "each", "write"}
	var projects []project
	for _, name := range names {
		projects = append(projects, planned(name, "prod", newDatabase))
	}
	v := approvable(projects...)
	reply := workflow.Reply{Key: "k", Kind: workflow.ReplyRefused, To: dave}
	for i := range v.Projects {
		name := v.Projects[i].Project.Name
		lacks := []workflow.Missing{
			need(workflow.NeedPermission, "", phrase.Say("`olga` has the role `write`, which may not apply %s.", phrase.Project(name).Or("these")),
				phrase.Say("May apply here: the role `admin`.")),
			need(workflow.NeedPlan, "", phrase.Say("The plan of %s is still queued, and `apply` and `each` are words.", phrase.Project(name)),
				phrase.Say("When it is there, look at it; then %s.", workflow.VerbApply.About(name))),
			v.Projects[i].WaitsFor[0],
		}
		v.Projects[i].WaitsFor = lacks[1:]
		reply.Items = append(reply.Items, workflow.ReplyItem{Project: name, Fingerprint: v.Plans[v.Projects[i].Run.ID].Fingerprint, Missing: lacks})
	}
	const queued = "- The plan of each is still queued, and `apply` and `each` are words. When it is there, look at it; then `cardea apply -p \"a -p b\" -p \"a?b\" -p apply -p each -p write`."
	const approval = "- 0 of 1 approval each. May approve: the role `write` or a higher one, but not the author `ada`. In a comment: " +
		"`cardea approve -p \"a -p b@3f9a12c4b0de\" -p \"a?b@3f9a12c4b0df\" -p apply@3f9a12c4b0e0 -p each@3f9a12c4b0e1 -p write@3f9a12c4b0e2`."
	const permission = "- `olga` has the role `write`, which may not apply these. May apply here: the role `admin`.\n"
	for what, text := range map[string]string{
		"reply": templates.Reply(reply, v, links), "check": templates.ApplyCheck(v, links).Summary,
	} {
		for _, want := range []string{queued, approval, permission} {
			if (what == "reply" || want != permission) && !strings.Contains(text, want) {
				t.Errorf("the %s does not say\n%s\nbut\n%s", what, want, text)
			}
		}
	}
	one := templates.Reply(workflow.Reply{Key: "k", Kind: workflow.ReplyRefused, To: dave, Items: reply.Items[4:]}, v, links)
	if want := "- `olga` has the role `write`, which may not apply `write`."; !strings.Contains(one, want) {
		t.Errorf("of one project the reply does not say\n%s\nbut\n%s", want, one)
	}
}
