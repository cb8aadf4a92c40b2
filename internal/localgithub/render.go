package localgithub

import (
	"encoding/base64"
	"fmt"
	"strings"
	"time"
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
func (s *Server) html(r *repo) string { return s.url + "/" + r.full() }
func (s *Server) rest(r *repo) string { return s.api + "/repos/" + r.full() }

func (s *Server) pullHTML(is *issue) string {
	kind := "pull"
	if is.pull == nil {
		kind = "issues"
	}
	return fmt.Sprintf("%s/%s/%d", s.html(is.repo), kind, is.number)
}

func (s *Server) userJSON(a *account) any {
	if a == nil {
		return nil
	}
	page := strings.TrimSuffix(a.login, "[bot]")
	u := s.api + "/users/" + a.login
	return obj{
		"login": a.login, "id": a.id, "node_id": nodeID(a.typ, a.id), "avatar_url": s.url + "/avatars/" + page, "gravatar_id": "", "url": u, "html_url": s.url + "/" + page,
		"followers_url": u + "/followers", "following_url": u + "/following{/other_user}", "gists_url": u + "/gists{/gist_id}", "starred_url": u + "/starred{/owner}{/repo}",
		"subscriptions_url": u + "/subscriptions", "organizations_url": u + "/orgs", "repos_url": u + "/repos", "events_url": u + "/events{/privacy}",
		"received_events_url": u + "/received_events", "type": a.typ, "site_admin": false,
	}
}

func (s *Server) profileJSON(a *account) obj {
	u := s.userJSON(a).(obj)
	for _, k := range []string{"name", "company", "blog", "location", "email", "hireable", "bio"} {
		u[k] = nil
	}
	u["public_repos"], u["public_gists"], u["followers"], u["following"] = 0, 0, 0, 0
	u["created_at"], u["updated_at"] = stamp(a.created), stamp(a.created)
	return u
}

func (s *Server) orgJSON(a *account) obj {
	u := s.api + "/orgs/" + a.login
	return obj{
		"login": a.login, "id": a.id, "node_id": nodeID("Organization", a.id), "url": u, "repos_url": u + "/repos", "events_url": u + "/events", "hooks_url": u + "/hooks",
		"issues_url": u + "/issues", "members_url": u + "/members{/member}", "public_members_url": u + "/public_members{/member}", "avatar_url": s.url + "/avatars/" + a.login, "description": "",
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
func (s *Server) repoJSON(r *repo, g *grant) obj {
	html, api := s.html(r), s.rest(r)
	visibility := "public"
	if r.private {
		visibility = "private"
	}
	open := 0
	for _, is := range r.issues {
		if is.closed == nil {
			open++
		}
	}
	o := obj{
		"id": r.id, "node_id": nodeID("Repository", r.id), "name": r.name, "full_name": r.full(), "owner": s.userJSON(r.owner), "private": r.private, "html_url": html,
		"description": nil, "fork": r.parent != nil, "url": api, "git_url": strings.Replace(html, "http:", "git:", 1) + ".git", "ssh_url": "git@localgithub:" + r.full() + ".git",
		"clone_url": html + ".git", "svn_url": html, "mirror_url": nil, "homepage": nil, "language": nil, "forks_count": 0, "stargazers_count": 0, "watchers_count": 0,
		"size": 0, "default_branch": r.defaultBranch, "open_issues_count": open, "is_template": false, "topics": []string{}, "has_issues": true, "has_projects": true,
		"has_wiki": true, "has_pages": false, "has_downloads": true, "has_discussions": false, "archived": r.archived, "disabled": false, "visibility": visibility,
		"pushed_at": stamp(r.pushed), "created_at": stamp(r.created), "updated_at": stamp(r.pushed), "license": nil, "forks": 0, "open_issues": open, "watchers": 0,
		"allow_forking": true, "web_commit_signoff_required": false,
	}
	for k, path := range repoLinks {
		o[k] = api + path
	}
	if g != nil {
		n := rank(g.role)
		o["permissions"] = obj{"pull": n >= rank("read"), "triage": n >= rank("triage"), "push": n >= rank("write"), "maintain": n >= rank("maintain"), "admin": n >= rank("admin")}
	}
	return o
}

func (s *Server) fullRepoJSON(r *repo, g *grant) obj {
	o := s.repoJSON(r, g)
	o["subscribers_count"], o["network_count"] = 0, 0
	if r.parent != nil {
		o["parent"], o["source"] = s.repoJSON(r.parent, nil), s.repoJSON(r.parent, nil)
	}
	return o
}

func (s *Server) association(r *repo, a *account) string {
	g, listed := r.grants[a.id]
	switch {
	case a.id == r.owner.id:
		return "OWNER"
	case listed && g.role != "none":
		return "COLLABORATOR"
	}
	return "NONE"
}

// pullJSON is a pull; full adds what the list of pulls leaves out.
func (s *Server) pullJSON(p *pull, full bool) obj {
	api, html := fmt.Sprintf("%s/pulls/%d", s.rest(p.repo), p.number), s.pullHTML(p.issue)
	issue := fmt.Sprintf("%s/issues/%d", s.rest(p.repo), p.number)
	link := func(u string) obj { return obj{"href": u} }
	var headRepo any // null once the fork is deleted
	if p.headRepo != nil {
		headRepo = s.repoJSON(p.headRepo, nil)
	}
	o := obj{
		"url": api, "id": p.pullID, "node_id": nodeID("PullRequest", p.pullID), "html_url": html, "diff_url": html + ".diff", "patch_url": html + ".patch", "issue_url": issue,
		"commits_url": api + "/commits", "review_comments_url": api + "/comments", "review_comment_url": s.rest(p.repo) + "/pulls/comments{/number}", "comments_url": issue + "/comments",
		"statuses_url": s.rest(p.repo) + "/statuses/" + p.head, "number": p.number, "state": p.state(), "locked": p.locked, "title": p.title, "user": s.userJSON(p.author),
		"body": orNil(p.body), "labels": []obj{}, "milestone": nil, "active_lock_reason": nil, "created_at": stamp(p.created), "updated_at": stamp(p.updated),
		"closed_at": stampOrNil(p.closed), "merged_at": stampOrNil(p.merged), "merge_commit_sha": orNil(p.mergeCommit()), "assignee": nil, "assignees": []obj{},
		"requested_reviewers": []obj{}, "requested_teams": []obj{}, "draft": p.draft, "auto_merge": nil, "author_association": s.association(p.repo, p.author),
		"head": obj{"label": p.headName + ":" + p.headRef, "ref": p.headRef, "sha": p.head, "user": s.userJSON(s.st.login(p.headName)), "repo": headRepo},
		"base": obj{"label": p.repo.owner.login + ":" + p.baseRef, "ref": p.baseRef, "sha": p.base, "user": s.userJSON(p.repo.owner), "repo": s.repoJSON(p.repo, nil)},
		"_links": obj{
			"self": link(api), "html": link(html), "issue": link(issue), "comments": link(issue + "/comments"), "review_comments": link(api + "/comments"),
			"review_comment": link(s.rest(p.repo) + "/pulls/comments{/number}"), "commits": link(api + "/commits"), "statuses": link(s.rest(p.repo) + "/statuses/" + p.head),
		},
	}
	if full {
		o["merged"], o["mergeable"], o["rebaseable"], o["mergeable_state"] = p.merged != nil, p.mergeable(), nil, strings.ToLower(s.mergeState(p))
		o["merged_by"], o["comments"], o["review_comments"], o["maintainer_can_modify"] = s.userJSON(p.mergedBy), len(p.comments), 0, false
		o["commits"], o["additions"], o["deletions"], o["changed_files"] = len(p.facts.Commits), p.facts.Additions, p.facts.Deletions, p.facts.Files
	}
	return o
}

// mergeCommit is the merge that was made, or the test merge while the pull is open.
func (p *pull) mergeCommit() string {
	if p.merged != nil {
		return p.mergeSHA
	}
	return p.mergable.testMerge
}

// mergeable is null until the background job that somebody's look started is done.
func (p *pull) mergeable() any {
	if p.closed != nil || !p.mergable.known {
		return nil
	}
	return p.mergable.ok
}

func (s *Server) issueJSON(is *issue) obj {
	api, html := fmt.Sprintf("%s/issues/%d", s.rest(is.repo), is.number), s.pullHTML(is)
	state := "open"
	if is.closed != nil {
		state = "closed"
	}
	o := obj{
		"url": api, "repository_url": s.rest(is.repo), "labels_url": api + "/labels{/name}", "comments_url": api + "/comments", "events_url": api + "/events", "html_url": html,
		"id": is.id, "node_id": nodeID("Issue", is.id), "number": is.number, "title": is.title, "user": s.userJSON(is.author), "labels": []obj{}, "state": state, "locked": is.locked,
		"assignee": nil, "assignees": []obj{}, "milestone": nil, "comments": len(is.comments), "created_at": stamp(is.created), "updated_at": stamp(is.updated),
		"closed_at": stampOrNil(is.closed), "author_association": s.association(is.repo, is.author), "active_lock_reason": nil, "body": orNil(is.body),
		"reactions": s.reactionCounts(is.reactions, api), "timeline_url": api + "/timeline", "performed_via_github_app": s.appOrNil(is.via), "state_reason": nil,
	}
	if p := is.pull; p != nil {
		o["draft"] = p.draft
		o["pull_request"] = obj{
			"url": fmt.Sprintf("%s/pulls/%d", s.rest(is.repo), is.number), "html_url": html, "diff_url": html + ".diff", "patch_url": html + ".patch", "merged_at": stampOrNil(p.merged),
		}
	}
	return o
}

func (s *Server) commentJSON(c *comment) obj {
	api := fmt.Sprintf("%s/issues/comments/%d", s.rest(c.issue.repo), c.id)
	return obj{
		"url": api, "html_url": fmt.Sprintf("%s#issuecomment-%d", s.pullHTML(c.issue), c.id), "issue_url": fmt.Sprintf("%s/issues/%d", s.rest(c.issue.repo), c.issue.number),
		"id": c.id, "node_id": nodeID("IssueComment", c.id), "user": s.userJSON(c.author), "created_at": stamp(c.created), "updated_at": stamp(c.updated),
		"author_association": s.association(c.issue.repo, c.author), "body": c.body, "reactions": s.reactionCounts(c.reactions, api), "performed_via_github_app": s.appOrNil(c.via),
	}
}

// reactionKinds in the order in which GitHub shows them.
var reactionKinds = []string{"+1", "-1", "laugh", "hooray", "confused", "heart", "rocket", "eyes"}

func (s *Server) reactionCounts(all []*reaction, api string) obj {
	o := obj{"url": api + "/reactions", "total_count": len(all)}
	for _, k := range reactionKinds {
		o[k] = 0
	}
	for _, r := range all {
		o[r.content] = o[r.content].(int) + 1
	}
	return o
}

func (s *Server) reactionJSON(r *reaction) obj {
	return obj{"id": r.id, "node_id": nodeID("Reaction", r.id), "user": s.userJSON(r.user), "content": r.content, "created_at": stamp(r.created)}
}

func (s *Server) reviewJSON(rv *review) obj {
	html := fmt.Sprintf("%s#pullrequestreview-%d", s.pullHTML(rv.pull.issue), rv.id)
	api := fmt.Sprintf("%s/pulls/%d", s.rest(rv.pull.repo), rv.pull.number)
	return obj{
		"id": rv.id, "node_id": nodeID("PullRequestReview", rv.id), "user": s.userJSON(rv.user), "body": rv.body, "state": rv.state, "html_url": html, "pull_request_url": api,
		"_links": obj{"html": obj{"href": html}, "pull_request": obj{"href": api}}, "submitted_at": stamp(rv.submitted), "commit_id": rv.commit,
		"author_association": s.association(rv.pull.repo, rv.user),
	}
}

func (s *Server) appOrNil(a *app) any {
	if a == nil {
		return nil
	}
	return s.appJSON(a)
}

func (s *Server) appJSON(a *app) obj {
	return obj{
		"id": a.id, "slug": a.slug, "client_id": fmt.Sprintf("Iv1.%016x", a.id), "node_id": nodeID("App", a.id), "owner": s.userJSON(a.owner), "name": a.slug, "description": nil,
		"external_url": s.url + "/apps/" + a.slug, "html_url": s.url + "/apps/" + a.slug, "created_at": stamp(a.created), "updated_at": stamp(a.created), "permissions": a.perms, "events": a.eventList(),
	}
}

func (s *Server) installationJSON(in *installation) obj {
	selection := "selected"
	if in.all {
		selection = "all"
	}
	return obj{
		"id": in.id, "account": s.userJSON(in.account), "repository_selection": selection, "access_tokens_url": fmt.Sprintf("%s/app/installations/%d/access_tokens", s.api, in.id),
		"repositories_url": s.api + "/installation/repositories", "html_url": fmt.Sprintf("%s/settings/installations/%d", s.url, in.id), "app_id": in.app.id, "app_slug": in.app.slug,
		"target_id": in.account.id, "target_type": in.account.typ, "permissions": in.perms, "events": in.app.eventList(), "created_at": stamp(in.created), "updated_at": stamp(in.updated),
		"single_file_name": nil, "has_multiple_single_files": false, "single_file_paths": []string{}, "suspended_by": s.userJSON(in.suspender), "suspended_at": stampOrNil(in.suspended),
	}
}
