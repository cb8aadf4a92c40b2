package planjson

import (
	"slices"
	"testing"
)

// What a provider cuts off before a path is no part of the word that is looked for.
func TestWordsOf(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"file://../other/x.bin":     "../other/x.bin",
		"file:../other/x.bin":       "../other/x.bin",
		"-d @../other/x.bin":        "../other/x.bin",
		"KEY=../other/x.bin;":       "../other/x.bin",
		"see ../other/x.bin.":       "../other/x.bin",
		"fileb://a/b?x=1":           "a/b",
		"--from=file://a/b,other=1": "a/b",
	} {
		if got := wordsOf(text); !slices.Contains(got, want) {
			t.Errorf("%q has the words %q, want %q among them", text, got, want)
		}
	}
}
