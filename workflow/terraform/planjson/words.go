package planjson

import (
	"strings"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/workflow/plan"
)

// readForCheck is the reason of data sources inside of check blocks.
const readForCheck = "read_because_check_nested"

// actionReason says in words why a change is made.
func actionReason(reason string) string {
	switch reason {
	case "":
		return ""
	case "replace_because_cannot_update":
		return "because it cannot be changed in place"
	case "replace_because_tainted":
		return "because it is tainted"
	case "replace_by_request":
		return "because its replacement was requested"
	case "replace_by_triggers":
		return "because something in its replace_triggered_by changes"
	case "delete_because_no_resource_config":
		return "because it is not in the configuration"
	case "delete_because_no_module":
		return "because its module is not in the configuration"
	case "delete_because_no_move_target":
		return "because it was moved to an address that is not in the configuration"
	case "delete_because_wrong_repetition":
		return "because the configuration now uses count or for_each differently"
	case "delete_because_count_index":
		return "because its index is out of range for count"
	case "delete_because_each_key":
		return "because its key is not in for_each"
	case "read_because_config_unknown":
		return "because its configuration is known only after apply"
	case "read_because_dependency_pending":
		return "because something that it depends on changes"
	case readForCheck:
		return "because a check needs it"
	}
	return phrase.Words(reason)
}

// deferral is one deferred change as a sentence.
func deferral(v any, in Input) string {
	m, _ := v.(map[string]any)
	rc, _ := m["resource_change"].(map[string]any)
	address, _ := rc["address"].(string)
	reason, _ := m["reason"].(string)
	sentence := phrase.CodeSpan(in.address(address)) + " is deferred to a later plan"
	if reason != "" {
		sentence += ": " + phrase.Words(reason)
	}
	return sentence + "."
}

// invocationTrigger says when an action runs, as far as the plan tells.
func invocationTrigger(m map[string]any, in Input) string {
	trigger, _ := m["lifecycle_action_trigger"].(map[string]any)
	address, _ := trigger["triggering_resource_address"].(string)
	if address == "" {
		return "because it was requested"
	}
	event, _ := trigger["action_trigger_event"].(string)
	words := map[string]string{
		"BeforeCreate": "before %s is created", "AfterCreate": "after %s is created",
		"BeforeUpdate": "before %s is updated", "AfterUpdate": "after %s is updated",
		"BeforeDestroy": "before %s is destroyed", "AfterDestroy": "after %s is destroyed",
	}[event]
	if words == "" {
		words = "triggered by %s"
	}
	return strings.Replace(words, "%s", in.address(address), 1)
}

// failedChecks are the `check` blocks and conditions that fail.
func failedChecks(doc *planDoc) []plan.Check {
	var out []plan.Check
	list, _ := doc.top["checks"].([]any)
	for _, v := range list {
		check, _ := v.(map[string]any)
		if status := check["status"]; status != "fail" && status != "error" {
			continue
		}
		told := false
		instances, _ := check["instances"].([]any)
		for _, v := range instances {
			instance, _ := v.(map[string]any)
			one := plan.Check{Address: displayAddress(instance)}
			list, _ := instance["problems"].([]any)
			for _, v := range list {
				problem, _ := v.(map[string]any)
				message, _ := problem["message"].(string)
				one.Problems = append(one.Problems, message)
			}
			if len(one.Problems) > 0 {
				out, told = append(out, one), true
			}
		}
		if !told {
			out = append(out, plan.Check{Address: displayAddress(check)})
		}
	}
	return out
}

func displayAddress(m map[string]any) string {
	address, _ := m["address"].(map[string]any)
	text, _ := address["to_display"].(string)
	return text
}
