package localgithub

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/cardea-iac/cardea/internal/localgithub/graphql"
)

func (s *Server) queryRoot(who actor) *graphql.Thing {
	return &graphql.Thing{Type: "Query", Fields: map[string]any{
		"viewer":     s.actorThing(who.account()),
		"rateLimit":  s.rateThing(who),
		"repository": graphql.Resolver(func(args map[string]any) (any, error) { return s.repositoryField(who, args) }),
		"node": graphql.Resolver(func(args map[string]any) (any, error) {
			id, _ := args["id"].(string)
			if cm := s.commentByNode(who, id); cm != nil {
				return s.commentThing(who, cm), nil
			}
			return nil, graphql.Error{Type: "NOT_FOUND", Message: fmt.Sprintf("Could not resolve to a node with the global id of '%s'.", id)}
		}),
	}}
}

func (s *Server) rateThing(who actor) *graphql.Thing {
	rt := s.st.rates[who.name()]
	return &graphql.Thing{Type: "RateLimit", Fields: map[string]any{"limit": s.opts.RateLimit, "cost": 1, "used": rt.used, "remaining": s.opts.RateLimit - rt.used, "resetAt": stamp(rt.reset)}}
}

// sees reports whether the caller may see the repository at all.
func (s *Server) sees(who actor, r *repo) bool {
	if who.tok != nil {
		return who.tok.covers(r) || !r.private
	}
	return r.may(who.user, "read")
}

// lacks reports whether an installation has not the permission on a repository; what is public is there for all.
func (s *Server) lacks(who actor, r *repo, perm, level string) bool {
	if who.tok == nil {
		return false
	}
	if !who.tok.covers(r) {
		return level != "read" || r.private
	}
	return !allows(who.tok.perms[perm], level)
}

func (s *Server) repositoryField(who actor, args map[string]any) (any, error) {
	full := fmt.Sprintf("%v/%v", args["owner"], args["name"])
	r := s.st.repo(full)
	if r == nil || !s.sees(who, r) {
		return nil, graphql.Error{Type: "NOT_FOUND", Message: fmt.Sprintf("Could not resolve to a Repository with the name '%s'.", full)}
	}
	return s.repoThing(who, r), nil
}

func (s *Server) repoThing(who actor, r *repo) *graphql.Thing {
	if r == nil {
		return nil
	}
	return &graphql.Thing{Type: "Repository", Fields: map[string]any{
		"id": nodeID("Repository", r.id), "databaseId": r.id, "name": r.name, "nameWithOwner": r.full(), "owner": s.actorThing(r.owner), "url": s.html(r), "isPrivate": r.private,
		"isFork": r.parent != nil, "isArchived": r.archived,
		"mergeCommitAllowed": !r.noMergeCommits, "squashMergeAllowed": true, "rebaseMergeAllowed": false,
		"defaultBranchRef": refThing(s, who, r, r.defaultBranch),
		"ref": graphql.Resolver(func(args map[string]any) (any, error) {
			return refThing(s, who, r, strings.TrimPrefix(fmt.Sprint(args["qualifiedName"]), "refs/heads/")), nil
		}),
		"pullRequest": graphql.Resolver(func(args map[string]any) (any, error) {
			if s.lacks(who, r, "pull_requests", "read") {
				return nil, graphql.Forbidden()
			}
			n, _ := graphql.IntArg(args, "number")
			is := r.issues[n]
			if is == nil || is.pull == nil {
				return nil, graphql.Error{Type: "NOT_FOUND", Message: fmt.Sprintf("Could not resolve to a PullRequest with the number of %d.", n)}
			}
			return s.pullThing(who, is.pull), nil
		}),
		"pullRequests": graphql.Resolver(func(args map[string]any) (any, error) {
			if s.lacks(who, r, "pull_requests", "read") {
				return nil, graphql.Forbidden()
			}
			return s.pullConnection(who, r, args)
		}),
	}}
}

func (s *Server) pullConnection(who actor, r *repo, args map[string]any) (any, error) {
	var states []string
	list, _ := args["states"].([]any)
	for _, st := range list {
		states = append(states, fmt.Sprint(st))
	}
	var all []*graphql.Thing
	for _, p := range r.pulls() {
		if len(states) > 0 && !slices.Contains(states, p.upperState()) || args["headRefName"] != nil && args["headRefName"] != p.headRef || args["baseRefName"] != nil && args["baseRefName"] != p.baseRef {
			continue
		}
		all = append(all, s.pullThing(who, p))
	}
	return graphql.Connection("pullRequests", all, args)
}

