package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cardea-iac/cardea/internal/localgithub"
)

// world is everything around Cardea in the demo: a GitHub of our own with three people, one
// repository with the sample monorepo, and the App installed on it.
type world struct {
	dir                        string // everything of it is below
	gh                         *localgithub.Server
	app                        localgithub.App
	installation               int64
	repo                       string
	author, reviewer, outsider *person
}

const (
	worldRepo   = "acme/infra"
	worldSecret = "a-secret-for-this-demo-only"
)

// newWorld starts the GitHub on addr, with a clock (nil: time.Now). It pushes nothing yet.
func newWorld(dir, addr string, log *slog.Logger, now func() time.Time) (*world, error) {
	repos := filepath.Join(dir, "github")
	if err := os.MkdirAll(repos, 0o700); err != nil {
		return nil, err
	}
	gh, err := localgithub.Start(localgithub.Options{Addr: addr, Dir: repos, Log: log, Now: now})
	if err != nil {
		return nil, fmt.Errorf("starting the local GitHub: %w", err)
	}
	w := &world{dir: dir, gh: gh, repo: worldRepo}
	if err := w.people(); err != nil {
		return nil, errors.Join(err, gh.Close())
	}
	return w, nil
}

func (w *world) people() error {
	if _, err := w.gh.CreateRepo("acme", "infra", localgithub.RepoOptions{Private: true}); err != nil {
		return err
	}
	for _, p := range []struct {
		to          **person
		login, role string
	}{{&w.author, "ada", "write"}, {&w.reviewer, "rex", "write"}, {&w.outsider, "olga", "read"}} {
		user, err := w.gh.CreateUser(p.login)
		if err != nil {
			return err
		}
		if err := w.gh.SetPermission(w.repo, p.login, p.role); err != nil {
			return err
		}
		*p.to = &person{login: p.login, token: user.Token, web: w.gh.URL(), api: w.gh.APIURL(), repo: w.repo,
			clone: filepath.Join(w.dir, "clones", p.login)}
	}
	return nil
}

// appPermissions and appEvents are those of app.yml; a test compares them.
var (
	appPermissions = map[string]string{"contents": "read", "pull_requests": "write",
		"issues": "write", "checks": "write", "statuses": "read"}
	appEvents = []string{"pull_request", "issue_comment", "pull_request_review", "push", "repository"}
)

// install creates the App with a key and a secret, and writes the server's
// configuration for it to cardea.yml. hook is where webhooks go ("" = not yet).
func (w *world) install(hook string, permissions map[string]string) (config string, err error) {
	w.app, err = w.gh.CreateApp(localgithub.App{Slug: "cardea", WebhookURL: hook, WebhookSecret: worldSecret,
		Permissions: permissions, Events: appEvents})
	if err != nil {
		return "", err
	}
	if w.installation, err = w.gh.Install(w.app.ID, "acme"); err != nil {
		return "", err
	}
	key := filepath.Join(w.dir, "app.pem")
	if err := os.WriteFile(key, []byte(w.app.PrivateKeyPEM), 0o600); err != nil {
		return "", err
	}
	config = filepath.Join(w.dir, "cardea.yml")
	text := fmt.Sprintf("listen: 127.0.0.1:0\ndata_dir: data\nmetrics: {listen: 127.0.0.1:0}\ngithub:\n  web_url: %s\n  api_url: %s\n  app_id: %d\n  private_key_file: app.pem\n  webhook_secrets: [%s]\nlimits: {settle: 1s}\n",
		w.gh.URL(), w.gh.APIURL(), w.app.ID, worldSecret)
	return config, os.WriteFile(config, []byte(text), 0o600)
}

// stateDir is where the sample's projects keep their state.
func (w *world) stateDir() string { return filepath.Join(w.dir, "state") }

// seed pushes the sample's main branch and applies it, so that the pulls have
// something to change.
func (w *world) seed(ctx context.Context, terraform string) error {
	files := sampleFiles(w.stateDir())
	if _, err := w.author.push(ctx, "main", "Everything we run", files); err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(4)
	for _, env := range sampleEnvironments {
		for _, component := range sampleComponents {
			group.Go(func() error { return w.apply(ctx, terraform, filepath.Join(w.author.clone, env, component)) })
		}
	}
	return group.Wait()
}

