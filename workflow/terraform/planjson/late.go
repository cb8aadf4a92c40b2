package planjson

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/workflow"
	"github.com/cardea-iac/cardea/workflow/plan"
)

// What is known only after apply is a token in the fingerprint. Mostly a provider
// makes such a value (an id); but the configuration makes it too, by an expression
// over one ("echo ${x.id} && ..."), and of that neither the changes nor the plan's
// JSON show more than that it is unknown. The same goes for data that is read
// while applying, for write-only arguments and ephemeral resources, and for a
// provider whose configuration is computed. A plan with such a thing is late: two
// of one fingerprint may do different things unless they are made from the same.

// lateIn says, as part of a sentence, the first thing that the configuration
// decides only while the plan is applied; "" when there is none. Doubt is late.
func lateIn(doc *planDoc, in Input) string {
	l := lateness{dynamic: map[string]bool{}}
	for _, name := range in.Written.Dynamic {
		l.dynamic[name] = true
	}
	for _, address := range slices.Sorted(maps.Keys(doc.config)) {
		if doc.config[address].mode == "ephemeral" {
			return phrase.CodeSpan(address) + " is opened during the apply"
		}
	}
	for _, c := range doc.resources {
		name := phrase.CodeSpan(in.address(c.Address))
		switch {
		case c.Does("read") && c.Reason != readForCheck:
			return name + " is read only during the apply"
		case !slices.Contains(c.Actions, "create") && !slices.Contains(c.Actions, "update"):
			continue
		}
		written, known := doc.config[configAddress(c.Address)]
		unknown, object := c.After.Unknown.(map[string]any)
		after, _ := c.After.Value.(map[string]any)
		if plan.AnyMark(c.After.Unknown) && !(known && object) {
			return name + " is known only after apply"
		}
		if key := l.first(written.expressions, unknown); key != "" {
			return fmt.Sprintf("%s of %s is known only after apply", phrase.CodeSpan(key), name)
		}
		if key := writeOnly(written.expressions, after, unknown); key != "" {
			return fmt.Sprintf("%s of %s is write-only", phrase.CodeSpan(key), name)
		}
	}
	for _, c := range doc.outputs {
		if c.Counts() && plan.AnyMark(c.After.Unknown) {
			return phrase.CodeSpan(c.Address) + " is known only after apply"
		}
	}
	return ""
}

// lateness tells values that the configuration makes from those that a provider does.
type lateness struct{ dynamic map[string]bool }

// first is the first attribute or block of which something is unknown that the
// configuration does not leave to the provider, "" without one. What `dynamic`
// makes is not among the expressions, so there the name alone decides.
func (l lateness) first(expressions, unknown map[string]any) string {
	for _, k := range sortedKeys(unknown) {
		e, written := expressions[k]
		switch {
		case !plan.AnyMark(unknown[k]):
		case !written && !l.dynamic[k] && !l.dynamic["*"]:
		case !written || l.made(e, unknown[k]):
			return k
		}
	}
	return ""
}

// made reports whether what is unknown at an expression, or in blocks, is made by the configuration.
func (l lateness) made(e, unknown any) bool {
	if blocks, ok := e.([]any); ok {
		return slices.ContainsFunc(blocks, func(b any) bool { return l.made(b, unknown) })
	}
	m, ok := e.(map[string]any)
	if !ok || isExpression(m) {
		return !constant(e)
	}
	switch u := unknown.(type) {
	case []any: // the block's instances, in an order that need not be the file's
		return slices.ContainsFunc(u, func(one any) bool { return plan.AnyMark(one) && l.made(e, one) })
	case map[string]any:
		return l.first(m, u) != ""
	}
	return !constant(e)
}

// isExpression tells an expression of the plan's JSON from a block: `{}` is one that refers to nothing.
func isExpression(m map[string]any) bool {
	_, refers := m["references"].([]any)
	_, literal := m["constant_value"]
	return len(m) == 0 || refers || (literal && len(m) == 1)
}

// constant reports whether nothing but literals is written there.
func constant(e any) bool {
	switch e := e.(type) {
	case []any:
		return !slices.ContainsFunc(e, func(b any) bool { return !constant(b) })
	case map[string]any:
		if isExpression(e) {
			_, literal := e["constant_value"]
			return literal
		}
		for _, v := range e {
			if !constant(v) {
				return false
			}
		}
		return true
	}
	return false
}

