package tfconfig

import (
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/terraform/syntax"
)

// LockFile is what a dependency lock file is called.
const LockFile = ".terraform.lock.hcl"

// LockedProvider is one entry of a dependency lock file.
type LockedProvider struct {
	Version string
	Hashes  []string // "h1:..." and "zh:..."
}

// ParseLockFile reads a .terraform.lock.hcl: provider source address -> entry.
// Positions of diagnostics have no file.
func ParseLockFile(data []byte) (map[string]LockedProvider, []workflow.Diagnostic) {
	out := map[string]LockedProvider{}
	f, diags := syntax.ParseHCL("", data)
	p := newParser()
	p.report(diags)
	if f == nil {
		return out, p.module.diagnostics
	}
	content, _, _ := f.Body.PartialContent(&hcl.BodySchema{Blocks: []hcl.BlockHeaderSchema{{Type: "provider", LabelNames: []string{"address"}}}})
	for _, b := range content.Blocks {
		attrs, _ := b.Body.JustAttributes()
		var l LockedProvider
		if a := attrs["version"]; a != nil {
			l.Version, _ = syntax.Literal(a.Expr)
		}
		if a := attrs["hashes"]; a != nil {
			if v, ok := syntax.Value(a.Expr, nil); ok && v.CanIterateElements() {
				for it := v.ElementIterator(); it.Next(); {
					_, e := it.Element()
					if h, ok := syntax.Printed(e); ok {
						l.Hashes = append(l.Hashes, h)
					}
				}
			}
		}
		out[b.Labels[0]] = l
	}
	return out, p.module.diagnostics
}

// PlatformHashes are the checksums of packages as they are installed. Those of
// archives are in a lock file only where it was made with the registry, and the
// same package without them is the same one.
func (l LockedProvider) PlatformHashes() []string {
	installed := slices.DeleteFunc(slices.Clone(l.Hashes), func(h string) bool { return !strings.HasPrefix(h, "h1:") })
	if len(installed) == 0 {
		installed = slices.Clone(l.Hashes)
	}
	slices.Sort(installed)
	return installed
}
