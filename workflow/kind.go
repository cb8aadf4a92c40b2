package workflow

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/cardea-iac/cardea/internal/phrase"
)

// Kind is what the rest of the house may know of an engine.
type Kind struct {
	Name  string // as configuration and records have it: "terraform"
	Title string // as sentences have it: "Terraform"
	// Keys are those of an entry in `.cardea.yml` that this engine brings, in the order in which
	// they are kept; VariantKey is the one that says the project's variant: without a name, all
	// projects have the default one. None has the name of a key that entries or projects have anyway.
	Keys       []Key
	VariantKey Key
	// Shown reports by its name whether a file is one whose whole meaning stands in a plan; nil: none is.
	Shown func(file string) bool
	// Reads reports by its name whether the engine's tools read a file unasked where it lies; nil: none.
	Reads func(file string) bool
	// UnitSettings reports by its name whether a file is of a sort that units of a nested layout
	// ([Unit.Nested]) include; nil: none is.
	UnitSettings func(file string) bool
	// Rescue are the files that an apply may leave in the project's directory of its workspace
	// because nothing else holds what is in them: they are kept, whatever became of the apply.
	Rescue []string
	// Planted are the names that a tree must not bring into a workspace.
	Planted []Planted
	// Env are the variables, as KEY=value, that its tools need in the environment of each run, the
	// same names whatever the run is: they win over the credentials'. Nil: none.
	Env func(files RunFiles, server json.RawMessage) []string
	// Steers are the variables, or with "_" at the end their beginnings, that would change what its
	// tools do: no credential may bring one.
	Steers []string
}

// Shows reports whether a file's whole meaning stands in a plan.
func (k Kind) Shows(file string) bool { return k.Shown != nil && k.Shown(file) }

// ReadsUnasked reports whether the engine's tools read a file because it is there.
func (k Kind) ReadsUnasked(file string) bool { return k.Reads != nil && k.Reads(file) }

// Planted is a name that a tree must not bring into a workspace, where it could take the place of
// a program, of a plan or of a state.
type Planted struct {
	Name string // of a file or directory, wherever it lies; "*.x" is every name that ends with ".x"
	Dir  bool   // only a directory, or a symlink in the place of one
	Why  string // the end of a sentence: "it can hold providers"
}

// Match reports whether it is meant by a name, of a directory or not.
func (p Planted) Match(name string, dir bool) bool {
	if p.Dir && !dir {
		return false
	}
	if suffix, any := strings.CutPrefix(p.Name, "*"); any {
		return strings.HasSuffix(name, suffix)
	}
	return name == p.Name
}

// Kinds are those of all engines that there are.
type Kinds []Kind

// Default is the engine of an entry that names none: the first one.
func (k Kinds) Default() Kind { return k[0] }

// Of is the kind of a project's engine; of one that is not there it has the name alone.
func (k Kinds) Of(p Project) Kind {
	for _, kind := range k {
		if kind.Name == p.Engine {
			return kind
		}
	}
	return Kind{Name: p.Engine, Title: p.Engine}
}

// ReadUnasked reports whether a file is read by the tools of one of the engines because it is there.
func (k Kinds) ReadUnasked(file string) bool {
	return slices.ContainsFunc(k, func(kind Kind) bool { return kind.ReadsUnasked(file) })
}

// UnitSettings reports whether a file is of a sort that units of some engine's layouts include.
func (k Kinds) UnitSettings(file string) bool {
	return slices.ContainsFunc(k, func(kind Kind) bool { return kind.UnitSettings != nil && kind.UnitSettings(file) })
}

// VariantTitle is what sentences call a project's variant, whichever its engine is.
func (k Kinds) VariantTitle() string {
	var titles []string
	for _, kind := range k {
		if kind.VariantKey.Title != "" {
			titles = append(titles, kind.VariantKey.Title)
		}
	}
	return phrase.OrWord(phrase.OrList(titles), "variant")
}
