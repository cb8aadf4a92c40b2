package webhook

import (
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cardea-iac/cardea/workflow"
)

func sign(h func() hash.Hash, secret, body string) string {
	mac := hmac.New(h, []byte(secret))
	mac.Write([]byte(body))
	return hex.EncodeToString(mac.Sum(nil))
}

func TestWebhook(t *testing.T) {
	const good = `{"action":"opened"}`
	sum := func(secret, body string) string { return "sha256=" + sign(sha256.New, secret, body) }
	large := `{"x":"` + strings.Repeat("x", MaxBody) + `"}`
	tests := []struct {
		name, event, body string
		header            map[string]string
		store             error
		want, stored      int
	}{
		{"first secret", "pull_request", good, map[string]string{"X-Hub-Signature-256": sum("one", good)}, nil, 202, 1},
		{"second secret", "pull_request", good, map[string]string{"X-Hub-Signature-256": sum("two", good)}, nil, 202, 1},
		{"ping", "ping", good, map[string]string{"X-Hub-Signature-256": sum("one", good)}, nil, 202, 1},
		{"no signature", "pull_request", good, nil, nil, 401, 0},
		{"wrong secret", "pull_request", good, map[string]string{"X-Hub-Signature-256": sum("three", good)}, nil, 401, 0},
		{"empty secret", "pull_request", good, map[string]string{"X-Hub-Signature-256": sum("", good)}, nil, 401, 0},
		{"another body's", "pull_request", good, map[string]string{"X-Hub-Signature-256": sum("one", good+" ")}, nil, 401, 0},
		{"SHA-1 only", "pull_request", good, map[string]string{"X-Hub-Signature": "sha1=" + sign(sha1.New, "one", good)}, nil, 401, 0},
		{"SHA-1 in the header of SHA-256", "pull_request", good, map[string]string{"X-Hub-Signature-256": "sha1=" + sign(sha1.New, "one", good)}, nil, 401, 0},
		{"bare hex", "pull_request", good, map[string]string{"X-Hub-Signature-256": sign(sha256.New, "one", good)}, nil, 401, 0},
		{"not JSON", "pull_request", `{"a":`, map[string]string{"X-Hub-Signature-256": sum("one", `{"a":`)}, nil, 400, 0},
		{"a form", "pull_request", good, map[string]string{"X-Hub-Signature-256": sum("one", good), "Content-Type": "application/x-www-form-urlencoded"}, nil, 400, 0},
		{"no event", "", good, map[string]string{"X-Hub-Signature-256": sum("one", good)}, nil, 400, 0},
		{"unknown event", "sub_issues", good, map[string]string{"X-Hub-Signature-256": sum("one", good)}, nil, 204, 0},
		{"too large", "pull_request", large, map[string]string{"X-Hub-Signature-256": sum("one", large)}, nil, 413, 0},
		{"disk full", "pull_request", good, map[string]string{"X-Hub-Signature-256": sum("one", good)}, errors.New("no space left"), 503, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []workflow.Delivery
			counted := 0
			h, err := New(Config{
				Secrets: []string{"one", "two"}, Events: []string{"pull_request", "ping"}, Log: slog.New(slog.DiscardHandler),
				Now: func() time.Time { return time.Unix(9, 0) },
				Receive: func(_ context.Context, d workflow.Delivery) (bool, error) {
					if tt.store != nil {
						return false, tt.store
					}
					got = append(got, d)
					return true, nil
				},
				Count: func(_ string, status int) { counted = status },
			})
			if err != nil {
				t.Fatal(err)
			}
			for _, chunked := range []bool{false, true} { // with and without a Content-Length
				got = nil
				r := httptest.NewRequest(http.MethodPost, "/webhook", strings.NewReader(tt.body))
				if chunked {
					r.ContentLength = -1
				}
				r.Header.Set("Content-Type", "application/json")
				r.Header.Set("X-GitHub-Event", tt.event)
				r.Header.Set("X-GitHub-Delivery", "guid-1")
				for k, v := range tt.header {
					r.Header.Set(k, v)
				}
				w := httptest.NewRecorder()
				h.ServeHTTP(w, r)
				if w.Code != tt.want || len(got) != tt.stored || counted != tt.want {
					t.Fatalf("got status %d (counted %d) and %d stored, want %d and %d: %s", w.Code,
						counted, len(got), tt.want, tt.stored, w.Body)
				}
			}
			if tt.stored == 1 {
				want := workflow.Delivery{GUID: "guid-1", Event: tt.event, Payload: []byte(tt.body), Received: time.Unix(9, 0)}
				if diff := cmp.Diff(want, got[0]); diff != "" {
					t.Errorf("delivery differs (-want +got):\n%s", diff)
				}
			}
		})
	}
}

// A delivery that is signed with another secret, or looks like GitHub's and is not signed, is told; what anybody may send is not.
func TestRefusedIsTold(t *testing.T) {
	const body = `{"action":"opened"}`
	tests := []struct {
		name      string
		header    map[string]string
		told      int
		unsigned  bool
		wantsCode int
	}{
		{"another secret", map[string]string{"X-Hub-Signature-256": "sha256=" + sign(sha256.New, "three", body)}, 1, false, 401},
		{"no signature", nil, 1, true, 401},
		{"no signature and no event", map[string]string{"X-GitHub-Event": ""}, 0, false, 401},
		{"no form of a signature", map[string]string{"X-Hub-Signature-256": "x"}, 0, false, 401},
		{"good", map[string]string{"X-Hub-Signature-256": "sha256=" + sign(sha256.New, "one", body)}, 0, false, 202},
	}
	for _, tt := range tests {
		told, unsigned := 0, false
		h, err := New(Config{Secrets: []string{"one"}, Events: []string{"push"}, Log: slog.New(slog.DiscardHandler), Now: time.Now,
			Receive: func(context.Context, workflow.Delivery) (bool, error) { return true, nil },
			Refused: func(is bool) { told, unsigned = told+1, is }})
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest(http.MethodPost, "/webhook", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("X-GitHub-Event", "push")
		r.Header.Set("X-GitHub-Delivery", "guid-1")
		for k, v := range tt.header {
			r.Header.Set(k, v)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if told != tt.told || unsigned != tt.unsigned || w.Code != tt.wantsCode {
			t.Errorf("%s: told %d times, unsigned %v, status %d", tt.name, told, unsigned, w.Code)
		}
	}
}

func TestNewRefusesEmptySecrets(t *testing.T) {
	for _, secrets := range [][]string{nil, {""}, {"one", ""}} {
		if _, err := New(Config{Secrets: secrets}); err == nil {
			t.Errorf("New with secrets %q: no error", secrets)
		}
	}
}

func TestOnlyPost(t *testing.T) {
	h, err := New(Config{Secrets: []string{"one"}})
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/webhook", nil))
	if w.Code != http.StatusMethodNotAllowed {
		t.Errorf("GET: got %d", w.Code)
	}
}
