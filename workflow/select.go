package workflow

import (
	"fmt"
	"slices"

	"github.com/cardea-iac/cardea/internal/glob"
	"github.com/cardea-iac/cardea/internal/phrase"
)

// SelectInput is a command's selector and what it may choose from.
type SelectInput struct {
	Selector Selector
	Kinds    Kinds     // of the engines that there are: they say what a variant is called
	Projects []Project // of the planned tree
	Affected []Project // an empty selector means these
	Deleted  []Project // that the change deletes
}

// Select returns the projects that a command names, sorted by name. Options of one kind are
// alternatives, different kinds must all hold; values are exact names or globs, and one that is
// exactly the name of something is no glob. A value that
// matches no project of the repository is a fault, a sentence that gives the nearest name,
// and nothing is chosen: to do half of what somebody asked for would not be what they asked
// for.
func Select(in SelectInput) (chosen []Project, fault string) {
	if in.Selector.Empty() {
		return slices.Clone(in.Affected), ""
	}
	options := in.options()
	for _, k := range options {
		if fault := k.check(in); fault != "" {
			return nil, fault
		}
	}
	for _, p := range in.Projects {
		if matches(options, p) && (!p.Library || len(in.Selector.Projects)+len(in.Selector.Dirs) > 0) {
			chosen = append(chosen, p)
		}
	}
	if len(chosen) == 0 {
		if in.Selector.All {
			return nil, "This repository has no projects."
		}
		return nil, "Each option matches some projects, but no project matches all of them."
	}
	SortProjects(chosen)
	return chosen, ""
}

// selectorKind is one option of a selector and the part of a project it looks at.
type selectorKind struct {
	what   string
	values []string
	of     func(Project) string
	exact  map[string]bool // values that are something's own name
}

func (in SelectInput) options() []selectorKind {
	out := in.Selector.options(in.Kinds)
	for i, k := range out {
		out[i].exact = map[string]bool{}
		for _, p := range slices.Concat(in.Projects, in.Deleted) {
			if have := k.of(p); slices.Contains(k.values, have) {
				out[i].exact[have] = true
			}
		}
	}
	return out
}

func (s Selector) options(kinds Kinds) []selectorKind {
	return []selectorKind{
		{what: "project", values: s.Projects, of: func(p Project) string { return p.Name }},
		{what: "directory", values: s.Dirs, of: func(p Project) string { return p.Dir }},
		{what: "environment", values: s.Environments, of: func(p Project) string { return p.Environment }},
		{what: kinds.VariantTitle(), values: s.Workspaces, of: func(p Project) string { return p.Variant }},
	}
}

// matches reports whether a selector means a project; an empty one means every one.
func matches(options []selectorKind, p Project) bool {
	return !slices.ContainsFunc(options, func(k selectorKind) bool { return len(k.values) > 0 && !k.matches(p) })
}

// Means reports whether a selector means a project, whatever others there are; an empty one means every one.
func (s Selector) Means(p Project) bool { return matches(s.options(nil), p) }

// Object is what a sentence says that a command is about: the one project that it
// names plainly, else the place. Nothing is compared with anything.
func (s Selector) Object() string {
	if len(s.Projects) == 1 && len(s.Dirs)+len(s.Environments)+len(s.Workspaces) == 0 && !glob.Is(s.Projects[0]) {
		return "`" + phrase.Shown(s.Projects[0]) + "`"
	}
	return "here"
}

func (k selectorKind) matches(p Project) bool {
	have := k.of(p)
	for _, v := range k.values {
		if k.selects(v, have) {
			return true
		}
	}
	return false
}

func (k selectorKind) selects(value, have string) bool {
	if value == have || k.exact[value] {
		return value == have
	}
	if have == "" || !glob.Is(value) || PathGlobFault(value) != "" {
		return false
	}
	return glob.Match(value, have)
}

// check says what is wrong with the values, "" when each matches at least one project.
func (k selectorKind) check(in SelectInput) string {
	for _, v := range k.values {
		if !k.exact[v] && glob.Is(v) && PathGlobFault(v) != "" {
			if why := glob.Form(v); why != "" && glob.Balanced(v) {
				return fmt.Sprintf("`%s` %s.", phrase.Shown(v), why)
			}
			return fmt.Sprintf("`%s` is not a usable glob for a %s.", phrase.Shown(v), k.what)
		}
		found := false
		names := map[string]bool{}
		for _, p := range in.Projects {
			have := k.of(p)
			found = found || k.selects(v, have)
			if have != "" {
				names[have] = true
			}
		}
		if found {
			continue
		}
		for _, p := range in.Deleted {
			if k.selects(v, k.of(p)) {
				return fmt.Sprintf("The %s `%s` is deleted by this change: there is nothing to plan.", k.what, phrase.Shown(v))
			}
		}
		if len(names) == 0 {
			return fmt.Sprintf("There is no %s `%s`; no project has one.", k.what, phrase.Shown(v))
		}
		list := make([]string, 0, len(names))
		for n := range names {
			list = append(list, n)
		}
		return fmt.Sprintf("There is no %s `%s`%s.", k.what, phrase.Shown(v), phrase.Meant(v, list))
	}
	return ""
}
