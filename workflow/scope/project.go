package scope

import (
	"slices"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/workflow"
)

// CurrentPlan is the run of the plan that counts for a project: finished and with
// changes; why says, as part of a sentence, what is there instead.
func CurrentPlan(p workflow.ProjectRecord) (run *workflow.Run, why phrase.Text) {
	switch r := p.Run; {
	case !p.Project.Refused.Empty():
		return nil, phrase.Say("is refused: %s", p.Project.Refused.Within())
	case r == nil:
		return nil, phrase.Say("has no plan")
	case r.State == workflow.RunQueued:
		return nil, phrase.Say("waits for its plan")
	case r.State == workflow.RunRunning:
		return nil, phrase.Say("is being planned")
	case r.Outcome != workflow.OutcomeSucceeded:
		return nil, phrase.Say("has no plan (the last one: %s)", phrase.Words(string(r.Outcome)))
	case r.NoChanges:
		return nil, phrase.Say("has no changes")
	default:
		return r, nil
	}
}

// NothingToApply says, as part of a sentence, why a project is not even asked about; "" when it is.
func NothingToApply(p workflow.ProjectRecord) string {
	switch p.State() {
	case workflow.StateApplied:
		return "is applied"
	case workflow.StateNoChanges:
		return "has no changes"
	}
	if p.Run != nil && p.Run.State == workflow.RunFinished && p.Run.Outcome == workflow.OutcomeSucceeded && p.Run.NoChanges {
		return "has no changes"
	}
	return ""
}

func heldNames(holds []Hold) string {
	var names []string
	for _, h := range holds {
		names = append(names, h.Project.Name)
	}
	return phrase.SomeNames(names)
}

// Hold is a project with the locks that a pull has for it.
type Hold struct {
	Project workflow.Project
	names   []workflow.Project // the project as it is, and under each name under which a lock was taken
	Locks   []workflow.Lock
}

// Holds are a pull's locks by project: the same directory and variant,
// whatever it is called now, and whether it is still there or not.
func (c *Command) Holds(locks []workflow.Lock) (out []Hold) {
	for _, l := range locks {
		then := l.Taken()
		i := slices.IndexFunc(out, func(h Hold) bool { return h.Project.Key() == then.Key() })
		if i < 0 {
			h := Hold{Project: then}
			if p := c.Record.Formerly(then.Key()); p != nil {
				h.Project = p.Project
			}
			i, h.names = len(out), []workflow.Project{h.Project}
			out = append(out, h)
		}
		out[i].Locks = append(out[i].Locks, l)
		now := out[i].Project
		now.Name = l.Project
		out[i].names = append(out[i].names, now)
	}
	return out
}
