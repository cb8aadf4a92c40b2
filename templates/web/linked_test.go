package web

import (
	"fmt"
	"testing"

	"github.com/cardea-iac/cardea/workflow"
)

// TestLinked: numbers of pulls are links to their pages, and nothing else is one.
func TestLinked(t *testing.T) {
	p := PullPage{}
	p.View.Pull = workflow.Pull{Repo: workflow.Repo{Owner: "acme", Name: "infra"}, Number: 12}
	for text, want := range map[string]string{
		"the lock of #9": "the lock of [#9 /acme/infra/pull/9]",
		"#9 holds the lock on `a#1 #2`, not #10.": "[#9 /acme/infra/pull/9] holds the lock on `a#1 #2`, not [#10 /acme/infra/pull/10].",
		"released (#7) by x#8":                    "released ([#7 /acme/infra/pull/7]) by x#8",
		"#0, #x, # 1 and #12345678901":            "#0, #x, # 1 and #12345678901",
		"#3a":                                     "#3a",
		"":                                        "",
		"#9, since 2026-11-21 12:04 UTC: `2026-11-21 12:04 UTC`": "[#9 /acme/infra/pull/9], since <2026-11-21T12:04:00Z>: `2026-11-21 12:04 UTC`",
		"2026-11-21 12:04": "2026-11-21 12:04",
	} {
		got := ""
		for _, part := range p.Linked(text) {
			switch {
			case part.URL != "":
				got += fmt.Sprintf("[%s %s]", part.Text, part.URL)
			case part.Time != "":
				got += "<" + part.Time + ">"
			case part.Code:
				got += "`" + part.Text + "`"
			default:
				got += part.Text
			}
		}
		if got != want {
			t.Errorf("%q gives %q, want %q", text, got, want)
		}
	}
}
