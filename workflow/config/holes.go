package config

import (
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/cardea-iac/cardea/internal/glob"
	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/workflow"
)

// Placeholders are words in braces in the texts of an entry: what the project's own file says of
// it, or leaves to the defaults. The steps of the server's workflows call these things the same.

// holes are the placeholders that a kind's entries may use.
func holes(kind workflow.Kind) []string {
	list := append(variantHoles(), "project")
	if kind.VariantKey.Name != "" {
		list = append(list, "workspace")
	}
	return list
}

// variantHoles are those that may say the variant, which the others are made from.
func variantHoles() []string { return []string{"environment", "component", "dir"} }

// otherHoles are words that people try, and what they mean.
var otherHoles = map[string]string{"name": "project", "path": "dir", "directory": "dir", "stage": "environment", "variant": "workspace"}

// hole is a placeholder in a text.
type hole struct {
	start, end int // of the braces and what is between them
	name       string
}

// holesIn finds the placeholders of a text, known or not. In a glob, braces around several
// alternatives are none, nor is what stands in a class. Loose is the first brace that belongs
// to nothing, -1 without one.
func holesIn(s string, glob bool) (list []hole, loose int) {
	loose = -1
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '[':
			if end := strings.IndexByte(s[min(i+2, len(s)):], ']'); glob && end >= 0 {
				i += 2 + end
			}
		case '}':
			if !glob && loose < 0 {
				loose = i
			}
		case '{':
			next := strings.IndexAny(s[i+1:], "{},")
			switch {
			case next >= 0 && s[i+1+next] == '}':
				list = append(list, hole{start: i, end: i + next + 2, name: s[i+1 : i+1+next]})
				i += next + 1
			case !glob && loose < 0:
				loose = i
			}
		}
	}
	return list, loose
}

// holeFault says what is wrong with the placeholders of a text, without its subject; "" when nothing is.
func holeFault(s string, kind workflow.Kind, glob bool) string {
	return faultOfHoles(s, kind, holes(kind), glob)
}

func faultOfHoles(s string, kind workflow.Kind, known []string, glob bool) string {
	list, loose := holesIn(s, glob)
	if loose >= 0 {
		why := fmt.Sprintf("%q has a brace that belongs to no placeholder", s)
		for _, name := range known {
			if strings.Contains(s, name) {
				return why + ": write `{" + name + "}`"
			}
		}
		return why + "; placeholders are " + inBraces(known)
	}
	for _, h := range list {
		if !slices.Contains(known, h.name) {
			return fmt.Sprintf("%q has the unknown placeholder `{%s}`%s", s, phrase.Shown(h.name), meantHole(h.name, kind, known))
		}
		if h.start > 0 && s[h.start-1] == '$' {
			return fmt.Sprintf("%q has a $ before a placeholder: write `{%s}`", s, h.name)
		}
	}
	return ""
}

// variantHoleFault is holeFault of the text that says the variant.
func variantHoleFault(s string, kind workflow.Kind) string {
	for _, h := range first(holesIn(s, false)) {
		if slices.Contains(holes(kind), h.name) && !slices.Contains(variantHoles(), h.name) {
			return fmt.Sprintf("%q has the placeholder `{%s}`, which depends on this key itself; possible ones are %s",
				s, h.name, inBraces(variantHoles()))
		}
	}
	return faultOfHoles(s, kind, variantHoles(), false)
}

// dirHoleFault refuses placeholders where directories are named: these give the words for them.
func dirHoleFault(s string, kind workflow.Kind) string {
	for _, h := range first(holesIn(s, true)) {
		if slices.Contains(holes(kind), h.name) {
			return fmt.Sprintf("%q has the placeholder `{%s}`, but a directory cannot have one: write `*` for a part of the path, "+
				"and let `autodiscover.pattern` read labels from it", s, h.name)
		}
	}
	return ""
}

func first(list []hole, _ int) []hole { return list }

func meantHole(name string, kind workflow.Kind, known []string) string {
	word := strings.ToLower(strings.Trim(name, " {}$."))
	if word == kind.VariantKey.Name {
		word = "variant"
	}
	near := phrase.Nearest(word, known)
	if other := otherHoles[word]; slices.Contains(known, other) {
		near = other
	}
	if near == "" {
		return "; known ones are " + inBraces(known)
	}
	return ": did you mean `{" + near + "}`?"
}

func inBraces(names []string) string {
	list := make([]string, len(names))
	for i, name := range names {
		list[i] = "`{" + name + "}`"
	}
	return strings.Join(list, ", ")
}

