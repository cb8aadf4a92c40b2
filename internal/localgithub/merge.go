package localgithub

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/cardea-iac/cardea/internal/localgithub/model"
)

// mergePull merges for real. 409: the head moved; 405: it may not be merged, and why. ("Merge a pull request")
func mergePull(c *call) reply {
	var in struct {
		SHA           string `json:"sha"`
		Method        string `json:"merge_method"`
		CommitTitle   string `json:"commit_title"`
		CommitMessage string `json:"commit_message"`
	}
	if bad := c.decode(&in); bad != nil {
		return *bad
	}
	c.s.mu.Lock()
	p := c.pull()
	c.s.mu.Unlock()
	if p == nil {
		return notFound()
	}
	title := strings.TrimSpace(in.CommitTitle + "\n\n" + in.CommitMessage)
	sha, bad := c.s.merge(c.r.Context(), p, c.who, mergeInput{head: in.SHA, method: in.Method, message: title})
	if bad != nil {
		return *bad
	}
	return ok(obj{"sha": sha, "merged": true, "message": "Pull Request successfully merged"})
}

type mergeInput struct{ head, method, message string }

func (s *Server) merge(ctx context.Context, p *model.Pull, who actor, in mergeInput) (string, *reply) {
	ctx = context.WithoutCancel(ctx) // a merge that has begun is finished
	lock := s.gitLock(p.Repo)
	lock.Lock()
	defer lock.Unlock()
	dir := p.Repo.Dir
	s.mu.Lock()
	head, baseRef := p.Head, p.BaseRef
	message := in.message
	if message == "" {
		message = fmt.Sprintf("Merge pull request #%d from %s/%s\n\n%s", p.Number, p.HeadName, p.HeadRef, p.Title)
	}
	by := s.signature(who.account())
	s.mu.Unlock()
	base, err := s.git.Resolve(ctx, dir, "refs/heads/"+baseRef)
	if err != nil || base == "" {
		return "", refuse(http.StatusInternalServerError, "reading %s: %v", baseRef, err)
	}
	uptodate, err := s.git.IsAncestor(ctx, dir, base, head)
	if err != nil {
		return "", refuse(http.StatusInternalServerError, "%v", err)
	}
	s.mu.Lock()
	bad := s.mayMerge(p, who, in, uptodate)
	s.mu.Unlock()
	if bad != nil {
		return "", bad
	}
	tree, clean, err := s.git.MergeTree(ctx, dir, base, head)
	if err != nil {
		return "", refuse(http.StatusInternalServerError, "%v", err)
	}
	if !clean {
		return "", refuse(http.StatusMethodNotAllowed, "Pull Request is not mergeable")
	}
	parents := []string{base, head}
	if in.method == "squash" {
		parents = parents[:1]
	}
	sha, err := s.git.CommitTree(ctx, dir, tree, message, by, parents...)
	if err != nil {
		return "", refuse(http.StatusInternalServerError, "%v", err)
	}
	var moved error
	s.mu.Lock()
	s.markMerged(p, who.account(), sha) // before the push is processed, which would close the pull as merged by hand
	s.mu.Unlock()
	err = s.changingRefs(p.Repo, who.account(), func() { moved = s.git.UpdateRef(ctx, dir, "refs/heads/"+baseRef, sha, base) })
	if err != nil || moved != nil {
		return "", refuse(http.StatusInternalServerError, "moving %s: %v %v", baseRef, moved, err)
	}
	return sha, nil
}

// mayMerge is GitHub's own gate. Admins pass protection unless it is enforced for them too.
func (s *Server) mayMerge(p *model.Pull, who actor, in mergeInput, uptodate bool) *reply {
	no := func(msg string) *reply { return refuse(http.StatusMethodNotAllowed, "%s", msg) }
	switch {
	case p.Closed != nil:
		return no("Pull Request is not mergeable")
	case in.head != "" && in.head != p.Head:
		return refuse(http.StatusConflict, "Head branch was modified. Review and try the merge again.")
	case p.Draft:
		return no("Pull Request is still a draft")
	case in.method != "" && in.method != "merge" && in.method != "squash":
		return no("Rebase merges are not allowed on this repository.")
	case in.method != "squash" && p.Repo.NoMergeCommits:
		return no("Merge commits are not allowed on this repository.")
	}
	prot := p.Repo.Protection[p.BaseRef]
	if who.user != nil && p.Repo.May(who.user, "admin") && !prot.EnforceAdmins {
		return nil
	}
	if missing := s.st.Missing(p); len(missing) > 0 {
		return no(missing[0])
	}
	if prot.Strict && !uptodate {
		return no("Head branch is out of date with the base branch. Update it and try again.")
	}
	return nil
}

