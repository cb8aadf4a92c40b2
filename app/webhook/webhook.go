// Package webhook answers GitHub's webhook: verify, store, answer. Nothing else happens
// inside the request. What the delivery asks for is worked out later, from the store.
//
// go-githubapp's dispatcher does the dispatching. It accepts what we must not (SHA-1
// signatures, one secret only, bodies of any size), so size, signature and form are checked
// before it sees a request, and the dispatcher gets the secret that matched. The scheduler is
// ours and stores: GitHub gets its 202 only when the delivery is on disk, because it never
// sends one again by itself.
package webhook

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/palantir/go-githubapp/githubapp"
	"github.com/rs/zerolog"

	"github.com/cardea-iac/cardea/workflow"
)

// MaxBody is the largest payload in bytes: GitHub sends none above 25 MB.
const MaxBody = 25 << 20

// storeTimeout is the most that storing may take. GitHub gives up after 10 s.
const storeTimeout = 8 * time.Second

// Config is what the webhook needs.
type Config struct {
	// Secrets are one or two: while a secret is being rotated, both are valid.
	Secrets []string
	// Events are the event types that are stored.
	Events []string
	// Receive stores a delivery durably, once for its GUID and event.
	Receive func(context.Context, workflow.Delivery) (added bool, err error)
	Now     workflow.Clock
	Log     *slog.Logger
	// Count is told of every answer: the event ("" when the signature was not valid) and the
	// status.
	Count func(event string, status int)
	// Refused is told of every delivery whose signature is not valid, and of those that look like
	// GitHub's and have none; nil: nobody is.
	Refused func(unsigned bool)
}

// Handler is the webhook.
type Handler struct {
	config Config
	// dispatchers are go-githubapp's, one per secret.
	dispatchers []http.Handler
	bodies      *bodies
}

// New returns the webhook's handler. It refuses to work without a secret:
// the library would then accept unsigned deliveries.
func New(c Config) (*Handler, error) {
	if len(c.Secrets) == 0 || slices.Contains(c.Secrets, "") {
		return nil, errors.New("a webhook secret is required, and it must not be empty")
	}
	h := &Handler{config: c, bodies: newBodies()}
	for _, secret := range c.Secrets {
		h.dispatchers = append(h.dispatchers, githubapp.NewEventDispatcher([]githubapp.EventHandler{stored(c.Events)}, secret,
			githubapp.WithScheduler(scheduler{c}), githubapp.WithErrorCallback(h.failed),
			githubapp.WithResponseCallback(answered)))
	}
	return h, nil
}

// ServeHTTP answers 202 stored, 204 an event we do not know, 400 not JSON,
// 401 bad or missing SHA-256 signature, 413 too large, 503 could not be stored or
// too many at once. What the headers alone say is wrong is answered before the body is read.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	out := &statusWriter{ResponseWriter: w}
	event := h.serve(out, r)
	if h.config.Count != nil {
		h.config.Count(event, out.status)
	}
}

// serve returns the event when the signature was valid: before that it is text that anybody
// may have sent.
func (h *Handler) serve(w http.ResponseWriter, r *http.Request) string {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "only POST is allowed", http.StatusMethodNotAllowed)
		return ""
	}
	if status, fault := headersFault(r.Header); status != 0 { // none of the body is read
		if r.Header.Get("X-Hub-Signature-256") == "" && named(r.Header) {
			h.refused(true)
		}
		http.Error(w, fault, status)
		return ""
	}
	body, release, err := h.bodies.read(w, r)
	defer release()
	if err != nil {
		refuseBody(w, err)
		return ""
	}
	i := h.signedWith(body, r.Header.Get("X-Hub-Signature-256"))
	if i < 0 {
		h.refused(false)
		http.Error(w, "the X-Hub-Signature-256 header is missing or wrong", http.StatusUnauthorized)
		return ""
	}
	event := r.Header.Get("X-GitHub-Event")
	if !json.Valid(body) {
		http.Error(w, notJSON, http.StatusBadRequest)
		return event
	}
	ctx, cancel := context.WithTimeout(r.Context(), storeTimeout)
	defer cancel()
	// the library would log every delivery; we do that ourselves, with slog
	r = r.WithContext(zerolog.Nop().WithContext(ctx))
	r.Body = io.NopCloser(bytes.NewReader(body))
	h.dispatchers[i].ServeHTTP(w, r)
	return event
}

const notJSON = "the payload is not JSON (the App's webhook must be set to application/json)"

