package tfconfig

import (
	"regexp"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/terraform/syntax"
)

// A file beside the code may be read by an attribute that no function says is a path, such as
// `source = "${each.key}.json"`. What such a string is may not be known; how files are called that
// it may name is.

// naming are functions that make a name of a directory's path, or ask about it, and no path.
var naming = map[string]bool{"basename": true, "split": true, "regex": true, "regexall": true, "length": true, "md5": true, "sha1": true,
	"sha256": true, "sha512": true, "startswith": true, "endswith": true, "strcontains": true}

// separating are functions to which "." is no directory, besides those of naming.
var separating = map[string]bool{"join": true, "replace": true, "trim": true, "trimprefix": true, "trimsuffix": true, "format": true,
	"formatlist": true, "contains": true}

var (
	oneWord     = regexp.MustCompile(`[\w-]+`)
	manyWords   = regexp.MustCompile(`^[\w-]+(\s*[,;|]\s*[\w-]+)*$`)
	afterDot    = regexp.MustCompile(`[.{,]([\w-]+)`) // "*.{json,yaml}"
	afterSign   = regexp.MustCompile(`(?:[^\s\w-]|[:=-]\s+)([\w-]+)`)
	beforeSlash = regexp.MustCompile(`([\w-]+)[/\\]`)
)

// endings takes the words of a block's strings that may be the ends of names of files, or those of directories.
func (n *named) endings(b syntax.Block) {
	told := map[hclsyntax.Expression]bool{} // where they lead is known
	tell := func(node hclsyntax.Node) hcl.Diagnostics {
		switch node := node.(type) {
		case *hclsyntax.LiteralValueExpr:
			told[node] = true
		case *hclsyntax.TemplateExpr:
			told[node] = true
		}
		return nil
	}
	_ = hclsyntax.VisitAll(b.Body, func(node hclsyntax.Node) hcl.Diagnostics {
		switch node := node.(type) {
		case *hclsyntax.FunctionCallExpr:
			name := strings.TrimPrefix(node.Name, "core::")
			for i, arg := range node.Args {
				if fileFunctions[name] && i == 0 || name == "fileset" {
					_ = hclsyntax.VisitAll(arg, tell)
				}
			}
		case *hclsyntax.TemplateExpr:
			texts := n.fold(node)
			if !slices.ContainsFunc(texts, func(t text) bool { return !relative(t) }) {
				for _, part := range node.Parts {
					_ = tell(part)
				}
				break
			}
			for _, t := range texts { // "env${"s"}"
				if t.whole {
					n.endsIn(t.start, told[node])
				}
			}
		case *hclsyntax.LiteralValueExpr:
			if node.Val.Type() == cty.String && !node.Val.IsNull() && node.Val.IsKnown() {
				n.endsIn(node.Val.AsString(), told[node])
			}
		case *hclsyntax.ObjectConsKeyExpr: // each.key is one
			n.endsIn(hcl.ExprAsKeyword(node.Wrapped), false)
		}
		return nil
	})
}

// endsIn takes the words of one string, and those of directories unless it is told where it leads.
func (n *named) endsIn(text string, told bool) {
	text = strings.ToLower(strings.TrimSpace(text))
	add := func(word, after string) {
		if len(word) <= workflow.MaxEnd {
			n.ends = append(n.ends, word+after)
		}
	}
	if manyWords.MatchString(text) {
		for _, word := range oneWord.FindAllString(text, -1) {
			add(word, "")
		}
	}
	for _, word := range afterDot.FindAllStringSubmatch(text, -1) {
		add(word[1], "")
	}
	for _, in := range []*regexp.Regexp{afterSign, beforeSlash} {
		for _, word := range in.FindAllStringSubmatch(text, -1) {
			if !told {
				add(word[1], "/")
			}
		}
	}
}

// anyEnd notes what may name the working directory itself, or what lies above it and leads down again.
func (n *named) anyEnd() { n.ends = append(n.ends, workflow.AnyEnd) }

// here reports whether a text is the working directory, by its plainest name.
func here(t text, around frame) bool {
	return t.whole && t.start == "." && !(around.called && (naming[around.by] || separating[around.by]))
}

// climbs reports whether a text of which the beginning is not known goes up.
func climbs(t text) bool { return t.start == "" && !t.whole && t.up > 0 }
