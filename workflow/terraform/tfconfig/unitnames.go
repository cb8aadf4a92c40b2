package tfconfig

import (
	"io/fs"
	"path"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/cardea-iac/cardea/workflow/terraform/syntax"
)

// unitNames are the ends of paths that a directory's Terragrunt files name: units and what they include.
func (w *walker) unitNames(dir string, files []fs.DirEntry) ([]string, error) {
	var out []string
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".hcl") || !unitSettings(f.Name()) || !f.Type().IsRegular() {
			continue
		}
		info, err := f.Info()
		if err != nil {
			return nil, err
		}
		if info.Size() > syntax.MaxFileBytes {
			continue
		}
		data, err := fs.ReadFile(w.tree, path.Join(dir, f.Name()))
		if err != nil {
			return nil, err
		}
		out = append(out, pathEnds(f.Name(), data)...)
	}
	return sorted(out), nil
}

// pathEnds are the ends of paths in the strings of a file of Terragrunt.
func pathEnds(name string, data []byte) []string {
	f, _ := syntax.ParseHCL(name, data)
	if f == nil {
		return nil
	}
	body, ok := f.Body.(*hclsyntax.Body)
	if !ok {
		return nil
	}
	e := &ends{}
	for _, a := range body.Attributes {
		_ = hclsyntax.Walk(a, e)
	}
	for _, b := range body.Blocks {
		switch b.Type {
		case "remote_state": // where states are
		case "generate": // where it writes
			if a := b.Body.Attributes["contents"]; a != nil {
				_ = hclsyntax.Walk(a, e)
			}
		default:
			if a := b.Body.Attributes["source"]; a != nil {
				e.skip = a.Expr // a module that is known is one of the unit's calls
			}
			_ = hclsyntax.Walk(b, e)
		}
	}
	return e.found
}

// ends collects them.
type ends struct {
	found []string
	skip  hclsyntax.Node // unless it is computed
}

// Enter implements hclsyntax.Walker.
func (e *ends) Enter(node hclsyntax.Node) hcl.Diagnostics {
	t, ok := node.(*hclsyntax.TemplateExpr)
	if !ok {
		return nil
	}
	if v, ok := syntax.Value(t, unitContext); ok {
		s, _ := syntax.Printed(v)
		below, rooted := strings.CutPrefix(s, rootMark)
		if node == e.skip || rooted && strings.ContainsAny(below, " \n") {
			return nil
		}
		if rooted {
			e.found = append(e.found, path.Clean("/"+below)) // all of it is known
			return nil
		}
	}
	for i, part := range t.Parts {
		if s, ok := syntax.Literal(part); ok {
			e.text(s, i > 0, i < len(t.Parts)-1)
		}
	}
	return nil
}

// Exit implements hclsyntax.Walker.
func (*ends) Exit(hclsyntax.Node) hcl.Diagnostics { return nil }

// text takes the end that a piece of a string is; before and after say that something computed stands there.
func (e *ends) text(s string, before, after bool) {
	s, _, _ = strings.Cut(s, "?") // of a source
	if len(s) > maxText || strings.ContainsAny(s, " \t\r\n:*${}<>=@") {
		return
	}
	if before {
		at := strings.Index(s, "/")
		if at < 0 {
			return
		}
		s = s[at:]
	}
	if after {
		s = s[:strings.LastIndex(s, "/")+1]
	}
	directory := strings.HasSuffix(s, "/")
	s = strings.TrimPrefix(path.Clean("/"+s), "/")
	if s != "" && (directory || before || strings.ContainsAny(s, "/.")) {
		e.found = append(e.found, s)
	}
}