// withoutHoles is a text with a letter for each placeholder, for rules about the text around them.
func withoutHoles(s string) string {
	list, _ := holesIn(s, false)
	for _, h := range slices.Backward(list) {
		s = s[:h.start] + "x" + s[h.end:]
	}
	return s
}

// Placer makes projects of a file's entries: it gives them their names and labels, and puts
// into their texts what the placeholders stand for.
//
// What a placeholder stands for is what the file itself says. In a pull request that is its
// own file: the words become technical keys, which it could write in full as well, and its plan is the one
// that will be made once it is merged. Rules never come from them: those are of the project's
// identity, of the labels that hold, and of whose state it is.
//
// A few words stand for much: environments for each directory, placeholders, globs. What comes of
// them all is bounded, and so is the work of comparing them with directories.
type Placer struct {
	pattern labels
	ignored glob.List
	kinds   workflow.Kinds
	found   map[string][2]string // labels, by directory
	left    int                  // bytes that may still be made
	made    int                  // projects
	steps   int
	full    string
}

// maxPlacedBytes is how much the entries of a file may say together once they are filled in,
// for all their directories; one text may have maxPlacedText.
const (
	maxPlacedBytes = 64 << 20
	maxPlacedText  = 4096
	maxPlaced      = 30_000      // projects that entries ask for
	maxPlaceSteps  = 100_000_000 // about a second
)

// Placer is one for the entries of this file.
func (c Repo) Placer(kinds workflow.Kinds) *Placer {
	return &Placer{pattern: labelPattern(c.Autodiscover.Pattern), ignored: glob.CompileList(c.Autodiscover.Ignore),
		kinds: kinds, found: map[string][2]string{}, left: maxPlacedBytes}
}

// Full is why nothing more is made of the file, as a part of a sentence; "" while it is not too much.
func (pl *Placer) Full() string {
	switch {
	case pl.full != "":
	case pl.steps > maxPlaceSteps:
		pl.full = "the file's globs take too long to compare with the directories of this repository: write fewer or simpler ones"
	case pl.left < 0:
		pl.full = fmt.Sprintf("the file's entries say more than %d MB once they are written out for each directory and environment, "+
			"with their placeholders: make `projects` shorter, or let its globs match fewer directories", maxPlacedBytes>>20)
	case pl.made > maxPlaced:
		pl.full = fmt.Sprintf("the file's entries stand for more than %d projects, one for each directory and environment: "+
			"let the globs of `projects` match fewer directories, or name fewer environments", maxPlaced)
	}
	return pl.full
}

// Ignored reports whether `autodiscover.ignore` names a directory.
func (pl *Placer) Ignored(dir string) bool {
	return pl.steps <= maxPlaceSteps && pl.ignored.MatchCounted(dir, &pl.steps)
}

// Match is glob.Match of a directory.
func (pl *Placer) Match(dirs glob.Glob, dir string) bool {
	return pl.steps <= maxPlaceSteps && dirs.MatchCounted(dir, &pl.steps)
}

// labels are a directory's, as the file's pattern says.
func (pl *Placer) labels(dir string) (environment, component string) {
	known, ok := pl.found[dir]
	if !ok && pl.steps <= maxPlaceSteps {
		known[0], known[1], _ = pl.pattern.read(dir, &pl.steps)
		pl.found[dir] = known
	}
	return known[0], known[1]
}

// Project is the one that an entry makes of a directory. Why is a clause that says why it
// cannot be planned, "" when it can.
func (pl *Placer) Project(e ProjectEntry, dir string) (p workflow.Project, why string) {
	kind := pl.kinds.Of(e.Project)
	p = e.Project
	p.Dir = dir
	if e.Item >= 0 { // what nobody names is as much as there are directories
		pl.made++
		pl.left -= e.bytes() + len(dir)*(1+len(e.Watch))
	}
	if why = pl.Full(); why != "" {
		return p, why
	}
	environment, component := pl.labels(dir)
	p.Environment = phrase.OrWord(p.Environment, environment)
	p.Component = phrase.OrWord(p.Component, component)
	if e.Under != "" {
		p.Environment = e.Under
		p.Name = phrase.OrWord(p.Name, path.Join(dir, e.Under))
		if of, ok := strings.CutSuffix(p.Name, "/"+e.Under); ok {
			p.Component = phrase.OrWord(p.Component, of)
		}
	}
	f := filling{placer: pl, words: map[string]string{"environment": p.Environment, "component": p.Component, "dir": dir}}
	if key := kind.VariantKey; key.Name != "" {
		if p.Variant = f.text(key.Name, p.Variant, false); p.Variant != e.Variant && f.why == "" {
			f.fault(key.Name, key.FaultOf(p.Variant))
		}
		f.words["workspace"] = p.VariantOrDefault()
	}
	p.Name = phrase.OrWord(p.Name, p.DefaultName())
	f.words["project"] = p.Name
	p.Settings = f.settings(kind, p)
	p.Watch = changed(p.Watch, f.watch)
	p.DependsOn = changed(p.DependsOn, func(s string) string { return f.text("depends_on", s, false) })
	return p, f.why
}

