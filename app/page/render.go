package page

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
)

const (
	rendersAtOnce = 2                // over all pages: each may hold whole plans
	keptPages     = 16               // the latest rendering of each
	keptPage      = 4 << 20          // bytes; a longer one is not kept
	sendTimeout   = 30 * time.Second // to send one part of an answer
	sendPart      = 64 << 10
)

// renders lets one path be rendered at a time, and keeps what was rendered last: those who
// ask for the same page meanwhile wait and get the same answer.
type renders struct {
	all chan struct{} // a place for each render

	mu    sync.Mutex
	paths map[string]*rendering
	kept  []string // paths whose answers are kept, the oldest first
}

type rendering struct {
	turn  chan struct{} // of one
	users int
	tag   string
	last  answer
}

func newRenders() *renders {
	return &renders{all: make(chan struct{}, rendersAtOnce), paths: map[string]*rendering{}}
}

// get returns the answer with a tag: the kept one, or what draw makes.
func (r *renders) get(ctx context.Context, path, tag string, draw func() answer) (answer, error) {
	r.mu.Lock()
	p := r.paths[path]
	if p == nil {
		p = &rendering{turn: make(chan struct{}, 1)}
		r.paths[path] = p
	}
	p.users++
	r.mu.Unlock()
	defer r.leave(path, p)
	select {
	case p.turn <- struct{}{}:
	case <-ctx.Done():
		return answer{}, ctx.Err()
	}
	defer func() { <-p.turn }()
	if p.tag == tag {
		return p.last, nil
	}
	select {
	case r.all <- struct{}{}:
	case <-ctx.Done():
		return answer{}, ctx.Err()
	}
	defer func() { <-r.all }()
	a := draw()
	p.tag, p.last = "", answer{}
	if a.status == http.StatusOK && len(a.body) <= keptPage {
		p.tag, p.last = tag, a
		r.keep(path)
	}
	return a, nil
}

// keep notes a path whose answer is kept, and drops the oldest that nobody is asking for.
func (r *renders) keep(path string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, k := range r.kept {
		if k == path {
			return
		}
	}
	r.kept = append(r.kept, path)
	if len(r.kept) <= keptPages {
		return
	}
	old := r.kept[0]
	r.kept = r.kept[1:]
	if p := r.paths[old]; p != nil && p.users == 0 {
		delete(r.paths, old)
	}
}

func (r *renders) leave(path string, p *rendering) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if p.users--; p.users > 0 {
		return
	}
	for _, k := range r.kept {
		if k == path {
			return
		}
	}
	delete(r.paths, path)
}

// versioned serves what look finds under a tag of what it is made from, which is cheap to
// read: asking again while nothing has happened costs no more than that.
func (s *server) versioned(state func(context.Context, *http.Request) (any, error),
	look func(context.Context, *http.Request) (page, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		made, err := state(r.Context(), r)
		if err != nil {
			s.send(w, r, s.draw(r, func(context.Context, *http.Request) (page, error) { return page{}, err }))
			return
		}
		tag, err := s.tag(r, made)
		if err != nil {
			s.send(w, r, s.draw(r, func(context.Context, *http.Request) (page, error) { return page{}, err }))
			return
		}
		if r.Header.Get("If-None-Match") == tag {
			w.Header().Set("ETag", tag)
			w.WriteHeader(http.StatusNotModified)
			return
		}
		a, err := s.renders.get(r.Context(), r.URL.Path, tag, func() answer { return s.draw(r, look) })
		if err != nil {
			return // nobody is waiting for it any more
		}
		if a.status == http.StatusOK {
			a.tag = tag
		}
		s.send(w, r, a)
	}
}

// tag stands for this process, the address, the form, and what the page is made from.
func (s *server) tag(r *http.Request, made any) (string, error) {
	sum := sha256.New()
	fmt.Fprintf(sum, "%s %q %q %v ", s.born, r.URL.Path, r.URL.RawQuery, wantsJSON(r))
	if err := json.NewEncoder(sum).Encode(made); err != nil {
		return "", fmt.Errorf("the version of a page: %w", err)
	}
	return `"` + hex.EncodeToString(sum.Sum(nil)[:12]) + `"`, nil
}

// birth is different in each process: another version of this program may write pages
// differently.
func birth() string { return rand.Text() }

// sending writes an answer in parts, each within a time limit: a client that does not read
// holds nothing for long.
type sending struct {
	http.ResponseWriter
	control *http.ResponseController
}

func newSending(w http.ResponseWriter) sending {
	return sending{w, http.NewResponseController(w)}
}

func (s sending) Write(p []byte) (n int, err error) {
	for len(p) > 0 {
		part := p[:min(len(p), sendPart)]
		// A writer that has no deadlines is not a network connection.
		_ = s.control.SetWriteDeadline(time.Now().Add(sendTimeout))
		m, err := s.ResponseWriter.Write(part)
		if n += m; err != nil {
			return n, err
		}
		p = p[m:]
	}
	return n, nil
}

// ReadFrom keeps io.Copy from bypassing Write.
func (s sending) ReadFrom(r io.Reader) (int64, error) {
	return io.Copy(struct{ io.Writer }{s}, r)
}

// Unwrap is for http.ResponseController.
func (s sending) Unwrap() http.ResponseWriter { return s.ResponseWriter }
