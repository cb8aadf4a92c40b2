package tfconfig

import (
	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/workflow"
)

// facets are what a plan's changes do not show of what it is made from: hashes, "" where there is
// no such thing, and the module calls whose source is an expression.
type facets struct {
	lockFile, providerConfig, backend string
	computed                          []string // "`module.NAME` in `DIR`"
}

// of are the facets as the rest of the house has them. providers are those that the lock file holds.
func (f facets) of(providers []string) []workflow.Facet {
	out := []workflow.Facet{
		{Kind: "lock_file", What: "the dependency lock file `" + LockFile + "`", Hash: f.lockFile},
		{Kind: "provider_config", What: "the provider configuration", Hash: f.providerConfig},
		{Kind: "backend", What: "the backend configuration", Hash: f.backend},
	}
	for _, p := range providers {
		name := phrase.CodeSpan(p)
		out = append(out, workflow.Facet{Kind: "provider", Address: p, Hash: "locked",
			New: "the provider " + name + " is new in the lock file", Gone: "the provider " + name + " is gone from the lock file"})
	}
	for _, c := range f.computed {
		out = append(out, workflow.Facet{Kind: "module_source", What: c, Hash: "computed", Always: true,
			New: "the source of " + c + " is computed: any file of the repository may be the module"})
	}
	return out
}
