package main

import (
	"context"
	"errors"
	"os"

	"github.com/cardea-iac/cardea/app"
	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/run"
)

// fetching is what a run has while init fetches: the variables of its rule, and a way to the
// App's tokens for the repositories that the rule names.
func (s *server) fetching(r workflow.Run) (run.Fetching, error) {
	rule, _ := s.cfg.Rules(r.Repo)
	env, err := s.cfg.fetchEnv(context.Background(), rule)
	if err != nil {
		return run.Fetching{}, err
	}
	ctx := context.Background() // a token's few seconds, whatever becomes of the run
	return run.Fetching{Env: env, GitHub: s.cfg.GitHub.WebURL, Repos: len(rule.Modules.Repos) > 0,
		Ask: func(repo string) run.Grant {
			token, err := s.app.ModuleToken(ctx, r.Repo, repo)
			if no := new(app.NoModule); errors.As(err, &no) {
				return run.Grant{Why: no.Why, Passing: no.Passing}
			} else if err != nil {
				return run.Grant{Why: err.Error()}
			}
			return run.Grant{Token: token}
		},
		Revoke: func(token string) { s.app.RevokeModule(ctx, r.Repo, token) }}, nil
}

// gitCredentialCmd is what git starts while init fetches; people do not type it.
type gitCredentialCmd struct {
	Socket string `arg:"" help:"Where the runner listens."`
	Action string `arg:"" help:"What git wants: get, store or erase."`
}

// Run answers git on its standard output.
func (g gitCredentialCmd) Run(c *console) error {
	return run.Helper(g.Socket, g.Action, os.Stdin, c.out)
}
