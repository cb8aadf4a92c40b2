package workflow

import (
	"slices"
	"time"

	"github.com/cardea-iac/cardea/internal/phrase"
)

// Follow is an apply that somebody asked for and that waits for others of its pull. When those
// are done the whole gate is asked again, for the same person, and it starts or ends here.
type Follow struct {
	Key     ProjectKey `json:"key"`
	Project string     `json:"project"`
	By      Actor      `json:"by"`
	Request string     `json:"request"` // the command, whose end is told of all its projects together
	Since   time.Time  `json:"since"`
	Head    string     `json:"head"`
	// On names what it was to wait for when it was asked for.
	On []string `json:"on"`
	// Plan is the one that was asked for, as an approval knows it: it is carried to a newer
	// plan, or is void, by the same rule.
	Plan Approval `json:"word"`
	// Asked: what it waited for is done, and a request is on its way that asks the gate.
	Asked bool `json:"asked,omitempty"`
	// Ended is why it does not follow any more, a sentence; empty while it does. Told: whoever
	// asked was told.
	Ended phrase.Text `json:"ended,omitempty"`
	Told  bool        `json:"told,omitempty"`
}

// MaxFollow is how long an apply waits for others.
const MaxFollow = 24 * time.Hour

// Follows is the apply of a project that waits for others, nil where none does.
func (rec *PullRecord) Follows(key ProjectKey) *Follow {
	if f := rec.Followed(key); f != nil && f.Ended.Empty() {
		return f
	}
	return nil
}

// Followed is the apply of a project that waits for others, or did last.
func (rec *PullRecord) Followed(key ProjectKey) *Follow {
	for i := range slices.Backward(rec.Following) {
		if rec.Following[i].Key == key {
			return &rec.Following[i]
		}
	}
	return nil
}

// AskedAgain reports whether a project's apply was asked for once more since one of it did not
// follow others any more.
func (rec *PullRecord) AskedAgain(f Follow) bool {
	if f.Ended.Empty() {
		return false
	}
	last, p := rec.Followed(f.Key), rec.Find(f.Key)
	return last != nil && last.Request != f.Request || p != nil && p.Apply != nil && p.Apply.Queued.After(f.Since)
}

// Waits names what an apply waits for: what it was asked to wait for, and what its project
// depends on by now, as far as the pull has it.
func (f Follow) Waits(rec *PullRecord) (names []string) {
	depends := f.On
	if p := rec.Find(f.Key); p != nil {
		depends = append(slices.Clone(depends), p.Project.DependsOn...)
	}
	for _, name := range depends {
		if p := rec.Project(name); p != nil && !p.Deleted && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// Stands says how it stands with a project for those that follow it.
type Stands int

// A project's changes are there, and a plan after its apply has shown that nothing is left; or
// it is on its way there; or it is not, and somebody has to do something.
const (
	StandsIdle Stands = iota
	StandsOnWay
	StandsDone
)

// StandsFor says how it stands with a project for those that follow it.
func (rec *PullRecord) StandsFor(p ProjectRecord) Stands {
	live := func(r *Run) bool { return r != nil && r.State != RunFinished }
	switch p.State() {
	case StateDeleted:
		return StandsDone
	case StateApplying:
		return StandsOnWay
	case StateApplied, StateNoChanges:
		if p.Apply == nil || !p.Apply.Begun() {
			return StandsDone
		}
		onWay := false
		for _, look := range []*Run{p.Verify, p.Run} {
			if look == nil || look.ID < p.Apply.ID {
				continue
			}
			if look.State == RunFinished && look.Outcome == OutcomeSucceeded && look.NoChanges && look.Options.Zero() {
				return StandsDone
			}
			onWay = onWay || live(look)
		}
		if onWay {
			return StandsOnWay
		}
	case StateQueued, StatePlanning:
		return StandsOnWay // its plan says how it goes on
	case StatePlanned:
		if rec.Follows(p.Project.Key()) != nil {
			return StandsOnWay
		}
	}
	return StandsIdle
}
