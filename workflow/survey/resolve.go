package survey

import (
	"bytes"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/config"
	"github.com/cardea-iac/cardea/workflow/steps"
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
	// BaseExcess: base's file asks for too much, so that it counts as faulty.
	BaseExcess *workflow.Diagnostic
	// Notes are sentences about the whole pull.
	Notes []string
	// Diagnostics are faults of head's configuration that only the tree shows: a
	// directory that is not there, two projects of one name, an unknown depends_on.
	// With any, nothing is planned.
	Diagnostics []workflow.Diagnostic

	Kinds workflow.Kinds // of the engines whose projects they are

	baseFaulty bool // BaseProjects are what head's file says
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
	out := Resolution{Kinds: in.Kinds, Changed: map[workflow.ProjectKey][]string{}}
	head, excess := drafts(in.Head, in.HeadFound, in.Kinds, faults)
	if excess != nil {
		out.Diagnostics = []workflow.Diagnostic{*excess}
		return out
	}
	baseConfig := in.Base
	var base []draft
	if !in.BaseFaulty {
		if base, excess = drafts(in.Base, in.BaseFound, in.Kinds, &config.Faults{}); excess != nil {
			in.BaseFaulty, out.BaseExcess = true, excess
		}
	}
	if out.baseFaulty = in.BaseFaulty; in.BaseFaulty {
		baseConfig = in.Head
		if base, excess = drafts(in.Head, in.BaseFound, in.Kinds, &config.Faults{}); excess != nil {
			out.Diagnostics = []workflow.Diagnostic{*excess}
			return out
		}
	}
	holdEntries(base, head, in.Kinds)
	r := resolver{in: in, head: head, base: base, baseByKey: map[workflow.ProjectKey]draft{}, byServer: map[workflow.ProjectKey]bool{},
		baseByDir: map[string][]draft{}, names: map[workflow.ProjectKey]string{}, faults: faults}
	for _, p := range base {
		r.baseByKey[p.Key()] = p
		r.baseByDir[p.Dir] = append(r.baseByDir[p.Dir], p)
	}
	out.Require = workflow.RequirementsOf(baseConfig.Require, in.Head.Require)
	for _, h := range head {
		p := r.trusted(h)
		p.Require = out.Require
		out.Projects = append(out.Projects, p)
		r.names[p.Key()] = p.Name
		if b, ok := r.baseByKey[p.Key()]; ok {
			if keys := changedKeys(in.Kinds.Of(h.Project), b.Project, h.Project); len(keys) > 0 {
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
	head, base []draft
	baseByKey  map[workflow.ProjectKey]draft
	baseByDir  map[string][]draft
	byServer   map[workflow.ProjectKey]bool   // the server's rules say its environment
	names      map[workflow.ProjectKey]string // the names that hold
	renames    [][2]string                    // held name, head's name
	workflows  []string                       // notes of projects that ask for another workflow
	faults     *config.Faults
}

// trusted gives a project of head what base and server decide about it.
func (r *resolver) trusted(h draft) workflow.Project {
	p := h.Project
	b, known := r.baseByKey[h.Key()]
	p.Library = p.Library && (!known || b.Library) // one that lost its backend is a project that lost its state
	if known && !r.in.BaseFaulty {
		if p.Name = b.Name; b.Name != h.Name {
			r.renames = append(r.renames, [2]string{b.Name, h.Name})
		}
		if b.Component != "" {
			p.Component = b.Component
		}
		if p.Workflow = b.Workflow; b.Workflow != h.Workflow {
			r.noteWorkflow(p, h.Workflow)
		}
	}
	if known && !r.in.BaseFaulty && slices.Equal(b.Watch, h.Watch) {
		p.Watch = b.Watch
	} else { // a change cannot take out what it changes itself
		p.Watch = union(workflow.Watched(b.Watch), workflow.Watched(h.Watch))
	}
	env := r.placed(h)
	r.byServer[p.Key()] = env != ""
	switch {
	case env != "" && (known || r.in.Rules.EnvironmentOf(h.Dir, nil) == env):
		p.Environment = env
	case r.in.BaseFaulty:
		p.Environment, p.Strictest = "", true
	case known:
		p.Environment = b.Environment
	default:
		r.newcomer(&p, env)
	}
	p.Strictest = p.Strictest && len(r.in.Rules.Environments) > 0
	if h.Environment != p.Environment {
		p.HeadEnvironment = h.Environment
	}
	_, why := steps.Of(r.in.Rules, p)
	if floor, _ := steps.Floor(r.in.Rules, p); why.Empty() && (!known || r.in.BaseFaulty) && floor != "" && p.Workflow != "" && p.Workflow != floor {
		r.keepWorkflow(p, floor)
		p.Workflow = "" // what its environment says holds until base has the project
	}
	if p.Refused.Empty() {
		p.Refused = why
	}
	return p
}

// placed is the environment in which the server's rules place a project, "" when they do not.
// What tells it apart in its directory is base's word where base has the project. With base's
// file faulty it would be head's, and so nothing decides where it could.
func (r *resolver) placed(d draft) string {
	if r.in.BaseFaulty && r.in.Rules.PlaceVariants() {
		return ""
	}
	if b, known := r.baseByKey[d.Key()]; known {
		d = b
	}
	return r.in.Rules.EnvironmentOf(d.Dir, d.variants())
}

// trustedBase gives a project of base the environment that the server decides.
func (r *resolver) trustedBase(d draft) workflow.Project {
	b := d.Project
	if env := r.placed(d); env != "" {
		b.Environment = env
	} else if r.in.BaseFaulty {
		b.Environment, b.Strictest = "", r.in.Rules.PlaceVariants()
	}
	return b
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

// missingDir says that there is no such directory; guess asks for the one that may be meant, which takes a while.
func missingDir(dir string, kind workflow.Kind, looks map[string]string, guess bool) string {
	if twin, ok := looks[norm.NFC.String(dir)]; ok {
		return fmt.Sprintf("directory `%s` does not exist, but one that looks the same does, "+
			"written with other Unicode characters (%+q)", dir, twin)
	}
	meant := ""
	if guess {
		if near := phrase.Nearest(dir, slices.Collect(maps.Values(looks))); near != "" {
			meant = ": did you mean `" + near + "`?"
		}
	}
	return fmt.Sprintf("directory `%s` does not exist or has no %s files%s", dir, kind.Title, meant)
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
	note("workflow", base.Workflow == head.Workflow)
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
