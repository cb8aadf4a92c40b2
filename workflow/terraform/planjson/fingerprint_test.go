package planjson

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/cardea-iac/cardea/workflow"
)

// shuffled encodes a decoded JSON value with the keys of every object in random order.
func shuffled(t testing.TB, r *rand.Rand, v any) string {
	t.Helper()
	switch v := v.(type) {
	case map[string]any:
		keys := sortedKeys(v)
		r.Shuffle(len(keys), func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
		parts := make([]string, len(keys))
		for i, k := range keys {
			parts[i] = string(encode(t, k)) + ": " + shuffled(t, r, v[k])
		}
		return "{" + strings.Join(parts, ",\n") + "}"
	case []any:
		parts := make([]string, len(v))
		for i, e := range v {
			parts[i] = shuffled(t, r, e)
		}
		return "[" + strings.Join(parts, ", ") + "]"
	}
	return string(encode(t, v))
}

// flips returns one function for every leaf of v that is known before apply: it
// puts another value in the leaf's place and returns how to put the old one back.
func flips(v, unknown any, set func(any)) []func() (undo func()) {
	if unknown == true {
		return nil
	}
	var out []func() func()
	switch v := v.(type) {
	case map[string]any:
		for _, k := range sortedKeys(v) {
			out = append(out, flips(v[k], markKey(unknown, k), func(e any) { v[k] = e })...)
		}
		return out
	case []any:
		for i := range v {
			out = append(out, flips(v[i], markIndex(unknown, i), func(e any) { v[i] = e })...)
		}
		return out
	}
	return []func() func(){func() func() {
		set("flipped")
		return func() { set(v) }
	}}
}

// changeFlips are the leaves of a change that say what an apply would do.
func changeFlips(change map[string]any) []func() func() {
	actions := canonical(change["actions"])
	switch actions {
	case `["no-op"]`, `["read"]`:
		return nil
	}
	var out []func() func()
	if strings.Contains(actions, "create") || strings.Contains(actions, "update") {
		out = flips(change["after"], change["after_unknown"], func(v any) { change["after"] = v })
	}
	if strings.Contains(actions, "delete") || strings.Contains(actions, "forget") {
		m, _ := change["before"].(map[string]any)
		if m["id"] != nil && change["before_sensitive"] != true {
			return append(out, flips(m["id"], nil, func(v any) { m["id"] = v })...)
		}
		out = append(out, flips(change["before"], nil, func(v any) { change["before"] = v })...)
	}
	return out
}

// FuzzFingerprint: the order in which a tool prints changes nothing, nor does
// what says nothing about the apply; any leaf that does changes everything.
func FuzzFingerprint(f *testing.F) {
	for seed := range uint64(100) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		m := newPlanMaker(seed)
		doc := m.plan()
		plan, _ := readPlan(t, planInput(encode(t, doc)))
		same := func(what, raw string) {
			t.Helper()
			got, _ := readPlan(t, planInput([]byte(raw)))
			if got.ChangesHash != plan.ChangesHash || got.Fingerprint != plan.Fingerprint {
				t.Fatalf("%s: another hash", what)
			}
		}
		same("keys permuted", shuffled(t, m.r, doc))
		changes := doc["resource_changes"].([]any)
		m.r.Shuffle(len(changes), func(i, j int) { changes[i], changes[j] = changes[j], changes[i] })
		for _, c := range changes {
			slices.Reverse(c.(map[string]any)["change"].(map[string]any)["replace_paths"].([]any))
			c.(map[string]any)["action_reason"] = "replace_because_tainted"
		}
		doc["timestamp"], doc["terraform_version"], doc["checks"], doc["relevant_attributes"] = "later", "9.9.9", []any{}, []any{"x"}
		doc["resource_drift"] = append(doc["resource_drift"].([]any), map[string]any{"address": "x_y.drift", "change": map[string]any{"actions": []any{"update"}}})
		same("what says nothing about the apply", string(encode(t, doc)))

		var all []func() func()
		for _, c := range changes {
			all = append(all, changeFlips(c.(map[string]any)["change"].(map[string]any))...)
		}
		for _, name := range sortedKeys(doc["output_changes"].(map[string]any)) {
			all = append(all, changeFlips(doc["output_changes"].(map[string]any)[name].(map[string]any))...)
		}
		for i, flip := range all {
			undo := flip()
			raw := encode(t, doc)
			got, _ := readPlan(t, planInput(raw))
			if got.ChangesHash == plan.ChangesHash || got.Fingerprint == plan.Fingerprint {
				t.Fatalf("leaf %d of %d flipped: the same hash, of %s", i, len(all), raw)
			}
			undo()
		}
	})
}

