package terraform

import (
	"io/fs"
	"maps"
	"net/url"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cardea-iac/cardea/workflow"
)

// backend finds out where the project's state lives: its identity, and whether
// it would be lost with the run's files.
func (g *gathering) backend(own workflow.Module) error {
	if own.Backend == nil {
		g.refuse("`%s` has no backend, so its state would be lost with the files of the run. Give it a `backend` or `cloud` block.", g.dir)
		return nil
	}
	b := *own.Backend
	attributes := maps.Clone(b.Attributes)
	parts := []string{b.Hash}
	for _, f := range g.project.BackendConfig {
		name := path.Join(g.dir, f)
		if path.IsAbs(f) || leaves(name) {
			continue // refused already
		}
		c, err := g.engine.backendConfig(g.tree, name)
		if err != nil {
			continue // refused already, or unreadable and reported by named
		}
		parts = append(parts, c.hash)
		maps.Copy(attributes, c.attributes) // as terraform lays it over the block
		b.Partial = b.Partial || !c.literal
	}
	g.in.BackendConfig = hash(parts...)
	if b.Type == "local" {
		g.localState(attributes)
	}
	if where := statePlace(b.Type, attributes, terraformWorkspace(g.project)); where != nil && !b.Partial {
		g.in.StateIdentity = hash(append([]string{b.Type, "place"}, where...)...)
		return nil
	}
	identity := []string{b.Type}
	for _, k := range slices.Sorted(maps.Keys(attributes)) {
		identity = append(identity, k, attributes[k])
	}
	if b.Partial { // what is not literal may depend on the directory
		identity = append(append(identity, "partial", g.dir), parts...)
	}
	g.in.StateIdentity = hash(append(identity, "workspace", terraformWorkspace(g.project))...)
	return nil
}

// statePlace is where a backend that we know keeps the state of one Terraform
// workspace; nil for others, and where what names the place is not all there: then
// every attribute counts. How a state is encrypted, locked or reached makes it no
// other one: else a further attribute would be a way around its lock and its rules.
// Where two places might be one they are taken for one: that only locks more.
func statePlace(backend string, a map[string]string, workspace string) []string {
	other := workspace != workflow.DefaultTerraformWorkspace
	complete := func(parts ...string) []string {
		if slices.Contains(parts, "") {
			return nil
		}
		return parts
	}
	switch backend {
	case "s3":
		object := a["key"]
		if other && object != "" {
			prefix := "env:"
			if p, ok := a["workspace_key_prefix"]; ok {
				prefix = p
			}
			object = path.Join(prefix, workspace, object)
		}
		return complete(a["bucket"], cleaned(object))
	case "gcs":
		return complete(a["bucket"], cleaned(path.Join(a["prefix"], workspace+".tfstate")))
	case "azurerm":
		blob := a["key"]
		if other && blob != "" {
			blob += "env:" + workspace
		}
		return complete(strings.ToLower(a["storage_account_name"]), strings.ToLower(a["container_name"]), cleaned(blob))
	case "http":
		return complete(httpPlace(a["address"]))
	case "local":
		if other {
			if a["workspace_dir"] == "" {
				return nil
			}
			return complete(path.Join(cleaned(a["workspace_dir"]), workspace, "terraform.tfstate"))
		}
		return complete(cleaned(a["path"]))
	}
	return nil
}

// cleaned is a path without what makes no difference, "" for none.
func cleaned(name string) string {
	if name == "" {
		return ""
	}
	return path.Clean("/" + name)
}

// httpPlace is an address without what makes no difference to whom it reaches.
func httpPlace(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return address
	}
	host := strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
	if port := u.Port(); port != "" && port != "80" && port != "443" {
		host += ":" + port
	}
	return host + cleaned(u.Path) + "?" + u.RawQuery
}

func terraformWorkspace(p workflow.Project) string {
	if p.TerraformWorkspace == "" {
		return workflow.DefaultTerraformWorkspace
	}
	return p.TerraformWorkspace
}

// backendConfig is what a backend configuration file says.
type backendConfig struct {
	hash       string
	attributes map[string]string
	literal    bool // it parses, and all of it is literal
}

// backendConfig reads a file, or finds the same one read before: every project's
// state is asked for whenever one is planned.
func (e *Engine) backendConfig(tree fs.FS, name string) (*backendConfig, error) {
	info, err := fs.Stat(tree, name)
	if err != nil {
		return nil, err
	}
	key := ""
	if id := idOf(info); id != "" {
		key = path.Ext(name) + " " + string(id) // JSON is read by its name
		if c, ok := e.configs.get(key); ok {
			return c, nil
		}
	}
	data, err := fs.ReadFile(tree, name)
	if err != nil {
		return nil, err
	}
	c := &backendConfig{hash: hash(string(data)), attributes: map[string]string{}}
	if f, diags := parseHCL(name, data); !diags.HasErrors() {
		c.literal = flatten(c.attributes, "", f.Body)
	}
	if key != "" {
		e.configs.add(key, c, 1)
	}
	return c, nil
}

// localState refuses a local backend whose file would be among the run's own
// files: those are thrown away. Terraform keeps the state of other Terraform
// workspaces below workspace_dir, whatever path says.
func (g *gathering) localState(attributes map[string]string) {
	key, fallback := "path", "terraform.tfstate"
	if terraformWorkspace(g.project) != workflow.DefaultTerraformWorkspace {
		key, fallback = "workspace_dir", "terraform.tfstate.d"
	}
	place := attributes[key]
	if place == "" {
		place = fallback
	}
	if !filepath.IsAbs(place) {
		g.refuse("Its state would be lost: the local backend keeps it at `%s`, among the files of the run. Give it another backend, or an absolute `%s`.", place, key)
	}
}
