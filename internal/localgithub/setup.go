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
	"strings"

	"github.com/cardea-iac/cardea/internal/localgithub/model"
)

// App is a GitHub App. GitHub sets ID and PrivateKeyPEM; the rest is what it was created
// with.
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
	perms, events, err := asked(a.Permissions, a.Events)
	if err != nil {
		return App{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	slug := strings.ToLower(a.Slug)
	if s.st.Login(slug+"[bot]") != nil {
		return App{}, fmt.Errorf("name %q is already taken", slug)
	}
	now := s.now()
	x := &model.App{
		ID: s.st.ID("app"), Slug: slug, Owner: s.st.Account(slug+"-owner", "User", now),
		Bot: s.st.Account(slug+"[bot]", "Bot", now), Key: key,
		HookID: s.st.ID("hook"), HookURL: a.WebhookURL, Secret: a.WebhookSecret, Perms: perms, Events: events, Created: now,
	}
	s.st.Apps[x.ID] = x
	if x.HookURL != "" {
		s.ping(x)
	}
	a.ID, a.Slug, a.Permissions = x.ID, slug, perms
	a.PrivateKeyPEM = string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY",
		Bytes: x509.MarshalPKCS1PrivateKey(key)}))
	return a, nil
}

// asked is what an App may do and hears of. An event is refused when the permission that it needs is missing.
func asked(permissions map[string]string, events []string) (map[string]string, map[string]bool, error) {
	perms, hears := map[string]string{"metadata": "read"}, map[string]bool{}
	maps.Copy(perms, permissions)
	for _, e := range events {
		need, known := model.EventNeeds[e]
		if !known || perms[need] == "" {
			return nil, nil, fmt.Errorf("default events are not supported by permissions: %s", e)
		}
		hears[e] = true
	}
	return perms, hears, nil
}

// SetAccess changes what an App may do and hears of. Where it is installed, it loses permissions at once, and has new
// ones only when they are accepted.
func (s *Server) SetAccess(appID int64, permissions map[string]string, events []string) error {
	perms, hears, err := asked(permissions, events)
	if err != nil {
		return err
	}
	return s.withApp(appID, func(a *model.App) {
		a.Perms, a.Events = perms, hears
		for _, in := range s.st.Installs {
			maps.DeleteFunc(in.Perms, func(name, _ string) bool { return in.App == a && perms[name] == "" })
			for name, level := range in.Perms {
				if in.App == a && !allows(perms[name], level) {
					in.Perms[name] = perms[name]
				}
			}
		}
	})
}

// Accept accepts, where an App is installed, the permissions that it has asked for since.
func (s *Server) Accept(id int64) error {
	return s.withInstallation(id, func(in *model.Installation) {
		in.Perms = maps.Clone(in.App.Perms)
		s.installationEvent(in, "installation", "new_permissions_accepted", in.Account, nil)
	})
}

// SetWebhookURL changes where an App's deliveries go, including those that wait.
func (s *Server) SetWebhookURL(appID int64, url string) error {
	return s.withApp(appID, func(a *model.App) { a.HookURL = url })
}

// SetWebhookSecret changes what deliveries are signed with from now on.
func (s *Server) SetWebhookSecret(appID int64, secret string) error {
	return s.withApp(appID, func(a *model.App) { a.Secret = secret })
}

func (s *Server) withApp(appID int64, do func(*model.App)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.st.Apps[appID]
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
	a := s.st.Account(login, "User", s.now())
	if a.Type != "User" {
		return User{}, fmt.Errorf("login %q is taken by an %s", login, a.Type)
	}
	if a.Token == "" {
		a.Token = "ghp_" + letters(36)
		s.st.UserTok[a.Token] = a
	}
	return User{ID: a.ID, Login: a.Login, Token: a.Token}, nil
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
	if s.st.Repo(owner+"/"+name) != nil {
		s.mu.Unlock()
		return Repo{}, fmt.Errorf("repository %s/%s exists", owner, name)
	}
	now := s.now()
	r := s.newRepo(s.st.Account(owner, "Organization", now), name)
	r.Private, r.DefaultBranch = o.Private, o.DefaultBranch
	s.mu.Unlock()
	if err := s.git.InitBare(s.base, r.Dir, o.DefaultBranch, o.From); err != nil {
		return Repo{}, fmt.Errorf("creating %s/%s: %w", owner, name, err)
	}
	return s.opened(r)
}

