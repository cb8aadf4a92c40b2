package github

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/google/go-github/v60/github"

	"github.com/cardea-iac/cardea/workflow"
)

// Comment is a comment of ours.
type Comment struct {
	ID   int64
	Body string
	At   time.Time // GitHub's clock: its last edit, else when it was written
}

// CreateComment writes a new comment on a pull. After a passing fault it may or
// may not be there: look with OurComments.
func (c *Client) CreateComment(ctx context.Context, repo workflow.Repo, number int, body string) (Comment, error) {
	var out github.IssueComment
	if _, err := c.call(ctx, repo.InstallationID, http.MethodPost, repoPath(repo, "/issues/%d/comments", number),
		map[string]string{"body": body}, &out); err != nil {
		return Comment{}, fmt.Errorf("commenting on %s#%d: %w", repo.FullName(), number, err)
	}
	return Comment{ID: out.GetID(), Body: body, At: out.GetUpdatedAt().Time}, nil
}

// UpdateComment replaces the text of a comment. [Gone] tells that it was deleted.
func (c *Client) UpdateComment(ctx context.Context, repo workflow.Repo, id int64, body string) (Comment, error) {
	var out github.IssueComment
	if _, err := c.call(ctx, repo.InstallationID, http.MethodPatch, repoPath(repo, "/issues/comments/%d", id),
		map[string]string{"body": body}, &out); err != nil {
		return Comment{}, fmt.Errorf("editing comment %d of %s: %w", id, repo.FullName(), err)
	}
	return Comment{ID: id, Body: body, At: out.GetUpdatedAt().Time}, nil
}

// OurComments lists the comments of a pull that our App wrote, oldest first. GitHub says who
// wrote a comment, never the comment itself.
func (c *Client) OurComments(ctx context.Context, repo workflow.Repo, number int) ([]Comment, error) {
	var out []Comment
	for page := 1; page != 0; {
		var list []struct {
			ID        int64     `json:"id"`
			Body      string    `json:"body"`
			UpdatedAt time.Time `json:"updated_at"`
			Via       *struct {
				ID int64 `json:"id"`
			} `json:"performed_via_github_app"`
			User struct {
				Type string `json:"type"`
			} `json:"user"`
		}
		resp, err := c.call(ctx, repo.InstallationID, http.MethodGet,
			repoPath(repo, "/issues/%d/comments?per_page=100&page=%d", number, page), nil, &list)
		if err != nil {
			return nil, fmt.Errorf("listing the comments of %s#%d: %w", repo.FullName(), number, err)
		}
		for _, x := range list {
			if x.Via != nil && x.Via.ID == c.config.AppID && x.User.Type == "Bot" {
				out = append(out, Comment{ID: x.ID, Body: x.Body, At: x.UpdatedAt})
			}
		}
		page = resp.NextPage
	}
	return out, nil
}

// React adds a reaction to a comment; adding it twice is adding it once.
func (c *Client) React(ctx context.Context, repo workflow.Repo, commentID int64, content string) error {
	path := repoPath(repo, "/issues/comments/%d/reactions", commentID)
	if _, err := c.call(ctx, repo.InstallationID, http.MethodPost, path,
		map[string]string{"content": content}, nil); err != nil {
		return fmt.Errorf("reacting to comment %d of %s: %w", commentID, repo.FullName(), err)
	}
	return nil
}

// Check is a check run as it should be. A check run belongs to a commit, not to a pull.
type Check struct {
	Name        string
	SHA         string
	Status      string // queued, in_progress, completed
	Conclusion  string // of a completed check
	ExternalID  string
	DetailsURL  string
	Title       string
	Summary     string
	Text        string
	Annotations []Annotation
	Actions     []Button
}

// Annotation is a remark at a line of a file of the head. GitHub adds those of each write to
// those already there.
type Annotation struct {
	Path    string
	Line    int
	Level   string // failure, warning, notice
	Title   string
	Message string
}

// Button is an action of a completed check run.
type Button struct {
	Label, Description, Identifier string
}

// Run is a check run of ours that exists.
type Run struct {
	ID                       int64
	Name, Status, Conclusion string
	ExternalID               string
}

// CreateCheck makes a new check run and returns its id. Of several with one name the newest counts.
func (c *Client) CreateCheck(ctx context.Context, repo workflow.Repo, check Check) (int64, error) {
	opts := github.CreateCheckRunOptions{
		Name: check.Name, HeadSHA: check.SHA, DetailsURL: optional(check.DetailsURL), ExternalID: optional(check.ExternalID),
		Status: &check.Status, Conclusion: optional(check.Conclusion), Output: check.output(), Actions: check.actions(),
	}
	var run github.CheckRun
	if _, err := c.call(ctx, repo.InstallationID, http.MethodPost, repoPath(repo, "/check-runs"), opts, &run); err != nil {
		return 0, fmt.Errorf("creating check %s: %w", check.Name, err)
	}
	return run.GetID(), nil
}

// UpdateCheck changes a check run. In a completed one only the words can change.
func (c *Client) UpdateCheck(ctx context.Context, repo workflow.Repo, id int64, check Check) error {
	opts := github.UpdateCheckRunOptions{
		Name: check.Name, DetailsURL: optional(check.DetailsURL), ExternalID: optional(check.ExternalID),
		Status: &check.Status, Conclusion: optional(check.Conclusion), Output: check.output(), Actions: check.actions(),
	}
	if _, err := c.call(ctx, repo.InstallationID, http.MethodPatch,
		repoPath(repo, "/check-runs/%d", id), opts, nil); err != nil {
		return fmt.Errorf("updating check %s: %w", check.Name, err)
	}
	return nil
}

// OurChecks lists our newest check run of each name on a commit.
func (c *Client) OurChecks(ctx context.Context, repo workflow.Repo, sha string) ([]Run, error) {
	var out []Run
	for page := 1; page != 0; {
		var list github.ListCheckRunsResults
		path := repoPath(repo, "/commits/%s/check-runs?app_id=%d&filter=latest&per_page=100&page=%d",
			sha, c.config.AppID, page)
		resp, err := c.call(ctx, repo.InstallationID, http.MethodGet, path, nil, &list)
		if err != nil {
			return nil, fmt.Errorf("listing the checks of %s: %w", sha, err)
		}
		for _, r := range list.CheckRuns {
			if r.GetApp().GetID() == c.config.AppID {
				out = append(out, Run{ID: r.GetID(), Name: r.GetName(), Status: r.GetStatus(), Conclusion: r.GetConclusion(),
					ExternalID: r.GetExternalID()})
			}
		}
		page = resp.NextPage
	}
	return out, nil
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// output is nil without a title: GitHub then keeps what was there.
func (c Check) output() *github.CheckRunOutput {
	if c.Title == "" {
		return nil
	}
	out := &github.CheckRunOutput{Title: &c.Title, Summary: &c.Summary, Text: optional(c.Text)}
	for _, a := range c.Annotations {
		out.Annotations = append(out.Annotations, &github.CheckRunAnnotation{
			Path: &a.Path, StartLine: &a.Line, EndLine: &a.Line, AnnotationLevel: &a.Level,
			Title: optional(a.Title), Message: &a.Message,
		})
	}
	return out
}

func (c Check) actions() []*github.CheckRunAction {
	var out []*github.CheckRunAction
	for _, b := range c.Actions {
		out = append(out, &github.CheckRunAction{Label: b.Label, Description: b.Description, Identifier: b.Identifier})
	}
	return out
}
