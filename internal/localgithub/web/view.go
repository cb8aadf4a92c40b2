package web

import (
	"fmt"
	"net/http"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/cardea-iac/cardea/internal/localgithub/model"
)

// frame is what every page has: who is looking, and whom they can become.
type frame struct {
	Path   string
	Viewer string
	People []personView
}

type personView struct {
	Login, Role string
	Chosen      bool
}

type homeView struct {
	frame
	Repos []repoRow
}

type repoRow struct {
	Name    string
	Private bool
	Open    int
}

type repoView struct {
	frame
	Repo     string
	CloneURL string
	Private  bool
	Open     []pullRow
	Closed   []pullRow
	Branches []branchView
}

type branchView struct {
	Name, SHA string
	Default   bool
}

type pullRow struct {
	Number        int
	Title, Author string
	State         string
	Draft         bool
	Checks        string // icon class of the worst check
	Comments      int
	Updated       time.Time
}

type pullView struct {
	frame
	Repo                 string
	Number               int
	Title, Body, Author  string
	State                string
	Draft                bool
	Head, HeadSHA, Base  string
	Commits              int
	Files                int
	Additions, Deletions int
	Created              time.Time
	Items                []itemView
	Checks               []runView
	Blocked              []string // why it cannot be merged
	Unknown              bool     // mergeability is being worked out
	CanWrite             bool
	CanMerge             bool
	CanBypass            bool
	IsAuthor             bool
	MergedBy             string
	Tab                  string
	Diff                 []fileView
	Version              string
}

// itemView is a comment or a review in a pull's conversation.
type itemView struct {
	ID        int64
	Author    string
	Bot       bool
	Role      string
	Body      string
	When      time.Time
	Edited    bool
	Minimized string
	Verb      string // of a review: approved, requested changes, ...
	Icon      string
	Reactions []reactionView
}

type reactionView struct {
	Content string
	Count   int
}

type runView struct {
	frame
	Repo                   string
	Number                 int // of the pull, 0: none is open
	ID                     int64
	Name, App              string
	Icon, State            string
	Title, Summary, Text   string
	Details                string
	SHA                    string
	Required               bool
	Actions                []model.Action
	Annotations            []model.Annotation
	Completed, CanWrite    bool
	Started                time.Time
	ExternalID, Conclusion string
}

type fileView struct {
	Path, Previous, Status string
	Additions, Deletions   int
	Lines                  []string
}

func (s *Site) frame(r *http.Request, repo *model.Repo) frame {
	f := frame{Path: r.URL.Path, Viewer: model.NameOf(s.viewer(r))}
	for _, a := range s.State.People() {
		p := personView{Login: a.Login, Chosen: a.Login == f.Viewer}
		if repo != nil {
			p.Role = roleWord(repo.GrantOf(a))
		}
		f.People = append(f.People, p)
	}
	return f
}

func roleWord(g model.Grant) string {
	switch g.Role {
	case "none":
		return "no access"
	case "read":
		return "outsider, may read"
	}
	return "may " + g.Name
}

func (s *Site) repoRow(r *model.Repo) repoRow {
	row := repoRow{Name: r.Full(), Private: r.Private}
	for _, p := range r.Pulls() {
		if p.Closed == nil {
			row.Open++
		}
	}
	return row
}

func (s *Site) repoView(r *http.Request, repo *model.Repo) repoView {
	v := repoView{frame: s.frame(r, repo), Repo: repo.Full(), CloneURL: s.URL + "/" + repo.Full() + ".git", Private: repo.Private}
	if who := s.viewer(r); who != nil { // so that git acts as the chosen person, as the page does
		v.CloneURL = strings.Replace(v.CloneURL, "://", "://"+who.Login+":"+who.Token+"@", 1)
	}
	for _, p := range slices.Backward(repo.Pulls()) {
		row := pullRow{Number: p.Number, Title: p.Title, Author: p.Author.Login, State: p.Word(), Draft: p.Draft,
			Comments: len(p.Comments), Updated: p.Updated}
		row.Checks = model.Worst(model.Latest(repo.RunsAt(p.Head)))
		if p.Closed == nil {
			v.Open = append(v.Open, row)
		} else {
			v.Closed = append(v.Closed, row)
		}
	}
	for name, sha := range repo.Tips {
		v.Branches = append(v.Branches, branchView{Name: name, SHA: sha, Default: name == repo.DefaultBranch})
	}
	sort.Slice(v.Branches, func(i, j int) bool {
		a, b := v.Branches[i], v.Branches[j]
		return a.Default && !b.Default || a.Default == b.Default && a.Name < b.Name
	})
	return v
}

