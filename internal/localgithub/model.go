package localgithub

import (
	"crypto/rsa"
	"fmt"
	"sort"
	"strings"
	"time"

	"github.com/cardea-iac/cardea/internal/localgithub/bare"
)

// state is all that GitHub knows. Numbers start far apart so that an id of one kind never passes for one of another.
type state struct {
	accounts map[int64]*account
	logins   map[string]*account // by lower-case login
	userTok  map[string]*account
	instTok  map[string]*token

	apps     map[int64]*app
	installs map[int64]*installation

	repos map[int64]*repo
	names map[string]*repo // by lower-case owner/name, old names too

	comments map[int64]*comment
	runs     map[int64]*checkRun
	suites   map[int64]*suite
	teams    map[string]*team // by org/slug

	rates map[string]*rate
	ids   map[string]int64
}

func newState() state {
	return state{
		accounts: map[int64]*account{}, logins: map[string]*account{}, userTok: map[string]*account{}, instTok: map[string]*token{},
		apps: map[int64]*app{}, installs: map[int64]*installation{}, repos: map[int64]*repo{}, names: map[string]*repo{},
		comments: map[int64]*comment{}, runs: map[int64]*checkRun{}, suites: map[int64]*suite{}, teams: map[string]*team{}, rates: map[string]*rate{},
		ids: map[string]int64{
			"account": 583000, "app": 1200, "installation": 48000000, "repo": 790000000, "issue": 2500000000, "pull": 2100000000,
			"comment": 3100000000, "review": 2800000000, "reaction": 290000000, "check_run": 40000000000, "check_suite": 35000000000,
			"status": 38000000000, "delivery": 190000000000, "hook": 560000000, "team": 9900000,
		},
	}
}

func (st *state) id(kind string) int64 {
	st.ids[kind]++
	return st.ids[kind]
}

type account struct {
	id      int64
	login   string
	typ     string // User, Organization or Bot
	token   string
	created time.Time
}

type team struct {
	id      int64
	org     *account
	slug    string
	members map[int64]string // account id -> active or pending
}

type app struct {
	id      int64
	slug    string
	owner   *account
	bot     *account
	key     *rsa.PrivateKey
	hookID  int64
	hookURL string
	secret  string
	perms   map[string]string
	events  map[string]bool
	created time.Time
	log     []*delivery // oldest first
}

type installation struct {
	id        int64
	app       *app
	account   *account
	all       bool
	repos     map[int64]bool
	perms     map[string]string
	suspended *time.Time
	suspender *account
	created   time.Time
	updated   time.Time
}

func (in *installation) covers(r *repo) bool {
	return r.owner.id == in.account.id && (in.all || in.repos[r.id])
}

// token is an installation access token; repos nil means all that the installation covers.
type token struct {
	value   string
	inst    *installation
	repos   map[int64]bool
	perms   map[string]string
	expires time.Time
}

func (t *token) covers(r *repo) bool { return t.inst.covers(r) && (t.repos == nil || t.repos[r.id]) }

type repo struct {
	id            int64
	owner         *account
	name          string
	private       bool
	archived      bool
	parent        *repo
	defaultBranch string
	dir           string
	created       time.Time
	pushed        time.Time
	grants        map[int64]grant // by account id
	protection    map[string]Protection
	// rulesets are the checks that rulesets require, by branch: beside protection, and both hold.
	rulesets       map[string][]RequiredCheck
	noMergeCommits bool
	lastNumber     int
	issues         map[int]*issue
	tips           map[string]string // branch -> SHA
	suites         []*suite
	statuses       []*commitStatus
}

func (r *repo) full() string { return r.owner.login + "/" + r.name }

// pulls in the order of their numbers.
func (r *repo) pulls() []*pull {
	var out []*pull
	for _, is := range r.issues {
		if is.pull != nil {
			out = append(out, is.pull)
		}
	}
	sort.Slice(out, func(i, j int) bool { return out[i].number < out[j].number })
	return out
}

// grant is a person's access to a repository: a built-in role, under a custom name where name differs.
type grant struct{ role, name string }

// roles from weak to strong.
var roles = []string{"none", "read", "triage", "write", "maintain", "admin"}

func rank(role string) int {
	for i, r := range roles {
		if r == role {
			return i
		}
	}
	return -1
}

