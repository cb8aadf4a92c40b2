package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const module = "github.com/cardea-iac/cardea/"

// root is the package of the module's root: it holds app.yml and imports nothing of ours.
const root = "github.com/cardea-iac/cardea"

// arrows are the imports that are allowed between our rooms, by the longest
// prefix of the importing package. docs/architecture.md draws them.
var arrows = map[string][]string{
	root:                    {},
	"cmd":                   {""}, // everything
	"cmd/cardea/credential": {"workflow", "workflow/config", "workflow/run", "workflow/secret", "internal/phrase"},
	"app":                   {"app", "workflow", "workflow/service", "workflow/gate", "templates/markdown", "templates/model", "internal/phrase"},
	"app/event":             {"app/command", "workflow", "internal/phrase"},
	"app/command":           {"workflow", "internal/phrase"},
	"app/preflight":         {"internal/phrase"},
	"app/github":            {"app/preflight", "workflow", "internal/phrase"},
	"app/webhook":           {"workflow", "workflow/service"},
	"app/recover":           {"app/event", "app/github", "workflow", "workflow/service", "internal/phrase"},
	"app/report":            {"app/event", "app/github", "workflow", "workflow/service", "templates", "templates/markdown", "templates/model", "internal/phrase"},
	"app/page":              {"app/preflight", "workflow", "workflow/service", "templates/markdown", "templates/model", "templates/web", "internal/phrase"},
	"templates":             {"workflow", "templates/markdown", "templates/diff", "templates/model", "internal/phrase"},
	"templates/web":         {"workflow", "templates/markdown", "templates/diff", "templates/model", "internal/phrase"},
	"templates/terminal":    {"workflow", "templates/markdown", "templates/diff", "templates/model", "internal/phrase"},
	"templates/model":       {"workflow", "templates/markdown", "internal/phrase"},
	"templates/diff":        {"workflow", "templates/markdown", "internal/phrase"},
	"templates/markdown":    {},
	"workflow":              {"internal/glob", "internal/phrase"},
	"workflow/config":       {"internal/glob", "workflow", "workflow/steps", "internal/phrase"},
	"workflow/survey":       {"internal/glob", "workflow", "workflow/config", "workflow/steps", "internal/phrase"},
	"workflow/steps":        {"workflow", "internal/phrase"},
	"workflow/gate":         {"workflow", "workflow/steps", "internal/phrase"},
	"workflow/queue":        {"workflow", "internal/phrase"},
	"workflow/plan":         {"workflow", "internal/phrase"},
	"workflow/scope":        {"internal/glob", "workflow", "workflow/gate", "workflow/survey", "internal/phrase"},
	"workflow/service":      {"workflow", "workflow/queue", "workflow/gate", "workflow/scope", "workflow/steps", "workflow/survey", "internal/phrase"},
	"workflow/run":          {"workflow", "workflow/service", "workflow/secret", "workflow/steps", "internal/phrase"},
	"workflow/secret":       {},
	"workflow/bolt":         {"workflow"},
	"workflow/git":          {"internal/glob", "workflow"},
	"workflow/terraform":    {"workflow", "workflow/terraform", "internal/phrase"},
	"workflow/storetest":    {"workflow", "internal/phrase"},
	"internal/phrase":       {},
	"internal/glob":         {},
	"internal/golden":       {},
	"internal/htmltest":     {},
	"internal/progress":     {},
	"internal/vary":         {},
	"internal/localgithub":  {"internal/localgithub"},

	"workflow/terraform/planjson": {"workflow", "workflow/plan", "internal/phrase"},
	"workflow/terraform/tfconfig": {"internal/glob", "workflow", "workflow/terraform/early", "workflow/terraform/route", "workflow/terraform/syntax", "internal/phrase"},
	"workflow/terraform/route":    {"internal/phrase"},
	"workflow/terraform/early":    {"workflow/terraform/syntax"},
	"workflow/terraform/syntax":   {},
}

