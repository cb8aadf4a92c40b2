package terraform

import (
	"maps"
	"slices"
	"strings"

	"github.com/cardea-iac/cardea/workflow"
)

// What the tools say in words only, messages for machines included: which of their errors
// is about a network (outage.go), a lock of the state, the lock file, a provider that is nowhere, a certificate, or a state that moved. Nothing else
// in this package looks into their English. Each has a test on what they really print.

// oneLine is all that a diagnostic says; tools that print text wrap lines.
func oneLine(d workflow.Diagnostic) string {
	return strings.Join(strings.Fields(d.Summary+" "+d.Detail), " ")
}

// held are signs that somebody has the state lock: who it is, or how services say that it exists.
var held = []string{"Lock Info:", "already locked", "ConditionalCheckFailed", "PreconditionFailed", "conditionNotMet"}

// heldLock says as a sentence who holds the state lock, "" where no command failed because of it: it
// may as well be that nobody is allowed to take it.
func heldLock(errors []workflow.Diagnostic) string {
	for _, d := range errors {
		if d.Summary == "Error acquiring the state lock" && slices.ContainsFunc(held, func(sign string) bool { return strings.Contains(d.Detail, sign) }) {
			return lockSentence(d.Detail)
		}
	}
	return ""
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
