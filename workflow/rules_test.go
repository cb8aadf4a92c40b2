package workflow

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestForProject: which rules hold for a project, and whom they mean.
func TestForProject(t *testing.T) {
	repo := DefaultRules("*")
	repo.Approvals = ApprovalRules{Count: 2, By: []string{"ada", "rex"}, Author: true}
	repo.Credentials = CredentialNames{Plan: "dev-ro", Apply: "dev-rw"}
	maintain := Who{Role: RoleMaintain}
	repo.Environments = map[string]EnvironmentRules{
		"prod": {Approvals: &ApprovalRules{Count: 3, By: []string{"rex", "sam"}}, Apply: &Who{Users: []string{"rex", "mia"}}, Approve: &maintain,
			Credentials: CredentialNames{Apply: "prod-rw"}},
		"dev": {Approvals: &ApprovalRules{Count: 1}, Apply: &Who{Role: RoleTriage}, Unlock: &maintain},
	}
	words := func(list []Requirement) string {
		var out []string
		for _, need := range list {
			out = append(out, string(need))
		}
		return strings.Join(out, ",")
	}
	say := func(r Rules) string {
		return fmt.Sprintf("%d by %v author=%v apply=%s approve=%s unlock=%s creds=%s/%s %s", r.Approvals.Count, r.Approvals.By, r.Approvals.Author,
			r.Apply.Describe(), r.Approve.Describe(), r.Unlock.Describe(), r.Credentials.Plan, r.Credentials.Apply, words(r.Require))
	}
	const write, needs = "anyone with write access", "up_to_date,approved,mergeable"
	const maintainer = "anyone with maintain access"
	for _, tt := range []struct {
		name string
		p    Project
		want string
	}{
		{"no environment", Project{}, "2 by [ada rex] author=true apply=" + write + " approve=" + write + " unlock=" + write + " creds=dev-ro/dev-rw " + needs},
		{"one without rules", Project{Environment: "test"}, "2 by [ada rex] author=true apply=" + write + " approve=" + write + " unlock=" + write + " creds=dev-ro/dev-rw " + needs},
		{"its own words", Project{Environment: "prod", Require: []Requirement{NeedReviewed}}, "3 by [rex sam] author=false apply=`rex` or `mia` approve=" + maintainer +
			" unlock=" + write + " creds=dev-ro/prod-rw up_to_date,approved,reviewed,mergeable"},
		{"head asks for another", Project{Environment: "prod", HeadEnvironment: "dev"}, "3 by [] author=false" +
			" apply=" + write + " (who must also be `rex` or `mia`)" +
			" approve=" + maintainer + " (who must also be `rex` or `sam`) (who must also be `ada` or `rex`)" +
			" unlock=" + maintainer + " creds=dev-ro/prod-rw " + needs},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, say(repo.ForProject(tt.p))); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}

	strictest := repo.ForProject(Project{Strictest: true, HeadEnvironment: "dev"})
	if got, want := strictest.Credentials.Apply, "dev-rw"; got != want || strictest.Approvals.Count != 3 {
		t.Errorf("strictest: got credentials %q and %d approvals, want %q and 3", got, strictest.Approvals.Count, want)
	}
	for _, tt := range []struct {
		login          string
		role           Role
		apply, approve bool
	}{
		{"rex", RoleMaintain, true, true}, // of everybody's lists
		{"rex", RoleWrite, true, false},   // prod's approvals want a higher role
		{"rex", RoleTriage, false, false},
		{"mia", RoleAdmin, true, false},
		{"ada", RoleAdmin, false, false},
		{"sam", RoleAdmin, false, false},
	} {
		who := Actor{Login: tt.login}
		if apply, approve := strictest.Apply.Includes(who, tt.role), strictest.Approve.Includes(who, tt.role); apply != tt.apply || approve != tt.approve {
			t.Errorf("strictest, %s with %s: got apply %v, approve %v, want %v, %v", tt.login, tt.role, apply, approve, tt.apply, tt.approve)
		}
	}
}

