package workflow

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/cardea-iac/cardea/internal/phrase"
)

// Exact is a text that decides whether two things are the same: a digest, or a name. It has a
// type of its own so that nothing that blanks the secrets of a plan touches it: two names
// must not become one.
type Exact string

// Fetched is what a plan or an apply runs that is in no tree: what init brought, and
// what the plan itself made. The zero value says that nobody knows.
type Fetched struct {
	Tool      Exact            `json:"tool,omitempty"`      // "terraform 1.11.4"
	Modules   map[string]Exact `json:"modules,omitempty"`   // by "module.a.module.b": a digest of all files
	Providers map[string]Exact `json:"providers,omitempty"` // by source address: version and a digest of its checksums
	// Made are files and directories that strings of the plan name and that no tree has
	// as they are, by path relative to the root: digests of their content.
	Made map[string]Exact `json:"made,omitempty"`
}

// Differs says, as part of a sentence, in what it is not the same as before; "" when
// it is. What nobody knows is never the same.
func (f Fetched) Differs(was Fetched) string {
	if f.Tool == "" || was.Tool == "" {
		return "it is not known which modules and providers the two were made with"
	}
	if f.Tool != was.Tool {
		return fmt.Sprintf("it was made with %s, not %s", f.Tool, was.Tool)
	}
	for _, part := range []struct {
		was, now         map[string]Exact
		other, new, gone string
	}{
		{was.Modules, f.Modules, "the source of %s now has other files", "%s is now fetched", "%s is no longer fetched"},
		{was.Providers, f.Providers, "the provider %s has changed", "the provider %s is now used", "the provider %s is no longer used"},
		{was.Made, f.Made, "%s, which the plan makes, has changed", "%s is now made by the plan", "%s is no longer made by the plan"},
	} {
		for _, name := range slices.Sorted(maps.Keys(part.now)) {
			before, had := part.was[name]
			switch now := part.now[name]; {
			case !had:
				return fmt.Sprintf(part.new, phrase.Name(name))
			case before != now:
				return fmt.Sprintf(part.other, phrase.Name(name)) + versions(before, now)
			}
		}
		for _, name := range slices.Sorted(maps.Keys(part.was)) {
			if _, has := part.now[name]; !has {
				return fmt.Sprintf(part.gone, phrase.Name(name))
			}
		}
	}
	return ""
}

// versions says which versions two providers have, where those differ.
func versions(was, now Exact) string {
	before, _, a := strings.Cut(string(was), " ")
	after, _, b := strings.Cut(string(now), " ")
	if !a || !b || before == after {
		return ""
	}
	return fmt.Sprintf(" (now %s, was %s)", after, before)
}
