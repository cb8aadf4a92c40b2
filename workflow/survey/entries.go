package survey

import (
	"fmt"
	"slices"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/config"
)

// holdEntries gives head's projects the entries that base knows them by. What an
// entry is called tells projects apart, and head may call them otherwise, name a
// second one or only one of several: base's project must not be lost by that, nor
// its rules, locks and approvals. The same name is the same project, else the
// same files that say where its state is, where just one project of each tree has them.
func holdEntries(base, head []draft, kinds workflow.Kinds) {
	known := map[workflow.ProjectKey][]int{}
	for i, b := range base {
		known[b.Place()] = append(known[b.Place()], i)
	}
	paired := [2][]bool{make([]bool, len(head)), make([]bool, len(base))}
	places := map[workflow.ProjectKey][]int{}
	for i, h := range head {
		if len(known[h.Place()]) > 0 {
			places[h.Place()] = append(places[h.Place()], i)
		}
	}
	for place, ours := range places {
		theirs := known[place]
		for _, key := range []func(d draft) (string, bool){
			func(d draft) (string, bool) { return d.Entry, true },
			func(d draft) (string, bool) { return d.Name, true },
			func(d draft) (string, bool) { return stateFiles(kinds.Of(d.Project), d.Project) },
		} {
			mine, other := singles(head, ours, key), singles(base, theirs, key)
			for same, i := range mine {
				j, ok := other[same]
				if i < 0 || !ok || j < 0 {
					continue
				}
				head[i].Entry = base[j].Entry
				paired[0][i], paired[1][j] = true, true
			}
			ours = slices.DeleteFunc(ours, func(i int) bool { return paired[0][i] })
			theirs = slices.DeleteFunc(slices.Clone(theirs), func(j int) bool { return paired[1][j] })
		}
	}
}

// singles are those of some drafts that alone have a key, by it; -1 where several have it.
func singles(list []draft, some []int, key func(d draft) (string, bool)) map[string]int {
	out := map[string]int{}
	for _, i := range some {
		if k, ok := key(list[i]); !ok {
			continue
		} else if _, twice := out[k]; twice {
			out[k] = -1
		} else {
			out[k] = i
		}
	}
	return out
}

// stateFiles are the files that an entry names of those that tell projects apart, as one text.
func stateFiles(kind workflow.Kind, p workflow.Project) (text string, named bool) {
	for _, key := range kind.Keys {
		if key.Apart {
			files := p.Files(key)
			named = named || len(files) > 0
			text += fmt.Sprintf("%q\n", files)
		}
	}
	return text, named
}

// newcomer gives a project that base does not have its environment: that of base's
// projects in its directory, whose code and credentials it shares; of several,
// the rules of all hold. Else base's pattern says it, else nobody does. Where the server
// places it by its variant alone, a word that only head has said, the rules of those others, or of what
// base's pattern says of its directory, hold too.
func (r *resolver) newcomer(p *workflow.Project, placed string) {
	var environments []string
	unlabelled := false
	for _, b := range r.baseByDir[p.Dir] {
		switch env := r.trustedBase(b).Environment; {
		case env == "":
			unlabelled = true
		case !slices.Contains(environments, env):
			environments = append(environments, env)
		}
	}
	if label, _, _ := config.Labels(r.in.Base.Autodiscover.Pattern, p.Dir); placed != "" && label != "" && len(r.baseByDir[p.Dir]) == 0 {
		environments = []string{label}
	}
	slices.Sort(environments)
	switch alone := len(environments) == 1 && !unlabelled; {
	case placed != "" && (alone && environments[0] == placed || len(environments) == 0 && !unlabelled):
		p.Environment = placed
	case placed != "":
		p.Environment, p.Neighbours = placed, slices.Sorted(slices.Values(union(environments, []string{placed})))
	case alone:
		p.Environment = environments[0]
	case len(environments) > 0:
		p.Environment, p.Neighbours = "", environments
	default:
		p.Environment, _, _ = config.Labels(r.in.Base.Autodiscover.Pattern, p.Dir)
		p.Strictest = p.Environment == ""
	}
}

// whyReplaced says which entries of head stand in the place of a project that was
// discovered, "" when none does.
func whyReplaced(p workflow.Project, kind workflow.Kind, head []workflow.Project) string {
	var names []string
	asked := false
	for _, h := range head {
		if h.Dir == p.Dir {
			names = append(names, h.Name)
			asked = asked || h.Variant == p.Variant
		}
	}
	if len(names) == 0 {
		return ""
	}
	why := fmt.Sprintf("`%s` replaces it with %s in the same directory",
		workflow.RepoConfigFile, phrase.SomeNames(names))
	if !asked {
		why += fmt.Sprintf("; add an entry with `%s: %s` to keep it", kind.VariantKey.Name, workflow.DefaultVariant)
	}
	return why
}
