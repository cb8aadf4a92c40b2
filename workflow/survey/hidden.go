package survey

import (
	"slices"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/workflow"
)

// Hidden compares what a project's plan is made from on the base
// branch and in the planned tree, and names what changed without showing in a
// plan: lock file, providers, provider configuration, backend. base is nil for a
// project that base does not have: all that it brings is new.
func Hidden(base, planned *workflow.Inputs) []workflow.HiddenEffect {
	if planned == nil {
		return nil
	}
	was := workflow.Inputs{}
	if base != nil {
		was = *base
	}
	var out []workflow.HiddenEffect
	for _, c := range []struct{ kind, what, before, after string }{
		{"lock_file", "the dependency lock file `.terraform.lock.hcl`", was.LockFile, planned.LockFile},
		{"provider_config", "the provider configuration", was.ProviderConfig, planned.ProviderConfig},
		{"backend", "the backend configuration", was.BackendConfig, planned.BackendConfig},
	} {
		if c.before == c.after {
			continue
		}
		verb := "changes"
		switch {
		case c.before == "":
			verb = "is new"
		case c.after == "":
			verb = "is removed"
		}
		out = append(out, workflow.HiddenEffect{Kind: c.kind, Text: c.what + " " + verb})
	}
	for _, p := range planned.LockedProviders {
		if !slices.Contains(was.LockedProviders, p) {
			out = append(out, workflow.HiddenEffect{Kind: "provider", Address: p, Text: "the provider " + phrase.CodeSpan(p) + " is new in the lock file"})
		}
	}
	for _, c := range planned.ComputedSources {
		out = append(out, workflow.HiddenEffect{Kind: "module_source", Text: "the source of " + c + " is computed: any file of the repository may be the module"})
	}
	for _, p := range was.LockedProviders {
		if !slices.Contains(planned.LockedProviders, p) {
			out = append(out, workflow.HiddenEffect{Kind: "provider", Address: p, Text: "the provider " + phrase.CodeSpan(p) + " is gone from the lock file"})
		}
	}
	return out
}
