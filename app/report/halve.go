package report

import "strings"

// halve shortens a comment that GitHub found too long to about half of its length, at the end
// of a line, closes what is open there (a fence, `<details>`), and says where the rest is.
// link may be "".
func halve(text, link string) string {
	lines := strings.SplitAfter(text, "\n")
	size, fence, details := 0, "", 0
	var b strings.Builder
	for _, line := range lines {
		if size += len(line); size > len(text)/2 {
			break
		}
		b.WriteString(line)
		bare := strings.TrimSpace(line)
		switch {
		case fence != "" && strings.Trim(bare, "`") == "" && len(bare) >= len(fence):
			fence = ""
		case fence != "":
		case strings.HasPrefix(bare, "```"):
			fence = bare[:len(bare)-len(strings.TrimLeft(bare, "`"))]
		default:
			details += strings.Count(bare, "<details") - strings.Count(bare, "</details>")
		}
	}
	if fence != "" {
		b.WriteString(fence + "\n")
	}
	for ; details > 0; details-- {
		b.WriteString("\n</details>\n")
	}
	b.WriteString("\n… the rest did not fit")
	if link != "" {
		b.WriteString("; see the [full details](" + link + ")")
	}
	b.WriteString(".\n")
	return b.String()
}
