package planjson

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// sensitiveText is what stands in the place of a secret.
const sensitiveText = "(sensitive value)"

// plantedPlan is a plan with one resource, whose input a change wants to hide, and
// values that it marks elsewhere so that they are looked for there.
func plantedPlan(planted []string, config, input string) Input {
	var outputs, values []string
	for i, p := range planted {
		outputs = append(outputs, fmt.Sprintf(`"o%d": {"actions": ["create"], "after": %s, "after_sensitive": true}`, i, jsonText(p)))
		values = append(values, fmt.Sprintf(`"v%d": {"value": %s}`, i, jsonText(p)))
	}
	return planInput([]byte(fmt.Sprintf(`{"format_version": "1.2", "variables": {%s}, "configuration": {"root_module": {%s}},
	"resource_changes": [{"address": "terraform_data.backdoor", "mode": "managed", "type": "terraform_data", "name": "backdoor",
		"provider_name": "terraform.io/builtin/terraform",
		"change": {"actions": ["create"], "before": null, "after": {"ingress": %s}, "after_unknown": {}}}],
	"output_changes": {%s}}`, strings.Join(values, ","), config, jsonText(input), strings.Join(outputs, ","))))
}

const backdoorRuns = `"resources": [{"address": "terraform_data.backdoor", "mode": "managed", "type": "terraform_data", "name": "backdoor",
	"provider_config_key": "terraform", "provisioners": [{"type": "local-exec"}], "expressions": {}}]`

// Nothing that a plan calls sensitive hides structure: addresses, names of
// attributes, types, and sentences of ours.
func TestPlantedHidesNoStructure(t *testing.T) {
	in := plantedPlan([]string{"terraform_data.backdoor", "runs local-exec when it is created", "ingress", "terraform_data", "backdoor", "created",
		"terraform.io/builtin/terraform", "output.o0", "because"}, backdoorRuns, "0.0.0.0/0")
	plan, _ := readPlan(t, in)
	c := plan.Changes[0]
	if c.Address != "terraform_data.backdoor" || c.Type != "terraform_data" || c.Provider != "terraform.io/builtin/terraform" {
		t.Errorf("the change is shown as %+v", c)
	}
	if a := c.Attributes[0]; a.Path != "ingress" || a.After != `"0.0.0.0/0"` {
		t.Errorf("the attribute is shown as %+v", a)
	}
	if got, want := plan.Hidden[0].Text, "`terraform_data.backdoor` runs local-exec when it is created"; got != want {
		t.Errorf("the hidden effect is shown as %q, want %q", got, want)
	}
}

// What the repository says is no secret, wherever it says it; it stays masked where it is marked itself.
func TestPlantedLiterals(t *testing.T) {
	constant := `"resources": [{"address": "terraform_data.backdoor", "expressions": {"ingress": {"constant_value": "0.0.0.0/0"}}}]`
	for name, c := range map[string]struct {
		config string
		says   bool
	}{
		"constant":           {config: constant},
		"default":            {config: `"variables": {"v0": {"sensitive": true, "default": "0.0.0.0/0"}}`},
		"default of a child": {config: `"module_calls": {"m": {"module": {"variables": {"x": {"default": ["0.0.0.0/0"]}}}}}`},
		"a file of the tree": {says: true},
	} {
		t.Run(name, func(t *testing.T) {
			in := plantedPlan([]string{"0.0.0.0/0"}, c.config, "0.0.0.0/0")
			if c.says {
				in.Written.Says = func(texts []string) map[string]bool {
					return map[string]bool{"0.0.0.0/0": slices.Contains(texts, "0.0.0.0/0")}
				}
			}
			plan, secrets := readPlan(t, in)
			if a := plan.Changes[0].Attributes[0]; a.After != `"0.0.0.0/0"` || plan.Changes[0].Masked != 0 {
				t.Errorf("the attribute is shown as %+v", a)
			}
			if a := plan.Changes[1].Attributes[0]; a.After != sensitiveText {
				t.Errorf("the marked output is shown as %+v", a)
			}
			if len(secrets) != 0 {
				t.Errorf("the log's redactor is told of %q", secrets)
			}
		})
	}
}

// Where a value is masked that nothing marks, the change says so; the hashes know its difference.
func TestMaskedIsSaid(t *testing.T) {
	one, secrets := readPlan(t, plantedPlan([]string{"0.0.0.0/0"}, "", "0.0.0.0/0"))
	if c := one.Changes[0]; c.Masked != 1 || c.Attributes[0].After != sensitiveText {
		t.Errorf("the change is shown as %+v", c)
	}
	if !slices.Equal(secrets, []string{"0.0.0.0/0"}) {
		t.Errorf("the log's redactor is told of %q", secrets)
	}
	part, _ := readPlan(t, plantedPlan([]string{"0.0.0.0/0"}, "", "allow 0.0.0.0/0"))
	if c := part.Changes[0]; c.Masked != 1 || c.Attributes[0].After != `"allow (sensitive value)"` {
		t.Errorf("the change is shown as %+v", c)
	}
	if one.ChangesHash == part.ChangesHash {
		t.Error("two plans have one hash")
	}
}

// A sensitive value is also masked where it stands in JSON that is a text, or a text in such, as providers give it back.
func TestMaskedInJSON(t *testing.T) {
	const password = `p&ss"word\1`
	text := password
	for depth := range 3 {
		data, err := json.Marshal(map[string]string{"v": text})
		if err != nil {
			t.Fatal(err)
		}
		text = string(data)
		plan, _ := readPlan(t, plantedPlan([]string{password}, "", "is "+text))
		c := plan.Changes[0]
		if shown := fmt.Sprint(c.Attributes); c.Masked != 1 || strings.Contains(shown, "26ss") || strings.Contains(shown, "word") {
			t.Errorf("JSON in %d texts: the change is shown as %+v", depth, c)
		}
	}
}

// Without a key nothing that is masked by company may make two plans one group.
func TestPlantedLiteralsTellPlansApart(t *testing.T) {
	hash := func(input string) string {
		in := plantedPlan([]string{"10.0.0.0/8", "0.0.0.0/0"}, `"variables": {"a": {"default": "10.0.0.0/8"}, "b": {"default": "0.0.0.0/0"}}`, input)
		in.Key = nil
		plan, _ := readPlan(t, in)
		return plan.ChangesHash
	}
	if hash("10.0.0.0/8") == hash("0.0.0.0/0") {
		t.Error("two plans have one hash")
	}
}

// What credentials say is masked in values, keys and paths, however it came there.
func TestCredentialsInPlans(t *testing.T) {
	in := plantedPlan(nil, "", "a credential-canary here")
	in.Redact = func(text string) string {
		return strings.ReplaceAll(text, "credential-canary", "***")
	}
	plan, _ := readPlan(t, in)
	if c := plan.Changes[0]; c.Attributes[0].After != `"a *** here"` || c.Masked != 1 {
		t.Errorf("the change is shown as %+v", c)
	}
}
