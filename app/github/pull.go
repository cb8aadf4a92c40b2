package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/google/go-github/v60/github"

	"github.com/cardea-iac/cardea/workflow"
)

func repoPath(r workflow.Repo, format string, args ...any) string {
	return "repos/" + url.PathEscape(r.Owner) + "/" + url.PathEscape(r.Name) + fmt.Sprintf(format, args...)
}

// Pull reads a pull as it is now.
func (c *Client) Pull(ctx context.Context, repo workflow.Repo, number int) (workflow.Pull, error) {
	var pr github.PullRequest
	if _, err := c.call(ctx, repo.InstallationID, http.MethodGet,
		repoPath(repo, "/pulls/%d", number), nil, &pr); err != nil {
		return workflow.Pull{}, fmt.Errorf("reading %s#%d: %w", repo.FullName(), number, err)
	}
	p, err := pullOf(repo, &pr)
	if err == nil && p.Repo.ID != repo.ID {
		err = fmt.Errorf("reading %s#%d: the name now belongs to another repository", repo.FullName(), number)
	}
	return p, err
}

// pullOf makes our type from GitHub's. The repository's name is taken from the answer: it may
// have changed.
func pullOf(repo workflow.Repo, pr *github.PullRequest) (workflow.Pull, error) {
	base := pr.GetBase()
	if pr.GetNumber() == 0 || pr.GetHead().GetSHA() == "" || base.GetSHA() == "" {
		return workflow.Pull{}, fmt.Errorf("reading %s: the answer is not a pull request", repo.FullName())
	}
	if r := base.GetRepo(); r != nil {
		repo.ID = r.GetID()
		if owner, name, ok := strings.Cut(r.GetFullName(), "/"); ok {
			repo.Owner, repo.Name = owner, name
		}
		repo.Private, repo.DefaultBranch = r.GetPrivate(), r.GetDefaultBranch()
	}
	p := workflow.Pull{
		Repo: repo, Number: pr.GetNumber(), Title: pr.GetTitle(), Author: actorOf(pr.GetUser()), Draft: pr.GetDraft(),
		Head:  workflow.Ref{Ref: pr.GetHead().GetRef(), SHA: pr.GetHead().GetSHA()},
		Base:  workflow.Ref{Ref: base.GetRef(), SHA: base.GetSHA()},
		State: workflow.PullOpen, UpdatedAt: pr.GetUpdatedAt().Time,
		// The head's repository is null when the fork was deleted.
		Fork: pr.GetHead().GetRepo() == nil || pr.GetHead().GetRepo().GetID() != repo.ID,
	}
	if pr.GetState() == "closed" {
		p.State = workflow.PullClosed
		if pr.GetMerged() || pr.MergedAt != nil {
			p.State = workflow.PullMerged
		}
	}
	return p, nil
}

// pullFields are the facts of a pull in GraphQL: the same as those of pullOf.
const pullFields = `number title state isDraft isCrossRepository updatedAt
      author { __typename login ... on User { databaseId } ... on Bot { databaseId } ... on Organization { databaseId } }
      headRefOid headRefName headRepository { databaseId } baseRefName baseRefOid`

// pullFactsJS are those fields in an answer.
type pullFactsJS struct {
	Number    int       `json:"number"`
	Title     string    `json:"title"`
	State     string    `json:"state"`
	Draft     bool      `json:"isDraft"`
	Cross     bool      `json:"isCrossRepository"`
	UpdatedAt time.Time `json:"updatedAt"`
	Author    *actorJS  `json:"author"`
	HeadOID   string    `json:"headRefOid"`
	HeadName  string    `json:"headRefName"`
	HeadRepo  *struct {
		ID int64 `json:"databaseId"`
	} `json:"headRepository"`
	BaseName string `json:"baseRefName"`
	BaseOID  string `json:"baseRefOid"`
}

// pull makes our type from the answer. A merged pull is MERGED here, never CLOSED.
func (q factsJS) pull(repo workflow.Repo) workflow.Pull {
	p := q.Repository.Pull
	if owner, name, ok := strings.Cut(q.Repository.FullName, "/"); ok {
		repo.Owner, repo.Name = owner, name
	}
	repo.Private, repo.DefaultBranch = q.Repository.Private, q.Repository.Default.Name
	state, known := map[string]workflow.PullState{"OPEN": workflow.PullOpen, "MERGED": workflow.PullMerged}[p.State]
	if !known {
		state = workflow.PullClosed
	}
	return workflow.Pull{
		Repo: repo, Number: p.Number, Title: p.Title, Author: p.Author.actor(),
		Draft: p.Draft, State: state, UpdatedAt: p.UpdatedAt,
		Head: workflow.Ref{Ref: p.HeadName, SHA: p.HeadOID}, Base: workflow.Ref{Ref: p.BaseName, SHA: p.BaseOID},
		Fork: p.Cross || p.HeadRepo == nil || p.HeadRepo.ID != repo.ID,
	}
}

func actorOf(u *github.User) workflow.Actor {
	return workflow.Actor{ID: u.GetID(), Login: u.GetLogin(), Bot: u.GetType() == "Bot"}
}

// errNoAccount says that the account no longer exists: it was deleted, or its login now
// belongs to somebody else.
var errNoAccount = errors.New("the account is gone")

