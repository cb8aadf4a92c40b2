package web

import (
	"strings"

	"github.com/cardea-iac/cardea/templates/markdown"
	"github.com/cardea-iac/cardea/workflow"
)

// progressShown is how many objects a page shows.
const progressShown = 200

// shownProgress is what a run does as its page shows it.
type shownProgress struct {
	Summary string
	Rows    []shownOne
	Left    int // how many rows are left out
}

type shownOne struct {
	workflow.Progress
	Word, Class, Took string
}

// progressOf is what a run does, in its order, for a page; nil without any.
func progressOf(list []workflow.Progress) *shownProgress {
	if len(list) == 0 {
		return nil
	}
	out := &shownProgress{}
	by := map[workflow.ProgressState]int{}
	var told []string
	all := 0
	for _, s := range list {
		if s.Address == "" { // of the run as a whole
			told = append(told, "Reading: "+markdown.Count(s.Done, "object", "objects")+" so far")
			continue
		}
		all++
		by[s.State]++
		if len(out.Rows) == progressShown {
			out.Left++
			continue
		}
		out.Rows = append(out.Rows, shown(s))
	}
	if all > 0 {
		told = append(told, markdown.Number(by[workflow.ProgressSucceeded])+" of "+markdown.Count(all, "change", "changes")+" made")
	}
	for _, state := range []workflow.ProgressState{workflow.ProgressRunning, workflow.ProgressFailed, workflow.ProgressUnknown, workflow.ProgressNotStarted} {
		if n := by[state]; n > 0 {
			told = append(told, markdown.Number(n)+" "+progressWord(state))
		}
	}
	out.Summary = strings.Join(told, " · ")
	return out
}

func shown(s workflow.Progress) shownOne {
	out := shownOne{Progress: s, Word: progressWord(s.State), Class: progressClass(s.State)}
	out.Address, out.Text = markdown.Cut(markdown.CleanLine(s.Address), addressMost), markdown.Cut(markdown.CleanLine(s.Text), addressMost)
	if ended := s.State == workflow.ProgressSucceeded || s.State == workflow.ProgressFailed; ended && !s.Began.IsZero() {
		out.Took = markdown.Duration(s.At.Sub(s.Began))
	}
	return out
}

func progressWord(s workflow.ProgressState) string {
	switch s {
	case workflow.ProgressSucceeded:
		return "done"
	case workflow.ProgressRunning:
		return "in progress"
	}
	return strings.ReplaceAll(string(s), "_", " ")
}

func progressClass(s workflow.ProgressState) string {
	switch s {
	case workflow.ProgressSucceeded:
		return "applied"
	case workflow.ProgressFailed, workflow.ProgressUnknown:
		return "failed"
	case workflow.ProgressRunning:
		return "running"
	}
	return "queued"
}
