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