// filling puts words into the texts of one project; after the first fault it does nothing.
type filling struct {
	placer *Placer
	words  map[string]string
	why    string
}

func (f *filling) fault(key, why string) {
	if f.why == "" && why != "" {
		f.why = fmt.Sprintf("`%s` %s", key, why)
	}
}

// text is a text of a key without placeholders.
func (f *filling) text(key, s string, isGlob bool) string {
	list, _ := holesIn(s, isGlob)
	if len(list) == 0 || f.why != "" {
		return s
	}
	var b strings.Builder
	from := 0
	for _, h := range list {
		word := f.words[h.name]
		if word == "" {
			f.fault(key, fmt.Sprintf("has `{%s}`, but the project has no %s: give it one, "+
				"or let `autodiscover.pattern` read it from the directory", h.name, h.name))
			return s
		}
		if isGlob {
			word = glob.Escape(word)
		}
		b.WriteString(s[from:h.start])
		b.WriteString(word)
		if from = h.end; b.Len() > maxPlacedText {
			f.fault(key, fmt.Sprintf("is longer than %d bytes once its placeholders are filled in", maxPlacedText))
			return s
		}
	}
	b.WriteString(s[from:])
	f.spend(b.Len())
	return b.String()
}

// spend counts what is made of a project's texts.
func (f *filling) spend(bytes int) {
	if f.placer.left -= bytes; f.placer.left < 0 && f.why == "" {
		f.why = f.placer.Full()
	}
}

// changed is a list with each text changed, the same one where none changes.
func changed(texts []string, change func(string) string) []string {
	var out []string
	for i, s := range texts {
		now := change(s)
		if now != s && out == nil {
			out = slices.Clone(texts)
		}
		if out != nil {
			out[i] = now
		}
	}
	if out == nil {
		return texts
	}
	return out
}

// settings are the project's, with files relative to its directory.
func (f *filling) settings(kind workflow.Kind, p workflow.Project) []byte {
	said := map[string][]string{}
	same := true
	for _, key := range kind.Keys {
		files := p.Files(key)
		made := changed(files, func(s string) string { return f.file(key, s, p.Dir) })
		if same = same && slices.Equal(files, made); key.Form == workflow.KeyFiles {
			said[key.Name] = made
		}
	}
	if same || f.why != "" {
		return p.Settings
	}
	for _, key := range kind.Keys {
		var word string
		if value := p.Setting(key.Name); key.Form != workflow.KeyFiles && json.Unmarshal(value, &word) == nil {
			said[key.Name] = []string{word}
		}
	}
	return kind.Settings(said)
}

// file is a file of a key, relative to the project's directory.
func (f *filling) file(key workflow.Key, s, dir string) string {
	if f.why != "" {
		return s
	}
	text := f.text(key.Name, s, false)
	name, rooted := strings.CutPrefix(text, "/")
	if s[0] != '/' {
		name, rooted = text, false
	}
	if text != s && f.why == "" {
		why := workflow.PathFault(name)
		if why == "" {
			why = key.FaultOf(name)
		}
		f.fault(key.Name, why)
	}
	switch name = path.Clean(name); {
	case !rooted && text == s:
		return s
	case rooted && leavesFault(name) != "":
		f.fault(key.Name, leavesFault(name))
	case rooted:
		f.spend(len(dir) + len(name))
		return workflow.RelativePath(dir, name)
	}
	return name
}

// watch is a glob of `watch`.
func (f *filling) watch(s string) string {
	text := f.text("watch", s, true)
	if text != s && f.why == "" {
		pattern := strings.TrimPrefix(text, "!")
		why := glob.Fault(pattern)
		if name, rooted := strings.CutPrefix(pattern, "/"); rooted && why == "" {
			why = leavesFault(name)
		}
		if strings.HasPrefix(text, "!") != strings.HasPrefix(s, "!") {
			why = fmt.Sprintf("becomes %q, which excludes files", text)
		}
		f.fault("watch", why)
	}
	return text
}
