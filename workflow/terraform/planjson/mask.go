package planjson

import (
	"encoding/json"
	"maps"
	"slices"
	"sort"
	"strings"
)

// What stands in the place of values that are not shown.
const (
	sensitiveText = "(sensitive value)"
	unknownText   = "(known after apply)"
)

// Marks do not survive through attributes that a provider computes: a secret
// that went into one comes out of the state unmarked. Therefore an unmarked leaf
// is masked too when it equals a known secret of at least secretEqual bytes, and
// the part of a longer text that is a secret of at least secretWithin bytes.
// Shorter ones would hide half of every plan. secretLeast is the shortest that
// the log redactor is told.
const (
	secretLeast  = 4
	secretEqual  = 6
	secretWithin = 8
)

// sensitivePairs are the keys of the plan's JSON that hold a value and, beside
// it, its marks: in changes, in states, in outputs and variables, in action invocations.
var sensitivePairs = map[string]string{
	"before": "before_sensitive", "after": "after_sensitive",
	"values": "sensitive_values", "value": "sensitive", "default": "sensitive",
	"config_values": "config_sensitive",
}

// isMarked reports whether a value is sensitive (or unknown) as a whole. Where
// the marks do not have the value's shape we cannot say which part they mean,
// so all of it is. size is the list's length, unknown elements included; object
// says that the value is one.
func isMarked(marks any, object bool, size int) bool {
	switch m := marks.(type) {
	case nil:
		return false
	case bool:
		return m
	case map[string]any:
		return !object && anyMark(m)
	case []any:
		return size != len(m) && anyMark(m)
	}
	return true
}

// anyMark reports whether any part is marked.
func anyMark(marks any) bool {
	switch m := marks.(type) {
	case nil:
		return false
	case bool:
		return m
	case map[string]any:
		for _, e := range m {
			if anyMark(e) {
				return true
			}
		}
		return false
	case []any:
		return slices.ContainsFunc(m, anyMark)
	}
	return true
}

// valueMarked is isMarked for a value without unknown parts.
func valueMarked(marks, v any) bool {
	_, object := v.(map[string]any)
	size := -1
	if l, ok := v.([]any); ok {
		size = len(l)
	}
	return isMarked(marks, object, size)
}

// markKey and markIndex go one step down in marks that have the value's shape.
func markKey(marks any, key string) any {
	m, _ := marks.(map[string]any)
	return m[key]
}

func markIndex(marks any, i int) any {
	if l, _ := marks.([]any); i < len(l) {
		return l[i]
	}
	return nil
}

// planMasker knows the secrets of one plan. It masks values and text of others,
// never what is structure: addresses, names, types, and sentences of ours. A
// change can call anything sensitive, and would hide what it does behind that.
type planMasker struct {
	exact   map[string]bool
	within  *strings.Replacer
	all     []string // distinct, longest first
	written map[string]bool
	given   func(text string) string // Input.Redact
}

// newPlanMasker collects every sensitive leaf of the plan: marked ones wherever
// they stand, and root variables that the configuration calls sensitive. It is
// what hashes are made with: they do not depend on what else is in the tree.
func newPlanMasker(doc *planDoc) *planMasker {
	config, _ := doc.top["configuration"].(map[string]any)
	c := secretCollector{found: map[string]bool{}, written: map[string]bool{}}
	c.literals(config)
	c.marked(doc.top)
	root, _ := config["root_module"].(map[string]any)
	declared, _ := root["variables"].(map[string]any)
	values, _ := doc.top["variables"].(map[string]any)
	for name, v := range values {
		if d, _ := declared[name].(map[string]any); d["sensitive"] == true {
			c.leaves(v)
		}
	}
	m := maskerOf(c.found)
	m.written = c.written
	c.defaults(config)
	return m
}

