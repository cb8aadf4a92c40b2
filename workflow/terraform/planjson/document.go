package planjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/cardea-iac/cardea/workflow/plan"
)

// planDoc is a plan's JSON taken apart, still with every secret in it. It lives
// only while Read runs. Changes have the reasons that Terraform prints, and nothing
// that stands beside them: what people are told is made in proposal.
type planDoc struct {
	top         map[string]any
	resources   []plan.Proposed           // resource_changes, sorted by address and deposed key
	drift       []plan.Proposed           // resource_drift, likewise
	outputs     []plan.Proposed           // output_changes, sorted by name
	deferred    []any                     // deferred_changes as they are
	invocations []any                     // action_invocations as they are
	config      map[string]configResource // by address in the configuration
	incomplete  bool                      // `complete` is false
}

// The keys of the plan's JSON that we know. What else a newer tool prints is
// hashed whole, so that a plan we understand in part never passes for another.
var (
	planKeysLeftOut = []string{"format_version", "terraform_version", "variables", "planned_values", "prior_state",
		"proposed_unknown", "configuration", "checks", "timestamp", "relevant_attributes", "errored", "complete", "applyable"}
	planKeysRead = []string{"resource_changes", "resource_drift", "output_changes", "deferred_changes",
		"action_invocations"}
	planResourceKeys = []string{"address", "module_address", "mode", "type", "name", "index", "provider_name", "deposed",
		"previous_address", "change", "action_reason"}
	planChangeKeys = []string{"actions", "before", "after", "after_unknown", "before_sensitive", "after_sensitive",
		"replace_paths", "importing", "generated_config", "before_identity", "after_identity"}
)

// parsePlan decodes the JSON and refuses everything that is not surely the
// whole plan of a run that went right: success is never an exit code alone.
func parsePlan(raw []byte) (*planDoc, error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber() // 1e3 and 1000 are different plans, and large numbers lose nothing
	var top map[string]any
	if err := dec.Decode(&top); err != nil {
		return nil, fmt.Errorf("reading the plan's JSON: %w", err)
	}
	if top == nil {
		return nil, errors.New("the plan's JSON is not an object")
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("reading the plan's JSON: something follows it")
	}
	doc := &planDoc{top: top}
	if err := doc.checkHead(); err != nil {
		return nil, err
	}
	return doc, doc.readBody()
}

// checkHead looks at the facts about the plan as a whole.
func (d *planDoc) checkHead() error {
	version, ok := d.top["format_version"].(string)
	if !ok {
		return errors.New("the plan's JSON has no format_version")
	}
	if major, _, _ := strings.Cut(version, "."); major != "1" {
		return fmt.Errorf("the plan's JSON has format_version %q; only 1.x is understood", version)
	}
	errored, err := planBool(d.top, "errored", false)
	if err != nil {
		return err
	}
	if errored {
		return errors.New("the plan is marked as errored")
	}
	complete, err := planBool(d.top, "complete", true)
	d.incomplete = !complete
	return err
}

func (d *planDoc) readBody() error {
	var err error
	if d.resources, err = readResources(d.top, "resource_changes"); err != nil {
		return err
	}
	if d.drift, err = readResources(d.top, "resource_drift"); err != nil {
		return err
	}
	if d.deferred, err = planList(d.top, "deferred_changes"); err != nil {
		return err
	}
	if d.invocations, err = planList(d.top, "action_invocations"); err != nil {
		return err
	}
	config, _ := d.top["configuration"].(map[string]any)
	root, _ := config["root_module"].(map[string]any)
	d.config = map[string]configResource{}
	configResources(d.config, root, d.providers(), "")
	outputs, err := planObject(d.top, "output_changes")
	if err != nil {
		return err
	}
	for _, name := range sortedKeys(outputs) {
		c, err := readChange(outputs[name])
		if err != nil {
			return fmt.Errorf("output %s of the plan: %w", name, err)
		}
		c.Address, c.Mode = "output."+name, "output"
		d.outputs = append(d.outputs, c)
	}
	return nil
}

// providers are the configurations of providers, by the key that resources name.
func (d *planDoc) providers() map[string]any {
	config, _ := d.top["configuration"].(map[string]any)
	providers, _ := config["provider_config"].(map[string]any)
	return providers
}

// via is which configuration of its provider a resource uses, "" where nothing says it.
func (d *planDoc) via(address string) string { return d.config[configAddress(address)].via }

