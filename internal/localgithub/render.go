package localgithub

import (
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"github.com/cardea-iac/cardea/internal/localgithub/model"
)

// nodeID is GraphQL's opaque id, in the form GitHub used for its first decade: base64 of length, type and number.
func nodeID(typ string, id int64) string {
	return base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "%03d:%s%d", len(typ), typ, id))
}

// nodeNumber takes the number out of a node id of this type.
func nodeNumber(typ, node string) (int64, bool) {
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

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

func stampOrNil(t *time.Time) any {
	if t == nil {
		return nil
	}
	return stamp(*t)
}

// orNil is null in place of an empty text.
func orNil(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// html is the address of the repository's page, rest that of its API.
func (s *Server) html(r *model.Repo) string { return s.url + "/" + r.Full() }
func (s *Server) rest(r *model.Repo) string { return s.api + "/repos/" + r.Full() }

func (s *Server) pullHTML(is *model.Issue) string {
	kind := "pull"
	if is.Pull == nil {
		kind = "issues"
	}
	return fmt.Sprintf("%s/%s/%d", s.html(is.Repo), kind, is.Number)
}

func (s *Server) userJSON(a *model.Account) any {
	if a == nil {
		return nil
	}
	page := strings.TrimSuffix(a.Login, "[bot]")
	u := s.api + "/users/" + a.Login
	return obj{
		"login": a.Login, "id": a.ID, "node_id": nodeID(a.Type, a.ID), "avatar_url": s.url + "/avatars/" + page, "gravatar_id": "", "url": u, "html_url": s.url + "/" + page,
		"followers_url": u + "/followers", "following_url": u + "/following{/other_user}", "gists_url": u + "/gists{/gist_id}", "starred_url": u + "/starred{/owner}{/repo}",
		"subscriptions_url": u + "/subscriptions", "organizations_url": u + "/orgs", "repos_url": u + "/repos", "events_url": u + "/events{/privacy}",
		"received_events_url": u + "/received_events", "type": a.Type, "site_admin": false,
	}
}

func (s *Server) profileJSON(a *model.Account) obj {
	u := s.userJSON(a).(obj)
	for _, k := range []string{"name", "company", "blog", "location", "email", "hireable", "bio"} {
		u[k] = nil
	}
	u["public_repos"], u["public_gists"], u["followers"], u["following"] = 0, 0, 0, 0
	u["created_at"], u["updated_at"] = stamp(a.Created), stamp(a.Created)
	return u
}

func (s *Server) orgJSON(a *model.Account) obj {
	u := s.api + "/orgs/" + a.Login
	return obj{
		"login": a.Login, "id": a.ID, "node_id": nodeID("Organization", a.ID), "url": u, "repos_url": u + "/repos", "events_url": u + "/events", "hooks_url": u + "/hooks",
		"issues_url": u + "/issues", "members_url": u + "/members{/member}", "public_members_url": u + "/public_members{/member}", "avatar_url": s.url + "/avatars/" + a.Login, "description": "",
	}
}

// repoLinks are the addresses in a repository's JSON, by their path below it.
var repoLinks = map[string]string{
	"archive_url": "/{archive_format}{/ref}", "assignees_url": "/assignees{/user}", "blobs_url": "/git/blobs{/sha}", "branches_url": "/branches{/branch}",
	"collaborators_url": "/collaborators{/collaborator}", "comments_url": "/comments{/number}", "commits_url": "/commits{/sha}", "compare_url": "/compare/{base}...{head}",
	"contents_url": "/contents/{+path}", "contributors_url": "/contributors", "deployments_url": "/deployments", "downloads_url": "/downloads", "events_url": "/events",
	"forks_url": "/forks", "git_commits_url": "/git/commits{/sha}", "git_refs_url": "/git/refs{/sha}", "git_tags_url": "/git/tags{/sha}", "hooks_url": "/hooks",
	"issue_comment_url": "/issues/comments{/number}", "issue_events_url": "/issues/events{/number}", "issues_url": "/issues{/number}", "keys_url": "/keys{/key_id}",
	"labels_url": "/labels{/name}", "languages_url": "/languages", "merges_url": "/merges", "milestones_url": "/milestones{/number}",
	"notifications_url": "/notifications{?since,all,participating}", "pulls_url": "/pulls{/number}", "releases_url": "/releases{/id}", "stargazers_url": "/stargazers",
	"statuses_url": "/statuses/{sha}", "subscribers_url": "/subscribers", "subscription_url": "/subscription", "tags_url": "/tags", "teams_url": "/teams", "trees_url": "/git/trees{/sha}",
}

// repoJSON is a repository in full; the caller's permissions are in it when g is given.
func (s *Server) repoJSON(r *model.Repo, g *model.Grant) obj {
	html, api := s.html(r), s.rest(r)
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
		"id": r.ID, "node_id": nodeID("Repository", r.ID), "name": r.Name, "full_name": r.Full(), "owner": s.userJSON(r.Owner), "private": r.Private, "html_url": html,
		"description": nil, "fork": r.Parent != nil, "url": api, "git_url": strings.Replace(html, "http:", "git:", 1) + ".git", "ssh_url": "git@localgithub:" + r.Full() + ".git",
		"clone_url": html + ".git", "svn_url": html, "mirror_url": nil, "homepage": nil, "language": nil, "forks_count": 0, "stargazers_count": 0, "watchers_count": 0,
		"size": 0, "default_branch": r.DefaultBranch, "open_issues_count": open, "is_template": false, "topics": []string{}, "has_issues": true, "has_projects": true,
		"has_wiki": true, "has_pages": false, "has_downloads": true, "has_discussions": false, "archived": r.Archived, "disabled": false, "visibility": visibility,
		"pushed_at": stamp(r.Pushed), "created_at": stamp(r.Created), "updated_at": stamp(r.Pushed), "license": nil, "forks": 0, "open_issues": open, "watchers": 0,
		"allow_forking": true, "web_commit_signoff_required": false,
	}
	for k, path := range repoLinks {
		o[k] = api + path
	}
	if g != nil {
		n := model.Rank(g.Role)
		o["permissions"] = obj{"pull": n >= model.Rank("read"), "triage": n >= model.Rank("triage"), "push": n >= model.Rank("write"), "maintain": n >= model.Rank("maintain"), "admin": n >= model.Rank("admin")}
	}
	return o
}

func (s *Server) fullRepoJSON(r *model.Repo, g *model.Grant) obj {
	o := s.repoJSON(r, g)
	o["subscribers_count"], o["network_count"] = 0, 0
	if r.Parent != nil {
		o["parent"], o["source"] = s.repoJSON(r.Parent, nil), s.repoJSON(r.Parent, nil)
	}
	return o
}

// pullJSON is a pull; full adds what the list of pulls leaves out.
func (s *Server) pullJSON(p *model.Pull, full bool) obj {
	api, html := fmt.Sprintf("%s/pulls/%d", s.rest(p.Repo), p.Number), s.pullHTML(p.Issue)
	issue := fmt.Sprintf("%s/issues/%d", s.rest(p.Repo), p.Number)
	link := func(u string) obj { return obj{"href": u} }
	var headRepo any // null once the fork is deleted
	if p.HeadRepo != nil {
		headRepo = s.repoJSON(p.HeadRepo, nil)
	}
	o := obj{
		"url": api, "id": p.PullID, "node_id": nodeID("PullRequest", p.PullID), "html_url": html, "diff_url": html + ".diff", "patch_url": html + ".patch", "issue_url": issue,
		"commits_url": api + "/commits", "review_comments_url": api + "/comments", "review_comment_url": s.rest(p.Repo) + "/pulls/comments{/number}", "comments_url": issue + "/comments",
		"statuses_url": s.rest(p.Repo) + "/statuses/" + p.Head, "number": p.Number, "state": p.State(), "locked": p.Locked, "title": p.Title, "user": s.userJSON(p.Author),
		"body": orNil(p.Body), "labels": []obj{}, "milestone": nil, "active_lock_reason": nil, "created_at": stamp(p.Created), "updated_at": stamp(p.Updated),
		"closed_at": stampOrNil(p.Closed), "merged_at": stampOrNil(p.Merged), "merge_commit_sha": orNil(p.MergeCommit()), "assignee": nil, "assignees": []obj{},
		"requested_reviewers": []obj{}, "requested_teams": []obj{}, "draft": p.Draft, "auto_merge": nil, "author_association": p.Repo.Association(p.Author),
		"head": obj{"label": p.HeadName + ":" + p.HeadRef, "ref": p.HeadRef, "sha": p.Head, "user": s.userJSON(s.st.Login(p.HeadName)), "repo": headRepo},
		"base": obj{"label": p.Repo.Owner.Login + ":" + p.BaseRef, "ref": p.BaseRef, "sha": p.Base, "user": s.userJSON(p.Repo.Owner), "repo": s.repoJSON(p.Repo, nil)},
		"_links": obj{
			"self": link(api), "html": link(html), "issue": link(issue), "comments": link(issue + "/comments"), "review_comments": link(api + "/comments"),
			"review_comment": link(s.rest(p.Repo) + "/pulls/comments{/number}"), "commits": link(api + "/commits"), "statuses": link(s.rest(p.Repo) + "/statuses/" + p.Head),
		},
	}
	if full {
		o["merged"], o["mergeable"], o["rebaseable"], o["mergeable_state"] = p.Merged != nil, p.Mergeable(), nil, strings.ToLower(s.st.MergeState(p))
		o["merged_by"], o["comments"], o["review_comments"], o["maintainer_can_modify"] = s.userJSON(p.MergedBy), len(p.Comments), 0, false
		o["commits"], o["additions"], o["deletions"], o["changed_files"] = len(p.Facts.Commits), p.Facts.Additions, p.Facts.Deletions, p.Facts.Files
	}
	return o
}

func (s *Server) issueJSON(is *model.Issue) obj {
	api, html := fmt.Sprintf("%s/issues/%d", s.rest(is.Repo), is.Number), s.pullHTML(is)
	state := "open"
	if is.Closed != nil {
		state = "closed"
	}
	o := obj{
		"url": api, "repository_url": s.rest(is.Repo), "labels_url": api + "/labels{/name}", "comments_url": api + "/comments", "events_url": api + "/events", "html_url": html,
		"id": is.ID, "node_id": nodeID("Issue", is.ID), "number": is.Number, "title": is.Title, "user": s.userJSON(is.Author), "labels": []obj{}, "state": state, "locked": is.Locked,
		"assignee": nil, "assignees": []obj{}, "milestone": nil, "comments": len(is.Comments), "created_at": stamp(is.Created), "updated_at": stamp(is.Updated),
		"closed_at": stampOrNil(is.Closed), "author_association": is.Repo.Association(is.Author), "active_lock_reason": nil, "body": orNil(is.Body),
		"reactions": s.reactionCounts(is.Reactions, api), "timeline_url": api + "/timeline", "performed_via_github_app": s.appOrNil(is.Via), "state_reason": nil,
	}
	if p := is.Pull; p != nil {
		o["draft"] = p.Draft
		o["pull_request"] = obj{
			"url": fmt.Sprintf("%s/pulls/%d", s.rest(is.Repo), is.Number), "html_url": html, "diff_url": html + ".diff", "patch_url": html + ".patch", "merged_at": stampOrNil(p.Merged),
		}
	}
	return o
}

func (s *Server) commentJSON(c *model.Comment) obj {
	api := fmt.Sprintf("%s/issues/comments/%d", s.rest(c.Issue.Repo), c.ID)
	return obj{
		"url": api, "html_url": fmt.Sprintf("%s#issuecomment-%d", s.pullHTML(c.Issue), c.ID), "issue_url": fmt.Sprintf("%s/issues/%d", s.rest(c.Issue.Repo), c.Issue.Number),
		"id": c.ID, "node_id": nodeID("IssueComment", c.ID), "user": s.userJSON(c.Author), "created_at": stamp(c.Created), "updated_at": stamp(c.Updated),
		"author_association": c.Issue.Repo.Association(c.Author), "body": c.Body, "reactions": s.reactionCounts(c.Reactions, api), "performed_via_github_app": s.appOrNil(c.Via),
	}
}

func (s *Server) reactionCounts(all []*model.Reaction, api string) obj {
	o := obj{"url": api + "/reactions", "total_count": len(all)}
	for _, k := range model.ReactionKinds {
		o[k] = 0
	}
	for _, r := range all {
		o[r.Content] = o[r.Content].(int) + 1
	}
	return o
}

func (s *Server) reactionJSON(r *model.Reaction) obj {
	return obj{"id": r.ID, "node_id": nodeID("Reaction", r.ID), "user": s.userJSON(r.User), "content": r.Content, "created_at": stamp(r.Created)}
}

func (s *Server) reviewJSON(rv *model.Review) obj {
	html := fmt.Sprintf("%s#pullrequestreview-%d", s.pullHTML(rv.Pull.Issue), rv.ID)
	api := fmt.Sprintf("%s/pulls/%d", s.rest(rv.Pull.Repo), rv.Pull.Number)
	return obj{
		"id": rv.ID, "node_id": nodeID("PullRequestReview", rv.ID), "user": s.userJSON(rv.User), "body": rv.Body, "state": rv.State, "html_url": html, "pull_request_url": api,
		"_links": obj{"html": obj{"href": html}, "pull_request": obj{"href": api}}, "submitted_at": stamp(rv.Submitted), "commit_id": rv.Commit,
		"author_association": rv.Pull.Repo.Association(rv.User),
	}
}

func (s *Server) appOrNil(a *model.App) any {
	if a == nil {
		return nil
	}
	return s.appJSON(a)
}

func (s *Server) appJSON(a *model.App) obj {
	return obj{
		"id": a.ID, "slug": a.Slug, "client_id": fmt.Sprintf("Iv1.%016x", a.ID), "node_id": nodeID("App", a.ID), "owner": s.userJSON(a.Owner), "name": a.Slug, "description": nil,
		"external_url": s.url + "/apps/" + a.Slug, "html_url": s.url + "/apps/" + a.Slug, "created_at": stamp(a.Created), "updated_at": stamp(a.Created), "permissions": a.Perms, "events": a.EventList(),
	}
}

func (s *Server) installationJSON(in *model.Installation) obj {
	selection := "selected"
	if in.All {
		selection = "all"
	}
	return obj{
		"id": in.ID, "account": s.userJSON(in.Account), "repository_selection": selection, "access_tokens_url": fmt.Sprintf("%s/app/installations/%d/access_tokens", s.api, in.ID),
		"repositories_url": s.api + "/installation/repositories", "html_url": fmt.Sprintf("%s/settings/installations/%d", s.url, in.ID), "app_id": in.App.ID, "app_slug": in.App.Slug,
		"target_id": in.Account.ID, "target_type": in.Account.Type, "permissions": in.Perms, "events": in.App.EventList(), "created_at": stamp(in.Created), "updated_at": stamp(in.Updated),
		"single_file_name": nil, "has_multiple_single_files": false, "single_file_paths": []string{}, "suspended_by": s.userJSON(in.Suspender), "suspended_at": stampOrNil(in.Suspended),
	}
}
