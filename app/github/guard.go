package github

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/bradleyfalzon/ghinstallation/v2"
	"github.com/google/go-github/v60/github"

	"github.com/cardea-iac/cardea/workflow"
)

// guard is the last thing before the wire. There is one per installation.
type guard struct {
	next         http.RoundTripper
	config       Config
	installation int64
	api          string // the API's base path

	mu      sync.Mutex
	until   time.Time // GitHub wants no requests before that time
	strikes int       // refusals in a row that named no time
}

const (
	readTries = 3
	// shortWait is the longest Retry-After that a read waits out on the spot.
	shortWait = 2 * time.Second
	// noTimeNamed is the wait when GitHub limits us and names no time: at least a minute, then longer (github.md 6.3).
	noTimeNamed = time.Minute
	longestWait = 15 * time.Minute
)

// RoundTrip implements http.RoundTripper.
func (g *guard) RoundTrip(r *http.Request) (*http.Response, error) {
	kind := kindOf(r.Method, r.URL.Path, g.api)
	for try := 1; ; try++ {
		if until := g.blocked(); !until.IsZero() {
			return nil, &Limited{Until: until}
		}
		resp, err := g.next.RoundTrip(r)
		g.observe(kind, resp)
		if err == nil {
			if until, limited, err := g.limited(resp); err != nil {
				return nil, err
			} else if limited {
				return nil, &Limited{Until: until}
			}
		}
		if r.Method != http.MethodGet || try == readTries || err == nil && resp.StatusCode < 500 {
			return resp, err
		}
		wait := time.Duration(try*try) * (150 + rand.N[time.Duration](100)) * time.Millisecond
		if err == nil {
			if asked := retryAfter(resp.Header); asked > shortWait {
				return resp, nil
			} else if asked > wait {
				wait = asked
			}
			drain(resp.Body)
		}
		select {
		case <-r.Context().Done():
			return nil, r.Context().Err()
		case <-time.After(wait):
		}
	}
}

func (g *guard) blocked() time.Time {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.config.Now().Before(g.until) {
		return g.until
	}
	return time.Time{}
}

func (g *guard) observe(kind string, resp *http.Response) {
	status, remaining := 0, -1
	if resp != nil {
		status = resp.StatusCode
		if n, err := strconv.Atoi(resp.Header.Get("X-RateLimit-Remaining")); err == nil {
			remaining = n
		}
	}
	g.config.Observe(kind, status, g.installation, remaining)
}

