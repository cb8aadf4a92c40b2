package terraform

import (
	"maps"
	"slices"
	"strings"

	"github.com/cardea-iac/cardea/workflow"
)

// What the tools say in words only, messages for machines included: which of their errors may pass,
// is about the lock file, about a provider that is nowhere, about a certificate, or about a state that moved. Nothing else
// in this package looks into their English. Each has a test on what they really print.

// passingTexts are what networks, services and the libraries that speak to them say when they fail
// for a moment. Matched in lower case.
var passingTexts = []string{
	"i/o timeout", "tls handshake timeout", "connection reset by peer", "connection refused", "unexpected eof", "client.timeout exceeded",
	"context deadline exceeded", "server misbehaving", "temporary failure in name resolution", "network is unreachable", "no route to host",
	"502 bad gateway", "503 service unavailable", "504 gateway timeout", "429 too many requests", "could not connect to registry",
	"failed to request discovery document", "slowdown: please reduce your request rate", "requestlimitexceeded", "throttlingexception",
}

// passing says as a sentence why a failure is not the change's fault and may go
// away, "" when nothing says so.
func passing(errors []workflow.Diagnostic) string {
	for _, d := range errors {
		if d.Summary == "Error acquiring the state lock" {
			return lockSentence(d.Detail)
		}
	}
	for _, d := range errors {
		folded := strings.ToLower(oneLine(d))
		if strings.Contains(folded, "x509: ") { // a certificate does not get better
			continue
		}
		for _, t := range passingTexts {
			if strings.Contains(folded, t) {
				return "A network or a service failed (" + t + ")."
			}
		}
	}
	return ""
}

// oneLine is all that a diagnostic says; tools that print text wrap lines.
func oneLine(d workflow.Diagnostic) string {
	return strings.Join(strings.Fields(d.Summary+" "+d.Detail), " ")
}

// lockSentence says who holds a state lock: "KEY: VALUE" lines tell it.
func lockSentence(detail string) string {
	info := map[string]string{}
	for line := range strings.Lines(detail) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok && info[key] == "" {
			info[key] = strings.TrimSpace(value)
		}
	}
	out := "The state lock is held"
	if info["Who"] != "" {
		out += " by " + info["Who"]
	}
	if info["Created"] != "" {
		out += " since " + info["Created"]
	}
	return out + "."
}

// stale recognises that a state moved after the plan was made.
func stale(errors []workflow.Diagnostic) bool {
	return slices.ContainsFunc(errors, func(d workflow.Diagnostic) bool { return d.Summary == "Saved plan is stale" })
}

// lockFault recognises that init failed over the lock file.
func lockFault(errors []workflow.Diagnostic) bool {
	return anySays(errors,
		"checksums previously recorded in the dependency lock file", // the package is another one
		"does not match configured version constraint",              // locked version against required_providers
		"Failed to read dependency lock file", "Invalid dependency lock", "Inconsistent dependency lock file",
	)
}

// untrusted recognises that a certificate comes from an authority that is not known here.
func untrusted(errors []workflow.Diagnostic) bool {
	return anySays(errors, "x509: certificate signed by unknown authority", "certificate is not trusted") // the second on macOS
}

// untrustedByGit is the same where git says it, by whichever library it was built with.
func untrustedByGit(errors []workflow.Diagnostic) bool {
	return anySays(errors, "server certificate verification failed", "unable to get local issuer certificate", "self-signed certificate", "self signed certificate")
}

// wantsToken recognises that a mirror or registry refused to answer without a token, or with this one.
func wantsToken(errors []workflow.Diagnostic) bool {
	return anySays(errors, "rejected the given authentication credentials", "requires authentication credentials")
}

// nowhere recognises that none of the places where a provider may come from has it.
func nowhere(errors []workflow.Diagnostic) bool {
	return anySays(errors, "was not found in any of the search locations")
}

func anySays(errors []workflow.Diagnostic, texts ...string) bool {
	return slices.ContainsFunc(errors, func(d workflow.Diagnostic) bool {
		said := oneLine(d)
		return slices.ContainsFunc(texts, func(t string) bool { return strings.Contains(said, t) })
	})
}

// noProvider are the errors for a provider that init found nowhere or could not install.
var noProvider = []string{"Failed to query available provider packages", "Failed to install provider", "Failed to resolve provider packages"}

// missingProviders gives the source addresses, sorted, of the providers that
// init found nowhere; nil when init failed of something else. Both tools leave
// out the host of their own registry.
func missingProviders(errors []workflow.Diagnostic, registry string) []string {
	found := map[string]bool{}
	for _, d := range errors {
		if !slices.ContainsFunc(noProvider, func(s string) bool { return strings.HasPrefix(d.Summary, s) }) {
			continue
		}
		for _, word := range strings.Fields(d.Detail) {
			if address := providerAddress(strings.TrimRight(word, ":,."), registry); address != "" {
				found[address] = true
				break
			}
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// providerAddress is a word as HOST/NAMESPACE/TYPE; "" when it is no address of a provider.
func providerAddress(word, registry string) string {
	parts := strings.Split(word, "/")
	if len(parts) == 2 {
		parts = append([]string{registry}, parts...)
	}
	if len(parts) != 3 || strings.Trim(strings.ToLower(parts[0]), "abcdefghijklmnopqrstuvwxyz0123456789.-:") != "" || parts[0] == "" {
		return ""
	}
	for _, name := range parts[1:] {
		if name == "" || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789_-") != "" {
			return ""
		}
	}
	return strings.Join(parts, "/")
}
