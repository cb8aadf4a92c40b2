package localgithub

import (
	"net/http"
	"strings"

	"github.com/cardea-iac/cardea/internal/localgithub/bare"
	"github.com/cardea-iac/cardea/internal/localgithub/web"
)

const repoPath = "/repos/{owner}/{repo}"

// routes are all REST endpoints, with the permission each asks for. The first that matches a
// request is taken.
func routes() []route {
	return append(append(appRoutes(), repoRoutes()...), checkRoutes()...)
}

func appRoutes() []route {
	return []route{
		{pattern: "GET /app", only: "app", do: getApp},
		{pattern: "GET /app/installations", only: "app", do: listInstallations},
		{pattern: "GET /app/installations/{id}", only: "app", do: getInstallation},
		{pattern: "POST /app/installations/{id}/access_tokens", only: "app", do: createToken},
		{pattern: "GET /app/hook/config", only: "app", do: hookConfig},
		{pattern: "GET /app/hook/deliveries", only: "app", do: listDeliveries},
		{pattern: "GET /app/hook/deliveries/{id}", only: "app", do: getDelivery},
		{pattern: "POST /app/hook/deliveries/{id}/attempts", only: "app", do: redeliver},
		{pattern: "GET " + repoPath + "/installation", only: "app", do: repoInstallation},
		{pattern: "DELETE /installation/token", only: "installation", do: revokeToken},
		{pattern: "GET /installation/repositories", only: "installation", do: installationRepos},
		{pattern: "GET /rate_limit", do: rateLimit},
		{pattern: "GET /user", do: getSelf},
		{pattern: "GET /users/{username}", do: getUser},
		{pattern: "GET /orgs/{org}/teams/{team}/memberships/{username}", need: "members=read", do: teamMembership},
	}
}

func repoRoutes() []route {
	const issuesWrite = "issues=write; pull_requests=write" // for comments on pulls: see commentNeeds
	return []route{
		{pattern: "GET " + repoPath, need: "metadata=read", do: getRepo},
		{pattern: "GET " + repoPath + "/branches/{branch}", need: "contents=read", free: true, do: getBranch},
		{pattern: "GET " + repoPath + "/branches/{branch}/protection", need: "administration=read",
			role: "admin", do: getProtection},
		{pattern: "GET " + repoPath + "/rules/branches/{branch}", need: "metadata=read", do: branchRules},
		{pattern: "GET " + repoPath + "/git/ref/{ref...}", need: "contents=read", free: true, do: getRef},
		{pattern: "GET " + repoPath + "/contents/{path...}", need: "contents=read", free: true, do: getContents},
		{pattern: "GET " + repoPath + "/commits/{ref}", need: "contents=read", free: true, do: getCommit},
		{pattern: "GET " + repoPath + "/compare/{basehead...}", need: "contents=read", free: true, do: compare},
		{pattern: "GET " + repoPath + "/collaborators/{username}/permission", need: "metadata=read", do: permission},
		{pattern: "GET " + repoPath + "/pulls", need: "pull_requests=read", do: listPulls},
		{pattern: "POST " + repoPath + "/pulls", need: "pull_requests=write", free: true, do: createPull},
		{pattern: "GET " + repoPath + "/pulls/{number}", need: "pull_requests=read", do: getPull},
		{pattern: "PATCH " + repoPath + "/pulls/{number}", need: "pull_requests=write", free: true, do: updatePull},
		{pattern: "GET " + repoPath + "/pulls/{number}/files", need: "pull_requests=read", free: true, do: pullFiles},
		{pattern: "GET " + repoPath + "/pulls/{number}/commits", need: "pull_requests=read", free: true, do: pullCommits},
		{pattern: "PUT " + repoPath + "/pulls/{number}/merge", need: "contents=write",
			role: "write", free: true, do: mergePull},
		{pattern: "GET " + repoPath + "/pulls/{number}/reviews", need: "pull_requests=read", do: listReviews},
		{pattern: "POST " + repoPath + "/pulls/{number}/reviews", need: "pull_requests=write", do: createReview},
		{pattern: "PUT " + repoPath + "/pulls/{number}/reviews/{review}", need: "pull_requests=write", do: updateReview},
		{pattern: "PUT " + repoPath + "/pulls/{number}/reviews/{review}/dismissals", need: "pull_requests=write",
			role: "write", do: dismissReview},
		{pattern: "GET " + repoPath + "/issues/comments/{id}", need: "issues=read", do: getComment},
		{pattern: "PATCH " + repoPath + "/issues/comments/{id}", need: issuesWrite, do: updateComment},
		{pattern: "DELETE " + repoPath + "/issues/comments/{id}", need: issuesWrite, do: deleteComment},
		{pattern: "GET " + repoPath + "/issues/comments/{id}/reactions", need: "issues=read", do: listReactions},
		{pattern: "POST " + repoPath + "/issues/comments/{id}/reactions", need: issuesWrite, do: createReaction},
		{pattern: "GET " + repoPath + "/issues/{number}", need: "issues=read", do: getIssue},
		{pattern: "GET " + repoPath + "/issues/{number}/comments", need: "issues=read", do: listComments},
		{pattern: "POST " + repoPath + "/issues/{number}/comments", do: createComment},
		{pattern: "POST " + repoPath + "/issues/{number}/reactions", need: issuesWrite, do: createIssueReaction},
	}
}

