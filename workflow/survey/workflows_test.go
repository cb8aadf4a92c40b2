package survey

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/steps"
)

// TestResolveWorkflows: base's word on a project's workflow holds until the merge, a new project's
// is head's; what the server's rule does not list is refused.
func TestResolveWorkflows(t *testing.T) {
	rules := workflow.DefaultRules("acme/*")
	rules.Workflow, rules.MayName = "plain", []string{"rendered", "other"}
	rules.Workflows = map[string]workflow.Workflow{"plain": {}, "rendered": {}, "other": {}, "secret": {}}
	const unlisted = "refused: It names the workflow `secret`, which the server's rule for this repository does not list. A project may name `rendered` or `other`."
	for _, tt := range []struct {
		name       string
		base, head string // of the project's entry
		isNew      bool
		faulty     bool
		want       string
	}{
		{"none", "", "", false, false, ""},
		{"base's", "rendered", "rendered", false, false, "rendered"},
		{"head gives one", "", "rendered", false, false, " This change gives `a` the workflow `rendered`. That takes effect after the merge."},
		{"head gives another", "other", "rendered", false, false, "other This change gives `a` the workflow `rendered`. That takes effect after the merge."},
		{"head takes it", "other", "", false, false, "other This change removes the workflow `other` from `a`. That takes effect after the merge."},
		{"head gives one that is not listed", "other", "secret", false, false, "other This change gives `a` the workflow `secret`. That takes effect after the merge. The project would then be refused: " + strings.TrimPrefix(unlisted, "refused: ")},
		{"base's is not listed", "secret", "secret", false, false, "secret " + unlisted},
		{"head takes what is not listed", "secret", "", false, false, "secret " + unlisted + " This change removes the workflow `secret` from `a`. That takes effect after the merge."},
		{"a new project's", "", "rendered", true, false, "rendered"},
		{"a new project's, not listed", "", "secret", true, false, "secret " + unlisted},
		{"base is faulty", "other", "rendered", false, true, "rendered"},
		{"base is faulty, not listed", "other", "secret", false, true, "secret " + unlisted},
	} {
		t.Run(tt.name, func(t *testing.T) {
			entry := func(w string) string {
				if w == "" {
					return "projects: [{dir: a}]"
				}
				return "projects: [{dir: a, workflow: " + w + "}]"
			}
			in := Input{Rules: rules, Kinds: kinds, Base: repoConfig(t, entry(tt.base)), Head: repoConfig(t, entry(tt.head)),
				BaseFound: found("a"), HeadFound: found("a"), BaseFaulty: tt.faulty}
			if tt.isNew {
				in.Base, in.BaseFound = repoConfig(t, "version: 1"), found("b")
			}
			r := Resolve(in)
			p := r.Projects[0]
			got := []string{p.Workflow}
			if !p.Refused.Empty() {
				got = append(got, "refused: "+p.Refused.String())
			}
			if diff := cmp.Diff(tt.want, strings.Join(append(got, r.Notes...), " ")); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			_, changed := r.Changed[p.Key()]
			if !tt.isNew && !tt.faulty && changed != (tt.base != tt.head) {
				t.Errorf("changed keys: %v", r.Changed)
			}
			in.Rules = workflow.Rules{}
			if p := Resolve(in).Projects[0]; !p.Refused.Empty() {
				t.Errorf("without a server it is refused: %s", p.Refused)
			}
		})
	}
}

// TestResolveWorkflowOfAnEnvironment: no entry of a new project takes the workflow that the server
// gives its environment from it, and a faulty base gives no way around it.
func TestResolveWorkflowOfAnEnvironment(t *testing.T) {
	rules := workflow.DefaultRules("acme/*")
	rules.Workflow, rules.MayName = "plain", []string{"rendered"}
	check := workflow.Workflow{Steps: []workflow.Step{{At: workflow.BeforeApply, Name: "check", Run: []string{"/bin/check"}}}}
	rules.Workflows = map[string]workflow.Workflow{"plain": {}, "rendered": {}, "checked": check}
	rules.Environments = map[string]workflow.EnvironmentRules{
		"prod": {Workflow: "checked", Dirs: []string{"prod/**"}}, "dev": {Dirs: []string{"dev/**"}}}
	const kept = "checked Until this change is merged, `NAME` has the workflow `checked` of its environment. " +
		"The workflow `rendered` that its entry names takes effect after the merge."
	for _, tt := range []struct {
		name, dir, base, entry string
		faulty                 bool
		want                   string
	}{
		{"in prod", "prod/a", "version: 1", "{dir: prod/a, workflow: rendered}", false, kept},
		{"in prod, named alike", "prod/a", "version: 1", "{dir: prod/a, workflow: checked}", false, "checked"},
		{"in dev, which has none", "dev/a", "version: 1", "{dir: dev/a, workflow: rendered}", false, "rendered"},
		{"where nobody knows", "a", "version: 1", "{dir: a, environment: dev, workflow: rendered}", false, kept},
		{"a second entry in a directory of prod", "a", "projects: [{dir: a, environment: prod}]", "{dir: a, name: a, environment: prod}, {dir: a, name: new, terraform_workspace: x, workflow: rendered}", false, kept},
		{"base has it", "prod/a", "projects: [{dir: prod/a, workflow: rendered}]", "{dir: prod/a, workflow: rendered}", false, "rendered"},
		{"base is faulty", "prod/a", "projects: [{dir: prod/a}]", "{dir: prod/a, workflow: rendered}", true, kept},
		{"base is faulty, and nobody places it", "a", "projects: [{dir: a, environment: prod}]", "{dir: a, workflow: rendered}", true, kept},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := found(tt.dir)
			if tt.base == "version: 1" {
				before = found("z")
			}
			r := Resolve(Input{Rules: rules, Kinds: kinds, Base: repoConfig(t, tt.base), Head: repoConfig(t, "projects: ["+tt.entry+"]"),
				BaseFound: before, HeadFound: found(tt.dir), BaseFaulty: tt.faulty})
			p := r.Projects[len(r.Projects)-1]
			w, refused := steps.Of(rules, p)
			if w == nil || !refused.Empty() || !p.Refused.Empty() {
				t.Fatalf("%+v: %v, refused %s", p, w, refused)
			}
			got := []string{w.Name}
			for _, note := range r.Notes {
				if strings.Contains(note, "workflow") {
					got = append(got, strings.ReplaceAll(note, "`"+p.Name+"`", "`NAME`"))
				}
			}
			if diff := cmp.Diff(tt.want, strings.Join(got, " ")); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}
