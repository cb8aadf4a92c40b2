package app

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/cardea-iac/cardea/app/preflight"
)

// teller is what is known of an App, with a clock, and what the log says.
type teller struct {
	*health
	t   *testing.T
	at  time.Time
	log bytes.Buffer
}

func newTeller(t *testing.T) *teller {
	w := &teller{t: t, at: time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)}
	h, err := newHealth(Config{APIURL: "https://api.github.com", WebURL: "https://github.com", AppID: 7,
		Now: func() time.Time { return w.at }, Log: slog.New(slog.NewTextHandler(&w.log, nil))}, nil)
	if err != nil {
		t.Fatal(err)
	}
	h.asked, h.facts.Answer = w.at, preflight.Answer{Status: 200}
	w.health = h
	return w
}

// says compares what is told with sentences, "" for nothing.
func (w *teller) says(when string, want ...string) {
	w.t.Helper()
	w.log.Reset()
	w.tell(w.t.Context())
	got := w.log.String()
	if n := strings.Count(got, "\n"); n != len(want) {
		w.t.Errorf("%s: %d lines, want %d:\n%s", when, n, len(want), got)
	}
	for _, s := range want {
		if !strings.Contains(got, s) {
			w.t.Errorf("%s: no %q in:\n%s", when, s, got)
		}
	}
}

// What GitHub does not answer is not known: a wrong key is not right because GitHub is down.
func TestUnknownIsNotResolved(t *testing.T) {
	w := newTeller(t)
	wrong := preflight.Answer{Status: 401, Detail: "A JSON web token could not be decoded"}
	w.facts.Answer = wrong
	w.says("a wrong key", "private key does not belong")
	w.facts.Answer, w.facts.Since = preflight.Answer{Trouble: preflight.Down, Status: 503}, w.at
	w.says("an outage", "Cannot reach GitHub")
	w.says("it lasts")
	w.facts.Answer = wrong
	w.says("the outage is over", "Resolved: Cannot reach GitHub")
	w.facts.Answer = preflight.Answer{Status: 200}
	w.says("another key", "Resolved: Cannot sign in to GitHub: the private key")
}

// Deliveries that stop do not say that the secret is right.
func TestSilenceIsNotResolved(t *testing.T) {
	w := newTeller(t)
	for range 3 {
		w.refused(false)
	}
	w.says("a wrong secret", "3 deliveries were refused")
	w.at = w.at.Add(2 * time.Hour)
	w.says("nothing is sent")
	if f := w.findings(); strings.Contains(checksOf(f), preflight.CheckDeliveries) {
		t.Errorf("nothing is known of deliveries: %+v", f)
	}
	<-w.judge
	w.accepted()
	select {
	case <-w.judge:
	default:
		t.Error("a good delivery is not judged at once")
	}
	w.says("a good one", "Resolved: 3 deliveries were refused")
}

func checksOf(all []preflight.Finding) (out string) {
	for _, f := range all {
		out += f.Check + " "
	}
	return out
}

// What may not be told again yet is told when it still lasts then.
func TestToldLater(t *testing.T) {
	w := newTeller(t)
	wrong := func() {
		for range 3 {
			w.refused(false)
		}
	}
	wrong()
	w.says("a wrong secret", "3 deliveries were refused")
	w.at = w.at.Add(time.Minute)
	w.accepted()
	w.says("right", "Resolved")
	w.at = w.at.Add(time.Minute)
	wrong()
	w.says("wrong again, and soon")
	w.at = w.at.Add(10 * time.Minute)
	w.says("it lasts", "3 deliveries were refused")
	w.at = w.at.Add(20 * time.Minute)
	w.says("it was told")
}
