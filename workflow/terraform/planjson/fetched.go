package planjson

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/workflow"
)

// sourceEffects names the modules whose source can give something else the next
// time, one sentence a reason.
func sourceEffects(doc *planDoc) []workflow.HiddenEffect {
	config, _ := doc.top["configuration"].(map[string]any)
	root, _ := config["root_module"].(map[string]any)
	reasons := map[string][]string{}
	moduleSources(root, "", func(address, source, constraint string) {
		if why := mutableSource(source, constraint); why != "" {
			reasons[why] = append(reasons[why], address)
		}
	})
	var out []workflow.HiddenEffect
	for _, why := range slices.Sorted(maps.Keys(reasons)) {
		names := reasons[why]
		e := workflow.HiddenEffect{Kind: "module_source",
			Text: fmt.Sprintf("%s %s from %s, which may have changed by the next run",
				phrase.SomeOf(names), phrase.OneMany(len(names) == 1, "comes", "come"), why)}
		if len(names) == 1 {
			e.Address = names[0]
		}
		out = append(out, e)
	}
	return out
}

// moduleSources calls do for each module call of a configuration, in order.
func moduleSources(module map[string]any, prefix string, do func(address, source, constraint string)) {
	calls, _ := module["module_calls"].(map[string]any)
	for _, name := range sortedKeys(calls) {
		call, _ := calls[name].(map[string]any)
		source, _ := call["source"].(string)
		constraint, _ := call["version_constraint"].(string)
		do(prefix+"module."+name, source, constraint)
		called, _ := call["module"].(map[string]any)
		moduleSources(called, prefix+"module."+name+".", do)
	}
}

var (
	registrySource = regexp.MustCompile(`^([0-9A-Za-z.-]+(:[0-9]+)?/)?[0-9A-Za-z_-]+/[0-9A-Za-z_-]+/[0-9a-z]+(//.*)?$`)
	oneVersion     = regexp.MustCompile(`^=?\s*v?[0-9]+(\.[0-9]+){0,2}([-+][0-9A-Za-z.+-]+)?$`)
	commitID       = regexp.MustCompile(`^([0-9a-fA-F]{40}|[0-9a-fA-F]{64})$`)
	gitShorthand   = regexp.MustCompile(`^(github\.com/|bitbucket\.org/|gitlab\.com/|[0-9A-Za-z_.-]+@[^/]+:)`)
	getterPrefix   = regexp.MustCompile(`^([0-9A-Za-z]+)::`)
)

// mutableSource says what kind of source may give other files the next time, "" for
// one that cannot: a directory of the repository or of the package itself, one
// version of a registry, a commit of git, an address with a strong checksum. The
// source itself is not repeated: it may hold a password.
func mutableSource(source, constraint string) string {
	getter, s := "", strings.TrimSpace(source)
	if m := getterPrefix.FindStringSubmatch(s); m != nil {
		getter, s = strings.ToLower(m[1]), s[len(m[0]):]
	}
	_, query, _ := strings.Cut(s, "?")
	one := func(key string) string { return onlyValue(query, key) }
	sum := one("checksum")
	switch {
	case getter == "" && (strings.HasPrefix(s, ".") && !strings.Contains(s, "?")):
		return ""
	case getter == "" && registrySource.MatchString(s) && !gitShorthand.MatchString(s):
		if oneVersion.MatchString(strings.TrimSpace(constraint)) {
			return ""
		}
		if constraint == "" {
			return "a registry in any version"
		}
		return "a registry in any version that fits " + phrase.Name(constraint)
	case getter == "git" || getter == "hg" || getter == "" && gitShorthand.MatchString(s):
		key := "ref"
		if getter == "hg" {
			key = "rev"
		}
		if commitID.MatchString(one(key)) {
			return ""
		}
		return "a repository without a fixed commit"
	case strings.HasPrefix(sum, "sha256:") || strings.HasPrefix(sum, "sha512:"):
		return ""
	case getter == "oci" && strings.HasPrefix(one("digest"), "sha256:"):
		return ""
	}
	return "an address without a checksum"
}

// onlyValue is the value of a key that a query has exactly once, "" otherwise.
func onlyValue(query, key string) string {
	value, n := "", 0
	for _, pair := range strings.FieldsFunc(query, func(r rune) bool { return r == '&' || r == ';' }) {
		k, v, _ := strings.Cut(pair, "=")
		if strings.ContainsRune(k, '%') || strings.EqualFold(k, key) {
			value, n = v, n+1
		}
	}
	if n != 1 {
		return ""
	}
	return value
}

// unlockedEffects names the providers that no committed lock file holds to a version.
func unlockedEffects(unlocked []string) []workflow.HiddenEffect {
	if len(unlocked) == 0 {
		return nil
	}
	one := len(unlocked) == 1
	e := workflow.HiddenEffect{Kind: "unlocked_provider",
		Text: fmt.Sprintf("no committed `.terraform.lock.hcl` includes the %s %s, so the next run may use %s",
			phrase.OneMany(one, "provider", "providers"), phrase.SomeOf(unlocked),
			phrase.OneMany(one, "another version", "other versions"))}
	if one {
		e.Address = unlocked[0]
	}
	return []workflow.HiddenEffect{e}
}
