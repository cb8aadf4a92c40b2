// Package render is how GitHub writes what it knows as JSON: the objects that REST answers with and
// that webhooks carry.
//
// It reads the model and changes nothing. What an answer needs from git (commits, files,
// diffs) is added by the caller.
package render

import (
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"github.com/cardea-iac/cardea/internal/localgithub/model"
)

// NodeID is GraphQL's opaque id, in the form GitHub used for its first decade: base64 of length, type and number.
func NodeID(typ string, id int64) string {
	return base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "%03d:%s%d", len(typ), typ, id))
}

// NodeNumber takes the number out of a node id of this type.
func NodeNumber(typ, node string) (int64, bool) {
	b, err := base64.StdEncoding.DecodeString(node)
	if err != nil {
		return 0, false
	}
	var id int64
	if _, err := fmt.Sscanf(string(b), fmt.Sprintf("%03d:%s%%d", len(typ), typ), &id); err != nil {
		return 0, false
	}
	return id, true
}

// Stamp is a time as the API writes it.
func Stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// StampOrNil is null where there is no time.
func StampOrNil(t *time.Time) any {
	if t == nil {
		return nil
	}
	return Stamp(*t)
}

// OrNil is null in place of an empty text.
func OrNil(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// IDOrNil is null in place of 0.
func IDOrNil(id int64) any {
	if id == 0 {
		return nil
	}
	return id
}

// Renderer shows things as REST and webhooks do. The caller guards the state meanwhile.
type Renderer struct {
	URL, API string // addresses of the pages and of the API
	State    *model.State
}

type obj = map[string]any

// HTML is the address of the repository's page.
func (v *Renderer) HTML(r *model.Repo) string { return v.URL + "/" + r.Full() }

// REST is the address of the repository in the API.
func (v *Renderer) REST(r *model.Repo) string { return v.API + "/repos/" + r.Full() }

// PullHTML is the address of the page of a pull, or of a plain issue.
func (v *Renderer) PullHTML(is *model.Issue) string {
	kind := "pull"
	if is.Pull == nil {
		kind = "issues"
	}
	return fmt.Sprintf("%s/%s/%d", v.HTML(is.Repo), kind, is.Number)
}

// User is an account in short; null for nobody.
func (v *Renderer) User(a *model.Account) any {
	if a == nil {
		return nil
	}
	page := strings.TrimSuffix(a.Login, "[bot]")
	u := v.API + "/users/" + a.Login
	return obj{
		"login": a.Login, "id": a.ID, "node_id": NodeID(a.Type, a.ID), "avatar_url": v.URL + "/avatars/" + page,
		"gravatar_id": "", "url": u, "html_url": v.URL + "/" + page,
		"followers_url": u + "/followers", "following_url": u + "/following{/other_user}", "gists_url": u +
			"/gists{/gist_id}", "starred_url": u + "/starred{/owner}{/repo}",
		"subscriptions_url": u + "/subscriptions", "organizations_url": u + "/orgs", "repos_url": u + "/repos",
		"events_url":          u + "/events{/privacy}",
		"received_events_url": u + "/received_events", "type": a.Type, "site_admin": false,
	}
}

// Profile is an account in full.
func (v *Renderer) Profile(a *model.Account) obj {
	u := v.User(a).(obj)
	for _, k := range []string{"name", "company", "blog", "location", "email", "hireable", "bio"} {
		u[k] = nil
	}
	u["public_repos"], u["public_gists"], u["followers"], u["following"] = 0, 0, 0, 0
	u["created_at"], u["updated_at"] = Stamp(a.Created), Stamp(a.Created)
	return u
}

// Org is an organization, as webhooks show it.
func (v *Renderer) Org(a *model.Account) obj {
	u := v.API + "/orgs/" + a.Login
	return obj{
		"login": a.Login, "id": a.ID, "node_id": NodeID("Organization", a.ID), "url": u, "repos_url": u + "/repos",
		"events_url": u + "/events", "hooks_url": u + "/hooks",
		"issues_url": u + "/issues", "members_url": u + "/members{/member}", "public_members_url": u +
			"/public_members{/member}", "avatar_url": v.URL + "/avatars/" + a.Login, "description": "",
	}
}

// repoLinks are the addresses in a repository's JSON, by their path below it.
var repoLinks = map[string]string{
	"archive_url": "/{archive_format}{/ref}", "assignees_url": "/assignees{/user}", "blobs_url": "/git/blobs{/sha}",
	"branches_url":      "/branches{/branch}",
	"collaborators_url": "/collaborators{/collaborator}", "comments_url": "/comments{/number}",
	"commits_url": "/commits{/sha}", "compare_url": "/compare/{base}...{head}",
	"contents_url": "/contents/{+path}", "contributors_url": "/contributors", "deployments_url": "/deployments",
	"downloads_url": "/downloads", "events_url": "/events",
	"forks_url": "/forks", "git_commits_url": "/git/commits{/sha}", "git_refs_url": "/git/refs{/sha}",
	"git_tags_url": "/git/tags{/sha}", "hooks_url": "/hooks",
	"issue_comment_url": "/issues/comments{/number}", "issue_events_url": "/issues/events{/number}",
	"issues_url": "/issues{/number}", "keys_url": "/keys{/key_id}",
	"labels_url": "/labels{/name}", "languages_url": "/languages", "merges_url": "/merges",
	"milestones_url":    "/milestones{/number}",
	"notifications_url": "/notifications{?since,all,participating}", "pulls_url": "/pulls{/number}",
	"releases_url": "/releases{/id}", "stargazers_url": "/stargazers",
	"statuses_url": "/statuses/{sha}", "subscribers_url": "/subscribers", "subscription_url": "/subscription",
	"tags_url": "/tags", "teams_url": "/teams", "trees_url": "/git/trees{/sha}",
}

// Repo is a repository in full; the caller's permissions are in it when g is given.
func (v *Renderer) Repo(r *model.Repo, g *model.Grant) obj {
	html, api := v.HTML(r), v.REST(r)
	visibility := "public"
	if r.Private {
		visibility = "private"
	}
	open := 0
	for _, is := range r.Issues {
		if is.Closed == nil {
			open++
		}
	}
	o := obj{
		"id": r.ID, "node_id": NodeID("Repository", r.ID), "name": r.Name, "full_name": r.Full(), "owner": v.User(r.Owner),
		"private": r.Private, "html_url": html,
		"description": nil, "fork": r.Parent != nil, "url": api, "git_url": strings.Replace(html, "http:", "git:", 1) +
			".git", "ssh_url": "git@localgithub:" + r.Full() + ".git",
		"clone_url": html + ".git", "svn_url": html, "mirror_url": nil, "homepage": nil, "language": nil, "forks_count": 0,
		"stargazers_count": 0, "watchers_count": 0,
		"size": 0, "default_branch": r.DefaultBranch, "open_issues_count": open, "is_template": false, "topics": []string{},
		"has_issues": true, "has_projects": true,
		"has_wiki": true, "has_pages": false, "has_downloads": true, "has_discussions": false, "archived": r.Archived,
		"disabled": false, "visibility": visibility,
		"pushed_at": Stamp(r.Pushed), "created_at": Stamp(r.Created), "updated_at": Stamp(r.Pushed), "license": nil,
		"forks": 0, "open_issues": open, "watchers": 0,
		"allow_forking": true, "web_commit_signoff_required": false,
	}
	for k, path := range repoLinks {
		o[k] = api + path
	}
	if g != nil {
		n := model.Rank(g.Role)
		o["permissions"] = obj{"pull": n >= model.Rank("read"), "triage": n >= model.Rank("triage"),
			"push": n >= model.Rank("write"), "maintain": n >= model.Rank("maintain"), "admin": n >= model.Rank("admin")}
	}
	return o
}

// FullRepo adds what is shown only when one repository is asked for.
func (v *Renderer) FullRepo(r *model.Repo, g *model.Grant) obj {
	o := v.Repo(r, g)
	o["subscribers_count"], o["network_count"] = 0, 0
	if r.Parent != nil {
		o["parent"], o["source"] = v.Repo(r.Parent, nil), v.Repo(r.Parent, nil)
	}
	return o
}

// Pull is a pull; full adds what the list of pulls leaves out.
func (v *Renderer) Pull(p *model.Pull, full bool) obj {
	api, html := fmt.Sprintf("%s/pulls/%d", v.REST(p.Repo), p.Number), v.PullHTML(p.Issue)
	issue := fmt.Sprintf("%s/issues/%d", v.REST(p.Repo), p.Number)
	link := func(u string) obj { return obj{"href": u} }
	var headRepo any // null once the fork is deleted
	if p.HeadRepo != nil {
		headRepo = v.Repo(p.HeadRepo, nil)
	}
	o := obj{
		"url": api, "id": p.PullID, "node_id": NodeID("PullRequest", p.PullID), "html_url": html, "diff_url": html + ".diff",
		"patch_url": html + ".patch", "issue_url": issue,
		"commits_url": api + "/commits", "review_comments_url": api + "/comments", "review_comment_url": v.REST(p.Repo) +
			"/pulls/comments{/number}", "comments_url": issue + "/comments",
		"statuses_url": v.REST(p.Repo) + "/statuses/" + p.Head, "number": p.Number, "state": p.State(), "locked": p.Locked,
		"title": p.Title, "user": v.User(p.Author),
		"body": OrNil(p.Body), "labels": []obj{}, "milestone": nil, "active_lock_reason": nil, "created_at": Stamp(p.Created),
		"updated_at": Stamp(p.Updated),
		"closed_at":  StampOrNil(p.Closed), "merged_at": StampOrNil(p.Merged), "merge_commit_sha": OrNil(p.MergeCommit()),
		"assignee": nil, "assignees": []obj{},
		"requested_reviewers": []obj{}, "requested_teams": []obj{}, "draft": p.Draft, "auto_merge": nil,
		"author_association": p.Repo.Association(p.Author),
		"head": obj{"label": p.HeadName + ":" + p.HeadRef, "ref": p.HeadRef, "sha": p.Head,
			"user": v.User(v.State.Login(p.HeadName)), "repo": headRepo},
		"base": obj{"label": p.Repo.Owner.Login + ":" + p.BaseRef, "ref": p.BaseRef, "sha": p.Base,
			"user": v.User(p.Repo.Owner), "repo": v.Repo(p.Repo, nil)},
		"_links": obj{
			"self": link(api), "html": link(html), "issue": link(issue), "comments": link(issue + "/comments"),
			"review_comments": link(api + "/comments"),
			"review_comment":  link(v.REST(p.Repo) + "/pulls/comments{/number}"), "commits": link(api + "/commits"),
			"statuses": link(v.REST(p.Repo) + "/statuses/" + p.Head),
		},
	}
	if full {
		o["merged"], o["mergeable"], o["rebaseable"], o["mergeable_state"] = p.Merged != nil, p.Mergeable(), nil,
			strings.ToLower(v.State.MergeState(p))
		o["merged_by"], o["comments"], o["review_comments"], o["maintainer_can_modify"] = v.User(p.MergedBy),
			len(p.Comments), 0, false
		o["commits"], o["additions"], o["deletions"], o["changed_files"] = len(p.Facts.Commits), p.Facts.Additions,
			p.Facts.Deletions, p.Facts.Files
	}
	return o
}

// Issue is an issue; of a pull, the part that it shares with issues.
func (v *Renderer) Issue(is *model.Issue) obj {
	api, html := fmt.Sprintf("%s/issues/%d", v.REST(is.Repo), is.Number), v.PullHTML(is)
	state := "open"
	if is.Closed != nil {
		state = "closed"
	}
	o := obj{
		"url": api, "repository_url": v.REST(is.Repo), "labels_url": api + "/labels{/name}", "comments_url": api +
			"/comments", "events_url": api + "/events", "html_url": html,
		"id": is.ID, "node_id": NodeID("Issue", is.ID), "number": is.Number, "title": is.Title, "user": v.User(is.Author),
		"labels": []obj{}, "state": state, "locked": is.Locked,
		"assignee": nil, "assignees": []obj{}, "milestone": nil, "comments": len(is.Comments),
		"created_at": Stamp(is.Created), "updated_at": Stamp(is.Updated),
		"closed_at": StampOrNil(is.Closed), "author_association": is.Repo.Association(is.Author),
		"active_lock_reason": nil, "body": OrNil(is.Body),
		"reactions": v.reactionCounts(is.Reactions, api), "timeline_url": api + "/timeline",
		"performed_via_github_app": v.appOrNil(is.Via), "state_reason": nil,
	}
	if p := is.Pull; p != nil {
		o["draft"] = p.Draft
		o["pull_request"] = obj{
			"url": fmt.Sprintf("%s/pulls/%d", v.REST(is.Repo), is.Number), "html_url": html, "diff_url": html + ".diff",
			"patch_url": html + ".patch", "merged_at": StampOrNil(p.Merged),
		}
	}
	return o
}

// Comment is a comment.
func (v *Renderer) Comment(c *model.Comment) obj {
	api := fmt.Sprintf("%s/issues/comments/%d", v.REST(c.Issue.Repo), c.ID)
	return obj{
		"url": api, "html_url": fmt.Sprintf("%s#issuecomment-%d", v.PullHTML(c.Issue), c.ID),
		"issue_url": fmt.Sprintf("%s/issues/%d", v.REST(c.Issue.Repo), c.Issue.Number),
		"id":        c.ID, "node_id": NodeID("IssueComment", c.ID), "user": v.User(c.Author), "created_at": Stamp(c.Created),
		"updated_at":         Stamp(c.Updated),
		"author_association": c.Issue.Repo.Association(c.Author), "body": c.Body,
		"reactions": v.reactionCounts(c.Reactions, api), "performed_via_github_app": v.appOrNil(c.Via),
	}
}

func (v *Renderer) reactionCounts(all []*model.Reaction, api string) obj {
	o := obj{"url": api + "/reactions", "total_count": len(all)}
	for _, k := range model.ReactionKinds {
		o[k] = 0
	}
	for _, r := range all {
		o[r.Content] = o[r.Content].(int) + 1
	}
	return o
}

// Reaction is one person's reaction.
func (v *Renderer) Reaction(r *model.Reaction) obj {
	return obj{"id": r.ID, "node_id": NodeID("Reaction", r.ID), "user": v.User(r.User), "content": r.Content,
		"created_at": Stamp(r.Created)}
}

// Review is a review; its state is in capitals, as in REST.
func (v *Renderer) Review(rv *model.Review) obj {
	html := fmt.Sprintf("%s#pullrequestreview-%d", v.PullHTML(rv.Pull.Issue), rv.ID)
	api := fmt.Sprintf("%s/pulls/%d", v.REST(rv.Pull.Repo), rv.Pull.Number)
	return obj{
		"id": rv.ID, "node_id": NodeID("PullRequestReview", rv.ID), "user": v.User(rv.User), "body": rv.Body,
		"state": rv.State, "html_url": html, "pull_request_url": api,
		"_links":       obj{"html": obj{"href": html}, "pull_request": obj{"href": api}},
		"submitted_at": Stamp(rv.Submitted), "commit_id": rv.Commit,
		"author_association": rv.Pull.Repo.Association(rv.User),
	}
}

func (v *Renderer) appOrNil(a *model.App) any {
	if a == nil {
		return nil
	}
	return v.App(a)
}

// App is an App, without its secrets.
func (v *Renderer) App(a *model.App) obj {
	return obj{
		"id": a.ID, "slug": a.Slug, "client_id": fmt.Sprintf("Iv1.%016x", a.ID), "node_id": NodeID("App", a.ID),
		"owner": v.User(a.Owner), "name": a.Slug, "description": nil,
		"external_url": v.URL + "/apps/" + a.Slug, "html_url": v.URL + "/apps/" + a.Slug, "created_at": Stamp(a.Created),
		"updated_at": Stamp(a.Created), "permissions": a.Perms, "events": a.EventList(),
	}
}

// Installation is an installation.
func (v *Renderer) Installation(in *model.Installation) obj {
	selection := "selected"
	if in.All {
		selection = "all"
	}
	settings := v.URL
	if in.Account.Type == "Organization" {
		settings += "/organizations/" + in.Account.Login
	}
	return obj{
		"id": in.ID, "account": v.User(in.Account), "repository_selection": selection,
		"access_tokens_url": fmt.Sprintf("%s/app/installations/%d/access_tokens", v.API, in.ID),
		"repositories_url":  v.API + "/installation/repositories",
		"html_url":          fmt.Sprintf("%s/settings/installations/%d", settings, in.ID),
		"app_id":            in.App.ID, "app_slug": in.App.Slug,
		"target_id": in.Account.ID, "target_type": in.Account.Type, "permissions": in.Perms, "events": in.App.EventList(),
		"created_at": Stamp(in.Created), "updated_at": Stamp(in.Updated),
		"single_file_name": nil, "has_multiple_single_files": false, "single_file_paths": []string{},
		"suspended_by": v.User(in.Suspender), "suspended_at": StampOrNil(in.Suspended),
	}
}

// Status is a commit's status.
func (v *Renderer) Status(r *model.Repo, st *model.CommitStatus) obj {
	return obj{
		"id": st.ID, "node_id": NodeID("StatusContext", st.ID), "url": v.REST(r) + "/statuses/" + st.SHA, "avatar_url": nil,
		"state": st.State, "description": OrNil(st.Description),
		"target_url": OrNil(st.Target), "context": st.Context, "created_at": Stamp(st.Created),
		"updated_at": Stamp(st.Created), "creator": v.User(st.Creator),
	}
}

// RepoName is a repository as the events of installations name it.
func (v *Renderer) RepoName(r *model.Repo) obj {
	return obj{"id": r.ID, "node_id": NodeID("Repository", r.ID), "name": r.Name,
		"full_name": r.Full(), "private": r.Private}
}
