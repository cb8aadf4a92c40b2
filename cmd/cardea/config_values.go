package main

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	goversion "github.com/hashicorp/go-version"

	"github.com/cardea-iac/cardea/cmd/cardea/credential"
	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/config"
)

// leastSecret is the shortest webhook secret in bytes: anybody may send us requests and guess
// it.
const leastSecret = 16

// address reads host:port; the host may be empty.
func (r *configReader) address(into *string) func(*config.Value) {
	return func(y *config.Value) {
		s := y.Leaves()[y.Path()] // as it is written: a port alone is a number
		why := addressFault(s)
		if why == "" {
			*into = s
			return
		}
		r.failed[y.Path()] = true
		y.Fault("`%s` %s", y.Path(), why)
	}
}

// addressFault says why nobody can listen at an address.
func addressFault(s string) string {
	_, port, err := net.SplitHostPort(s)
	if n, numErr := strconv.Atoi(port); err == nil && numErr == nil && n >= 0 && n <= 65535 {
		return ""
	}
	return fmt.Sprintf("must be host:port with a port up to 65535, like \"127.0.0.1:4141\" or \":4141\", not %q", s)
}

// url reads an http or https address; plain http only on this machine.
func (r *configReader) url(into *string) func(*config.Value) {
	return func(y *config.Value) {
		s, ok := y.Text()
		if !ok {
			return
		}
		u, err := url.Parse(s)
		switch {
		case err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https"):
			y.Fault("`%s` must be an address like https://cardea.example.com", y.Path())
		case u.User != nil || u.RawQuery != "" || u.Fragment != "":
			y.Fault("`%s` must be an address without a user, query or fragment", y.Path())
		case u.Scheme == "http" && !loopback(u.Hostname()):
			y.Fault("`%s` must begin with https://: plain http is for loopback addresses only", y.Path())
		default:
			*into = strings.TrimRight(s, "/")
		}
	}
}

// loopback reports whether a host is this machine, by its name alone: no name is looked up.
func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}

var prefixPattern = regexp.MustCompile(`^[A-Za-z0-9/@_.-]{1,40}$`)

func (r *configReader) prefixes(y *config.Value) {
	var list []string
	y.List(func(v *config.Value) {
		s, ok := v.Text()
		if !ok {
			return
		}
		if !prefixPattern.MatchString(s) {
			v.Fault("`%s` must be a single word of letters, digits and / @ _ . -, not %q", v.Path(), s)
			return
		}
		list = append(list, strings.ToLower(s))
	})
	if y.IsEmptyList() {
		y.Fault("`%s` must name at least one word", y.Path())
	}
	r.cfg.Prefixes = list
}

func (r *configReader) pages(y *config.Value) {
	if s, ok := y.Text(); ok && s == "github" {
		y.Fault("`pages.access: github` is not available yet: a later version of Cardea will sign people in; use proxy or open")
		return
	}
	y.Choice(&r.cfg.PagesAccess, "open", "proxy")
}

func (r *configReader) isolation(y *config.Value) {
	if s, ok := y.Text(); ok && s == "user" {
		y.Fault("`runs.isolation: user` is not available yet: use auto or none, which both mean no isolation for now")
		return
	}
	y.Choice(&r.cfg.Isolation, "auto", "none")
}

var exactVersion = regexp.MustCompile(`^\d+\.\d+\.\d+(-[0-9A-Za-z.]+)?$`)

func (r *configReader) version(y *config.Value) {
	var s string
	if y.Number(&s); s != "" && !exactVersion.MatchString(s) {
		y.Fault("`%s` must be one exact version like 1.11.4, not %q", y.Path(), s)
		return
	}
	r.cfg.Terraform.Version = s
}

func (r *configReader) versions(y *config.Value) {
	s, ok := y.Text()
	if !ok {
		return
	}
	if _, err := goversion.NewConstraint(s); err != nil {
		y.Fault("`%s` must be a version constraint like \">= 1.5\", not %q", y.Path(), s)
		return
	}
	r.cfg.Terraform.Versions = s
}

