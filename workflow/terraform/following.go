package terraform

import (
	"slices"
	"strings"
	"time"

	"github.com/cardea-iac/cardea/workflow"
)

// following follows a plan's changes while they are applied, by what the tool tells of its objects.
// Changes of which it tells nothing (moves, imports, outputs) are left to the state. It is used
// by one goroutine at a time.
type following struct {
	list    []workflow.Progress
	changes []workflow.Change // of list
	at      map[string][]int  // by address
	tell    func(workflow.Progress)
}

func follow(changes []workflow.Change, tell func(workflow.Progress)) *following {
	s := &following{at: map[string][]int{}, tell: tell}
	for _, c := range changes {
		if !counted(c) {
			continue
		}
		one := workflow.Progress{Name: string(c.Action), Address: c.Address, State: workflow.ProgressQueued}
		if c.Mode == "output" {
			one.Name = "output"
		}
		if c.Deposed != "" {
			one.Name += " deposed " + c.Deposed
		}
		if c.Action == workflow.ActionReplace {
			one.Total = 2 // what is there is deleted, and another one created
		}
		s.at[c.Address] = append(s.at[c.Address], len(s.list))
		s.list, s.changes = append(s.list, one), append(s.changes, c)
	}
	return s
}

// counted reports whether a change is one that an apply carries out and the state shows.
func counted(c workflow.Change) bool {
	return c.Mode != "action" && c.Action != workflow.ActionRead && c.Action != workflow.ActionNoOp
}

// begin tells of all that is to be done.
func (s *following) begin() {
	now := time.Now()
	for i := range s.list {
		s.list[i].At = now
		s.say(i)
	}
}

func (s *following) say(i int) {
	if s.tell != nil {
		s.tell(s.list[i])
	}
}

// told takes a message of the tool.
func (s *following) told(m message) {
	if m.Hook == nil || !strings.HasPrefix(m.Type, "apply_") {
		return
	}
	i, ok := s.find(m.Hook.Resource.Address, m.Hook.Action)
	if !ok {
		return
	}
	one := &s.list[i]
	one.At = m.At
	if one.At.IsZero() {
		one.At = time.Now()
	}
	one.Text = ""
	switch m.Type {
	case typeApplyStart, typeApplyProgress:
		one.State = workflow.ProgressRunning
		one.Text = strings.TrimPrefix(m.Text, m.Hook.Resource.Address+": ")
		if one.Began.IsZero() {
			one.Began = one.At
		}
	case typeApplyComplete:
		if one.Done++; one.Done >= one.Total {
			one.State, one.Done = workflow.ProgressSucceeded, one.Total
		}
	case typeApplyErrored:
		one.State = workflow.ProgressFailed
		one.Text = strings.TrimPrefix(m.Text, m.Hook.Resource.Address+": ")
	default:
		return
	}
	s.say(i)
}

// find is the change that is meant by an address and an action. The tool does not say which of an
// object's deposed ones it deletes: the first that is not done.
func (s *following) find(address, action string) (at int, ok bool) {
	for _, i := range s.at[address] {
		if !carries(s.changes[i], action) {
			continue
		}
		if state := s.list[i].State; state == workflow.ProgressQueued || state == workflow.ProgressRunning {
			return i, true
		}
		at, ok = i, true
	}
	return at, ok
}

// carries reports whether an action on an object is a part of carrying out a change of it.
func carries(c workflow.Change, action string) bool {
	switch c.Action {
	case workflow.ActionReplace:
		return action == "create" || action == "delete"
	case workflow.ActionCreate, workflow.ActionUpdate, workflow.ActionDelete:
		return string(c.Action) == action
	}
	return false
}

// end says of each change how it ended: what succeeded by the state, where that is known, and what
// failed by the errors.
func (s *following) end(succeeded bool, errors []workflow.Diagnostic, isDone func(workflow.Change) bool) []workflow.Progress {
	now := time.Now()
	for i := range s.list {
		one := &s.list[i]
		before := *one
		own := slices.IndexFunc(errors, func(d workflow.Diagnostic) bool { return d.Address == one.Address })
		switch {
		case one.State == workflow.ProgressSucceeded:
		case succeeded:
			one.State, one.Done, one.Text = workflow.ProgressSucceeded, one.Total, ""
		case own >= 0:
			one.State, one.Text = workflow.ProgressFailed, errors[own].Summary
		case one.State == workflow.ProgressFailed:
		case isDone != nil && isDone(s.changes[i]):
			one.State, one.Done, one.Text = workflow.ProgressSucceeded, one.Total, ""
		default:
			*one = one.Ended()
		}
		if *one != before {
			one.At = now
			s.say(i)
		}
	}
	return s.list
}

// refreshing counts the objects that a plan reads, as it goes on.
type refreshing struct {
	one  workflow.Progress
	tell func(workflow.Progress)
}

// refreshEvery is how often a plan tells how many objects it has read.
const refreshEvery = 500 * time.Millisecond

func (r *refreshing) told(m message) {
	if m.Type != typeRefreshComplete || r.tell == nil {
		return
	}
	r.one.Done++
	if now := time.Now(); now.Sub(r.one.At) >= refreshEvery {
		if r.one.Began.IsZero() {
			r.one.Began = now
		}
		r.one.Name, r.one.State, r.one.At = "refresh", workflow.ProgressRunning, now
		r.tell(r.one)
	}
}

func (r *refreshing) end() {
	if r.tell == nil || r.one.Done == 0 {
		return
	}
	r.one.State, r.one.At = workflow.ProgressSucceeded, time.Now()
	r.tell(r.one)
}
