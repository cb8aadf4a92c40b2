package terraform

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/cardea-iac/cardea/internal/phrase"
)

// notFetched is why providers could not be had, with a way out where there is one.
func (p *planning) notFetched(missing []string, f *failure) string {
	found, sources := p.output.errors(), p.server.Sources
	if still := missingProviders(found, p.tool.registry()); len(still) > 0 {
		missing = still // the others came
	}
	one := len(missing) == 1
	said := fmt.Sprintf(phrase.OneMany(one, "The provider %s is not %s, and fetching it from %s failed", "The providers %s are not %s, and fetching them from %s failed"),
		phrase.AndList(missing), p.server.mirror(), sources.words())
	switch {
	case f.outage != nil:
		return said + ": " + f.outage.sentence(p.tool.name+" init") + p.server.wayOut(f.outage, true)
	case f.passing:
		return said + ": " + f.reason
	case untrusted(found):
		address := sources.NetworkMirror
		if address == "" {
			host, _, _ := strings.Cut(missing[0], "/")
			address = "https://" + host + "/"
		}
		return said + ". " + p.server.untrusted(address)
	case wantsToken(found):
		return said + ": it wants a valid token." + p.server.otherwise(" Name a credential with one under `registries` in the repository's rule.")
	case nowhere(found) && (sources.NetworkMirror != "" || sources.FilesystemMirror != ""):
		return said + phrase.OneMany(one, ": it is not there. Put it there, or allow its registry", ": they are not there. Put them there, or allow their registries") +
			" with `terraform.providers.direct` in the server's configuration."
	}
	return said + "."
}

// untrusted says whose certificate is not trusted, and what to do.
func (t Tools) untrusted(address string) string {
	out := "Its certificate is not trusted"
	if name := issuer(address); name != "" {
		out = "Its certificate, issued by " + phrase.Name(name) + ", is not trusted"
	}
	switch {
	case t.Own:
		return out + ": let `SSL_CERT_FILE` name a file with the certificate of that authority."
	case t.Sources.CAFile == "":
		return out + ": name a file with the certificate of that authority in `terraform.providers.ca_file` of the server's configuration."
	}
	return out + ": add the certificate of that authority to the file that `terraform.providers.ca_file` of the server's configuration names."
}

// otherwise is what only who runs a server can do.
func (t Tools) otherwise(advice string) string {
	if t.Own {
		return ""
	}
	return advice
}

// issuer is who issued the certificate at an address, "" where nobody knows. Nothing is sent: who answers is not trusted.
func issuer(address string) (name string) {
	enough := errors.New("the name is all that is wanted")
	look := &tls.Config{InsecureSkipVerify: true, VerifyConnection: func(cs tls.ConnectionState) error {
		if n := len(cs.PeerCertificates); n > 0 {
			name = cs.PeerCertificates[n-1].Issuer.String()
		}
		return enough // before anything else is said
	}}
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: look}}
	resp, err := client.Get(address)
	if err == nil { // it was plain http
		resp.Body.Close()
	}
	return name
}

// untrustedInit is the reason where an init fails because of a certificate, "" where it does not.
func (p *planning) untrustedInit() string {
	found := p.output.errors()
	switch {
	case untrusted(found):
		return p.tool.name + " init met a certificate that is not trusted: let `SSL_CERT_FILE`" + p.server.otherwise(" in the server's environment") +
			" name a file with the certificate of its authority."
	case untrustedByGit(found):
		return "git met a certificate that is not trusted: let `GIT_SSL_CAINFO`" + p.server.otherwise(" in the credentials of plans and applies") +
			" name a file with the certificate of its authority."
	}
	return ""
}
