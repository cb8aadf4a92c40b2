package github

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"

	"github.com/cardea-iac/cardea/app/preflight"
)

// appJS is an App as GitHub's API has it.
type appJS struct {
	ID    int64  `json:"id"`
	Slug  string `json:"slug"`
	URL   string `json:"html_url"`
	Owner struct {
		Login string `json:"login"`
		Type  string `json:"type"`
	} `json:"owner"`
	Permissions map[string]string `json:"permissions"`
	Events      []string          `json:"events"`
}

// Identity asks GitHub who the App is. The answer says what is wrong when it does not tell.
// asked is false when nothing was asked, because GitHub wants no calls now.
func (c *Client) Identity(ctx context.Context) (a preflight.Answer, app preflight.App, asked bool) {
	var got appJS
	resp, err := c.call(ctx, 0, http.MethodGet, "app", nil, &got)
	if errors.As(err, new(*Limited)) {
		return a, app, false
	}
	if resp == nil || resp.Response == nil {
		return unanswered(err), app, ctx.Err() == nil
	}
	a.Status, a.Detail = resp.StatusCode, Message(err)
	if theirs, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		a.Ahead = c.config.Now().Sub(theirs)
	}
	isJSON := strings.Contains(resp.Header.Get("Content-Type"), "json")
	switch {
	case a.Status >= 500:
		a.Trouble = preflight.Down
	case a.Status == http.StatusProxyAuthRequired:
		a.Trouble, a.Detail = preflight.Proxy, "it wants a user and a password"
	case a.Status/100 == 3:
		a.Trouble, a.Detail = preflight.Foreign, fmt.Sprintf("it redirects with status %d", a.Status)
	case !isJSON:
		a.Trouble = preflight.Foreign
		a.Detail = fmt.Sprintf("status %d, %s", a.Status, orNothing(resp.Header.Get("Content-Type")))
	case a.Status == http.StatusNotFound && !strings.Contains(a.Detail, "Integration"):
		a.Trouble, a.Detail = preflight.Foreign, "it answers 404 to `/app`"
	case a.Status == http.StatusOK && got.ID != c.config.AppID:
		a.Trouble, a.Detail = preflight.Foreign, fmt.Sprintf("it answers as the App %d", got.ID)
	}
	return a, preflight.App{ID: got.ID, Slug: got.Slug, URL: got.URL, Owner: got.Owner.Login,
		Organization: got.Owner.Type == "Organization", Permissions: got.Permissions, Events: got.Events}, true
}

func orNothing(kind string) string {
	if kind == "" {
		return "without a content type"
	}
	return kind
}

// unanswered says why no answer came, without addresses and what may stand in them.
func unanswered(err error) preflight.Answer {
	a := preflight.Answer{Trouble: preflight.Silent}
	op, name := new(net.OpError), new(net.DNSError)
	var errno syscall.Errno
	if errors.As(err, &errno) {
		a.Detail = errno.Error()
	}
	switch {
	case errors.As(err, &op) && op.Op == "proxyconnect" || proxied(err):
		a.Trouble = preflight.Proxy
	case errors.As(err, &name) && name.IsNotFound:
		a.Trouble = preflight.NoName
	case errors.Is(err, syscall.ECONNREFUSED):
		a.Trouble = preflight.Refused
	case untrusted(err) != "":
		a.Trouble, a.Detail = preflight.TLS, untrusted(err)
	case errors.Is(err, context.DeadlineExceeded) || isTimeout(err):
		a.Detail = "no answer in time"
	}
	return a
}

// proxied reports whether a proxy refused to connect us: net/http has only words for that.
func proxied(err error) bool {
	return strings.Contains(err.Error(), http.StatusText(http.StatusProxyAuthRequired))
}

func isTimeout(err error) bool {
	n := net.Error(nil)
	return errors.As(err, &n) && n.Timeout()
}

// untrusted says why there is no encrypted connection, "" where that is not the reason.
func untrusted(err error) string {
	var (
		authority x509.UnknownAuthorityError
		host      x509.HostnameError
		invalid   x509.CertificateInvalidError
		plain     tls.RecordHeaderError
		alert     tls.AlertError
		verify    *tls.CertificateVerificationError
	)
	switch {
	case errors.As(err, &authority):
		return "its certificate is from an authority that this machine does not know"
	case errors.As(err, &host):
		return "its certificate is for another host"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "its certificate is not valid today; is this machine's clock right?"
	case errors.As(err, &plain), strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"):
		return "it does not speak TLS: the port or `https` is wrong"
	case errors.As(err, &invalid), errors.As(err, &verify), errors.As(err, &alert):
		return "its certificate was not accepted"
	}
	return ""
}

// Hook asks where the App's deliveries go.
func (c *Client) Hook(ctx context.Context) (preflight.Hook, error) {
	var got struct {
		URL      string `json:"url"`
		Kind     string `json:"content_type"`
		Secret   string `json:"secret"`
		Insecure any    `json:"insecure_ssl"` // "1" or 1
	}
	_, err := c.call(ctx, 0, http.MethodGet, "app/hook/config", nil, &got)
	if Status(err) == http.StatusNotFound { // an App without a webhook
		return preflight.Hook{}, nil
	}
	if err != nil {
		return preflight.Hook{}, fmt.Errorf("reading the webhook's settings: %w", err)
	}
	return preflight.Hook{URL: got.URL, JSON: got.Kind == "json", Secret: got.Secret != "",
		Trusts: fmt.Sprint(got.Insecure) == "1"}, nil
}

type installationJS struct {
	ID      int64  `json:"id"`
	URL     string `json:"html_url"`
	Account struct {
		Login string `json:"login"`
	} `json:"account"`
	Suspended   *time.Time        `json:"suspended_at"`
	Permissions map[string]string `json:"permissions"`
}

// Installations lists where the App is installed.
func (c *Client) Installations(ctx context.Context) ([]preflight.Installation, error) {
	var out []preflight.Installation
	for page := 1; page != 0; {
		var list []installationJS
		path := fmt.Sprintf("app/installations?per_page=100&page=%d", page)
		resp, err := c.call(ctx, 0, http.MethodGet, path, nil, &list)
		if err != nil {
			return nil, fmt.Errorf("listing installations: %w", err)
		}
		for _, in := range list {
			out = append(out, preflight.Installation{ID: in.ID, Account: in.Account.Login, URL: in.URL,
				Suspended: in.Suspended != nil, Permissions: in.Permissions})
		}
		page = resp.NextPage
	}
	return out, nil
}
