package localgithub

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
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

func (s *Server) merge(ctx context.Context, p *pull, who actor, in mergeInput) (string, *reply) {
	ctx = context.WithoutCancel(ctx) // a merge that began is ended
	lock := s.gitLock(p.repo)
	lock.Lock()
	defer lock.Unlock()
	dir := p.repo.dir
	s.mu.Lock()
	head, baseRef := p.head, p.baseRef
	message := in.message
	if message == "" {
		message = fmt.Sprintf("Merge pull request #%d from %s/%s\n\n%s", p.number, p.headName, p.headRef, p.title)
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
	s.markMerged(p, who.account(), sha) // before the push is followed, which would close it as merged by hand
	s.mu.Unlock()
	err = s.changingRefs(p.repo, who.account(), func() { moved = s.git.UpdateRef(ctx, dir, "refs/heads/"+baseRef, sha, base) })
	if err != nil || moved != nil {
		return "", refuse(http.StatusInternalServerError, "moving %s: %v %v", baseRef, moved, err)
	}
	return sha, nil
}

// mayMerge is GitHub's own gate. Admins pass protection unless it is enforced for them too.
func (s *Server) mayMerge(p *pull, who actor, in mergeInput, uptodate bool) *reply {
	no := func(msg string) *reply { return refuse(http.StatusMethodNotAllowed, "%s", msg) }
	switch {
	case p.closed != nil:
		return no("Pull Request is not mergeable")
	case in.head != "" && in.head != p.head:
		return refuse(http.StatusConflict, "Head branch was modified. Review and try the merge again.")
	case p.draft:
		return no("Pull Request is still a draft")
	case in.method != "" && in.method != "merge" && in.method != "squash":
		return no("Rebase merges are not allowed on this repository.")
	case in.method != "squash" && p.repo.noMergeCommits:
		return no("Merge commits are not allowed on this repository.")
	}
	prot := p.repo.protection[p.baseRef]
	if who.user != nil && p.repo.may(who.user, "admin") && !prot.EnforceAdmins {
		return nil
	}
	if missing := s.missing(p); len(missing) > 0 {
		return no(missing[0])
	}
	if prot.Strict && !uptodate {
		return no("Head branch is out of date with the base branch. Update it and try again.")
	}
	return nil
}

// missing says, one sentence each, what protection still asks for: checks first, then reviews.
func (s *Server) missing(p *pull) []string {
	prot := p.repo.protection[p.baseRef]
	var out []string
	for _, want := range p.repo.requiredChecks(p.baseRef) {
		if msg := s.unmet(p, want); msg != "" {
			out = append(out, msg)
		}
	}
	if decision := reviewDecision(p); decision == "CHANGES_REQUESTED" {
		out = append(out, "Changes have been requested by a reviewer with write access.")
	} else if decision == "REVIEW_REQUIRED" {
		out = append(out, fmt.Sprintf("At least %d approving review is required by reviewers with write access.", prot.Reviews))
	}
	return out
}

// unmet tells what is wrong with one required check; "" when it passed. Success, neutral and skipped pass. Where a
// check and a status have the name, both have to pass. ("Troubleshooting required status checks")
func (s *Server) unmet(p *pull, want RequiredCheck) string {
	found, foreign := false, false
	for _, run := range latest(p.repo.runsAt(p.head)) {
		if run.name != want.Context {
			continue
		}
		if want.AppID != 0 && run.suite.app.id != want.AppID {
			foreign = true
			continue
		}
		found = true
		if run.status != "completed" {
			return fmt.Sprintf("Required status check %q is %s.", want.Context, strings.ReplaceAll(run.status, "_", " "))
		}
		if !slices.Contains([]string{"success", "neutral", "skipped"}, run.conclusion) {
			return fmt.Sprintf("Required status check %q is failing.", want.Context)
		}
	}
	for _, st := range p.repo.statusesAt(p.head) {
		switch {
		case st.context != want.Context:
		case want.AppID != 0 && (st.creator.typ != "Bot" || s.st.apps[want.AppID] == nil || st.creator != s.st.apps[want.AppID].bot):
			foreign = true
		case st.state != "success":
			return fmt.Sprintf("Required status check %q is %s.", want.Context, st.state)
		default:
			found = true
		}
	}
	switch {
	case found:
		return ""
	case foreign:
		return fmt.Sprintf("Required status check %q was not set by the expected GitHub App.", want.Context)
	}
	return fmt.Sprintf("Required status check %q is expected.", want.Context)
}

// reviewDecision is "" where no review is required. The last opinion of each reviewer with write access counts;
// comments are no opinion, and the author has none.
func reviewDecision(p *pull) string {
	need := p.repo.protection[p.baseRef].Reviews
	opinions := map[int64]string{}
	for _, rv := range p.reviews {
		if rv.state != "COMMENTED" && rv.user != p.author && p.repo.may(rv.user, "write") {
			opinions[rv.user.id] = rv.state
		}
	}
	approvals := 0
	for _, state := range opinions {
		switch state {
		case "CHANGES_REQUESTED":
			if need > 0 {
				return "CHANGES_REQUESTED"
			}
		case "APPROVED":
			approvals++
		}
	}
	switch {
	case need == 0:
		return ""
	case approvals >= need:
		return "APPROVED"
	}
	return "REVIEW_REQUIRED"
}

// mergeState is GraphQL's MergeStateStatus; REST shows it in lower case.
func (s *Server) mergeState(p *pull) string {
	switch {
	case p.closed != nil || !p.mergable.known:
		return "UNKNOWN"
	case !p.mergable.ok:
		return "DIRTY"
	case p.draft:
		return "DRAFT"
	case len(s.missing(p)) > 0:
		return "BLOCKED"
	case p.repo.protection[p.baseRef].Strict && p.mergable.behind:
		return "BEHIND"
	}
	for _, run := range latest(p.repo.runsAt(p.head)) {
		if run.status != "completed" || !slices.Contains([]string{"success", "neutral", "skipped"}, run.conclusion) {
			return "UNSTABLE"
		}
	}
	for _, st := range p.repo.statusesAt(p.head) {
		if st.state != "success" {
			return "UNSTABLE"
		}
	}
	return "CLEAN"
}

func listReviews(c *call) reply {
	p := c.pull()
	if p == nil {
		return notFound()
	}
	return each(c, p.reviews, c.s.reviewJSON)
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
		rv.commit = in.CommitID
	}
	return ok(c.s.reviewJSON(rv))
}

