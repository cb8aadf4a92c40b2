package gate

import (
	"testing"

	"github.com/cardea-iac/cardea/workflow"
)

// TestEntryRules: the rules of several environments hold together, and whose
// credentials are used is not for head to choose.
func TestEntryRules(t *testing.T) {
	rules := workflow.DefaultRules("*")
	rules.Credentials = workflow.CredentialNames{Plan: "ro", Apply: "rw"}
	ada := workflow.Who{Users: []string{"ada"}}
	rules.Environments = map[string]workflow.EnvironmentRules{
		"dev":  {Approvals: &workflow.ApprovalRules{Count: 1, Author: true}, Credentials: workflow.CredentialNames{Plan: "dev", Apply: "dev"}},
		"prod": {Approvals: &workflow.ApprovalRules{Count: 2}, Apply: &ada, Plan: &ada, Credentials: workflow.CredentialNames{Plan: "prod", Apply: "prod"}},
		"far":  {Approvals: &workflow.ApprovalRules{Count: 9}},
	}
	p := workflow.Project{Name: "c", Dir: "app", Entry: "c", Neighbours: []string{"dev", "prod"}}
	for _, p := range []workflow.Project{p, {Dir: "app", Neighbours: []string{"prod"}}, workflow.Lock{Of: p.Locked()}.Taken()} {
		got := rules.ForProject(p)
		if got.Approvals.Count != 2 || got.Approvals.Author || !got.Apply.Includes(workflow.Actor{Login: "ada"}, workflow.RoleWrite) || got.Apply.Includes(workflow.Actor{Login: "bo"}, workflow.RoleAdmin) {
			t.Errorf("got approvals %+v, apply %+v", got.Approvals, got.Apply)
		}
		if got.Credentials != rules.Credentials || rules.PlanCredentials(p) != "ro" {
			t.Errorf("got credentials %+v", got.Credentials)
		}
		if why := MayPlanProject(MayPlanInput{Rules: rules, Pull: workflow.Pull{Author: workflow.Actor{Login: "bo"}}, AuthorRole: workflow.RoleAdmin}, p); why == "" {
			t.Error("somebody whom `prod` does not name may plan")
		}
	}
}
