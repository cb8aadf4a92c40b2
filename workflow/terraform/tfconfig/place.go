package tfconfig

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/cardea-iac/cardea/workflow"
)

// backendPlace is where a backend keeps the state of one Terraform workspace.
type backendPlace struct {
	workflow.StatePlace
	// Missing are attributes without which there is no state, and which nothing but
	// the configuration can give. Then the other parts say nothing.
	Missing []string
	// Doubts say, each as a part of a sentence, why a part is not known.
	Doubts []string
	// Given are the environment's variables that may give the rest, as `NAME`.
	Given []string
}

// placeOf is the place that a backend's attributes name, flattened as "a.b"; those
// in computed are set, but not literally ("*": any may be). It is pure but for the
// symlinks of this machine's disk, which a local path may go through.
//
// How a state is encrypted, locked, reached and by whom makes it no other one: else
// any further attribute would be a way around its lock and its rules. So only
// what names a state counts, defaults are written in, and an attribute that is not on
// our lists makes the place an unknown one.
func placeOf(backend string, attributes map[string]string, computed []string, workspace string) backendPlace {
	c := &composing{backend: backend, attributes: map[string]string{}, workspace: workspace}
	for name, value := range attributes {
		c.attributes[plain(name)] = value
	}
	for _, name := range computed {
		c.computed = append(c.computed, plain(name))
	}
	b, known := backends[backend]
	if !known {
		c.doubt("`%s` is a backend unknown to Cardea", backend)
		return backendPlace{StatePlace: workflow.StatePlace{Realm: workflow.AnyRealm, Parts: []workflow.PlacePart{{Sort: workflow.PartUnknown, Value: c.all()}}}, Doubts: c.doubts}
	}
	place := backendPlace{StatePlace: workflow.StatePlace{Realm: b.realm, Parts: b.place(c)}, Missing: c.missing}
	if strange := c.strange(b); len(strange) > 0 {
		c.doubt("the attribute `%s` of the backend `%s` is unknown to Cardea", strange[0], backend)
		for i := range place.Parts {
			place.Parts[i] = workflow.PlacePart{Sort: workflow.PartUnknown, Value: c.all()}
		}
	}
	place.Doubts, place.Given = c.doubts, c.given
	return place
}

// plain is an attribute's name without the index of a block or an object that
// stands there once: JSON writes it as a list.
func plain(name string) string {
	return strings.TrimSuffix(strings.ReplaceAll(name, ".0.", "."), ".0")
}

// backendKind is what we know of one kind of backend.
type backendKind struct {
	realm string
	// naming are the attributes that place reads ("a.*": all below); others do not name a state, and are
	// all that there are besides: those of every release of Terraform since 1.5 and of OpenTofu.
	naming, others string
	place          func(*composing) []workflow.PlacePart
}

// knows reports whether an attribute, or of those that name nothing the block that it stands in, is one of the backend's.
func (b backendKind) knows(attribute string) bool {
	first, _, _ := strings.Cut(attribute, ".")
	return slices.ContainsFunc(strings.Fields(b.naming), func(name string) bool {
		below, all := strings.CutSuffix(name, "*")
		return name == attribute || all && strings.HasPrefix(attribute, below)
	}) || slices.ContainsFunc(strings.Fields(b.others), func(name string) bool { return name == attribute || name == first })
}

// composing makes one place's parts.
type composing struct {
	backend    string
	attributes map[string]string
	computed   []string
	workspace  string
	missing    []string
	doubts     []string
	given      []string
}

func (c *composing) other() bool { return c.workspace != workflow.DefaultVariant }

func (c *composing) doubt(format string, args ...any) {
	c.doubts = append(c.doubts, fmt.Sprintf(format, args...))
}

// all is everything that is said, for a place that is not known: another text is
// another fingerprint.
func (c *composing) all() string {
	out := []string{c.backend, c.workspace}
	for _, name := range slices.Sorted(maps.Keys(c.attributes)) {
		out = append(out, name, c.attributes[name])
	}
	return Hash(append(out, c.computed...)...)
}

// strange are attributes that the backend is not known to have.
func (c *composing) strange(b backendKind) []string {
	var out []string
	for _, name := range append(slices.Sorted(maps.Keys(c.attributes)), c.computed...) {
		if name != "*" && !b.knows(name) {
			out = append(out, name)
		}
	}
	return out
}

