package tfconfig

import (
	"errors"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/terraform/syntax"
)

// unreadPaths is what is known of a template that is not looked into: it may read anything.
var unreadPaths = &paths{computed: []string{"."}}

// maxTemplates is how many files are read to which one path may lead.
const maxTemplates = 1000

// rendered is what one template reads.
type rendered struct {
	file string
	said *paths
}

// templates adds what templates read to the modules that use them: their
// functions find files below the directory in which the tool runs.
func (w *walker) templates(p *placing) error {
	known := map[workflow.PathPart][]rendered{}
	for dir, said := range p.said {
		if said.templates == nil {
			continue
		}
		m := p.modules[dir]
		for _, at := range said.templates.in(dir) {
			key := at
			key.File = ""
			if _, ok := known[key]; !ok {
				var err error
				if known[key], err = w.templatesAt(at); err != nil {
					return err
				}
			}
			for _, read := range known[key] {
				m.RootFiles = sorted(append(slices.Clone(m.RootFiles), read.said.rootFiles...))
				for _, s := range read.said.rootParts {
					m.RootParts = append(m.RootParts, workflow.PathPart{Below: s.below, Name: s.name, End: s.end, Up: s.up, File: read.file})
				}
				if len(read.said.computed)+len(read.said.inputs) > 0 {
					m.Computed = sorted(append(slices.Clone(m.Computed), read.file))
				}
			}
		}
		p.modules[dir] = m
	}
	return nil
}

// in is where the paths of a module in dir may lead that is a project or is called by one beside it.
func (said *paths) in(dir string) []workflow.PathPart {
	var out []workflow.PathPart
	for _, f := range append(slices.Clone(said.files), said.rootFiles...) {
		out = append(out, workflow.PathPart{Below: path.Dir(path.Join(dir, f)), Name: path.Base(f)})
	}
	for _, s := range append(slices.Clone(said.parts), said.rootParts...) {
		if at, ok := s.at(dir).In(dir); ok && !at.Anywhere() {
			out = append(out, at)
		}
	}
	return out
}

// templatesAt is what the templates read to which a path may lead.
func (w *walker) templatesAt(at workflow.PathPart) ([]rendered, error) {
	var out []rendered
	read := 0
	err := fs.WalkDir(w.tree, at.Below, func(name string, d fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist) || err != nil && d == nil:
			return nil // the plan will say so
		case err != nil || w.ctx.Err() != nil:
			return errors.Join(err, w.ctx.Err())
		case d.IsDir() && name != at.Below && !strings.HasPrefix(name+"/", at.Start()) && !strings.HasPrefix(at.Start(), name+"/"):
			return fs.SkipDir
		case d.IsDir() || !at.Match(name):
			return nil
		case read == maxTemplates:
			out = append(out, rendered{name, unreadPaths}) // too many to look into
			return fs.SkipAll
		}
		read++
		found, err := w.template(name)
		if found != nil {
			out = append(out, rendered{name, found})
		}
		return err
	})
	return out, err
}

// template is what one template reads, nil for nothing.
func (w *walker) template(name string) (*paths, error) {
	info, err := fs.Stat(w.tree, name)
	if err != nil || !info.Mode().IsRegular() || info.Size() > syntax.MaxFileBytes {
		return nil, nil // nothing that could be rendered
	}
	id := string(idOf(info))
	if known, ok := w.reader.rendered.get(id); ok && id != "" {
		return known, nil
	}
	data, err := fs.ReadFile(w.tree, name)
	if err != nil {
		return nil, err
	}
	found := readByTemplate(string(data))
	if id != "" {
		w.reader.rendered.add(id, found, 1)
	}
	return found, nil
}

// readsFile finds what may be a call of a file function; comments may stand before its parenthesis.
var readsFile = regexp.MustCompile(`(` + strings.Join(slices.Sorted(maps.Keys(fileFunctions)), "|") + `)\s*(\(|#|//|/\*)`)

// readByTemplate finds what a template's functions read. One that does not parse is one of which nothing is known.
func readByTemplate(data string) *paths {
	if !readsFile.MatchString(data) {
		return nil
	}
	e := syntax.ParseTemplate(data)
	if e == nil {
		return unreadPaths
	}
	n := newNamed()
	n.reader = true
	n.visit("", e)
	n.finish()
	return n.paths
}

// template takes what templatefile reads.
func (n *named) template(t text) {
	all := n.paths
	if all.templates == nil {
		all.templates = &paths{}
	}
	n.paths = all.templates
	n.path(t, true)
	n.paths = all
}

// renders takes what a template reads that is given as a string.
func (n *named) renders(template hclsyntax.Expression) {
	of := []hclsyntax.Expression{template}
	if found := n.meant(template); len(found) > 0 {
		of = found
	}
	for _, e := range of {
		if call, ok := e.(*hclsyntax.FunctionCallExpr); ok && strings.TrimPrefix(call.Name, "core::") == "file" && len(call.Args) > 0 {
			n.reads("templatefile", call.Args)
			continue
		}
		for _, t := range n.fold(e) {
			read := readByTemplate(t.start)
			if read == nil {
				continue // nothing, as far as is known; Terraform lets it read nothing at all
			}
			n.rootFiles, n.rootParts = append(n.rootFiles, read.rootFiles...), append(n.rootParts, read.rootParts...)
			if len(read.computed)+len(read.inputs) > 0 {
				n.computed = append(n.computed, n.file)
			}
		}
	}
}
