package planjson

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/plan"
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
			out = append(out, flips(v[k], plan.Side{Unknown: unknown}.Key(k).Unknown, func(e any) { v[k] = e })...)
		}
		return out
	case []any:
		for i := range v {
			out = append(out, flips(v[i], plan.Side{Unknown: unknown}.Index(i).Unknown, func(e any) { v[i] = e })...)
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
	actions := jsonText(change["actions"])
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
		doc["timestamp"], doc["terraform_version"] = "later", "9.9.9"
		doc["checks"], doc["relevant_attributes"] = []any{}, []any{"x"}
		doc["resource_drift"] = append(doc["resource_drift"].([]any),
			map[string]any{"address": "x_y.drift", "change": map[string]any{"actions": []any{"update"}}})
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

// TestUnknownKeys: what a newer tool says of a change, of a resource, or of the plan is hashed.
func TestUnknownKeys(t *testing.T) {
	seen := map[string]bool{}
	for _, raw := range []string{
		string(oneChange(`{"actions":["create"],"after":{}}`)),
		string(oneChange(`{"actions":["create"],"after":{},"new_key":1}`)),
		string(oneChange(`{"actions":["create"],"after":{},"new_key":2}`)),
		strings.Replace(string(oneChange(`{"actions":["create"],"after":{}}`)), `"mode"`, `"new_key":2,"mode"`, 1),
		strings.Replace(string(oneChange(`{"actions":["create"],"after":{}}`)), `"mode"`, `"other_key":2,"mode"`, 1),
		strings.Replace(string(oneChange(`{"actions":["create"],"after":{}}`)), `{`, `{"new_key":[1],`, 1),
		strings.Replace(string(oneChange(`{"actions":["create"],"after":{},"new_key":1}`)), `"mode"`, `"new_key":2,"mode"`, 1),
		strings.Replace(string(oneChange(`{"actions":["create"],"after":{},"new_key":3}`)), `"mode"`, `"new_key":2,"mode"`, 1),
	} {
		plan, _ := readPlan(t, planInput([]byte(raw)))
		seen[plan.ChangesHash] = true
	}
	if len(seen) != 7 { // where in an entry the key stands says nothing
		t.Errorf("%d hashes, want 7", len(seen))
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
		{"the state", func(in *Input) { in.States = workflow.States{"elsewhere"} }, false},
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
				t.Errorf("same fingerprint: %v, want %v; same changes hash: %v, want true",
					got.Fingerprint == base.Fingerprint, c.same, got.ChangesHash == base.ChangesHash)
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
