package workflow

import (
	"fmt"
	"reflect"
	"strings"
	"time"
)

// Repo is a repository as we key it: by its numeric id; names are for display
// and for calls, and may change.
type Repo struct {
	ID             int64  `json:"id"`
	Owner          string `json:"owner"`
	Name           string `json:"name"`
	InstallationID int64  `json:"installation_id"`
	DefaultBranch  string `json:"default_branch"`
	Private        bool   `json:"private,omitempty"`
}

// FullName is "owner/name".
func (r Repo) FullName() string { return r.Owner + "/" + r.Name }

// PullKey identifies a pull.
type PullKey struct {
	RepoID int64 `json:"repo_id"`
	Number int   `json:"number"`
}

// String is "repoID#number", for logs and index keys.
func (k PullKey) String() string { return fmt.Sprintf("%d#%d", k.RepoID, k.Number) }

// Ref is a branch and the commit it named when we looked.
type Ref struct {
	Ref string `json:"ref"`
	SHA string `json:"sha"`
}

// Actor is who did something. ID is GitHub's numeric user id: logins can be reused.
type Actor struct {
	ID    int64  `json:"id"`
	Login string `json:"login"`
	Bot   bool   `json:"bot,omitempty"`
}

// Slug is the app's slug of a bot ("renovate" for "renovate[bot]"), "" for people.
func (a Actor) Slug() string {
	if !a.Bot {
		return ""
	}
	return strings.TrimSuffix(a.Login, "[bot]")
}

// PullState is open, closed (unmerged) or merged.
type PullState string

// The states of a pull.
const (
	PullOpen   PullState = "open"
	PullClosed PullState = "closed"
	PullMerged PullState = "merged"
)

// Pull is a pull request as we see it.
type Pull struct {
	Repo      Repo      `json:"repo"`
	Number    int       `json:"number"`
	Title     string    `json:"title"`
	Author    Actor     `json:"author"`
	Head      Ref       `json:"head"`
	Base      Ref       `json:"base"`
	State     PullState `json:"state"`
	Fork      bool      `json:"fork,omitempty"` // head lives in another repository, or in one that is gone
	Draft     bool      `json:"draft,omitempty"`
	UpdatedAt time.Time `json:"updated_at"` // GitHub's clock
}

// Key returns the pull's identity.
func (p Pull) Key() PullKey { return PullKey{RepoID: p.Repo.ID, Number: p.Number} }

// PullChange says in what a pull is not as it was known.
type PullChange struct {
	Reached  bool // it is reached in another way: the repository was renamed or transferred, or the App was installed again
	Head     bool // another head: what is known is of the old one
	Base     bool // another base branch
	Closed   bool // it was open
	Reopened bool // it was not
	Draft    bool // it became a draft, or is none any more
	Asked    bool // anything that the gate asks about changed
	Facts    bool // anything that people see changed
}

// ComparePulls compares the facts of a pull with those known before. It is the one place that
// says which facts count for what: each is shown and asked about by the gate, except for
// those that are taken out here.
func ComparePulls(known, live Pull) PullChange {
	change := PullChange{
		Reached:  known.Repo.InstallationID != live.Repo.InstallationID || known.Repo.FullName() != live.Repo.FullName(),
		Head:     known.Head.SHA != live.Head.SHA,
		Base:     known.Base.Ref != live.Base.Ref,
		Closed:   known.State == PullOpen && live.State != PullOpen,
		Reopened: known.State != PullOpen && live.State == PullOpen,
		Draft:    known.Draft != live.Draft,
	}
	known.UpdatedAt = live.UpdatedAt // the clock alone is nothing to show
	change.Facts = !reflect.DeepEqual(known, live)
	known.Title, known.Base.SHA = live.Title, live.Base.SHA // the gate reads the base's tip itself
	change.Asked = !reflect.DeepEqual(known, live)
	return change
}

// Role is a permission on a repository, ordered: none < read < triage < write < maintain < admin.
// A custom role counts as the role it builds on.
type Role string

// GitHub's repository roles.
const (
	RoleNone     Role = "none"
	RoleRead     Role = "read"
	RoleTriage   Role = "triage"
	RoleWrite    Role = "write"
	RoleMaintain Role = "maintain"
	RoleAdmin    Role = "admin"
)

var roleRank = map[Role]int{RoleNone: 0, RoleRead: 1, RoleTriage: 2, RoleWrite: 3, RoleMaintain: 4, RoleAdmin: 5}

// Known reports whether r is one of GitHub's base roles.
func (r Role) Known() bool { _, ok := roleRank[r]; return ok }

// Access is the role in words, as what somebody has: "write access".
func (r Role) Access() string {
	if !r.Known() || r == RoleNone {
		return "no access"
	}
	return string(r) + " access"
}

// AtLeast reports whether r grants what want grants. An unknown role on either side grants nothing.
func (r Role) AtLeast(want Role) bool {
	have, ok := roleRank[r]
	need, ok2 := roleRank[want]
	return ok && ok2 && have >= need
}
