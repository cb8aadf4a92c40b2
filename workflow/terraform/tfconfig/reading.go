package tfconfig

import (
	"cmp"
	"io/fs"
	"slices"
	"strings"

	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/terraform/route"
	"github.com/cardea-iac/cardea/workflow/terraform/syntax"
)

// The tools read different files of one directory: OpenTofu reads *.tofu too, and
// x.tofu instead of x.tf. Which of both holds depends on the tool that will run.

// The two tools.
const (
	Terraform = "terraform"
	Tofu      = "tofu"
)

// parse reads a directory's files as each tool does, and all together where that differs.
func (w *walker) parse(files []source) (*module, error) {
	texts := map[string][]byte{}
	for _, f := range files {
		if f.lost {
			continue
		}
		data, err := fs.ReadFile(w.tree, f.path)
		if err != nil {
			return nil, err
		}
		texts[f.name] = data
	}
	read := func(tool string) *module {
		p, any := newParser(), false
		for _, f := range readBy(tool, files) {
			any = any || !f.test && !isValues(f.name)
			switch {
			case f.lost:
				p.report(syntax.Unreadable(f.name, route.Lost(w.tree, f.path)))
			case isValues(f.name):
				p.values(f.name, texts[f.name])
			case f.test:
				p.test(f.name, texts[f.name])
			default:
				p.file(f.name, texts[f.name])
			}
		}
		if !any {
			return nil
		}
		return p.finish()
	}
	tofu := read(Tofu)
	if !slices.ContainsFunc(files, func(f source) bool { return OfTofu(f.name) }) {
		return tofu, nil
	}
	return either(read(Terraform), tofu), nil
}

// readBy picks the files that a tool reads.
func readBy(tool string, files []source) []source {
	hidden := map[string]bool{}
	for _, f := range files {
		if base, suffix := splitSuffix(f.name); OfTofu(f.name) {
			hidden[base+strings.Replace(suffix, ".tofu", ".tf", 1)] = true
		}
	}
	var out []source
	for _, f := range files {
		if f.test || tool == Tofu && !hidden[f.name] || tool == Terraform && !OfTofu(f.name) {
			out = append(out, f)
		}
	}
	return out
}

// OfTofu reports whether a file is one that only OpenTofu reads.
func OfTofu(name string) bool {
	_, suffix := splitSuffix(name)
	return strings.HasPrefix(suffix, ".tofu") && !ignoredFile(name)
}

// either is what either tool reads, all together, with both readings; terraform is nil where it reads nothing.
func either(terraform, tofu *module) *module {
	m := *tofu
	m.readings = map[string]*module{Tofu: tofu}
	if terraform == nil {
		return &m
	}
	m.readings[Terraform] = terraform
	m.calls = slices.Concat(tofu.calls, terraform.calls)
	m.tests = sorted(slices.Concat(tofu.tests, terraform.tests))
	m.paths = tofu.paths.and(terraform.paths)
	if m.backend == nil {
		m.backend = terraform.backend
	}
	if m.providers != "" || terraform.providers != "" {
		m.providers = Hash(tofu.providers, terraform.providers)
	}
	m.required = sorted(slices.Concat(tofu.required, terraform.required))
	m.wanted = slices.Concat(tofu.wanted, terraform.wanted)
	m.unsafe = slices.Concat(tofu.unsafe, terraform.unsafe)
	m.diagnostics = slices.Concat(tofu.diagnostics, terraform.diagnostics)
	return &m
}

// and is what two readings say of paths, all together.
func (a *paths) and(b *paths) *paths {
	if a == nil || b == nil {
		return cmp.Or(a, b)
	}
	out := &paths{
		templates: a.templates.and(b.templates),
		files:     sorted(slices.Concat(a.files, b.files)), rootFiles: sorted(slices.Concat(a.rootFiles, b.rootFiles)),
		parts: slices.Concat(a.parts, b.parts), rootParts: slices.Concat(a.rootParts, b.rootParts),
		words: sorted(slices.Concat(a.words, b.words)), ends: sorted(slices.Concat(a.ends, b.ends)), computed: sorted(slices.Concat(a.computed, b.computed)),
		anySource: sorted(slices.Concat(a.anySource, b.anySource)), commands: sorted(slices.Concat(a.commands, b.commands)),
		inputs: map[string][]string{}, passed: map[string]map[string]string{},
	}
	for _, p := range []*paths{a, b} {
		for input, files := range p.inputs {
			out.inputs[input] = sorted(append(out.inputs[input], files...))
		}
		for module, inputs := range p.passed {
			if out.passed[module] == nil {
				out.passed[module] = map[string]string{}
			}
			for input, own := range inputs {
				if was, ok := out.passed[module][input]; ok && was != own {
					own = ""
				}
				out.passed[module][input] = own
			}
		}
	}
	return out
}

// toolOf is the tool that will run a project, by the same rule as
// the engine chooses one; "" where that depends on what is installed when it runs.
func (r *Reader) toolOf(s Settings, own workflow.Module) string {
	for _, name := range []string{s.Tool, r.tool} {
		if name == Terraform || name == Tofu {
			return name
		}
	}
	if ownOf(own).Readings != nil {
		return Tofu
	}
	return pinned(ownOf(own).Pins)
}
