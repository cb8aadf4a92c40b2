package glob

import (
	"strings"
	"unicode/utf8"
)

// split takes the first parts that have no wildcard off a glob: unescaped,
// and what is left, which is at least the last part.
func split(s string) (fixed []string, rest string) {
	for {
		part, after, found := strings.Cut(s, "/")
		if !found || hasWildcard(part) {
			return fixed, s
		}
		fixed, s = append(fixed, unescape(part)), after
	}
}

// hasWildcard reports whether a part of a glob can match anything but itself; a backslash at its end belongs to what follows.
func hasWildcard(part string) bool {
	for i := 0; i < len(part); i++ {
		if part[i] == '\\' {
			if i++; i == len(part) {
				return true
			}
		} else if strings.IndexByte("*?[{", part[i]) >= 0 {
			return true
		}
	}
	return false
}

// Balanced reports whether every set and class ends and every backslash has its character.
func Balanced(s string) bool {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '[':
			i = classEnd(s, i)
		case '{':
			depth++
		case '}':
			depth--
		}
		if depth < 0 || i >= len(s) {
			return false
		}
	}
	return depth == 0
}

// classEnd is where the class that begins at s[at] ends, len(s) when it does not.
func classEnd(s string, at int) int {
	i := at + 1
	if i < len(s) && (s[i] == '!' || s[i] == '^') {
		i++
	}
	if i < len(s) && s[i] == ']' { // an empty class
		return len(s)
	}
	for ; i < len(s) && s[i] != ']'; i++ {
		if s[i] == '\\' {
			i++
		}
	}
	return min(i, len(s))
}

// expand writes out the sets of a balanced glob: the globs without sets that it stands
// for, false when those are more than are allowed.
func expand(s string) (list []string, ok bool) {
	before, choices, after, found := firstSet(s)
	if !found {
		return []string{s}, true
	}
	for _, choice := range choices {
		more, ok := expand(choice + after)
		if !ok || len(list)+len(more) > maxAlternatives {
			return nil, false
		}
		for _, m := range more {
			list = append(list, before+m)
		}
	}
	return list, true
}

// firstSet finds the first set of a glob: what stands before it, its alternatives, what follows.
func firstSet(s string) (before string, choices []string, after string, found bool) {
	depth, start, from := 0, 0, 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '[':
			i = classEnd(s, i)
		case '{':
			if depth++; depth == 1 {
				start, from = i, i+1
			}
		case ',':
			if depth == 1 {
				choices, from = append(choices, s[from:i]), i+1
			}
		case '}':
			if depth--; depth == 0 {
				return s[:start], append(choices, s[from:i]), s[i+1:], true
			}
		}
	}
	return s, nil, "", false
}

// partsOf reads a balanced glob without sets.
func partsOf(s string) (parts []part) {
	var p part
	start := 0
	end := func(i int) {
		if p.deep = s[start:i] == "**"; !p.deep || len(parts) == 0 || !parts[len(parts)-1].deep {
			parts = append(parts, p)
		}
		p, start = part{}, i+1
	}
	for i := 0; i < len(s); {
		n := 1
		switch s[i] {
		case '/':
			end(i)
		case '*':
			if l := len(p.tokens); l == 0 || !p.tokens[l-1].star {
				p.tokens = append(p.tokens, token{star: true})
			}
		case '?':
			p.tokens = append(p.tokens, token{class: &class{negated: true}})
		case '[':
			last := classEnd(s, i)
			p.tokens = append(p.tokens, token{class: readClass(s[i+1 : last])})
			n = last + 1 - i
		case '\\':
			if s[i+1] != '/' { // an escaped separator is a separator all the same
				_, size := utf8.DecodeRuneInString(s[i+1:])
				p.literal(s[i+1 : i+1+size])
				n += size
			}
		default:
			p.literal(s[i : i+1])
		}
		i += n
	}
	end(len(s))
	return parts
}

// literal adds text that matches only itself.
func (p *part) literal(text string) {
	if l := len(p.tokens); l > 0 && p.tokens[l-1].literal != "" {
		p.tokens[l-1].literal += text
		return
	}
	p.tokens = append(p.tokens, token{literal: text})
}

// readClass reads what stands between the brackets of a class.
func readClass(s string) *class {
	c := &class{}
	if s[0] == '!' || s[0] == '^' {
		c.negated, s = true, s[1:]
	}
	next := func() (r rune) {
		s = strings.TrimPrefix(s, `\`)
		r, n := utf8.DecodeRuneInString(s)
		s = s[n:]
		return r
	}
	for s != "" {
		from := next()
		to := from
		if len(s) > 1 && s[0] == '-' {
			s = s[1:]
			to = next()
		}
		c.ranges = append(c.ranges, from, to)
	}
	return c
}
