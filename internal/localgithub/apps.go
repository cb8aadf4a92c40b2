package localgithub

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cardea-iac/cardea/internal/localgithub/hooks"
	"github.com/cardea-iac/cardea/internal/localgithub/model"
	"github.com/cardea-iac/cardea/internal/localgithub/render"
)

func getApp(c *call) reply {
	o := c.s.render.App(c.who.app)
	n := 0
	for _, in := range c.s.st.Installs {
		if in.App == c.who.app {
			n++
		}
	}
	o["installations_count"] = n
	return ok(o)
}

// hookConfig shows that there is a secret, never the secret.
func hookConfig(c *call) reply {
	o := obj{"content_type": "json", "insecure_ssl": "0"}
	if c.who.app.HookURL != "" {
		o["url"] = c.who.app.HookURL
	}
	if c.who.app.Secret != "" {
		o["secret"] = "********"
	}
	return ok(o)
}

func listInstallations(c *call) reply {
	all := slices.DeleteFunc(model.Sorted(c.s.st.Installs, func(in *model.Installation) int64 { return in.ID }), func(in *model.Installation) bool { return in.App != c.who.app })
	return each(c, all, c.s.render.Installation)
}

func (c *call) installation() *model.Installation {
	in := c.s.st.Installs[c.number("id")]
	if in == nil || in.App != c.who.app {
		return nil
	}
	return in
}

func getInstallation(c *call) reply {
	if in := c.installation(); in != nil {
		return ok(c.s.render.Installation(in))
	}
	return notFound()
}

func repoInstallation(c *call) reply {
	for _, in := range c.s.st.Installs {
		if in.App == c.who.app && in.Covers(c.repo) {
			return ok(c.s.render.Installation(in))
		}
	}
	return notFound()
}

// createToken makes an installation token, narrowed to the repositories and permissions asked
// for. Asking for what the installation lacks is a 422. ("Create an installation access token
// for an app")
func createToken(c *call) reply {
	in := c.installation()
	if in == nil {
		return notFound()
	}
	if in.Suspended != nil {
		return fail(http.StatusForbidden, "This installation has been suspended")
	}
	var ask struct {
		Repositories  []string          `json:"repositories"`
		RepositoryIDs []int64           `json:"repository_ids"`
		Permissions   map[string]string `json:"permissions"`
	}
	if bad := c.decode(&ask); bad != nil {
		return *bad
	}
	life := c.s.opts.Now().UTC().Add(c.s.opts.TokenLife)
	t := &model.Token{Inst: in, Perms: maps.Clone(in.Perms), Expires: life}
	if ask.Permissions != nil {
		for name, level := range ask.Permissions {
			if !allows(in.Perms[name], level) || level == "" {
				return fail(http.StatusUnprocessableEntity, "The permissions requested are not granted to this installation.")
			}
		}
		t.Perms = maps.Clone(ask.Permissions)
		t.Perms["metadata"] = "read"
	}
	repos, granted := c.narrow(in, ask.RepositoryIDs, ask.Repositories)
	if !granted {
		return fail(http.StatusUnprocessableEntity,
			"There is at least one repository that does not exist or is not accessible to the parent installation.")
	}
	body := obj{"expires_at": life.Format(time.RFC3339), "permissions": t.Perms, "repository_selection": "all"}
	if !in.All {
		body["repository_selection"] = "selected"
	}
	if repos != nil {
		t.Repos = map[int64]bool{}
		list := []obj{}
		for _, r := range repos {
			t.Repos[r.ID] = true
			list = append(list, c.s.render.Repo(r, nil))
		}
		body["repository_selection"], body["repositories"] = "selected", list
	}
	t.Value = newToken(in, c.r.Header.Get("X-GitHub-Stateless-S2S-Token") == "disabled", life)
	c.s.st.InstTok[t.Value] = t
	body["token"] = t.Value
	return created(body)
}

// narrow finds the repositories asked for; nil when all of the installation's were meant.
func (c *call) narrow(in *model.Installation, ids []int64, names []string) (repos []*model.Repo, granted bool) {
	if len(ids) > 500 || len(names) > 500 {
		return nil, false
	}
	for _, id := range ids {
		repos = append(repos, c.s.st.Repos[id])
	}
	for _, name := range names {
		repos = append(repos, c.s.st.Repo(in.Account.Login+"/"+name))
	}
	for _, r := range repos {
		if r == nil || !in.Covers(r) {
			return nil, false
		}
	}
	return repos, true
}

func revokeToken(c *call) reply {
	delete(c.s.st.InstTok, c.who.tok.Value)
	return nothing()
}

func installationRepos(c *call) reply {
	all := slices.DeleteFunc(c.s.st.Covered(c.who.tok.Inst), func(r *model.Repo) bool { return !c.who.tok.Covers(r) })
	return counted(c, "repositories", all, func(r *model.Repo) obj { return c.s.render.Repo(r, &model.Grant{Role: "read"}) })
}