// isComputed reports whether an attribute is set, but nobody can tell to what.
func (c *composing) isComputed(name string) bool {
	block, _, nested := strings.Cut(name, ".")
	return slices.ContainsFunc(c.computed, func(have string) bool {
		return have == "*" || have == name || nested && have == block
	})
}

// value is an attribute's value; instead is an unknown or a given part where there is none.
func (c *composing) value(name string) (value string, instead *workflow.PlacePart) {
	if c.isComputed(name) {
		c.doubt("`%s` of its backend is computed", name)
		return "", c.unknown()
	}
	if v := c.attributes[name]; v != "" {
		return v, nil
	}
	if variable := environment[c.backend+"."+name]; variable != "" {
		c.given = append(c.given, "`"+variable+"`")
		return "", &workflow.PlacePart{Sort: workflow.PartGiven}
	}
	c.missing = append(c.missing, name)
	return "", c.unknown()
}

// or is an attribute's value or its default, where no environment gives it. Without a default it is value.
func (c *composing) or(name, fallback string) (string, *workflow.PlacePart) {
	if c.attributes[name] == "" && !c.isComputed(name) && fallback != "" {
		return fallback, nil
	}
	return c.value(name)
}

func (c *composing) unknown() *workflow.PlacePart {
	return &workflow.PlacePart{Sort: workflow.PartUnknown, Value: c.all()}
}

// known is the part that an attribute gives as it is.
func (c *composing) known(name string) workflow.PlacePart {
	v, instead := c.value(name)
	return part(workflow.PartKnown, v, instead)
}

// defaulted is a part that the configuration, the environment or a default gives.
// Written out, the default is no other place than left out.
func (c *composing) defaulted(name, fallback string) workflow.PlacePart {
	told := len(c.given)
	v, instead := c.value(name)
	if instead != nil && instead.Sort == workflow.PartGiven || instead == nil && v == fallback {
		c.given = c.given[:told] // a doubt, but not one that anybody has to hear of each time
		return workflow.PlacePart{Sort: workflow.PartGiven, Value: fallback}
	}
	return part(workflow.PartKnown, v, instead)
}

// address is a part that only addresses: two different ones may be one place.
func (c *composing) address(values ...string) workflow.PlacePart {
	return workflow.PlacePart{Sort: workflow.PartAddress, Value: strings.Join(values, "\x00")}
}

func part(sort workflow.PartSort, value string, instead *workflow.PlacePart) workflow.PlacePart {
	if instead != nil {
		return *instead
	}
	return workflow.PlacePart{Sort: sort, Value: value}
}

// object is the name of an object: of the default Terraform workspace its key, of
// others the key below a prefix and their name.
func (c *composing) object(prefixName, prefix, key string) workflow.PlacePart {
	k, instead := c.or("key", key)
	if instead != nil {
		return *instead
	}
	if c.other() {
		p, instead := c.prefix(prefixName, prefix)
		if instead != nil {
			return *instead
		}
		k = path.Join(p, c.workspace, k)
	}
	return c.objectName(k)
}

// prefix is one that may be set to nothing at all, which is not its default.
func (c *composing) prefix(name, fallback string) (string, *workflow.PlacePart) {
	if v, set := c.attributes[name]; set && v == "" {
		return "", nil
	}
	return c.or(name, fallback)
}

// objectName is a part without what makes no difference between names of objects.
// With "..", what it names is the service's to say.
func (c *composing) objectName(name string) workflow.PlacePart {
	if slices.Contains(strings.Split(name, "/"), "..") {
		c.doubt("the name of its state contains `..`")
		return *c.unknown()
	}
	return workflow.PlacePart{Sort: workflow.PartKnown, Value: cleaned(name)}
}

// cleaned is a path without what makes no difference, "" for none.
func cleaned(name string) string {
	if name == "" {
		return ""
	}
	return path.Clean("/" + name)
}

// StateNames are hashes of the attributes of a backend that say where its state is.
func StateNames(backend string, attributes map[string]string) map[string]string {
	out, naming := map[string]string{}, strings.Fields(backends[backend].naming)
	for name, value := range attributes {
		if name = plain(name); value != "" && slices.Contains(naming, name) {
			out[name] = Hash(name, value)
		}
	}
	return out
}
