// Package record keeps what was said over HTTP: in memory, for tests to count and look at,
// and in a file, for the check against GitHub's own description.
package record

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Exchange is one REST or GraphQL request and its answer.
type Exchange struct {
	Time           time.Time
	Method         string
	Path           string // below the API's base: "/repos/acme/infra/pulls"; GraphQL: "/graphql"
	Escaped        string // Path as it was sent
	Query          string // raw
	RequestHeader  http.Header
	RequestBody    []byte
	ActorKind      string // app, installation, user or anonymous
	Actor          string // "app cardea", "installation 48000001", "ada"
	Status         int    // 0: no answer was sent
	ResponseHeader http.Header
	ResponseBody   []byte
	Faulted        bool // a FaultRule interfered
	Cut            bool // bodies were dropped to save memory
}

// Only these headers are kept; Authorization never is.
var (
	RequestHeaders  = []string{"Accept", "Content-Type", "If-None-Match", "X-Github-Api-Version", "User-Agent"}
	ResponseHeaders = []string{"Content-Type", "Link", "Location", "Retry-After",
		"X-Accepted-Github-Permissions", "X-Ratelimit-Remaining"}
)

// Pick keeps the named headers alone.
func Pick(h http.Header, names []string) http.Header {
	out := http.Header{}
	for _, n := range names {
		if v, ok := h[n]; ok {
			out[n] = v
		}
	}
	return out
}

// Older exchanges lose their bodies, so that a long run does not use up the machine's memory.
const (
	keptBodies  = 2000
	largestBody = 512 << 10
)

// Recorder keeps the exchanges. Safe for concurrent use.
type Recorder struct {
	mu   sync.Mutex
	all  []Exchange
	file *os.File
	from string // this program, and where this GitHub keeps its repositories
	err  error
}

// New records in memory and, unless path is empty, also appends every exchange and every
// delivery to that file.
func New(path, dir string) (*Recorder, error) {
	rec := &Recorder{from: filepath.Base(os.Args[0]) + " " + dir}
	if path == "" {
		return rec, nil
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("file of exchanges: %w", err)
	}
	rec.file = f
	return rec, nil
}

// Add keeps one exchange.
func (rec *Recorder) Add(x Exchange) {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	kind := "rest"
	if x.Path == "/graphql" {
		kind = "graphql"
	}
	rec.write(kind, x)
	if len(x.RequestBody) > largestBody || len(x.ResponseBody) > largestBody {
		x.drop()
	}
	rec.all = append(rec.all, x)
	if i := len(rec.all) - 1 - keptBodies; i >= 0 {
		rec.all[i].drop()
	}
}

func (x *Exchange) drop() { x.RequestBody, x.ResponseBody, x.Cut = nil, nil, true }

// line is an Exchange in the file: one JSON object per line, bodies as the JSON they were. A
// delivery is one too: its path is EVENT or EVENT/ACTION, its request what was sent.
type line struct {
	Kind            string          `json:"kind"` // rest, graphql or delivery
	Source          string          `json:"source"`
	Time            time.Time       `json:"time"`
	Method          string          `json:"method"`
	Path            string          `json:"path"`
	Query           string          `json:"query"`
	RequestHeaders  http.Header     `json:"request_headers"`
	RequestBody     json.RawMessage `json:"request_body,omitempty"`
	Actor           string          `json:"actor"`
	Status          int             `json:"status"`
	ResponseHeaders http.Header     `json:"response_headers"`
	ResponseBody    json.RawMessage `json:"response_body,omitempty"`
	Faulted         bool            `json:"faulted"`
}

// Delivered writes an attempt to deliver a webhook to the file.
func (rec *Recorder) Delivered(x Exchange) {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	rec.write("delivery", x)
}

// write appends one line with one write, so that several processes may share a file. Close
// reports an error. The caller holds rec.mu.
func (rec *Recorder) write(kind string, x Exchange) {
	if rec.file == nil {
		return
	}
	b, err := json.Marshal(line{
		Kind: kind, Source: rec.from, Time: x.Time, Method: x.Method, Path: x.Escaped, Query: x.Query,
		RequestHeaders: x.RequestHeader, RequestBody: asJSON(x.RequestBody),
		Actor: x.ActorKind, Status: x.Status, ResponseHeaders: x.ResponseHeader,
		ResponseBody: asJSON(x.ResponseBody), Faulted: x.Faulted,
	})
	if err == nil {
		_, err = rec.file.Write(append(b, '\n'))
	}
	if err != nil && rec.err == nil {
		rec.err = fmt.Errorf("writing an exchange: %w", err)
	}
}

// asJSON is the body itself when it is JSON, otherwise a JSON string of it.
func asJSON(b []byte) json.RawMessage {
	if len(b) == 0 || json.Valid(b) {
		return b
	}
	text, err := json.Marshal(string(b))
	if err != nil {
		panic(err) // every string can be written
	}
	return text
}

// Close closes the file, and says whether everything could be written to it.
func (rec *Recorder) Close() error {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	if rec.file == nil {
		return nil
	}
	f := rec.file
	rec.file = nil
	if err := f.Close(); err != nil && rec.err == nil {
		rec.err = err
	}
	return rec.err
}

// All are all exchanges so far, oldest first.
func (rec *Recorder) All() []Exchange {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	return append([]Exchange(nil), rec.all...)
}

// Count is the number of exchanges for which keep holds; nil counts all.
func (rec *Recorder) Count(keep func(Exchange) bool) int {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	n := 0
	for _, x := range rec.all {
		if keep == nil || keep(x) {
			n++
		}
	}
	return n
}
