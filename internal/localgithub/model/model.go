// Package model is what GitHub knows (accounts, Apps, repositories, pulls, comments, reviews,
// checks) and what follows from that alone: who may do what in a repository, which checks a
// branch requires, what keeps a pull from being merged.
//
// It is plain data without a lock: whoever holds a State guards it. Nothing here runs git, speaks HTTP or tells an App.
package model

import (
	"crypto/rsa"
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"
)

// State is all that GitHub knows. Numbers start far apart so that an id of one kind never passes for one of another.
type State struct {
	accounts map[int64]*Account
	logins   map[string]*Account // by lower-case login
	UserTok  map[string]*Account
	InstTok  map[string]*Token

	Apps     map[int64]*App
	Installs map[int64]*Installation

	Repos map[int64]*Repo
	Names map[string]*Repo // by lower-case owner/name, old names too

	Comments map[int64]*Comment
	Runs     map[int64]*CheckRun
	Suites   map[int64]*Suite
	Teams    map[string]*Team // by org/slug

	Rates map[string]*Rate
	ids   map[string]int64
}

// NewState returns a state that knows nothing yet.
func NewState() State {
	return State{
		accounts: map[int64]*Account{}, logins: map[string]*Account{}, UserTok: map[string]*Account{},
		InstTok: map[string]*Token{},
		Apps:    map[int64]*App{}, Installs: map[int64]*Installation{}, Repos: map[int64]*Repo{}, Names: map[string]*Repo{},
		Comments: map[int64]*Comment{}, Runs: map[int64]*CheckRun{}, Suites: map[int64]*Suite{},
		Teams: map[string]*Team{}, Rates: map[string]*Rate{},
		ids: map[string]int64{
			"account": 583000, "app": 1200, "installation": 48000000, "repo": 790000000, "issue": 2500000000, "pull": 2100000000,
			"comment": 3100000000, "review": 2800000000, "reaction": 290000000,
			"check_run": 40000000000, "check_suite": 35000000000,
			"status": 38000000000, "delivery": 190000000000, "hook": 560000000, "team": 9900000,
		},
	}
}

// ID is the next number of a kind of thing.
func (st *State) ID(kind string) int64 {
	st.ids[kind]++
	return st.ids[kind]
}

// Account is a person, an organization or an App's bot.
type Account struct {
	ID      int64
	Login   string
	Type    string // User, Organization or Bot
	Token   string
	Created time.Time
}

// Team is a team of an organization.
type Team struct {
	ID      int64
	Org     *Account
	Slug    string
	Members map[int64]string // account id -> active or pending
}

// App is a GitHub App.
type App struct {
	ID      int64
	Slug    string
	Owner   *Account
	Bot     *Account
	Key     *rsa.PrivateKey
	HookID  int64
	HookURL string
	Secret  string
	Perms   map[string]string
	Events  map[string]bool
	Created time.Time
}

// Installation is an App on an account's repositories: those named, or all.
type Installation struct {
	ID        int64
	App       *App
	Account   *Account
	All       bool
	Repos     map[int64]bool
	Perms     map[string]string
	Suspended *time.Time
	Suspender *Account
	Created   time.Time
	Updated   time.Time
}

// Covers reports whether the App is installed on the repository.
func (in *Installation) Covers(r *Repo) bool {
	return r.Owner.ID == in.Account.ID && (in.All || in.Repos[r.ID])
}

// Token is an installation access token; repos nil means all that the installation covers.
type Token struct {
	Value   string
	Inst    *Installation
	Repos   map[int64]bool
	Perms   map[string]string
	Expires time.Time
}

// Covers reports whether the token is good for the repository.
func (t *Token) Covers(r *Repo) bool { return t.Inst.Covers(r) && (t.Repos == nil || t.Repos[r.ID]) }

// Repo is a repository; its commits are in Dir.
type Repo struct {
	ID            int64
	Owner         *Account
	Name          string
	Private       bool
	Archived      bool
	Parent        *Repo
	DefaultBranch string
	Dir           string
	Created       time.Time
	Pushed        time.Time
	Grants        map[int64]Grant // by account id
	Protection    map[string]Protection
	// Rulesets are the checks that rulesets require, by branch, in addition to protection: both
	// hold.
	Rulesets       map[string][]RequiredCheck
	NoMergeCommits bool
	LastNumber     int
	Issues         map[int]*Issue
	Tips           map[string]string // branch -> SHA
	Suites         []*Suite
	Statuses       []*CommitStatus
}

// Full is owner/name.
func (r *Repo) Full() string { return r.Owner.Login + "/" + r.Name }

// Grant is a person's access to a repository: a built-in role, under a custom name where name differs.
type Grant struct{ Role, Name string }

// roles from weak to strong.
var roles = []string{"none", "read", "triage", "write", "maintain", "admin"}

// Rank orders roles, the weakest first; -1: there is none of this name.
func Rank(role string) int {
	for i, r := range roles {
		if r == role {
			return i
		}
	}
	return -1
}

