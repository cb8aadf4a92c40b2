package main

import (
	"fmt"
	"go/scanner"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// neutral are the rooms that know no engine, below the module's root.
var neutral = []string{"workflow", "workflow/config", "workflow/survey", "workflow/steps",
	"workflow/gate", "workflow/queue", "workflow/scope", "workflow/service",
	"workflow/plan", "workflow/run", "workflow/git", "workflow/bolt"}

// terraformWords are where one of them says Terraform all the same, each with the reason.
var terraformWords = map[string]string{
	"workflow/lock.go: `json:\"terraform_workspace\"`":      "as a project's variant is kept with its locks",
	"workflow/project.go: `json:\"terraform_workspace\"`":   "as it is kept with runs, pulls and states",
	"workflow/plan/fingerprint.go: \"terraform_workspace\"": "as it is hashed into fingerprints, to which approvals are bound",
}

// TestNoEnginesWords: what holds for every engine names none; its words come with its kind, from it.
func TestNoEnginesWords(t *testing.T) {
	found := map[string]bool{}
	for _, room := range neutral {
		files, err := filepath.Glob(filepath.Join("../..", room, "*.go"))
		if err != nil || len(files) == 0 {
			t.Fatalf("no files in %s: %v", room, err)
		}
		for _, name := range files {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			for _, word := range wordsOf(t, name) {
				lower := strings.ToLower(word)
				if strings.Contains(lower, "terraform") || strings.Contains(lower, "opentofu") {
					found[room+"/"+filepath.Base(name)+": "+word] = true
				}
			}
		}
	}
	for where := range found {
		if terraformWords[where] == "" {
			t.Errorf("%s", where)
		}
	}
	for where := range terraformWords {
		if !found[where] {
			t.Errorf("%s is not there any more: take it out of the list", where)
		}
	}
}

// wordsOf are the names and literals of a file's code.
func wordsOf(t *testing.T, name string) []string {
	t.Helper()
	src, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var s scanner.Scanner
	s.Init(token.NewFileSet().AddFile(name, -1, len(src)), src, func(at token.Position, why string) { t.Fatal(fmt.Sprint(at, why)) }, 0)
	var out []string
	for {
		_, kind, text := s.Scan()
		if kind == token.EOF {
			return out
		}
		if slices.Contains([]token.Token{token.IDENT, token.STRING, token.CHAR}, kind) {
			out = append(out, text)
		}
	}
}
