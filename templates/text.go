package templates

import (
	"fmt"
	"html"
	"regexp"
	"strconv"
	"strings"
	"unicode"
)

// terminalCodes are the escape sequences that move cursors, colour text and make links in terminals.
var terminalCodes = regexp.MustCompile("\x1b\\[[0-?]*[ -/]*[@-~]|\x1b[\\]P^_X][^\x07\x1b]*(?:\x07|\x1b\\\\)|\u009b[0-?]*[ -/]*[@-~]|\x1b[ -/]*[0-~]")

// Clean makes text from outside printable: terminal codes go, invalid UTF-8
// becomes U+FFFD, line ends become \n, and every character that is not seen or
// that turns the direction of others (control, bidi, zero width) is shown by its
// number, as \u{202E}. Tabs and newlines stay.
func Clean(text string) string {
	if plain(text) {
		return text
	}
	text = strings.ToValidUTF8(text, "\uFFFD")
	if strings.ContainsAny(text, "\x1b\u009b") {
		text = terminalCodes.ReplaceAllString(text, "")
	}
	return visible(strings.ReplaceAll(text, "\r\n", "\n"))
}

// visible shows what cannot be seen by its number, character by character.
func visible(text string) string {
	var b strings.Builder
	b.Grow(len(text))
	for _, r := range text {
		switch {
		case ' ' <= r && r < 0x7f:
			b.WriteByte(byte(r))
		case r == '\r':
			b.WriteByte('\n')
		case r == '\n' || r == '\t':
			b.WriteRune(r)
		case unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) || filler(r):
			fmt.Fprintf(&b, "\\u{%X}", r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// plain reports whether text is printable ASCII with tabs and newlines, as nearly all is.
func plain(text string) bool {
	for i := 0; i < len(text); i++ {
		if c := text[i]; c >= 0x7f || c < ' ' && c != '\n' && c != '\t' {
			return false
		}
	}
	return true
}

// filler reports letters that look like nothing at all.
func filler(r rune) bool {
	return r == 0x115F || r == 0x1160 || r == 0x3164 || r == 0xFFA0 || r == 0x180E || r == 0x2800
}

// cleanLine is Clean for a text that has to stay on one line.
func cleanLine(text string) string {
	return strings.Join(strings.Fields(Clean(text)), " ")
}

// Fence puts text into a fenced code block that nothing in it can close: the
// fence is longer than any run of backticks in the text (GitHub: github.md 3.11).
// The info string is ours, never a user's. It starts and ends a line.
func Fence(info, text string) string {
	text = Clean(text)
	marks := strings.Repeat("`", max(3, longestRun(text)+1))
	var b strings.Builder
	b.WriteString(marks + info + "\n")
	b.WriteString(text)
	if text != "" && !strings.HasSuffix(text, "\n") {
		b.WriteByte('\n')
	}
	b.WriteString(marks + "\n")
	return b.String()
}

func longestRun(text string) int {
	longest, run := 0, 0
	for i := 0; i < len(text); i++ {
		if text[i] != '`' {
			run = 0
			continue
		}
		run++
		longest = max(longest, run)
	}
	return longest
}

// Code is a code span that nothing in the text can close, on one line.
func Code(text string) string {
	text = cleanLine(text)
	if text == "" {
		return "` `"
	}
	marks := strings.Repeat("`", longestRun(text)+1)
	pad := ""
	if len(marks) > 1 {
		pad = " "
	}
	return marks + pad + text + pad + marks
}

// CodeCell is Code for a cell of a table: there GitHub splits at a | before it looks for code.
func CodeCell(text string) string { return strings.ReplaceAll(Code(text), "|", "\\|") }

// Escape is text outside code: no character of it means anything to Markdown or
// HTML, nobody is mentioned, nothing is linked. It is on one line.
func Escape(text string) string {
	text = cleanLine(text)
	var b strings.Builder
	b.Grow(len(text) + 8)
	for i, r := range text {
		switch r {
		case '<':
			b.WriteString("&lt;")
		case '>':
			b.WriteString("&gt;")
		case '&':
			b.WriteString("&amp;")
		case '@', '#': // a comment splits the text, so that it is neither a mention nor a reference
			b.WriteRune(r)
			b.WriteString("<!-- -->")
		case '\\', '`', '*', '_', '[', ']', '|', '~', '$', '!':
			b.WriteByte('\\')
			b.WriteRune(r)
		case ':':
			b.WriteRune(r)
			if strings.HasPrefix(text[i:], "://") {
				b.WriteString("<!-- -->")
			}
		case '-', '+', '=':
			if r == '-' && i >= 2 && strings.EqualFold(text[i-2:i], "gh") { // GH-12 is a reference
				b.WriteString("<!-- -->")
			}
			if i == 0 { // at the start of a line it would be a list or a heading
				b.WriteByte('\\')
			}
			b.WriteRune(r)
		case '.', ')':
			switch {
			case numbered(text[:i]): // 1. and 1) start a list
				b.WriteByte('\\')
			case i >= 3 && strings.EqualFold(text[i-3:i], "www"): // GitHub links www.
				b.WriteString("<!-- -->")
			}
			b.WriteRune(r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// numbered reports whether text is a number and nothing else.
func numbered(text string) bool {
	return text != "" && strings.Trim(text, "0123456789") == ""
}

// Prose is a sentence of ours for Markdown. What stands between single backticks
// in it is a code span, all else is escaped.
func Prose(sentence string) string { return prose(sentence, Escape, Code) }

// ProseCell is Prose for a cell of a table.
func ProseCell(sentence string) string { return prose(sentence, Escape, CodeCell) }

// proseHTML is Prose for the inside of an HTML element in Markdown.
func proseHTML(sentence string) string { return prose(sentence, escapeHTML, codeHTML) }

func prose(sentence string, text, code func(string) string) string {
	var b strings.Builder
	for _, part := range sentenceParts(strings.ReplaceAll(sentence, "\n", " ")) {
		if part.Code {
			b.WriteString(code(part.Text))
		} else {
			b.WriteString(keepSpaces(part.Text, text))
		}
	}
	return b.String()
}

// sentencePart is a piece of a sentence of ours.
type sentencePart struct {
	Text string
	Code bool
}

// sentenceParts splits a sentence at the code in it: what stands between a pair
// of backticks. A backtick without its like is text.
func sentenceParts(sentence string) []sentencePart {
	parts := strings.Split(sentence, "`")
	if n := len(parts); n%2 == 0 {
		parts = append(parts[:n-2], parts[n-2]+"`"+parts[n-1])
	}
	var out []sentencePart
	for i, p := range parts {
		code := i%2 == 1
		switch last := len(out) - 1; {
		case p == "":
		case !code && last >= 0 && !out[last].Code:
			out[last].Text += p
		default:
			out = append(out, sentencePart{p, code})
		}
	}
	return out
}

// keepSpaces applies text to part and gives it back the space at either end.
func keepSpaces(part string, text func(string) string) string {
	out := text(part)
	if out == "" {
		return " "
	}
	if strings.HasPrefix(part, " ") {
		out = " " + out
	}
	if strings.HasSuffix(part, " ") {
		out += " "
	}
	return out
}

func escapeHTML(text string) string {
	text = html.EscapeString(cleanLine(text))
	text = strings.NewReplacer("@", "@<!-- -->", "://", ":<!-- -->//", "`", "&#96;", "*", "&#42;", "_", "&#95;", "[", "&#91;", "~", "&#126;", "$", "&#36;", "\\", "&#92;").Replace(text)
	return hashRef.ReplaceAllString(text, "$1#<!-- -->$2")
}

// hashRef is a # that would start a reference; the # of a character reference (&#96;) is none.
var hashRef = regexp.MustCompile(`(^|[^&])#(\d)`)

func codeHTML(text string) string {
	return "<code>" + strings.NewReplacer("`", "&#96;", "*", "&#42;", "_", "&#95;", "[", "&#91;", "~", "&#126;", "$", "&#36;", "\\", "&#92;").Replace(html.EscapeString(cleanLine(text))) + "</code>"
}

// cutRunes cuts text to at most n characters, the last of which is then an ellipsis.
func cutRunes(text string, n int) string {
	if len(text) <= n {
		return text
	}
	seen, end := 0, 0
	for i := range text {
		if seen == n-1 {
			end = i
		}
		if seen++; seen > n {
			return strings.TrimRight(text[:end], " ") + "…"
		}
	}
	return text
}

// Number prints a count with commas: 12,345.
func Number(n int) string {
	s := strconv.Itoa(n)
	sign := ""
	if n < 0 {
		sign, s = "-", s[1:]
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return sign + s
}

// count is a number with its noun: "1 project", "3 projects".
func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return Number(n) + " " + many
}

// list joins words as people do: a, b and c.
func list(words []string) string {
	switch len(words) {
	case 0:
		return ""
	case 1:
		return words[0]
	}
	return strings.Join(words[:len(words)-1], ", ") + " and " + words[len(words)-1]
}

// someOf shows at most n of the words and counts the rest.
func someOf(words []string, n int, more string) string {
	if len(words) <= n+1 { // "1 more" would be as long as the word
		return strings.Join(words, ", ")
	}
	return strings.Join(words[:n], ", ") + ", … " + Number(len(words)-n) + " more" + more
}

func short(sha string) string {
	if len(sha) > 7 {
		return sha[:7]
	}
	return sha
}
