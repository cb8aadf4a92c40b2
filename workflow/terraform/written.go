package terraform

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/cardea-iac/cardea/workflow/terraform/planjson"
	"github.com/cardea-iac/cardea/workflow/terraform/syntax"
	"github.com/cardea-iac/cardea/workflow/terraform/tfconfig"
)

// written reads in the files of all modules of the run, fetched ones included,
// what the plan's JSON does not tell. What cannot be read is `dynamic` for all we know.
func (p *planning) written() planjson.Written {
	w := writing{dynamic: map[string]bool{}, removed: map[string][]string{}, literals: map[string]bool{}}
	modules, err := installedModules(filepath.Join(p.dataDir(), "modules", "modules.json"))
	if err != nil {
		w.dynamic["*"] = true
	}
	for key, dir := range modules {
		w.dir = filepath.ToSlash(dir)
		if !filepath.IsAbs(dir) {
			dir = filepath.Join(p.dir, filepath.FromSlash(dir))
		}
		w.prefix = ""
		if key != "" {
			w.prefix = "module." + strings.ReplaceAll(key, ".", ".module.") + "."
		}
		w.directory(dir)
	}
	out := planjson.Written{Dynamic: slices.Sorted(maps.Keys(w.dynamic)), Literals: slices.Sorted(maps.Keys(w.literals)), Find: p.finder(), Says: p.says}
	for _, from := range slices.Sorted(maps.Keys(w.removed)) {
		out.Removed = append(out.Removed, planjson.Removed{From: from, Provisioners: w.removed[from]})
	}
	return out
}

// installedModules are the directories of all modules by their keys ("a.b" is the
// module b that a calls), as init notes them. Without calls there may be no note.
func installedModules(file string) (map[string]string, error) {
	dirs := map[string]string{"": "."}
	data, err := readRegular(file)
	if errors.Is(err, fs.ErrNotExist) {
		return dirs, nil
	}
	var note modulesNote
	if err == nil {
		err = json.Unmarshal(data, &note)
	}
	for _, m := range note.Modules {
		dirs[m.Key] = m.Dir
	}
	return dirs, err
}

// modulesNote is what init notes of the modules.
type modulesNote struct {
	Modules []struct{ Key, Source, Dir string }
}

// installedSources are the sources of all modules by their keys.
func installedSources(file string) (map[string]string, error) {
	data, err := readRegular(file)
	if err != nil {
		return nil, err
	}
	var note modulesNote
	err = json.Unmarshal(data, &note)
	sources := map[string]string{}
	for _, m := range note.Modules {
		sources[m.Key] = m.Source
	}
	return sources, err
}

// writing collects what is written in modules.
type writing struct {
	dynamic map[string]bool
	removed map[string][]string // provisioners by address
	prefix  string              // of the module being read
	// literals are the strings of the files, as they stand and as seen from the module's directory.
	literals map[string]bool
	dir      string // of the module being read, relative to the project's
}

func (w *writing) directory(dir string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		w.dynamic["*"] = true
	}
	for _, e := range entries {
		if !tfconfig.IsConfig(e.Name()) {
			continue
		}
		data, err := readRegular(filepath.Join(dir, e.Name()))
		if err != nil {
			w.dynamic["*"] = true
			continue
		}
		w.file(e.Name(), data)
	}
}

var (
	removedSchema = &hcl.BodySchema{Blocks: []hcl.BlockHeaderSchema{{Type: "removed"}}}
	removalSchema = &hcl.BodySchema{Attributes: []hcl.AttributeSchema{{Name: "from"}}, Blocks: []hcl.BlockHeaderSchema{{Type: "provisioner", LabelNames: []string{"type"}}}}
)