// oneChange is a plan of one resource change given as JSON.
func oneChange(change string) []byte {
	return []byte(`{"format_version":"1.2","resource_changes":[{"address":"x_y.z","mode":"managed","type":"x_y","provider_name":"p","change":` + change + `}]}`)
}

// TestChangesHash: what is a different plan and what is the same one.
func TestChangesHash(t *testing.T) {
	update := func(before, after, unknown string) string {
		return fmt.Sprintf(`{"actions":["update"],"before":%s,"after":%s,"after_unknown":%s,"before_sensitive":{},"after_sensitive":{}}`, before, after, unknown)
	}
	for _, c := range []struct {
		name, one, two string
		same           bool
	}{
		{"the old value of a known leaf", update(`{"n":2}`, `{"n":3}`, `{}`), update(`{"n":10}`, `{"n":3}`, `{}`), false},
		{"the old value of an unknown leaf", update(`{"n":2,"m":1}`, `{"m":2}`, `{"n":true}`), update(`{"n":3,"m":1}`, `{"m":2}`, `{"n":true}`), true},
		{"an unchanged leaf", update(`{"n":2,"m":1}`, `{"n":3,"m":1}`, `{}`), update(`{"n":2,"m":5}`, `{"n":3,"m":5}`, `{}`), true},
		{"a number as printed", update(`{"n":2}`, `{"n":1000}`, `{}`), update(`{"n":2}`, `{"n":1e3}`, `{}`), false},
		{"a string or a number", update(`{"n":2}`, `{"n":1}`, `{}`), update(`{"n":2}`, `{"n":"1"}`, `{}`), false},
		{"a list or an object", update(`{"n":2}`, `{"n":["a"]}`, `{}`), update(`{"n":2}`, `{"n":{"0":"a"}}`, `{}`), false},
		{"an object's key with a slash", update(`{"n":2}`, `{"n":{"a/b":1}}`, `{}`), update(`{"n":2}`, `{"n":{"a":{"b":1}}}`, `{}`), false},
		{"an object's key like an index", update(`{"n":2}`, `{"n":["a"]}`, `{}`), update(`{"n":2}`, `{"n":{"~i0":"a"}}`, `{}`), false},
		{"null at the end of a list", update(`{"n":2}`, `{"n":["a",null]}`, `{}`), update(`{"n":2}`, `{"n":["a"]}`, `{}`), false},
		{"unknown or the word for it", update(`{"n":2}`, `{}`, `{"n":true}`), update(`{"n":2}`, `{"n":"?"}`, `{}`), false},
		{"an empty list or an empty object", update(`{"n":2}`, `{"n":[]}`, `{}`), update(`{"n":2}`, `{"n":{}}`, `{}`), false},
		{"the sensitivity of a leaf", update(`{"n":"a"}`, `{"n":"a"}`, `{}`),
			`{"actions":["update"],"before":{"n":"a"},"after":{"n":"a"},"before_sensitive":{},"after_sensitive":{"n":true}}`, false},
		{"the order of a replacement", `{"actions":["delete","create"],"before":{"id":"1"},"after":{}}`, `{"actions":["create","delete"],"before":{"id":"1"},"after":{}}`, false},
		{"another object is deleted", `{"actions":["delete"],"before":{"id":"1"}}`, `{"actions":["delete"],"before":{"id":"2"}}`, false},
		{"a deleted object's other attributes", `{"actions":["delete"],"before":{"id":"1","n":1}}`, `{"actions":["delete"],"before":{"id":"1","n":2}}`, true},
		{"an attribute of a deleted object without id", `{"actions":["delete"],"before":{"n":1}}`, `{"actions":["delete"],"before":{"n":2}}`, false},
		{"delete or forget", `{"actions":["delete"],"before":{"id":"1"}}`, `{"actions":["forget"],"before":{"id":"1"}}`, false},
		{"the id of an import", `{"actions":["no-op"],"importing":{"id":"a"}}`, `{"actions":["no-op"],"importing":{"id":"b"}}`, false},
		{"a no-op", `{"actions":["no-op"],"before":{"n":1},"after":{"n":1}}`, `{"actions":["read"],"after":{"n":1}}`, true},
		{"a key of the change that we do not know", `{"actions":["create"],"after":{}}`, `{"actions":["create"],"after":{},"new_key":1}`, false},
		{"the forced path", `{"actions":["delete","create"],"replace_paths":[["a"]]}`, `{"actions":["delete","create"],"replace_paths":[["b"]]}`, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			one, _ := readPlan(t, planInput(oneChange(c.one)))
			two, _ := readPlan(t, planInput(oneChange(c.two)))
			if got := one.ChangesHash == two.ChangesHash; got != c.same {
				t.Errorf("same hash: %v, want %v", got, c.same)
			}
		})
	}
}

