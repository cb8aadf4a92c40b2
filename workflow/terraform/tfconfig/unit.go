package tfconfig

import (
	"errors"
	"io/fs"
	"path"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"

	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/terraform/syntax"
)

// terragrunt is the layout that also has files of common settings above its units.
const terragrunt = "Terragrunt"

// unitKind is the layout that a file is of, "" for none that we know.
func unitKind(name string) string {
	switch name {
	case "terragrunt.hcl", "terragrunt.hcl.json", "terragrunt.stack.hcl":
		return terragrunt
	case "cdktf.json":
		return "CDK for Terraform"
	case "Pulumi.yaml", "Pulumi.yml":
		return "Pulumi"
	}
	for _, s := range []string{".tfcomponent", ".tfstack", ".tfdeploy"} {
		if strings.HasSuffix(name, s+".hcl") || strings.HasSuffix(name, s+".json") {
			return "Terraform Stacks"
		}
	}
	return ""
}

// unit finds out whether a directory is of a layout that Cardea does not plan.
func (w *walker) unit(dir string, files []fs.DirEntry) (*workflow.Unit, error) {
	var u *workflow.Unit
	for _, f := range files {
		kind := unitKind(f.Name())
		if kind == "" {
			continue
		}
		if u == nil {
			u = &workflow.Unit{Kind: kind, Nested: kind == terragrunt}
		}
		if !strings.HasSuffix(f.Name(), ".hcl") {
			continue
		}
		data, err := fs.ReadFile(w.tree, path.Join(dir, f.Name()))
		if f.Type()&fs.ModeSymlink != 0 && err != nil || errors.Is(err, fs.ErrNotExist) {
			continue // it leads nowhere; that the directory is a unit is what counts
		}
		if err != nil {
			return nil, err
		}
		u.Calls = append(u.Calls, unitSources(f.Name(), data)...)
	}
	return u, nil
}

// rootMark stands for the repository's root in a source.
const rootMark = "/\x00root/"

// unitContext knows the two functions with which sources are still literal.
var unitContext = &hcl.EvalContext{Functions: map[string]function.Function{
	"get_terragrunt_dir": constant("."), "get_original_terragrunt_dir": constant("."), "get_repo_root": constant(strings.TrimSuffix(rootMark, "/")),
}}

func constant(s string) function.Function {
	return function.New(&function.Spec{Type: function.StaticReturnType(cty.String), Impl: func([]cty.Value, cty.Type) (cty.Value, error) { return cty.StringVal(s), nil }})
}

// unitSources are the local modules that blocks of a unit's file name by a literal `source`.
func unitSources(name string, data []byte) []string {
	f, _ := syntax.ParseHCL(name, data)
	if f == nil {
		return nil
	}
	body, ok := f.Body.(*hclsyntax.Body)
	if !ok {
		return nil
	}
	var out []string
	for _, b := range body.Blocks {
		a := b.Body.Attributes["source"]
		if a == nil {
			continue
		}
		v, ok := syntax.Value(a.Expr, unitContext)
		if !ok {
			continue // computed: what it names is not known
		}
		if s, ok := syntax.Printed(v); ok && (strings.HasPrefix(s, ".") || strings.HasPrefix(s, rootMark)) {
			s, _, _ = strings.Cut(s, "?")
			out = append(out, path.Clean(s))
		}
	}
	return out
}

// unitAt is a unit as seen in dir.
func unitAt(dir string, u workflow.Unit) workflow.Unit {
	var calls []string
	for _, c := range u.Calls {
		if below, ok := strings.CutPrefix(c, rootMark); ok {
			calls = append(calls, path.Clean(below))
			continue
		}
		calls = append(calls, path.Join(dir, c))
	}
	u.Calls = sorted(calls)
	return u
}
