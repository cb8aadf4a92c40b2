package survey

import (
	"cmp"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"

	"github.com/cardea-iac/cardea/internal/glob"
	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/config"
)

// draft is a project as one configuration asks for it.
type draft struct {
	workflow.Project
	under string // its name under `environments` of its entry, "" without
}

// variants are the words that the server's rules may place the project by, beside its
// directory: never its name, but what tells it apart there.
func (d draft) variants() []string {
	var list []string
	switch {
	case d.under != "":
		list = append(list, d.under)
	case d.Entry != "":
		list = append(list, strings.TrimPrefix(d.Entry, d.Dir+"/"))
	}
	if variant := d.VariantOrDefault(); len(list) == 0 || variant != workflow.DefaultVariant {
		list = append(list, variant)
	}
	return list
}

// drafting lists the projects that one configuration makes of one tree.
type drafting struct {
	cfg    config.Repo
	kinds  workflow.Kinds
	found  workflow.Discovery
	placer *config.Placer
	places map[workflow.ProjectKey]*draftPlace
}

// draftPlace is what is planned in one directory and variant.
type draftPlace struct {
	item   int  // of `projects`, the last one that named it
	glob   bool // by a glob
	drafts []draft
}

// drafts lists the projects that one configuration makes of one tree, as it asks
// for them: the entries with wildcards, then the plain ones, where a plain one
// replaces what globs stand for in its directory and variant, and a later glob what
// earlier ones do, and every discovered root that no entry names and that is not ignored.
// Where that is too much, there is no list, and excess is the one fault that counts.
func drafts(cfg config.Repo, found workflow.Discovery, kinds workflow.Kinds, faults *config.Faults) (list []draft, excess *workflow.Diagnostic) {
	d := drafting{cfg: cfg, kinds: kinds, found: found, placer: cfg.Placer(kinds), places: map[workflow.ProjectKey]*draftPlace{}}
	if at, why := d.everything(faults); why != "" {
		return nil, &workflow.Diagnostic{Severity: workflow.SeverityError, Summary: why, Position: at}
	}
	list = d.list()
	for _, p := range list {
		outside(p.Project, kinds.Of(p.Project), faults)
	}
	return list, nil
}

// everything makes all projects. Why says what was too much, and at where that is in the file.
func (d *drafting) everything(faults *config.Faults) (at workflow.Position, why string) {
	at = d.cfg.Autodiscover.At
	roots := d.found.Roots(d.placer.Ignored)
	for _, e := range d.cfg.Projects {
		if !e.Glob {
			continue
		}
		dirs := glob.Compile(e.Dir)
		for _, dir := range roots {
			if why = d.placer.Full(); why != "" {
				return at, why
			}
			if at = e.Position; d.placer.Match(dirs, dir) {
				d.add(e, dir)
			}
		}
	}
	d.plain(faults)
	named := map[string]bool{}
	for place := range d.places {
		named[place.Dir] = true
	}
	for _, dir := range roots {
		if why = d.placer.Full(); why != "" {
			return at, why
		}
		if d.cfg.Autodiscover.Enabled && !named[dir] && !d.placer.Ignored(dir) && !d.found.OnlyUnit(dir) {
			m := d.found.Modules[dir]
			at = d.cfg.Autodiscover.At
			d.add(config.ProjectEntry{Item: -1, Project: workflow.Project{Variant: workflow.DefaultVariant,
				Engine: cmp.Or(m.Engine, d.kinds.Default().Name), Library: !m.KeepsState}}, dir)
		}
	}
	return at, d.placer.Full()
}

// plain makes the projects of the entries that name one directory: the file itself has bounds for them.
func (d *drafting) plain(faults *config.Faults) {
	var looks map[string]string
	missing := map[int]bool{}
	for _, e := range d.cfg.Projects {
		if e.Glob || missing[e.Item] {
			continue
		}
		if _, ok := d.found.Modules[e.Dir]; !ok {
			if looks == nil {
				looks = lookAlikes(d.found)
			}
			missing[e.Item] = true
			faults.Add(e.Position, "%s", missingDir(e.Dir, d.kinds.Of(e.Project), looks, faults.Few()))
			continue
		}
		d.add(e, e.Dir)
	}
}

// add makes a project of an entry for a directory.
func (d *drafting) add(e config.ProjectEntry, dir string) {
	p, why := d.placer.Project(e, dir)
	if why != "" {
		p.Refused = phrase.Say("Its entry in `%s` cannot be used: %s.", d.cfg.File, why)
	}
	at := d.places[p.Place()]
	if at == nil || at.glob && at.item != e.Item {
		at = &draftPlace{item: e.Item, glob: e.Glob}
		d.places[p.Place()] = at
	}
	at.drafts = append(at.drafts, draft{p, e.Under})
}

// list tells apart what shares directory and variant, and refuses directories that cannot be used.
func (d *drafting) list() (list []draft) {
	twins := map[string]string{} // by how the directory looks
	twice := map[string]bool{}
	for place, at := range d.places {
		look := norm.NFC.String(place.Dir)
		if other, ok := twins[look]; ok && other != place.Dir {
			twice[look] = true
		}
		twins[look] = place.Dir
		for i := range at.drafts {
			if p := &at.drafts[i]; len(at.drafts) > 1 {
				p.Entry = p.Name
			}
		}
		list = append(list, at.drafts...)
	}
	for i := range list {
		p := &list[i]
		if why := config.ProjectDirFault(p.Dir); why != "" {
			p.Refused = phrase.Say("Its directory %s.", why)
		} else if twice[norm.NFC.String(p.Dir)] {
			p.Refused = phrase.Say("There are two directories that both look like %q and differ only in Unicode form; rename one.",
				norm.NFC.String(p.Dir))
		}
	}
	slices.SortFunc(list, func(a, b draft) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Dir, b.Dir), strings.Compare(a.Variant, b.Variant))
	})
	return list
}