// opened registers a repository that lies on disk.
func (s *Server) opened(r *model.Repo) (Repo, error) {
	refs, err := s.git.Refs(s.base, r.Dir)
	if err != nil {
		return Repo{}, fmt.Errorf("creating %s: %w", r.Full(), err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for ref, sha := range refs {
		if branch, found := strings.CutPrefix(ref, "refs/heads/"); found {
			r.Tips[branch] = sha
		}
	}
	s.st.Repos[r.ID] = r
	s.st.Names[strings.ToLower(r.Full())] = r
	return s.repoInfo(r), nil
}

func (s *Server) newRepo(owner *model.Account, name string) *model.Repo {
	id, now := s.st.ID("repo"), s.now()
	return &model.Repo{
		ID: id, Owner: owner, Name: name, Dir: filepath.Join(s.git.Dir, fmt.Sprintf("%d.git", id)), Created: now, Pushed: now,
		Grants: map[int64]model.Grant{}, Tips: map[string]string{}, Protection: map[string]Protection{},
		Issues: map[int]*model.Issue{}, Rulesets: map[string][]RequiredCheck{},
	}
}

func (s *Server) repoInfo(r *model.Repo) Repo {
	return Repo{ID: r.ID, FullName: r.Full(), Dir: r.Dir, CloneURL: s.render.HTML(r) + ".git"}
}

// Fork copies a repository into a person's account.
func (s *Server) Fork(full, login string) (Repo, error) {
	s.mu.Lock()
	parent, err := s.st.Find(full)
	who := s.st.Login(login)
	if err == nil && who == nil {
		err = fmt.Errorf("no user %q", login)
	}
	if err == nil && s.st.Repo(login+"/"+parent.Name) != nil {
		err = fmt.Errorf("%s has a repository %s", login, parent.Name)
	}
	if err != nil {
		s.mu.Unlock()
		return Repo{}, err
	}
	r := s.newRepo(who, parent.Name)
	r.Parent, r.Private, r.DefaultBranch = parent, parent.Private, parent.DefaultBranch
	s.mu.Unlock()
	if err := s.git.InitBare(s.base, r.Dir, r.DefaultBranch, ""); err != nil {
		return Repo{}, fmt.Errorf("forking %s: %w", full, err)
	}
	if _, err := s.git.Run(s.base, r.Dir, "fetch", "-q", parent.Dir, "+refs/heads/*:refs/heads/*",
		"+refs/tags/*:refs/tags/*"); err != nil {
		return Repo{}, fmt.Errorf("forking %s: %w", full, err)
	}
	return s.opened(r)
}

// DeleteRepo deletes a repository. Pulls from it stay, with no head repository. Apps are not told, as at GitHub.
func (s *Server) DeleteRepo(full string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.st.Find(full)
	if err != nil {
		return err
	}
	delete(s.st.Repos, r.ID)
	maps.DeleteFunc(s.st.Names, func(_ string, other *model.Repo) bool { return other == r })
	for _, in := range s.st.Installs {
		delete(in.Repos, r.ID)
	}
	for _, other := range s.st.Repos {
		for _, p := range other.Pulls() {
			if p.HeadRepo == r {
				p.HeadRepo = nil
			}
		}
	}
	return nil
}

// RenameRepo renames a repository; its old name redirects.
func (s *Server) RenameRepo(full, name, by string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.st.Find(full)
	if err != nil {
		return err
	}
	if s.st.Repo(r.Owner.Login+"/"+name) != nil {
		return fmt.Errorf("repository %s/%s exists", r.Owner.Login, name)
	}
	old := r.Name
	r.Name = name
	s.st.Names[strings.ToLower(r.Full())] = r
	s.emit(event{repo: r, name: "repository", action: "renamed", sender: s.st.Login(by),
		fields: obj{"changes": obj{"repository": obj{"name": obj{"from": old}}}}})
	return nil
}

// Install installs an App with all its permissions on some of an account's repositories, or on all of them when none
// is named, and tells the App.
func (s *Server) Install(appID int64, owner string, repos ...string) (installationID int64, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, acc := s.st.Apps[appID], s.st.Login(owner)
	if a == nil || acc == nil {
		return 0, fmt.Errorf("no App %d or no account %q", appID, owner)
	}
	now := s.now()
	in := &model.Installation{ID: s.st.ID("installation"), App: a, Account: acc, All: len(repos) == 0,
		Repos: map[int64]bool{}, Perms: maps.Clone(a.Perms), Created: now, Updated: now}
	for _, name := range repos {
		r, err := s.st.Find(owner + "/" + strings.TrimPrefix(name, owner+"/"))
		if err != nil {
			return 0, err
		}
		in.Repos[r.ID] = true
	}
	s.st.Installs[in.ID] = in
	s.installationEvent(in, "installation", "created", acc, obj{"repositories": s.repoNames(in), "requester": nil})
	return in.ID, nil
}

// repoNames lists an installation's repositories as its events do.
func (s *Server) repoNames(in *model.Installation) []obj {
	out := []obj{}
	for _, r := range s.st.Covered(in) {
		out = append(out, s.render.RepoName(r))
	}
	return out
}

// Uninstall removes an installation; its tokens end.
func (s *Server) Uninstall(id int64) error {
	return s.withInstallation(id, func(in *model.Installation) {
		delete(s.st.Installs, id)
		s.installationEvent(in, "installation", "deleted", in.Account, obj{"repositories": s.repoNames(in)})
	})
}

// Suspend suspends an installation, or ends its suspension. A suspended one gets no events and no tokens.
func (s *Server) Suspend(id int64, suspended bool) error {
	return s.withInstallation(id, func(in *model.Installation) {
		action := "unsuspend"
		in.Suspended, in.Suspender = nil, nil
		if suspended {
			now := s.now()
			in.Suspended, in.Suspender, action = &now, in.Account, "suspend"
		}
		s.installationEvent(in, "installation", action, in.Account, nil)
	})
}

// RevokeTokens ends all tokens of an installation before their time.
func (s *Server) RevokeTokens(id int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.DeleteFunc(s.st.InstTok, func(_ string, t *model.Token) bool { return t.Inst.ID == id })
}

// SetInstallationRepo adds a repository to an installation of selected repositories, or takes it out.
func (s *Server) SetInstallationRepo(id int64, full string, present bool) error {
	s.mu.Lock()
	r, err := s.st.Find(full)
	if in := s.st.Installs[id]; err == nil && in != nil && in.All {
		err = fmt.Errorf("installation %d is on all repositories", id)
	}
	s.mu.Unlock()
	if err != nil {
		return err
	}
	return s.withInstallation(id, func(in *model.Installation) {
		in.Repos[r.ID] = present
		fields := obj{"repository_selection": "selected", "repositories_added": []obj{},
			"repositories_removed": []obj{}, "requester": nil}
		action := "added"
		if !present {
			action = "removed"
		}
		fields["repositories_"+action] = []obj{s.render.RepoName(r)}
		s.installationEvent(in, "installation_repositories", action, in.Account, fields)
	})
}

func (s *Server) withInstallation(id int64, do func(*model.Installation)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	in := s.st.Installs[id]
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
	if model.Rank(base) < 0 {
		return fmt.Errorf("no role %q", base)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.st.Find(full)
	if err != nil {
		return err
	}
	a := s.st.Login(login)
	if a == nil {
		return fmt.Errorf("no user %q", login)
	}
	r.Grants[a.ID] = model.Grant{Role: base, Name: name}
	return nil
}

// SetTeamMember makes a person an active or pending member of an organization's team; state "" removes.
func (s *Server) SetTeamMember(org, slug, login, state string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	o, a := s.st.Login(org), s.st.Login(login)
	if o == nil || a == nil {
		return fmt.Errorf("no organization %q or no user %q", org, login)
	}
	key := strings.ToLower(org + "/" + slug)
	t := s.st.Teams[key]
	if t == nil {
		t = &model.Team{ID: s.st.ID("team"), Org: o, Slug: slug, Members: map[int64]string{}}
		s.st.Teams[key] = t
	}
	t.Members[a.ID] = state
	return nil
}

// SetPullRef makes refs/pull/N/head point elsewhere, as it does while GitHub lags behind a push; sha "" removes it.
func (s *Server) SetPullRef(full string, number int, sha string) error {
	s.mu.Lock()
	p, err := s.st.FindPull(full, number)
	s.mu.Unlock()
	if err != nil {
		return err
	}
	ref := pullRefName(number, "head")
	if sha == "" {
		_, err := s.git.Run(context.WithoutCancel(s.base), p.Repo.Dir, "update-ref", "-d", ref)
		return err
	}
	return s.git.UpdateRef(context.WithoutCancel(s.base), p.Repo.Dir, ref, sha, "")
}

func pullRefName(number int, which string) string {
	return fmt.Sprintf("refs/pull/%d/%s", number, which)
}
