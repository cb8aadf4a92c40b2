package tfconfig

import (
	"encoding/json"
	"fmt"
)

// Expected is what `init` will make of a project, by what Cardea read of its files. The
// runner compares: whatever init finds that Cardea did not read ends the run before it plans.
type Expected struct {
	// Tool is what will run, "" where either tool reads the same; OfTofu says that files
	// are read that only OpenTofu knows.
	Tool   string `json:"tool,omitempty"`
	OfTofu bool   `json:"of_tofu,omitempty"`
	// Calls are the module calls of every directory that is reached, the project's first.
	Calls []CallsOf `json:"calls,omitempty"`
	// Backend is its type, State by attribute a hash of what names the state; Partial: not
	// all of that is literal.
	Backend string            `json:"backend,omitempty"`
	State   map[string]string `json:"state,omitempty"`
	Partial bool              `json:"partial,omitempty"`
	// Early are the computed sources that were worked out, by module ("a.b"): the directory, "" of one
	// that is fetched. Evaluated: what the backend says was worked out, too.
	Early     map[string]string `json:"early,omitempty"`
	Evaluated bool              `json:"evaluated,omitempty"`
	// Required are what its modules require of the tool's version, its own first; Pinned are the
	// version files that hold, by tool, where its entry names no version.
	Required []Wanted          `json:"required,omitempty"`
	Pinned   map[string]Wanted `json:"pinned,omitempty"`
	// Providers are the source addresses that required_providers name, sorted.
	Providers []string `json:"providers,omitempty"`
}

// CallsOf are the module calls of one directory.
type CallsOf struct {
	Dir   string       `json:"dir"`
	Calls []ModuleCall `json:"calls,omitempty"`
}

// ReadExpected reads what a run has of it; nothing is that nothing was read.
func ReadExpected(data json.RawMessage) (x Expected, err error) {
	if len(data) == 0 {
		return x, nil
	}
	if err = json.Unmarshal(data, &x); err != nil {
		return x, fmt.Errorf("reading what init is expected to make: %w", err)
	}
	return x, nil
}

// JSON is the form in which a run has it; nil where nothing was read.
func (x Expected) JSON() json.RawMessage {
	data, err := json.Marshal(x)
	if err != nil {
		panic(err) // texts always have JSON
	}
	if string(data) == "{}" {
		return nil
	}
	return data
}