func (s *Site) pullView(r *http.Request, p *model.Pull) pullView {
	by := s.viewer(r)
	v := pullView{
		frame: s.frame(r, p.Repo), Repo: p.Repo.Full(), Number: p.Number, Title: p.Title, Body: p.Body,
		Author: p.Author.Login, State: p.Word(), Draft: p.Draft,
		Head: p.HeadRef, HeadSHA: p.Head, Base: p.BaseRef, Commits: len(p.Facts.Commits), Files: p.Facts.Files,
		Additions: p.Facts.Additions, Deletions: p.Facts.Deletions,
		Created: p.Created, CanWrite: p.Repo.May(by, "write"), IsAuthor: by == p.Author, MergedBy: model.NameOf(p.MergedBy),
		Unknown: !p.Mergability.Known,
	}
	if p.Fork() {
		v.Head = p.HeadName + ":" + p.HeadRef
	}
	for i, person := range v.People {
		if person.Login == p.Author.Login {
			v.People[i].Role = "author, " + person.Role
		}
	}
	for _, run := range model.Latest(p.Repo.RunsAt(p.Head)) {
		v.Checks = append(v.Checks, s.runView(r, run))
	}
	if p.Draft {
		v.Blocked = append(v.Blocked, "This pull request is still a draft.")
	}
	if p.Mergability.Known && !p.Mergability.OK {
		v.Blocked = append(v.Blocked, "This branch has conflicts with "+p.BaseRef+" that must be resolved.")
	}
	missing := s.State.Missing(p)
	if p.Repo.Protection[p.BaseRef].Strict && p.Mergability.Behind {
		missing = append(missing, "This branch is out of date with "+p.BaseRef+".")
	}
	v.Blocked = append(v.Blocked, missing...)
	v.CanBypass = p.Repo.May(by, "admin") && !p.Repo.Protection[p.BaseRef].EnforceAdmins && !p.Draft &&
		len(v.Blocked) == len(missing)
	v.CanMerge = p.Closed == nil && v.CanWrite && (len(v.Blocked) == 0 || v.CanBypass)
	v.Items = s.conversation(p)
	return v
}

// conversation is the comments and reviews of a pull in the order of time.
func (s *Site) conversation(p *model.Pull) []itemView {
	var items []itemView
	for _, cm := range p.Comments {
		it := itemView{
			ID: cm.ID, Author: cm.Author.Login, Bot: cm.Author.Type == "Bot", Body: cm.Body, When: cm.Created,
			Edited: cm.Edited != nil, Minimized: cm.Minimized,
			Role: s.label(p, cm.Author),
		}
		for _, kind := range model.ReactionKinds {
			n := 0
			for _, re := range cm.Reactions {
				if re.Content == kind {
					n++
				}
			}
			if n > 0 {
				it.Reactions = append(it.Reactions, reactionView{Content: kind, Count: n})
			}
		}
		items = append(items, it)
	}
	verbs := map[string][2]string{
		"APPROVED": {"approved these changes", "success"}, "CHANGES_REQUESTED": {"requested changes", "failure"},
		"COMMENTED": {"reviewed", "neutral"}, "DISMISSED": {"had a review dismissed", "cancelled"},
	}
	for _, rv := range p.Reviews {
		items = append(items, itemView{ID: rv.ID, Author: rv.User.Login, Body: rv.Body, When: rv.Submitted,
			Verb: verbs[rv.State][0], Icon: verbs[rv.State][1], Role: s.label(p, rv.User)})
	}
	sort.SliceStable(items, func(i, j int) bool { return items[i].When.Before(items[j].When) })
	return items
}

// label is the word beside a name: author, or the role.
func (s *Site) label(p *model.Pull, a *model.Account) string {
	switch {
	case a.Type == "Bot":
		return "bot"
	case a == p.Author:
		return "author"
	case p.Repo.May(a, "write"):
		return "collaborator"
	}
	return ""
}

func (s *Site) runView(r *http.Request, run *model.CheckRun) runView {
	su := run.Suite
	v := runView{
		frame: s.frame(r, su.Repo), Repo: su.Repo.Full(), ID: run.ID, Name: run.Name, App: su.App.Slug, Icon: run.Icon(),
		State: run.Icon(), Title: run.Title, Summary: run.Summary,
		Text: run.Text, Details: run.Details, SHA: su.SHA, Actions: run.Actions, Annotations: run.Annotations,
		Completed: run.Status == "completed",
		CanWrite:  su.Repo.May(s.viewer(r), "write"), Started: run.Started,
		ExternalID: run.External, Conclusion: run.Conclusion,
	}
	for _, p := range su.Repo.Pulls() {
		if p.Head == su.SHA {
			v.Number = p.Number
			v.Required = slices.ContainsFunc(su.Repo.RequiredChecks(p.BaseRef), func(c model.RequiredCheck) bool { return c.Context == run.Name })
		}
	}
	return v
}

// CheckURL is where a run's output can be read.
func (v runView) CheckURL() string {
	if v.Number == 0 {
		return fmt.Sprintf("/%s/runs/%d", v.Repo, v.ID)
	}
	return fmt.Sprintf("/%s/pull/%d/checks/%d", v.Repo, v.Number, v.ID)
}
