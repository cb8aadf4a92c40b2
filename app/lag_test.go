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
	closed := live("old", time.Second)
	closed.State = workflow.PullClosed
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
		{"closed meanwhile", pushed, closed, false},
		{"a command", command, live("old", time.Second), false},
	}
	for _, tt := range tests {
		if got := lags(tt.req, tt.pull); got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
}