// NoAccount reports whether an error of [Client.Role] says that there is nobody who could
// have a role. GitHub answers the same for an account that it does not show to us.
func NoAccount(err error) bool { return Gone(err) || errors.Is(err, errNoAccount) }

// Role reads a person's role on a repository, live. Any doubt is RoleNone with an error: no
// such person, a login that now belongs to somebody else, a fault.
func (c *Client) Role(ctx context.Context, repo workflow.Repo, who workflow.Actor) (workflow.Role, error) {
	if who.Login == "" {
		return workflow.RoleNone, fmt.Errorf("reading a role: %w", errNoAccount)
	}
	var level struct {
		Permission string `json:"permission"`
		RoleName   string `json:"role_name"`
		User       struct {
			ID int64 `json:"id"`
		} `json:"user"`
	}
	path := repoPath(repo, "/collaborators/%s/permission", url.PathEscape(who.Login))
	if _, err := c.call(ctx, repo.InstallationID, http.MethodGet, path, nil, &level); err != nil {
		return workflow.RoleNone, fmt.Errorf("reading the role of %s: %w", who.Login, err)
	}
	if who.ID != 0 && level.User.ID != who.ID {
		return workflow.RoleNone, fmt.Errorf("reading the role of %s: the login is another's: %w", who.Login, errNoAccount)
	}
	// `permission` has no maintain and no triage; `role_name` has, and the names of custom roles,
	// which count as their base.
	role := workflow.Role(level.RoleName)
	if !role.Known() {
		role = workflow.Role(level.Permission)
	}
	if !role.Known() {
		return workflow.RoleNone, fmt.Errorf("reading the role of %s: GitHub names an unknown permission %q",
			who.Login, level.Permission)
	}
	return role, nil
}

// OpenPulls lists the open pulls of a repository.
func (c *Client) OpenPulls(ctx context.Context, repo workflow.Repo) ([]workflow.Pull, error) {
	var out []workflow.Pull
	for page := 1; page != 0; {
		var list []*github.PullRequest
		resp, err := c.call(ctx, repo.InstallationID, http.MethodGet,
			repoPath(repo, "/pulls?state=open&per_page=100&page=%d", page), nil, &list)
		if err != nil {
			return nil, fmt.Errorf("listing the open pulls of %s: %w", repo.FullName(), err)
		}
		for _, pr := range list {
			p, err := pullOf(repo, pr)
			if err != nil {
				return nil, err
			}
			out = append(out, p)
		}
		page = resp.NextPage
	}
	return out, nil
}

// Repos lists the repositories that an installation covers.
func (c *Client) Repos(ctx context.Context, installation int64) ([]workflow.Repo, error) {
	var out []workflow.Repo
	for page := 1; page != 0; {
		var list github.ListRepositories
		resp, err := c.call(ctx, installation, http.MethodGet,
			fmt.Sprintf("installation/repositories?per_page=100&page=%d", page), nil, &list)
		if err != nil {
			return nil, fmt.Errorf("listing the repositories of installation %d: %w", installation, err)
		}
		for _, r := range list.Repositories {
			if r.GetArchived() {
				continue
			}
			out = append(out, workflow.Repo{
				ID: r.GetID(), Owner: r.GetOwner().GetLogin(), Name: r.GetName(), InstallationID: installation,
				DefaultBranch: r.GetDefaultBranch(), Private: r.GetPrivate(),
			})
		}
		page = resp.NextPage
	}
	return out, nil
}

// Attempt is one entry of the App's delivery log.
type Attempt struct {
	ID                  int64
	GUID, Event, Action string
	At                  time.Time
}

// Attempts reads a page of the App's delivery log, newest first; cursor "" is
// the newest page, next "" says there is no more. GitHub keeps three days.
func (c *Client) Attempts(ctx context.Context, cursor string) (list []Attempt, next string, err error) {
	var page []*github.HookDelivery
	resp, err := c.call(ctx, 0, http.MethodGet,
		"app/hook/deliveries?per_page=100&cursor="+url.QueryEscape(cursor), nil, &page)
	if err != nil {
		return nil, "", fmt.Errorf("reading the delivery log: %w", err)
	}
	for _, d := range page {
		list = append(list, Attempt{ID: d.GetID(), GUID: d.GetGUID(), Event: d.GetEvent(), Action: d.GetAction(),
			At: d.GetDeliveredAt().Time})
	}
	return list, resp.Cursor, nil
}

// Delivery reads a delivery's payload from the log. It needs no signature: it
// comes from GitHub itself, over our own authenticated connection.
func (c *Client) Delivery(ctx context.Context, a Attempt) (workflow.Delivery, error) {
	var d github.HookDelivery
	if _, err := c.call(ctx, 0, http.MethodGet, fmt.Sprintf("app/hook/deliveries/%d", a.ID), nil, &d); err != nil {
		return workflow.Delivery{}, fmt.Errorf("reading delivery %s: %w", a.GUID, err)
	}
	if d.Request == nil || d.Request.RawPayload == nil {
		return workflow.Delivery{}, fmt.Errorf("reading delivery %s: the log has no payload", a.GUID)
	}
	received := c.config.Now()
	if !a.At.IsZero() && a.At.Before(received) {
		received = a.At // a button has no other time, and yesterday's press must not count today
	}
	return workflow.Delivery{GUID: a.GUID, Event: a.Event, Payload: *d.Request.RawPayload, Received: received}, nil
}
