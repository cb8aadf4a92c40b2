package localgithub

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
)

// App is a GitHub App. ID and PrivateKeyPEM are GitHub's to give; the rest is what it was created with.
type App struct {
	ID            int64
	Slug          string
	PrivateKeyPEM string // PKCS #1
	WebhookURL    string // "": deliveries are not made
	WebhookSecret string
	Permissions   map[string]string // permission -> read or write; metadata: read is always among them
	Events        []string          // refused when the permission that the event needs is missing
}

// CreateApp registers an App and gives it a key.
func (s *Server) CreateApp(a App) (App, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return App{}, fmt.Errorf("making the App's key: %w", err)
	}
	perms := map[string]string{"metadata": "read"}
	maps.Copy(perms, a.Permissions)
	events := map[string]bool{}
	for _, e := range a.Events {
		need, known := eventNeeds[e]
		if !known || perms[need] == "" {
			return App{}, fmt.Errorf("default events are not supported by permissions: %s", e)
		}
		events[e] = true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	slug := strings.ToLower(a.Slug)
	if s.st.login(slug+"[bot]") != nil {
		return App{}, fmt.Errorf("name %q is already taken", slug)
	}
	now := s.now()
	x := &app{
		id: s.st.id("app"), slug: slug, owner: s.st.account(slug+"-owner", "User", now), bot: s.st.account(slug+"[bot]", "Bot", now), key: key,
		hookID: s.st.id("hook"), hookURL: a.WebhookURL, secret: a.WebhookSecret, perms: perms, events: events, created: now,
	}
	s.st.apps[x.id] = x
	if x.hookURL != "" {
		s.ping(x)
	}
	a.ID, a.Slug, a.Permissions = x.id, slug, perms
	a.PrivateKeyPEM = string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}))
	return a, nil
}

// SetWebhookURL changes where an App's deliveries go, those that wait too.
func (s *Server) SetWebhookURL(appID int64, url string) error {
	return s.withApp(appID, func(a *app) { a.hookURL = url })
}

// SetWebhookSecret changes what deliveries are signed with from now on.
func (s *Server) SetWebhookSecret(appID int64, secret string) error {
	return s.withApp(appID, func(a *app) { a.secret = secret })
}

func (s *Server) withApp(appID int64, do func(*app)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.st.apps[appID]
	if a == nil {
		return fmt.Errorf("no App %d", appID)
	}
	do(a)
	return nil
}

// User is a person.
type User struct {
	ID    int64
	Login string
	Token string // personal access token, good for REST, GraphQL and git
}

