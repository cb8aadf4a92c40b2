package planjson

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

// fingerprint is the keyed hash of what a plan would do and where: what an
// approval names. "" without a key.
func fingerprint(in Input, changes string, providers map[string]any) string {
	if len(in.Key) == 0 {
		return ""
	}
	key := in.Project.Key()
	what := map[string]any{
		"version": fingerprintVersion, "repo": in.RepoID, "dir": key.Dir, "terraform_workspace": in.Project.VariantOrDefault(),
		"state": in.StateIdentity, "tool": in.Tool, "changes": changes, "providers": providers,
		"destroy": in.Options.Destroy, "refresh_only": in.Options.RefreshOnly,
		"targets": sortedSet(in.Options.Targets), "replaces": sortedSet(in.Options.Replaces),
	}
	if key.Entry != "" { // what was hashed before there were any stays the same
		what["variant"] = key.Entry
	}
	return keyed(in.Key, "fingerprint", canonical(what))
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

// changesHash is the SHA-256 of what a plan would do, whatever project it is of
// (architecture §6), and whether there was nothing to hash.
func changesHash(doc *planDoc, mask *planMasker, in Input) (hash string, nothing bool) {
	h := hasher{mask: mask, key: in.Key, via: doc.via}
	parts := map[string]any{}
	put := func(key string, list []any) {
		if len(list) > 0 {
			parts[key] = list
		}
	}
	put("resources", h.changes(doc.resources))
	put("outputs", h.changes(doc.outputs))
	put("deferred", h.sealedList(doc.deferred))
	put("actions", h.sealedList(doc.invocations))
	if in.Options.RefreshOnly {
		put("drift", h.changes(doc.drift))
	}
	for _, key := range unknownParts(doc.top) {
		parts["other:"+key] = h.sealed(doc.top[key], nil)
	}
	nothing = len(parts) == 0
	parts["version"] = changesHashVersion
	sum := sha256.Sum256(appendCanonical(nil, parts))
	return hex.EncodeToString(sum[:]), nothing
}

// unknownParts are the top-level keys that we do not know and that say something, sorted.
func unknownParts(top map[string]any) []string {
	var out []string
	for _, key := range sortedKeys(top) {
		if !slices.Contains(planKeysLeftOut, key) && !slices.Contains(planKeysRead, key) && !emptyJSON(top[key]) {
			out = append(out, key)
		}
	}
	return out
}

// emptyJSON reports whether a value says nothing: a newer tool's empty list is no change.
func emptyJSON(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case []any:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0
	}
	return false
}

// hasher turns changes into canonical values in which every sensitive leaf is
// replaced by its HMAC. The result is public: grouping and approvals show it.
type hasher struct {
	mask *planMasker
	key  []byte
	// via is which configuration of its provider a resource uses: the same change in
	// another account or region is another change.
	via func(address string) string
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
	for key, s := range map[string]string{"previous_address": c.Previous, "deposed": c.Deposed, "mode": c.Mode, "type": c.Type, "provider": c.Provider,
		"provider_config": h.via(c.Address)} {
		if s != "" {
			out[key] = s
		}
	}
	if c.Importing != nil {
		out["importing"] = h.sealed(c.Importing, nil)
	}
	if len(c.Extra) > 0 {
		out["extra"] = h.sealed(c.Extra, nil)
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
// leaves sealed: those whose marks stand beside them, and known secrets.
func (h hasher) sealed(v, marks any) any {
	if v != nil && valueMarked(marks, v) || h.mask.hides(v) {
		return map[string]any{"\x00sensitive": h.seal(v)}
	}
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			m := markKey(marks, k)
			if pair := sensitivePairs[k]; pair != "" && v[pair] != nil {
				m = v[pair]
			}
			out[k] = h.sealed(e, m)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = h.sealed(e, markIndex(marks, i))
		}
		return out
	}
	return v
}

func (h hasher) sealedList(list []any) []any {
	out := make([]any, len(list))
	for i, v := range list {
		out[i] = h.sealed(v, nil)
	}
	return out
}