func rateLimit(c *call) reply {
	rt, limit := c.s.st.Rates[c.who.name()], c.s.opts.RateLimit
	one := obj{"limit": limit, "used": rt.Used, "remaining": limit - rt.Used, "reset": rt.Reset.Unix()}
	other := obj{"limit": limit, "used": 0, "remaining": limit, "reset": rt.Reset.Unix()}
	return ok(obj{"resources": obj{"core": one, "search": other, "graphql": other}, "rate": one})
}

func getSelf(c *call) reply {
	if c.who.user == nil {
		if c.who.tok != nil {
			return reply{status: http.StatusForbidden,
				body: fail(http.StatusForbidden, "Resource not accessible by integration").body}
		}
		return fail(http.StatusUnauthorized, "Requires authentication")
	}
	return ok(c.s.render.Profile(c.who.user))
}

func getUser(c *call) reply {
	if a := c.s.st.Login(c.value("username")); a != nil {
		return ok(c.s.render.Profile(a))
	}
	return notFound()
}

// teamMembership is 404 both for "no member" and for "no such team". The App must be
// installed on the organization.
func teamMembership(c *call) reply {
	t := c.s.st.Teams[strings.ToLower(c.value("org")+"/"+c.value("team"))]
	a := c.s.st.Login(c.value("username"))
	if t == nil || a == nil || t.Members[a.ID] == "" || c.who.tok != nil && c.who.tok.Inst.Account != t.Org ||
		c.who.account() == nil {
		return notFound()
	}
	url := c.s.api + "/organizations/" + strconv.FormatInt(t.Org.ID, 10) + "/team/" +
		strconv.FormatInt(t.ID, 10) + "/memberships/" + a.Login
	return ok(obj{"url": url, "role": "member", "state": t.Members[a.ID]})
}

// permission folds custom and in-between roles into the four old words and gives the true one
// in role_name. ("Get repository permissions for a user")
func permission(c *call) reply {
	a := c.s.st.Login(c.value("username"))
	if a == nil {
		return notFound()
	}
	if c.who.user != nil && c.who.user != a && !c.repo.May(c.who.user, "write") {
		return fail(http.StatusForbidden, "Must have push access to view collaborator permission.")
	}
	g := c.repo.GrantOf(a)
	old := map[string]string{"triage": "read", "maintain": "write"}[g.Role]
	if old == "" {
		old = g.Role
	}
	user := c.s.render.User(a).(obj)
	user["role_name"] = g.Name
	user["permissions"] = c.s.render.Repo(c.repo, &g)["permissions"]
	return ok(obj{"permission": old, "role_name": g.Name, "user": user})
}

func (s *Server) deliveryJSON(d *hooks.Delivery) obj {
	o := obj{
		"id": d.ID, "guid": d.GUID, "delivered_at": d.At.Format(time.RFC3339Nano), "redelivery": d.Redelivery,
		"duration": d.Duration.Seconds(), "status": d.Status,
		"status_code": d.Code, "event": d.Event, "action": render.OrNil(d.Action), "installation_id": nil,
		"repository_id": nil, "throttled_at": nil,
	}
	if d.InstallID != 0 {
		o["installation_id"] = d.InstallID
	}
	if d.RepoID != 0 {
		o["repository_id"] = d.RepoID
	}
	return o
}

// listDeliveries pages with a cursor, newest first.
func listDeliveries(c *call) reply {
	log := c.s.sent[c.who.app.ID]
	per := min(max(atoi(c.query("per_page"), 30), 1), 100)
	cursor := int64(1 << 62)
	if v := c.query("cursor"); v != "" {
		n, err := strconv.ParseInt(strings.TrimPrefix(v, "v1_"), 10, 64)
		if err != nil {
			return fail(http.StatusUnprocessableEntity, "Invalid cursor")
		}
		cursor = n
	}
	out, h := []obj{}, http.Header{}
	for i := len(log) - 1; i >= 0; i-- {
		d := log[i]
		good := d.Code >= 200 && d.Code < 400
		if d.ID >= cursor || c.query("status") == "success" && !good || c.query("status") == "failure" && good {
			continue
		}
		if len(out) == per {
			q := c.r.URL.Query()
			q.Set("cursor", "v1_"+strconv.FormatInt(out[per-1]["id"].(int64), 10))
			h.Set("Link", "<"+c.s.api+"/app/hook/deliveries?"+q.Encode()+`>; rel="next"`)
			break
		}
		out = append(out, c.s.deliveryJSON(d))
	}
	return reply{status: http.StatusOK, body: out, header: h}
}

func getDelivery(c *call) reply {
	d := c.s.logged(c.who.app, c.number("id"))
	if d == nil {
		return notFound()
	}
	o := c.s.deliveryJSON(d)
	o["url"] = d.URL
	o["request"] = obj{"headers": flat(d.Headers), "payload": rawPayload(d.Payload)}
	o["response"] = obj{"headers": flat(d.Header), "payload": render.OrNil(d.Body)}
	return ok(o)
}

func flat(h http.Header) obj {
	o := obj{}
	for k, v := range h {
		o[k] = strings.Join(v, ", ")
	}
	return o
}

func redeliver(c *call) reply {
	d := c.s.logged(c.who.app, c.number("id"))
	if d == nil {
		return notFound()
	}
	c.s.hooks.Enqueue(d.Again())
	return reply{status: http.StatusAccepted, body: obj{}}
}
