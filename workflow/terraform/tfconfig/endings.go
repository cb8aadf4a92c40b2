package tfconfig

import (
	"regexp"
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

var (
	afterDot = regexp.MustCompile(`\.([\w-]+)`)
	oneWord  = regexp.MustCompile(`^[\w-]+$`)
)

// endings takes the words of a block's strings that may be the ends of names of files.
func (n *named) endings(b syntax.Block) {
	_ = hclsyntax.VisitAll(b.Body, func(node hclsyntax.Node) hcl.Diagnostics {
		literal, ok := node.(*hclsyntax.LiteralValueExpr)
		if !ok || literal.Val.Type() != cty.String || literal.Val.IsNull() || !literal.Val.IsKnown() {
			return nil
		}
		text := strings.ToLower(literal.Val.AsString())
		if len(text) <= workflow.MaxEnd && oneWord.MatchString(text) {
			n.ends = append(n.ends, text)
		}
		for _, word := range afterDot.FindAllStringSubmatch(text, -1) {
			if len(word[1]) <= workflow.MaxEnd {
				n.ends = append(n.ends, word[1])
			}
		}
		return nil
	})
}
