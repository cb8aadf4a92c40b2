package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

// TestNoNumberIsAsked: whether there is a pull is for a subject to say. No code but that
// type's compares a pull's number with nothing, in which a new kind would be forgotten.
func TestNoNumberIsAsked(t *testing.T) {
	asked := map[string]bool{}
	for _, room := range []string{"app", "cmd", "templates", "workflow"} {
		err := filepath.WalkDir(filepath.Join("../..", room), func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			set := token.NewFileSet()
			file, err := parser.ParseFile(set, path, nil, 0)
			if err != nil {
				return err
			}
			ast.Inspect(file, func(n ast.Node) bool {
				if compare, is := n.(*ast.BinaryExpr); is &&
					(isNumber(compare.X) && isZero(compare.Y) || isNumber(compare.Y) && isZero(compare.X)) {
					at := set.Position(n.Pos())
					at.Filename, _ = filepath.Rel("../..", path)
					asked[at.Filename] = true
					if at.Filename != filepath.Join("workflow", "subject.go") {
						t.Errorf("%s: a number is compared with 0: ask the subject", at)
					}
				}
				return true
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(asked) == 0 {
		t.Error("not even workflow/subject.go does: the test is not looking at the house")
	}
}

// isNumber reports whether an expression is called like a pull's number.
func isNumber(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.SelectorExpr:
		return isNumber(e.Sel)
	case *ast.Ident:
		return strings.EqualFold(e.Name, "number")
	}
	return false
}

func isZero(e ast.Expr) bool {
	zero, is := e.(*ast.BasicLit)
	return is && zero.Value == "0"
}
