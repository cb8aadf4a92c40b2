package command

import (
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-iac/cardea/workflow"
)

func plan(f func(*workflow.Command)) *workflow.Command {
	c := &workflow.Command{Verb: workflow.VerbPlan}
	if f != nil {
		f(c)
	}
	return c
}

func TestParseUnderstood(t *testing.T) {
	bare := plan(nil)
	tests := []struct {
		name, text string
		want       *workflow.Command
	}{
		{"bare", "cardea plan", bare},
		{"case of the first two words", "CarDea PLAN", bare},
		{"blank lines and free text", "\r\n \n  cardea plan  \r\nplease, @bob #12", bare},
		{"after a quote", "> cardea status\n> more\n\ncardea plan", bare},
		{"after a fence", "```\ncardea status\n```\ncardea plan", bare},
		{"fence inside a longer fence", "~~~~ text\n~~~\ncardea status\n~~~~\ncardea plan", bare},
		{"after indented code", "    cardea status\n\ncardea plan", bare},
		{"other prefix", "@iac plan", bare},
		{"hard space", "cardea\u00a0plan", bare},
		{"status", "cardea status", &workflow.Command{Verb: workflow.VerbStatus}},
		{"help", "cardea Help", &workflow.Command{Verb: workflow.VerbHelp}},
		{"all options", `cardea plan -p a -p 'b c' -p="d*" -d ./prod/ -e prod -w blue --target 'x.y["a"]' --target=m.n[0] --destroy`, plan(func(c *workflow.Command) {
			c.Select = workflow.Selector{Projects: []string{"a", "b c", "d*"}, Dirs: []string{"prod"}, Environments: []string{"prod"}, Workspaces: []string{"blue"}}
			c.Options = workflow.PlanOptions{Targets: []string{`x.y["a"]`, "m.n[0]"}, Destroy: true}
		})},
		{"addresses as people copy them", `cardea plan --replace x.y["a b"] --target "x.y[\"c\"]"`, plan(func(c *workflow.Command) {
			c.Options = workflow.PlanOptions{Replaces: []string{`x.y["a b"]`}, Targets: []string{`x.y["c"]`}}
		})},
		{"everything", "cardea plan --all --refresh-only", plan(func(c *workflow.Command) {
			c.Select.All, c.Options.RefreshOnly = true, true
		})},
		{"no shell", "cardea plan -p $(id) -p ;rm", plan(func(c *workflow.Command) { c.Select.Projects = []string{"$(id)", ";rm"} })},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := Parse(tt.text, []string{"cardea", "@iac"})
			want := Result{Addressed: true, Command: tt.want}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("Parse(%q) differs (-want +got):\n%s", tt.text, diff)
			}
		})
	}
}

func TestParseNotForUs(t *testing.T) {
	for _, text := range []string{
		"", "\n\n", "looks good", "please run\ncardea plan", "> cardea plan", "```\ncardea plan\n```", "```\ncardea plan",
		"\tcardea plan", "    cardea plan", "`cardea plan`", "cardea: plan", "cardeas plan", "- cardea plan", "<!-- x --> cardea plan",
		"```cardea plan```", "@cardea plan",
	} {
		if got := Parse(text, []string{"cardea"}); got != (Result{}) {
			t.Errorf("Parse(%q) = %+v, want nothing", text, got)
		}
	}
}

