package tfconfig

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/terraform/route"
	"github.com/cardea-iac/cardea/workflow/terraform/syntax"
)

// readable refuses the project for a directory of its closure that Cardea cannot
// read as the tool will; false where nothing more of it is to be looked at.
func (g *gathering) readable(dir string) bool {
	if leaves(dir) {
		g.refuse("It calls a module at `%s`, which is outside of the repository.", dir)
		return false
	}
	r, ok := route.Trace(g.tree, dir)
	switch {
	case !ok:
		g.refuse("It calls a module at `%s`, which a symlink takes outside of the repository.", dir)
		return false
	case r.Submodule != "":
		g.refuse("It calls a module at `%s`, in the git submodule `%s`. Cardea does not fetch submodules: commit its files to this repository, or use a git source.", dir, r.Submodule)
		return false
	}
	if info, err := fs.Stat(g.tree, dir); err == nil && !info.IsDir() {
		g.refuse("It calls a module at `%s`, which is a file, not a directory.", dir)
		return false
	}
	for _, part := range strings.Split(dir, "/") {
		if skipped[part] {
			g.refuse("It calls a module at `%s`: `%s` belongs to the tools, and Cardea reads nothing in it. Move the module.", dir, part)
			return false
		}
	}
	if g.tool == "" && ownOf(g.found.Modules[dir]).Readings != nil {
		g.refuse("`%s` has files that only OpenTofu reads, but it is not certain which tool will run. Set it with `tool` of the project in `%s`, or `terraform.tool` in the server's configuration.",
			dir, workflow.RepoConfigFile)
	}
	m, _ := as(g.found, g.tool, dir)
	for _, d := range ownOf(m).Unsafe {
		g.refuse("`%s` line %d: %s", d.Position.File, d.Position.Line, d.Detail)
	}
	for _, d := range m.Diagnostics {
		if d.Severity == workflow.SeverityError {
			g.refuse("%s%s cannot be read: %s", d.Position.Words(), g.snippet(d.Position), fault(d))
			continue
		}
		g.in.Diagnostics = append(g.in.Diagnostics, d)
	}
	return true
}

// snippet is the line of a file that is at fault, in brackets.
func (g *gathering) snippet(at workflow.Position) string {
	const most = 80
	info, err := fs.Stat(g.tree, at.File)
	if err != nil || info.Size() > syntax.MaxFileBytes {
		return ""
	}
	data, err := fs.ReadFile(g.tree, at.File)
	lines := strings.Split(string(data), "\n")
	if err != nil || !utf8.Valid(data) || at.Line < 1 || at.Line > len(lines) {
		return ""
	}
	line := strings.Join(strings.Fields(lines[at.Line-1]), " ")
	if line == "" || len(line) > most {
		return ""
	}
	return " (" + phrase.CodeSpan(line) + ")"
}

// fault is a diagnostic in a sentence or two.
func fault(d workflow.Diagnostic) string {
	out := strings.TrimRight(strings.TrimSpace(d.Summary), ".") + "."
	if d.Detail != "" {
		out += " " + strings.TrimRight(strings.Join(strings.Fields(d.Detail), " "), ".") + "."
	}
	return out
}

// ToolTitle is what people call a tool.
func ToolTitle(tool string) string {
	if tool == Tofu {
		return "OpenTofu"
	}
	return "Terraform"
}

// expect adds to what init will have to make what one directory says.
func (g *gathering) expect(dir string, m workflow.Module) {
	x := &g.expected
	x.Tool = g.tool
	x.OfTofu = x.OfTofu || ownOf(g.found.Modules[dir]).Readings != nil
	x.Calls = append(x.Calls, CallsOf{Dir: dir, Calls: ownOf(m).Named})
	g.wants(m)
	x.Providers = sorted(append(x.Providers, ownOf(m).Required...))
	for _, c := range ownOf(m).Named {
		if c.Computed && g.open(dir, c.Name) {
			g.facets.computed = append(g.facets.computed, fmt.Sprintf("`module.%s` in `%s`", c.Name, dir))
		}
	}
}

// computedSources takes the whole tree as an input where the source of a module is
// computed: any directory may be the module.
func (g *gathering) computedSources() error {
	if g.in.AnyFile = len(g.facets.computed) > 0; !g.in.AnyFile {
		return nil
	}
	slices.Sort(g.facets.computed)
	if g.id != "" {
		g.note(".", "tree "+g.id)
		return nil
	}
	return fs.WalkDir(g.tree, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		return g.entry(name)
	})
}
