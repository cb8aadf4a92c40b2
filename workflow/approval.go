package workflow

import (
	"time"
)

// Approval is one person's `cardea approve`, or review on GitHub, of one plan: of its
// fingerprint, not of a head or a pull.
type Approval struct {
	Fingerprint string    `json:"fingerprint"` // the whole one
	User        Actor     `json:"user"`
	At          time.Time `json:"at"` // GitHub's clock: when the comment was written or the button pressed, or the review submitted
	CommentID   int64     `json:"comment_id,omitempty"`
	// ReviewID is the review on GitHub that it was given by: it counts while that stands.
	ReviewID int64  `json:"review_id,omitempty"`
	Request  string `json:"request,omitempty"`
	// Head and Tree are the plan's; Hidden says that it had hidden effects, so that
	// the approval is carried only to a plan of the same tree.
	Head   string `json:"head"`
	Tree   string `json:"tree"`
	Hidden bool   `json:"hidden,omitempty"`
	// Late is the plan's and Inputs the digest of what it was made from: where the plan does
	// not say all that is done, the approval is carried only to a plan of the same inputs.
	Late   string `json:"late,omitempty"`
	Inputs string `json:"inputs,omitempty"`
	// Files is the digest of those inputs that are not configuration, which providers may read;
	// Fetched and Named are the plan's. Without them nothing is carried.
	Files   string  `json:"files,omitempty"`
	Fetched Fetched `json:"fetched,omitzero"`
	Named   []Exact `json:"named,omitempty"`
	// Computed: code has paths that it does not tell, so that only the same tree is surely the same.
	Computed bool `json:"computed,omitempty"`
	// Applied: the plan that it was for was carried out. From then on it holds for no other
	// plan, not even for the same changes again.
	Applied bool `json:"applied,omitempty"`
	// Void is why it no longer counts, a sentence that names the leaf or file; "" while it does.
	Void string `json:"void,omitempty"`
}

// Shown is one state of the summary comment as GitHub dated it: what people could see from then on.
type Shown struct {
	At           time.Time         `json:"at"`           // GitHub's created_at or updated_at of the comment
	Fingerprints map[string]string `json:"fingerprints"` // by project name; the whole ones
	Runs         map[string]string `json:"runs"`         // by project name: of which run that is the plan
	// EditedBy is the person who replaced our text with their own; nobody knows what that
	// showed.
	EditedBy Actor `json:"edited_by,omitzero"`
}

// The states of a review that matter, as GitHub's events have them.
const (
	ReviewApproved  = "approved"
	ReviewChanges   = "changes_requested"
	ReviewDismissed = "dismissed"
)

// Review is one person's review on GitHub.
type Review struct {
	ID     int64     `json:"id"`
	By     Actor     `json:"by"`
	At     time.Time `json:"at,omitzero"`    // GitHub's clock: when it was submitted
	Head   string    `json:"head,omitempty"` // the commit that it is of
	State  string    `json:"state"`
	Edited bool      `json:"edited,omitempty"` // it does not say any more what it said when it was submitted
	Role   Role      `json:"role,omitempty"`   // of By, when it was submitted
}

// Approves reports whether it says yes.
func (r Review) Approves() bool { return r.State == ReviewApproved && !r.Edited }