// Suite holds the checks of one App on one commit.
type Suite struct {
	ID      int64
	Repo    *Repo
	App     *App
	Branch  string // "" for the head of a fork
	SHA     string
	Commit  map[string]any // as suites show it
	Before  string
	Created time.Time
	Updated time.Time
	Runs    []*CheckRun
}

// CheckRun is one check on a commit.
type CheckRun struct {
	ID          int64
	Suite       *Suite
	Name        string
	External    string
	Details     string
	Status      string
	Conclusion  string
	Started     time.Time
	Completed   *time.Time
	Title       string
	Summary     string
	Text        string
	HasOutput   bool
	Annotations []Annotation
	Actions     []Action
}

// Annotation is a remark of a check run on lines of a file.
type Annotation struct {
	Path        string `json:"path"`
	StartLine   int    `json:"start_line"`
	EndLine     int    `json:"end_line"`
	StartColumn *int   `json:"start_column"`
	EndColumn   *int   `json:"end_column"`
	Level       string `json:"annotation_level"`
	Message     string `json:"message"`
	Title       string `json:"title"`
	RawDetails  string `json:"raw_details"`
}

// Action is a button of a check run.
type Action struct {
	Label       string `json:"label"`
	Description string `json:"description"`
	Identifier  string `json:"identifier"`
}

// CommitStatus is a status of a commit: a context and how it stands.
type CommitStatus struct {
	ID                                       int64
	SHA, Context, State, Description, Target string
	Creator                                  *Account
	Created                                  time.Time
}

// Rate is how much of an hour's calls is used up.
type Rate struct {
	Used  int
	Reset time.Time
}

// Login finds an account; logins are case-insensitive.
func (st *State) Login(name string) *Account { return st.logins[strings.ToLower(name)] }

// Repo finds a repository by owner/name, its old names too.
func (st *State) Repo(full string) *Repo { return st.Names[strings.ToLower(full)] }

// Account returns the account of this name and makes it when there is none.
func (st *State) Account(login, typ string, now time.Time) *Account {
	if a := st.Login(login); a != nil {
		return a
	}
	a := &Account{ID: st.ID("account"), Login: login, Type: typ, Created: now}
	st.accounts[a.ID] = a
	st.logins[strings.ToLower(login)] = a
	return a
}

// GrantOf is a person's access: the owner is an admin, and everybody may read what is public.
func (r *Repo) GrantOf(a *Account) Grant {
	if a != nil && a.ID == r.Owner.ID {
		return Grant{Role: "admin", Name: "admin"}
	}
	if a != nil {
		if g, ok := r.Grants[a.ID]; ok && (g.Role != "none" || r.Private) {
			return g
		}
	}
	if r.Private {
		return Grant{Role: "none", Name: "none"}
	}
	return Grant{Role: "read", Name: "read"}
}

// May reports whether a person has the role or a stronger one.
func (r *Repo) May(a *Account, role string) bool { return Rank(r.GrantOf(a).Role) >= Rank(role) }

// Find returns the repository of this name or an error that says so.
func (st *State) Find(full string) (*Repo, error) {
	if r := st.Repo(full); r != nil {
		return r, nil
	}
	return nil, fmt.Errorf("no repository %q", full)
}

// FindPull returns the pull of this number or an error that says what is missing.
func (st *State) FindPull(full string, number int) (*Pull, error) {
	r, err := st.Find(full)
	if err != nil {
		return nil, err
	}
	if is := r.Issues[number]; is != nil && is.Pull != nil {
		return is.Pull, nil
	}
	return nil, fmt.Errorf("no pull %s#%d", full, number)
}

// Sorted are the values of a map in the order of a key.
func Sorted[K comparable, V any](m map[K]V, key func(V) int64) []V {
	out := make([]V, 0, len(m))
	for _, v := range m {
		out = append(out, v)
	}
	sort.Slice(out, func(i, j int) bool { return key(out[i]) < key(out[j]) })
	return out
}

// Association is the word for what somebody is to a repository.
func (r *Repo) Association(a *Account) string {
	g, listed := r.Grants[a.ID]
	switch {
	case a.ID == r.Owner.ID:
		return "OWNER"
	case listed && g.Role != "none":
		return "COLLABORATOR"
	}
	return "NONE"
}

// People are those who can sign in, in the order in which they were made.
func (st *State) People() []*Account {
	return slices.DeleteFunc(Sorted(st.accounts, func(a *Account) int64 { return a.ID }), func(a *Account) bool { return a.Token == "" })
}

// Covered are the repositories of an installation.
func (st *State) Covered(in *Installation) []*Repo {
	return slices.DeleteFunc(Sorted(st.Repos, func(r *Repo) int64 { return r.ID }), func(r *Repo) bool { return !in.Covers(r) })
}

// NameOf is the login, or "" for nobody.
func NameOf(a *Account) string {
	if a == nil {
		return ""
	}
	return a.Login
}
