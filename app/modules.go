package app

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/cardea-iac/cardea/app/github"
	"github.com/cardea-iac/cardea/workflow"
)

// NoModule says to people why a run gets no token for a repository with modules.
type NoModule struct {
	Why     string // sentences
	Passing bool
}

func (n *NoModule) Error() string { return n.Why }

var (
	ownerPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$`)
	namePattern  = regexp.MustCompile(`^[A-Za-z0-9._-]{1,100}$`)
)

// moduleTimeout is for finding out about one repository, and for its token.
const moduleTimeout = 30 * time.Second

// ModuleToken gives a run for repo a new token that reads one repository with modules, if the rule
// of repo names that in `modules.repos`. name is owner/name, "" where nobody knows which is meant. Its
// error is a *NoModule. What a repository is called now decides, not what it was called once.
func (a *App) ModuleToken(ctx context.Context, repo workflow.Repo, name string) (string, error) {
	rule, known := a.config.Rules(repo)
	owner, short, named := strings.Cut(name, "/")
	if !ownerPattern.MatchString(owner) || !namePattern.MatchString(short) || strings.Trim(short, ".") == "" {
		name, named = "", false // whoever asks is another process: what it says becomes a path
	}
	switch {
	case !known || !named || len(rule.Modules.Repos) == 0:
		return "", notAllowed(repo, name)
	case !strings.EqualFold(owner, repo.Owner):
		return "", &NoModule{Why: fmt.Sprintf("`%s` is private or does not exist, and the App's token for %s reads repositories of %s only. "+
			"Give the run a credential that can read it.", name, repo.FullName(), repo.Owner)}
	}
	ctx, cancel := context.WithTimeout(ctx, moduleTimeout)
	defer cancel()
	found, err := a.github.Repository(ctx, repo.InstallationID, owner, short)
	switch {
	case err == nil && (!rule.Modules.Includes(found.FullName()) || !strings.EqualFold(found.Owner, repo.Owner)):
		return "", notAllowed(repo, name)
	case err == nil:
	case !rule.Modules.Includes(name):
		return "", notAllowed(repo, name)
	default:
		return "", a.noModule(name, err)
	}
	token, err := a.github.ReadOnly(ctx, found)
	if err != nil {
		return "", a.noModule(name, err)
	}
	a.config.Log.Info("a token for modules", "for", repo.FullName(), "reads", found.FullName())
	return token, nil
}

// notAllowed says what to write for a repository that no rule names.
func notAllowed(repo workflow.Repo, name string) *NoModule {
	what, add := "A module's repository on GitHub is", "its repository"
	if name != "" {
		what, add = "`"+name+"` is", "it"
	}
	return &NoModule{Why: fmt.Sprintf("%s private or does not exist, and no rule lets this run read it. "+
		"If it is private, add %s to `modules.repos` in the rule for %s in the server's configuration.", what, add, repo.FullName())}
}

// noModule is why there is no token for a repository that the rule names.
func (a *App) noModule(name string, err error) *NoModule {
	a.config.Log.Warn("a token for a module's repository", "repo", name, "err", err)
	switch {
	case errors.Is(err, workflow.ErrPassing):
		return &NoModule{Passing: true, Why: fmt.Sprintf("GitHub gave no token for `%s`. The server's log says why.", name)}
	case github.Gone(err), github.Status(err) == http.StatusUnprocessableEntity:
		return &NoModule{Why: fmt.Sprintf("`modules.repos` allows `%s`, but the App cannot read it: it does not exist, "+
			"or the App is not installed on it. Add it to the App's repositories on GitHub.", name)}
	}
	return &NoModule{Why: fmt.Sprintf("`modules.repos` allows `%s`, but GitHub gave no token for it. The server's log says why.", name)}
}

// revokeTimeout is what ending a token may take: it ends within the hour anyway.
const revokeTimeout = 5 * time.Second

// RevokeModule ends a token that ModuleToken gave.
func (a *App) RevokeModule(ctx context.Context, repo workflow.Repo, token string) {
	ctx, cancel := context.WithTimeout(ctx, revokeTimeout)
	defer cancel()
	if err := a.github.Revoke(ctx, repo.InstallationID, token); err != nil {
		a.config.Log.Warn("a module's token could not be revoked and is valid until it expires", "err", err)
	}
}