// shown is the masker of what people read: without what the repository itself
// says to whoever can read it, which is no secret however it is marked elsewhere.
func (m *planMasker) shown(in Input) *planMasker {
	left := map[string]bool{}
	for _, s := range m.all {
		if !m.written[s] {
			left[s] = true
		}
	}
	if in.Written.Says != nil {
		for s := range in.Written.Says(slices.Sorted(maps.Keys(left))) {
			delete(left, s)
		}
	}
	out := maskerOf(left)
	out.written = m.written
	if in.Redact != nil {
		out.given = in.Redact
	}
	return out
}

func maskerOf(found map[string]bool) *planMasker {
	m := &planMasker{exact: map[string]bool{}, given: func(text string) string { return text }}
	for s := range found {
		if len(s) >= secretLeast && s != "true" && s != "false" && s != "null" {
			m.all = append(m.all, s)
		}
		if len(s) >= secretEqual {
			m.exact[s] = true
		}
	}
	sort.Slice(m.all, func(i, j int) bool {
		if len(m.all[i]) != len(m.all[j]) {
			return len(m.all[i]) > len(m.all[j])
		}
		return m.all[i] < m.all[j]
	})
	var pairs []string
	for _, s := range m.all { // longest first: where two match, the Replacer takes the earlier
		if len(s) < secretWithin {
			continue
		}
		pairs = append(pairs, s, sensitiveText)
		if escaped := canonical(s); escaped[1:len(escaped)-1] != s {
			pairs = append(pairs, escaped[1:len(escaped)-1], sensitiveText)
		}
	}
	m.within = strings.NewReplacer(pairs...)
	return m
}

// text returns s with every known secret in it masked.
func (m *planMasker) text(s string) string {
	if m.exact[s] {
		return sensitiveText
	}
	return m.given(m.within.Replace(s))
}

// covers reports whether something of a value without marks is masked.
func (m *planMasker) covers(v any) bool {
	return v != nil && canonical(m.tree(v, nil)) != canonical(v)
}

// hides reports whether a leaf equals or contains a known secret.
func (m *planMasker) hides(v any) bool {
	switch v := v.(type) {
	case string:
		return m.text(v) != v
	case json.Number:
		return m.exact[v.String()]
	}
	return false
}

// tree returns a copy of v in which what is marked, or known as a secret, is masked.
func (m *planMasker) tree(v, marks any) any {
	if v != nil && valueMarked(marks, v) {
		return sensitiveText
	}
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			out[m.text(k)] = m.tree(e, markKey(marks, k))
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = m.tree(e, markIndex(marks, i))
		}
		return out
	case string:
		return m.text(v)
	case json.Number:
		if m.exact[v.String()] {
			return sensitiveText
		}
	}
	return v
}

// secretCollector finds the secrets of a plan.
type secretCollector struct {
	found map[string]bool
	// written are the literals of the configuration. One sensitive value in a set
	// marks all of the set, and a block's "0.0.0.0/0" would then be hidden wherever
	// it stands, from those who must see it: what anybody can read in the
	// repository is no secret because of the company it keeps.
	written map[string]bool
}

// literals collects what the configuration's expressions say in plain text.
func (c secretCollector) literals(v any) {
	switch v := v.(type) {
	case map[string]any:
		for key, e := range v {
			if key == "constant_value" {
				(secretCollector{found: c.written}).leaves(e)
			} else {
				c.literals(e)
			}
		}
	case []any:
		for _, e := range v {
			c.literals(e)
		}
	}
}

// defaults collects what variables of any module are when nobody sets them.
func (c secretCollector) defaults(v any) {
	m, _ := v.(map[string]any)
	for key, e := range m {
		if key != "variables" {
			c.defaults(e)
			continue
		}
		declared, _ := e.(map[string]any)
		for _, d := range declared {
			d, _ := d.(map[string]any)
			(secretCollector{found: c.written}).leaves(d["default"])
		}
	}
}

// marked walks any part of the plan for values whose marks stand beside them.
func (c secretCollector) marked(v any) {
	switch v := v.(type) {
	case map[string]any:
		for key, e := range v {
			if pair := sensitivePairs[key]; pair != "" {
				c.side(e, v[pair])
			}
			c.marked(e)
		}
	case []any:
		for _, e := range v {
			c.marked(e)
		}
	}
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
