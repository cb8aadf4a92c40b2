package workflow

import (
	"time"
)

// LiveFacts are what GitHub says of a pull now, read in one go for all projects
// of one apply. Whatever could not be read is in Errors, and means no.
type LiveFacts struct {
	Read  time.Time // our clock, before the first call
	Pull  Pull
	Actor Actor
	Roles map[int64]Role // of the actor and of the approvers, by user id; absent = could not be read
	// BaseTip is the tip of the base branch.
	BaseTip string
	// Conflicts: "no", "yes", or "unknown" when GitHub had not computed it after polling.
	Conflicts string
	// ReviewDecision is GitHub's: "" (none required), approved, review_required, changes_requested.
	ReviewDecision string
	// ApprovedHead: a person other than the author who may write approved this very head in a review.
	ApprovedHead bool
	// Reviews are each person's latest review that approves, requests changes or was dismissed;
	// people whose review is not among them have none that counts. They have no ids: when it was
	// submitted says which one it is. MoreReviews: there are more of them.
	Reviews     []Review
	MoreReviews bool
	Required    []RequiredCheck // without our own
	Errors      []string        // sentences
}

// Knows reports whether a person's role could be read.
func (f LiveFacts) Knows(who Actor) bool {
	_, known := f.Roles[who.ID]
	return known
}

// RequiredCheck is one check or status that the base branch requires.
type RequiredCheck struct {
	Name  string
	State string // passed, pending, failed, missing
}

// Authorisation is written, durably, before an apply starts: what was confirmed, and by whom.
type Authorisation struct {
	At          time.Time    `json:"at"`
	Actor       Actor        `json:"actor"`
	Pull        PullKey      `json:"pull"`
	Project     ProjectKey   `json:"project"`
	Head        string       `json:"head"`
	Base        string       `json:"base"` // the base's tip when it was confirmed
	BaseRef     string       `json:"base_ref"`
	Tree        string       `json:"tree"`
	Fingerprint string       `json:"fingerprint"`
	Artefact    string       `json:"artefact"`
	Inputs      string       `json:"inputs"`
	State       StateVersion `json:"state"`
	Approvals   []Approval   `json:"approvals,omitempty"`
	LockEpoch   uint64       `json:"lock_epoch"`
}
