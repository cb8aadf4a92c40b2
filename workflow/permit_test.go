package workflow

import (
	"errors"
	"strings"
	"testing"
)

func TestMayPlan(t *testing.T) {
	ada, renovate := Actor{ID: 1, Login: "ada"}, Actor{ID: 2, Login: "renovate[bot]", Bot: true}
	command, push := Request{Kind: RequestCommand, Actor: ada}, Request{Kind: RequestPull, Actor: ada, Action: "synchronize"}
	base := MayPlanInput{Rules: Rules{Plan: Who{Role: RoleWrite}, Drafts: true}, Pull: Pull{Repo: Repo{Owner: "acme", Name: "infra"}, Author: ada}, Request: push, AuthorRole: RoleWrite}
	for _, tt := range []struct {
		name   string
		change func(*MayPlanInput)
		want   string // part of title; "" = may
	}{
		{"author with write", func(*MayPlanInput) {}, ""},
		{"author with a higher role", func(in *MayPlanInput) { in.AuthorRole = RoleAdmin }, ""},
		{"author with triage", func(in *MayPlanInput) { in.AuthorRole = RoleTriage }, "ada may not plan here"},
		{"role nobody knows", func(in *MayPlanInput) { in.AuthorRole = "owner" }, "ada may not plan here"},
		{"no role", func(in *MayPlanInput) { in.AuthorRole = "" }, "ada may not plan here"},
		{"the sender's role does not help a push", func(in *MayPlanInput) { in.AuthorRole, in.ActorRole = RoleRead, RoleAdmin }, "ada may not plan here"},
		{"command by one who may", func(in *MayPlanInput) { in.Request, in.AuthorRole, in.ActorRole = command, RoleNone, RoleWrite }, ""},
		{"command by one who may not", func(in *MayPlanInput) { in.Request, in.ActorRole = command, RoleRead }, "ada may not plan here"},
		{"named user", func(in *MayPlanInput) { in.AuthorRole, in.Rules.Plan = RoleRead, Who{Users: []string{"ada"}} }, ""},
		{"role is not asked for", func(in *MayPlanInput) { in.AuthorRole, in.Rules.Plan = RoleAdmin, Who{Users: []string{"eve"}} }, "ada may not plan here"},
		{"an account that is gone", func(in *MayPlanInput) { in.Pull.Author, in.AuthorRole = Actor{}, RoleNone }, "The account that is gone may not plan here"},
		{"a gone account is no named user", func(in *MayPlanInput) {
			in.Pull.Author, in.AuthorRole, in.Rules.Plan = Actor{}, RoleNone, Who{Users: []string{""}}
		}, "may not plan here"},
		{"fork", func(in *MayPlanInput) { in.Pull.Fork = true }, "forks are not planned"},
		{"fork, by command", func(in *MayPlanInput) { in.Pull.Fork, in.Request, in.ActorRole = true, command, RoleAdmin }, "forks are not planned"},
		{"draft", func(in *MayPlanInput) { in.Pull.Draft = true }, ""},
		{"draft, drafts: false", func(in *MayPlanInput) { in.Pull.Draft, in.Rules.Drafts = true, false }, "Draft pull requests"},
		{"draft, drafts: false, by command", func(in *MayPlanInput) {
			in.Pull.Draft, in.Rules.Drafts, in.Request, in.ActorRole = true, false, command, RoleWrite
		}, ""},
		{"unlisted bot", func(in *MayPlanInput) { in.Pull.Author, in.Request.Actor = renovate, renovate }, "renovate[bot] is not an app that may plan here"},
		{"listed bot", func(in *MayPlanInput) {
			in.Pull.Author, in.Request.Actor, in.Rules.Bots, in.AuthorRole = renovate, renovate, []string{"renovate"}, RoleNone
		}, ""},
		{"unlisted bot pushes to a person's pull", func(in *MayPlanInput) { in.Request.Actor = renovate }, "renovate[bot] is not an app"},
		{"listed bot commands without permission", func(in *MayPlanInput) {
			in.Request = Request{Kind: RequestCommand, Actor: renovate}
			in.Rules.Bots, in.ActorRole = []string{"renovate"}, RoleRead
		}, "renovate[bot] may not plan here"},
		{"error", func(in *MayPlanInput) { in.RoleError, in.AuthorRole = errors.New("502"), RoleAdmin }, "could not be checked"},
		{"error, named user", func(in *MayPlanInput) {
			in.RoleError, in.Rules.Plan = errors.New("502"), Who{Users: []string{"ada"}}
		}, "could not be checked"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in := base
			tt.change(&in)
			got := MayPlan(in)
			switch {
			case (got == nil) != (tt.want == ""):
				t.Fatalf("got %+v, want %q", got, tt.want)
			case got == nil:
				return
			case !strings.Contains(got.Title, tt.want) || got.Kind != TroubleNotPermitted || len(got.Sentences) < 2 || len(got.Title) > 100:
				t.Errorf("got %+v, want %q", got, tt.want)
			}
			for _, s := range got.Sentences {
				if strings.Contains(s, "502") || strings.Contains(s, "@") || !strings.HasSuffix(s, ".") {
					t.Errorf("sentence %q", s)
				}
			}
		})
	}
}

func TestMayPlanProject(t *testing.T) {
	rules := Rules{Plan: Who{Role: RoleWrite}, Credentials: CredentialNames{Plan: "dev-ro"}, Environments: map[string]EnvironmentRules{
		"prod": {Plan: &Who{Role: RoleAdmin}, Credentials: CredentialNames{Plan: "prod-ro"}}, "dev": {},
	}}
	in := MayPlanInput{Rules: rules, Pull: Pull{Author: Actor{Login: "ada"}}, AuthorRole: RoleWrite}
	for _, tt := range []struct {
		name        string
		project     Project
		may         bool
		credentials string
	}{
		{"dev", Project{Environment: "dev"}, true, "dev-ro"},
		{"prod", Project{Environment: "prod"}, false, "prod-ro"},
		{"head calls it prod", Project{Environment: "dev", HeadEnvironment: "prod"}, false, "dev-ro"},
		{"nobody names it", Project{HeadEnvironment: "prod", Strictest: true}, false, "dev-ro"},
		{"no environment", Project{}, true, "dev-ro"},
		{"unknown environment", Project{Environment: "qa"}, true, "dev-ro"},
	} {
		if got := MayPlanProject(in, tt.project); (got == "") != tt.may {
			t.Errorf("%s: got %q, want may %v", tt.name, got, tt.may)
		}
		if got := rules.PlanCredentials(tt.project); got != tt.credentials {
			t.Errorf("%s: got credentials %q, want %q", tt.name, got, tt.credentials)
		}
	}
	in.AuthorRole = RoleAdmin
	if got := MayPlanProject(in, Project{Environment: "prod"}); got != "" {
		t.Errorf("an admin: got %q", got)
	}
	in.RoleError = errors.New("502")
	if got := MayPlanProject(in, Project{Environment: "prod"}); got == "" {
		t.Error("with an error: got yes")
	}
}
