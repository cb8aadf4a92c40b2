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

import "sync/atomic"

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
	options Options
	nodes   *cache[*node]   // by git tree id
	modules *cache[*module] // by the names and ids of a directory's files
	configs *cache[*backendConfig]
	matches *cache[string] // hashes of what computed paths may lead to, by tree id and path
	plain   *cache[string] // by git tree id: what plainFiles found
	// listings are the names of all files of a tree, by tree id.
	listings *cache[[]string]
	rendered *cache[*paths] // what templates read, by their ids
	parsed   atomic.Int64   // directories parsed, not found in a cache
}

// The caches hold about 100,000 directories each: some 100 MB at the worst.
const cachedDirectories = 100_000

// cachedNames bounds the listings of trees: some 50 MB at the worst, but for one larger tree.
const cachedNames = 500_000

// New returns an engine with empty caches.
func New(o Options) *Engine {
	return &Engine{options: o, nodes: newCache[*node](cachedDirectories), modules: newCache[*module](cachedDirectories), configs: newCache[*backendConfig](cachedDirectories),
		matches: newCache[string](cachedDirectories), plain: newCache[string](cachedDirectories), listings: newCache[[]string](cachedNames), rendered: newCache[*paths](cachedDirectories)}
}
