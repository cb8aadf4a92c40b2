package config

import (
	"fmt"

	"golang.org/x/text/unicode/norm"

	"github.com/cardea-iac/cardea/workflow"
)

// twin is an entry with what it becomes where it is for one directory.
type twin struct {
	ProjectEntry
	made workflow.Project
}

// named reports whether something but its place tells it apart from others.
func (t twin) named() bool { return t.Name != "" || t.Under != "" }

// checkPlaces refuses entries of one directory that cannot be used, names that are given twice, and
// directories that differ only in how Unicode writes the same letters: people could not tell
// them apart. Entries for one directory and variant are told apart by name.
func checkPlaces(cfg Repo, kinds workflow.Kinds, faults *Faults) {
	placer := cfg.Placer(kinds)
	twins, names := map[string][]*twin{}, map[string]workflow.Position{}
	for _, e := range cfg.Projects {
		t := &twin{ProjectEntry: e, made: e.Project}
		if !e.Glob {
			why := ""
			if t.made, why = placer.Project(e, e.Dir); why != "" {
				faults.Add(e.Position, "%s", why)
			}
			if placer.Full() != "" {
				return
			}
		}
		if name := t.made.Name; name != "" && t.named() {
			if first, twice := names[name]; twice {
				faults.Add(e.Position, "the name `%s` is used twice; the first is on line %d", name, first.Line)
			} else {
				names[name] = e.Position
			}
		}
		key := norm.NFC.String(e.Dir) + "\x00" + t.made.Variant
		if list, _ := holesIn(t.made.Variant, false); len(list) > 0 { // of a glob: of each environment another one
			key += "\x00" + e.Under
		}
		if same := twins[key]; len(same) > 0 && same[0].Dir != e.Dir {
			faults.Add(e.Position, "directory `%s` looks the same as the one on line %d but is written with other Unicode characters",
				e.Dir, same[0].Position.Line)
			continue
		}
		twins[key] = append(twins[key], t)
	}
	for _, same := range twins {
		for i := range same {
			setApart(same, i, kinds, faults)
		}
	}
}

// setApart refuses an entry that cannot be told apart from others that name its directory and variant too.
func setApart(same []*twin, at int, kinds workflow.Kinds, faults *Faults) {
	t, first, kind := same[at], same[0], kinds.Of(same[at].Project)
	place := fmt.Sprintf("directory `%s`", t.Dir)
	if kind.VariantKey.Name != "" {
		place += fmt.Sprintf(" with %s `%s`", kind.VariantKey.Title, t.made.Variant)
	}
	switch {
	case len(same) == 1, t.named() && !t.Glob, t.Under != "" && t.Item == first.Item:
	case t.Glob && at > 0:
		faults.Add(t.Position, "%s already has an entry on line %d", place, first.Position.Line)
	case at > 0:
		words := "a `name`"
		for _, key := range kind.Keys {
			if key.Apart {
				words += " and a `" + key.Name + "`"
			}
		}
		faults.Add(t.Position, "%s already has an entry on line %d. "+
			"To plan it once for each, give every entry %s of its own", place, first.Position.Line, words)
	case !t.Glob && same[1].named():
		faults.Add(t.Position, "%s has another entry on line %d: give this one a `name` too, to tell them apart",
			place, same[1].Position.Line)
	}
}