// limited reports whether GitHub refused because we are too fast, and until when, and
// remembers that. If it did not, the answer's body can still be read.
func (g *guard) limited(resp *http.Response) (time.Time, bool, error) {
	if resp.StatusCode != http.StatusForbidden && resp.StatusCode != http.StatusTooManyRequests {
		if resp.StatusCode < 400 {
			g.mu.Lock()
			g.strikes = 0
			g.mu.Unlock()
		}
		return time.Time{}, false, nil
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	_ = resp.Body.Close() // it was read
	if err != nil {
		return time.Time{}, false, fmt.Errorf("reading a refusal: %w", err)
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	if !isRateLimited(resp, body) {
		return time.Time{}, false, nil
	}
	return g.rest(resp), true, nil
}

// rest notes that GitHub wants no calls for as long as a refusal says, and returns until when.
func (g *guard) rest(resp *http.Response) time.Time {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.config.Now()
	wait, named := limitWait(resp.Header, now)
	if !named {
		g.strikes++
		wait = min(noTimeNamed<<min(g.strikes-1, 8), longestWait)
	}
	g.until = now.Add(wait)
	g.config.Log.Warn("GitHub limits our rate", "installation", g.installation,
		"until", g.until, "status", resp.StatusCode)
	return g.until
}

// isRateLimited reports whether a 403 or 429 is about rate. go-github sees only
// some of the forms (github.md 6.4).
func isRateLimited(resp *http.Response, body []byte) bool {
	if resp.StatusCode == http.StatusTooManyRequests || resp.Header.Get("Retry-After") != "" ||
		resp.Header.Get("X-RateLimit-Remaining") == "0" {
		return true
	}
	var said struct {
		Message string `json:"message"`
		Docs    string `json:"documentation_url"`
	}
	if json.Unmarshal(body, &said) != nil {
		return false
	}
	text := strings.ToLower(said.Message + " " + said.Docs)
	return strings.Contains(text, "secondary rate limit") || strings.Contains(text, "secondary-rate-limit") ||
		strings.Contains(text, "abuse detection") || strings.Contains(text, "abuse-rate-limit")
}

// limitWait is the wait that GitHub named: Retry-After, or the reset when nothing remains.
func limitWait(h http.Header, now time.Time) (time.Duration, bool) {
	if after := retryAfter(h); after > 0 {
		return after, true
	}
	reset, err := strconv.ParseInt(h.Get("X-RateLimit-Reset"), 10, 64)
	if err != nil || h.Get("X-RateLimit-Remaining") != "0" {
		return 0, false
	}
	return max(time.Unix(reset, 0).Sub(now), time.Second), true
}

// retryAfter reads the header's seconds; 0 without one.
func retryAfter(h http.Header) time.Duration {
	n, err := strconv.Atoi(h.Get("Retry-After"))
	if err != nil || n < 0 {
		return 0
	}
	return time.Duration(n) * time.Second
}

// Limited says that GitHub wants no calls from this installation before a time.
type Limited struct{ Until time.Time }

// Error says it to people.
func (l *Limited) Error() string {
	return "GitHub limits our rate until " + l.Until.UTC().Format("15:04:05 UTC")
}

// Is makes it a fault that passes.
func (l *Limited) Is(target error) bool { return target == error(workflow.ErrPassing) }

// passingError is a fault of GitHub or of the network.
type passingError struct {
	error
	at time.Time
}

func passing(err error, at time.Time) error { return &passingError{err, at} }

func (p *passingError) Unwrap() error        { return p.error }
func (p *passingError) Is(target error) bool { return target == error(workflow.ErrPassing) }

// RetryAt is when to try again after a passing fault; zero: by the caller's own backoff.
func RetryAt(err error) time.Time {
	if l := new(Limited); errors.As(err, &l) {
		return l.Until
	}
	if p := new(passingError); errors.As(err, &p) {
		return p.at
	}
	return time.Time{}
}

// Status is GitHub's status in an error, 0 without one.
func Status(err error) int {
	if e := new(github.ErrorResponse); errors.As(err, &e) && e.Response != nil {
		return e.Response.StatusCode
	}
	if e := new(ghinstallation.HTTPError); errors.As(err, &e) && e.Response != nil {
		return e.Response.StatusCode
	}
	return 0
}

// Gone reports whether an error says that the thing is not there (any more).
func Gone(err error) bool {
	s, q := Status(err), new(queryError)
	return s == http.StatusNotFound || s == http.StatusGone || errors.As(err, &q) && q.Type == "NOT_FOUND"
}

// Message is what GitHub said in an error, "" when it said nothing.
func Message(err error) string {
	if q := new(queryError); errors.As(err, &q) {
		return q.Message
	}
	if t := new(tokenError); errors.As(err, &t) {
		return t.message
	}
	e := new(github.ErrorResponse)
	if !errors.As(err, &e) {
		return ""
	}
	text := e.Message
	for _, x := range e.Errors {
		text += " " + x.Message
	}
	return text
}

// classify marks faults that may pass: no answer, GitHub's own faults, limits. A context that
// ended is the caller's doing, but what was waiting can be tried again as well.
func classify(ctx context.Context, err error) error {
	if e := new(ghinstallation.HTTPError); errors.As(err, &e) && e.Response != nil && e.Response.Body != nil {
		err = &tokenError{err, messageIn(e.Response.Body)}
	}
	if errors.Is(err, workflow.ErrPassing) {
		return err
	}
	if e := new(github.RateLimitError); errors.As(err, &e) { // go-github stops by itself when nothing remains
		return passing(err, e.Rate.Reset.Time)
	}
	if e := new(github.AbuseRateLimitError); errors.As(err, &e) {
		return passing(err, time.Time{})
	}
	if d := denied(err); d != nil {
		return d
	}
	switch status := Status(err); {
	case status >= 500 || status == http.StatusRequestTimeout || status == http.StatusTooManyRequests:
		return passing(err, time.Time{})
	case status != 0:
		return err
	}
	if ctx.Err() != nil || !isDecoding(err) {
		return passing(err, time.Time{})
	}
	return err
}

// tokenError is a token that GitHub refused, with its words: suspended, an IP allow list, a key that it does not know.
type tokenError struct {
	error
	message string
}

func (e *tokenError) Unwrap() error { return e.error }

// messageIn reads the message of a refusal and closes its body, which the library leaves
// open.
func messageIn(body io.ReadCloser) string {
	defer drain(body)
	var said struct {
		Message string `json:"message"`
	}
	if json.NewDecoder(io.LimitReader(body, 64<<10)).Decode(&said) != nil {
		return "" // there is nothing in it to pass on
	}
	return said.Message
}

// isDecoding reports whether an answer came that could not be decoded.
func isDecoding(err error) bool {
	return errors.As(err, new(*json.UnmarshalTypeError)) || errors.As(err, new(*json.SyntaxError))
}

// kindOf is a request's kind for metrics and errors: the method and the path
// without names, numbers and SHAs. api is the API's base path.
func kindOf(method, path, api string) string {
	path, _, _ = strings.Cut(path, "?")
	parts := strings.Split(strings.Trim(strings.TrimPrefix(path, strings.TrimRight(api, "/")), "/"), "/")
	if len(parts) >= 3 && parts[0] == "repos" {
		parts = append([]string{"repos"}, parts[3:]...)
	}
	for i, p := range parts {
		if _, err := strconv.Atoi(p); err == nil || len(p) == 40 ||
			i > 0 && (parts[i-1] == "collaborators" || parts[i-1] == "commits") {
			parts[i] = "*"
		}
	}
	return method + " " + strings.Join(parts, "/")
}
