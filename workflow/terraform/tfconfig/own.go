package tfconfig

import (
	"path"
	"slices"
	"sort"

	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/cardea-iac/cardea/workflow"
)

// Own is what only this engine reads of a module: what its Private is.
type Own struct {
	// Named are its module calls, sorted by name: local ones, fetched ones and computed ones.
	Named []ModuleCall
	// Backend is its own backend or cloud block, nil without one.
	Backend *Backend
	// ProviderConfig is a hash of its provider and required_providers blocks, "" without any.
	ProviderConfig string
	// Required are the source addresses of its required_providers, as written, sorted.
	Required []string
	// Wanted are its required_version settings, in the order of its files.
	Wanted []Wanted
	// Pins are the version files that hold where it is a project, by tool.
	Pins map[string]Wanted
	// Unsafe are module sources that must not be fetched (absolute, file://); each refuses the projects that reach it.
	Unsafe []workflow.Diagnostic
	// Readings are the module by tool, where the tools read other files of the directory; nil
	// where both read the same. The module itself is then what either tool reads, all together;
	// a tool that is not among them reads no file here.
	Readings map[string]workflow.Module
}

// ModuleCall is one module block.
type ModuleCall struct {
	Name string `json:"name"`
	// Dir is the directory of a local module, "" of one that is fetched or computed.
	Dir string `json:"dir,omitempty"`
	// Computed: its source is an expression, so what it calls is not known.
	Computed bool `json:"computed,omitempty"`
}

// Backend is where a root module keeps its state, as far as the configuration says.
type Backend struct {
	Type       string            // "s3", "http", "local", "cloud", ...
	Attributes map[string]string // literal attributes only, flattened with "."
	Computed   []string          // attributes that are not literal, so that Attributes lack them
	// expressions are what computed ones are made from, where that is known.
	expressions map[string]hclsyntax.Expression
	// Hash is of the block's text without comments; it covers attributes that are not literal.
	Hash     string
	Position workflow.Position
}

// ownOf is what we read of a module beside what all may know; never nil.
func ownOf(m workflow.Module) *Own {
	if o, ok := m.Private.(*Own); ok {
		return o
	}
	return &Own{}
}

// has gives a module what is ours, and what of that all may know.
func has(m *workflow.Module, o Own) {
	if o.Named != nil || o.Backend != nil || o.ProviderConfig != "" || o.Required != nil || o.Unsafe != nil ||
		o.Readings != nil || o.Wanted != nil || o.Pins != nil {
		m.Private = &o
	}
	m.KeepsState = o.Backend != nil
	m.SaysWhich = o.Backend != nil && len(o.Backend.Attributes)+len(o.Backend.Computed) > 0
}

// as is a directory's module as one tool reads it; "" is what either tool reads, all together.
func as(d workflow.Discovery, tool, dir string) (workflow.Module, bool) {
	m, ok := d.Modules[dir]
	readings := ownOf(m).Readings
	if readings == nil || tool == "" {
		return m, ok
	}
	m, ok = readings[tool]
	return m, ok
}

// closure returns the module directories that a project's directory reaches through local
// calls and those of its tests, without itself, sorted, as one tool reads them.
func closure(d workflow.Discovery, tool, dir string) []string {
	dir = path.Clean(dir)
	seen := map[string]bool{dir: true}
	todo := []string{dir}
	var out []string
	for len(todo) > 0 {
		m, _ := as(d, tool, todo[0])
		calls := m.Calls
		if todo[0] == dir {
			calls = slices.Concat(calls, m.Tests)
		}
		todo = todo[1:]
		for _, c := range calls {
			if !seen[c] {
				seen[c] = true
				out = append(out, c)
				todo = append(todo, c)
			}
		}
	}
	sort.Strings(out)
	return out
}

// computedPaths returns the files of the code of a project's directory and its module closure
// with paths that the code does not tell, sorted.
func computedPaths(d workflow.Discovery, dir string) []string {
	out := slices.Clone(d.Modules[dir].InputPaths)
	for _, module := range append([]string{dir}, closure(d, "", dir)...) {
		out = append(out, d.Modules[module].ComputedFor(dir)...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}
