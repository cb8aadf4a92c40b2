package localgithub

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// maxComment is the limit that GitHub's own message names: "Body is too long (maximum is 65536 characters)".
const maxComment = 65536

func (c *call) issue() *issue { return c.repo.issues[int(c.number("number"))] }

func (c *call) comment() *comment {
	if cm := c.s.st.comments[c.number("id")]; cm != nil && cm.issue.repo == c.repo {
		return cm
	}
	return nil
}

// commentNeeds: a comment on a pull takes both permissions, one on a plain issue takes issues alone.
func commentNeeds(is *issue) string {
	if is.pull == nil {
		return "issues=write"
	}
	return "issues=write; pull_requests=write"
}

func checkBody(resource, body string) *reply {
	switch {
	case strings.TrimSpace(body) == "":
		return ptr(invalid(resource, "body", "missing_field", "body cannot be blank"))
	case utf8.RuneCountInString(body) > maxComment:
		return ptr(invalid(resource, "data", "unprocessable", fmt.Sprintf("Body is too long (maximum is %d characters)", maxComment)))
	}
	return nil
}

func getIssue(c *call) reply {
	if is := c.issue(); is != nil {
		o := c.s.issueJSON(is)
		o["closed_by"] = nil
		return ok(o)
	}
	return notFound()
}

// listComments in the order of their making; since is a bound on updated_at.
func listComments(c *call) reply {
	is := c.issue()
	if is == nil {
		return notFound()
	}
	all := is.comments
	if v := c.query("since"); v != "" {
		since, err := time.Parse(time.RFC3339, v)
		if err != nil {
			return malformed("since is no timestamp")
		}
		all = slices.DeleteFunc(slices.Clone(all), func(cm *comment) bool { return cm.updated.Before(since) })
	}
	return each(c, all, c.s.commentJSON)
}

func createComment(c *call) reply {
	is := c.issue()
	if is == nil {
		return notFound()
	}
	if denied := c.s.hasPermissions(c.who, commentNeeds(is)); denied != nil {
		return *denied
	}
	var in struct {
		Body string `json:"body"`
	}
	if bad := c.decode(&in); bad != nil {
		return *bad
	}
	cm, bad := c.s.comment(is, c.who.account(), c.who.via(), in.Body)
	if bad != nil {
		return *bad
	}
	o := c.s.commentJSON(cm)
	return reply{status: http.StatusCreated, body: o, header: http.Header{"Location": {o["url"].(string)}}}
}

// comment writes a comment and tells of it. The caller holds s.mu.
func (s *Server) comment(is *issue, by *account, via *app, body string) (*comment, *reply) {
	if bad := checkBody("IssueComment", body); bad != nil {
		return nil, bad
	}
	if is.repo.archived {
		return nil, refuse(http.StatusForbidden, "Repository was archived so is read-only.")
	}
	if is.locked && !is.repo.may(by, "write") {
		return nil, refuse(http.StatusForbidden, "Unable to create comment because issue is locked.")
	}
	now := s.now()
	cm := &comment{id: s.st.id("comment"), issue: is, author: by, via: via, body: body, created: now, updated: now}
	is.comments = append(is.comments, cm)
	is.updated = now
	s.st.comments[cm.id] = cm
	s.emitComment(cm, "created", by, nil)
	return cm, nil
}

func getComment(c *call) reply {
	if cm := c.comment(); cm != nil {
		return ok(c.s.commentJSON(cm))
	}
	return notFound()
}

// mayEdit: one's own comments, and anybody's with write access, as at GitHub.
func (c *call) mayEdit(cm *comment) bool {
	if c.who.tok != nil {
		return true // what an installation may was looked at by its permissions
	}
	return cm.author == c.who.user || c.repo.may(c.who.user, "write")
}

func updateComment(c *call) reply {
	cm := c.comment()
	if cm == nil {
		return notFound()
	}
	if !c.mayEdit(cm) {
		return fail(http.StatusForbidden, "Must have write access to edit this comment.")
	}
	var in struct {
		Body string `json:"body"`
	}
	if bad := c.decode(&in); bad != nil {
		return *bad
	}
	if bad := checkBody("IssueComment", in.Body); bad != nil {
		return *bad
	}
	c.s.editComment(cm, c.who.account(), in.Body)
	return ok(c.s.commentJSON(cm))
}

