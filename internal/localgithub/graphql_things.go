package localgithub

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/cardea-iac/cardea/internal/localgithub/graphql"
	"github.com/cardea-iac/cardea/internal/localgithub/model"
	"github.com/cardea-iac/cardea/internal/localgithub/render"
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
			return nil, graphql.Error{Type: "NOT_FOUND",
				Message: fmt.Sprintf("Could not resolve to a node with the global id of '%s'.", id)}
		}),
	}}
}

func (s *Server) rateThing(who actor) *graphql.Thing {
	rt := s.st.Rates[who.name()]
	return &graphql.Thing{Type: "RateLimit",
		Fields: map[string]any{"limit": s.opts.RateLimit, "cost": 1, "used": rt.Used, "remaining": s.opts.RateLimit - rt.Used,
			"resetAt": render.Stamp(rt.Reset)}}
}

// sees reports whether the caller may see the repository at all.
func (s *Server) sees(who actor, r *model.Repo) bool {
	if who.tok != nil {
		return who.tok.Covers(r) || !r.Private
	}
	return r.May(who.user, "read")
}

// lacks reports whether an installation does not have the permission on a repository;
// everybody may read what is public.
func (s *Server) lacks(who actor, r *model.Repo, perm, level string) bool {
	if who.tok == nil {
		return false
	}
	if !who.tok.Covers(r) {
		return level != "read" || r.Private
	}
	return !allows(who.tok.Perms[perm], level)
}

func (s *Server) repositoryField(who actor, args map[string]any) (any, error) {
	full := fmt.Sprintf("%v/%v", args["owner"], args["name"])
	r := s.st.Repo(full)
	if r == nil || !s.sees(who, r) {
		return nil, graphql.Error{Type: "NOT_FOUND",
			Message: fmt.Sprintf("Could not resolve to a Repository with the name '%s'.", full)}
	}
	return s.repoThing(who, r), nil
}

func (s *Server) repoThing(who actor, r *model.Repo) *graphql.Thing {
	if r == nil {
		return nil
	}
	return &graphql.Thing{Type: "Repository", Fields: map[string]any{
		"id": render.NodeID("Repository", r.ID), "databaseId": r.ID, "name": r.Name, "nameWithOwner": r.Full(),
		"owner": s.actorThing(r.Owner), "url": s.render.HTML(r), "isPrivate": r.Private,
		"isFork": r.Parent != nil, "isArchived": r.Archived,
		"mergeCommitAllowed": !r.NoMergeCommits, "squashMergeAllowed": true, "rebaseMergeAllowed": false,
		"defaultBranchRef": refThing(s, who, r, r.DefaultBranch),
		"ref": graphql.Resolver(func(args map[string]any) (any, error) {
			return refThing(s, who, r, strings.TrimPrefix(fmt.Sprint(args["qualifiedName"]), "refs/heads/")), nil
		}),
		"pullRequest": graphql.Resolver(func(args map[string]any) (any, error) {
			if s.lacks(who, r, "pull_requests", "read") {
				return nil, graphql.Forbidden()
			}
			n, _ := graphql.IntArg(args, "number")
			is := r.Issues[n]
			if is == nil || is.Pull == nil {
				return nil, graphql.Error{Type: "NOT_FOUND",
					Message: fmt.Sprintf("Could not resolve to a PullRequest with the number of %d.", n)}
			}
			return s.pullThing(who, is.Pull), nil
		}),
		"pullRequests": graphql.Resolver(func(args map[string]any) (any, error) {
			if s.lacks(who, r, "pull_requests", "read") {
				return nil, graphql.Forbidden()
			}
			return s.pullConnection(who, r, args)
		}),
	}}
}

func (s *Server) pullConnection(who actor, r *model.Repo, args map[string]any) (any, error) {
	var states []string
	list, _ := args["states"].([]any)
	for _, st := range list {
		states = append(states, fmt.Sprint(st))
	}
	var all []*graphql.Thing
	for _, p := range r.Pulls() {
		if len(states) > 0 && !slices.Contains(states, p.UpperState()) ||
			args["headRefName"] != nil && args["headRefName"] != p.HeadRef ||
			args["baseRefName"] != nil && args["baseRefName"] != p.BaseRef {
			continue
		}
		all = append(all, s.pullThing(who, p))
	}
	return graphql.Connection("pullRequests", all, args)
}

