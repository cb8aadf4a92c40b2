package plan

import (
	"encoding/json"
	"strings"
)

// secretCollector finds the secrets of a plan.
type secretCollector struct{ found, public map[string]bool }

// side takes what is marked. What anybody can read in the repository is no secret
// because of the company it keeps: a block's "0.0.0.0/0" would then be hidden
// wherever it stands, from those who must see it.
func (c secretCollector) side(v, marks any) {
	if !AnyMark(marks) {
		return
	}
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
			addLeaves(c.found, v)
		}
	}
}

// company takes the leaves of a list or object that is marked as a whole.
func (c secretCollector) company(v any) {
	for s := range Leaves(v) {
		if !c.public[s] {
			c.found[s] = true
		}
	}
}

// Leaves are the strings and numbers in some values; of a string that is itself a
// JSON document also what is in it, since one decodes a secret to use it.
func Leaves(values ...any) map[string]bool {
	found := map[string]bool{}
	for _, v := range values {
		addLeaves(found, v)
	}
	return found
}

func addLeaves(found map[string]bool, v any) {
	switch v := v.(type) {
	case map[string]any:
		for _, e := range v {
			addLeaves(found, e)
		}
	case []any:
		for _, e := range v {
			addLeaves(found, e)
		}
	case json.Number:
		found[v.String()] = true
	case string:
		found[v] = true
		found[strings.TrimSpace(v)] = true
		if inner := embeddedJSON(v); inner != nil {
			addLeaves(found, inner)
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
