package localgithub

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/cardea-iac/cardea/internal/localgithub/model"
	"github.com/cardea-iac/cardea/internal/localgithub/record"
)

// obj is a JSON object on its way out.
type obj = map[string]any

// maxBody is the largest request that is read; more is 413.
const maxBody = 32 << 20

// call is one REST request: who asks, for what.
type call struct {
	s    *Server
	r    *http.Request
	body []byte
	who  actor
	repo *model.Repo // of the path, seen and permitted

	rest, html string // addresses of the repository, for handlers that hold no lock
}

// reply is the answer to a call. body is sent as JSON; nil sends none.
type reply struct {
	status int
	body   any
	header http.Header
	need   string // the permission that was missing, for X-Accepted-GitHub-Permissions
}

// route is one REST endpoint and who may call it.
type route struct {
	pattern string // method and path below the API's base
	need    string // permissions an installation must have, as "issues=write; pull_requests=write"
	role    string // role a person must have on the repository; "": read; "app": no person may
	only    string // "app": only with an App's JWT; "installation": only with an installation token
	free    bool   // do locks by itself, because it runs git
	do      func(*call) reply
}

const docs = "https://docs.github.com/rest"

func ok(body any) reply      { return reply{status: http.StatusOK, body: body} }
func created(body any) reply { return reply{status: http.StatusCreated, body: body} }
func nothing() reply         { return reply{status: http.StatusNoContent} }

func fail(status int, format string, args ...any) reply {
	return reply{status: status, body: obj{"message": fmt.Sprintf(format, args...), "documentation_url": docs,
		"status": strconv.Itoa(status)}}
}

func notFound() reply { return fail(http.StatusNotFound, "Not Found") }

// invalid is a 422 that names the field, as GitHub's validation errors do.
func invalid(resource, field, code, message string) reply {
	return reply{status: http.StatusUnprocessableEntity, body: obj{
		"message": "Validation Failed", "documentation_url": docs, "status": "422",
		"errors": []obj{{"resource": resource, "field": field, "code": code, "message": message}},
	}}
}

// malformed is the 422 of requests that do not fit the schema.
func malformed(format string, args ...any) reply {
	return fail(http.StatusUnprocessableEntity, "Invalid request.\n\n"+format, args...)
}

// decode reads the JSON body into v, or says what is wrong with it.
func (c *call) decode(v any) *reply {
	if len(bytes.TrimSpace(c.body)) == 0 {
		return nil
	}
	err := json.Unmarshal(c.body, v)
	var typ *json.UnmarshalTypeError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &typ):
		r := malformed("For '%s', a value of type %s was supplied.", typ.Field, typ.Value)
		return &r
	default:
		r := fail(http.StatusBadRequest, "Problems parsing JSON")
		return &r
	}
}

func (c *call) value(name string) string { return c.r.PathValue(name) }

func (c *call) number(name string) int64 {
	n, err := strconv.ParseInt(c.r.PathValue(name), 10, 64)
	if err != nil {
		return -1 // nothing has this number
	}
	return n
}

func (c *call) query(name string) string { return c.r.URL.Query().Get(name) }

// page cuts one page out of all, and links to its neighbours as GitHub does.
func page[T any](c *call, all []T) ([]T, http.Header) {
	per, n := atoi(c.query("per_page"), 30), atoi(c.query("page"), 1)
	per, n = min(max(per, 1), 100), max(n, 1)
	last := max((len(all)+per-1)/per, 1)
	h := http.Header{}
	var links []string
	link := func(rel string, to int) {
		u := *c.r.URL
		q := u.Query()
		q.Set("page", strconv.Itoa(to))
		u.RawQuery = q.Encode()
		links = append(links, fmt.Sprintf("<%s%s?%s>; rel=%q", c.s.api, u.EscapedPath(), u.RawQuery, rel))
	}
	if n > 1 {
		link("prev", n-1)
	}
	if n < last {
		link("next", n+1)
		link("last", last)
	}
	if n > 1 {
		link("first", 1)
	}
	if len(links) > 0 {
		h.Set("Link", strings.Join(links, ", "))
	}
	from := min((n-1)*per, len(all))
	return all[from:min(from+per, len(all))], h
}

func atoi(s string, def int) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		return def
	}
	return n
}

