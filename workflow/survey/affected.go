package survey

import (
	"context"
	"fmt"
	"path"
	"slices"
	"sort"
	"strings"

	"github.com/cardea-iac/cardea/internal/glob"
	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/workflow"
)

// AffectedInput is a change and what the two trees hold.
type AffectedInput struct {
	Changes              []workflow.FileChange
	Resolution           Resolution
	BaseFound, HeadFound workflow.Discovery
	// Reach is what projects are made from of which their directories do not say it all.
	Reach map[workflow.ProjectKey]Reach
	// Ignored are directories of which nothing is said when they are not planned; nil: none.
	Ignored func(dir string) bool
	// Stepped are projects around whose plans steps may run, which may read any file; nil: there are none.
	Stepped func(p workflow.Project) bool
}

// Affected is one project that a change affects.
type Affected struct {
	Project workflow.Project
	Reasons []string // sentences without a full stop, the weightiest first; at least one
	Deleted bool     // base has it, the planned tree does not: planned by nobody
	// MovedTo is the new project that keeps the state of a deleted one, "" when none does.
	MovedTo string
}

// AffectedBy says which projects a change affects and why, sorted by name,
// deleted ones among them. Both sides of renames and both trees' module graphs
// count. A file belongs to the nearest directory above it that holds engine
// files or is a project's; so a project is affected by what lies below its
// directory unless it is another one's, or a module's that it does not call.
// Below the repository's root that would be everything else: there only files
// belong to it that the tool reads.
// Projects with `autoplan: false` are in the list too.
// Libraries are not: they are among what the change concerns and nobody plans.
func AffectedBy(in AffectedInput) ([]Affected, []workflow.NotPlanned) {
	ix := indexChanges(in)
	return affectedProjects(in, ix), notPlanned(in, ix)
}

func affectedProjects(in AffectedInput, ix *changeIndex) []Affected {
	base := map[workflow.ProjectKey]bool{}
	for _, p := range in.Resolution.BaseProjects {
		base[p.Key()] = !p.Library
	}
	var out []Affected
	head := map[workflow.ProjectKey]bool{}
	for _, p := range in.Resolution.Projects {
		if head[p.Key()] = true; p.Library {
			continue
		}
		var reasons []string
		if !base[p.Key()] {
			reasons = append(reasons, "it is a new project")
		}
		if keys := in.Resolution.Changed[p.Key()]; len(keys) > 0 {
			reasons = append(reasons,
				fmt.Sprintf("its entry in `%s` changed: %s", workflow.RepoConfigFile, strings.Join(keys, ", ")))
		}
		if reasons = append(reasons, ix.reasons(p)...); len(reasons) > 0 {
			out = append(out, Affected{Project: p, Reasons: reasons})
		}
	}
	for _, p := range in.Resolution.BaseProjects {
		if !head[p.Key()] && !p.Library {
			out = append(out, Affected{Project: p, Deleted: true, Reasons: []string{whyDeleted(p, in)}})
		}
	}
	sort.SliceStable(out, func(i, j int) bool { return out[i].Project.Name < out[j].Project.Name })
	return out
}

// findMoved says of deleted projects which new one keeps their state: a directory that was renamed.
func (s *Survey) findMoved(ctx context.Context) error {
	base := map[workflow.ProjectKey]bool{}
	for _, p := range s.Resolution.BaseProjects {
		base[p.Key()] = true
	}
	kept := map[string]string{} // a state's identity: the new project
	for i := range s.Affected {
		a := &s.Affected[i]
		if a.Deleted || base[a.Project.Key()] || !a.Project.Refused.Empty() {
			continue
		}
		states, err := s.engines.States(ctx, s.Checkout.Planned, s.Found, a.Project)
		if err != nil {
			return fmt.Errorf("looking for the state of %s: %w", a.Project.Name, err)
		}
		if states.Are(states) { // else nobody knows which they are
			for _, identity := range states {
				kept[identity] = a.Project.Name
			}
		}
	}
	for i := range s.Affected {
		a := &s.Affected[i]
		if !a.Deleted || len(kept) == 0 {
			continue
		}
		states, err := s.engines.States(ctx, s.Checkout.BaseTree, s.BaseFound, a.Project)
		if err != nil {
			return fmt.Errorf("looking for the state of %s: %w", a.Project.Name, err)
		}
		if a.MovedTo = keptBy(kept, states); a.MovedTo != "" {
			a.Reasons = []string{fmt.Sprintf("it moved to `%s`, which uses the same state", a.MovedTo)}
		}
	}
	return nil
}

