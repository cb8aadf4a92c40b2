package localgithub

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/cardea-iac/cardea/internal/localgithub/model"
)

// delivery is one attempt to deliver an event to an App.
type delivery struct {
	id         int64
	guid       string
	app        *model.App
	hookID     int64
	event      string
	action     string
	installID  int64
	repoID     int64
	payload    []byte
	redelivery bool
	headers    http.Header // nil for what this package does not sign: see SendRaw

	// The outcome; done is set last.
	done     bool
	url      string
	at       time.Time
	duration time.Duration
	status   string
	code     int
	answer   http.Header
	answered string
}

// keptDeliveries is how many attempts an App's log keeps; GitHub keeps three days of them.
const keptDeliveries = 5000

// DeliveryOptions say how webhooks are sent. GitHub promises no order; the zero value sends one after the other, in
// the order of the events.
type DeliveryOptions struct {
	Parallel  int  // how many at a time; 0: 1
	Shuffle   bool // any waiting one next, not the oldest
	Duplicate bool // every delivery twice, with the same GUID
}

// sender delivers webhooks in the background.
type sender struct {
	s      *Server
	client *http.Client

	mu      sync.Mutex
	opts    DeliveryOptions
	held    bool
	queue   []*delivery
	running int
	closed  bool
}

func newSender(s *Server) *sender {
	return &sender{s: s, client: &http.Client{
		Timeout:       s.opts.HookTimeout,
		Transport:     &http.Transport{MaxIdleConnsPerHost: 64},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // GitHub follows none
	}}
}

// SetDelivery changes how webhooks are sent from now on.
func (s *Server) SetDelivery(o DeliveryOptions) {
	h := s.hooks
	h.mu.Lock()
	defer h.mu.Unlock()
	h.opts = o
	h.start()
}

// HoldDeliveries keeps webhooks back until ReleaseDeliveries; events go on happening. Idle does not wait for them.
func (s *Server) HoldDeliveries() {
	s.hooks.mu.Lock()
	defer s.hooks.mu.Unlock()
	s.hooks.held = true
}

// ReleaseDeliveries sends what was held, in the order in which the events happened, or backwards.
func (s *Server) ReleaseDeliveries(backwards bool) {
	h := s.hooks
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.held && backwards {
		for i, j := 0, len(h.queue)-1; i < j; i, j = i+1, j-1 {
			h.queue[i], h.queue[j] = h.queue[j], h.queue[i]
		}
	}
	h.held = false
	h.start()
}

// LoseDeliveries throws away what is held: GitHub never tries to send it and its log knows nothing of it.
func (s *Server) LoseDeliveries() {
	s.hooks.mu.Lock()
	defer s.hooks.mu.Unlock()
	if s.hooks.held {
		s.hooks.queue = nil
	}
}

func (h *sender) enqueue(d *delivery) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.queue = append(h.queue, d)
	if h.opts.Duplicate {
		again := *d
		h.queue = append(h.queue, &again)
	}
	h.start()
}

// start gets as many loops going as may be. The caller holds h.mu.
func (h *sender) start() {
	for !h.held && !h.closed && h.running < max(h.opts.Parallel, 1) && h.running < len(h.queue) {
		h.running++
		h.s.background(h.loop)
	}
}

func (h *sender) next() *delivery {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.held || h.closed || len(h.queue) == 0 || h.running > max(h.opts.Parallel, 1) {
		h.running--
		return nil
	}
	i := 0
	if h.opts.Shuffle {
		i = rand.IntN(len(h.queue))
	}
	d := h.queue[i]
	h.queue = append(h.queue[:i], h.queue[i+1:]...)
	return d
}

func (h *sender) loop() {
	for d := h.next(); d != nil; d = h.next() {
		h.deliver(d)
	}
}

func (h *sender) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	h.queue = nil
}

// deliver sends once. GitHub does not try again by itself, whatever the answer.
func (h *sender) deliver(d *delivery) {
	s := h.s
	s.mu.Lock()
	url, secret := d.app.HookURL, d.app.Secret
	d.url, d.at = url, s.opts.Now().UTC()
	d.id = s.st.ID("delivery")
	s.mu.Unlock()
	if url == "" { // no hook, no attempt
		return
	}
	if d.headers == nil {
		d.headers = d.sign(secret)
	}
	start := time.Now()
	code, status, header, body := h.post(url, d)
	s.mu.Lock()
	defer s.mu.Unlock()
	d.duration, d.code, d.status, d.answer, d.answered, d.done = time.Since(start), code, status, header, body, true
	s.recordDelivery(d)
	log := append(s.sent[d.app.ID], d)
	if len(log) > keptDeliveries {
		log = append([]*delivery(nil), log[keptDeliveries/10:]...)
	}
	s.sent[d.app.ID] = log
}

