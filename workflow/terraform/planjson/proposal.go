package planjson

import "slices"

// Proposed is one entry of resource_changes, resource_drift or output_changes.
type Proposed struct {
	Address, Previous, Deposed string
	Mode, Type, Provider       string
	Reason                     string
	Actions                    []string
	Before, After              Side
	Importing                  map[string]any
	Replace                    []any
	Extra                      map[string]any // keys that we do not know
}

// does reports whether the actions are exactly these, in this order.
func (c Proposed) Does(actions ...string) bool { return slices.Equal(c.Actions, actions) }

// counts reports whether the change is something that an apply would do: a
// no-op counts when it moves or imports, reading a data source never does.
func (c Proposed) Counts() bool {
	switch {
	case c.Does("no-op"):
		return c.Previous != "" || c.Importing != nil
	case c.Does("read"):
		return false
	}
	return true
}
