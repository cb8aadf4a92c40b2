package planjson

import (
	"fmt"
	"time"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/plan"
)

// Input is everything that a plan is read from.
type Input struct {
	// Raw is what `show -json` of the saved plan printed: Terraform's or OpenTofu's.
	Raw []byte
	// ExitChanges says that the plan exited 2, "there are changes".
	ExitChanges bool
	RepoID      int64
	// Key is the repository's key. Without one (preview) there is no fingerprint,
	// and sensitive values do not go into the changes hash at all.
	Key          []byte
	Project      workflow.Project
	Options      workflow.PlanOptions
	States       workflow.States
	InputsDigest string
	Tool         string // terraform or tofu
	ToolVersion  string
	// BaseProviders are the provider source addresses in the base's lock file.
	BaseProviders []string
	// Hidden are effects found elsewhere (survey.Hidden).
	Hidden []workflow.HiddenEffect
	// Written is what the files of its modules say beyond the JSON.
	Written Written
	// Fetched is what init brought, Unlocked the providers among it that no committed lock file holds.
	Fetched  workflow.Fetched
	Unlocked []string
	// Warnings are what the tool warned of, State is which state the saved plan was made from.
	Warnings []workflow.Diagnostic
	State    workflow.StateVersion
	Now      time.Time
	// Redact hides what credentials say and what looks like a secret. Nil: there is nothing to hide.
	Redact func(text string) string
}

// Read turns a saved plan's JSON into its masked form, as plan.Make does with what
// it proposes; secrets are of the same kind.
//
// An error means that this is not surely a whole, successful plan, and that the
// run failed, whatever terraform exited with.
func Read(in Input) (made *workflow.Plan, secrets []string, err error) {
	doc, err := parsePlan(in.Raw)
	if err != nil {
		return nil, nil, err
	}
	if doc.incomplete && len(in.Options.Targets) == 0 && len(doc.deferred) == 0 {
		return nil, nil, fmt.Errorf("%s says that the plan is not complete", phrase.ToolName(in.Tool))
	}
	return plan.Make(doc.proposal(in), plan.Input{RepoID: in.RepoID, Key: in.Key, Project: in.Project, Options: in.Options,
		States: in.States, InputsDigest: in.InputsDigest, Redact: in.Redact, Now: in.Now})
}

// address masks credentials in the instance keys of an address.
func (in Input) address(address string) string {
	if in.Redact == nil {
		return address
	}
	return workflow.WithKeys(address, in.Redact)
}
