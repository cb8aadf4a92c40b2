// Package app is the GitHub App: the only place that knows GitHub's JSON.
//
// Deliveries come in through webhook and are stored. The inbox loop makes each into a request
// (event, command) or ignores it with a reason. The expand loop carries requests out, one at
// a time per pull: it reads the live facts, the sender's role, and hands both to the service,
// which decides. The report loop shows what the service knows. Recovery asks GitHub for what
// was missed.
//
// Every loop is driven by a signal and by a clock, and works from the store alone: a loop
// that stops anywhere goes on from there.
package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/cardea-iac/cardea/app/event"
	"github.com/cardea-iac/cardea/app/github"
	"github.com/cardea-iac/cardea/app/preflight"
	"github.com/cardea-iac/cardea/app/recover"
	"github.com/cardea-iac/cardea/app/report"
	"github.com/cardea-iac/cardea/app/webhook"
	"github.com/cardea-iac/cardea/templates/model"
	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/service"
)

// Config is what the App needs.
type Config struct {
	APIURL     string // https://api.github.com, or https://HOST/api/v3
	WebURL     string // https://github.com, or https://HOST
	AppID      int64
	PrivateKey []byte   // PEM
	Secrets    []string // of the webhook, one or two
	Prefixes   []string // words that commands start with; the first is the one we write
	PublicURL  string   // the pages' address without a slash at its end
	WebhookURL string   // where GitHub has to send deliveries; "" when nobody has said where people reach us
	Merges     bool     // some rule has `automerge`

	Service *service.Service
	Rules   func(workflow.Repo) (workflow.Rules, bool)
	// SameFile reports whether a file of a pull's planned tree is the same in its head: only
	// then can its lines be annotated. Nil: every file is taken to be the same.
	SameFile func(ctx context.Context, rec workflow.PullRecord, file string) bool
	// Timeout is the most that GitHub may take to begin an answer; 0 = 20 s.
	Timeout time.Duration
	// RecoverEvery is the clock of recovery; 0 = 5 minutes.
	RecoverEvery time.Duration
	// LookEvery is the clock on which the App's own settings are looked at; 0 = 5 minutes.
	LookEvery time.Duration

	Log     *slog.Logger
	Metrics prometheus.Registerer // nil: none
	Now     workflow.Clock
}

// App is the GitHub App.
type App struct {
	config   Config
	github   *github.Client
	webhook  *webhook.Handler
	reporter *report.Reporter
	links    model.Links
	recovery *recover.Recovery
	metrics  *metrics
	health   *health
	reacts   chan workflow.Request
	shared   sharing
}

// New returns the App. It calls nobody yet; it refuses settings that cannot work.
func New(c Config) (*App, error) {
	if c.Service == nil || c.Rules == nil {
		return nil, errors.New("the App needs a service and rules")
	}
	if c.AppID <= 0 {
		return nil, fmt.Errorf("the App's id %d is not one", c.AppID)
	}
	if len(c.Prefixes) == 0 {
		c.Prefixes = []string{"cardea"}
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	a := &App{config: c, reacts: make(chan workflow.Request, 256), shared: sharing{held: map[workflow.PullKey]*shared{}}}
	var err error
	if a.metrics, err = newMetrics(c.Metrics); err != nil {
		return nil, err
	}
	if a.github, err = github.New(github.Config{
		APIURL: c.APIURL, AppID: c.AppID, PrivateKey: c.PrivateKey, Now: c.Now, Log: c.Log,
		Timeout: c.Timeout, Observe: a.called,
	}); err != nil {
		return nil, err
	}
	if a.health, err = newHealth(c, a.github); err != nil {
		return nil, err
	}
	if a.webhook, err = webhook.New(webhook.Config{
		Secrets: c.Secrets, Events: event.Known, Receive: c.Service.Receive,
		Now: c.Now, Log: c.Log, Count: a.delivered, Refused: a.health.refused,
	}); err != nil {
		return nil, err
	}
	a.links = model.Links{PublicURL: c.PublicURL, Fingerprints: true, Prefix: c.Prefixes[0]}
	a.reporter = report.New(report.Config{Service: c.Service, GitHub: a.github, Links: a.links, Rules: c.Rules,
		SameFile: c.SameFile, Told: a.health.tells, Now: c.Now, Log: c.Log})
	a.health.again = a.reporter.Again
	a.recovery = recover.New(recover.Config{Service: c.Service, GitHub: a.github, Rules: c.Rules,
		Every: c.RecoverEvery, Now: c.Now, Log: c.Log, Told: a.health.tells})
	return a, nil
}

// Handler is the webhook, whatever its path. It answers as long as the store is open, whether
// or not Run is running.
func (a *App) Handler() http.Handler { return a.webhook }

// Findings says what is wrong with the App and what is not, the worst first; nothing before it was first looked at.
func (a *App) Findings() []preflight.Finding { return a.health.findings() }

// called is told of every answer of GitHub's.
func (a *App) called(kind string, status int, installation int64, remaining int) {
	a.metrics.called(kind, status, installation, remaining)
	a.health.called(kind, status, installation)
}

// delivered is told of every answer to a delivery.
func (a *App) delivered(event string, status int) {
	a.metrics.delivered(event, status)
	if event != "" && status < 300 {
		a.health.accepted()
	}
}

// Token returns a token with which git can read one repository and nothing else.
func (a *App) Token(ctx context.Context, repo workflow.Repo) (string, error) {
	return a.github.Token(ctx, repo)
}

// Refused says that git was refused with a token, and reports whether the next token is a
// different one.
func (a *App) Refused(ctx context.Context, repo workflow.Repo, token string) bool {
	return a.github.Refused(ctx, repo, token)
}

// Run runs all loops until the context ends.
func (a *App) Run(ctx context.Context) error {
	defer a.github.Close()
	g, ctx := errgroup.WithContext(ctx)
	for _, loop := range []func(context.Context) error{a.inbox, a.expand, a.react,
		a.measure, a.reporter.Run, a.recovery.Run, a.health.run} {
		g.Go(func() error { return loop(ctx) })
	}
	return g.Wait()
}
