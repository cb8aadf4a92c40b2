package preflight

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/cardea-iac/cardea/internal/phrase"
)

// Preflight compares facts with what the App needs.
type Preflight struct {
	config Config
	needs  Needs
}

// New returns a preflight for a configuration.
func New(c Config) (*Preflight, error) {
	n, err := needs()
	if err != nil {
		return nil, err
	}
	if c.Merges {
		for i, p := range n.Permissions {
			if p.Name == "contents" {
				n.Permissions[i].Level, n.Permissions[i].For = "write", p.For+" and merge pull requests (`automerge`)"
			}
		}
	}
	return &Preflight{config: c, needs: n}, nil
}

// Look says what is wrong, the worst first; checks that found nothing wrong are OK. What GitHub did not answer is
// not judged.
func (p *Preflight) Look(f Facts) []Finding {
	var out []Finding
	for _, check := range []struct {
		name string
		look func(Facts) []Finding
		on   bool
	}{
		{CheckGitHub, p.reached, true},
		{CheckClock, p.clock, f.Answer.Trouble == ""},
		{CheckSignIn, p.signIn, f.Answer.Trouble == ""},
		{CheckPermissions, p.permissions, f.Met},
		{CheckEvents, p.events, f.Met},
		{CheckWebhook, p.webhook, f.Listed && !f.Hook.Unknown},
		{CheckInstallations, p.installations, f.Listed},
		// An hour in which nothing was refused, nor accepted, does not say that the secret is right now.
		{CheckDeliveries, p.deliveries, f.Deliveries.Refused > 0 || !f.Deliveries.Accepted.Before(f.Deliveries.Last)},
	} {
		if !check.on {
			continue
		}
		found := check.look(f)
		for i := range found {
			found[i].Check = check.name
		}
		if len(found) == 0 {
			found = []Finding{{Check: check.name, Level: OK}}
		}
		out = append(out, found...)
	}
	slices.SortStableFunc(out, func(a, b Finding) int { return cmp.Compare(rank[a.Level], rank[b.Level]) })
	return out
}

var rank = map[Level]int{Error: 0, Warning: 1, OK: 2}

func problem(found, fix string) []Finding { return []Finding{{Level: Error, Found: found, Fix: fix}} }

const addresses = "`https://api.github.com` for github.com, `https://HOST/api/v3` for GitHub Enterprise Server"

// reached: an address that never answered may be wrong; one that did is GitHub's outage, or the network's.
func (p *Preflight) reached(f Facts) []Finding {
	a := f.Answer
	switch {
	case a.Trouble == "":
		return nil
	case f.Met || a.Trouble == Down:
		return problem(fmt.Sprintf("Cannot reach GitHub since %s: %s. Cardea keeps trying.",
			f.Since.UTC().Format("15:04 UTC"), p.trouble(a)),
			"If githubstatus.com reports no outage, check this machine's network and that "+p.api()+" is still right.")
	}
	fix := "Check " + p.api() + ": it must be " + addresses + "."
	switch a.Trouble {
	case Refused, Silent, NoName:
		fix += " If the address is right, allow this machine to reach it; a proxy is named by `HTTPS_PROXY`."
	case Proxy:
		fix = "Check `HTTPS_PROXY` and `NO_PROXY` in the server's environment."
	case TLS:
		fix += " If its certificate comes from your own authority, name that authority's file in `SSL_CERT_FILE`."
	}
	return problem("Cannot sign in to GitHub: "+p.trouble(a)+".", fix)
}

func (p *Preflight) api() string {
	return fmt.Sprintf("`github.api_url` (`%s`)", code(p.config.APIURL))
}

// trouble says what happened, as part of a sentence.
func (p *Preflight) trouble(a Answer) string {
	at := "`" + code(p.config.APIURL) + "`"
	switch a.Trouble {
	case NoName:
		return "the host of " + at + " was not found"
	case Refused:
		return "nothing answers at " + at + detail(a)
	case Proxy:
		return "the proxy on the way to " + at + " failed" + detail(a)
	case TLS:
		return "there is no trusted encrypted connection to " + at + detail(a)
	case Foreign:
		return at + " answers, but it is not GitHub's API" + detail(a)
	case Down:
		return fmt.Sprintf("it answers with status %d", a.Status)
	}
	return at + " does not answer" + detail(a)
}

