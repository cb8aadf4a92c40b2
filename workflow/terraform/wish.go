package terraform

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/go-version"

	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/terraform/tfconfig"
)

// wish is which version of a tool a run wants, and who says so.
type wish struct {
	tool     string
	exact    *version.Version // nil: any that fits the rest
	by       string           // who names exact, for a sentence
	own      bool             // the repository names exact, not the server
	pin      *tfconfig.Wanted // the version file that counts
	required []requirement
	server   version.Constraints // nil: any
	tools    Tools               // who says what server is
}

// requirement is a required_version.
type requirement struct {
	tfconfig.Wanted
	constraints version.Constraints
}

// wishOf decides, of all who may name a version, whose word holds: the project's entry, then a
// version file, then required_version, then the server's own version where it fits.
func wishOf(tool string, tools Tools, s tfconfig.Settings, x tfconfig.Expected) (w wish, err error) {
	w = wish{tool: tool, tools: tools}
	if tools.Versions != "" {
		if w.server, err = version.NewConstraint(tools.Versions); err != nil {
			return w, failed("The server's version constraint %q is not valid: %s.", tools.Versions, err)
		}
	}
	for _, r := range x.Required {
		if c, err := version.NewConstraint(r.Version); err == nil { // else init says what is wrong with it
			w.required = append(w.required, requirement{r, c})
		}
	}
	pin, pinned := x.Pinned[tool]
	switch {
	case s.Version != "":
		err = w.name(s.Version, "`version` of the project in `"+workflow.RepoConfigFile+"`")
		w.own = true
	case pinned:
		if why := pin.Fault(); why != "" {
			w.pin = &pin
			return w, w.refused("%s", why)
		}
		w.pin = &pin
		err = w.name(pin.Version, pin.Place())
		w.own = true
	case tools.Version != "":
		if err = w.name(tools.Version, "`terraform.version` of the server's configuration"); err == nil && w.against(w.exact) != nil {
			w.exact, w.by = nil, "" // it is the server's default, and this project cannot run with it
		}
	}
	if err != nil {
		return w, err
	}
	return w, w.conflict()
}

// name takes an exact version that somebody names.
func (w *wish) name(text, by string) (err error) {
	if w.exact, err = version.NewVersion(text); err != nil {
		return failed("%s version %q is not a valid version.", w.tool, text)
	}
	w.by = by
	return nil
}

// against is the first requirement that a version does not meet.
func (w wish) against(v *version.Version) *requirement {
	for i, r := range w.required {
		if !r.constraints.Check(v.Core()) { // as the tools check it
			return &w.required[i]
		}
	}
	return nil
}

// conflict says where two of those who name a version cannot both have theirs.
func (w wish) conflict() error {
	if w.exact == nil {
		return nil
	}
	if r := w.against(w.exact); r != nil {
		return w.refused("%s asks for %s %s, but %s requires `%s`. Change one of them.", w.by, title(w.tool), w.exact, r.Place(), r.Version)
	}
	if w.server != nil && !w.server.Check(w.exact.Core()) {
		return w.notAllowed()
	}
	return nil
}

func (w wish) notAllowed() error {
	return w.refused("%s %s is needed (%s), but %s.", w.tool, w.exact, w.by, w.tools.allowsOnly())
}

// older reports whether a version is a pre-release of the oldest release that is allowed: what made
// that one the oldest may be what the pre-release lacks.
func older(allowed version.Constraints, v *version.Version) bool {
	if v.Prerelease() == "" || allowed.Check(v) {
		return false
	}
	before := v.Core().Segments()
	for i := len(before) - 1; i >= 0; i-- {
		if before[i] > 0 {
			before[i]--
			break
		}
		before[i] = 1 << 20
	}
	last, err := version.NewVersion(fmt.Sprintf("%d.%d.%d", before[0], before[1], before[2]))
	return err != nil || !allowed.Check(last)
}

// refused is the failure of a wish that cannot be granted, told at each place of the repository that has a part in it.
func (w wish) refused(format string, args ...any) error {
	f := &failure{reason: fmt.Sprintf(format, args...)}
	places := make([]tfconfig.Wanted, 0, 1+len(w.required))
	if w.pin != nil {
		places = append(places, *w.pin)
	}
	for _, r := range w.required {
		places = append(places, r.Wanted)
	}
	for _, at := range places {
		f.diagnostics = append(f.diagnostics, workflow.Diagnostic{Severity: workflow.SeverityError, Summary: f.reason,
			Position: workflow.Position{File: at.File, Line: at.Line}})
	}
	return f
}

// fits reports whether a version will do; a pre-release counts as its release.
func (w wish) fits(v *version.Version) bool {
	if w.exact != nil && !v.Equal(w.exact) {
		return false
	}
	return w.against(v) == nil && (w.server == nil || w.server.Check(v.Core()))
}

// constraints are all that a version to download has to meet.
func (w wish) constraints() version.Constraints {
	out := slices.Clone(w.server)
	for _, r := range w.required {
		out = append(out, r.constraints...)
	}
	return out
}

// String is what is wanted, with who wants it.
func (w wish) String() string {
	if w.exact != nil {
		return fmt.Sprintf("%s %s is needed (%s)", w.tool, w.exact, w.by)
	}
	if len(w.required) == 0 {
		return strings.TrimSpace(w.tool+" "+w.tools.Versions) + " is needed"
	}
	var all []string
	for _, r := range w.required {
		all = append(all, fmt.Sprintf("`%s` by %s", r.Version, r.Place()))
	}
	if w.tools.Versions != "" {
		all = append(all, fmt.Sprintf("`%s` by %s", w.tools.Versions, w.tools.allows()))
	}
	return fmt.Sprintf("%s is needed in a version that satisfies %s", w.tool, strings.Join(all, " and "))
}

// because says why a version runs that is not the server's default, "" where nobody but the server chose.
func (w wish) because() string {
	switch {
	case w.own:
		return "as " + w.by + " says"
	case w.exact == nil && len(w.required) > 0:
		var places []string
		for _, r := range w.required {
			places = append(places, r.Place())
		}
		if len(places) > 2 {
			places = append(places[:2], "others")
		}
		return "as " + strings.Join(places, " and ") + " require" + map[bool]string{true: "s"}[len(places) == 1]
	}
	return ""
}

func title(tool string) string { return tfconfig.ToolTitle(tool) }
