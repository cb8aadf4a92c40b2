package terraform

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"net"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/cardea-iac/cardea/workflow"
)

// module is what one directory's files say, with every path and position
// relative to that directory, so that it can be cached by content.
type module struct {
	calls       []string // "../vpc": sources of local modules, clean
	paths       *paths
	versions    []string
	backend     *workflow.Backend
	providers   string
	unsafe      []workflow.Diagnostic
	diagnostics []workflow.Diagnostic
}

// at is the module as seen in dir.
func (m *module) at(dir string) workflow.Module {
	out := workflow.Module{Dir: dir, RequiredVersions: m.versions, RootFiles: m.paths.rootFiles, ProviderConfig: m.providers}
	out.Calls = joinAll(dir, m.calls)
	out.Files = joinAll(dir, m.paths.files)
	out.Words, out.Computed = m.paths.words, joinAll(dir, m.paths.computed)
	for _, p := range m.paths.parts {
		if in, ok := p.at(dir).In(dir); ok {
			out.Parts = append(out.Parts, in)
		}
	}
	for _, p := range m.paths.rootParts {
		out.RootParts = append(out.RootParts, p.at(dir))
	}
	if m.backend != nil {
		b := *m.backend
		b.Position.File = path.Join(dir, b.Position.File)
		out.Backend = &b
	}
	out.Unsafe = placed(dir, m.unsafe)
	out.Diagnostics = placed(dir, m.diagnostics)
	return out
}

// at names the file of the module's directory that says so.
func (p stem) at(dir string) workflow.PathPart {
	return workflow.PathPart{Below: p.below, Name: p.name, End: p.end, File: path.Join(dir, p.file)}
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

// parser reads the files of one directory, in order of their names.
type parser struct {
	module    *module
	calls     map[string]bool
	providers []string // texts of provider and required_providers blocks
	overrides *workflow.Backend
	blocks    []block
	text      []byte // of the file being read
	json      bool
}

func newParser() *parser { return &parser{module: &module{}, calls: map[string]bool{}} }

// file reads one file. What does not parse is reported, the rest still counts.
func (p *parser) file(name string, data []byte) {
	p.text, p.json = data, strings.HasSuffix(name, ".json")
	f, diags := parseHCL(name, data)
	p.report(diags)
	if f == nil || f.Body == nil {
		return
	}
	content, _, _ := f.Body.PartialContent(fileSchema) // its faults are the tool's to report
	base, _ := splitSuffix(name)
	override := base == "override" || strings.HasSuffix(base, "_override")
	for _, b := range content.Blocks {
		switch b.Type {
		case "terraform":
			p.settings(b, override)
		case "module":
			p.call(b)
		case "provider":
			p.providers = append(p.providers, "provider "+b.Labels[0]+" "+p.blockText(b))
		}
	}
	if p.json {
		p.blocks = append(p.blocks, jsonBlocks(name, data)...)
	} else {
		p.blocks = append(p.blocks, nativeBlocks(name, f.Body)...)
	}
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

func position(r hcl.Range) workflow.Position {
	return workflow.Position{File: r.Filename, Line: r.Start.Line, Column: r.Start.Column}
}

func (p *parser) settings(b *hcl.Block, override bool) {
	content, _, _ := b.Body.PartialContent(settingsSchema)
	if a := content.Attributes["required_version"]; a != nil {
		if v, ok := literalString(a.Expr); ok {
			p.module.versions = append(p.module.versions, v)
		}
	}
	for _, b := range content.Blocks {
		if b.Type == "required_providers" || b.Type == "encryption" {
			p.providers = append(p.providers, b.Type+" "+p.blockText(b))
			continue
		}
		backend := &workflow.Backend{Type: "cloud", Attributes: map[string]string{}, Position: position(b.DefRange)}
		if b.Type == "backend" {
			backend.Type = b.Labels[0]
		}
		backend.Computed = flatten(backend.Attributes, "", b.Body)
		maps.DeleteFunc(backend.Attributes, func(_, value string) bool { return value == null })
		backend.Hash = hash(backend.Type, p.blockText(b))
		if override {
			p.overrides = backend
		} else if p.module.backend == nil {
			p.module.backend = backend
		}
	}
}

// call notes a module call. Only "./" and "../" are local; an absolute path
// reads files outside of the tree, file:// too, and a ref that begins with "-"
// has been a way to hand git an option (CVE-2026-4660).
func (p *parser) call(b *hcl.Block) {
	content, _, _ := b.Body.PartialContent(callSchema)
	a := content.Attributes["source"]
	if a == nil {
		return
	}
	source, ok := literalString(a.Expr)
	if !ok {
		p.module.diagnostics = append(p.module.diagnostics, workflow.Diagnostic{
			Severity: workflow.SeverityWarning, Summary: "The module source is not literal",
			Detail:   "Changes of the module it names are not noticed; name its files in `watch`.",
			Position: position(a.Range)})
		return
	}
	if why := unsafeSource(source); why != "" {
		p.module.unsafe = append(p.module.unsafe, workflow.Diagnostic{
			Severity: workflow.SeverityError, Summary: "The module source is not allowed",
			Detail: fmt.Sprintf("Module %q has the source %q: %s", b.Labels[0], source, why), Position: position(a.Range)})
		return
	}
	if strings.HasPrefix(source, "./") || strings.HasPrefix(source, "../") {
		p.calls[path.Clean(source)] = true
	}
}

// unsafeSource says why a module source must not be fetched, "" when it may.
func unsafeSource(source string) string {
	s := strings.TrimSpace(source)
	git := false
	for { // forced getters: git::, s3::, also nested
		before, after, found := strings.Cut(s, "::")
		if !found || strings.ContainsAny(before, "/:?") {
			break
		}
		git = git || strings.EqualFold(before, "git")
		s = after
	}
	switch {
	case git && plainHTTP(s):
		return "git over plain http is for this machine only: use https."
	case strings.HasPrefix(s, "/"), strings.HasPrefix(s, "~"), strings.HasPrefix(strings.ToLower(s), "file:"), len(s) > 2 && s[1] == ':' && (s[2] == '\\' || s[2] == '/'):
		return "it names a path of the machine, not of the repository."
	case strings.Contains(s, "ref=-"), strings.Contains(strings.ToLower(s), "ref=%2d"):
		return "a ref must not begin with \"-\"."
	}
	return ""
}

// plainHTTP reports an address of plain http on another machine.
func plainHTTP(address string) bool {
	u, err := url.Parse(address)
	if err != nil || !strings.EqualFold(u.Scheme, "http") {
		return strings.HasPrefix(strings.ToLower(address), "http:")
	}
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback())
}

// finish completes the module.
func (p *parser) finish() *module {
	m := p.module
	if p.overrides != nil {
		m.backend = p.overrides
	}
	m.calls = slices.Sorted(maps.Keys(p.calls))
	m.paths = findPaths(p.blocks)
	if len(p.providers) > 0 {
		slices.Sort(p.providers)
		m.providers = hash(p.providers...)
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
		v, diags := attrs[name].Expr.Value(nil)
		if diags.HasErrors() {
			out.WriteString(name + "=?\x00") // strings are not evaluated here, so this hardly happens
			continue
		}
		fmt.Fprintf(&out, "%s=%#v\x00", name, v)
	}
	return out.String()
}

// hash is the hex SHA-256 of the parts, which cannot run into each other.
func hash(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d:%s", len(p), p)
	}
	return hex.EncodeToString(h.Sum(nil))
}