func detail(a Answer) string {
	if a.Detail == "" {
		return ""
	}
	return " (" + short(a.Detail) + ")"
}

const (
	// mostAhead and mostBehind are how far our clock may be off: our signatures begin half a minute ago and end in
	// one and a half.
	mostAhead  = 25 * time.Second
	mostBehind = 80 * time.Second
	// skewed is a difference worth a warning.
	skewed = 20 * time.Second
)

func (p *Preflight) clock(f Facts) []Finding {
	off := f.Answer.Ahead.Round(time.Second)
	if off.Abs() < skewed {
		return nil
	}
	word := "ahead of"
	if off < 0 {
		word = "behind"
	}
	found := fmt.Sprintf("This machine's clock is %s %s GitHub's", off.Abs(), word)
	if f.Answer.Status == 401 && (off > mostAhead || off < -mostBehind) {
		return problem(found+", so GitHub does not accept the App's signature.",
			"Set the clock, and keep it right with NTP.")
	}
	return []Finding{{Level: Warning,
		Found: found + "; with a larger difference GitHub stops accepting the App's signature.",
		Fix:   "Keep the clock right with NTP."}}
}

// What GitHub says about signatures that it does not accept. Its words for a wrong key do not say so.
const (
	saidUnknownApp = "Integration not found"
	saidNoKey      = "Integration must generate a public key"
	saidWrongKey   = "A JSON web token could not be decoded"
)

func (p *Preflight) signIn(f Facts) []Finding {
	a := f.Answer
	said := ""
	if a.Detail != "" {
		said = " (GitHub says: " + short(a.Detail) + ")"
	}
	key := "`github.private_key` or `github.private_key_file`"
	switch {
	case a.Good():
		return nil
	case a.Status == 401 && slices.ContainsFunc(p.clock(f), func(c Finding) bool { return c.Level == Error }):
		return nil // the clock says it
	case a.Status == 404:
		return problem(fmt.Sprintf("Cannot sign in to GitHub: `%s` knows no App with the ID %d%s.",
			code(p.config.APIURL), p.config.AppID, said),
			"Set `github.app_id` to the App ID on the App's settings page; if the App is on another GitHub, set "+
				p.api()+".")
	case strings.Contains(a.Detail, saidNoKey):
		return problem(fmt.Sprintf("Cannot sign in to GitHub: the App with the ID %d no longer has a private key%s.",
			p.config.AppID, said),
			"Check `github.app_id`; if it is right, generate a private key on the App's settings page, and set "+
				key+".")
	case a.Status == 401 && strings.Contains(a.Detail, saidWrongKey):
		return problem(fmt.Sprintf("Cannot sign in to GitHub: the private key does not belong to the App with the ID %d, "+
			"or was deleted there%s.", p.config.AppID, said),
			"Compare `github.app_id` with the App ID on the App's settings page; if it is right, generate a new "+
				"private key there, and set "+key+".")
	}
	return problem(fmt.Sprintf("Cannot sign in to GitHub as the App with the ID %d: it answers with status %d%s.",
		p.config.AppID, a.Status, said),
		"Check `github.app_id`, "+key+" and "+p.api()+".")
}

// settings is a page of the App's settings: "" the general one, or permissions.
func (p *Preflight) settings(a App, page string) string {
	path := "/settings/apps/"
	if a.Organization {
		path = "/organizations/" + url.PathEscape(name(a.Owner)) + path
	}
	if page != "" {
		page = "/" + page
	}
	return p.config.WebURL + path + url.PathEscape(name(a.Slug)) + page
}

