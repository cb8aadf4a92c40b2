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

// configResource is one resource or data source of the plan's configuration.
type configResource struct {
	address      string // without instance keys, with the module's path
	mode, kind   string
	provider     string // source address, or its key in the configuration when there is none
	via          string // that key: which configuration of the provider it uses
	expressions  map[string]any
	provisioners []string
}

// hiddenFromPlan names what the plan would run, or ran already, beside its changes.
func hiddenFromPlan(doc *planDoc, in Input, named *naming) []workflow.HiddenEffect {
	out := provisionerEffects(doc.resources, doc.config)
	out = append(out, removedEffects(doc.resources, in.Written.Removed)...)
	out = append(out, actionEffects(doc, in)...)
	out = append(out, providerFiles(doc, named)...)
	out = append(out, sourceEffects(doc)...)
	return append(out, dataEffects(doc.config, in.BaseProviders)...)
}

// configResources adds what a module of the configuration, and all that it calls, has.
func configResources(out map[string]configResource, module, providers map[string]any, prefix string) {
	list, _ := module["resources"].([]any)
	for _, v := range list {
		m, _ := v.(map[string]any)
		text := func(key string) string { s, _ := m[key].(string); return s }
		r := configResource{address: prefix + text("address"), mode: text("mode"), kind: text("type"),
			provider: text("provider_config_key"), via: text("provider_config_key")}
		r.expressions, _ = m["expressions"].(map[string]any)
		if p, _ := providers[r.provider].(map[string]any); p["full_name"] != nil {
			r.provider, _ = p["full_name"].(string)
		}
		provisioners, _ := m["provisioners"].([]any)
		for _, v := range provisioners {
			p, _ := v.(map[string]any)
			if kind, _ := p["type"].(string); kind != "" && !slices.Contains(r.provisioners, kind) {
				r.provisioners = append(r.provisioners, kind)
			}
		}
		out[r.address] = r
	}
	calls, _ := module["module_calls"].(map[string]any)
	for _, name := range sortedKeys(calls) {
		call, _ := calls[name].(map[string]any)
		called, _ := call["module"].(map[string]any)
		configResources(out, called, providers, prefix+"module."+name+".")
	}
}

// provisionerEffects names the provisioners of resources that are created,
// replaced or destroyed (an update runs none), once for all instances. The
// plan's JSON does not tell which provisioners are for the destruction.
func provisionerEffects(changes []plan.Proposed, resources map[string]configResource) []workflow.HiddenEffect {
	type act struct{ address, phrase string }
	var order []act
	instances := map[act]int{}
	for _, c := range changes {
		address := configAddress(c.Address)
		if len(resources[address].provisioners) == 0 {
			continue
		}
		create, destroy := slices.Contains(c.Actions, "create"), slices.Contains(c.Actions, "delete")
		a := act{address: address}
		switch {
		case create && destroy:
			a.phrase = "runs %s when it is replaced"
		case create:
			a.phrase = "runs %s when it is created"
		case destroy:
			a.phrase = "may run %s when it is destroyed"
		default:
			continue
		}
		if instances[a] == 0 {
			order = append(order, a)
		}
		instances[a]++
	}
	var out []workflow.HiddenEffect
	for _, a := range order {
		who := phrase.CodeSpan(a.address)
		if n := instances[a]; n > 1 {
			who += fmt.Sprintf(" (%d instances)", n)
		}
		out = append(out, workflow.HiddenEffect{Kind: "provisioner", Address: a.address,
			Text: who + " " + fmt.Sprintf(a.phrase, phrase.AndList(resources[a.address].provisioners))})
	}
	return out
}

// removedEffects names the provisioners of `removed` blocks whose resources are
// destroyed: of such blocks the plan's JSON says nothing at all.
func removedEffects(changes []plan.Proposed, removed []Removed) (out []workflow.HiddenEffect) {
	for _, r := range removed {
		destroyed := func(c plan.Proposed) bool {
			return slices.Contains(c.Actions, "delete") && configAddress(c.Address) == r.From
		}
		if slices.ContainsFunc(changes, destroyed) {
			out = append(out, workflow.HiddenEffect{Kind: "provisioner", Address: r.From,
				Text: fmt.Sprintf("%s runs %s when it is destroyed, as its `removed` block says",
					phrase.CodeSpan(r.From), phrase.AndList(r.Provisioners))})
		}
	}
	return out
}

// actionEffects names the actions that the plan invokes, now or in a later round.
func actionEffects(doc *planDoc, in Input) []workflow.HiddenEffect {
	var out []workflow.HiddenEffect
	for _, v := range doc.invocations {
		m, _ := v.(map[string]any)
		address, _ := m["address"].(string)
		address = in.address(address)
		out = append(out, workflow.HiddenEffect{Kind: "action", Address: address,
			Text: phrase.CodeSpan(address) + " runs " + invocationTrigger(m, in)})
	}
	return out
}

// dataEffects names data sources that run programs or call services of the
// pull's choice while it plans, one sentence a kind and provider.
func dataEffects(resources map[string]configResource, baseProviders []string) []workflow.HiddenEffect {
	type group struct{ kind, provider string }
	var order []group
	members := map[group][]string{}
	for _, address := range slices.Sorted(maps.Keys(resources)) {
		r, g := resources[address], group{}
		switch name := r.provider[strings.LastIndex(r.provider, "/")+1:]; {
		case r.mode == "managed" || r.mode == "":
			continue
		case r.kind == "external" || name == "external" || r.kind == "local_command":
			g.kind = "external_data"
		case r.kind == "http" || name == "http":
			g.kind = "http_data"
		case strings.HasSuffix(r.provider, "/builtin/terraform") || slices.Contains(baseProviders, r.provider):
			continue
		default:
			g = group{"unlocked_provider_data", r.provider}
		}
		if members[g] == nil {
			order = append(order, g)
		}
		members[g] = append(members[g], r.address)
	}
	var out []workflow.HiddenEffect
	for _, g := range order {
		names := members[g]
		one := len(names) == 1
		sentence := phrase.SomeOf(names) + " " + phrase.OneMany(one, "runs a program", "run programs") + " during the plan"
		switch g.kind {
		case "http_data":
			sentence = phrase.SomeOf(names) + " " + phrase.OneMany(one, "calls a URL", "call URLs") + " during the plan"
		case "unlocked_provider_data":
			sentence = phrase.SomeOf(names) + " " + phrase.OneMany(one, "is", "are") + " read with the provider " +
				phrase.CodeSpan(g.provider) + ", which is not in the base branch's lock file"
		}
		effect := workflow.HiddenEffect{Kind: g.kind, Text: sentence}
		if one {
			effect.Address = names[0]
		}
		out = append(out, effect)
	}
	return out
}

// configAddress is a resource's address in the configuration: without instance keys.
func configAddress(address string) string {
	var b strings.Builder
	depth, quoted := 0, false
	for i := 0; i < len(address); i++ {
		switch c := address[i]; {
		case quoted && c == '\\':
			i++
		case c == '"' && depth > 0:
			quoted = !quoted
		case quoted:
		case c == '[':
			depth++
		case c == ']' && depth > 0:
			depth--
		case depth == 0:
			b.WriteByte(c)
		}
	}
	return b.String()
}
