package workflow

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// inTable are all requirements of the table, in its order.
func inTable() []Requirement {
	var all []Requirement
	for _, r := range requirements {
		all = append(all, r.need)
	}
	return all
}

// TestRequirementsAreAll: a requirement that is not in the table would be told
// last and be neither optional nor anything else, in silence.
func TestRequirementsAreAll(t *testing.T) {
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	var declared []Requirement
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".go") && !strings.HasSuffix(e.Name(), "_test.go") {
			declared = append(declared, declaredIn(t, e.Name())...)
		}
	}
	if diff := cmp.Diff(declared, inTable()); diff != "" {
		t.Errorf("-declared +table:\n%s", diff)
	}
	for _, need := range declared {
		if need.Words() == "" {
			t.Errorf("nothing is said of what waits for %s", need)
		}
	}
}

// declaredIn are the requirements that a file declares, all of which are called Need….
func declaredIn(t *testing.T, name string) (declared []Requirement) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		for i, id := range spec.Names {
			typ, typed := spec.Type.(*ast.Ident)
			if !strings.HasPrefix(id.Name, "Need") && !(typed && typ.Name == "Requirement") {
				continue
			}
			literal, ok := spec.Values[i].(*ast.BasicLit)
			if !ok {
				t.Fatalf("%s is not declared like the other requirements", id.Name)
			}
			word, err := strconv.Unquote(literal.Value)
			if err != nil {
				t.Fatal(err)
			}
			declared = append(declared, Requirement(word))
		}
		return true
	})
	return declared
}

// TestRequirementsInDocs holds the table of docs/gate.md to ours: the same
// requirements in the same order, and which of them can be left out.
func TestRequirementsInDocs(t *testing.T) {
	text, err := os.ReadFile("../docs/gate.md")
	if err != nil {
		t.Fatal(err)
	}
	var told, optional []Requirement
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\|.*\\| ([^|]+) \\|$").FindAllStringSubmatch(string(text), -1) {
		told = append(told, Requirement(m[1]))
		if m[2] != "no" {
			optional = append(optional, Requirement(m[1]))
		}
	}
	if diff := cmp.Diff(told, inTable()); diff != "" {
		t.Errorf("-docs/gate.md +table:\n%s", diff)
	}
	if diff := cmp.Diff(optional, OptionalRequirements()); diff != "" {
		t.Errorf("can be left out: -docs/gate.md +table:\n%s", diff)
	}
}
