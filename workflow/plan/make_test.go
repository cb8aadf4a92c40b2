package plan

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-iac/cardea/workflow"
)

// library is what the engine of a library proposes: books and readers, no
// infrastructure at all.
func library(t *testing.T) Proposal {
	book := func(number, shelf, before, after string, c Proposed) Proposed {
		c.Address, c.Mode, c.Type, c.Provider = fmt.Sprintf("book:%s[%q]", number, shelf), "lent", "book", "library/north"
		c.Before, c.After = side(t, before, ``, `{"pin":true}`), side(t, after, ``, `{"pin":true}`)
		return c
	}
	stays := actions("no-op")
	lent := book("2", "novels", `{"title":"A","due":3}`, `{"title":"B"}`,
		Proposed{Actions: actions("delete", "create"), ProviderConfig: "south", Replace: []any{[]any{"title"}}})
	lent.After.Unknown = map[string]any{"due": true}
	return Proposal{
		Objects: []Proposed{
			book("9", "law", `{"id":"9","title":"Codes"}`, ``, Proposed{Actions: actions("delete"), Reason: "because nobody reads it"}),
			book("1", "novels", `{"id":"1","title":"Emma","readers":["ann","bob","eve"],"pin":"first-pin"}`,
				`{"id":"1","title":"Persuasion","readers":["ann","eve"],"pin":"second-pin"}`,
				Proposed{Actions: actions("update"), ProviderConfig: "north", DefaultConfig: true}),
			lent,
			book("3", "a-credential", ``, `{"label":"ask for second-pin, or a-credential"}`, Proposed{Actions: actions("create")}),
			book("5", "maps", `{"title":"Atlas"}`, `{"title":"Atlas"}`, Proposed{Actions: stays, Previous: `book:5["travel"]`}),
			book("6", "maps", `{"title":"Charts"}`, `{"title":"Charts"}`,
				Proposed{Actions: stays, Importing: side(t, `{"barcode":"b-6"}`), ImportID: Side{Value: "b-6"}}),
			book("7", "maps", `{}`, `{}`, Proposed{Actions: stays}),
			book("8", "maps", `{"to":null}`, `{"to":"ann"}`, Proposed{Actions: actions("lend")}),
		},
		Drift: []Proposed{book("1", "novels", `{"shelf":1}`, `{"shelf":2}`, Proposed{Actions: actions("update")})},
		Outputs: []Proposed{
			{Address: "count", Mode: "output", Actions: actions("update"), Before: side(t, `7`), After: side(t, `8`)}},
		Invocations: []Proposed{
			{Address: "bell", Mode: "action", Actions: actions("ring"), Reason: "after closing", After: side(t, `{"times":3}`)}},
		Deferred: []Side{side(t, `{"book":"10"}`)},
		Extra:    map[string]Side{"fines": side(t, `{"ann":"20"}`)},
		Where:    map[string]Side{"house": {Value: "north"}},
		Late:     "the reader of `book:11` is known only in the evening",
		Notes:    []string{"`book:10` waits for its binder."},
		Checks:   []Check{{Address: "shelves"}, {Address: "doors", Problems: []string{"The pin is\nsecond-pin."}}},
		Warnings: []workflow.Diagnostic{{Summary: "The light is on."}},
		State:    workflow.StateVersion{ID: "catalogue", Version: "12"},
		Tool:     "librarian", ToolVersion: "3",
	}
}

