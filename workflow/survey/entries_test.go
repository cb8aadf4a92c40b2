package survey

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-iac/cardea/workflow"
)

// entries makes a configuration of lines "name environment backend", all of directory app.
func entries(lines ...string) string {
	text := "projects:\n"
	for _, line := range lines {
		f := strings.Fields(line)
		text += fmt.Sprintf("- {dir: app, name: %s, environment: %s, backend_config: [%s.tfbackend], var_files: [%s.tfvars]}\n", f[0], f[1], f[2], f[2])
	}
	return text
}

// TestResolveEntries: several entries for one directory and Terraform workspace.
// What head does to them is no way out of what base says of one.
func TestResolveEntries(t *testing.T) {
	rules := workflow.Rules{Environments: map[string]workflow.EnvironmentRules{"dev": {}, "prod": {}, "other": {}}}
	both := entries("app/dev dev dev", "app/prod prod prod")
	for _, tt := range []struct {
		name, base, head string
		rules            workflow.Rules
		want             []string // of the planned tree, with the backend files
		removed          string   // projects of base that the planned tree does not have
		changed          string
		notes            []string
	}{{
		name: "two entries", base: both, head: both,
		want: []string{"app/dev entry=app/dev env=dev < dev", "app/prod entry=app/prod env=prod < prod"},
	}, {
		name: "swapped names keep base's environments", base: both, head: entries("app/prod dev dev", "app/dev prod prod"),
		want:    []string{"app/dev entry=app/dev env=dev head=prod < prod", "app/prod entry=app/prod env=prod head=dev < dev"},
		changed: "app/dev: environment var_files backend_config, app/prod: environment var_files backend_config",
		notes: []string{"This change labels `app/dev` as environment `prod`. Until this is merged, the environment is `dev`, and the rules of both apply.",
			"This change labels `app/prod` as environment `dev`. Until this is merged, the environment is `prod`, and the rules of both apply."},
	}, {
		name: "a renamed one is known by its backend files", base: both, head: entries("app/dev dev dev", "app/live dev prod"),
		want:    []string{"app/dev entry=app/dev env=dev < dev", "app/prod entry=app/prod env=prod head=dev < prod"},
		changed: "app/prod: name environment",
		notes: []string{"This change labels `app/prod` as environment `dev`. Until this is merged, the environment is `prod`, and the rules of both apply.",
			"This change renames `app/prod` to `app/live`. That takes effect after the merge."},
	}, {
		name: "a second one beside the only one", base: entries("app/dev dev dev"), head: both, rules: rules,
		want:  []string{"app/dev env=dev < dev", "app/prod entry=app/prod env=dev head=prod < prod"},
		notes: []string{"This change labels `app/prod` as environment `prod`. Until this is merged, the environment is `dev`, and the rules of both apply."},
	}, {
		name: "a second one, and the first renamed", base: entries("app prod prod"), head: both, rules: rules,
		want:    []string{"app env=prod < prod", "app/dev entry=app/dev env=prod head=dev < dev"},
		changed: "app: name",
		notes: []string{"This change labels `app/dev` as environment `dev`. Until this is merged, the environment is `prod`, and the rules of both apply.",
			"This change renames `app` to `app/prod`. That takes effect after the merge."},
	}, {
		name: "one of two goes", base: both, head: entries("app/prod prod prod"), removed: "app/dev",
		want: []string{"app/prod entry=app/prod env=prod < prod"},
	}, {
		name: "one of two goes, the other is renamed", base: both, head: entries("app dev prod"), removed: "app/dev",
		want: []string{"app/prod entry=app/prod env=prod head=dev < prod"}, changed: "app/prod: name environment",
		notes: []string{"This change labels `app/prod` as environment `dev`. Until this is merged, the environment is `prod`, and the rules of both apply.",
			"This change renames `app/prod` to `app`. That takes effect after the merge."},
	}, {
		name: "a third one has the rules of both", base: both, head: both + entries("app/qa dev qa")[len("projects:\n"):], rules: rules,
		want: []string{"app/dev entry=app/dev env=dev < dev", "app/prod entry=app/prod env=prod < prod",
			"app/qa entry=app/qa head=dev rules of=dev+prod < qa"},
		notes: []string{"This change labels `app/qa` as environment `dev`. Until this is merged, the rules of `dev` and `prod` apply as well: other projects in the directory have them."},
	}, {
		name: "all are others", base: both, head: entries("app/x dev x", "app/y dev y"), rules: rules, removed: "app/dev app/prod",
		want: []string{"app/x entry=app/x head=dev rules of=dev+prod < x", "app/y entry=app/y head=dev rules of=dev+prod < y"},
		notes: []string{
			"This change labels `app/x`, `app/y` as environment `dev`. Until this is merged, the rules of `dev` and `prod` apply as well: other projects in the directory have them."},
	}, {
		name: "another Terraform workspace is no way out either", base: entries("app prod prod"),
		head: "projects: [{dir: app, name: app, environment: prod, backend_config: [prod.tfbackend], var_files: [prod.tfvars]}, {dir: app, terraform_workspace: blue}]\n", rules: rules,
		want: []string{"app env=prod < prod", "app/blue ws=blue env=prod < "},
	}, {
		name: "beside one without an environment", base: "projects: [{dir: app, name: a}, {dir: app, name: b, environment: prod}]\n",
		head: "projects: [{dir: app, name: a}, {dir: app, name: b, environment: prod}, {dir: app, name: c}]\n", rules: rules,
		want: []string{"a entry=a < ", "b entry=b env=prod < ", "c entry=c rules of=prod < "},
	}, {
		name: "beside none that has one", base: "projects: [{dir: app, name: a}]\n", head: "projects: [{dir: app, name: a}, {dir: app, name: c, environment: dev}]\n", rules: rules,
		want:  []string{"a < ", "c entry=c head=dev strictest < "},
		notes: []string{"This change labels `c` as environment `dev`. Until this is merged, the strictest rules of the repository apply."},
	}, {
		name: "what was discovered gives way", base: "", head: both, removed: "app",
		want: []string{"app/dev entry=app/dev head=dev < dev", "app/prod entry=app/prod head=prod < prod"},
		notes: []string{"This change labels `app/dev` as environment `dev`. Until this is merged, the repository's own rules apply as well.",
			"This change labels `app/prod` as environment `prod`. Until this is merged, the repository's own rules apply as well."},
	}, {
		name: "what a glob stands for gives way", base: "projects: [{dir: \"*\", environment: dev}]\n",
		head: "projects: [{dir: \"*\", environment: dev}, {dir: app, name: a}, {dir: app, name: b}]\n", removed: "app",
		want: []string{"a entry=a env=dev < ", "b entry=b env=dev < "},
	}, {
		name: "backend files that two have name neither", base: entries("a dev s", "b prod s"), head: entries("c dev s", "d dev s"), rules: rules, removed: "a b",
		want: []string{"c entry=c head=dev rules of=dev+prod < s", "d entry=d head=dev rules of=dev+prod < s"},
		notes: []string{
			"This change labels `c`, `d` as environment `dev`. Until this is merged, the rules of `dev` and `prod` apply as well: other projects in the directory have them."},
	}} {
		t.Run(tt.name, func(t *testing.T) {
			got := Resolve(Input{Kinds: kinds, Rules: tt.rules, Base: repoConfig(t, tt.base), Head: repoConfig(t, tt.head),
				BaseFound: found("app"), HeadFound: found("app")})
			if len(got.Diagnostics) > 0 {
				t.Fatal(got.Diagnostics)
			}
			lines := projectLines(got.Projects)
			head := map[workflow.ProjectKey]bool{}
			var changed, removed []string
			for i, p := range got.Projects {
				files := strings.Join(p.Files(workflow.Key{Name: "backend_config", Form: workflow.KeyFiles}), " ")
				lines[i] = strings.ReplaceAll(lines[i], " dir=app", "") + " < " + strings.ReplaceAll(files, ".tfbackend", "")
				if head[p.Key()] {
					t.Errorf("two projects have the key %v", p.Key())
				}
				head[p.Key()] = true
				if keys := got.Changed[p.Key()]; len(keys) > 0 {
					changed = append(changed, p.Name+": "+strings.Join(keys, " "))
				}
			}
			for _, b := range got.BaseProjects {
				if !head[b.Key()] {
					removed = append(removed, b.Name)
				}
			}
			if diff := cmp.Diff(tt.want, lines); diff != "" {
				t.Errorf("projects: -want +got:\n%s", diff)
			}
			if diff := cmp.Diff(tt.changed, strings.Join(changed, ", ")); diff != "" {
				t.Errorf("changed: -want +got:\n%s", diff)
			}
			if diff := cmp.Diff(tt.removed, strings.Join(removed, " ")); diff != "" {
				t.Errorf("removed: -want +got:\n%s", diff)
			}
			if diff := cmp.Diff(tt.notes, got.Notes); diff != "" {
				t.Errorf("notes: -want +got:\n%s", diff)
			}
		})
	}
}
