package workflow

import (
	"testing"
)

// TestVariantRules: the rules of several environments hold together, and whose
// credentials are used is not for head to choose.
func TestVariantRules(t *testing.T) {
	rules := DefaultRules("*")
	rules.Credentials = CredentialNames{Plan: "ro", Apply: "rw"}
	ada := Who{Users: []string{"ada"}}
	rules.Environments = map[string]EnvironmentRules{
		"dev":  {Approvals: &ApprovalRules{Count: 1, Author: true}, Credentials: CredentialNames{Plan: "dev", Apply: "dev"}},
		"prod": {Approvals: &ApprovalRules{Count: 2}, Apply: &ada, Plan: &ada, Credentials: CredentialNames{Plan: "prod", Apply: "prod"}},
		"far":  {Approvals: &ApprovalRules{Count: 9}},
	}
	p := Project{Name: "c", Dir: "app", Variant: "c", Neighbours: []string{"dev", "prod"}}
	for _, p := range []Project{p, {Dir: "app", Neighbours: []string{"prod"}}, Lock{Of: p.locked()}.Taken()} {
		got := rules.ForProject(p)
		if got.Approvals.Count != 2 || got.Approvals.Author || !got.Apply.Includes(Actor{Login: "ada"}, RoleWrite) || got.Apply.Includes(Actor{Login: "bo"}, RoleAdmin) {
			t.Errorf("got approvals %+v, apply %+v", got.Approvals, got.Apply)
		}
		if got.Credentials != rules.Credentials || rules.PlanCredentials(p) != "ro" {
			t.Errorf("got credentials %+v", got.Credentials)
		}
		if why := MayPlanProject(MayPlanInput{Rules: rules, Pull: Pull{Author: Actor{Login: "bo"}}, AuthorRole: RoleAdmin}, p); why == "" {
			t.Error("somebody whom `prod` does not name may plan")
		}
	}
}
