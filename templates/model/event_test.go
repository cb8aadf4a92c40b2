package model_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/templates/model"
	"github.com/cardea-iac/cardea/workflow"
)

// TestActsOf: what runs brought belongs to who asked for them, also where others ask meanwhile.
func TestActsOf(t *testing.T) {
	start := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	var events []workflow.Event
	for i, line := range []string{ // kind, pull, project, run, actor
		"finished 1 old r0 -", "request 1 - - ada", "queued 1 a r1 ada", "queued 1 b r2 ada", "request 2 - - rex", "refused 2 - - rex",
		"request 1 - - rex", "approved 1 a r1 rex", "finished 1 a r1 ada", "finished 1 b r2 ada", "request 0 - - ada",
	} {
		var kind, project, run, actor string
		var number int
		if _, err := fmt.Sscan(line, &kind, &number, &project, &run, &actor); err != nil {
			t.Fatal(err)
		}
		plain := func(s string) string { return strings.Trim(s, "-") }
		events = append([]workflow.Event{{At: start.Add(time.Duration(i) * time.Second), Repo: 7, Number: number, Kind: workflow.EventKind(kind),
			Project: plain(project), Run: plain(run), Actor: workflow.Actor{Login: plain(actor)}, Text: phrase.Plain(line)}}, events...)
	}
	var got []string
	for _, a := range model.ActsOfRepo(events, model.Links{}) {
		got = append(got, fmt.Sprintf("%s %s %d %s", a.Of, a.Said, a.Projects, a.Took()))
		for _, e := range a.Then {
			got = append(got, "  "+e.Said)
		}
	}
	want := []string{
		" request 0 - - ada 0 ",
		"#1 request 1 - - rex 1 1 s", "  approved 1 a r1 rex",
		"#2 request 2 - - rex 0 1 s", "  refused 2 - - rex",
		"#1 request 1 - - ada 2 8 s", "  queued 1 a r1 ada", "  queued 1 b r2 ada", "  finished 1 a r1 ada", "  finished 1 b r2 ada",
		"#1 finished 1 old r0 - 0 ",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}
