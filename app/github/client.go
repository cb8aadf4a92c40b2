// Package github makes the few calls that we make to GitHub: tokens, facts of a
// pull, a person's role, comments, reactions, check runs, the App's deliveries.
//
// There is one go-github client per installation, because rate limits are counted by
// installation. Below its authentication sits one guard that every request passes, tokens
// included: it knows GitHub's six ways to say "too fast", stops asking until the time that
// GitHub named, and repeats reads that failed through GitHub's fault. Above it writes are
// paced.
//
// Faults that may go away are [workflow.ErrPassing] by errors.Is; [RetryAt] says when to try
// again. Nothing here retries a write: only looking can tell whether a write that got no
// answer was done.
package github

import (
	"context"
	"crypto/rsa"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/bradleyfalzon/ghinstallation/v2"
	"github.com/golang-jwt/jwt/v4"
	"github.com/google/go-github/v60/github"
	"golang.org/x/time/rate"

	"github.com/cardea-iac/cardea/workflow"
)

// Config is what a client needs.
type Config struct {
	APIURL     string // https://api.github.com, or https://HOST/api/v3
	AppID      int64
	PrivateKey []byte // PEM
	Now        workflow.Clock
	Log        *slog.Logger
	// Timeout is the most that GitHub may take to begin an answer; 0 = 20 s.
	Timeout time.Duration
	// Observe is told of every answer: its kind (see kindOf), its status (0: no answer came),
	// and how much of the installation's rate remains (-1: not said).
	Observe func(kind string, status int, installation int64, remaining int)
}

// Client calls GitHub as the App and as its installations. Safe for concurrent use.
type Client struct {
	config Config
	base   *url.URL
	key    *rsa.PrivateKey
	wire   http.RoundTripper

	mu      sync.Mutex
	clients map[int64]*installed
	tokens  map[tokenKey]*tokens
}

// installed is the client of one installation; installation 0 is the App itself.
type installed struct {
	*github.Client
	// queries is for GraphQL, which has a budget of its own: go-github would count both as one.
	queries *github.Client
	guard   *guard
	pace    *rate.Limiter
}

type tokenKey struct{ installation, repo int64 }

// newPace paces writes. github.com asks for a second between them (github.md 6.2) and
// tolerates short bursts: the few writes of one plan go out at once. An Enterprise Server,
// whose API is at /api/v3, has no limits unless its administrators set some.
func (c *Client) newPace() *rate.Limiter {
	if strings.HasSuffix(c.base.Path, "/api/v3/") {
		return rate.NewLimiter(rate.Every(50*time.Millisecond), 100)
	}
	return rate.NewLimiter(rate.Every(time.Second), 30)
}

// New returns a client. It calls nobody yet. A key that cannot be read is an error.
func New(c Config) (*Client, error) {
	base, err := url.Parse(strings.TrimRight(c.APIURL, "/") + "/")
	if err != nil {
		return nil, fmt.Errorf("reading GitHub's API address: %w", err)
	}
	if base.Host == "" || base.Scheme != "https" && base.Scheme != "http" {
		return nil, fmt.Errorf("reading GitHub's API address: %q is not an http address", c.APIURL)
	}
	key, err := jwt.ParseRSAPrivateKeyFromPEM(c.PrivateKey)
	if err != nil {
		return nil, fmt.Errorf("reading the App's private key: %w", err)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Timeout == 0 {
		c.Timeout = 20 * time.Second
	}
	if c.Observe == nil {
		c.Observe = func(string, int, int64, int) {}
	}
	wire := &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
		TLSHandshakeTimeout: 10 * time.Second, ResponseHeaderTimeout: c.Timeout,
		ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 16, MaxConnsPerHost: 64, IdleConnTimeout: 90 * time.Second,
	}
	return &Client{config: c, base: base, key: key, wire: wire, clients: map[int64]*installed{},
		tokens: map[tokenKey]*tokens{}}, nil
}

// Close drops idle connections.
func (c *Client) Close() {
	if t, ok := c.wire.(*http.Transport); ok {
		t.CloseIdleConnections()
	}
}

// of returns the client of an installation; 0 is the App itself.
func (c *Client) of(installation int64) *installed {
	c.mu.Lock()
	defer c.mu.Unlock()
	if in, ok := c.clients[installation]; ok {
		return in
	}
	g := &guard{next: c.wire, config: c.config, installation: installation, api: c.base.Path}
	var auth http.RoundTripper = c.appTransport(g)
	if installation != 0 {
		auth = newTokens(c.config.Now, func() *ghinstallation.Transport { return c.transport(g, installation, nil) })
	}
	in := &installed{Client: c.newClient(auth), queries: c.newClient(auth), guard: g, pace: c.newPace()}
	c.clients[installation] = in
	return in
}

func (c *Client) newClient(auth http.RoundTripper) *github.Client {
	cl := github.NewClient(&http.Client{Transport: auth, Timeout: 3 * c.config.Timeout, CheckRedirect: c.sameHost})
	cl.BaseURL, cl.UserAgent = c.base, "cardea"
	return cl
}

// Forget drops the tokens of an installation: each has the permissions of the moment when it
// was made, and would keep them for up to an hour.
func (c *Client) Forget(installation int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.clients, installation)
	maps.DeleteFunc(c.tokens, func(k tokenKey, _ *tokens) bool { return k.installation == installation })
}

// appTransport signs requests as the App. Each transport has its own:
// ghinstallation writes to it without a lock.
func (c *Client) appTransport(g *guard) *ghinstallation.AppsTransport {
	t := ghinstallation.NewAppsTransportFromPrivateKey(g, c.config.AppID, c.key)
	t.BaseURL = strings.TrimRight(c.base.String(), "/")
	return t
}

func (c *Client) transport(g *guard, installation int64,
	opts *github.InstallationTokenOptions) *ghinstallation.Transport {
	t := ghinstallation.NewFromAppsTransport(c.appTransport(g), installation)
	t.InstallationTokenOptions = opts
	return t
}

// sameHost follows redirects (a renamed repository) on GitHub's host only, and not from https
// to http, because the token goes along.
func (c *Client) sameHost(r *http.Request, via []*http.Request) error {
	if r.URL.Host != c.base.Host || r.URL.Scheme != c.base.Scheme || len(via) >= 5 {
		return http.ErrUseLastResponse
	}
	return nil
}

// call makes one call as an installation. body nil sends none; out nil reads none.
func (c *Client) call(ctx context.Context, installation int64, method, path string, body,
	out any) (*github.Response, error) {
	in := c.of(installation)
	if method != http.MethodGet {
		if err := in.pace.Wait(ctx); err != nil {
			return nil, passing(fmt.Errorf("waiting to write to GitHub: %w", err), time.Time{})
		}
	}
	req, err := in.NewRequest(method, strings.TrimPrefix(path, "/"), body)
	if err != nil {
		return nil, fmt.Errorf("making the request %s: %w", path, err)
	}
	resp, err := in.Do(ctx, req, out)
	if err != nil {
		return resp, classify(ctx, fmt.Errorf("%s: %w", kindOf(method, "/"+path, "/"), err))
	}
	return resp, nil
}

// Busy reports whether the installation's writes already have to wait: then it is better not
// to write what only shows progress.
func (c *Client) Busy(installation int64) bool { return c.of(installation).pace.Tokens() < 3 }

// drain reads what is left of a body so that its connection can be used again.
func drain(body io.ReadCloser) {
	_, _ = io.Copy(io.Discard, io.LimitReader(body, 64<<10)) // best effort: otherwise the connection is closed
	_ = body.Close()
}
