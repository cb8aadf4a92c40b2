package config

import (
	"fmt"
	"maps"
	"path"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

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
	Enabled bool
	Pattern string   // "{environment}/{component}", "" = directories give no labels
	Ignore  []string // globs over directories
}

// ProjectEntry is one item of `projects`. Its directory may be a glob, then it stands for several projects.
type ProjectEntry struct {
	workflow.Project      // without Name where none is written
	Glob             bool // Dir is a glob
}

// DefaultRepo is what holds for a repository without `.cardea.yml`: every
// directory with an engine's files that no other one calls is a project.
func DefaultRepo() Repo {
	return Repo{File: workflow.RepoConfigFile, Autodiscover: Autodiscover{Enabled: true}}
}

// serversKeys are keys that people look for in `.cardea.yml` and that only the server may hold.
var serversKeys = []string{"credentials", "permissions", "approvals", "apply", "lock", "forks", "drafts", "bots",
	"allow", "checks", "stale_after", "automerge", "checkout", "environments", "repos", "create_workspace"}

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
	faults := &Faults{}
	if root := Parse(file, data, faults); root != nil {
		root.Map(repoKeys(&cfg, kinds.Default()), refusedInRepo())
		checkTwins(cfg.Projects, kinds, faults)
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
		"autodiscover": func(y *Value) { y.Map(autodiscoverKeys(&cfg.Autodiscover), nil) },
		"projects": func(y *Value) {
			y.List(func(item *Value) {
				if entry, ok := projectEntry(item, kind); ok {
					cfg.Projects = append(cfg.Projects, entry)
				}
			})
		},
		"require": func(y *Value) { cfg.Require = RequireList(y) },
	}
}

// maxGlobs is how many globs a file may have: each is compared with every name of the tree.
const maxGlobs = 5000

func checkGlobs(cfg Repo, faults *Faults) {
	n := len(cfg.Autodiscover.Ignore)
	for _, e := range cfg.Projects {
		if n += len(e.Watch); e.Glob {
			n++
		}
	}
	if n > maxGlobs {
		faults.Add(workflow.Position{File: cfg.File, Line: 1, Column: 1},
			"the file has %d globs, and %d are allowed: one glob over more names often says the same as many", n, maxGlobs)
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
		"ignore": func(y *Value) { a.Ignore = DirGlobs(y) },
	}
}

// projectEntry reads one item of `projects`, whose project is of one kind.
func projectEntry(y *Value, kind workflow.Kind) (ProjectEntry, bool) {
	e := ProjectEntry{Project: workflow.Project{Variant: workflow.DefaultVariant, Engine: kind.Name, Position: y.at}}
	settings := map[string][]string{}
	before := len(y.faults.list)
	refused := refusedInRepo()
	refused["require"] = "is a key of the whole file, not of one project"
	y.Map(projectKeys(&e, kind, settings), refused)
	e.Settings = kind.Settings(settings)
	if y.kind != yamlMap {
		return e, false
	}
	if !y.Has("dir") {
		y.Fault("`%s` needs a `dir`", y.path)
	}
	if e.Glob && e.Name != "" {
		y.Fault("`%s` has a name, and a `dir` with wildcards that can stand for several projects: "+
			"remove the name or name one directory", y.path)
	}
	return e, len(y.faults.list) == before
}

func projectKeys(e *ProjectEntry, kind workflow.Kind, settings map[string][]string) Keys {
	keys := Keys{
		"name":        func(y *Value) { checked(y, &e.Name, nameFault) },
		"environment": func(y *Value) { checked(y, &e.Environment, LabelFault) },
		"component":   func(y *Value) { checked(y, &e.Component, LabelFault) },
		"dir": func(y *Value) {
			s, ok := y.Text()
			if !ok {
				return
			}
			e.Dir, e.Glob = s, workflow.IsGlob(s)
			fault := ProjectDirFault(s)
			if e.Glob && fault == "" {
				fault = workflow.PathGlobFault(s)
			}
			if fault != "" {
				y.Fault("`%s` %s", y.path, fault)
			}
		},
		"watch":      func(y *Value) { e.Watch = globList(y, func(s string) string { return watchFault(kind, s) }) },
		"depends_on": func(y *Value) { y.Strings(&e.DependsOn) },
		"workspace": func(y *Value) {
			var s string
			if y.Choice(&s, "tree"); s == "tree" {
				e.WholeTree = true
			}
		},
		"autoplan": func(y *Value) {
			plan := true
			y.Bool(&plan)
			e.NoAutoplan = !plan
		},
	}
	maps.Copy(keys, kindKeys(kind, e, settings))
	return keys
}

// kindKeys are those that the project's engine brings: its variant's, and those whose words
// become its settings.
func kindKeys(kind workflow.Kind, e *ProjectEntry, settings map[string][]string) Keys {
	keys := Keys{}
	if key := kind.VariantKey; key.Name != "" {
		keys[key.Name] = func(y *Value) {
			checked(y, &e.Variant, func(s string) string {
				if s == "" { // and the default would be two names of one variant
					return "is empty"
				}
				return key.FaultOf(s)
			})
		}
	}
	for _, key := range kind.Keys {
		keys[key.Name] = func(y *Value) { settings[key.Name] = kindWords(y, key) }
	}
	return keys
}

