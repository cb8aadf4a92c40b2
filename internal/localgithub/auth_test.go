package localgithub

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v4"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-github/v60/github"
)

func TestJWT(t *testing.T) {
	w := newWorld(t)
	block, _ := pem.Decode([]byte(w.app.PrivateKeyPEM))
	key := must1(x509.ParsePKCS1PrivateKey(block.Bytes))(t)
	foreign := must1(rsa.GenerateKey(rand.Reader, 2048))(t)
	now := time.Now()
	claims := func(iss string, issued, expires time.Duration) jwt.RegisteredClaims {
		return jwt.RegisteredClaims{Issuer: iss, IssuedAt: jwt.NewNumericDate(now.Add(issued)),
			ExpiresAt: jwt.NewNumericDate(now.Add(expires))}
	}
	id := strconv.FormatInt(w.app.ID, 10)
	for _, tt := range []struct {
		name   string
		method jwt.SigningMethod
		key    any
		claims jwt.RegisteredClaims
		want   int
	}{
		{"as GitHub asks", jwt.SigningMethodRS256, key, claims(id, -time.Minute, 9*time.Minute), 200},
		{"expired", jwt.SigningMethodRS256, key, claims(id, -10*time.Minute, -time.Second), 401},
		{"expires too late", jwt.SigningMethodRS256, key, claims(id, -time.Minute, 11*time.Minute), 401},
		{"issued in the future", jwt.SigningMethodRS256, key, claims(id, time.Minute, 5*time.Minute), 401},
		{"foreign key", jwt.SigningMethodRS256, foreign, claims(id, -time.Minute, 5*time.Minute), 401},
		{"other algorithm", jwt.SigningMethodRS512, key, claims(id, -time.Minute, 5*time.Minute), 401},
		{"HMAC with the public key", jwt.SigningMethodHS256, x509.MarshalPKCS1PublicKey(&key.PublicKey), claims(id, -time.Minute, 5*time.Minute), 401},
		{"unknown App", jwt.SigningMethodRS256, key, claims("1", -time.Minute, 5*time.Minute), 404},
		{"no times", jwt.SigningMethodRS256, key, jwt.RegisteredClaims{Issuer: id}, 401},
	} {
		raw := must1(jwt.NewWithClaims(tt.method, tt.claims).SignedString(tt.key))(t)
		got, body := w.do("GET", "/app", "", "Authorization", "Bearer "+raw)
		if got != tt.want {
			t.Errorf("%s: got %d %v, want %d", tt.name, got, body["message"], tt.want)
		}
	}
}

func TestTokenNarrowing(t *testing.T) {
	w := newWorld(t)
	must1(w.CreateRepo("acme", "other", RepoOptions{Private: true}))(t)
	must1(w.CreateRepo("umbrella", "infra", RepoOptions{Private: true}))(t)
	for _, tt := range []struct {
		name, body string
		want       int
	}{
		{"all", `{}`, 201},
		{"one repository", fmt.Sprintf(`{"repository_ids":[%d]}`, w.repo.ID), 201},
		{"by name", `{"repositories":["infra"]}`, 201},
		{"repository outside", `{"repositories":["other"]}`, 422},
		{"unknown repository", `{"repository_ids":[1]}`, 422},
		{"less permission", `{"permissions":{"contents":"read"}}`, 201},
		{"more permission", `{"permissions":{"administration":"write"}}`, 422},
		{"permission it lacks", `{"permissions":{"workflows":"write"}}`, 422},
		{"no JSON", `{`, 400},
	} {
		got, body := w.token(tt.body)
		if got != tt.want {
			t.Errorf("%s: got %d %v, want %d", tt.name, got, body["message"], tt.want)
		}
	}
	_, body := w.token(`{"repositories":["infra"],"permissions":{"contents":"read"}}`)
	want := map[string]any{"contents": "read", "metadata": "read"}
	if diff := cmp.Diff(want, body["permissions"]); diff != "" {
		t.Errorf("permissions of the token (-want +got):\n%s", diff)
	}
	token := body["token"].(string)
	for path, want := range map[string]int{
		"/repos/acme/infra": 200, "/repos/acme/infra/contents/README": 200, "/repos/acme/infra/pulls": 403, "/repos/acme/other": 404, "/repos/umbrella/infra": 404, "/app": 401,
	} {
		got, body := w.do("GET", path, "", "Authorization", "Bearer "+token)
		if got != want {
			t.Errorf("narrow token on %s: got %d %v, want %d", path, got, body["message"], want)
		}
		if need := body["header"].(http.Header).Get("X-Accepted-GitHub-Permissions"); want == 403 &&
			need != "pull_requests=read" {
			t.Errorf("403 names %q", need)
		}
	}
}

