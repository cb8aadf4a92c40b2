package workflow

import (
	"testing"

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
		if got := IsOneState(tt.a, tt.b); got != tt.surely {
			t.Errorf("%s: got %v that they surely are one", tt.name, got)
		}
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
