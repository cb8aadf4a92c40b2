package bare

import (
	"io"
	"net/http"
	"net/http/cgi"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Request is a request of git's smart HTTP protocol.
type Request struct {
	Full    string // owner/name
	Tail    string // info/refs, git-upload-pack or git-receive-pack
	Pushing bool
}

// ParseRequest recognises git's requests; clones are at /{owner}/{name}.git, and without .git as at GitHub.
func ParseRequest(u *url.URL) (Request, bool) {
	parts := strings.SplitN(strings.TrimPrefix(u.Path, "/"), "/", 3)
	if len(parts) != 3 {
		return Request{}, false
	}
	g := Request{Full: parts[0] + "/" + strings.TrimSuffix(parts[1], ".git"), Tail: parts[2]}
	switch g.Tail {
	case "info/refs":
		g.Pushing = u.Query().Get("service") == "git-receive-pack"
		return g, true
	case "git-upload-pack", "git-receive-pack":
		g.Pushing = g.Tail == "git-receive-pack"
		return g, true
	}
	return Request{}, false
}

// Target is what a request is for: a repository, the tail of the path, and who is there, or "".
type Target struct{ Dir, Tail, User string }

// Serve runs git http-backend as a CGI program. CGI wants a length, so a chunked request is
// first put in a file.
func (g Git) Serve(w http.ResponseWriter, r *http.Request, to Target) {
	r2 := r.Clone(r.Context())
	r2.URL.Path = "/" + filepath.Base(to.Dir) + "/" + to.Tail
	r2.Header.Del("Authorization")
	if r.ContentLength < 0 {
		f, err := os.CreateTemp(g.Dir, "request-*")
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		defer func() { _, _ = f.Close(), os.Remove(f.Name()) }() // a temporary file of ours
		n, err := io.Copy(f, r.Body)
		if err == nil {
			_, err = f.Seek(0, io.SeekStart)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		r2.Body, r2.ContentLength, r2.TransferEncoding = io.NopCloser(f), n, nil
		r2.Header.Set("Content-Length", strconv.FormatInt(n, 10))
	}
	env := append([]string{"GIT_PROJECT_ROOT=" + g.Dir, "GIT_HTTP_EXPORT_ALL=1"}, g.env...)
	if to.User != "" {
		env = append(env, "REMOTE_USER="+to.User)
	}
	h := &cgi.Handler{Path: g.bin, Args: []string{"http-backend"}, Dir: g.Dir, Env: env, Stderr: io.Discard}
	h.ServeHTTP(w, r2)
}