func (p *pull) upperState() string {
	if p.merged != nil {
		return "MERGED"
	}
	return strings.ToUpper(p.state())
}

func refThing(s *Server, who actor, r *repo, branch string) *graphql.Thing {
	if r == nil || r.tips[branch] == "" {
		return nil
	}
	return &graphql.Thing{Type: "Ref", Fields: map[string]any{
		"id": nodeID("Ref", r.id) + ":" + branch, "name": branch, "prefix": "refs/heads/", "target": s.commitThing(who, r, r.tips[branch], nil),
		"refUpdateRule": updateRuleThing(who, r, branch),
		"rules": graphql.Resolver(func(args map[string]any) (any, error) {
			var all []*graphql.Thing
			if checks := r.rulesets[branch]; len(checks) > 0 {
				all = append(all, checksRuleThing(r, checks))
			}
			return graphql.Connection("rules", all, args)
		}),
	}}
}

// updateRuleThing is the classic protection of a branch as those see it who may not administer; nil without one. Of
// the checks it has the names alone, not the Apps.
func updateRuleThing(who actor, r *repo, branch string) *graphql.Thing {
	p := r.protection[branch]
	if !p.on() {
		return nil
	}
	contexts := []string{}
	for _, c := range p.Checks {
		contexts = append(contexts, c.Context)
	}
	return &graphql.Thing{Type: "RefUpdateRule", Fields: map[string]any{
		"pattern": branch, "requiredApprovingReviewCount": p.Reviews, "requiredStatusCheckContexts": contexts, "viewerCanPush": who.user != nil && r.may(who.user, "write"),
	}}
}

// checksRuleThing is the rule of a ruleset that requires checks.
func checksRuleThing(r *repo, checks []RequiredCheck) *graphql.Thing {
	var list []*graphql.Thing
	for _, c := range checks {
		list = append(list, &graphql.Thing{Type: "StatusCheckConfiguration", Fields: map[string]any{"context": c.Context, "integrationId": idOrNil(c.AppID)}})
	}
	return &graphql.Thing{Type: "RepositoryRule", Fields: map[string]any{
		"id": nodeID("RepositoryRule", r.id), "type": "REQUIRED_STATUS_CHECKS",
		"parameters": &graphql.Thing{Type: "RequiredStatusChecksParameters", Fields: map[string]any{"doNotEnforceOnCreate": false, "requiredStatusChecks": list, "strictRequiredStatusChecksPolicy": false}},
	}}
}

// actorThing: a bot's login has no [bot] here, unlike in REST.
func (s *Server) actorThing(a *account) *graphql.Thing {
	if a == nil {
		return nil
	}
	login := strings.TrimSuffix(a.login, "[bot]")
	return &graphql.Thing{Type: a.typ, Fields: map[string]any{
		"id": nodeID(a.typ, a.id), "databaseId": a.id, "login": login, "url": s.url + "/" + login, "avatarUrl": s.url + "/avatars/" + login, "name": nil,
	}}
}

func (s *Server) pullThing(who actor, p *pull) *graphql.Thing {
	mergeable := graphql.Resolver(func(map[string]any) (any, error) {
		s.workOutMergeable(p)
		switch p.mergeable() {
		case true:
			return "MERGEABLE", nil
		case false:
			return "CONFLICTING", nil
		}
		return "UNKNOWN", nil
	})
	var headOwner *account
	if p.headRepo != nil {
		headOwner = p.headRepo.owner
	}
	t := &graphql.Thing{Type: "PullRequest", Fields: map[string]any{
		"id": nodeID("PullRequest", p.pullID), "databaseId": p.pullID, "fullDatabaseId": strconv.FormatInt(p.pullID, 10), "number": p.number, "title": p.title, "body": p.body,
		"url": s.pullHTML(p.issue), "state": p.upperState(), "closed": p.closed != nil, "merged": p.merged != nil, "isDraft": p.draft, "locked": p.locked, "mergeable": mergeable,
		"mergeStateStatus": s.mergeState(p), "reviewDecision": orNil(reviewDecision(p)), "author": s.actorThing(p.author), "mergedBy": s.actorThing(p.mergedBy),
		"authorAssociation": s.association(p.repo, p.author), "headRefOid": p.head, "headRefName": p.headRef, "headRef": refThing(s, who, p.headRepo, p.headRef),
		"headRepository":      graphql.Resolver(func(map[string]any) (any, error) { return s.repoThing(who, p.headRepo), nil }),
		"headRepositoryOwner": s.actorThing(headOwner), "baseRefOid": p.base, "baseRefName": p.baseRef, "baseRef": refThing(s, who, p.repo, p.baseRef),
		"baseRepository":    graphql.Resolver(func(map[string]any) (any, error) { return s.repoThing(who, p.repo), nil }),
		"repository":        graphql.Resolver(func(map[string]any) (any, error) { return s.repoThing(who, p.repo), nil }),
		"isCrossRepository": p.fork(), "changedFiles": p.facts.Files, "additions": p.facts.Additions, "deletions": p.facts.Deletions,
		"createdAt": stamp(p.created), "updatedAt": stamp(p.updated), "closedAt": stampOrNil(p.closed), "mergedAt": stampOrNil(p.merged),
		"mergeCommit": s.commitThing(who, p.repo, p.mergeSHA, p), "potentialMergeCommit": s.commitThing(who, p.repo, p.mergable.testMerge, p),
	}}
	s.pullConnections(t, who, p)
	return t
}

