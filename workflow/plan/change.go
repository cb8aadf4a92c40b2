package plan

import (
	"strings"

	"github.com/cardea-iac/cardea/workflow"
)

// object is what is done to one object, masked.
func (pr *projector) object(c Proposed) workflow.Change {
	change := pr.named(c)
	change.PreviousAddress, change.Deposed = pr.mask.address(c.Previous), c.Deposed
	change.Imported, change.ImportID = c.Importing.Value != nil, pr.importID(c.ImportID)
	if pr.mask.covers(c.ImportID.Value) {
		change.Masked++
	}
	if !c.DefaultConfig {
		change.ProviderConfig = c.ProviderConfig
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

// named is a change with what it is of, and why it is made.
func (pr *projector) named(c Proposed) workflow.Change {
	return workflow.Change{
		Address: pr.mask.address(c.Address), Mode: c.Mode, Type: c.Type, Provider: c.Provider, Reason: c.Reason,
	}
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
	case c.Does("no-op") && c.Importing.Value != nil:
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
		// The engine does something that we have no word for: shown, hashed, never dropped.
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

// importID is what people read of what is imported: a text, or JSON.
func (pr *projector) importID(id Side) string {
	switch v := id.Value.(type) {
	case nil:
		if id.wholeUnknown() {
			return unknownText
		}
		return ""
	case string:
		return pr.mask.text(v)
	default:
		return canonical(pr.mask.tree(v, nil))
	}
}

// output is one changed output. A plain value stands at the path "value".
func (pr *projector) output(c Proposed) workflow.Change {
	change := pr.named(c)
	setAction(&change, c)
	d := differ{mask: pr.mask, oneSided: change.Action != workflow.ActionUpdate}
	pr.attributes(&change, &d, place{text: "value"}, c.Before, c.After)
	if len(d.out) == 0 && change.Action == workflow.ActionUpdate && !pr.full() {
		// Both sides are marked when only the sensitivity of the output changes.
		change.Attributes = []workflow.Attribute{{Path: "value", Mark: workflow.MarkChange,
			Before: sensitiveText, After: sensitiveText, Sensitive: true, Note: noteMarks}}
		change.Unchanged = 0
	}
	return change
}

func (pr *projector) full() bool { return pr.size > maxPlanText }

// invocation is one action that runs beside the changes of objects.
func (pr *projector) invocation(c Proposed) workflow.Change {
	change := pr.named(c)
	change.Action = workflow.ActionInvoke
	d := differ{mask: pr.mask, oneSided: true}
	pr.attributes(&change, &d, place{}, c.Before, c.After)
	return change
}
