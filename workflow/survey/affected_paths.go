package survey

import (
	"fmt"
	"path"
	"slices"
	"sort"
	"strings"

	"github.com/cardea-iac/cardea/workflow"
)

// indexLiterals finds changed files that code names: by a path from the module's own
// directory, or from that of whatever project reaches it.
func (ix *changeIndex) indexLiterals(in AffectedInput, graphs []callers) {
	known := map[[2]string]bool{}
	for i, found := range []workflow.Discovery{in.BaseFound, in.HeadFound} {
		above := parents(found)
		for dir, m := range found.Modules {
			if !m.Names() {
				continue
			}
			own := ix.atOrBelow(m.Files)
			var sourced []string
			for _, p := range m.Parts {
				if p.Source {
					sourced = append(sourced, ix.matching(p)...)
				} else {
					own = append(own, ix.matching(p)...)
				}
			}
			for _, user := range append([]string{dir}, graphs[i].reaching(dir)...) {
				ix.lead(user, sourced)
				for _, file := range append(ix.namedBy(m, user, above[user]), own...) {
					id := [2]string{user, file}
					if !known[id] && !ix.belongs(user, file) {
						hitOf(ix.literal, user).add(file)
					} else if !known[id] {
						ix.inside[id] = true
					}
					known[id] = true
				}
				for _, file := range ix.givenWords(m, user) {
					ix.inside[[2]string{user, file}] = true
				}
				ix.mayRead(m, user)
				if len(m.AnySource) > 0 {
					ix.sources[user] = least(ix.sources[user], m.AnySource[0])
				}
			}
			if len(m.InputPaths) > 0 {
				ix.opaque[dir] = true
				ix.unsay(dir, "computed paths in `"+m.InputPaths[0]+"`")
			}
		}
	}
}

// mayRead notes that code of a directory's module may read files that it does not name.
func (ix *changeIndex) mayRead(m workflow.Module, user string) {
	if code := m.ComputedFor(user); len(code) > 0 {
		ix.opaque[user] = true
		ix.unsay(user, "computed paths in `"+code[0]+"`")
	}
	if len(m.Commands) > 0 {
		if ix.opaque[user] = true; user == "." {
			ix.unsay(user, "a command in `"+m.Commands[0]+"`")
		}
	}
}

// lead notes changed files to which a computed source of a directory or its modules may lead.
func (ix *changeIndex) lead(user string, files []string) {
	for _, file := range files {
		if h := hitOf(ix.sourced, user); !ix.belongs(user, file) && !slices.Contains(h.files, file) {
			h.add(file)
		}
	}
}

// parents are the directories with a directory of engine files somewhere below them.
func parents(found workflow.Discovery) map[string]bool {
	above := map[string]bool{}
	for dir := range found.Modules {
		for at := dir; at != "."; {
			if at = path.Dir(at); above[at] {
				break
			}
			above[at] = true
		}
	}
	return above
}

// namedBy are the changed files that a module names by paths from a project's directory. A
// plain word can only name what the directory does not have anyway where others are below it.
func (ix *changeIndex) namedBy(m workflow.Module, user string, others bool) []string {
	var names []string
	for _, f := range m.RootFiles {
		names = append(names, path.Join(user, f))
	}
	if others || user == "." {
		for _, w := range m.Words {
			names = append(names, path.Join(user, w))
		}
	}
	out := ix.atOrBelow(names)
	for _, p := range m.RootParts {
		if p, ok := p.In(user); ok {
			out = append(out, ix.matching(p)...)
		}
	}
	return out
}

// givenWords are the changed files that entries name for some projects and that a plain word of
// the module's code may name too, or a directory above them.
func (ix *changeIndex) givenWords(m workflow.Module, user string) (out []string) {
	if len(m.Words) == 0 {
		return nil
	}
	for _, dir := range []string{user, m.Dir} {
		start := dir + "/"
		if dir == "." {
			start = ""
		}
		for i := sort.SearchStrings(ix.given, start); i < len(ix.given) && strings.HasPrefix(ix.given[i], start); i++ {
			for at := ix.given[i][len(start):]; ; at = path.Dir(at) {
				if slices.Contains(m.Words, at) {
					out = append(out, ix.given[i])
				}
				if at == "." {
					break
				}
			}
		}
	}
	return out
}

// matching are the changed files to which a path that is computed in part may lead.
func (ix *changeIndex) matching(p workflow.PathPart) []string {
	if p.Anywhere() {
		return nil
	}
	var out []string
	start := p.Start()
	for i := sort.SearchStrings(ix.paths, start); i < len(ix.paths) && strings.HasPrefix(ix.paths[i], start); i++ {
		if p.Match(ix.paths[i]) {
			out = append(out, ix.paths[i])
		}
	}
	return out
}

func (ix *changeIndex) unsay(dir, how string) {
	if ix.nobodys.count > 0 {
		ix.unsaid[dir] = least(ix.unsaid[dir], how)
	}
}

// least is the lesser text, where was may be "" for none.
func least(was, text string) string {
	if was == "" {
		return text
	}
	return min(was, text)
}

// indexLinks finds changed files to which symlinks lead, or that lie in a directory to which one leads.
func (ix *changeIndex) indexLinks(in AffectedInput, graphs []callers) {
	known := map[[2]string]bool{}
	for i, found := range []workflow.Discovery{in.BaseFound, in.HeadFound} {
		for dir, m := range found.Modules {
			for _, file := range ix.atOrBelow(m.Links) {
				for _, user := range append([]string{dir}, graphs[i].reaching(dir)...) {
					if id := [2]string{user, file}; !known[id] {
						known[id] = true
						hitOf(ix.linked, user).add(file)
					}
				}
			}
		}
	}
}

// atOrBelow are the changed paths that are one of the names or lie below one.
func (ix *changeIndex) atOrBelow(names []string) []string {
	var out []string
	for _, name := range names {
		if name == "." {
			return ix.paths
		}
		if ix.changed[name] {
			out = append(out, name)
		}
		for i := sort.SearchStrings(ix.paths, name+"/"); i < len(ix.paths) && strings.HasPrefix(ix.paths[i], name+"/"); i++ {
			out = append(out, ix.paths[i])
		}
	}
	return out
}

// hit is changed files, and the first of them by name.
type hit struct {
	first string
	count int
	files []string
}

func (h *hit) add(file string) {
	if h.count == 0 || file < h.first {
		h.first = file
	}
	h.count++
	h.files = append(h.files, file)
}

// without leaves out what is excluded, which may be nil for nothing.
func (h *hit) without(excluded func(file string) bool) hit {
	if h == nil {
		return hit{}
	}
	if excluded == nil {
		return *h
	}
	var out hit
	for _, f := range h.files {
		if !excluded(f) {
			out.add(f)
		}
	}
	return out
}

// more is ", and 3 more files", or "".
func (h hit) more() string {
	switch h.count {
	case 0, 1:
		return ""
	case 2:
		return ", and 1 more file"
	}
	return fmt.Sprintf(", and %d more files", h.count-1)
}
