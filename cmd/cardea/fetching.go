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
func (s *server) fetching(ctx context.Context, r workflow.Run) (f run.Fetching, said string, err error) {
	rule, _ := s.cfg.Rules(r.Repo)
	if f.Env, said, err = s.cfg.fetchEnv(ctx, rule); err != nil {
		return run.Fetching{}, said, err
	}
	f.GitHub, f.Repos = s.cfg.GitHub.WebURL, len(rule.Modules.Repos) > 0
	tokens := context.WithoutCancel(ctx) // they take a few seconds, whatever becomes of the run
	f.Ask = func(repo string) run.Grant {
		token, err := s.app.ModuleToken(tokens, r.Repo, repo)
		if no := new(app.NoModule); errors.As(err, &no) {
			return run.Grant{Why: no.Why, Passing: no.Passing}
		} else if err != nil {
			return run.Grant{Why: err.Error()}
		}
		return run.Grant{Token: token}
	}
	f.Revoke = func(token string) { s.app.RevokeModule(tokens, r.Repo, token) }
	return f, "", nil
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
