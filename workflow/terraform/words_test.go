package terraform

import (
	"strings"
	"testing"
)

// TestWordsForOneself: whoever previews on a machine of their own is told nothing of a server.
func TestWordsForOneself(t *testing.T) {
	all := func(t Tools) []string {
		words := []string{t.whereToPut("terraform"), t.whereToPut("tofu"), t.mirror(), t.allowsOnly(), t.allows(), t.makeWorkspace("tofu", "prod")}
		for _, o := range []outage{{form: notReached}, {form: notReached, why: refused}, {form: noAnswer, misspelt: true}, {form: notReached, proxy: true}} {
			words = append(words, t.wayOut(&o, false), t.wayOut(&o, true))
		}
		return words
	}
	for i, own := range all(Tools{Own: true, Dir: "/c/tools", Providers: "/c/providers", Versions: ">= 1.5"}) {
		if strings.Contains(own, "server") || strings.Contains(own, "data_dir") {
			t.Errorf("own: got %q", own)
		}
		if of := all(Tools{Dir: "/c/tools", Versions: ">= 1.5"})[i]; !strings.Contains(of, "server") {
			t.Errorf("a server's: got %q", of)
		}
	}
}
