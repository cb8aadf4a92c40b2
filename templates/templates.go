// Package templates puts plans into words: the summary comment, the texts of
// check runs, our replies, and the HTML of the pages.
//
// It works in two steps. [Read] turns a pull's view into a [Model]: which rows,
// in which order, in which groups, with which sentences; comment, checks and
// pages say the same because they are written from the same model. Then each
// function here writes it in one form, within that form's limits. Everything is
// a pure function of its arguments.
//
// Most of what is written comes from other people's code: names, addresses,
// values, error texts. Outside of fences it is in code spans or escaped; inside,
// the fence is longer than anything in it that could close it, and what cannot
// be seen is made visible. Values arrive masked and errors redacted; nothing is
// unmasked here.
package templates

import "github.com/cardea-iac/cardea/workflow"

// Links says what the texts may point to.
type Links struct {
	// PublicURL is the server's address without a slash at its end. "" in
	// `cardea preview`: then there are no links and no commands.
	PublicURL string
	// Fingerprints shows the plans' fingerprints.
	Fingerprints bool
	// Prefix is the word that commands start with, "cardea" when empty.
	Prefix string
}

func (l Links) command(rest string) string {
	return first(l.Prefix, "cardea") + " " + rest
}

// Pull is the address of the pull's page, "" without pages.
func (l Links) Pull(p workflow.Pull) string {
	if l.PublicURL == "" || p.Number == 0 {
		return ""
	}
	return l.PublicURL + PullPath(p)
}

// Run is the address of a run's page, "" without pages.
func (l Links) Run(id string) string {
	if l.PublicURL == "" || id == "" {
		return ""
	}
	return l.PublicURL + RunPath(id)
}

// SummaryMarker is the first line of the one summary comment of a pull.
const SummaryMarker = "<!-- cardea:summary -->"

// ReplyMarker is the first line of every other comment of ours. The second is the reply's KeyMarker.
const ReplyMarker = "<!-- cardea:reply -->"

// KeyMarker is the hidden line by which the reply with that key is found again.
func KeyMarker(key string) string { return "<!-- cardea:key:" + cleanKey(key) + " -->" }

// cleanKey keeps what a key is made of, so that nothing ends the comment early.
func cleanKey(key string) string {
	out := make([]byte, 0, len(key))
	for i := 0; i < len(key); i++ {
		c := key[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == ':' || c == '.' {
			out = append(out, c)
		}
	}
	return string(out)
}

// Limits of what is written, in UTF-8 bytes, which are never fewer than UTF-16
// units or characters. GitHub refuses comments above 65,536 characters and check
// texts above 65,535 (github.md 2.1, 3.1).
const (
	MaxComment   = 65000
	MaxCheckText = 65000
	MaxTitle     = 100 // characters of a check's title
)
