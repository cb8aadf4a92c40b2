package main

import (
	"regexp"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// TestCommandLineMistakes: what somebody types who has not read the documentation is answered with what they meant.
func TestCommandLineMistakes(t *testing.T) {
	n := newNewcomer(t)
	inComment := "is a comment on a pull request, not a command to run here."
	here := " To see the plans of this clone, run `cardea preview`."
	for _, tt := range []struct{ line, says string }{
		{"cardea plna", "unknown command \"plna\". Did you mean `plan`? `cardea plan` " + inComment + here},
		{"cardea plan -p prod", "`cardea plan` " + inComment + here},
		{"cardea approve", "`cardea approve` " + inComment},
		{"cardea prview --explain", "unknown command \"prview\". Did you mean `cardea preview`?"},
		{"cardea Preview", "unknown command \"Preview\". Did you mean `cardea preview`?"},
		{"cardea sreve", "unknown command \"sreve\". Did you mean `cardea serve`?"},
		{"cardea start", "unknown command \"start\". Did you mean `cardea serve`?"},
		{"cardea validate", "unknown command \"validate\". Did you mean `cardea config check`?"},
		{"cardea xyzzy", "unknown command \"xyzzy\". `cardea --help` lists them."},
		{"cardea help xyzzy", "unknown command \"xyzzy\". `cardea --help` lists them."},
		{"cardea help plan", "`cardea plan` " + inComment + here},
		{"cardea -v", "unknown flag -v. Did you mean `--version`? Run `cardea --help` for usage."},
		{"cardea -x", "unknown flag -x. Run `cardea --help` for usage."},
		{"cardea config", "something is missing after the command: expected \"check\". Run `cardea config --help` for usage."},
		{"cardea config chek", "unexpected argument chek. Did you mean `check`? Run `cardea config --help` for usage."},
		{"cardea config check a b", "unexpected argument b. Run `cardea config check --help` for usage."},
		{"cardea config check --base", "--base needs a value. Run `cardea config check --help` for usage."},
		{"cardea serve --config", "--config needs a value. Run `cardea serve --help` for usage."},
		{"cardea serve --config=$UNSET", "--config needs a value: is a variable empty?"},
		{"cardea serve --config \"$UNSET\"", "an argument is empty: is a variable empty?"},
		{"cardea serve --confg x", "unknown flag --confg. Did you mean `--config`? Run `cardea serve --help` for usage."},
		{"cardea serve cardea.yml", "unexpected argument cardea.yml. Run `cardea serve --help` for usage."},
		{"cardea preview main", "unexpected argument main: name a branch with --base or --head. Run `cardea preview --help` for usage."},
		{"cardea preview -p", "--project needs a value. Run `cardea preview --help` for usage."},
		{"cardea preview -o json", "--output must be \"text\" or \"markdown\", not \"json\". Run `cardea preview --help` for usage."},
		{"cardea preview --timeout", "--timeout needs a value. Run `cardea preview --help` for usage."},
		{"cardea preview --timeout 5", "--timeout must be a duration with a unit, like 90s, 30m or 1h30m, not \"5\". Run `cardea preview --help` for usage."},
		{"cardea preview --timeout 0s", "--timeout must be longer than 0s, like 30m. Run `cardea preview --help` for usage."},
		{"cardea preview --worktree --head main", "--worktree previews what is checked out: leave out --head"},
		{"cardea history --json=false", "--json is the only format so far: leave the flag out. Run `cardea history --help` for usage."},
		{"cardea history --format csv", "unknown flag --format. Run `cardea history --help` for usage."},
		{"cardea demo --listen 8080", "--listen must be host:port with a port up to 65535, like \"127.0.0.1:4141\" or \":4141\", not \"8080\". Run `cardea demo --help` for usage."},
		{"cardea demo --listen 203.0.113.7:1", "--listen: cannot listen on 203.0.113.7:1: cannot assign requested address. This machine does not have that address: choose one of its own"},
		{"mkdir -p old/github; cardea demo --keep old", "--keep: WORK/here/old contains an earlier demo, which cannot be resumed: remove the directory or name another one"},
		{"mkdir -p full/x; cardea demo --keep full", "--keep: WORK/here/full is not empty: name a new directory"},
		{"touch file; cardea demo --keep file", "--keep: cannot write to the directory WORK/here/file: not a directory. Name another one"},
		{"mkdir -p -m 500 ro; $UNPRIVILEGED cardea demo --keep ro/x", "--keep: cannot write to the directory WORK/here/ro/x: permission denied. Name another one"},
		{"CARDEA_LISTEN=127.0.0.1:0 CARDEA_DATA_DIR=$WORK/none " + leastOf(t) + " cardea history", "there is no database in the data directory WORK/none: no server has run with it"},
	} {
		t.Run(tt.line, func(t *testing.T) {
			n.does(t, "[ -d .git ] || git init -q . && git commit -q --allow-empty -m root")
			n.sees(t, tt.line, 1, "cardea: "+tt.says+"\n")
		})
	}
	for _, line := range []string{"cardea help", "cardea --help", "cardea help help", "cardea help preview", "cardea preview --help", "cardea --version", "cardea version"} {
		if seen, exit := n.types(t, line); exit != 0 || !strings.HasPrefix(seen, "Usage: cardea") && !strings.HasPrefix(seen, "cardea ") {
			t.Errorf("%s: exit %d: %s", line, exit, seen)
		}
	}
	if seen, exit := n.types(t, "cardea > /dev/null"); exit != 1 || !strings.HasPrefix(seen, "Usage: cardea") {
		t.Errorf("without words: exit %d: %s", exit, seen)
	}
}

// leastOf is what a server needs, as shell writes it.
func leastOf(t *testing.T) string {
	pkcs1, _, _ := testKeys(t)
	return "CARDEA_GITHUB_APP_ID=7 CARDEA_GITHUB_WEBHOOK_SECRETS=" + testSecret + " CARDEA_GITHUB_PRIVATE_KEY='" + strings.ReplaceAll(pkcs1, "\n", `\n`) + "'"
}

// TestExamples: the help of each command has one example, and it is a command line that is taken.
func TestExamples(t *testing.T) {
	var flags cli
	parser, err := kong.New(&flags, kong.Name("cardea"), kong.Exit(func(int) {}))
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, n := range parser.Model.Leaves(true) {
		seen++
		example := regexp.MustCompile(`(?m)^Example: cardea (.*)$`).FindStringSubmatch(n.Detail)
		if example == nil {
			t.Errorf("%s has no example: %q", n.Path(), n.Detail)
			continue
		}
		line, _, _ := strings.Cut(example[1], " > ")
		if ctx, err := parser.Parse(strings.Fields(line)); err != nil || !strings.HasPrefix(ctx.Command(), strings.TrimPrefix(n.Path(), "cardea ")) {
			t.Errorf("%s: %v, want the command %s", line, err, n.Path())
		}
	}
	if seen != 6 {
		t.Errorf("%d commands, want 6", seen)
	}
}