func TestTokenLifeAndForm(t *testing.T) {
	w := newWorld(t)
	_, body := w.token(`{}`)
	token := body["token"].(string)
	if !regexp.MustCompile(fmt.Sprintf(`^ghs_%d_[\w-]+\.[\w-]+\.[\w-]+$`, w.app.ID)).MatchString(token) ||
		len(token) < 400 {
		t.Errorf("token of the new form: got %q", token)
	}
	_, body = w.token(`{}`, "X-GitHub-Stateless-S2S-Token", "disabled")
	if old := body["token"].(string); len(old) != 40 {
		t.Errorf("token of the old form: got %q", old)
	}
	use := func(token string) int {
		got, _ := w.do("GET", "/installation/repositories", "", "Authorization", "token "+token)
		return got
	}
	if got := use(token); got != 200 {
		t.Errorf("fresh token: got %d", got)
	}
	w.later(61 * time.Minute)
	if got := use(token); got != 401 {
		t.Errorf("token after an hour: got %d, want 401", got)
	}
	_, body = w.doApp("POST", fmt.Sprintf("/app/installations/%d/access_tokens", w.inst), "")
	token = body["token"].(string)
	if got, _ := w.do("DELETE", "/installation/token", "", "Authorization", "token "+token); got != 204 {
		t.Errorf("revoking: got %d", got)
	}
	if got := use(token); got != 401 {
		t.Errorf("revoked token: got %d, want 401", got)
	}
}

// doApp makes a call with a JWT of the moved clock, which ghinstallation does not know.
func (w *world) doApp(method, path, body string) (int, map[string]any) {
	block, _ := pem.Decode([]byte(w.app.PrivateKeyPEM))
	key := must1(x509.ParsePKCS1PrivateKey(block.Bytes))(w.t)
	now := w.time()
	raw := must1(jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.RegisteredClaims{
		Issuer: strconv.FormatInt(w.app.ID, 10), IssuedAt: jwt.NewNumericDate(now.Add(-time.Minute)),
		ExpiresAt: jwt.NewNumericDate(now.Add(5 * time.Minute)),
	}).SignedString(key))(w.t)
	return w.do(method, path, body, "Authorization", "Bearer "+raw)
}

func TestSuspendAndUninstall(t *testing.T) {
	w := newWorld(t)
	_, body := w.token(`{}`)
	token := "Bearer " + body["token"].(string)
	must(t, w.Suspend(w.inst, true))
	if got, _ := w.token(`{}`); got != 403 {
		t.Errorf("token while suspended: got %d, want 403", got)
	}
	if got, _ := w.do("GET", "/repos/acme/infra", "", "Authorization", token); got != 403 {
		t.Errorf("old token while suspended: got %d, want 403", got)
	}
	w.openPull("quiet", map[string]string{"a": "1"})
	if got := w.actions("pull_request"); len(got) != 0 {
		t.Errorf("events while suspended: got %v", got)
	}
	must(t, w.Suspend(w.inst, false))
	if got, _ := w.do("GET", "/repos/acme/infra", "", "Authorization", token); got != 200 {
		t.Errorf("token after the suspension: got %d", got)
	}
	must(t, w.Uninstall(w.inst))
	if got, _ := w.token(`{}`); got != 404 {
		t.Errorf("token after uninstalling: got %d, want 404", got)
	}
	if diff := cmp.Diff([]string{"created", "suspend", "unsuspend", "deleted"}, w.actions("installation")); diff != "" {
		t.Errorf("installation events (-want +got):\n%s", diff)
	}
}

