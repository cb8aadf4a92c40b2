// Package hooks sends webhooks as GitHub does: signed, in the background, once each, whatever the
// answer. It can be told
// to hold them back, to lose them, to send several at a time, out of order, or twice.
//
// Which App is told what is decided elsewhere, and so is what is kept of a delivery.
package hooks

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

// Delivery is one attempt to deliver an event to an App.
type Delivery struct {
	ID         int64
	GUID       string
	App        *model.App
	HookID     int64
	Event      string
	Action     string
	InstallID  int64
	RepoID     int64
	Payload    []byte
	Redelivery bool
	Headers    http.Header // nil: it is signed when it is sent

	URL string // where it went
	At  time.Time
	Outcome
}

// Outcome is how an attempt ended.
type Outcome struct {
	Duration time.Duration
	Status   string // "OK" or what went wrong
	Code     int
	Header   http.Header
	Body     string
}

// Options say how webhooks are sent. GitHub promises no order; the zero value sends one after the other, in
// the order of the events.
type Options struct {
	Parallel  int  // how many at a time; 0: 1
	Shuffle   bool // the next is any that waits, not the oldest
	Duplicate bool // every delivery twice, with the same GUID
}

// Sender delivers webhooks in the background.
type Sender struct {
	config Config
	client *http.Client

	mu      sync.Mutex
	opts    Options
	held    bool
	queue   []*Delivery
	running int
	closed  bool
}

// Config is what a sender needs from the GitHub that it sends for.
type Config struct {
	Base    context.Context // deliveries end with it
	Timeout time.Duration   // how long to wait for an answer
	Go      func(func())    // runs something in the background
	// Begin numbers and dates an attempt, and tells where it goes and what signs it.
	Begin func(*Delivery) (url, secret string)
	// End is told how an attempt ended.
	End func(*Delivery, Outcome)
}

// New sends nothing before something is enqueued.
func New(c Config) *Sender {
	return &Sender{config: c, client: &http.Client{
		Timeout:       c.Timeout,
		Transport:     &http.Transport{MaxIdleConnsPerHost: 64},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // GitHub follows none
	}}
}

// Set changes how webhooks are sent from now on.
func (h *Sender) Set(o Options) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.opts = o
	h.start()
}

// Hold keeps webhooks back until Release.
func (h *Sender) Hold() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.held = true
}

// Release sends what was held, in its order or backwards.
func (h *Sender) Release(backwards bool) {
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

// Lose throws away what is held.
func (h *Sender) Lose() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.held {
		h.queue = nil
	}
}

// Enqueue has a webhook sent when its turn comes.
func (h *Sender) Enqueue(d *Delivery) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.queue = append(h.queue, d)
	if h.opts.Duplicate {
		again := *d
		h.queue = append(h.queue, &again)
	}
	h.start()
}

// start starts as many loops as are allowed. The caller holds h.mu.
func (h *Sender) start() {
	for !h.held && !h.closed && h.running < max(h.opts.Parallel, 1) && h.running < len(h.queue) {
		h.running++
		h.config.Go(h.loop)
	}
}

func (h *Sender) next() *Delivery {
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

func (h *Sender) loop() {
	for d := h.next(); d != nil; d = h.next() {
		h.deliver(d)
	}
}

// Close drops what waits.
func (h *Sender) Close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	h.queue = nil
}

// deliver sends once. GitHub does not try again by itself, whatever the answer.
func (h *Sender) deliver(d *Delivery) {
	url, secret := h.config.Begin(d)
	if url == "" { // no hook, no attempt
		return
	}
	if d.Headers == nil {
		d.Headers = d.Sign(secret)
	}
	h.config.End(d, h.Post(url, d))
}

// Post sends the delivery to an address and waits for the answer.
func (h *Sender) Post(url string, d *Delivery) Outcome {
	start := time.Now()
	code, status, header, body := h.exchange(url, d)
	return Outcome{Duration: time.Since(start), Code: code, Status: status, Header: header, Body: body}
}

func (h *Sender) exchange(url string, d *Delivery) (code int, status string, header http.Header, body string) {
	ctx, cancel := context.WithTimeout(h.config.Base, h.config.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(d.Payload))
	if err != nil {
		return 502, "invalid HTTP Response: 502", nil, err.Error()
	}
	req.Header = d.Headers.Clone()
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

// Sign makes the headers of a delivery. The signature covers the body alone. ("Validating webhook deliveries")
func (d *Delivery) Sign(secret string) http.Header {
	mac := func(f func() hash.Hash) string {
		m := hmac.New(f, []byte(secret))
		m.Write(d.Payload)
		return hex.EncodeToString(m.Sum(nil))
	}
	h := http.Header{}
	h.Set("Content-Type", "application/json")
	h.Set("User-Agent", "GitHub-Hookshot/localgithub")
	h.Set("Accept", "*/*")
	h.Set("X-GitHub-Event", d.Event)
	h.Set("X-GitHub-Delivery", d.GUID)
	h.Set("X-GitHub-Hook-ID", strconv.FormatInt(d.HookID, 10))
	h.Set("X-GitHub-Hook-Installation-Target-ID", strconv.FormatInt(d.App.ID, 10))
	h.Set("X-GitHub-Hook-Installation-Target-Type", "integration")
	if secret != "" {
		h.Set("X-Hub-Signature", "sha1="+mac(sha1.New))
		h.Set("X-Hub-Signature-256", "sha256="+mac(sha256.New))
	}
	return h
}

// Again is another attempt at the same event, under its GUID.
func (d *Delivery) Again() *Delivery {
	return &Delivery{
		GUID: d.GUID, App: d.App, HookID: d.HookID, Event: d.Event, Action: d.Action, InstallID: d.InstallID,
		RepoID: d.RepoID, Payload: d.Payload, Redelivery: true,
	}
}
