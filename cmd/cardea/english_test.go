package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// odd are words that nobody whose first language is English would write in a message. They were
// in ours, and are not to come back: for each a better one.
var odd = []struct{ words, better string }{
	{`\bmend(s|ed|ing)?\b`, "fix"},
	{`\bby (itself|themselves)\b`, "automatically"},
	{`\b(takes?|took|taken) [^.;:]*\bback\b`, "withdraw"},
	{`\bnobody knows\b`, "it is not known"},
	{`\bstands? in the way\b`, "say what is missing"},
	{`\bcounts? no longer\b`, "is no longer valid"},
	{`\bany more\b`, "no longer"},
	{`\ball the same\b`, "anyway"},
	{`\bis no setting\b`, "is not a setting"},
	{`\blooks? whether\b`, "check whether"},
	{`\b(that|which) holds\b|\brules [^.;]*\bhold\b|\bholds (once|until)\b|\bstill holds\b`, "apply, take effect"},
	{`\bsomebody\b`, "someone"},
	{`\b(present|of now)\b`, "current"},
	{`\bas it is now\b`, "say what changed"},
	{`\bmade anew\b`, "again"},
	{`\b(in|from) line (%d|[0-9])`, "on line"},
	{`\bfaulty\b|\b(a|[0-9]+|%d) faults?\b`, "error"},
	{`\bis written twice\b`, "is given twice"},
	{`\b(is|are) not understood\b`, "not supported"},
	{`\bgives? no sign\b|\bgave no sign\b`, "stopped responding"},
	{`\bat work\b`, "running"},
	{`\bends what it has begun\b`, "finishes what is in progress"},
	{`\b(fell|falls)\b`, "is no longer valid"},
	{`\bis (asked for|to be told)\b`, "was requested"},
	{`\bwhile it (plans|is applied)\b`, "during the plan, during the apply"},
}

// inBraces is what a page's template says to Go, not to people.
var inBraces = regexp.MustCompile(`\{\{[^}]*\}\}|<[^>]*>`)

// TestPlainEnglish: what people read, in messages, comments and pages, is said as a native speaker would say it.
func TestPlainEnglish(t *testing.T) {
	var patterns []*regexp.Regexp
	for _, o := range odd {
		patterns = append(patterns, regexp.MustCompile(`(?i)`+o.words))
	}
	texts := 0
	check := func(where, text string) {
		texts++
		for i, p := range patterns {
			if found := p.FindString(text); found != "" {
				t.Errorf("%s: %q says %q; better: %s", where, text, found, odd[i].better)
			}
		}
	}
	err := filepath.WalkDir("../..", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "testdata" || d.Name() == "localgithub" || d.Name() == "storetest" || d.Name() == ".git"):
			return filepath.SkipDir
		case strings.HasSuffix(name, ".html"):
			data, err := os.ReadFile(name)
			check(name, inBraces.ReplaceAllString(string(data), " "))
			return err
		case !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go"):
			return nil
		}
		files := token.NewFileSet()
		file, err := parser.ParseFile(files, name, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			field, ok := n.(*ast.Field)
			if ok && field.Tag != nil && strings.Contains(field.Tag.Value, `help:"`) {
				check(files.Position(field.Tag.Pos()).String(), field.Tag.Value)
			}
			if literal, ok := n.(*ast.BasicLit); ok && literal.Kind == token.STRING && strings.Contains(literal.Value, " ") {
				text, err := strconv.Unquote(literal.Value)
				if err != nil {
					t.Fatal(err)
				}
				check(files.Position(literal.Pos()).String(), text)
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if texts < 2000 {
		t.Errorf("only %d texts were looked at", texts)
	}
}

// TestNothingIsSaidTwice: no two clauses that follow each other say the same, as where one sentence wraps another:
// "x.tf cannot be read: The file cannot be read."
func TestNothingIsSaidTwice(t *testing.T) {
	word, end := regexp.MustCompile(`[a-z']+`), regexp.MustCompile(`[.:;] +`)
	threes := func(clause string) map[string]bool {
		all, words := map[string]bool{}, word.FindAllString(strings.ToLower(clause), -1)
		for i := range max(0, len(words)-2) {
			if three := strings.Join(words[i:i+3], " "); regexp.MustCompile(`\b(cannot|could not|failed|not exist)\b`).MatchString(three) {
				all[three] = true
			}
		}
		return all
	}
	twice := func(line string) string {
		clauses := end.Split(line, -1)
		for i := range len(clauses) - 1 {
			for three := range threes(clauses[i]) {
				if threes(clauses[i+1])[three] {
					return three
				}
			}
		}
		return ""
	}
	if twice("`a/x.tf` line 1 cannot be read: The file cannot be read. It is larger than 4 MB.") == "" {
		t.Error("what is said twice is not seen")
	}
	looked := 0
	err := filepath.WalkDir("../..", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.Contains(name, "/testdata/") {
			return err
		}
		switch filepath.Ext(name) {
		case ".txt", ".md", ".html", ".faults", ".txtar":
		default:
			return nil
		}
		data, err := os.ReadFile(name)
		for line := range strings.Lines(string(data)) {
			if looked++; twice(line) != "" {
				t.Errorf("%s says %q twice: %s", name, twice(line), line)
			}
		}
		return err
	})
	if err != nil || looked < 10_000 {
		t.Errorf("%d lines were looked at: %v", looked, err)
	}
}
