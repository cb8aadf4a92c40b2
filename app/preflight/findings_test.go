package preflight

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// well is an App with which nothing is wrong.
func well() Facts {
	n, _ := needs()
	f := Facts{Answer: Answer{Status: 200}, Met: true, Listed: true,
		App:  App{ID: 7, Slug: "cardea", Owner: "acme", Organization: true, URL: "https://github.com/apps/cardea", Permissions: map[string]string{}},
		Hook: Hook{URL: "https://cardea.example.com/webhook", JSON: true, Secret: true},
	}
	for _, p := range n.Permissions {
		f.App.Permissions[p.Name] = p.Level
	}
	for _, e := range n.Events {
		f.App.Events = append(f.App.Events, e.Name)
	}
	f.Installations = []Installation{{ID: 1, Account: "acme", URL: "https://github.com/organizations/acme/settings/installations/1",
		Permissions: f.App.Permissions}}
	return f
}

func without(m map[string]string, name, level string) map[string]string {
	out := map[string]string{}
	for k, v := range m {
		if k != name {
			out[k] = v
		}
	}
	if level != "" {
		out[name] = level
	}
	return out
}

const appPage = "https://github.com/organizations/acme/settings/apps/cardea"

// Each line: what is changed of an App that is well, and what is then said; "" for nothing.
func TestFindings(t *testing.T) {
	noon := time.Date(2026, 1, 2, 12, 3, 0, 0, time.UTC)
	tests := []struct {
		name   string
		change func(*Facts)
		check  string
		level  Level
		want   string // parts, each of which is said
	}{
		{"well", func(*Facts) {}, "", "", ""},
		{"never met: no name", func(f *Facts) { *f = Facts{Answer: Answer{Trouble: NoName}} }, CheckGitHub, Error,
			"Cannot sign in to GitHub: the host of `https://api.github.com` was not found.|`github.api_url`|HTTPS_PROXY"},
		{"never met: a proxy", func(f *Facts) { *f = Facts{Answer: Answer{Trouble: Proxy, Detail: "connection refused"}} }, CheckGitHub, Error,
			"the proxy on the way to `https://api.github.com` failed (connection refused)|Check `HTTPS_PROXY` and `NO_PROXY`"},
		{"never met: TLS", func(f *Facts) {
			*f = Facts{Answer: Answer{Trouble: TLS, Detail: "its certificate is for another host"}}
		}, CheckGitHub, Error,
			"no trusted encrypted connection|another host|SSL_CERT_FILE"},
		{"never met: silence", func(f *Facts) { *f = Facts{Answer: Answer{Trouble: Silent}} }, CheckGitHub, Error, "does not answer|`github.api_url`"},
		{"never met: an outage", func(f *Facts) { *f = Facts{Answer: Answer{Trouble: Down, Status: 502}, Since: noon} }, CheckGitHub, Error,
			"Cannot reach GitHub since 12:03 UTC: it answers with status 502. Cardea keeps trying."},
		{"met: silence", func(f *Facts) { f.Answer, f.Since = Answer{Trouble: Silent, Detail: "connection reset by peer"}, noon }, CheckGitHub, Error,
			"Cannot reach GitHub since 12:03 UTC: `https://api.github.com` does not answer (connection reset by peer). Cardea keeps trying."},
		{"another key", func(f *Facts) { *f = Facts{Answer: Answer{Status: 401, Detail: saidWrongKey}} }, CheckSignIn, Error,
			"the private key does not belong to the App with the ID 7|`github.app_id`|`github.private_key_file`"},
		{"no key", func(f *Facts) { *f = Facts{Answer: Answer{Status: 401, Detail: saidNoKey}} }, CheckSignIn, Error, "no longer has a private key|generate a private key"},
		{"no such App", func(f *Facts) { *f = Facts{Answer: Answer{Status: 404, Detail: saidUnknownApp}} }, CheckSignIn, Error,
			"`https://api.github.com` knows no App with the ID 7|Set `github.app_id`"},
		{"any other refusal", func(f *Facts) { *f = Facts{Answer: Answer{Status: 403, Detail: "your IP is not on the list.\n`"}} }, CheckSignIn, Error,
			"it answers with status 403 (GitHub says: your IP is not on the list)."},
		{"ahead", func(f *Facts) {
			*f = Facts{Answer: Answer{Status: 401, Detail: "'Issued at' claim", Ahead: 5 * time.Minute}}
		}, CheckClock, Error,
			"This machine's clock is 5m0s ahead of GitHub's, so GitHub does not accept the App's signature."},
		{"behind", func(f *Facts) { *f = Facts{Answer: Answer{Status: 401, Ahead: -3 * time.Minute}} }, CheckClock, Error, "is 3m0s behind GitHub's|NTP"},
		{"a little behind, and another key", func(f *Facts) {
			*f = Facts{Answer: Answer{Status: 401, Detail: saidWrongKey, Ahead: -40 * time.Second}}
		}, CheckSignIn, Error, "the private key does not belong"},
		{"a little ahead", func(f *Facts) { f.Answer.Ahead = 22 * time.Second }, CheckClock, Warning, "22s ahead|with a larger difference"},
		{"a second off", func(f *Facts) { f.Answer.Ahead = time.Second }, "", "", ""},
		{"a permission", func(f *Facts) {
			f.App.Permissions = without(f.App.Permissions, "statuses", "")
			f.Installations[0].Permissions = f.App.Permissions
		}, CheckPermissions, Error, "`statuses: read`. Without it Cardea cannot see which other required checks have passed.|Grant Commit statuses: read at " + appPage + "/permissions"},
		{"read in place of write", func(f *Facts) {
			f.App.Permissions = without(f.App.Permissions, "issues", "read")
			f.Installations[0].Permissions = f.App.Permissions
		}, CheckPermissions, Error, "`issues: write`, only `issues: read`|Grant Issues: write"},
		{"not accepted", func(f *Facts) { f.Installations[0].Permissions = without(f.App.Permissions, "checks", "read") }, CheckInstallations, Error,
			"`acme` has not accepted the App's new permissions: `checks: write`|Ask an owner of `acme` to review and accept them at https://github.com/organizations/acme/settings/installations/1"},
		{"a suspended one has accepted nothing", func(f *Facts) { f.Installations[0] = Installation{Account: "acme", Suspended: true} }, CheckInstallations, Warning, "is suspended"},
		{"more than is needed", func(f *Facts) { f.App.Permissions["organization_secrets"] = "write" }, CheckPermissions, Warning, "`organization_secrets: write`"},
		{"reading more harms nobody", func(f *Facts) { f.App.Permissions["actions"] = "read" }, "", "", ""},
		{"an event", func(f *Facts) { f.App.Events = f.App.Events[1:] }, CheckEvents, Error, "`pull_request`. Without it Cardea does not hear of pull requests that are opened|Subscribe to Pull request at " + appPage + "/permissions"},
		{"more events", func(f *Facts) { f.App.Events = append(f.App.Events, "fork") }, "", "", ""},
		{"a port that is the scheme's own", func(f *Facts) { f.Hook.URL = "https://Cardea.example.com:443/webhook" }, "", "", ""},
		{"no path", func(f *Facts) { f.Hook.URL = "https://cardea.example.com" }, CheckWebhook, Error, "`https://cardea.example.com/webhook`|" + appPage},
		{"without TLS", func(f *Facts) { f.Hook.URL = "http://cardea.example.com/webhook" }, CheckWebhook, Error, "but this server receives them at"},
		{"forms", func(f *Facts) { f.Hook.JSON = false }, CheckWebhook, Error, "as forms"},
		{"no secret", func(f *Facts) { f.Hook.Secret = false }, CheckWebhook, Error, "has no webhook secret"},
		{"any certificate", func(f *Facts) { f.Hook.Trusts = true }, CheckWebhook, Warning, "SSL verification"},
		{"an unknown hook", func(f *Facts) { f.Hook = Hook{Unknown: true} }, "", "", ""},
		{"installed nowhere", func(f *Facts) { f.Installations = nil }, CheckInstallations, Error, "https://github.com/apps/cardea/installations/new"},
		{"one refused, none accepted", func(f *Facts) { f.Deliveries.Refused = 1 }, CheckDeliveries, Error, "1 delivery was refused|" + appPage},
		{"one refused, others accepted", func(f *Facts) { f.Deliveries = Deliveries{Refused: 2, Accepted: noon} }, CheckDeliveries, Warning, "2 deliveries were refused|If the App's secret was just changed: set the same"},
		{"many refused, others accepted before", func(f *Facts) { f.Deliveries = Deliveries{Refused: 27, Accepted: noon} }, CheckDeliveries, Error, "27 deliveries were refused"},
		{"not signed", func(f *Facts) { f.Deliveries = Deliveries{Refused: 27, Unsigned: true} }, CheckDeliveries, Error, "because they are not signed"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, err := New(Config{APIURL: "https://api.github.com", WebURL: "https://github.com", AppID: 7, WebhookURL: "https://cardea.example.com/webhook"})
			if err != nil {
				t.Fatal(err)
			}
			f := well()
			tt.change(&f)
			var bad []Finding
			for _, found := range p.Look(f) {
				if found.Level != OK {
					bad = append(bad, found)
				} else if found.Found != "" || found.Fix != "" {
					t.Errorf("what is right says %+v", found)
				}
			}
			if tt.check == "" {
				if len(bad) > 0 {
					t.Errorf("got %+v, want nothing", bad)
				}
				return
			}
			if len(bad) == 0 || len(bad) > 1 && bad[1].Level == Error || bad[0].Check != tt.check || bad[0].Level != tt.level {
				t.Fatalf("got %+v, want one %s of %s", bad, tt.level, tt.check)
			}
			said := bad[0].Found + " " + bad[0].Fix
			for _, part := range strings.Split(tt.want, "|") {
				if !strings.Contains(said, part) {
					t.Errorf("got %q, which lacks %q", said, part)
				}
			}
			if bad[0].Fix == "" || !strings.HasSuffix(bad[0].Found, ".") || !strings.HasSuffix(bad[0].Fix, ".") || strings.Count(said, "`")%2 != 0 {
				t.Errorf("not two sentences: %q", said)
			}
		})
	}
}