func readResources(top map[string]any, key string) ([]plan.Proposed, error) {
	list, err := planList(top, key)
	if err != nil {
		return nil, err
	}
	changes := make([]plan.Proposed, 0, len(list))
	for i, e := range list {
		c, err := readResource(e)
		if err != nil {
			return nil, fmt.Errorf("entry %d of the plan's %s: %w", i, key, err)
		}
		changes = append(changes, c)
	}
	slices.SortStableFunc(changes, plan.Order) // the first of a kind is named, whatever the order of the JSON
	return changes, nil
}

func readResource(v any) (plan.Proposed, error) {
	r, ok := v.(map[string]any)
	if !ok {
		return plan.Proposed{}, errors.New("it is not an object")
	}
	c, err := readChange(r["change"])
	if err != nil {
		return plan.Proposed{}, err
	}
	for _, text := range []struct {
		key  string
		into *string
	}{
		{"address", &c.Address}, {"previous_address", &c.Previous}, {"deposed", &c.Deposed}, {"mode", &c.Mode},
		{"type", &c.Type}, {"provider_name", &c.Provider}, {"action_reason", &c.Reason},
	} {
		if *text.into, err = planString(r, text.key); err != nil {
			return plan.Proposed{}, err
		}
	}
	if c.Address == "" {
		return plan.Proposed{}, errors.New("it has no address")
	}
	keepUnknown(&c, r, planResourceKeys)
	return c, nil
}

func readChange(v any) (plan.Proposed, error) {
	m, ok := v.(map[string]any)
	if !ok {
		return plan.Proposed{}, errors.New("it has no change")
	}
	list, err := planList(m, "actions")
	if err != nil {
		return plan.Proposed{}, err
	}
	var c plan.Proposed
	for _, a := range list {
		s, ok := a.(string)
		if !ok {
			return plan.Proposed{}, errors.New("an action is not a string")
		}
		c.Actions = append(c.Actions, s)
	}
	if len(c.Actions) == 0 {
		return plan.Proposed{}, errors.New("it has no actions")
	}
	importing, err := planObject(m, "importing")
	if err != nil {
		return plan.Proposed{}, err
	}
	if importing != nil {
		c.Importing.Value = importing
	}
	if c.Replace, err = planList(m, "replace_paths"); err != nil {
		return plan.Proposed{}, err
	}
	c.Before = plan.Side{Value: m["before"], Sensitive: m["before_sensitive"]}
	c.After = plan.Side{Value: m["after"], Unknown: m["after_unknown"], Sensitive: m["after_sensitive"]}
	keepUnknown(&c, m, planChangeKeys)
	return c, nil
}

// keepUnknown adds what m has beside the keys that we know.
func keepUnknown(c *plan.Proposed, m map[string]any, known []string) {
	for k, v := range m {
		if slices.Contains(known, k) {
			continue
		}
		extra, _ := c.Extra.Value.(map[string]any)
		if extra == nil {
			extra = map[string]any{}
			c.Extra.Value = extra
		}
		if have, twice := extra[k]; twice { // in the change and beside it: neither may stand for the other
			v = []any{have, v}
		}
		extra[k] = v
	}
}

// sortedKeys are the keys of an object, sorted.
func sortedKeys(object map[string]any) []string { return slices.Sorted(maps.Keys(object)) }

func planBool(m map[string]any, key string, absent bool) (bool, error) {
	switch v := m[key].(type) {
	case nil:
		return absent, nil
	case bool:
		return v, nil
	}
	return false, fmt.Errorf("%s of the plan's JSON is not true or false", key)
}

func planString(m map[string]any, key string) (string, error) {
	switch v := m[key].(type) {
	case nil:
		return "", nil
	case string:
		return v, nil
	}
	return "", fmt.Errorf("its %s is not a string", key)
}

func planList(m map[string]any, key string) ([]any, error) {
	switch v := m[key].(type) {
	case nil:
		return nil, nil
	case []any:
		return v, nil
	}
	return nil, fmt.Errorf("%s of the plan's JSON is not a list", key)
}

func planObject(m map[string]any, key string) (map[string]any, error) {
	switch v := m[key].(type) {
	case nil:
		return nil, nil
	case map[string]any:
		return v, nil
	}
	return nil, fmt.Errorf("%s of the plan's JSON is not an object", key)
}
