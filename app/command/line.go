package command

import (
	"strings"
	"unicode/utf8"
)

// firstLine returns the first line of a comment that is not blank and is neither quoted nor
// code. A comment that opens with such a block can still give a command after it.
func firstLine(text string) (string, bool) {
	text = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text)
	fence, quoting := "", false
	for _, line := range strings.Split(text, "\n") {
		if fence != "" {
			if closes(line, fence) {
				fence = ""
			}
			continue
		}
		switch indent, body := cutIndent(line); {
		case strings.TrimSpace(body) == "":
			quoting = false
		case strings.HasPrefix(body, ">") && indent < 4:
			quoting = strings.Trim(body, "> \t") != ""
		case opens(body) != "" && indent < 4:
			fence, quoting = opens(body), false
		case quoting: // a quoted paragraph goes on to the next blank line, with or without its ">"
		case indent >= 4: // indented code
		default:
			return strings.TrimSpace(body), true
		}
	}
	return "", false
}

// cutIndent counts a line's indent in columns; a tab goes to the next multiple of four.
func cutIndent(line string) (columns int, body string) {
	for i := 0; i < len(line); i++ {
		switch line[i] {
		case ' ':
			columns++
		case '\t':
			columns += 4 - columns%4
		default:
			return columns, line[i:]
		}
	}
	return columns, ""
}

// opens returns the run of characters that opens a code fence, or "". A fence of backticks
// may have no backtick after it (CommonMark): otherwise it is inline code.
func opens(body string) string {
	for _, c := range []string{"`", "~"} {
		run := body[:len(body)-len(strings.TrimLeft(body, c))]
		if len(run) >= 3 && (c == "~" || !strings.Contains(body[len(run):], "`")) {
			return run
		}
	}
	return ""
}

// closes reports whether a line closes the fence: the same character, at least as often, and
// nothing else.
func closes(line, fence string) bool {
	indent, body := cutIndent(line)
	body = strings.TrimRight(body, " \t")
	return indent < 4 && len(body) >= len(fence) && strings.Trim(body, fence[:1]) == ""
}

func isSpace(r rune) bool { return r == ' ' || r == '\t' || r == '\u00a0' }

// cutWord splits a line at the first space.
func cutWord(line string) (word, rest string) {
	line = strings.TrimLeftFunc(line, isSpace)
	if i := strings.IndexFunc(line, isSpace); i >= 0 {
		return line[:i], strings.TrimLeftFunc(line[i:], isSpace)
	}
	return line, ""
}

// words splits the rest of a command. A quote at the start of a word or right
// after the "=" of an option quotes it up to the matching one, with backslash
// escapes inside double quotes. A double quote elsewhere, as in x.y["a b"], stays
// in the word and keeps the spaces up to the next one: that is how people copy
// addresses, with their backslashes.
func words(s string) (out []string, fault string) {
	for {
		s = strings.TrimLeftFunc(s, isSpace)
		if s == "" {
			return out, ""
		}
		word, rest, fault := cutQuoted(s)
		if fault != "" {
			return nil, fault
		}
		out, s = append(out, word), rest
	}
}

// What is wrong with quotes. Phones and word processors make the curved ones.
const (
	openQuote   = "A quote in the command is not closed."
	curvedQuote = "The command has curved quotes. Use straight ones: `\"` or `'`."
)

func cutQuoted(s string) (word, rest, fault string) {
	var b strings.Builder
	for s != "" {
		r := s[0]
		start := b.Len() == 0 || (strings.HasPrefix(b.String(), "-") && strings.HasSuffix(b.String(), "=") &&
			strings.Count(b.String(), "=") == 1)
		switch {
		case isSpaceAt(s):
			return b.String(), s, ""
		case start && strings.ContainsRune("“”„‟‘’‚‛«»", firstRune(s)):
			return "", "", curvedQuote
		case start && (r == '\'' || r == '"'):
			body, after, closed := unquote(s)
			if !closed || after != "" && !isSpaceAt(after) {
				return "", "", openQuote
			}
			b.WriteString(body)
			return b.String(), after, ""
		case r == '"':
			_, after, closed := unquote(s)
			if !closed {
				return "", "", openQuote
			}
			b.WriteString(s[:len(s)-len(after)])
			s = after
		default:
			b.WriteByte(r)
			s = s[1:]
		}
	}
	return b.String(), "", ""
}

func firstRune(s string) rune {
	r, _ := utf8.DecodeRuneInString(s)
	return r
}

// unquote reads the quoted text at the start of s.
func unquote(s string) (body, rest string, ok bool) {
	quote := s[0]
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == quote:
			return b.String(), s[i+1:], true
		case c == '\\' && quote == '"' && i+1 < len(s):
			i++
			b.WriteByte(s[i])
		default:
			b.WriteByte(c)
		}
	}
	return "", "", false
}

func isSpaceAt(s string) bool {
	for _, r := range s {
		return isSpace(r)
	}
	return false
}