// kindWords reads what stands behind one of an engine's keys.
func kindWords(y *Value, key workflow.Key) []string {
	var s string
	switch key.Form {
	case workflow.KeyFiles:
		return fileList(y, key.FaultOf)
	case workflow.KeyChoice:
		y.Choice(&s, key.Choices...)
	case workflow.KeyNumber:
		y.Number(&s)
		if why := key.FaultOf(s); s != "" && why != "" {
			y.Fault("`%s` %s", y.path, why)
		}
	default:
		checked(y, &s, key.FaultOf)
	}
	return []string{s}
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

// fileList reads files relative to a project's directory; fault refuses more than what is no path.
func fileList(y *Value, fault func(string) string) []string {
	var list []string
	y.List(func(v *Value) {
		s, ok := v.Text()
		if !ok {
			return
		}
		why := workflow.PathFault(s)
		if why == "" {
			why = fault(s)
		}
		if why != "" {
			v.Fault("`%s` %s", v.path, why)
			return
		}
		list = append(list, path.Clean(s))
	})
	return list
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

// DirGlobs reads globs over directories, of which the last that matches one counts.
func DirGlobs(y *Value) []string {
	before := false
	return globList(y, func(s string) string {
		why := DirGlobFault(s, before)
		before = before || why == ""
		return why
	})
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
		return fmt.Sprintf("%q is not written plainly: write %q", dir, clean)
	}
	return ""
}

// DirGlobFault says why a text is not a glob over directories of a repository,
// without its subject; "" when it is. One of a list may begin with "!": it takes out
// again what those before it name; before says that there are some.
func DirGlobFault(s string, before bool) string {
	if strings.HasPrefix(s, "!") && !before {
		return fmt.Sprintf("%q takes nothing out: write it after what it is an exception to", s)
	}
	s = strings.TrimPrefix(s, "!")
	if why := workflow.PathGlobFault(s); why != "" {
		return why
	}
	if s == ".." || strings.HasPrefix(s, "../") {
		return fmt.Sprintf("%q leaves the repository", s)
	}
	return ""
}

// watchFault says why a text is no glob of `watch`, without its subject; "" when it
// is. One that begins with "!" takes files out, but none that the engine reads by itself.
func watchFault(kind workflow.Kind, s string) string {
	glob, exclude := strings.CutPrefix(s, "!")
	if why := workflow.PathGlobFault(glob); why != "" {
		return why
	}
	if exclude && kind.ReadsUnasked(glob) {
		return fmt.Sprintf("%q takes out files of configuration, and a change of these always counts: take the line away", s)
	}
	return ""
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
			return fmt.Sprintf("%q has the part %q: whole parts {environment}, {component}, * and ** are known", s, segment)
		case segment == "" || segment == "." || segment == "..":
			return fmt.Sprintf("%q is not a plain path", s)
		case strings.Contains(segment, "**") && segment != "**", strings.Count(segment, "*") > 8:
			return fmt.Sprintf("%q has the part %q: ** stands alone", s, segment)
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

// checkTwins refuses names that are given twice, and directories that differ only
// in how Unicode writes the same letters: people could not tell them apart.
// Entries for one directory and variant are told apart by name.
func checkTwins(entries []ProjectEntry, kinds workflow.Kinds, faults *Faults) {
	twins, names := map[string][]*ProjectEntry{}, map[string]workflow.Position{}
	for i := range entries {
		e := &entries[i]
		if e.Name != "" {
			if first, twice := names[e.Name]; twice {
				faults.Add(e.Position, "the name `%s` is given twice; the first is in line %d", e.Name, first.Line)
			} else {
				names[e.Name] = e.Position
			}
		}
		key := norm.NFC.String(e.Dir) + "\x00" + e.Variant
		if same := twins[key]; len(same) > 0 && same[0].Dir != e.Dir {
			faults.Add(e.Position, "directory `%s` looks the same as the one in line %d and is written with other Unicode characters",
				e.Dir, same[0].Position.Line)
			continue
		}
		twins[key] = append(twins[key], e)
	}
	for i := range entries {
		e := &entries[i]
		if same := twins[norm.NFC.String(e.Dir)+"\x00"+e.Variant]; len(same) > 1 && same[0].Dir == e.Dir {
			e.setApart(same, kinds.Of(e.Project), faults)
		}
	}
}

// setApart tells an entry apart from others that name its directory and variant too,
// by its name, so that must be there.
func (e *ProjectEntry) setApart(same []*ProjectEntry, kind workflow.Kind, faults *Faults) {
	place := fmt.Sprintf("directory `%s`", e.Dir)
	if kind.VariantKey.Name != "" {
		place += fmt.Sprintf(" with %s `%s`", kind.VariantKey.Title, e.Variant)
	}
	switch first := same[0]; {
	case e.Name != "":
		e.Entry = e.Name
	case e != first && e.Glob:
		faults.Add(e.Position, "%s is named twice; the first is in line %d", place, first.Position.Line)
	case e != first:
		words := "a `name`"
		for _, key := range kind.Keys {
			if key.Apart {
				words += " and a `" + key.Name + "`"
			}
		}
		faults.Add(e.Position, "%s is named twice; the first is in line %d. "+
			"To plan it once for each, give every entry %s of its own", place, first.Position.Line, words)
	case !e.Glob && same[1].Name != "":
		faults.Add(e.Position, "%s is named again in line %d: give this entry a `name` too, which tells the two apart",
			place, same[1].Position.Line)
	}
}
