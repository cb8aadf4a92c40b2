// Package terraform is the engine for Terraform and OpenTofu.
//
// It has two halves. Discover and Inputs only read: they parse a tree's files
// with HCL's own parser, never with terraform, so that nothing of a pull runs
// while the server finds out what the pull affects. They know the few blocks
// that say where state lives and which files a project is made from, and let
// everything else pass, so that syntax of a newer Terraform or of OpenTofu is
// no fault.
//
// Plan runs terraform, and only inside a runner (package workflow/run): the
// runner's environment is what terraform gets, its main thread is the one that
// starts terraform, and it, not a context, interrupts terraform. Success is a
// saved plan that parses, never an exit code alone.
//
// Providers come from a mirror that runs only read. A provider that is missing
// there is fetched once, whoever needs it, and put in whole or not at all.
package terraform

// Options are what an Engine may be told. The zero value is right for the server.
type Options struct {
	// Upstream is the body of the provider_installation block for providers that
	// our mirror lacks; "" means `direct {}`, their registries.
	Upstream string
	// ReleasesURL is where terraform itself is downloaded from, "" HashiCorp's own site.
	ReleasesURL string
	// Tool is the server's: terraform, tofu, or auto ("" too).
	Tool string
}

// Engine implements workflow.Engine for Terraform and OpenTofu. Safe for concurrent use.
type Engine struct {
	*Reader
	options Options
}

// New returns an engine that has read nothing yet.
func New(o Options) *Engine { return &Engine{Reader: newReader(o.Tool), options: o} }
