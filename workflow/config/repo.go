package config

import (
	"fmt"
	"path"
	"strings"
	"unicode"

	"github.com/cardea-iac/cardea/internal/glob"
	"github.com/cardea-iac/cardea/workflow"
)

// Repo is a repository's configuration as one tree has it. It decides
// nothing by itself: Resolve says which of its words hold, by whose tree they are.
type Repo struct {
	File         string // as in positions: ".cardea.yml"
	Autodiscover Autodiscover
	Projects     []ProjectEntry         // in the order of the file
	Require      []workflow.Requirement // what an apply needs besides the server's requirements
}

// Autodiscover says which discovered directories are projects without being named.
type Autodiscover struct {
	At      workflow.Position // where the file says it; else its start
	Enabled bool
	Pattern string   // "{environment}/{component}", "" = directories give no labels
	Ignore  []string // globs over directories
}

// DefaultRepo is what holds for a repository without `.cardea.yml`: every
// directory with an engine's files that no other one calls is a project.
func DefaultRepo() Repo {
	return Repo{File: workflow.RepoConfigFile, Autodiscover: Autodiscover{Enabled: true}}
}

// serversKeys are keys that people look for in `.cardea.yml` and that only the server may hold.
var serversKeys = []string{"credentials", "permissions", "approvals", "apply", "lock", "forks", "drafts", "bots",
	"allow", "checks", "stale_after", "automerge", "checkout", "environments", "repos", "create_workspace", "workflows"}

const serversKey = "is a key of the server's configuration, not of a repository's"

func refusedInRepo() map[string]string {
	refused := map[string]string{}
	for _, k := range serversKeys {
		refused[k] = serversKey
	}
	return refused
}

// ParseRepo reads a `.cardea.yml`; the kinds are those of the engines whose keys its
// entries may have. When there are diagnostics the configuration is faulty and must not
// be used; all faults come at once, each with its line and column. File is the name to
// give in positions.
func ParseRepo(file string, data []byte, kinds workflow.Kinds) (Repo, []workflow.Diagnostic) {
	cfg := DefaultRepo()
	cfg.File = file
	cfg.Autodiscover.At = workflow.Position{File: file, Line: 1, Column: 1}
	faults := &Faults{}
	if root := Parse(file, data, faults); root != nil {
		root.Map(repoKeys(&cfg, kinds.Default()), refusedInRepo())
		checkPlaces(cfg, kinds, faults)
		checkGlobs(cfg, faults)
	}
	return cfg, faults.List()
}

func repoKeys(cfg *Repo, kind workflow.Kind) Keys {
	return Keys{
		"version": func(y *Value) {
			var v string
			if y.Number(&v); v != "" && v != "1" {
				y.Fault("`version` must be 1: this is the only format so far")
			}
		},
		"autodiscover": func(y *Value) {
			cfg.Autodiscover.At = y.at
			y.Map(autodiscoverKeys(&cfg.Autodiscover), nil)
		},
		"projects": func(y *Value) {
			items, left := 0, maxEntryBytes
			y.List(func(item *Value) {
				cfg.Projects = append(cfg.Projects, projectEntries(item, kind, items, &left)...)
				items++
			})
		},
		"require": func(y *Value) { cfg.Require = RequireList(y) },
	}
}

// maxGlobs is how many globs a file may have: each is compared with every name of the tree.
const maxGlobs = 5000

// globsOf counts the globs that a file says: environments with those of their item say none.
func globsOf(cfg Repo) int {
	said := map[*string]bool{} // lists, by where they begin
	n, item := len(cfg.Autodiscover.Ignore), -1
	for _, e := range cfg.Projects {
		if e.Glob && e.Item != item {
			n, item = n+1, e.Item
		}
		if len(e.Watch) > 0 && !said[&e.Watch[0]] {
			said[&e.Watch[0]] = true
			n += len(e.Watch)
		}
	}
	return n
}

func checkGlobs(cfg Repo, faults *Faults) {
	n := globsOf(cfg)
	if n > maxGlobs {
		faults.Add(workflow.Position{File: cfg.File, Line: 1, Column: 1},
			"the file has %d globs; the limit is %d: one broader glob can often replace many", n, maxGlobs)
	}
}

// RequireList reads a list of requirements, for the server's configuration too.
// What is left out is not required: only the server can leave anything out.
func RequireList(y *Value) []workflow.Requirement {
	var list []workflow.Requirement
	var words []string
	for _, need := range workflow.OptionalRequirements() {
		words = append(words, string(need))
	}
	y.List(func(v *Value) {
		var s string
		if v.Choice(&s, words...); s != "" {
			list = append(list, workflow.Requirement(s))
		}
	})
	return workflow.RequirementsOf(list, nil)
}

func autodiscoverKeys(a *Autodiscover) Keys {
	return Keys{
		"enabled": func(y *Value) { y.Bool(&a.Enabled) },
		"pattern": func(y *Value) {
			if s, ok := y.Text(); ok {
				if fault := checkPattern(s); fault != "" {
					y.Fault("`%s` %s", y.path, fault)
					return
				}
				a.Pattern = s
			}
		},
		"ignore": func(y *Value) { a.Ignore = DirGlobs(y, nil) },
	}
}

// checked reads a text that a rule may refuse; the rule returns the fault without its subject, or "".
func checked(y *Value, into *string, fault func(string) string) {
	s, ok := y.Text()
	if !ok {
		return
	}
	if why := fault(s); why != "" {
		y.Fault("`%s` %s", y.path, why)
		return
	}
	*into = s
}

