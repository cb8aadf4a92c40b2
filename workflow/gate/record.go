package gate

import (
	"slices"

	"github.com/cardea-iac/cardea/workflow"
)

// DependOn gives the gate the pull's projects among those of a `depends_on`.
func (in *Input) DependOn(names []string) {
	if len(names) == 0 {
		return
	}
	for i := range in.Record.Projects {
		other := &in.Record.Projects[i]
		name := other.Project.Name
		if !slices.Contains(names, name) {
			continue
		}
		in.Depends[name] = other.State()
		if !other.Deleted && other.AppliedSince(in.Project.Run) && !slices.Contains(in.Since, name) {
			in.Since = append(in.Since, name)
		}
	}
}

// FindUnsettled gives the gate the applies of the pull's other projects on the same state that nobody has settled.
func (in *Input) FindUnsettled() {
	p := in.Project
	for _, projects := range [][]workflow.ProjectRecord{in.Record.Projects, in.Record.Past} {
		for i := range projects {
			other, apply := &projects[i], projects[i].Apply
			if p.Run == nil || apply == nil || !apply.OutcomeOpen() && !apply.StateKept() {
				continue
			}
			if other.Project.Key() != p.Project.Key() && apply.Keeps().MayBe(p.Run.Keeps()) {
				in.Unsettled = append(in.Unsettled, *apply)
			}
		}
	}
}

// Renew is what a plan was last found to lack, with what that has to do with other projects and
// pulls as it is now: what its project depends on, whose locks it meets, what happened to its
// state under another name. It decides nothing.
func Renew(in Input) []workflow.Missing {
	p := in.Project
	if p.PlanState() != workflow.StatePlanned || p.Ran(p.Apply) || p.Apply != nil && p.Apply.State != workflow.RunFinished {
		return p.WaitsFor // there is no plan that waits for others
	}
	g := newGate(in, whenShown)
	for _, m := range p.WaitsFor {
		if !ofOthers(m) {
			g.missing = append(g.missing, m)
		}
	}
	g.project()
	return g.told()
}

// ofOthers reports whether it is for another project or pull that something is missing.
func ofOthers(m workflow.Missing) bool {
	return m.Need == workflow.NeedDepends || m.Need == workflow.NeedLock && m.Mend.Names(string(workflow.VerbUnlock)) ||
		m.Need == workflow.NeedState && m.Mend.Names(string(workflow.VerbResolve))
}
