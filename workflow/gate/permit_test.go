package gate

import (
	"errors"
	"strings"
	"testing"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/workflow"
)

func TestMayPlan(t *testing.T) {
	ada, renovate := workflow.Actor{ID: 1, Login: "ada"}, workflow.Actor{ID: 2, Login: "renovate[bot]", Bot: true}
	command, push := workflow.Request{Kind: workflow.RequestCommand, Actor: ada}, workflow.Request{Kind: workflow.RequestPull, Actor: ada, Action: "synchronize"}
	base := MayPlanInput{Rules: workflow.Rules{Plan: workflow.Who{Role: workflow.RoleWrite}, Drafts: true}, Pull: workflow.Pull{Repo: workflow.Repo{Owner: "acme", Name: "infra"}, Author: ada}, Request: push, AuthorRole: workflow.RoleWrite}
	for _, tt := range []struct {
		name   string
		change func(*MayPlanInput)
		want   string // part of title; "" = may
	}{
		{"author with write", func(*MayPlanInput) {}, ""},
		{"author with a higher role", func(in *MayPlanInput) { in.AuthorRole = workflow.RoleAdmin }, ""},
		{"author with triage", func(in *MayPlanInput) { in.AuthorRole = workflow.RoleTriage }, "`ada` may not plan here"},
		{"role nobody knows", func(in *MayPlanInput) { in.AuthorRole = "owner" }, "`ada` may not plan here"},
		{"no role", func(in *MayPlanInput) { in.AuthorRole = "" }, "`ada` may not plan here"},
		{"the sender's role does not help a push", func(in *MayPlanInput) { in.AuthorRole, in.ActorRole = workflow.RoleRead, workflow.RoleAdmin }, "`ada` may not plan here"},
		{"command by one who may", func(in *MayPlanInput) {
			in.Request, in.AuthorRole, in.ActorRole = command, workflow.RoleNone, workflow.RoleWrite
		}, ""},
		{"command by one who may not", func(in *MayPlanInput) { in.Request, in.ActorRole = command, workflow.RoleRead }, "`ada` may not plan here"},
		{"named user", func(in *MayPlanInput) {
			in.AuthorRole, in.Rules.Plan = workflow.RoleRead, workflow.Who{Users: []string{"ada"}}
		}, ""},
		{"role is not asked for", func(in *MayPlanInput) {
			in.AuthorRole, in.Rules.Plan = workflow.RoleAdmin, workflow.Who{Users: []string{"eve"}}
		}, "`ada` may not plan here"},
		{"an account that is gone", func(in *MayPlanInput) { in.Pull.Author, in.AuthorRole = workflow.Actor{}, workflow.RoleNone }, "A deleted account may not plan here"},
		{"a gone account is no named user", func(in *MayPlanInput) {
			in.Pull.Author, in.AuthorRole, in.Rules.Plan = workflow.Actor{}, workflow.RoleNone, workflow.Who{Users: []string{""}}
		}, "may not plan here"},
		{"fork", func(in *MayPlanInput) { in.Pull.Fork = true }, "forks are not planned"},
		{"fork, by command", func(in *MayPlanInput) { in.Pull.Fork, in.Request, in.ActorRole = true, command, workflow.RoleAdmin }, "forks are not planned"},
		{"draft", func(in *MayPlanInput) { in.Pull.Draft = true }, ""},
		{"draft, drafts: false", func(in *MayPlanInput) { in.Pull.Draft, in.Rules.Drafts = true, false }, "Draft pull requests"},
		{"draft, drafts: false, by command", func(in *MayPlanInput) {
			in.Pull.Draft, in.Rules.Drafts, in.Request, in.ActorRole = true, false, command, workflow.RoleWrite
		}, ""},
		{"unlisted bot", func(in *MayPlanInput) { in.Pull.Author, in.Request.Actor = renovate, renovate }, "The app `renovate[bot]` may not plan here"},
		{"listed bot", func(in *MayPlanInput) {
			in.Pull.Author, in.Request.Actor, in.Rules.Bots, in.AuthorRole = renovate, renovate, []string{"renovate"}, workflow.RoleNone
		}, ""},
		{"unlisted bot pushes to a person's pull", func(in *MayPlanInput) { in.Request.Actor = renovate }, "The app `renovate[bot]` may not"},
		{"listed bot commands without permission", func(in *MayPlanInput) {
			in.Request = workflow.Request{Kind: workflow.RequestCommand, Actor: renovate}
			in.Rules.Bots, in.ActorRole = []string{"renovate"}, workflow.RoleRead
		}, "`renovate[bot]` may not plan here"},
		{"error", func(in *MayPlanInput) { in.RoleError, in.AuthorRole = errors.New("502"), workflow.RoleAdmin }, "could not be checked"},
		{"error, named user", func(in *MayPlanInput) {
			in.RoleError, in.Rules.Plan = errors.New("502"), workflow.Who{Users: []string{"ada"}}
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
			case !strings.Contains(got.Title.String(), tt.want) || got.Kind != workflow.TroubleNotPermitted || len(got.Sentences) < 2 || len(got.Title.String()) > 100:
				t.Errorf("got %+v, want %q", got, tt.want)
			}
			if said := phrase.Sentence(got.Title.String()); !strings.Contains(said, tt.want) {
				t.Errorf("as a sentence it is %q, want %q", said, tt.want)
			}
			for _, text := range got.Sentences {
				if s := text.String(); strings.Contains(s, "502") || strings.Contains(s, "@") || !strings.HasSuffix(s, ".") {
					t.Errorf("sentence %q", s)
				}
			}
		})
	}
}

func TestMayPlanProject(t *testing.T) {
	rules := workflow.Rules{Plan: workflow.Who{Role: workflow.RoleWrite}, Credentials: workflow.CredentialNames{Plan: "dev-ro"}, Environments: map[string]workflow.EnvironmentRules{
		"prod": {Plan: &workflow.Who{Role: workflow.RoleAdmin}, Credentials: workflow.CredentialNames{Plan: "prod-ro"}}, "dev": {},
	}}
	in := MayPlanInput{Rules: rules, Pull: workflow.Pull{Author: workflow.Actor{Login: "ada"}}, AuthorRole: workflow.RoleWrite}
	for _, tt := range []struct {
		name        string
		project     workflow.Project
		may         bool
		credentials string
	}{
		{"dev", workflow.Project{Environment: "dev"}, true, "dev-ro"},
		{"prod", workflow.Project{Environment: "prod"}, false, "prod-ro"},
		{"head calls it prod", workflow.Project{Environment: "dev", HeadEnvironment: "prod"}, false, "dev-ro"},
		{"nobody names it", workflow.Project{HeadEnvironment: "prod", Strictest: true}, false, "dev-ro"},
		{"no environment", workflow.Project{}, true, "dev-ro"},
		{"unknown environment", workflow.Project{Environment: "qa"}, true, "dev-ro"},
	} {
		if got := MayPlanProject(in, tt.project); (got == "") != tt.may {
			t.Errorf("%s: got %q, want may %v", tt.name, got, tt.may)
		}
		if got := rules.PlanCredentials(tt.project); got != tt.credentials {
			t.Errorf("%s: got credentials %q, want %q", tt.name, got, tt.credentials)
		}
	}
	in.AuthorRole = workflow.RoleAdmin
	if got := MayPlanProject(in, workflow.Project{Environment: "prod"}); got != "" {
		t.Errorf("an admin: got %q", got)
	}
	in.RoleError = errors.New("502")
	if got := MayPlanProject(in, workflow.Project{Environment: "prod"}); got == "" {
		t.Error("with an error: got yes")
	}
}
