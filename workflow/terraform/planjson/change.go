package planjson

import (
	"strings"

	"github.com/cardea-iac/cardea/workflow"
)

// resource is one entry of resource_changes or resource_drift, masked.
func (pr *projector) resource(c Proposed) workflow.Change {
	change := workflow.Change{
		Address: maskAddress(c.Address, pr.mask), PreviousAddress: maskAddress(c.Previous, pr.mask), Deposed: c.Deposed,
		Mode: c.Mode, Type: c.Type, Provider: c.Provider, Reason: actionReason(c.Reason),
		Imported: c.Importing != nil, ImportID: pr.importID(c),
	}
	if pr.mask.covers(c.Importing["id"]) || pr.mask.covers(c.Importing["identity"]) {
		change.Masked++
	}
	if via := pr.doc.via(c.Address); strings.ContainsAny(via, ".:") { // not the provider's default one
		change.ProviderConfig = via
	}
	setAction(&change, c)
	d := differ{mask: pr.mask, replaces: c.Replace}
	before, after := c.Before, c.After
	switch change.Action {
	case workflow.ActionCreate, workflow.ActionRead, workflow.ActionDelete:
		d.oneSided = true
	case workflow.ActionImport:
		d.showSame = true
		after.Unknown = nil
	case workflow.ActionMove, workflow.ActionForget:
		after = before // nothing of the object changes
	}
	pr.attributes(&change, &d, place{}, before, after)
	return change
}

// attributes runs the differ over a change within the plan's budget of text.
func (pr *projector) attributes(change *workflow.Change, d *differ, p place, b, a Side) {
	if pr.size > maxPlanText {
		pr.bare++
		return
	}
	d.walk(p, b, a)
	change.Attributes, change.Unchanged = d.out, d.unchanged
	change.Masked += d.masked
	pr.size += d.size
	pr.cut += d.cut
}

// setAction names what the actions mean together.
func setAction(change *workflow.Change, c Proposed) {
	switch {
	case c.Does("no-op") && c.Importing != nil:
		change.Action = workflow.ActionImport
	case c.Does("no-op"):
		change.Action = workflow.ActionMove
	case c.Does("create"), c.Does("update"), c.Does("delete"), c.Does("forget"), c.Does("read"):
		change.Action = workflow.Action(c.Actions[0])
	case c.Does("delete", "create"):
		change.Action = workflow.ActionReplace
	case c.Does("create", "delete"):
		change.Action, change.CreateFirst = workflow.ActionReplace, true
	case c.Does("create", "forget"), c.Does("forget", "create"):
		change.Action, change.CreateFirst = workflow.ActionReplace, c.Actions[0] == "create"
		change.Reason = "the old object is forgotten, not destroyed"
	default:
		// A newer tool does something that we have no word for: shown, hashed, never dropped.
		change.Action, change.Reason = workflow.ActionUpdate, "the plan calls this "+strings.Join(c.Actions, ", ")
	}
}

func countsOf(c workflow.Change) workflow.Counts {
	var n workflow.Counts
	switch c.Action {
	case workflow.ActionCreate:
		n.Add = 1
	case workflow.ActionUpdate:
		n.Change = 1
	case workflow.ActionReplace:
		n.Replace = 1
	case workflow.ActionDelete:
		n.Destroy = 1
	case workflow.ActionForget:
		n.Forget = 1
	}
	if c.Imported {
		n.Import = 1
	}
	if c.PreviousAddress != "" {
		n.Move = 1
	}
	return n
}

// importID is the id, or the identity as JSON where the resource is imported by that.
func (pr *projector) importID(c Proposed) string {
	if id, ok := c.Importing["id"].(string); ok && id != "" {
		return pr.mask.text(id)
	}
	if identity := c.Importing["identity"]; identity != nil {
		return canonical(pr.mask.tree(identity, nil))
	}
	if c.Importing["unknown"] == true {
		return unknownText
	}
	return ""
}

// output is one changed output. A plain value stands at the path "value".
func (pr *projector) output(c Proposed) workflow.Change {
	change := workflow.Change{Address: c.Address, Mode: c.Mode}
	setAction(&change, c)
	d := differ{mask: pr.mask, oneSided: change.Action != workflow.ActionUpdate}
	pr.attributes(&change, &d, place{text: "value"}, c.Before, c.After)
	if len(d.out) == 0 && change.Action == workflow.ActionUpdate && !pr.full() {
		// Terraform marks both sides when only `sensitive` of the output changes.
		change.Attributes = []workflow.Attribute{{Path: "value", Mark: workflow.MarkChange, Before: sensitiveText, After: sensitiveText,
			Sensitive: true, Note: noteMarks}}
		change.Unchanged = 0
	}
	return change
}

func (pr *projector) full() bool { return pr.size > maxPlanText }

// invocation is one action that runs beside the changes of resources.
func (pr *projector) invocation(v any) workflow.Change {
	m, _ := v.(map[string]any)
	text := func(key string) string { s, _ := m[key].(string); return s }
	change := workflow.Change{Address: maskAddress(text("address"), pr.mask), Mode: "action", Type: text("type"), Provider: text("provider_name"),
		Action: workflow.ActionInvoke, Reason: invocationTrigger(m, pr.mask)}
	d := differ{mask: pr.mask, oneSided: true}
	pr.attributes(&change, &d, place{}, Side{}, Side{Value: m["config_values"], Unknown: m["config_unknown"], Sensitive: m["config_sensitive"]})
	return change
}
