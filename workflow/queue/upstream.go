package queue

import (
	"fmt"
	"slices"

	"github.com/cardea-iac/cardea/workflow"
)

// upstream are the queued and running applies, and what verifies them, by subject and project.
type upstream map[upstreamKey]workflow.Run

type upstreamKey struct {
	subject workflow.Subject
	project string
}

func upstreamRuns(queued, running []workflow.Run) upstream {
	u := upstream{}
	for _, r := range slices.Concat(queued, running) { // a running run is named rather than a queued one
		if r.Kind == workflow.RunApply || r.Kind == workflow.RunVerify {
			u[upstreamKey{r.Subject(), r.Project.Name}] = r
		}
	}
	return u
}

// before says, as a sentence, which of them a plan waits for, "" if for none.
func (u upstream) before(r workflow.Run) string {
	if r.Kind != workflow.RunPlan {
		return ""
	}
	for _, name := range r.Project.DependsOn {
		other, live := u[upstreamKey{r.Subject(), name}]
		switch {
		case !live:
		case other.State == workflow.RunQueued:
			return fmt.Sprintf("`%s`, on which it depends, is %s first.", name, other.Kind.Done())
		default:
			return fmt.Sprintf("`%s`, on which it depends, is being %s.", name, other.Kind.Done())
		}
	}
	return ""
}
