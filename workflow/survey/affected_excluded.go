package survey

import (
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/cardea-iac/cardea/workflow"
)

// kept are the changed files that always count for a project: those that its entry names, and
// those to which symlinks lead. It is nil where nothing is taken out anyway.
func (ix *changeIndex) kept(p workflow.Project) map[string]bool {
	if len(ix.given) == 0 && len(workflow.Watched(p.Watch)) == len(p.Watch) {
		return nil
	}
	kept := map[string]bool{}
	for _, key := range ix.kinds.Of(p).Keys {
		for _, f := range ix.files(p, key) {
			kept[f] = true
		}
	}
	if h := ix.linked[p.Dir]; h != nil {
		for _, f := range h.files {
			kept[f] = true
		}
	}
	return kept
}

// excluded reports which changed files the project's `watch` takes out: none that is kept, that
// the tool reads by itself, or that code names. It is nil for none.
func (ix *changeIndex) excluded(p workflow.Project, kept map[string]bool) func(file string) bool {
	if ix.tired() || len(workflow.Watched(p.Watch)) == len(p.Watch) {
		return nil
	}
	watch, kind := workflow.WatchOf(p.Dir, p.Watch), ix.kinds.Of(p)
	return func(file string) bool {
		ix.steps++
		return !kept[file] && !kind.ReadsUnasked(file) && !ix.inside[[2]string{p.Dir, file}] && !ix.tired() && watch.Excludes(file, &ix.steps)
	}
}

// givenFiles are the changed files that entries name for some projects, as their var files say. What
// only head's words say counts for files that are new: no change takes out what was read before.
func (ix *changeIndex) givenFiles(in AffectedInput) []string {
	old := map[string]bool{}
	for _, c := range in.Changes {
		if c.Status != "added" {
			old[c.Path], old[c.OldPath] = true, true
		}
	}
	given := map[string]bool{}
	for i, projects := range [][]workflow.Project{in.Resolution.BaseProjects, in.Resolution.Projects} {
		for _, p := range projects {
			for _, key := range ix.kinds.Of(p).Keys {
				for _, f := range p.Files(key) {
					file := path.Join(p.Dir, f)
					said := i == 0 && !in.Resolution.baseFaulty || !old[file]
					if end := endOf(file); said && ix.changed[file] && plain(end) {
						given[file] = true
					}
				}
			}
		}
	}
	return slices.Sorted(maps.Keys(given))
}

// others reports which changed files are none of a project's although they lie in its directory or
// a module's: entries name them for others, as `prod.tfvars` beside `dev.tfvars`, and nothing that
// the project is made from may read them. It is nil for none.
func (ix *changeIndex) others(p workflow.Project, kept map[string]bool) func(file string) bool {
	reach, told := ix.reach[p.Key()]
	if len(ix.given) == 0 || ix.opaque[p.Dir] || reach.AnyFile || ix.sources[p.Dir] != "" && !told || ix.stepped != nil && ix.stepped(p) {
		return nil
	}
	kind := ix.kinds.Of(p)
	return func(file string) bool {
		_, given := slices.BinarySearch(ix.given, file)
		return given && !kept[file] && !kind.ReadsUnasked(file) && !ix.inside[[2]string{p.Dir, file}] && !ix.spelled(p, file)
	}
}

// spelled reports whether words of a project's code, or its variant, may end the name of a given
// file, or name the first directory on the way to it, whose files something may read.
func (ix *changeIndex) spelled(p workflow.Project, file string) bool {
	key := [2]string{p.Dir, file}
	by, known := ix.spelt[key]
	if !known { // a directory may have thousands of projects, and as many given files
		by = ix.spelling(p.Dir, file)
		ix.spelt[key] = by
	}
	return slices.Contains(by, anyVariant) || slices.ContainsFunc(by, func(word string) bool { return strings.EqualFold(word, p.VariantOrDefault()) })
}

// anyVariant stands for all of them: no file's end and no directory is called so.
const anyVariant = "/"

