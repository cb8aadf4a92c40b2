package planjson

// sensitivePairs are the keys of the plan's JSON that hold a value and, beside
// it, its marks: in changes, in states, in outputs and variables, in action invocations.
var sensitivePairs = map[string]string{
	"before": "before_sensitive", "after": "after_sensitive",
	"values": "sensitive_values", "value": "sensitive", "default": "sensitive",
	"config_values": "config_sensitive",
}

// newPlanMasker collects every sensitive leaf of the plan: marked ones wherever
// they stand, and root variables that the configuration calls sensitive. It is
// what hashes are made with: they do not depend on what else is in the tree.
func newPlanMasker(doc *planDoc) *planMasker {
	config, _ := doc.top["configuration"].(map[string]any)
	c := secretCollector{found: map[string]bool{}, written: map[string]bool{}}
	c.literals(config)
	c.marked(doc.top)
	root, _ := config["root_module"].(map[string]any)
	declared, _ := root["variables"].(map[string]any)
	values, _ := doc.top["variables"].(map[string]any)
	for name, v := range values {
		if d, _ := declared[name].(map[string]any); d["sensitive"] == true {
			c.leaves(v)
		}
	}
	m := maskerOf(c.found)
	m.written = c.written
	c.defaults(config)
	return m
}

// literals collects what the configuration's expressions say in plain text.
func (c secretCollector) literals(v any) {
	switch v := v.(type) {
	case map[string]any:
		for key, e := range v {
			if key == "constant_value" {
				(secretCollector{found: c.written}).leaves(e)
			} else {
				c.literals(e)
			}
		}
	case []any:
		for _, e := range v {
			c.literals(e)
		}
	}
}

// defaults collects what variables of any module are when nobody sets them.
func (c secretCollector) defaults(v any) {
	m, _ := v.(map[string]any)
	for key, e := range m {
		if key != "variables" {
			c.defaults(e)
			continue
		}
		declared, _ := e.(map[string]any)
		for _, d := range declared {
			d, _ := d.(map[string]any)
			(secretCollector{found: c.written}).leaves(d["default"])
		}
	}
}

// marked walks any part of the plan for values whose marks stand beside them.
func (c secretCollector) marked(v any) {
	switch v := v.(type) {
	case map[string]any:
		for key, e := range v {
			if pair := sensitivePairs[key]; pair != "" {
				c.side(e, v[pair])
			}
			c.marked(e)
		}
	case []any:
		for _, e := range v {
			c.marked(e)
		}
	}
}
