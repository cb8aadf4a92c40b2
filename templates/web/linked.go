package web

import (
	"regexp"
	"strconv"

	"github.com/cardea-iac/cardea/templates/markdown"
)

// piece is a piece of a sentence of ours: words, code, a link where it has a URL, or a time.
type piece struct {
	markdown.Part
	URL, Time string
}

var (
	mention = regexp.MustCompile(`(?:^|[ (])(#[1-9][0-9]{0,8})\b`)
	moment  = regexp.MustCompile(`\b(\d{4}-\d\d-\d\d) (\d\d:\d\d) UTC\b`) // as [phrase.Clock] writes it
)

// pieces are those of a sentence of ours. Times in it are told apart, so that a page can show them in its
// reader's zone.
func pieces(text string) (out []piece) {
	for _, part := range markdown.Parts(text) {
		if part.Code {
			out = append(out, piece{Part: part})
			continue
		}
		done := 0
		for _, at := range moment.FindAllStringSubmatchIndex(part.Text, -1) {
			out = addPiece(out, piece{Part: markdown.Part{Text: part.Text[done:at[0]]}})
			out = addPiece(out, piece{Part: markdown.Part{Text: part.Text[at[0]:at[1]]},
				Time: part.Text[at[2]:at[3]] + "T" + part.Text[at[4]:at[5]] + ":00Z"})
			done = at[1]
		}
		out = addPiece(out, piece{Part: markdown.Part{Text: part.Text[done:]}})
	}
	return out
}

func addPiece(out []piece, p piece) []piece {
	if p.Text == "" {
		return out
	}
	return append(out, p)
}

// Linked is a sentence of ours in which the numbers of pulls lead to their pages. In code they do not.
func (p PullPage) Linked(text string) (out []piece) {
	for _, part := range pieces(text) {
		if part.Code || part.Time != "" {
			out = append(out, part)
			continue
		}
		done := 0
		for _, at := range mention.FindAllStringSubmatchIndex(part.Text, -1) {
			from, to := at[2], at[3]
			number, err := strconv.Atoi(part.Text[from+1 : to])
			if err != nil {
				continue
			}
			out = addPiece(out, piece{Part: markdown.Part{Text: part.Text[done:from]}})
			out = addPiece(out, piece{Part: markdown.Part{Text: part.Text[from:to]}, URL: p.PullURL(number)})
			done = to
		}
		out = addPiece(out, piece{Part: markdown.Part{Text: part.Text[done:]}})
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