// each renders one page of things as a JSON list.
func each[T any](c *call, all []T, render func(T) obj) reply {
	part, h := page(c, all)
	out := make([]obj, 0, len(part))
	for _, x := range part {
		out = append(out, render(x))
	}
	return reply{status: http.StatusOK, body: out, header: h}
}

// counted renders one page of things in an object that says how many there are.
func counted[T any](c *call, key string, all []T, render func(T) obj) reply {
	r := each(c, all, render)
	r.body = obj{"total_count": len(all), key: r.body}
	return r
}

// answer is a complete HTTP answer that can still be held back, replaced or lost.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// restMux finds the route of a request: the first match in the table. (http.ServeMux refuses
// GitHub's paths: issues/comments/{id} and issues/{number}/comments overlap.)
func (s *Server) restMux() http.Handler {
	table := routes()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := r.Context().Value(callKey{}).(*call)
		for _, rt := range table {
			if rt.matches(r) {
				c.r = r
				writeReply(w, s.serve(c, rt))
				return
			}
		}
		writeReply(w, notFound())
	})
}

// matches reports whether a route matches, and then sets the request's path values. {name} is
// one segment, {name...} the rest.
func (rt route) matches(r *http.Request) bool {
	method, pattern, _ := strings.Cut(rt.pattern, " ")
	if method != r.Method {
		return false
	}
	want, have := strings.Split(pattern, "/"), strings.Split(r.URL.EscapedPath(), "/")
	values := map[string]string{}
	for i, seg := range want {
		name, wild := strings.CutPrefix(strings.TrimSuffix(seg, "}"), "{")
		switch {
		case i >= len(have):
			return false
		case wild && strings.HasSuffix(name, "..."):
			have = append(have[:i:i], strings.Join(have[i:], "/"))
			name = strings.TrimSuffix(name, "...")
		case !wild && seg != have[i]:
			return false
		}
		if wild {
			v, err := url.PathUnescape(have[i])
			if err != nil || v == "" && i < len(want)-1 {
				return false
			}
			values[name] = v
		}
	}
	if len(have) != len(want) {
		return false
	}
	for k, v := range values {
		r.SetPathValue(k, v)
	}
	return true
}

type callKey struct{}

// serve checks that the caller may make the call, and carries it out.
func (s *Server) serve(c *call, rt route) reply {
	s.mu.Lock()
	if r := s.authorise(c, rt); r != nil {
		s.mu.Unlock()
		return *r
	}
	if rt.free {
		s.mu.Unlock()
		return rt.do(c)
	}
	defer s.mu.Unlock()
	return rt.do(c)
}

func writeReply(w http.ResponseWriter, r reply) {
	for k, v := range r.header {
		w.Header()[k] = v
	}
	if r.need != "" {
		w.Header().Set("X-Accepted-GitHub-Permissions", r.need)
	}
	if r.body == nil {
		w.WriteHeader(r.status)
		return
	}
	var buf bytes.Buffer
	if raw, isRaw := r.body.([]byte); isRaw {
		buf.Write(raw)
	} else {
		enc := json.NewEncoder(&buf)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(r.body); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
	}
	w.WriteHeader(r.status)
	_, _ = w.Write(buf.Bytes()) // to memory
}

// capture is a ResponseWriter that keeps the answer in memory.
type capture struct{ answer }

func (c *capture) Header() http.Header { return c.header }

func (c *capture) WriteHeader(status int) {
	if c.status == 0 {
		c.status = status
	}
}

func (c *capture) Write(b []byte) (int, error) {
	c.WriteHeader(http.StatusOK)
	c.body = append(c.body, b...)
	return len(b), nil
}

// serveAPI handles every REST and GraphQL request: read, authenticate, answer, decorate.
func (s *Server) serveAPI(w http.ResponseWriter, r *http.Request, next http.Handler) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		http.Error(w, "request body: "+err.Error(), http.StatusRequestEntityTooLarge)
		return
	}
	x := Exchange{Time: s.opts.Now(), Method: r.Method, Path: r.URL.Path, Escaped: r.URL.EscapedPath(),
		Query: r.URL.RawQuery, RequestHeader: record.Pick(r.Header, record.RequestHeaders), RequestBody: body}
	who, denied := s.authenticate(r)
	x.Actor, x.ActorKind = who.name(), who.kind()
	s.faulty(w, r, &x, func() answer {
		out := &capture{answer{header: http.Header{}}}
		if denied != nil {
			writeReply(out, *denied)
		} else if limited := s.spend(who, out.header); limited != nil {
			writeReply(out, *limited)
		} else {
			next.ServeHTTP(out, withCall(r, &call{s: s, body: body, who: who}))
		}
		s.decorate(out, r, who)
		return out.answer
	})
}