// pullConnections adds the lists that hang on a pull.
func (s *Server) pullConnections(t *graphql.Thing, who actor, p *pull) {
	t.Fields["comments"] = graphql.Resolver(func(args map[string]any) (any, error) {
		var all []*graphql.Thing
		for _, cm := range p.comments {
			all = append(all, s.commentThing(who, cm))
		}
		return graphql.Connection("comments", all, args)
	})
	t.Fields["commits"] = graphql.Resolver(func(args map[string]any) (any, error) {
		var all []*graphql.Thing
		for _, sha := range p.facts.Commits {
			all = append(all, &graphql.Thing{Type: "PullRequestCommit", Fields: map[string]any{"id": nodeID("PullRequestCommit", p.pullID) + ":" + sha, "commit": s.commitThing(who, p.repo, sha, p)}})
		}
		return graphql.Connection("commits", all, args)
	})
	reviews := func(keep func(*review) bool) graphql.Resolver {
		return func(args map[string]any) (any, error) {
			var all []*graphql.Thing
			states, _ := args["states"].([]any)
			for _, rv := range p.reviews {
				if (keep == nil || keep(rv)) && (states == nil || slices.Contains(states, any(rv.state))) && (args["writersOnly"] != true || p.repo.may(rv.user, "write")) {
					all = append(all, s.reviewThing(who, rv))
				}
			}
			return graphql.Connection("reviews", all, args)
		}
	}
	t.Fields["reviews"] = reviews(nil)
	t.Fields["latestOpinionatedReviews"] = reviews(func(rv *review) bool { return rv == lastOpinion(p, rv.user) })
}

// lastOpinion is a reviewer's newest review that is more than a comment.
func lastOpinion(p *pull, by *account) *review {
	for _, rv := range slices.Backward(p.reviews) {
		if rv.user == by && rv.state != "COMMENTED" {
			return rv
		}
	}
	return nil
}

func (s *Server) reviewThing(who actor, rv *review) *graphql.Thing {
	return &graphql.Thing{Type: "PullRequestReview", Fields: map[string]any{
		"id": nodeID("PullRequestReview", rv.id), "databaseId": rv.id, "author": s.actorThing(rv.user), "authorCanPushToRepository": rv.pull.repo.may(rv.user, "write"),
		"body": rv.body, "state": rv.state, "commit": s.commitThing(who, rv.pull.repo, rv.commit, rv.pull), "submittedAt": stamp(rv.submitted),
	}}
}

func (s *Server) commentThing(who actor, cm *comment) *graphql.Thing {
	return &graphql.Thing{Type: "IssueComment", Fields: map[string]any{
		"id": nodeID("IssueComment", cm.id), "databaseId": cm.id, "fullDatabaseId": strconv.FormatInt(cm.id, 10), "author": s.actorThing(cm.author),
		"authorAssociation": s.association(cm.issue.repo, cm.author), "body": cm.body, "url": fmt.Sprintf("%s#issuecomment-%d", s.pullHTML(cm.issue), cm.id),
		"createdAt": stamp(cm.created), "updatedAt": stamp(cm.updated), "lastEditedAt": stampOrNil(cm.edited), "includesCreatedEdit": cm.edited != nil,
		"isMinimized": cm.minimized != "", "minimizedReason": orNil(strings.ToLower(cm.minimized)), "viewerCanMinimize": s.mayMinimize(who, cm), "viewerDidAuthor": cm.author == who.account(),
	}}
}

