package localgithub

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"

	"github.com/cardea-iac/cardea/internal/localgithub/bare"
	"github.com/cardea-iac/cardea/internal/localgithub/model"
)

// serveGit hands git's requests to git http-backend, once it knows who the caller is and that
// they may.
func (s *Server) serveGit(w http.ResponseWriter, r *http.Request, g bare.Request) {
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

func (s *Server) gitBackend(w http.ResponseWriter, r *http.Request, g bare.Request) {
	s.mu.Lock()
	now := g.Full
	if repo := s.st.Repo(g.Full); repo != nil {
		now = repo.Full()
	}
	s.mu.Unlock()
	if !strings.EqualFold(now, g.Full) { // before any question of rights: git follows a redirect only on its first request
		http.Redirect(w, r, "/"+now+".git/"+g.Tail+"?"+r.URL.RawQuery, http.StatusMovedPermanently)
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
	to := bare.Target{Dir: repo.Dir, Tail: g.Tail, User: model.NameOf(who.account())}
	if g.Tail != "git-receive-pack" {
		s.git.Serve(w, r, to)
		return
	}
	lock := s.gitLock(repo)
	lock.Lock()
	defer lock.Unlock()
	out := &capture{answer{header: http.Header{}}}
	// A pusher who goes away must not leave branches that moved without anybody being told.
	if err := s.changingRefs(repo, who.account(), func() { s.git.Serve(out, r.WithContext(s.base), to) }); err != nil {
		s.log.Error("following a push", "repo", repo.Full(), "err", err)
		http.Error(w, "following the push: "+err.Error(), http.StatusInternalServerError)
		return
	}
	send(w, out.answer)
}

// gitAccess decides on a clone or a push. Only those who may read a private repository can
// tell it from a missing one.
func (s *Server) gitAccess(who actor, g bare.Request) (r *model.Repo, status int, msg string) {
	const missing = "Repository not found."
	r = s.st.Repo(g.Full)
	if r == nil || who.app != nil {
		if who.kind() == "anonymous" {
			return nil, http.StatusUnauthorized, "No anonymous access."
		}
		return nil, http.StatusNotFound, missing
	}
	level, role := "read", "read"
	if g.Pushing {
		level, role = "write", "write"
	}
	if who.tok != nil {
		switch {
		case who.tok.Covers(r) && allows(who.tok.Perms["contents"], level):
		case !g.Pushing && !r.Private:
		case who.tok.Covers(r) && g.Pushing:
			return nil, http.StatusForbidden, "Write access to repository not granted."
		default:
			return nil, http.StatusNotFound, missing
		}
		return r, 0, ""
	}
	switch {
	case who.user == nil && (g.Pushing || r.Private):
		return nil, http.StatusUnauthorized, "No anonymous write access."
	case !r.May(who.user, "read"):
		return nil, http.StatusNotFound, missing
	case !r.May(who.user, role):
		return nil, http.StatusForbidden, fmt.Sprintf("Permission to %s.git denied to %s.", r.Full(), who.user.Login)
	case g.Pushing && r.Archived:
		return nil, http.StatusForbidden, "This repository was archived so it is read-only."
	}
	return r, 0, ""
}

// changingRefs runs change and then lets the pulls follow whatever branches it moved. The caller holds the
// repository's git lock.
func (s *Server) changingRefs(r *model.Repo, by *model.Account, change func()) error {
	ctx := context.WithoutCancel(s.base)
	before, err := s.git.Refs(ctx, r.Dir)
	if err != nil {
		return err
	}
	change()
	after, err := s.git.Refs(ctx, r.Dir)
	if err != nil {
		return err
	}
	return s.follow(ctx, r, by, bare.Changes(before, after))
}

func (s *Server) signature(a *model.Account) bare.Signature {
	return bare.Signature{Name: a.Login, Email: fmt.Sprintf("%d+%s@users.noreply.localgithub", a.ID, a.Login),
		When: s.now()}
}

// gitLock serialises changes of one repository's branches. It is taken before Server.mu, never while holding it.
func (s *Server) gitLock(r *model.Repo) *sync.Mutex {
	m, _ := s.gitLocks.LoadOrStore(r.ID, &sync.Mutex{})
	return m.(*sync.Mutex)
}
