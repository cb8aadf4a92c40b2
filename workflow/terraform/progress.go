package terraform

import (
	"io"
	"net/http"
	"path"
	"time"

	"github.com/cardea-iac/cardea/internal/phrase"
)

// A download that takes longer than tellEvery tells how far it is, if it is larger than tellAbove.
const (
	tellEvery = 3 * time.Second
	tellAbove = 1 << 20
)

// client is one whose large downloads tell how far they are.
func (r toolRequest) client() *http.Client { return &http.Client{Transport: telling{r, tellEvery}} }

// telling is a transport that reports how much of a large answer was read.
type telling struct {
	toolRequest
	every time.Duration
}

// RoundTrip is that of http.DefaultTransport.
func (t telling) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil || resp.ContentLength < tellAbove {
		return resp, err
	}
	resp.Body = &told{ReadCloser: resp.Body, telling: t, name: path.Base(req.URL.Path), total: resp.ContentLength, next: time.Now().Add(t.every)}
	return resp, nil
}

// told is the body of a large answer.
type told struct {
	io.ReadCloser
	telling
	name        string
	read, total int64
	next        time.Time
}

// Read reads, and tells how far it is.
func (t *told) Read(p []byte) (int, error) {
	n, err := t.ReadCloser.Read(p)
	t.read += int64(n)
	if now := time.Now(); now.After(t.next) && t.read < t.total {
		t.next = now.Add(t.every)
		t.say("Downloading %s: %s of %s.", t.name, phrase.Bytes(t.read), phrase.Bytes(t.total))
	}
	return n, err
}
