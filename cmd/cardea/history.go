package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/cardea-iac/cardea/app/page"
	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/bolt"
	"github.com/cardea-iac/cardea/workflow/service"
)

// historyCmd exports the history: who asked for, approved, locked or applied what, or was
// refused it, when, and with which result.
type historyCmd struct {
	JSON   bool   `default:"true" help:"As JSON lines, oldest first; the default, and the only format so far."`
	Config string `placeholder:"FILE" help:"The configuration; default: cardea.yml if there is one, and the CARDEA_ variables."`
	Repo   string `placeholder:"OWNER/NAME" help:"Only this repository; default: all of them."`
}

// Help is what --help says besides.
func (historyCmd) Help() string {
	return "It reads the database while no server uses it. A running server serves the same at /OWNER/NAME/history.jsonl.\n\n" +
		"Example: cardea history --repo acme/infra > history.jsonl"
}

// Validate says what is wrong with the flags.
func (k historyCmd) Validate() error {
	if !k.JSON {
		return errors.New("--json is the only format so far: leave the flag out")
	}
	return nil
}

// Run reads the database while no server uses it; a running server serves the
// same lines itself.
func (k historyCmd) Run(c *console, ctx bind) error {
	cfg, err := serverConfig(c, k.Config)
	if err != nil {
		return err
	}
	return exportHistory(ctx, cfg, k.Repo, c.out)
}

func exportHistory(ctx context.Context, cfg Config, repo string, out io.Writer) (err error) {
	store, err := bolt.OpenReadOnly(cfg.DataDir)
	if errors.Is(err, bolt.ErrInUse) {
		return fmt.Errorf("%w: ask that server, which serves the same at %s", err, historyURL(cfg, repo))
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	service := service.New(service.Config{Store: store})
	var repos []workflow.RepoRecord
	if repo != "" {
		one, err := service.RepoByName(ctx, repo)
		if errors.Is(err, workflow.ErrNotFound) {
			return fmt.Errorf("the repository %q is unknown", repo)
		}
		if err != nil {
			return err
		}
		repos = append(repos, one)
	} else if repos, err = service.Repos(ctx); err != nil {
		return err
	}
	for _, r := range repos {
		if err := page.WriteHistory(ctx, out, service, r.Repo); err != nil {
			return err
		}
	}
	return nil
}

// historyURL is where a running server serves the history of a repository.
func historyURL(cfg Config, repo string) string {
	base := cfg.PublicURL
	if base == "" {
		base = "http://" + cfg.Listen
		if strings.HasPrefix(cfg.Listen, ":") {
			base = "http://localhost" + cfg.Listen
		}
		if strings.HasSuffix(base, ":0") { // it chose a port when it started, and said which
			base = "http://HOST:PORT"
		}
	}
	if repo == "" {
		return base + "/OWNER/NAME/history.jsonl"
	}
	return base + "/" + repo + "/history.jsonl"
}
