package localgithub

import (
	"fmt"
	"net/http"

	"github.com/cardea-iac/cardea/internal/localgithub/model"
)

// Pull is a pull as people see it.
type Pull struct {
	Number           int
	Title, Body      string
	Author           string
	State            string // open, closed or merged
	Draft            bool
	HeadRef, HeadSHA string
	BaseRef, BaseSHA string
	MergeSHA         string
	URL              string // of its page
}

// PullRequest is what OpenPull opens.
type PullRequest struct {
	Title, Body string
	Head        string // branch, or "owner:branch" of a fork
	Base        string // "": the default branch
	Draft       bool
}

// person finds a repository and somebody who may act in it.
func (s *Server) person(full, login string) (*model.Repo, *model.Account, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.st.Find(full)
	if err != nil {
		return nil, nil, err
	}
	by := s.st.Login(login)
	if by == nil || !r.May(by, "read") {
		return nil, nil, fmt.Errorf("%q cannot see %s", login, full)
	}
	return r, by, nil
}

// refusal turns the answer that REST would give into an error.
func refusal(doing string, bad *reply) error {
	return fmt.Errorf("%s: %d %s", doing, bad.status, mustJSON(bad.body))
}

// OpenPull opens a pull as a person.
func (s *Server) OpenPull(full, login string, pr PullRequest) (number int, err error) {
	r, by, err := s.person(full, login)
	if err != nil {
		return 0, err
	}
	if pr.Base == "" {
		pr.Base = r.DefaultBranch
	}
	p, bad := s.openPull(s.base, r, actor{user: by},
		pullInput{Title: pr.Title, Body: pr.Body, Head: pr.Head, Base: pr.Base, Draft: pr.Draft})
	if bad != nil {
		return 0, refusal("opening a pull", bad)
	}
	return p.Number, nil
}

// Pull returns a pull as it is now.
func (s *Server) Pull(full string, number int) (Pull, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.st.FindPull(full, number)
	if err != nil {
		return Pull{}, err
	}
	state := p.State()
	if p.Merged != nil {
		state = "merged"
	}
	return Pull{
		Number: p.Number, Title: p.Title, Body: p.Body, Author: p.Author.Login, State: state, Draft: p.Draft,
		HeadRef: p.HeadRef, HeadSHA: p.Head,
		BaseRef: p.BaseRef, BaseSHA: p.Base, MergeSHA: p.MergeCommit(), URL: s.render.PullHTML(p.Issue),
	}, nil
}

// SetPullState closes a pull ("closed") or opens it again ("open").
func (s *Server) SetPullState(full string, number int, login, state string) error {
	p, by, err := s.acting(full, number, login)
	if err != nil {
		return err
	}
	if bad := s.setState(s.base, p, by, state); bad != nil {
		return refusal("changing the state", bad)
	}
	return nil
}

// SetBase makes another branch the pull's base.
func (s *Server) SetBase(full string, number int, login, branch string) error {
	p, by, err := s.acting(full, number, login)
	if err != nil {
		return err
	}
	if bad := s.rebase(s.base, p, by, branch); bad != nil {
		return refusal("changing the base", bad)
	}
	return nil
}

// SetDraft turns a pull into a draft, or makes it ready for review.
func (s *Server) SetDraft(full string, number int, login string, draft bool) error {
	p, by, err := s.acting(full, number, login)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.setDraft(p, by, draft)
	return nil
}

// Review submits a review: APPROVE, REQUEST_CHANGES or COMMENT.
func (s *Server) Review(full string, number int, login, event, body string) error {
	_, by, err := s.person(full, login)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.st.FindPull(full, number)
	if err != nil {
		return err
	}
	if _, bad := s.review(p, by, event, body); bad != nil {
		return refusal("reviewing", bad)
	}
	return nil
}

// Merge merges as if a person pressed the button; sha "" takes whatever the head is.
func (s *Server) Merge(full string, number int, login, sha string) (mergeSHA string, err error) {
	_, by, err := s.person(full, login)
	if err != nil {
		return "", err
	}
	s.mu.Lock()
	p, err := s.st.FindPull(full, number)
	may := err == nil && p.Repo.May(by, "write")
	s.mu.Unlock()
	if err != nil {
		return "", err
	}
	if !may {
		return "", refusal("merging", refuse(http.StatusForbidden, "Must have write rights to Repository."))
	}
	merge, bad := s.merge(s.base, p, actor{user: by}, mergeInput{head: sha})
	if bad != nil {
		return "", refusal("merging", bad)
	}
	return merge, nil
}

// acting finds a pull and somebody who may change it: its author, or anybody with write access.
func (s *Server) acting(full string, number int, login string) (*model.Pull, *model.Account, error) {
	_, by, err := s.person(full, login)
	if err != nil {
		return nil, nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.st.FindPull(full, number)
	if err != nil {
		return nil, nil, err
	}
	if p.Author != by && !p.Repo.May(by, "write") {
		return nil, nil, fmt.Errorf("%s cannot change %s#%d", login, full, number)
	}
	return p, by, nil
}

// IssueComment is a comment as people see it.
type IssueComment struct {
	ID        int64
	Author    string
	Body      string
	Minimized string   // reason, or ""
	Reactions []string // contents, in the order in which they were made
	Edited    bool
}

// Comments are the comments of a pull or an issue, oldest first.
func (s *Server) Comments(full string, number int) ([]IssueComment, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.st.Find(full)
	if err != nil {
		return nil, err
	}
	is := r.Issues[number]
	if is == nil {
		return nil, fmt.Errorf("no issue %s#%d", full, number)
	}
	var out []IssueComment
	for _, cm := range is.Comments {
		c := IssueComment{ID: cm.ID, Author: cm.Author.Login, Body: cm.Body,
			Minimized: cm.Minimized, Edited: cm.Edited != nil}
		for _, re := range cm.Reactions {
			c.Reactions = append(c.Reactions, re.Content)
		}
		out = append(out, c)
	}
	return out, nil
}