// apply does what somebody would have done by hand before there was Cardea.
func (w *world) apply(ctx context.Context, terraform, dir string) error {
	rc := filepath.Join(w.dir, "terraform.rc")
	if err := os.WriteFile(rc, nil, 0o600); err != nil {
		return err
	}
	data, err := os.MkdirTemp(w.dir, "seed-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(data)
	for _, args := range [][]string{{"init", "-input=false", "-lockfile=readonly"},
		{"apply", "-input=false", "-auto-approve", "-lock-timeout=30s"}} {
		cmd := exec.CommandContext(ctx, terraform, args...)
		cmd.Dir = dir
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + data, "TF_DATA_DIR=" + filepath.Join(data, "data"),
			"TF_CLI_CONFIG_FILE=" + rc, "CHECKPOINT_DISABLE=1"}
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("terraform %s in the sample's %s: %w\n%s", args[0], dir, err, out)
		}
	}
	return nil
}

// check is one check run as GitHub's API shows it.
type check struct {
	Name, Status, Conclusion string
	DetailsURL               string `json:"details_url"`
	Output                   struct {
		Title, Summary   string
		AnnotationsCount int `json:"annotations_count"`
	}
}

// pullNow is what a person sees of a pull: its comments and its checks.
type pullNow struct {
	Head     string
	State    string
	Comments []string // bodies, oldest first, all authors
	Checks   map[string]check
}

// summary is the one summary comment, "" when there is none; more than one is an error.
func (p pullNow) summary() (string, error) {
	found := ""
	for _, c := range p.Comments {
		if strings.HasPrefix(c, "<!-- cardea:summary -->") {
			if found != "" {
				return "", errors.New("there are two summary comments")
			}
			found = c
		}
	}
	return found, nil
}

// look reads a pull as p sees it.
func (p *person) look(ctx context.Context, number int) (pullNow, error) {
	var pull struct {
		State string
		Head  struct{ SHA string }
	}
	var comments []struct{ Body string }
	var runs struct {
		CheckRuns []check `json:"check_runs"`
	}
	base := "/repos/" + p.repo
	if err := p.call(ctx, http.MethodGet, fmt.Sprintf("%s/pulls/%d", base, number), nil, &pull); err != nil {
		return pullNow{}, err
	}
	if err := p.call(ctx, http.MethodGet, fmt.Sprintf("%s/issues/%d/comments?per_page=100", base, number),
		nil, &comments); err != nil {
		return pullNow{}, err
	}
	if err := p.call(ctx, http.MethodGet, base+"/commits/"+pull.Head.SHA+"/check-runs?per_page=100",
		nil, &runs); err != nil {
		return pullNow{}, err
	}
	now := pullNow{Head: pull.Head.SHA, State: pull.State, Checks: map[string]check{}}
	for _, c := range comments {
		now.Comments = append(now.Comments, c.Body)
	}
	for _, c := range runs.CheckRuns {
		now.Checks[c.Name] = c
	}
	return now, nil
}

// settled waits until both checks of the pull's head are completed.
func (p *person) settled(ctx context.Context, number int) (pullNow, error) {
	return p.until(ctx, number, "both checks are completed", func(now pullNow) bool {
		return now.Checks["cardea/plan"].Status == "completed" && now.Checks["cardea/apply"].Status == "completed"
	})
}

// until looks at a pull again and again until ok holds, for two minutes unless the context
// ends earlier or later.
func (p *person) until(ctx context.Context, number int, what string, ok func(pullNow) bool) (pullNow, error) {
	if _, limited := ctx.Deadline(); !limited {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, 2*time.Minute)
		defer cancel()
	}
	for {
		now, err := p.look(ctx, number)
		if err != nil {
			return now, err
		}
		if ok(now) {
			return now, nil
		}
		select {
		case <-ctx.Done():
			return now, fmt.Errorf("waiting until %s on #%d: %w; checks now: %v", what, number, ctx.Err(), now.Checks)
		case <-time.After(100 * time.Millisecond):
		}
	}
}
