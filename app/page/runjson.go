package page

import (
	"encoding/json"

	"github.com/cardea-iac/cardea/templates/model"
	"github.com/cardea-iac/cardea/templates/web"
	"github.com/cardea-iac/cardea/workflow"
)

const (
	jsonList  = 64 << 10 // bytes of a list that does not continue elsewhere
	jsonFrame = 150      // bytes of names and indentation around one attribute
)

// runDetailOf is a run with its plan, whose changes begin at a spot.
func runDetailOf(run workflow.Run, plan *workflow.Plan, from string, l model.Links) runDetailJSON {
	out := runDetailJSON{
		Run: runJSONOf(run), Repository: run.Repo.FullName(), Number: run.Number, SubjectJSON: run.SubjectJSON,
		Project: run.Project.Name, Reason: l.Reason(run), Apply: applyJSONOf(run.Apply, l),
	}
	out.Diagnostics, out.Left.Diagnostics = fitting(run.Diagnostics, jsonList)
	if plan == nil {
		return out
	}
	p := *plan
	var next web.Spot
	if p.Changes, next = changesFrom(plan.Changes, spotOf(from, len(plan.Changes)),
		web.PageBudget); next.Change < len(plan.Changes) {
		out.Later = model.RunPath(run.ID) + ".json?" + query("", next)
	}
	p.Drift, out.Left.Drift = fitting(plan.Drift, jsonList)
	p.Hidden, out.Left.Hidden = fitting(plan.Hidden, jsonList)
	p.Warnings, out.Left.Warnings = fitting(plan.Warnings, jsonList)
	p.Checks, out.Left.Checks = fitting(plan.Checks, jsonList)
	p.Notes, out.Left.Notes = fitting(plan.Notes, jsonList)
	p.Named, out.Left.Named = fitting(plan.Named, jsonList)
	out.Plan = &p
	return out
}

// changesFrom are changes from a spot on as far as a budget of bytes goes, with the
// attributes that fit, and where the next answer begins.
func changesFrom(changes []workflow.Change, from web.Spot, budget int) (out []workflow.Change, next web.Spot) {
	parts, next := web.Fit(changes, from, budget, func(a workflow.Attribute) int { return sizeOf(a) + jsonFrame })
	for _, p := range parts {
		c := p.Change
		c.Attributes = c.Attributes[p.First:p.End]
		out = append(out, c)
	}
	return out, next
}

// fitting is the beginning of a list, as far as a budget of bytes goes, and how many are left out.
func fitting[T any](list []T, budget int) (out []T, left int) {
	for i, v := range list {
		if budget -= sizeOf(v); budget < 0 {
			return list[:i], len(list) - i
		}
	}
	return list, 0
}

// sizeOf is how many bytes a value has as JSON, without indentation.
func sizeOf(v any) int {
	b, err := json.Marshal(v)
	if err != nil {
		return 0 // then writing the answer fails, and says why
	}
	return len(b)
}
