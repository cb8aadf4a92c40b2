package markdown

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Duration prints a span of time for people: "0.4 s", "12 s", "3 min 4 s", "2 h 5 min".
func Duration(d time.Duration) string {
	switch {
	case d < 0:
		return "0 s"
	case d < 10*time.Second:
		return strings.Replace(fmt.Sprintf("%.1f s", d.Seconds()), ".0 ", " ", 1)
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min %d s", int(d.Minutes()), int(d.Seconds())%60)
	}
	return fmt.Sprintf("%d h %d min", int(d.Hours()), int(d.Minutes())%60)
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

// Count is a number with its noun: "1 project", "3 projects".
func Count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return Number(n) + " " + many
}

// SomeOf shows at most n of the words and counts the rest.
func SomeOf(words []string, n int, more string) string {
	if len(words) <= n+1 { // "1 more" would be as long as the word itself
		return strings.Join(words, ", ")
	}
	return strings.Join(words[:n], ", ") + ", … " + Number(len(words)-n) + " more" + more
}

// MaxTitle is how many characters the title of a check may have.
const MaxTitle = 100

// Title makes a text fit a check's title: plain, one line, at most 100 characters.
func Title(text string) string {
	return Cut(CleanLine(strings.ReplaceAll(text, "`", "")), MaxTitle)
}
