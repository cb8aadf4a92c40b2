package localgithub

import (
	"fmt"
	"net/http"
	"time"

	"github.com/cardea-iac/cardea/internal/localgithub/hooks"
	"github.com/cardea-iac/cardea/internal/localgithub/model"
)

// keptDeliveries is how many attempts an App's log keeps; GitHub keeps three days of them.
const keptDeliveries = 5000

// DeliveryOptions say how webhooks are sent. GitHub promises no order; the zero value sends one after the other, in
// the order of the events.
type DeliveryOptions = hooks.Options

// SetDelivery changes how webhooks are sent from now on.
func (s *Server) SetDelivery(o DeliveryOptions) { s.hooks.Set(o) }

// HoldDeliveries keeps webhooks back until ReleaseDeliveries; events go on happening. Idle does not wait for them.
func (s *Server) HoldDeliveries() { s.hooks.Hold() }

// ReleaseDeliveries sends what was held, in the order in which the events happened, or backwards.
func (s *Server) ReleaseDeliveries(backwards bool) { s.hooks.Release(backwards) }

// LoseDeliveries throws away what is held: GitHub never tries to send it, and it is not in
// its log.
func (s *Server) LoseDeliveries() { s.hooks.Lose() }

func (s *Server) newSender() *hooks.Sender {
	return hooks.New(hooks.Config{Base: s.base, Timeout: s.opts.HookTimeout, Go: s.background,
		Begin: s.beginDelivery, End: s.endDelivery})
}

func (s *Server) beginDelivery(d *hooks.Delivery) (url, secret string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	url, secret = d.App.HookURL, d.App.Secret
	d.URL, d.At = url, s.opts.Now().UTC()
	d.ID = s.st.ID("delivery")
	return url, secret
}

func (s *Server) endDelivery(d *hooks.Delivery, o hooks.Outcome) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d.Outcome = o
	s.recordDelivery(d)
	log := append(s.sent[d.App.ID], d)
	if len(log) > keptDeliveries {
		log = append([]*hooks.Delivery(nil), log[keptDeliveries/10:]...)
	}
	s.sent[d.App.ID] = log
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
				ID: d.ID, GUID: d.GUID, AppID: a.ID, Event: d.Event, Action: d.Action, InstallationID: d.InstallID,
				RepositoryID: d.RepoID, At: d.At, Duration: d.Duration,
				Redelivery: d.Redelivery, Status: d.Status, StatusCode: d.Code, RequestHeader: d.Headers, Payload: d.Payload,
				ResponseHeader: d.Header, ResponseBody: d.Body,
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
			s.hooks.Enqueue(d.Again())
			return nil
		}
	}
	return fmt.Errorf("no delivery %d", id)
}

func (s *Server) logged(a *model.App, id int64) *hooks.Delivery {
	for _, d := range s.sent[a.ID] {
		if d.ID == id {
			return d
		}
	}
	return nil
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

// SendRaw posts a webhook to the App's address at once and returns the status of the answer.
// It does not appear in the log.
func (s *Server) SendRaw(raw RawDelivery) (status int, err error) {
	s.mu.Lock()
	a := s.st.Apps[raw.AppID]
	if a == nil {
		s.mu.Unlock()
		return 0, fmt.Errorf("no App %d", raw.AppID)
	}
	d := &hooks.Delivery{GUID: raw.GUID, App: a, HookID: a.HookID, Event: raw.Event, Payload: raw.Payload}
	if d.GUID == "" {
		d.GUID = guid()
	}
	url := a.HookURL
	d.Headers = d.Sign(a.Secret)
	s.mu.Unlock()
	for k, v := range raw.Headers {
		d.Headers.Set(k, v)
		if v == "" {
			d.Headers.Del(k)
		}
	}
	got := s.hooks.Post(url, d)
	if got.Code == 502 && got.Status != "" && got.Status != "Invalid HTTP Response: 502" {
		return 0, fmt.Errorf("sending %s: %s", raw.Event, got.Status)
	}
	return got.Code, nil
}
