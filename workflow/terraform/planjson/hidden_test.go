package planjson

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-iac/cardea/workflow/plan"
)

func TestConfigAddress(t *testing.T) {
	for address, want := range map[string]string{
		"a_b.c":    "a_b.c",
		"a_b.c[0]": "a_b.c",
		`module.m["x.y[0]"].module.n[1].data.a_b.c["k\"]"]`: "module.m.module.n.data.a_b.c",
		`a_b.c["cut`: "a_b.c",
		"":           "",
	} {
		if got := configAddress(address); got != want {
			t.Errorf("configAddress(%q) = %q, want %q", address, got, want)
		}
	}
}

// TestMaskAddress: a credential in an instance key is masked, the names around it
// stay, and so does what only the plan calls sensitive.
func TestMaskAddress(t *testing.T) {
	in := Input{Redact: func(text string) string {
		return strings.NewReplacer("a-secret-key", "***", "postgres", "***").Replace(text)
	}}
	for address, want := range map[string]string{
		`x.postgres["a-secret-key"]`:         `x.postgres["***"]`,
		`module.m["a-secret-key"].x.y["z"]`:  `module.m["***"].x.y["z"]`,
		`x.y["\"a-secret-key\\"].z["a-secre`: `x.y["\"***\\"].z["a-secre`,
		`planted-key.x["planted-key"]`:       `planted-key.x["planted-key"]`,
		`x.y["`:                              `x.y["`,
		`x.y[0]`:                             `x.y[0]`,
	} {
		if got := in.address(address); got != want {
			t.Errorf("the address %q is shown as %q, want %q", address, got, want)
		}
	}
}

// TestProvisionerEffects: provisioners run when their resource is created or
// replaced, maybe when it is destroyed, and never when it is updated.
func TestProvisionerEffects(t *testing.T) {
	resources := map[string]configResource{"a.b": {address: "a.b", mode: "managed", provisioners: []string{"local-exec"}}}
	for _, c := range []struct {
		name    string
		changes []plan.Proposed
		want    []string
	}{
		{"update", []plan.Proposed{{Address: "a.b", Actions: []string{"update"}}}, nil},
		{"forget", []plan.Proposed{{Address: "a.b", Actions: []string{"forget"}}}, nil},
		{"another resource", []plan.Proposed{{Address: "a.c", Actions: []string{"create"}}}, nil},
		{"two instances", []plan.Proposed{{Address: "a.b[0]", Actions: []string{"create"}}, {Address: "a.b[1]", Actions: []string{"create"}}},
			[]string{"`a.b` (2 instances) runs local-exec when it is created"}},
		{"replace", []plan.Proposed{{Address: "a.b", Actions: []string{"create", "delete"}}}, []string{"`a.b` runs local-exec when it is replaced"}},
		{"delete", []plan.Proposed{{Address: "a.b", Actions: []string{"delete"}}}, []string{"`a.b` may run local-exec when it is destroyed"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for _, e := range provisionerEffects(c.changes, resources) {
				got = append(got, e.Text)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}
