package survey

import (
	"bytes"
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/config"
)

// Input is what decides which projects a planned tree has and what holds for them.
type Input struct {
	Rules                workflow.Rules
	Base, Head           config.Repo // Head is the planned tree's
	BaseFaulty           bool        // base's file does not parse: Base is not looked at
	BaseFound, HeadFound workflow.Discovery
	Kinds                workflow.Kinds // of the engines that read both trees
}

// Resolution is the answer of Resolve.
type Resolution struct {
	// Projects of the planned tree, sorted by name.
	Projects []workflow.Project
	// BaseProjects are those of base, sorted by name.
	BaseProjects []workflow.Project
	// Changed names, for projects of both trees whose resolved entry differs, the keys that differ.
	Changed map[workflow.ProjectKey][]string
	// Require is what base's and head's files require besides the server's rule; each project has it too.
	Require []workflow.Requirement
	// Notes are sentences about the whole pull.
	Notes []string
	// Diagnostics are faults of head's configuration that only the tree shows: a
	// directory that is not there, two projects of one name, an unknown depends_on.
	// With any, nothing is planned.
	Diagnostics []workflow.Diagnostic

	Kinds workflow.Kinds // of the engines whose projects they are
}

// Total is how many projects the planned tree has. Modules for others, which nobody plans, are not among them.
func (r Resolution) Total() (n int) {
	for _, p := range r.Projects {
		if !p.Library {
			n++
		}
	}
	return n
}

// Resolve makes projects of two configurations and what was discovered, by the
// rules of trust: head brings projects and their technical keys; a project's
// name and environment are base's; a new project's environment is the server's,
// else that of base's projects in its directory, else what base's pattern says,
// else unknown, and then the strictest rules hold.
// With base faulty head's file gives the list, and nothing but the server gives
// environments.
func Resolve(in Input) Resolution {
	faults := &config.Faults{}
	head := drafts(in.Head, in.HeadFound, in.Kinds, faults)
	baseConfig := in.Base
	if in.BaseFaulty {
		baseConfig = in.Head
	}
	base := drafts(baseConfig, in.BaseFound, in.Kinds, &config.Faults{})
	holdEntries(base, head, in.Kinds)
	r := resolver{in: in, head: head, base: base, baseByKey: map[workflow.ProjectKey]workflow.Project{},
		baseByDir: map[string][]workflow.Project{}, names: map[workflow.ProjectKey]string{}, faults: faults}
	for _, p := range base {
		r.baseByKey[p.Key()] = p
		r.baseByDir[p.Dir] = append(r.baseByDir[p.Dir], p)
	}
	out := Resolution{Kinds: in.Kinds, Changed: map[workflow.ProjectKey][]string{},
		Require: workflow.RequirementsOf(baseConfig.Require, in.Head.Require)}
	for _, h := range head {
		p := r.trusted(h)
		p.Require = out.Require
		out.Projects = append(out.Projects, p)
		r.names[p.Key()] = p.Name
		if b, ok := r.baseByKey[p.Key()]; ok {
			if keys := changedKeys(in.Kinds.Of(h), b, h); len(keys) > 0 {
				out.Changed[p.Key()] = keys
			}
		}
	}
	for _, b := range base {
		out.BaseProjects = append(out.BaseProjects, r.trustedBase(b))
	}
	workflow.SortProjects(out.Projects)
	workflow.SortProjects(out.BaseProjects)
	r.dependencies(out.Projects)
	r.uniqueNames(out.Projects)
	r.circles(out.Projects)
	out.Notes = r.notes(out.Projects)
	out.Diagnostics = faults.List()
	return out
}

type resolver struct {
	in         Input
	head, base []workflow.Project
	baseByKey  map[workflow.ProjectKey]workflow.Project
	baseByDir  map[string][]workflow.Project
	names      map[workflow.ProjectKey]string // the names that hold
	renames    [][2]string                    // held name, head's name
	faults     *config.Faults
}

