package workflow

import (
	"encoding/json"
	"time"

	"github.com/cardea-iac/cardea/internal/phrase"
)

// Delivery is one webhook delivery as it arrived, verified and stored before it
// was answered. (GUID, Event) is its key: GitHub's redeliveries share the GUID.
type Delivery struct {
	GUID     string    `json:"guid"`
	Event    string    `json:"event"`
	Payload  []byte    `json:"payload"`
	Received time.Time `json:"received"`
	Seq      uint64    `json:"seq"` // order of arrival, set by the store
	// Done is set when it was made into a request or ignored; Note says which and why.
	Done     bool      `json:"done"`
	Note     string    `json:"note,omitempty"`
	Finished time.Time `json:"finished,omitzero"`
	Attempts int       `json:"attempts,omitempty"`
}

// RequestKind says what somebody asked for.
type RequestKind string

// The kinds of request.
const (
	RequestPull    RequestKind = "pull"    // a pull was opened, got a new head or base, became ready, reopened
	RequestClosed  RequestKind = "closed"  // a pull was closed or merged
	RequestCommand RequestKind = "command" // a comment command, a check-run button or a re-run
	// RequestBase: a base branch moved. About a repository it is the push itself, Action the
	// branch's name and Head its new tip; Submit makes of it one request about each
	// open pull on that branch.
	RequestBase RequestKind = "base"
	// RequestReview: a review was submitted, edited or dismissed. RequestFacts: the pull became a draft, got
	// another title, or is otherwise not as we know it, at the same head and base. Both plan nothing;
	// what GitHub shows of the pull is looked at again.
	RequestReview RequestKind = "review"
	RequestFacts  RequestKind = "facts"
)

// LooksAgain reports whether requests of that kind plan nothing and only have the pull looked at.
func (k RequestKind) LooksAgain() bool { return k == RequestReview || k == RequestFacts }

// Request is what somebody asked for: durable and unique, by delivery GUID and
// by meaning. It carries hints; facts are read live when it is expanded.
type Request struct {
	ID   string      `json:"id"`
	Seq  uint64      `json:"seq"` // order of arrival, set by the store
	Key  string      `json:"key"` // meaning: "comment:ID", "pull:REPO#N:HEAD:ACTION", "button:CHECK:IDENT:SENDER"
	Kind RequestKind `json:"kind"`

	GUID   string `json:"guid,omitempty"` // the delivery that brought it
	Repo   Repo   `json:"repo"`
	Number int    `json:"number"` // of a pull; ask About
	SubjectJSON
	Actor  Actor  `json:"actor"`
	Action string `json:"action,omitempty"` // GitHub's action: opened, synchronize, ...
	Head   string `json:"head,omitempty"`   // head SHA the event names ("" for comments)
	// Before is what the event changed: the head of before a push, the base branch of before an edit.
	Before string `json:"before,omitempty"`
	// Immediate: a pull's first event or a command; it never waits for `settle`.
	Immediate bool `json:"immediate,omitempty"`

	// Replan names projects, for RequestBase, that are planned anew even if what
	// their plans are made from is the same; Why is why, a sentence.
	Replan []string `json:"replan,omitempty"`
	Why    string   `json:"why,omitempty"`

	Command      *Command  `json:"command,omitempty"`
	CommandFault string    `json:"command_fault,omitempty"` // the text was for us but not understood: the sentence to answer
	CommentID    int64     `json:"comment_id,omitempty"`
	CommentedAt  time.Time `json:"commented_at,omitzero"` // GitHub's clock
	CheckRunID   int64     `json:"check_run_id,omitempty"`
	// Review is the one that was submitted, edited or dismissed; of those that only comment there is none.
	Review *Review `json:"review,omitempty"`
	// Follow is the command by which those applies were asked for whose turn it is now (Follow):
	// nobody writes such a request.
	Follow string `json:"follow,omitempty"`

	Received  time.Time `json:"received"`
	NotBefore time.Time `json:"not_before,omitzero"` // settle, or backoff after a passing fault
	// SettlesFrom is when the first push of this burst arrived: a burst is waited for, but not for ever.
	SettlesFrom time.Time `json:"settles_from,omitzero"`
	Attempts    int       `json:"attempts,omitempty"`
	Waiting     string    `json:"waiting,omitempty"` // why it waits, as a sentence
	// Begun is how often it was begun and did not come to an end in order since: the server died of it, or by it.
	Begun int `json:"begun,omitempty"`
	// Spread is the number of the last pull to which a push to a base branch was passed on.
	Spread   int       `json:"spread,omitempty"`
	Done     bool      `json:"done"`
	Note     string    `json:"note,omitempty"` // what became of it, as a sentence
	Finished time.Time `json:"finished,omitzero"`
}

