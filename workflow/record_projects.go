package workflow

import "slices"

func (rec PullRecord) Find(key ProjectKey) *ProjectRecord {
	for i := range rec.Projects {
		if p := &rec.Projects[i]; p.Project.Key() == key && !p.Deleted {
			return p
		}
	}
	return nil
}

// Formerly is what a pull knows of a project from before, in its record or put aside; nil without it.
func (rec PullRecord) Formerly(key ProjectKey) *ProjectRecord {
	for _, projects := range [][]ProjectRecord{rec.Projects, rec.Past} {
		for i := range projects {
			if projects[i].Project.Key() == key {
				return &projects[i]
			}
		}
	}
	return nil
}

// WithPast is a record that shows the projects of earlier heads too: an apply of
// such a one still guards its locks.
func (rec PullRecord) WithPast() PullRecord {
	rec.Projects = append(slices.Clone(rec.Projects), rec.Past...)
	return rec
}

// Show puts a run into the record of its project, if it is that project's
// newest of its kind, and reports whether it is. What only the worker needs of it is left out.
func (rec *PullRecord) Show(run Run) bool {
	for _, projects := range [][]ProjectRecord{rec.Projects, rec.Past} {
		for i := range projects {
			p := &projects[i]
			for _, at := range []**Run{&p.Run, &p.Apply, &p.Verify} {
				if *at != nil && (*at).ID == run.ID {
					*at = ShownRun(run)
					return true
				}
			}
		}
	}
	return false
}

// SpendApprovals marks the approvals that a project has of a plan that was
// applied: what is left to do after it wants its own, also where that is the same again.
func (rec *PullRecord) SpendApprovals(run Run) {
	for _, projects := range [][]ProjectRecord{rec.Projects, rec.Past} {
		for i := range projects {
			p := &projects[i]
			if p.Project.Key() != run.Project.Key() {
				continue
			}
			p.Approvals = slices.Clone(p.Approvals)
			for j := range p.Approvals {
				if a := &p.Approvals[j]; a.Fingerprint == run.Apply.Fingerprint {
					a.Applied = true
				}
			}
		}
	}
}

// Approvers are the people whose approvals stand anywhere in the pull.
func (rec PullRecord) Approvers() []Actor {
	var out []Actor
	for _, p := range rec.Projects {
		for _, a := range p.Approvals {
			if a.Void == "" && !slices.ContainsFunc(out, func(b Actor) bool { return b.ID == a.User.ID }) {
				out = append(out, a.User)
			}
		}
	}
	return out
}

// Applying is the project whose newest apply this run is, at the pull's head.
func (rec *PullRecord) Applying(runID string) *ProjectRecord {
	for i := range rec.Projects {
		if p := &rec.Projects[i]; p.Apply != nil && p.Apply.ID == runID && !p.Deleted {
			return p
		}
	}
	return nil
}

// FindUpstream names for each project those of its `depends_on` that make its plan
// provisional: this pull changes them, or may, and has not applied them yet, or not before the plan.
func (rec *PullRecord) FindUpstream() {
	byName := map[string]*ProjectRecord{}
	for i := range rec.Projects {
		byName[rec.Projects[i].Project.Name] = &rec.Projects[i]
	}
	for i := range rec.Projects {
		p := &rec.Projects[i]
		p.Upstream = nil
		for _, name := range p.Project.DependsOn {
			other := byName[name]
			if other == nil || other.Deleted {
				continue
			}
			state := other.State()
			settled := state == StateApplied || state == StateNoChanges
			if !settled || other.AppliedSince(p.Run) {
				p.Upstream = append(p.Upstream, name)
			}
		}
	}
}

// AskedAt is the place of a project among those that people asked for, -1 without it.
func (rec PullRecord) AskedAt(key ProjectKey) int {
	return slices.IndexFunc(rec.Asked, func(a AskedProject) bool { return a.Key == key })
}