// keptBy is the project that keeps all of some states, "" when none does.
func keptBy(kept map[string]string, states workflow.States) string {
	other := func(identity string) bool { return kept[identity] != kept[states[0]] }
	if len(states) == 0 || slices.ContainsFunc(states, other) {
		return ""
	}
	return kept[states[0]]
}

func whyDeleted(p workflow.Project, in AffectedInput) string {
	found, kind := in.HeadFound, in.Resolution.Kinds.Of(p)
	if _, there := found.Modules[p.Dir]; !there {
		return fmt.Sprintf("directory `%s` is deleted or no longer has any %s files", p.Dir, kind.Title)
	}
	if p.Variant == workflow.DefaultVariant && p.Position.Line == 0 {
		var callers []string
		for dir, m := range found.Modules {
			for _, c := range m.Calls {
				if c == p.Dir {
					callers = append(callers, dir)
				}
			}
		}
		if sort.Strings(callers); len(callers) > 0 {
			return fmt.Sprintf("directory `%s` is now a module, called by %s", p.Dir, phrase.SomeNames(callers))
		}
		if why := whyReplaced(p, kind, in.Resolution.Projects); why != "" {
			return why
		}
	}
	return fmt.Sprintf("`%s` no longer makes it a project", workflow.RepoConfigFile)
}

// changeIndex answers for one project in time that does not grow with the
// number of changed files.
type changeIndex struct {
	kinds   workflow.Kinds
	paths   []string            // all changed paths, sorted
	owners  map[string][]string // changed path -> the directories it belongs to, in either tree
	own     map[string]*hit     // directory -> changed files that belong to it
	modules map[string][]string // directory -> changed modules that it reaches, sorted
	literal map[string]*hit     // directory -> changed files that it or its modules name, and that lie elsewhere
	inside  map[[2]string]bool  // directory and changed file of it or its modules that these name
	nobodys hit                 // changed files that belong to no directory with engine files
	unsaid  map[string]string   // directory -> how code of it or its modules may read files, if there are nobody's
	library hit                 // changed files of modules that have no backend
	sources map[string]string   // directory -> code of it or its modules with sources that may be any
	sourced map[string]*hit     // directory -> changed files to which sources of it or its modules may lead that are computed in part
	reach   map[workflow.ProjectKey]Reach
	linked  map[string]*hit // directory -> changed files to which its symlinks or those of its modules lead
	watched map[string]hit  // by glob from the root
	changed map[string]bool
	given   []string                                  // changed files that entries name for some projects, sorted
	opaque  map[string]bool                           // directory -> its code or that of its modules may read files that it does not name
	ends    map[[2]string]bool                        // directory and a word of code of it or its modules ([workflow.Module.Ends]) that a given file has for an end or a directory
	spelt   map[[2]string][]string                    // of a directory and a given file: variants that may make the file's name, or any
	early   map[workflow.ProjectKey][]workflow.Module // modules that only the engine could tell that they are called
	trees   [2]workflow.Discovery
	stepped func(p workflow.Project) bool
	steps   int // of comparing globs of `watch` with changed files
}

// maxWatchSteps is about a second. What is not compared then counts as changed.
const maxWatchSteps = 100_000_000

const tooManyGlobs = "the globs of `watch` take too long to compare with so many changed files, and may name one of them"

func (ix *changeIndex) tired() bool { return ix.steps > maxWatchSteps }