func checkRoutes() []route {
	return []route{
		{pattern: "POST " + repoPath + "/check-runs", need: "checks=write", role: "app", free: true, do: createRun},
		{pattern: "PATCH " + repoPath + "/check-runs/{id}", need: "checks=write", role: "app", do: updateRun},
		{pattern: "GET " + repoPath + "/check-runs/{id}", need: "checks=read", do: getRun},
		{pattern: "GET " + repoPath + "/check-runs/{id}/annotations", need: "checks=read", do: runAnnotations},
		{pattern: "POST " + repoPath + "/check-runs/{id}/rerequest", need: "checks=write", role: "write", do: rerequestRun},
		{pattern: "GET " + repoPath + "/commits/{ref}/check-runs", need: "checks=read", free: true, do: listRuns},
		{pattern: "GET " + repoPath + "/commits/{ref}/check-suites", need: "checks=read", free: true, do: listSuites},
		{pattern: "GET " + repoPath + "/check-suites/{id}", need: "checks=read", do: getSuite},
		{pattern: "POST " + repoPath + "/check-suites/{id}/rerequest", need: "checks=write",
			role: "write", do: rerequestSuite},
		{pattern: "POST " + repoPath + "/statuses/{sha}", need: "statuses=write",
			role: "write", free: true, do: createStatus},
		{pattern: "GET " + repoPath + "/commits/{ref}/status", need: "statuses=read", free: true, do: combinedStatus},
	}
}

// handler tells the four kinds of request apart: REST, GraphQL, git, and the pages for
// people.
func (s *Server) handler() http.Handler {
	rest, pages := s.restMux(), s.pages()
	graphql := http.HandlerFunc(s.serveGraphQL)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if path, found := strings.CutPrefix(r.URL.EscapedPath(), "/api/"); found {
			r2 := r.Clone(r.Context())
			switch {
			case path == "graphql":
				r2.URL.Path, r2.URL.RawPath = "/graphql", ""
				s.serveAPI(w, r2, graphql)
			case strings.HasPrefix(path, "v3/") || path == "v3":
				u, err := r.URL.Parse(strings.TrimPrefix(path, "v3"))
				if err != nil {
					http.NotFound(w, r)
					return
				}
				u.RawQuery = r.URL.RawQuery
				u = s.byID(u)
				r2.URL.Path, r2.URL.RawPath = u.Path, u.RawPath
				s.serveAPI(w, r2, rest)
			default:
				http.NotFound(w, r)
			}
			return
		}
		if g, isGit := bare.ParseRequest(r.URL); isGit {
			s.serveGit(w, r, g)
			return
		}
		pages.ServeHTTP(w, r)
	})
}

// pages are the pages for people.
func (s *Server) pages() http.Handler {
	human := web.Site{URL: s.url, Log: s.log, Mu: &s.mu, State: &s.st, Git: s.git,
		Look: s.workOutMergeable, Act: web.Actions{
			Comment: s.Comment, Review: s.Review, Merge: s.Merge, SetPullState: s.SetPullState, SetDraft: s.SetDraft,
			PressButton: s.PressButton, Rerequest: s.Rerequest,
		}}
	return human.Handler()
}
