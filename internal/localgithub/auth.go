package localgithub

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v4"

	"github.com/cardea-iac/cardea/internal/localgithub/model"
)

// actor is who makes a request: an App (by JWT), an installation (by token), a person (by token), or nobody.
type actor struct {
	app  *model.App
	tok  *model.Token
	user *model.Account
}

// account is who appears as the author of what the request does; nil for nobody and for an App itself.
func (a actor) account() *model.Account {
	if a.tok != nil {
		return a.tok.Inst.App.Bot
	}
	return a.user
}

// via is the App through which something is done, or nil.
func (a actor) via() *model.App {
	if a.tok != nil {
		return a.tok.Inst.App
	}
	return nil
}

func (a actor) kind() string {
	switch {
	case a.app != nil:
		return "app"
	case a.tok != nil:
		return "installation"
	case a.user != nil:
		return "user"
	}
	return "anonymous"
}

func (a actor) name() string {
	switch {
	case a.app != nil:
		return "app " + a.app.Slug
	case a.tok != nil:
		return fmt.Sprintf("installation %d", a.tok.Inst.ID)
	case a.user != nil:
		return a.user.Login
	}
	return "anonymous"
}

func contextWith(ctx context.Context, c *call) context.Context {
	return context.WithValue(ctx, callKey{}, c)
}

// credential takes the secret out of the three forms GitHub accepts: Bearer, token, and Basic's password.
func credential(r *http.Request) string {
	scheme, rest, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	switch strings.ToLower(scheme) {
	case "bearer", "token":
		return strings.TrimSpace(rest)
	case "basic":
		user, pass, _ := r.BasicAuth()
		if pass == "" {
			return user
		}
		return pass
	}
	return ""
}

