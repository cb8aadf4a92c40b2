package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestCommandsAreHoles: no sentence has a command in its words, where nobody could
// write it with another prefix; it is a hole of its text. Only phrase itself, which
// writes them, and this package, where nothing has another prefix, know the word.
func TestCommandsAreHoles(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", "{{.Dir}}", module+"workflow/...",
		module+"templates/...", module+"app/...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	seen := 0
	for _, dir := range strings.Fields(string(out)) {
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			set := token.NewFileSet()
			parsed, err := parser.ParseFile(set, file, nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(parsed, func(n ast.Node) bool {
				lit, ok := n.(*ast.BasicLit)
				if !ok || lit.Kind != token.STRING {
					return true
				}
				seen++
				if said, err := strconv.Unquote(lit.Value); err != nil || strings.Contains(said, "`cardea ") {
					t.Errorf("%s: %s has a command in its words: make it a hole, phrase.Say(\"… %%s …\", workflow.VerbPlan.Typed(\"\"))",
						set.Position(lit.Pos()), lit.Value)
				}
				return true
			})
		}
	}
	if seen < 1000 {
		t.Errorf("%d strings were looked at: the test does not look at the house", seen)
	}
}
