package tfconfig

import (
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/cardea-iac/cardea/workflow/terraform/syntax"
)

// testDir is where the tools look for test files besides the directory itself.
const testDir = "tests"

// isTest reports whether a file is one of tests. `init` reads those of the
// project's directory, and installs the modules that they call.
func isTest(name string) bool {
	for _, s := range []string{".tftest.hcl", ".tftest.json", ".tofutest.hcl", ".tofutest.json"} {
		if strings.HasSuffix(name, s) {
			return !ignoredFile(name)
		}
	}
	return false
}

var (
	testSchema = &hcl.BodySchema{Blocks: []hcl.BlockHeaderSchema{{Type: "run", LabelNames: []string{"name"}}}}
	runSchema  = &hcl.BodySchema{Blocks: []hcl.BlockHeaderSchema{{Type: "module"}}}
)

// test reads one test file.
func (p *parser) test(name string, data []byte) {
	p.text, p.json = data, strings.HasSuffix(name, ".json")
	f, diags := syntax.ParseHCL(name, data)
	p.report(diags)
	if f == nil || f.Body == nil {
		return
	}
	content, _, diags := f.Body.PartialContent(testSchema)
	p.report(diags)
	for _, run := range content.Blocks {
		inner, _, diags := run.Body.PartialContent(runSchema)
		p.report(diags)
		for _, b := range inner.Blocks {
			content, _, diags := b.Body.PartialContent(callSchema)
			p.report(diags)
			if a := content.Attributes["source"]; a != nil {
				p.testSource(run.Labels[0], a)
			}
		}
	}
}

func (p *parser) testSource(run string, a *hcl.Attribute) {
	source, ok := p.literalSource(a.Expr)
	if !ok {
		p.refuse(a.Range, "The module source is not literal", fmt.Sprintf("Run %q of the tests has a computed module source: write it literally.", run))
		return
	}
	dir, why := moduleSource(source)
	if why != "" {
		p.unsafe(a.Range, fmt.Sprintf("Run %q of the tests has the module source %q: %s", run, source, why))
		return
	}
	if dir != "" {
		p.module.tests = append(p.module.tests, dir)
	}
}