// authenticate finds out who calls. No credential is anonymous; a bad one is 401, never anonymous.
func (s *Server) authenticate(r *http.Request) (actor, *reply) {
	cred := credential(r)
	if cred == "" {
		return actor{}, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if strings.HasPrefix(cred, "ghs_") || strings.HasPrefix(cred, "ghp_") {
		if u := s.st.UserTok[cred]; u != nil {
			return actor{user: u}, nil
		}
		t := s.st.InstTok[cred]
		if t == nil || !s.now().Before(t.Expires) || s.st.Installs[t.Inst.ID] == nil {
			return actor{}, refuse(http.StatusUnauthorized, "Bad credentials")
		}
		if t.Inst.Suspended != nil {
			return actor{}, refuse(http.StatusForbidden, "This installation has been suspended")
		}
		return actor{tok: t}, nil
	}
	if strings.Count(cred, ".") == 2 {
		a, denied := s.verifyJWT(cred)
		return actor{app: a}, denied
	}
	return actor{}, refuse(http.StatusUnauthorized, "Bad credentials")
}

func refuse(status int, format string, args ...any) *reply {
	r := fail(status, format, args...)
	return &r
}

// verifyJWT checks an App's JWT by GitHub's rules: RS256 with the App's key, issued in the
// past, expiring within ten minutes from now. (docs.github.com, "Generating a JSON Web Token
// for a GitHub App")
func (s *Server) verifyJWT(raw string) (*model.App, *reply) {
	undecodable := func() (*model.App, *reply) {
		return nil, refuse(http.StatusUnauthorized, "A JSON web token could not be decoded")
	}
	var claims jwt.RegisteredClaims
	var by *model.App
	unknown := false
	parser := jwt.NewParser(jwt.WithValidMethods([]string{"RS256"}), jwt.WithoutClaimsValidation())
	_, err := parser.ParseWithClaims(raw, &claims, func(*jwt.Token) (any, error) {
		id, err := strconv.ParseInt(claims.Issuer, 10, 64)
		if err != nil || s.st.Apps[id] == nil {
			unknown = true
			return nil, fmt.Errorf("no App %q", claims.Issuer)
		}
		by = s.st.Apps[id]
		return &by.Key.PublicKey, nil
	})
	switch {
	case unknown:
		return nil, refuse(http.StatusNotFound, "Integration not found")
	case err != nil:
		return undecodable()
	}
	now := s.opts.Now()
	switch {
	case claims.ExpiresAt == nil || !now.Before(claims.ExpiresAt.Time):
		return nil, refuse(http.StatusUnauthorized,
			"'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion expires")
	case claims.IssuedAt == nil || claims.IssuedAt.After(now):
		return nil, refuse(http.StatusUnauthorized,
			"'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued")
	case claims.ExpiresAt.After(now.Add(10 * time.Minute)):
		return nil, refuse(http.StatusUnauthorized, "'Expiration time' claim ('exp') is too far in the future")
	}
	return by, nil
}

// authorise decides whether the caller may use the route, and finds the repository that the
// path names. A repository that the caller cannot see does not exist (404). A permission that
// an installation lacks is a 403, and is named in X-Accepted-GitHub-Permissions.
func (s *Server) authorise(c *call, rt route) *reply {
	switch {
	case rt.only == "app" && c.who.app == nil:
		return refuse(http.StatusUnauthorized, "A JSON web token could not be decoded")
	case rt.only == "installation" && c.who.tok == nil:
		return refuse(http.StatusForbidden,
			"You must authenticate with an installation access token in order to use this endpoint.")
	case rt.only != "app" && c.who.app != nil:
		return refuse(http.StatusUnauthorized, "Bad credentials")
	}
	read := c.r.Method == http.MethodGet
	owner := c.r.PathValue("owner")
	if owner == "" {
		if !read && c.who.kind() == "anonymous" {
			return refuse(http.StatusUnauthorized, "Requires authentication")
		}
		return s.hasPermissions(c.who, rt.need)
	}
	full := owner + "/" + c.r.PathValue("repo")
	r := s.st.Repo(full)
	if r == nil {
		return ptr(notFound())
	}
	if rt.only != "app" {
		if denied := s.mayUse(c.who, r, rt, read); denied != nil {
			return denied
		}
	}
	if !strings.EqualFold(r.Full(), full) {
		return ptr(s.moved(c.r, r, full))
	}
	c.repo, c.rest, c.html = r, s.render.REST(r), s.render.HTML(r)
	return nil
}

func ptr(r reply) *reply { return &r }

// moved is the answer for a repository's old name: 301 for reads, 307 for everything else.
func (s *Server) moved(r *http.Request, to *model.Repo, old string) reply {
	status := http.StatusMovedPermanently
	if r.Method != http.MethodGet {
		status = http.StatusTemporaryRedirect
	}
	where := fmt.Sprintf("%s/repositories/%d%s", s.api, to.ID, r.URL.EscapedPath()[len("/repos/")+len(old):])
	if r.URL.RawQuery != "" {
		where += "?" + r.URL.RawQuery
	}
	return reply{status: status, header: http.Header{"Location": {where}},
		body: obj{"message": "Moved Permanently", "url": where, "documentation_url": docs}}
}

func (s *Server) mayUse(who actor, r *model.Repo, rt route, read bool) *reply {
	if who.tok != nil {
		if who.tok.Covers(r) {
			return s.hasPermissions(who, rt.need)
		}
		if r.Private {
			return ptr(notFound())
		}
		if read { // what is public can be read with any token
			return nil
		}
		return &reply{status: http.StatusForbidden,
			body: fail(http.StatusForbidden, "Resource not accessible by integration").body, need: rt.need}
	}
	if !r.May(who.user, "read") {
		return ptr(notFound())
	}
	if who.user == nil && !read {
		return refuse(http.StatusUnauthorized, "Requires authentication")
	}
	switch rt.role {
	case "":
		return nil
	case "app":
		return refuse(http.StatusForbidden, "You must authenticate via a GitHub App.")
	}
	if !r.May(who.user, rt.role) {
		return refuse(http.StatusForbidden, "Must have %s rights to Repository.", rt.role)
	}
	return nil
}

func (s *Server) hasPermissions(who actor, need string) *reply {
	if who.tok == nil || need == "" {
		return nil
	}
	for one := range strings.SplitSeq(need, "; ") {
		name, level, _ := strings.Cut(one, "=")
		if !allows(who.tok.Perms[name], level) {
			return &reply{status: http.StatusForbidden,
				body: fail(http.StatusForbidden, "Resource not accessible by integration").body, need: need}
		}
	}
	return nil
}

// allows reports whether a granted level includes the wanted one.
func allows(granted, want string) bool {
	levels := map[string]int{"": 0, "read": 1, "write": 2, "admin": 3}
	return levels[granted] >= levels[want]
}

// newToken makes an installation token's text: ghs_<app id>_<JWT> since 2026, opaque and over 500 characters long, or
// the old 40 characters when the caller sent X-GitHub-Stateless-S2S-Token: disabled.
func newToken(in *model.Installation, old bool, expires time.Time) string {
	if old {
		return "ghs_" + random(27)
	}
	enc := base64.RawURLEncoding.EncodeToString
	head := enc([]byte(`{"alg":"ES256","typ":"JWT"}`))
	claims := enc(fmt.Appendf(nil, `{"iss":"localgithub","sub":"installation:%d","exp":%d,"jti":%q,"pad":%q}`, in.ID,
		expires.Unix(), random(24), random(150)))
	return fmt.Sprintf("ghs_%d_%s.%s.%s", in.App.ID, head, claims, random(64))
}

// random is n random bytes in letters, digits, - and _.
func random(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails: crypto/rand ends the program instead
	return base64.RawURLEncoding.EncodeToString(b)
}

// guid is a random UUID.
func guid() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:])
}
