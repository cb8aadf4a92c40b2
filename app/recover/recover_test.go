package recover

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-iac/cardea/internal/vary"
	"github.com/cardea-iac/cardea/workflow"
)

func TestUnknown(t *testing.T) {
	now := time.Date(2026, 11, 21, 10, 30, 0, 0, time.UTC)
	pull := func(number int, head, base string, updated time.Time) workflow.Pull {
		return workflow.Pull{Repo: workflow.Repo{ID: 100}, Number: number, Head: workflow.Ref{SHA: head},
			Base: workflow.Ref{Ref: base}, State: workflow.PullOpen, UpdatedAt: updated}
	}
	draft := func(p workflow.Pull) workflow.Pull {
		p.Draft = true
		return p
	}
	moved := func(p workflow.Pull) workflow.Pull {
		p.Base.SHA = "another tip"
		return p
	}
	known := []workflow.PullRecord{
		{Pull: pull(1, "h1", "main", now), Known: true},
		{Pull: pull(2, "h2", "main", now), Known: true},
		{Pull: pull(3, "h3", "main", now), Known: true},
		{Pull: pull(4, "h4", "main", now), Known: false, Version: 9},
		{Pull: pull(5, "h5", "main", now), Known: true},
		{Pull: pull(6, "h6", "main", now), Known: true},
		{Pull: pull(8, "h8", "main", now), Known: true},
		{Pull: pull(9, "h9", "main", now), Known: true},
		{Pull: draft(pull(10, "h10", "main", now)), Known: true},
		{Pull: pull(11, "h11", "main", now), Known: true},
		{Pull: pull(12, "h12", "main", now), Known: true},
	}
	elsewhere := func(p workflow.Pull, installation int64, name string) workflow.Pull {
		p.Repo.InstallationID, p.Repo.Name = installation, name
		return p
	}
	live := []workflow.Pull{
		pull(1, "h1", "main", now.Add(time.Minute)),     // only talked about
		pull(2, "x2", "main", now.Add(time.Minute)),     // pushed
		pull(3, "h3", "next", now.Add(time.Minute)),     // another base
		pull(4, "h4", "main", now),                      // never found out
		pull(5, "x5", "main", now.Add(-time.Hour)),      // the list is older than what we know
		pull(7, "h7", "main", now),                      // new
		elsewhere(pull(8, "h8", "main", now), 2, ""),    // the App was installed again
		elsewhere(pull(9, "h9", "main", now), 0, "new"), // the repository was renamed
		pull(10, "h10", "main", now),                    // ready within the second in which it became a draft
		draft(pull(11, "h11", "main", now)),             // the other way round
		moved(pull(12, "h12", "main", now)),             // pushes to the base tell of that
	}
	type asked struct {
		Number int
		Kind   workflow.RequestKind
		Key    string
	}
	var got []asked
	for _, r := range unknown(live, known, now) {
		got = append(got, asked{r.Number, r.Kind, r.Key})
	}
	want := []asked{
		{2, workflow.RequestPull, "found:100#2:x2:main:2026-11-21T10:31:00Z:2026112110"},
		{3, workflow.RequestPull, "found:100#3:h3:next:2026-11-21T10:31:00Z:2026112110"},
		{4, workflow.RequestPull, "found:100#4:h4:main:9"},
		{6, workflow.RequestClosed, "gone:100#6:h6:2026112110"},
		{7, workflow.RequestPull, "found:100#7:h7:main:2026-11-21T10:30:00Z:2026112110"},
		{8, workflow.RequestPull, "found:100#8:h8:main:2:/:2026112110"},
		{9, workflow.RequestPull, "found:100#9:h9:main:0:/new:2026112110"},
		{10, workflow.RequestPull, "found:100#10:h10:main:draft false:2026-11-21T10:30:00Z:2026112110"},
		{11, workflow.RequestFacts, "found:100#11:h11:main:draft true:2026-11-21T10:30:00Z:2026112110"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("requests differ (-want +got):\n%s", diff)
	}
}

// Whatever fact of a pull that is listed changed, it is asked for, and without an end of the hour only once.
func TestUnknownKnowsEveryFact(t *testing.T) {
	now := time.Date(2026, 11, 21, 10, 30, 0, 0, time.UTC)
	old := workflow.Pull{Repo: workflow.Repo{ID: 100, Owner: "acme", Name: "infra"}, Number: 7, Title: "A title",
		State: workflow.PullOpen, UpdatedAt: now,
		Author: workflow.Actor{ID: 3, Login: "ada"}, Head: workflow.Ref{Ref: "feature", SHA: "h"},
		Base: workflow.Ref{Ref: "main", SHA: "b"}}
	untold := []string{"Repo.ID", "Number", "State", "Base.SHA", "UpdatedAt"} // another pull, one that is not listed, what a list does not know
	live := old
	vary.Each(t, &live, func(fact string) {
		asked := unknown([]workflow.Pull{live}, []workflow.PullRecord{{Pull: old, Known: true}}, now)
		if slices.Contains(untold, fact) {
			return
		}
		if len(asked) != 1 || asked[0].Number != 7 || asked[0].Kind == workflow.RequestClosed {
			t.Errorf("%s changed, and asked is %+v", fact, asked)
		}
	})
	live.Title = "Another title"
	first := unknown([]workflow.Pull{live}, []workflow.PullRecord{{Pull: old, Known: true}}, now)
	live.UpdatedAt = now.Add(time.Hour)
	later := unknown([]workflow.Pull{live}, []workflow.PullRecord{{Pull: old, Known: true}}, now.Add(2*time.Hour))
	if first[0].Kind != workflow.RequestFacts || first[0].Key != later[0].Key {
		t.Errorf("a title is asked for as %s %s, later %s", first[0].Kind, first[0].Key, later[0].Key)
	}
}
