package workflow_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/cardea-iac/cardea/internal/golden"
	"github.com/cardea-iac/cardea/workflow"
)

// TestStored: what a store has on disk is read by later versions, so a name or a
// kind that changes here wants a migration. The golden file has every field of
// every stored record as JSON has it, each type once.
func TestStored(t *testing.T) {
	var lines []string
	types := []reflect.Type{}
	for _, v := range []any{workflow.Delivery{}, workflow.Request{}, workflow.RepoRecord{}, workflow.PullRecord{}, workflow.Run{},
		workflow.Plan{}, workflow.ReportState{}, workflow.Lock{}, workflow.Lineage{}, workflow.Event{}} {
		types = append(types, reflect.TypeOf(v))
	}
	for i := 0; i < len(types); i++ {
		for _, f := range reflect.VisibleFields(types[i]) {
			tag, tagged := f.Tag.Lookup("json")
			if !f.IsExported() || tag == "-" || f.Anonymous && !tagged {
				continue
			}
			within := f.Type
			for slices.Contains([]reflect.Kind{reflect.Pointer, reflect.Slice, reflect.Map}, within.Kind()) {
				within = within.Elem()
			}
			if within.Kind() == reflect.Struct && !slices.Contains(types, within) && within.PkgPath() != "time" {
				types = append(types, within)
			}
			lines = append(lines, fmt.Sprintf("%s.%s `%s` %s", types[i].Name(), f.Name, tag, f.Type))
		}
	}
	golden.Check(t, "testdata/stored.txt", strings.Join(lines, "\n")+"\n")
}

// TestStoredBytes: what earlier versions wrote is read, and written again as it was. The files are
// of the day before the engine lost Terraform's words; they are written by hand if ever.
func TestStoredBytes(t *testing.T) {
	for name, made := range map[string]func() any{
		"run": func() any { return &workflow.Run{} }, "plan": func() any { return &workflow.Plan{} }, "result": func() any { return &workflow.Result{} },
		"lock": func() any { return &workflow.Lock{} }, "lineage": func() any { return &workflow.Lineage{} },
		"bare-run": func() any { return &workflow.Run{} }, "bare-run-apply": func() any { return &workflow.Run{} }, "bare-plan": func() any { return &workflow.Plan{} },
		"event": func() any { return &workflow.Event{} }, "bare-event": func() any { return &workflow.Event{} }, "event-of-repository": func() any { return &workflow.Event{} },
		"request": func() any { return &workflow.Request{} }, "bare-request": func() any { return &workflow.Request{} },
		"request-of-repository": func() any { return &workflow.Request{} },
		"report":                func() any { return &workflow.ReportState{} }, "bare-report": func() any { return &workflow.ReportState{} },
		"bare-result": func() any { return &workflow.Result{} }, "bare-lock": func() any { return &workflow.Lock{} }, "bare-lineage": func() any { return &workflow.Lineage{} },
	} {
		t.Run(name, func(t *testing.T) {
			stored, err := os.ReadFile("testdata/records/" + name + ".json")
			if err != nil {
				t.Fatal(err)
			}
			record := made()
			in := json.NewDecoder(bytes.NewReader(stored))
			in.DisallowUnknownFields()
			if err := in.Decode(record); err != nil {
				t.Fatal(err)
			}
			again, err := json.MarshalIndent(record, "", " ")
			if again = append(again, '\n'); err != nil || !bytes.Equal(again, stored) {
				t.Errorf("written again it is (%v)\n%s", err, again)
			}
		})
	}
}

// A draft and a title were once told as reviews.
func TestStoredFactsAsReviews(t *testing.T) {
	for stored, want := range map[string]workflow.RequestKind{
		`{"kind":"review","number":7,"action":"submitted"}`:                      workflow.RequestReview,
		`{"kind":"review","number":7,"action":"dismissed"}`:                      workflow.RequestReview,
		`{"kind":"review","number":7,"action":"converted_to_draft","head":"h1"}`: workflow.RequestFacts,
		`{"kind":"review","number":7,"action":"edited","head":"h1"}`:             workflow.RequestFacts,
		`{"kind":"review","number":7,"action":"found","head":"h1"}`:              workflow.RequestFacts,
		`{"kind":"facts","number":7,"action":"edited","head":"h1"}`:              workflow.RequestFacts,
		`{"kind":"pull","number":7,"action":"edited","head":"h1"}`:               workflow.RequestPull,
	} {
		var r workflow.Request
		if err := json.Unmarshal([]byte(stored), &r); err != nil || r.Kind != want || r.Number != 7 {
			t.Errorf("%s is read as %s of #%d, %v", stored, r.Kind, r.Number, err)
		}
	}
}