// forbidden are outside packages that a room must never need.
var forbidden = map[string][]string{
	"workflow/plan":               {"os", "net/http", "github.com/hashicorp"},
	"workflow/terraform/planjson": {"os", "net/http", "github.com/hashicorp"},
	"workflow/terraform/tfconfig": {"os/exec", "net/http", "github.com/hashicorp/terraform", "github.com/hashicorp/hc-install"},
	"workflow/terraform/early":    {"os", "net/http", "github.com/hashicorp/terraform", "github.com/hashicorp/hc-install"},
	"workflow/terraform/syntax":   {"os", "net/http", "github.com/hashicorp/terraform", "github.com/hashicorp/hc-install"},

	"app/preflight": append([]string{"os"}, theOutside...),

	"workflow":         theOutside,
	"workflow/config":  theOutside,
	"workflow/survey":  theOutside,
	"workflow/steps":   theOutside,
	"workflow/gate":    theOutside,
	"workflow/secret":  append([]string{"os"}, theOutside...),
	"workflow/queue":   theOutside,
	"workflow/scope":   theOutside,
	"workflow/service": theOutside,
}

// theOutside is what rooms that decide leave to others.
var theOutside = []string{"os/exec", "net/http", "go.etcd.io/bbolt", "github.com/google/go-github",
	"github.com/hashicorp", "github.com/go-git/go-git"}

func TestArrows(t *testing.T) {
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", module+"...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	packages := 0
	for dec := json.NewDecoder(bytes.NewReader(out)); ; packages++ {
		var p struct {
			ImportPath string
			Imports    []string
		}
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		checkArrows(t, strings.TrimPrefix(p.ImportPath, module), p.Imports)
	}
	if packages < 10 {
		t.Errorf("go list found %d packages; the test is not looking at the house", packages)
	}
}

// TestPlanIsNobodys: the room that makes plans knows no engine, not by a word of its code, its tests or its data.
func TestPlanIsNobodys(t *testing.T) {
	// What approvals were once bound to keeps its name.
	const hashed = `const variantKey = "terraform_workspace"`
	words := regexp.MustCompile(`(?i)terraform|tofu|hashicorp|\bhcl\b|\.tf\b|resource_(changes|drift)|output_changes|(before|after)_(sensitive|unknown)|prior_state|planned_values`)
	files, kept := 0, 0
	err := filepath.WalkDir("../../workflow/plan", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		files++
		text, err := os.ReadFile(path)
		for i, line := range strings.Split(string(text), "\n") {
			switch {
			case line == hashed:
				kept++
			case words.MatchString(line):
				t.Errorf("%s:%d names an engine: %s", path, i+1, strings.TrimSpace(line))
			}
		}
		return err
	})
	if err != nil || files < 5 || kept != 1 {
		t.Errorf("%d files, %d times the name that is hashed, error %v; the test is not looking at the room",
			files, kept, err)
	}
}

func checkArrows(t *testing.T, from string, imports []string) {
	t.Helper()
	room := from
	for arrows[room] == nil {
		at := strings.LastIndex(room, "/")
		if at < 0 {
			t.Errorf("%s is in no room", from)
			return
		}
		room = room[:at]
	}
	for _, imported := range imports {
		for _, f := range forbidden[room] {
			if strings.HasPrefix(imported, f) {
				t.Errorf("%s imports %s", from, imported)
			}
		}
		if imported == root && room != "app/preflight" {
			t.Errorf("%s imports the root", from)
		}
		to, ours := strings.CutPrefix(imported, module)
		if ours && !allowed(arrows[room], to) {
			t.Errorf("%s imports %s", from, to)
		}
	}
}

// allowed: "workflow" and "templates" mean that one package, as what is below them are rooms of
// their own; other names cover what is below them.
func allowed(rooms []string, to string) bool {
	for _, r := range rooms {
		if r == "" || to == r || (r != "workflow" && r != "templates" && strings.HasPrefix(to, r+"/")) {
			return true
		}
	}
	return false
}
