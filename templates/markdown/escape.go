package markdown

import (
	"html"
	"regexp"
	"strings"
)

// Fence puts text into a fenced code block that nothing in it can close: the fence is longer
// than any run of backticks in the text (GitHub: github.md 3.11). The info string is ours,
// never a user's. The fence begins and ends with a whole line.
func Fence(info, text string) string {
	text = Clean(text)
	marks := strings.Repeat("`", max(3, LongestRun(text)+1))
	var b strings.Builder
	b.WriteString(marks + info + "\n")
	b.WriteString(text)
	if text != "" && !strings.HasSuffix(text, "\n") {
		b.WriteByte('\n')
	}
	b.WriteString(marks + "\n")
	return b.String()
}

// LongestRun is the length of the longest run of backticks in a text.
func LongestRun(text string) int {
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
	text = CleanLine(text)
	if text == "" {
		return "` `"
	}
	marks := strings.Repeat("`", LongestRun(text)+1)
	pad := ""
	if len(marks) > 1 {
		pad = " "
	}
	return marks + pad + text + pad + marks
}

// CodeCell is Code for a cell of a table: there GitHub splits at a | before it looks for code.
func CodeCell(text string) string { return strings.ReplaceAll(Code(text), "|", "\\|") }

// Escape makes text safe outside code: no character of it means anything to Markdown or HTML,
// it mentions nobody and links nothing. It is on one line.
func Escape(text string) string {
	text = CleanLine(text)
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
		case '@', '#': // a comment splits the text, so that it is neither a mention nor a link
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

// Prose writes a sentence of ours as Markdown. What stands between single backticks becomes a
// code span; everything else is escaped.
func Prose(sentence string) string { return prose(sentence, Escape, Code) }

// ProseCell is Prose for a cell of a table.
func ProseCell(sentence string) string { return prose(sentence, Escape, CodeCell) }

// ProseHTML is Prose for the inside of an HTML element in Markdown.
func ProseHTML(sentence string) string { return prose(sentence, escapeHTML, codeHTML) }

func prose(sentence string, text, code func(string) string) string {
	var b strings.Builder
	for _, part := range Parts(strings.ReplaceAll(sentence, "\n", " ")) {
		if part.Code {
			b.WriteString(code(part.Text))
		} else {
			b.WriteString(keepSpaces(part.Text, text))
		}
	}
	return b.String()
}

// Part is a piece of a sentence of ours.
type Part struct {
	Text string
	Code bool
}

// Parts splits a sentence at the code in it: what stands between a pair of backticks. A
// backtick without a second one is text.
func Parts(sentence string) []Part {
	parts := strings.Split(sentence, "`")
	if n := len(parts); n%2 == 0 {
		parts = append(parts[:n-2], parts[n-2]+"`"+parts[n-1])
	}
	var out []Part
	for i, p := range parts {
		code := i%2 == 1
		switch last := len(out) - 1; {
		case p == "":
		case !code && last >= 0 && !out[last].Code:
			out[last].Text += p
		default:
			out = append(out, Part{p, code})
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
	text = html.EscapeString(CleanLine(text))
	text = strings.NewReplacer("@", "@<!-- -->", "://", ":<!-- -->//", "`", "&#96;", "*", "&#42;", "_", "&#95;", "[", "&#91;", "~", "&#126;", "$", "&#36;", "\\", "&#92;").Replace(text)
	return hashRef.ReplaceAllString(text, "$1#<!-- -->$2")
}

// hashRef is a # that would start a reference, unlike the # of a character reference (&#96;).
var hashRef = regexp.MustCompile(`(^|[^&])#(\d)`)

func codeHTML(text string) string {
	return "<code>" + strings.NewReplacer("`", "&#96;", "*", "&#42;", "_", "&#95;", "[", "&#91;", "~", "&#126;", "$", "&#36;", "\\", "&#92;").Replace(html.EscapeString(CleanLine(text))) + "</code>"
}
