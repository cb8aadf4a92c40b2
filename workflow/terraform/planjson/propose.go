package planjson

import (
	"slices"
	"strings"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/workflow/plan"
)

// proposal is what the document proposes, with what its configuration and the tree say beyond it.
func (d *planDoc) proposal(in Input) plan.Proposal {
	p := plan.Proposal{
		Objects: d.proposed(d.resources), Drift: d.proposed(d.drift), Outputs: d.proposed(d.outputs),
		Invocations: d.invoked(in), Extra: map[string]plan.Side{}, Checks: failedChecks(d), Says: in.Written.Says,
		Tool: in.Tool, ToolVersion: in.ToolVersion, Fetched: in.Fetched, Warnings: in.Warnings, State: in.State,
	}
	for _, v := range d.deferred {
		p.Deferred = append(p.Deferred, whole(v))
		p.Notes = append(p.Notes, deferral(v, in))
	}
	if d.incomplete && len(in.Options.Targets) > 0 {
		p.Notes = append(p.Notes, "The plan is limited to its targets: other changes are not in it.")
	}
	for _, key := range unknownParts(d.top) {
		p.Extra[key] = whole(d.top[key])
	}
	d.origins(&p)
	where, late := providerValues(d, in.Written)
	p.Where = where
	if p.Late = lateIn(d, in); p.Late == "" {
		p.Late = late
	}
	named := namedIn(d, in.Written, p.Late != "")
	p.Hidden = slices.Concat(hiddenFromPlan(d, in, &named), named.effects(), unlockedEffects(in.Unlocked), in.Hidden)
	p.Named = named.places()
	if len(named.made) > 0 {
		p.Fetched.Made = named.made
	}
	p.NoChanges, p.Empty = d.empty(in)
	return p
}

// proposed are changes as people are told of them.
func (d *planDoc) proposed(list []plan.Proposed) []plan.Proposed {
	out := slices.Clone(list)
	for i := range out {
		c := &out[i]
		c.Reason = actionReason(c.Reason)
		c.ProviderConfig = d.via(c.Address)
		c.DefaultConfig = !strings.ContainsAny(c.ProviderConfig, ".:")
		c.Extra = whole(c.Extra.Value)
		if importing, ok := c.Importing.Value.(map[string]any); ok {
			c.Importing, c.ImportID = whole(importing), importID(importing)
		}
	}
	return out
}

// importID is the id, or the identity where the resource is imported by that.
func importID(importing map[string]any) plan.Side {
	if id, ok := importing["id"].(string); ok && id != "" {
		return plan.Side{Value: id}
	}
	return plan.Side{Value: importing["identity"], Unknown: importing["unknown"]}
}

// invoked are the actions that run beside the changes of resources.
func (d *planDoc) invoked(in Input) []plan.Proposed {
	var out []plan.Proposed
	for _, v := range d.invocations {
		m, _ := v.(map[string]any)
		text := func(key string) string { s, _ := m[key].(string); return s }
		all := whole(v)
		out = append(out, plan.Proposed{
			Address: text("address"), Mode: "action", Type: text("type"), Provider: text("provider_name"),
			Reason: invocationTrigger(m, in), Whole: &all,
			After: plan.Side{Value: m["config_values"], Unknown: m["config_unknown"], Sensitive: m["config_sensitive"]},
		})
	}
	return out
}

// unknownParts are the top-level keys that we do not know and that say something, sorted.
func unknownParts(top map[string]any) []string {
	var out []string
	for _, key := range sortedKeys(top) {
		if !slices.Contains(planKeysLeftOut, key) && !slices.Contains(planKeysRead, key) && !emptyJSON(top[key]) {
			out = append(out, key)
		}
	}
	return out
}

// emptyJSON reports whether a value says nothing: a newer tool's empty list is no change.
func emptyJSON(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case []any:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0
	}
	return false
}

// empty says whether the document has no changes where it lists none, and what is to be said of that.
func (d *planDoc) empty(in Input) (noChanges bool, note string) {
	applyable, _ := d.top["applyable"].(bool)
	tool := phrase.ToolName(in.Tool)
	switch {
	case d.incomplete:
		return false, ""
	case !in.ExitChanges && !applyable:
		return true, ""
	case d.onlyReads():
		// Data sources inside of check blocks are planned to be read at every apply,
		// and terraform exits 2 for that alone, for ever. It is nothing to approve.
		return true, tool + " would only read data sources for checks again; there is nothing to apply."
	}
	return false, tool + " says that there is something to apply, but its plan lists no change."
}

// onlyReads reports whether the plan reads data sources for checks and does nothing else.
func (d *planDoc) onlyReads() bool {
	reads := 0
	for _, c := range d.resources {
		if c.Does("read") {
			if c.Reason != readForCheck {
				return false
			}
			reads++
		}
	}
	return reads > 0
}
