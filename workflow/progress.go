package workflow

import (
	"cmp"
	"slices"
	"time"
)

// ProgressState is how far something is.
type ProgressState string

// How far something is.
const (
	ProgressQueued     ProgressState = "queued"
	ProgressRunning    ProgressState = "running"
	ProgressSucceeded  ProgressState = "succeeded"
	ProgressFailed     ProgressState = "failed"
	ProgressNotStarted ProgressState = "not_started" // its run ended before its turn came
	ProgressUnknown    ProgressState = "unknown"     // its run ended while it was in hand
)

// Progress is one thing that a run does, as its engine tells of it. It is for people to see, and evidence
// where a runner died; nothing is decided by it.
type Progress struct {
	Group   string        `json:"group,omitempty"` // what belongs together
	Name    string        `json:"name,omitempty"`  // what is done: create, delete, ...
	Address string        `json:"address,omitempty"`
	State   ProgressState `json:"state"`
	Text    string        `json:"text,omitempty"` // how far it is, or why it failed, in the tool's words
	Done    int           `json:"done,omitempty"`
	Total   int           `json:"total,omitempty"`
	Began   time.Time     `json:"began,omitzero"`
	At      time.Time     `json:"at,omitzero"` // since when it stands there
}

// Ended is one whose run ended without a word on it.
func (s Progress) Ended() Progress {
	switch s.State {
	case ProgressQueued:
		s.State = ProgressNotStarted
	case ProgressRunning:
		s.State = ProgressUnknown
	}
	return s
}

// progressOrder is what people should see first: what failed, what nobody knows, what goes on.
var progressOrder = []ProgressState{ProgressFailed, ProgressUnknown, ProgressRunning, ProgressNotStarted, ProgressQueued, ProgressSucceeded}

// ProgressByNeed is progress in the order in which people should see them.
func ProgressByNeed(list []Progress) []Progress {
	out := slices.Clone(list)
	slices.SortStableFunc(out, func(a, b Progress) int {
		return cmp.Compare(slices.Index(progressOrder, a.State), slices.Index(progressOrder, b.State))
	})
	return out
}

// progressKept is how many stay with an apply that did not succeed.
const progressKept = 50

// progressToKeep are those of an apply that did not succeed which people should know of; that what is
// done is done, they see by the numbers.
func progressToKeep(list []Progress) []Progress {
	out := slices.DeleteFunc(slices.Clone(list), func(s Progress) bool { return s.State == ProgressSucceeded })
	out = ProgressByNeed(out)
	return out[:min(len(out), progressKept)]
}
