package localgithub

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/cgi"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// gitRequest is a request of git's smart HTTP protocol.
type gitRequest struct {
	full    string // owner/name
	tail    string // info/refs, git-upload-pack or git-receive-pack
	pushing bool
}

// parseGit recognises git's requests; clones are at /{owner}/{name}.git, and without .git as at GitHub.
func parseGit(u *url.URL) (gitRequest, bool) {
	parts := strings.SplitN(strings.TrimPrefix(u.Path, "/"), "/", 3)
	if len(parts) != 3 {
		return gitRequest{}, false
	}
	g := gitRequest{full: parts[0] + "/" + strings.TrimSuffix(parts[1], ".git"), tail: parts[2]}
	switch g.tail {
	case "info/refs":
		g.pushing = u.Query().Get("service") == "git-receive-pack"
		return g, true
	case "git-upload-pack", "git-receive-pack":
		g.pushing = g.tail == "git-receive-pack"
		return g, true
	}
	return gitRequest{}, false
}

// serveGit hands git's requests to git http-backend once the caller is known and may.
func (s *Server) serveGit(w http.ResponseWriter, r *http.Request, g gitRequest) {
	rule, latency := s.Faults.due(r, nil)
	if !s.pause(r, latency) {
		return
	}
	if rule.do(); rule != nil && rule.wrong() {
		out, gone := s.broken(r, rule, func() answer {
			c := &capture{answer{header: http.Header{}}}
			s.gitBackend(c, r, g)
			return c.answer
		})
		if gone {
			panic(http.ErrAbortHandler) // the documented way to break a connection off
		}
		send(w, out)
		return
	}
	s.gitBackend(w, r, g)
}

func (s *Server) gitBackend(w http.ResponseWriter, r *http.Request, g gitRequest) {
	s.mu.Lock()
	now := g.full
	if repo := s.st.repo(g.full); repo != nil {
		now = repo.full()
	}
	s.mu.Unlock()
	if !strings.EqualFold(now, g.full) { // before any question of rights: git follows a redirect only on its first request
		http.Redirect(w, r, "/"+now+".git/"+g.tail+"?"+r.URL.RawQuery, http.StatusMovedPermanently)
		return
	}
	who, denied := s.authenticate(r)
	if denied != nil {
		w.Header().Set("WWW-Authenticate", `Basic realm="GitHub"`)
		http.Error(w, "Invalid username or token.", http.StatusUnauthorized)
		return
	}
	s.mu.Lock()
	repo, status, msg := s.gitAccess(who, g)
	s.mu.Unlock()
	if status != 0 {
		if status == http.StatusUnauthorized {
			w.Header().Set("WWW-Authenticate", `Basic realm="GitHub"`)
		}
		http.Error(w, msg, status)
		return
	}
	if g.tail != "git-receive-pack" {
		s.runBackend(w, r, repo, g.tail, who)
		return
	}
	lock := s.gitLock(repo)
	lock.Lock()
	defer lock.Unlock()
	out := &capture{answer{header: http.Header{}}}
	// A pusher who goes away must not leave branches moved that nobody was told of.
	if err := s.changingRefs(repo, who.account(), func() { s.runBackend(out, r.WithContext(s.base), repo, g.tail, who) }); err != nil {
		s.log.Error("following a push", "repo", repo.full(), "err", err)
		http.Error(w, "following the push: "+err.Error(), http.StatusInternalServerError)
		return
	}
	send(w, out.answer)
}

// gitAccess decides on a clone or a push. A private repository is told from a missing one only by those who may read.
func (s *Server) gitAccess(who actor, g gitRequest) (r *repo, status int, msg string) {
	const missing = "Repository not found."
	r = s.st.repo(g.full)
	if r == nil || who.app != nil {
		if who.kind() == "anonymous" {
			return nil, http.StatusUnauthorized, "No anonymous access."
		}
		return nil, http.StatusNotFound, missing
	}
	level, role := "read", "read"
	if g.pushing {
		level, role = "write", "write"
	}
	if who.tok != nil {
		switch {
		case who.tok.covers(r) && allows(who.tok.perms["contents"], level):
		case !g.pushing && !r.private:
		case who.tok.covers(r) && g.pushing:
			return nil, http.StatusForbidden, "Write access to repository not granted."
		default:
			return nil, http.StatusNotFound, missing
		}
		return r, 0, ""
	}
	switch {
	case who.user == nil && (g.pushing || r.private):
		return nil, http.StatusUnauthorized, "No anonymous write access."
	case !r.may(who.user, "read"):
		return nil, http.StatusNotFound, missing
	case !r.may(who.user, role):
		return nil, http.StatusForbidden, fmt.Sprintf("Permission to %s.git denied to %s.", r.full(), who.user.login)
	case g.pushing && r.archived:
		return nil, http.StatusForbidden, "This repository was archived so it is read-only."
	}
	return r, 0, ""
}

// runBackend runs git http-backend as a CGI program. CGI wants a length, so that a chunked request is first put in a file.
func (s *Server) runBackend(w http.ResponseWriter, r *http.Request, repo *repo, tail string, who actor) {
	r2 := r.Clone(r.Context())
	r2.URL.Path = "/" + filepath.Base(repo.dir) + "/" + tail
	r2.Header.Del("Authorization")
	if r.ContentLength < 0 {
		f, err := os.CreateTemp(s.git.dir, "request-*")
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
	env := append([]string{"GIT_PROJECT_ROOT=" + s.git.dir, "GIT_HTTP_EXPORT_ALL=1"}, s.git.env...)
	if a := who.account(); a != nil {
		env = append(env, "REMOTE_USER="+a.login)
	}
	h := &cgi.Handler{Path: s.git.bin, Args: []string{"http-backend"}, Dir: s.git.dir, Env: env, Stderr: io.Discard}
	h.ServeHTTP(w, r2)
}

// changingRefs runs change and then lets the pulls follow whatever branches it moved. The caller holds the
// repository's git lock.
func (s *Server) changingRefs(r *repo, by *account, change func()) error {
	ctx := context.WithoutCancel(s.base)
	before, err := s.git.refs(ctx, r.dir)
	if err != nil {
		return err
	}
	change()
	after, err := s.git.refs(ctx, r.dir)
	if err != nil {
		return err
	}
	return s.follow(ctx, r, by, changes(before, after))
}