func (s *Server) review(p *pull, by *account, event, body string) (*review, *reply) {
	states := map[string]string{"APPROVE": "APPROVED", "REQUEST_CHANGES": "CHANGES_REQUESTED", "COMMENT": "COMMENTED"}
	state := states[event]
	switch {
	case state == "":
		return nil, ptr(malformed("%q is not a member of [APPROVE REQUEST_CHANGES COMMENT].", event))
	case by == p.author && event != "COMMENT":
		return nil, ptr(fail(http.StatusUnprocessableEntity, "Can not %s your own pull request", strings.ToLower(strings.ReplaceAll(event, "_", " "))))
	case body == "" && event != "APPROVE":
		return nil, ptr(fail(http.StatusUnprocessableEntity, "Body can not be blank"))
	}
	rv := &review{id: s.st.id("review"), pull: p, user: by, body: body, state: state, commit: p.head, submitted: s.now()}
	p.reviews = append(p.reviews, rv)
	p.updated = rv.submitted
	s.emitReview(rv, "submitted", by)
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
	for _, rv := range p.reviews {
		if rv.id != c.number("review") {
			continue
		}
		if in.Message == "" || rv.state == "COMMENTED" || rv.state == "DISMISSED" {
			return fail(http.StatusUnprocessableEntity, "Can not dismiss a %s pull request review", strings.ToLower(rv.state))
		}
		rv.state = "DISMISSED"
		c.s.emitReview(rv, "dismissed", c.who.account())
		return ok(c.s.reviewJSON(rv))
	}
	return notFound()
}