// finish checks what can only be seen once everything is read.
func (r *configReader) finish() {
	c := r.cfg
	c.DataDir = r.abs(c.DataDir)
	r.privateKey()
	if c.GitHub.AppID == 0 {
		r.missing("github.app_id", "the App's ID, shown on its GitHub settings page")
	}
	r.secrets()
	if may, err := goversion.NewConstraint(c.Terraform.Versions); err == nil && c.Terraform.Version != "" {
		if v, err := goversion.NewVersion(c.Terraform.Version); err == nil && !may.Check(v) {
			r.faults.Add(r.at["terraform.version"], "`terraform.version` is %s, which `terraform.versions` (%s) does not allow", v, c.Terraform.Versions)
		}
	}
	host, _, _ := net.SplitHostPort(c.Listen)
	local := loopback(host) || r.failed["listen"] // what cannot be read may be loopback
	if c.PublicURL == "" && !local {
		r.missing("public_url", "the address at which people and GitHub reach this server")
	}
	if u, err := url.Parse(c.PublicURL); err == nil && u.Path != "" {
		r.faults.Add(r.at["public_url"], "`public_url` must not have a path: the pages are served at the root")
	}
	if c.PagesAccess == "" {
		c.PagesAccess = "open"
		if !local {
			r.missing("pages.access",
				"use proxy (your own sign-in proxy is in front of this server) or open (anyone who can reach it can read every plan); it defaults to open on loopback only")
		}
	}
	for _, use := range r.used {
		entry, ok := c.credentials[use.name]
		if !ok {
			r.faults.Add(use.at, "`%s` names `%s`, which is not in `credentials`%s", use.path, use.name,
				nearest(use.name, mapKeys(c.credentials)))
			continue
		}
		if use.fault == nil {
			continue
		}
		if why := use.fault(entry); why != "" {
			r.faults.Add(use.at, "`%s` names `%s`: %s", use.path, use.name, why)
		}
	}
	r.giveWorkflows()
	r.sayReach()
}

func nearest(name string, known []string) string {
	if near := phrase.Nearest(name, known); near != "" {
		return ": did you mean `" + near + "`?"
	}
	return ""
}

// given notes what a mapping of the file has in a form that is a fault already: a misspelt name, no value, or
// a section that is none. To call it missing as well would be wrong.
func (r *configReader) given(section *config.Value, prefix string) {
	known := mapKeys(r.keys(prefix))
	sections := map[string]bool{}
	for _, s := range r.settings() {
		if rest, ok := strings.CutPrefix(s.path, prefix); ok {
			name, _, deeper := strings.Cut(rest, ".")
			sections[name] = deeper
		}
	}
	section.MapOf(func(name string, v *config.Value) {
		switch {
		case !slices.Contains(known, name):
			r.faulty[prefix+phrase.Nearest(name, known)] = true
		case sections[name] && v.IsMap():
			r.given(v, prefix+name+".")
		default:
			r.faulty[prefix+name] = true
		}
	})
}

// missing adds the fault of a required setting, unless it was given and is faulty already.
func (r *configReader) missing(path, what string) {
	section, _, _ := strings.Cut(path, ".")
	if _, given := r.at[path]; given || r.faulty[path] || r.faulty[section] {
		return
	}
	r.faults.Add(workflow.Position{File: r.cfg.File}, "`%s` (or %s) is missing: %s", path, envName(path), what)
}

// readSecrets reads webhook secrets. What is wrong with them is said by secrets, once it is known which are used.
func (r *configReader) readSecrets(y *config.Value) {
	r.secretItems, r.cfg.GitHub.WebhookSecrets = nil, []string{}
	y.List(func(v *config.Value) {
		s, ok := v.Text()
		if !ok {
			s = v.Path() // a secret is meant, and counts as one
		}
		r.secretItems = append(r.secretItems, v)
		r.cfg.GitHub.WebhookSecrets = append(r.cfg.GitHub.WebhookSecrets, s)
	})
}

