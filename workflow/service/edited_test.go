package service_test

import (
	"testing"
	"time"

	"github.com/cardea-iac/cardea/workflow"
)

// TestEditedSummary: whoever may write may edit our comment, and nobody knows what
// people saw from then on until it is written again.
func TestEditedSummary(t *testing.T) {
	w := newWorld(t)
	w.ready(1, "head1", files{"a/main.tf": "2"})
	key := w.view(1).Pull.Key()
	edit := func(at time.Time, comment int64) {
		t.Helper()
		if err := w.svc.SummaryEdited(t.Context(), key, comment, workflow.Shown{At: at, EditedBy: ada}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.svc.SaveReport(t.Context(), workflow.ReportState{Key: key, Version: w.view(1).Version, CommentID: 7}); err != nil {
		t.Fatal(err)
	}
	edit(w.now, 8) // a reply of ours
	want(t, "edits", w.view(1).Edits, 0)
	w.now = w.now.Add(time.Second)
	has(t, w.do(1, "bob", verb(workflow.VerbApprove)), "approved")
	w.now = w.now.Add(2 * time.Second)
	edited := w.now
	w.now = w.now.Add(2 * time.Second)
	has(t, w.do(1, "root", verb(workflow.VerbApprove)), "approved") // before the edit is told
	edit(edited, 7)
	approvals := w.project(1, "a").Approvals
	want(t, "of before", approvals[0].Void, "")
	has(t, approvals[1].Void, "`ada` had edited the comment")
	has(t, w.do(1, "root", verb(workflow.VerbApprove)), "refused", "`ada` had edited the comment")
	typed := verb(workflow.VerbApprove, "a")
	typed.Fingerprints = map[string]string{"a": "00000000"} // it may stand there still, beside another diff
	has(t, w.do(1, "root", typed), "refused", "`ada` had edited the comment")
	if keys, err := w.svc.UnreportedPulls(t.Context()); err != nil || len(keys) != 1 {
		t.Errorf("unreported: %v, %v", keys, err)
	}
	w.show() // it is ours again
	has(t, w.do(1, "root", typed), "approved")
}
