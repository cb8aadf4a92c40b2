// Package terraform is the engine for Terraform and OpenTofu.
//
// What it says of a tree is what package tfconfig reads in it. Plan and Apply run
// terraform, and only inside a runner (package workflow/run): the runner's
// environment is what terraform gets, its main thread is the one that starts
// terraform, and it, not a context, interrupts terraform. Success is a saved plan
// that parses, never an exit code alone.
//
// Providers come from a mirror that runs only read. A provider that is missing
// there is fetched once, whoever needs it, and put in whole or not at all.
package terraform

import "github.com/cardea-iac/cardea/workflow/terraform/tfconfig"

// Options are what an Engine may be told. The zero value is right for the server.
type Options struct {
	// ReleasesURL is where terraform itself is downloaded from, "" HashiCorp's own site.
	ReleasesURL string
	// OpenTofu is where that one is downloaded from.
	OpenTofu OpenTofuReleases
	// Tool is the server's: terraform, tofu, or auto ("" too).
	Tool string
}

// Engine implements workflow.Engine for Terraform and OpenTofu. Safe for concurrent use.
type Engine struct {
	*tfconfig.Reader
	options Options
}

// New returns an engine that has read nothing yet.
func New(o Options) *Engine { return &Engine{Reader: tfconfig.New(o.Tool), options: o} }
