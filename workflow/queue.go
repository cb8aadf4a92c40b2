package workflow

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// NextRunDecision is what NextRun decided.
type NextRunDecision struct {
	// Run is the one to start; Found is false when there is none.
	Run   Run
	Found bool
	// Waits says, as a sentence by run id, why queued runs that are before Run in
	// the queue, or would be, cannot start. Runs whose turn has just not come are not in it.
	Waits map[string]string
	// Next is the earliest time at which a run that now waits for its time may start; zero without one.
	Next time.Time
}

// NextRun picks the run to start: the highest priority first (apply, commanded
// plan, autoplan, drift), then the one queued first. A project has one running
// run at a time, whichever pull it is for, and so has a state identity; a run
// waits for its NotBefore, and a plan for the applies of what its project depends
// on in the same pull and for what verifies them: before, it would have to be made again.
func NextRun(queued, running []Run, now time.Time) NextRunDecision {
	type busyKey struct {
		repo    int64
		project ProjectKey
	}
	projects := map[busyKey]Run{}
	for _, r := range running {
		projects[busyKey{r.Repo.ID, r.Project.Key()}] = r
	}
	applies := upstreamRuns(queued, running)
	d := NextRunDecision{Waits: map[string]string{}}
	order := slices.Clone(queued)
	slices.SortStableFunc(order, func(a, b Run) int {
		return cmp.Or(cmp.Compare(b.Priority, a.Priority), a.Queued.Compare(b.Queued), cmp.Compare(a.ID, b.ID))
	})
	for _, r := range order {
		if r.NotBefore.After(now) {
			if d.Next.IsZero() || r.NotBefore.Before(d.Next) {
				d.Next = r.NotBefore
			}
			continue // its Waiting already says why
		}
		if other, busy := projects[busyKey{r.Repo.ID, r.Project.Key()}]; busy {
			d.Waits[r.ID] = fmt.Sprintf("`%s` is being %s %s.", r.Project.Name, other.Kind.done(), whereRuns(other, r))
			continue
		}
		if i := slices.IndexFunc(running, r.onStateOf); i >= 0 {
			other := running[i]
			keeps := "keeps"
			if !isOneState(r.StateIdentity, other.StateIdentity) {
				keeps = "may keep"
			}
			d.Waits[r.ID] = fmt.Sprintf("`%s`, which %s the same state, is being %s %s.", other.Project.Name, keeps, other.Kind.done(), whereRuns(other, r))
			continue
		}
		if why := applies.before(r); why != "" {
			d.Waits[r.ID] = why
			continue
		}
		if !d.Found {
			d.Run, d.Found = r, true
		}
	}
	return d
}

// onStateOf reports whether another run is on the state of this one. One that only may
// be is in the way where one of the two writes, and not of another repository: of
// its other states nobody here knows.
func (r Run) onStateOf(other Run) bool {
	switch {
	case isOneState(r.StateIdentity, other.StateIdentity):
		return true
	case r.Repo.ID != other.Repo.ID:
		return false
	case r.Lineage != "" && r.Lineage == other.Lineage:
		return true
	}
	return (r.Kind == RunApply || other.Kind == RunApply) && MayBeOneState(r.StateIdentity, other.StateIdentity)
}

// whereRuns says where another run runs, as seen from this one.
func whereRuns(other, r Run) string {
	switch {
	case other.Repo.ID != r.Repo.ID:
		return "for another repository"
	case other.Number != r.Number:
		return fmt.Sprintf("for #%d", other.Number)
	case other.Head != r.Head:
		return "for " + short(other.Head) + ", and is being stopped"
	}
	return "already"
}