func refThing(s *Server, who actor, r *model.Repo, branch string) *graphql.Thing {
	if r == nil || r.Tips[branch] == "" {
		return nil
	}
	return &graphql.Thing{Type: "Ref", Fields: map[string]any{
		"id": render.NodeID("Ref", r.ID) + ":" + branch, "name": branch, "prefix": "refs/heads/",
		"target":        s.commitThing(who, r, r.Tips[branch], nil),
		"refUpdateRule": updateRuleThing(who, r, branch),
		"rules": graphql.Resolver(func(args map[string]any) (any, error) {
			var all []*graphql.Thing
			if checks := r.Rulesets[branch]; len(checks) > 0 {
				all = append(all, checksRuleThing(r, checks))
			}
			return graphql.Connection("rules", all, args)
		}),
	}}
}

// updateRuleThing is the classic protection of a branch as people without administration
// rights see it; nil when there is none. Of the checks it has only the names, not the Apps.
func updateRuleThing(who actor, r *model.Repo, branch string) *graphql.Thing {
	p := r.Protection[branch]
	if !p.On() {
		return nil
	}
	contexts := []string{}
	for _, c := range p.Checks {
		contexts = append(contexts, c.Context)
	}
	return &graphql.Thing{Type: "RefUpdateRule", Fields: map[string]any{
		"pattern": branch, "requiredApprovingReviewCount": p.Reviews, "requiredStatusCheckContexts": contexts,
		"viewerCanPush": who.user != nil && r.May(who.user, "write"),
	}}
}

// checksRuleThing is the rule of a ruleset that requires checks.
func checksRuleThing(r *model.Repo, checks []RequiredCheck) *graphql.Thing {
	var list []*graphql.Thing
	for _, c := range checks {
		list = append(list, &graphql.Thing{Type: "StatusCheckConfiguration",
			Fields: map[string]any{"context": c.Context, "integrationId": render.IDOrNil(c.AppID)}})
	}
	return &graphql.Thing{Type: "RepositoryRule", Fields: map[string]any{
		"id": render.NodeID("RepositoryRule", r.ID), "type": "REQUIRED_STATUS_CHECKS",
		"parameters": &graphql.Thing{Type: "RequiredStatusChecksParameters",
			Fields: map[string]any{"doNotEnforceOnCreate": false, "requiredStatusChecks": list,
				"strictRequiredStatusChecksPolicy": false}},
	}}
}

// actorThing: a bot's login has no [bot] here, unlike in REST.
func (s *Server) actorThing(a *model.Account) *graphql.Thing {
	if a == nil {
		return nil
	}
	login := strings.TrimSuffix(a.Login, "[bot]")
	return &graphql.Thing{Type: a.Type, Fields: map[string]any{
		"id": render.NodeID(a.Type, a.ID), "databaseId": a.ID, "login": login, "url": s.url + "/" + login,
		"avatarUrl": s.url + "/avatars/" + login, "name": nil,
	}}
}

func (s *Server) pullThing(who actor, p *model.Pull) *graphql.Thing {
	mergeable := graphql.Resolver(func(map[string]any) (any, error) {
		s.workOutMergeable(p)
		switch p.Mergeable() {
		case true:
			return "MERGEABLE", nil
		case false:
			return "CONFLICTING", nil
		}
		return "UNKNOWN", nil
	})
	var headOwner *model.Account
	if p.HeadRepo != nil {
		headOwner = p.HeadRepo.Owner
	}
	t := &graphql.Thing{Type: "PullRequest", Fields: map[string]any{
		"id": render.NodeID("PullRequest", p.PullID), "databaseId": p.PullID,
		"fullDatabaseId": strconv.FormatInt(p.PullID, 10), "number": p.Number, "title": p.Title, "body": p.Body,
		"url": s.render.PullHTML(p.Issue), "state": p.UpperState(), "closed": p.Closed != nil, "merged": p.Merged != nil,
		"isDraft": p.Draft, "locked": p.Locked, "mergeable": mergeable,
		"mergeStateStatus": s.st.MergeState(p), "reviewDecision": render.OrNil(model.ReviewDecision(p)),
		"author": s.actorThing(p.Author), "mergedBy": s.actorThing(p.MergedBy),
		"authorAssociation": p.Repo.Association(p.Author), "headRefOid": p.Head, "headRefName": p.HeadRef,
		"headRef":             refThing(s, who, p.HeadRepo, p.HeadRef),
		"headRepository":      graphql.Resolver(func(map[string]any) (any, error) { return s.repoThing(who, p.HeadRepo), nil }),
		"headRepositoryOwner": s.actorThing(headOwner), "baseRefOid": p.Base, "baseRefName": p.BaseRef,
		"baseRef":           refThing(s, who, p.Repo, p.BaseRef),
		"baseRepository":    graphql.Resolver(func(map[string]any) (any, error) { return s.repoThing(who, p.Repo), nil }),
		"repository":        graphql.Resolver(func(map[string]any) (any, error) { return s.repoThing(who, p.Repo), nil }),
		"isCrossRepository": p.Fork(), "changedFiles": p.Facts.Files, "additions": p.Facts.Additions,
		"deletions": p.Facts.Deletions,
		"createdAt": render.Stamp(p.Created), "updatedAt": render.Stamp(p.Updated), "closedAt": render.StampOrNil(p.Closed),
		"mergedAt":             render.StampOrNil(p.Merged),
		"mergeCommit":          s.commitThing(who, p.Repo, p.MergeSHA, p),
		"potentialMergeCommit": s.commitThing(who, p.Repo, p.Mergability.TestMerge, p),
	}}
	s.pullConnections(t, who, p)
	return t
}

