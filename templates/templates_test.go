package templates_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cardea-iac/cardea/internal/golden"
	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/templates"
	"github.com/cardea-iac/cardea/templates/markdown"
	"github.com/cardea-iac/cardea/templates/model"
	"github.com/cardea-iac/cardea/workflow"
)

func TestSummaryGolden(t *testing.T) {
	for name, v := range cases() {
		t.Run(name, func(t *testing.T) { golden.Check(t, "testdata/"+"summary/"+name+".md", templates.Summary(v, links)) })
	}
	t.Run("preview", func(t *testing.T) {
		v := cases()["everything"]
		v.Pull.Number = 0
		golden.Check(t, "testdata/"+"summary/preview.md", templates.Summary(v, model.Links{}))
	})
}

func TestChecksGolden(t *testing.T) {
	for name, v := range cases() {
		t.Run(name, func(t *testing.T) {
			text := checkFile("cardea/plan", templates.PlanCheck(v, links)) +
				checkFile("cardea/apply", templates.ApplyCheck(v, links))
			for _, p := range v.Projects[:min(len(v.Projects), 4)] {
				text += checkFile("cardea/plan: "+p.Project.Name, templates.ProjectCheck(v, p.Project.Name, links))
			}
			golden.Check(t, "testdata/"+"check/"+name+".txt", text)
		})
	}
}

func checkFile(name string, c templates.CheckText) string {
	return fmt.Sprintf("=== %q\ntitle: %s\n--- summary\n%s--- text\n%s\n", name, c.Title, c.Summary, c.Text)
}

func TestReplyGolden(t *testing.T) {
	to := workflow.Actor{ID: 3, Login: "ada"}
	replies := map[string]workflow.Reply{
		"status":  {Key: "0123abc", Kind: "status", To: to},
		"help":    {Key: "0123abc", Kind: "help", To: to},
		"refused": {Key: "0123abc", Kind: "refused", To: to, Text: []phrase.Text{phrase.Say("`ada` may not plan: they have read access. Anyone with write access can.")}},
		"unknown": {Key: "0123abc", Kind: "unknown", To: to, Text: phrase.Texts("There is no command `plna`. Did you mean `cardea plan`?")},
	}
	for name, r := range replies {
		t.Run(name, func(t *testing.T) {
			golden.Check(t, "testdata/"+"reply/"+name+".md", templates.Reply(r, mixed(), links))
		})
	}
}

// TestLimits gives every text more than it can hold. Nothing may pass its limit,
// and nothing may be lost without being counted.
func TestLimits(t *testing.T) {
	many := func(n int, p func(i int) project) workflow.PullView {
		all := make([]project, n)
		for i := range all {
			all[i] = p(i)
		}
		return view(all...)
	}
	long := strings.Repeat("very long ", 3_000)
	views := map[string]workflow.PullView{
		"5,000 resources":        view(huge("prod/fleet", 5000, 12)),
		"one resource of 300 kB": view(huge("prod/fleet", 1, 6000)),
		"100 projects of 100":    many(100, func(i int) project { return huge(fmt.Sprintf("prod/p%03d", i), 100, 5) }),
		"2,000 projects":         many(2000, func(i int) project { return planned(fmt.Sprintf("prod/p%04d", i), "prod", newSubnet, newDatabase) }),
		"2,000 without changes":  many(2000, func(i int) project { return planned(fmt.Sprintf("prod/p%04d", i), "prod") }),
		"500 different failures": many(500, func(i int) project { return failing(fmt.Sprintf("prod/p%04d", i), "prod", fmt.Sprint(i, long)) }),
		"600 environments":       many(600, func(i int) project { return planned(fmt.Sprint("p", i), fmt.Sprint("environment", i), goneBucket) }),
		"long names":             many(50, func(i int) project { return planned(fmt.Sprint(i, long), long, create(long, set(long, long))) }),
		"only backticks":         view(planned("a", "", create("b", set("c", strings.Repeat("`", 60_000))))),
		"a hidden effect for all": many(300, func(i int) project {
			p := planned(fmt.Sprint("p", i), "", goneBucket)
			p.plan.Hidden = []workflow.HiddenEffect{{Text: fmt.Sprint(i, long)}}
			p.plan.Notes = []string{fmt.Sprint(i, long)}
			p.plan.Checks = []string{long}
			return p
		}),
		"an endless trouble": troubled(long),
	}
	for name, v := range views {
		t.Run(name, func(t *testing.T) {
			plan, apply := templates.PlanCheck(v, links), templates.ApplyCheck(v, links)
			texts := map[string]string{
				"summary": templates.Summary(v, links), "check summary": plan.Summary, "check text": plan.Text, "apply summary": apply.Summary, "apply text": apply.Text,
				"status": templates.Reply(workflow.Reply{Kind: "status"}, v, links), "preview": templates.Summary(v, model.Links{}),
			}
			if len(v.Projects) > 0 {
				one := templates.ProjectCheck(v, v.Projects[0].Project.Name, links)
				texts["project summary"], texts["project text"] = one.Summary, one.Text
			}
			for what, text := range texts {
				if len(text) > templates.MaxComment {
					t.Errorf("%s has %d bytes", what, len(text))
				}
				if n := strings.Count(text, "<details>") - strings.Count(text, "</details>"); n != 0 {
					t.Errorf("%s leaves %d <details> open", what, n)
				}
				mustBalance(t, what, text)
			}
			if n := len([]rune(plan.Title)); n > markdown.MaxTitle {
				t.Errorf("the title has %d characters", n)
			}
		})
	}
}