func (w *writing) file(name string, data []byte) {
	f, diags := syntax.ParseHCL(name, data)
	if f == nil || f.Body == nil || diags.HasErrors() {
		w.dynamic["*"] = true // too deep for us, if not for terraform
		return
	}
	if body, ok := f.Body.(*hclsyntax.Body); ok {
		w.blocks(body, "")
		w.strings(body)
	} else if w.jsonStrings(data); jsonNames(data, "dynamic") || (jsonNames(data, "provider") && bytes.Contains(data, []byte("("))) {
		w.dynamic["*"] = true
	}
	content, _, _ := f.Body.PartialContent(removedSchema)
	for _, b := range content.Blocks {
		removal, _, _ := b.Body.PartialContent(removalSchema)
		from := removal.Attributes["from"]
		if from == nil {
			continue
		}
		traversal, _ := hcl.AbsTraversalForExpr(from.Expr)
		for _, block := range removal.Blocks {
			at := w.prefix + dotted(traversal)
			if kind := block.Labels[0]; !slices.Contains(w.removed[at], kind) {
				w.removed[at] = append(w.removed[at], kind)
			}
		}
	}
}

// blocks notes what `dynamic` blocks make, in provider blocks under a name of its own.
func (w *writing) blocks(body *hclsyntax.Body, in string) {
	for _, b := range body.Blocks {
		switch {
		case b.Type == "dynamic" && len(b.Labels) == 1:
			w.dynamic[in+b.Labels[0]] = true
		case b.Type == "provider" && in == "":
			w.blocks(b.Body, "provider.")
			w.functions(b.Body)
			continue
		}
		w.blocks(b.Body, in)
	}
}

// functions notes that a provider block calls a function: of that the JSON says
// nothing, and what it reads or makes may be another thing each time.
func (w *writing) functions(body *hclsyntax.Body) {
	_ = hclsyntax.VisitAll(body, func(n hclsyntax.Node) hcl.Diagnostics { // the visitor reports nothing
		if _, ok := n.(*hclsyntax.FunctionCallExpr); ok {
			w.dynamic["provider.()"] = true
		}
		return nil
	})
}

// strings notes every string that is written, parts of templates too.
func (w *writing) strings(node hclsyntax.Node) {
	_ = hclsyntax.VisitAll(node, func(n hclsyntax.Node) hcl.Diagnostics { // the visitor reports nothing
		if l, ok := n.(*hclsyntax.LiteralValueExpr); ok {
			if text, ok := syntax.Printed(l.Val); ok && l.Val.Type() == cty.String {
				w.literal(text)
			}
		}
		return nil
	})
}

func (w *writing) literal(text string) {
	w.literals[text] = true
	if w.dir != "." && strings.HasPrefix(text, "/") { // what stands behind path.module
		w.literals[w.dir+text] = true
	}
}

// jsonStrings notes the strings of a JSON file, and those in their templates.
func (w *writing) jsonStrings(data []byte) {
	v := syntax.EveryKey(data)
	if !syntax.ReadableStrings(v) {
		w.dynamic["*"] = true
	}
	var visit func(any)
	visit = func(v any) {
		switch v := v.(type) {
		case string:
			w.literal(v)
			if expr := syntax.ParseTemplate(v); expr != nil {
				w.strings(expr)
			}
		case []any:
			for _, e := range v {
				visit(e)
			}
		case map[string]any:
			for key, e := range v {
				visit(key)
				visit(e)
			}
		}
	}
	visit(v)
}

// jsonNames reports whether a key of that name is anywhere in a JSON file.
func jsonNames(data []byte, name string) bool {
	dec := json.NewDecoder(bytes.NewReader(data))
	for {
		t, err := dec.Token()
		if err != nil {
			return !errors.Is(err, io.EOF)
		}
		if t == name { // a value of that name too, which is not worth telling apart
			return true
		}
	}
}

// dotted is a traversal as an address.
func dotted(t hcl.Traversal) string {
	var parts []string
	for _, step := range t {
		switch s := step.(type) {
		case hcl.TraverseRoot:
			parts = append(parts, s.Name)
		case hcl.TraverseAttr:
			parts = append(parts, s.Name)
		}
	}
	return strings.Join(parts, ".")
}
