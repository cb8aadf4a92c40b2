package planjson

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cardea-iac/cardea/workflow"
)

// TestPinned: what was hashed once stays the same, byte by byte. A line that changes
// drops approvals, and parts plans that were one group; then the versions grow.
func TestPinned(t *testing.T) {
	var b strings.Builder
	pin := func(name string, in Input) {
		plan, secrets := readPlan(t, in)
		said := sha256.Sum256([]byte(planText(plan) + strings.Join(secrets, "\n")))
		fmt.Fprintf(&b, "%s\n  changes %s\n  fingerprint %s\n  says %x\n", name, plan.ChangesHash, plan.Fingerprint, said[:8])
	}
	variants := func(name string, raw []byte) {
		pin(name, planInput(raw))
		for _, v := range []struct {
			name   string
			change func(*Input)
		}{
			{"without a key", func(in *Input) { in.Key = nil }},
			{"refresh-only", func(in *Input) { in.Options.RefreshOnly = true }},
			{"of a variant", func(in *Input) { in.Project.Entry, in.Project.Variant = "network/prod", "blue" }},
			{"with options", func(in *Input) {
				in.Options = workflow.PlanOptions{Destroy: true, Targets: []string{"b", "a", "b"}, Replaces: []string{"c"}}
			}},
		} {
			in := planInput(raw)
			v.change(&in)
			pin(name+", "+v.name, in)
		}
	}
	for _, name := range []string{"cloud", "newer"} {
		raw, err := os.ReadFile(filepath.Join("testdata", "plan", name+".json"))
		if err != nil {
			t.Fatal(err)
		}
		variants(name, raw)
	}
	variants("providers", configured(`{"actions":["create"],"after":{"n":1},"after_unknown":{"id":true}}`, `{"n":{"constant_value":1}}`,
		`,"expressions":{"region":{"references":["var.region"]},"x":{"references":["var.token"]}}`))
	variants("defaults", plantedPlan([]string{"10.0.0.0/8", "0.0.0.0/0"},
		`"variables":{"v0":{"sensitive":true,"default":"10.0.0.0/8"},"b":{"default":"0.0.0.0/0"}}`, "10.0.0.0/8 or 0.0.0.0/0").Raw)
	for seed := range uint64(40) {
		pin(fmt.Sprintf("made of %d", seed), planInput(encode(t, newPlanMaker(seed).plan())))
	}
	goldenPlan(t, "pinned.golden", b.String())
}
