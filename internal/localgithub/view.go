package localgithub

import (
	"fmt"
	"io/fs"
	"net/http"
	"slices"
	"sort"
	"time"
)

func sub() fs.FS {
	f, err := fs.Sub(webFiles, "web")
	if err != nil {
		panic(err) // the directory is embedded
	}
	return f
}

// frame is what every page has: who looks, and whom he can become.
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
	Actions                []action
	Annotations            []annotation
	Completed, CanWrite    bool
	Started                time.Time
	ExternalID, Conclusion string
}

type fileView struct {
	Path, Previous, Status string
	Additions, Deletions   int
	Lines                  []string
}

func (s *Server) frame(r *http.Request, repo *repo) frame {
	f := frame{Path: r.URL.Path, Viewer: nameOf(s.viewer(r))}
	for _, a := range s.people() {
		p := personView{Login: a.login, Chosen: a.login == f.Viewer}
		if repo != nil {
			p.Role = roleWord(repo.grantOf(a))
		}
		f.People = append(f.People, p)
	}
	return f
}

func roleWord(g grant) string {
	switch g.role {
	case "none":
		return "no access"
	case "read":
		return "outsider, may read"
	}
	return "may " + g.name
}

func (s *Server) repoRow(r *repo) repoRow {
	row := repoRow{Name: r.full(), Private: r.private}
	for _, p := range r.pulls() {
		if p.closed == nil {
			row.Open++
		}
	}
	return row
}

func (s *Server) repoView(r *http.Request, repo *repo) repoView {
	v := repoView{frame: s.frame(r, repo), Repo: repo.full(), CloneURL: s.html(repo) + ".git", Private: repo.private}
	for _, p := range slices.Backward(repo.pulls()) {
		row := pullRow{Number: p.number, Title: p.title, Author: p.author.login, State: p.word(), Draft: p.draft, Comments: len(p.comments), Updated: p.updated}
		row.Checks = worst(latest(repo.runsAt(p.head)))
		if p.closed == nil {
			v.Open = append(v.Open, row)
		} else {
			v.Closed = append(v.Closed, row)
		}
	}
	for name, sha := range repo.tips {
		v.Branches = append(v.Branches, branchView{Name: name, SHA: sha, Default: name == repo.defaultBranch})
	}
	sort.Slice(v.Branches, func(i, j int) bool {
		a, b := v.Branches[i], v.Branches[j]
		return a.Default && !b.Default || a.Default == b.Default && a.Name < b.Name
	})
	return v
}

func (p *pull) word() string {
	if p.merged != nil {
		return "merged"
	}
	return p.state()
}

// icon is the class of a check's mark.
func (run *checkRun) icon() string {
	if run.status != "completed" {
		return run.status
	}
	return run.conclusion
}

func worst(runs []*checkRun) string {
	icon := ""
	for _, run := range runs {
		if run.status != "completed" {
			return run.status
		}
		if icon == "" || slices.Index(badness, run.conclusion) > slices.Index(badness, icon) {
			icon = run.conclusion
		}
	}
	return icon
}

func (s *Server) pullView(r *http.Request, p *pull) pullView {
	by := s.viewer(r)
	v := pullView{
		frame: s.frame(r, p.repo), Repo: p.repo.full(), Number: p.number, Title: p.title, Body: p.body, Author: p.author.login, State: p.word(), Draft: p.draft,
		Head: p.headRef, HeadSHA: p.head, Base: p.baseRef, Commits: len(p.facts.Commits), Files: p.facts.Files, Additions: p.facts.Additions, Deletions: p.facts.Deletions,
		Created: p.created, CanWrite: p.repo.may(by, "write"), IsAuthor: by == p.author, MergedBy: nameOf(p.mergedBy), Unknown: !p.mergable.known,
	}
	if p.fork() {
		v.Head = p.headName + ":" + p.headRef
	}
	for i, person := range v.People {
		if person.Login == p.author.login {
			v.People[i].Role = "author, " + person.Role
		}
	}
	for _, run := range latest(p.repo.runsAt(p.head)) {
		v.Checks = append(v.Checks, s.runView(r, run))
	}
	if p.draft {
		v.Blocked = append(v.Blocked, "This pull request is still a draft.")
	}
	if p.mergable.known && !p.mergable.ok {
		v.Blocked = append(v.Blocked, "This branch has conflicts with "+p.baseRef+" that must be resolved.")
	}
	missing := s.missing(p)
	if p.repo.protection[p.baseRef].Strict && p.mergable.behind {
		missing = append(missing, "This branch is out of date with "+p.baseRef+".")
	}
	v.Blocked = append(v.Blocked, missing...)
	v.CanBypass = p.repo.may(by, "admin") && !p.repo.protection[p.baseRef].EnforceAdmins && !p.draft && len(v.Blocked) == len(missing)
	v.CanMerge = p.closed == nil && v.CanWrite && (len(v.Blocked) == 0 || v.CanBypass)
	v.Items = s.conversation(p)
	return v
}

// conversation is the comments and reviews of a pull in the order of time.
func (s *Server) conversation(p *pull) []itemView {
	var items []itemView
	for _, cm := range p.comments {
		it := itemView{
			ID: cm.id, Author: cm.author.login, Bot: cm.author.typ == "Bot", Body: cm.body, When: cm.created, Edited: cm.edited != nil, Minimized: cm.minimized,
			Role: s.label(p, cm.author),
		}
		for _, kind := range reactionKinds {
			n := 0
			for _, re := range cm.reactions {
				if re.content == kind {
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
	for _, rv := range p.reviews {
		items = append(items, itemView{ID: rv.id, Author: rv.user.login, Body: rv.body, When: rv.submitted, Verb: verbs[rv.state][0], Icon: verbs[rv.state][1], Role: s.label(p, rv.user)})
	}
	sort.SliceStable(items, func(i, j int) bool { return items[i].When.Before(items[j].When) })
	return items
}

// label is the word beside a name: author, or the role.
func (s *Server) label(p *pull, a *account) string {
	switch {
	case a.typ == "Bot":
		return "bot"
	case a == p.author:
		return "author"
	case p.repo.may(a, "write"):
		return "collaborator"
	}
	return ""
}

func (s *Server) runView(r *http.Request, run *checkRun) runView {
	su := run.suite
	v := runView{
		frame: s.frame(r, su.repo), Repo: su.repo.full(), ID: run.id, Name: run.name, App: su.app.slug, Icon: run.icon(), State: run.icon(), Title: run.title, Summary: run.summary,
		Text: run.text, Details: run.details, SHA: su.sha, Actions: run.actions, Annotations: run.annotations, Completed: run.status == "completed",
		CanWrite: su.repo.may(s.viewer(r), "write"), Started: run.started, ExternalID: run.external, Conclusion: run.conclusion,
	}
	for _, p := range su.repo.pulls() {
		if p.head == su.sha {
			v.Number = p.number
			v.Required = slices.ContainsFunc(su.repo.requiredChecks(p.baseRef), func(c RequiredCheck) bool { return c.Context == run.name })
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