// trusted gives a project of head what base and server decide about it.
func (r *resolver) trusted(h workflow.Project) workflow.Project {
	p := h
	b, known := r.baseByKey[h.Key()]
	p.Library = p.Library && (!known || b.Library) // one that lost its backend is a project that lost its state
	if known && !r.in.BaseFaulty {
		if p.Name = b.Name; b.Name != h.Name {
			r.renames = append(r.renames, [2]string{b.Name, h.Name})
		}
		if b.Component != "" {
			p.Component = b.Component
		}
	}
	if known && !r.in.BaseFaulty && slices.Equal(b.Watch, h.Watch) {
		p.Watch = b.Watch
	} else { // a change cannot take out what it changes itself
		p.Watch = union(workflow.Watched(b.Watch), workflow.Watched(h.Watch))
	}
	switch env := r.in.Rules.EnvironmentOfDir(h.Dir); {
	case env != "":
		p.Environment = env
	case r.in.BaseFaulty:
		p.Environment, p.Strictest = "", true
	case known:
		p.Environment = b.Environment
	default:
		r.newcomer(&p)
	}
	p.Strictest = p.Strictest && len(r.in.Rules.Environments) > 0
	if h.Environment != p.Environment {
		p.HeadEnvironment = h.Environment
	}
	return p
}

// trustedBase gives a project of base the environment that the server decides.
func (r *resolver) trustedBase(b workflow.Project) workflow.Project {
	if env := r.in.Rules.EnvironmentOfDir(b.Dir); env != "" {
		b.Environment = env
	} else if r.in.BaseFaulty {
		b.Environment = ""
	}
	return b
}

// drafts lists the projects that one configuration makes of one tree, as it asks
// for them: the entries with wildcards, then the plain ones, where a later one
// replaces an earlier one of the same directory, variant and entry,
// and every discovered root that no entry names and that is not ignored.
func drafts(cfg config.Repo, found workflow.Discovery, kinds workflow.Kinds, faults *config.Faults) []workflow.Project {
	byKey := map[workflow.ProjectKey]workflow.Project{}
	ignored := func(dir string) bool { return workflow.MatchAny(cfg.Autodiscover.Ignore, dir) }
	roots := found.Roots(ignored)
	for _, e := range cfg.Projects {
		if !e.Glob {
			continue
		}
		glob := workflow.CompileGlob(e.Dir)
		for _, dir := range roots {
			if glob.Match(dir) {
				p := e.Project
				p.Dir = dir
				byKey[p.Key()] = p
			}
		}
	}
	var looks map[string]string
	for _, e := range cfg.Projects {
		if e.Glob {
			continue
		}
		if _, ok := found.Modules[e.Dir]; !ok {
			if looks == nil {
				looks = lookAlikes(found)
			}
			faults.Add(e.Position, "%s", missingDir(e.Dir, kinds.Of(e.Project), looks))
			continue
		}
		delete(byKey, workflow.ProjectKey{Dir: e.Dir, Variant: e.Variant}) // what a glob stands for
		byKey[e.Key()] = e.Project
	}
	named := map[string]bool{}
	for key := range byKey {
		named[key.Dir] = true
	}
	for _, dir := range roots {
		if cfg.Autodiscover.Enabled && !named[dir] && !ignored(dir) && !found.OnlyUnit(dir) {
			m := found.Modules[dir]
			p := workflow.Project{Dir: dir, Variant: workflow.DefaultVariant,
				Engine: cmp.Or(m.Engine, kinds.Default().Name), Library: !m.KeepsState}
			byKey[p.Key()] = p
		}
	}
	list := finishDrafts(cfg, byKey)
	for _, p := range list {
		outside(p, kinds.Of(p), faults)
	}
	return list
}

