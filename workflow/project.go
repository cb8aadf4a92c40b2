package workflow

import (
	"cmp"
	"encoding/json"
	"fmt"
	"path"
	"strings"

	"github.com/cardea-iac/cardea/internal/phrase"
)

// DefaultVariant is the variant of a project whose entry names none.
const DefaultVariant = "default"

// Project is the unit of plan, lock and apply: a directory, a variant, an entry
// and an engine, with the keys that say how to plan it.
type Project struct {
	// Name is unique in a repository: the configured name, else the directory,
	// plus "/variant" when that is not the default.
	Name string `json:"name"`
	// Dir is a clean slash path relative to the repository's root; "." is the root.
	Dir string `json:"dir"`
	// Variant is the engine's own word that tells projects of one directory apart: to
	// Terraform its workspace. Where it is kept, it has the name of that.
	Variant string `json:"terraform_workspace"`
	// Entry tells projects apart that share directory and variant: the name of the entry
	// of `.cardea.yml` where several entries do, else "". People know it as the project's variant.
	Entry       string `json:"variant,omitempty"`
	Environment string `json:"environment,omitempty"`
	Component   string `json:"component,omitempty"`
	Engine      string `json:"engine"` // the name of its kind

	// Technical keys: head may set them (architecture: who decides).

	// Settings are what the entry says for its engine's own keys ([Kind.Settings]): an object,
	// nil without any. In JSON its members stand behind the engine, among the project's own.
	Settings   json.RawMessage `json:"-"`
	Watch      []string        `json:"watch,omitempty"`       // globs relative to Dir, may start with ../
	DependsOn  []string        `json:"depends_on,omitempty"`  // project names
	WholeTree  bool            `json:"whole_tree,omitempty"`  // `workspace: tree`: also where the server says `workspace: closure`
	NoAutoplan bool            `json:"no_autoplan,omitempty"` // `autoplan: false`

	// Workflow is the one of the server's that it names: base's word, of a new project head's.
	Workflow string `json:"workflow,omitempty"`

	// Library: it was only discovered, has no backend, and nothing calls it. Nobody plans it
	// unless asked to, and then it is refused.
	Library bool `json:"library,omitempty"`

	// Require is what `.cardea.yml` requires besides the server's rule: base's words and head's.
	Require []Requirement `json:"require,omitempty"`

	// HeadEnvironment is the label head asked for where it differs from the one
	// that holds. Shown, never obeyed.
	HeadEnvironment string `json:"head_environment,omitempty"`
	// Neighbours are the environments whose rules hold together for this new project: base has
	// projects of several in its directory, and no entry beside them is a way out of one.
	Neighbours []string `json:"neighbours,omitempty"`
	// Strictest: neither server nor base names the environment of this new project,
	// so what any environment of the repository asks for is asked for here.
	Strictest bool `json:"strictest,omitempty"`
	// Refused says why this project is never planned; empty: it is not refused.
	Refused phrase.Text `json:"refused,omitempty"`
	// Position is where `.cardea.yml` names it, for annotations (zero when discovered).
	Position Position `json:"position,omitzero"`
}

// ProjectKey identifies a project: same directory, variant and entry = same project.
// Without an entry it does so whatever the project is called. There is one engine, so
// that it is not part of the key.
type ProjectKey struct {
	Dir     string `json:"dir"`
	Variant string `json:"terraform_workspace"`
	Entry   string `json:"variant,omitempty"`
}

// Key returns the project's identity.
func (p Project) Key() ProjectKey {
	return ProjectKey{Dir: path.Clean(p.Dir), Variant: p.Variant, Entry: p.Entry}
}

// VariantOrDefault is the project's variant, the default one where it says none.
func (p Project) VariantOrDefault() string { return cmp.Or(p.Variant, DefaultVariant) }

// DefaultName is the name of a project that nothing names.
func (p Project) DefaultName() string {
	if p.VariantOrDefault() == DefaultVariant {
		return p.Dir
	}
	return strings.TrimSuffix(p.Dir, "/") + "/" + p.Variant
}

// Position is a place in a file of the repository. Line and Column count from 1; 0 = not known.
type Position struct {
	File   string `json:"file,omitempty"`
	Line   int    `json:"line,omitempty"`
	Column int    `json:"column,omitempty"`
}

// Severity of a Diagnostic.
type Severity string

// The severities of diagnostics.
const (
	SeverityError   Severity = "error"
	SeverityWarning Severity = "warning"
)

// Diagnostic is one fault or warning with, where known, its place in the
// repository. Text is already redacted.
type Diagnostic struct {
	Severity Severity `json:"severity"`
	Summary  string   `json:"summary"`
	Detail   string   `json:"detail,omitempty"`
	Position Position `json:"position,omitzero"`
	Address  string   `json:"address,omitempty"` // resource address, where there is one
	Snippet  Snippet  `json:"snippet,omitzero"`  // the source at the position
}

// Snippet is the source that a diagnostic is about.
type Snippet struct {
	Context string `json:"context,omitempty"` // the block that it is in
	Code    string `json:"code,omitempty"`    // whole lines
	Line    int    `json:"line,omitempty"`    // the number of the first
	Values  string `json:"values,omitempty"`  // what is known of the names in it, a line each
}

// Words names the place in a sentence: a line, or the file where all of it is meant.
func (p Position) Words() string {
	if p.Line == 0 {
		return phrase.CodeSpan(p.File)
	}
	return fmt.Sprintf("%s line %d", phrase.CodeSpan(p.File), p.Line)
}

// String is FILE:LINE:COLUMN: what, as compilers print it.
func (d Diagnostic) String() string {
	at := d.Position.File
	if d.Position.Line > 0 {
		at += fmt.Sprintf(":%d:%d", d.Position.Line, d.Position.Column)
	}
	if at == "" {
		return d.Summary
	}
	return at + ": " + d.Summary
}

// Place is a project's key without its entry.
func (p Project) Place() ProjectKey {
	key := p.Key()
	key.Entry = ""
	return key
}

// RepoConfigFile is the name of a repository's configuration, at its root.
const RepoConfigFile = ".cardea.yml"