// CreateUser makes a person, or returns the one of that name.
func (s *Server) CreateUser(login string) (User, error) {
	if login == "" || strings.ContainsAny(login, "/[] ") {
		return User{}, fmt.Errorf("login %q is not possible", login)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.st.account(login, "User", s.now())
	if a.typ != "User" {
		return User{}, fmt.Errorf("login %q is taken by an %s", login, a.typ)
	}
	if a.token == "" {
		a.token = "ghp_" + letters(36)
		s.st.userTok[a.token] = a
	}
	return User{ID: a.id, Login: a.login, Token: a.token}, nil
}

// letters is n random letters and digits.
func letters(n int) string {
	s := strings.NewReplacer("-", "x", "_", "y").Replace(random(n))
	return s[:n]
}

// RepoOptions configure CreateRepo.
type RepoOptions struct {
	Private       bool
	DefaultBranch string // "": main
	From          string // a local repository whose branches and tags it starts with, as after an import; "": it is empty
}

// Repo is a repository.
type Repo struct {
	ID       int64
	FullName string // owner/name
	Dir      string // the bare repository on disk
	CloneURL string
}

// CreateRepo makes a repository. An owner that does not exist becomes an organization.
func (s *Server) CreateRepo(owner, name string, o RepoOptions) (Repo, error) {
	if o.DefaultBranch == "" {
		o.DefaultBranch = "main"
	}
	s.mu.Lock()
	if s.st.repo(owner+"/"+name) != nil {
		s.mu.Unlock()
		return Repo{}, fmt.Errorf("repository %s/%s exists", owner, name)
	}
	now := s.now()
	r := s.newRepo(s.st.account(owner, "Organization", now), name)
	r.private, r.defaultBranch = o.Private, o.DefaultBranch
	s.mu.Unlock()
	if err := s.git.InitBare(s.base, r.dir, o.DefaultBranch, o.From); err != nil {
		return Repo{}, fmt.Errorf("creating %s/%s: %w", owner, name, err)
	}
	return s.opened(r)
}

// opened makes a repository that lies on disk known.
func (s *Server) opened(r *repo) (Repo, error) {
	refs, err := s.git.Refs(s.base, r.dir)
	if err != nil {
		return Repo{}, fmt.Errorf("creating %s: %w", r.full(), err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for ref, sha := range refs {
		if branch, found := strings.CutPrefix(ref, "refs/heads/"); found {
			r.tips[branch] = sha
		}
	}
	s.st.repos[r.id] = r
	s.st.names[strings.ToLower(r.full())] = r
	return s.repoInfo(r), nil
}

func (s *Server) newRepo(owner *account, name string) *repo {
	id, now := s.st.id("repo"), s.now()
	return &repo{
		id: id, owner: owner, name: name, dir: filepath.Join(s.git.Dir, fmt.Sprintf("%d.git", id)), created: now, pushed: now,
		grants: map[int64]grant{}, tips: map[string]string{}, protection: map[string]Protection{}, issues: map[int]*issue{}, rulesets: map[string][]RequiredCheck{},
	}
}

func (s *Server) repoInfo(r *repo) Repo {
	return Repo{ID: r.id, FullName: r.full(), Dir: r.dir, CloneURL: s.html(r) + ".git"}
}

// Fork copies a repository into a person's account.
func (s *Server) Fork(full, login string) (Repo, error) {
	s.mu.Lock()
	parent, err := s.st.find(full)
	who := s.st.login(login)
	if err == nil && who == nil {
		err = fmt.Errorf("no user %q", login)
	}
	if err == nil && s.st.repo(login+"/"+parent.name) != nil {
		err = fmt.Errorf("%s has a repository %s", login, parent.name)
	}
	if err != nil {
		s.mu.Unlock()
		return Repo{}, err
	}
	r := s.newRepo(who, parent.name)
	r.parent, r.private, r.defaultBranch = parent, parent.private, parent.defaultBranch
	s.mu.Unlock()
	if err := s.git.InitBare(s.base, r.dir, r.defaultBranch, ""); err != nil {
		return Repo{}, fmt.Errorf("forking %s: %w", full, err)
	}
	if _, err := s.git.Run(s.base, r.dir, "fetch", "-q", parent.dir, "+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"); err != nil {
		return Repo{}, fmt.Errorf("forking %s: %w", full, err)
	}
	return s.opened(r)
}

// DeleteRepo deletes a repository. Pulls from it stay, with no head repository. Apps are not told, as at GitHub.
func (s *Server) DeleteRepo(full string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.st.find(full)
	if err != nil {
		return err
	}
	delete(s.st.repos, r.id)
	maps.DeleteFunc(s.st.names, func(_ string, other *repo) bool { return other == r })
	for _, in := range s.st.installs {
		delete(in.repos, r.id)
	}
	for _, other := range s.st.repos {
		for _, p := range other.pulls() {
			if p.headRepo == r {
				p.headRepo = nil
			}
		}
	}
	return nil
}

// RenameRepo renames a repository; its old name redirects.
func (s *Server) RenameRepo(full, name, by string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.st.find(full)
	if err != nil {
		return err
	}
	if s.st.repo(r.owner.login+"/"+name) != nil {
		return fmt.Errorf("repository %s/%s exists", r.owner.login, name)
	}
	old := r.name
	r.name = name
	s.st.names[strings.ToLower(r.full())] = r
	s.emit(event{repo: r, name: "repository", action: "renamed", sender: s.st.login(by), fields: obj{"changes": obj{"repository": obj{"name": obj{"from": old}}}}})
	return nil
}

// Install installs an App with all its permissions on some of an account's repositories, or on all of them when none
// is named, and tells the App.
func (s *Server) Install(appID int64, owner string, repos ...string) (installationID int64, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, acc := s.st.apps[appID], s.st.login(owner)
	if a == nil || acc == nil {
		return 0, fmt.Errorf("no App %d or no account %q", appID, owner)
	}
	now := s.now()
	in := &installation{id: s.st.id("installation"), app: a, account: acc, all: len(repos) == 0, repos: map[int64]bool{}, perms: maps.Clone(a.perms), created: now, updated: now}
	for _, name := range repos {
		r, err := s.st.find(owner + "/" + strings.TrimPrefix(name, owner+"/"))
		if err != nil {
			return 0, err
		}
		in.repos[r.id] = true
	}
	s.st.installs[in.id] = in
	s.installationEvent(in, "installation", "created", acc, obj{"repositories": s.repoNames(in), "requester": nil})
	return in.id, nil
}

// repoNames lists an installation's repositories as its events do.
func (s *Server) repoNames(in *installation) []obj {
	out := []obj{}
	for _, r := range s.covered(in) {
		out = append(out, s.repoName(r))
	}
	return out
}

func (s *Server) repoName(r *repo) obj {
	return obj{"id": r.id, "node_id": nodeID("Repository", r.id), "name": r.name, "full_name": r.full(), "private": r.private}
}

func (s *Server) covered(in *installation) []*repo {
	return slices.DeleteFunc(sorted(s.st.repos, func(r *repo) int64 { return r.id }), func(r *repo) bool { return !in.covers(r) })
}

// Uninstall removes an installation; its tokens die.
func (s *Server) Uninstall(id int64) error {
	return s.withInstallation(id, func(in *installation) {
		delete(s.st.installs, id)
		s.installationEvent(in, "installation", "deleted", in.account, obj{"repositories": s.repoNames(in)})
	})
}

// Suspend suspends an installation, or ends its suspension. A suspended one gets no events and no tokens.
func (s *Server) Suspend(id int64, suspended bool) error {
	return s.withInstallation(id, func(in *installation) {
		action := "unsuspend"
		in.suspended, in.suspender = nil, nil
		if suspended {
			now := s.now()
			in.suspended, in.suspender, action = &now, in.account, "suspend"
		}
		s.installationEvent(in, "installation", action, in.account, nil)
	})
}

// RevokeTokens ends all tokens of an installation before their time.
func (s *Server) RevokeTokens(id int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.DeleteFunc(s.st.instTok, func(_ string, t *token) bool { return t.inst.id == id })
}

// SetInstallationRepo adds a repository to an installation of selected repositories, or takes it out.
func (s *Server) SetInstallationRepo(id int64, full string, present bool) error {
	s.mu.Lock()
	r, err := s.st.find(full)
	if in := s.st.installs[id]; err == nil && in != nil && in.all {
		err = fmt.Errorf("installation %d is on all repositories", id)
	}
	s.mu.Unlock()
	if err != nil {
		return err
	}
	return s.withInstallation(id, func(in *installation) {
		in.repos[r.id] = present
		fields := obj{"repository_selection": "selected", "repositories_added": []obj{}, "repositories_removed": []obj{}, "requester": nil}
		action := "added"
		if !present {
			action = "removed"
		}
		fields["repositories_"+action] = []obj{s.repoName(r)}
		s.installationEvent(in, "installation_repositories", action, in.account, fields)
	})
}

func (s *Server) withInstallation(id int64, do func(*installation)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	in := s.st.installs[id]
	if in == nil {
		return fmt.Errorf("no installation %d", id)
	}
	do(in)
	return nil
}

// SetPermission gives a person a role on a repository: none, read, triage, write, maintain or admin, or a custom role
// as "name:base".
func (s *Server) SetPermission(full, login, role string) error {
	name, base, custom := strings.Cut(role, ":")
	if !custom {
		base = name
	}
	if rank(base) < 0 {
		return fmt.Errorf("no role %q", base)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.st.find(full)
	if err != nil {
		return err
	}
	a := s.st.login(login)
	if a == nil {
		return fmt.Errorf("no user %q", login)
	}
	r.grants[a.id] = grant{role: base, name: name}
	return nil
}

// SetTeamMember makes a person an active or pending member of an organization's team; state "" removes.
func (s *Server) SetTeamMember(org, slug, login, state string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	o, a := s.st.login(org), s.st.login(login)
	if o == nil || a == nil {
		return fmt.Errorf("no organization %q or no user %q", org, login)
	}
	key := strings.ToLower(org + "/" + slug)
	t := s.st.teams[key]
	if t == nil {
		t = &team{id: s.st.id("team"), org: o, slug: slug, members: map[int64]string{}}
		s.st.teams[key] = t
	}
	t.members[a.id] = state
	return nil
}

// RequiredCheck is a check that a branch's protection asks for. AppID 0: from any source.
type RequiredCheck struct {
	Context string
	AppID   int64
}

// Protection is what a branch asks for before a pull may be merged into it.
type Protection struct {
	Checks        []RequiredCheck
	Reviews       int  // approving reviews by people who may write
	Strict        bool // the head must contain the base's tip
	DismissStale  bool // a push takes approvals back
	EnforceAdmins bool // else admins may merge past all of this, as is GitHub's default
}

// Protect sets a branch's protection; the zero Protection removes it.
func (s *Server) Protect(full, branch string, p Protection) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.st.find(full)
	if err != nil {
		return err
	}
	r.protection[branch] = p
	return nil
}

// RequireChecks sets only the checks that a branch requires.
func (s *Server) RequireChecks(full, branch string, checks []RequiredCheck) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.st.find(full)
	if err != nil {
		return err
	}
	p := r.protection[branch]
	p.Checks = checks
	r.protection[branch] = p
	return nil
}

// RequireByRuleset sets the checks that an active ruleset requires on a branch; none removes it. Nobody may bypass it.
func (s *Server) RequireByRuleset(full, branch string, checks []RequiredCheck) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.st.find(full)
	if err != nil {
		return err
	}
	r.rulesets[branch] = checks
	return nil
}

// AllowMergeCommits says whether pulls of a repository may be merged with a merge commit; squashing is always allowed.
func (s *Server) AllowMergeCommits(full string, allowed bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.st.find(full)
	if err != nil {
		return err
	}
	r.noMergeCommits = !allowed
	return nil
}

// SetPullRef makes refs/pull/N/head point elsewhere, as it does while GitHub lags behind a push; sha "" removes it.
func (s *Server) SetPullRef(full string, number int, sha string) error {
	s.mu.Lock()
	p, err := s.st.findPull(full, number)
	s.mu.Unlock()
	if err != nil {
		return err
	}
	ref := pullRefName(number, "head")
	if sha == "" {
		_, err := s.git.Run(context.WithoutCancel(s.base), p.repo.dir, "update-ref", "-d", ref)
		return err
	}
	return s.git.UpdateRef(context.WithoutCancel(s.base), p.repo.dir, ref, sha, "")
}

func pullRefName(number int, which string) string {
	return fmt.Sprintf("refs/pull/%d/%s", number, which)
}
