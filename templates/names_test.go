package templates_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

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
			need(workflow.NeedPermission, "", phrase.Say("`olga` has write access, which is not enough to apply %s.", phrase.Project(name).Or("these")),
				phrase.Say("Anyone with admin access can apply here.")),
			need(workflow.NeedPlan, "", phrase.Say("The plan of %s is still queued, and `apply` and `each` are words.", phrase.Project(name)),
				phrase.Say("Review it when it is ready, then %s.", workflow.VerbApply.About(name))),
			v.Projects[i].WaitsFor[0],
		}
		v.Projects[i].WaitsFor = lacks[1:]
		reply.Items = append(reply.Items, workflow.ReplyItem{Project: name, Fingerprint: v.Plans[v.Projects[i].Run.ID].Fingerprint, Missing: lacks})
	}
	const queued = "- The plan of each is still queued, and `apply` and `each` are words. Review it when it is ready, then `cardea apply -p \"a -p b\" -p \"a?b\" -p apply -p each -p write`."
	const approval = "- Needs 1 approval each. Anyone with write access except the author (`ada`) can approve by commenting " +
		"`cardea approve -p \"a -p b@3f9a12c4b0de\" -p \"a?b@3f9a12c4b0df\" -p apply@3f9a12c4b0e0 -p each@3f9a12c4b0e1 -p write@3f9a12c4b0e2`."
	const permission = "- `olga` has write access, which is not enough to apply these. Anyone with admin access can apply here.\n"
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
	if want := "- `olga` has write access, which is not enough to apply `write`."; !strings.Contains(one, want) {
		t.Errorf("of one project the reply does not say\n%s\nbut\n%s", want, one)
	}
}

// A row that stands for many projects names none of them; the list that belongs to it does.
func TestNamedInALongTable(t *testing.T) {
	var projects []project
	for i := range 30 {
		p := planned(fmt.Sprintf("service%02d", i), "prod", create("x.y"))
		if i%10 == 0 {
			p = planned(fmt.Sprintf("other|%02d", i), "", goneBucket)
		}
		projects = append(projects, p)
	}
	v := view(projects...)
	text := templates.Summary(v, links)
	want := map[string]string{}
	for _, p := range v.Projects {
		want[p.Project.Name] = v.Plans[p.Run.ID].Fingerprint
	}
	if !strings.Contains(text, "| `service…`: 27 projects, each | prod | 1 | · | · | · | planned | its apply | below |\n") {
		t.Errorf("no row for the 27:\n%s", text)
	}
	if d := cmp.Diff(want, templates.Named(text, want)); d != "" {
		t.Errorf("named (-want +got):\n%s", d)
	}
	_, after, _ := strings.Cut(text, "</details>\n")
	if got := templates.Named(after, want); len(got) > 0 {
		t.Errorf("it finds a table in the details: %v", got)
	}
	for _, faked := range []string{
		strings.ReplaceAll(text, "<details><summary>These", "<details><summary>Those"),
		strings.ReplaceAll(text, "\n\n<details><summary>These", "\n\nand\n\n<details><summary>These"),
	} {
		if got := templates.Named(faked, want); len(got) != 3 {
			t.Errorf("what is no list of ours names %v", got)
		}
	}
}

// Each of several lists says which projects it is of, whatever they are called; each of these is named.
func TestSeveralLongLists(t *testing.T) {
	var projects []project
	for i := range 41 {
		switch i % 3 {
		case 0:
			projects = append(projects, planned(fmt.Sprintf("dev/%02d", i), "dev", create("x.y")))
		case 1:
			projects = append(projects, planned(fmt.Sprintf("a`b|</summary>%02d", i), "stage", create("x.y"), create("x.z")))
		default:
			projects = append(projects, planned(fmt.Sprintf("%02d", i), "prod", goneBucket))
		}
	}
	v := view(projects...)
	text := templates.Summary(v, links)
	for _, want := range []string{
		"<summary>These 14 projects: <code>dev/00</code> and 13 more</summary>",
		"<summary>These 14 projects: <code>a&#39;b|&lt;/summary&gt;01</code> and 13 more</summary>",
		"<summary>These 13 projects: <code>02</code> and 12 more</summary>",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no title %s in\n%.4000s", want, text)
		}
	}
	want := map[string]string{}
	for _, p := range v.Projects {
		want[p.Project.Name] = v.Plans[p.Run.ID].Fingerprint
	}
	if d := cmp.Diff(want, templates.Named(text, want)); d != "" {
		t.Errorf("named (-want +got):\n%s", d)
	}
}

func TestNameOfMany(t *testing.T) {
	for name, names := range map[string][]string{
		"`app-…-prod`: 12 projects, each": {"app-NN-prod"},
		"12 projects, each":               {"NN"},
		"`ab…a`: 12 projects, each":       {"abNNa"},
		"`ä…/ü`: 12 projects, each":       {"äNN/ü"},
		"`bcd…`: 12 projects, each":       {"bcd", "bcdNN"},
		"`aaaa…`: 12 projects, each":      {"aaaa", "aaaaa", "aaaaNN"},
	} {
		var projects []project
		for i := range 12 {
			n := strings.ReplaceAll(names[min(i, len(names)-1)], "NN", fmt.Sprintf("%02d", i))
			projects = append(projects, planned(n, "", create("x.y")))
		}
		if text := templates.Summary(view(projects...), links); !strings.Contains(text, "\n| "+name+" | 1 |") {
			t.Errorf("no row %q:\n%.900s", name, text)
		}
	}
}
