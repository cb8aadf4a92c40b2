package survey

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-iac/cardea/workflow"
)

// looked is what a resolution decides about directory app, with the backend files, and what it says of base's.
func looked(t *testing.T, in Input) string {
	t.Helper()
	got := Resolve(in)
	for _, d := range got.Diagnostics {
		t.Error(d)
	}
	var out []string
	head := map[workflow.ProjectKey]bool{}
	for i, line := range projectLines(got.Projects) {
		p := got.Projects[i]
		var files []string
		for _, f := range p.Files(workflow.Key{Name: "backend_config", Form: workflow.KeyFiles}) {
			files = append(files, strings.TrimSuffix(f, ".tfbackend"))
		}
		for _, usual := range []string{" dir=app", " component=app"} {
			line = strings.TrimSuffix(strings.Replace(line+" ", usual+" ", " ", 1), " ")
		}
		if len(files) > 0 {
			line += " < " + strings.Join(files, " ")
		}
		if keys := got.Changed[p.Key()]; len(keys) > 0 {
			line += " ~ " + strings.Join(keys, " ")
		}
		if head[p.Key()] {
			t.Errorf("two projects have the key %v", p.Key())
		}
		head[p.Key()] = true
		out = append(out, line)
	}
	for _, b := range got.BaseProjects {
		if !head[b.Key()] {
			out = append(out, "- "+b.Name)
		}
	}
	return strings.Join(out, "\n")
}

const (
	bothEnvironments = "projects: [{dir: app, environments: {staging: {backend_config: [staging.tfbackend]}, prod: {backend_config: [prod.tfbackend]}}}]"
	bothEntries      = "projects: [{name: app/staging, dir: app, component: app, environment: staging, backend_config: [staging.tfbackend]}, {name: app/prod, dir: app, component: app, environment: prod, backend_config: [prod.tfbackend]}]"
	bothWorkspaces   = "projects: [{dir: app, terraform_workspace: \"{environment}\", environments: {staging: {}, prod: {}}}]"
)

