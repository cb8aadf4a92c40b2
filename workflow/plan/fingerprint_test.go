package plan

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/cardea-iac/cardea/workflow"
)

func input() Input {
	return Input{RepoID: 7, Key: []byte("a repository's key"), Project: workflow.Project{Dir: "reading/room"},
		States: workflow.States{"state"}, Now: time.Unix(0, 0).UTC()}
}

func made(t *testing.T, p Proposal, in Input) (*workflow.Plan, []string) {
	t.Helper()
	plan, secrets, err := Make(p, in)
	if err != nil {
		t.Fatal(err)
	}
	return plan, secrets
}

// side is [value, unknown, marks] as JSON; what is not given is nothing.
func side(t *testing.T, parts ...string) Side {
	t.Helper()
	var of [3]any
	for i, text := range parts {
		of[i] = decoded(t, text)
	}
	return Side{of[0], of[1], of[2]}
}

// one is a proposal of one object.
func one(c Proposed) Proposal {
	c.Address, c.Mode, c.Type, c.Provider = "x_y.z", "managed", "x_y", "p"
	return Proposal{Objects: []Proposed{c}}
}

func actions(list ...string) []string { return list }

// TestChangesHash: what is a different plan and what is the same one.
func TestChangesHash(t *testing.T) {
	update := func(before string, after ...string) Proposed {
		return Proposed{Actions: actions("update"), Before: side(t, before), After: side(t, after...)}
	}
	remove := func(before string, list ...string) Proposed {
		return Proposed{Actions: list, Before: side(t, before)}
	}
	create := func(c Proposed) Proposed {
		c.Actions = actions("create")
		return c
	}
	imported := func(id string) Proposed { return Proposed{Actions: actions("no-op"), Importing: side(t, id)} }
	replaced := func(path string) Proposed {
		return Proposed{Actions: actions("delete", "create"), Replace: []any{[]any{path}}}
	}
	for _, c := range []struct {
		name     string
		one, two Proposed
		same     bool
	}{
		{"the old value of a known leaf", update(`{"n":2}`, `{"n":3}`), update(`{"n":10}`, `{"n":3}`), false},
		{"the old value of an unknown leaf", update(`{"n":2,"m":1}`, `{"m":2}`, `{"n":true}`),
			update(`{"n":3,"m":1}`, `{"m":2}`, `{"n":true}`), true},
		{"an unchanged leaf", update(`{"n":2,"m":1}`, `{"n":3,"m":1}`), update(`{"n":2,"m":5}`, `{"n":3,"m":5}`), true},
		{"a number as printed", update(`{"n":2}`, `{"n":1000}`), update(`{"n":2}`, `{"n":1e3}`), false},
		{"a string or a number", update(`{"n":2}`, `{"n":1}`), update(`{"n":2}`, `{"n":"1"}`), false},
		{"a list or an object", update(`{"n":2}`, `{"n":["a"]}`), update(`{"n":2}`, `{"n":{"0":"a"}}`), false},
		{"an object's key with a slash", update(`{"n":2}`, `{"n":{"a/b":1}}`), update(`{"n":2}`, `{"n":{"a":{"b":1}}}`), false},
		{"an object's key like an index", update(`{"n":2}`, `{"n":["a"]}`), update(`{"n":2}`, `{"n":{"~i0":"a"}}`), false},
		{"null at the end of a list", update(`{"n":2}`, `{"n":["a",null]}`), update(`{"n":2}`, `{"n":["a"]}`), false},
		{"unknown or the word for it", update(`{"n":2}`, `{}`, `{"n":true}`), update(`{"n":2}`, `{"n":"?"}`), false},
		{"an empty list or an empty object", update(`{"n":2}`, `{"n":[]}`), update(`{"n":2}`, `{"n":{}}`), false},
		{"the sensitivity of a leaf", update(`{"n":"a"}`, `{"n":"a"}`), update(`{"n":"a"}`, `{"n":"a"}`, `{}`, `{"n":true}`), false},
		{"the order of a replacement", remove(`{"id":"1"}`, "delete", "create"), remove(`{"id":"1"}`, "create", "delete"), false},
		{"another object is deleted", remove(`{"id":"1"}`, "delete"), remove(`{"id":"2"}`, "delete"), false},
		{"a deleted object's other attributes", remove(`{"id":"1","n":1}`, "delete"), remove(`{"id":"1","n":2}`, "delete"), true},
		{"an attribute of a deleted object without id", remove(`{"n":1}`, "delete"), remove(`{"n":2}`, "delete"), false},
		{"delete or forget", remove(`{"id":"1"}`, "delete"), remove(`{"id":"1"}`, "forget"), false},
		{"the id of an import", imported(`{"id":"a"}`), imported(`{"id":"b"}`), false},
		{"a no-op or a look", remove(`{"n":1}`, "no-op"), Proposed{Actions: actions("read"), After: side(t, `{"n":1}`)}, true},
		{"a part that we do not know", create(Proposed{}), create(Proposed{Extra: side(t, `{"new_key":1}`)}), false},
		{"the forced path", replaced("a"), replaced("b"), false},
		{"the provider's configuration", create(Proposed{ProviderConfig: "p"}), create(Proposed{ProviderConfig: "p.west"}), false},
		{"whether people expect that configuration", create(Proposed{ProviderConfig: "p"}),
			create(Proposed{ProviderConfig: "p", DefaultConfig: true}), true},
		{"why it is made", create(Proposed{}), create(Proposed{Reason: "because it was requested"}), true},
	} {
		t.Run(c.name, func(t *testing.T) {
			first, _ := made(t, one(c.one), input())
			second, _ := made(t, one(c.two), input())
			if got := first.ChangesHash == second.ChangesHash; got != c.same {
				t.Errorf("same hash: %v, want %v", got, c.same)
			}
		})
	}
}