func indexChanges(in AffectedInput) *changeIndex {
	ix := &changeIndex{kinds: in.Resolution.Kinds, reach: in.Reach, sourced: map[string]*hit{},
		owners: map[string][]string{}, own: map[string]*hit{}, modules: map[string][]string{},
		literal: map[string]*hit{}, inside: map[[2]string]bool{}, unsaid: map[string]string{}, sources: map[string]string{},
		linked: map[string]*hit{}, watched: map[string]hit{}, changed: map[string]bool{},
		opaque: map[string]bool{}, stepped: in.Stepped, ends: map[[2]string]bool{}, spelt: map[[2]string][]string{}, early: map[workflow.ProjectKey][]workflow.Module{},
		trees: [2]workflow.Discovery{in.BaseFound, in.HeadFound}}
	for _, c := range in.Changes {
		for _, p := range []string{c.Path, c.OldPath} {
			if p != "" && !ix.changed[p] {
				ix.changed[p] = true
				ix.paths = append(ix.paths, p)
			}
		}
	}
	sort.Strings(ix.paths)
	baseDirs := directories(in.BaseFound, in.Resolution.BaseProjects)
	headDirs := directories(in.HeadFound, in.Resolution.Projects)
	for _, p := range ix.paths {
		if p == workflow.RepoConfigFile {
			continue // counts by what it says, not by where it lies
		}
		ix.owners[p] = union(ix.owner(baseDirs, p), ix.owner(headDirs, p))
		for _, dir := range ix.owners[p] {
			hitOf(ix.own, dir).add(p)
		}
		if slices.ContainsFunc(ix.owners[p], func(dir string) bool {
			return isLibrary(in.BaseFound, dir) || isLibrary(in.HeadFound, dir)
		}) {
			ix.library.add(p)
		}
		if len(ix.owners[p]) == 0 {
			ix.nobodys.add(p)
		}
	}
	ix.given = ix.givenFiles(in)
	graphs := []callers{reverse(in.BaseFound), reverse(in.HeadFound)}
	ix.indexModules(graphs)
	ix.indexLiterals(in, graphs)
	ix.indexLinks(in, graphs)
	ix.indexEarly(in, graphs)
	ix.indexEnds(graphs)
	return ix
}

func isLibrary(found workflow.Discovery, dir string) bool {
	m, ok := found.Modules[dir]
	return ok && !m.KeepsState
}

func hitOf(hits map[string]*hit, dir string) *hit {
	h := hits[dir]
	if h == nil {
		h = &hit{}
		hits[dir] = h
	}
	return h
}

// directories are those to which files belong; those below one with true do, too.
func directories(found workflow.Discovery, projects []workflow.Project) map[string]bool {
	dirs := make(map[string]bool, len(found.Modules)+len(projects))
	for dir := range found.Modules {
		dirs[dir] = dir != "."
	}
	for _, p := range projects {
		dirs[p.Dir] = p.Dir != "."
	}
	for dir := range found.Units {
		dirs[dir] = true
	}
	return dirs
}

// owner is the nearest of dirs at or above a file's directory, as a list of one or none.
func (ix *changeIndex) owner(dirs map[string]bool, file string) []string {
	for dir := path.Dir(file); ; dir = path.Dir(dir) {
		if all, ok := dirs[dir]; ok {
			if !all && path.Dir(file) != dir && !ix.kinds.ReadUnasked(file) {
				return nil
			}
			return []string{dir}
		}
		if dir == "." || dir == "/" {
			return nil
		}
	}
}

// callers is the module graph backwards: directory -> the directories that call it, and those whose tests do.
type callers struct{ calls, tests map[string][]string }

func reverse(found workflow.Discovery) callers {
	back := callers{map[string][]string{}, map[string][]string{}}
	for dir, m := range found.Modules {
		for _, c := range m.Calls {
			back.calls[c] = append(back.calls[c], dir)
		}
		for _, c := range m.Tests {
			back.tests[c] = append(back.tests[c], dir)
		}
	}
	for dir, u := range found.Units {
		for _, c := range u.Calls {
			back.calls[c] = append(back.calls[c], dir)
		}
	}
	return back
}

// reaching returns every directory that reaches one of some through calls, or whose own tests do, without these.
func (c callers) reaching(dirs ...string) []string {
	seen := map[string]bool{}
	reached := slices.Clone(dirs)
	for _, dir := range dirs {
		seen[dir] = true
	}
	for at := 0; at < len(reached); at++ {
		for _, from := range c.calls[reached[at]] {
			if !seen[from] {
				seen[from] = true
				reached = append(reached, from)
			}
		}
	}
	for _, module := range reached {
		for _, from := range c.tests[module] {
			if !seen[from] {
				seen[from] = true
				reached = append(reached, from) // not further: init reads the tests of the project alone
			}
		}
	}
	return reached[len(dirs):]
}

func (ix *changeIndex) indexModules(graphs []callers) {
	for module := range ix.own {
		users := map[string]bool{}
		for _, g := range graphs {
			for _, dir := range g.reaching(module) {
				users[dir] = true
			}
		}
		for dir := range users {
			ix.modules[dir] = append(ix.modules[dir], module)
		}
	}
	for _, list := range ix.modules {
		sort.Strings(list)
	}
}

