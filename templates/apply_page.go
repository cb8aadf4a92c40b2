package templates

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cardea-iac/cardea/workflow"
)

// ApplyPartOf is what a page says of an apply run; nil for other kinds.
func ApplyPartOf(run workflow.Run, l Links) *ApplyPart {
	if run.Kind != workflow.RunApply || run.Apply == nil {
		return nil
	}
	o := run.Apply
	p := &ApplyPart{Order: o, Part: partSentence(o)}
	if o.PlanRun != "" {
		p.PlanURL = RunPath(o.PlanRun)
	}
	if a, ok := alarmOf(Row{Record: workflow.ProjectRecord{Project: run.Project, Apply: &run}, State: stateOfApply(run)}, l); ok {
		p.Alarm = &a
	}
	if a := o.Authorised; a != nil {
		p.Facts = factsOf(*a)
	}
	if o.Resolved != "" {
		p.Facts = append(p.Facts, Fact{"Resolved", "as " + o.Resolved + " by " + code(o.ResolvedBy.Login)})
	}
	return p
}

// stateOfApply is the state into which an apply by itself puts its project.
func stateOfApply(run workflow.Run) workflow.ProjectState {
	return workflow.ProjectRecord{Project: run.Project, Apply: &run, Run: &workflow.Run{ID: run.Apply.PlanRun, Head: run.Head, State: workflow.RunFinished, Outcome: workflow.OutcomeSucceeded}}.State()
}

func factsOf(a workflow.Authorisation) []Fact {
	approved := make([]string, 0, len(a.Approvals))
	for _, p := range a.Approvals {
		approved = append(approved, fmt.Sprintf("%s, %s", code(p.User.Login), stamp(p.At)))
	}
	facts := []Fact{
		{"Authorised", stamp(a.At)},
		{"By", code(a.Actor.Login)},
		{"Approved by", strings.Join(approved, "; ")},
		{"Head", code(a.Head)},
		{"Base", fmt.Sprintf("%s at %s", code(a.BaseRef), code(short(a.Base)))},
		{"Tree", code(a.Tree)},
		{"Fingerprint", code(a.Fingerprint)},
		{"Artefact", code(a.Artefact)},
		{"State before", stateWord(a.State)},
		{"Lock", fmt.Sprintf("epoch %d", a.LockEpoch)},
	}
	return slices.DeleteFunc(facts, func(f Fact) bool { return strings.Trim(f.Value, "` ") == "" })
}

func stateWord(v workflow.StateVersion) string {
	if v.Lineage == "" {
		return "none yet"
	}
	return fmt.Sprintf("serial %d of %s", v.Serial, code(v.Lineage))
}

// HoldsOf are a repository's locks, those taken together as one. A key of a state
// identity is not told beside its project's.
func HoldsOf(locks []workflow.Lock) []Hold {
	var m Model
	for _, l := range locks {
		if !slices.ContainsFunc(m.Holds, func(h Hold) bool { return h.Lock.Pull == l.Pull && slices.Contains(h.Projects, l.Project) }) {
			m.hold(Hold{Lock: l, Projects: []string{l.Project}})
		}
	}
	return m.Holds
}
