package gate

import (
	"slices"
	"time"

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

// InputOf is what a pull's record alone says about one of its projects.
func InputOf(rules workflow.Rules, rec workflow.PullRecord, p workflow.ProjectRecord, now time.Time) Input {
	in := Input{Rules: rules, Record: rec, Project: p, BaseFaulty: rec.BaseFaulty, Now: now, Depends: map[string]workflow.ProjectState{}}
	in.DependOn(p.Project.DependsOn)
	in.findUnsettled()
	return in
}

// FindSharing gives the gate the pull's other projects that may keep the same state.
func (in *Input) FindSharing() {
	p := in.Project
	for i := range in.Record.Projects {
		other := &in.Record.Projects[i]
		shares := p.Run != nil && other.Run != nil && p.Run.Keeps().MayBe(other.Run.Keeps())
		if shares && other.Project.Key() != p.Project.Key() {
			in.Sharing = append(in.Sharing, other.Project)
		}
	}
}

// WaitsForLock reports whether the release of a lock that a project meets is worth a comment: an apply
// was refused because of it, or nothing else is missing.
func WaitsForLock(p workflow.ProjectRecord) bool {
	return p.MetLock || Lacks(p.WaitsFor, workflow.NeedLock) && len(Without(p.WaitsFor, workflow.NeedLock)) == 0
}

// findUnsettled gives the gate the applies of the pull's other projects on the same state that nobody has settled.
func (in *Input) findUnsettled() {
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
	var kept []workflow.Missing
	for _, m := range p.WaitsFor {
		if !ofOthers(m) {
			kept = append(kept, m)
		}
		if m.Need == workflow.NeedDepends { // perhaps only by the base's present file, which the record does not have
			in.DependOn(toApply(m))
		}
	}
	g := newGate(in, whenShown)
	g.missing = kept
	g.project()
	return g.told()
}

// toApply are the projects that have to be applied first.
func toApply(m workflow.Missing) (names []string) {
	for _, part := range m.Mend {
		if part.Command.Verb == string(workflow.VerbApply) {
			names = append(names, part.Command.Project)
		}
	}
	return names
}

// ofOthers reports whether it is for another project or pull that something is missing.
func ofOthers(m workflow.Missing) bool {
	return m.Need == workflow.NeedDepends || m.Need == workflow.NeedLock && m.Mend.Names(string(workflow.VerbUnlock)) ||
		m.Need == workflow.NeedState && m.Mend.Names(string(workflow.VerbResolve))
}