func (s *Server) commitThing(who actor, r *repo, sha string, p *pull) *graphql.Thing {
	if sha == "" {
		return nil
	}
	return &graphql.Thing{Type: "Commit", Fields: map[string]any{
		"id": nodeID("Commit", r.id) + ":" + sha, "oid": sha, "abbreviatedOid": sha[:7],
		"statusCheckRollup": graphql.Resolver(func(map[string]any) (any, error) {
			if s.lacks(who, r, "checks", "read") {
				return nil, graphql.Forbidden()
			}
			return s.rollupThing(who, r, sha, p), nil
		}),
	}}
}

// rollupThing sums the checks and statuses of a commit up; nil when it has none.
func (s *Server) rollupThing(who actor, r *repo, sha string, p *pull) *graphql.Thing {
	var all []*graphql.Thing
	state := "SUCCESS"
	for _, run := range latest(r.runsAt(sha)) {
		all = append(all, s.runThing(run, p))
		switch {
		case run.status != "completed" && state == "SUCCESS":
			state = "PENDING"
		case run.status == "completed" && !slices.Contains([]string{"success", "neutral", "skipped"}, run.conclusion):
			state = "FAILURE"
		}
	}
	for _, st := range r.statusesAt(sha) {
		all = append(all, s.statusThing(r, st, p))
		if st.state != "success" && state != "FAILURE" {
			state = strings.ToUpper(st.state)
		}
	}
	if len(all) == 0 {
		return nil
	}
	return &graphql.Thing{Type: "StatusCheckRollup", Fields: map[string]any{
		"id": nodeID("StatusCheckRollup", r.id) + ":" + sha, "state": state, "commit": s.commitThing(who, r, sha, p),
		"contexts": graphql.Resolver(func(args map[string]any) (any, error) { return graphql.Connection("contexts", all, args) }),
	}}
}

// required tells whether a pull needs a context. GitHub wants the pull named in the arguments.
func (s *Server) required(r *repo, context string, app int64) graphql.Resolver {
	return func(args map[string]any) (any, error) {
		n, given := graphql.IntArg(args, "pullRequestNumber")
		if !given {
			id, _ := args["pullRequestId"].(string)
			node, isPull := nodeNumber("PullRequest", id)
			for _, p := range r.pulls() {
				if isPull && p.pullID == node {
					n, given = p.number, true
				}
			}
		}
		is := r.issues[n]
		if !given || is == nil || is.pull == nil {
			return nil, graphql.Error{Type: "UNPROCESSABLE", Message: "A pull request ID or pull request number is required."}
		}
		return slices.ContainsFunc(r.requiredChecks(is.pull.baseRef), func(c RequiredCheck) bool {
			return c.Context == context && (c.AppID == 0 || c.AppID == app)
		}), nil
	}
}

func (s *Server) runThing(run *checkRun, p *pull) *graphql.Thing {
	status, conclusion := run.suite.state()
	a := run.suite.app
	suite := &graphql.Thing{Type: "CheckSuite", Fields: map[string]any{
		"id": nodeID("CheckSuite", run.suite.id), "databaseId": run.suite.id, "status": strings.ToUpper(status), "conclusion": orNil(strings.ToUpper(conclusion)),
		"app": &graphql.Thing{Type: "App", Fields: map[string]any{"id": nodeID("App", a.id), "databaseId": a.id, "slug": a.slug, "name": a.slug}},
	}}
	return &graphql.Thing{Type: "CheckRun", Fields: map[string]any{
		"id": nodeID("CheckRun", run.id), "databaseId": run.id, "name": run.name, "status": strings.ToUpper(run.status), "conclusion": orNil(strings.ToUpper(run.conclusion)),
		"detailsUrl": orNil(run.details), "externalId": run.external, "title": orNil(run.title), "summary": orNil(run.summary), "startedAt": stamp(run.started),
		"completedAt": stampOrNil(run.completed), "isRequired": s.required(run.suite.repo, run.name, a.id), "checkSuite": suite,
	}}
}

func (s *Server) statusThing(r *repo, st *commitStatus, p *pull) *graphql.Thing {
	var by int64
	for _, a := range s.st.apps {
		if a.bot == st.creator {
			by = a.id
		}
	}
	return &graphql.Thing{Type: "StatusContext", Fields: map[string]any{
		"id": nodeID("StatusContext", st.id), "context": st.context, "state": strings.ToUpper(st.state), "description": orNil(st.description), "targetUrl": orNil(st.target),
		"createdAt": stamp(st.created), "creator": s.actorThing(st.creator), "isRequired": s.required(r, st.context, by),
	}}
}
