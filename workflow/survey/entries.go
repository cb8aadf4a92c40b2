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
	places := map[workflow.ProjectKey][]int{}
	for i, h := range head {
		if len(known[h.Place()]) > 0 {
			places[h.Place()] = append(places[h.Place()], i)
		}
	}
	for place, ours := range places {
		theirs := known[place]
		for _, same := range []func(b, h draft) bool{
			func(b, h draft) bool { return b.Entry == h.Entry },
			func(b, h draft) bool { return b.Name == h.Name },
			func(b, h draft) bool { return sameState(kinds.Of(b.Project), b.Project, h.Project) },
		} {
			var pairs [][2]int
			for _, i := range ours {
				j := only(theirs, func(j int) bool { return same(base[j], head[i]) })
				if j >= 0 && only(ours, func(k int) bool { return same(base[j], head[k]) }) == i {
					pairs = append(pairs, [2]int{i, j})
				}
			}
			for _, pair := range pairs {
				head[pair[0]].Entry = base[pair[1]].Entry
				ours = slices.DeleteFunc(ours, func(i int) bool { return i == pair[0] })
				theirs = slices.DeleteFunc(slices.Clone(theirs), func(j int) bool { return j == pair[1] })
			}
		}
	}
}

// sameState reports whether two entries name the same files of those that tell projects apart.
func sameState(kind workflow.Kind, b, h workflow.Project) bool {
	named := false
	for _, key := range kind.Keys {
		if !key.Apart {
			continue
		}
		files := b.Files(key)
		if !slices.Equal(files, h.Files(key)) {
			return false
		}
		named = named || len(files) > 0
	}
	return named
}

// only is the one of a list that is meant, -1 when none or several are.
func only(list []int, meant func(int) bool) int {
	found := -1
	for _, i := range list {
		if meant(i) {
			if found >= 0 {
				return -1
			}
			found = i
		}
	}
	return found
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