// UnmarshalJSON also reads what was written when a draft or a title was told as a
// review: that has no head.
func (r *Request) UnmarshalJSON(data []byte) error {
	type plain Request
	if err := json.Unmarshal(data, (*plain)(r)); err != nil {
		return err
	}
	if r.Kind == RequestReview && r.Head != "" {
		r.Kind = RequestFacts
	}
	return nil
}

// ApprovesByReview reports whether a person approves by a review on GitHub; those of apps never count.
func (r Request) ApprovesByReview() bool {
	return r.Kind == RequestReview && r.Review != nil && r.Review.Approves() && !r.Review.By.Bot
}

// Plans reports whether plans of a pull are asked for, by somebody or by what happened to it: only
// such a request says what is wrong with it when it fails.
func (r Request) Plans() bool {
	switch r.Kind {
	case RequestPull, RequestBase:
		return true
	case RequestCommand:
		return r.Command != nil && r.Command.Verb == VerbPlan
	}
	return false
}

// Spreads reports whether the request is about a repository, and not about one pull of
// it: it is passed on to each open pull that has the branch as its base.
func (r Request) Spreads() bool {
	_, one := r.About().Subject()
	return r.Kind == RequestBase && !one
}

// Unasked reports whether nobody made the request: a base branch moved under a pull, an apply's turn came, or the
// server found what no event told it. Actor is then whose request it counts as: the author's of its pull, mostly.
func (r Request) Unasked() bool {
	found := r.GUID == "" && (r.Action == "found" || r.Kind == RequestClosed)
	return r.Kind == RequestBase && !r.Spreads() || r.Follow != "" || found
}

// By is who made the request, the zero value where nobody did.
func (r Request) By() Actor {
	if r.Unasked() {
		return Actor{}
	}
	return r.Actor
}

// Verb is a command's first word after the prefix.
type Verb string

// The verbs that exist. Others are refused by app/command with a sentence.
const (
	VerbPlan   Verb = "plan"
	VerbStatus Verb = "status"
	VerbHelp   Verb = "help"

	VerbApply     Verb = "apply"
	VerbApprove   Verb = "approve"
	VerbUnapprove Verb = "unapprove"
	VerbLock      Verb = "lock"
	VerbUnlock    Verb = "unlock"
	VerbCancel    Verb = "cancel"
	VerbResolve   Verb = "resolve"
)

// About is the command about one project, for a sentence.
func (v Verb) About(project string) phrase.Command {
	return phrase.Command{Verb: string(v), Project: project}
}

// Typed is the command with what follows it as it is typed, for a sentence; "" = nothing.
func (v Verb) Typed(more string) phrase.Command { return phrase.Command{Verb: string(v), More: more} }

// Command is a parsed comment command or button.
type Command struct {
	Verb    Verb        `json:"verb"`
	Select  Selector    `json:"select,omitzero"`
	Options PlanOptions `json:"options,omitzero"`
	// Fingerprints are those of `approve -p NAME@FINGERPRINT`, and those that a button
	// showed, by project name; prefixes of at least 8 hex digits.
	Fingerprints map[string]string `json:"fingerprints,omitempty"`
	// Runs are those whose plans a button showed, by project name.
	Runs        map[string]string `json:"runs,omitempty"`
	CancelApply bool              `json:"cancel_apply,omitempty"` // cancel --apply
	Outcome     string            `json:"outcome,omitempty"`      // resolve --outcome: applied or failed
}

// Selector names projects. Names are globs; an empty selector means the affected projects.
type Selector struct {
	Projects     []string `json:"projects,omitempty"`     // -p
	Dirs         []string `json:"dirs,omitempty"`         // -d
	Environments []string `json:"environments,omitempty"` // -e
	Workspaces   []string `json:"workspaces,omitempty"`   // -w, variants
	All          bool     `json:"all,omitempty"`          // --all: every project of the repository
}

// Empty reports whether the selector names nothing.
func (s Selector) Empty() bool {
	return !s.All && len(s.Projects) == 0 && len(s.Dirs) == 0 && len(s.Environments) == 0 && len(s.Workspaces) == 0
}

// PlanOptions is the plan mode: part of what a fingerprint covers.
type PlanOptions struct {
	Targets     []string `json:"targets,omitempty"`
	Replaces    []string `json:"replaces,omitempty"`
	Destroy     bool     `json:"destroy,omitempty"`
	RefreshOnly bool     `json:"refresh_only,omitempty"`
}

// Zero reports whether this is a plain plan.
func (o PlanOptions) Zero() bool {
	return len(o.Targets) == 0 && len(o.Replaces) == 0 && !o.Destroy && !o.RefreshOnly
}
