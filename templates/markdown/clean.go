package markdown

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
)

// terminalCodes are the escape sequences that move cursors, colour text and make links in terminals.
var terminalCodes = regexp.MustCompile("\x1b\\[[0-?]*[ -/]*[@-~]|\x1b[\\]P^_X][^\x07\x1b]*(?:\x07|\x1b\\\\)|\u009b[0-?]*[ -/]*[@-~]|\x1b[ -/]*[0-~]")

// Clean makes text from outside printable: terminal codes go, invalid UTF-8 becomes U+FFFD,
// line ends become \n, and every character that cannot be seen or that changes the direction
// of others (control, bidi, zero width) is shown by its number, as in \u{202E}. Tabs and
// newlines stay.
func Clean(text string) string {
	if plain(text) {
		return text
	}
	text = strings.ToValidUTF8(text, "\uFFFD")
	if strings.ContainsAny(text, "\x1b\u009b") {
		text = terminalCodes.ReplaceAllString(text, "")
	}
	return Visible(strings.ReplaceAll(text, "\r\n", "\n"))
}

// Visible shows every character that cannot be seen by its number.
func Visible(text string) string {
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

// plain reports whether text is printable ASCII with tabs and newlines, as nearly all text
// is.
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

// CleanLine is Clean for a text that has to stay on one line.
func CleanLine(text string) string {
	return strings.Join(strings.Fields(Clean(text)), " ")
}

// Cut cuts text to at most n characters, the last of which is then an ellipsis.
func Cut(text string, n int) string {
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

// Lines are the lines of a text, clean; an empty text has none.
func Lines(text string) []string {
	text = strings.TrimSuffix(Clean(text), "\n")
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}

// Verbatim is Clean for a text within a line of a diff: spaces stay as they are, and
// where its lines end is shown.
func Verbatim(text string) string {
	return strings.ReplaceAll(Clean(text), "\n", `\n`)
}
