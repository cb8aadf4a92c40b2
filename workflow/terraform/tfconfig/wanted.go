package tfconfig

import (
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/terraform/syntax"
)

// Wanted is one place where a repository says which version of its tool it wants.
type Wanted struct {
	// Version is a constraint as required_version has it, or one exact version as a version file has it.
	Version string `json:"version"`
	File    string `json:"file"`
	Line    int    `json:"line"`
}

// Place is where it stands, for a sentence.
func (w Wanted) Place() string { return fmt.Sprintf("`%s` line %d", w.File, w.Line) }

// Fault says as a sentence why a version file's word is no version, "" where it is one.
func (w Wanted) Fault() string {
	if exactVersion.MatchString(w.Version) {
		return ""
	}
	said := "says `" + w.Version + "`"
	switch {
	case w.Line == 0:
		return fmt.Sprintf("`%s` is a symlink that does not lead to a file in the repository. Commit the file itself, or set `version` for the project in `%s`.",
			w.File, workflow.RepoConfigFile)
	case w.Version == "":
		said = "says nothing"
	}
	return fmt.Sprintf("%s %s where Cardea needs one exact version like 1.11.4. Write one there, or set `version` for the project in `%s`.",
		w.Place(), said, workflow.RepoConfigFile)
}

// versionFiles are the files in which version managers look for a tool's version: in a
// directory the first that says something counts.
var versionFiles = []struct {
	name, tool string
	key        string // before the version on its line; "" in a file that holds a version alone
}{
	{".terraform-version", Terraform, ""}, {".opentofu-version", Tofu, ""},
	{".tool-versions", Terraform, "terraform"}, {".tool-versions", Tofu, "opentofu"},
}

// maxVersionFile bounds what is read of one.
const maxVersionFile = 64 << 10

// pins are what the version files of one directory say, by tool. fixed is as walk's.
func (w *walker) pins(dir string, files []fs.DirEntry) (pins map[string]Wanted, fixed bool, err error) {
	fixed = true
	for _, v := range versionFiles {
		if _, known := pins[v.tool]; known {
			continue
		}
		i := slices.IndexFunc(files, func(f fs.DirEntry) bool { return f.Name() == v.name })
		if i < 0 {
			continue
		}
		s, err := w.source(dir, "", files[i])
		if err != nil {
			return nil, false, err
		}
		fixed = fixed && s.link == ""
		data, err := w.versionFile(s)
		if err != nil {
			return nil, false, err
		}
		if pin, ok := readPin(v.name, v.key, data); ok {
			if s.lost {
				pin.Line = 0
			}
			if pins == nil {
				pins = map[string]Wanted{}
			}
			pins[v.tool] = pin
		}
	}
	return pins, fixed, nil
}

// versionFile is the text of one; of a symlink that leads nowhere, or of something too large, none.
func (w *walker) versionFile(s source) ([]byte, error) {
	if s.lost {
		return nil, nil
	}
	info, err := fs.Stat(w.tree, s.path)
	if err != nil || info.Size() > maxVersionFile {
		return nil, err
	}
	return fs.ReadFile(w.tree, s.path)
}

// readPin reads the version in a version file. A file that holds a version alone always says
// something, be it no version; one with lines for many tools only where it has ours.
func readPin(name, key string, data []byte) (Wanted, bool) {
	pin := Wanted{File: name, Line: 1}
	for i, line := range strings.Split(string(data), "\n") {
		line, _, _ = strings.Cut(strings.TrimPrefix(line, "\ufeff"), "#")
		words := strings.Fields(line)
		if key != "" && len(words) > 0 {
			if words[0] != key {
				continue
			}
			words = words[1:]
			if pin.Line = i + 1; len(words) == 0 {
				return pin, true
			}
			words = words[:1] // those after it are asdf's second choices
		}
		if len(words) > 0 {
			pin.Line, pin.Version = i+1, strings.Join(words, " ")
			if v := strings.TrimPrefix(pin.Version, "v"); exactVersion.MatchString(v) {
				pin.Version = v
			}
			return pin, true
		}
	}
	return pin, key == ""
}

// pinsIn are the version files that hold in a directory: its own, else those of the directories above.
func pinsIn(dir string, above, own map[string]Wanted) map[string]Wanted {
	if len(own) == 0 {
		return above
	}
	out := maps.Clone(above)
	if out == nil {
		out = map[string]Wanted{}
	}
	for tool, pin := range own {
		pin.File = path.Join(dir, pin.File)
		out[tool] = pin
	}
	return out
}

// above is what all may know of version files: by file a hash of what it says.
func above(pins map[string]Wanted) map[string]string {
	var out map[string]string
	for _, tool := range slices.Sorted(maps.Keys(pins)) {
		if out == nil {
			out = map[string]string{}
		}
		out[pins[tool].File] += Hash(tool, pins[tool].Version)
	}
	return out
}

// pin gives a module the version files that hold there.
func pin(m workflow.Module, pins map[string]Wanted) workflow.Module {
	if len(pins) == 0 {
		return m
	}
	own := *ownOf(m)
	own.Pins, m.Above = pins, above(pins)
	m.Private = &own
	return m
}

// pinned is the tool that version files name: the one of the nearest, "" where it names both, or none does.
func pinned(pins map[string]Wanted) string {
	depth := func(tool string) int {
		pin, ok := pins[tool]
		switch dir := path.Dir(pin.File); {
		case !ok:
			return -1
		case dir == ".":
			return 0
		default:
			return 1 + strings.Count(dir, "/")
		}
	}
	switch terraform, tofu := depth(Terraform), depth(Tofu); {
	case terraform > tofu:
		return Terraform
	case tofu > terraform:
		return Tofu
	}
	return ""
}

// wants notes a required_version. As the tools have it, one in an override file replaces all others.
func (p *parser) wants(a *hcl.Attribute, override bool) {
	text, ok := syntax.Literal(a.Expr)
	if !ok {
		return // the tool says so
	}
	w := Wanted{Version: text, File: a.Range.Filename, Line: a.Range.Start.Line}
	if override {
		p.overrides = append(p.overrides, func() { p.module.wanted = []Wanted{w} })
		return
	}
	p.module.wanted = append(p.module.wanted, w)
}

// wantedAt is what is wanted in files of a directory.
func wantedAt(dir string, in []Wanted) []Wanted {
	out := slices.Clone(in)
	for i := range out {
		out[i].File = path.Join(dir, out[i].File)
	}
	return out
}

// wants takes in what a module requires of the tool's version; said once is enough.
func (g *gathering) wants(m workflow.Module) {
	x := &g.expected
	for _, w := range ownOf(m).Wanted {
		if !slices.ContainsFunc(x.Required, func(have Wanted) bool { return have.Version == w.Version }) {
			x.Required = append(x.Required, w)
		}
	}
}

// versionFiles takes the version files that count: with a `version` of its own a project needs none.
func (g *gathering) versionFiles() error {
	pins := ownOf(g.found.Modules[g.dir]).Pins
	if g.settings.Version != "" {
		return nil
	}
	for _, tool := range slices.Sorted(maps.Keys(pins)) {
		if g.tool != "" && g.tool != tool {
			continue
		}
		pin := pins[tool]
		if why := pin.Fault(); why != "" && (g.tool != "" || tool == Terraform) {
			g.refuse("%s", why)
		}
		if g.expected.Pinned == nil {
			g.expected.Pinned = map[string]Wanted{}
		}
		g.expected.Pinned[tool] = pin
		g.in.Files = sorted(append(g.in.Files, pin.File))
		g.digest["\x00version of "+tool] = Hash(pin.File, pin.Version)
	}
	return nil
}
