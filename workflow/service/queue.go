package service

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/cardea-iac/cardea/internal/phrase"

	"github.com/cardea-iac/cardea/workflow"
)

// NextRunDecision is what NextRun decided.
type NextRunDecision struct {
	// Run is the one to start; Found is false when there is none.
	Run   workflow.Run
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
//
// At most parallel plans run at a time (0: any number), and one apply beside them:
// plans that hang never keep an apply from starting. Whose plans, or which
// repository's, have their share of the places come after those of others.
func NextRun(queued, running []workflow.Run, now time.Time, parallel int) NextRunDecision {
	type busyKey struct {
		repo    int64
		project workflow.ProjectKey
	}
	projects := map[busyKey]workflow.Run{}
	for _, r := range running {
		projects[busyKey{r.Repo.ID, r.Project.Key()}] = r
	}
	applies := upstreamRuns(queued, running)
	d := NextRunDecision{Waits: map[string]string{}}
	places := placesOf(running, parallel)
	order := slices.Clone(queued)
	slices.SortStableFunc(order, func(a, b workflow.Run) int {
		return cmp.Or(cmp.Compare(places.turn(a), places.turn(b)), cmp.Compare(b.Priority, a.Priority), a.Queued.Compare(b.Queued), cmp.Compare(a.ID, b.ID))
	})
	for _, r := range order {
		if r.NotBefore.After(now) {
			if d.Next.IsZero() || r.NotBefore.Before(d.Next) {
				d.Next = r.NotBefore
			}
			continue // its Waiting already says why
		}
		if other, busy := projects[busyKey{r.Repo.ID, r.Project.Key()}]; busy {
			d.Waits[r.ID] = fmt.Sprintf("`%s` is being %s %s.", r.Project.Name, other.Kind.Done(), whereRuns(other, r))
			continue
		}
		if i := slices.IndexFunc(running, r.OnStateOf); i >= 0 {
			other := running[i]
			keeps := "keeps"
			if !workflow.IsOneState(r.StateIdentity, other.StateIdentity) {
				keeps = "may keep"
			}
			d.Waits[r.ID] = fmt.Sprintf("`%s`, which %s the same state, is being %s %s.", other.Project.Name, keeps, other.Kind.Done(), whereRuns(other, r))
			continue
		}
		if why := applies.before(r); why != "" {
			d.Waits[r.ID] = why
			continue
		}
		if !d.Found && places.free(r) {
			d.Run, d.Found = r, true
		}
	}
	return d
}

// places is who has the places in which runs run.
type places struct {
	parallel, runs, plans int
	ofActor, ofRepo       map[int64]int // plans
}

func placesOf(running []workflow.Run, parallel int) places {
	p := places{parallel: parallel, runs: len(running), ofActor: map[int64]int{}, ofRepo: map[int64]int{}}
	for _, r := range running {
		if r.Kind != workflow.RunApply {
			p.plans++
			p.ofActor[r.Actor.ID]++
			p.ofRepo[r.Repo.ID]++
		}
	}
	return p
}

// free reports whether there is a place for a run: one more than for plans is for applies.
func (p places) free(r workflow.Run) bool {
	return p.parallel == 0 || (p.runs <= p.parallel && (r.Kind == workflow.RunApply || p.plans < p.parallel))
}

// turn is which queue a run stands in: applies, plans, then plans of who has half
// of the places already, or of a repository that has all but one, or both.
func (p places) turn(r workflow.Run) int {
	switch {
	case r.Kind == workflow.RunApply:
		return 0
	case p.parallel == 0:
		return 1
	}
	turn := 1
	if p.ofRepo[r.Repo.ID] >= max(1, p.parallel-1) {
		turn++
	}
	if p.ofActor[r.Actor.ID] >= max(1, p.parallel/2) {
		turn += 2
	}
	return turn
}

// whereRuns says where another run runs, as seen from this one.
func whereRuns(other, r workflow.Run) string {
	switch {
	case other.Repo.ID != r.Repo.ID:
		return "for another repository"
	case other.Number != r.Number:
		return fmt.Sprintf("for #%d", other.Number)
	case other.Head != r.Head:
		return "for " + phrase.Short(other.Head) + ", and is being stopped"
	}
	return "already"
}
