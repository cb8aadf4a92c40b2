package localgithub

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strconv"
	"sync"
	"time"
)

// FaultRule says which requests go wrong, and how. Rules are tried in the order they were added; the first that is due
// decides. A rule applies to REST (path below the API's base, as "/repos/acme/infra/pulls"), to GraphQL ("/graphql")
// and to git ("/acme/infra.git/info/refs").
type FaultRule struct {
	Method string         // "": any
	Path   *regexp.Regexp // nil: any
	Body   *regexp.Regexp // of the request's body, for GraphQL; nil: any
	// Match, where the three above are not enough; nil: any. It is called under a lock and must not call the server.
	Match func(r *http.Request, body []byte) bool
	From  int // the first matching request that goes wrong, counted from 1; 0: 1
	Times int // how many from there; 0: one; negative: all

	// Do is called just before a request that is due is looked at, so that the world changes at
	// exactly this call. It may use the server like any client. A rule with nothing else lets
	// the request pass.
	Do func()

	// AfterEffect carries the request out before it goes wrong: the caller cannot know that it was done.
	// Not for git fetches.
	AfterEffect bool

	Delay  time.Duration // waits before anything else
	Hang   bool          // never answers; the caller has to give up
	Drop   bool          // closes the connection without an answer
	Status int           // answers with this status, Header and Reply
	Header map[string]string
	Reply  string // "": GitHub's JSON for the status
	Limit  Limit  // answers as a rate limit would
	Retry  time.Duration
}

// Limit is a shape in which GitHub refuses for rate. FaultRule.Retry is how long the refusal asks to wait.
type Limit string

// The shapes of GitHub's refusals: the primary limit says it with x-ratelimit-remaining and -reset, the secondary with
// Retry-After; both come as 403 or 429. ("Rate limits for the REST API", docs.github.com)
const (
	LimitPrimary403       Limit = "primary 403"
	LimitPrimary429       Limit = "primary 429"
	LimitSecondary403     Limit = "secondary 403"
	LimitSecondary429     Limit = "secondary 429"
	LimitSecondaryMessage Limit = "secondary 403, told by its message only"
	LimitSecondaryNoWait  Limit = "secondary 403 without Retry-After"
)

// Faults are the rules in force. Safe for concurrent use.
type Faults struct {
	mu      sync.Mutex
	latency time.Duration
	rules   []*armed
}

type armed struct {
	FaultRule
	seen, hits int
}

func newFaults() *Faults { return &Faults{} }

// Fault is a rule that was added.
type Fault struct {
	f *Faults
	a *armed
}

// Add puts a rule in force.
func (f *Faults) Add(rule FaultRule) Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.add(rule)
}

// Only puts a rule in force instead of all others: no request falls between them.
func (f *Faults) Only(rule FaultRule) Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rules = nil
	return f.add(rule)
}

func (f *Faults) add(rule FaultRule) Fault {
	if rule.From == 0 {
		rule.From = 1
	}
	if rule.Times == 0 {
		rule.Times = 1
	}
	a := &armed{FaultRule: rule}
	f.rules = append(f.rules, a)
	return Fault{f: f, a: a}
}

// Hits is how many requests went wrong by this rule.
func (x Fault) Hits() int {
	x.f.mu.Lock()
	defer x.f.mu.Unlock()
	return x.a.hits
}

// Clear removes all rules and the latency.
func (f *Faults) Clear() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rules, f.latency = nil, 0
}

// Latency makes every request wait before it is looked at.
func (f *Faults) Latency(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.latency = d
}

func (rule FaultRule) matches(r *http.Request, body []byte) bool {
	return (rule.Method == "" || rule.Method == r.Method) && (rule.Path == nil || rule.Path.MatchString(r.URL.Path)) &&
		(rule.Body == nil || rule.Body.Match(body)) && (rule.Match == nil || rule.Match(r, body))
}

// wrong reports whether the rule does anything to the request itself, beside its Do.
func (rule FaultRule) wrong() bool {
	return rule.AfterEffect || rule.Delay > 0 || rule.Hang || rule.Drop || rule.Status != 0 || rule.Limit != ""
}

