package tfconfig

import (
	"encoding/json"
	"io/fs"
	"strings"

	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/cardea-iac/cardea/workflow/terraform/syntax"
)

// isValues reports whether a file has values of variables: plans of the directory read it unasked, or an entry names it.
func isValues(name string) bool {
	name = strings.TrimSuffix(name, ".json")
	return strings.HasSuffix(name, ".tfvars")
}

// values picks the files with values of variables of a directory with configuration.
func (w *walker) values(dir string, files []fs.DirEntry) ([]source, error) {
	var out []source
	for _, f := range files {
		if !isValues(f.Name()) {
			continue
		}
		s, err := w.source(dir, "", f)
		if err != nil {
			return nil, err
		}
		if !s.lost { // the tool says what is wrong with one that is
			out = append(out, s)
		}
	}
	return out, nil
}

// values reads a file with values of variables, which may be paths. Its faults are the tool's to report.
func (p *parser) values(name string, data []byte) {
	f, _ := syntax.ParseHCL(name, data)
	if f == nil || f.Body == nil {
		return
	}
	var v any
	if body, ok := f.Body.(*hclsyntax.Body); ok {
		p.blocks = append(p.blocks, syntax.Block{File: name, Kind: "values", Body: body})
	} else if json.Unmarshal(data, &v) == nil {
		p.blocks = append(p.blocks, syntax.Block{File: name, Kind: "values", Body: syntax.Expression(v)})
	}
}