func troubled(long string) workflow.PullView {
	v := view()
	v.Trouble = &workflow.Trouble{Kind: workflow.TroubleConfig, Title: phrase.Say("Many faults"), Sentences: phrase.Texts(long, long)}
	for range 200 {
		v.Trouble.Diagnostics = append(v.Trouble.Diagnostics, workflow.Diagnostic{Summary: long, Detail: long, Position: workflow.Position{File: long, Line: 3}})
	}
	return v
}

func TestCutIsByResourceAndCounted(t *testing.T) {
	text := templates.Summary(view(huge("prod/fleet", 5000, 12)), links)
	shown := strings.Count(text, "will be created") + strings.Count(text, "will be destroyed")
	if want := fmt.Sprintf("… %s more [on the page](https://cardea.example.com/acme/infra/pull/12)", markdown.Number(5000-shown)); !strings.Contains(text, want) {
		t.Errorf("with %d resources shown the comment lacks %q", shown, want)
	}
	if len(text) < templates.MaxComment*8/10 {
		t.Errorf("the comment has %d bytes although there is more to say", len(text))
	}
	if want := "**500 to destroy in prod**"; !strings.Contains(text, want) {
		t.Errorf("the verdict lacks %q", want)
	}
}

func TestEqualPlansOnce(t *testing.T) {
	text := templates.Summary(same(40), links)
	if n := strings.Count(text, "instance_type"); n != 1 {
		t.Errorf("the diff that 40 projects share is written %d times", n)
	}
	if want := "The same 3 changes in 40 projects"; !strings.Contains(text, want) {
		t.Errorf("the comment lacks %q", want)
	}
}

// BenchmarkSummary is what the report loop pays for the two largest kinds of pull.
func BenchmarkSummary(b *testing.B) {
	var all []project
	for i := range 100 {
		all = append(all, huge(fmt.Sprintf("prod/p%03d", i), 100, 5))
	}
	for name, v := range map[string]workflow.PullView{"5,000 resources": view(huge("prod/fleet", 5000, 12)), "100 projects of 100": view(all...)} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				templates.Summary(v, links)
			}
		})
	}
}

// TestSource: source in the comment is cut around the line that is meant, and closes no fence; the values of one
// of several projects that fail alike are left out where they differ.
func TestSource(t *testing.T) {
	one, other := failing("dev/app", "dev", "Unsupported argument"), failing("prod/app", "prod", "Unsupported argument")
	var code []string
	for i := range 40 {
		code = append(code, fmt.Sprintf("# ``` line %d </b>", i+1))
	}
	for i, p := range []project{one, other} {
		d := &p.run.Diagnostics[0]
		d.Position.File, d.Position.Line = "modules/a/main.tf", 30
		d.Snippet.Line, d.Snippet.Code, d.Snippet.Values = 1, strings.Join(code, "\n"), fmt.Sprintf("var.x is %d", i)
	}
	text := templates.Summary(view(one, other), links)
	mustBalance(t, "the comment", text)
	for n := range 40 {
		want := n+1 >= 27 && n+1 <= 33
		if got := strings.Contains(text, fmt.Sprintf("%d: # ``` line %d ", n+1, n+1)); got != want {
			t.Errorf("line %d is shown: %t, want %t", n+1, got, want)
		}
	}
	if !strings.Contains(text, "````text\n") || strings.Contains(text, "var.x is") {
		t.Errorf("the comment:\n%s", text)
	}
	if text := templates.Summary(view(one), links); !strings.Contains(text, "│ var.x is 0") {
		t.Errorf("the comment of one:\n%s", text)
	}
}