// TestMadeUpEngine: nothing here knows what it is that is planned.
func TestMadeUpEngine(t *testing.T) {
	in := input()
	in.Redact = func(text string) string { return strings.ReplaceAll(text, "a-credential", "***") }
	plan, secrets := made(t, library(t), in)
	book := func(c workflow.Change, attributes ...workflow.Attribute) workflow.Change {
		c.Mode, c.Type, c.Provider, c.Attributes = "lent", "book", "library/north", attributes
		return c
	}
	const hidden = "(sensitive value)"
	want := &workflow.Plan{
		Counts: workflow.Counts{Add: 1, Change: 2, Replace: 1, Destroy: 1, Import: 1, Move: 1, Outputs: 1, Actions: 1, Deferred: 1, Drift: 1},
		Changes: []workflow.Change{
			book(workflow.Change{Address: `book:1["novels"]`, Action: "update", Unchanged: 2},
				workflow.Attribute{Path: "id", Mark: " ", Before: `"1"`, After: `"1"`},
				workflow.Attribute{Path: "pin", Mark: "~", Before: hidden, After: hidden, Sensitive: true},
				workflow.Attribute{Path: "readers[1]", Mark: "-", Before: `"bob"`},
				workflow.Attribute{Path: "title", Mark: "~", Before: `"Emma"`, After: `"Persuasion"`}),
			book(workflow.Change{Address: `book:2["novels"]`, Action: "replace", ProviderConfig: "south"},
				workflow.Attribute{Path: "due", Mark: "~", Before: "3", After: "(known after apply)", Unknown: true},
				workflow.Attribute{Path: "title", Mark: "~", Before: `"A"`, After: `"B"`, Replaces: true}),
			book(workflow.Change{Address: `book:3["***"]`, Action: "create", Masked: 1},
				workflow.Attribute{Path: "label", Mark: "+", After: `"ask for (sensitive value), or ***"`}),
			book(workflow.Change{Address: `book:5["maps"]`, PreviousAddress: `book:5["travel"]`, Action: "move", Unchanged: 1}),
			book(workflow.Change{Address: `book:6["maps"]`, Action: "import", Imported: true, ImportID: "b-6"},
				workflow.Attribute{Path: "title", Mark: " ", Before: `"Charts"`, After: `"Charts"`}),
			book(workflow.Change{Address: `book:8["maps"]`, Action: "update", Reason: "the plan calls this lend"},
				workflow.Attribute{Path: "to", Mark: "+", After: `"ann"`}),
			book(workflow.Change{Address: `book:9["law"]`, Action: "delete", Reason: "because nobody reads it"},
				workflow.Attribute{Path: "id", Mark: "-", Before: `"9"`}, workflow.Attribute{Path: "title", Mark: "-", Before: `"Codes"`}),
			{Address: "count", Mode: "output", Action: "update",
				Attributes: []workflow.Attribute{{Path: "value", Mark: "~", Before: "7", After: "8"}}},
			{Address: "bell", Mode: "action", Action: "invoke", Reason: "after closing",
				Attributes: []workflow.Attribute{{Path: "times", Mark: "+", After: "3"}}},
		},
		Drift: []workflow.Change{book(workflow.Change{Address: `book:1["novels"]`, Action: "update"},
			workflow.Attribute{Path: "shelf", Mark: "~", Before: "1", After: "2"})},
		Late:   "the reader of `book:11` is known only in the evening",
		Checks: []string{"`shelves` fails", "`doors` fails: The pin is (sensitive value)."},
		Notes: []string{"`book:10` waits for its binder.",
			"The plan has a part `fines` that this version of Cardea does not know."},
		Warnings: []workflow.Diagnostic{{Summary: "The light is on."}},
		// Pinned: a proposal means the same tomorrow.
		ChangesHash: "6e56f9a2e80acd3051a76a266db43c5a30c561c71010c6da718724e5473b3d94",
		Fingerprint: "2d24073db3ad1f5f4fbb3a27ec22e47b4ae4e5d979e3fc60650edf0c4e769eef",
		StateID:     "catalogue", StateVersion: "12", States: workflow.States{"state"},
		Tool: "librarian", ToolVersion: "3", PlannedAt: time.Unix(0, 0).UTC(),
	}
	if diff := cmp.Diff(want, plan); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if diff := cmp.Diff([]string{"second-pin", "first-pin"}, secrets); diff != "" {
		t.Errorf("secrets (-want +got):\n%s", diff)
	}
}

