package workflow

import (
	"fmt"
	"strings"
	"time"
)

// ShortFingerprint is the form people see and type: 12 hex digits.
func ShortFingerprint(fp string) string { return Plan{Fingerprint: fp}.ShortFingerprint() }

// Action is what a plan would do to one address.
type Action string

// The actions of a change. Replace has an order, kept in Change.CreateFirst.
const (
	ActionCreate  Action = "create"
	ActionUpdate  Action = "update"
	ActionDelete  Action = "delete"
	ActionReplace Action = "replace"
	ActionImport  Action = "import" // import with nothing else to do
	ActionMove    Action = "move"   // move with nothing else to do
	ActionForget  Action = "forget"
	ActionRead    Action = "read"
	ActionNoOp    Action = "no-op"
	ActionInvoke  Action = "invoke" // a provider's action that runs beside the changes; Mode is "action"
)

// Counts are a plan's numbers. A replace counts once, as Replace; an import or
// a move that also updates counts as both.
type Counts struct {
	Add      int `json:"add"`
	Change   int `json:"change"`
	Replace  int `json:"replace"`
	Destroy  int `json:"destroy"`
	Import   int `json:"import,omitempty"`
	Move     int `json:"move,omitempty"`
	Forget   int `json:"forget,omitempty"`
	Outputs  int `json:"outputs,omitempty"`
	Actions  int `json:"actions,omitempty"` // action invocations
	Deferred int `json:"deferred,omitempty"`
	Drift    int `json:"drift,omitempty"` // resources that changed outside; only refresh-only plans act on it
}

// Zero reports whether there is nothing to apply. Drift alone is nothing to apply.
func (c Counts) Zero() bool { c.Drift = 0; return c == Counts{} }

// Words are the numbers other than 0: "2 to add, 1 to destroy".
func (c Counts) Words() string {
	var out []string
	for _, n := range []struct {
		count int
		what  string
	}{{c.Add, "to add"}, {c.Change, "to change"}, {c.Replace, "to replace"}, {c.Destroy, "to destroy"}, {c.Import, "to import"}, {c.Move, "to move"}, {c.Forget, "to forget"}} {
		if n.count > 0 {
			out = append(out, fmt.Sprintf("%d %s", n.count, n.what))
		}
	}
	if len(out) == 0 {
		return "only outputs or actions change"
	}
	return strings.Join(out, ", ")
}

// Plus adds two counts.
func (c Counts) Plus(o Counts) Counts {
	return Counts{c.Add + o.Add, c.Change + o.Change, c.Replace + o.Replace, c.Destroy + o.Destroy, c.Import + o.Import, c.Move + o.Move,
		c.Forget + o.Forget, c.Outputs + o.Outputs, c.Actions + o.Actions, c.Deferred + o.Deferred, c.Drift + o.Drift}
}

// Change is one line of a plan, masked: no sensitive value is in it.
type Change struct {
	Address         string      `json:"address"`
	PreviousAddress string      `json:"previous_address,omitempty"`
	Deposed         string      `json:"deposed,omitempty"`
	Mode            string      `json:"mode,omitempty"` // managed, data; "output" for outputs; "action" for invocations
	Type            string      `json:"type,omitempty"`
	Provider        string      `json:"provider,omitempty"`
	ProviderConfig  string      `json:"provider_config,omitempty"` // which of the provider's configurations ("aws.west")
	Action          Action      `json:"action"`
	CreateFirst     bool        `json:"create_first,omitempty"` // replace: create before destroy
	Reason          string      `json:"reason,omitempty"`       // why, in words ("because it is tainted")
	ImportID        string      `json:"import_id,omitempty"`
	Imported        bool        `json:"imported,omitempty"`
	Attributes      []Attribute `json:"attributes,omitempty"`
	Unchanged       int         `json:"unchanged,omitempty"` // leaves left out because they do not change
	Masked          int         `json:"masked,omitempty"`    // values masked because they contain a sensitive one, not by a mark of their own
}