// fileList reads files relative to a project's directory, or from the root where they begin
// with "/"; fault refuses more than what is no path.
func fileList(y *Value, fault func(string) string) []string {
	var list []string
	y.List(func(v *Value) {
		s, ok := v.Text()
		if !ok {
			return
		}
		name, rooted := strings.CutPrefix(s, "/")
		why := workflow.PathFault(name)
		if why == "" && rooted {
			why = leavesFault(name)
		}
		if why == "" {
			why = fault(s)
		}
		if why != "" {
			v.Fault("`%s` %s", v.path, why)
			return
		}
		if list, _ := holesIn(name, false); len(list) == 0 { // what a placeholder stands for may have several parts
			name = path.Clean(name)
		}
		if rooted {
			name = "/" + name
		}
		list = append(list, name)
	})
	return list
}

// leavesFault says of a path from the root that it leaves the repository, "" when it does not.
func leavesFault(name string) string {
	if clean := path.Clean(name); clean == ".." || strings.HasPrefix(clean, "../") {
		return fmt.Sprintf("%q leaves the repository", "/"+name)
	}
	return ""
}

func globList(y *Value, fault func(string) string) []string {
	var list []string
	y.List(func(v *Value) {
		var s string
		if checked(v, &s, fault); s != "" {
			list = append(list, s)
		}
	})
	return list
}

// DirGlobs reads globs over directories, of which the last that matches one counts; also may refuse more
// of them, nil refuses none.
func DirGlobs(y *Value, also func(string) string) []string {
	var list []string
	before := false
	y.List(func(v *Value) {
		var s string
		checked(v, &s, func(s string) string {
			why := DirGlobFault(s, before)
			if why == "" && also != nil {
				why = also(s)
			}
			return why
		})
		if s != "" {
			list = append(list, s)
		}
		before = before || !strings.HasPrefix(v.text, "!") // it comes before the next one even if it is faulty
	})
	return list
}

// ProjectDirFault says why a text is not accepted as a project's directory, ""
// when it is. Directories are compared as they are written and used as paths,
// so what is not already the clean form of a path inside the repository is
// refused, never cleaned. Wildcards are not looked at.
func ProjectDirFault(dir string) string {
	if why := workflow.PathFault(dir); why != "" {
		return why
	}
	for _, segment := range strings.Split(dir, "/") {
		switch {
		case segment == "..":
			return fmt.Sprintf("%q leaves the repository", dir)
		case segment == ".git":
			return fmt.Sprintf("%q is git's own directory", dir)
		}
	}
	if clean := path.Clean(dir); clean != dir {
		return fmt.Sprintf("%q is not in its simplest form: write %q", dir, clean)
	}
	return ""
}

// DirGlobFault says why a text is not a glob over directories of a repository,
// without its subject; "" when it is. One of a list may begin with "!": it takes out
// again what those before it name; before says that there are some.
func DirGlobFault(s string, before bool) string {
	if strings.HasPrefix(s, "!") && !before {
		return fmt.Sprintf("%q excludes nothing: put it after the globs that it is an exception to", s)
	}
	s = strings.TrimPrefix(s, "!")
	if why := workflow.PathGlobFault(s); why != "" {
		return why
	}
	if s == ".." || strings.HasPrefix(s, "../") {
		return fmt.Sprintf("%q leaves the repository", s)
	}
	return uncleanFault(s)
}

// uncleanFault says of a glob that no directory is written like it, "" when one may be: they are compared as they
// are written, and `./prod/**` would match none.
func uncleanFault(s string) string {
	for _, one := range glob.Alternatives(s) {
		clean := path.Clean(one)
		switch {
		case one == clean+"/" && !strings.HasSuffix(clean, "**"):
			return fmt.Sprintf("%q ends with /: write %q for the directory itself, or %q for all below it, too", s, clean, clean+"/**")
		case one != clean:
			return fmt.Sprintf("%q is not in its simplest form: write %q", s, clean)
		}
	}
	return ""
}

// watchFault says why a text is no glob of `watch`, without its subject; "" when it
// is. One that begins with "!" takes files out, but none that the engine reads by itself; one
// that begins with "/" is from the root.
func watchFault(kind workflow.Kind, s string) string {
	glob, exclude := strings.CutPrefix(s, "!")
	glob, rooted := strings.CutPrefix(glob, "/")
	if why := workflow.PathGlobFault(glob); why != "" {
		return why
	}
	if why := leavesFault(glob); rooted && why != "" {
		return why
	}
	if exclude && kind.ReadsUnasked(glob) {
		return fmt.Sprintf("%q excludes configuration files, but changes to those always count: remove it", s)
	}
	return holeFault(s, kind, true)
}

// nameFault says why a project's name is refused: names stand in comments,
// commands, check runs and addresses of pages, and may not look like a wildcard.
func nameFault(s string) string {
	if why := LabelFault(s); why != "" {
		return why
	}
	if strings.HasPrefix(s, "/") || strings.HasSuffix(s, "/") || strings.Contains(s, "//") || path.Clean("/"+s) != "/"+s {
		return fmt.Sprintf("%q must not have empty, . or .. parts", s)
	}
	return ""
}

// LabelFault says why a text is not accepted as an environment or a component,
// without its subject; "" when it is.
func LabelFault(s string) string {
	switch {
	case s == "":
		return "is empty"
	case len(s) > 100:
		return "is longer than 100 bytes"
	case strings.HasPrefix(s, "-"):
		return fmt.Sprintf("%q starts with -", s)
	}
	for _, r := range s {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) && !strings.ContainsRune("._-/+=:", r) {
			return fmt.Sprintf("%q has the character %q: letters, digits and . _ - / + = : are allowed", s, r)
		}
	}
	return ""
}
