package workflow

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/cardea-iac/cardea/internal/phrase"
)

// Exact is a text by which is decided whether two things are the same: a digest, or
// the name of what it is of. It has a type of its own so that nothing that blanks the
// secrets of a plan touches it: two names must not become one.
type Exact string

// Fetched is what a plan or an apply runs that is in no tree: what init brought, and
// what the plan itself made. The zero value says that nobody knows.
type Fetched struct {
	Tool      Exact            `json:"tool,omitempty"`      // "terraform 1.11.4"
	Modules   map[string]Exact `json:"modules,omitempty"`   // by "module.a.module.b": a digest of all files
	Providers map[string]Exact `json:"providers,omitempty"` // by source address: version and a digest of its checksums
	// Made are files and directories that strings of the plan name and that no tree has
	// as they are, by path relative to the root: digests of their content.
	Made map[string]Exact `json:"made,omitempty"`
}

// Differs says, as part of a sentence, in what it is not the same as before; "" when
// it is. What nobody knows is never the same.
func (f Fetched) Differs(was Fetched) string {
	if f.Tool == "" || was.Tool == "" {
		return "it is not known with which modules and providers both were made"
	}
	if f.Tool != was.Tool {
		return fmt.Sprintf("it is made with %s, not %s", f.Tool, was.Tool)
	}
	for _, part := range []struct {
		was, now                 map[string]Exact
		other, new, gone, suffix string
	}{
		{was.Modules, f.Modules, "the source of %s gives other files now", "%s is fetched now", "%s is not fetched any more", ""},
		{was.Providers, f.Providers, "the provider %s is another one now", "the provider %s is used now", "the provider %s is not used any more", ""},
		{was.Made, f.Made, "%s, which is made while it plans, is another one now", "%s is made while it plans now", "%s is not made while it plans any more", ""},
	} {
		for _, name := range slices.Sorted(maps.Keys(part.now)) {
			before, had := part.was[name]
			switch now := part.now[name]; {
			case !had:
				return fmt.Sprintf(part.new, phrase.CodeSpan(phrase.Shown(name)))
			case before != now:
				return fmt.Sprintf(part.other, phrase.CodeSpan(phrase.Shown(name))) + versions(before, now)
			}
		}
		for _, name := range slices.Sorted(maps.Keys(part.was)) {
			if _, has := part.now[name]; !has {
				return fmt.Sprintf(part.gone, phrase.CodeSpan(phrase.Shown(name)))
			}
		}
	}
	return ""
}

// versions says which versions two providers have, where those differ.
func versions(was, now Exact) string {
	before, _, a := strings.Cut(string(was), " ")
	after, _, b := strings.Cut(string(now), " ")
	if !a || !b || before == after {
		return ""
	}
	return fmt.Sprintf(" (%s, and was %s)", after, before)
}

// sourceEffects names the modules whose source can give something else the next
// time, one sentence a reason.
func sourceEffects(doc *planDoc) []HiddenEffect {
	config, _ := doc.top["configuration"].(map[string]any)
	root, _ := config["root_module"].(map[string]any)
	reasons := map[string][]string{}
	moduleSources(root, "", func(address, source, constraint string) {
		if why := mutableSource(source, constraint); why != "" {
			reasons[why] = append(reasons[why], address)
		}
	})
	var out []HiddenEffect
	for _, why := range slices.Sorted(maps.Keys(reasons)) {
		names := reasons[why]
		e := HiddenEffect{Kind: "module_source", Text: fmt.Sprintf("%s %s from %s, which can be something else at the next run",
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
		return "a registry in any version that fits " + phrase.CodeSpan(phrase.Shown(constraint))
	case getter == "git" || getter == "hg" || getter == "" && gitShorthand.MatchString(s):
		key := "ref"
		if getter == "hg" {
			key = "rev"
		}
		if commitID.MatchString(one(key)) {
			return ""
		}
		return "a repository at no fixed commit"
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
func unlockedEffects(unlocked []string) []HiddenEffect {
	if len(unlocked) == 0 {
		return nil
	}
	one := len(unlocked) == 1
	e := HiddenEffect{Kind: "unlocked_provider", Text: fmt.Sprintf("no committed `.terraform.lock.hcl` holds the %s %s, so the next run may use %s",
		phrase.OneMany(one, "provider", "providers"), phrase.SomeOf(unlocked), phrase.OneMany(one, "another version", "other versions"))}
	if one {
		e.Address = unlocked[0]
	}
	return []HiddenEffect{e}
}
