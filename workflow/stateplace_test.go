package workflow

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestMayBeOneState(t *testing.T) {
	place := func(realm string, parts ...string) string {
		p := StatePlace{Realm: realm}
		for _, part := range parts {
			p.Parts = append(p.Parts, PlacePart{Sort: PartSort(part[0]), Value: part[1:]})
		}
		return p.Identity()
	}
	for _, tt := range []struct {
		name, a, b    string
		maybe, surely bool
	}{
		{"nothing known", "", "", false, false},
		{"nothing known of one", "", place("r", "=a"), false, false},
		{"the same", place("r", "=a", "~h"), place("r", "=a", "~h"), true, true},
		{"another host", place("r", "=a", "~h"), place("r", "=a", "~g"), true, false},
		{"another name", place("r", "=a", "~h"), place("r", "=b", "~h"), false, false},
		{"another realm", place("r", "=a"), place("s", "=a"), false, false},
		{"any realm", place("r", "=a"), place(AnyRealm, "?x"), true, false},
		{"an unknown part", place("r", "=a", "?x"), place("r", "=a", "=b"), true, false},
		{"the same unknown part", place("r", "=a", "?x"), place("r", "=a", "?x"), true, false},
		{"an unknown part and another name", place("r", "=a", "?x"), place("r", "=b", "=b"), false, false},
		{"a given part", place("r", "$"), place("r", "=b"), true, false},
		{"two given parts", place("r", "$"), place("r", "$"), true, false},
		{"a default", place("r", "$d"), place("r", "$d"), true, true},
		{"a default and another", place("r", "$d"), place("r", "=e"), true, false},
		{"of before there were places", "0123abcd", "0123abcd", true, true},
		{"of before, and a place", "0123abcd", place(AnyRealm, "?x"), false, false},
	} {
		if got := MayBeOneState(tt.a, tt.b); got != tt.maybe || got != MayBeOneState(tt.b, tt.a) {
			t.Errorf("%s: got %v that they may be one", tt.name, got)
		}
		if got := isOneState(tt.a, tt.b); got != tt.surely {
			t.Errorf("%s: got %v that they surely are one", tt.name, got)
		}
	}
}

// TestStateWaits: what may be one state is worked on by one run at a time, in one repository.
func TestStateWaits(t *testing.T) {
	run := func(id string, repo int64, state KeptState) Run {
		return Run{ID: id, Kind: RunPlan, Repo: Repo{ID: repo}, Project: Project{Name: id, Dir: id}, StateIdentity: state.Identity, Lineage: state.Lineage}
	}
	applied := func(r Run) Run { r.Kind = RunApply; return r }
	unknown, known := "r:?1,=b", "r:=a,=b"
	for name, tt := range map[string]struct {
		queued Run
		waits  bool
	}{
		"may be it":                      {applied(run("x", 1, KeptState{Identity: known})), true},
		"may be it, elsewhere":           {applied(run("x", 2, KeptState{Identity: known})), false},
		"may be it, and none writes":     {run("x", 1, KeptState{Identity: known}), false},
		"is another one":                 {applied(run("x", 1, KeptState{Identity: "r:=a,=c"})), false},
		"has the lineage":                {run("x", 1, KeptState{Identity: "r:=a,=c", Lineage: "l"}), true},
		"has the lineage, elsewhere":     {run("x", 2, KeptState{Identity: "r:=a,=c", Lineage: "l"}), false},
		"does not say which state it is": {run("x", 1, KeptState{}), false},
	} {
		d := NextRun([]Run{tt.queued}, []Run{run("busy", 1, KeptState{Identity: unknown, Lineage: "l"})}, time.Now(), 0)
		if d.Found == tt.waits {
			t.Errorf("%s: got %+v", name, d)
		}
	}
}

// TestSharingBound: a thousand projects that nothing tells apart are a few names and
// every rule that any of them brings.
func TestSharingBound(t *testing.T) {
	k := &keepers{found: true, index: map[string]int{}}
	const many = 1000
	for i := range many {
		k.note("pg:$,$", Project{Name: fmt.Sprintf("p%03d", i), Dir: fmt.Sprint(i), Environment: fmt.Sprint("e", i/(many/30))})
	}
	s := Survey{states: k}
	r := Run{Project: Project{Name: "p000", Dir: "0"}, StateIdentity: "pg:$,$"}
	if err := s.share(t.Context(), &r); err != nil {
		t.Fatal(err)
	}
	environments := map[string]bool{}
	for _, p := range r.Sharing {
		environments[p.Environment] = true
	}
	if len(environments) != 31 || len(r.Sharing) > 60 || len(r.LikeState.Names) != maxTold || r.LikeState.More != many-1-maxTold {
		t.Errorf("got %d environments, %d projects, %d names and %d more", len(environments), len(r.Sharing), len(r.LikeState.Names), r.LikeState.More)
	}
}

// TestPlacesNeverContradict: to hide a part never makes two places another two.
func TestPlacesNeverContradict(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := func(label string) StatePlace {
			p := StatePlace{Realm: rapid.SampledFrom([]string{"r", "s"}).Draw(t, label)}
			for range 2 {
				sort := rapid.SampledFrom([]PartSort{PartKnown, PartAddress, PartGiven, PartUnknown}).Draw(t, label)
				p.Parts = append(p.Parts, PlacePart{Sort: sort, Value: rapid.SampledFrom([]string{"a", "b", ""}).Draw(t, label)})
			}
			return p
		}
		a, b := draw("a"), draw("b")
		before := MayBeOneState(a.Identity(), b.Identity())
		i := rapid.IntRange(0, 1).Draw(t, "hidden")
		a.Parts[i] = PlacePart{Sort: PartUnknown, Value: "?"}
		if before && !MayBeOneState(a.Identity(), b.Identity()) {
			t.Errorf("%v and %v are told apart by what is not known", a, b)
		}
	})
}