// TestWhoMay is the matrix of people and what they may see and do over REST.
func TestWhoMay(t *testing.T) {
	w := newWorld(t)
	n, head := w.openPull("x", map[string]string{"a": "1"})
	must1(w.CreateRepo("acme", "open", RepoOptions{}))(t)
	pull := fmt.Sprintf("/repos/acme/infra/pulls/%d", n)
	for _, tt := range []struct {
		who, method, path, body string
		want                    int
	}{
		{"", "GET", "/repos/acme/infra", "", 404},
		{"", "GET", "/repos/acme/open", "", 200},
		{"", "POST", "/repos/acme/open/issues/1/comments", `{"body":"x"}`, 401},
		{"joe", "GET", "/repos/acme/infra", "", 404},
		{"joe", "GET", "/repos/acme/open", "", 200},
		{"joe", "POST", "/repos/acme/open/statuses/" + head, `{"state":"success"}`, 403},
		{"ada", "GET", pull, "", 200},
		{"ada", "POST", "/repos/acme/infra/check-runs", fmt.Sprintf(`{"name":"x","head_sha":%q}`, head), 403}, // only Apps write checks
		{"ada", "GET", "/app", "", 401},
		{"ada", "GET", "/installation/repositories", "", 403},
		{"ada", "GET", "/repos/acme/infra/branches/main/protection", "", 403},
		{"ada", "GET", "/repos/acme/nosuch", "", 404},
		{"ada", "DELETE", "/repos/acme/infra", "", 404},
	} {
		var header []string
		if tt.who != "" {
			header = []string{"Authorization", "token " + w.tokens[tt.who]}
		}
		if got, body := w.do(tt.method, tt.path, tt.body, header...); got != tt.want {
			t.Errorf("%q %s %s: got %d %v, want %d", tt.who, tt.method, tt.path, got, body["message"], tt.want)
		}
	}
	if got, _ := w.do("GET", "/repos/acme/open", "", "Authorization", "token ghp_wrong"); got != 401 {
		t.Errorf("wrong token on a public repository: got %d, want 401", got)
	}
	_, body := w.token(`{}`) // what is public is public for every token, but not to write
	if got, _ := w.do("GET", "/repos/acme/open", "", "Authorization", "token "+body["token"].(string)); got != 200 {
		t.Errorf("public repository outside the installation: got %d, want 200", got)
	}
	if got, _ := w.do("POST", "/repos/acme/open/issues/1/comments", `{"body":"x"}`, "Authorization",
		"token "+body["token"].(string)); got != 403 {
		t.Errorf("writing to a public repository outside the installation: got %d, want 403", got)
	}
}

func TestCollaboratorPermission(t *testing.T) {
	w := newWorld(t)
	gh := w.client("cardea")
	for _, tt := range []struct{ role, permission, name string }{
		{"none", "none", "none"}, {"read", "read", "read"}, {"triage", "read", "triage"}, {"write", "write", "write"}, {"maintain", "write", "maintain"},
		{"admin", "admin", "admin"}, {"deployer:write", "write", "deployer"},
	} {
		must(t, w.SetPermission("acme/infra", "joe", tt.role))
		p, _, err := gh.Repositories.GetPermissionLevel(w.ctx, "acme", "infra", "JOE")
		must(t, err)
		if p.GetPermission() != tt.permission || p.GetUser().GetRoleName() != tt.name {
			t.Errorf("%s: got %s/%s, want %s/%s", tt.role, p.GetPermission(), p.GetUser().GetRoleName(), tt.permission, tt.name)
		}
	}
	_, _, err := gh.Repositories.GetPermissionLevel(w.ctx, "acme", "infra", "nobody")
	if got := status(t, err); got != 404 {
		t.Errorf("unknown user: got %d, want 404", got)
	}
	must(t, w.SetTeamMember("acme", "sre", "ada", "active"))
	for login, want := range map[string]int{"ada": 200, "joe": 404} {
		_, body := w.token(`{"permissions":{"members":"read"}}`)
		got, _ := w.do("GET", "/orgs/acme/teams/sre/memberships/"+login, "", "Authorization", "token "+body["token"].(string))
		if got != want {
			t.Errorf("membership of %s: got %d, want %d", login, got, want)
		}
	}
}