func (p *Preflight) permissions(f Facts) (out []Finding) {
	for _, n := range p.needs.Permissions {
		if granted(f.App.Permissions, n) {
			continue
		}
		has := ""
		if level := f.App.Permissions[n.Name]; level != "" {
			has = fmt.Sprintf(", only `%s: %s`", n.Name, code(level))
		}
		out = append(out, Finding{About: n.Name, Level: Error,
			Found: fmt.Sprintf("The App does not have the permission `%s: %s`%s. Without it Cardea cannot %s.",
				n.Name, n.Level, has, n.For),
			Fix: fmt.Sprintf("Grant %s: %s at %s, then accept the new permission wherever the App is installed%s.",
				Label(n.Name), n.Level, p.settings(f.App, "permissions"), where(f.Installations))})
	}
	var more []string
	for permission, level := range f.App.Permissions {
		i := slices.IndexFunc(p.needs.Permissions, func(n Need) bool { return n.Name == permission })
		if (level == "write" || level == "admin") && (i < 0 || levels[level] > levels[p.needs.Permissions[i].Level]) {
			more = append(more, "`"+code(permission)+": "+level+"`")
		}
	}
	if len(more) > 0 {
		slices.Sort(more)
		out = append(out, Finding{About: "more", Level: Warning,
			Found: "The App may do more than Cardea needs: " + phrase.AndList(more) +
				". Whoever gets hold of its key may do that as well.",
			Fix: "Remove it at " + p.settings(f.App, "permissions") + "."})
	}
	return out
}

var levels = map[string]int{"read": 1, "write": 2, "admin": 3}

func granted(permissions map[string]string, n Need) bool {
	return levels[permissions[n.Name]] >= levels[n.Level]
}

// Label is a permission's name on GitHub's pages.
func Label(name string) string {
	if name == "statuses" {
		return "Commit statuses"
	}
	return phrase.Capital(phrase.Words(name))
}

// where lists the settings of installations, in brackets.
func where(list []Installation) string {
	var urls []string
	for _, in := range list {
		if in.URL != "" && len(urls) < 3 {
			urls = append(urls, code(in.URL))
		}
	}
	if len(urls) == 0 {
		return ""
	}
	return " (" + strings.Join(urls, ", ") + ")"
}

func (p *Preflight) events(f Facts) (out []Finding) {
	for _, n := range p.needs.Events {
		if !slices.Contains(f.App.Events, n.Name) {
			out = append(out, Finding{About: n.Name, Level: Error,
				Found: fmt.Sprintf("The App is not subscribed to the event `%s`. Without it Cardea does not hear of %s.",
					n.Name, n.For),
				Fix: fmt.Sprintf("Subscribe to %s at %s.", phrase.Capital(phrase.Words(n.Name)),
					p.settings(f.App, "permissions"))})
		}
	}
	return out
}

func (p *Preflight) webhook(f Facts) (out []Finding) {
	page, h := p.settings(f.App, ""), f.Hook
	if h.URL == "" && p.config.WebhookURL == "" {
		return nil
	}
	add := func(about string, level Level, found, fix string) {
		out = append(out, Finding{About: about, Level: level, Found: found, Fix: fix})
	}
	switch want := p.config.WebhookURL; {
	case want == "" || same(h.URL, want):
	case h.URL == "":
		add("url", Error, "The App has no webhook URL, so GitHub sends nothing to this server.",
			fmt.Sprintf("Activate the webhook at %s, with the URL `%s` and the secret of `github.webhook_secrets`.",
				page, want))
	case f.Deliveries.Accepted.After(h.Since):
		add("url", Warning,
			fmt.Sprintf("The App's webhook URL is `%s`, not `%s`; deliveries still arrive.", place(h.URL, want), want),
			"If nothing passes them on from there on purpose, set the URL at "+page+".")
	default:
		add("url", Error, fmt.Sprintf("GitHub sends the App's deliveries to `%s`, but this server receives them at `%s`.",
			place(h.URL, want), want),
			fmt.Sprintf("Set the webhook URL to `%s` at %s, or correct `public_url`.", want, page))
	}
	if h.URL == "" {
		return out
	}
	if !h.JSON {
		add("form", Error, "GitHub sends the App's deliveries as forms, which Cardea refuses.",
			"Set the webhook's content type to `application/json`: with the API's `PATCH /app/hook/config`, "+
				"or by making the App again.")
	}
	if !h.Secret {
		add("secret", Error, "The App has no webhook secret, so its deliveries are not signed and Cardea refuses them.",
			"Set the secret of `github.webhook_secrets` at "+page+".")
	}
	if h.Trusts {
		add("certificate", Warning, "GitHub does not check this server's certificate when it sends deliveries.",
			"Enable SSL verification at "+page+".")
	}
	return out
}

