package planjson

import (
	"fmt"
	"strings"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/workflow"
)

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
		return "because its replacement is asked for"
	case "replace_by_triggers":
		return "because something in its replace_triggered_by changes"
	case "delete_because_no_resource_config":
		return "because it is not in the configuration"
	case "delete_because_no_module":
		return "because its module is not in the configuration"
	case "delete_because_no_move_target":
		return "because it was moved to an address that is not in the configuration"
	case "delete_because_wrong_repetition":
		return "because the configuration repeats it in another way"
	case "delete_because_count_index":
		return "because its index is out of the range of count"
	case "delete_because_each_key":
		return "because its key is not in for_each"
	case "read_because_config_unknown":
		return "because its configuration is known only after apply"
	case "read_because_dependency_pending":
		return "because something that it depends on changes"
	case "read_because_check_nested":
		return "because a check needs it"
	}
	return phrase.Words(reason)
}

// deferral is one deferred change as a sentence.
func (pr *projector) deferral(v any) string {
	m, _ := v.(map[string]any)
	rc, _ := m["resource_change"].(map[string]any)
	address, _ := rc["address"].(string)
	reason, _ := m["reason"].(string)
	sentence := phrase.CodeSpan(maskAddress(address, pr.mask)) + " is deferred to a later plan"
	if reason != "" {
		sentence += ": " + phrase.Words(reason)
	}
	return sentence + "."
}

// invocationTrigger says when an action runs, as far as the plan tells.
func invocationTrigger(m map[string]any, mask *planMasker) string {
	trigger, _ := m["lifecycle_action_trigger"].(map[string]any)
	address, _ := trigger["triggering_resource_address"].(string)
	if address == "" {
		return "because it is asked for"
	}
	event, _ := trigger["action_trigger_event"].(string)
	words := map[string]string{"BeforeCreate": "before %s is created", "AfterCreate": "after %s is created", "BeforeUpdate": "before %s is updated",
		"AfterUpdate": "after %s is updated", "BeforeDestroy": "before %s is destroyed", "AfterDestroy": "after %s is destroyed"}[event]
	if words == "" {
		words = "triggered by %s"
	}
	return strings.Replace(words, "%s", maskAddress(address, mask), 1)
}

// maskAddress masks credentials in the instance keys of an address. Sensitive
// values of the plan are not looked for: Terraform lets none of them be a key, and
// a change could hide what it touches behind one that it made up.
func maskAddress(address string, mask *planMasker) string {
	return workflow.WithKeys(address, mask.given)
}

// failedChecks are the failed `check` blocks and conditions as sentences.
func failedChecks(doc *planDoc, mask *planMasker) []string {
	var out []string
	list, _ := doc.top["checks"].([]any)
	for _, v := range list {
		check, _ := v.(map[string]any)
		if status := check["status"]; status != "fail" && status != "error" {
			continue
		}
		problems := 0
		instances, _ := check["instances"].([]any)
		for _, v := range instances {
			instance, _ := v.(map[string]any)
			list, _ := instance["problems"].([]any)
			for _, v := range list {
				problem, _ := v.(map[string]any)
				message, _ := problem["message"].(string)
				out = append(out, fmt.Sprintf("%s fails: %s", phrase.CodeSpan(displayAddress(instance, mask)), phrase.OneLine(mask.text(message))))
				problems++
			}
		}
		if problems == 0 {
			out = append(out, phrase.CodeSpan(displayAddress(check, mask))+" fails")
		}
	}
	return out
}

func displayAddress(m map[string]any, mask *planMasker) string {
	address, _ := m["address"].(map[string]any)
	text, _ := address["to_display"].(string)
	return maskAddress(text, mask)
}
