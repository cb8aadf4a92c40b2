package plan

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"sort"
	"strconv"
	"strings"
)

// The versions of what is hashed: a new rule needs a new number, so that no
// approval is carried from one rule to the other.
const (
	changesHashVersion = 2
	fingerprintVersion = 3
)

// variantKey is what a variant was called when approvals were first bound to one. The
// name is hashed: another one would be another fingerprint of the same plan.
const variantKey = "terraform_workspace"

// fingerprint is the keyed hash of what a plan would do and where: what an
// approval names. "" without a key.
func (h hasher) fingerprint(in Input, tool, changes string, where map[string]any) string {
	if len(h.key) == 0 {
		return ""
	}
	key := in.Project.Key()
	what := map[string]any{
		"version": fingerprintVersion, "repo": in.RepoID, "dir": key.Dir, variantKey: in.Project.VariantOrDefault(),
		"state": in.States.Canonical(), "tool": tool, "changes": changes, "providers": where,
		"destroy": in.Options.Destroy, "refresh_only": in.Options.RefreshOnly,
		"targets": sortedSet(in.Options.Targets), "replaces": sortedSet(in.Options.Replaces),
	}
	if key.Entry != "" { // what was hashed before there were any stays the same
		what["variant"] = key.Entry
	}
	return keyed(h.key, "fingerprint", canonical(what))
}

// where are the settings that say where the objects are, as they are hashed.
func (h hasher) where(settings map[string]Side) map[string]any {
	out := make(map[string]any, len(settings))
	for name, s := range settings {
		if s.Sensitive == true {
			out[name] = h.seal(s.Value)
		} else {
			out[name] = h.sealed(s)
		}
	}
	return out
}

func sortedSet(list []string) []string {
	out := slices.Clone(list)
	sort.Strings(out)
	return slices.Compact(out)
}

// keyed is an HMAC under the repository's key; purpose keeps its uses apart.
func keyed(key []byte, purpose, text string) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("cardea " + purpose + "\n" + text))
	return hex.EncodeToString(mac.Sum(nil))
}

// proposal is the changes hash: the SHA-256 of what a plan would do, whatever project
// it is of; and whether there was nothing to hash.
func (h hasher) proposal(p Proposal, refreshOnly bool) (hash string, nothing bool) {
	parts := map[string]any{}
	put := func(key string, list []any) {
		if len(list) > 0 {
			parts[key] = list
		}
	}
	put("resources", h.changes(p.Objects))
	put("outputs", h.changes(p.Outputs))
	put("deferred", h.sealedList(p.Deferred))
	put("actions", h.invocations(p.Invocations))
	if refreshOnly {
		put("drift", h.changes(p.Drift))
	}
	for name, s := range p.Extra {
		parts["other:"+name] = h.sealed(s)
	}
	nothing = len(parts) == 0
	parts["version"] = changesHashVersion
	sum := sha256.Sum256(appendCanonical(nil, parts))
	return hex.EncodeToString(sum[:]), nothing
}

// hasher turns changes into canonical values in which every sensitive leaf is
// replaced by its HMAC. The result is public: grouping and approvals show it.
type hasher struct {
	mask *masker
	key  []byte
}

func (h hasher) changes(list []Proposed) []any {
	var out []any
	for _, c := range list {
		if c.Counts() {
			out = append(out, h.change(c))
		}
	}
	return out
}

func (h hasher) change(c Proposed) map[string]any {
	out := map[string]any{"address": c.Address, "actions": c.Actions, "leaves": h.differing(c)}
	for key, s := range map[string]string{
		"previous_address": c.Previous, "deposed": c.Deposed, "mode": c.Mode, "type": c.Type,
		"provider": c.Provider, "provider_config": c.ProviderConfig,
	} {
		if s != "" {
			out[key] = s
		}
	}
	if c.Importing.Value != nil {
		out["importing"] = h.sealed(c.Importing)
	}
	if c.Extra.Value != nil {
		out["extra"] = h.sealed(c.Extra)
	}
	if len(c.Replace) > 0 {
		paths := make([]string, len(c.Replace))
		for i, p := range c.Replace {
			paths[i] = canonical(p)
		}
		out["replace_paths"] = sortedSet(paths) // a set: its order means nothing
	}
	if slices.Contains(c.Actions, "delete") || slices.Contains(c.Actions, "forget") {
		out["before"] = h.identity(c.Before)
	}
	return out
}

