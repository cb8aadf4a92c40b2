package config

import (
	"fmt"
	"strings"

	"github.com/cardea-iac/cardea/internal/glob"
	"github.com/cardea-iac/cardea/workflow"
)

// checkPattern says why an autodiscover pattern is refused, "" when it is good.
func checkPattern(s string) string {
	if why := workflow.PathFault(s); why != "" {
		return why
	}
	seen := map[string]bool{}
	for _, segment := range strings.Split(s, "/") {
		switch {
		case segment == "{environment}" || segment == "{component}":
			if seen[segment] {
				return fmt.Sprintf("%q names %s twice", s, segment)
			}
			seen[segment] = true
		case strings.ContainsAny(segment, "{}"):
			return fmt.Sprintf("%q has the part %q: a part with braces must be exactly {environment} or {component}", s, segment)
		case segment == "" || segment == "." || segment == "..":
			return fmt.Sprintf("%q is not a plain path", s)
		case strings.Contains(segment, "**") && segment != "**", strings.Count(segment, "*") > 8:
			return fmt.Sprintf("%q has the part %q: ** must be a part of its own", s, segment)
		}
	}
	if len(seen) == 0 {
		return fmt.Sprintf("%q has neither {environment} nor {component}", s)
	}
	if strings.Count(s, "**") > 2 {
		return fmt.Sprintf("%q has more than two **", s)
	}
	return ""
}

// Labels reads a directory's labels by an autodiscover pattern. {environment}
// stands for one part of the path, {component} for one or more, * for any text
// within a part and ** for any number of parts.
func Labels(pattern, dir string) (environment, component string, ok bool) {
	parts := strings.Split(dir, "/")
	if pattern == "" || len(parts) > 64 {
		return "", "", false
	}
	return matchLabels(strings.Split(pattern, "/"), parts)
}

func matchLabels(pattern, parts []string) (environment, component string, ok bool) {
	if len(pattern) == 0 {
		return "", "", len(parts) == 0
	}
	switch first := pattern[0]; first {
	case "**":
		for n := 0; n <= len(parts); n++ {
			if environment, component, ok = matchLabels(pattern[1:], parts[n:]); ok {
				return environment, component, true
			}
		}
	case "{component}":
		for n := 1; n <= len(parts); n++ {
			if environment, _, ok = matchLabels(pattern[1:], parts[n:]); ok {
				return environment, strings.Join(parts[:n], "/"), true
			}
		}
	case "{environment}":
		if len(parts) > 0 {
			if _, component, ok = matchLabels(pattern[1:], parts[1:]); ok {
				return parts[0], component, true
			}
		}
	default:
		if len(parts) > 0 && glob.Match(first, parts[0]) {
			return matchLabels(pattern[1:], parts[1:])
		}
	}
	return "", "", false
}
