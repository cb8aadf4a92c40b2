// Package templates writes what GitHub shows: the summary comment, the texts of
// check runs and our replies, each within GitHub's limits.
//
// It works in two steps. [model.Read] turns a pull's view into a model; then each
// function here writes it in one form. What does not fit is cut and counted. Everything
// is a pure function of its arguments.
//
// Most of what is written comes from other people's code. Outside of fences it is in
// code spans or escaped, by package markdown; inside, the fence is longer than anything
// in it that could close it. Values arrive masked and errors redacted; nothing is
// unmasked here.
package templates

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
)