// differing lists [path, before, after] of the leaves that the change is about.
// What is known after apply is a token, whatever was there before. The old value
// belongs to the others: from 2 to 3 and from 10 to 3 are different acts.
func (h hasher) differing(c Proposed) []any {
	if c.Does("no-op") || c.Does("delete") || c.Does("forget") {
		return []any{}
	}
	before, after := map[string]any{}, map[string]any{}
	h.leaves(before, "", c.Before)
	h.leaves(after, "", c.After)
	out := []any{}
	for _, p := range sortedKeys(before, after) {
		switch b, a := before[p], after[p]; {
		case a == unknownToken:
			out = append(out, []any{p, nil, a})
		case a != b:
			out = append(out, []any{p, b, a})
		}
	}
	return out
}

// identity is what names the object that goes: its id, or without one every leaf.
func (h hasher) identity(s Side) any {
	out := map[string]any{}
	if m, ok := s.Value.(map[string]any); ok && m["id"] != nil && !s.Marked() {
		h.leaves(out, "/id", s.Key("id"))
	} else {
		h.leaves(out, "", s)
	}
	return out
}

// Leaves are hashed by path and token: its canonical JSON, which never begins
// with one of these.
const (
	unknownToken    = "?"
	sensitivePrefix = "#"
)

// leaves puts every leaf of s into out by its path: a JSON pointer, in which a
// list's index is written "~i0" so that it cannot be taken for an object's key.
// A missing attribute and a null one are the same; in a list null counts.
func (h hasher) leaves(out map[string]any, path string, s Side) {
	object, list, size := s.shape()
	switch {
	case s.absent():
	case s.wholeUnknown():
		out[path] = unknownToken
	case s.Marked() || h.mask.hides(s.Value):
		out[path] = h.seal(s.Value)
	case object:
		keys := s.keys()
		if len(keys) == 0 {
			out[path] = "{}"
		}
		for k := range keys {
			h.leaves(out, path+"/"+pointerKey.Replace(k), s.Key(k))
		}
	case list:
		if size == 0 {
			out[path] = "[]"
		}
		for i := range size {
			at := path + "/~i" + strconv.Itoa(i)
			if e := s.Index(i); e.absent() {
				out[at] = "null"
			} else {
				h.leaves(out, at, e)
			}
		}
	default:
		out[path] = canonical(s.Value)
	}
}

var pointerKey = strings.NewReplacer("~", "~0", "/", "~1")

// seal is what stands for a sensitive leaf. Without a key nothing may: a plain
// hash of a short secret can be guessed.
func (h hasher) seal(v any) string {
	if len(h.key) == 0 {
		return sensitivePrefix
	}
	return sensitivePrefix + keyed(h.key, "leaf", canonical(v))
}

// sealed copies a part of the plan that is hashed whole, with its sensitive
// leaves sealed: those that are marked, and known secrets.
func (h hasher) sealed(s Side) any {
	if s.Marked() || h.mask.hides(s.Value) {
		return map[string]any{"\x00sensitive": h.seal(s.Value)}
	}
	switch v := s.Value.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for k := range v {
			out[k] = h.sealed(s.Key(k))
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = h.sealed(s.Index(i))
		}
		return out
	}
	return s.Value
}

func (h hasher) sealedList(list []Side) []any {
	out := make([]any, len(list))
	for i, s := range list {
		out[i] = h.sealed(s)
	}
	return out
}

func (h hasher) invocations(list []Proposed) []any {
	out := make([]any, len(list))
	for i, c := range list {
		if c.Whole != nil {
			out[i] = h.sealed(*c.Whole)
		} else {
			out[i] = h.change(c)
		}
	}
	return out
}
