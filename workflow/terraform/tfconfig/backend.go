package tfconfig

import (
	"fmt"
	"io/fs"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/terraform/syntax"
)

// backend finds out where the project's state lives: its identity, and whether
// it would be lost with the run's files.
func (g *gathering) backend(own workflow.Module) error {
	block := ownOf(own).Backend
	if block == nil {
		g.refuse("`%s` has no backend, so its state would be lost when the run ends. Add a `backend` or `cloud` block.", g.dir)
		return nil
	}
	b := *block
	attributes, computed := maps.Clone(b.Attributes), slices.Clone(b.Computed)
	parts := []string{b.Hash}
	known := maps.Clone(attributes)
	computed, err := g.evaluateBackend(b, attributes, computed)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		if _, literal := known[name]; !literal {
			parts = append(parts, name, attributes[name])
			g.expected.Evaluated = true
		}
	}
	for _, f := range g.settings.BackendConfig {
		name := path.Join(g.dir, f)
		if path.IsAbs(f) || leaves(name) {
			continue // refused already
		}
		c, err := g.reader.backendConfig(g.tree, name)
		if err != nil {
			continue // refused already, or syntax.Unreadable and reported by named
		}
		parts = append(parts, c.hash)
		computed = overlay(attributes, computed, *c)
	}
	maps.DeleteFunc(attributes, func(_, value string) bool { return value == syntax.Null })
	g.facets.backend = Hash(parts...)
	x := &g.expected
	x.Backend, x.State, x.Partial = b.Type, StateNames(b.Type, attributes), len(computed) > 0
	if b.Type == "local" {
		g.localState(attributes, computed)
	}
	place := placeOf(b.Type, attributes, computed, g.project.VariantOrDefault())
	if len(place.Missing) > 0 {
		missing := "`" + strings.Join(place.Missing, "`, `") + "`"
		g.refuse("Its `%s` backend does not set %s, which is given at `init`. Put it in a file and list that file in `backend_config`.", b.Type, missing)
		return nil
	}
	g.in.States = workflow.StatesOf(place.Identity())
	switch {
	case len(place.Doubts) > 0:
		g.in.StateDoubt = fmt.Sprintf("Cardea cannot tell which state it uses (%s), so the strictest rules apply.", place.Doubts[0])
	case len(place.Given) > 0:
		g.in.StateDoubt = fmt.Sprintf("Which state it uses depends on the environment of its runs (%s).", strings.Join(place.Given, ", "))
	}
	return nil
}

// overlay lays a file over a backend's attributes as terraform does, which replaces
// a block or an object as a whole, and returns what is computed then.
func overlay(attributes map[string]string, computed []string, c backendConfig) []string {
	said := map[string]bool{}
	top := func(name string) string { first, _, _ := strings.Cut(name, "."); return first }
	for name := range c.attributes {
		said[top(name)] = true
	}
	for _, name := range c.computed {
		said[top(name)] = true
	}
	maps.DeleteFunc(attributes, func(name, _ string) bool { return said[top(name)] })
	maps.Copy(attributes, c.attributes)
	return append(slices.DeleteFunc(computed, func(name string) bool { return said[top(name)] }), c.computed...)
}

// backendConfig is what a backend configuration file says.
type backendConfig struct {
	hash       string
	attributes map[string]string
	computed   []string // attributes that are not literal; "*" where it does not parse
}

// backendConfig reads a file, or finds the same one read before: every project's
// state is asked for whenever one is planned.
func (r *Reader) backendConfig(tree fs.FS, name string) (*backendConfig, error) {
	info, err := fs.Stat(tree, name)
	if err != nil {
		return nil, err
	}
	key := ""
	if id := idOf(info); id != "" {
		key = path.Ext(name) + " " + string(id) // JSON is read by its name
		if c, ok := r.configs.get(key); ok {
			return c, nil
		}
	}
	data, err := fs.ReadFile(tree, name)
	if err != nil {
		return nil, err
	}
	c := &backendConfig{hash: Hash(string(data)), attributes: map[string]string{}}
	if f, diags := syntax.ParseHCL(name, data); !diags.HasErrors() {
		c.computed = syntax.Flatten(c.attributes, "", f.Body)
	} else {
		c.computed = []string{"*"}
	}
	if key != "" {
		r.configs.add(key, c, 1)
	}
	return c, nil
}

// localState refuses a local backend whose file would be among the run's own
// files: those are thrown away.
func (g *gathering) localState(attributes map[string]string, computed []string) {
	c := &composing{workspace: g.project.VariantOrDefault(), computed: computed}
	key, _ := c.localFile()
	place := attributes[key]
	if place == "" {
		place = localDefaults[key]
	}
	switch {
	case c.isComputed(key):
		g.refuse("Its state could be lost: the local backend's `%s` is computed. Use another backend, or an absolute `%s`.", key, key)
	case !filepath.IsAbs(place):
		g.refuse("Its state would be lost: the local backend keeps it at `%s`, among the run's own files. Use another backend, or an absolute `%s`.", place, key)
	}
}
