package main

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The size of a room that one person can hold in mind.
const (
	maxPackageLines = 5500
	maxExported     = 40 // as `go doc -short` lists them: a group of constants counts once
	maxFunction     = 60 // lines
)

// vocabulary is the one package whose business it is to give names.
const vocabulary = "workflow"

// TestBudgets: packages and functions stay small enough to be read.
func TestBudgets(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", "{{.ImportPath}} {{.Dir}}", module+"...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	rooms := strings.Split(strings.TrimSpace(string(out)), "\n")
	if len(rooms) < 10 {
		t.Fatalf("go list found %d packages; the test is not looking at the house", len(rooms))
	}
	for _, room := range rooms {
		path, dir, _ := strings.Cut(room, " ")
		name := strings.TrimPrefix(path, module)
		lines, exported := measure(t, dir)
		if lines > maxPackageLines {
			t.Errorf("%s has %d lines, %d are allowed", name, lines, maxPackageLines)
		}
		if exported > maxExported && name != vocabulary {
			t.Errorf("%s exports %d names, %d are allowed", name, exported, maxExported)
		}
	}
}

// measure counts the lines and the exported names of a package, tests left out, and tells of
// functions that are too long.
func measure(t *testing.T, dir string) (lines, exported int) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	set := token.NewFileSet()
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		parsed, err := parser.ParseFile(set, file, text, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		lines += bytes.Count(text, []byte("\n"))
		for _, d := range parsed.Decls {
			exported += exportedIn(d)
			if f, ok := d.(*ast.FuncDecl); ok {
				if n := set.Position(f.End()).Line - set.Position(f.Pos()).Line + 1; n > maxFunction {
					t.Errorf("%s: %s has %d lines, %d are allowed", set.Position(f.Pos()), f.Name.Name, n, maxFunction)
				}
			}
		}
	}
	return lines, exported
}

func exportedIn(d ast.Decl) (n int) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Recv == nil && d.Name.IsExported() {
			return 1
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch s := spec.(type) {
			case *ast.TypeSpec:
				if s.Name.IsExported() {
					n++
				}
			case *ast.ValueSpec:
				for _, name := range s.Names {
					if name.IsExported() {
						return 1
					}
				}
			}
		}
	}
	return n
}
