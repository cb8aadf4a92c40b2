package report

import (
	"testing"
	"time"

	"github.com/cardea-iac/cardea/workflow"
)

// What is told only with the end of an apply is not written before, and does not make a pull of many projects be
// rendered anew each time one of them ends.
func TestIdleWhileAnAnswerWaits(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	rec := pull(1, true, nil, planned("a"), apply(planned("b"), workflow.RunRunning, "", nil))
	rec.Pull.Head.SHA = "head1"
	plan, applies := StandingsOf(rec.PullRecord).Checks()
	shown := map[string]workflow.CheckShown{PlanCheck: {Status: plan[0], Conclusion: plan[1]}, ApplyCheck: {Status: applies[0], Conclusion: applies[1]}}
	idle := func(replies ...workflow.Reply) bool {
		p := &pass{state: workflow.ReportState{Searched: true, CommentID: 1, WritesHead: "head1", CommentAt: now,
			Checks: map[string]map[string]workflow.CheckShown{"head1": shown}}}
		p.Reporter = &Reporter{config: Config{Now: func() time.Time { return now }}}
		rec.Replies = replies
		return !p.idle(rec.PullRecord).IsZero()
	}
	for name, c := range map[string]struct {
		reply workflow.Reply
		want  bool
	}{
		"none": {workflow.Reply{Done: true}, true}, "one to be written": {workflow.Reply{Key: "k"}, false}, "one that waits": {workflow.Reply{Key: "k", Waits: true}, true},
	} {
		if got := idle(c.reply); got != c.want {
			t.Errorf("%s: got idle %v", name, got)
		}
	}
}
