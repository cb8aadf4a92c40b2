package config

import (
	"maps"
	"path"

	"github.com/cardea-iac/cardea/internal/glob"
	"github.com/cardea-iac/cardea/workflow"
)

// ProjectEntry is one project that an item of `projects` asks for: the item itself, or one of
// its `environments`. Its directory may be a glob, then it stands for several projects; its
// texts may have placeholders and paths from the root, which a [Placer] makes plain.
type ProjectEntry struct {
	workflow.Project      // without Name where none is written
	Glob             bool // Dir is a glob
	// Item is the item's number in `projects`, from 0.
	Item int
	// Under is its name among the item's `environments`, "" where it is none of some.
	Under string
}

// entryReader reads an item of `projects`, or one of its environments.
type entryReader struct {
	kind         workflow.Kind // of the item's projects
	e            ProjectEntry
	settings     map[string][]string
	label        *Value // `environment`
	environments *Value
}

// maxEntryBytes is how much the entries of a file may say once each environment has the
// defaults of its item: aliases and defaults repeat much with few words.
const maxEntryBytes = 32 << 20

// projectEntries reads one item of `projects`, whose projects are of one kind; left is what is
// left of maxEntryBytes.
func projectEntries(y *Value, kind workflow.Kind, item int, left *int) []ProjectEntry {
	r := entryReader{kind: kind, settings: map[string][]string{}, e: ProjectEntry{Item: item,
		Project: workflow.Project{Variant: workflow.DefaultVariant, Engine: kind.Name, Position: y.at}}}
	before := len(y.faults.list)
	refused := refusedInRepo()
	refused["require"] = "is a key of the whole file, not of one project"
	y.Map(r.keys(), refused)
	if y.kind != yamlMap {
		return nil
	}
	if !y.Has("dir") {
		y.Fault("`%s` needs a `dir`", y.path)
	}
	if r.e.Glob && r.e.Name != "" {
		y.Fault("`%s` has a name, and a `dir` with wildcards that can stand for several projects: "+
			"remove the name or name one directory", y.path)
	}
	r.e.Settings = kind.Settings(r.settings)
	list := []ProjectEntry{r.e}
	if r.environments != nil {
		list = r.each(left)
	}
	if len(y.faults.list) > before {
		return nil
	}
	return list
}

// each reads the item's environments: what the item says is the default of each, and what an
// environment says takes its place, lists as a whole.
func (r *entryReader) each(left *int) (list []ProjectEntry) {
	y := r.environments
	if r.label != nil {
		r.label.Fault("`%s` and `environments` cannot both be given: the name of each environment is its label", r.label.path)
	}
	if !y.wants(yamlMap) {
		return nil
	}
	if len(y.keys) == 0 {
		y.Fault("`%s` has no environments: name at least one, like {staging: {}, prod: {}}", y.path)
	}
	refused := refusedInRepo()
	refused["dir"] = "is a key of the whole entry, not of one environment"
	refused["environment"] = "cannot be given: the name of the environment is its label"
	refused["environments"] = "cannot be given within an environment"
	refused["require"] = "is a key of the whole file, not of one environment"
	for _, k := range y.keys {
		if why := nameFault(k.name); why != "" {
			y.faults.Add(k.at, "the environment's name %s", why)
			continue
		}
		one := entryReader{kind: r.kind, e: r.e, settings: maps.Clone(r.settings)}
		one.e.Under, one.e.Position = k.name, k.at
		if r.e.Name != "" {
			one.e.Name = path.Join(r.e.Name, k.name)
			if why := nameFault(one.e.Name); why != "" {
				y.faults.Add(k.at, "the project's name %s", why)
			}
		}
		if k.value.kind != yamlNull {
			k.value.Map(one.environmentKeys(), refused)
		}
		if one.e.Glob && one.e.Name != "" {
			y.faults.Add(k.at, "`%s` has a name, and the entry's `dir` has wildcards that can stand for several directories: "+
				"remove the name", k.value.path)
		}
		one.e.Settings = r.kind.Settings(one.settings)
		if *left -= one.e.bytes(); *left < 0 {
			y.faults.Add(k.at, "the entries take more than %d MB once each environment has its defaults: "+
				"shorten the defaults", maxEntryBytes>>20)
			return nil
		}
		list = append(list, one.e)
	}
	return list
}

