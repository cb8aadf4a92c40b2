package run

import (
	"encoding/json"
	"fmt"
	"os"
	"sync"
)

// tokens are what the launcher's side gave out for one run.
type tokens struct {
	given  []string
	asked  int
	ending sync.WaitGroup
}

// maxAsked is how often one run may ask: what it asks for costs calls to GitHub.
const maxAsked = 500

// converse hands over the secrets, answers who asks for tokens, and returns what the runner
// says when it is ready: from then on nobody is answered. ok is false when it never was. A broken conversation needs no
// report: the process ends, and Wait says how.
func (p *Process) converse(conn *os.File, secrets Secrets) (ready message, ok bool) {
	in, out := json.NewDecoder(conn), json.NewEncoder(conn)
	if err := out.Encode(message{Secrets: &secrets}); err != nil {
		return ready, false
	}
	var t tokens
	defer t.ending.Wait()
	defer func() { t.end(secrets.Fetch.Revoke) }()
	for {
		var m message
		if err := in.Decode(&m); err != nil {
			return ready, false
		}
		switch {
		case m.Ready:
			return m, true
		case m.Fetched:
			t.end(secrets.Fetch.Revoke)
		case m.Ask != nil:
			g := Grant{Why: fmt.Sprintf("Modules come from more than %d private repositories, which is the limit for one run.", maxAsked)}
			if t.asked++; secrets.Fetch.Ask != nil && t.asked <= maxAsked {
				g = secrets.Fetch.Ask(*m.Ask)
			}
			if g.Token != "" {
				p.redact.Hide(g.Token)
				t.given = append(t.given, g.Token)
			}
			if err := out.Encode(message{Grant: &g}); err != nil {
				return ready, false
			}
		}
	}
}

// end revokes what was given out, without waiting for it.
func (t *tokens) end(revoke func(string)) {
	given := t.given
	t.given = nil
	if revoke == nil {
		return
	}
	for _, token := range given {
		t.ending.Go(func() { revoke(token) })
	}
}
