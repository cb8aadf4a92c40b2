// Package syntax reads the two syntaxes of configuration, native and JSON, into the same blocks, values and
// expressions. It evaluates nothing, and a file that would need too much of anything is refused.
package syntax

import (
	stdjson "encoding/json"
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/json"
)

// HCL's parsers are recursive, and Go ends the whole process when a stack
// outgrows its limit: 400 kB of "(" in a pull must not end the server. So a
// file is measured before it is parsed.
const (
	// MaxFileBytes bounds a file that is read.
	MaxFileBytes = 4 << 20
	maxNesting   = 1000
	// A text with fewer characters that begin something nested is parsed
	// unmeasured: it cannot need more than some 30 MB of stack.
	maxUnmeasured = 5000
)

// ParseHCL parses a native or (by its name) JSON file. One that is too large or
// nested too deeply is a diagnostic and a nil file.
func ParseHCL(name string, data []byte) (*hcl.File, hcl.Diagnostics) {
	if len(data) > MaxFileBytes {
		return nil, Unreadable(name, fmt.Sprintf("it is larger than %d MB", MaxFileBytes>>20))
	}
	if strings.HasSuffix(name, ".json") {
		// The standard library's parser has a limit of its own (10,000 levels).
		if !stdjson.Valid(data) && strings.Count(string(data), "[")+strings.Count(string(data), "{") > maxUnmeasured {
			return nil, Unreadable(name, "it is not valid JSON, or nested too deeply")
		}
		return json.Parse(data, name)
	}
	if recursive(data) && nesting(data, hclsyntax.LexConfig) > maxNesting {
		return nil, Unreadable(name, "it is nested too deeply")
	}
	return hclsyntax.ParseConfig(data, name, hcl.InitialPos)
}

// ParseTemplate parses a string of a JSON file, nil when it is no template.
func ParseTemplate(text string) hclsyntax.Expression {
	data := []byte(text)
	if deepTemplate(data) {
		return nil
	}
	expr, diags := hclsyntax.ParseTemplate(data, "", hcl.InitialPos)
	if diags.HasErrors() {
		return nil
	}
	return expr
}

// deepTemplate reports whether a template is nested too deeply to be parsed.
func deepTemplate(data []byte) bool {
	return recursive(data) && nesting(data, hclsyntax.LexTemplate) > maxNesting
}

// Unreadable is the fault of a file of which nothing can be read, so that it has no line. That it cannot be read
// says whoever shows it; why follows on that.
func Unreadable(name, why string) hcl.Diagnostics {
	return hcl.Diagnostics{{Severity: hcl.DiagError, Summary: why, Subject: &hcl.Range{Filename: name}}}
}

// recursive reports whether a text holds enough of the characters that begin
// something nested to need measuring; most files do not.
func recursive(data []byte) bool {
	n := 0
	for _, b := range data {
		switch b {
		case '(', '[', '{', '!', '-', '?', '"', '<':
			n++
		}
	}
	return n > maxUnmeasured
}

// nesting is the greatest depth of brackets, quotes and templates, together
// with the operators whose operand is parsed by recursion. The scanner is not recursive.
func nesting(data []byte, lex func([]byte, string, hcl.Pos) (hclsyntax.Tokens, hcl.Diagnostics)) int {
	tokens, _ := lex(data, "", hcl.InitialPos) // the parser reports what is wrong
	var open []int                             // per level: its operators
	operators, level, deepest := 0, 0, 0
	inBraces := []bool{true}
	for i, t := range tokens {
		if t.Type == hclsyntax.TokenTemplateControl && i+1 < len(tokens) { // what is between it and its end is inside
			if word := string(tokens[i+1].Bytes); word == "if" || word == "for" {
				operators++
				level++
			}
		}
		switch t.Type {
		case hclsyntax.TokenOParen, hclsyntax.TokenOBrack, hclsyntax.TokenOBrace, hclsyntax.TokenOQuote, hclsyntax.TokenOHeredoc,
			hclsyntax.TokenTemplateInterp, hclsyntax.TokenTemplateControl:
			open, operators = append(open, operators), 0
			inBraces = append(inBraces, t.Type == hclsyntax.TokenOBrace)
			level++
		case hclsyntax.TokenCParen, hclsyntax.TokenCBrack, hclsyntax.TokenCBrace, hclsyntax.TokenCQuote, hclsyntax.TokenCHeredoc, hclsyntax.TokenTemplateSeqEnd:
			if len(open) > 0 {
				level -= operators + 1
				operators, open = open[len(open)-1], open[:len(open)-1]
				inBraces = inBraces[:len(inBraces)-1]
			}
		case hclsyntax.TokenBang, hclsyntax.TokenMinus, hclsyntax.TokenQuestion:
			operators++
			level++
		case hclsyntax.TokenComma:
			level, operators = level-operators, 0
		case hclsyntax.TokenNewline:
			if inBraces[len(inBraces)-1] { // elsewhere it does not end an expression
				level, operators = level-operators, 0
			}
		}
		deepest = max(deepest, level)
	}
	return deepest
}