// A rule with automerge needs to write contents; without one that is more than is needed.
func TestMerges(t *testing.T) {
	for merges, level := range map[bool]string{true: "read", false: "write"} {
		p, err := New(Config{WebURL: "https://github.com", Merges: merges})
		if err != nil {
			t.Fatal(err)
		}
		f := well()
		f.App.Permissions["contents"] = level
		got := p.Look(f)[0]
		if want := map[bool]Level{true: Error, false: Warning}[merges]; got.Check != CheckPermissions || got.Level != want {
			t.Errorf("merges %v, contents: %s: got %+v, want %s", merges, level, got, want)
		}
	}
}

// What others say may be long and hostile; it stays one line of text.
func TestWhatOthersSay(t *testing.T) {
	p, err := New(Config{APIURL: "https://api.github.com", WebURL: "https://github.com"})
	if err != nil {
		t.Fatal(err)
	}
	evil := strings.Repeat("`\n\x1b[31m<script>", 1000)
	for _, f := range []Facts{
		{Answer: Answer{Status: 401, Detail: evil}},
		{Answer: Answer{Trouble: Foreign, Detail: evil}},
		{Answer: Answer{Status: 200}, Met: true, Listed: true, App: App{Slug: evil, Owner: evil, Organization: true, Permissions: map[string]string{"x" + evil: "write", "checks": evil}},
			Hook: Hook{URL: "https://" + evil}, Installations: []Installation{{Account: evil, Suspended: true}}},
	} {
		for _, x := range p.Look(f) {
			if s := x.Found + x.Fix; len(s) > 3000 || strings.ContainsAny(s, "\n\x1b") || strings.Count(s, "`")%2 != 0 {
				t.Errorf("%s: %d bytes: %.300q", x.Check, len(s), s)
			}
		}
	}
}

