package survey

import (
	"slices"

	"github.com/cardea-iac/cardea/workflow"
)

// Hidden compares what a project's plan is made from on the base branch and in the
// planned tree, and names what changed without showing in a plan. base is nil for a
// project that base does not have: all that it brings is new.
func Hidden(base, planned *workflow.Inputs) []workflow.HiddenEffect {
	if planned == nil {
		return nil
	}
	var was []workflow.Facet
	if base != nil {
		was = base.Facets
	}
	var out []workflow.HiddenEffect
	tell := func(f workflow.Facet, text string) {
		out = append(out, workflow.HiddenEffect{Kind: f.Kind, Address: f.Address, Text: text})
	}
	for _, f := range planned.Facets {
		switch before := hashIn(was, f); {
		case before == f.Hash && !f.Always, f.Hash == "" && f.Always:
		case f.Hash == "":
			tell(f, gone(f))
		case f.New != "" && (before == "" || f.Always):
			tell(f, f.New)
		case before == "":
			tell(f, f.What+" is new")
		case before == f.Hash:
			tell(f, f.What+" is there")
		default:
			tell(f, f.What+" changes")
		}
	}
	for _, f := range was {
		isIt := func(now workflow.Facet) bool { return sameFacet(f, now) }
		if f.Hash != "" && !f.Always && !slices.ContainsFunc(planned.Facets, isIt) {
			tell(f, gone(f))
		}
	}
	return out
}

func gone(f workflow.Facet) string {
	if f.Gone != "" {
		return f.Gone
	}
	return f.What + " is removed"
}

func sameFacet(f, g workflow.Facet) bool {
	return f.Kind == g.Kind && f.Address == g.Address && f.What == g.What
}

// hashIn is that of the facet in a list, "" where it is not there.
func hashIn(list []workflow.Facet, f workflow.Facet) string {
	for _, g := range list {
		if sameFacet(f, g) {
			return g.Hash
		}
	}
	return ""
}
