package plan

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/cardea-iac/cardea/workflow"
)

// Proposal is what an engine would do, with every value in the clear: it lives only
// in the memory of the runner, and only until the plan is made of it.
type Proposal struct {
	// Objects are what an apply would create, change and remove; Drift what changed
	// outside; both in any order. Outputs are the values of its own that the project
	// gives to others, in any order. Invocations run beside the changes, in this order.
	Objects, Drift, Outputs, Invocations []Proposed
	// Deferred is left for a later plan. Extra are parts of the engine's plan, by name,
	// that nobody here understands. Both are hashed whole, so that a plan that is
	// understood in part never passes for another.
	Deferred []Side
	Extra    map[string]Side
	// Where are the settings, by name, that say where the objects are: an account, a
	// region. They are in the fingerprint and in no changes hash.
	Where map[string]Side

	// Secrets are values of which every part is secret wherever it stands. So is what is
	// marked in the sides of a Proposal, in Marked too: sides that are not shown themselves.
	Secrets []any
	Marked  []Side
	// Public is what the configuration says in plain words. Nothing of it is a secret
	// because of the company it keeps: one sensitive value in a set marks all of the set.
	Public []any
	// Said, and those texts that Says finds (nil: nobody looks), are said elsewhere in the
	// repository. Whoever reads the plan can read them there, so that like Public they are not
	// masked where nothing marks them. With a key, hashes do not depend on it: there they stay sealed.
	Said []any
	Says func(texts []string) map[string]bool

	// Sentences and bounds of the plan, as workflow.Plan has them. In sentences, what
	// credentials say is masked already.
	Hidden   []workflow.HiddenEffect
	Late     string
	Fetched  workflow.Fetched
	Named    []workflow.Exact
	Notes    []string
	Checks   []Check
	Warnings []workflow.Diagnostic

	// NoChanges says that there is nothing to apply, and Empty, as a sentence, what else
	// people must know then. Both count only where the Proposal has nothing to hash.
	NoChanges bool
	Empty     string

	State             workflow.StateVersion // what it was made from
	Tool, ToolVersion string
}

// Proposed is what would be done to one object, or what an output or an invocation is.
type Proposed struct {
	// Address names the object, Previous is its address before a move. A key that stands
	// in brackets and quotes is data; what else is in an address are names of the configuration.
	Address, Previous string
	Deposed           string // the key of an object that waits for its removal, beside the one that took its address
	Mode, Type        string
	Provider          string
	// ProviderConfig is which of the provider's configurations it goes through: the same
	// change in another account is another change. DefaultConfig: it is the one that people
	// expect, hashed as any other but not shown.
	ProviderConfig string
	DefaultConfig  bool
	Reason         string // why, in words: "because it is tainted"
	// Actions are what is done, in this order: those of workflow.Action that change one
	// object, alone or as the two halves of a replacement; others are shown as they are called.
	Actions       []string
	Before, After Side
	Replace       []any // paths that force the replacement: lists of keys and indices
	// Importing is what says which object is imported, hashed whole; no value: none is.
	// ImportID is what people read of it: a text as it is, everything else as JSON.
	Importing, ImportID Side
	Extra               Side // what nobody here understands, hashed whole
	// Whole is hashed in the place of all else of an invocation, where the engine has a form of its own for it.
	Whole *Side
}

// Check is a condition of the configuration that does not hold.
type Check struct {
	Address  string
	Problems []string // what it says; secrets are masked in it
}

// Does reports whether the actions are exactly these, in this order.
func (c Proposed) Does(actions ...string) bool { return slices.Equal(c.Actions, actions) }

// Counts reports whether the change is something that an apply would do: a
// no-op counts when it moves or imports, reading never does.
func (c Proposed) Counts() bool {
	switch {
	case c.Does("no-op"):
		return c.Previous != "" || c.Importing.Value != nil
	case c.Does("read"):
		return false
	}
	return true
}

// Order is the order of changes in a plan: by address, then by deposed key.
func Order(a, b Proposed) int {
	return cmp.Or(cmp.Compare(a.Address, b.Address), cmp.Compare(a.Deposed, b.Deposed))
}

// settle puts the changes in order and refuses those that do not say what is done to what.
func (p *Proposal) settle() error {
	for _, list := range []*[]Proposed{&p.Objects, &p.Drift, &p.Outputs} {
		for _, c := range *list {
			switch {
			case c.Address == "":
				return errors.New("a change of the plan has no address")
			case len(c.Actions) == 0:
				return fmt.Errorf("%s of the plan has no actions", c.Address)
			}
		}
		*list = slices.Clone(*list)
		slices.SortStableFunc(*list, Order)
	}
	return nil
}

// sides calls do for every side of the proposal.
func (p *Proposal) sides(do func(Side)) {
	for _, list := range [][]Proposed{p.Objects, p.Drift, p.Outputs, p.Invocations} {
		for _, c := range list {
			for _, s := range []Side{c.Before, c.After, c.Importing, c.Extra} {
				do(s)
			}
			if c.Whole != nil {
				do(*c.Whole)
			}
		}
	}
	for _, list := range [][]Side{p.Deferred, p.Marked} {
		for _, s := range list {
			do(s)
		}
	}
	for _, parts := range []map[string]Side{p.Extra, p.Where} {
		for _, s := range parts {
			do(s)
		}
	}
}
