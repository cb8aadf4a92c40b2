package workflow

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/cardea-iac/cardea/internal/glob"
)

// Watch is a project's `watch`: globs over files, of which the last that matches one
// counts. One that begins with "!" takes files out.
type Watch []watchGlob

type watchGlob struct {
	glob    glob.Glob
	exclude bool
}

// WatchOf is the `watch` of a project in dir.
func WatchOf(dir string, list []string) Watch {
	w := make(Watch, len(list))
	for i, s := range list {
		plain, exclude := strings.CutPrefix(s, "!")
		w[i] = watchGlob{glob.Compile(glob.Watch(dir, plain)), exclude}
	}
	return w
}

// Excludes reports whether a file is taken out, and adds the steps that it took to say so.
func (w Watch) Excludes(file string, steps *int) bool {
	for _, g := range slices.Backward(w) {
		if g.glob.MatchTreeCounted(file, steps) {
			return g.exclude
		}
	}
	return false
}

// Watched are the globs of a `watch` that take nothing out.
func Watched(list []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return strings.HasPrefix(s, "!") })
}

// Names reports whether the module names any file at all.
func (m Module) Names() bool {
	return len(m.Files)+len(m.RootFiles)+len(m.Parts)+len(m.RootParts)+len(m.Words)+len(m.Computed)+len(m.InputPaths)+len(m.Commands)+len(m.AnySource) > 0
}

// PathPart is a path that code computes in part: it leads to something below a
// directory, or to everything below it, whose path there begins with Name and ends with End.
type PathPart struct {
	Below     string // clean, relative to the root, or to the project's directory
	Name, End string
	Up        int    // it may lead to below the directory so many above Below, too
	File      string // the code that says so, relative to the root
	Source    bool   // it is where a module is called
}

// In is a path that is relative to dir as one that is relative to the root; ok is false when it leaves the repository.
func (p PathPart) In(dir string) (in PathPart, ok bool) {
	p.Below = path.Join(dir, p.Below)
	ok = p.Below != ".." && !strings.HasPrefix(p.Below, "../")
	for ; ok && p.Up > 0; p.Up-- {
		p.Below = path.Dir(p.Below)
	}
	return p, ok
}

// Anywhere reports whether it may lead to any file of the tree.
func (p PathPart) Anywhere() bool { return p.Below == "." && p.Name == "" }

// Match reports whether it may lead to a file, or to a directory above it.
func (p PathPart) Match(file string) bool {
	rest, ok := strings.CutPrefix(file, p.Start())
	if !ok {
		return false
	}
	rest = "/" + p.Name + rest + "/"
	for at := 1; p.End != "" && at < len(rest); at++ {
		if rest[at] == '/' && strings.HasSuffix(rest[:at], p.End) {
			return true
		}
	}
	return p.End == ""
}

// Start is how the paths begin to which it may lead.
func (p PathPart) Start() string {
	if p.Below == "." {
		return p.Name
	}
	return p.Below + "/" + p.Name
}

// ComputedFor are its files with paths that may lead anywhere when a project of that directory uses it;
// sources of modules are not among them.
func (m Module) ComputedFor(project string) []string {
	out := slices.Clone(m.Computed)
	for _, p := range m.Parts {
		if p.Anywhere() && !p.Source {
			out = append(out, p.File)
		}
	}
	for _, p := range m.RootParts {
		if p, ok := p.In(project); ok && p.Anywhere() {
			out = append(out, p.File)
		}
	}
	return out
}

// PathFault says why a text is not a relative slash path, "" when it is.
func PathFault(s string) string {
	switch {
	case s == "":
		return "is empty"
	case len(s) > 1024:
		return "is longer than 1,024 bytes"
	case !utf8.ValidString(s):
		return "is not UTF-8 text"
	case strings.HasPrefix(s, "/"):
		return fmt.Sprintf("%q is absolute: paths are relative", s)
	case strings.HasPrefix(s, "~"):
		return fmt.Sprintf("%q starts with ~, which means nothing here", s)
	case strings.ContainsRune(s, '\\'):
		return fmt.Sprintf("%q has a backslash: separate directories by /", s)
	}
	if strings.ContainsFunc(s, func(r rune) bool {
		return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == utf8.RuneError
	}) {
		return fmt.Sprintf("%q has characters that cannot be seen", s)
	}
	return ""
}

// PathGlobFault says why a text is not a glob over paths of a repository, without its subject; "" when it is.
func PathGlobFault(s string) string {
	if why := PathFault(s); why != "" {
		return why
	}
	if strings.HasPrefix(s, "!") {
		return fmt.Sprintf("%q begins with !, and nothing can be excluded here: name what counts", s)
	}
	return glob.Fault(s)
}

// RelativePath is a clean path from the repository's root as one from a directory of it.
func RelativePath(dir, name string) string {
	if dir == "." {
		return name
	}
	from, to := strings.Split(dir, "/"), strings.Split(name, "/")
	for len(from) > 0 && len(to) > 0 && from[0] == to[0] {
		from, to = from[1:], to[1:]
	}
	return path.Clean(strings.Repeat("../", len(from)) + path.Join(to...))
}
