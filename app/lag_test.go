package app

import (
	"testing"
	"time"

	"github.com/cardea-iac/cardea/workflow"
)

// GitHub's API may lag behind its webhooks; its clock in both tells which is newer.
func TestLags(t *testing.T) {
	at := time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)
	pushed := workflow.Request{Kind: workflow.RequestPull, Head: "new", CommentedAt: at}
	live := func(head string, age time.Duration) workflow.Pull {
		return workflow.Pull{Head: workflow.Ref{SHA: head}, State: workflow.PullOpen, UpdatedAt: at.Add(-age)}
	}
	closed := func(age time.Duration) workflow.Pull {
		p := live("new", age)
		p.State = workflow.PullClosed
		return p
	}
	closing := workflow.Request{Kind: workflow.RequestClosed, Head: "new", CommentedAt: at}
	command := workflow.Request{Kind: workflow.RequestCommand, CommentedAt: at}
	tests := []struct {
		name string
		req  workflow.Request
		pull workflow.Pull
		want bool
	}{
		{"the API is behind", pushed, live("old", time.Second), true},
		{"the API shows it", pushed, live("new", 0), false},
		{"the API shows it, but not yet its clock", pushed, live("new", time.Second), false},
		{"the event is behind", pushed, live("newer", -time.Second), false},
		{"reopened, and the API is behind", pushed, closed(time.Second), true},
		{"closed meanwhile", pushed, closed(-time.Second), false},
		{"closed, and the API is behind", closing, live("new", time.Second), true},
		{"closed", closing, closed(0), false},
		{"closed and reopened", closing, live("new", -time.Second), false},
		{"a command", command, live("old", time.Second), false},
	}
	for _, tt := range tests {
		if got := lags(tt.req, tt.pull); got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
}
