package workflow_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-iac/cardea/workflow"
)

// A small plan is its own head, but for what only decisions need.
func TestHeadOfSmallPlan(t *testing.T) {
	p := workflow.Plan{Fingerprint: "f", ChangesHash: "h", Changes: []workflow.Change{{Address: "a", Action: workflow.ActionCreate}, {Address: "b", Action: workflow.ActionDelete}},
		Hidden: []workflow.HiddenEffect{{Text: "It runs."}}, Notes: []string{"A note"}, Checks: []string{"A check"}, Drift: []workflow.Change{{Address: "c"}}}
	whole := p
	whole.Named, whole.Fetched = []workflow.Exact{"x"}, workflow.Fetched{Tool: "terraform 1"}
	head, cut := whole.Head()
	if d := cmp.Diff(p, head); cut || d != "" {
		t.Errorf("cut %v (-want +got):\n%s", cut, d)
	}
}

// Of a large plan the head has what is read first, counts the rest, and is small whatever the plan has.
func TestHeadOfLargePlan(t *testing.T) {
	const n = 3000
	long := strings.Repeat("x", 700)
	p := workflow.Plan{Fingerprint: "f", ChangesHash: "h", Late: "late", Counts: workflow.Counts{Add: n - 1, Destroy: 1}}
	for i := range n {
		text := fmt.Sprint(i, long)
		c := workflow.Change{Address: text, Action: workflow.ActionCreate, Attributes: []workflow.Attribute{{Path: "a", After: long}}}
		if i == n-1 {
			c.Action = workflow.ActionDelete
		}
		p.Changes, p.Drift = append(p.Changes, c), append(p.Drift, c)
		p.Hidden = append(p.Hidden, workflow.HiddenEffect{Text: text})
		p.Warnings = append(p.Warnings, workflow.Diagnostic{Summary: text})
		p.Checks, p.Notes = append(p.Checks, text), append(p.Notes, text)
		p.Named = append(p.Named, workflow.Exact(text))
	}
	head, cut := p.Head()
	size := 0
	texts(reflect.ValueOf(head), &size)
	if !cut || size == 0 || size > 3*workflow.HeadBytes {
		t.Errorf("cut %v, it has %d bytes", cut, size)
	}
	if head.Changes[0].Action != workflow.ActionDelete {
		t.Errorf("the first change is %s", head.Changes[0].Action)
	}
	if head.Total() != n || len(head.Drift)+head.Left.Drift != n {
		t.Errorf("of %d changes it counts %d, of drift %d", n, head.Total(), len(head.Drift)+head.Left.Drift)
	}
	if last, want := head.Notes[len(head.Notes)-1], fmt.Sprintf("%d more notes are on the page of its run", n-len(head.Notes)+1); last != want {
		t.Errorf("the last note is %q, want %q", last, want)
	}
	again, cut := head.Head()
	if again.Total() != n || !cut {
		t.Errorf("the head of a head counts %d changes, cut %v", again.Total(), cut)
	}
}

// texts adds up the lengths of all strings in a value.
func texts(v reflect.Value, n *int) {
	switch v.Kind() {
	case reflect.String:
		*n += v.Len()
	case reflect.Slice:
		for i := range v.Len() {
			texts(v.Index(i), n)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			texts(v.Field(i), n)
		}
	}
}
