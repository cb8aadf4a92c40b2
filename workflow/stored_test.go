package workflow_test

import (
	"fmt"
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
		workflow.Plan{}, workflow.ReportState{}, workflow.Lock{}, workflow.Event{}} {
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