// TestRulesAnd: two projects with one state get each other's rules.
func TestRulesAnd(t *testing.T) {
	a, b := DefaultRules("a"), DefaultRules("b")
	a.Require, a.StaleAfter = nil, time.Hour
	b.LockOnPlan, b.Approvals.Count = true, 4
	got := a.And(b)
	if !got.LockOnPlan || got.StaleAfter != time.Hour || got.Approvals.Count != 4 || len(got.Require) != 3 || got.Match != "a" {
		t.Errorf("got %+v", got)
	}
	if diff := cmp.Diff(a.Apply, got.Apply); diff != "" {
		t.Errorf("the same people, said twice: -want +got:\n%s", diff)
	}
}

// TestRulesAndKnowsEveryRule: where the rules of two projects hold for one, it matters for no rule
// which of them comes first, but for those that are the first one's, each with the reason.
func TestRulesAndKnowsEveryRule(t *testing.T) {
	const ofRepo, notStrict = "environments have none of their own", "about no permission"
	stays := map[string]string{
		"Match": ofRepo, "Checkout": ofRepo, "Environments": ofRepo, "Drafts": ofRepo, "Bots": ofRepo, "Allow": ofRepo,
		"PerProjectChecks": ofRepo, "CreateWorkspace": ofRepo, "Closure": ofRepo, "ApplyBranches": ofRepo, "Admin": ofRepo,
		"Automerge": ofRepo, "Modules": ofRepo, "Registries": ofRepo, "Credentials": notStrict, "Workflow": notStrict, "MayName": ofRepo, "Workflows": ofRepo,
	}
	ada := Who{Users: []string{"ada"}}
	one, other := DefaultRules("a"), Rules{
		Match: "b", Checkout: CheckoutHead, Plan: ada, Credentials: CredentialNames{Plan: "x"},
		Environments: map[string]EnvironmentRules{"prod": {}}, Bots: []string{"renovate"}, Allow: []string{"target"},
		PerProjectChecks: 1, CreateWorkspace: true, Closure: true, ApplyBranches: []string{"main"},
		Require: []Requirement{NeedReviewed}, Approvals: ApprovalRules{Count: 2, By: []string{"ada"}, Author: true},
		Apply: ada, Approve: ada, Unlock: ada, Admin: ada, LockOnPlan: true, StaleAfter: time.Hour, Automerge: true,
		Modules: ModuleRules{Repos: []string{"acme/*"}}, Registries: map[string]string{"registry.example.com": "x"},
		Workflow: "x", MayName: []string{"x"}, Workflows: map[string]Workflow{"x": {}},
	}
	field := func(r Rules, i int) any { return reflect.ValueOf(r).Field(i).Interface() }
	for i := range reflect.TypeFor[Rules]().NumField() {
		name := reflect.TypeFor[Rules]().Field(i).Name
		if reflect.DeepEqual(field(one, i), field(other, i)) {
			t.Errorf("%s is the same in both rules of this test", name)
		}
		alike := reflect.DeepEqual(field(one.And(other), i), field(other.And(one), i))
		if _, ok := stays[name]; ok == alike {
			t.Errorf("%s: alike whichever comes first: %v", name, alike)
		}
	}
}

// TestModuleRules: a repository is named whatever the case, and by nothing but the whole of its name.
func TestModuleRules(t *testing.T) {
	m := ModuleRules{Repos: []string{"Acme/terraform-*", "acme/{one,two}", "acme/Mixed"}}
	for name, want := range map[string]bool{"acme/terraform-vpc": true, "ACME/Terraform-VPC": true, "acme/one": true, "acme/mixed": true,
		"acme/three": false, "other/terraform-vpc": false, "acme/terraform-vpc/x": false, "x/acme/one": false, "acme/one.git": false, "": false, "acme": false} {
		if got := m.Includes(name); got != want {
			t.Errorf("%q: got %v, want %v", name, got, want)
		}
	}
	if (ModuleRules{}).Includes("acme/one") {
		t.Error("no rule names a repository")
	}
}
