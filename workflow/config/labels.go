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
	if strings.Count(s, "/") >= maxLabelParts {
		return fmt.Sprintf("has more than %d parts", maxLabelParts)
	}
	return ""
}

// maxLabelParts is how many parts a pattern may have, and a directory that it reads labels from.
const maxLabelParts = 64

// Labels reads a directory's labels by an autodiscover pattern. {environment}
// stands for one part of the path, {component} for one or more, * for any text
// within a part and ** for any number of parts.
func Labels(pattern, dir string) (environment, component string, ok bool) {
	var steps int
	return labelPattern(pattern).read(dir, &steps)
}

// labels is a pattern, part by part.
type labels []labelPart

type labelPart struct {
	word string // "**", "{environment}" or "{component}"; "": a glob
	glob glob.Glob
}

func labelPattern(pattern string) labels {
	if pattern == "" {
		return nil
	}
	var parts labels
	for _, s := range strings.Split(pattern, "/") {
		switch s {
		case "**", "{environment}", "{component}":
			parts = append(parts, labelPart{word: s})
		default:
			parts = append(parts, labelPart{glob: glob.Compile(s)})
		}
	}
	return parts
}

// read is Labels, and adds the steps that it took.
func (l labels) read(dir string, steps *int) (environment, component string, ok bool) {
	parts := strings.Split(dir, "/")
	if len(l) == 0 || len(parts) > maxLabelParts {
		return "", "", false
	}
	r := labelReader{pattern: l, parts: parts, steps: steps, failed: map[[2]int]bool{}}
	return r.match(0, 0)
}

// labelReader matches one directory. What has failed once is not tried again.
type labelReader struct {
	pattern labels
	parts   []string
	steps   *int
	failed  map[[2]int]bool
}

// match matches what is left of the pattern with what is left of the directory.
func (r *labelReader) match(at, from int) (environment, component string, ok bool) {
	if at == len(r.pattern) {
		return "", "", from == len(r.parts)
	}
	if *r.steps++; r.failed[[2]int{at, from}] {
		return "", "", false
	}
	switch p := r.pattern[at]; {
	case p.word == "**":
		for to := from; to <= len(r.parts) && !ok; to++ {
			environment, component, ok = r.match(at+1, to)
		}
	case p.word == "{component}":
		for to := from + 1; to <= len(r.parts) && !ok; to++ {
			if environment, _, ok = r.match(at+1, to); ok {
				component = strings.Join(r.parts[from:to], "/")
			}
		}
	case from == len(r.parts):
	case p.word == "{environment}":
		if _, component, ok = r.match(at+1, from+1); ok {
			environment = r.parts[from]
		}
	case p.glob.MatchCounted(r.parts[from], r.steps):
		environment, component, ok = r.match(at+1, from+1)
	}
	if !ok {
		r.failed[[2]int{at, from}] = true
		return "", "", false
	}
	return environment, component, true
}
