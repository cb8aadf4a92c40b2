package webhook

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"sync/atomic"
	"time"
)

// Anybody can send a body, and its signature can be checked only when all of it has arrived.
// So the bodies in memory at a time are bounded, however many connections there are:
// smallBodies of at most smallBody bytes, and one larger one. Tiny ones, as nearly all
// deliveries are, need no place that somebody else could occupy: the number of connections
// bounds them.
const (
	tinyBody    = 64 << 10
	smallBody   = 1 << 20
	smallBodies = 32
	// admitWait is how long a body waits for its place, bodyWait how long it may take
	// to arrive. GitHub gives up after 10 s.
	admitWait = 5 * time.Second
	bodyWait  = 10 * time.Second
)

var (
	errBusy     = errors.New("too many payloads at once")
	errTooLarge = errors.New("the payload is larger than any that GitHub sends")
)

// bodies are the places for bodies that arrive.
type bodies struct {
	small, large chan struct{}
	held, most   atomic.Int64 // bytes that the present bodies may have, and the most there ever were
}

func newBodies() *bodies {
	return &bodies{small: make(chan struct{}, smallBodies), large: make(chan struct{}, 1)}
}

// read reads a body. Call release when the body is no longer needed, to free its place; it is
// never nil.
func (b *bodies) read(w http.ResponseWriter, r *http.Request) (body []byte, release func(), err error) {
	held := &place{bodies: b}
	deadline := http.NewResponseController(w)
	_ = deadline.SetReadDeadline(time.Now().Add(bodyWait)) // a writer that has none is a test's
	defer func() {
		if err == nil { // otherwise it stays: the HTTP server reads what was sent to its end before it closes the connection
			_ = deadline.SetReadDeadline(time.Time{})
		}
	}()
	if r.ContentLength > MaxBody {
		return nil, held.release, errTooLarge
	}
	if 0 <= r.ContentLength && r.ContentLength <= tinyBody {
		body = make([]byte, r.ContentLength)
		_, err = io.ReadFull(r.Body, body)
		return body, held.release, err
	}
	if r.ContentLength <= smallBody {
		if err := held.take(r.Context(), b.small, smallBody); err != nil {
			return nil, held.release, err
		}
		var all bytes.Buffer
		all.Grow(int(max(0, r.ContentLength)) + bytes.MinRead)
		n, err := all.ReadFrom(io.LimitReader(r.Body, smallBody+1))
		if err != nil || n <= smallBody {
			return all.Bytes(), held.release, err
		}
		body = all.Bytes() // its length was not declared
	}
	if err := held.take(r.Context(), b.large, MaxBody); err != nil {
		return nil, held.release, err
	}
	size := int64(MaxBody)
	if r.ContentLength >= 0 {
		size = r.ContentLength
	}
	all := bytes.NewBuffer(make([]byte, 0, size+bytes.MinRead))
	all.Write(body)
	n, err := all.ReadFrom(io.LimitReader(r.Body, MaxBody+1-int64(len(body))))
	if err == nil && n+int64(len(body)) > MaxBody {
		err = errTooLarge
	}
	return all.Bytes(), held.release, err
}

// place is what one body holds of the places.
type place struct {
	bodies *bodies
	of     []chan struct{}
	bytes  int64
}

func (p *place) take(ctx context.Context, of chan struct{}, bytes int64) error {
	wait := time.NewTimer(admitWait)
	defer wait.Stop()
	select {
	case of <- struct{}{}:
	case <-wait.C:
		return errBusy
	case <-ctx.Done():
		return errBusy
	}
	p.of, p.bytes = append(p.of, of), p.bytes+bytes
	now := p.bodies.held.Add(bytes)
	for most := p.bodies.most.Load(); now > most && !p.bodies.most.CompareAndSwap(most, now); most = p.bodies.most.Load() {
	}
	return nil
}

func (p *place) release() {
	p.bodies.held.Add(-p.bytes)
	for _, of := range p.of {
		<-of
	}
	p.of, p.bytes = nil, 0
}
