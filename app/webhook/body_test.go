package webhook

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cardea-iac/cardea/workflow"
)

func quietHandler(t *testing.T) *Handler {
	t.Helper()
	h, err := New(Config{
		Secrets: []string{"one"}, Events: []string{"push"}, Log: slog.New(slog.DiscardHandler), Now: time.Now,
		Receive: func(context.Context, workflow.Delivery) (bool, error) { return true, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// untouched is a body that must not be read.
type untouched struct{ t *testing.T }

func (u untouched) Read([]byte) (int, error) {
	u.t.Error("the body was read")
	return 0, io.EOF
}

func TestHeadersAreCheckedBeforeTheBody(t *testing.T) {
	good := map[string]string{"X-Hub-Signature-256": "sha256=" + strings.Repeat("a", 64),
		"Content-Type": "application/json", "X-GitHub-Event": "push", "X-GitHub-Delivery": "1-2"}
	for name, c := range map[string]struct {
		header, value string
		want          int
	}{
		"no signature":         {"X-Hub-Signature-256", "", 401},
		"a short signature":    {"X-Hub-Signature-256", "sha256=aa", 401},
		"no hex":               {"X-Hub-Signature-256", "sha256=" + strings.Repeat("g", 64), 401},
		"a form":               {"Content-Type", "application/x-www-form-urlencoded", 400},
		"no kind":              {"Content-Type", "", 400},
		"no event":             {"X-GitHub-Event", "", 400},
		"an event of any text": {"X-GitHub-Event", "push push", 400},
		"no delivery":          {"X-GitHub-Delivery", "", 400},
		"a long delivery":      {"X-GitHub-Delivery", strings.Repeat("1", 65), 400},
		"too large":            {"Content-Length", "", 413},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodPost, "/webhook", untouched{t})
			r.ContentLength = 10
			if c.header == "Content-Length" {
				r.ContentLength = MaxBody + 1
			}
			for k, v := range good {
				r.Header.Set(k, v)
			}
			r.Header.Set(c.header, c.value)
			w := httptest.NewRecorder()
			quietHandler(t).ServeHTTP(w, r)
			if w.Code != c.want {
				t.Errorf("got %d, want %d", w.Code, c.want)
			}
		})
	}
}

// However many connections send however large bodies, what they may hold at a time
// is bounded, and when they are gone nothing is held any more.
func TestHeldConnectionsHoldLittle(t *testing.T) {
	h := quietHandler(t)
	srv := httptest.NewServer(h)
	defer srv.Close()
	var held []net.Conn
	for i := range 300 {
		size, encoding := MaxBody-1, ""
		switch i % 3 {
		case 1:
			size = smallBody
		case 2:
			encoding = "chunked"
		}
		c, err := net.Dial("tcp", srv.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, c)
		head := fmt.Sprintf("Content-Length: %d", size)
		body := "{"
		if encoding != "" {
			head, body = "Transfer-Encoding: chunked", "1\r\n{\r\n"
		}
		fmt.Fprintf(c, "POST /webhook HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nX-GitHub-Event: push\r\nX-GitHub-Delivery: %d\r\nX-Hub-Signature-256: sha256=%064d\r\n%s\r\n\r\n%s", i, 0, head, body)
	}
	const bound = smallBodies*smallBody + MaxBody
	for h.bodies.held.Load() < bound { // all places are taken
		time.Sleep(time.Millisecond)
	}
	// One that needed a place would be turned away: those that have them keep them for longer than anybody waits.
	if status := deliver(t, srv.URL, `{"x":1}`, 7, true); status != http.StatusAccepted {
		t.Errorf("a small delivery beside them got %d", status)
	}
	for _, c := range held {
		c.Close()
	}
	for h.bodies.held.Load() > 0 {
		time.Sleep(time.Millisecond)
	}
	if most := h.bodies.most.Load(); most > bound {
		t.Errorf("bodies held up to %d bytes, want at most %d", most, bound)
	}
	var wg sync.WaitGroup
	for i := range 20 { // large ones one at a time, and all of them arrive
		wg.Go(func() {
			body := `{"x":"` + strings.Repeat("x", 2*smallBody*(i%2)) + `"}`
			if status := deliver(t, srv.URL, body, i, i%4 != 3); status != http.StatusAccepted {
				t.Errorf("delivery %d: got %d", i, status)
			}
		})
	}
	wg.Wait()
}

// deliver sends a signed delivery and returns the answer's status, 0 without one.
func deliver(t *testing.T, url, body string, id int, sized bool) int {
	r, err := http.NewRequest(http.MethodPost, url+"/webhook", strings.NewReader(body))
	if err != nil {
		t.Error(err)
		return 0
	}
	if !sized {
		r.ContentLength = -1
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-GitHub-Event", "push")
	r.Header.Set("X-GitHub-Delivery", fmt.Sprint(id))
	r.Header.Set("X-Hub-Signature-256", "sha256="+sign(sha256.New, "one", body))
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Error(err)
		return 0
	}
	answer.Body.Close()
	return answer.StatusCode
}