// pullConnections adds the lists that hang on a pull.
func (s *Server) pullConnections(t *graphql.Thing, who actor, p *model.Pull) {
	t.Fields["comments"] = graphql.Resolver(func(args map[string]any) (any, error) {
		var all []*graphql.Thing
		for _, cm := range p.Comments {
			all = append(all, s.commentThing(who, cm))
		}
		return graphql.Connection("comments", all, args)
	})
	t.Fields["commits"] = graphql.Resolver(func(args map[string]any) (any, error) {
		var all []*graphql.Thing
		for _, sha := range p.Facts.Commits {
			all = append(all, &graphql.Thing{Type: "PullRequestCommit",
				Fields: map[string]any{"id": render.NodeID("PullRequestCommit", p.PullID) + ":" + sha,
					"commit": s.commitThing(who, p.Repo, sha, p)}})
		}
		return graphql.Connection("commits", all, args)
	})
	reviews := func(keep func(*model.Review) bool) graphql.Resolver {
		return func(args map[string]any) (any, error) {
			var all []*graphql.Thing
			states, _ := args["states"].([]any)
			for _, rv := range p.Reviews {
				if (keep == nil || keep(rv)) && (states == nil || slices.Contains(states, any(rv.State))) &&
					(args["writersOnly"] != true || p.Repo.May(rv.User, "write")) {
					all = append(all, s.reviewThing(who, rv))
				}
			}
			return graphql.Connection("reviews", all, args)
		}
	}
	t.Fields["reviews"] = reviews(nil)
	t.Fields["latestOpinionatedReviews"] = reviews(func(rv *model.Review) bool { return rv == model.LastOpinion(p, rv.User) })
}

func (s *Server) reviewThing(who actor, rv *model.Review) *graphql.Thing {
	return &graphql.Thing{Type: "PullRequestReview", Fields: map[string]any{
		"id": render.NodeID("PullRequestReview", rv.ID), "databaseId": rv.ID, "author": s.actorThing(rv.User),
		"authorCanPushToRepository": rv.Pull.Repo.May(rv.User, "write"),
		"body":                      rv.Body, "state": rv.State, "commit": s.commitThing(who, rv.Pull.Repo, rv.Commit, rv.Pull),
		"submittedAt": render.Stamp(rv.Submitted), "lastEditedAt": render.StampOrNil(rv.Edited),
	}}
}

func (s *Server) commentThing(who actor, cm *model.Comment) *graphql.Thing {
	return &graphql.Thing{Type: "IssueComment", Fields: map[string]any{
		"id": render.NodeID("IssueComment", cm.ID), "databaseId": cm.ID, "fullDatabaseId": strconv.FormatInt(cm.ID, 10),
		"author":            s.actorThing(cm.Author),
		"authorAssociation": cm.Issue.Repo.Association(cm.Author), "body": cm.Body,
		"url":       fmt.Sprintf("%s#issuecomment-%d", s.render.PullHTML(cm.Issue), cm.ID),
		"createdAt": render.Stamp(cm.Created), "updatedAt": render.Stamp(cm.Updated),
		"lastEditedAt": render.StampOrNil(cm.Edited), "includesCreatedEdit": cm.Edited != nil,
		"isMinimized": cm.Minimized != "", "minimizedReason": render.OrNil(strings.ToLower(cm.Minimized)),
		"viewerCanMinimize": s.mayMinimize(who, cm), "viewerDidAuthor": cm.Author == who.account(),
	}}
}

func (s *Server) commitThing(who actor, r *model.Repo, sha string, p *model.Pull) *graphql.Thing {
	if sha == "" {
		return nil
	}
	return &graphql.Thing{Type: "Commit", Fields: map[string]any{
		"id": render.NodeID("Commit", r.ID) + ":" + sha, "oid": sha, "abbreviatedOid": sha[:7],
		"statusCheckRollup": graphql.Resolver(func(map[string]any) (any, error) {
			if s.lacks(who, r, "checks", "read") {
				return nil, graphql.Forbidden()
			}
			return s.rollupThing(who, r, sha, p), nil
		}),
	}}
}

