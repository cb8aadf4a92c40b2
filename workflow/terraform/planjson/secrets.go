package planjson

import (
	"encoding/json"
	"strings"
)

// secretCollector finds the secrets of a plan.
type secretCollector struct {
	found map[string]bool
	// written are the literals of the configuration. One sensitive value in a set
	// marks all of the set, and a block's "0.0.0.0/0" would then be hidden wherever
	// it stands, from those who must see it: what anybody can read in the
	// repository is no secret because of the company it keeps.
	written map[string]bool
}

func (c secretCollector) side(v, marks any) {
	whole := valueMarked(marks, v)
	switch v := v.(type) {
	case map[string]any:
		if whole {
			c.company(v)
			return
		}
		for k, e := range v {
			c.side(e, markKey(marks, k))
		}
	case []any:
		if whole {
			c.company(v)
			return
		}
		for i, e := range v {
			c.side(e, markIndex(marks, i))
		}
	default:
		if whole {
			c.leaves(v)
		}
	}
}

// company takes the leaves of a list or object that is marked as a whole.
func (c secretCollector) company(v any) {
	all := secretCollector{found: map[string]bool{}}
	all.leaves(v)
	for s := range all.found {
		if !c.written[s] {
			c.found[s] = true
		}
	}
}

// leaves takes every string and number under v; of a string that is itself a
// JSON document also what is in it, since one decodes a secret to use it.
func (c secretCollector) leaves(v any) {
	switch v := v.(type) {
	case map[string]any:
		for _, e := range v {
			c.leaves(e)
		}
	case []any:
		for _, e := range v {
			c.leaves(e)
		}
	case json.Number:
		c.found[v.String()] = true
	case string:
		c.found[v] = true
		c.found[strings.TrimSpace(v)] = true
		if inner := embeddedJSON(v); inner != nil {
			c.leaves(inner)
		}
	}
}

// embeddedJSON returns the object or list that a string holds as JSON text, nil when it holds none.
func embeddedJSON(s string) any {
	t := strings.TrimSpace(s)
	if len(t) < 2 || !(t[0] == '{' && t[len(t)-1] == '}' || t[0] == '[' && t[len(t)-1] == ']') {
		return nil
	}
	dec := json.NewDecoder(strings.NewReader(t))
	dec.UseNumber()
	var v any
	if dec.Decode(&v) != nil || dec.InputOffset() != int64(len(t)) {
		return nil
	}
	return v
}
