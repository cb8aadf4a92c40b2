package plan

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// parsed is a value that an engine could have read, nil where the text is none.
func parsed(text string) any {
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	var v any
	if dec.Decode(&v) != nil {
		return nil
	}
	return v
}

// FuzzMake: whatever shapes value, marks and unknown have, and in whatever order
// objects come, there is one plan of them; and what is marked as a whole shows nothing.
func FuzzMake(f *testing.F) {
	f.Add(`{"a":1,"b":["x",null]}`, `{"a":true}`, `{"b":[true,false]}`, "update")
	f.Add(`[{"a":"{\"a\":1}"}]`, `[true,true]`, `{"a":true}`, "delete")
	f.Add(`"a text"`, `{"a":{"b":true}}`, `[[true]]`, "no-op")
	f.Add(`{"id":"1","x.y":{"z":[]}}`, `"odd"`, `1`, "lend")
	f.Fuzz(func(t *testing.T, value, unknown, marks, action string) {
		s := Side{Value: parsed(value), Unknown: parsed(unknown), Sensitive: parsed(marks)}
		other := Side{Value: parsed(unknown), Unknown: parsed(marks), Sensitive: parsed(value)}
		objects := []Proposed{
			{Address: "one", Actions: actions(action), Before: other, After: s, Extra: s, Importing: other, ImportID: s},
			{Address: "two", Actions: actions("create", "delete"), Before: s, After: other, Replace: []any{parsed(value)}},
			{Address: "two", Deposed: "2", Actions: actions("delete"), Before: s},
			{Address: "three", Actions: actions("update"),
				After: Side{Value: map[string]any{"secret-canary": "a secret-canary"}, Sensitive: true}},
		}
		p := Proposal{Objects: objects, Outputs: objects, Invocations: objects[:1], Deferred: []Side{s},
			Extra: map[string]Side{"x": other}, Where: map[string]Side{"x": s, "y": other}}
		plan, secrets := made(t, p, input())
		p.Objects = slices.Clone(objects)
		slices.Reverse(p.Objects)
		again, _ := made(t, p, input())
		if diff := cmp.Diff(plan, again); diff != "" {
			t.Errorf("in another order (-one +other):\n%s", diff)
		}
		shown, err := json.Marshal(plan)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(value+unknown+marks+action, "canary") {
			return // said by the corpus itself
		}
		if strings.Contains(string(shown), "canary") {
			t.Errorf("a secret is in %s", shown)
		}
		if !slices.Contains(secrets, "a secret-canary") {
			t.Errorf("the redactor is told of %q", secrets)
		}
	})
}
