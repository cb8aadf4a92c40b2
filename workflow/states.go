package workflow

import (
	"encoding/json"
	"slices"
)

// States are the states that a project keeps, each by the name of its place
// ([StatePlace.Identity]), sorted and each once; none where it is not known which they
// are. Where they are kept, one is its name alone.
type States []string

// StatesOf are these states; "" is none.
func StatesOf(identities ...string) States {
	list := slices.DeleteFunc(slices.Clone(identities), func(s string) bool { return s == "" })
	slices.Sort(list)
	return slices.Compact(list)
}

// Surely reports whether one of the states surely is one of others.
func (s States) Surely(others States) bool { return s.anyIs(others, IsOneState) }

// MayBe reports whether one of the states may be one of others.
func (s States) MayBe(others States) bool { return s.anyIs(others, MayBeOneState) }

func (s States) anyIs(others States, same func(a, b string) bool) bool {
	return slices.ContainsFunc(s, func(a string) bool {
		return slices.ContainsFunc(others, func(b string) bool { return same(a, b) })
	})
}

// Are reports whether these surely are the very same states as others.
func (s States) Are(others States) bool {
	unsure := func(a string) bool { return !IsOneState(a, a) }
	return len(s) > 0 && slices.Equal(s, others) && !slices.ContainsFunc(s, unsure)
}

// Places are the states' names taken apart.
func (s States) Places() []PlacedState {
	out := make([]PlacedState, len(s))
	for i, identity := range s {
		out[i] = ParsePlace(identity)
	}
	return out
}

// Unknown reports whether of one of them the configuration does not say which it is, so
// that the strictest rules hold.
func (s States) Unknown() bool { return slices.ContainsFunc(s, PlaceUnknown) }

// Canonical is the value that stands for them in hashes.
func (s States) Canonical() any {
	switch len(s) {
	case 0:
		return ""
	case 1:
		return s[0]
	}
	list := make([]any, len(s))
	for i, identity := range s {
		list[i] = identity
	}
	return list
}

// MarshalJSON writes the name of one alone.
func (s States) MarshalJSON() ([]byte, error) { return json.Marshal(s.Canonical()) }

// UnmarshalJSON reads what MarshalJSON wrote.
func (s *States) UnmarshalJSON(data []byte) error {
	var one string
	if err := json.Unmarshal(data, &one); err == nil {
		*s = StatesOf(one)
		return nil
	}
	var several []string
	if err := json.Unmarshal(data, &several); err != nil {
		return err
	}
	*s = StatesOf(several...)
	return nil
}
