package web

import (
	"regexp"
	"strconv"

	"github.com/cardea-iac/cardea/templates/markdown"
)

// linkedPart is a piece of a sentence of ours; with a URL it is a link.
type linkedPart struct {
	markdown.Part
	URL string
}

var mention = regexp.MustCompile(`(?:^|[ (])(#[1-9][0-9]{0,8})\b`)

// Linked is a sentence of ours in which the numbers of pulls lead to their pages. In code they do not.
func (p PullPage) Linked(text string) []linkedPart {
	var out []linkedPart
	add := func(part markdown.Part, url string) {
		if part.Text != "" {
			out = append(out, linkedPart{part, url})
		}
	}
	for _, part := range markdown.Parts(text) {
		if part.Code {
			add(part, "")
			continue
		}
		done := 0
		for _, at := range mention.FindAllStringSubmatchIndex(part.Text, -1) {
			from, to := at[2], at[3]
			number, err := strconv.Atoi(part.Text[from+1 : to])
			if err != nil {
				continue
			}
			add(markdown.Part{Text: part.Text[done:from]}, "")
			add(markdown.Part{Text: part.Text[from:to]}, p.PullURL(number))
			done = to
		}
		add(markdown.Part{Text: part.Text[done:]}, "")
	}
	return out
}

// lossText is what a page says of an address that is destroyed or replaced, beside the address.
func lossText(deposed string, projects []string) string {
	text := "(" + markdown.SomeOf(projects, 2, "") + ")"
	if deposed != "" {
		text = "(deposed " + deposed + ") " + text
	}
	return markdown.CleanLine(text)
}
