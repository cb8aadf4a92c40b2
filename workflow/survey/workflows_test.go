package survey

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-iac/cardea/workflow"
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
		{"head gives one", "", "rendered", false, false, " This change gives `a` the workflow `rendered`, which holds once it is merged."},
		{"head gives another", "other", "rendered", false, false, "other This change gives `a` the workflow `rendered`, which holds once it is merged."},
		{"head takes it", "other", "", false, false, "other This change takes the workflow `other` from `a`, which holds once it is merged."},
		{"head gives one that is not listed", "other", "secret", false, false, "other This change gives `a` the workflow `secret`, which holds once it is merged. The project would then be refused: " + strings.TrimPrefix(unlisted, "refused: ")},
		{"base's is not listed", "secret", "secret", false, false, "secret " + unlisted},
		{"head takes what is not listed", "secret", "", false, false, "secret " + unlisted + " This change takes the workflow `secret` from `a`, which holds once it is merged."},
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