// spelling is which variants of projects of a directory may spell a file.
func (ix *changeIndex) spelling(dir, file string) []string {
	words := []string{endOf(file)}
	if ix.ends[[2]string{dir, endOf(file)}] {
		return []string{anyVariant}
	}
	for _, from := range append(slices.Clip(ix.owners[file]), dir) {
		rest, below := strings.CutPrefix(file, from+"/")
		if from == "." {
			rest, below = file, true
		}
		first, _, further := strings.Cut(strings.ToLower(rest), "/")
		switch {
		case !below || !further:
		case !plain(first) || ix.ends[[2]string{dir, first}] || ix.ends[[2]string{dir, first + "/"}]:
			return []string{anyVariant}
		default:
			words = append(words, first)
		}
	}
	return words
}

var plainWord = regexp.MustCompile(`^[a-z0-9_-]+$`)

// plain reports whether a word is looked for in code ([workflow.Module.Ends]); no file with another end counts as given.
func plain(word string) bool { return len(word) <= workflow.MaxEnd && plainWord.MatchString(word) }

// endOf is what a file's name has after its last dot.
func endOf(file string) string { return strings.ToLower(strings.TrimPrefix(path.Ext(file), ".")) }

// maxEnds is how many words of directories are kept; whoever has more of them may read any file.
const maxEnds = 1 << 18

// indexEnds finds what code may compute that names one of the given files or a directory above it.
func (ix *changeIndex) indexEnds(graphs []callers) {
	if len(ix.given) == 0 {
		return
	}
	ends := map[string]bool{}
	for _, file := range ix.given {
		ends[endOf(file)] = true
		for dir := range strings.SplitSeq(path.Dir(strings.ToLower(file)), "/") {
			ends[dir], ends[dir+"/"] = true, true
		}
	}
	note := func(end string, users ...string) {
		full := len(ix.ends) >= maxEnds
		for _, user := range users {
			if end == workflow.AnyEnd || full {
				ix.opaque[user] = true
			} else {
				ix.ends[[2]string{user, end}] = true
			}
		}
	}
	wanted := func(m workflow.Module) []string {
		return slices.DeleteFunc(slices.Clone(m.Ends), func(end string) bool { return end != workflow.AnyEnd && !ends[end] })
	}
	for i, found := range ix.trees {
		having := map[string][]string{} // modules, by a word of theirs
		for dir, m := range found.Modules {
			for _, end := range wanted(m) {
				having[end] = append(having[end], dir)
			}
		}
		for _, end := range slices.Sorted(maps.Keys(having)) {
			note(end, append(having[end], graphs[i].reaching(having[end]...)...)...)
		}
	}
	for key, modules := range ix.early {
		for _, m := range modules {
			for _, end := range wanted(m) {
				note(end, key.Dir)
			}
			ix.opaque[key.Dir] = ix.opaque[key.Dir] || len(m.Links) > 0 || namesFiles(m)
		}
	}
}

// namesFiles reports whether a module names more than sources of modules.
func namesFiles(m workflow.Module) bool {
	m.Parts = slices.DeleteFunc(slices.Clone(m.Parts), func(p workflow.PathPart) bool { return p.Source })
	return m.Names()
}

// files are those that a project's entry names for a key, and those to which symlinks on the way lead.
func (ix *changeIndex) files(p workflow.Project, key workflow.Key) (out []string) {
	for _, f := range p.Files(key) {
		file := path.Join(p.Dir, f)
		out = append(out, file)
		for _, found := range ix.trees {
			out = append(out, through(found.Links, file)...)
		}
	}
	return union(out, nil)
}

// maxLinks is how many symlinks are followed on the way to one file.
const maxLinks = 16

// through are the symlinks on the way to a file, and where each of them leads.
func through(links map[string][]string, file string) (out []string) {
	for range maxLinks {
		link := ""
		for at := file; len(links) > 0 && at != "." && at != "/"; at = path.Dir(at) {
			if links[at] != nil {
				link = at
			}
		}
		if link == "" {
			break
		}
		to := links[link]
		file = path.Join(to[len(to)-1], strings.TrimPrefix(file, link))
		out = append(append(append(out, link), to[:len(to)-1]...), file)
	}
	return out
}

// eitherOf reports what one of two does, each of which may be nil for nothing.
func eitherOf(a, b func(file string) bool) func(file string) bool {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	}
	return func(file string) bool { return a(file) || b(file) }
}
