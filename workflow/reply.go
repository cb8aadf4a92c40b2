package workflow

import (
	"fmt"
	"strings"

	"github.com/cardea-iac/cardea/internal/phrase"
)

// The kinds of Reply about approve, apply and lock. Text alone is enough for each of
// them; Items make a list of it, one line a project.
const (
	ReplyApproved     = "approved"      // Items: what was approved (Done) and what was not, with Text why not
	ReplyUnapproved   = "unapproved"    // Items: whose approvals were taken back
	ReplyApplied      = "applied"       // an apply's end: Items with Run
	ReplyApplyFailed  = "apply_failed"  // an apply's end: Items with Run; what else succeeded with Done
	ReplyApplyUnknown = "apply_unknown" // an apply's end: nobody knows how it ended
	ReplyLocked       = "locked"        // Items: taken (Done), or Text who holds it
	ReplyUnlocked     = "unlocked"      // Items: released (Done), or Text why not
	ReplyCancelled    = "cancelled"     // Items: dropped or interrupted
	ReplyResolved     = "resolved"      // Items: what the unknown outcome counts as
	ReplyClosed       = "closed"        // the pull was closed after an apply: Items with Run
	ReplyFreed        = "freed"         // a lock that this pull met is free: Items
	ReplyMerge        = "merge"         // automerge was refused: Text says why
)

// ReplyItem is what a reply says of one project.
type ReplyItem struct {
	Project     string `json:"project"`
	Fingerprint string `json:"fingerprint,omitempty"` // the whole one
	Done        bool   `json:"done,omitempty"`
	// Text says why not, or what happened.
	Text phrase.Text `json:"text,omitempty"`
	// Missing is all that the gate lacked, for kind refused.
	Missing []Missing `json:"missing,omitempty"`
	// Run is the apply that ended, as it ended, for the kinds of an apply's end.
	Run *Run `json:"run,omitempty"`
}

// The kinds of Reply.
const (
	ReplyRefused = "refused" // Text says what is missing and who can mend it
	ReplyUnknown = "unknown" // Text says what was not understood and what is nearest
	ReplyStatus  = "status"
	ReplyHelp    = "help"
)

// Note is what became of the command that the reply answers, in a sentence.
func (r Reply) Note() string {
	var done, undone []string
	for _, i := range r.Items {
		if i.Done {
			done = append(done, phrase.CodeSpan(i.Project))
		} else {
			undone = append(undone, phrase.CodeSpan(i.Project))
		}
	}
	switch {
	case r.Waits:
		return fmt.Sprintf("Done, but not for %s.", strings.Join(undone, ", "))
	case r.Kind == ReplyRefused && len(r.Text) > 0:
		return "Refused: " + r.Text[0].String()
	case r.Kind == ReplyRefused:
		return "Refused."
	case len(done) > 0:
		return fmt.Sprintf("Done (%s): %s.", r.Kind, strings.Join(done, ", "))
	}
	return fmt.Sprintf("Answered (%s).", r.Kind)
}
