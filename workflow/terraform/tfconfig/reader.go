// Package tfconfig reads the configuration of Terraform and OpenTofu in a tree: which
// directories have some, and what the plan of a project there is made from.
//
// It parses files with HCL's own parser, never with terraform, so that nothing of
// a pull runs while the server finds out what the pull affects. It knows the few
// blocks that say where state lives and which files a project is made from, and
// lets everything else pass, so that syntax of a newer Terraform or of OpenTofu is
// no fault. What `init` makes of the same files is compared with this reading
// before anything is planned or applied.
package tfconfig

import (
	"sync/atomic"

	"github.com/cardea-iac/cardea/workflow/terraform/early"
)

// Reader reads trees and remembers what it read. Safe for concurrent use.
type Reader struct {
	tool    string          // the server's: terraform, tofu, or auto ("" too)
	nodes   *cache[*node]   // by git tree id
	modules *cache[*module] // by the names and ids of a directory's files
	configs *cache[*backendConfig]
	codes   *cache[*early.Code] // by the names and ids of a directory's files
	matches *cache[string]      // hashes of what computed paths may lead to, by tree id and path
	plain   *cache[string]      // by git tree id: what plainFiles found
	// listings are the names of all files of a tree, by tree id.
	listings *cache[[]string]
	rendered *cache[*paths] // what templates read, by their ids
	parsed   atomic.Int64   // directories parsed, not found in a cache
}

// The caches hold about 100,000 directories each: some 100 MB at the worst.
const cachedDirectories = 100_000

// cachedNames bounds the listings of trees: some 50 MB at the worst, but for one larger tree.
const cachedNames = 500_000

// New returns a reader with empty caches for a server whose tool is given.
func New(tool string) *Reader {
	return &Reader{tool: tool, nodes: newCache[*node](cachedDirectories), modules: newCache[*module](cachedDirectories), configs: newCache[*backendConfig](cachedDirectories), codes: newCache[*early.Code](cachedDirectories),
		matches: newCache[string](cachedDirectories), plain: newCache[string](cachedDirectories), listings: newCache[[]string](cachedNames), rendered: newCache[*paths](cachedDirectories)}
}
