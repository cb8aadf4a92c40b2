package localgithub

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/cardea-iac/cardea/internal/localgithub/model"
)

// maxComment is the limit that GitHub's own message names: "Body is too long (maximum is 65536 characters)".
const maxComment = 65536

func (c *call) issue() *model.Issue { return c.repo.Issues[int(c.number("number"))] }

func (c *call) comment() *model.Comment {
	if cm := c.s.st.Comments[c.number("id")]; cm != nil && cm.Issue.Repo == c.repo {
		return cm
	}
	return nil
}

// commentNeeds: a comment on a pull needs both permissions, one on a plain issue needs issues
// alone.
func commentNeeds(is *model.Issue) string {
	if is.Pull == nil {
		return "issues=write"
	}
	return "issues=write; pull_requests=write"
}

func checkBody(resource, body string) *reply {
	switch {
	case strings.TrimSpace(body) == "":
		return ptr(invalid(resource, "body", "missing_field", "body cannot be blank"))
	case utf8.RuneCountInString(body) > maxComment:
		return ptr(invalid(resource, "data", "unprocessable",
			fmt.Sprintf("Body is too long (maximum is %d characters)", maxComment)))
	}
	return nil
}

func getIssue(c *call) reply {
	if is := c.issue(); is != nil {
		o := c.s.render.Issue(is)
		o["closed_by"] = nil
		return ok(o)
	}
	return notFound()
}

// listComments lists comments in the order in which they were made; since is a lower bound on
// updated_at.
func listComments(c *call) reply {
	is := c.issue()
	if is == nil {
		return notFound()
	}
	all := is.Comments
	if v := c.query("since"); v != "" {
		since, err := time.Parse(time.RFC3339, v)
		if err != nil {
			return malformed("since is no timestamp")
		}
		all = slices.DeleteFunc(slices.Clone(all), func(cm *model.Comment) bool { return cm.Updated.Before(since) })
	}
	return each(c, all, c.s.render.Comment)
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
	o := c.s.render.Comment(cm)
	return reply{status: http.StatusCreated, body: o, header: http.Header{"Location": {o["url"].(string)}}}
}

// comment writes a comment and tells of it. The caller holds s.mu.
func (s *Server) comment(is *model.Issue, by *model.Account, via *model.App, body string) (*model.Comment, *reply) {
	if bad := checkBody("IssueComment", body); bad != nil {
		return nil, bad
	}
	if is.Repo.Archived {
		return nil, refuse(http.StatusForbidden, "Repository was archived so is read-only.")
	}
	if is.Locked && !is.Repo.May(by, "write") {
		return nil, refuse(http.StatusForbidden, "Unable to create comment because issue is locked.")
	}
	now := s.now()
	cm := &model.Comment{ID: s.st.ID("comment"), Issue: is, Author: by, Via: via, Body: body, Created: now, Updated: now}
	is.Comments = append(is.Comments, cm)
	is.Updated = now
	s.st.Comments[cm.ID] = cm
	s.emitComment(cm, "created", by, nil)
	return cm, nil
}

func getComment(c *call) reply {
	if cm := c.comment(); cm != nil {
		return ok(c.s.render.Comment(cm))
	}
	return notFound()
}

// mayEdit: people may edit their own comments, and with write access anybody's, as on GitHub.
func (c *call) mayEdit(cm *model.Comment) bool {
	if c.who.tok != nil {
		return true // an installation's permissions were checked already
	}
	return cm.Author == c.who.user || c.repo.May(c.who.user, "write")
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
	return ok(c.s.render.Comment(cm))
}

func (s *Server) editComment(cm *model.Comment, by *model.Account, body string) {
	old, now := cm.Body, s.now()
	cm.Body, cm.Updated, cm.Edited = body, now, &now
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
	delete(c.s.st.Comments, cm.ID)
	cm.Issue.Comments = slices.DeleteFunc(cm.Issue.Comments, func(x *model.Comment) bool { return x == cm })
	c.s.emitComment(cm, "deleted", c.who.account(), nil)
	return nothing()
}

func listReactions(c *call) reply {
	cm := c.comment()
	if cm == nil {
		return notFound()
	}
	all := cm.Reactions
	if kind := c.query("content"); kind != "" {
		all = slices.DeleteFunc(slices.Clone(all), func(r *model.Reaction) bool { return r.Content != kind })
	}
	return each(c, all, c.s.render.Reaction)
}

func createReaction(c *call) reply {
	cm := c.comment()
	if cm == nil {
		return notFound()
	}
	return c.react(&cm.Reactions)
}

func createIssueReaction(c *call) reply {
	is := c.issue()
	if is == nil {
		return notFound()
	}
	return c.react(&is.Reactions)
}

// react is idempotent: 201 the first time, 200 when this person's reaction is there.
// Reactions cause no event.
func (c *call) react(all *[]*model.Reaction) reply {
	var in struct {
		Content string `json:"content"`
	}
	if bad := c.decode(&in); bad != nil {
		return *bad
	}
	if !slices.Contains(model.ReactionKinds, in.Content) {
		return malformed("%q is not a member of %v.", in.Content, model.ReactionKinds)
	}
	for _, r := range *all {
		if r.User == c.who.account() && r.Content == in.Content {
			return ok(c.s.render.Reaction(r))
		}
	}
	r := &model.Reaction{ID: c.s.st.ID("reaction"), User: c.who.account(), Content: in.Content, Created: c.s.now()}
	*all = append(*all, r)
	return created(c.s.render.Reaction(r))
}

// Comment writes a comment on a pull or an issue as a person.
func (s *Server) Comment(full string, number int, login, body string) (id int64, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.st.Find(full)
	if err != nil {
		return 0, err
	}
	is, by := r.Issues[number], s.st.Login(login)
	if is == nil || by == nil || !r.May(by, "read") {
		return 0, fmt.Errorf("%s cannot comment on %s#%d", login, full, number)
	}
	cm, bad := s.comment(is, by, nil, body)
	if bad != nil {
		return 0, fmt.Errorf("commenting: %s", mustJSON(bad.body))
	}
	return cm.ID, nil
}

// EditComment changes the text of a comment as a person.
func (s *Server) EditComment(id int64, login, body string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	cm, by := s.st.Comments[id], s.st.Login(login)
	if cm == nil || by == nil || cm.Author != by && !cm.Issue.Repo.May(by, "write") {
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
	r, err := s.st.Find(full)
	if err != nil {
		return 0, err
	}
	by := s.st.Login(login)
	if by == nil || !r.May(by, "read") {
		return 0, fmt.Errorf("%s cannot open an issue in %s", login, full)
	}
	return s.newIssue(r, by, nil, title, "").Number, nil
}

func (s *Server) newIssue(r *model.Repo, by *model.Account, via *model.App, title, body string) *model.Issue {
	now := s.now()
	r.LastNumber++
	is := &model.Issue{ID: s.st.ID("issue"), Repo: r, Number: r.LastNumber, Title: title,
		Body: body, Author: by, Via: via, Created: now, Updated: now}
	r.Issues[is.Number] = is
	return is
}

// LockConversation keeps everybody without write access from commenting, or allows it again.
func (s *Server) LockConversation(full string, number int, locked bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.st.FindPull(full, number)
	if err != nil {
		return err
	}
	p.Locked = locked
	return nil
}
