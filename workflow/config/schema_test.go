package config

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// schemaNode is the part of JSON Schema that docs/cardea.schema.json uses.
type schemaNode struct {
	Type                 schemaType
	AdditionalProperties json.RawMessage
	Properties           map[string]schemaNode
	Items                *schemaNode
	Enum, Examples       []any
	Ref                  string `json:"$ref"`
}

// schemaType is a type, the first one of several.
type schemaType string

func (s *schemaType) UnmarshalJSON(data []byte) error {
	var list []string
	if json.Unmarshal(data, &list) == nil && len(list) > 0 {
		*s = schemaType(list[0])
		return nil
	}
	return json.Unmarshal(data, (*string)(s))
}

// readSchema reads docs/cardea.schema.json.
func readSchema(t *testing.T) (root schemaNode) {
	t.Helper()
	data, err := os.ReadFile("../../docs/cardea.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &root); err != nil {
		t.Fatal(err)
	}
	return root
}

// TestSchemaIsTrue holds docs/cardea.schema.json to the parser: the same keys at
// every level, every example and every word of an enum accepted, and a value of
// another type refused.
func TestSchemaIsTrue(t *testing.T) {
	root := readSchema(t)
	autodiscover, project := root.Properties["autodiscover"], *root.Properties["projects"].Items
	var environment schemaNode
	if err := json.Unmarshal(project.Properties["environments"].AdditionalProperties, &environment); err != nil {
		t.Fatal(err)
	}
	for key, s := range environment.Properties {
		if name, ok := strings.CutPrefix(s.Ref, "#/properties/projects/items/properties/"); ok {
			environment.Properties[key] = project.Properties[name]
		}
	}
	for _, level := range []struct {
		name   string
		schema schemaNode
		keys   Keys
		wrap   string // makes a file of one key and its value
	}{
		{"root", root, repoKeys(&Repo{}, kinds.Default()), `{%q: %s}`},
		{"autodiscover", autodiscover, autodiscoverKeys(&Autodiscover{}), `{"autodiscover": {%q: %s}}`},
		{"project", project, (&entryReader{kind: kinds.Default()}).keys(),
			`{"autodiscover": {"pattern": "{environment}"}, "projects": [{"dir": "a", %q: %s}]}`},
		{"environment", environment, (&entryReader{kind: kinds.Default()}).environmentKeys(), `{"projects": [{"dir": "a", "environments": {"e": {%q: %s}}}]}`},
	} {
		var inParser, inSchema []string
		for k := range level.keys {
			inParser = append(inParser, k)
		}
		for k := range level.schema.Properties {
			inSchema = append(inSchema, k)
		}
		slices.Sort(inParser)
		slices.Sort(inSchema)
		if diff := cmp.Diff(inParser, inSchema); diff != "" {
			t.Errorf("%s: -parser +schema:\n%s", level.name, diff)
		}
		if string(level.schema.AdditionalProperties) != "false" {
			t.Errorf("%s: the schema accepts unknown keys", level.name)
		}
		for key, s := range level.schema.Properties {
			wrap := level.wrap
			if key == "dir" {
				wrap = `{"projects": [{%q: %s}]}`
			}
			for _, value := range s.values(t, level.name+"."+key) {
				text := fmt.Sprintf(wrap, key, value)
				if _, faults := ParseRepo("f", []byte(text), kinds); len(faults) > 0 {
					t.Errorf("%s: %s", text, faults)
				}
			}
			text := fmt.Sprintf(wrap, key, `{"x": [7]}`)
			if _, faults := ParseRepo("f", []byte(text), kinds); len(faults) == 0 {
				t.Errorf("%s: got no fault", text)
			}
		}
	}
}

// values are JSON values that the schema allows.
func (s schemaNode) values(t *testing.T, name string) []string {
	t.Helper()
	var out []string
	for _, v := range slices.Concat(s.Enum, s.Examples) {
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, string(text))
	}
	switch {
	case s.Type == "boolean":
		out = append(out, "true", "false")
	case s.Type == "object" && (s.Properties != nil || s.AdditionalProperties == nil):
		out = append(out, "{}")
	case s.Type == "array" && s.Items.Type == "object":
		out = append(out, "[]")
	case s.Type == "array":
		for _, item := range s.Items.values(t, name+"[]") {
			out = append(out, "["+item+"]")
		}
	}
	if len(out) == 0 {
		t.Errorf("%s: the schema has neither examples nor words", name)
	}
	return out
}