func TestRename(t *testing.T) {
	w := newWorld(t)
	must(t, w.RenameRepo("acme/infra", "platform", "rob"))
	gh := w.client("cardea")
	r, _, err := gh.Repositories.Get(w.ctx, "acme", "infra") // follows the redirect
	must(t, err)
	if r.GetFullName() != "acme/platform" || r.GetID() != w.repo.ID {
		t.Errorf("old name: got %s", r.GetFullName())
	}
	if got, _ := w.as("ada", "POST", "/repos/acme/infra/issues/1/comments", `{"body":"x"}`); got != 307 {
		t.Errorf("write to the old name: got %d, want 307", got)
	}
	w.clone("ada", w.repo.CloneURL) // git follows too
	if got := w.actions("repository"); !cmp.Equal(got, []string{"renamed"}) {
		t.Errorf("events: got %v", got)
	}
}

func TestRateLimitAndValidators(t *testing.T) {
	gh, err := Start(Options{Dir: t.TempDir(), RateLimit: 5})
	must(t, err)
	w := &world{Server: gh, t: t, tokens: map[string]string{"ada": must1(gh.CreateUser("ada"))(t).Token}}
	defer func() { must(t, gh.Close()) }()
	call := func(header ...string) (int, http.Header) {
		got, body := w.do("GET", "/users/ada", "", append(header, "Authorization", "token "+w.tokens["ada"])...)
		return got, body["header"].(http.Header)
	}
	got, h := call()
	if got != 200 || h.Get("X-RateLimit-Remaining") != "4" || h.Get("X-RateLimit-Limit") != "5" {
		t.Errorf("first call: got %d, remaining %s", got, h.Get("X-RateLimit-Remaining"))
	}
	got, h = call("If-None-Match", h.Get("ETag"))
	if got != 304 || h.Get("X-RateLimit-Remaining") != "4" {
		t.Errorf("unchanged: got %d, remaining %s; want 304 for free", got, h.Get("X-RateLimit-Remaining"))
	}
	for range 4 {
		got, h = call()
	}
	if got != 200 || h.Get("X-RateLimit-Remaining") != "0" {
		t.Errorf("fifth call: got %d, remaining %s", got, h.Get("X-RateLimit-Remaining"))
	}
	if got, h = call(); got != 403 || h.Get("X-RateLimit-Reset") == "" {
		t.Errorf("sixth call: got %d, want 403", got)
	}
}

func TestEventsNeedPermissions(t *testing.T) {
	w := newWorld(t)
	if _, err := w.CreateApp(App{Slug: "weak", Events: []string{"issue_comment"}}); err == nil ||
		!strings.Contains(err.Error(), "issue_comment") {
		t.Errorf("event without permission: got %v", err)
	}
	perms := maps.Clone(allPermissions)
	perms["checks"] = "read"
	must1(w.CreateApp(App{Slug: "reader", Permissions: perms}))(t)
	gh := w.client("app")
	a, _, err := gh.Apps.Get(w.ctx, "")
	must(t, err)
	if a.GetSlug() != "cardea" || a.GetID() != w.app.ID {
		t.Errorf("GET /app: got %v", a)
	}
	in, _, err := gh.Apps.FindRepositoryInstallation(w.ctx, "acme", "infra")
	must(t, err)
	list, _, err := gh.Apps.ListInstallations(w.ctx, &github.ListOptions{})
	must(t, err)
	if in.GetID() != w.inst || len(list) != 1 || list[0].GetID() != w.inst {
		t.Errorf("installations: got %v and %v, want %d", in.GetID(), list, w.inst)
	}
}