// TestHashOfTheWhole: what beside the objects makes another plan, and what does not.
func TestHashOfTheWhole(t *testing.T) {
	lamp := func(address, v string) Proposed {
		return Proposed{Address: address, Actions: actions("create"), After: side(t, v)}
	}
	objects := func(list ...Proposed) Proposal { return Proposal{Objects: list} }
	outputs := func(list ...Proposed) Proposal { return Proposal{Outputs: list} }
	invoked := func(list ...Proposed) Proposal { return Proposal{Invocations: list} }
	whole := func(v string) Proposal { return invoked(Proposed{Address: "a", Whole: &Side{Value: v}}) }
	where := func(v string, secret bool) Proposal {
		return Proposal{Where: map[string]Side{"house": {Value: v, Sensitive: secret}}}
	}
	said := objects(lamp("a", `"plain-text"`))
	said.Said = []any{"plain-text"}
	for _, c := range []struct {
		name              string
		one, two          Proposal
		hash, fingerprint bool // the same ones
	}{
		{"the order of objects", objects(lamp("a", `1`), lamp("b", `2`)), objects(lamp("b", `2`), lamp("a", `1`)), true, true},
		{"the order of outputs", outputs(lamp("a", `1`), lamp("b", `2`)), outputs(lamp("b", `2`), lamp("a", `1`)), true, true},
		{"the order of invocations", invoked(lamp("a", `1`), lamp("b", `2`)), invoked(lamp("b", `2`), lamp("a", `1`)), false, false},
		{"what an invocation gets", invoked(lamp("a", `1`)), invoked(lamp("a", `2`)), false, false},
		{"what stands for an invocation", whole("1"), whole("2"), false, false},
		{"an object or an output", objects(lamp("a", `1`)), outputs(lamp("a", `1`)), false, false},
		{"what is deferred", Proposal{Deferred: []Side{{Value: "1"}}}, Proposal{Deferred: []Side{{Value: "2"}}}, false, false},
		{"a part that nobody knows", Proposal{Extra: map[string]Side{"a": {Value: "1"}}},
			Proposal{Extra: map[string]Side{"b": {Value: "1"}}}, false, false},
		{"where it is", where("north", false), where("south", false), true, false},
		{"a secret that says where", where("north", true), where("south", true), true, false},
		{"the tool", Proposal{Tool: "librarian"}, Proposal{Tool: "janitor"}, true, false},
		{"the tool's version", Proposal{ToolVersion: "1"}, Proposal{ToolVersion: "2"}, true, true},
		{"sentences, and the state", Proposal{}, Proposal{Late: "x", Notes: []string{"x"}, Hidden: []workflow.HiddenEffect{{Text: "x"}},
			Checks: []Check{{Address: "x"}}, Warnings: []workflow.Diagnostic{{Summary: "x"}}, State: workflow.StateVersion{ID: "x"}}, true, true},
		{"what the repository says", objects(lamp("a", `"plain-text"`)), said, true, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			first, _ := made(t, c.one, input())
			second, _ := made(t, c.two, input())
			if first.ChangesHash == second.ChangesHash != c.hash {
				t.Errorf("same hash: %v, want %v", !c.hash, c.hash)
			}
			if first.Fingerprint == second.Fingerprint != c.fingerprint {
				t.Errorf("same fingerprint: %v, want %v", !c.fingerprint, c.fingerprint)
			}
		})
	}
}

