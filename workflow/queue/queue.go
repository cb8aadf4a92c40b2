package queue

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/cardea-iac/cardea/internal/phrase"
	"github.com/cardea-iac/cardea/workflow"
)

// Decision is what Next decided.
type Decision struct {
	// Run is the run to start; Found is false when there is none.
	Run   workflow.Run
	Found bool
	// Waits says, by run id and as a sentence, why queued runs that stand before Run in the
	// queue, or would, cannot start. Runs whose turn has simply not come yet are not in it, or with "" where they
	// still say that they wait for something.
	Waits map[string]string
	// Next is the earliest time at which a run that now waits for its time may start; zero without one.
	Next time.Time
	// Yield are running plans that have to stop, to be made again later, because they alone keep
	// For from starting.
	Yield []workflow.Run
	For   workflow.Run
}

// starves is how long a person none of whose plans is running waits until somebody else's
// plan beyond their share has to stop.
const starves = 30 * time.Second

// Next picks the run to start: the highest priority first (apply, commanded
// plan, autoplan, drift), then the one queued first. A project has one running
// run at a time, whatever it is for, and so has a state identity; a run
// waits for its NotBefore, and a plan for the applies of what its project depends
// on for the same subject and for what verifies them: before, it would have to be made again.
//
// At most parallel plans run at a time (0: any number), and one apply beside them:
// plans that hang never keep an apply from starting, nor does one that is in an
// apply's way: it would be of what was before. Whose plans, or which
// repository's, have their share of the places come after those of others; and if all
// places are taken, the newest plan beyond a share stops, once, for somebody who has none.
func Next(queued, running []workflow.Run, now time.Time, parallel int) Decision {
	applies := upstreamRuns(queued, running)
	d := Decision{Waits: map[string]string{}}
	places := placesOf(running, parallel)
	order := slices.Clone(queued)
	slices.SortStableFunc(order, func(a, b workflow.Run) int {
		return cmp.Or(cmp.Compare(places.turn(a), places.turn(b)), cmp.Compare(b.Priority, a.Priority),
			a.Queued.Compare(b.Queued), cmp.Compare(a.ID, b.ID))
	})
	for _, r := range order {
		if r.NotBefore.After(now) {
			if d.Next.IsZero() || r.NotBefore.Before(d.Next) {
				d.Next = r.NotBefore
			}
			continue // its Waiting says why already
		}
		if others := inTheWay(r, running); len(others) > 0 {
			d.Waits[r.ID] = whyWaits(r, others[0])
			if !d.Found && d.Yield == nil && r.Kind == workflow.RunApply && places.free(r) && yields(others, r) {
				d.Yield, d.For = others, r
			}
			continue
		}
		if why := applies.before(r); why != "" {
			d.Waits[r.ID] = why
			continue
		}
		if r.Waiting != "" { // what it waited for is over
			d.Waits[r.ID] = ""
		}
		switch {
		case d.Found:
		case places.free(r):
			d.Run, d.Found = r, true
			delete(d.Waits, r.ID)
		case d.Yield == nil && now.Sub(r.Queued) >= starves:
			d.Yield, d.For = places.yield(running, r), r
		}
	}
	if d.Yield == nil {
		d.For = workflow.Run{}
	}
	return d
}

// inTheWay are the running runs that a run cannot run beside, those of its own project first.
func inTheWay(r workflow.Run, running []workflow.Run) (own []workflow.Run) {
	var others []workflow.Run
	for _, other := range running {
		switch {
		case isOfProject(r, other):
			own = append(own, other)
		case r.OnStateOf(other):
			others = append(others, other)
		}
	}
	return append(own, others...)
}

func isOfProject(r, other workflow.Run) bool {
	return r.Repo.ID == other.Repo.ID && r.Project.Key() == other.Project.Key()
}

func whyWaits(r, other workflow.Run) string {
	where := Where(other, r)
	if isOfProject(r, other) {
		return fmt.Sprintf("`%s` is being %s %s.", r.Project.Name, other.Kind.Done(), where)
	}
	uses := "uses"
	if !r.States.Surely(other.States) {
		uses = "may use"
	}
	return fmt.Sprintf("`%s`, which %s the same state, is being %s %s.",
		other.Project.Name, uses, other.Kind.Done(), where)
}

// yields reports whether only plans are in an apply's way, which write nothing and which
// nobody asked for instead of what is to be applied, and at least one of which is not
// stopping yet.
func yields(others []workflow.Run, apply workflow.Run) bool {
	runs := false
	for _, other := range others {
		if other.Kind != workflow.RunPlan || (other.Subject() == apply.Subject() && isOfProject(apply, other)) {
			return false
		}
		runs = runs || other.Interrupt == ""
	}
	return runs
}

// places says who has the places in which runs run.
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

// free reports whether there is a place for a run. Applies have one place more than plans. A
// plan that once stopped for others gets no place beyond its person's share.
func (p places) free(r workflow.Run) bool {
	switch {
	case p.parallel == 0:
		return true
	case r.Kind == workflow.RunApply:
		return p.runs <= p.parallel
	}
	return p.runs <= p.parallel && p.plans < p.parallel && (!r.Yielded || p.turn(r) == 1)
}

// yield is the plan that stops for one that finds no place: the newest plan of a person who
// has more than half of the places, if the waiting person has none, or of a repository that
// has all of them. While any plan is stopping, no other has to.
func (p places) yield(running []workflow.Run, r workflow.Run) (out []workflow.Run) {
	if r.Kind == workflow.RunApply || p.plans < p.parallel {
		return nil
	}
	for _, other := range running {
		actor := p.ofActor[r.Actor.ID] == 0 && p.ofActor[other.Actor.ID] > p.parallel/2
		repo := p.ofRepo[r.Repo.ID] == 0 && p.ofRepo[other.Repo.ID] >= p.parallel
		switch {
		case other.Kind == workflow.RunApply:
		case other.Interrupt != "":
			return nil
		case other.Kind != workflow.RunPlan, other.Yielded, !actor && !repo:
		case out == nil || other.Started.After(out[0].Started):
			out = []workflow.Run{other}
		}
	}
	return out
}

// turn says in which queue a run stands: applies, plans, then plans of a person who has half
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

// Where says where another run runs, as seen from this one.
func Where(other, r workflow.Run) string {
	where := "already"
	switch {
	case other.Repo.ID != r.Repo.ID:
		where = "for another repository"
	case other.Subject() != r.Subject():
		where = "for " + other.Subject().Words()
	case other.Head != r.Head && r.Subject().OneHead():
		return "for " + phrase.Short(other.Head) + ", and is being stopped"
	case other.Head != r.Head:
		where = "for " + phrase.Short(other.Head)
	}
	if other.Interrupt != "" {
		where += ", and is being stopped"
	}
	return where
}
