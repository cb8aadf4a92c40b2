package workflow_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-iac/cardea/workflow"
)

// TestComparePullsKnowsEveryFact: a new fact of a pull fails here until somebody
// decides what its change counts for.
func TestComparePullsKnowsEveryFact(t *testing.T) {
	seen, asked := workflow.PullChange{Facts: true}, workflow.PullChange{Facts: true, Asked: true}
	reached := workflow.PullChange{Reached: true, Facts: true, Asked: true}
	counts := map[string]workflow.PullChange{
		"Repo.ID": asked, "Repo.Owner": reached, "Repo.Name": reached, "Repo.InstallationID": reached, "Repo.DefaultBranch": asked, "Repo.Private": asked,
		"Number": asked, "Title": seen, "Author.ID": asked, "Author.Login": asked, "Author.Bot": asked,
		"Head.Ref": asked, "Head.SHA": {Head: true, Facts: true, Asked: true},
		"Base.Ref": {Base: true, Facts: true, Asked: true}, "Base.SHA": seen,
		"State": {Closed: true, Facts: true, Asked: true}, "Fork": asked, "Draft": {Draft: true, Facts: true, Asked: true}, "UpdatedAt": {},
	}
	known := workflow.Pull{State: workflow.PullOpen}
	got := map[string]workflow.PullChange{}
	for _, path := range leaves(reflect.TypeOf(known)) {
		live, name := known, ""
		field := reflect.ValueOf(&live).Elem()
		for _, f := range path {
			field, name = field.FieldByIndex(f.Index), name+"."+f.Name
		}
		other(t, field)
		got[name[1:]] = workflow.ComparePulls(known, live)
	}
	if diff := cmp.Diff(counts, got); diff != "" {
		t.Errorf("-decided +got:\n%s", diff)
	}
}

// leaves are the ways to the fields of a struct that are no structs of ours.
func leaves(of reflect.Type) (paths [][]reflect.StructField) {
	for i := range of.NumField() {
		f := of.Field(i)
		if f.Type.Kind() != reflect.Struct || f.Type == reflect.TypeFor[time.Time]() {
			paths = append(paths, []reflect.StructField{f})
			continue
		}
		for _, rest := range leaves(f.Type) {
			paths = append(paths, append([]reflect.StructField{f}, rest...))
		}
	}
	return paths
}

// other gives a field another value than the one it has.
func other(t *testing.T, field reflect.Value) {
	t.Helper()
	switch field.Kind() {
	case reflect.String:
		field.SetString("other")
	case reflect.Bool:
		field.SetBool(!field.Bool())
	case reflect.Int, reflect.Int64:
		field.SetInt(field.Int() + 1)
	case reflect.Slice:
		field.Set(reflect.MakeSlice(field.Type(), 1, 1))
	case reflect.Map:
		field.Set(reflect.MakeMap(field.Type()))
	case reflect.Struct:
		field.Set(reflect.ValueOf(time.Unix(1, 0)))
	default:
		t.Fatalf("no other value of a %s", field.Type())
	}
}