func withCall(r *http.Request, c *call) *http.Request {
	// What was asked for goes on even if the caller leaves.
	r2 := r.WithContext(contextWith(context.WithoutCancel(r.Context()), c))
	r2.Body = io.NopCloser(bytes.NewReader(c.body))
	return r2
}

// decorate adds what GitHub adds to every answer: request id, date, validator, and 304 for what has not changed.
func (s *Server) decorate(out *capture, r *http.Request, who actor) {
	h := out.header
	h.Set("X-GitHub-Request-Id", guid())
	h.Set("X-GitHub-Media-Type", "github.v3; format=json")
	h.Set("X-GitHub-Api-Version-Selected", "2022-11-28")
	h.Set("Date", s.opts.Now().UTC().Format(http.TimeFormat))
	if r.Method != http.MethodGet || out.status != http.StatusOK {
		return
	}
	sum := sha256.Sum256(append([]byte(who.name()+"\n"), out.body...))
	tag := `W/"` + hex.EncodeToString(sum[:]) + `"`
	h.Set("ETag", tag)
	h.Set("Cache-Control", "private, max-age=60, s-maxage=60")
	h.Set("Vary", "Accept, Authorization, Cookie, X-GitHub-OTP")
	if match := r.Header.Get("If-None-Match"); match != "" && strings.Contains(match, tag) {
		out.status, out.body = http.StatusNotModified, nil
		h.Del("Content-Type")
		s.unspend(who, h)
	}
}

// spend counts a call against the caller's hour and refuses it when that is used up.
func (s *Server) spend(who actor, h http.Header) *reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	rt := s.st.Rates[who.name()]
	if rt == nil || !now.Before(rt.Reset) {
		rt = &model.Rate{Reset: now.Add(time.Hour)}
		s.st.Rates[who.name()] = rt
	}
	limit := s.opts.RateLimit
	enforced := limit > 0
	if !enforced {
		limit = 1 << 30
	}
	if enforced && rt.Used >= limit {
		s.rateHeaders(h, rt, limit)
		r := fail(http.StatusForbidden,
			"API rate limit exceeded for %s. If you reach out to GitHub Support for help, please include the request ID.",
			who.name())
		return &r
	}
	rt.Used++
	s.rateHeaders(h, rt, limit)
	return nil
}

// unspend gives a call back: an answer 304 is free.
func (s *Server) unspend(who actor, h http.Header) {
	s.mu.Lock()
	defer s.mu.Unlock()
	rt := s.st.Rates[who.name()]
	rt.Used--
	s.rateHeaders(h, rt, atoi(h.Get("X-RateLimit-Limit"), 0))
}

func (s *Server) rateHeaders(h http.Header, rt *model.Rate, limit int) {
	h.Set("X-RateLimit-Limit", strconv.Itoa(limit))
	h.Set("X-RateLimit-Remaining", strconv.Itoa(limit-rt.Used))
	h.Set("X-RateLimit-Used", strconv.Itoa(rt.Used))
	h.Set("X-RateLimit-Reset", strconv.FormatInt(rt.Reset.Unix(), 10))
	h.Set("X-RateLimit-Resource", "core")
}

// byID turns /repositories/{id}/..., to which the API's own redirects lead, into the path by
// name.
func (s *Server) byID(u *url.URL) *url.URL {
	rest, found := strings.CutPrefix(u.EscapedPath(), "/repositories/")
	if !found {
		return u
	}
	id, tail, _ := strings.Cut(rest, "/")
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil {
		return u
	}
	s.mu.Lock()
	r := s.st.Repos[n]
	s.mu.Unlock()
	if r == nil {
		return u
	}
	path := strings.TrimSuffix("/repos/"+r.Full()+"/"+tail, "/")
	out, err := url.Parse(path)
	if err != nil {
		return u
	}
	out.RawQuery = u.RawQuery
	return out
}
