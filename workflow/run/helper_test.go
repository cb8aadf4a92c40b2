package run

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/secret"
)

// TestHelperEnds: git's helper waits for no runner that says nothing, or does not even take its question.
func TestHelperEnds(t *testing.T) {
	for name, serve := range map[string]func(net.Conn){
		"says nothing":           func(conn net.Conn) { io.Copy(io.Discard, conn) },
		"takes nothing":          func(net.Conn) {},
		"says half":              func(conn net.Conn) { io.WriteString(conn, `{"token": "x`); io.Copy(io.Discard, conn) },
		"hangs up":               func(conn net.Conn) { conn.Close() },
		"says what is no answer": func(conn net.Conn) { io.WriteString(conn, "no\n") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, err := os.MkdirTemp("", "s")
			if err != nil {
				t.Fatal(err)
			}
			defer os.RemoveAll(dir)
			listener, err := net.Listen("unix", filepath.Join(dir, "s"))
			if err != nil {
				t.Fatal(err)
			}
			defer listener.Close()
			go func() {
				for {
					conn, err := listener.Accept()
					if err != nil {
						return
					}
					go serve(conn)
				}
			}()
			q := question{Action: "get", Path: strings.Repeat("x", 1<<20)} // more than a socket takes unread
			ended := make(chan error, 1)
			go func() {
				g, err := askOver(filepath.Join(dir, "s"), q, 300*time.Millisecond)
				if g.Token != "" {
					err = nil
				}
				ended <- err
			}()
			select {
			case err := <-ended:
				if err == nil {
					t.Error("got an answer")
				}
			case <-time.After(4 * time.Minute):
				t.Error("it waits")
			}
		})
	}
}

// silentServer is a fetching whose server takes questions and answers none, until late is called.
func silentServer(t *testing.T) (f *fetching, asked <-chan string, late func(Grant)) {
	t.Helper()
	here, there, err := socketPair()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { here.Close(); there.Close() })
	questions := make(chan string, 10)
	go func() {
		for in := json.NewDecoder(here); ; {
			var m message
			if in.Decode(&m) != nil {
				return
			}
			if m.Ask != nil {
				questions <- *m.Ask
			}
		}
	}()
	r := &runner{conn: there, grants: make(chan Grant, 1), stop: newStopper(family{}, Ladder{}),
		redact: secret.NewRedactor(io.Discard), given: secret.NewRedactor(nil), secrets: Secrets{Fetch: Fetching{GitHub: "https://github.example"}}}
	return &fetching{r: r, limit: 200 * time.Millisecond, known: map[string]Grant{}}, questions, func(g Grant) { r.grants <- g }
}

// TestSilentServer: where the server does not answer, fetching ends, may be tried again, and takes a late answer for no other question's.
func TestSilentServer(t *testing.T) {
	f, asked, late := silentServer(t)
	const want = "The server did not answer within 200ms when it was asked for a token for a module."
	if g := f.grant(question{Action: "get", Path: "acme/one"}); g.Why != want || !g.Passing || g.Token != "" {
		t.Errorf("got %+v", g)
	}
	late(Grant{Token: "token-of-one"})
	if g := f.grant(question{Action: "get", Path: "acme/two"}); g.Why != want || g.Token != "" {
		t.Errorf("got %+v: the answer to another question", g)
	}
	again := &fetching{r: f.r, limit: f.limit, known: map[string]Grant{}} // an init that is tried again fetches anew
	if g := again.grant(question{Action: "get", Path: "acme/three"}); g.Why != want || g.Token != "" {
		t.Errorf("got %+v: the answer to a question of before", g)
	}
	if one := <-asked; one != "acme/one" || len(asked) != 0 {
		t.Errorf("asked for %q and %d more", one, len(asked))
	}
	denied := new(workflow.Denied)
	if err := f.verdict(errors.New("exit 1")); !errors.As(err, &denied) || denied.Why != want || !denied.Passing {
		t.Errorf("got %v", err)
	}
}

// TestSilentTool: a tool that connects and says nothing, or takes no answer, holds up no other, and not the end.
func TestSilentTool(t *testing.T) {
	t.Parallel()
	f, _, late := silentServer(t)
	f.limit = time.Hour
	dir, err := os.MkdirTemp("", "s")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	f.r.dir = files(dir)
	if err := os.Mkdir(filepath.Join(dir, "tmp"), 0o700); err != nil {
		t.Fatal(err)
	}
	done, err := f.open(map[string]string{})
	if err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "tmp", "credentials")
	for range 5 {
		conn, err := net.Dial("unix", socket)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
	}
	late(Grant{Token: "token-of-one"})
	g, err := askOver(socket, question{Action: "get", Protocol: "https", Host: "github.example", Path: "acme/one"}, 4*time.Minute)
	if err != nil || g.Token != "token-of-one" {
		t.Errorf("got %+v, %v", g, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	ended := make(chan struct{})
	go func() { done(); close(ended) }()
	select {
	case <-ended:
	case <-ctx.Done():
		t.Error("it does not end")
	}
}