// TestEnvironmentsOfHead: what a change does to `environments` is no way out of what base says.
func TestEnvironmentsOfHead(t *testing.T) {
	labelled := workflow.Rules{Environments: map[string]workflow.EnvironmentRules{"staging": {}, "prod": {}}}
	placed := workflow.Rules{Environments: map[string]workflow.EnvironmentRules{
		"staging": {Projects: []string{"**/staging"}, Order: 1}, "prod": {Projects: []string{"**/prod"}, Order: 2}}}
	for _, tt := range []struct {
		name, base, head string
		rules            workflow.Rules
		faulty           bool
		want             string
	}{
		{name: "the same", base: bothEnvironments, head: bothEnvironments, rules: labelled,
			want: "app/prod entry=app/prod env=prod < prod\napp/staging entry=app/staging env=staging < staging"},
		{name: "from entries to environments", base: bothEntries, head: bothEnvironments, rules: labelled,
			want: "app/prod entry=app/prod env=prod < prod\napp/staging entry=app/staging env=staging < staging"},
		{name: "and back", base: bothEnvironments, head: bothEntries, rules: labelled,
			want: "app/prod entry=app/prod env=prod < prod\napp/staging entry=app/staging env=staging < staging"},
		{name: "from entries with other names", base: strings.ReplaceAll(bothEntries, "name: app/", "name: x-"), head: bothEnvironments, rules: labelled,
			want: "x-prod entry=x-prod env=prod < prod ~ name\nx-staging entry=x-staging env=staging < staging ~ name"},
		{name: "from entries of Terraform workspaces", rules: labelled, head: bothWorkspaces,
			base: "projects: [{dir: app, terraform_workspace: staging, environment: staging, component: app}, {dir: app, terraform_workspace: prod, environment: prod, component: app}]",
			want: "app/prod ws=prod env=prod\napp/staging ws=staging env=staging"},
		{name: "from a glob to the directory", base: strings.ReplaceAll(bothEnvironments, "dir: app", `dir: "a*"`), head: bothEnvironments, rules: labelled,
			want: "app/prod entry=app/prod env=prod < prod\napp/staging entry=app/staging env=staging < staging"},
		{name: "paths of one file, written otherwise", base: bothEnvironments, rules: labelled,
			head: "projects: [{dir: app, backend_config: [\"/{dir}/{environment}.tfbackend\"], environments: {live: {backend_config: [/app/prod.tfbackend]}, staging: {}}}]",
			want: "app/prod entry=app/prod env=prod head=live < prod ~ name environment\napp/staging entry=app/staging env=staging < staging"},
		{name: "a renamed one is known by its backend files", base: bothEnvironments, rules: labelled,
			head: strings.Replace(bothEnvironments, "prod:", "dev:", 1),
			want: "app/prod entry=app/prod env=prod head=dev < prod ~ name environment\napp/staging entry=app/staging env=staging < staging"},
		{name: "renamed, with another backend file", base: bothEnvironments, rules: labelled,
			head: "projects: [{dir: app, environments: {staging: {backend_config: [staging.tfbackend]}, dev: {backend_config: [dev.tfbackend]}}}]",
			want: "app/dev entry=app/dev head=dev rules of=prod+staging < dev\napp/staging entry=app/staging env=staging < staging\n- app/prod"},
		{name: "swapped backend files", base: bothEnvironments, rules: labelled,
			head: "projects: [{dir: app, environments: {staging: {backend_config: [prod.tfbackend]}, prod: {backend_config: [staging.tfbackend]}}}]",
			want: "app/prod entry=app/prod env=prod < staging ~ backend_config\napp/staging entry=app/staging env=staging < prod ~ backend_config"},
		{name: "added", base: bothEnvironments, rules: labelled, head: strings.Replace(bothEnvironments, "environments: {", "environments: {dev: {backend_config: [dev.tfbackend]}, ", 1),
			want: "app/dev entry=app/dev head=dev rules of=prod+staging < dev\napp/prod entry=app/prod env=prod < prod\napp/staging entry=app/staging env=staging < staging"},
		{name: "added with a label of base", base: "projects: [{dir: app, environments: {prod: {backend_config: [prod.tfbackend]}}}]", rules: labelled, head: bothEnvironments,
			want: "app/prod env=prod < prod\napp/staging entry=app/staging env=prod head=staging < staging"},
		{name: "added to a plain project", base: "projects: [{dir: app, environment: prod, component: app, backend_config: [prod.tfbackend]}]", rules: labelled, head: bothEnvironments,
			want: "app env=prod < prod ~ name\napp/staging entry=app/staging env=prod head=staging < staging"},
		{name: "added where nobody named any", base: "", rules: labelled, head: bothEnvironments,
			want: "app/prod entry=app/prod head=prod strictest < prod\napp/staging entry=app/staging head=staging strictest < staging\n- app"},
		{name: "dropped", base: bothEnvironments, rules: labelled, head: "projects: [{dir: app, environments: {staging: {backend_config: [staging.tfbackend]}}}]",
			want: "app/staging entry=app/staging env=staging < staging\n- app/prod"},
		{name: "dropped, and the other takes its files", base: bothEnvironments, rules: labelled, head: "projects: [{dir: app, environments: {staging: {backend_config: [prod.tfbackend]}}}]",
			want: "app/staging entry=app/staging env=staging < prod ~ backend_config\n- app/prod"},
		{name: "an entry labelled otherwise in their place", base: bothEnvironments, rules: labelled, head: "projects: [{dir: app, environment: staging, backend_config: [prod.tfbackend]}]",
			want: "app/prod entry=app/prod env=prod head=staging < prod ~ name environment component\n- app/staging"},
		{name: "another Terraform workspace", base: bothEnvironments, rules: labelled,
			head: strings.Replace(bothEnvironments, "prod: {", "prod: {terraform_workspace: x, ", 1),
			want: "app/prod ws=x head=prod rules of=prod+staging < prod\napp/staging entry=app/staging env=staging < staging\n- app/prod"},
		{name: "renamed, and the Terraform workspace with it", base: bothWorkspaces, head: strings.Replace(bothWorkspaces, "prod:", "dev:", 1), rules: labelled,
			want: "app/dev ws=dev head=dev rules of=prod+staging\napp/staging ws=staging env=staging\n- app/prod"},
		{name: "renamed, with the Terraform workspace of before", base: bothWorkspaces, head: strings.Replace(bothWorkspaces, "prod: {}", "dev: {terraform_workspace: prod}", 1), rules: labelled,
			want: "app/prod ws=prod env=prod head=dev ~ name environment\napp/staging ws=staging env=staging"},

		// A placeholder is head's word, as a file that is written in full: the rules stay base's,
		// with those of the label, and of whose state it is then.
		{name: "another label picks another file", rules: labelled, base: "projects: [{dir: app, environment: prod, backend_config: [\"{environment}.tfbackend\"]}]",
			head: "projects: [{dir: app, environment: staging, backend_config: [\"{environment}.tfbackend\"]}]",
			want: "app env=prod head=staging < staging ~ environment backend_config"},
		{name: "another pattern picks another file", rules: labelled, base: "autodiscover: {pattern: \"{component}\"}\nprojects: [{dir: app, environment: prod, backend_config: [\"{component}.tfbackend\"]}]",
			head: "autodiscover: {pattern: \"{environment}\"}\nprojects: [{dir: app, component: staging, environment: prod, backend_config: [\"{component}.tfbackend\"]}]",
			want: "app env=prod < staging ~ component backend_config"},
		{name: "another name picks another file", rules: labelled, base: "projects: [{dir: app, name: prod, environment: prod, backend_config: [\"{project}.tfbackend\"]}]",
			head: "projects: [{dir: app, name: staging, environment: prod, backend_config: [\"{project}.tfbackend\"]}]",
			want: "prod env=prod < staging ~ name backend_config"},
		{name: "base has the label, the server another environment", base: "projects: [{dir: app, environment: prod, backend_config: [\"{environment}.tfbackend\"]}]",
			head:  "projects: [{dir: app, environment: prod, backend_config: [\"{environment}.tfbackend\"]}]",
			rules: workflow.Rules{Environments: map[string]workflow.EnvironmentRules{"staging": {Dirs: []string{"app"}}, "prod": {}}},
			want:  "app env=staging head=prod < prod"},

		{name: "placed by the server", base: bothEnvironments, head: bothEnvironments, rules: placed,
			want: "app/prod entry=app/prod env=prod < prod\napp/staging entry=app/staging env=staging < staging"},
		{name: "placed: renamed", base: bothEnvironments, rules: placed, head: "projects: [{dir: app, environments: {prod: {backend_config: [staging.tfbackend]}, staging: {backend_config: [prod.tfbackend]}}}]",
			want: "app/prod entry=app/prod env=prod < staging ~ backend_config\napp/staging entry=app/staging env=staging < prod ~ backend_config"},
		{name: "placed: one renamed as the other was called", base: bothEnvironments, rules: placed, head: "projects: [{dir: app, environments: {staging: {backend_config: [prod.tfbackend]}}}]",
			want: "app/staging entry=app/staging env=staging < prod ~ backend_config\n- app/prod"},
		{name: "placed: the only one renamed", base: "projects: [{dir: app, environments: {prod: {backend_config: [prod.tfbackend]}}}]", rules: placed, head: "projects: [{dir: app, environments: {staging: {backend_config: [prod.tfbackend]}}}]",
			want: "app/prod env=prod head=staging < prod ~ name environment"},
		{name: "placed: renamed, with another backend file", base: "projects: [{dir: app, environments: {prod: {backend_config: [prod.tfbackend]}}}]", rules: placed, head: "projects: [{dir: app, environments: {staging: {backend_config: [x.tfbackend]}}}]",
			want: "app/prod env=prod head=staging < x ~ name environment backend_config"},
		{name: "placed: renamed, with another Terraform workspace", base: bothWorkspaces, rules: placed, head: "projects: [{dir: app, environments: {staging: {terraform_workspace: x}}}]",
			want: "app/staging ws=x env=staging rules of=prod+staging\n- app/prod\n- app/staging"},
		{name: "placed: added beside another", base: "projects: [{dir: app, environments: {prod: {backend_config: [prod.tfbackend]}}}]", rules: placed, head: bothEnvironments,
			want: "app/prod env=prod < prod\napp/staging entry=app/staging env=staging rules of=prod+staging < staging"},
		{name: "placed: added beside one that the server places, whatever its label", base: "projects: [{dir: app, terraform_workspace: prod, environment: x}]", rules: placed,
			head: "projects: [{dir: app, terraform_workspace: prod, environment: x}, {dir: app, name: n, terraform_workspace: y}]",
			want: "app/prod ws=prod env=prod head=x\nn ws=y env=prod"},
		{name: "placed: added beside one that nobody labels", base: "projects: [{dir: app, backend_config: [a.tfbackend], var_files: [v]}]", rules: placed,
			head: "projects: [{dir: app, backend_config: [b.tfbackend], environments: {staging: {}, x: {backend_config: [a.tfbackend]}}}]",
			want: "app head=x < a ~ name environment component var_files\napp/staging entry=app/staging env=staging rules of=staging < b"},
		{name: "placed: the first of its directory", rules: placed, head: "projects: [{dir: app/new, environments: {staging: {}}}]",
			want: "app\napp/new/staging dir=app/new env=staging component=app/new"},
		{name: "placed: the first of a directory that base's pattern places elsewhere", base: "autodiscover: {pattern: \"{environment}/{component}\"}", rules: placed,
			head: "projects: [{dir: app/new, environments: {staging: {}}}]",
			want: "app\napp/new/staging dir=app/new env=staging component=app/new rules of=app+staging"},
		{name: "placed: a plain entry in its place", base: "projects: [{dir: app, environments: {prod: {}}}]", rules: placed, head: "projects: [{dir: app, name: x/staging, environment: staging}]",
			want: "app/prod env=prod head=staging ~ name environment component"},
		{name: "placed: names place nothing", base: "projects: [{dir: app, name: app/prod}]", head: "projects: [{dir: app, name: app/prod}]", rules: placed,
			want: "app/prod"},
		{name: "placed: two names are variants", base: bothEntries, head: bothEntries, rules: placed,
			want: "app/prod entry=app/prod env=prod < prod\napp/staging entry=app/staging env=staging < staging"},
		{name: "placed: two names of another sort are none of its directory", base: strings.ReplaceAll(strings.ReplaceAll(bothEntries, "name: app/prod", "name: prod-x"), "environment: prod, ", ""),
			head: strings.ReplaceAll(strings.ReplaceAll(bothEntries, "name: app/prod", "name: prod-x"), "environment: prod, ", ""), rules: placed,
			want: "app/staging entry=app/staging env=staging < staging\nprod-x entry=prod-x < prod"},
		{name: "placed: by Terraform workspace, too", head: "projects: [{dir: app, environments: {live: {terraform_workspace: prod}, prod: {terraform_workspace: staging}, staging: {}}}]", rules: placed,
			want: "app head=staging ~ name environment component\napp/live ws=prod env=prod head=live rules of=prod\napp/prod ws=staging env=prod rules of=prod"},
		{name: "placed: base is faulty, so head's words would decide", base: bothEnvironments, head: "projects: [{dir: app, environments: {staging: {backend_config: [prod.tfbackend]}}}]", rules: placed, faulty: true,
			want: "app/staging head=staging strictest < prod"},
		{name: "placed by directory, base is faulty", base: bothEnvironments, head: bothEnvironments, faulty: true,
			rules: workflow.Rules{Environments: map[string]workflow.EnvironmentRules{"staging": {Dirs: []string{"app"}}, "prod": {Projects: []string{"**/prod"}, Order: 2}}},
			want:  "app/prod entry=app/prod head=prod strictest < prod\napp/staging entry=app/staging head=staging strictest < staging"},
		{name: "the higher order of directory and variant", base: bothEnvironments, head: bothEnvironments,
			rules: workflow.Rules{Environments: map[string]workflow.EnvironmentRules{"staging": {Dirs: []string{"app"}, Order: 1}, "prod": {Projects: []string{"**/prod"}, Order: 2}}},
			want:  "app/prod entry=app/prod env=prod < prod\napp/staging entry=app/staging env=staging < staging"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in := Input{Kinds: kinds, Rules: tt.rules, Base: repoConfig(t, tt.base), Head: repoConfig(t, tt.head),
				BaseFaulty: tt.faulty, BaseFound: found("app"), HeadFound: found("app")}
			if strings.Contains(tt.head, "app/new") {
				in.HeadFound = found("app", "app/new")
			}
			if diff := cmp.Diff(tt.want, looked(t, in)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// TestEnvironmentsNotes: people are told why a new project has more rules than its own.
func TestEnvironmentsNotes(t *testing.T) {
	in := Input{Kinds: kinds, Base: repoConfig(t, "projects: [{dir: app, environments: {prod: {}}}]"), BaseFound: found("app"),
		Head: repoConfig(t, "projects: [{dir: app, environments: {prod: {}, dev: {backend_config: [x]}, qa: {backend_config: [y]}}}]"), HeadFound: found("app"),
		Rules: workflow.Rules{Environments: map[string]workflow.EnvironmentRules{"dev": {Projects: []string{"**/{dev,qa}"}}, "prod": {Projects: []string{"**/prod"}}}}}
	want := []string{"This change labels `app/qa` as environment `qa`, but the server's configuration says `dev`, which takes precedence.",
		"This change adds `app/dev`, `app/qa` to a directory with other rules. " +
			"Until this is merged, the rules of `dev` and `prod` and those of the repository all apply."}
	if diff := cmp.Diff(want, Resolve(in).Notes); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
