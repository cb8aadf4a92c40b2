package terraform

import (
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/cardea-iac/cardea/workflow"
)

// lockFileName is what a dependency lock file is called.
const lockFileName = ".terraform.lock.hcl"

// lockedProvider is one entry of a dependency lock file.
type lockedProvider struct {
	version string
	hashes  []string // "h1:..." and "zh:..."
}

// parseLockFile reads a .terraform.lock.hcl: provider source address -> entry.
// Positions of diagnostics have no file.
func parseLockFile(data []byte) (map[string]lockedProvider, []workflow.Diagnostic) {
	out := map[string]lockedProvider{}
	f, diags := parseHCL("", data)
	p := newParser()
	p.report(diags)
	if f == nil {
		return out, p.module.diagnostics
	}
	content, _, _ := f.Body.PartialContent(&hcl.BodySchema{Blocks: []hcl.BlockHeaderSchema{{Type: "provider", LabelNames: []string{"address"}}}})
	for _, b := range content.Blocks {
		attrs, _ := b.Body.JustAttributes()
		var l lockedProvider
		if a := attrs["version"]; a != nil {
			l.version, _ = literalString(a.Expr)
		}
		if a := attrs["hashes"]; a != nil {
			v, diags := a.Expr.Value(nil)
			if !diags.HasErrors() && v.CanIterateElements() {
				for it := v.ElementIterator(); it.Next(); {
					_, e := it.Element()
					if h, ok := printed(e); ok {
						l.hashes = append(l.hashes, h)
					}
				}
			}
		}
		out[b.Labels[0]] = l
	}
	return out, p.module.diagnostics
}

// platformHashes are the checksums of packages as they are installed. Those of
// archives are in a lock file only where it was made with the registry, and the
// same package without them is the same one.
func (l lockedProvider) platformHashes() []string {
	installed := slices.DeleteFunc(slices.Clone(l.hashes), func(h string) bool { return !strings.HasPrefix(h, "h1:") })
	if len(installed) == 0 {
		installed = slices.Clone(l.hashes)
	}
	slices.Sort(installed)
	return installed
}
