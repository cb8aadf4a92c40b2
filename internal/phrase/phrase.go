package phrase

import (
	"fmt"
	"strings"
	"time"
)

// Sentence is s with a capital letter at its start and a full stop at its end.
func Sentence(s string) string {
	s = strings.TrimSpace(s)
	if s == "" {
		return ""
	}
	s = Capital(s)
	if last := s[len(s)-1]; last != '.' && last != '!' && last != '?' {
		s += "."
	}
	return s
}

// Capital is s with a capital letter at its start, unless its first word is a name: a path, a file, an address
// or anything else with characters that no word of English has.
func Capital(s string) string {
	word, _, _ := strings.Cut(s, " ")
	if word = strings.TrimRight(word, ".,:;!?"); word == "" || strings.ContainsAny(word, "/._@:=#[0123456789") {
		return s
	}
	if s[0] >= 'a' && s[0] <= 'z' {
		s = string(s[0]-'a'+'A') + s[1:]
	}
	return s
}

// OrWord is s, or the other word where s is empty.
func OrWord(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// InWords is a duration without the zeros of Go's own form: 24h, 1h30m.
func InWords(d time.Duration) string {
	s := d.String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(s, zero) {
			s = s[:len(s)-2]
		}
	}
	return s
}

// SomeOf lists up to five names in code spans.
func SomeOf(names []string) string {
	const most = 5
	spans := make([]string, 0, most+1)
	for _, n := range names[:min(len(names), most)] {
		spans = append(spans, CodeSpan(n))
	}
	if len(names) > most {
		spans = append(spans, fmt.Sprintf("%d more", len(names)-most))
	}
	return AndList(spans)
}

// AndList is "a", "a and b", "a, b and c".
func AndList(list []string) string {
	if len(list) < 2 {
		return strings.Join(list, "")
	}
	return strings.Join(list[:len(list)-1], ", ") + " and " + list[len(list)-1]
}

// OneMany is the form for one, or that for many.
func OneMany(one bool, single, many string) string {
	if one {
		return single
	}
	return many
}

// Clock is the form of a time that people read, in UTC.
func Clock(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

// ToolName is a tool as people write it.
func ToolName(tool string) string {
	if tool == "tofu" {
		return "OpenTofu"
	}
	return "Terraform"
}

// CodeSpan puts a name into backticks, where it is harmless.
func CodeSpan(s string) string {
	return "`" + strings.ReplaceAll(OneLine(s), "`", "'") + "`"
}

// Name puts a name that somebody chose into backticks, cut to what can be read.
func Name(s string) string { return CodeSpan(Shown(s)) }

// OneLine makes one line of a text, with single spaces. Other invisible characters stay.
func OneLine(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune(" \t\r\n", r) }), " ")
}

// CountOf is "1 apple" or "3 apples".
func CountOf(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// IsAre is the verb for so many.
func IsAre(n int) string { return OneMany(n == 1, "is", "are") }

// Words makes words of an identifier.
func Words(s string) string { return strings.ReplaceAll(s, "_", " ") }

// SomeNames is up to three names in code quotes and the count of the rest.
func SomeNames(names []string) string {
	some := names[:min(len(names), 3)]
	list := strings.Join(Quoted(some), ", ")
	if more := len(names) - len(some); more > 0 {
		list += fmt.Sprintf(" and %d more", more)
	}
	return list
}

// Quoted puts each name in a code span.
func Quoted(names []string) []string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = CodeSpan(n)
	}
	return out
}

// Short is the form of a SHA that people read.
func Short(sha string) string {
	if len(sha) > 7 {
		return sha[:7]
	}
	return sha
}

// Joined makes one text of the sentences that are not empty.
func Joined(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + " " + b
}

// OrList joins words as people do: a, b or c.
func OrList(words []string) string {
	switch len(words) {
	case 0:
		return ""
	case 1:
		return words[0]
	}
	return strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
}
