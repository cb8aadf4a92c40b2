package terraform

import (
	"testing"

	"github.com/cardea-iac/cardea/workflow"
)

// What an apply did is told from the state alone.
func TestCarriedOut(t *testing.T) {
	const before = `{"version":4,"serial":3,"lineage":"l","outputs":{"o":{"value":1}},"resources":[
		{"mode":"managed","type":"t","name":"same","instances":[{"attributes":{"id":"1"}}]},
		{"module":"module.m[\"a\"]","mode":"managed","type":"t","name":"each","instances":[{"index_key":"k","attributes":{}},{"index_key":1,"attributes":{}}]},
		{"mode":"managed","type":"t","name":"old","instances":[{"attributes":{}},{"deposed":"d0","attributes":{}}]}]}`
	const after = `{"version":4,"serial":4,"lineage":"l","outputs":{"o":{"value":2}},"resources":[
		{"mode":"managed","type":"t","name":"same","instances":[{
		  "attributes": {"id": "1"} }]},
		{"module":"module.m[\"a\"]","mode":"managed","type":"t","name":"each","instances":[{"index_key":"k","attributes":{"x":1}}]},
		{"mode":"managed","type":"t","name":"half","instances":[{"status":"tainted","attributes":{}}]},
		{"mode":"managed","type":"t","name":"new","instances":[{"attributes":{}}]},
		{"mode":"managed","type":"t","name":"moved","instances":[{"attributes":{}}]},
		{"mode":"managed","type":"t","name":"old","instances":[{"attributes":{}}]}]}`
	was, err := parseState([]byte(before))
	if err != nil {
		t.Fatal(err)
	}
	is, err := parseState([]byte(after))
	if err != nil {
		t.Fatal(err)
	}
	if !is.Same(workflow.StateVersion{ID: "l", Version: "4"}) {
		t.Errorf("got %+v", is.StateVersion)
	}
	for _, tt := range []struct {
		change workflow.Change
		want   int
		counts int
	}{
		{workflow.Change{Address: "t.new", Action: workflow.ActionCreate}, 1, 1},
		{workflow.Change{Address: "t.never", Action: workflow.ActionCreate}, 0, 1},
		{workflow.Change{Address: "t.half", Action: workflow.ActionCreate}, 0, 1},
		{workflow.Change{Address: "t.same", Action: workflow.ActionUpdate}, 0, 1},
		{workflow.Change{Address: "t.same", Action: workflow.ActionReplace}, 0, 1},
		{workflow.Change{Address: `module.m["a"].t.each["k"]`, Action: workflow.ActionUpdate}, 1, 1},
		{workflow.Change{Address: `module.m["a"].t.each[1]`, Action: workflow.ActionDelete}, 1, 1},
		{workflow.Change{Address: "t.old", Action: workflow.ActionDelete}, 0, 1},
		{workflow.Change{Address: "t.old", Deposed: "d0", Action: workflow.ActionDelete}, 1, 1},
		{workflow.Change{Address: "t.moved", PreviousAddress: "t.same", Action: workflow.ActionMove}, 1, 1},
		{workflow.Change{Address: "o", Mode: "output", Action: workflow.ActionUpdate}, 1, 1},
		{workflow.Change{Address: "p", Mode: "output", Action: workflow.ActionCreate}, 0, 1},
		{workflow.Change{Address: "action.x", Mode: "action", Action: workflow.ActionInvoke}, 0, 0},
	} {
		done, total := carriedOut([]workflow.Change{tt.change}, was, is)
		if done != tt.want || total != tt.counts {
			t.Errorf("%s %s: got %d of %d, want %d of %d", tt.change.Action, tt.change.Address, done, total, tt.want, tt.counts)
		}
	}
	for _, text := range []string{"", " \n"} {
		if s, err := parseState([]byte(text)); err != nil || !s.Same(workflow.StateVersion{}) {
			t.Errorf("got %+v, %v of an empty state", s, err)
		}
	}
	for _, text := range []string{"{}", "null", "[", `{"version":3}`, `{"version":4,"resources":[{"instances":[7]}]}`} {
		if _, err := parseState([]byte(text)); err == nil {
			t.Errorf("%q was read as a state", text)
		}
	}
}
