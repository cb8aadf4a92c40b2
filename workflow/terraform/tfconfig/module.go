package tfconfig

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/terraform/syntax"
)

// module is what one directory's files say, with every path and position
// relative to that directory, so that it can be cached by content.
type module struct {
	calls       []ModuleCall // sorted by name; Dir is "../vpc": a local source, clean
	tests       []string     // local modules that test files call, clean
	paths       *paths
	backend     *Backend
	providers   string
	required    []string
	wanted      []Wanted
	unsafe      []workflow.Diagnostic
	diagnostics []workflow.Diagnostic
	readings    map[string]*module // by tool, where they differ
}

// at is the module as seen in dir.
func (m *module) at(dir string) workflow.Module {
	out := workflow.Module{Dir: dir, RootFiles: m.paths.rootFiles}
	own := Own{ProviderConfig: m.providers, Required: m.required, Wanted: wantedAt(dir, m.wanted), Unsafe: placed(dir, m.unsafe)}
	var local []string
	for _, c := range m.calls {
		if c.Dir != "" {
			local = append(local, c.Dir)
			c.Dir = path.Join(dir, c.Dir)
		}
		own.Named = append(own.Named, c)
	}
	out.Calls = joinAll(dir, local)
	out.Tests = joinAll(dir, m.tests)
	out.Files = joinAll(dir, m.paths.files)
	out.Words, out.Ends, out.Computed = m.paths.words, m.paths.ends, joinAll(dir, m.paths.computed)
	out.AnySource, out.Commands = joinAll(dir, m.paths.anySource), joinAll(dir, m.paths.commands)
	for _, p := range m.paths.parts {
		if in, ok := p.at(dir).In(dir); ok {
			if in.Source && in.Anywhere() {
				out.AnySource = sorted(append(out.AnySource, in.File))
				continue
			}
			out.Parts = append(out.Parts, in)
		}
	}
	for _, p := range m.paths.rootParts {
		out.RootParts = append(out.RootParts, p.at(dir))
	}
	if m.backend != nil {
		b := *m.backend
		b.Position.File = path.Join(dir, b.Position.File)
		own.Backend = &b
	}
	out.Diagnostics = placed(dir, m.diagnostics)
	for tool, r := range m.readings {
		if own.Readings == nil {
			own.Readings = map[string]workflow.Module{}
		}
		own.Readings[tool] = r.at(dir)
	}
	has(&out, own)
	return out
}

// at names the file of the module's directory that says so.
func (p stem) at(dir string) workflow.PathPart {
	return workflow.PathPart{Below: p.below, Name: p.name, End: p.end, Up: p.up, File: path.Join(dir, p.file), Source: p.source}
}