// place is where an address leads, without what may be secret in it: a user, a query, and the path at another host,
// where it may name a channel that nobody else should know.
func place(address, ours string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return "…"
	}
	path := u.EscapedPath()
	if o, err := url.Parse(ours); path != "" && (err != nil || path != o.EscapedPath() && !strings.EqualFold(u.Host, o.Host)) {
		path = "/…"
	}
	return code(u.Scheme + "://" + u.Host + path)
}

// same reports whether two addresses are one: the host's case and the scheme's own port do not count.
func same(a, b string) bool {
	x, err := url.Parse(a)
	y, err2 := url.Parse(b)
	return err == nil && err2 == nil && strings.EqualFold(x.Scheme, y.Scheme) &&
		strings.EqualFold(x.Hostname(), y.Hostname()) && port(x) == port(y) && x.EscapedPath() == y.EscapedPath()
}

func port(u *url.URL) string {
	if u.Port() != "" {
		return u.Port()
	}
	return map[string]string{"https": "443", "http": "80"}[strings.ToLower(u.Scheme)]
}

func (p *Preflight) installations(f Facts) (out []Finding) {
	if len(f.Installations) == 0 {
		return problem("The App is not installed anywhere, so Cardea sees no repository.",
			fmt.Sprintf("Install it on your repositories at %s/installations/new.", code(f.App.URL)))
	}
	for _, in := range f.Installations {
		account, at := "`"+name(in.Account)+"`", ""
		if in.URL != "" {
			at = " at " + code(in.URL)
		}
		if in.Suspended {
			out = append(out, Finding{About: in.Account, Level: Warning,
				Found: "The App's installation on " + account + " is suspended: nothing is planned or applied there.",
				Fix:   "Unsuspend it" + at + ", or uninstall it there."})
			continue
		}
		var lacks, cannot []string
		for _, n := range p.needs.Permissions {
			if granted(f.App.Permissions, n) && !granted(in.Permissions, n) {
				lacks = append(lacks, fmt.Sprintf("`%s: %s`", n.Name, n.Level))
				cannot = append(cannot, n.For)
			}
		}
		if len(lacks) > 0 {
			out = append(out, Finding{About: in.Account, Level: Error,
				Found: fmt.Sprintf("%s has not accepted the App's new permissions: %s. Until then Cardea cannot %s "+
					"there.", account, phrase.AndList(lacks), strings.Join(cannot, "; or ")),
				Fix: fmt.Sprintf("Ask an owner of %s to review and accept them%s.", account, at)})
		}
	}
	return out
}

// ManyRefused is from how many refusals in a row on the secret must be wrong.
const ManyRefused = 3

// deliveries judges what was refused since the last good delivery. A few of them, while others are
// accepted, may come from anybody.
func (p *Preflight) deliveries(f Facts) []Finding {
	d := f.Deliveries
	if d.Refused == 0 {
		return nil
	}
	page := "on the App's settings page"
	if f.Met {
		page = "at " + p.settings(f.App, "")
	}
	why := "their signature does not match `github.webhook_secrets`"
	if d.Unsigned {
		why = "they are not signed"
	}
	same := fmt.Sprintf("the same secret in `github.webhook_secrets` and %s.", page)
	out := Finding{Level: Error, Fix: "Set " + same,
		Found: fmt.Sprintf("%s refused in the last hour because %s, and none was accepted since.",
			were(d.Refused), why)}
	if d.Refused < ManyRefused && !d.Accepted.IsZero() {
		out.Level, out.Fix = Warning, "If the App's secret was just changed: set "+same
	}
	return []Finding{out}
}

func were(n int) string {
	if n == 1 {
		return "1 delivery was"
	}
	return fmt.Sprintf("%d deliveries were", n)
}

// short is what others said, in one line without anything that could be taken for ours.
func short(s string) string {
	s = strings.Join(strings.Fields(code(s)), " ")
	if r := []rune(s); len(r) > 200 {
		s = string(r[:200]) + "…"
	}
	return strings.TrimSuffix(s, ".")
}

// name is what others call something: GitHub's names are much shorter.
func name(s string) string {
	s = code(s)
	return strings.ToValidUTF8(s[:min(len(s), 100)], "")
}

// code is a text of others that stands between backticks.
func code(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == '`' || r == 0x7f {
			return -1
		}
		return r
	}, s)
	if len(s) > 500 {
		s = s[:500]
	}
	return strings.ToValidUTF8(s, "")
}
