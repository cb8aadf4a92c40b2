package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/workflow"
)

const about = `Plans, gates and applies infrastructure from pull requests.

To try it, run: cardea demo. In a clone of your own: cardea preview.

Exit status: 0 = success; 1 = an error, or errors in a configuration; 2 = cardea preview found changes.`

// versionFlag is --version: it prints and ends, whatever else is on the command line.
type versionFlag bool

// BeforeReset is called by kong when the flag is there.
func (versionFlag) BeforeReset(app *kong.Kong, c *console) error {
	err := versionCmd{}.Run(c)
	app.Exit(0)
	return err
}

// inComments are the words that start something in a comment on a pull request.
var inComments = []string{string(workflow.VerbPlan), string(workflow.VerbApply), string(workflow.VerbApprove),
	string(workflow.VerbUnapprove), string(workflow.VerbLock), string(workflow.VerbUnlock), string(workflow.VerbCancel),
	string(workflow.VerbStatus), string(workflow.VerbResolve)}

// alsoCalled are words that other programs have for what a command does.
var alsoCalled = map[string]string{"check": "config check", "validate": "config check", "lint": "config check", "config-check": "config check",
	"start": "serve", "run": "serve", "explain": "preview --explain", "diff": "preview", "try": "demo", "log": "history"}

// commandOf is the command line as kong is to read it: without words it asks for help, and help
// may be a word. fault says which command an unknown word most likely means.
func commandOf(args []string, root *kong.Node) (asked []string, fault string) {
	for _, arg := range args {
		if name, empty := strings.CutSuffix(arg, "="); empty && strings.HasPrefix(arg, "--") {
			return nil, name + " needs a value: is a variable empty?"
		}
		if arg == "" {
			return nil, "an argument is empty: is a variable empty?"
		}
	}
	switch {
	case len(args) == 0 || args[0] == "help" && (len(args) == 1 || args[1] == "help"):
		return []string{"--help"}, ""
	case args[0] == "help":
		asked, fault = commandOf(args[1:], root)
		return append(slices.Clone(asked), "--help"), fault
	case strings.HasPrefix(args[0], "-"):
		return args, ""
	}
	var known, visible []string
	for _, n := range root.Children {
		known = append(known, n.Name)
		if !n.Hidden {
			visible = append(visible, n.Name)
		}
	}
	word := args[0]
	if slices.Contains(known, word) {
		return args, ""
	}
	near, meant := word, ""
	if command := alsoCalled[word]; command != "" {
		return nil, fmt.Sprintf("unknown command %q. Did you mean `cardea %s`?", word, command)
	}
	if !slices.Contains(inComments, word) {
		near = phrase.Nearest(word, append(visible, inComments...))
		meant = fmt.Sprintf("unknown command %q", word)
	}
	switch {
	case near == "":
		return nil, meant + ". `cardea --help` lists them."
	case slices.Contains(visible, near):
		return nil, fmt.Sprintf("%s. Did you mean `cardea %s`?", meant, near)
	case meant != "":
		meant += fmt.Sprintf(". Did you mean `%s`? ", near)
	}
	return nil, meant + commentWord(near)
}

// commandIn is the command with which a command line begins, "" where it begins with none.
func commandIn(args []string, root *kong.Node) (path string) {
	for _, word := range args {
		at := slices.IndexFunc(root.Children, func(n *kong.Node) bool { return n.Name == word && !n.Hidden })
		if at < 0 {
			break
		}
		root = root.Children[at]
		path = strings.TrimLeft(path+" "+word, " ")
	}
	return path
}

// commentWord says where a word belongs that starts something on a pull request, and nothing here.
func commentWord(word string) string {
	text := fmt.Sprintf("`cardea %s` is a comment on a pull request, not a command to run here.", word)
	if word == string(workflow.VerbPlan) {
		text += " To see the plans of this clone, run `cardea preview`."
	}
	return text
}

// usageFault is what is wrong with a command line of a command ("" of none), in a sentence.
func usageFault(command string, err error) string {
	text := strings.TrimPrefix(err.Error(), command+": ")
	if strings.HasSuffix(text, "(<EOL>)") { // kong's word for the end of the line
		flag, _, _ := strings.Cut(text, ": ")
		text = flag + " needs a value"
	}
	if flag, given, found := strings.Cut(text, ": expected duration but got "); found {
		value, _, _ := strings.Cut(given, ":")
		text = fmt.Sprintf("%s must be a duration with a unit, like 90s, 30m or 1h30m, not %s", flag, value)
	}
	if flag, _, missing := strings.Cut(text, ": missing value"); missing {
		text = flag + " needs a value"
	}
	if flag, given, choice := strings.Cut(text, " must be one of "); choice {
		known, value, _ := strings.Cut(given, " but got ")
		text = flag + " must be " + phrase.OrList(strings.Split(known, ",")) + ", not " + value
	}
	if flag, near, guessed := strings.Cut(text, ", did you mean "); guessed {
		text = flag + ". Did you mean `" + strings.Trim(near, `"?`) + "`?"
		if _, letter, _ := strings.Cut(flag, " -"); len(letter) == 1 { // any letter is near to any other
			text = flag
		}
	}
	if strings.HasPrefix(text, "unknown flag -") && strings.EqualFold(text[len(text)-2:], "-v") {
		text += ". Did you mean `--version`?"
	}
	if command == "preview" && strings.HasPrefix(text, "unexpected argument ") {
		text += ": name a branch with --base or --head"
	}
	if words, missing := strings.CutPrefix(text, "expected "); missing {
		text = "something is missing after the command: expected " + words
	}
	if !strings.HasSuffix(text, "?") {
		text += "."
	}
	return text + " Run `cardea " + strings.TrimLeft(command+" --help", " ") + "` for usage."
}
