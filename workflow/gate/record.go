package gate

import (
	"slices"
)

// DependOn gives the gate the pull's projects among those of a `depends_on`.
func (in *Input) DependOn(names []string) {
	for _, other := range in.Record.Projects {
		name := other.Project.Name
		if !slices.Contains(names, name) {
			continue
		}
		in.Depends[name] = other.State()
		if !other.Deleted && other.AppliedSince(in.Project.Run) && !slices.Contains(in.Since, name) {
			in.Since = append(in.Since, name)
		}
	}
}
