package workflow_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-iac/cardea/workflow"
)

// A small plan is its own brief, but for what only decisions need.
func TestBriefOfSmallPlan(t *testing.T) {
	p := workflow.Plan{Fingerprint: "f", ChangesHash: "h", Changes: []workflow.Change{{Address: "a", Action: workflow.ActionCreate}, {Address: "b", Action: workflow.ActionDelete}},
		Hidden: []workflow.HiddenEffect{{Text: "It runs."}}, Notes: []string{"A note"}, Checks: []string{"A check"}, Drift: []workflow.Change{{Address: "c"}}}
	whole := p
	whole.Named = []workflow.Exact{"x"}
	whole.Fetched = workflow.Fetched{Tool: "terraform 1", Modules: map[string]workflow.Exact{"module.a": "m"}}
	p.Fetched = whole.Fetched
	brief, cut := whole.Brief()
	if d := cmp.Diff(p, brief); cut || d != "" {
		t.Errorf("cut %v (-want +got):\n%s", cut, d)
	}
}

// Of a large plan the brief has what is read first, counts the rest, and is small whatever the plan has.
func TestBriefOfLargePlan(t *testing.T) {
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
	p.Fetched = fetchedMany(n, workflow.Exact(long))
	brief, cut := p.Brief()
	size := 0
	texts(reflect.ValueOf(brief), &size)
	if !cut || size == 0 || size > 3*workflow.BriefBytes {
		t.Errorf("cut %v, it has %d bytes", cut, size)
	}
	if brief.Changes[0].Action != workflow.ActionDelete {
		t.Errorf("the first change is %s", brief.Changes[0].Action)
	}
	if brief.Total() != n || len(brief.Drift)+brief.Left.Drift != n {
		t.Errorf("of %d changes it counts %d, of drift %d", n, brief.Total(), len(brief.Drift)+brief.Left.Drift)
	}
	if last, want := brief.Notes[len(brief.Notes)-1], fmt.Sprintf("%d more notes are on the page of its run", n-len(brief.Notes)+1); last != want {
		t.Errorf("the last note is %q, want %q", last, want)
	}
	again, cut := brief.Brief()
	if again.Total() != n || !cut {
		t.Errorf("the brief of a brief counts %d changes, cut %v", again.Total(), cut)
	}
}

// However much init fetched, a brief tells what it was from all else.
func TestBriefOfFetched(t *testing.T) {
	const n = 1000
	brief := func(f workflow.Fetched) workflow.Fetched {
		h, _ := workflow.Plan{Fetched: f}.Brief()
		again, _ := h.Brief()
		if d := cmp.Diff(h, again); d != "" {
			t.Errorf("the brief of a brief (-want +got):\n%s", d)
		}
		return h.Fetched
	}
	many := brief(fetchedMany(n, "1"))
	if d := cmp.Diff(many, brief(fetchedMany(n, "1"))); d != "" || many.Tool == "" {
		t.Errorf("of equal ones (-one +other):\n%s", d)
	}
	for _, change := range []func(*workflow.Fetched){
		func(f *workflow.Fetched) { f.Tool = "terraform 2" },
		func(f *workflow.Fetched) { f.Modules["module.5"] = "2" },
		func(f *workflow.Fetched) { f.Providers["provider.5"] = "2" },
		func(f *workflow.Fetched) { f.Made["made.5"] = "2" },
		func(f *workflow.Fetched) { f.Modules, f.Providers = f.Providers, f.Modules },
	} {
		other := fetchedMany(n, "1")
		change(&other)
		if cmp.Equal(many, brief(other)) {
			t.Error("what was fetched differs, and the briefs do not")
		}
	}
}

// fetchedMany is n of everything that can be fetched.
func fetchedMany(n int, digest workflow.Exact) workflow.Fetched {
	f := workflow.Fetched{Tool: "terraform 1", Modules: map[string]workflow.Exact{}, Providers: map[string]workflow.Exact{}, Made: map[string]workflow.Exact{}}
	for i := range n {
		f.Modules[fmt.Sprint("module.", i)], f.Providers[fmt.Sprint("provider.", i)], f.Made[fmt.Sprint("made.", i)] = digest, digest, digest
	}
	return f
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
	case reflect.Map:
		for _, k := range v.MapKeys() {
			texts(k, n)
			texts(v.MapIndex(k), n)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			texts(v.Field(i), n)
		}
	}
}
