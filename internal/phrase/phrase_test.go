package phrase_test

import (
	"testing"

	"github.com/cardea-iac/cardea/internal/phrase"
)

func TestSentence(t *testing.T) {
	for said, want := range map[string]string{
		"": "", " \n": "", "git: exit status 128": "Git: exit status 128.", "Why?": "Why?", "no!\n": "No!",
		"über": "über.", "`a` waits.": "`a` waits.", "two-factor sign-in": "Two-factor sign-in.", "it's so": "It's so.",
		"a/main.tf:3: no": "a/main.tf:3: no.", "main.tf is empty": "main.tf is empty.", "terraform_data.x failed": "terraform_data.x failed.",
		"ada@example.org wrote": "ada@example.org wrote.", "feature/x moved": "feature/x moved.", "0ab moved": "0ab moved.",
	} {
		if got := phrase.Sentence(said); got != want {
			t.Errorf("%q became %q, want %q", said, got, want)
		}
	}
}

// TestCodeSpan: nothing in a name ends its span, and what is not seen is left for who makes it visible.
func TestCodeSpan(t *testing.T) {
	for name, want := range map[string]string{"a": "`a`", "a`b``": "`a'b''`", " a \n\t b ": "`a b`", "a\u2028b": "`a\u2028b`"} {
		if got := phrase.CodeSpan(name); got != want {
			t.Errorf("%q became %q, want %q", name, got, want)
		}
	}
	if got, want := phrase.SomeNames([]string{"a`", "b", "c", "d"}), "`a'`, `b`, `c` and 1 more"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestBytes(t *testing.T) {
	for n, want := range map[int64]string{0: "0 bytes", 1: "1 byte", 999: "999 bytes", 1000: "1.0 kB", 9949: "9.9 kB", 9950: "10 kB",
		999_499: "999 kB", 999_500: "1.0 MB", 412_345_678: "412 MB", 7_000_000_000: "7.0 GB", 1 << 62: "4.6 EB"} {
		if got := phrase.Bytes(n); got != want {
			t.Errorf("%d: got %q, want %q", n, got, want)
		}
	}
}
