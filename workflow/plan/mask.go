package plan

import (
	"encoding/json"
	"maps"
	"slices"
	"sort"
	"strings"

	"github.com/cardea-iac/cardea/workflow"
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

// masker knows the secrets of one plan. It masks values and text of others,
// never what is structure: addresses, names, types, and sentences of ours. A
// change can call anything sensitive, and would hide what it does behind that.
type masker struct {
	exact  map[string]bool
	within *strings.Replacer
	all    []string                 // distinct, longest first
	given  func(text string) string // Input.Redact
}

// masks returns two maskers: that of what is hashed, which does not depend on what
// else is in the tree, and that of what people read: without what the repository itself
// says to whoever can read it, which is no secret however it is marked elsewhere.
func (p *Proposal) masks(redact func(text string) string) (sealing, shown *masker) {
	public := Leaves(p.Public...)
	c := secretCollector{found: Leaves(p.Secrets...), public: public}
	p.sides(func(s Side) { c.side(s.Value, s.Sensitive) })
	sealing = maskerOf(c.found, escaped)
	said, left := Leaves(p.Said...), map[string]bool{}
	for _, s := range sealing.all {
		if !public[s] && !said[s] {
			left[s] = true
		}
	}
	if p.Says != nil {
		for s := range p.Says(slices.Sorted(maps.Keys(left))) {
			delete(left, s)
		}
	}
	shown = maskerOf(left, inTexts)
	if redact != nil {
		shown.given = redact
	}
	return sealing, shown
}

// maskerOf knows these secrets, and in a longer text each in other forms, too.
func maskerOf(found map[string]bool, forms func(s string) []string) *masker {
	m := &masker{exact: map[string]bool{}, given: func(text string) string { return text }}
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
		for _, form := range forms(s) {
			pairs = append(pairs, form, sensitiveText)
		}
	}
	m.within = strings.NewReplacer(pairs...)
	return m
}

// escaped is a text as it stands in our JSON, where that is another one. Hashes are made of what that masks.
func escaped(s string) []string {
	if form := canonical(s); form[1:len(form)-1] != s {
		return []string{form[1 : len(form)-1]}
	}
	return nil
}

// How deep a text is looked for in JSON that is a text in JSON, and up to which size.
const (
	textDepth = 3
	textDeep  = 1 << 10
)

// inTexts are a text as it stands in JSON, which may escape more than it has to, and in JSON that is a text in such.
func inTexts(s string) (forms []string) {
	level := []string{s}
	for depth := 0; depth < textDepth && (depth == 0 || len(s) <= textDeep); depth++ {
		var next []string
		for _, text := range level {
			html, err := json.Marshal(text)
			if err != nil {
				panic(err) // a text always encodes
			}
			for _, form := range append(escaped(text), string(html[1:len(html)-1])) {
				if form != s && !slices.Contains(forms, form) {
					forms, next = append(forms, form), append(next, form)
				}
			}
		}
		level = next
	}
	return forms
}

// text returns s with every known secret in it masked.
func (m *masker) text(s string) string {
	if m.exact[s] {
		return sensitiveText
	}
	return m.given(m.within.Replace(s))
}

// address masks credentials in the keys of an address. Sensitive values of the plan
// are not looked for: no engine lets one of them be a key, and a change could hide what
// it touches behind one that it made up.
func (m *masker) address(address string) string { return workflow.WithKeys(address, m.given) }

// covers reports whether something of a value without marks is masked.
func (m *masker) covers(v any) bool {
	return v != nil && canonical(m.tree(v, nil)) != canonical(v)
}

// hides reports whether a leaf equals or contains a known secret.
func (m *masker) hides(v any) bool {
	switch v := v.(type) {
	case string:
		return m.text(v) != v
	case json.Number:
		return m.exact[v.String()]
	}
	return false
}

// tree returns a copy of v in which what is marked, or known as a secret, is masked.
func (m *masker) tree(v, marks any) any {
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
