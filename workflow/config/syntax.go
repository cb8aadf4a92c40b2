package config

import (
	"errors"
	"strings"

	yamlfile "github.com/goccy/go-yaml"

	"github.com/cardea-iac/cardea/workflow"
)

// yamlWords are what the parser says, by a part of it, and what that means to people who write YAML.
var yamlWords = [][2]string{
	{"found character '\t'", "there is a tab, but YAML is indented with spaces"},
	{"tab character", "there is a tab, but YAML is indented with spaces"},
	{"end character of double-quoted", "the double quote that begins here is never closed"},
	{"end character of single-quoted", "the single quote that begins here is never closed"},
	{"sequence end token", "the `[` here is not closed where it should be; a text with special characters needs quotes"},
	{"',' or ']' must be", "a `,` or `]` is missing here; a text with special characters needs quotes"},
	{"',' or '}' must be", "a `,` or `}` is missing here; a text with special characters needs quotes"},
	{"is not allowed in this context", "this does not belong here: look at the indentation of this line and the next, and at each bracket"},
	{"unexpected key name", "there is no colon after this key"},
	{"undefined alias name", "a text that begins with * needs quotes"},
	{"unexpected scalar value type", "a text that begins with * needs quotes"},
	{"is a reserved character", "a text that begins with this character needs quotes"},
	{"unexpected directive value", "a text that begins with % needs quotes"},
	{"unknown escape character", "in double quotes a backslash must be written twice"},
}

// syntaxFault gives the place and the words of a parser's error as arguments of Faults.Add.
func syntaxFault(file string, err error) (workflow.Position, string, string) {
	at, words := workflow.Position{File: file, Line: 1, Column: 1}, ""
	var syntax *yamlfile.SyntaxError
	if errors.As(err, &syntax) {
		at, words = positionOf(file, syntax.Token), syntax.Message
	} else {
		words, _, _ = strings.Cut(err.Error(), "\n")
	}
	for _, w := range yamlWords {
		if strings.Contains(words, w[0]) {
			words = w[1]
			break
		}
	}
	return at, "not valid YAML: %s", words
}

// conflictMark is the first line that git left of a merge conflict, 0 for none.
func conflictMark(text string) int {
	if !strings.Contains(text, "<<<<<<< ") {
		return 0
	}
	n := 0
	for line := range strings.Lines(text) {
		if n++; strings.HasPrefix(line, "<<<<<<< ") {
			return n
		}
	}
	return 0
}
