package phrase_test

import (
	"strings"
	"testing"

	"github.com/cardea-iac/cardea/internal/phrase"
)

// TestOnlyText: what is not text is said by its size, and the text around it stays.
func TestOnlyText(t *testing.T) {
	const note = " of output that is not text]"
	noise := strings.Repeat("\xff\x01\x80A", 10)
	for name, tt := range map[string][2]string{
		"nothing":               {"", ""},
		"text":                  {"one\n\ttwo\r\n\x1b[31mthree\x1b[0m\nvierte Zeile: für 日本 🎉\n", "one\n\ttwo\r\n\x1b[31mthree\x1b[0m\nvierte Zeile: für 日本 🎉\n"},
		"text of another time":  {"Zugriff verweigert: Schl\xfcssel unlesbar", "Zugriff verweigert: Schl?ssel unlesbar"},
		"a NUL":                 {"a long line that has one NUL\x00 and goes on with words", "[52 bytes" + note},
		"noise":                 {noise, "[40 bytes" + note},
		"noise, some of it A":   {noise + "\nAAAA\n\n" + noise, "[87 bytes" + note},
		"noise before text":     {noise + "\nno such key\n", "[41 bytes" + note + "\nno such key\n"},
		"noise after text":      {"begun\n" + noise + "\n", "begun\n[41 bytes" + note + "\n"},
		"noise around a reason": {noise + "\n" + strings.Repeat("reason ", 9) + "\n" + noise, "[41 bytes" + note + "\n" + strings.Repeat("reason ", 9) + "\n[40 bytes" + note},
		"much noise":            {strings.Repeat(noise, 400), "[16 kB" + note},
		"UTF-16":                {"e\x00r\x00r\x00o\x00r\x00\n\x00", "[12 bytes" + note},
	} {
		if got := phrase.OnlyText(tt[0]); got != tt[1] {
			t.Errorf("%s: got %q, want %q", name, got, tt[1])
		}
	}
}
