// Package command reads comment commands: the text of a comment becomes a
// [workflow.Command], a sentence that says what is wrong with it, or nothing at
// all because it was not meant for us.
//
// The grammar is closed. A command is one line: a prefix, a verb, options with
// values. Nothing of the text is passed on as it is: what does not fit the
// grammar is a fault, and a value is only ever compared with names or handed to
// the engine as one argument. Quoting looks like a shell's, but there is none.
package command

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/workflow"
)

// Limits of a command line.
const (
	maxLine   = 4096 // bytes
	maxValues = 100  // values of one option
)

// Result is what a comment says to us. The zero value means that it is not addressed to us.
type Result struct {
	// Addressed: the first word is one of our prefixes.
	Addressed bool
	// Command is set when it was understood.
	Command *workflow.Command
	// Fault is the sentence to answer when it was not.
	Fault string
}

// verbs are all the verbs, in the order in which they are listed.
var verbs = []workflow.Verb{
	workflow.VerbPlan, workflow.VerbApprove, workflow.VerbApply, workflow.VerbUnapprove,
	workflow.VerbLock, workflow.VerbUnlock,
	workflow.VerbCancel, workflow.VerbResolve, workflow.VerbStatus, workflow.VerbHelp,
}

// Parse reads a comment. prefixes are the words that address us; the first is
// the one that answers use. What counts is the first line that is not blank,
// outside quotes, code fences and indented code.
func Parse(text string, prefixes []string) Result {
	line, ok := firstLine(text)
	if !ok {
		return Result{}
	}
	head, rest := cutWord(line)
	prefix := ""
	for _, p := range prefixes {
		if strings.EqualFold(p, head) {
			prefix = p
		}
	}
	if prefix == "" {
		return Result{}
	}
	cmd, fault := parseLine(rest, prefixes[0])
	if fault != "" {
		return Result{Addressed: true, Fault: fault}
	}
	return Result{Addressed: true, Command: cmd}
}

// parseLine reads what follows the prefix.
func parseLine(rest, prefix string) (*workflow.Command, string) {
	if len(rest) > maxLine {
		return nil, fmt.Sprintf("The command is longer than %d characters.", maxLine)
	}
	if !utf8.ValidString(rest) {
		return nil, "The command is not valid text."
	}
	word, rest := cutWord(rest)
	verb := workflow.Verb(strings.ToLower(word))
	switch {
	case verb == "":
		return nil, "The command is missing its verb, such as `plan`."
	case !slices.Contains(verbs, verb):
		return nil, unknownVerb(string(verb), prefix)
	}
	g := grammar{verb: verb, prefix: prefix, options: options[verb]}
	if len(g.options) == 0 {
		if strings.TrimSpace(rest) != "" {
			return nil, fmt.Sprintf("`%s %s` takes no arguments.", prefix, verb)
		}
		return &workflow.Command{Verb: verb}, ""
	}
	return g.parse(rest)
}

func unknownVerb(verb, prefix string) string {
	var known []string
	for _, v := range verbs {
		known = append(known, string(v))
	}
	if near := phrase.Nearest(verb, known); near != "" {
		return fmt.Sprintf("There is no command %s. Did you mean `%s %s`?", code(verb), prefix, near)
	}
	return fmt.Sprintf("There is no command %s.", code(verb))
}

// code shows a word of the comment in a code span, shortened and without anything that would
// end the span.
func code(word string) string {
	r := []rune(strings.Map(func(r rune) rune {
		if r == '`' || r < ' ' || r == 0x7f {
			return '?'
		}
		return r
	}, word))
	if len(r) > 60 {
		r = append(r[:59], '…')
	}
	return "`" + string(r) + "`"
}
