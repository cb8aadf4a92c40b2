package model

import (
	"slices"
	"time"

	"github.com/cardea-iac/cardea/templates/markdown"
	"github.com/cardea-iac/cardea/workflow"
)

// Event is a line of the history, as it is said here.
type Event struct {
	workflow.Event
	Said string
}

// Act is what somebody did, with all that came of it.
type Act struct {
	Event         // what was asked for, or the first of what came of something older
	Then  []Event // what came of it, oldest first
	// Projects is how many projects that concerned, Last when the last of it was.
	Projects int
	Last     time.Time
	// Of is the pull that it is about, "#12", in a history of several.
	Of string
}

// Took is how long it took in words, "" where that is no time worth telling.
func (a Act) Took() string {
	if took := a.Last.Sub(a.At); took >= time.Second {
		return markdown.Duration(took)
	}
	return ""
}

// ActsOf puts lines of the history, the newest first, together to what people did, the newest
// first: what a run brought belongs to what asked for the run, everything else to what was asked
// last of the same pull.
func ActsOf(events []workflow.Event, l Links) []Act {
	var acts []*Act
	last := map[workflow.About]*Act{}
	asked := map[string]*Act{} // by run
	for _, e := range slices.Backward(events) {
		line := Event{e, l.Say(e.Text)}
		act := last[e.About()]
		if by := asked[e.Run]; by != nil && e.Kind != workflow.EventApproved {
			act = by
		}
		if e.Kind == workflow.EventRequest || act == nil {
			act = &Act{Event: line}
			acts = append(acts, act)
			last[e.About()] = act
		} else {
			act.Then = append(act.Then, line)
		}
		if e.Run != "" && asked[e.Run] == nil {
			asked[e.Run] = act
		}
		act.Last = e.At
	}
	out := make([]Act, len(acts))
	for i, a := range acts {
		a.Projects = projectsIn(a.Then)
		out[len(acts)-1-i] = *a
	}
	return out
}

// ActsOfRepo are the acts of a repository, each with the pull that it is about.
func ActsOfRepo(events []workflow.Event, l Links) []Act {
	acts := ActsOf(events, l)
	for i, a := range acts {
		if key, ok := a.About().Pull(); ok {
			acts[i].Of = "#" + markdown.Number(key.Number)
		}
	}
	return acts
}

func projectsIn(events []Event) int {
	names := map[string]bool{}
	for _, e := range events {
		if e.Project != "" {
			names[e.Project] = true
		}
	}
	return len(names)
}
