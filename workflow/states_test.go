package workflow_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-iac/cardea/workflow"
)

// TestStatesStored: one is kept as its name, as it always was; several are a list.
func TestStatesStored(t *testing.T) {
	for stored, want := range map[string]workflow.States{
		`{"id":"x"}`:                            nil,
		`{"id":"x","state_identity":"s"}`:       {"s"},
		`{"id":"x","state_identity":["s","t"]}`: {"s", "t"},
	} {
		type record struct {
			ID     string          `json:"id"`
			States workflow.States `json:"state_identity,omitempty"`
		}
		var got record
		if err := json.Unmarshal([]byte(stored), &got); err != nil || !slices.Equal(got.States, want) {
			t.Errorf("%s is %q, %v", stored, got.States, err)
		}
		if again, err := json.Marshal(got); err != nil || string(again) != stored {
			t.Errorf("%s is written as %s, %v", stored, again, err)
		}
	}
	var got workflow.States
	if err := json.Unmarshal([]byte(`["t","s","t",""]`), &got); err != nil || !slices.Equal(got, workflow.States{"s", "t"}) {
		t.Errorf("got %q, %v", got, err)
	}
	if err := json.Unmarshal([]byte(`{"s":1}`), &got); err == nil {
		t.Errorf("an object is %q", got)
	}
}

// TestSeveralStates: a project is locked by each of its states, and two meet where one of the states of
// the one is, or may be, one of the other's.
func TestSeveralStates(t *testing.T) {
	hosts := func(names ...string) workflow.States {
		var out []string
		for _, name := range names {
			sort, value, _ := strings.Cut(name, " ")
			out = append(out, workflow.StatePlace{Realm: "host", Parts: []workflow.PlacePart{{Sort: workflow.PartSort(sort[0]), Value: value}}}.Identity())
		}
		return workflow.StatesOf(out...)
	}
	for _, tt := range []struct {
		name                 string
		a, b                 workflow.States
		surely, may, theSame bool
	}{
		{"the same ones", hosts("= web1", "= web2"), hosts("= web2", "= web1"), true, true, true},
		{"one of several", hosts("= web1", "= web2", "= web3"), hosts("= web3"), true, true, false},
		{"some of several", hosts("= web1", "= web2"), hosts("= web2", "= web3"), true, true, false},
		{"none of several", hosts("= web1", "= web2"), hosts("= web3", "= web4"), false, false, false},
		{"one may be it", hosts("= web1", "= web2"), hosts("= web3", "? var.host"), false, true, false},
		{"one has another name", hosts("~ 10.0.0.1"), hosts("= web9", "~ web1.example.com"), false, true, false},
		{"the same, and nobody knows one of them", hosts("= web1", "? var.host"), hosts("= web1", "? var.host"), true, true, false},
		{"not known", nil, hosts("= web1"), false, false, false},
		{"neither is known", nil, nil, false, false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, pair := range [][2]workflow.States{{tt.a, tt.b}, {tt.b, tt.a}} {
				x, y := pair[0], pair[1]
				if x.Surely(y) != tt.surely || x.MayBe(y) != tt.may || x.Are(y) != tt.theSame {
					t.Errorf("%q and %q: surely %t, may %t, the same %t", x, y, x.Surely(y), x.MayBe(y), x.Are(y))
				}
				p, q := workflow.Project{Dir: "p"}, workflow.Project{Dir: "q"}
				mine, others := workflow.LockKeys(p, workflow.KeptState{States: x}), workflow.LockKeys(q, workflow.KeptState{States: y})
				if len(mine) != 1+len(x) {
					t.Errorf("%q has the keys %q", x, mine)
				}
				if workflow.MeetAny(mine, others) != tt.may {
					t.Errorf("the locks %q and %q meet: %t", mine, others, !tt.may)
				}
				apply, plan := workflow.Run{Kind: workflow.RunApply, States: x}, workflow.Run{Kind: workflow.RunPlan, States: y}
				if apply.OnStateOf(plan) != tt.may || plan.OnStateOf(apply) != tt.may {
					t.Errorf("an apply of %q is on the state of a plan of %q: %t", x, y, !tt.may)
				}
			}
		})
	}
	if !hosts("= web1", "? var.host").Unknown() || hosts("= web1", "~ x").Unknown() {
		t.Error("one state that is not known makes the strictest rules hold, and an address does not")
	}
	keys := workflow.LockKeys(workflow.Project{Dir: "d", Variant: "default"}, workflow.KeptState{States: workflow.States{"a", "b"}, Lineage: "l"})
	if d := cmp.Diff([]string{"project\x00d\x00default", "state\x00a", "state\x00b", "state lineage\x00l"}, keys); d != "" {
		t.Errorf("keys (-want +got):\n%s", d)
	}
}