func (s *Server) editComment(cm *comment, by *account, body string) {
	old, now := cm.body, s.now()
	cm.body, cm.updated, cm.edited = body, now, &now
	s.emitComment(cm, "edited", by, obj{"changes": obj{"body": obj{"from": old}}})
}

func deleteComment(c *call) reply {
	cm := c.comment()
	if cm == nil {
		return notFound()
	}
	if !c.mayEdit(cm) {
		return fail(http.StatusForbidden, "Must have write access to delete this comment.")
	}
	delete(c.s.st.comments, cm.id)
	cm.issue.comments = slices.DeleteFunc(cm.issue.comments, func(x *comment) bool { return x == cm })
	c.s.emitComment(cm, "deleted", c.who.account(), nil)
	return nothing()
}

func listReactions(c *call) reply {
	cm := c.comment()
	if cm == nil {
		return notFound()
	}
	all := cm.reactions
	if kind := c.query("content"); kind != "" {
		all = slices.DeleteFunc(slices.Clone(all), func(r *reaction) bool { return r.content != kind })
	}
	return each(c, all, c.s.reactionJSON)
}

func createReaction(c *call) reply {
	cm := c.comment()
	if cm == nil {
		return notFound()
	}
	return c.react(&cm.reactions)
}

func createIssueReaction(c *call) reply {
	is := c.issue()
	if is == nil {
		return notFound()
	}
	return c.react(&is.reactions)
}

// react is idempotent: 201 the first time, 200 when this person's reaction is there. Reactions make no event.
func (c *call) react(all *[]*reaction) reply {
	var in struct {
		Content string `json:"content"`
	}
	if bad := c.decode(&in); bad != nil {
		return *bad
	}
	if !slices.Contains(reactionKinds, in.Content) {
		return malformed("%q is not a member of %v.", in.Content, reactionKinds)
	}
	for _, r := range *all {
		if r.user == c.who.account() && r.content == in.Content {
			return ok(c.s.reactionJSON(r))
		}
	}
	r := &reaction{id: c.s.st.id("reaction"), user: c.who.account(), content: in.Content, created: c.s.now()}
	*all = append(*all, r)
	return created(c.s.reactionJSON(r))
}

// Comment writes a comment on a pull or an issue as a person.
func (s *Server) Comment(full string, number int, login, body string) (id int64, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.st.find(full)
	if err != nil {
		return 0, err
	}
	is, by := r.issues[number], s.st.login(login)
	if is == nil || by == nil || !r.may(by, "read") {
		return 0, fmt.Errorf("%s cannot comment on %s#%d", login, full, number)
	}
	cm, bad := s.comment(is, by, nil, body)
	if bad != nil {
		return 0, fmt.Errorf("commenting: %s", mustJSON(bad.body))
	}
	return cm.id, nil
}

// EditComment changes the text of a comment as a person.
func (s *Server) EditComment(id int64, login, body string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	cm, by := s.st.comments[id], s.st.login(login)
	if cm == nil || by == nil || cm.author != by && !cm.issue.repo.may(by, "write") {
		return fmt.Errorf("%s cannot edit comment %d", login, id)
	}
	if bad := checkBody("IssueComment", body); bad != nil {
		return fmt.Errorf("editing: %s", mustJSON(bad.body))
	}
	s.editComment(cm, by, body)
	return nil
}

// CreateIssue opens a plain issue, which shares its numbers with pulls.
func (s *Server) CreateIssue(full, login, title string) (number int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.st.find(full)
	if err != nil {
		return 0, err
	}
	by := s.st.login(login)
	if by == nil || !r.may(by, "read") {
		return 0, fmt.Errorf("%s cannot open an issue in %s", login, full)
	}
	return s.newIssue(r, by, nil, title, "").number, nil
}

func (s *Server) newIssue(r *repo, by *account, via *app, title, body string) *issue {
	now := s.now()
	r.lastNumber++
	is := &issue{id: s.st.id("issue"), repo: r, number: r.lastNumber, title: title, body: body, author: by, via: via, created: now, updated: now}
	r.issues[is.number] = is
	return is
}

// LockConversation keeps everybody without write access from commenting, or lets them again.
func (s *Server) LockConversation(full string, number int, locked bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.st.findPull(full, number)
	if err != nil {
		return err
	}
	p.locked = locked
	return nil
}