// TestFingerprintCovers: the fingerprint names where and how, the changes hash only what.
func TestFingerprintCovers(t *testing.T) {
	raw := oneChange(`{"actions":["create"],"after":{"n":1}}`)
	base, _ := readPlan(t, planInput(raw))
	for _, c := range []struct {
		name   string
		change func(*Input)
		same   bool
	}{
		{"the key", func(in *Input) { in.Key = []byte("another") }, false},
		{"the repository", func(in *Input) { in.RepoID++ }, false},
		{"the directory", func(in *Input) { in.Project.Dir = "dev" }, false},
		{"the project's name", func(in *Input) { in.Project.Name = "renamed" }, true},
		{"the Terraform workspace", func(in *Input) { in.Project.Variant = "blue" }, false},
		{"the default Terraform workspace by name", func(in *Input) { in.Project.Variant = "default" }, true},
		{"the state", func(in *Input) { in.StateIdentity = "elsewhere" }, false},
		{"the tool", func(in *Input) { in.Tool = "tofu" }, false},
		{"the tool's version", func(in *Input) { in.ToolVersion = "1.12.0" }, true},
		{"destroy", func(in *Input) { in.Options.Destroy = true }, false},
		{"refresh-only", func(in *Input) { in.Options.RefreshOnly = true }, false},
		{"a target", func(in *Input) { in.Options.Targets = []string{"a"} }, false},
		{"the same as a replace", func(in *Input) { in.Options.Replaces = []string{"a"} }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := planInput(raw)
			c.change(&in)
			got, _ := readPlan(t, in)
			if (got.Fingerprint == base.Fingerprint) != c.same || got.ChangesHash != base.ChangesHash {
				t.Errorf("same fingerprint: %v, want %v; same changes hash: %v, want true", got.Fingerprint == base.Fingerprint, c.same, got.ChangesHash == base.ChangesHash)
			}
		})
	}
	one, two := planInput(raw), planInput(raw)
	one.Options.Targets, two.Options.Targets = []string{"b", "a"}, []string{"a", "b", "a"}
	a, _ := readPlan(t, one)
	if b, _ := readPlan(t, two); a.Fingerprint != b.Fingerprint {
		t.Error("the order of targets changes the fingerprint")
	}
	if len(base.Fingerprint) != 64 || len(base.ChangesHash) != 64 || base.ShortFingerprint() != base.Fingerprint[:12] {
		t.Errorf("fingerprint %q, changes hash %q", base.Fingerprint, base.ChangesHash)
	}
}

// TestHashKeepsSecrets: with a key another secret is another plan, and the hash
// tells nothing without it; without a key the secret is not in the hash at all.
func TestHashKeepsSecrets(t *testing.T) {
	raw := func(secret string) []byte {
		return oneChange(`{"actions":["create"],"after":{"pw":"` + secret + `"},"after_sensitive":{"pw":true}}`)
	}
	hash := func(secret string, key []byte) string {
		in := planInput(raw(secret))
		in.Key = key
		plan, _ := readPlan(t, in)
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
	raw := func(after int) []byte {
		return []byte(fmt.Sprintf(`{"format_version":"1.2","resource_drift":[{"address":"x_y.z","change":{"actions":["update"],"before":{"n":1},"after":{"n":%d}}}]}`, after))
	}
	for _, refreshOnly := range []bool{false, true} {
		one, two := planInput(raw(2)), planInput(raw(3))
		one.Options.RefreshOnly, two.Options.RefreshOnly = refreshOnly, refreshOnly
		one.ExitChanges, two.ExitChanges = refreshOnly, refreshOnly
		a, _ := readPlan(t, one)
		b, _ := readPlan(t, two)
		if same := a.ChangesHash == b.ChangesHash; same == refreshOnly || a.NoChanges == refreshOnly || a.Counts.Drift != 1 {
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
		in := Input{Project: workflow.Project{Dir: "app", Variant: "default", Entry: entry}, RepoID: 1, StateIdentity: "s",
			Tool: "terraform", Key: []byte("a key of thirty-two bytes, or so.")}
		what := map[string]any{"version": fingerprintVersion, "repo": int64(1), "dir": "app", "terraform_workspace": "default", "state": "s", "tool": "terraform",
			"changes": "changes", "providers": map[string]any(nil), "destroy": false, "refresh_only": false, "targets": []string(nil), "replaces": []string(nil)}
		if entry != "" {
			what["variant"] = entry
		}
		if got, want := fingerprint(in, "changes", nil), keyed(in.Key, "fingerprint", canonical(what)); got != want {
			t.Errorf("entry %q: got %s, want %s", entry, got, want)
		}
	}
}
