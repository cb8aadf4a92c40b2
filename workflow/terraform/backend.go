package terraform

import (
	"io/fs"
	"maps"
	"path"
	"path/filepath"
	"slices"

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
		data, err := fs.ReadFile(g.tree, name)
		if err != nil {
			continue // refused already, or unreadable and reported by named
		}
		parts = append(parts, hash(string(data)))
		if !mergeBackendConfig(attributes, name, data) {
			b.Partial = true
		}
	}
	g.in.BackendConfig = hash(parts...)
	if b.Type == "local" {
		g.localState(attributes)
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

func terraformWorkspace(p workflow.Project) string {
	if p.TerraformWorkspace == "" {
		return workflow.DefaultTerraformWorkspace
	}
	return p.TerraformWorkspace
}

// mergeBackendConfig lays a backend configuration file over the block's
// attributes, as terraform does. False: it does not parse or is not literal.
func mergeBackendConfig(attributes map[string]string, name string, data []byte) bool {
	f, diags := parseHCL(name, data)
	if diags.HasErrors() {
		return false
	}
	return flatten(attributes, "", f.Body)
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