// due counts the request against every rule that matches it and returns the first that is due.
func (f *Faults) due(r *http.Request, body []byte) (*FaultRule, time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var hit *FaultRule
	for _, a := range f.rules {
		if !a.matches(r, body) {
			continue
		}
		a.seen++
		if hit == nil && a.seen >= a.From && (a.Times < 0 || a.seen < a.From+a.Times) {
			a.hits++
			rule := a.FaultRule
			hit = &rule
		}
	}
	return hit, f.latency
}

// faulty answers a request, or fails to as the rules in force say, and records what happened.
func (s *Server) faulty(w http.ResponseWriter, r *http.Request, x *Exchange, produce func() answer) {
	rule, latency := s.Faults.due(r, x.RequestBody)
	if !s.pause(r, latency) {
		return
	}
	if rule.do(); rule == nil || !rule.wrong() {
		out := produce()
		s.record(x, out)
		send(w, out)
		return
	}
	x.Faulted = true
	out, gone := s.broken(r, rule, produce)
	s.record(x, out)
	if gone {
		panic(http.ErrAbortHandler) // the documented way to break a connection off
	}
	send(w, out)
}

func (rule *FaultRule) do() {
	if rule != nil && rule.Do != nil {
		rule.Do()
	}
}

// broken plays one fault out. gone means that the caller gets no answer at all.
func (s *Server) broken(r *http.Request, rule *FaultRule, produce func() answer) (out answer, gone bool) {
	if !s.pause(r, rule.Delay) {
		return answer{}, true
	}
	if rule.AfterEffect || !rule.Hang && !rule.Drop && rule.Status == 0 && rule.Limit == "" {
		out = produce()
	}
	switch {
	case rule.Hang:
		<-r.Context().Done()
		return out, true
	case rule.Drop:
		return out, true
	case rule.Limit != "":
		return s.limited(rule), false
	case rule.Status != 0:
		out = answer{status: rule.Status, header: http.Header{}, body: []byte(rule.Reply)}
		if rule.Reply == "" {
			out.body = mustJSON(fail(rule.Status, "%s", http.StatusText(rule.Status)).body)
		}
		out.header.Set("Content-Type", "application/json; charset=utf-8")
		for k, v := range rule.Header {
			out.header.Set(k, v)
		}
	}
	return out, false
}

// limited is the refusal in the shape that the rule names.
func (s *Server) limited(rule *FaultRule) answer {
	const secondary = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
	const secondaryDocs = "https://docs.github.com/rest/overview/rate-limits-for-the-rest-api#about-secondary-rate-limits"
	out := answer{status: http.StatusForbidden, header: http.Header{"Content-Type": {"application/json; charset=utf-8"}}}
	wait := strconv.Itoa(int(rule.Retry / time.Second))
	body := obj{"message": secondary, "documentation_url": secondaryDocs, "status": "403"}
	switch rule.Limit {
	case LimitPrimary403, LimitPrimary429:
		out.header.Set("X-RateLimit-Limit", "5000")
		out.header.Set("X-RateLimit-Remaining", "0")
		out.header.Set("X-RateLimit-Used", "5000")
		out.header.Set("X-RateLimit-Reset", strconv.FormatInt(s.opts.Now().Add(rule.Retry).Unix(), 10))
		out.header.Set("X-RateLimit-Resource", "core")
		body = obj{"message": "API rate limit exceeded.", "documentation_url": docs +
			"/overview/rate-limits-for-the-rest-api", "status": "403"}
	case LimitSecondary403, LimitSecondary429:
		out.header.Set("Retry-After", wait)
	case LimitSecondaryMessage:
		out.header.Set("Retry-After", wait)
		body = obj{"message": secondary}
	}
	if rule.Limit == LimitPrimary429 || rule.Limit == LimitSecondary429 {
		out.status = http.StatusTooManyRequests
		body["status"] = "429"
	}
	out.body = mustJSON(body)
	return out
}

// pause waits, and reports whether the caller is still there afterwards.
func (s *Server) pause(r *http.Request, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-r.Context().Done():
		return false
	}
}

func send(w http.ResponseWriter, out answer) {
	for k, v := range out.header {
		w.Header()[k] = v
	}
	w.WriteHeader(out.status)
	_, _ = w.Write(out.body) // a caller that has gone away gets nothing, which is its own affair
}

// mustJSON renders what this package built from maps, strings and numbers, which cannot fail.
func mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}
