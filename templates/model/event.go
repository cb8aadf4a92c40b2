package model

import "github.com/cardea-iac/cardea/workflow"

// Event is a line of the history, as it is said here.
type Event struct {
	workflow.Event
	Said string
}

// EventsOf are lines of the history with their texts in words.
func EventsOf(events []workflow.Event, l Links) []Event {
	out := make([]Event, len(events))
	for i, e := range events {
		out[i] = Event{e, l.Say(e.Text)}
	}
	return out
}
