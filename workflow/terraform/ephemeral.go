package terraform

import (
	"os"
	"path/filepath"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/terraform-exec/tfexec"

	"github.com/cardea-iac/cardea/workflow/terraform/syntax"
	"github.com/cardea-iac/cardea/workflow/terraform/tfconfig"
)

var (
	variableSchema  = &hcl.BodySchema{Blocks: []hcl.BlockHeaderSchema{{Type: "variable", LabelNames: []string{"name"}}}}
	ephemeralSchema = &hcl.BodySchema{Attributes: []hcl.AttributeSchema{{Name: "ephemeral"}}}
)

// applyOptions are the saved plan, and the project's var files where a variable is
// ephemeral: the saved plan does not hold its value, so that apply asks for it
// again. Elsewhere they are left out: older tools take none beside a saved plan.
func (a *applying) applyOptions() []tfexec.ApplyOption {
	out := []tfexec.ApplyOption{tfexec.DirOrPlan(a.saved())}
	if n := a.job.Tuning.Parallelism; n > 0 {
		out = append(out, tfexec.Parallelism(n))
	}
	if len(a.settings.VarFiles) == 0 || !ephemeral(a.dir) {
		return out
	}
	for _, f := range a.settings.VarFiles {
		out = append(out, tfexec.VarFile(f))
	}
	return out
}

// ephemeral reports whether the module in a directory declares an ephemeral variable.
func ephemeral(dir string) bool {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return false // terraform says it
	}
	for _, e := range entries {
		if !tfconfig.IsConfig(e.Name()) {
			continue
		}
		data, err := readRegular(filepath.Join(dir, e.Name()))
		if err != nil {
			continue
		}
		f, _ := syntax.ParseHCL(e.Name(), data)
		if f == nil || f.Body == nil {
			continue
		}
		content, _, _ := f.Body.PartialContent(variableSchema)
		for _, b := range content.Blocks {
			if v, _, _ := b.Body.PartialContent(ephemeralSchema); v.Attributes["ephemeral"] != nil {
				return true
			}
		}
	}
	return false
}