func TestParseFaults(t *testing.T) {
	tests := []struct{ text, want string }{
		{"cardea", "has no verb"},
		{"cardea apply", "plans only; `cardea apply` comes later"},
		{"cardea APPROVE -p x", "plans only; `cardea approve` comes later"},
		{"cardea plann", "Did you mean `cardea plan`?"},
		{"cardea statsu", "Did you mean `cardea status`?"},
		{"cardea destroy", "There is no command `destroy`."},
		{"cardea a`b@c", "`a?b@c`"},
		{"cardea help plan", "takes nothing after it"},
		{"cardea plan prod", "To name a project: `cardea plan -p NAME`"},
		{"cardea plan -p", "`-p` needs a project's name"},
		{"cardea plan -p --all", "`-p` needs a project's name"},
		{"cardea plan -p=", "`-p` needs a project's name"},
		{"cardea plan --target=-x", "`--target` needs an address"},
		{"cardea plan --all=1", "takes no value"},
		{"cardea plan -target x", "Did you mean `--target`?"},
		{"cardea plan –destroy", "Did you mean `--destroy`?"},
		{"cardea plan --destory", "Did you mean `--destroy`?"},
		{"cardea plan -var x=y", "There is no option `-var`"},
		{"cardea plan -lock=false", "There is no option `-lock`"},
		{"cardea plan -chdir=..", "There is no option `-chdir`"},
		{"cardea plan -- x", "There is no option `--`"},
		{"cardea plan -d ../x", "is not a directory of this repository"},
		{"cardea plan -d a/../../b", "is not a directory of this repository"},
		{"cardea plan -d /etc", "is not a directory of this repository"},
		{"cardea plan -p 'x", "does not end"},
		{`cardea plan -p "x"y`, "does not end"},
		{"cardea plan -p a\u202eb", "cannot be seen"},
		{"cardea plan -p a\xffb", "not valid text"},
		{"cardea plan --all -p x", "does not go together"},
		{"cardea plan --destroy --refresh-only", "do not go together"},
		{"cardea plan " + strings.Repeat("-p x ", 101), "more than 100"},
		{"cardea plan -p " + strings.Repeat("x", 5000), "longer than"},
	}
	for _, tt := range tests {
		got := Parse(tt.text, []string{"cardea"})
		if !got.Addressed || got.Command != nil || !strings.Contains(got.Fault, tt.want) {
			t.Errorf("Parse(%.60q) = %+v, want a fault with %q", tt.text, got, tt.want)
		}
	}
}

// FuzzParse holds that nothing panics and that what comes out fits the grammar.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"cardea plan", "cardea plan -p 'a b' --target=\"x\\\"\"", "> q\n\ncardea status", "```\ncardea plan\n```", "cardea plan -d ../..", "cardea \x00",
		"cardea plan -p=", "cardea plan --replace x[\"a b\"] -e prod -w w --all", "cardea apply", "\tcardea plan", "cardea plan -p '", "cardea –destroy", "cardea\u00a0plan",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := Parse(text, []string{"cardea"})
		switch {
		case !got.Addressed:
			if got != (Result{}) {
				t.Fatalf("not addressed, yet %+v", got)
			}
			return
		case (got.Command == nil) == (got.Fault == ""):
			t.Fatalf("want either a command or a fault, got %+v", got)
		case got.Command == nil:
			if strings.ContainsFunc(got.Fault, unicode.IsControl) || len(got.Fault) > 600 {
				t.Fatalf("fault %q", got.Fault)
			}
			return
		}
		checkCommand(t, got.Command)
	})
}

func checkCommand(t *testing.T, c *workflow.Command) {
	t.Helper()
	if c.Verb != workflow.VerbPlan && (!c.Select.Empty() || !c.Options.Zero()) {
		t.Fatalf("%s has options: %+v", c.Verb, c)
	}
	if c.Verb != workflow.VerbPlan && c.Verb != workflow.VerbStatus && c.Verb != workflow.VerbHelp {
		t.Fatalf("verb %q", c.Verb)
	}
	for _, list := range [][]string{c.Select.Projects, c.Select.Dirs, c.Select.Environments, c.Select.Workspaces, c.Options.Targets, c.Options.Replaces} {
		for _, v := range list {
			if v == "" || strings.HasPrefix(v, "-") || strings.ContainsFunc(v, func(r rune) bool { return !unicode.IsPrint(r) }) {
				t.Fatalf("value %q", v)
			}
		}
	}
	for _, d := range c.Select.Dirs {
		if strings.HasPrefix(d, "/") || d == ".." || strings.HasPrefix(d, "../") {
			t.Fatalf("directory %q", d)
		}
	}
}
