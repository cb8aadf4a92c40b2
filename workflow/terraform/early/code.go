package early

import (
	"maps"

	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/cardea-iac/cardea/workflow/terraform/syntax"
)

type expressions = map[string]hclsyntax.Expression

// Code is what the code of one directory says.
type Code struct {
	locals    expressions
	variables map[string]variable
	calls     map[string]expressions // module -> argument, its source among them
}

// variable is one that is declared.
type variable struct {
	initial hclsyntax.Expression // its default; nil: it has none
	of      constraint
}

// Add takes in a block; what one of an override file says replaces what was there.
func (c *Code) Add(b syntax.Block) {
	if c.locals == nil {
		c.locals, c.variables, c.calls = expressions{}, map[string]variable{}, map[string]expressions{}
	}
	switch b.Kind {
	case "locals":
		maps.Copy(c.locals, b.Attributes)
	case "module":
		if c.calls[b.Labels] == nil {
			c.calls[b.Labels] = expressions{}
		}
		maps.Copy(c.calls[b.Labels], b.Attributes)
	case "variable":
		if b.Labels != "" {
			c.declare(b.Labels, b.Attributes)
			return
		}
		for name, e := range b.Attributes { // JSON
			object, ok := e.(*hclsyntax.ObjectConsExpr)
			said := expressions{}
			for i := 0; ok && i < len(object.Items); i++ {
				if key, known := syntax.Literal(object.Items[i].KeyExpr); known {
					said[key] = object.Items[i].ValueExpr
				}
			}
			c.declare(name, said)
		}
	}
}

func (c *Code) declare(name string, said expressions) {
	v, known := c.variables[name]
	if !known {
		v.of = constraint{of: cty.DynamicPseudoType}
	}
	if said["default"] != nil {
		v.initial = said["default"]
	}
	if t := said["type"]; t != nil {
		v.of = constraintOf(t)
	}
	c.variables[name] = v
}
