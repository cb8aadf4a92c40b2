package bare

import (
	"sort"
	"strings"
)

// Change is one branch or tag that a push moved; a SHA of zeros stands for "did not exist".
type Change struct{ Ref, Old, New string }

// Branch is the name of the branch that moved.
func (c Change) Branch() string { return strings.TrimPrefix(c.Ref, "refs/heads/") }

// Changes are the refs that differ, in the order of their names.
func Changes(before, after map[string]string) []Change {
	var out []Change
	for ref, sha := range after {
		if old := before[ref]; old != sha {
			if old == "" {
				old = ZeroSHA
			}
			out = append(out, Change{ref, old, sha})
		}
	}
	for ref, old := range before {
		if after[ref] == "" {
			out = append(out, Change{ref, old, ZeroSHA})
		}
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Ref < out[j].Ref })
	return out
}