// issue is what a pull and a plain issue share: a number, a conversation.
type issue struct {
	id        int64
	repo      *repo
	number    int
	title     string
	body      string
	author    *account
	via       *app
	closed    *time.Time
	locked    bool
	created   time.Time
	updated   time.Time
	comments  []*comment
	reactions []*reaction
	pull      *pull // nil for a plain issue
}

type pull struct {
	*issue
	pullID   int64
	headRepo *repo // nil: the fork was deleted
	headRef  string
	headName string // owner of the head, kept when the fork is gone
	head     string
	baseRef  string
	base     string // tip of the base branch as GitHub last noted it
	draft    bool
	reviews  []*review
	merged   *time.Time
	mergedBy *account
	mergeSHA string
	mergable mergability
	facts    bare.Facts
}

func (p *pull) state() string {
	if p.closed != nil {
		return "closed"
	}
	return "open"
}

func (p *pull) fork() bool { return p.headRepo == nil || p.headRepo.id != p.repo.id }

// mergability is what GitHub works out in the background once somebody looks.
type mergability struct {
	known, running, ok bool
	behind             bool // the head lacks commits of the base branch
	testMerge          string
}

type comment struct {
	id        int64
	issue     *issue
	author    *account
	via       *app
	body      string
	created   time.Time
	updated   time.Time
	edited    *time.Time
	minimized string
	reactions []*reaction
}

type reaction struct {
	id      int64
	user    *account
	content string
	created time.Time
}

type review struct {
	id        int64
	pull      *pull
	user      *account
	body      string
	state     string // APPROVED, CHANGES_REQUESTED, COMMENTED, DISMISSED
	commit    string
	submitted time.Time
}

type suite struct {
	id      int64
	repo    *repo
	app     *app
	branch  string // "" for the head of a fork
	sha     string
	commit  obj // as suites show it
	before  string
	created time.Time
	updated time.Time
	runs    []*checkRun
}

type checkRun struct {
	id          int64
	suite       *suite
	name        string
	external    string
	details     string
	status      string
	conclusion  string
	started     time.Time
	completed   *time.Time
	title       string
	summary     string
	text        string
	hasOutput   bool
	annotations []annotation
	actions     []action
}

type annotation struct {
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

type action struct {
	Label       string `json:"label"`
	Description string `json:"description"`
	Identifier  string `json:"identifier"`
}

type commitStatus struct {
	id                                       int64
	sha, context, state, description, target string
	creator                                  *account
	created                                  time.Time
}

type rate struct {
	used  int
	reset time.Time
}

// login finds an account; logins are case-insensitive.
func (st *state) login(name string) *account { return st.logins[strings.ToLower(name)] }

func (st *state) repo(full string) *repo { return st.names[strings.ToLower(full)] }

// account returns the account of this name and makes it when there is none.
func (st *state) account(login, typ string, now time.Time) *account {
	if a := st.login(login); a != nil {
		return a
	}
	a := &account{id: st.id("account"), login: login, typ: typ, created: now}
	st.accounts[a.id] = a
	st.logins[strings.ToLower(login)] = a
	return a
}

// grantOf is the access of a person: that of the owner is admin, and everybody may read what is public.
func (r *repo) grantOf(a *account) grant {
	if a != nil && a.id == r.owner.id {
		return grant{role: "admin", name: "admin"}
	}
	if a != nil {
		if g, ok := r.grants[a.id]; ok && (g.role != "none" || r.private) {
			return g
		}
	}
	if r.private {
		return grant{role: "none", name: "none"}
	}
	return grant{role: "read", name: "read"}
}

func (r *repo) may(a *account, role string) bool { return rank(r.grantOf(a).role) >= rank(role) }

// find returns the repository of this name or an error that says so.
func (st *state) find(full string) (*repo, error) {
	if r := st.repo(full); r != nil {
		return r, nil
	}
	return nil, fmt.Errorf("no repository %q", full)
}

func (st *state) findPull(full string, number int) (*pull, error) {
	r, err := st.find(full)
	if err != nil {
		return nil, err
	}
	if is := r.issues[number]; is != nil && is.pull != nil {
		return is.pull, nil
	}
	return nil, fmt.Errorf("no pull %s#%d", full, number)
}