// Mark says what happens to one attribute.
type Mark string

// The marks of an attribute.
const (
	MarkAdd    Mark = "+"
	MarkRemove Mark = "-"
	MarkChange Mark = "~"
	MarkSame   Mark = " " // shown for orientation (an id, a name)
)

// Attribute is one leaf that differs. Before and After are printed JSON values
// (strings quoted), "(sensitive value)", "(known after apply)", or "" when absent.
// Multi-line strings keep their newlines inside the decoded Text fields.
type Attribute struct {
	Path      string `json:"path"` // tags.Name, ingress[0].cidr
	Mark      Mark   `json:"mark"`
	Before    string `json:"before,omitempty"`
	After     string `json:"after,omitempty"`
	Sensitive bool   `json:"sensitive,omitempty"`
	Unknown   bool   `json:"unknown,omitempty"`   // known after apply
	Replaces  bool   `json:"replaces,omitempty"`  // forces replacement
	Multiline bool   `json:"multiline,omitempty"` // Before/After are raw multi-line text, not JSON
	Note      string `json:"note,omitempty"`      // a few words to stand behind the value
}

// HiddenEffect is something a plan does that its changes do not show.
type HiddenEffect struct {
	Kind    string `json:"kind"` // provisioner, action, external_data, http_data, unlocked_provider_data, file, module_source, unlocked_provider, provider, lock_file, provider_config, backend, step
	Address string `json:"address,omitempty"`
	Text    string `json:"text"` // a sentence for people
}

// Plan is the masked result of a successful plan run. It is all that is kept of
// what the engine proposes: the raw form holds secrets and is never stored.
type Plan struct {
	Counts  Counts         `json:"counts"`
	Changes []Change       `json:"changes,omitempty"` // resources, then outputs, then action invocations
	Drift   []Change       `json:"drift,omitempty"`   // changed by others
	Hidden  []HiddenEffect `json:"hidden,omitempty"`
	// Late says, as part of a sentence, what the configuration decides only while the
	// plan is applied, so that neither changes nor fingerprint say it; "" where there is nothing.
	Late     string       `json:"late,omitempty"`
	Warnings []Diagnostic `json:"warnings,omitempty"`
	// Fetched is what it runs that is in no tree. Named are files and directories that its
	// strings seem to name, relative to the root: a change there puts approvals in question.
	Fetched Fetched `json:"fetched,omitzero"`
	Named   []Exact `json:"named,omitempty"`
	// Checks are failed `check` blocks and postconditions, as sentences.
	Checks []string `json:"checks,omitempty"`

	// NoChanges: exit 0 and nothing left to hash (architecture §6).
	NoChanges    bool   `json:"no_changes"`
	ChangesHash  string `json:"changes_hash"`          // hex SHA-256; groups equal plans
	Fingerprint  string `json:"fingerprint,omitempty"` // hex HMAC, "" without a repository key
	InputsDigest string `json:"inputs_digest,omitempty"`
	States       States `json:"state_identity,omitempty"` // hashes; never the backend's configuration itself
	// StateID and StateVersion are those of the state that it was made from.
	StateID      string  `json:"lineage,omitempty"`
	StateVersion Version `json:"serial,omitempty"`

	Tool        string    `json:"tool"` // the engine's program
	ToolVersion string    `json:"tool_version"`
	Notes       []string  `json:"notes,omitempty"` // sentences: stripped files, lock file not committed, ...
	PlannedAt   time.Time `json:"planned_at"`
	// Left is of a plan's brief: what that leaves out.
	Left Left `json:"left,omitzero"`
}

// ShortFingerprint is the form people see and type: 12 hex digits.
func (p Plan) ShortFingerprint() string {
	if len(p.Fingerprint) < 12 {
		return p.Fingerprint
	}
	return p.Fingerprint[:12]
}

// State is the state that the plan was made from.
func (p Plan) State() StateVersion { return StateVersion{ID: p.StateID, Version: p.StateVersion} }
