package tfconfig

import (
	"path"
	"strings"
)

// stem is a path that code computes in part, relative to the directory of the module or of the project.
type stem struct {
	below     string // clean
	name, end string // how what follows below begins, and how it ends
	up        int    // steps up that follow: it may lead to below the directory so far above
	file      string // the code's
	source    bool   // of a module
}

func add(files *[]string, parts *[]stem, p stem, exact bool) {
	if exact {
		*files = append(*files, p.below)
	} else {
		*parts = append(*parts, p)
	}
}

// split takes a relative path apart; exact says that it is all of it. The way up
// alone is never exact: it may be the whole repository.
func (n *named) split(rel string, t text) (p stem, exact bool) {
	p.file = n.file
	if t.whole {
		p.below = path.Clean(rel)
		up := strings.TrimSuffix(p.below, "..")
		return p, p.below != "." && p.below != ".." && !strings.HasSuffix(up, "../")
	}
	at := strings.LastIndex(rel, "/") + 1
	p.below, p.name = path.Clean(rel[:at]), rel[at:]
	if p.name == "." || p.name == ".." {
		p.below, p.name = path.Clean(rel), ""
	}
	if p.up = t.up; p.up > 0 {
		p.name = ""
	}
	if !t.spaced && !strings.ContainsAny(t.end, wordEnds) && !strings.Contains("/"+t.end+"/", "/../") &&
		!strings.Contains("/"+t.end, "/./") && !strings.Contains(t.end, "//") {
		p.end = t.end
	}
	return p, false
}
