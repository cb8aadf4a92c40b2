package app

import (
	"testing"
	"time"

	"github.com/cardea-iac/cardea/workflow"
)

// What somebody wrote long ago is not carried out, unless it takes an approval back; the turn of an apply that waited for others
// is nobody's comment, and comes when it comes.
func TestTooLate(t *testing.T) {
	now := time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)
	a := &App{config: Config{Now: func() time.Time { return now }}}
	apply, unapprove := &workflow.Command{Verb: workflow.VerbApply}, &workflow.Command{Verb: workflow.VerbUnapprove}
	for name, c := range map[string]struct {
		req  workflow.Request
		late bool
	}{
		"a push":        {workflow.Request{Kind: workflow.RequestPull, Received: now.Add(-time.Hour)}, false},
		"a comment":     {workflow.Request{Kind: workflow.RequestCommand, Command: apply, CommentID: 1, CommentedAt: now.Add(-29 * time.Minute)}, false},
		"an old one":    {workflow.Request{Kind: workflow.RequestCommand, Command: apply, CommentID: 1, CommentedAt: now.Add(-31 * time.Minute)}, true},
		"an old no":     {workflow.Request{Kind: workflow.RequestCommand, Command: unapprove, CommentID: 1, CommentedAt: now.Add(-50 * time.Hour)}, false},
		"an old button": {workflow.Request{Kind: workflow.RequestCommand, Command: apply, CheckRunID: 1, Received: now.Add(-31 * time.Minute)}, true},
		"an old turn":   {workflow.Request{Kind: workflow.RequestCommand, Command: apply, Follow: "command", Received: now.Add(-5 * time.Hour)}, false},
	} {
		if got := a.tooLate(c.req, workflow.Pull{State: workflow.PullOpen}) != nil; got != c.late {
			t.Errorf("%s: got %v", name, got)
		}
	}
}