func (h *sender) post(url string, d *delivery) (code int, status string, header http.Header, body string) {
	ctx, cancel := context.WithTimeout(h.s.base, h.s.opts.HookTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(d.payload))
	if err != nil {
		return 502, "invalid HTTP Response: 502", nil, err.Error()
	}
	req.Header = d.headers.Clone()
	res, err := h.client.Do(req)
	if err != nil {
		if ctx.Err() != nil || timedOut(err) {
			return 504, "timed out", nil, ""
		}
		return 502, "failed to connect to host", nil, ""
	}
	defer func() { _ = res.Body.Close() }() // read as far as we want
	b, err := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	if err != nil {
		return 504, "timed out", res.Header, ""
	}
	status = "OK"
	if res.StatusCode >= 400 || res.StatusCode < 200 {
		status = fmt.Sprintf("Invalid HTTP Response: %d", res.StatusCode)
	}
	return res.StatusCode, status, res.Header, string(b)
}

func timedOut(err error) bool {
	t, isTimeout := err.(interface{ Timeout() bool })
	return isTimeout && t.Timeout()
}

// sign makes the headers of a delivery. The signature covers the body alone. ("Validating webhook deliveries")
func (d *delivery) sign(secret string) http.Header {
	mac := func(f func() hash.Hash) string {
		m := hmac.New(f, []byte(secret))
		m.Write(d.payload)
		return hex.EncodeToString(m.Sum(nil))
	}
	h := http.Header{}
	h.Set("Content-Type", "application/json")
	h.Set("User-Agent", "GitHub-Hookshot/localgithub")
	h.Set("Accept", "*/*")
	h.Set("X-GitHub-Event", d.event)
	h.Set("X-GitHub-Delivery", d.guid)
	h.Set("X-GitHub-Hook-ID", strconv.FormatInt(d.hookID, 10))
	h.Set("X-GitHub-Hook-Installation-Target-ID", strconv.FormatInt(d.app.ID, 10))
	h.Set("X-GitHub-Hook-Installation-Target-Type", "integration")
	if secret != "" {
		h.Set("X-Hub-Signature", "sha1="+mac(sha1.New))
		h.Set("X-Hub-Signature-256", "sha256="+mac(sha256.New))
	}
	return h
}

// Delivery is one attempt of the delivery log.
type Delivery struct {
	ID             int64  // of this attempt
	GUID           string // of the event: the same for every attempt
	AppID          int64
	Event, Action  string
	InstallationID int64
	RepositoryID   int64
	At             time.Time
	Duration       time.Duration
	Redelivery     bool
	Status         string // "OK" or what went wrong
	StatusCode     int
	RequestHeader  http.Header
	Payload        []byte
	ResponseHeader http.Header
	ResponseBody   string
}

// Deliveries are all attempts to all Apps that are answered or failed, oldest first.
func (s *Server) Deliveries() []Delivery {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Delivery
	for _, a := range model.Sorted(s.st.Apps, func(a *model.App) int64 { return a.ID }) {
		for _, d := range s.sent[a.ID] {
			out = append(out, Delivery{
				ID: d.id, GUID: d.guid, AppID: a.ID, Event: d.event, Action: d.action, InstallationID: d.installID, RepositoryID: d.repoID, At: d.at, Duration: d.duration,
				Redelivery: d.redelivery, Status: d.status, StatusCode: d.code, RequestHeader: d.headers, Payload: d.payload, ResponseHeader: d.answer, ResponseBody: d.answered,
			})
		}
	}
	return out
}

// Redeliver sends a logged delivery again, under its GUID, signed anew.
func (s *Server) Redeliver(id int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.st.Apps {
		if d := s.logged(a, id); d != nil {
			s.hooks.enqueue(d.again())
			return nil
		}
	}
	return fmt.Errorf("no delivery %d", id)
}

func (s *Server) logged(a *model.App, id int64) *delivery {
	for _, d := range s.sent[a.ID] {
		if d.id == id {
			return d
		}
	}
	return nil
}

func (d *delivery) again() *delivery {
	return &delivery{
		guid: d.guid, app: d.app, hookID: d.hookID, event: d.event, action: d.action, installID: d.installID, repoID: d.repoID, payload: d.payload, redelivery: true,
	}
}

// RawDelivery is a webhook made by hand. Empty fields are filled in as GitHub would; Headers are set over the signed
// ones, and one with an empty value is not sent at all.
type RawDelivery struct {
	AppID   int64
	Event   string
	GUID    string
	Payload []byte
	Headers map[string]string
}

// SendRaw posts a webhook to the App's address at once and returns the status of the answer. It is not in the log.
func (s *Server) SendRaw(raw RawDelivery) (status int, err error) {
	s.mu.Lock()
	a := s.st.Apps[raw.AppID]
	if a == nil {
		s.mu.Unlock()
		return 0, fmt.Errorf("no App %d", raw.AppID)
	}
	d := &delivery{guid: raw.GUID, app: a, hookID: a.HookID, event: raw.Event, payload: raw.Payload}
	if d.guid == "" {
		d.guid = guid()
	}
	url := a.HookURL
	d.headers = d.sign(a.Secret)
	s.mu.Unlock()
	for k, v := range raw.Headers {
		d.headers.Set(k, v)
		if v == "" {
			d.headers.Del(k)
		}
	}
	code, text, _, _ := s.hooks.post(url, d)
	if code == 502 && text != "" && text != "Invalid HTTP Response: 502" {
		return 0, fmt.Errorf("sending %s: %s", raw.Event, text)
	}
	return code, nil
}
