package localgithub

import (
	"fmt"

	"github.com/cardea-iac/cardea/internal/localgithub/graphql"
	"github.com/cardea-iac/cardea/internal/localgithub/model"
	"github.com/cardea-iac/cardea/internal/localgithub/render"
)

func (s *Server) mutationRoot(who actor) *graphql.Thing {
	input := func(args map[string]any) map[string]any {
		in, _ := args["input"].(map[string]any)
		return in
	}
	draft := func(payload string, draft bool) graphql.Resolver {
		return func(args map[string]any) (any, error) {
			in := input(args)
			p, err := s.pullByNode(who, in["pullRequestId"])
			if err != nil {
				return nil, err
			}
			s.setDraft(p, who.account(), draft)
			return &graphql.Thing{Type: payload,
				Fields: map[string]any{"clientMutationId": in["clientMutationId"], "pullRequest": s.pullThing(who, p)}}, nil
		}
	}
	return &graphql.Thing{Type: "Mutation", Fields: map[string]any{
		"minimizeComment": graphql.Resolver(func(args map[string]any) (any, error) {
			in := input(args)
			cm, err := s.minimize(who, in["subjectId"], fmt.Sprint(in["classifier"]))
			if err != nil {
				return nil, err
			}
			return &graphql.Thing{Type: "MinimizeCommentPayload",
					Fields: map[string]any{"clientMutationId": in["clientMutationId"], "minimizedComment": s.commentThing(who, cm)}},
				nil
		}),
		"unminimizeComment": graphql.Resolver(func(args map[string]any) (any, error) {
			in := input(args)
			cm, err := s.minimize(who, in["subjectId"], "")
			if err != nil {
				return nil, err
			}
			return &graphql.Thing{Type: "UnminimizeCommentPayload",
					Fields: map[string]any{"clientMutationId": in["clientMutationId"], "unminimizedComment": s.commentThing(who, cm)}},
				nil
		}),
		"convertPullRequestToDraft":     draft("ConvertPullRequestToDraftPayload", true),
		"markPullRequestReadyForReview": draft("MarkPullRequestReadyForReviewPayload", false),
	}}
}

func (s *Server) commentByNode(who actor, id string) *model.Comment {
	n, isComment := render.NodeNumber("IssueComment", id)
	if !isComment {
		return nil
	}
	cm := s.st.Comments[n]
	if cm == nil || !s.sees(who, cm.Issue.Repo) {
		return nil
	}
	return cm
}

// mayMinimize: an installation that may write issues and pulls, a person who may write.
func (s *Server) mayMinimize(who actor, cm *model.Comment) bool {
	r := cm.Issue.Repo
	if who.tok != nil {
		return !s.lacks(who, r, "issues", "write") && !s.lacks(who, r, "pull_requests", "write")
	}
	return r.May(who.user, "write")
}

func (s *Server) minimize(who actor, subject any, reason string) (*model.Comment, error) {
	cm := s.commentByNode(who, fmt.Sprint(subject))
	if cm == nil {
		return nil, graphql.Error{Type: "NOT_FOUND",
			Message: fmt.Sprintf("Could not resolve to a node with the global id of '%v'", subject)}
	}
	if !s.mayMinimize(who, cm) {
		return nil, graphql.Forbidden()
	}
	cm.Minimized = reason
	return cm, nil
}

func (s *Server) pullByNode(who actor, id any) (*model.Pull, error) {
	n, isPull := render.NodeNumber("PullRequest", fmt.Sprint(id))
	for _, r := range s.st.Repos {
		for _, p := range r.Pulls() {
			if !isPull || p.PullID != n || !s.sees(who, r) {
				continue
			}
			if s.lacks(who, r, "pull_requests", "write") ||
				who.user != nil && who.user != p.Author && !r.May(who.user, "write") {
				return nil, graphql.Forbidden()
			}
			return p, nil
		}
	}
	return nil, graphql.Error{Type: "NOT_FOUND",
		Message: fmt.Sprintf("Could not resolve to a node with the global id of '%v'", id)}
}
