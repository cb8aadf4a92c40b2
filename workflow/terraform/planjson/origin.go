package planjson

import "github.com/cardea-iac/cardea/workflow/plan"

// sensitivePairs are the keys of the plan's JSON that hold a value and, beside
// it, its marks: in changes, in states, in outputs and variables, in action invocations.
var sensitivePairs = map[string]string{
	"before": "before_sensitive", "after": "after_sensitive",
	"values": "sensitive_values", "value": "sensitive", "default": "sensitive",
	"config_values": "config_sensitive",
}

// origins says where secrets come from: everything that is marked anywhere, and root
// variables that the configuration calls sensitive; and what the configuration says itself.
func (d *planDoc) origins(p *plan.Proposal) {
	d.marked(p, d.top)
	config, _ := d.top["configuration"].(map[string]any)
	p.Public = literals(nil, config)
	p.Said = defaults(nil, config)
	root, _ := config["root_module"].(map[string]any)
	declared, _ := root["variables"].(map[string]any)
	values, _ := d.top["variables"].(map[string]any)
	for name, v := range values {
		if one, _ := declared[name].(map[string]any); one["sensitive"] == true {
			p.Secrets = append(p.Secrets, v)
		}
	}
}

// marked walks any part of the plan for values whose marks stand beside them.
func (d *planDoc) marked(p *plan.Proposal, v any) {
	switch v := v.(type) {
	case map[string]any:
		for key, e := range v {
			if pair := sensitivePairs[key]; pair != "" && plan.AnyMark(v[pair]) {
				p.Marked = append(p.Marked, plan.Side{Value: e, Sensitive: v[pair]})
			}
			d.marked(p, e)
		}
	case []any:
		for _, e := range v {
			d.marked(p, e)
		}
	}
}

// literals adds what the configuration's expressions say in plain text.
func literals(said []any, v any) []any {
	switch v := v.(type) {
	case map[string]any:
		for key, e := range v {
			if key == "constant_value" {
				said = append(said, e)
			} else {
				said = literals(said, e)
			}
		}
	case []any:
		for _, e := range v {
			said = literals(said, e)
		}
	}
	return said
}

// defaults adds what variables of any module are when nobody sets them.
func defaults(said []any, v any) []any {
	m, _ := v.(map[string]any)
	for key, e := range m {
		if key != "variables" {
			said = defaults(said, e)
			continue
		}
		declared, _ := e.(map[string]any)
		for _, one := range declared {
			one, _ := one.(map[string]any)
			said = append(said, one["default"])
		}
	}
	return said
}

// whole is a part of the plan that is hashed whole, with the marks that stand beside the values in it.
func whole(v any) plan.Side {
	s := plan.Side{Value: v}
	s.Sensitive = marksIn(s)
	return s
}

func marksIn(s plan.Side) any {
	if s.Marked() {
		return true
	}
	switch v := s.Value.(type) {
	case map[string]any:
		marks := map[string]any{}
		for key := range v {
			e := s.Key(key)
			if pair := sensitivePairs[key]; pair != "" && v[pair] != nil {
				e.Sensitive = v[pair]
			}
			if m := marksIn(e); m != nil {
				marks[key] = m
			}
		}
		if len(marks) > 0 {
			return marks
		}
	case []any:
		marks := make([]any, len(v))
		for i := range v {
			marks[i] = marksIn(s.Index(i))
		}
		if plan.AnyMark(marks) {
			return marks
		}
	}
	return nil
}
