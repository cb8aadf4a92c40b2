// Package glob is the one language of globs, wherever people write one: its work is bounded.
package glob

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"unicode/utf8"
)

// Watch is a glob of `watch`, which is relative to a project's directory unless it begins
// with "/", relative to the root.
func Watch(dir, glob string) string {
	if strings.HasPrefix(glob, "/") {
		dir = "."
	}
	return path.Join(Escape(dir), glob)
}

var escapes = strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`, `]`, `\]`, `{`, `\{`, `}`, `\}`)

// Escape is a directory as a glob that matches nothing else.
func Escape(dir string) string { return escapes.Replace(dir) }

func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// Bounds of one glob. A set of alternatives multiplies the work of a match, so
// what a glob stands for is bounded and not only how it is written.
const (
	maxBytes        = 1024 // bytes, as it is written
	maxAlternatives = 64
	maxExpanded     = 4096 // bytes of all alternatives together
	maxSets         = 16
	maxStars        = 32
	maxDeep         = 8 // `**`
)

// Glob is a pattern over names whose parts are separated by "/", the same
// language wherever people write one: `*` and `?` within a part, `[a-z]` and
// `[!a-z]` one character of a part, `{a,b}` alternatives, `\` before a character
// that is meant as it is, and `**` as a whole part any number of parts, none
// included. A match takes at most as many steps as its alternatives have
// characters, times those of the name. The zero Glob matches nothing.
type Glob struct {
	fixed        []string // its first parts, which have no wildcard
	alternatives [][]part
}

// part is one part of an alternative: tokens that match within a part of a name, or `**`.
type part struct {
	deep   bool
	tokens []token
}

// token is `*`, a character of a class, or with neither a literal.
type token struct {
	star    bool
	class   *class
	literal string
}

// class is `?`, `[a-z]` or `[!a-z]`: ranges of characters, in pairs.
type class struct {
	negated bool
	ranges  []rune
}

// Fault says why a text is not a glob, or not one that may be used, without its subject; "" when it is.
func Fault(s string) string {
	if why := Form(s); why != "" {
		if len(s) > maxBytes {
			return why
		}
		return fmt.Sprintf("%q %s", s, why)
	}
	return ""
}

// Form is Fault without the glob.
func Form(s string) string {
	switch {
	case len(s) > maxBytes:
		return "is longer than 1,024 bytes"
	case !Balanced(s):
		return "is not a valid glob"
	case strings.Count(s, "*") > maxStars || strings.Count(s, "**") > maxDeep || strings.Count(s, "{") > maxSets:
		return "has more wildcards than are allowed: write several globs"
	}
	_, rest := split(s)
	list, ok := expand(rest)
	if !ok {
		return fmt.Sprintf("stands for more than %d alternatives: write several globs", maxAlternatives)
	}
	total := 0
	for _, alternative := range list {
		total += len(alternative)
	}
	if total > maxExpanded {
		return "stands for alternatives of more than 4,096 bytes together: write several globs"
	}
	return ""
}

// Alternatives are the texts that the sets of a glob stand for, none where Fault refuses it.
func Alternatives(s string) []string {
	if Fault(s) != "" {
		return nil
	}
	list, _ := expand(s)
	return list
}

// Compile prepares a glob for matching. One that Fault refuses for what it
// stands for or for its form matches nothing.
func Compile(s string) Glob {
	if !Balanced(s) {
		return Glob{}
	}
	fixed, rest := split(s)
	list, ok := expand(rest)
	if !ok {
		return Glob{}
	}
	g := Glob{fixed: fixed}
	for _, alternative := range list {
		g.alternatives = append(g.alternatives, partsOf(alternative))
	}
	return g
}

// Match reports whether a glob matches a name; for many names use Compile.
func Match(glob, name string) bool { return Compile(glob).Match(name) }

// Fixed is the directory that everything a glob matches is in or is, "" when there is none.
func (g Glob) Fixed() string { return strings.Join(g.fixed, "/") }

// Match reports whether the glob matches all of a name.
func (g Glob) Match(name string) bool {
	var steps int
	return g.match(name, &steps)
}

// MatchCounted is Match, and adds the steps that it took.
func (g Glob) MatchCounted(name string, steps *int) bool { return g.match(name, steps) }

// MatchTree is Match, but a glob without wildcards that names a directory matches everything in it.
func (g Glob) MatchTree(name string) bool {
	var steps int
	return g.MatchTreeCounted(name, &steps)
}

// MatchTreeCounted is MatchTree, and adds the steps that it took.
func (g Glob) MatchTreeCounted(name string, steps *int) bool {
	if g.match(name, steps) {
		return true
	}
	dir, plain := g.Plain()
	return plain && strings.HasPrefix(name, dir+"/")
}

// Plain is the one name that a glob without wildcards stands for.
func (g Glob) Plain() (name string, ok bool) {
	if len(g.alternatives) != 1 || len(g.alternatives[0]) != 1 {
		return "", false
	}
	switch last := g.alternatives[0][0].tokens; {
	case len(last) == 1 && last[0].literal != "":
		return path.Join(g.Fixed(), last[0].literal), true
	default:
		return "", false
	}
}

func (g Glob) match(name string, steps *int) bool {
	rest, more := name, true
	for _, part := range g.fixed {
		var have string
		if *steps++; !more {
			return false
		}
		if have, rest, more = strings.Cut(rest, "/"); have != part {
			return false
		}
	}
	for _, a := range g.alternatives {
		if matchParts(a, rest, more, steps) {
			return true
		}
	}
	return false
}

// matchParts matches the parts of one alternative; more is false when nothing of
// the name is left. It goes back to the last `**` only: an earlier one that took
// more parts could match nothing that the last one cannot.
func matchParts(parts []part, rest string, more bool, steps *int) bool {
	at, backAt, backRest := 0, -1, ""
	for more {
		*steps++
		if at < len(parts) && parts[at].deep {
			if at++; at == len(parts) {
				return true
			}
			backAt, backRest = at, rest
			continue
		}
		if at < len(parts) {
			part, after, found := strings.Cut(rest, "/")
			if parts[at].match(part, steps) {
				at, rest, more = at+1, after, found
				continue
			}
		}
		if backAt < 0 {
			return false
		}
		_, backRest, more = strings.Cut(backRest, "/")
		at, rest = backAt, backRest
	}
	left := parts[at:]
	if len(left) == 2 && len(left[1].tokens) == 0 && !left[1].deep { // "a/**/" means a as well
		left = left[:1]
	}
	return len(left) == 0 || (len(left) == 1 && left[0].deep)
}

// match matches one part of a name, going back to the last `*` only.
func (p part) match(part string, steps *int) bool {
	t, at, starT, starAt := 0, 0, -1, 0
	for {
		*steps++
		switch {
		case t == len(p.tokens) && at == len(part):
			return true
		case t < len(p.tokens) && p.tokens[t].star:
			if t++; t == len(p.tokens) {
				return true
			}
			starT, starAt = t, at
			continue
		case t < len(p.tokens):
			if n := p.tokens[t].take(part[at:], steps); n > 0 {
				t, at = t+1, at+n
				continue
			}
		}
		if starT < 0 || starAt == len(part) {
			return false
		}
		_, n := utf8.DecodeRuneInString(part[starAt:])
		starAt += n
		t, at = starT, starAt
	}
}

// take returns how many bytes of s the token matches, 0 when it does not.
func (t token) take(s string, steps *int) int {
	if t.class == nil {
		n := 0
		for n < len(t.literal) && n < len(s) && s[n] == t.literal[n] {
			n++
		}
		if *steps += n; n < len(t.literal) {
			return 0
		}
		return n
	}
	r, n := utf8.DecodeRuneInString(s)
	if n == 0 {
		return 0
	}
	in := false
	for i := 0; i < len(t.class.ranges) && !in; i += 2 {
		*steps++
		in = t.class.ranges[i] <= r && r <= t.class.ranges[i+1]
	}
	if in == t.class.negated {
		return 0
	}
	return n
}

// Is reports whether a text has a wildcard or alternatives.
func Is(s string) bool { return strings.ContainsAny(s, "*?[{") }

// MatchAny reports whether globs name a directory; "prod*/**" names "prod" too. One
// that begins with "!" takes out again what those before it name: the last that matches counts.
func MatchAny(globs []string, dir string) bool {
	var steps int
	return CompileList(globs).MatchCounted(dir, &steps)
}

// List is globs of which the last that matches counts.
type List []listed

type listed struct {
	Glob
	except bool // it began with "!"
}

// CompileList prepares globs for [List.MatchCounted].
func CompileList(globs []string) List {
	list := make(List, len(globs))
	for i, g := range globs {
		plain, except := strings.CutPrefix(g, "!")
		list[i] = listed{Compile(plain), except}
	}
	return list
}

// MatchCounted is MatchAny, and adds the steps that it took.
func (l List) MatchCounted(dir string, steps *int) bool {
	for _, g := range slices.Backward(l) {
		if g.match(dir, steps) {
			return !g.except
		}
	}
	return false
}