// The forms of GitHub's headers.
var (
	signatureForm = regexp.MustCompile(`^sha256=[0-9a-fA-F]{64}$`)
	eventForm     = regexp.MustCompile(`^[a-z_]{1,64}$`)
	deliveryForm  = regexp.MustCompile(`^[0-9A-Za-z-]{1,64}$`)
)

// headersFault says what is wrong with the headers, before any of the body is read; status 0:
// nothing.
func headersFault(h http.Header) (status int, fault string) {
	if !signatureForm.MatchString(h.Get("X-Hub-Signature-256")) {
		return http.StatusUnauthorized, "the X-Hub-Signature-256 header is missing or wrong"
	}
	if kind, _, err := mime.ParseMediaType(h.Get("Content-Type")); err != nil || kind != "application/json" {
		return http.StatusBadRequest, notJSON
	}
	if !named(h) {
		return http.StatusBadRequest, "the X-GitHub-Event or X-GitHub-Delivery header is missing or wrong"
	}
	return 0, ""
}

// named reports whether the headers name a delivery, as GitHub does.
func named(h http.Header) bool {
	return eventForm.MatchString(h.Get("X-GitHub-Event")) && deliveryForm.MatchString(h.Get("X-GitHub-Delivery"))
}

func (h *Handler) refused(unsigned bool) {
	if h.config.Refused != nil {
		h.config.Refused(unsigned)
	}
}

// refuseBody answers for a body that could not be read.
func refuseBody(w http.ResponseWriter, err error) {
	w.Header().Set("Connection", "close") // the rest of it is not wanted
	switch {
	case errors.Is(err, errTooLarge):
		http.Error(w, errTooLarge.Error(), http.StatusRequestEntityTooLarge)
	case errors.Is(err, errBusy):
		http.Error(w, errBusy.Error(), http.StatusServiceUnavailable)
	default:
		http.Error(w, "the payload could not be read", http.StatusBadRequest)
	}
}

// signedWith returns which secret made the signature, -1 for none of them. It compares with
// all of them, so that the time it takes gives nothing away.
func (h *Handler) signedWith(body []byte, header string) int {
	sum, err := hex.DecodeString(strings.TrimPrefix(header, "sha256="))
	if err != nil || !strings.HasPrefix(header, "sha256=") {
		return -1
	}
	found := -1
	for i, secret := range h.config.Secrets {
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write(body)
		if hmac.Equal(sum, mac.Sum(nil)) && found < 0 {
			found = i
		}
	}
	return found
}

// stored is the one handler of all events that we know. The dispatcher asks it which events
// those are; the scheduler's storing takes the place of handling them.
type stored []string

func (s stored) Handles() []string { return s }

// Handle is never called: our scheduler stores instead of executing.
func (s stored) Handle(context.Context, string, string, []byte) error {
	return errors.New("a delivery was executed instead of stored")
}

// scheduler stores a delivery. When it returns nil the delivery is on disk.
type scheduler struct{ config Config }

// Schedule stores the dispatch; a redelivery of a stored one counts as stored.
func (s scheduler) Schedule(ctx context.Context, d githubapp.Dispatch) error {
	added, err := s.config.Receive(ctx,
		workflow.Delivery{GUID: d.DeliveryID, Event: d.EventType, Payload: d.Payload, Received: s.config.Now()})
	if err != nil {
		return err
	}
	s.config.Log.DebugContext(ctx, "delivery stored", "guid", d.DeliveryID, "event", d.EventType, "new", added)
	return nil
}

// failed answers for what the dispatcher could not pass on: after our own checks, only
// storing can have failed.
func (h *Handler) failed(w http.ResponseWriter, r *http.Request, err error) {
	if invalid := new(githubapp.ValidationError); errors.As(err, invalid) {
		http.Error(w, "the delivery is not valid", http.StatusBadRequest)
		return
	}
	h.config.Log.ErrorContext(r.Context(), "delivery could not be stored", "guid",
		r.Header.Get("X-GitHub-Delivery"), "error", err)
	http.Error(w, "the delivery could not be stored", http.StatusServiceUnavailable)
}

func answered(w http.ResponseWriter, _ *http.Request, _ string, handled bool) {
	if handled {
		w.WriteHeader(http.StatusAccepted)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// statusWriter remembers the status that was written.
type statusWriter struct {
	http.ResponseWriter
	status int
}

// Unwrap lets http.ResponseController reach the connection.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// WriteHeader implements http.ResponseWriter.
func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}