func listReviews(c *call) reply {
	p := c.pull()
	if p == nil {
		return notFound()
	}
	return each(c, p.Reviews, c.s.render.Review)
}

// createReview submits a review. Without an event it would stay pending, which nothing here needs: 422.
func createReview(c *call) reply {
	p := c.pull()
	if p == nil {
		return notFound()
	}
	var in struct {
		Event    string `json:"event"`
		Body     string `json:"body"`
		CommitID string `json:"commit_id"`
	}
	if bad := c.decode(&in); bad != nil {
		return *bad
	}
	rv, bad := c.s.review(p, c.who.account(), in.Event, in.Body)
	if bad != nil {
		return *bad
	}
	if in.CommitID != "" {
		rv.Commit = in.CommitID
	}
	return ok(c.s.render.Review(rv))
}

func (s *Server) review(p *model.Pull, by *model.Account, event, body string) (*model.Review, *reply) {
	states := map[string]string{"APPROVE": "APPROVED", "REQUEST_CHANGES": "CHANGES_REQUESTED", "COMMENT": "COMMENTED"}
	state := states[event]
	switch {
	case state == "":
		return nil, ptr(malformed("%q is not a member of [APPROVE REQUEST_CHANGES COMMENT].", event))
	case by == p.Author && event != "COMMENT":
		return nil, ptr(fail(http.StatusUnprocessableEntity, "Can not %s your own pull request",
			strings.ToLower(strings.ReplaceAll(event, "_", " "))))
	case body == "" && event != "APPROVE":
		return nil, ptr(fail(http.StatusUnprocessableEntity, "Body can not be blank"))
	}
	rv := &model.Review{ID: s.st.ID("review"), Pull: p, User: by, Body: body,
		State: state, Commit: p.Head, Submitted: s.now()}
	p.Reviews = append(p.Reviews, rv)
	p.Updated = rv.Submitted
	s.emitReview(rv, "submitted", by, nil)
	return rv, nil
}

func dismissReview(c *call) reply {
	p := c.pull()
	if p == nil {
		return notFound()
	}
	var in struct {
		Message string `json:"message"`
	}
	if bad := c.decode(&in); bad != nil {
		return *bad
	}
	rv := c.review(p)
	if rv == nil {
		return notFound()
	}
	if in.Message == "" || rv.State == "COMMENTED" || rv.State == "DISMISSED" {
		return fail(http.StatusUnprocessableEntity, "Can not dismiss a %s pull request review", strings.ToLower(rv.State))
	}
	rv.State, p.Updated = "DISMISSED", c.s.now()
	c.s.emitReview(rv, "dismissed", c.who.account(), nil)
	return ok(c.s.render.Review(rv))
}

// review is the one of a pull that the path names, nil when there is none.
func (c *call) review(p *model.Pull) *model.Review {
	for _, rv := range p.Reviews {
		if rv.ID == c.number("review") {
			return rv
		}
	}
	return nil
}

// updateReview gives a review other words, which only its author may.
func updateReview(c *call) reply {
	p := c.pull()
	if p == nil {
		return notFound()
	}
	rv := c.review(p)
	if rv == nil || rv.User != c.who.account() {
		return notFound()
	}
	var in struct {
		Body string `json:"body"`
	}
	if bad := c.decode(&in); bad != nil {
		return *bad
	}
	now, old := c.s.now(), rv.Body
	rv.Body, rv.Edited, p.Updated = in.Body, &now, now
	c.s.emitReview(rv, "edited", c.who.account(), obj{"changes": obj{"body": obj{"from": old}}})
	return ok(c.s.render.Review(rv))
}