// bytes is about how much an entry says. A glob is prepared for each project, which costs more than its bytes.
func (e ProjectEntry) bytes() int {
	n := 200 + len(e.Settings) + 16*len(e.DependsOn)
	for _, w := range e.Watch {
		n += 64 + len(w)
	}
	return n
}

// keys are those of an item of `projects`.
func (r *entryReader) keys() Keys {
	e := &r.e
	keys := r.environmentKeys()
	keys["environments"] = func(y *Value) { r.environments = y }
	keys["environment"] = func(y *Value) {
		r.label = y
		checked(y, &e.Environment, LabelFault)
	}
	keys["dir"] = func(y *Value) {
		s, ok := y.Text()
		if !ok {
			return
		}
		e.Dir, e.Glob = s, glob.Is(s)
		fault := ProjectDirFault(s)
		if e.Glob && fault == "" {
			fault = workflow.PathGlobFault(s)
		}
		if fault == "" {
			fault = dirHoleFault(s, r.kind)
		}
		if fault != "" {
			y.Fault("`%s` %s", y.path, fault)
		}
	}
	return keys
}

// environmentKeys are those that one of the item's environments may have, too.
func (r *entryReader) environmentKeys() Keys {
	e, kind := &r.e, r.kind
	keys := Keys{
		"name":      func(y *Value) { checked(y, &e.Name, nameFault) },
		"component": func(y *Value) { checked(y, &e.Component, LabelFault) },
		"watch":     func(y *Value) { e.Watch = globList(y, func(s string) string { return watchFault(kind, s) }) },
		"depends_on": func(y *Value) {
			e.DependsOn = nil
			y.List(func(v *Value) {
				s, ok := v.Text()
				if why := holeFault(s, kind, false); ok && why != "" {
					v.Fault("`%s` %s", v.path, why)
				} else if ok {
					e.DependsOn = append(e.DependsOn, s)
				}
			})
		},
		"workspace": func(y *Value) {
			var s string
			if y.Choice(&s, "tree"); s == "tree" {
				e.WholeTree = true
			}
		},
		"workflow": func(y *Value) { checked(y, &e.Workflow, LabelFault) },
		"autoplan": func(y *Value) {
			plan := true
			y.Bool(&plan)
			e.NoAutoplan = !plan
		},
	}
	maps.Copy(keys, r.kindKeys())
	return keys
}

// kindKeys are those that the project's engine brings: its variant's, and those whose words
// become its settings.
func (r *entryReader) kindKeys() Keys {
	keys := Keys{}
	if key := r.kind.VariantKey; key.Name != "" {
		keys[key.Name] = func(y *Value) {
			checked(y, &r.e.Variant, func(s string) string {
				if s == "" { // and the default would be two names of one variant
					return "is empty"
				}
				if why := variantHoleFault(s, r.kind); why != "" {
					return why
				}
				return key.FaultOf(withoutHoles(s))
			})
		}
	}
	for _, key := range r.kind.Keys {
		keys[key.Name] = func(y *Value) { r.settings[key.Name] = r.kindWords(y, key) }
	}
	return keys
}

// kindWords reads what stands behind one of an engine's keys.
func (r *entryReader) kindWords(y *Value, key workflow.Key) []string {
	var s string
	switch key.Form {
	case workflow.KeyFiles:
		return fileList(y, func(s string) string {
			if why := key.FaultOf(s); why != "" {
				return why
			}
			return holeFault(s, r.kind, false)
		})
	case workflow.KeyChoice:
		y.Choice(&s, key.Choices...)
	case workflow.KeyNumber:
		y.Number(&s)
		if why := key.FaultOf(s); s != "" && why != "" {
			y.Fault("`%s` %s", y.path, why)
		}
	default:
		checked(y, &s, key.FaultOf)
	}
	return []string{s}
}