// The counter forgets after an hour and at a good delivery, and holds no more than an hour's minutes.
func TestCounter(t *testing.T) {
	var c Counter
	at := time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)
	for i := range 100_000 {
		c.Refused(at.Add(time.Duration(i)*time.Second), false)
	}
	now := at.Add(100_000 * time.Second)
	if d := c.Deliveries(now); d.Refused < 3500 || d.Refused > 3700 || len(c.minutes) > 62 {
		t.Errorf("got %+v in %d minutes", d, len(c.minutes))
	}
	if d := c.Deliveries(now.Add(62 * time.Minute)); d.Refused != 0 {
		t.Errorf("an hour later: %+v", d)
	}
	c.Refused(now, true)
	c.Accepted(now)
	if d := c.Deliveries(now); d.Refused != 0 || d.Accepted != now {
		t.Errorf("after a good one: %+v", d)
	}
	if n := c.Refused(now.Add(-time.Hour), false); n != 0 && n != 1 { // a clock that was set back
		t.Error(fmt.Sprint(n))
	}
}

// The address of a webhook may have secrets in it, and what is found is on a page: it is told without them.
func TestAddressWithoutSecrets(t *testing.T) {
	p, err := New(Config{WebURL: "https://github.com", AppID: 7, WebhookURL: "https://cardea.example.com/webhook"})
	if err != nil {
		t.Fatal(err)
	}
	for address, want := range map[string]string{
		"https://user:CANARY@old.example.com/webhook":  "`https://old.example.com/webhook`",
		"https://CANARY@old.example.com:8443/webhook":  "`https://old.example.com:8443/webhook`",
		"https://old.example.com/webhook?token=CANARY": "`https://old.example.com/webhook`",
		"https://old.example.com/webhook#CANARY":       "`https://old.example.com/webhook`",
		"https://relay.example.com/CANARY":             "`https://relay.example.com/…`",
		"https://cardea.example.com/hook?t=CANARY":     "`https://cardea.example.com/hook`",
		"https://old.example.com":                      "`https://old.example.com`",
		"https://user:CANARY@old.example.com/%zz":      "`…`",
		"https:CANARY": "`…`",
		"https://old.example.com/`CANARY` is right now": "`https://old.example.com/…`",
	} {
		for _, arrive := range []bool{false, true} {
			f := well()
			f.Hook.URL = address
			if arrive {
				f.Deliveries.Accepted, f.Hook.Since = time.Unix(2, 0), time.Unix(1, 0)
			}
			found := p.Look(f)[0]
			if found.Check != CheckWebhook || !strings.Contains(found.Found, want) || strings.Contains(found.Found+found.Fix, "CANARY") {
				t.Errorf("%s: %+v", address, found)
			}
		}
	}
}