func (r *configReader) secrets() {
	secrets, at := r.cfg.GitHub.WebhookSecrets, r.at["github.webhook_secrets"]
	switch {
	case r.failed["github.webhook_secrets"]:
		return // it is not known what would be used
	case len(secrets) == 0 && at != (workflow.Position{}):
		r.faults.Add(at, "`github.webhook_secrets` is empty: without a secret anyone could send events to this server")
	case len(secrets) == 0:
		r.missing("github.webhook_secrets",
			"without one anyone could send events to this server. Give one secret, or two while rotating")
	case len(secrets) > 2:
		r.faults.Add(at, "`github.webhook_secrets` has %d secrets; one or two are allowed", len(secrets))
	case len(secrets) == 2 && secrets[0] == secrets[1]:
		r.faults.Add(at, "`github.webhook_secrets` has the same secret twice")
	}
	for i, v := range r.secretItems {
		if n := len(secrets[i]); n < leastSecret {
			v.Fault("`%s` has %s; a secret needs at least %d. `openssl rand -hex 32` makes one", v.Path(), counted(n, "byte"), leastSecret)
		}
	}
}

// privateKey reads the App's private key. No message contains any of it.
func (r *configReader) privateKey() {
	path, text := "github.private_key", r.key
	switch {
	case r.key != "" && r.keyFile != "":
		r.faults.Add(r.at["github.private_key_file"],
			"`github.private_key` and `github.private_key_file` are both set; use only one")
		return
	case r.keyFile != "":
		path = "github.private_key_file"
		data, err := os.ReadFile(r.abs(r.keyFile))
		if err != nil {
			r.faults.Add(r.at[path], "`%s`: %v. It must be %s", path, credential.Unread(r.abs(r.keyFile), err), ownKey)
			return
		}
		text = string(data)
	case r.key == "":
		if _, file := r.at["github.private_key_file"]; !file && !r.faulty["github.private_key_file"] {
			r.missing(path, "the App's private key, or github.private_key_file")
		}
		return
	}
	key, err := parseKey(text)
	if err != nil {
		r.faults.Add(r.at[path], "`%s`: %v", path, err)
		return
	}
	r.cfg.GitHub.PrivateKey = key
}

// ownKey is what people are told to use where a key is none.
const ownKey = "the .pem file that GitHub gave you when you generated a private key on the App's settings page"

// parseKey reads an RSA private key in PEM, PKCS #1 or #8, also with \n written as two
// characters, as in environment files. It returns PEM of PKCS #1.
func parseKey(text string) ([]byte, error) {
	if !strings.Contains(strings.TrimSpace(text), "\n") {
		text = strings.ReplaceAll(text, `\n`, "\n")
	}
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil, fmt.Errorf("%s. Use %s", notPEM(text), ownKey)
	}
	key, err := x509.ParsePKCS1PrivateKey(block.Bytes)
	if err != nil {
		any, err8 := x509.ParsePKCS8PrivateKey(block.Bytes)
		if err8 != nil {
			return nil, fmt.Errorf("this PEM block (%q) is not an RSA private key without a passphrase. Use %s", block.Type, ownKey)
		}
		rsaKey, ok := any.(*rsa.PrivateKey)
		if !ok {
			return nil, errors.New("this private key is not an RSA key, and GitHub Apps have only RSA keys. Use " + ownKey)
		}
		key = rsaKey
	}
	return pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}), nil
}

// notPEM says what a text is that is no key in PEM.
func notPEM(text string) string {
	text = strings.TrimSpace(text)
	decoded, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(text), ""))
	switch {
	case text == "":
		return "this is empty, not a key"
	case err == nil && strings.HasPrefix(string(decoded), "-----BEGIN "):
		return "this key is encoded with base64"
	case strings.HasPrefix(text, "-----BEGIN "):
		return "this key is damaged: it begins like a key in PEM, but its lines or its end are not right"
	}
	return "this is not a key in PEM, which begins with -----BEGIN RSA PRIVATE KEY-----"
}

// appID reads the App's ID, next to which GitHub shows another one.
func (r *configReader) appID(y *config.Value) {
	if strings.HasPrefix(y.Leaves()[y.Path()], "Iv") {
		y.Fault("`%s` is the App's client ID: use its App ID, the number on the same settings page", y.Path())
		return
	}
	var id int
	y.Int(&id, 1)
	r.cfg.GitHub.AppID = int64(id)
}