// TestOrigins: where a secret comes from decides where it is masked.
func TestOrigins(t *testing.T) {
	marked := side(t, `["correct-horse","0.0.0.0/0"]`, `null`, `true`)
	change := func(action string) []Proposed {
		return []Proposed{{Address: "o", Actions: actions(action), Before: marked, After: marked}}
	}
	const none, horse, all = `"correct-horse at 0.0.0.0/0"`, `"(sensitive value) at 0.0.0.0/0"`, `"(sensitive value) at (sensitive value)"`
	both := []string{"correct-horse", "0.0.0.0/0"}
	for _, c := range []struct {
		name     string
		proposal Proposal
		shown    string // what is shown of "correct-horse at 0.0.0.0/0"
		secrets  []string
	}{
		{"nothing is marked", Proposal{}, none, nil},
		{"an output", Proposal{Outputs: change("create")}, all, both},
		{"drift", Proposal{Drift: change("delete")}, all, both},
		{"what an invocation gets", Proposal{Invocations: []Proposed{{Address: "o", After: marked}}}, all, both},
		{"what stands for an invocation", Proposal{Invocations: []Proposed{{Address: "o", Whole: &marked}}}, all, both},
		{"what is deferred", Proposal{Deferred: []Side{marked}}, all, both},
		{"a part that nobody knows", Proposal{Extra: map[string]Side{"x": marked}}, all, both},
		{"where it is", Proposal{Where: map[string]Side{"x": marked}}, all, both},
		{"a side that is not shown", Proposal{Marked: []Side{marked}}, all, both},
		{"in public company", Proposal{Marked: []Side{marked}, Public: []any{"0.0.0.0/0"}}, horse, both[:1]},
		{"a secret that the configuration says", Proposal{Secrets: []any{"0.0.0.0/0"}, Public: []any{"0.0.0.0/0"}}, none, nil},
		{"a secret of JSON in a text", Proposal{Secrets: []any{`{"user":["correct-horse"]}`}}, horse,
			[]string{`{"user":["correct-horse"]}`, "correct-horse"}},
		{"said elsewhere", Proposal{Marked: []Side{marked}, Said: []any{"0.0.0.0/0"}}, horse, both[:1]},
		{"said by a file", Proposal{Marked: []Side{marked}, Says: func(texts []string) map[string]bool {
			return map[string]bool{"0.0.0.0/0": slices.Contains(texts, "0.0.0.0/0")}
		}}, horse, both[:1]},
		{"a short one", Proposal{Secrets: []any{"horse"}}, none, []string{"horse"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := c.proposal
			p.Objects = one(Proposed{Actions: actions("create"), After: side(t, `{"n":"correct-horse at 0.0.0.0/0"}`)}).Objects
			plan, secrets := made(t, p, input())
			shown := plan.Changes[0]
			if shown.Attributes[0].After != c.shown || (shown.Masked == 1) != (c.shown != none) {
				t.Errorf("shown as %+v", shown)
			}
			if diff := cmp.Diff(c.secrets, secrets); diff != "" {
				t.Errorf("secrets (-want +got):\n%s", diff)
			}
		})
	}
}

// TestNothing: an engine that says there is nothing is believed where nothing is to be seen.
func TestNothing(t *testing.T) {
	change := one(Proposed{Actions: actions("create"), After: side(t, `1`)})
	for _, c := range []struct {
		name      string
		noChanges bool
		empty     string
		objects   []Proposed
		want      bool
		notes     []string
	}{
		{"nothing", true, "", nil, true, nil},
		{"nothing, with a word", true, "Only looks are taken.", nil, true, []string{"Only looks are taken."}},
		{"something that is not shown", false, "There is something, unlisted.", nil, false, []string{"There is something, unlisted."}},
		{"a change", false, "There is something, unlisted.", change.Objects, false, nil},
		{"a change of which nothing is said", true, "Only looks are taken.", change.Objects, false, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			plan, _ := made(t, Proposal{NoChanges: c.noChanges, Empty: c.empty, Objects: c.objects}, input())
			if plan.NoChanges != c.want || !slices.Equal(plan.Notes, c.notes) {
				t.Errorf("no changes %v, want %v; notes %q", plan.NoChanges, c.want, plan.Notes)
			}
		})
	}
}

// TestRefused: what does not say what is done to what is no plan.
func TestRefused(t *testing.T) {
	for _, c := range []struct {
		p    Proposal
		want string
	}{
		{Proposal{Objects: []Proposed{{Actions: actions("create")}}}, "a change of the plan has no address"},
		{Proposal{Drift: []Proposed{{Address: "book:1"}}}, "book:1 of the plan has no actions"},
		{Proposal{Outputs: []Proposed{{Address: "count"}}}, "count of the plan has no actions"},
	} {
		if plan, secrets, err := Make(c.p, input()); plan != nil || secrets != nil || err == nil || err.Error() != c.want {
			t.Errorf("got error %v, want %q", err, c.want)
		}
	}
}

// TestLongPlan: what is too long is cut and named, and the counts stay exact.
func TestLongPlan(t *testing.T) {
	var p Proposal
	for i := range 400 {
		p.Objects = append(p.Objects, Proposed{Address: fmt.Sprintf("x_y.r[%d]", i), Actions: actions("create"),
			After: Side{Value: map[string]any{"text": strings.Repeat("é", 40<<10)}}})
	}
	got, _ := made(t, p, input())
	text := got.Changes[0].Attributes[0].After
	if len(text) > maxValueText+64 || !strings.HasSuffix(text, " more bytes)") || got.Counts.Add != 400 {
		t.Errorf("a value of 80 KB became %d bytes, ending in %q; counts %+v", len(text), text[len(text)-40:], got.Counts)
	}
	whole := 0
	for _, c := range got.Changes {
		whole += len(c.Attributes)
	}
	if want := maxPlanText/maxValueText + 1; whole > want || whole < want-1 {
		t.Errorf("%d changes kept their attributes, want about %d", whole, want)
	}
	if len(got.Notes) != 2 {
		t.Errorf("notes %q", got.Notes)
	}
}
