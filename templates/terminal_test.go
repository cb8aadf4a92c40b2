package templates_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/cardea-iac/cardea/internal/golden"
	"github.com/cardea-iac/cardea/templates/terminal"
	"github.com/cardea-iac/cardea/workflow"
)

// previews are views as a preview has them: of no pull, with every plan made.
func previews() map[string]workflow.PullView {
	out := map[string]workflow.PullView{}
	for _, name := range []string{"everything", "same", "mixed", "hostile", "nothing", "notplanned", "shared"} {
		v, ok := cases()[name]
		if !ok {
			panic("there is no case " + name)
		}
		v.Pull.Number = 0
		out[name] = v
	}
	return out
}

// TestTerminalGolden: as text, and as a terminal of 80 characters shows it, with \e for what begins a colour.
func TestTerminalGolden(t *testing.T) {
	for name, v := range previews() {
		t.Run(name, func(t *testing.T) {
			golden.Check(t, "testdata/terminal/"+name+".txt", terminal.Preview(v, terminal.Options{}))
			golden.Check(t, "testdata/terminal/"+name+"_colour.txt",
				strings.ReplaceAll(terminal.Preview(v, terminal.Options{Width: 80, Colour: true, Head: "work tree with 2 files not committed, over abc1234"}), "\x1b", `\e`))
		})
	}
}

// TestTerminalIsSafe: what others wrote neither moves the cursor nor colours anything, and nothing is
// written for GitHub.
func TestTerminalIsSafe(t *testing.T) {
	evil := "a\x1b[2J\x1b]0;title\x07\r\u202e\u009b31mb`c"
	v := view(planned("prod/"+evil, "prod", create("x."+evil, set("path", evil), set("url", "https://example.com/x?a>=b&c"))),
		failing("dev/"+evil, "dev", evil))
	v.Pull.Number, v.Notes = 0, []string{"Note " + evil}
	v.Pull.Base.Ref = evil
	for name, view := range map[string]workflow.PullView{"evil": v, "hostile": previews()["hostile"], "everything": previews()["everything"]} {
		text := terminal.Preview(view, terminal.Options{})
		for _, r := range text {
			if r < ' ' && r != '\n' && r != '\t' || r == 0x202e || r == 0x9b {
				t.Errorf("%s: there is a %U in\n%q", name, r, text)
				break
			}
		}
		for _, not := range []string{"&gt;", "&amp;", "<!-- -->", "<details>", "<sub>", "```", "| ---"} {
			if strings.Contains(text, not) && !strings.Contains(name, "hostile") {
				t.Errorf("%s: %q is for GitHub:\n%s", name, not, text)
			}
		}
	}
}

// TestTerminalWidth: sentences keep to the width; what is copied (diffs, the table) is never broken.
func TestTerminalWidth(t *testing.T) {
	for name, v := range previews() {
		if name == "hostile" {
			continue // one word of it is wider than any terminal
		}
		for line := range strings.Lines(terminal.Preview(v, terminal.Options{Width: 60})) {
			line = strings.TrimRight(line, "\n")
			prose := !strings.HasPrefix(line, "  ") || strings.HasPrefix(strings.TrimSpace(line), "because")
			if n := utf8.RuneCountInString(line); n > 60 && prose && strings.Contains(line, ". ") {
				t.Errorf("%s: a line has %d characters: %s", name, n, line)
			}
		}
	}
}

// TestTerminalDiagnostic: a tool's long sentences are broken, what it laid out by spaces is not, and backticks in it
// are its own.
func TestTerminalDiagnostic(t *testing.T) {
	p := failing("dev/app", "dev", "Invalid `reference")
	p.run.Diagnostics[0].Detail = "The `thing` that is named here is nowhere, and this sentence is longer than a line of this terminal.\n\n" +
		"  laid   out                                                           by spaces"
	text := terminal.Preview(view(p), terminal.Options{Width: 40, Colour: true})
	for _, want := range []string{"\n  The `thing` that is named here is\n  nowhere, and this sentence is longer\n", "\n    laid   out                                                           by spaces\n",
		"Invalid `reference"} {
		if !strings.Contains(text, want) {
			t.Errorf("got\n%s\nwant %q in it", text, want)
		}
	}
}
