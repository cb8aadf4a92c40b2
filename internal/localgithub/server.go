// Package localgithub is a GitHub that lives on loopback: stateful, over HTTP, with real git repositories.
//
// It does what GitHub does, rather than what a particular client expects. One listener serves
// the web pages at "/", the REST API below "/api/v3" and GraphQL at "/api/graphql" (the
// layout of GitHub Enterprise Server), and git's smart HTTP at "/{owner}/{name}.git".
// Accounts, repositories, pulls, comments, reviews, checks and Apps are kept in memory behind
// one mutex; commits are kept in bare repositories in Options.Dir and every merge, diff and
// push is made by git.
//
// An App authenticates with a signed JWT, exchanges it for an installation token and is held
// to that token's repositories and permissions on REST, GraphQL and git alike. Everything
// that happens, whoever did it, becomes an event. A background sender delivers it once,
// signed, to every App that subscribes, and writes it to the App's delivery log. No lock is
// held while a webhook is sent or git runs.
//
// This package is the server: who may call what, and what each call does. Its parts are
// packages below it: model is what GitHub knows, render and web are how it shows that,
// graphql answers queries, bare runs git, hooks sends webhooks, record keeps what was said.
//
// People act through their token, through the pages, or through the Go API. Faults
// (FaultRule) stand between the wire and all of this: to a client, what they break looks like
// a broken GitHub. Every REST and GraphQL exchange is recorded (Exchanges), so that tests can
// count calls and the answers can be checked against GitHub's own description.
package localgithub

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/cardea-iac/cardea/internal/localgithub/bare"
	"github.com/cardea-iac/cardea/internal/localgithub/graphql"
	"github.com/cardea-iac/cardea/internal/localgithub/hooks"
	"github.com/cardea-iac/cardea/internal/localgithub/model"
	"github.com/cardea-iac/cardea/internal/localgithub/record"
	"github.com/cardea-iac/cardea/internal/localgithub/render"
)

// Options configure Start.
type Options struct {
	Addr string // host:port to listen on; empty: a free port of 127.0.0.1
	Dir  string // where the bare repositories are kept; must exist
	Log  *slog.Logger

	// Now is the clock of everything that GitHub dates; nil: time.Now.
	Now func() time.Time
	// TokenLife is how long an installation token is valid; 0: one hour, as at GitHub.
	TokenLife time.Duration
	// RateLimit is the number of calls an hour of each installation and user; 0: 15,000 (an organization of GitHub
	// Enterprise Cloud); negative: none is refused.
	RateLimit int
	// HookTimeout is how long an answer to a webhook is waited for; 0: 10 s, as at GitHub.
	HookTimeout time.Duration
}

// Server is a running GitHub. Its methods may be called from any goroutine.
type Server struct {
	opts Options
	log  *slog.Logger
	url  string
	api  string // REST base
	http *http.Server

	Faults *Faults // what goes wrong, and when

	render render.Renderer
	rec    *record.Recorder
	hooks  *hooks.Sender
	busy   *idler

	mu   sync.Mutex // guards everything below and all that it refers to
	st   model.State
	sent map[int64][]*hooks.Delivery // the delivery log of each App, oldest first

	gitLocks sync.Map // repository id -> *sync.Mutex: one change of its refs at a time, taken before mu
	gql      *graphql.Schema
	git      bare.Git
	stop     context.CancelFunc
	base     context.Context
}

// Start listens and serves until Close. It needs git (with http-backend) on PATH.
func Start(opts Options) (*Server, error) {
	if opts.Addr == "" {
		opts.Addr = "127.0.0.1:0"
	}
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.TokenLife == 0 {
		opts.TokenLife = time.Hour
	}
	if opts.RateLimit == 0 {
		opts.RateLimit = 15000
	}
	if opts.HookTimeout == 0 {
		opts.HookTimeout = 10 * time.Second
	}
	if fi, err := os.Stat(opts.Dir); err != nil {
		return nil, fmt.Errorf("directory of repositories: %w", err)
	} else if !fi.IsDir() {
		return nil, fmt.Errorf("directory of repositories: %s is no directory", opts.Dir)
	}
	git, err := bare.Find(opts.Dir)
	if err != nil {
		return nil, err
	}
	ln, err := net.Listen("tcp", opts.Addr)
	if err != nil {
		return nil, fmt.Errorf("listening: %w", err)
	}
	s := &Server{opts: opts, log: opts.Log, url: "http://" + ln.Addr().String(), git: git, st: model.NewState(),
		sent: map[int64][]*hooks.Delivery{}, busy: newIdler()}
	s.api = s.url + "/api/v3"
	s.render = render.Renderer{URL: s.url, API: s.api, State: &s.st}
	s.base, s.stop = context.WithCancel(context.Background())
	s.Faults = newFaults()
	if s.rec, err = record.New(os.Getenv("CARDEA_EXCHANGES"), opts.Dir); err != nil {
		return nil, errors.Join(err, ln.Close())
	}
	if s.gql, err = graphql.Load(); err != nil {
		return nil, errors.Join(err, ln.Close())
	}
	s.hooks = s.newSender()
	s.http = &http.Server{Handler: s.handler(), ReadHeaderTimeout: 10 * time.Second, BaseContext: func(net.Listener) context.Context { return s.base }}
	go func() {
		if err := s.http.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			s.log.Error("local github stopped serving", "err", err)
		}
	}()
	return s, nil
}

// URL is where the pages and the clones are: clone {URL}/{owner}/{name}.git, REST at {URL}/api/v3, GraphQL at
// {URL}/api/graphql.
func (s *Server) URL() string { return s.url }

// APIURL is the base of the REST API, without a slash at its end.
func (s *Server) APIURL() string { return s.api }

// Close stops serving and sending. Requests and deliveries under way are cut off, background work is waited for.
func (s *Server) Close() error {
	s.stop()
	err := s.http.Close()
	s.hooks.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return errors.Join(err, s.busy.wait(ctx), s.rec.Close())
}

// Idle waits until nothing is going on in the background: every delivery that is not held has
// been answered or has timed out, and every mergeability asked for is known.
func (s *Server) Idle(ctx context.Context) error { return s.busy.wait(ctx) }

// now is GitHub's time: whole seconds, UTC.
func (s *Server) now() time.Time { return s.opts.Now().UTC().Truncate(time.Second) }

// background runs f outside any request, and makes Idle and Close wait for it.
func (s *Server) background(f func()) {
	s.busy.add(1)
	go func() {
		defer s.busy.add(-1)
		f()
	}()
}

// idler counts what is under way, and can be waited on; unlike sync.WaitGroup it may be added to while waited on.
type idler struct {
	mu   sync.Mutex
	n    int
	zero chan struct{} // closed while n is 0
}

func newIdler() *idler {
	i := &idler{zero: make(chan struct{})}
	close(i.zero)
	return i
}

func (i *idler) add(d int) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.n == 0 {
		i.zero = make(chan struct{})
	}
	i.n += d
	if i.n == 0 {
		close(i.zero)
	}
}

func (i *idler) wait(ctx context.Context) error {
	i.mu.Lock()
	zero := i.zero
	i.mu.Unlock()
	select {
	case <-zero:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("waiting for background work: %w", ctx.Err())
	}
}