func joinAll(dir string, paths []string) []string {
	var out []string
	for _, p := range paths {
		out = append(out, path.Join(dir, p))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func placed(dir string, in []workflow.Diagnostic) []workflow.Diagnostic {
	out := slices.Clone(in)
	for i := range out {
		if out[i].Position.File != "" {
			out[i].Position.File = path.Join(dir, out[i].Position.File)
		}
	}
	return out
}

// The blocks that say what a project is made from. Everything else passes.
var (
	fileSchema = &hcl.BodySchema{Blocks: []hcl.BlockHeaderSchema{
		{Type: "terraform"}, {Type: "module", LabelNames: []string{"name"}}, {Type: "provider", LabelNames: []string{"name"}},
	}}
	settingsSchema = &hcl.BodySchema{
		Attributes: []hcl.AttributeSchema{{Name: "required_version"}},
		Blocks: []hcl.BlockHeaderSchema{{Type: "backend", LabelNames: []string{"type"}}, {Type: "cloud"}, {Type: "required_providers"},
			{Type: "encryption"}}, // OpenTofu's, whose key providers may run programs
	}
	callSchema = &hcl.BodySchema{Attributes: []hcl.AttributeSchema{{Name: "source"}}}
)

// commands finds what runs a program: provisioners, the external data source, and the like.
var commands = regexp.MustCompile(`\b(command|program|inline|script)s?"?\s*([:=]|/\*)`)

// parser reads the files of one directory, in order of their names. What it
// cannot read as the tool will is an error among the diagnostics.
type parser struct {
	module    *module
	calls     map[string]ModuleCall
	required  map[string]string // local name -> source address
	providers []string          // texts of provider and required_providers blocks
	overrides []func()          // what override files lay over the rest, in their order
	blocks    []syntax.Block
	commands  []string // names of files with commands
	text      []byte   // of the file being read
	json      bool
}

func newParser() *parser {
	return &parser{module: &module{}, calls: map[string]ModuleCall{}, required: map[string]string{}}
}

// file reads one file. What does not parse is reported, the rest still counts.
func (p *parser) file(name string, data []byte) {
	p.text, p.json = data, strings.HasSuffix(name, ".json")
	f, diags := syntax.ParseHCL(name, data)
	p.report(diags)
	if f == nil || f.Body == nil {
		return
	}
	content, _, diags := f.Body.PartialContent(fileSchema)
	p.report(diags)
	if commands.Match(data) {
		p.commands = append(p.commands, name)
	}
	override := isOverride(name)
	for _, b := range content.Blocks {
		switch b.Type {
		case "terraform":
			p.settings(b, override)
		case "module":
			p.call(b, override)
		case "provider":
			p.providers = append(p.providers, "provider "+b.Labels[0]+" "+p.blockText(b))
		}
	}
	if p.json {
		blocks, ok := syntax.JSONBlocks(name, data)
		if p.blocks = append(p.blocks, blocks...); !ok {
			p.report(syntax.Unreadable(name, "it is nested too deeply"))
		}
	} else {
		p.blocks = append(p.blocks, syntax.NativeBlocks(name, f.Body)...)
	}
}

func isOverride(name string) bool {
	base, _ := splitSuffix(name)
	return base == "override" || strings.HasSuffix(base, "_override")
}

func (p *parser) report(diags hcl.Diagnostics) {
	for _, d := range diags {
		if d.Severity != hcl.DiagError {
			continue
		}
		out := workflow.Diagnostic{Severity: workflow.SeverityError, Summary: d.Summary, Detail: d.Detail}
		if d.Subject != nil {
			out.Position = position(*d.Subject)
		}
		p.module.diagnostics = append(p.module.diagnostics, out)
	}
}

// refuse reports what would be read in one way here and perhaps in another by the tool.
func (p *parser) refuse(at hcl.Range, summary, detail string) {
	p.module.diagnostics = append(p.module.diagnostics, workflow.Diagnostic{
		Severity: workflow.SeverityError, Summary: summary, Detail: detail, Position: position(at)})
}

func position(r hcl.Range) workflow.Position {
	return workflow.Position{File: r.Filename, Line: r.Start.Line, Column: r.Start.Column}
}

// merge does it now, or for an override file when all else is read: what it says replaces what is there.
func (p *parser) merge(override bool, do func()) {
	if override {
		p.overrides = append(p.overrides, do)
		return
	}
	do()
}

func (p *parser) settings(b *hcl.Block, override bool) {
	content, _, diags := b.Body.PartialContent(settingsSchema)
	p.report(diags)
	if a := content.Attributes["required_version"]; a != nil {
		p.wants(a, override)
	}
	for _, b := range content.Blocks {
		switch b.Type {
		case "required_providers":
			p.require(b, override)
			fallthrough
		case "encryption":
			p.providers = append(p.providers, b.Type+" "+p.blockText(b))
		default:
			p.backend(b, override)
		}
	}
}

// require notes which providers a required_providers block names.
func (p *parser) require(b *hcl.Block, override bool) {
	attrs, diags := b.Body.JustAttributes()
	p.report(diags)
	for name, a := range attrs {
		source := "hashicorp/" + name
		pairs, diags := hcl.ExprMap(a.Expr) // a string is the old form of a version
		if !diags.HasErrors() {
			for _, pair := range pairs {
				key, _ := syntax.Literal(pair.Key)
				if s, ok := syntax.Literal(pair.Value); ok && key == "source" {
					source = s
				}
			}
		}
		p.merge(override, func() { p.required[name] = source })
	}
}

// backend notes a backend or cloud block. In an override file it replaces any other.
func (p *parser) backend(b *hcl.Block, override bool) {
	backend := &Backend{Type: "cloud", Attributes: map[string]string{}, Position: position(b.DefRange)}
	if b.Type == "backend" {
		backend.Type = b.Labels[0]
	}
	backend.Computed = syntax.Flatten(backend.Attributes, "", b.Body)
	backend.expressions = syntax.ExpressionsOf(b.Body, backend.Computed)
	maps.DeleteFunc(backend.Attributes, func(_, value string) bool { return value == syntax.Null })
	backend.Hash = Hash(backend.Type, p.blockText(b))
	if !override && p.module.backend != nil {
		p.refuse(b.DefRange, "The backend is configured twice", fmt.Sprintf("The first is on line %d of %s.", p.module.backend.Position.Line, p.module.backend.Position.File))
		return
	}
	p.merge(override, func() { p.module.backend = backend })
}

// call notes a module call.
func (p *parser) call(b *hcl.Block, override bool) {
	name := b.Labels[0]
	content, _, diags := b.Body.PartialContent(callSchema)
	p.report(diags)
	if _, twice := p.calls[name]; twice && !override {
		p.refuse(b.DefRange, "The module is called twice", fmt.Sprintf("This directory has another module block %q.", name))
	}
	c := ModuleCall{Name: name}
	a := content.Attributes["source"]
	if a == nil {
		if !override {
			p.calls[name] = c
		}
		return
	}
	source, ok := p.literalSource(a.Expr)
	switch why := ""; {
	case !ok:
		c.Computed = true
	default:
		if c.Dir, why = moduleSource(source); why != "" {
			p.unsafe(a.Range, fmt.Sprintf("Module %q has the source %q: %s", name, source, why))
		}
	}
	p.merge(override, func() {
		if _, there := p.calls[name]; there || !override {
			p.calls[name] = c
		}
	})
}

// literalSource is a source as either tool reads it. In JSON, Terraform takes a
// template for plain text and OpenTofu evaluates it: that is not literal.
func (p *parser) literalSource(e hcl.Expression) (string, bool) {
	s, ok := syntax.Literal(e)
	if ok && p.json && (strings.Contains(s, "${") || strings.Contains(s, "%{")) {
		return "", false
	}
	return s, ok
}

func (p *parser) unsafe(at hcl.Range, detail string) {
	p.module.unsafe = append(p.module.unsafe, workflow.Diagnostic{
		Severity: workflow.SeverityError, Summary: "The module source is not allowed", Detail: detail, Position: position(at)})
}

// finish completes the module.
func (p *parser) finish() *module {
	for _, lay := range p.overrides {
		lay()
	}
	m := p.module
	m.paths = findPaths(p.blocks)
	m.paths.commands = p.commands
	for _, name := range slices.Sorted(maps.Keys(p.calls)) {
		m.calls = append(m.calls, p.calls[name])
	}
	m.required = sorted(slices.Collect(maps.Values(p.required)))
	m.tests = sorted(m.tests)
	if len(p.providers) > 0 {
		slices.Sort(p.providers)
		m.providers = Hash(p.providers...)
	}
	return m
}

// blockText is a block's text without comments and layout, so that neither
// counts as a change.
func (p *parser) blockText(b *hcl.Block) string {
	body, ok := b.Body.(*hclsyntax.Body)
	if !ok || p.json {
		return jsonText(b.Body)
	}
	var out strings.Builder
	tokens, _ := hclsyntax.LexConfig(body.SrcRange.SliceBytes(p.text), "", hcl.InitialPos)
	for _, t := range tokens {
		if t.Type != hclsyntax.TokenComment && t.Type != hclsyntax.TokenNewline {
			out.Write(t.Bytes)
			out.WriteByte(0)
		}
	}
	return out.String()
}

// jsonText prints the attributes of a JSON body with their values; JSON has no
// other parts.
func jsonText(b hcl.Body) string {
	attrs, _ := b.JustAttributes()
	var out strings.Builder
	for _, name := range slices.Sorted(maps.Keys(attrs)) {
		v, ok := syntax.Value(attrs[name].Expr, nil)
		if !ok {
			out.WriteString(name + "=?\x00") // strings are not evaluated here, so this hardly happens
			continue
		}
		fmt.Fprintf(&out, "%s=%#v\x00", name, v)
	}
	return out.String()
}

// Hash is the hex SHA-256 of the parts, which cannot run into each other.
func Hash(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d:%s", len(p), p)
	}
	return hex.EncodeToString(h.Sum(nil))
}