// rollupThing sums the checks and statuses of a commit up; nil when it has none.
func (s *Server) rollupThing(who actor, r *model.Repo, sha string, p *model.Pull) *graphql.Thing {
	var all []*graphql.Thing
	state := "SUCCESS"
	for _, run := range model.Latest(r.RunsAt(sha)) {
		all = append(all, s.runThing(run, p))
		switch {
		case run.Status != "completed" && state == "SUCCESS":
			state = "PENDING"
		case run.Status == "completed" && !slices.Contains([]string{"success", "neutral", "skipped"}, run.Conclusion):
			state = "FAILURE"
		}
	}
	for _, st := range r.StatusesAt(sha) {
		all = append(all, s.statusThing(r, st, p))
		if st.State != "success" && state != "FAILURE" {
			state = strings.ToUpper(st.State)
		}
	}
	if len(all) == 0 {
		return nil
	}
	return &graphql.Thing{Type: "StatusCheckRollup", Fields: map[string]any{
		"id": render.NodeID("StatusCheckRollup", r.ID) + ":" + sha, "state": state, "commit": s.commitThing(who, r, sha, p),
		"contexts": graphql.Resolver(func(args map[string]any) (any, error) { return graphql.Connection("contexts", all, args) }),
	}}
}

// required says whether a pull needs a context. GitHub wants the pull named in the arguments.
func (s *Server) required(r *model.Repo, context string, app int64) graphql.Resolver {
	return func(args map[string]any) (any, error) {
		n, given := graphql.IntArg(args, "pullRequestNumber")
		if !given {
			id, _ := args["pullRequestId"].(string)
			node, isPull := render.NodeNumber("PullRequest", id)
			for _, p := range r.Pulls() {
				if isPull && p.PullID == node {
					n, given = p.Number, true
				}
			}
		}
		is := r.Issues[n]
		if !given || is == nil || is.Pull == nil {
			return nil, graphql.Error{Type: "UNPROCESSABLE", Message: "A pull request ID or pull request number is required."}
		}
		return slices.ContainsFunc(r.RequiredChecks(is.Pull.BaseRef), func(c RequiredCheck) bool {
			return c.Context == context && (c.AppID == 0 || c.AppID == app)
		}), nil
	}
}

func (s *Server) runThing(run *model.CheckRun, p *model.Pull) *graphql.Thing {
	status, conclusion := run.Suite.State()
	a := run.Suite.App
	suite := &graphql.Thing{Type: "CheckSuite", Fields: map[string]any{
		"id": render.NodeID("CheckSuite", run.Suite.ID), "databaseId": run.Suite.ID, "status": strings.ToUpper(status),
		"conclusion": render.OrNil(strings.ToUpper(conclusion)),
		"app": &graphql.Thing{Type: "App",
			Fields: map[string]any{"id": render.NodeID("App", a.ID), "databaseId": a.ID, "slug": a.Slug, "name": a.Slug}},
	}}
	return &graphql.Thing{Type: "CheckRun", Fields: map[string]any{
		"id": render.NodeID("CheckRun", run.ID), "databaseId": run.ID, "name": run.Name,
		"status": strings.ToUpper(run.Status), "conclusion": render.OrNil(strings.ToUpper(run.Conclusion)),
		"detailsUrl": render.OrNil(run.Details), "externalId": run.External, "title": render.OrNil(run.Title),
		"summary": render.OrNil(run.Summary), "startedAt": render.Stamp(run.Started),
		"completedAt": render.StampOrNil(run.Completed), "isRequired": s.required(run.Suite.Repo, run.Name, a.ID),
		"checkSuite": suite,
	}}
}

func (s *Server) statusThing(r *model.Repo, st *model.CommitStatus, p *model.Pull) *graphql.Thing {
	var by int64
	for _, a := range s.st.Apps {
		if a.Bot == st.Creator {
			by = a.ID
		}
	}
	return &graphql.Thing{Type: "StatusContext", Fields: map[string]any{
		"id": render.NodeID("StatusContext", st.ID), "context": st.Context, "state": strings.ToUpper(st.State),
		"description": render.OrNil(st.Description), "targetUrl": render.OrNil(st.Target),
		"createdAt": render.Stamp(st.Created), "creator": s.actorThing(st.Creator),
		"isRequired": s.required(r, st.Context, by),
	}}
}