// writeOnly is the first argument that is written and yet null in the plan: the
// value of a write-only one is in no plan. One that is null because its expression
// is looks the same; then the name tells, which by convention ends in _wo.
func writeOnly(expressions, after, unknown map[string]any) string {
	for _, k := range sortedKeys(expressions) {
		if plan.AnyMark(unknown[k]) {
			continue
		}
		switch e := expressions[k].(type) {
		case map[string]any:
			if !isExpression(e) {
				inner, _ := after[k].(map[string]any)
				if inner != nil && writeOnly(e, inner, nil) != "" {
					return k
				}
			} else if after[k] == nil && (e["constant_value"] != nil || strings.HasSuffix(k, "_wo")) {
				return k
			}
		case []any:
			blocks, _ := after[k].([]any)
			for _, b := range blocks {
				inner, _ := b.(map[string]any)
				for _, written := range e {
					if m, _ := written.(map[string]any); writeOnly(m, inner, nil) != "" {
						return k
					}
				}
			}
		}
	}
	return ""
}

// providerValues are the values of the root variables that providers are
// configured with: text that stays the same means another account when they
// change. late says, as part of a sentence, which configuration is made of something else.
func providerValues(doc *planDoc, w Written) (values map[string]plan.Side, late string) {
	root, _ := doc.top["configuration"].(map[string]any)
	root, _ = root["root_module"].(map[string]any)
	declared, _ := root["variables"].(map[string]any)
	variables, _ := doc.top["variables"].(map[string]any)
	values = map[string]plan.Side{}
	providers := doc.providers()
	for _, key := range sortedKeys(providers) {
		p, _ := providers[key].(map[string]any)
		names, ok := variablesOf(p["expressions"])
		if !ok || (len(names) > 0 && p["module_address"] != nil) {
			late = fmt.Sprintf("the configuration of the provider %s is computed", phrase.CodeSpan(key))
		}
		for _, name := range names {
			v, known := variables[name].(map[string]any)
			d, _ := declared[name].(map[string]any)
			switch {
			case !known: // an ephemeral one
				late = fmt.Sprintf("the configuration of the provider %s is computed", phrase.CodeSpan(key))
			case d["sensitive"] == true:
				values[name] = plan.Side{Value: v["value"], Sensitive: true}
			default:
				values[name] = whole(v["value"])
			}
		}
	}
	for _, name := range w.Dynamic {
		if name == "*" || strings.HasPrefix(name, "provider.") {
			late = "the configuration of a provider is computed"
		}
	}
	return values, late
}

// variablesOf names the variables in expressions; ok is false where they refer to
// anything else that could differ, or to nothing (a function).
func variablesOf(e any) (names []string, ok bool) {
	switch e := e.(type) {
	case nil:
		return nil, true
	case []any:
		ok = true
		for _, b := range e {
			more, fine := variablesOf(b)
			names, ok = append(names, more...), ok && fine
		}
		return names, ok
	case map[string]any:
		if !isExpression(e) {
			ok = true
			for _, k := range sortedKeys(e) {
				more, fine := variablesOf(e[k])
				names, ok = append(names, more...), ok && fine
			}
			return names, ok
		}
		if _, literal := e["constant_value"]; literal {
			return nil, true
		}
		list, _ := e["references"].([]any)
		for _, r := range list {
			text, _ := r.(string)
			kind, rest, _ := strings.Cut(text, ".")
			name := strings.FieldsFunc(rest, func(c rune) bool { return c == '.' || c == '[' })
			switch {
			case kind == "terraform": // terraform.workspace is in the fingerprint
			case kind == "var" && len(name) > 0:
				names = append(names, name[0])
			default:
				return names, false
			}
		}
		return names, len(list) > 0
	}
	return nil, false
}

// providerFiles names the files of the repository that providers are configured
// with: a kubeconfig, or a script that gets a token. They say in which account a
// change is made, and run with the credentials of the apply. A bare word that is
// the name of a directory (a region) is bound without a word.
func providerFiles(doc *planDoc, named *naming) (out []workflow.HiddenEffect) {
	if named.find == nil {
		return nil
	}
	variables, _ := doc.top["variables"].(map[string]any)
	providers := doc.providers()
	for _, key := range sortedKeys(providers) {
		p, _ := providers[key].(map[string]any)
		names, _ := variablesOf(p["expressions"])
		said := literals(nil, p["expressions"])
		for _, name := range names {
			said = append(said, variables[name])
		}
		found := map[string]string{}
		for text := range plan.Leaves(said...) {
			for _, word := range wordsOf(text) {
				for _, place := range named.find(word) {
					switch {
					case place.Dir && !pathLike(word) || place.Rooted:
						named.add("", word, place)
						continue
					case place.Made != "":
						named.made[place.Path] = place.Made
					}
					found[place.Path] = phrase.OneMany(place.Dir, "directory", "file")
				}
			}
		}
		for _, f := range slices.Sorted(maps.Keys(found)) {
			out = append(out, workflow.HiddenEffect{Kind: "provider_config", Address: key,
				Text: fmt.Sprintf("the provider %s is configured with the %s %s", phrase.CodeSpan(key), found[f], phrase.Name(f))})
		}
	}
	return out
}
