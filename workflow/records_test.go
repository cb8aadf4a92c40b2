package workflow_test

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"

	"github.com/cardea-iac/cardea/workflow"
)

// TestRecords: what an earlier version wrote is read, and written again, with no byte
// changed: nothing gets lost and no hash over it moves. The file was written once and is
// never rewritten: it has projects in all their shapes, and one of each larger record
// with every field set.
func TestRecords(t *testing.T) {
	data, err := os.ReadFile("testdata/records.txt")
	if err != nil {
		t.Fatal(err)
	}
	again := map[string]func(line []byte) ([]byte, error){
		"Project":       again[workflow.Project],
		"ProjectKey":    again[workflow.ProjectKey],
		"LockedProject": again[workflow.LockedProject],
		"Lock":          again[workflow.Lock],
		"Run":           again[workflow.Run],
		"Lineage":       again[workflow.Lineage],
		"PullRecord":    again[workflow.PullRecord],
	}
	seen := map[string]int{}
	for line := range bytes.Lines(data) {
		name, record, _ := bytes.Cut(bytes.TrimSuffix(line, []byte("\n")), []byte(" "))
		read, known := again[string(name)]
		if !known {
			t.Fatalf("nobody reads a %q", name)
		}
		seen[string(name)]++
		got, err := read(record)
		if err != nil {
			t.Errorf("%s: %v\n%s", name, err, record)
		} else if !bytes.Equal(got, record) {
			t.Errorf("%s is written\n%s\nand was\n%s", name, got, record)
		}
	}
	if len(seen) != len(again) {
		t.Errorf("the file has only %v", seen)
	}
}

func again[T any](record []byte) ([]byte, error) {
	var v T
	if err := json.Unmarshal(record, &v); err != nil {
		return nil, err
	}
	return json.Marshal(v)
}
