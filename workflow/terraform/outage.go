package terraform

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/workflow"
)

// outage is a service that a command could not use. That is not the change's fault, and may go away.
type outage struct {
	text     string // that tells it
	form     string // of the sentence
	why      string // "" where nobody says it
	misspelt bool   // or may be: such a name is looked up in vain again and again
	host     string // who could not be used, "" where nobody says it
	proxy    bool   // host is the proxy on the way to others
}

// The forms of the sentence.
const (
	notReached = "%s could not reach %s"
	noAnswer   = "%s got no answer from %s in time"
	cutOff     = "%s lost its connection to %s"
	anError    = "%s got an error from %s"
	tooMany    = "%s made too many requests to %s"
)

const (
	notLookedUp = "its name could not be looked up"
	refused     = "the connection was refused"
)

// outages are what networks, services and the libraries that speak to them say when they fail
// for a moment. Matched in lower case; the first that is found counts, so what says the least is last.
var outages = []outage{
	{text: "tls handshake timeout", form: noAnswer},
	{text: "client.timeout exceeded", form: noAnswer},
	{text: "context deadline exceeded", form: noAnswer},
	{text: "i/o timeout", form: noAnswer},
	{text: "connection reset by peer", form: cutOff},
	{text: "unexpected eof", form: cutOff},
	{text: "connection refused", form: notReached, why: refused},
	{text: "network is unreachable", form: notReached, why: "the network is unreachable"},
	{text: "no route to host", form: notReached, why: "there is no route to it"},
	{text: "server misbehaving", form: notReached, why: notLookedUp},
	{text: "temporary failure in name resolution", form: notReached, why: notLookedUp},
	{text: "502 bad gateway", form: anError, why: "502 Bad Gateway"},
	{text: "503 service unavailable", form: anError, why: "503 Service Unavailable"},
	{text: "504 gateway timeout", form: anError, why: "504 Gateway Timeout"},
	{text: "429 too many requests", form: tooMany},
	{text: "slowdown: please reduce your request rate", form: tooMany},
	{text: "requestlimitexceeded", form: tooMany},
	{text: "throttlingexception", form: tooMany},
	{text: "could not connect to registry", form: notReached},
	{text: "failed to request discovery document", form: notReached},
	{text: "no such host", form: notReached, why: notLookedUp, misspelt: true},
	{text: "could not resolve host", form: notReached, why: notLookedUp, misspelt: true},
}

// outageOf finds out whether a command failed because of a network or a service.
func outageOf(errors []workflow.Diagnostic) *outage {
	for _, d := range errors {
		said := oneLine(d)
		folded := strings.ToLower(said)
		if len(folded) != len(said) { // a letter is longer in lower case: places would not fit
			said = folded
		}
		if strings.Contains(folded, "x509: ") || ownFunction.MatchString(said) { // a certificate does not get better
			continue
		}
		for _, o := range outages {
			if at := strings.Index(folded, o.text); at >= 0 {
				o.find(said, at)
				if o.why == "" && strings.Contains(folded, "no such host") {
					o.why = notLookedUp
				}
				return &o
			}
		}
	}
	return nil
}

// ownFunction finds the failure of a function that asks nobody: jsondecode meets an "unexpected EOF" too.
var ownFunction = regexp.MustCompile(`(?i)call to function "(?:core::)?\w+" failed`)

// How errors name who was asked, the surest first.
var (
	proxyPattern  = regexp.MustCompile(`proxyconnect \w+: dial \w+:? (?:lookup )?((?:\[\S+\]|[^\s:]+)(?::\d+)?)`)
	lookupPattern = regexp.MustCompile(`\blookup ([^\s:]+)(?: on \S+)?: `)
	urlPattern    = regexp.MustCompile(`\b[a-zA-Z][a-zA-Z0-9+.-]*://(?:[^\s/]*@)?([^\s"'<>\\/?#]+)`)
	otherPatterns = []*regexp.Regexp{
		regexp.MustCompile(`(?i)\bcould not resolve host(?:name)?:? ([^\s:]+)`),
		regexp.MustCompile(`\bconnect to host ([^\s:]+) port`),
		regexp.MustCompile(`(?i)\bcould not connect to ([a-z0-9.-]+\.[a-z0-9-]+(?::\d+)?)`),
		regexp.MustCompile(`\b(?:dial|read|write) (?:tcp|udp)\d? (?:\S+->)?([^\s>]+): `),
	}
	hostPattern = regexp.MustCompile(`^(?:[A-Za-z0-9_.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::\d{1,5})?$`)
)

// find looks for who was asked, in what stands before the words at a place, else in all of it. Of an address
// only the host counts: the rest may have a password in it.
func (o *outage) find(said string, at int) {
	for _, text := range []string{said[:at], said} {
		if m := proxyPattern.FindStringSubmatch(text); m != nil {
			o.host, o.proxy = m[1], true
		} else if m := lookupPattern.FindAllStringSubmatch(text, -1); m != nil {
			o.host, o.form, o.why = m[len(m)-1][1], notReached, notLookedUp
		} else if m := urlPattern.FindAllStringSubmatch(text, -1); m != nil {
			o.host = m[len(m)-1][1]
		}
		for _, p := range otherPatterns {
			if m := p.FindStringSubmatch(text); m != nil && o.host == "" {
				o.host = m[1]
			}
		}
		if o.host = strings.TrimRight(o.host, ".:"); !hostPattern.MatchString(o.host) {
			o.host, o.proxy = "", false
		}
		if o.host != "" {
			return
		}
	}
}

// sentence says what a command could not use, and why.
func (o *outage) sentence(command string) string {
	host := "a service that it needs"
	switch {
	case o.proxy:
		host = "the proxy " + phrase.Name(o.host)
	case o.host != "":
		host = phrase.Name(o.host)
	}
	said := fmt.Sprintf(o.form, command, host)
	if o.why != "" {
		said += " (" + o.why + ")"
	}
	return said + "."
}

// wayOut says what people can do about an outage; fetching: it keeps providers away.
func (t Tools) wayOut(o *outage, fetching bool) string {
	running := phrase.OneMany(o.why == refused, " that it is running, and", "")
	check := " Check" + running + " that the server can reach it; behind a proxy it needs `HTTPS_PROXY` in its environment."
	switch {
	case o.proxy && t.Own:
		return " Check `HTTPS_PROXY` and that the proxy is running, then try again."
	case o.proxy:
		return " Check `HTTPS_PROXY` in the server's environment, and that the proxy is running."
	case o.form == tooMany, o.form == anError, o.form == cutOff:
		return " This is usually temporary: try again later."
	case t.Own && o.why == refused:
		check = " Check" + running + " that this machine can reach it, then try again."
	case t.Own:
		check = " Check your network connection and try again."
	}
	if o.misspelt && !fetching {
		check = " Is the name right?" + check
	}
	switch {
	case !fetching || t.Sources.NetworkMirror != "" || t.Sources.FilesystemMirror != "":
		return check
	case t.Own:
		return check + " If this machine never has access to it, run `terraform providers mirror` on one that has, and copy the result into that directory."
	}
	return check + " Or name a mirror of your own in `terraform.providers` of the server's configuration."
}