// finishDrafts fills in names and labels and refuses directories that cannot be used.
func finishDrafts(cfg config.Repo, byKey map[workflow.ProjectKey]workflow.Project) []workflow.Project {
	list := make([]workflow.Project, 0, len(byKey))
	twins := map[string]string{} // by how the directory looks
	twice := map[string]bool{}
	for key, p := range byKey {
		if p.Name == "" {
			p.Name = p.DefaultName()
		}
		env, component, _ := labels(cfg.Autodiscover.Pattern, p.Dir)
		if p.Environment == "" {
			p.Environment = env
		}
		if p.Component == "" {
			p.Component = component
		}
		look := norm.NFC.String(key.Dir)
		if other, ok := twins[look]; ok && other != key.Dir {
			twice[look] = true
		}
		twins[look] = key.Dir
		list = append(list, p)
	}
	for i := range list {
		p := &list[i]
		if why := config.ProjectDirFault(p.Dir); why != "" {
			p.Refused = phrase.Say("Its directory %s.", why)
		} else if twice[norm.NFC.String(p.Dir)] {
			p.Refused = phrase.Say("There are two directories that both look like %q and differ only in Unicode form; rename one.",
				norm.NFC.String(p.Dir))
		}
	}
	workflow.SortProjects(list)
	return list
}

// outside adds a fault for every file or glob that leaves the repository.
func outside(p workflow.Project, kind workflow.Kind, faults *config.Faults) {
	check := func(key string, paths []string) {
		for _, f := range paths {
			if joined := path.Join(p.Dir, strings.TrimPrefix(f, "!")); joined == ".." || strings.HasPrefix(joined, "../") {
				faults.Add(p.Position, "`%s` of project `%s` names %q, which leaves the repository", key, p.Name, f)
			}
		}
	}
	for _, key := range kind.Keys {
		check(key.Name, p.Files(key))
	}
	check("watch", p.Watch)
}

func lookAlikes(found workflow.Discovery) map[string]string {
	looks := map[string]string{}
	for dir := range found.Modules {
		looks[norm.NFC.String(dir)] = dir
	}
	return looks
}

func missingDir(dir string, kind workflow.Kind, looks map[string]string) string {
	if twin, ok := looks[norm.NFC.String(dir)]; ok {
		return fmt.Sprintf("directory `%s` is not there: there is one that looks the same, "+
			"written with other Unicode characters (%+q)", dir, twin)
	}
	dirs := make([]string, 0, len(looks))
	for _, d := range looks {
		dirs = append(dirs, d)
	}
	if near := phrase.Nearest(dir, dirs); near != "" {
		return fmt.Sprintf("directory `%s` does not exist or has no %s files: did you mean `%s`?", dir, kind.Title, near)
	}
	return fmt.Sprintf("directory `%s` does not exist or has no %s files", dir, kind.Title)
}

// labels reads a directory's labels by an autodiscover pattern. {environment}
// stands for one part of the path, {component} for one or more, * for any text
// within a part and ** for any number of parts.
func labels(pattern, dir string) (environment, component string, ok bool) {
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
		if len(parts) > 0 && workflow.MatchGlob(first, parts[0]) {
			return matchLabels(pattern[1:], parts[1:])
		}
	}
	return "", "", false
}

// changedKeys names the keys in which the entries that two trees ask for differ.
func changedKeys(kind workflow.Kind, base, head workflow.Project) []string {
	var keys []string
	note := func(key string, same bool) {
		if !same {
			keys = append(keys, key)
		}
	}
	note("name", base.Name == head.Name)
	note("environment", base.Environment == head.Environment)
	note("component", base.Component == head.Component)
	for _, key := range kind.Keys {
		note(key.Name, bytes.Equal(base.Setting(key.Name), head.Setting(key.Name)))
	}
	note("watch", slices.Equal(base.Watch, head.Watch))
	note("depends_on", slices.Equal(base.DependsOn, head.DependsOn))
	note("workspace", base.WholeTree == head.WholeTree)
	note("autoplan", base.NoAutoplan == head.NoAutoplan)
	return keys
}

// union is both lists without repetition, in their order.
func union(a, b []string) []string {
	var out []string
	seen := map[string]bool{}
	for _, s := range slices.Concat(a, b) {
		if !seen[s] {
			seen[s] = true
			out = append(out, s)
		}
	}
	return out
}