// TestHashKeepsSecrets: with a key another secret is another plan, and the hash
// tells nothing without it; without a key the secret is not in the hash at all.
func TestHashKeepsSecrets(t *testing.T) {
	hash := func(secret string, key []byte) string {
		in := input()
		in.Key = key
		after := side(t, `{"pw":"`+secret+`"}`, `{}`, `{"pw":true}`)
		plan, _ := made(t, one(Proposed{Actions: actions("create"), After: after}), in)
		if (plan.Fingerprint == "") != (len(key) == 0) {
			t.Errorf("fingerprint %q with a key of %d bytes", plan.Fingerprint, len(key))
		}
		return plan.ChangesHash
	}
	key := []byte("key")
	if hash("one-secret", key) == hash("two-secret", key) {
		t.Error("two secrets have one hash")
	}
	if hash("one-secret", key) == hash("one-secret", []byte("another")) {
		t.Error("the hash of a secret does not depend on the key")
	}
	if hash("one-secret", nil) != hash("two-secret", nil) {
		t.Error("without a key the secret is in the hash")
	}
}

// TestDriftCounts: drift is hashed in refresh-only plans and nowhere else.
func TestDriftCounts(t *testing.T) {
	drift := func(after string) Proposal {
		return Proposal{NoChanges: true, Drift: []Proposed{
			{Address: "x_y.z", Actions: actions("update"), Before: side(t, `{"n":1}`), After: side(t, after)}}}
	}
	for _, refreshOnly := range []bool{false, true} {
		in := input()
		in.Options.RefreshOnly = refreshOnly
		a, _ := made(t, drift(`{"n":2}`), in)
		b, _ := made(t, drift(`{"n":3}`), in)
		same := a.ChangesHash == b.ChangesHash
		if same == refreshOnly || a.NoChanges == refreshOnly || a.Counts.Drift != 1 {
			t.Errorf("refresh-only %v: same hash %v, no changes %v, drift %d", refreshOnly, same, a.NoChanges, a.Counts.Drift)
		}
	}
}

func TestCanonical(t *testing.T) {
	var v any
	dec := json.NewDecoder(strings.NewReader(`{"b":[1.50,true,null,{}],"a":"<é\u2028\u0007\"\\\n>","é":1e-9}`))
	dec.UseNumber()
	if err := dec.Decode(&v); err != nil {
		t.Fatal(err)
	}
	want := "{\"a\":\"<é\u2028\\u0007\\\"\\\\\\n>\",\"b\":[1.50,true,null,{}],\"é\":1e-9}"
	if got := canonical(v); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestFingerprintEntry: an entry is part of what is hashed, and what has none is hashed as ever.
func TestFingerprintEntry(t *testing.T) {
	for _, entry := range []string{"", "app/prod"} {
		in := Input{Project: workflow.Project{Dir: "app", Variant: "default", Entry: entry}, RepoID: 1, States: workflow.States{"s"},
			Key: []byte("a key of thirty-two bytes, or so.")}
		what := map[string]any{"version": fingerprintVersion, "repo": int64(1), "dir": "app", variantKey: "default", "state": "s",
			"tool": "tool", "changes": "changes", "providers": map[string]any(nil), "destroy": false, "refresh_only": false,
			"targets": []string(nil), "replaces": []string(nil)}
		if entry != "" {
			what["variant"] = entry
		}
		want := keyed(in.Key, "fingerprint", canonical(what))
		if got := (hasher{key: in.Key}).fingerprint(in, "tool", "changes", nil); got != want {
			t.Errorf("entry %q: got %s, want %s", entry, got, want)
		}
	}
}
