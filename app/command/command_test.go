package command

import (
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-iac/cardea/internal/phrase"
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
		{"after a quote's empty last line", "> cardea status\n>\ncardea plan", bare},
		{"after code that follows a quote", "> look\n```\nx\n```\ncardea plan", bare},
		{"after a fence", "```\ncardea status\n```\ncardea plan", bare},
		{"fence inside a longer fence", "~~~~ text\n~~~\ncardea status\n~~~~\ncardea plan", bare},
		{"after indented code", "    cardea status\n\ncardea plan", bare},
		{"other prefix", "@iac plan", bare},
		{"hard space", "cardea\u00a0plan", bare},
		{"status", "cardea status", &workflow.Command{Verb: workflow.VerbStatus}},
		{"help", "cardea Help", &workflow.Command{Verb: workflow.VerbHelp}},
		{"all options", `cardea plan -p a -p 'b c' -p="d*" -d ./prod/ -e prod -w blue --target 'x.y["a"]' --target=m.n[0] --destroy`, plan(func(c *workflow.Command) {
			c.Select = workflow.Selector{Projects: []string{"a", "b c", "d*"}, Dirs: []string{"prod"},
				Environments: []string{"prod"}, Workspaces: []string{"blue"}}
			c.Options = workflow.PlanOptions{Targets: []string{`x.y["a"]`, "m.n[0]"}, Destroy: true}
		})},
		{"addresses as people copy them", `cardea plan --replace x.y["a b"] --target "x.y[\"c\"]"`, plan(func(c *workflow.Command) {
			c.Options = workflow.PlanOptions{Replaces: []string{`x.y["a b"]`}, Targets: []string{`x.y["c"]`}}
		})},
		{"everything", "cardea plan --all --refresh-only", plan(func(c *workflow.Command) {
			c.Select.All, c.Options.RefreshOnly = true, true
		})},
		{"apply", "cardea apply", &workflow.Command{Verb: workflow.VerbApply}},
		{"apply some", "cardea apply -p 'a*' -d prod -e prod -w blue", &workflow.Command{Verb: workflow.VerbApply, Select: workflow.Selector{
			Projects: []string{"a*"}, Dirs: []string{"prod"}, Environments: []string{"prod"}, Workspaces: []string{"blue"},
		}}},
		{"approve", "cardea approve", &workflow.Command{Verb: workflow.VerbApprove}},
		{"approve by environment", "cardea approve -e prod", &workflow.Command{Verb: workflow.VerbApprove, Select: workflow.Selector{Environments: []string{"prod"}}}},
		{"approve these plans", "cardea approve -p net/prod@3F9A12C4 -p dns -p=db@" + strings.Repeat("ab", 32), &workflow.Command{
			Verb: workflow.VerbApprove, Select: workflow.Selector{Projects: []string{"net/prod", "dns", "db"}},
			Fingerprints: map[string]string{"net/prod": "3f9a12c4", "db": strings.Repeat("ab", 32)},
		}},
		{"approve where names have an @", `cardea approve -p a@b@3f9a12c4 -p "x@y z@3f9a12c4b0de" -p team@eu -p 3f9a12c4@3f9a12c4@3f9a12c5 -p "db [1]@3f9a12c6"`, &workflow.Command{
			Verb: workflow.VerbApprove, Select: workflow.Selector{Projects: []string{"a@b", "x@y z", "team@eu", "3f9a12c4@3f9a12c4", "db [1]"}},
			Fingerprints: map[string]string{"a@b": "3f9a12c4", "x@y z": "3f9a12c4b0de", "3f9a12c4@3f9a12c4": "3f9a12c5", "db [1]": "3f9a12c6"},
		}},
		{"apply where names have an @", "cardea apply -p a@b -p ops@team42", &workflow.Command{Verb: workflow.VerbApply, Select: workflow.Selector{Projects: []string{"a@b", "ops@team42"}}}},
		{"an address with escapes", `cardea plan --target terraform_data.k["q\"u o\\te"] --replace=a.b["c\\"]["“"]`, plan(func(c *workflow.Command) {
			c.Options.Targets, c.Options.Replaces = []string{`terraform_data.k["q\"u o\\te"]`}, []string{`a.b["c\\"]["“"]`}
		})},
		{"unapprove", "cardea unapprove", &workflow.Command{Verb: workflow.VerbUnapprove}},
		{"lock", "cardea lock -p a -p 'b/*'", &workflow.Command{Verb: workflow.VerbLock, Select: workflow.Selector{Projects: []string{"a", "b/*"}}}},
		{"unlock all", "cardea unlock", &workflow.Command{Verb: workflow.VerbUnlock}},
		{"unlock one", "cardea unlock -p a", &workflow.Command{Verb: workflow.VerbUnlock, Select: workflow.Selector{Projects: []string{"a"}}}},
		{"cancel", "cardea cancel", &workflow.Command{Verb: workflow.VerbCancel}},
		{"cancel the apply", "cardea cancel --apply", &workflow.Command{Verb: workflow.VerbCancel, CancelApply: true}},
		{"resolve", "cardea resolve -p a --outcome Applied", &workflow.Command{Verb: workflow.VerbResolve, Select: workflow.Selector{Projects: []string{"a"}}, Outcome: "applied"}},
		{"resolve, the other way round", "cardea resolve --outcome=failed -p a", &workflow.Command{Verb: workflow.VerbResolve, Select: workflow.Selector{Projects: []string{"a"}}, Outcome: "failed"}},
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

// TestParseArguments: what our sentences offer as an argument is read back as it was.
func TestParseArguments(t *testing.T) {
	for _, name := range []string{"prod/net", "with space", `quo"ted`, `back\slash`, "it's", "$HOME", "a@b,c=d", "東京", `x["a b"]`, "(a;b)"} {
		got := Parse("cardea plan -p "+phrase.Argument(name), []string{"cardea"})
		if got.Command == nil || !slices.Equal(got.Command.Select.Projects, []string{name}) {
			t.Errorf("-p %s is read as %+v, want %q", phrase.Argument(name), got, name)
		}
	}
}

func TestParseNotForUs(t *testing.T) {
	for _, text := range []string{
		"", "\n\n", "looks good", "please run\ncardea plan", "> cardea plan", "```\ncardea plan\n```", "```\ncardea plan",
		"\tcardea plan", "    cardea plan", "`cardea plan`", "cardea: plan", "cardeas plan", "- cardea plan", "<!-- x --> cardea plan",
		"```cardea plan```", "@cardea plan", "> look\ncardea plan", "> look\n    at\ncardea plan",
	} {
		if got := Parse(text, []string{"cardea"}); got != (Result{}) {
			t.Errorf("Parse(%q) = %+v, want nothing", text, got)
		}
	}
}

func TestParseFaults(t *testing.T) {
	tests := []struct{ text, want string }{
		{"cardea", "is missing its verb"},
		{"cardea aply", "Did you mean `cardea apply`?"},
		{"cardea aprove", "Did you mean `cardea approve`?"},
		{"cardea apply --destroy", "`cardea apply` has no option `--destroy`"},
		{"cardea apply -auto-approve", "has no option `-auto-approve`"},
		{"cardea apply --all", "has no option `--all`"},
		{"cardea apply prod", "To name a project: `cardea apply -p NAME`"},
		{"cardea apply -p", "`-p` needs a project's name"},
		{"cardea approve 3f9a12c4", "To name a project: `cardea approve -p NAME`"},
		{"cardea approve -p a@3f9a12c", "at least 8 of the digits"},
		{"cardea approve -p a@", "at least 8 of the digits"},
		{"cardea approve -p a@b@3f9a12c", "at least 8 of the digits"},
		{"cardea apply -p a@b@3f9a12c4", "`-p a@b` applies the current one"},
		{`cardea plan --target a.b["c\"]`, "is not closed"},
		{"cardea apply -p “a b”", "curved quotes"},
		{"cardea apply -p=‘a’", "curved quotes"},
		{"cardea plan --project a", "Did you mean `-p`?"},
		{"cardea plan --dir=a", "Did you mean `-d`?"},
		{"cardea apply --workspace a", "Did you mean `-w`?"},
		{"cardea approve --env a", "Did you mean `-e`?"},
		{"cardea lock --env a", "has no option `--env`"},
		{"cardea approve -p a@" + strings.Repeat("a", 65), "at least 8 of the digits"},
		{"cardea approve -p @3f9a12c4", "names no project"},
		{"cardea approve -p a@3f9a12c4 -p a@3f9a12c5", "two fingerprints"},
		{"cardea apply -p a@3f9a12c4", "`-p a` applies the current one, if it is the one that was approved"},
		{"cardea unapprove -p a", "takes no arguments"},
		{"cardea lock", "needs the projects to lock"},
		{"cardea unlock -e prod", "has no option `-e`"},
		{"cardea cancel -p a", "has no option `-p`"},
		{"cardea cancel apply", "does not understand `apply`"},
		{"cardea cancel --aply", "Did you mean `--apply`?"},
		{"cardea resolve", "needs exactly one project"},
		{"cardea resolve -p a -p b --outcome applied", "needs exactly one project"},
		{"cardea resolve -p a", "`--outcome applied` or `--outcome failed`"},
		{"cardea resolve -p a --outcome ok", "not `ok`"},
		{"cardea resolve -p a --outcome applied --outcome failed", "two outcomes"},
		{"cardea plann", "Did you mean `cardea plan`?"},
		{"cardea statsu", "Did you mean `cardea status`?"},
		{"cardea destroy", "There is no command `destroy`."},
		{"cardea a`b@c", "`a?b@c`"},
		{"cardea help plan", "takes no arguments"},
		{"cardea plan prod", "To name a project: `cardea plan -p NAME`"},
		{"cardea plan -p", "`-p` needs a project's name"},
		{"cardea plan -p --all", "`-p` needs a project's name"},
		{"cardea plan -p=", "`-p` needs a project's name"},
		{"cardea plan --target=-x", "`--target` needs an address"},
		{"cardea plan --all=1", "takes no value"},
		{"cardea plan -target x", "Did you mean `--target`?"},
		{"cardea plan –destroy", "Did you mean `--destroy`?"},
		{"cardea plan --destory", "Did you mean `--destroy`?"},
		{"cardea plan -var x=y", "has no option `-var`"},
		{"cardea plan -lock=false", "has no option `-lock`"},
		{"cardea plan -chdir=..", "has no option `-chdir`"},
		{"cardea plan -- -target=x", "Leave out `--`: `cardea plan` has options of its own and passes no others on"},
		{"cardea apply -- x", "Leave out `--`: `cardea apply` has options"},
		{"cardea plan -d ../x", "is not a directory of this repository"},
		{"cardea plan -d a/../../b", "is not a directory of this repository"},
		{"cardea plan -d /etc", "is not a directory of this repository"},
		{"cardea plan -p 'x", "is not closed"},
		{`cardea plan -p "x"y`, "is not closed"},
		{"cardea plan -p a\u202eb", "invisible character"},
		{"cardea plan -p a\xffb", "not valid text"},
		{"cardea plan --all -p x", "cannot be combined"},
		{"cardea plan --destroy --refresh-only", "cannot be combined"},
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
		"cardea approve -p net/prod@3f9a12c4b5d6 -e prod", "cardea approve -p a@@ -p *@00000000", "cardea unapprove", "cardea lock -p a", "cardea unlock -p=a",
		"cardea cancel --apply", "cardea resolve -p a --outcome applied", "cardea resolve --outcome=FAILED -p \"a b\"",
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
	if !slices.Contains(verbs, c.Verb) {
		t.Fatalf("verb %q", c.Verb)
	}
	selects := len(options[c.Verb]) > 0 && c.Verb != workflow.VerbCancel
	switch {
	case !c.Select.Empty() && !selects, c.Select.All && c.Verb != workflow.VerbPlan, !c.Options.Zero() && c.Verb != workflow.VerbPlan,
		len(c.Fingerprints) > 0 && c.Verb != workflow.VerbApprove, c.CancelApply && c.Verb != workflow.VerbCancel,
		(c.Outcome != "") != (c.Verb == workflow.VerbResolve):
		t.Fatalf("%s has what it cannot have: %+v", c.Verb, c)
	}
	for name, digits := range c.Fingerprints {
		if !slices.Contains(c.Select.Projects, name) || len(digits) < 8 || len(digits) > 64 ||
			strings.Trim(digits, "0123456789abcdef") != "" {
			t.Fatalf("fingerprint %q of %q", digits, name)
		}
	}
	for _, list := range [][]string{c.Select.Projects, c.Select.Dirs, c.Select.Environments, c.Select.Workspaces,
		c.Options.Targets, c.Options.Replaces} {
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
