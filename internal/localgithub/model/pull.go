package model

import (
	"sort"
	"strings"
	"time"

	"github.com/cardea-iac/cardea/internal/localgithub/bare"
)

// Issue is what a pull and a plain issue share: a number, a conversation.
type Issue struct {
	ID        int64
	Repo      *Repo
	Number    int
	Title     string
	Body      string
	Author    *Account
	Via       *App
	Closed    *time.Time
	Locked    bool
	Created   time.Time
	Updated   time.Time
	Comments  []*Comment
	Reactions []*Reaction
	Pull      *Pull // nil for a plain issue
}

// Pull is a pull request: an issue with a head and a base.
type Pull struct {
	*Issue
	PullID      int64
	HeadRepo    *Repo // nil: the fork was deleted
	HeadRef     string
	HeadName    string // owner of the head, kept when the fork is gone
	Head        string
	BaseRef     string
	Base        string // tip of the base branch as GitHub last noted it
	Draft       bool
	Reviews     []*Review
	Merged      *time.Time
	MergedBy    *Account
	MergeSHA    string
	Mergability Mergability
	Facts       bare.Facts
}

// State is open or closed, as REST has it: merged is closed too.
func (p *Pull) State() string {
	if p.Closed != nil {
		return "closed"
	}
	return "open"
}

// Fork reports whether the head is in another repository, or was.
func (p *Pull) Fork() bool { return p.HeadRepo == nil || p.HeadRepo.ID != p.Repo.ID }

// Mergability is what GitHub works out in the background when somebody first looks.
type Mergability struct {
	Known, Running, OK bool
	Behind             bool // the head lacks commits of the base branch
	TestMerge          string
}

// Comment is one comment of a conversation.
type Comment struct {
	ID        int64
	Issue     *Issue
	Author    *Account
	Via       *App
	Body      string
	Created   time.Time
	Updated   time.Time
	Edited    *time.Time
	Minimized string
	Reactions []*Reaction
}

// Reaction is one person's reaction to a comment or an issue.
type Reaction struct {
	ID      int64
	User    *Account
	Content string
	Created time.Time
}

// Review is one review of a pull, at a commit.
type Review struct {
	ID        int64
	Pull      *Pull
	User      *Account
	Body      string
	State     string // APPROVED, CHANGES_REQUESTED, COMMENTED, DISMISSED
	Commit    string
	Submitted time.Time
	Edited    *time.Time
}

// UpperState is open, closed or merged, as GraphQL has it.
func (p *Pull) UpperState() string {
	if p.Merged != nil {
		return "MERGED"
	}
	return strings.ToUpper(p.State())
}

// MergeCommit is the merge that was made, or the test merge while the pull is open.
func (p *Pull) MergeCommit() string {
	if p.Merged != nil {
		return p.MergeSHA
	}
	return p.Mergability.TestMerge
}

// Mergeable is null until the background job that somebody's look started is done.
func (p *Pull) Mergeable() any {
	if p.Closed != nil || !p.Mergability.Known {
		return nil
	}
	return p.Mergability.OK
}

// Word is open, closed or merged, for people.
func (p *Pull) Word() string {
	if p.Merged != nil {
		return "merged"
	}
	return p.State()
}

// ReactionKinds in the order in which GitHub shows them.
var ReactionKinds = []string{"+1", "-1", "laugh", "hooray", "confused", "heart", "rocket", "eyes"}

// Pulls in the order of their numbers.
func (r *Repo) Pulls() []*Pull {
	var out []*Pull
	for _, is := range r.Issues {
		if is.Pull != nil {
			out = append(out, is.Pull)
		}
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Number < out[j].Number })
	return out
}