// reasons says which changed files affect a project.
func (ix *changeIndex) reasons(p workflow.Project) []string {
	kept := ix.kept(p)
	byWatch := ix.excluded(p, kept)
	excluded := eitherOf(byWatch, ix.others(p, kept))
	reach, told := ix.reach[p.Key()]
	covered := func(file string) bool { return ix.belongs(p.Dir, file) && (excluded == nil || !excluded(file)) }
	var out []string
	if h := ix.own[p.Dir].without(excluded); h.count > 0 {
		out = append(out, fmt.Sprintf("`%s` changed%s", h.first, h.more()))
	}
	out = append(out, ix.moduleReasons(p, excluded)...)
	out = append(out, ix.reachReasons(reach, covered)...)
	for _, key := range ix.kinds.Of(p).Keys {
		for _, file := range ix.files(p, key) {
			if ix.changed[file] && !covered(file) {
				out = append(out, fmt.Sprintf("%s `%s` changed", key.Title, file))
			}
		}
	}
	if h := ix.sourced[p.Dir].without(ix.of(reach.Modules)); h.count > 0 && (!told || reach.AnyFile) {
		out = append(out, fmt.Sprintf("`%s`, to which a computed source may lead, changed%s", h.first, h.more()))
	}
	if h := ix.named(p); h.count > 0 {
		out = append(out, fmt.Sprintf("`%s`, which its code names, changed%s", h.first, h.more()))
	}
	if h := ix.linked[p.Dir].without(covered); h.count > 0 {
		out = append(out, fmt.Sprintf("`%s`, to which a symlink leads, changed%s", h.first, h.more()))
	}
	watched := workflow.Watched(p.Watch)
	for _, w := range watched {
		all := ix.watch(glob.Watch(p.Dir, w))
		if ix.tired() { // this one was perhaps not compared with all, and what is excluded no longer is
			out = append(out, tooManyGlobs)
			break
		}
		if h := all.without(byWatch); h.count > 0 && (h.count > 1 || !covered(h.first)) {
			out = append(out, fmt.Sprintf("`%s` changed%s, watched as `%s`", h.first, h.more(), w))
		}
	}
	if code := ix.unsaid[p.Dir]; code != "" && len(out) == 0 && len(watched) == 0 {
		if h := ix.nobodys.without(byWatch); h.count > 0 {
			out = append(out, fmt.Sprintf("it may read `%s`, which changed%s: %s", h.first, h.more(), code))
		}
	}
	if code := ix.sources[p.Dir]; code != "" && len(out) == 0 && (!told || reach.AnyFile) {
		if h := ix.library.without(byWatch); h.count > 0 {
			out = append(out, fmt.Sprintf("it may call `%s`, which changed%s: a computed source in `%s`",
				h.first, h.more(), code))
		}
	}
	if byWatch != nil && len(out) == 0 && ix.tired() { // a file was perhaps excluded first, and then not
		out = append(out, tooManyGlobs)
	}
	return out
}

// moduleReasons says which changed files of its modules affect a project.
func (ix *changeIndex) moduleReasons(p workflow.Project, excluded func(file string) bool) []string {
	var modules []string
	hits := map[string]hit{}
	for _, module := range union(ix.modules[p.Dir], ix.reach[p.Key()].Modules) {
		if hits[module] = ix.own[module].without(excluded); hits[module].count > 0 {
			modules = append(modules, module)
		}
	}
	var out []string
	for i, module := range modules {
		if i == 3 && len(modules) > 4 {
			return append(out, fmt.Sprintf("files of %d more modules changed", len(modules)-i))
		}
		h := hits[module]
		out = append(out, fmt.Sprintf("`%s` of module `%s` changed%s", h.first, module, h.more()))
	}
	return out
}

// belongs reports whether a changed file is one of a directory or of a module that it reaches.
func (ix *changeIndex) belongs(dir, file string) bool {
	return slices.ContainsFunc(ix.owners[file], func(owner string) bool {
		return owner == dir || slices.Contains(ix.modules[dir], owner)
	})
}

// watch counts the changed files that a glob from the root matches. Only those
// below the glob's fixed part are looked at.
func (ix *changeIndex) watch(pattern string) hit {
	if h, known := ix.watched[pattern]; known {
		return h
	}
	var h hit
	watched := glob.Compile(pattern)
	prefix := watched.Fixed()
	from := sort.SearchStrings(ix.paths, prefix)
	for _, p := range ix.paths[from:] {
		if !strings.HasPrefix(p, prefix) {
			break
		}
		if ix.tired() {
			break
		}
		if watched.MatchTreeCounted(p, &ix.steps) {
			h.add(p)
		}
	}
	ix.watched[pattern] = h
	return h
}
