package survey

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/config"
)

// someEntries draws a configuration of directory app: plain entries, environments, globs.
func someEntries(t *rapid.T, which string) string {
	pick := func(name string, of ...string) string { return rapid.SampledFrom(of).Draw(t, which+" "+name) }
	word := func(name string) string { return pick(name, "dev", "stage", "prod") }
	var items []string
	for range rapid.IntRange(0, 3).Draw(t, which+" items") {
		item := fmt.Sprintf("dir: %s", pick("dir", "app", "app", `"a*"`))
		if n := pick("name", "", "app/dev", "app/prod", "x", "y"); n != "" {
			item += ", name: " + n
		}
		keys := func() string {
			return pick("backend", "", ", backend_config: [dev.b]", ", backend_config: [prod.b]", `, backend_config: ["{environment}.b"]`, `, backend_config: ["/app/{environment}.b"]`) +
				pick("workspace", "", "", ", terraform_workspace: prod", `, terraform_workspace: "{environment}"`)
		}
		if rapid.Bool().Draw(t, which+" environments") {
			var list []string
			for range rapid.IntRange(1, 3).Draw(t, which+" number") {
				if e := word("environment"); !slices.ContainsFunc(list, func(s string) bool { return strings.HasPrefix(s, e+":") }) {
					list = append(list, e+": {"+strings.TrimPrefix(keys(), ", ")+"}")
				}
			}
			item += keys() + ", environments: {" + strings.Join(list, ", ") + "}"
		} else {
			item += keys() + ", environment: " + word("label")
		}
		items = append(items, "- {"+item+"}\n")
	}
	if len(items) == 0 {
		return ""
	}
	return "projects:\n" + strings.Join(items, "")
}

// TestNoWayOut: whatever a change makes of the entries of a directory, a project that base has
// keeps its environment, and a new one has the rules of all environments that base has there.
func TestNoWayOut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		base, faults := config.ParseRepo("base", []byte(someEntries(t, "base")), kinds)
		if len(faults) > 0 {
			t.Skip("a faulty base")
		}
		head, faults := config.ParseRepo("head", []byte(someEntries(t, "head")), kinds)
		if len(faults) > 0 {
			t.Skip("a faulty head")
		}
		rules := workflow.Rules{Environments: map[string]workflow.EnvironmentRules{"dev": {Order: 1}, "stage": {Order: 2}, "prod": {Order: 3}}}
		for name, env := range rules.Environments {
			if rapid.Bool().Draw(t, "placed "+name) {
				env.Projects = []string{"**/" + name}
				rules.Environments[name] = env
			}
		}
		got := Resolve(Input{Kinds: kinds, Rules: rules, Base: base, Head: head, BaseFound: found("app"), HeadFound: found("app")})
		had := map[workflow.ProjectKey]workflow.Project{}
		there := map[string]bool{}
		for _, b := range got.BaseProjects {
			if _, twice := had[b.Key()]; twice {
				t.Fatalf("two projects of base have the key %v", b.Key())
			}
			had[b.Key()] = b
			there[b.Environment] = true
		}
		seen := map[workflow.ProjectKey]bool{}
		for _, p := range got.Projects {
			if seen[p.Key()] {
				t.Fatalf("two projects of head have the key %v", p.Key())
			}
			seen[p.Key()] = true
			holds := rules.EnvironmentsOf(p)
			if b, known := had[p.Key()]; known {
				if p.Environment != b.Environment || p.Name != b.Name {
					t.Fatalf("%s of base, in %q, is %s in %q", b.Name, b.Environment, p.Name, p.Environment)
				}
				continue
			}
			for env := range there {
				if env != "" && !slices.Contains(holds, env) {
					t.Fatalf("%s is new beside one of %q and has the rules of %q", p.Name, env, holds)
				}
			}
		}
	})
}
