package workflow

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

// OnStateOf reports whether another run is on the state of this one. One that only may
// be is in the way where one of the two writes, and not of another repository: of
// its other states nobody here knows.
func (r Run) OnStateOf(other Run) bool {
	switch {
	case r.States.Surely(other.States):
		return true
	case r.Repo.ID != other.Repo.ID:
		return false
	case r.Lineage != "" && r.Lineage == other.Lineage:
		return true
	}
	return (r.Kind == RunApply || other.Kind == RunApply) && r.States.MayBe(other.States)
}

// Ruled is a project as far as rules are about it.
func Ruled(p Project) Project {
	return Project{Name: p.Name, Dir: p.Dir, Variant: p.Variant, Entry: p.Entry, Environment: p.Environment,
		HeadEnvironment: p.HeadEnvironment, Neighbours: p.Neighbours, Strictest: p.Strictest, Require: p.Require}
}

// RulesOf is what decides which rules hold for a project.
func RulesOf(p Project) string {
	return fmt.Sprintf("%q %q %q %v %q", p.Environment, p.HeadEnvironment, p.Neighbours, p.Strictest, p.Require)
}

// StatePlace is where a state is, taken apart: what the name of one of [States] is made from.
type StatePlace struct {
	// Realm is the kind of place. States of different realms are different ones; a
	// place of AnyRealm may be anywhere.
	Realm string
	Parts []PlacePart // as many, in the same order, for every place of a realm
}

// AnyRealm is the realm of a place of which nothing is known.
const AnyRealm = "*"

// PlacePart is one part of a place's name.
type PlacePart struct {
	Sort  PartSort
	Value string
}

// PartSort says what a part can tell apart.
type PartSort byte

// The sorts of a part.
const (
	PartKnown   PartSort = '=' // two different values are two states
	PartAddress PartSort = '~' // one host has many names, so two different values may be one
	PartGiven   PartSort = '$' // the run's environment may give it; the value is its default, "" without one
	PartUnknown PartSort = '?' // nobody can tell; the value is what the configuration says instead
)

// Identity is the place's name as it is kept: each part hashed, so that it reveals nothing of
// the configuration.
func (p StatePlace) Identity() string {
	out := make([]string, len(p.Parts))
	for i, part := range p.Parts {
		out[i] = string(part.Sort)
		if part.Value != "" || part.Sort != PartGiven {
			sum := sha256.Sum256([]byte(part.Value))
			out[i] += hex.EncodeToString(sum[:16])
		}
	}
	return p.Realm + ":" + strings.Join(out, ",")
}

// PlacedState is such a name taken apart again; parts are nil for one that is no place's.
type PlacedState struct {
	identity, realm string
	parts           []string
}

// ParsePlace takes a state identity apart.
func ParsePlace(identity string) PlacedState {
	p := PlacedState{identity: identity}
	realm, parts, ok := strings.Cut(identity, ":")
	if !ok || realm == "" {
		return p
	}
	list := strings.Split(parts, ",")
	for _, part := range list {
		if part == "" || !strings.ContainsRune("=~$?", rune(part[0])) {
			return p
		}
	}
	p.realm, p.parts = realm, list
	return p
}

// MayBeOne reports whether two places may be one: whether nothing tells them apart.
func (p PlacedState) MayBeOne(q PlacedState) bool {
	switch {
	case p.identity == "" || q.identity == "":
		return false
	case p.identity == q.identity:
		return true
	case p.parts == nil || q.parts == nil:
		return false
	case p.realm == AnyRealm || q.realm == AnyRealm:
		return true
	case p.realm != q.realm || len(p.parts) != len(q.parts):
		return false
	}
	for i := range p.parts {
		if p.parts[i] != q.parts[i] && p.parts[i][0] == byte(PartKnown) && q.parts[i][0] == byte(PartKnown) {
			return false
		}
	}
	return true
}

// MayBeOneState reports whether two state identities may be one state, as far as
// they can be told apart at all. "" is no state.
func MayBeOneState(a, b string) bool { return ParsePlace(a).MayBeOne(ParsePlace(b)) }

// IsOneState reports whether two state identities surely are one state.
func IsOneState(a, b string) bool { return a != "" && a == b && !PlaceUnknown(a) && !placeGiven(a) }

// PlaceUnknown reports whether the configuration does not say which state it is,
// so that the strictest rules hold.
func PlaceUnknown(identity string) bool {
	return slices.ContainsFunc(ParsePlace(identity).parts, func(part string) bool { return part[0] == byte(PartUnknown) })
}

// placeGiven reports whether a part comes from the run's environment and has no default.
func placeGiven(identity string) bool {
	return slices.Contains(ParsePlace(identity).parts, string(PartGiven))
}

// KeptState is what a project keeps: its states by their places, none where they are not
// known, and the lineage that its state has itself, "" where that is not known.
type KeptState struct {
	States  States
	Lineage string
}

// Keeps is what a run is on.
func (r Run) Keeps() KeptState { return KeptState{States: r.States, Lineage: r.Lineage} }

// MayBe reports whether a state of the one may be a state of the other.
func (s KeptState) MayBe(other KeptState) bool {
	return s.States.MayBe(other.States) || s.Lineage != "" && s.Lineage == other.Lineage
}

// Lineage is what is on record of one state of a repository by the name that the
// state has itself: who keeps it, whatever their configurations call it.
type Lineage struct {
	RepoID  int64  `json:"repo_id"`
	Lineage string `json:"lineage"`
	// Projects are those of a base that planned from it, and those that applied to it,
	// each once, as far as rules are about them, as they were the last time.
	Projects []Project `json:"projects"`
}

// With is the record with one more project in it, or with it as it is now, and
// whether that changes anything.
func (l Lineage) With(p Project) (Lineage, bool) {
	p = Ruled(p)
	i := slices.IndexFunc(l.Projects, func(have Project) bool { return have.Key() == p.Key() })
	switch {
	case i < 0:
		l.Projects = append(slices.Clone(l.Projects), p)
	case l.Projects[i].Name == p.Name && RulesOf(l.Projects[i]) == RulesOf(p):
		return l, false
	default:
		l.Projects = slices.Clone(l.Projects)
		l.Projects[i] = p
	}
	return l, true
}
